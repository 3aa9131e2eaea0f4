"""Programs that read a capture, and what they use of processor and memory."""

import datetime
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path


class Program:
    """A program that reads a capture; `FILE` in its command stands for the capture, `COUNT` for a tenth of its packets."""

    def __init__(self, name, command, is_quick=True):
        self.name, self.command, self.is_quick = name, command, is_quick

    def is_there(self):
        return shutil.which(self.command[0]) is not None

    def run(self, capture, packets=0, out=subprocess.DEVNULL):
        known = {"FILE": str(capture), "COUNT": str(packets // TENTH)}
        command = [known.get(word, word) for word in self.command]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)} failed with {child.returncode}")
        return Spent(usage)

    def row(self, spent, capture, packets):
        """A row of the table: of each figure the median, the least and the most in brackets."""
        size = capture.stat().st_size
        if not self.is_quick:
            packets, size = packets // TENTH, size / TENTH
        times = [each.cpu_s for each in spent]
        median = statistics.median(times)
        memory_mb = statistics.median(each.memory_mb for each in spent)
        ns = [time / packets * 1e9 for time in times]
        span = f" ({min(ns):,.0f}–{max(ns):,.0f})" if len(times) > 1 else " (once, a tenth of it)"
        words = [Path(word).name if "/" in word and word != "/dev/null" else word for word in map(str, self.command)]
        return (f"| {self.name} | `{' '.join(words)}` | {median:.2f} | {statistics.median(ns):,.0f}{span} | "
                f"{packets / median:,.0f} | {size * 8 / median / 1e9:.2f} | {memory_mb:.0f} |")


class Spent:
    """Processor time, user and system, of all threads, and the most memory that was resident."""

    def __init__(self, usage):
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.memory_mb = usage.ru_maxrss / 1024


def spanwatch(binary, threads=None):
    command = [binary, "replay", "FILE", "--format", "json", "--no-progress"]
    return [*command, "--threads", str(threads)] if threads else command


def all_programs(binaries, walker):
    """Spanwatch as it is packaged and as it is without a profile, and what stands beside it: less work first."""
    binary, plain = binaries
    as_whom = ["-Z", "root"] if os.geteuid() == 0 else []
    return [
        Program(ONE_THREAD, spanwatch(binary, 1)),
        Program(UNHASHED, [*spanwatch(binary, 1), "--no-file-hash"]),
        Program("Spanwatch, the same, built without a profile", [*spanwatch(plain, 1), "--no-file-hash"]),
        Program("Spanwatch, two threads", spanwatch(binary, 2)),
        Program(READING, ["cat", "FILE"]),
        Program("SHA-256 alone", ["sha256sum", "FILE"]),
        # By the processor's own instructions, as Spanwatch takes it.
        Program("SHA-256 alone, as Spanwatch does", ["openssl", "dgst", "-sha256", "FILE"]),
        Program("headers and a flow table", [walker, "FILE"]),
        Program("tcpdump, copies", ["tcpdump", *as_whom, "-nn", "-r", "FILE", "-w", "/dev/null"]),
        Program("nDPI", ["ndpiReader", "-q", "-i", "FILE"]),
        Program("tshark, all dissectors", ["tshark", "-q", "-c", "COUNT", "-z", "io,stat,0", "-r", "FILE"], is_quick=False),
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


ONE_THREAD, UNHASHED, READING = "Spanwatch, one thread", "Spanwatch, one thread, no file hash", "cat"

# tshark is slow, and its memory grows with what it reads: it gets a tenth.
TENTH = 10
