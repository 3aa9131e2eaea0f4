"""What can happen on a site: each function does it and writes down when, whom it struck and how.

Times are read as close to the deed as can be. A function whose name tells an end adds to the event that it ends.
"""

import signal
import time

import boot
import net
import plan
from truth import Truth, note, utc

BOOT_S = 4
BOOT_APART_S = 0.4


def power_lost(story: Truth, who: str, _how: str) -> None:
    device = plan.device(who)
    story.event("power-lost", [who], boot.power_cut(device), switch=device.switch, port=device.port)


def power_back(story: Truth, who: str, _how: str) -> None:
    event = story.open("power-lost", who)
    note(event, link_up=time.time())
    device = plan.device(who)
    if device.name == plan.RECORDER.name:
        boot.fixed_address(device, gateway=plan.GATEWAY)
        boot.record()
        note(event, to=max(boot.wait_for_streams(plan.CAMERAS).values()))
        return
    boot.camera_on(device)
    note(event, leased=time.time())
    note(event, to=boot.wait_for_streams([device])[device.name])


def switch_power_lost(story: Truth, who: str, _how: str) -> None:
    """A switch without power feeds nobody either."""
    switch, members = plan.switch(who), plan.behind(who)
    net.switch_off(switch)
    at = time.time()
    for device in members:
        boot.power_cut(device)
    story.event("switch-power-lost", [who], at, members=[device.name for device in members])


def switch_power_back(story: Truth, who: str, _how: str) -> None:
    """The switch boots, then feeds port after port, and all boot."""
    event = story.open("switch-power-lost", who)
    switch, members = plan.switch(who), plan.behind(who)
    note(event, link_up=time.time())
    net.switch_on(switch)
    boot.run_switch(switch)
    time.sleep(BOOT_S)
    for device in members:
        boot.ask_for_lease(device)
        time.sleep(BOOT_APART_S)
    for device in members:
        boot.wait_for_lease(device)
        boot.run_services(device)
    streams_again(event, members)


def switch_dies(story: Truth, who: str, _how: str) -> None:
    """The switch alone: what hangs on it is fed elsewhere and lives on."""
    net.switch_off(plan.switch(who))
    at = time.time()
    story.event("switch-died", [who], at, members=[device.name for device in plan.behind(who)])


def switch_back(story: Truth, who: str, _how: str) -> None:
    event = story.open("switch-died", who)
    note(event, link_up=time.time())
    net.switch_on(plan.switch(who))
    boot.run_switch(plan.switch(who))
    streams_again(event, plan.behind(who))


def uplink_cut(story: Truth, who: str, _how: str) -> None:
    switch = plan.switch(who)
    net.ip(plan.CORE, f"link set {switch.uplink_port} down")
    at = time.time()
    event = story.event("uplink-cut", [who], at, members=[device.name for device in plan.behind(who)])
    if switch.spare_port:
        note(event, to=at + net.settles_s())


def uplink_mended(story: Truth, who: str, _how: str) -> None:
    switch = plan.switch(who)
    net.ip(plan.CORE, f"link set {switch.uplink_port} up")
    at = time.time()
    if switch.spare_port:
        event = story.event("uplink-mended", [who], at, members=[device.name for device in plan.behind(who)])
        note(event, to=at + net.settles_s())
        return
    event = story.open("uplink-cut", who)
    note(event, link_up=at)
    streams_again(event, plan.behind(who))


def streams_again(event: dict, members: list[plan.Device]) -> None:
    streaming = boot.wait_for_streams([device for device in members if device.rtsp])
    event["streaming"] = {name: utc(at) for name, at in streaming.items()}
    note(event, to=max(streaming.values()))


def cable_pulled(story: Truth, who: str, _how: str) -> None:
    """At the switch's port: the device keeps its power and its address."""
    device = plan.device(who)
    net.ip(device.switch, f"link set {device.port} down")
    at = time.time()
    story.event("cable-pulled", [who], at, switch=device.switch, port=device.port)


def cable_plugged(story: Truth, who: str, _how: str) -> None:
    event, device = story.open("cable-pulled", who), plan.device(who)
    note(event, link_up=time.time())
    net.ip(device.switch, f"link set {device.port} up")
    note(event, to=boot.wait_for_streams([device])[who])


def service_dies(story: Truth, who: str, _how: str) -> None:
    """The program that serves RTSP is killed; the device itself lives and refuses."""
    at = time.time()
    boot.SERVERS[who].kill()
    story.event("service-died", [who], at)


def service_back(story: Truth, who: str, _how: str) -> None:
    event = story.open("service-died", who)
    boot.serve_video(plan.device(who))
    note(event, to=boot.wait_for_streams([plan.device(who)])[who])


def picture_stands(story: Truth, who: str, _how: str) -> None:
    """The encoder gives nothing more, while the server goes on answering."""
    at = time.time()
    boot.SERVERS[who].send_signal(signal.SIGUSR1)
    story.event("picture-stands", [who], at)


def picture_runs(story: Truth, who: str, _how: str) -> None:
    event = story.open("picture-stands", who)
    boot.SERVERS[who].send_signal(signal.SIGUSR2)
    note(event, to=boot.wait_for_streams([plan.device(who)])[who])


def moves(story: Truth, who: str, _how: str) -> None:
    """Something moves before a camera that sends only then."""
    at = time.time()
    boot.motion(plan.device(who), moves=True)
    story.event("motion", [who], at)


def rests(story: Truth, who: str, _how: str) -> None:
    event = story.open("motion", who)
    note(event, to=time.time())
    boot.motion(plan.device(who), moves=False)


def mirror_stops(story: Truth, _who: str, _how: str) -> None:
    """The mirror session is gone; the capturing port keeps its link."""
    at = time.time()
    for port in net.ports(plan.switch(plan.CORE)):
        net.unmirror(port)
    story.event("mirror-stopped", [], at, blind=True)


def mirror_back(story: Truth, _who: str, _how: str) -> None:
    event = story.open("mirror-stopped")
    for port in net.ports(plan.switch(plan.CORE)):
        net.mirror(port)
    note(event, to=time.time())


def source_lost(story: Truth, who: str, _how: str) -> None:
    """The mirror copies what enters by this switch's uplink no more."""
    net.unmirror(plan.switch(who).uplink_port)
    at = time.time()
    story.event("source-lost", [who], at, members=[device.name for device in plan.behind(who)], blind=True)


def source_back(story: Truth, who: str, _how: str) -> None:
    event = story.open("source-lost", who)
    net.mirror(plan.switch(who).uplink_port)
    note(event, to=time.time())


def loss(story: Truth, who: str, _how: str) -> None:
    """Media is dropped at random: of a device where it enters its switch, of a switch where it leaves by the uplink,
    of the recorder where it is sent to it."""
    where = lossy(who)
    at = time.time()
    net.lose(*where)
    story.event("loss", [who], at, where=" ".join(where))


def loss_over(story: Truth, who: str, _how: str) -> None:
    event = story.open("loss", who)
    event["dropped"] = net.lose_no_more(lossy(who)[0])
    note(event, to=time.time())


def lossy(who: str) -> tuple[str, str, str]:
    if who in [switch.name for switch in plan.SWITCHES]:
        return who, plan.UPLINK, "egress"
    device = plan.device(who)
    return device.switch, device.port, "egress" if device.name == plan.RECORDER.name else "ingress"


def mirror_narrow(story: Truth, _who: str, _how: str) -> None:
    """The mirror's port is slower than what it is to send."""
    at = time.time()
    net.narrow_mirror()
    story.event("mirror-narrow", [], at, blind=True)


def mirror_wide(story: Truth, _who: str, _how: str) -> None:
    event = story.open("mirror-narrow")
    event["dropped"] = net.widen_mirror()
    note(event, to=time.time())


def rogue_dhcp(story: Truth, who: str, _how: str) -> None:
    """A home router is plugged in: it gives out addresses of its own network, a little later than the right server."""
    guest = plan.device(who)
    at = time.time()
    boot.fixed_address(guest)
    boot.serve_foreign_addresses(guest)
    story.event("rogue-dhcp", [who], at)


def rogue_dhcp_gone(story: Truth, who: str, _how: str) -> None:
    boot.power_cut(plan.device(who))
    note(story.open("rogue-dhcp", who), to=time.time())


def address_taken(story: Truth, who: str, _how: str) -> None:
    """Somebody sets an address by hand that another has, and says so again and again."""
    at = time.time()
    boot.fixed_address(plan.device(who))
    boot.claim(plan.device(who))
    owner = next(device for device in plan.CAMERAS if device.ip == plan.device(who).ip)
    story.event("address-taken", [who], at, members=[owner.name])


def address_left(story: Truth, who: str, _how: str) -> None:
    boot.power_cut(plan.device(who))
    event = story.open("address-taken", who)
    owners = [plan.device(name) for name in event["members"]]
    note(event, to=max(boot.wait_for_streams(owners).values()))


def dhcp_dies(story: Truth, who: str, _how: str) -> None:
    at = time.time()
    boot.SERVERS[who].kill()
    story.event("dhcp-died", [who], at)


def dhcp_back(story: Truth, who: str, _how: str) -> None:
    boot.serve_addresses()
    note(story.open("dhcp-died", who), to=time.time())
