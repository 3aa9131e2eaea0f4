#!/usr/bin/env python3
"""A small site of real devices, switches and a mirror port, in network namespaces.

    lab.py up                     build the site, boot it, leave it running
    lab.py down                   end and remove all of it
    lab.py sample OUT TRUTH       capture of about five minutes: a camera dies, later a switch
    lab.py short OUT TRUTH        capture of about a minute: a camera dies and returns
    lab.py check CAPTURE TRUTH    hold a capture against its truth, by tshark's reading
    lab.py doctor                 say what this machine lacks

Needs root and the packages of packages.txt. OUT is pcapng, TRUTH is JSON.
"""

import argparse
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

import boot
import capture
import check
import needs
import net
import plan
import truth

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main() -> int:
    arguments = parse()
    # A shell starts background jobs with SIGINT ignored; the lab must clean up after it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended)
    try:
        if arguments.command == "check":
            return check.report(arguments.capture, arguments.truth)
        if arguments.command == "down" and os.geteuid() != 0:
            raise net.LabError(needs.NOT_ROOT)
        lacking = [] if arguments.command == "down" else needs.lacking()
        if lacking or arguments.command == "doctor":
            print("\n".join(lacking) if lacking else "Nothing is lacking: the lab can run here.", file=sys.stderr)
            return EXIT_FAILED if lacking else 0
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
    for name in ("sample", "short"):
        command = commands.add_parser(name)
        command.add_argument("out", type=Path)
        command.add_argument("truth", type=Path)
    command = commands.add_parser("check")
    command.add_argument("capture", type=Path)
    command.add_argument("truth", type=Path)
    return parser.parse_args()


class the_only_lab:
    """Holds the lab's lock; a second lab on this machine is refused."""

    def __enter__(self) -> None:
        net.RUN_DIR.mkdir(parents=True, exist_ok=True)
        self.lock = open(net.RUN_DIR / net.LOCK, "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            raise net.LabError("another lab is at work on this machine") from busy

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


def sample(arguments: argparse.Namespace) -> int:
    return record(arguments, five_minutes)


def short(arguments: argparse.Namespace) -> int:
    return record(arguments, one_minute)


COMMANDS = {"up": up, "down": down, "sample": sample, "short": short}


def record(arguments: argparse.Namespace, timeline) -> int:
    """Builds the site, captures a timeline, writes the truth, removes the site, checks the result."""
    for path in (arguments.out, arguments.truth):
        if not path.parent.is_dir():
            raise net.LabError(f"there is no folder {path.parent} to write {path.name} into")
    story = truth.Truth(arguments.truth, arguments.out.name)
    try:
        come_up()
        mirror = capture.Capture()
        story.phase("boot", time.time())
        boot.all_on()
        story.phase("all_streaming", time.time())
        timeline(story)
        story.captured(mirror.stop(arguments.out))
        story.write()
    finally:
        net.remove_all()
    return check.report(arguments.out, arguments.truth)


def come_up() -> None:
    """Switches, cables and mirror, until STP forwards."""
    if net.existing():
        say("removing what an earlier lab left behind")
        net.remove_all()
    net.forget_logs()
    say("building the site")
    net.build()
    time.sleep(net.STP_READY_S)


def five_minutes(story: truth.Truth) -> None:
    quiet(75)
    camera_dies(story, plan.device("cam-lobby"), away_s=65)
    quiet(30)
    switch_dies(story, plan.switch("sw-dock"), away_s=40)
    quiet(25)


def one_minute(story: truth.Truth) -> None:
    quiet(18)
    camera_dies(story, plan.device("cam-entrance"), away_s=18)
    quiet(8)


def camera_dies(story: truth.Truth, camera: plan.Device, away_s: float) -> None:
    say(f"{camera.name} loses its power for {away_s} s")
    event = story.event("power-lost", [camera.name], boot.power_cut(camera), switch=camera.switch, port=camera.port)
    time.sleep(away_s)
    truth.note(event, link_up=time.time())
    boot.camera_on(camera)
    truth.note(event, leased=time.time())
    truth.note(event, to=boot.wait_for_streams([camera])[camera.name])


def switch_dies(story: truth.Truth, switch: plan.Switch, away_s: float) -> None:
    say(f"{switch.name} dies for {away_s} s")
    members = plan.behind(switch.name)
    at = time.time()
    net.switch_off(switch)
    event = story.event("switch-died", [switch.name], at, members=[device.name for device in members])
    time.sleep(away_s)
    truth.note(event, link_up=time.time())
    net.switch_on(switch)
    boot.run_switch(switch)
    streaming = boot.wait_for_streams([device for device in members if device.rtsp])
    event["streaming"] = {name: truth.utc(at) for name, at in streaming.items()}
    truth.note(event, to=max(streaming.values()))


def quiet(seconds: float) -> None:
    say(f"{seconds} s of ordinary life")
    time.sleep(seconds)


def say(words: str) -> None:
    print(f"lab: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
