"""Capturing on the mirror port with dumpcap, into a pcapng that says nothing of this machine; another program beside it."""

import re
import signal
import struct
import subprocess
import time
from pathlib import Path

import net

START_LIMIT_S = 10
END_LIMIT_S = 60


class Capture:
    """A running dumpcap on the mirror port."""

    def __init__(self) -> None:
        self.raw = net.RUN_DIR / "capture.pcapng"
        self.raw.unlink(missing_ok=True)
        (net.RUN_DIR / "dumpcap.log").unlink(missing_ok=True)
        self.process = net.start(net.TAP, ["dumpcap", "-q", "-i", net.MIRROR, "-w", str(self.raw)], "dumpcap.log")
        net.wait_for("dumpcap does not start", lambda: self.raw.exists() and self.raw.stat().st_size > 0, START_LIMIT_S)
        self.started = time.time()

    def catch_up(self) -> None:
        """Waits until every frame that has arrived is written; dumpcap leaves unread what it has not taken when it ends."""
        now = time.time()
        net.wait_for("no later frame is written", lambda: last_stamp(self.raw.read_bytes()) > now, END_LIMIT_S)

    def stop(self, to: Path) -> dict:
        """Ends the capture and puts it at `to`; gives when, and dumpcap's own counts."""
        ended = time.time()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired as late:
            raise net.LabError("dumpcap does not stop") from late
        words = (net.RUN_DIR / "dumpcap.log").read_text()
        counts = re.search(r"received/dropped on interface '\w+': (\d+)/(\d+)", words)
        if not counts:
            raise net.LabError(f"dumpcap gives no counts: {words.strip()}")
        to.write_bytes(without_machine(self.raw.read_bytes()))
        self.raw.unlink()
        return {"started": self.started, "ended": ended, "packets": int(counts[1]), "dropped": int(counts[2])}


class Beside:
    """Another program at the mirror port."""

    def __init__(self, argv: list[str]) -> None:
        self.process = net.start(net.TAP, argv, "beside.log")

    def stop(self) -> None:
        """Ends it as Ctrl-C does; raises LabError where it fails or does not end."""
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired as late:
            raise net.LabError("the program beside does not end") from late
        if code:
            raise net.LabError(f"the program beside failed: {(net.RUN_DIR / 'beside.log').read_text().strip()}")


def without_machine(pcapng: bytes) -> bytes:
    """The same file without the options that name processor and kernel."""
    order = "<" if pcapng[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
    out, at = [], 0
    for expected, options_at, unwanted in HEADERS:
        kind, length = struct.unpack_from(order + "II", pcapng, at)
        if kind != expected:
            raise net.LabError(f"dumpcap wrote block {kind:#x} where {expected:#x} should be")
        block = pcapng[at : at + length]
        options = wanted_options(order, block[options_at:-4], unwanted)
        total = options_at + len(options) + 4
        size = struct.pack(order + "I", total)
        out.append(block[:4] + size + block[8:options_at] + options + size)
        at += length
    return b"".join([*out, pcapng[at:]])


def last_stamp(pcapng: bytes) -> float:
    """When the last whole frame of dumpcap's file was captured, in seconds of Unix time; 0 where there is none."""
    at, last = 0, 0.0
    while at + 12 <= len(pcapng):
        kind, length = struct.unpack_from("=II", pcapng, at)
        if kind == FRAME and at + length <= len(pcapng):
            high, low = struct.unpack_from("=II", pcapng, at + 12)
            last = (high << 32 | low) / 1e9
        at += length
    return last


def wanted_options(order: str, options: bytes, unwanted: set[int]) -> bytes:
    """Options of a pcapng block without some of them."""
    out = b""
    while options:
        code, length = struct.unpack_from(order + "HH", options)
        whole = 4 + (length + 3) // 4 * 4
        if code not in unwanted:
            out += options[:whole]
        options = options[whole:]
    return out


# An enhanced packet block.
FRAME = 6
# Block type, where its options begin, and which of them to leave out:
# of the section its hardware and system, of the interface its system.
HEADERS = [(0x0A0D0D0A, 24, {2, 3}), (1, 16, {12})]
