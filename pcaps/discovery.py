#!/usr/bin/env python3
"""Writes a capture of devices that tell who they are: names, services, leases, makers' searches and their answers.

    pcaps/discovery.py pcaps/discovery.pcap

Everything in it is made up after the documents that the parsers name, at documentation addresses; nothing was recorded. The parsers'
tests hold it against tshark, and the fuzzers cut their first inputs from it.
"""

import ipaddress
import json
import struct
import sys

CAMERA = ("02:00:00:00:00:5a", "192.0.2.7", "fe80::7")
RECORDER = ("02:00:00:00:00:5b", "192.0.2.8", "fe80::8")
ROUTER = ("02:00:00:00:00:01", "192.0.2.1", "fe80::1")
FIRST_S = 1_700_000_000


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def group_mac(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    """RFC 1112, 6.4 and RFC 2464, 7."""
    if address == ipaddress.IPv4Address("255.255.255.255"):
        return b"\xff" * 6
    if address.version == 6:
        return b"\x33\x33" + address.packed[12:]
    return b"\x01\x00\x5e" + bytes([address.packed[1] & 0x7F]) + address.packed[2:]


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(sender: tuple, to: tuple | str, protocol: int, segment: bytes, checksum_at: int) -> bytes:
    """An Ethernet frame from a device to another, or to a group."""
    is_group = isinstance(to, str)
    six = is_group and ":" in to or not is_group and len(to) == 4
    source = ipaddress.ip_address(sender[2 if six else 1])
    target = ipaddress.ip_address(to if is_group else to[2 if six else 1])
    pseudo = source.packed + target.packed + struct.pack("!II" if six else "!HH", *((len(segment), protocol) if six else (protocol, len(segment))))
    summed = checksum(pseudo + segment) or 0xFFFF
    segment = segment[:checksum_at] + struct.pack("!H", summed) + segment[checksum_at + 2 :]
    hops = 255 if is_group else 64
    if six:
        packet = struct.pack("!IHBB", 6 << 28, len(segment), protocol, hops) + source.packed + target.packed + segment
    else:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, hops, protocol, 0) + source.packed + target.packed
        packet = head[:10] + struct.pack("!H", checksum(head)) + head[12:] + segment
    destination = group_mac(target) if is_group else mac(to[0])
    return destination + mac(sender[0]) + (b"\x86\xdd" if six else b"\x08\x00") + packet


def udp(sender: tuple, to: tuple | str, ports: tuple[int, int], payload: bytes) -> bytes:
    return frame(sender, to, 17, struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload, 6)


def tcp(sender: tuple, to: tuple, ports: tuple[int, int], flags: int, numbers: tuple[int, int], payload: bytes = b"") -> bytes:
    return frame(sender, to, 6, struct.pack("!HHIIBBHHH", *ports, *numbers, 0x50, flags, 64_000, 0, 0) + payload, 16)


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def instance(label: str, service: str) -> bytes:
    return bytes([len(label)]) + label.encode() + name(service)


def record(owner: bytes, kind: int, data: bytes, seconds: int = 120) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, seconds, len(data)) + data


def dns(flags: int, questions: list, answers: list, authorities: list = [], additional: list = [], number: int = 0) -> bytes:
    parts = [questions, answers, authorities, additional]
    return struct.pack("!HH4H", number, flags, *map(len, parts)) + b"".join(b"".join(part) for part in parts)


def question(owner: bytes, kind: int) -> bytes:
    return owner + struct.pack("!HH", kind, 1)


def names():
    """DNS, mDNS and LLMNR: asked, answered, announced, probed, repeated for another, registered."""
    host, four = name("cam7.local"), ipaddress.ip_address(CAMERA[1]).packed
    own = record(host, 1, four)
    web = instance("Gate 3", "_http._tcp.local")
    axis = instance("AXIS M1 - 02000000005A", "_axis-video._tcp.local")
    srv = struct.pack("!HHH", 0, 0, 80) + host
    yield udp(CAMERA, ROUTER, (40_001, 53), dns(0x0100, [question(name("time.example"), 1)], [], number=7))
    yield udp(ROUTER, CAMERA, (53, 40_001), dns(0x8180, [question(name("time.example"), 1)], [record(name("time.example"), 1, b"\xc6\x33\x64\x01")], number=7))
    yield udp(CAMERA, ROUTER, (40_002, 53), dns(0x2800, [question(name("example"), 6)], [], [record(name("cam7.example"), 1, four)], number=8))
    yield udp(CAMERA, "224.0.0.251", (5353, 5353), dns(0, [question(host, 255)], [], [own]))
    announced = [own, record(web, 33, srv), record(web, 16, b"\x08model=M1\x06path=/"), record(name("_http._tcp.local"), 12, web)]
    yield udp(CAMERA, "224.0.0.251", (5353, 5353), dns(0x8400, [], announced))
    yield udp(CAMERA, "ff02::fb", (5353, 5353), dns(0x8400, [], [record(host, 28, ipaddress.ip_address(CAMERA[2]).packed)]))
    texts = [record(name("_axis-video._tcp.local"), 12, axis), record(axis, 16, b"\x17macaddress=02000000005A")]
    yield udp(CAMERA, "224.0.0.251", (5353, 5353), dns(0x8400, [], texts))
    yield udp(ROUTER, "224.0.0.251", (5353, 5353), dns(0x8400, [], announced))
    yield udp(RECORDER, "224.0.0.252", (40_003, 5355), dns(0, [question(name("cam7"), 1)], [], number=9))
    yield udp(CAMERA, RECORDER, (5355, 40_003), dns(0x8000, [question(name("cam7"), 1)], [record(name("cam7"), 1, four)], number=9))


def netbios():
    """A registration, a question with its answer, and a status."""

    def half(text: str, service: int) -> bytes:
        letters = [65 + nibble for byte in text.ljust(15).encode() + bytes([service]) for nibble in (byte >> 4, byte & 15)]
        return b"\x20" + bytes(letters) + b"\0"

    own = b"\0\0" + ipaddress.ip_address(CAMERA[1]).packed
    yield udp(CAMERA, "255.255.255.255", (137, 137), dns(0x2910, [question(half("CAM7", 0), 0x20)], [], [], [record(half("CAM7", 0), 0x20, own)], number=1))
    yield udp(RECORDER, "255.255.255.255", (137, 137), dns(0x0110, [question(half("CAM7", 0x20), 0x20)], [], number=2))
    yield udp(CAMERA, RECORDER, (137, 137), dns(0x8500, [], [record(half("CAM7", 0x20), 0x20, own)], number=2))
    status = b"\x02" + b"CAM7".ljust(15) + b"\0\x04\0" + b"SITE".ljust(15) + b"\0\x84\0" + mac(CAMERA[0]) + b"\0" * 40
    yield udp(CAMERA, RECORDER, (137, 137), dns(0x8400, [], [record(b"\x20CK" + b"A" * 30 + b"\0", 0x21, status, 0)], number=3))


def ssdp():
    """A search, an answer, an advertisement, a farewell."""
    about = "LOCATION: http://192.0.2.7:80/rootdesc.xml\r\nSERVER: Linux/4.9 UPnP/1.0 Acme/1.0\r\nCACHE-CONTROL: max-age=1800\r\n"
    group, kind = "239.255.255.250", "urn:schemas-upnp-org:device:DigitalSecurityCamera:1"
    search = f'M-SEARCH * HTTP/1.1\r\nHOST: {group}:1900\r\nMAN: "ssdp:discover"\r\nMX: 3\r\nST: ssdp:all\r\n\r\n'
    yield udp(RECORDER, group, (40_004, 1900), search.encode())
    yield udp(CAMERA, RECORDER, (1900, 40_004), f"HTTP/1.1 200 OK\r\n{about}ST: {kind}\r\nUSN: uuid:1::{kind}\r\nEXT:\r\n\r\n".encode())
    for state in ("alive", "byebye"):
        notify = f"NOTIFY * HTTP/1.1\r\nHOST: {group}:1900\r\n{about}NT: {kind}\r\nNTS: ssdp:{state}\r\nUSN: uuid:1::{kind}\r\n\r\n"
        yield udp(CAMERA, group, (1900, 1900), notify.encode())


def dhcpv6():
    """A lease on the link, and the same client through a relay."""

    def option(code: int, value: bytes) -> bytes:
        return struct.pack("!HH", code, len(value)) + value

    client, server = (option(code, b"\0\x03\0\x01" + mac(who[0])) for code, who in ((1, CAMERA), (2, ROUTER)))
    leased = ipaddress.ip_address("2001:db8::7").packed + struct.pack("!II", 3600, 7200)
    asked, given = (option(3, struct.pack("!III", 1, 0, 0) + inner) for inner in (b"", option(5, leased)))
    told = option(39, b"\0" + name("cam7.example")) + option(16, b"\0\0\x01\x37\0\x08MSFT 5.0") + option(15, b"\0\x03red") + option(6, b"\0\x17\0\x18")
    say = lambda kind, *options: bytes([kind]) + b"\0\0\x07" + b"".join(options)
    to_client = (*CAMERA, "six")
    yield udp(CAMERA, "ff02::1:2", (546, 547), say(1, client, asked, told))
    yield udp(ROUTER, to_client, (547, 546), say(2, client, server, given))
    yield udp(CAMERA, "ff02::1:2", (546, 547), say(3, client, server, given, told))
    yield udp(ROUTER, to_client, (547, 546), say(7, client, server, given))
    relayed = option(9, say(1, client, asked, told)) + option(18, b"Gi1/7") + option(37, b"\0\0\0\x09sw1") + option(79, b"\0\x01" + mac(CAMERA[0]))
    link = ipaddress.ip_address("2001:db8::").packed + ipaddress.ip_address(CAMERA[2]).packed
    yield udp(ROUTER, (*RECORDER, "six"), (547, 547), b"\x0c\0" + link + relayed)


def searches():
    """Makers' searches: the question where it has contents, and the answer."""
    six, four = mac(CAMERA[0]), ipaddress.ip_address(CAMERA[1]).packed
    group = "239.255.255.250"
    yield udp(RECORDER, group, (37_020, 37_020), b"<?xml version=\"1.0\"?><Probe><Uuid>1</Uuid><Types>inquiry</Types></Probe>")
    sadp = {
        "Uuid": "1", "Types": "inquiry", "DeviceDescription": "DS-2CD1", "DeviceSN": "DS-2CD120210101AAWR1", "HttpPort": "80",
        "MAC": CAMERA[0].replace(":", "-"), "IPv4Address": CAMERA[1], "SoftwareVersion": "V5.7.3build 220112", "HCPlatformEnable": "flase",
    }  # fmt: skip
    inside = "".join(f"<{field}>{value}</{field}>\r\n" for field, value in sadp.items())
    yield udp(CAMERA, group, (37_020, 37_020), f'<?xml version="1.0" encoding="UTF-8"?>\r\n<ProbeMatch>{inside}</ProbeMatch>\r\n'.encode())
    yield udp(RECORDER, "239.255.255.251", (40_005, 37_810), dhip(0, {"method": "DHDiscover.search", "params": {"mac": "", "uni": 1}}))
    device = {
        "DeviceClass": "IPC", "DeviceType": "IPC-HFW1", "IPv4Address": {"IPAddress": CAMERA[1]}, "MachineName": "Gate", "SerialNo": "3A0",
        "Vendor": "General", "Version": "2.800.0", "VideoInputChannels": 1,
    }  # fmt: skip
    answer = {"mac": CAMERA[0], "method": "client.notifyDevInfo", "params": {"deviceInfo": device}}
    yield udp(CAMERA, RECORDER, (37_810, 40_005), dhip(0, answer).replace(b'"2.800.0"', b'"2.800.0,'))
    fields = bytearray(262)
    for at, text in ((0, "\x0b"), (0x13, CAMERA[0]), (0x25, CAMERA[1]), (0x6D, "XNV-1"), (0x85, "http://192.0.2.7/")):
        fields[at : at + len(text)] = text.encode()
    yield udp(CAMERA, RECORDER, (7701, 7711), bytes(fields))
    bosch = b"\x99\x39\xa4\x27\0\0\0\x07"
    yield udp(RECORDER, "255.255.255.255", (40_006, 1757), bosch + b"\xff\0\x06\xde")
    yield udp(CAMERA, RECORDER, (1757, 1758), bosch + six + b"\0\0" + four + b"\xff\xff\xff\0\xc0\0\x02\x01\0\0\0\0")
    told = f"<friendlyName>DINION 1</friendlyName><unitName>Gate</unitName><serialNumber>123</serialNumber><physAddress>{CAMERA[0].replace(':', '-')}</physAddress>"
    yield udp(CAMERA, RECORDER, (1757, 1758), f"<root><device>{told}<unitIPAddress>{CAMERA[1]}</unitIPAddress></device></root>".encode())
    vivotek = b"\x4a\x5d\x8f\x1c"
    yield udp(RECORDER, "255.255.255.255", (40_007, 10_000), b"\xa1" + vivotek)
    yield udp(CAMERA, RECORDER, (10_000, 40_007), b"\xa1" + vivotek + b"\x01\x04Gate\x02\x06" + six + b"\x03\x04" + four + b"\x04\x1b\x09\x05FD1-H")
    values = ((2, six + four), (10, b"\0\0\x0e\x10"), (11, b"gate"), (12, b"UVC"), (3, b"F.1.0"), (0x16, b"1.0"), (0x15, b"UVC G1"))
    ubiquiti = b"".join(struct.pack("!BH", kind, len(value)) + value for kind, value in values)
    yield udp(RECORDER, "233.89.188.1", (40_008, 10_001), b"\x01\0\0\0")
    yield udp(CAMERA, RECORDER, (10_001, 40_008), struct.pack("!BBH", 2, 6, len(ubiquiti)) + ubiquiti)
    yield udp(RECORDER, "255.255.255.255", (40_009, 4070), b"discover;013;")
    yield udp(CAMERA, RECORDER, (4070, 40_009), f"discovered;083;{CAMERA[0]};Gate;{CAMERA[1]};1;V1000;3.5.1.1483;07/02/2015;".encode())
    yield udp(RECORDER, "255.255.255.255", (40_010, 2380), b"\x02ENQ:allinfo\xff\x03")
    sony = f"MAC:{CAMERA[0].replace(':', '-')}|MODEL:SNC-1|SERIAL:123|IPADR:{CAMERA[1]}|SOFTVERSION:3.0.0|"
    yield udp(CAMERA, RECORDER, (2380, 40_010), b"\x02" + sony.encode().replace(b"|", b"\xff") + b"\x03")


def dhip(request: int, body: dict) -> bytes:
    text = json.dumps(body).encode()
    return struct.pack("<I4s6I", 32, b"DHIP", 7, request, len(text), 0, len(text), 0) + text


def session():
    """A login in two steps on port 37777, and two questions."""
    asks = [
        {"method": "global.login", "params": {"userName": "ann", "password": ""}, "id": 1},
        {"method": "global.login", "params": {"userName": "ann", "password": "00", "authorityType": "Default"}, "id": 2},
        {"method": "magicBox.getDeviceType", "id": 3},
        {"method": "magicBox.getSoftwareVersion", "id": 4},
    ]
    answers = [
        {"error": {"code": 268632079}, "id": 1, "params": {"realm": "Login to 3A0", "random": "1"}, "result": False},
        {"id": 2, "params": None, "result": True},
        {"id": 3, "params": {"type": "IPC-HFW1"}, "result": True},
        {"id": 4, "params": {"version": {"BuildDate": "2022-06-14", "Version": "2.800.0"}}, "result": True},
    ]
    there, back = (40_011, 37_777), (37_777, 40_011)
    yield tcp(RECORDER, CAMERA, there, 2, (100, 0))
    yield tcp(CAMERA, RECORDER, back, 0x12, (500, 101))
    ours, theirs = 101, 501
    yield tcp(RECORDER, CAMERA, there, 0x10, (ours, theirs))
    for ask, answer in zip(asks, answers):
        request, reply = dhip(ask["id"], ask), dhip(ask["id"], answer)
        yield tcp(RECORDER, CAMERA, there, 0x18, (ours, theirs), request)
        ours += len(request)
        yield tcp(CAMERA, RECORDER, back, 0x18, (theirs, ours), reply)
        theirs += len(reply)


def main() -> None:
    frames = [each for talk in (names, netbios, ssdp, dhcpv6, searches, session) for each in talk()]
    with open(sys.argv[1], "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for number, each in enumerate(frames):
            out.write(struct.pack("<IIII", FIRST_S + number // 10, number % 10 * 100_000, len(each), len(each)) + each)


if __name__ == "__main__":
    main()
