#!/bin/bash
# Makes lldp-power.pcap and lldp-power.lldpd.txt: two lldpd on one cable tell power, policies and
# places; frames with the 802.3bt form, which lldpd reads and does not write, are sent beside them.
# The text is what lldpd itself read from the same cable. Needs root, lldpd, tcpdump, python3.
set -e
here=$(cd "$(dirname "$0")" && pwd)
run=$(mktemp -d)
chmod 755 "$run"
A="lldpcli -u $run/a.sock"
B="lldpcli -u $run/b.sock"
pids=
clean() {
    # shellcheck disable=SC2086
    kill $pids 2>/dev/null || true
    ip netns del lldp-a || true
    ip netns del lldp-b || true
    rm -rf "$run"
}
trap clean EXIT

ip netns add lldp-a
ip netns add lldp-b
ip link add g1 netns lldp-a address 02:00:00:00:5a:01 type veth peer name cam netns lldp-b address 02:00:00:00:00:07
ip netns exec lldp-a ip addr add 192.0.2.1/24 dev g1
ip netns exec lldp-a ip link set g1 up
ip netns exec lldp-b ip addr add 192.0.2.7/24 dev cam
ip netns exec lldp-b ip addr add 2001:db8::7/64 dev cam nodad
ip netns exec lldp-b ip link set cam up
sleep 1
ip netns exec lldp-a lldpd -d -u "$run/a.sock" -H 0 -S "Acme Switch OS 7.1" -M 4 -I g1 -C g1 2>"$run/a" & pids="$pids $!"
ip netns exec lldp-b lldpd -d -u "$run/b.sock" -H 0 -S "Acme Camera 5.2" -M 3 -I cam -C cam 2>"$run/b" & pids="$pids $!"
sleep 2

$A configure system hostname sw-hall >"$run/said"
$B configure system hostname cam-lobby >"$run/said"
for word in "hardware-revision H1" "firmware-revision B1" "software-revision F2" "serial-number S3" \
    "manufacturer Acme" "model M4" "asset A5"; do
    # shellcheck disable=SC2086
    for side in "$A" "$B"; do $side configure inventory $word >"$run/said"; done
done
ip netns exec lldp-a tcpdump -i g1 -U -w "$run/out.pcap" ether proto 0x88cc 2>"$run/tcpdump" & pids="$pids $!"
sleep 1
switch() { $A configure ports g1 "$@" >"$run/said"; $A update >"$run/said"; sleep 1.2; }
camera() { $B configure ports cam "$@" >"$run/said"; $B update >"$run/said"; sleep 1.2; }
switch dot3 power pse supported enabled paircontrol powerpairs spare class class-3
switch dot3 power pse supported enabled paircontrol powerpairs signal class class-4 type 2 source primary priority high requested 25500 allocated 22000
camera dot3 power pd supported enabled powerpairs signal class class-4 type 2 source pse priority critical requested 13000 allocated 12500
switch med power pse source primary priority high value 15000
camera med power pd source pse priority low value 6500
camera med location coordinate latitude 48.40N longitude 9.99W altitude 477.5 m datum WGS84
camera med location address country DE city Ulm street Hauptgasse building 7 floor 2 room 217
camera med location elin 112
switch med policy application voice tagged vlan 500 priority voice dscp 46
switch med policy application streaming-video tagged vlan 2748 priority video dscp 34

ip netns exec lldp-a python3 - <<'PY'
import socket
import struct

def frame(chassis, power):
    mac = bytes([2, 0, 0, 0, 0xb7, chassis])
    tlv = bytes([0xfe, 4 + len(power)]) + b"\0\x12\x0f\x02" + power
    head = b"\x02\x07\x04" + mac + b"\x04\x03\x05g" + b"%d" % chassis + b"\x06\x02\0\x78"
    return b"\x01\x80\xc2\0\0\x0e" + mac + b"\x88\xcc" + head + tlv + b"\0\0"

# flags, pairs, class, source, requested, allocated, requested A B, allocated A B,
# status, setup, available, autoclass, power down
layout = struct.Struct(">BBBBHHHHHHHBHB3s")
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("g1", 0))
for chassis, power in [
    (1, (0x07, 1, 5, 0x12, 404, 400, 0, 0, 0, 0, 0x84a6, 2, 450, 4, b"\0\0\0")),
    (2, (0x07, 2, 5, 0x12, 0, 0, 150, 100, 140, 90, 0xcd4f, 0, 900, 6, b"\0\0\0")),
    (3, (0x06, 1, 5, 0x51, 713, 700, 0, 0, 0, 0, 0x1008, 8, 0, 1, b"\x74\0\x3c")),
]:
    out.send(frame(chassis, layout.pack(*power)))
PY
sleep 1
for side in "$A" "$B"; do $side -f keyvalue show neighbors details; done | grep -v '\.age=\|\.rid=' >"$here/lldp-power.lldpd.txt"
# shellcheck disable=SC2086
kill -TERM $pids
sleep 1
cp "$run/out.pcap" "$here/lldp-power.pcap"
