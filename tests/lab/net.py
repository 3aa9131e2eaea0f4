"""Namespaces, cables, switches and the mirror port, with iproute2 alone.

Every namespace bears the prefix `swlab-SITE.`, so that sites can run side by side, whatever is left of an
earlier run can be found and removed, and nothing else is ever touched.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import plan

LAB = "swlab-"
PREFIX = f"{LAB}site."
TAP = "tap"
MIRROR = "span0"
CHASSIS = "chassis"
LOCK = "lock"
# What programs take for the machine's host name; every /etc/hosts has it, so none asks DNS for it.
HOST_NAME = "localhost"
RUN_DIR = Path("/run/spanwatch-lab/site")
NAMESPACES = Path("/run/netns")
# STP may not pass a frame before two forward delays of FORWARD_DELAY_S.
HELLO_S, FORWARD_DELAY_S, MAX_AGE_S = 2, 4, 6
QUICK_DELAY_S = 2
# Linux looks for what it is to forget only so often, and a change of the tree does not hasten that.
AGEING_S, QUICK_AGEING_S = 300, 2
STP_READY_S = 2 * FORWARD_DELAY_S + 1
POLL_S = 0.1
LOSS_PER_CENT = 15
NARROW = "rate 70kbit burst 1600 limit 4000".split()
# Shorter UDP is no media.
MEDIA_MIN = 100
TCP_STAMPS = "/proc/sys/net/ipv4/tcp_timestamps"
OFFLOADS = "rx off tx off sg off tso off gso off gro off".split()
# BPDUs and LLDP both go to 01:80:c2:00:00:xx; offsets count from the network header.
LINK_LOCAL_MAC = "match u16 0x0180 0xffff at -14 match u32 0xc2000000 0xffffff00 at -12".split()


class LabError(Exception):
    """The lab cannot be built or did not come up; the text says what is wrong."""


def enter(site: str) -> None:
    """From here on all that this process makes belongs to the site of that name."""
    global PREFIX, RUN_DIR
    PREFIX = f"{LAB}{site}."
    RUN_DIR = Path("/run/spanwatch-lab") / site


def run(*argv: str) -> str:
    """Runs a program to its end and gives its output."""
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def inside(name: str, *argv: str) -> str:
    """Runs a program to its end in a namespace of the lab."""
    return run("ip", "netns", "exec", PREFIX + name, *argv)


def ip(name: str, arguments: str) -> str:
    """Runs `ip` in a namespace of the lab."""
    return run("ip", "-n", PREFIX + name, *arguments.split())


def ip_batch(name: str, lines: list[str]) -> None:
    """Runs many `ip` commands in a namespace of the lab, as close together as can be."""
    argv = ["ip", "-n", PREFIX + name, "-batch", "-"]
    done = subprocess.run(argv, input="\n".join(lines) + "\n", capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"in {name}, of {lines}: {done.stderr.strip()}")


def start(name: str, argv: list[str], log: str, host_name: str = HOST_NAME) -> subprocess.Popen:
    """Starts a program that goes on running in a namespace; its words go to RUN_DIR/log.

    It takes `host_name` for the machine's and never learns the real one.
    """
    nameless = ["unshare", "--uts", "sh", "-c", f'hostname {host_name} && exec "$@"', "sh"]
    with open(RUN_DIR / log, "ab") as out:
        return subprocess.Popen(
            ["ip", "netns", "exec", PREFIX + name, *nameless, *argv],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )


def existing() -> list[str]:
    """The lab's namespaces on this machine, without their prefix."""
    return existing_of(PREFIX.removeprefix(LAB).removesuffix("."))


def existing_of(site: str) -> list[str]:
    """A site's namespaces on this machine, without their prefix."""
    lines, prefix = run("ip", "netns", "list").splitlines(), f"{LAB}{site}."
    names = (line.split()[0] for line in lines if line.strip())
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def kill_all(name: str) -> None:
    """Kills, without a last word, every process of one namespace of the lab."""
    while pids := run("ip", "netns", "pids", PREFIX + name).split():
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


def remove_all() -> None:
    """Ends and removes everything of the lab.

    Raises LabError where a process outlives that.
    """
    names = existing()
    for name in names:
        kill_all(name)
    spaces = {f"net:[{(NAMESPACES / (PREFIX + name)).stat().st_ino}]" for name in names}
    for name in names:
        run("ip", "netns", "delete", PREFIX + name)
    if left := [pid for pid in pids() if namespace_of(pid) in spaces]:
        raise LabError(f"processes {', '.join(left)} outlive their namespace")


def pids() -> list[str]:
    return [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]


def namespace_of(pid: str) -> str:
    """A process's network namespace, as /proc names it; nothing where it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return ""


def forget_logs() -> None:
    """Removes an earlier run's logs, leases and sockets; the lock stays."""
    for file in RUN_DIR.iterdir():
        if file.name != LOCK and not file.is_dir():
            file.unlink()


def add_namespace(name: str) -> None:
    """A namespace that is up and behaves alike whatever this machine's own settings are."""
    run("ip", "netns", "add", PREFIX + name)
    ip(name, "link set lo up")
    for key in ("arptables", "iptables", "ip6tables"):
        set_sysctl(name, f"net/bridge/bridge-nf-call-{key}", "0")


def set_sysctl(name: str, key: str, value: str) -> None:
    """Sets a kernel setting of a namespace, where this kernel has it."""
    inside(name, "sh", "-c", f"test ! -e /proc/sys/{key} || echo {value} > /proc/sys/{key}")


def plug(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    """A cable between two (namespace, interface, MAC), without offloads and still down."""
    (a, a_if, a_mac), (b, b_if, b_mac) = one, other
    run(
        "ip", "link", "add", a_if, "address", a_mac, "netns", PREFIX + a, "type", "veth",
        "peer", "name", b_if, "address", b_mac, "netns", PREFIX + b,
    )
    for name, interface in ((a, a_if), (b, b_if)):
        inside(name, "ethtool", "-K", interface, *OFFLOADS)


def port_mac(switch: plan.Switch, port: str) -> str:
    """A switch port's own MAC: the switch's, with the port's number as its last byte."""
    return f"{switch.port_macs}{int(port.removeprefix('ge')):02x}"


def build() -> None:
    """Makes all namespaces, cables, bridges and the mirror; nothing speaks yet but STP."""
    add_namespace(TAP)
    set_sysctl(TAP, "net/ipv6/conf/default/disable_ipv6", "1")
    for switch in plan.SWITCHES:
        add_namespace(switch.name)
        for scope in ("all", "default"):
            set_sysctl(switch.name, f"net/ipv6/conf/{scope}/disable_ipv6", "1")
        # lldpd takes its chassis id from a cable-like interface it serves, never from a bridge.
        # This one stays down, so nothing is sent on it.
        plug((switch.name, CHASSIS, switch.mac), (TAP, switch.name, f"02:{switch.mac[3:]}"))
        ip(
            switch.name,
            f"link add br0 address {switch.mac} type bridge stp_state 1 priority {switch.bridge_priority}"
            f" hello_time {HELLO_S}00 forward_delay {forward_delay_s()}00 max_age {MAX_AGE_S}00"
            f" ageing_time {ageing_s()}00 mcast_snooping 0",
        )
    for device in plan.DEVICES:
        add_namespace(device.name)
        switch = plan.switch(device.switch)
        port = (switch.name, device.port, port_mac(switch, device.port))
        plug(port, (device.name, "eth0", device.mac))
    core = plan.switch(plan.CORE)
    for switch in plan.SWITCHES:
        if switch.uplink_port:
            plug(
                (core.name, switch.uplink_port, port_mac(core, switch.uplink_port)),
                (switch.name, plan.UPLINK, port_mac(switch, plan.UPLINK)),
            )
            ip(switch.name, f"address add {switch.ip}/{plan.PREFIX_BITS} dev br0")
        if switch.spare_port:
            plug(
                (core.name, switch.spare_port, port_mac(core, switch.spare_port)),
                (switch.name, plan.SPARE_UPLINK, port_mac(switch, plan.SPARE_UPLINK)),
            )
    for switch in plan.SWITCHES:
        for port in ports(switch):
            ip(switch.name, f"link set {port} master br0")
        if switch.relays_dhcp:
            intercept_dhcp(switch)
    add_mirror(core)
    for device in plan.DEVICES:
        ip(device.name, "link set eth0 up")
    for switch in plan.SWITCHES:
        switch_on(switch)


def is_quick() -> bool:
    """Where a way is spare the switches are quicker, for ordinary STP would be an outage of its own."""
    return any(switch.spare_port for switch in plan.SWITCHES)


def forward_delay_s() -> int:
    return QUICK_DELAY_S if is_quick() else FORWARD_DELAY_S


def ageing_s() -> int:
    """How long a switch remembers who is behind which port."""
    return QUICK_AGEING_S if is_quick() else AGEING_S


def settles_s() -> int:
    """After so long another way is taken by everybody."""
    return 2 * (forward_delay_s() + ageing_s())


def intercept_dhcp(switch: plan.Switch) -> None:
    """Passes no client's DHCP broadcast on, as snooping does: the relay takes up those of its own devices."""
    # dhcrelay serves only interfaces that have an address; the switch's own does for each.
    for device in plan.behind(switch.name):
        ip(switch.name, f"address add {switch.ip}/32 dev {device.port}")
    # A renewal that is flooded because its way was forgotten would be taken up once a port.
    rules = f'ip daddr 255.255.255.255 udp dport 67 drop; udp dport 67 oifname != "{plan.UPLINK}" drop;'
    inside(switch.name, "nft", f"table bridge dhcp {{ chain out {{ type filter hook forward priority 0; {rules} }}; }}")


def ports(switch: plan.Switch) -> list[str]:
    """The ports of a switch that have a cable, uplink first."""
    found = [device.port for device in plan.behind(switch.name)]
    if switch.name == plan.CORE:
        ways = [port for other in plan.SWITCHES for port in (other.uplink_port, other.spare_port)]
        return [port for port in ways if port] + found
    return [plan.UPLINK, *([plan.SPARE_UPLINK] if switch.spare_port else []), *found]


def switch_on(switch: plan.Switch) -> None:
    """Brings a switch and its ports up; STP listens and learns from here."""
    ip_batch(switch.name, ["link set br0 up"] + [f"link set {port} up" for port in ports(switch)])


def switch_off(switch: plan.Switch) -> None:
    """All ports of a switch lose their link at once, uplink first, then it is dead."""
    ip_batch(switch.name, [f"link set {port} down" for port in ports(switch)] + ["link set br0 down"])
    kill_all(switch.name)


def add_mirror(core: plan.Switch) -> None:
    """The SPAN port: what comes in on each core port, and the core's own BPDUs and LLDP."""
    plug((core.name, plan.MIRROR_PORT, port_mac(core, plan.MIRROR_PORT)), (TAP, MIRROR, "02:00:00:00:00:01"))
    ip(core.name, f"link set {plan.MIRROR_PORT} up")
    ip(TAP, f"link set {MIRROR} up promisc on arp off")
    # One processor hands on what arrives there, or two programs could see frames of two processors in different orders.
    inside(TAP, "sh", "-c", f"echo 1 > /sys/class/net/{MIRROR}/queues/rx-0/rps_cpus")
    for port in ports(core):
        inside(core.name, "tc", "qdisc", "add", "dev", port, "clsact")
        mirror(port)


def mirror(port: str) -> None:
    """Copies to the mirror port what enters by this port of the core, and what the core itself says there."""
    copy = f"action mirred egress mirror dev {plan.MIRROR_PORT}".split()
    everything = "protocol all prio 1 u32 match u32 0 0".split()
    inside(plan.CORE, "tc", "filter", "add", "dev", port, "ingress", *everything, *copy)
    own_words = ["protocol", "all", "prio", "1", "u32", *LINK_LOCAL_MAC]
    inside(plan.CORE, "tc", "filter", "add", "dev", port, "egress", *own_words, *copy)


def unmirror(port: str) -> None:
    """Copies nothing of this port any more."""
    for way in ("ingress", "egress"):
        inside(plan.CORE, "tc", "filter", "delete", "dev", port, way)


def lose(switch: str, port: str, way: str) -> None:
    """Drops some of the media that enters or leaves by a port, at random."""
    rule = f"ip protocol udp meta length > {MEDIA_MIN} numgen random mod 100 < {LOSS_PER_CENT} counter drop"
    chain = f"chain c {{ type filter hook {way} device {port} priority 0; {rule}; }}"
    inside(switch, "nft", f"table netdev loss {{ {chain}; }}")


def lose_no_more(switch: str) -> int:
    """Ends the loss on a switch; gives how many frames were dropped."""
    said = inside(switch, "nft", "list", "table", "netdev", "loss")
    inside(switch, "nft", "delete", "table", "netdev", "loss")
    return int(re.search(r"counter packets (\d+)", said)[1])


def narrow_mirror() -> None:
    """Gives the mirror's port less than it needs: it drops what its queue cannot hold."""
    inside(plan.CORE, "tc", "qdisc", "add", "dev", plan.MIRROR_PORT, "root", "tbf", *NARROW)


def widen_mirror() -> int:
    """Ends that; gives how many copies were dropped."""
    said = inside(plan.CORE, "tc", "-s", "qdisc", "show", "dev", plan.MIRROR_PORT, "root")
    inside(plan.CORE, "tc", "qdisc", "delete", "dev", plan.MIRROR_PORT, "root")
    return int(re.search(r"dropped (\d+)", said)[1])


def new_body(device: plan.Device) -> None:
    """Gives a device's interface a fresh namespace: no socket, address or neighbour survives a power cut.

    Nor does the clock behind its TCP time stamps. The kernel's own goes on, but with and without an offset for each
    pair of addresses (1 and 2) it shows different times.
    """
    stamps = "1" if inside(device.name, "cat", TCP_STAMPS).strip() == "2" else "2"
    ip(device.name, f"link set eth0 netns {PREFIX}{TAP} name limbo")
    run("ip", "netns", "delete", PREFIX + device.name)
    add_namespace(device.name)
    set_sysctl(device.name, "net/ipv4/tcp_timestamps", stamps)
    ip(TAP, f"link set limbo netns {PREFIX}{device.name} name eth0")


def received(device: plan.Device) -> int:
    """Frames that a device's switch port has received from it."""
    counter = f"/sys/class/net/{device.port}/statistics/rx_packets"
    return int(inside(device.switch, "cat", counter))


def wait_for(what: str, ready, limit_s: float) -> None:
    """Waits until `ready()` is true.

    Raises LabError when it is not in time.
    """
    end = time.monotonic() + limit_s
    while not ready():
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {limit_s:.0f} s; see the logs in {RUN_DIR}")
        time.sleep(POLL_S)
