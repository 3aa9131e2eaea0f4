"""A camera: GStreamer's RTSP server, dressed as the plan says.

Run inside the camera's namespace as `/usr/bin/python3 camera.py NAME [stands]`. Each client gets a
pipeline of its own, so that a session which a power cut or a dead switch left behind never
holds back the next one. The server's own responses are edited on their way out
(`send-message`): Server, Public, the SDP's names. Everything else is the library's.

SIGUSR1 makes its picture stand still, as where an encoder hangs, or nothing moves before a camera that sends only then:
sessions live, and no video comes. SIGUSR2 ends that. With `stands` it begins so.
"""

import re
import signal
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

import plan  # noqa: E402

FRAMES_PER_S = 5
KEY_FRAME_EVERY = 15
VIDEO_KBIT_PER_S = 14
ROLE = "viewer"
GSTREAMER = "GStreamer RTSP server"
FIRST_PICTURES = 2

picture = {"stands": "stands" in sys.argv[2:]}


def main() -> None:
    rtsp = plan.device(sys.argv[1]).rtsp
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_service("554")
    factory = video(rtsp)
    if rtsp.auth != "none":
        server.set_auth(login(rtsp))
        permissions = GstRtspServer.RTSPPermissions.new()
        for permission in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role(ROLE, permission, True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory(rtsp.path, factory)
    server.connect("client-connected", lambda _server, client: client.connect("send-message", dress, rtsp))
    for number, stands in ((signal.SIGUSR1, True), (signal.SIGUSR2, False)):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, stand, stands)
    if server.attach(None) == 0:
        sys.exit("camera.py: port 554 cannot be opened")
    GLib.MainLoop().run()


def video(rtsp: plan.Rtsp) -> GstRtspServer.RTSPMediaFactory:
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(
        f"( videotestsrc is-live=true pattern={rtsp.pattern}"
        f" ! video/x-raw,width=160,height=90,framerate={FRAMES_PER_S}/1"
        f" ! x264enc bitrate={VIDEO_KBIT_PER_S} speed-preset=veryfast tune=zerolatency aud=false threads=1"
        f" key-int-max={KEY_FRAME_EVERY} ! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    factory.set_shared(False)
    factory.connect("media-configure", lambda _factory, media: configure(media, rtsp))
    return factory


def configure(media: GstRtspServer.RTSPMedia, rtsp: plan.Rtsp) -> None:
    media.get_stream(0).set_control(rtsp.control)
    passed = 0

    def pass_on(_pad, _info):
        nonlocal passed
        passed += 1
        # A session cannot begin before the first pictures are there.
        return Gst.PadProbeReturn.DROP if picture["stands"] and passed > FIRST_PICTURES else Gst.PadProbeReturn.OK

    # Before the payloader, so that no packet's number is used up.
    pictures = media.get_element().get_by_name("pay0").get_static_pad("sink")
    pictures.add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, pass_on)


def stand(stands: bool) -> bool:
    picture["stands"] = stands
    return GLib.SOURCE_CONTINUE


def login(rtsp: plan.Rtsp) -> GstRtspServer.RTSPAuth:
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_realm(rtsp.realm)
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", ROLE)
    if rtsp.auth == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(rtsp.account, rtsp.password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(rtsp.account, rtsp.password, token)
    return auth


def dress(_client, _context, message, rtsp: plan.Rtsp) -> None:
    """Gives a response the maker's look just before it is sent."""
    header = GstRtsp.RTSPHeaderField
    if message.type != GstRtsp.RTSPMsgType.RESPONSE:
        return
    message.remove_header(header.SERVER, -1)
    if rtsp.server:
        message.add_header(header.SERVER, rtsp.server)
    if rtsp.public and message.remove_header(header.PUBLIC, -1) == GstRtsp.RTSPResult.OK:
        message.add_header(header.PUBLIC, rtsp.public)
    if rtsp.month_first and message.remove_header(header.DATE, -1) == GstRtsp.RTSPResult.OK:
        message.add_header(header.DATE, time.strftime("%a, %b %d %Y %H:%M:%S GMT", time.gmtime()))
    _, body = message.get_body()
    if body.startswith(b"v=0"):
        message.set_body(dress_sdp(body.decode(), rtsp).encode())


def dress_sdp(sdp: str, rtsp: plan.Rtsp) -> str:
    """The same description with the maker's session name and lines; addresses and codec stay."""
    if rtsp.server != GSTREAMER:
        sdp = re.sub(r"(?m)^(i=rtsp-server|a=tool:GStreamer)\r\n", "", sdp)
    if rtsp.session_name:
        sdp = re.sub(r"(?m)^s=.*\r$", f"s={rtsp.session_name}\r", sdp)
    # RFC 4566: e= stands before t=, attributes after it.
    before_time = "".join(f"{line}\r\n" for line in rtsp.sdp_session if line.startswith("e="))
    attributes = "".join(f"{line}\r\n" for line in rtsp.sdp_session if line.startswith("a="))
    sdp = sdp.replace("\r\nt=", f"\r\n{before_time}t=", 1).replace("\r\nm=", f"\r\n{attributes}m=", 1)
    return sdp + "".join(f"{line}\r\n" for line in rtsp.sdp_media)


if __name__ == "__main__":
    main()
