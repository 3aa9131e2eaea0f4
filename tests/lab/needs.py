"""Says in plain sentences what this machine lacks, before anything is built."""

import os
import shutil
import subprocess
from pathlib import Path

PROBE = f"swlab-probe-{os.getpid()}"
NOT_ROOT = "The lab makes network namespaces: run it as root."
PROGRAMS = {
    "busybox": "busybox",
    "dhclient": "isc-dhcp-client",
    "dhcpcd": "dhcpcd-base",
    "dhcrelay": "isc-dhcp-relay",
    "dnsmasq": "dnsmasq-base",
    "dumpcap": "wireshark-common",
    "ethtool": "ethtool",
    "ffmpeg": "ffmpeg",
    "hostname": "hostname",
    "ip": "iproute2",
    "lldpcli": "lldpd",
    "lldpd": "lldpd",
    "nft": "nftables",
    "tc": "iproute2",
    "tshark": "tshark",
    "udhcpc": "udhcpc",
    "unshare": "util-linux",
}
# Each step needs what the steps before it made; the second text is what fails without it.
KERNEL_STEPS = [
    (["unshare", "--uts", "hostname", "localhost"], "programs cannot be given another host name (UTS namespaces)"),
    (["ip", "netns", "add", PROBE], "network namespaces cannot be made (a container needs CAP_SYS_ADMIN for it)"),
    (
        ["ip", "netns", "exec", PROBE, "sh", "-c", "f=/proc/sys/net/ipv4/conf/all/arp_notify; cat $f > $f"],
        "a namespace's /proc/sys/net cannot be written (a container has it read-only)",
    ),
    (["ip", "-n", PROBE, "link", "add", "p0", "type", "veth", "peer", "name", "p1"], "veth cables cannot be made"),
    (["ip", "-n", PROBE, "link", "add", "br0", "type", "bridge", "stp_state", "1"], "bridges with STP cannot be made"),
    (["ip", "-n", PROBE, "link", "set", "p0", "master", "br0"], "a veth cannot be put into a bridge"),
    (["ip", "netns", "exec", PROBE, "ethtool", "-K", "p0", "rx", "off", "tx", "off"], "offloads cannot be turned off"),
    (["ip", "netns", "exec", PROBE, "tc", "qdisc", "add", "dev", "p0", "clsact"], "tc has no clsact (sch_ingress)"),
    (
        ["ip", "netns", "exec", PROBE, "tc", "filter", "add", "dev", "p0", "ingress", "protocol", "all", "prio", "1",
         "u32", "match", "u32", "0", "0", "action", "mirred", "egress", "mirror", "dev", "p1"],
        "tc has no u32 filter or no mirred action (cls_u32, act_mirred)",
    ),
    (
        ["ip", "netns", "exec", PROBE, "nft", "table bridge t { chain c { type filter hook forward priority 0; }; }"],
        "nft cannot filter on a bridge (nf_tables_bridge)",
    ),
    (
        ["ip", "netns", "exec", PROBE, "sh", "-c", "mkdir -p /run/lldpd && mount -t tmpfs probe /run/lldpd"],
        "a tmpfs cannot be mounted inside a namespace (a container needs CAP_SYS_ADMIN for it)",
    ),
]
GI = """
import gi
for name in ("Gst", "GstRtsp", "GstRtspServer"):
    gi.require_version(name, "1.0")
from gi.repository import Gst, GstRtsp, GstRtspServer
Gst.init(None)
missing = [e for e in ("videotestsrc", "x264enc", "rtph264pay", "rtpbin", "rtspsrc") if not Gst.ElementFactory.find(e)]
raise SystemExit("GStreamer has no " + ", ".join(missing) if missing else 0)
"""


def lacking() -> list[str]:
    """One sentence for each thing that is missing; empty where the lab can run."""
    if os.geteuid() != 0:
        return [NOT_ROOT]
    missing = sorted(name for name in PROGRAMS if not shutil.which(name))
    said = []
    if missing:
        packages = " ".join(sorted({PROGRAMS[name] for name in missing}))
        said.append(f"Programs are missing: {', '.join(missing)}. On Debian: apt-get install {packages}")
    said += [sentence for sentence in [gstreamer()] if sentence]
    if not {"ip", "tc", "ethtool", "nft", "unshare", "hostname"} & set(missing):
        said += [sentence for sentence in [kernel()] if sentence]
    return said


def gstreamer() -> str | None:
    """What is missing of GStreamer's RTSP server and its Python modules."""
    python = Path("/usr/bin/python3")
    if not python.exists():
        return "/usr/bin/python3 is missing. On Debian: apt-get install python3"
    done = subprocess.run([python, "-c", GI], capture_output=True, text=True)
    if done.returncode == 0:
        return None
    return (
        "The cameras' RTSP server cannot run: " + (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        + ". On Debian: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base"
        " gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
    )


def kernel() -> str | None:
    """The first thing this kernel, or this container, refuses."""
    delete = ["ip", "netns", "delete", PROBE]
    subprocess.run(delete, capture_output=True)
    try:
        for argv, meaning in KERNEL_STEPS:
            done = subprocess.run(argv, capture_output=True, text=True)
            if done.returncode != 0:
                return f"The lab cannot run here: {meaning}. `{' '.join(argv)}` says: {done.stderr.strip()}"
    finally:
        subprocess.run(delete, capture_output=True)
    return None
