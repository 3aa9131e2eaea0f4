"""Switching devices on and off: real DHCP clients, RTSP servers, recorders and LLDP speakers."""

import shlex
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import net
import plan

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # the one that Debian's gi modules are for
LEASE_LIMIT_S = 40
STREAM_LIMIT_S = 40
RECORDER_TIMEOUT_US = 6_000_000
RECORDER_PAUSE_S = 2
CLAIM_EVERY_S = 5

# The process that serves each camera's video, and of the gateway addresses.
SERVERS: dict[str, subprocess.Popen] = {}
# The recorder's client of each camera that is pulled only now and then.
PULLERS: dict[str, subprocess.Popen] = {}


def all_on() -> None:
    """Boots everything in an order that leaves no needless noise, until all cameras stream."""
    gateway()
    for switch in plan.SWITCHES:
        run_switch(switch)
    fixed_address(plan.RECORDER, gateway=plan.GATEWAY)
    with_lease = [device for device in plan.DEVICES if device.dhcp]
    for device in with_lease:
        ask_for_lease(device)
        time.sleep(0.3)
    for device in with_lease:
        wait_for_lease(device)
        run_services(device)
    record()
    wait_for_streams(plan.always_send(plan.CAMERAS))


def camera_on(camera: plan.Device) -> None:
    """Boots one camera and waits for its lease."""
    ask_for_lease(camera)
    wait_for_lease(camera)
    run_services(camera)


def power_cut(device: plan.Device) -> float:
    """A device loses its power: link first, then all of its processes; gives the time (Unix)."""
    net.ip(device.name, "link set eth0 down")
    at = time.time()
    net.kill_all(device.name)
    net.new_body(device)
    return at


def gateway() -> None:
    fixed_address(plan.GATEWAY_DEVICE)
    serve_addresses()


def serve_addresses() -> None:
    """The site's DHCP server."""
    reservations = [f"--dhcp-host={d.mac},{d.ip}" for d in plan.DEVICES if d.dhcp]
    config = net.RUN_DIR / "dnsmasq.conf"
    config.write_text("")
    SERVERS["gateway"] = net.start(
        "gateway",
        [
            "dnsmasq", "--keep-in-foreground", f"--conf-file={config}", "--user=root", "--no-resolv", "--no-hosts",
            "--no-ping", "--dhcp-authoritative", "--interface=eth0", "--bind-interfaces", "--domain=site.test",
            f"--dhcp-range={plan.NETWORK}.100,{plan.NETWORK}.199,{plan.SETTINGS['lease_s']}s",
            f"--dhcp-leasefile={net.RUN_DIR / 'leases'}", f"--pid-file={net.RUN_DIR / 'dnsmasq.pid'}",
            f"--dhcp-option=option:ntp-server,{plan.GATEWAY}", "--log-dhcp", "--log-facility=-", *reservations,
        ],
        "gateway.log",
    )


def serve_foreign_addresses(device: plan.Device) -> None:
    """A DHCP server of another network, which answers a second later than others."""
    network = device.ip.rpartition(".")[0]
    base = net.RUN_DIR / device.name
    net.start(
        device.name,
        [
            "dnsmasq", "--keep-in-foreground", f"--conf-file={net.RUN_DIR / 'dnsmasq.conf'}", "--user=root",
            "--no-resolv", "--no-hosts", "--no-ping", "--interface=eth0", "--bind-interfaces", "--dhcp-reply-delay=1",
            f"--dhcp-range={network}.100,{network}.199,3600s", f"--dhcp-leasefile={base}.leases",
            f"--pid-file={base}.dnsmasq.pid", "--log-dhcp", "--log-facility=-",
        ],
        f"{device.name}.log",
    )


def claim(device: plan.Device) -> None:
    """Says over ARP every few seconds who has the device's address."""
    forever = f"while :; do busybox arping -q -U -c 1 -I eth0 {device.ip}; sleep {CLAIM_EVERY_S}; done"
    net.start(device.name, ["sh", "-c", forever], f"{device.name}.log")


def fixed_address(device: plan.Device, gateway: str | None = None) -> None:
    """Sets a device's address by hand and announces it."""
    lines = ["link set eth0 up", f"address add {device.ip}/{plan.PREFIX_BITS} brd + dev eth0"]
    if gateway:
        lines.append(f"route add default via {gateway}")
    net.ip_batch(device.name, lines)
    net.inside(device.name, "busybox", "arping", "-q", "-U", "-c", "1", "-I", "eth0", device.ip)


def ask_for_lease(device: plan.Device) -> None:
    """Link up, then the device's own kind of DHCP client, which stays and renews."""
    net.ip(device.name, "link set eth0 up")
    ask = {"udhcpc": udhcpc, "dhclient": dhclient, "dhcpcd": dhcpcd}[device.dhcp.client]
    net.start(device.name, ask(device), f"{device.name}.dhcp.log")


def udhcpc(device: plan.Device) -> list[str]:
    dhcp = device.dhcp
    argv = ["udhcpc", "-f", "-i", "eth0", "-s", str(HERE / "lease.sh"), "-t", "30", "-T", "2", "-o"]
    for option in dhcp.options.split(","):
        argv += ["-O", option]
    if dhcp.vendor_class:
        argv += ["-V", dhcp.vendor_class]
    if dhcp.hostname:
        argv += ["-x", f"hostname:{dhcp.hostname}"]
    return argv


def dhclient(device: plan.Device) -> list[str]:
    dhcp = device.dhcp
    config = net.RUN_DIR / f"{device.name}.dhclient.conf"
    names = ", ".join(DHCLIENT_NAMES[code] for code in dhcp.options.split(","))
    config.write_text(
        "option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;\n"
        f'send host-name "{dhcp.hostname}";\nsend dhcp-client-identifier = hardware;\nrequest {names};\nretry 3;\n'
        "initial-interval 2;\nbackoff-cutoff 3;\n"
    )
    files = net.RUN_DIR / device.name
    for leftover in net.RUN_DIR.glob(f"{device.name}.leases"):
        leftover.unlink()
    return [
        "dhclient", "-4", "-d", "-v", "-cf", str(config), "-sf", str(HERE / "lease.sh"),
        "-lf", f"{files}.leases", "-pf", f"{files}.pid", "eth0",
    ]


DHCLIENT_NAMES = {
    "1": "subnet-mask", "2": "time-offset", "3": "routers", "4": "time-servers", "5": "ien116-name-servers",
    "6": "domain-name-servers", "12": "host-name", "15": "domain-name", "26": "interface-mtu",
    "28": "broadcast-address", "42": "ntp-servers", "44": "netbios-name-servers", "47": "netbios-scope",
    "119": "domain-search", "121": "rfc3442-classless-static-routes",
}


def dhcpcd(device: plan.Device) -> list[str]:
    dhcp = device.dhcp
    config = net.RUN_DIR / f"{device.name}.dhcpcd.conf"
    config.write_text("ipv4only\nnoipv4ll\nnolink\nclientid\nscript /bin/true\n")
    client = [
        "dhcpcd", "--nobackground", f"--config={config}", f"--vendorclassid={dhcp.vendor_class}",
        f"--hostname={dhcp.hostname}", "eth0",
    ]
    return private(["/run/dhcpcd", "/var/lib/dhcpcd"], client)


def private(folders: list[str], argv: list[str]) -> list[str]:
    """The same program with empty folders of its own in place of the machine's."""
    hide = "".join(f"mkdir -p {d} && mount -t tmpfs lab {d} && " for d in folders)
    return ["sh", "-c", f"{hide}exec {shlex.join(argv)}"]


def wait_for_lease(device: plan.Device) -> None:
    def has_address() -> bool:
        return f" {device.ip}/" in net.ip(device.name, "-4 -o address show dev eth0")

    net.wait_for(f"{device.name} has no lease of {device.ip}", has_address, LEASE_LIMIT_S)


def run_services(device: plan.Device) -> None:
    """What a device does once it has its address."""
    if device.rtsp:
        serve_video(device)
    if device.onvif:
        speak = [PYTHON, str(HERE / "discovery.py"), "answer", device.name]
        net.start(device.name, speak, f"{device.name}.discovery.log")
    if device.lldp:
        speak_lldp_med(device)
    if device.name == plan.ACCESS_SERVER.name:
        listen = [PYTHON, str(HERE / "heartbeat.py"), "serve", str(plan.HOST_LINK_PORT)]
        net.start(device.name, listen, f"{device.name}.log")
    if device.name == plan.DOOR_CONTROLLER.name:
        where = [plan.ACCESS_SERVER.ip, str(plan.HOST_LINK_PORT), str(plan.HEARTBEAT_S)]
        net.start(device.name, [PYTHON, str(HERE / "heartbeat.py"), "call", *where], f"{device.name}.log")


def serve_video(camera: plan.Device) -> None:
    stands = ["stands"] if plan.ON_MOTION.get(camera.name) == "picture" else []
    serve = [PYTHON, str(HERE / "camera.py"), camera.name, *stands]
    SERVERS[camera.name] = net.start(camera.name, serve, f"{camera.name}.log")


def motion(camera: plan.Device, *, moves: bool) -> None:
    """Something moves before a camera that sends only then, or no more."""
    if plan.ON_MOTION[camera.name] == "picture":
        SERVERS[camera.name].send_signal(signal.SIGUSR2 if moves else signal.SIGUSR1)
    elif moves:
        log, recorder = f"recorder.{camera.name}.log", plan.RECORDER.name
        PULLERS[camera.name] = net.start(recorder, gstreamer(camera), log, host_name=recorder)
    else:
        PULLERS.pop(camera.name).terminate()


def record() -> None:
    """One client for each camera, started again whenever it gives up, as recorders do."""
    pull_with = {"ffmpeg": ffmpeg, "gstreamer": gstreamer}[plan.SETTINGS["recorder"]]
    for camera in (camera for camera in plan.CAMERAS if plan.ON_MOTION.get(camera.name) != "pulled"):
        pull = pull_with(camera)
        forever = f"while :; do {shlex.join(pull)}; sleep {RECORDER_PAUSE_S}; done"
        # ffmpeg says its host name as RTCP CNAME.
        recorder = plan.RECORDER.name
        net.start(recorder, ["sh", "-c", forever], f"recorder.{camera.name}.log", host_name=recorder)
    look = [PYTHON, str(HERE / "discovery.py"), "ask", str(plan.PROBE_S)]
    net.start(plan.RECORDER.name, look, "recorder.discovery.log")


def ffmpeg(camera: plan.Device) -> list[str]:
    rtsp = camera.rtsp
    login = f"{quote(rtsp.account)}:{quote(rtsp.password)}@" if rtsp.account else ""
    return [
        "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-rtsp_transport", rtsp.transport,
        "-timeout", str(RECORDER_TIMEOUT_US), "-i", f"rtsp://{login}{camera.ip}{rtsp.url_path}",
        "-map", "0:v", "-c", "copy", "-f", "null", "-",
    ]


def gstreamer(camera: plan.Device) -> list[str]:
    rtsp = camera.rtsp
    login = [rtsp.account, rtsp.password] if rtsp.account else []
    return [PYTHON, str(HERE / "puller.py"), f"rtsp://{camera.ip}{rtsp.url_path}", rtsp.transport, *login]


def wait_for_streams(cameras: list[plan.Device]) -> dict[str, float]:
    """Waits until all these cameras send video; gives since when each does (Unix), to about a second.

    Judged at their switch ports: a server may answer PLAY and send nothing.
    """
    window_s, frames_min, windows_min = 1.0, 4, 2
    since: dict[str, float] = {}
    steady = dict.fromkeys((camera.name for camera in cameras), 0)

    def all_stream() -> bool:
        before = {camera.name: net.received(camera) for camera in cameras}
        at = time.time()
        time.sleep(window_s)
        for camera in cameras:
            name = camera.name
            if net.received(camera) - before[name] < frames_min:
                steady[name] = 0
                continue
            steady[name] += 1
            if steady[name] == 1:
                since[name] = at
        return min(steady.values()) >= windows_min

    net.wait_for("not all of " + ", ".join(steady) + " stream", all_stream, STREAM_LIMIT_S)
    return since


def run_switch(switch: plan.Switch) -> None:
    """What a switch does besides switching: LLDP, and on some a DHCP relay."""
    speak_lldp(switch)
    if switch.relays_dhcp:
        down = [argument for device in plan.behind(switch.name) for argument in ("-id", device.port)]
        relay = ["dhcrelay", "-4", "-d", "-a", *down, "-iu", "br0", "-pf", f"{net.RUN_DIR / switch.name}.relay.pid"]
        net.start(switch.name, [*relay, plan.GATEWAY], f"{switch.name}.relay.log")


def speak_lldp(switch: plan.Switch) -> None:
    """LLDP on all ports of a switch."""
    lines = [
        f"configure system hostname {switch.name}",
        f'configure system description "{switch.description}"',
        f"configure lldp tx-interval {plan.LLDP_INTERVAL_S}",
        f"configure lldp tx-hold {plan.LLDP_HOLD}",
        "configure lldp portidsubtype ifname",
        "configure system capabilities enabled bridge",
    ]
    manage = switch.ip or "!*"
    serve = ",".join([*net.ports(switch), net.CHASSIS])
    lldpd(switch.name, lines, ["-C", net.CHASSIS, "-I", serve, "-m", manage])


def speak_lldp_med(device: plan.Device) -> None:
    """LLDP with the MED inventory, as a media endpoint."""
    lines = [
        f"configure system hostname {device.name}",
        f'configure system description "{device.vendor} {device.model}"',
        f"configure lldp tx-interval {plan.LLDP_INTERVAL_S}",
        f"configure lldp tx-hold {plan.LLDP_HOLD}",
        f'configure inventory manufacturer "{device.vendor}"',
        f'configure inventory model "{device.model}"',
        f'configure inventory firmware-revision "{device.firmware}"',
        f'configure inventory software-revision "{device.firmware}"',
        'configure inventory hardware-revision "F.01U.01"',
        f'configure inventory serial-number "{device.serial}"',
        'configure inventory asset "lab"',
        "configure med power pd source pse priority low value 6000",
        "configure ports eth0 dot3 power pd supported enabled powerpairs signal class class-3"
        " type 2 source pse priority low requested 6000 allocated 6000",
    ]
    lldpd(device.name, lines, ["-C", "eth0", "-I", "eth0", "-M", "1"])


def lldpd(name: str, lines: list[str], flags: list[str]) -> None:
    config = net.RUN_DIR / f"{name}.lldpd.conf"
    config.write_text("\n".join(lines) + "\n")
    base = net.RUN_DIR / f"{name}.lldpd"
    daemon = ["lldpd", "-d", "-l", "-k", "-O", str(config), "-u", f"{base}.socket", "-p", f"{base}.pid", *flags]
    net.start(name, private(["/run/lldpd"], daemon), f"{name}.lldpd.log")


