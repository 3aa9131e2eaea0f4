#!/usr/bin/env python3
"""Times Spanwatch beside other readers of captures: `tests/bench.py BINARY SAMPLE`, or `make bench`.

The sample is written many times in a row, each repetition later than the one before by the sample's length
and a second, as a classic capture in a temporary folder. Every program reads it in turn (A B C A B C) and what
counts is processor time, user and system together, of all its threads. What is printed is Markdown. No time is
judged; but memory must not grow with the capture, only with what there is to report: each repetition has outages
of its own.
"""

import argparse
import datetime
import os
import platform
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

MANY, FEW = 500, 50
ROUNDS = 3
CALM_S = (30, 60)  # Of the sample: the site has booted, and nothing fails yet.
REPORT_SHARE, MEMORY_SLACK_MB = 2, 6  # Each reported byte may be held in two forms; threads meet differently.


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("binary")
    options.add_argument("sample", type=Path)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--repetitions", type=int, default=MANY)
    options = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="spanwatch-bench-") as folder:
        counts = (FEW, options.repetitions)
        captures = {count: Path(folder) / f"{count}.pcap" for count in counts}
        calm = {count: Path(folder) / f"calm-{count}.pcap" for count in counts}
        packets = apart(lambda: write_all(options.sample, captures, calm))
        measure(options, packets, captures)
        compare_memory(options, captures, calm)


def apart(work):
    """Does work that gives a number in a process of its own: a child's peak memory begins with its parent's."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(work()).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        number = answer.read()
    if os.waitpid(child, 0)[1] != 0 or not number:
        sys.exit("The captures could not be written.")
    return int(number)


def write_all(sample, captures, calm):
    frames = read_pcapng(sample.read_bytes())
    first = min(at for at, _, _ in frames)
    calm_frames = [frame for frame in frames if CALM_S[0] <= (frame[0] - first) / 1e6 < CALM_S[1]]
    for files, content in ((captures, frames), (calm, calm_frames)):
        for count, path in files.items():
            print(f"Writing {count} repetitions of {len(content)} packets.", file=sys.stderr)
            repeat(content, count, path)
    return len(frames)


def measure(options, packets, captures):
    many = options.repetitions
    print(machine())
    print()
    print(f"{options.sample.name}: {packets:,} packets, repeated {many} times: {many * packets:,} packets, "
          f"{captures[many].stat().st_size / 1e6:,.0f} MB. Median of {options.rounds} rounds, least and most in "
          "brackets. Memory is the most that was resident; less than 16 MB cannot be told.")
    print()
    print("| program | command | repetitions | CPU s | packets per CPU s | MB per CPU s | memory, MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    programs = [program for program in programs_for(options.binary) if shutil.which(program.command[0])]
    often = [program for program in programs if program.is_quick]
    used = {program.name: [] for program in programs}
    for number in range(options.rounds):
        for program in often:
            print(f"Round {number + 1}: {program.name}", file=sys.stderr)
            used[program.name].append(program.run(captures[many]))
    for program in programs:
        if program.is_quick:
            print(program.row(used[program.name], many, many * packets, captures[many]))
        else:
            print(f"Once: {program.name}", file=sys.stderr)
            once = [program.run(captures[FEW])]
            print(program.row(once, FEW, FEW * packets, captures[FEW]))


def compare_memory(options, captures, calm):
    few, many = captures
    print()
    print(f"| most memory, MB (and size of the report, MB) | {few} repetitions | {many} repetitions |")
    print("| --- | ---: | ---: |")
    has_grown = False
    for program in programs_for(options.binary)[:2]:
        for what, files in ((f"calm: seconds {CALM_S[0]} to {CALM_S[1]} of the sample", calm),
                            ("all of the sample, with its outages", captures)):
            (little, little_told), (much, much_told) = [most_memory(program, files[count]) for count in (few, many)]
            print(f"| {program.name}, {what} | {little:.1f} ({little_told:.2f}) | {much:.1f} ({much_told:.2f}) |")
            has_grown |= much - little > (much_told - little_told) * REPORT_SHARE + MEMORY_SLACK_MB
    if has_grown:
        sys.exit("Memory grows with the capture.")


def most_memory(program, capture):
    """The most memory of some runs, and the size of what one writes."""
    with tempfile.TemporaryFile() as report:
        memory_mb = max(program.run(capture, report).memory_mb for _ in range(ROUNDS))
        return memory_mb, report.tell() / 1e6 / ROUNDS


class Program:
    """A program that reads a capture; `FILE` in its command stands for the capture."""

    def __init__(self, name, command, is_quick=True):
        self.name, self.command, self.is_quick = name, command, is_quick

    def run(self, capture, out=subprocess.DEVNULL):
        command = [str(capture) if word == "FILE" else word for word in self.command]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)} failed with {child.returncode}")
        return Spent(usage)

    def row(self, spent, repetitions, packets, capture):
        times = [each.cpu_s for each in spent]
        cpu_s = statistics.median(times)
        spread = f" ({min(times):.1f}–{max(times):.1f})" if len(times) > 1 else " (once)"
        memory_mb = max(each.memory_mb for each in spent)
        words = [Path(word).name if word.startswith("/") and word != "/dev/null" else word for word in self.command]
        words[0] = Path(words[0]).name
        return (f"| {self.name} | `{' '.join(words)}` | {repetitions} | {cpu_s:.1f}{spread} | {packets / cpu_s:,.0f} | "
                f"{capture.stat().st_size / 1e6 / cpu_s:,.0f} | {memory_mb:.0f} |")


class Spent:
    def __init__(self, usage):
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.memory_mb = usage.ru_maxrss / 1024


def programs_for(binary):
    replay = [binary, "replay", "FILE", "--format", "json", "--no-progress"]
    as_whom = ["-Z", "root"] if os.geteuid() == 0 else []
    return [
        Program("Spanwatch, one thread", [*replay, "--threads", "1"]),
        Program("Spanwatch, default threads", replay),
        Program("tcpdump, reads and writes only", ["tcpdump", *as_whom, "-nn", "-r", "FILE", "-w", "/dev/null"]),
        Program("tcpdump, a line per packet", ["tcpdump", *as_whom, "-n", "-r", "FILE"]),
        Program("nDPI", ["ndpiReader", "-q", "-i", "FILE"]),
        Program("SHA-256 of the file alone", ["sha256sum", "FILE"]),
        Program("tshark, all dissectors", ["tshark", "-q", "-z", "io,stat,0", "-r", "FILE"], is_quick=False),
    ]


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (f"{datetime.date.today()}, {model}, {os.cpu_count()} processors, {memory_gb:.0f} GB, "
            f"{platform.system()} {platform.release().split('-')[0]}; " + versions())


def versions():
    told = []
    for name, option in [("tcpdump", "--version"), ("ndpiReader", "-h"), ("tshark", "--version")]:
        if shutil.which(name):
            asked = subprocess.run([name, option], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            version = re.search(r"\d+\.\d+(\.\d+)?", asked.stdout + asked.stderr)
            told.append(f"{name} {version.group() if version else ''}")
        else:
            told.append(f"{name} is not installed")
    return ", ".join(told) + "."


def read_pcapng(data):
    """The frames of a little-endian pcapng file: time in microseconds, length on the wire, bytes."""
    frames, units, at = [], [], 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 1:
            units.append(ticks_per_second(data[at + 16:at + length - 4]))
        elif kind == 6:
            interface, upper, lower, captured, wire = struct.unpack_from("<IIIII", data, at + 8)
            microseconds = (upper << 32 | lower) * 1_000_000 // units[interface]
            frames.append((microseconds, wire, data[at + 28:at + 28 + captured]))
        at += length
    return frames


def ticks_per_second(options):
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from("<HH", options, at)
        if code == 9:
            exponent = options[at + 4]
            return 2 ** (exponent & 0x7f) if exponent & 0x80 else 10 ** exponent
        at += 4 + (length + 3) // 4 * 4
    return 1_000_000


def repeat(frames, count, path):
    """Writes the frames `count` times as a classic capture of Ethernet with microseconds."""
    first = min(at for at, _, _ in frames)
    period = max(at for at, _, _ in frames) - first + 1_000_000
    header = struct.Struct("<IIII").pack
    with open(path, "wb", buffering=1 << 20) as out:
        out.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for repetition in range(count):
            shift = repetition * period
            out.write(b"".join(
                header((at + shift) // 1_000_000, (at + shift) % 1_000_000, len(frame), wire) + frame
                for at, wire, frame in frames))
    return path


if __name__ == "__main__":
    main()
