#!/usr/bin/env python3
"""Times Spanwatch beside other readers of captures: `tests/bench/bench.py BINARY PLAIN EXAMPLES`, or `make bench`.

The captures are made to order by `spanwatch simulate` in a temporary folder: much video, much signalling, and sites
of growing size. Every program reads each capture in turn (A B C A B C ...), and what counts is processor time, user
and system together, of all its threads; the median of the rounds is shown. What is printed is Markdown. No time is
judged; but memory must not grow with the length of a capture in which nothing happens.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from programs import all_programs, machine, spanwatch, Program, ONE_THREAD, UNHASHED

ROUNDS = 7
CAPTURES = [
    ("video", "200 cameras and their recorders, 2 Mbit/s each",
     "--mix video --devices 206 --bit-rate 2000000 --frame-rate 15 --length 40s"),
    ("control", "8,000 controllers, intercoms, workstations, cameras on demand: signalling alone",
     "--mix control --devices 8000 --length CONTROL"),
    ("scale, 1,000 devices", "a site that is switched on", "--devices 1000 SMALL --length 60s"),
    ("scale, 10,000 devices", "a site that is switched on", "--devices 10000 SMALL --length 40s"),
    ("scale, 50,000 devices", "a site that is switched on", "--devices 50000 SMALL --length 25s"),
]
WORDS = {"SMALL": "--from-boot --bit-rate 20000 --frame-rate 5", "CONTROL": "135s"}
CALM = "--devices 50 --bit-rate 30000 --frame-rate 5 --seed 22"
SHORT_MIN, LONG_MIN = 5, 50
OWN = Path(__file__).parents[2] / "pcaps"
PUBLIC = Path(__file__).parents[3] / "shared" / "pcaps"
REPORT_SHARE, MEMORY_SLACK_MB = 2, 6  # Each reported byte may be held in two forms; threads meet differently.


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("binary", help="what the package holds: built as a profile guides")
    options.add_argument("plain", help="the same without one")
    options.add_argument("examples", type=Path, help="where this folder's programs were built")
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--only", help="captures whose name contains this")
    options = options.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="spanwatch-bench-") as folder:
        for name, about, order in CAPTURES:
            if not options.only or options.only in name:
                capture = Path(folder) / "capture.pcapng"
                packets, devices = simulate(options.binary, capture, order)
                measure(options, (name, about), capture, (packets, devices))
                if name in ("video", "control"):
                    masker(options, capture, name)
                    recorder(options, capture, name)
                if name == "control":
                    parsers(options, [capture, OWN, *([PUBLIC] if PUBLIC.is_dir() else [])])
                    fingerprints(options)
        if not options.only:
            print()
            subprocess.run([options.examples / "tick_cost"], check=True)
            compare_memory(options, Path(folder) / "calm.pcapng")
    if not options.only or options.only in "pages":
        print("\n**pages** of a large site.\n", flush=True)
        subprocess.run([sys.executable, Path(__file__).with_name("pages.py"), options.binary], check=True)


def simulate(binary, capture, order):
    """Makes a capture; how many packets and devices there are in it."""
    for word, meaning in WORDS.items():
        order = order.replace(word, meaning)
    print(f"Making a capture: {order}", file=sys.stderr)
    subprocess.run([binary, "simulate", "--no-progress", "-w", str(capture), *order.split()], check=True)
    # Else the system writes it to the disk while it is read, on the time of who is measured.
    os.sync()
    return told(capture.with_suffix(".truth.json"))


def told(path):
    """What the truth counts, read in a process of its own: a child's peak memory begins with its parent's."""
    script = ("import json, sys; truth = json.load(open(sys.argv[1])); "
              "print(truth['capture']['frames'], sum('mirror' in device for device in truth['devices']))")
    answer = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    packets, devices = answer.stdout.split()
    return int(packets), int(devices)


def measure(options, title, capture, counts):
    packets, devices = counts
    print()
    print(f"**{title[0]}**: {title[1]}. {packets:,} packets, {capture.stat().st_size / 1e6:,.0f} MB, "
          f"{devices:,} devices. Median of {options.rounds} rounds, least and most in brackets.")
    print()
    print("| program | command | CPU s | CPU ns a packet | packets per CPU s | Gbit per CPU s | memory, MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    programs = [program for program in all_programs((options.binary, options.plain), options.examples / "header_walk") if program.is_there()]
    used = {program.name: [] for program in programs}
    for number in range(options.rounds):
        for program in programs:
            if program.is_quick or number == 0:
                print(f"Round {number + 1}: {program.name}", file=sys.stderr)
                used[program.name].append(program.run(capture, packets))
    for program in programs:
        print(program.row(used[program.name], capture, packets), flush=True)
    print()
    print(share_of_hash(used, packets))
    print(verdict(options.binary, capture))


def parsers(options, captures):
    """What each parser costs, over the capture just made, those of the project and the public ones where they are."""
    names = ", ".join({OWN: "our captures", PUBLIC: "the public captures"}.get(it, "control") for it in captures)
    print()
    print(f"**parsers**, each call of each timed, over {names}.")
    print(flush=True)
    subprocess.run([options.examples / "parser_cost", *captures], check=True)


def masker(options, capture, name):
    """What it costs to overwrite what may be secret, which the recorder of a watch does with every packet."""
    print()
    print(f"**masker**, every packet of {name}, in order.")
    print(flush=True)
    subprocess.run([options.examples / "masker_cost", capture], check=True)


def recorder(options, capture, name):
    """What it costs a watch with a store to keep every packet for a while."""
    print()
    print(f"**recorder**, every packet of {name}, in order, into the folder of temporary files.")
    print(flush=True)
    subprocess.run([options.examples / "recorder_cost", capture], check=True)


def fingerprints(options):
    print()
    print("**fingerprints**, every example of the shipped entries, by them and by ten times as many, in turns.")
    print(flush=True)
    subprocess.run([options.examples / "matcher_cost"], check=True)


def share_of_hash(used, packets):
    """How much of Spanwatch's time goes into the SHA-256 of the file that its report names."""
    all_ns, unhashed_ns = (statistics.median(spent.cpu_s for spent in used[name]) / packets * 1e9
                           for name in (ONE_THREAD, UNHASHED))
    if all_ns <= unhashed_ns:
        return "What the SHA-256 of the file takes of Spanwatch's time (one thread) lies within the noise."
    return (f"Of Spanwatch's {all_ns:,.0f} ns a packet (one thread), the SHA-256 of the file takes "
            f"{all_ns - unhashed_ns:,.0f}, everything else {unhashed_ns:,.0f}.")


def verdict(binary, capture):
    """What Spanwatch says of the site: how many of its devices, and which findings."""
    script = ("import collections, json, sys; report = json.load(sys.stdin); "
              "kinds = collections.Counter(finding['kind'] for finding in report['findings']); "
              "print(report['summary']['devices'], dict(kinds) or 'none')")
    replay = subprocess.Popen([word.replace("FILE", str(capture)) for word in spanwatch(binary)], stdout=subprocess.PIPE)
    answer = subprocess.run([sys.executable, "-c", script], stdin=replay.stdout, capture_output=True, text=True, check=True)
    devices, kinds = answer.stdout.split(maxsplit=1)
    return f"Reported: {int(devices):,} devices; findings: {kinds.strip()}."


def compare_memory(options, capture):
    print()
    print(f"| most memory, MB (and size of the report, MB) | {SHORT_MIN} minutes | {LONG_MIN} minutes |")
    print("| --- | ---: | ---: |")
    has_grown = False
    figures = {}
    for minutes in (SHORT_MIN, LONG_MIN):
        simulate(options.binary, capture, f"{CALM} --length {minutes}m")
        for threads in (1, 2):
            figures[threads, minutes] = most_memory(Program("", spanwatch(options.binary, threads)), capture)
    for threads in (1, 2):
        (little, little_told), (much, much_told) = figures[threads, SHORT_MIN], figures[threads, LONG_MIN]
        print(f"| 50 devices in calm, {threads} thread{'s' * (threads > 1)} | {little:.1f} ({little_told:.2f}) | "
              f"{much:.1f} ({much_told:.2f}) |")
        has_grown |= much - little > (much_told - little_told) * REPORT_SHARE + MEMORY_SLACK_MB
    if has_grown:
        sys.exit("Memory grows with the capture.")


def most_memory(program, capture):
    """The most memory of some runs, and the size of what one writes."""
    with tempfile.TemporaryFile() as report:
        memory_mb = max(program.run(capture, out=report).memory_mb for _ in range(ROUNDS))
        return memory_mb, report.tell() / 1e6 / ROUNDS


if __name__ == "__main__":
    main()
