#!/usr/bin/env python3
"""A watch for an hour, with its store and its alarms, at a rate that it holds: `soak.py SPANWATCH`, or `make soak`.

Sends a made-up site in which a switch fails again and again through a cable of a namespace of its own. One receiver is alive,
one is dead. Fails unless memory is flat (the last quarter's mean against the second's, SLACK_MIB more at most), the store is within
its budget, every frame that was sent was seen, and both receivers were dealt with. SPANWATCH_SOAK_SECONDS (3600) and
SPANWATCH_SOAK_RATE (frames a second, 10000) make it another. Needs root.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import watch

SECONDS = int(os.environ.get("SPANWATCH_SOAK_SECONDS", 3600))
RATE = int(os.environ.get("SPANWATCH_SOAK_RATE", 10_000))
SLACK_MIB = 24
STORE_MIB = 64
QUEUE = 16
SITE = "--devices 60 --length 90s --bit-rate 200000 --seed 6 --incident switch-power@30s:sw-01+25s"
CONFIGURATION = f"""
[metrics]
[store]
path = "store"
size_max_mib = {STORE_MIB}
[[syslog]]
to = "udp://127.0.0.1:5514"
[[webhook]]
to = "http://127.0.0.1:9/"
secret_file = "secret"
queue_messages = {QUEUE}
"""


def main() -> None:
    spanwatch = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="spanwatch-soak-") as folder:
        watch.ip("netns", "add", watch.NAMESPACE)
        try:
            soak(spanwatch, pathlib.Path(folder))
        finally:
            watch.ip("netns", "delete", watch.NAMESPACE)


def soak(spanwatch: str, folder: pathlib.Path) -> None:
    site, secret = folder / "site.pcapng", folder / "secret"
    subprocess.run([spanwatch, "simulate", "-w", site, *SITE.split()], check=True, stdout=subprocess.DEVNULL)
    (folder / "soak.toml").write_text(CONFIGURATION)
    secret.write_text("0123456789 0123456789 0123\n")
    secret.chmod(0o600)
    watch.inside(*"ip link set lo up".split())
    watch.inside(*"ip link add a0 type veth peer name b0".split())
    for port in ("a0", "b0"):
        watch.inside("sysctl", "-qw", f"net/ipv6/conf/{port}/disable_ipv6=1")
        watch.inside("ip", "link", "set", port, "up", "arp", "off")
    lines = receiver()
    argv = ["ip", "netns", "exec", watch.NAMESPACE, spanwatch, "watch", "-i", "b0", "--format", "jsonl"]
    with open(folder / "told.jsonl", "w+") as told, open(folder / "said", "w+") as said:
        process = subprocess.Popen([*argv, "--config", folder / "soak.toml"], stdout=told, stderr=said)
        while "listening on" not in (folder / "said").read_text():
            if process.poll() is not None:
                sys.exit((folder / "said").read_text())
            time.sleep(0.1)
        watch.SECONDS = SECONDS
        sender, pipe = watch.sender(watch.read(str(site)), RATE)
        memory, sizes, figures = [], [], {}
        end = time.monotonic() + SECONDS
        while (left := end - time.monotonic()) > 0 and process.poll() is None:
            time.sleep(min(left, max(1, SECONDS / 360)))
            memory.append(resident(process.pid))
            sizes.append(size(folder / "store"))
            figures = scraped() or figures
        sent = int(os.fdopen(pipe).read())
        os.waitpid(sender, 0)
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        _, status, usage = os.wait4(process.pid, 0)
        told.seek(0)
        capture = next(record for line in told if (record := json.loads(line))["type"] == "capture")
    judge(sent, capture, (memory, sizes), (figures, len(lines)), (status, usage))


def judge(sent, capture, grown, heard, ended) -> None:
    (memory, sizes), (figures, lines), (status, usage) = grown, heard, ended
    quarter = len(memory) // 4
    second, last = mean(memory[quarter:2 * quarter]), mean(memory[-quarter:])
    of = lambda name: sum(value for key, value in figures.items() if key.startswith(name + "{"))
    waiting = figures.get("spanwatch_messages_waiting{receiver=\"http://127.0.0.1:9\"}", -1)
    print(f"{SECONDS} s, {sent / SECONDS:.0f} frames a second: {sent} sent, {capture['packets']} seen, {capture['dropped']} dropped")
    print(f"processor: {usage.ru_utime + usage.ru_stime:.1f} s")
    print(f"memory: {second:.1f} MiB in the second quarter, {last:.1f} MiB in the last, {max(memory):.1f} MiB at most")
    print(f"store: {max(sizes) / 2**20:.1f} MiB at most of {STORE_MIB} MiB, its log besides")
    print(f"messages: {lines} lines of syslog heard, {of('spanwatch_messages_sent_total'):.0f} sent, {waiting:.0f} wait for who is "
          f"dead, {of('spanwatch_messages_dropped_total'):.0f} dropped for him, {figures.get('spanwatch_store_messages', -1):.0f} in the store")
    faults = [what for what, is_so in [
        ("the watch did not end as it should", status != 0),
        ("memory is not flat", last > second + SLACK_MIB),
        ("the store is beyond its budget", max(sizes) > STORE_MIB << 20),
        ("frames were dropped", capture["dropped"] != 0),
        ("frames are missing that nobody dropped", capture["packets"] + capture["dropped"] != sent),
        ("nobody was told of anything", lines == 0),
        ("the dead receiver's queue is not bounded", not 0 < waiting <= QUEUE),
    ] if is_so]
    sys.exit("; ".join(faults) or 0)


def receiver() -> list[bytes]:
    """Lines of syslog as they come to a port of the namespace."""
    lines: list[bytes] = []
    bound = threading.Event()

    def listen() -> None:
        # A namespace is a thread's own.
        watch.setns(os.open(f"/run/netns/{watch.NAMESPACE}", os.O_RDONLY))
        port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        port.bind(("127.0.0.1", 5514))
        bound.set()
        while True:
            lines.append(port.recv(65_536))

    threading.Thread(target=listen, daemon=True).start()
    bound.wait(10)
    return lines


def scraped() -> dict[str, float]:
    """The figures that `/metrics` tells."""
    script = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9947/metrics', timeout=5).read().decode())"
    asked = subprocess.run(["ip", "netns", "exec", watch.NAMESPACE, sys.executable, "-c", script], capture_output=True, text=True)
    samples = (line.rsplit(" ", 1) for line in asked.stdout.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in samples}


def resident(process: int) -> float:
    """What a process holds, in MiB."""
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def size(store: pathlib.Path) -> int:
    file = store / "spanwatch.db"
    return file.stat().st_size if file.exists() else 0


def mean(values: list[float]) -> float:
    return sum(values) / max(1, len(values))


if __name__ == "__main__":
    main()
