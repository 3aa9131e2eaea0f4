#!/usr/bin/python3
"""Makes rtsp-dialogues.pcap: real players at real RTSP servers, in two network namespaces.

sudo pcaps/rtsp-dialogues.py pcaps/rtsp-dialogues.pcap

Needs iproute2, ethtool, tcpdump, ffmpeg, gstreamer1.0-tools, -plugins-good, -plugins-bad,
-plugins-ugly, -libav, gir1.2-gst-rtsp-server-1.0 and python3-gi.
"""

import os
import signal
import subprocess
import sys
import time

SERVER, CLIENT = "192.0.2.7", "192.0.2.9"
DIGEST = f"rtsp://operator:hidden@{SERVER}:8554/cam"
WRONG = f"rtsp://operator:wrong@{SERVER}:8554/cam"
BASIC = f"rtsp://operator:visible@{SERVER}:554/basic"
MULTICAST = f"rtsp://operator:hidden@{SERVER}:8554/multi"
RECORD = f"rtsp://operator:visible@{SERVER}:554/record"
SOURCE = (
    "( videotestsrc is-live=true ! video/x-raw,width=96,height=64,framerate=5/1"
    " ! x264enc tune=zerolatency bitrate=16 key-int-max=10 ! rtph264pay name=pay0 pt=96"
    " audiotestsrc is-live=true volume=0 samplesperbuffer=800 ! audio/x-raw,rate=8000,channels=1"
    " ! alawenc ! rtppcmapay name=pay1 pt=8 )"
)
FFMPEG = "ffmpeg -nostdin -loglevel error -rtsp_transport"
PLAYERS = [
    f"{FFMPEG} udp -i {DIGEST} -t 1 -f null -",
    f"{FFMPEG} tcp -i {DIGEST} -t 1 -f null -",
    f"{FFMPEG} tcp -i {WRONG} -t 1 -f null -",
    f"{FFMPEG} tcp -i {BASIC} -t 1 -f null -",
    f"{FFMPEG} udp_multicast -i {MULTICAST} -t 1 -f null -",
    "ffmpeg -nostdin -loglevel error -re -f lavfi -i testsrc=size=96x64:rate=5 -t 2"
    f" -c:v libx264 -tune zerolatency -f rtsp -rtsp_transport tcp {RECORD}",
    f"gst-launch-1.0 -e rtspsrc location={DIGEST} protocols=tcp default-rtsp-version=2-0 ! fakesink",
    f"gst-launch-1.0 -e rtspsrc location={DIGEST} protocols=udp ! fakesink",
]


def serve():
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

    Gst.init(None)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)

    def factory(launch):
        made = GstRtspServer.RTSPMediaFactory()
        made.set_launch(launch)
        made.set_shared(True)
        return made

    cam, basic, multicast = factory(SOURCE), factory(SOURCE), factory(SOURCE)
    record = factory("( rtph264depay name=depay0 ! fakesink )")
    pool = GstRtspServer.RTSPAddressPool()
    pool.add_range("239.1.2.3", "239.1.2.3", 5000, 5010, 1)
    multicast.set_address_pool(pool)
    multicast.set_protocols(GstRtsp.RTSPLowerTrans.UDP_MCAST)
    record.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
    servers = []
    for port, mounts, method in (
        (8554, {"/cam": cam, "/multi": multicast}, GstRtsp.RTSPAuthMethod.DIGEST),
        (554, {"/basic": basic, "/record": record}, GstRtsp.RTSPAuthMethod.BASIC),
    ):
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(method)
        auth.set_realm("Lab")
        if method == GstRtsp.RTSPAuthMethod.BASIC:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic("operator", "visible"), token)
        else:
            auth.add_digest("operator", "hidden", token)
        server = GstRtspServer.RTSPServer()
        server.set_service(str(port))
        server.set_auth(auth)
        for path, made in mounts.items():
            made.set_permissions(permissions)
            server.get_mount_points().add_factory(path, made)
        server.attach(None)
        servers.append(server)
    GLib.MainLoop().run()


def run(command, **options):
    return subprocess.run(command.split(), check=True, **options)


def main(out):
    mark = os.getpid()
    ends = ((f"spana{mark}", f"va{mark}", SERVER), (f"spanb{mark}", f"vb{mark}", CLIENT))
    started = []
    run(f"ip link add {ends[0][1]} type veth peer name {ends[1][1]}")
    try:
        for space, link, address in ends:
            run(f"ip netns add {space}")
            run(f"ip link set {link} netns {space}")
            run(f"ip -n {space} addr add {address}/24 dev {link}")
            run(f"ip -n {space} link set {link} up")
            run(f"ip -n {space} route add 239.0.0.0/8 dev {link}")
            run(f"ip netns exec {space} ethtool -K {link} tx off rx off tso off gso off gro off", capture_output=True)
        server, client = (f"ip netns exec {space} " for space, _, _ in ends)
        started.append(subprocess.Popen(f"{server}{sys.executable} {__file__} --serve".split()))
        started.append(subprocess.Popen(f"{client}tcpdump -q -i {ends[1][1]} -U -w {out} tcp or udp".split()))
        time.sleep(3)
        for player in PLAYERS:
            playing = subprocess.Popen((client + player).split(), stdout=subprocess.DEVNULL)
            try:
                playing.wait(3)
            except subprocess.TimeoutExpired:
                playing.send_signal(signal.SIGINT)
                playing.wait(5)
        time.sleep(1)
    finally:
        for process in started:
            process.terminate()
            process.wait()
        for space, _, _ in ends:
            subprocess.run(["ip", "netns", "del", space], check=False)


if __name__ == "__main__":
    serve() if sys.argv[1] == "--serve" else main(sys.argv[1])
