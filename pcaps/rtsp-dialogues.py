#!/usr/bin/python3
"""Makes rtsp-dialogues.pcap: real players at real RTSP servers, in two network namespaces.

sudo pcaps/rtsp-dialogues.py pcaps/rtsp-dialogues.pcap

Needs iproute2, ethtool, tcpdump, ffmpeg, gstreamer1.0-tools, -plugins-good, -plugins-bad,
-plugins-ugly, -libav, gir1.2-gst-rtsp-server-1.0 and python3-gi.
"""

import signal
import sys

from dialogue import SERVER, record

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


def main(out):
    record(out, [f"{sys.executable} {__file__} --serve"], [(player, 3) for player in PLAYERS], signal.SIGINT)


if __name__ == "__main__":
    serve() if sys.argv[1] == "--serve" else main(sys.argv[1])
