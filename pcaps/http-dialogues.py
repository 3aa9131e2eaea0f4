#!/usr/bin/python3
"""Makes http-dialogues.pcap: real clients at a real ONVIF device and at a real RTSP server inside HTTP.

sudo pcaps/http-dialogues.py pcaps/http-dialogues.pcap PYTHON

Needs iproute2, ethtool, tcpdump, curl, gstreamer1.0-plugins-good, -plugins-bad, -plugins-ugly, -libav,
gir1.2-gst-rtsp-server-1.0 and python3-gi; and PYTHON, an interpreter with ipycam 1.3.0 and onvif-zeep 0.2.12.
"""

import os
import signal
import sys
import types

from dialogue import SERVER, record

CURL = "curl -s -o /dev/null"
DIALOGUES = [
    f"{CURL} http://{SERVER}/ http://{SERVER}/index.html",
    f"{CURL} --user operator:wrong http://{SERVER}/",
    f"{CURL} --user operator:hidden http://{SERVER}/ http://{SERVER}/api/none",
    f"{CURL} --user operator:hidden -I http://{SERVER}/",
    f"PYTHON {__file__} --ask hidden",
    f"PYTHON {__file__} --ask wrong",
    f"/usr/bin/python3 {__file__} --pull",
]
SOURCE = (
    "( videotestsrc is-live=true ! video/x-raw,width=96,height=64,framerate=5/1"
    " ! x264enc tune=zerolatency bitrate=16 key-int-max=10 ! rtph264pay name=pay0 pt=96 )"
)


def serve_onvif():
    import http.server

    for name in ("cv2", "numpy"):
        sys.modules[name] = types.SimpleNamespace(ndarray=object, uint8=int, VideoCapture=object, __spec__=None)
    # The package itself would open cameras.
    package = types.ModuleType("ipycam")
    package.__path__ = [os.path.join(path, "ipycam") for path in sys.path if os.path.isdir(os.path.join(path, "ipycam"))]
    package.__version__ = "1.3.0"
    sys.modules["ipycam"] = package
    from ipycam.config import CameraConfig
    from ipycam.http import IPCameraHTTPHandler
    from ipycam.onvif import ONVIFService

    config = CameraConfig()
    config.local_ip, config.onvif_port, config.name = SERVER, 80, "Gate 3"
    config.username, config.password = "operator", "hidden"
    page = "<!DOCTYPE html>\n<html><head>\n<title>IPyCam</title></head><body></body></html>"
    IPCameraHTTPHandler.camera = types.SimpleNamespace(
        config=config, onvif=ONVIFService(config), get_web_ui_html=lambda: page
    )
    http.server.ThreadingHTTPServer((SERVER, 80), IPCameraHTTPHandler).serve_forever()


def ask(password):
    from onvif import ONVIFCamera

    try:
        camera = ONVIFCamera(SERVER, 80, "operator", password)
        for operation in ("GetDeviceInformation", "GetSystemDateAndTime", "GetCapabilities", "GetScopes"):
            getattr(camera.devicemgmt, operation)()
        camera.devicemgmt.GetServices({"IncludeCapability": False})
        media = camera.create_media_service()
        token = media.GetProfiles()[0].token
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        media.GetStreamUri({"StreamSetup": setup, "ProfileToken": token})
    except Exception as error:  # What matters is on the wire.
        print(error, file=sys.stderr)


def serve_rtsp():
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(SOURCE)
    factory.set_permissions(permissions)
    auth = GstRtspServer.RTSPAuth()
    auth.set_realm("Lab")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic("operator", "hidden"), token)
    server = GstRtspServer.RTSPServer()
    server.set_service("8554")
    server.set_auth(auth)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    GLib.MainLoop().run()


def pull():
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import GLib, Gst

    Gst.init(None)
    Gst.parse_launch(f"rtspsrc location=rtsph://operator:hidden@{SERVER}:8554/cam ! fakesink").set_state(Gst.State.PLAYING)
    GLib.MainLoop().run()


def main(out, python):
    servers = [f"{python} {__file__} --onvif", f"{sys.executable} {__file__} --rtsp"]
    dialogues = [(it.replace("PYTHON", python), 20 if "PYTHON" in it else 4) for it in DIALOGUES]
    record(out, servers, dialogues, signal.SIGTERM)


if __name__ == "__main__":
    ways = {"--onvif": serve_onvif, "--rtsp": serve_rtsp, "--ask": ask, "--pull": pull}
    way = ways.get(sys.argv[1])
    way(*sys.argv[2:]) if way else main(sys.argv[1], sys.argv[2])
