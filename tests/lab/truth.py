"""What really was and what really happened, written down by the lab, never by a detector."""

import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import unquote

import net
import plan
import sites

SCHEMA = "spanwatch/lab-truth/1"
BLIND = [
    "unicast between two devices behind the same access switch",
    "BPDUs and LLDP between an access switch and its devices",
]


class Truth:
    """Collects events with their times and writes the file."""

    def __init__(self, path: Path, capture_name: str, site: sites.Site) -> None:
        self.path = path
        self.site = site
        self.capture: dict = {"file": capture_name}
        self.phases: dict = {}
        self.events: list[dict] = []

    def phase(self, name: str, at: float) -> None:
        """Notes when a part of the run began."""
        self.phases[name] = utc(at)

    def event(self, what: str, who: list[str], at: float, **more) -> dict:
        """Notes the start of an event; the caller adds its later times with `note`."""
        event = {"what": what, "who": who, "from": utc(at), **more}
        self.events.append(event)
        return event

    def open(self, what: str, *who: str) -> dict:
        """The event of that kind that struck these and is not over."""
        return next(e for e in self.events if e["what"] == what and e["who"] == list(who) and "to" not in e)

    def captured(self, counts: dict) -> None:
        """Notes the capture's own figures."""
        self.capture |= {"started": utc(counts["started"]), "ended": utc(counts["ended"])}
        self.capture |= {key: counts[key] for key in ("packets", "dropped")}

    def write(self) -> None:
        """Writes the file."""
        whole = {
            "schema": SCHEMA,
            "about": self.site.about,
            "capture": self.capture,
            "mirror": {
                "switch": plan.CORE,
                "port": plan.MIRROR_PORT,
                "copies": "all that enters the core's ports, and the BPDUs and LLDP the core itself sends",
                "blind": BLIND,
                "duplicates": False,
            },
            "network": {"prefix": f"{plan.NETWORK}.0/{plan.PREFIX_BITS}", "router": plan.GATEWAY,
                        "dhcp_server": plan.GATEWAY, "lease_s": plan.SETTINGS["lease_s"]},
            "switches": [switch(one) for one in plan.SWITCHES],
            "devices": [device(one) for one in plan.DEVICES],
            "phases": self.phases,
            "events": self.events,
            "due": [filled(asdict(due)) for due in self.site.due],
        }
        self.path.write_text(json.dumps(whole, indent=2) + "\n")


def note(event: dict, **times: float) -> None:
    """Adds times to an event."""
    event |= {name: utc(at) for name, at in times.items()}


def utc(at: float) -> str:
    """Unix time as RFC 3339 with microseconds, as the packets' stamps."""
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def switch(one: plan.Switch) -> dict:
    parent = {"parent": plan.CORE, "parent_port": one.uplink_port, "uplink": plan.UPLINK} if one.uplink_port else {}
    return filled({
        "name": one.name, "kind": "switch", "mac": one.mac, "ip": one.ip, "vendor": one.vendor, "model": one.model,
        "firmware": one.firmware, "description": one.description, "stp_root": one.name == plan.CORE,
        "ports": {port: net.port_mac(one, port) for port in net.ports(one)},
        "lldp": {
            "chassis_id": one.mac, "interval_s": plan.LLDP_INTERVAL_S,
            "ttl_s": plan.LLDP_INTERVAL_S * plan.LLDP_HOLD,
        },
    } | parent)


def device(one: plan.Device) -> dict:
    facts = {
        "name": one.name, "kind": one.kind, "vendor": one.vendor, "model": one.model, "firmware": one.firmware,
        "serial": one.serial, "mac": one.mac, "ip": one.ip, "switch": one.switch, "port": one.port,
        "announced": announced(one),
    }
    if one.dhcp:
        facts["hostname"] = one.dhcp.hostname
        facts["dhcp"] = filled({
            "client": one.dhcp.client, "option12": one.dhcp.hostname, "option60": one.dhcp.vendor_class,
            "option55": one.dhcp.options, "option82": option82(one),
        })
    if one.rtsp:
        rtsp = one.rtsp
        facts["rtsp"] = filled({
            "port": 554, "path": rtsp.url_path, "transport": "interleaved" if rtsp.transport == "tcp" else "udp",
            "sends_on_motion": plan.ON_MOTION.get(one.name), "auth": rtsp.auth, "realm": rtsp.realm, "account": rtsp.account, "server": rtsp.server,
            "session_name": rtsp.session_name, "codec": "H264",
        })
    if one.onvif:
        facts["onvif"] = {"scopes": list(one.onvif)}
    if one.lldp:
        facts["lldp"] = {"chassis_id": one.mac, "med": True, "interval_s": plan.LLDP_INTERVAL_S}
    return filled(facts)


def option82(one: plan.Device) -> dict | None:
    """What its switch adds when it relays the device's questions."""
    via = plan.switch(one.switch)
    return {"circuit_id": one.port, "relay": via.ip} if via.relays_dhcp else None


def announced(one: plan.Device) -> dict:
    """Which of model, firmware and serial the device's own words say on the wire, and where."""
    said = {}
    spoken = {
        "dhcp": " ".join(filter(None, [one.dhcp.vendor_class, one.dhcp.hostname])) if one.dhcp else "",
        "rtsp": one.rtsp.realm if one.rtsp else "",
        "ws-discovery": unquote(" ".join(one.onvif)),
        "lldp": f"{one.model} {one.firmware} {one.serial}" if one.lldp else "",
    }
    for attribute in ("model", "firmware", "serial"):
        value = getattr(one, attribute)
        where = [source for source, words in spoken.items() if value and value.lower() in words.lower()]
        if where:
            said[attribute] = where
    return said


def filled(facts: dict) -> dict:
    """Without what is not known."""
    return {key: value for key, value in facts.items() if value not in (None, "", {}, ())}
