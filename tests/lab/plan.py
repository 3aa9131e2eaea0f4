"""The site the lab builds: who is there, how each announces itself, where it is plugged in.

```
        gateway  recorder  access server  reception camera
            \\        |         |          /
  span0 <== ge8 --- sw-core (STP root, LLDP) --- ge1, ge2
                                              |      |
                                         sw-hall   sw-dock
                                       3 cameras   3 cameras, door controller
```

Addresses are from 192.0.2.0/24 (RFC 5737). Manufacturers' MAC prefixes are real, the
rest of each MAC, each serial number and each password is invented. Looks (DHCP options,
RTSP realms, paths) are what such products are documented to send; the software behind
them is not the makers'.
"""

from dataclasses import dataclass, field, replace

NETWORK = "192.0.2"
PREFIX_BITS = 24
GATEWAY = f"{NETWORK}.1"
LLDP_INTERVAL_S = 10
LLDP_HOLD = 3
CORE = "sw-core"
MIRROR_PORT = "ge8"
UPLINK = "ge9"
SPARE_UPLINK = "ge8"
SPARE_PORT = "ge7"


@dataclass(frozen=True)
class Switch:
    """A bridge with STP and an LLDP speaker; `uplink_port` is the core's port it hangs on.

    One that relays DHCP keeps its devices' broadcasts off the uplink and asks the server
    in their name, with the port as circuit id (option 82).
    """

    name: str
    mac: str
    description: str
    ports: int
    bridge_priority: int
    ip: str | None = None
    relays_dhcp: bool = False
    uplink_port: str | None = None
    spare_port: str | None = None  # the core's port of its second uplink
    vendor: str = "HPE/Aruba"
    model: str = ""
    firmware: str = ""

    @property
    def port_macs(self) -> str:
        """The first five bytes of its ports' MACs."""
        return self.mac[:-2]


@dataclass(frozen=True)
class Dhcp:
    """How a device asks for its address. An absent option is not sent."""

    client: str  # udhcpc, dhclient or dhcpcd
    vendor_class: str | None = None
    hostname: str | None = None
    options: str = "1,3,6,12,15,28,42"


@dataclass(frozen=True)
class Rtsp:
    """What a camera's RTSP server looks like, and how the recorder pulls it."""

    path: str
    query: str = ""
    transport: str = "udp"  # or tcp: interleaved
    auth: str = "digest"  # basic, digest, none
    realm: str = ""
    account: str = ""
    password: str = field(default="", repr=False)
    server: str | None = None  # None: no Server header at all
    public: str | None = None  # None: as GStreamer orders it
    session_name: str | None = None
    sdp_session: tuple[str, ...] = ()  # lines for the SDP's session part
    sdp_media: tuple[str, ...] = ()  # and for its media part
    month_first: bool = False  # Date: Sun, Nov 22 2026 ..., unlike RFC 1123
    control: str = "trackID=1"
    pattern: str = "ball"

    @property
    def url_path(self) -> str:
        return self.path + self.query


@dataclass(frozen=True)
class Device:
    """A host on a switch port. Without `dhcp` its address is set by hand."""

    name: str
    kind: str
    vendor: str
    model: str
    mac: str
    ip: str
    switch: str
    port: str
    firmware: str = ""
    serial: str = ""
    dhcp: Dhcp | None = None
    rtsp: Rtsp | None = None
    onvif: tuple[str, ...] = ()  # WS-Discovery scopes below onvif://www.onvif.org/
    lldp: bool = False


SWITCHES = [
    Switch(
        CORE, "fc:7f:f1:20:4a:00", "Aruba JL355A 2540-48G-4SFP+ Switch, revision YC.16.11.0005", 8, 4096,
        model="JL355A", firmware="YC.16.11.0005",
    ),
    Switch(
        "sw-hall", "fc:15:b4:81:c3:00", "Aruba J9774A 2530-8G-PoE+ Switch, revision YA.16.10.0012", 9, 32768,
        ip=f"{NETWORK}.2", uplink_port="ge1", model="J9774A", firmware="YA.16.10.0012",
    ),
    Switch(
        "sw-dock", "f8:b4:6a:5d:77:00", "Aruba J9774A 2530-8G-PoE+ Switch, revision YA.16.10.0012", 9, 32768,
        ip=f"{NETWORK}.3", relays_dhcp=True, uplink_port="ge2", model="J9774A", firmware="YA.16.10.0012",
    ),
]

AXIS_PUBLIC = "OPTIONS, DESCRIBE, GET_PARAMETER, PAUSE, PLAY, SETUP, SET_PARAMETER, TEARDOWN"
HIKVISION_PUBLIC = "OPTIONS, DESCRIBE, PLAY, PAUSE, SETUP, TEARDOWN, SET_PARAMETER, GET_PARAMETER"

CAMERAS = [
    Device(
        "cam-entrance", "camera", "Axis", "P3265-LV", "b8:a4:4f:3a:91:0c", f"{NETWORK}.51", "sw-hall", "ge1",
        firmware="10.12.165", serial="B8A44F3A910C",
        dhcp=Dhcp("udhcpc", "Axis,Dome Camera,P3265-LV,10.12.165", "axis-b8a44f3a910c"),
        rtsp=Rtsp(
            "/axis-media/media.amp", "?videocodec=h264&resolution=160x90", realm="AXIS_WS_B8A44F3A910C",
            account="recorder", password="Lab-entrance-51", server="GStreamer RTSP server", public=AXIS_PUBLIC,
            session_name="Session streamed with GStreamer", control="stream=0", pattern="ball",
        ),
    ),
    Device(
        "cam-lobby", "camera", "Hikvision", "DS-2CD2143G2-I", "44:19:b6:7c:20:e5", f"{NETWORK}.52", "sw-hall", "ge2",
        firmware="V5.7.3 build 220112", serial="C12144190",
        dhcp=Dhcp("udhcpc", "udhcp 1.24.1", "DS-2CD2143G2-I"),
        onvif=(
            "type/video_encoder", "Profile/Streaming", "MAC/44:19:b6:7c:20:e5", "hardware/DS-2CD2143G2-I",
            "name/HIKVISION%20DS-2CD2143G2-I", "location/country/none",
        ),
        rtsp=Rtsp(
            "/Streaming/Channels/101", transport="tcp", realm="IP Camera(C1214)", account="recorder",
            password="Lab-lobby-52", public=HIKVISION_PUBLIC, session_name="Media Presentation",
            sdp_session=("e=NONE",),
            sdp_media=("a=x-dimensions:160,90", "a=appversion:1.0"), month_first=True, pattern="smpte",
        ),
    ),
    Device(
        "cam-corridor", "camera", "Vivotek", "FD9187-HT", "00:02:d1:5e:b4:17", f"{NETWORK}.53", "sw-hall", "ge3",
        firmware="FD9187-VVTK-0123a",
        dhcp=Dhcp("udhcpc", "udhcp 1.20.2", "VIVOTEK-FD9187"),
        rtsp=Rtsp(
            "/live.sdp", auth="basic", realm="streaming_server", account="recorder", password="Lab-corridor-53",
            session_name="RTSP server", pattern="circular",
        ),
    ),
    Device(
        "cam-ramp", "camera", "Dahua", "IPC-HFW2431S", "3c:ef:8c:0b:d6:42", f"{NETWORK}.54", "sw-dock", "ge1",
        firmware="2.820.0000000.48.R,build:2022-06-14", serial="6K0A2BCPAJ9F31D",
        dhcp=Dhcp("dhclient", None, "6K0A2BCPAJ9F31D", "1,3,4,5,6,12,15,28,42"),
        onvif=(
            "location/country/none", "name/Dahua", "hardware/IPC-HFW2431S", "Profile/Streaming",
            "type/Network_Video_Transmitter", "extension/unique_identifier/1",
        ),
        rtsp=Rtsp(
            "/cam/realmonitor", "?channel=1&subtype=0", transport="tcp", realm="Login to 6K0A2BCPAJ9F31D",
            account="recorder", password="Lab-ramp-54", server="Dahua Rtsp Server", session_name="Media Server",
            sdp_session=("a=packetization-supported:DH", "a=rtppayload-supported:DH"),
            control="trackID=0", pattern="smpte75",
        ),
    ),
    Device(
        "cam-yard", "camera", "Hanwha", "XNO-6080R", "00:09:18:61:2f:c8", f"{NETWORK}.55", "sw-dock", "ge2",
        firmware="1.41.08_20220516_R324",
        dhcp=Dhcp("dhcpcd", "dhcpcd-6.11.5:Linux-4.9.37:armv7l:WN7", "XNO-6080R", ""),
        onvif=(
            "type/video_encoder", "Profile/Streaming", "hardware/XNO-6080R", "name/Hanwha%20Techwin",
            "location/country/none",
        ),
        rtsp=Rtsp(
            "/profile1/media.smp", realm="iPOLiS", account="recorder", password="Lab-yard-55",
            session_name="Media Presentation", control="trackID=v", pattern="pinwheel",
        ),
    ),
    Device(
        "cam-gate", "camera", "Axis", "M3005", "ac:cc:8e:d2:06:7b", f"{NETWORK}.56", "sw-dock", "ge3",
        firmware="5.51.7", serial="ACCC8ED2067B",
        dhcp=Dhcp("udhcpc", "AXIS,Network Camera,M3005,5.51.7", "axis-accc8ed2067b"),
        rtsp=Rtsp(
            "/axis-media/media.amp", transport="tcp", realm="AXIS_ACCC8ED2067B", account="recorder",
            password="Lab-gate-56", server="GStreamer RTSP server", public=AXIS_PUBLIC,
            session_name="Session streamed with GStreamer", control="stream=0", pattern="spokes",
        ),
    ),
    Device(
        "cam-reception", "camera", "Bosch Security", "FLEXIDOME IP 4000i", "00:07:5f:a7:13:3e", f"{NETWORK}.57",
        CORE, "ge6", firmware="7.80 B128", serial="094457530912050031", lldp=True,
        dhcp=Dhcp("udhcpc", "udhcp 1.22.1", None, "1,3,6,12,15,28,42"),
        rtsp=Rtsp(
            "/rtsp_tunnel", "?inst=1", auth="none", session_name="LiveVideo", control="trackID=1", pattern="smpte100",
        ),
    ),
]

DOOR_CONTROLLER = Device(
    "door-dock", "access-controller", "Mercury Security", "", "00:0f:e5:0c:4d:92", f"{NETWORK}.60", "sw-dock", "ge4",
    dhcp=Dhcp("udhcpc", "udhcp 1.19.4", "MAC000FE50C4D92"),
)
RECORDER = Device("recorder", "recorder", "Supermicro", "", "0c:c4:7a:91:5e:20", f"{NETWORK}.10", CORE, "ge4")
ACCESS_SERVER = Device(
    "access-server", "server", "Supermicro", "", "00:25:90:3b:a8:64", f"{NETWORK}.20", CORE, "ge5",
    dhcp=Dhcp("dhclient", None, "access-server", "1,28,2,3,15,6,119,12,44,47,26,121,42"),
)
GATEWAY_DEVICE = Device("gateway", "router", "MikroTik", "", "08:55:31:6e:02:d9", GATEWAY, CORE, "ge3")

# Who comes only to some sites, with an address set when he appears.
GUESTS = {
    "home-router": Device("home-router", "guest", "TP-Link", "", "50:c7:bf:12:6a:3d", "198.51.100.1", CORE, "ge7"),
    "stranger": Device("stranger", "guest", "Raspberry Pi", "", "b8:27:eb:44:0e:91", f"{NETWORK}.53", "sw-hall", "ge8"),
}

DEVICES = [GATEWAY_DEVICE, RECORDER, ACCESS_SERVER, DOOR_CONTROLLER, *CAMERAS]

# What a site may set: the recorder's program (ffmpeg or gstreamer), the length of a DHCP lease.
SETTINGS = {"recorder": "ffmpeg", "lease_s": 120}
# Cameras that send only when something moves: `pulled` then, or pulled always and their `picture` stands meanwhile.
ON_MOTION: dict[str, str] = {}
HOST_LINK_PORT = 3001
HEARTBEAT_S = 5
PROBE_S = 60


def arrange(moves: dict[str, tuple[str, str]], guests: tuple[str, ...], spare: str) -> None:
    """Makes a site: plugs devices into other ports than above, adds guests and a switch's spare uplink."""
    DEVICES.extend(GUESTS[name] for name in guests)
    SWITCHES[:] = [replace(s, spare_port=SPARE_PORT) if s.name == spare else s for s in SWITCHES]
    for some in (CAMERAS, DEVICES):
        some[:] = [replace(d, switch=moves[d.name][0], port=moves[d.name][1]) if d.name in moves else d for d in some]


def device(name: str) -> Device:
    """The device of that name."""
    return next(d for d in DEVICES if d.name == name)


def switch(name: str) -> Switch:
    """The switch of that name."""
    return next(s for s in SWITCHES if s.name == name)


def always_send(some: list[Device]) -> list[Device]:
    """Those cameras among them whose video never pauses."""
    return [d for d in some if d.rtsp and d.name not in ON_MOTION]


def behind(switch_name: str) -> list[Device]:
    """Everything plugged into that switch."""
    return [d for d in DEVICES if d.switch == switch_name]
