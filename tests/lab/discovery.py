"""WS-Discovery 1.0 as ONVIF uses it: a camera says Hello and answers Probe; a recorder asks.

`discovery.py answer NAME` runs on a camera, `discovery.py ask SECONDS` on the recorder.
Source: WS-Discovery April 2005, sections 4 and 5; ONVIF Core Specification, section 7.
Bye is never said: the lab's cameras lose their power without a word.
"""

import re
import socket
import struct
import sys
import time
import uuid
from xml.sax.saxutils import escape

import plan

GROUP, PORT = "239.255.255.250", 3702
DATAGRAM_MAX = 65_535
NAMESPACES = (
    'xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"'
)
ACTION = "http://schemas.xmlsoap.org/ws/2005/04/discovery/"
EVERYONE = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
CAMERA_TYPE = "dn:NetworkVideoTransmitter"


def answer(camera: plan.Device) -> None:
    booted = int(time.time())
    link = listening(camera.ip)
    number = 0

    def say(action: str, to: str, body: str, where: tuple[str, int], relates: str = "") -> None:
        nonlocal number
        number += 1
        sequence = f'<d:AppSequence InstanceId="{booted}" MessageNumber="{number}"/>'
        link.sendto(envelope(action, to, body, sequence + relates), where)

    self_portrait = portrait(camera)
    say("Hello", EVERYONE, f"<d:Hello>{self_portrait}</d:Hello>", (GROUP, PORT))
    while True:
        datagram, sender = link.recvfrom(DATAGRAM_MAX)
        asked = re.search(rb"MessageID[^>]*>([^<]+)<", datagram)
        if b"discovery/Probe<" not in datagram or not asked:
            continue
        relates = f"<a:RelatesTo>{escape(asked[1].decode(errors='replace'))}</a:RelatesTo>"
        match = f"<d:ProbeMatches><d:ProbeMatch>{self_portrait}</d:ProbeMatch></d:ProbeMatches>"
        say("ProbeMatches", ANONYMOUS, match, sender, relates)


def ask(every_s: float) -> None:
    body = f"<d:Probe><d:Types>{CAMERA_TYPE}</d:Types></d:Probe>"
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.sendto(envelope("Probe", EVERYONE, body), (GROUP, PORT))
            time.sleep(every_s)


def listening(address: str) -> socket.socket:
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    link.bind(("", PORT))
    membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address))
    link.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    return link


def envelope(action: str, to: str, body: str, more: str = "") -> bytes:
    header = f"<a:Action>{ACTION}{action}</a:Action><a:MessageID>urn:uuid:{uuid.uuid4()}</a:MessageID><a:To>{to}</a:To>"
    soap = f"<s:Envelope {NAMESPACES}><s:Header>{header}{more}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    return b'<?xml version="1.0" encoding="UTF-8"?>' + soap.encode()


def portrait(camera: plan.Device) -> str:
    """Who the camera is: an endpoint that ends in its MAC, type, scopes and its service's address."""
    endpoint = f"urn:uuid:5f5a69c2-e0ae-504f-829b-{camera.mac.replace(':', '')}"
    scopes = " ".join(f"onvif://www.onvif.org/{scope}" for scope in camera.onvif)
    return (
        f"<a:EndpointReference><a:Address>{endpoint}</a:Address></a:EndpointReference><d:Types>{CAMERA_TYPE}</d:Types>"
        f"<d:Scopes>{escape(scopes)}</d:Scopes><d:XAddrs>http://{camera.ip}/onvif/device_service</d:XAddrs>"
        "<d:MetadataVersion>1</d:MetadataVersion>"
    )


if __name__ == "__main__":
    if sys.argv[1] == "answer":
        answer(plan.device(sys.argv[2]))
    else:
        ask(float(sys.argv[2]))
