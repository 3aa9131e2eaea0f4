"""A recorder's client of one camera, by GStreamer: it keeps its session alive and reports what it receives (RTCP).

`puller.py URL udp|tcp [ACCOUNT PASSWORD]` runs until the session breaks, or SIGTERM: then it ends the session in order. ffmpeg, the other recorder of the lab, reports
by the amount of what it receives, which at the lab's bit rates is next to never, and asks nothing while nothing comes.
"""

import signal
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

TCP_TIMEOUT_US = 6_000_000


def main() -> None:
    url, transport, *login = sys.argv[1:]
    Gst.init(None)
    source = Gst.ElementFactory.make("rtspsrc")
    source.set_property("location", url)
    source.set_property("tcp-timeout", TCP_TIMEOUT_US)
    source.set_property("timeout", 0)  # never changes to TCP by itself
    Gst.util_set_object_arg(source, "protocols", transport)
    for name, value in zip(("user-id", "user-pw"), login):
        source.set_property(name, value)
    sink = Gst.ElementFactory.make("fakesink")
    pipeline = Gst.Pipeline.new()
    pipeline.add(source)
    pipeline.add(sink)
    source.connect("pad-added", lambda _source, pad: pad.link(sink.get_static_pad("sink")))
    loop = GLib.MainLoop()
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    for what in ("error", "eos"):
        bus.connect(f"message::{what}", lambda *_: loop.quit())

    def end() -> bool:
        pipeline.set_state(Gst.State.NULL)
        loop.quit()
        return GLib.SOURCE_REMOVE

    GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, end)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()


if __name__ == "__main__":
    main()
