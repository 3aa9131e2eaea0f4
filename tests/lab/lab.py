#!/usr/bin/env python3
"""Small sites of real devices, switches and a mirror port, in network namespaces.

    lab.py up                     build the site, boot it, leave it running
    lab.py down                   end and remove all of it
    lab.py sites                  say what sites there are
    lab.py run SITE OUT TRUTH     what happens on a site, captured, and the truth about it; what stands behind `--` is a
                                  program that runs beside it at the mirror port span0, and is ended by SIGINT
    lab.py all FOLDER [SITE ...]  all sites, or these, side by side
    lab.py check CAPTURE TRUTH    hold a capture against its truth, by tshark's reading
    lab.py doctor                 say what this machine lacks

Needs root and the packages of packages.txt. OUT is pcapng, TRUTH is JSON.
"""

import argparse
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import boot
import capture
import check
import events
import needs
import net
import sites
import truth

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
AT_ONCE_PER_CORE = 2
STARTS_APART_S = 8


def main() -> int:
    arguments = parse()
    # A shell starts background jobs with SIGINT ignored; the lab must clean up after it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended)
    try:
        if arguments.command == "sites":
            print("\n".join(f"{name:20} {site.about}" for name, site in sites.SITES.items()))
            return 0
        if arguments.command == "check":
            return check.report(arguments.capture, arguments.truth)
        if arguments.command == "down" and os.geteuid() != 0:
            raise net.LabError(needs.NOT_ROOT)
        lacking = [] if arguments.command == "down" else needs.lacking()
        if lacking or arguments.command == "doctor":
            print("\n".join(lacking) if lacking else "Nothing is lacking: the lab can run here.", file=sys.stderr)
            return EXIT_FAILED if lacking else 0
        if arguments.command == "all":
            return every(arguments)
        net.enter(getattr(arguments, "site", "site"))
        if arguments.command == "run":
            sites.arrange(sites.SITES[arguments.site])
        with the_only_lab():
            return COMMANDS[arguments.command](arguments)
    except net.LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def ended(number: int, _frame) -> None:
    raise net.LabError(f"ended by {signal.Signals(number).name}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("up", "down", "doctor"):
        commands.add_parser(name)
    commands.add_parser("sites")
    command = commands.add_parser("run")
    command.add_argument("site", choices=list(sites.SITES))
    command.add_argument("out", type=Path)
    command.add_argument("truth", type=Path)
    command.add_argument("beside", nargs="*", metavar="-- PROGRAM")
    command = commands.add_parser("all")
    command.add_argument("folder", type=Path)
    command.add_argument("sites", nargs="*", metavar="SITE", help="which ones; without: all")
    command.add_argument("--at-once", type=int, default=AT_ONCE_PER_CORE * (os.cpu_count() or 1))
    command = commands.add_parser("check")
    command.add_argument("capture", type=Path)
    command.add_argument("truth", type=Path)
    return parser.parse_args()


class the_only_lab:
    """Holds a site's lock; whoever else wants to build the same site is refused."""

    def __enter__(self) -> None:
        net.RUN_DIR.mkdir(parents=True, exist_ok=True)
        self.lock = open(net.RUN_DIR / net.LOCK, "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            raise net.LabError("another lab builds this site on this machine") from busy

    def __exit__(self, *_) -> None:
        self.lock.close()


def up(_) -> int:
    try:
        come_up()
        boot.all_on()
    except BaseException:
        net.remove_all()
        raise
    say(f"up: capture with `ip netns exec {net.PREFIX}{net.TAP} tcpdump -i {net.MIRROR}`; end with `lab.py down`")
    return 0


def down(_) -> int:
    net.remove_all()
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Builds one site, captures what happens on it, writes the truth, removes the site, checks the result."""
    site = sites.SITES[arguments.site]
    for path in (arguments.out, arguments.truth):
        if not path.parent.is_dir():
            raise net.LabError(f"there is no folder {path.parent} to write {path.name} into")
    story = truth.Truth(arguments.truth, arguments.out.name, site)
    try:
        come_up()
        mirror = capture.Capture()
        beside = capture.Beside(arguments.beside) if arguments.beside else None
        story.phase("boot", time.time())
        boot.all_on()
        story.phase("all_streaming", time.time())
        live(site, story)
        if beside:
            beside.stop()
            mirror.catch_up()
        story.captured(mirror.stop(arguments.out))
        story.write()
    finally:
        net.remove_all()
    return check.report(arguments.out, arguments.truth)


def live(site: sites.Site, story: truth.Truth) -> None:
    """Lets happen what happens on a site."""
    begin = time.monotonic()
    for event in site.events:
        time.sleep(max(0.0, begin + event.second - time.monotonic()))
        say(f"{event.second:.0f} s: {event.what} {event.who} {event.how}".rstrip())
        getattr(events, event.what)(story, event.who, event.how)
    time.sleep(max(0.0, begin + site.ends - time.monotonic()))


def every(arguments: argparse.Namespace) -> int:
    """Runs sites side by side, as many at once as the processors bear, the longest first.

    One whose capture is not what its truth says is run once more: it must not judge the product.
    """
    if unknown := set(arguments.sites) - set(sites.SITES):
        raise net.LabError(f"there is no site {', '.join(sorted(unknown))}; see `lab.py sites`")
    waiting = sorted(arguments.sites or sites.SITES, key=lambda name: -sites.SITES[name].ends)
    print(f"lab: {len(waiting)} sites, {arguments.at_once} at once, in this order: {', '.join(waiting)}", flush=True)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    running: dict[str, tuple[subprocess.Popen, float]] = {}
    begun, again, failed = time.monotonic(), set(), []
    try:
        while waiting or running:
            while waiting and len(running) < arguments.at_once:
                name = waiting.pop(0)
                out = [arguments.folder / f"{name}.pcapng", arguments.folder / f"{name}.truth.json"]
                argv = [sys.executable, __file__, "run", name, *map(str, out)]
                running[name] = subprocess.Popen(argv, stdin=subprocess.DEVNULL), time.monotonic()
                time.sleep(STARTS_APART_S)
            for name in [name for name, (process, _) in running.items() if process.poll() is not None]:
                process, since = running.pop(name)
                print(f"lab: {name}: {time.monotonic() - since:.0f} s, exit {process.returncode}", flush=True)
                if process.returncode and name not in again:
                    print(f"lab: {name}: once more", flush=True)
                    again.add(name)
                    waiting.append(name)
                elif process.returncode:
                    failed.append(name)
            time.sleep(1)
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.wait()
    print(f"lab: {time.monotonic() - begun:.0f} s in all", flush=True)
    if failed:
        print(f"lab: failed: {', '.join(failed)}", flush=True)
    if left := [f"{name}: {len(spaces)}" for name in sites.SITES if (spaces := net.existing_of(name))]:
        print(f"lab: namespaces are left of {', '.join(left)}", flush=True)
    return EXIT_FAILED if failed or left else 0


COMMANDS = {"up": up, "down": down, "run": run}


def come_up() -> None:
    """Switches, cables and mirror, until STP forwards."""
    if net.existing():
        say("removing what an earlier lab left behind")
        net.remove_all()
    net.forget_logs()
    say("building the site")
    net.build()
    time.sleep(net.STP_READY_S)


def say(words: str) -> None:
    print(f"lab: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
