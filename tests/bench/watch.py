#!/usr/bin/env python3
"""How many packets a second `spanwatch watch` holds without a drop, through a cable of a namespace of its own.

    watch.py SPANWATCH CAPTURE [--record] [RATE ...]

Sends the frames of CAPTURE (pcapng, as `spanwatch simulate` writes) again and again for SECONDS at each rate, from one process
for each SENDER_RATE packets a second, and prints what the watch saw, what it dropped and the processor time that took, in all and
of each kind of its threads (`spanwatch` is the ledger's). Senders use processors too: what one machine holds from a real mirror
is more. With --record the watch keeps a store in a temporary folder, and its recorder writes every packet there. Needs root.
"""

import collections
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SECONDS = 10
SENDER_RATE = 60_000
RATES = [20_000, 50_000, 100_000, 200_000, 300_000]
NAMESPACE = f"swbench-{os.getpid()}"
BURST_S = 0.005
ENHANCED_PACKET = 6
CABLE = 1514


def main() -> None:
    spanwatch, capture, *rates = (word for word in sys.argv[1:] if word != "--record")
    frames = read(capture)
    size = sum(map(len, frames)) / len(frames)
    print(f"{len(frames)} frames of {size:.0f} bytes on average, {SECONDS} s each")
    print(f"{'asked /s':>10} {'sent /s':>10} {'seen':>10} {'dropped':>10} {'processor s':>12} {'not recorded':>13}  of threads")
    ip("netns", "add", NAMESPACE)
    try:
        inside(*"ip link add a0 type veth peer name b0".split())
        for port in ("a0", "b0"):
            inside("sysctl", "-qw", f"net/ipv6/conf/{port}/disable_ipv6=1")
            inside("ip", "link", "set", port, "up", "arp", "off")
        for rate in map(int, rates or RATES):
            print(row(spanwatch, frames, rate), flush=True)
    finally:
        ip("netns", "delete", NAMESPACE)


def row(spanwatch: str, frames: list[bytes], rate: int) -> str:
    argv = ["ip", "netns", "exec", NAMESPACE, spanwatch, "watch", "-i", "b0", "--format", "jsonl"]
    if "--record" in sys.argv:
        folder = tempfile.TemporaryDirectory(prefix="spanwatch-bench-")
        argv += ["--store", folder.name]
    watch = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch.stderr.readline()
    senders = -(-rate // SENDER_RATE)
    sending = [sender(frames, rate / senders) for _ in range(senders)]
    sent = sum(int(os.fdopen(pipe).read()) for _, pipe in sending)
    for process, _ in sending:
        os.waitpid(process, 0)
    threads = by_thread(watch.pid)
    watch.send_signal(signal.SIGINT)
    told = [json.loads(line) for line in watch.stdout]
    _, _, usage = os.wait4(watch.pid, 0)
    port = next(line for line in told if line["type"] == "capture")["inputs"][0]
    used = usage.ru_utime + usage.ru_stime
    late = next((line.split()[1] for line in watch.stderr if "were not recorded" in line), "")
    return f"{rate:>10} {sent // SECONDS:>10} {port['packets']:>10} {port['dropped']:>10} {used:>12.1f} {late:>13}  {threads}"


def by_thread(process: int) -> str:
    """Processor seconds of a process's threads, by their names, those of hundredths left out."""
    used = collections.Counter()
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        name, figures = task.joinpath("stat").read_text().split("(", 1)[1].rsplit(")", 1)
        used[name] += sum(map(int, figures.split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in used.most_common() if seconds >= 0.1)


def sender(frames: list[bytes], rate: float) -> tuple[int, int]:
    """A process that sends at this rate, and a pipe that tells how many it sent."""
    reads, writes = os.pipe()
    if process := os.fork():
        os.close(writes)
        return process, reads
    space = os.open(f"/run/netns/{NAMESPACE}", os.O_RDONLY)
    setns(space)
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("a0", 0))
    sent, begin = 0, time.monotonic()
    while (passed := time.monotonic() - begin) < SECONDS:
        for _ in range(int(passed * rate) - sent):
            out.send(frames[sent % len(frames)])
            sent += 1
        time.sleep(BURST_S)
    os.write(writes, str(sent).encode())
    os._exit(0)


def setns(space: int) -> None:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).setns(space, 0):
        raise OSError(ctypes.get_errno(), "setns")


def read(path: str) -> list[bytes]:
    """The frames of a little-endian pcapng, those too long for the cable left out."""
    raw, at, frames = open(path, "rb").read(), 0, []
    while at < len(raw):
        kind, length = struct.unpack_from("<II", raw, at)
        if kind == ENHANCED_PACKET:
            captured = struct.unpack_from("<I", raw, at + 20)[0]
            if captured <= CABLE:
                frames.append(raw[at + 28 : at + 28 + captured])
        at += length
    return frames


def ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True)


def inside(*argv: str) -> None:
    ip("netns", "exec", NAMESPACE, *argv)


if __name__ == "__main__":
    main()
