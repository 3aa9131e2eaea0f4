#!/bin/bash
# Makes switch-talk.pcap: what two switches on one cable say besides LLDP. Two bridges of the kernel find
# their spanning tree and ask for multicast groups, which a host joins and leaves by every version of IGMP and
# MLD; two lldpd speak CDP; snmpd is asked, and notifications of all versions are sent.
# Needs root, lldpd, snmpd, snmp, tcpdump, util-linux, hostname, python3.
set -e
here=$(cd "$(dirname "$0")" && pwd)
run=$(mktemp -d)
chmod 755 "$run"
pids=
clean() {
    # shellcheck disable=SC2086
    kill $pids 2>/dev/null || true
    ip netns del talk-a || true
    ip netns del talk-b || true
    rm -rf "$run"
}
trap clean EXIT
A="ip netns exec talk-a"
B="ip netns exec talk-b"

ip netns add talk-a
ip netns add talk-b
ip link add g1 netns talk-a address 02:00:00:00:5a:01 type veth peer name g1 netns talk-b address 02:00:00:00:5b:01
$A ip link add br0 address 02:00:00:00:5a:00 type bridge priority 4096 forward_delay 400 mcast_igmp_version 3
$B ip link add br0 address 02:00:00:00:5b:00 type bridge priority 8192 forward_delay 400
for side in "$A" "$B"; do
    $side ip link set lo up
    $side ip link set br0 type bridge stp_state 1 mcast_query_response_interval 100
    $side ip link set g1 master br0
done
$A ip addr add 192.0.2.1/24 dev br0
$A ip addr add 2001:db8::1/64 dev br0 nodad
$B ip addr add 192.0.2.2/24 dev br0
$B ip addr add 2001:db8::2/64 dev br0 nodad
for side in "$A" "$B"; do
    $side ip link set br0 up
    $side ip link set g1 up
done
$A tcpdump -i g1 -U -w "$run/out.pcap" 'stp or ether host 01:00:0c:cc:cc:cc or ether host 01:00:0c:cc:cc:cd or igmp or ip6[6] == 0 or udp port 161 or udp port 162' 2>"$run/tcpdump" & pids="$pids $!"
sleep 1

# lldpd speaks before it can be told its name.
named() { side=$1 name=$2; shift 2; exec $side unshare --uts sh -c 'hostname "$0"; exec "$@"' "$name" "$@"; }
named "$A" sw-hall lldpd -d -u "$run/a.sock" -H 0 -ccc -S "Acme Switch OS 7.1" -P "Acme SW-24P" -I g1 -C g1 2>"$run/a" & pids="$pids $!"
named "$B" sw-dock lldpd -d -u "$run/b.sock" -H 0 -cc -S "Acme Switch OS 7.1" -P "Acme SW-8" -I g1 -C g1 2>"$run/b" & pids="$pids $!"
sleep 2
lldpcli -u "$run/a.sock" update >"$run/said"
lldpcli -u "$run/b.sock" update >"$run/said"

# The tree is found in twice the forward delay; a change of the topology follows.
sleep 10
$A ip link set br0 type bridge mcast_querier 1 mcast_query_use_ifaddr 1
$A ip link set br0 type bridge mcast_mld_version 2
sleep 2
$B python3 - <<'PY'
import pathlib
import socket
import struct
import time

index = socket.if_nametoindex("br0")
conf = {family: pathlib.Path(f"/proc/sys/net/{family}/conf/br0") for family in ("ipv4", "ipv6")}

def stay(four, six, sources=()):
    """Joins, and for each source that source alone; leaves after a while."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    two = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    member = socket.inet_aton(four) + struct.pack("=4sI", socket.inet_aton("192.0.2.2"), index)
    if sources:
        for source in sources:
            one.setsockopt(socket.IPPROTO_IP, 39, socket.inet_aton(four) + socket.inet_aton("192.0.2.2") + socket.inet_aton(source))
    else:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    two.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, six) + struct.pack("@I", index))
    time.sleep(1.5)
    one.close()
    two.close()
    time.sleep(1.5)

for igmp, mld in ((3, 2), (2, 1), (1, 1)):
    (conf["ipv4"] / "force_igmp_version").write_text(str(igmp))
    (conf["ipv6"] / "force_mld_version").write_text(str(mld))
    stay(f"239.0.0.{igmp}", f"ff05::{mld}")
(conf["ipv4"] / "force_igmp_version").write_text("3")
stay("232.0.0.7", "ff05::7", sources=("192.0.2.7", "192.0.2.8"))
PY

cat >"$run/snmpd.conf" <<'CONF'
sysDescr Acme Switch OS 7.1
sysName sw-hall
sysLocation Hall, rack 2
sysContact nobody
sysObjectID 1.3.6.1.4.1.32473.1
rocommunity public default
trap2sink 192.0.2.2 public
createUser watcher SHA "not a real secret" AES "not a real secret"
rouser watcher noauth
CONF
export SNMP_PERSISTENT_DIR="$run/persistent" MIBS=
$A snmpd -f -C -c "$run/snmpd.conf" -Lf "$run/snmpd" -p "$run/pid" udp:192.0.2.1:161 & pids="$pids $!"
sleep 2
system=.1.3.6.1.2.1.1
$B snmpget -v1 -c public 192.0.2.1 $system.1.0 $system.3.0 $system.5.0 $system.6.0 >"$run/said"
$B snmpbulkget -v2c -c public -Cn1 -Cr5 192.0.2.1 $system.1 .1.3.6.1.2.1.2.2.1 >"$run/said"
$B snmpget -v2c -c "not public" -r0 -t1 192.0.2.1 $system.1.0 >"$run/said" 2>&1 || true
$B snmpget -v3 -l noAuthNoPriv -u watcher 192.0.2.1 $system.5.0 >"$run/said"
$B snmpget -v3 -l authPriv -u watcher -a SHA -A "not a real secret" -x AES -X "not a real secret" 192.0.2.1 $system.5.0 >"$run/said"

# Notifications of a switch: link down and up, power, root, and one of its maker.
notifications=.1.3.6.1.6.3.1.1.5
entry=.1.3.6.1.2.1.2.2.1
interface=10107
$A snmptrap -v1 -c public 192.0.2.2 .1.3.6.1.4.1.32473.1 192.0.2.1 2 0 4711 $entry.1.$interface i $interface
for which in 3 4; do
    $A snmptrap -v2c -c public 192.0.2.2 4711 $notifications.$which $entry.1.$interface i $interface \
        $entry.7.$interface i 1 $entry.8.$interface i $((which == 3 ? 2 : 1)) .1.3.6.1.2.1.31.1.1.1.1.$interface s Gi1/0/7
done
for status in 2 3; do
    $A snmptrap -v2c -c public 192.0.2.2 4712 .1.3.6.1.2.1.105.0.1 .1.3.6.1.2.1.105.1.1.1.6.1.7 i $status
done
for which in 1 2; do $A snmptrap -v2c -c public 192.0.2.2 4713 .1.3.6.1.2.1.17.0.$which; done
$A snmptrap -v1 -c other 192.0.2.2 .1.3.6.1.4.1.32473 192.0.2.7 6 12 4714
$A snmpinform -v2c -c public -r0 -t1 192.0.2.2 4715 $notifications.2 >"$run/said" 2>&1 || true
$A snmptrap -v3 -e 0x80007ed90401020304 -l noAuthNoPriv -u watcher 192.0.2.2 4716 $notifications.5

# One bridge loses its cable and finds it again.
$B ip link set g1 down
sleep 2
$B ip link set g1 up
sleep 6
# shellcheck disable=SC2086
kill -TERM $pids
sleep 1
cp "$run/out.pcap" "$here/switch-talk.pcap"
