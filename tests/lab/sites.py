"""The sites: where things hang, what happens when, and what must be found of it.

Each is written before any detector sees its capture. `due` is the whole of what the report may claim: what is
not there is missed, what is there besides is false.
"""

import os
import random
from dataclasses import dataclass

import plan


@dataclass(frozen=True)
class At:
    """At so many seconds after all cameras stream, this happens to this one; `how` belongs to it."""

    second: float
    what: str  # a function of events.py
    who: str = ""
    how: str = ""


@dataclass(frozen=True)
class Due:
    """A finding that the report must have. `of` is the event it begins with, by its place in the truth."""

    kind: str
    of: int
    devices: tuple[str, ...] = ()
    more: tuple[str, ...] = ()  # may be named as well
    causes: tuple[str, ...] = ()  # empty: any
    switch: str = ""
    supersedes: bool = False
    times: int = 1
    ends: bool | None = True  # None: whether it has an end is not judged
    within_s: float = 20  # noticed so long after it began
    early_s: float = 1  # its beginning may be dated so much before the event, and
    late_s: float = 2  # so much after it


@dataclass(frozen=True)
class Site:
    about: str
    events: tuple[At, ...]
    ends: float
    due: tuple[Due, ...]
    moves: tuple[tuple[str, str, str], ...] = ()  # device, switch, port
    guests: tuple[str, ...] = ()  # of plan.GUESTS
    spare: str = ""  # a switch with a second uplink
    lease_s: int = 120  # of DHCP; clients renew after half of it
    recorder: str = "ffmpeg"  # or gstreamer, which keeps sessions alive and reports what it receives
    on_motion: tuple[tuple[str, str], ...] = ()  # cameras that send only then: `pulled` then, or their `picture` stands


SIX = ("cam-entrance", "cam-lobby", "cam-corridor", "cam-ramp", "cam-yard", "cam-gate")
OF_A_DEVICE = ("power", "device", "device-restart")
OF_A_LINK = ("link", "unknown")

# A healthy hour takes `LAB_MOTION_S=3600`.
MOTION_S = int(os.environ.get("LAB_MOTION_S", "280"))
# How each sends, and how long nothing moves before it, in the mean.
ON_MOTION = {
    "cam-lobby": ("pulled", 25), "cam-ramp": ("pulled", 50), "cam-yard": ("pulled", 150),
    "cam-reception": ("picture", 30), "cam-corridor": ("picture", 80),
}
STILL_SPREAD = (0.3, 1.7)
MOVES_S = (5, 30)


def motion(length_s: float) -> tuple[At, ...]:
    """When something moves before whom: the same each time."""
    events = []
    for who, (_, still_s) in ON_MOTION.items():
        chance, second = random.Random(who), 0.0
        while True:
            second += still_s * chance.uniform(*STILL_SPREAD)
            until = second + chance.uniform(*MOVES_S)
            if until > length_s:
                break
            events += [At(round(second, 1), "moves", who), At(round(until, 1), "rests", who)]
            second = until
    return tuple(sorted(events, key=lambda event: event.second))


SITES = {
    "short": Site(
        about="a camera loses its power and returns",
        events=(At(18, "power_lost", "cam-entrance"), At(36, "power_back", "cam-entrance")),
        ends=60,
        due=(Due("device-offline", 0, ("cam-entrance",), causes=(*OF_A_DEVICE, "unknown")),),
    ),
    "six-behind-a-switch": Site(
        about="a switch with six cameras loses its power, and they boot after it; later its uplink is cut",
        moves=(
            ("cam-entrance", "sw-dock", "ge5"), ("cam-lobby", "sw-dock", "ge6"), ("cam-corridor", "sw-dock", "ge7"),
            ("door-dock", "sw-hall", "ge1"),
        ),
        events=(
            At(45, "switch_power_lost", "sw-dock"), At(75, "switch_power_back", "sw-dock"),
            At(160, "uplink_cut", "sw-dock"), At(180, "uplink_mended", "sw-dock"),
        ),
        ends=225,
        due=(
            Due("switch-fault", 0, SIX, causes=("switch",), switch="sw-dock", supersedes=True, times=2, ends=False,
                within_s=140),
        ),
    ),
    "camera-then-switch": Site(
        about="a camera loses its power and returns; later a switch dies whose cameras are fed elsewhere",
        events=(
            At(75, "power_lost", "cam-lobby"), At(140, "power_back", "cam-lobby"),
            At(190, "switch_dies", "sw-dock"), At(230, "switch_back", "sw-dock"),
        ),
        ends=275,
        due=(
            Due("device-offline", 0, ("cam-lobby",), causes=(*OF_A_DEVICE, "unknown")),
            Due("devices-offline-together", 1, ("cam-ramp", "cam-yard", "cam-gate"), ("door-dock",),
                causes=("uplink", "switch"), switch="sw-dock"),
        ),
    ),
    "one-camera": Site(
        about="a camera's program dies, another's cable is pulled for 12 s, a third's picture stands still",
        recorder="gstreamer",
        events=(
            At(40, "service_dies", "cam-corridor"), At(75, "service_back", "cam-corridor"),
            At(110, "cable_pulled", "cam-ramp"), At(122, "cable_plugged", "cam-ramp"),
            At(175, "picture_stands", "cam-yard"), At(235, "picture_runs", "cam-yard"),
        ),
        ends=265,
        due=(
            Due("service-down", 0, ("cam-corridor",), causes=("service",), early_s=60),  # dated to what it served last
            Due("device-offline", 1, ("cam-ramp",), causes=OF_A_LINK),
            Due("stream-stalled", 2, ("cam-yard",), within_s=60),
        ),
    ),
    "blind": Site(
        about="the mirror stops for 40 s while a camera dies, which returns later; later it loses one source",
        events=(
            At(50, "mirror_stops"), At(60, "power_lost", "cam-corridor"), At(90, "mirror_back"),
            At(130, "power_back", "cam-corridor"), At(190, "source_lost", "sw-dock"), At(240, "source_back", "sw-dock"),
        ),
        ends=270,
        due=(
            Due("mirror-lost", 0, within_s=40),
            Due("device-offline", 1, ("cam-corridor",), causes=(*OF_A_DEVICE, "unknown"), early_s=12, within_s=60),
            Due("mirror-partial", 2, ("cam-ramp", "cam-gate"), ("cam-yard", "door-dock"), within_s=45),
        ),
    ),
    "recorder": Site(
        about="the recorder dies and returns; later two cameras of two switches are lost at once, one without power",
        events=(
            At(70, "power_lost", "recorder"), At(110, "power_back", "recorder"),
            At(170, "power_lost", "cam-lobby"), At(170, "cable_pulled", "cam-reception"),
            At(200, "power_back", "cam-lobby"), At(200, "cable_plugged", "cam-reception"),
        ),
        ends=260,
        due=(
            Due("recorder-offline", 0, ("recorder",), causes=("recorder", "power", "device-restart"), within_s=30),
            Due("device-offline", 1, ("cam-lobby",), causes=(*OF_A_DEVICE, "unknown")),
            Due("device-offline", 2, ("cam-reception",), causes=OF_A_LINK),
        ),
    ),
    "addresses": Site(
        about="a second DHCP server appears, and a camera asks for an address; then a stranger takes a camera's",
        guests=("home-router", "stranger"),
        events=(
            At(130, "rogue_dhcp", "home-router"), At(140, "power_lost", "cam-entrance"),
            At(165, "power_back", "cam-entrance"), At(215, "rogue_dhcp_gone", "home-router"),
            At(240, "address_taken", "stranger"), At(290, "address_left", "stranger"),
        ),
        ends=310,
        due=(
            Due("rogue-dhcp", 0, ("home-router",), ("cam-entrance",), within_s=60, late_s=60, ends=None),
            Due("device-offline", 1, ("cam-entrance",), causes=(*OF_A_DEVICE, "unknown")),
            Due("address-conflict", 2, ("cam-corridor", "stranger"), within_s=60, late_s=30, ends=None),
        ),
    ),
    "dhcp-dies": Site(
        about="the DHCP server's program dies for 100 s, in which eight devices renew in vain; none loses its address",
        lease_s=240,
        events=(At(50, "dhcp_dies", "gateway"), At(150, "dhcp_back", "gateway")),
        ends=190,
        due=(Due("dhcp-failed", 0, within_s=100, late_s=70),),
    ),
    "loss": Site(
        about="packets are lost on one camera's port, on a switch's uplink, behind the mirror, and in it",
        recorder="gstreamer",
        moves=(("cam-yard", "sw-hall", "ge4"),),
        events=(
            At(60, "loss", "cam-corridor"), At(105, "loss_over", "cam-corridor"),
            At(190, "loss", "sw-hall"), At(235, "loss_over", "sw-hall"),
            At(320, "loss", "recorder"), At(365, "loss_over", "recorder"),
            At(450, "mirror_narrow"), At(500, "mirror_wide"),
        ),
        ends=575,
        due=(
            Due("stream-loss", 0, ("cam-corridor",), within_s=45, late_s=12),
            Due("stream-loss-shared", 1, ("cam-corridor", "cam-entrance", "cam-yard"), within_s=45, late_s=12),
            Due("stream-loss-downstream", 2, within_s=60, late_s=30),
            Due("mirror-drops", 3, within_s=60, late_s=30),
        ),
    ),
    "motion": Site(
        about="three cameras are pulled, and two send, only when something moves before them; all is well",
        recorder="gstreamer",
        on_motion=tuple((who, how) for who, (how, _) in ON_MOTION.items()),
        events=motion(MOTION_S),
        ends=MOTION_S + 20,
        due=(),
    ),
    "spare-way": Site(
        about="a switch has two uplinks; one fails, and STP takes the other",
        spare="sw-hall",
        recorder="gstreamer",
        events=(At(90, "uplink_cut", "sw-hall"), At(180, "uplink_mended", "sw-hall")),
        ends=230,
        due=(Due("redundancy-lost", 0, switch="sw-hall", within_s=60, late_s=20),),
    ),
}


def arrange(site: Site) -> None:
    """Plugs the site's devices where they hang in it, and sets what it sets otherwise than the plan."""
    plan.arrange({name: (switch, port) for name, switch, port in site.moves}, site.guests, site.spare)
    plan.SETTINGS |= {"recorder": site.recorder, "lease_s": site.lease_s}
    plan.ON_MOTION |= dict(site.on_motion)
