"""Holds a capture of the lab against its truth, by tshark's reading alone.

What a failed check means is that the lab, or this machine under load, did not do what the
truth says: such a capture must not judge the product.
"""

import json
import subprocess
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import net

FRAME_MAX = 1514
SAME_FRAME_WITHIN_S = 0.005
VIDEO_GAP_MAX_S = 3.0
# From the word to stop to the last packet of video.
WINDS_DOWN_S = 3.0
# Frames that were already queued when a link went down.
IN_FLIGHT_S = 0.1
FIELDS = [
    "frame.number", "frame.time_epoch", "frame.len", "frame.cap_len", "frame.protocols", "frame.md5_hash", "eth.src",
    "ip.src", "_ws.malformed", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "rtp.ssrc",
    "rtp.p_type", "dhcp.hw.mac_addr", "dhcp.option.vendor_class_id", "dhcp.option.hostname",
    "dhcp.option.request_list_item", "dhcp.type", "dhcp.option.agent_information_option.agent_circuit_id",
    "udp.payload", "lldp.tlv.system.name", "lldp.chassis.subtype", "lldp.chassis.id.mac", "lldp.media.model",
    "lldp.media.sn", "stp.root.hw", "tcp.srcport", "tcp.payload", "tcp.checksum",
    "tcp.checksum_calculated",
]
OPTIONS = [
    "ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE", "frame.generate_md5_hash:TRUE",
]
BAD_CHECKSUM = "0"
# Both are zero in ones' complement: Linux sends the first, a receiver takes it (RFC 1071), tshark asks for the second.
TWO_ZEROS = ("0xffff", "0x0000")
FFMPEG_PUNCH_SSRC = "0x00000000"
CHASSIS_IS_MAC = "4"


def report(capture: Path, truth_path: Path) -> int:
    """Prints what differs; 0 where nothing does."""
    truth = json.loads(truth_path.read_text())
    frames = read(capture)
    faults = [fault for rule in RULES for fault in rule(frames, truth)]
    if net.HOST_NAME.encode() in capture.read_bytes():
        faults.append(f"somebody says the machine's host name, {net.HOST_NAME}")
    for fault in faults:
        print(f"check: {fault}")
    if not faults:
        print(f"check: {capture.name}: {len(frames)} frames as the truth says, {len(RULES)} rules")
    return 1 if faults else 0


def read(capture: Path) -> list[dict]:
    """Each frame's fields as tshark gives them; times as numbers."""
    argv = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "separator=/t", "-E", "aggregator=;"]
    for option in OPTIONS:
        argv += ["-o", option]
    for name in FIELDS:
        argv += ["-e", name]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"check: tshark cannot read {capture}: {done.stderr.strip()}")
    frames = [dict(zip(FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]
    for frame in frames:
        frame["at"] = float(frame["frame.time_epoch"])
    return frames


def whole(frames, truth):
    """The file holds what dumpcap counted, uncut, and nothing was dropped."""
    if len(frames) != truth["capture"]["packets"]:
        yield f"{len(frames)} frames, but dumpcap counted {truth['capture']['packets']}"
    if truth["capture"]["dropped"]:
        yield f"dumpcap dropped {truth['capture']['dropped']} frames"
    for frame in frames:
        if frame["frame.len"] != frame["frame.cap_len"] or int(frame["frame.len"]) > FRAME_MAX:
            yield f"frame {frame['frame.number']} is cut or longer than Ethernet allows: {frame['frame.len']}"


def sound(frames, truth):
    """No malformed frame and no bad checksum.

    tshark calls GStreamer's SDP malformed, and what its client opens a UDP stream with, which is no RTP at all.
    """
    recorder = next(device["ip"] for device in truth["devices"] if device["kind"] == "recorder")
    for frame in frames:
        if frame["_ws.malformed"] and "sdp" not in frame["frame.protocols"] and frame["ip.src"] != recorder:
            yield f"frame {frame['frame.number']} is malformed"
        bad = {layer for layer in ("ip", "tcp", "udp") if frame[f"{layer}.checksum.status"] == BAD_CHECKSUM}
        if (frame["tcp.checksum"], frame["tcp.checksum_calculated"]) == TWO_ZEROS:
            bad.discard("tcp")
        if bad:
            yield f"frame {frame['frame.number']} has a bad checksum"


def once(frames, _truth):
    """No IP frame that carries data crosses twice. (Two resets in a row may be alike to the last bit.)"""
    last: dict[str, float] = {}
    for frame in frames:
        if not frame["ip.src"] or (frame["tcp.srcport"] and not frame["tcp.payload"]):
            continue
        digest = frame["frame.md5_hash"]
        if frame["at"] - last.get(digest, 0) < SAME_FRAME_WITHIN_S:
            yield f"frame {frame['frame.number']} is a copy of an earlier one"
        last[digest] = frame["at"]


def announced(frames, truth):
    """DHCP clients say what the truth says they say."""
    said = defaultdict(lambda: defaultdict(set))
    for frame in frames:
        mac = frame["dhcp.hw.mac_addr"].split(";")[0]
        if mac and frame["dhcp.type"] == DHCP_REQUEST:
            for option, name in DHCP_OPTIONS.items():
                said[mac][option] |= {frame[name].replace(";", ",")} - {""}
            said[mac]["circuit"] |= {frame[CIRCUIT]} - {""}
    for device in truth["devices"]:
        for option in DHCP_OPTIONS:
            expected = device.get("dhcp", {}).get(option)
            got = said[device["mac"]][option]
            if expected and got != {expected}:
                yield f"{device['name']} sent {option} {sorted(got)}, not {expected!r}"
            if "dhcp" in device and not expected and got and option != "option55":
                yield f"{device['name']} sent {option} {sorted(got)} though it should not"
        circuit = device.get("dhcp", {}).get("option82", {}).get("circuit_id")
        expected = {circuit.encode().hex()} if circuit else set()
        if said[device["mac"]]["circuit"] != expected:
            yield f"{device['name']} is relayed with circuit ids {said[device['mac']]['circuit']}, not {circuit!r}"


DHCP_REQUEST = "1"
CIRCUIT = "dhcp.option.agent_information_option.agent_circuit_id"
DHCP_OPTIONS = {
    "option12": "dhcp.option.hostname", "option60": "dhcp.option.vendor_class_id",
    "option55": "dhcp.option.request_list_item",
}


def looks(frames, truth):
    """RTSP servers answer with the realm and Server header of the truth, WS-Discovery with its scopes."""
    answers = defaultdict(bytes)
    for frame in frames:
        if frame["tcp.srcport"] == "554" and "rtsp" in frame["frame.protocols"]:
            payload = bytes.fromhex(frame["tcp.payload"].split(";")[0])
            if payload.startswith(b"RTSP/"):
                answers[frame["ip.src"]] += payload
    discovered = defaultdict(bytes)
    for frame in frames:
        if frame["udp.payload"]:
            payload = bytes.fromhex(frame["udp.payload"].split(";")[0])
            if b"discovery/Hello<" in payload or b"discovery/ProbeMatches<" in payload:
                discovered[frame["ip.src"]] += payload
    for device in truth["devices"]:
        for scope in device.get("onvif", {}).get("scopes", []):
            if f"onvif://www.onvif.org/{scope}".encode() not in discovered[device["ip"]]:
                yield f"{device['name']} does not say the scope {scope} by WS-Discovery"
        rtsp, words = device.get("rtsp"), answers[device["ip"]]
        if not rtsp:
            continue
        if rtsp["auth"] != "none" and f'{rtsp["auth"].title()} realm="{rtsp["realm"]}"'.encode() not in words:
            yield f"{device['name']} never asked for {rtsp['auth']} login to {rtsp['realm']!r}"
        if (b"\r\nServer: " in words) != ("server" in rtsp):
            yield f"{device['name']} has a Server header against the truth"
        if "server" in rtsp and f"\r\nServer: {rtsp['server']}\r\n".encode() not in words:
            yield f"{device['name']} has another Server header than {rtsp['server']!r}"


def neighbors(frames, truth):
    """Every switch speaks LLDP as often as said, save while dead; MED inventories are whole; STP has one root."""
    heard = defaultdict(list)
    for frame in frames:
        if frame["lldp.tlv.system.name"]:
            heard[frame["lldp.tlv.system.name"]].append(frame["at"])
    for switch in truth["switches"]:
        name, interval = switch["name"], switch["lldp"]["interval_s"]
        times = heard[name]
        if len(times) < 3:
            yield f"{name} was heard by LLDP {len(times)} times"
        for earlier, later in zip(times, times[1:]):
            if later - earlier > 1.5 * interval and not is_excused((earlier, later), name, truth):
                yield f"{name} is silent in LLDP for {later - earlier:.1f} s"
    for device in truth["devices"]:
        if "lldp" in device:
            words = {(f["lldp.media.model"], f["lldp.media.sn"]) for f in frames if f["eth.src"] == device["mac"]}
            if (device["model"], device["serial"]) not in words:
                yield f"{device['name']} does not say its model by LLDP-MED"
    roots = {frame["stp.root.hw"] for frame in frames} - {""}
    expected = {switch["mac"] for switch in truth["switches"] if switch["stp_root"]}
    if not expected <= roots:
        yield f"the STP root is {sorted(roots)}, not {sorted(expected)}"


def chassis(frames, truth):
    """Whoever speaks LLDP gives its own MAC as chassis id, in every frame."""
    said = defaultdict(set)
    for frame in frames:
        if "lldp" in frame["frame.protocols"]:
            said[frame["eth.src"]].add((frame["lldp.chassis.subtype"], frame["lldp.chassis.id.mac"]))
    expected = {one["mac"]: one["lldp"]["chassis_id"] for one in truth["devices"] if "lldp" in one}
    for one in truth["switches"]:
        expected |= dict.fromkeys(one["ports"].values(), one["lldp"]["chassis_id"])
    for mac, ids in said.items():
        if ids != {(CHASSIS_IS_MAC, expected.get(mac))}:
            yield f"{mac} gives LLDP chassis ids (subtype, MAC) {sorted(ids)}, not {expected.get(mac)}"


def streams(frames, truth):
    """Video flows from every camera the whole time, save while it, or its switch, is dead."""
    video = defaultdict(list)
    for frame in frames:
        if frame["rtp.ssrc"] and frame["rtp.ssrc"] != FFMPEG_PUNCH_SSRC:
            video[frame["ip.src"]].append(frame["at"])
    begin, end = seconds(truth["phases"]["all_streaming"]), seconds(truth["capture"]["ended"])
    for device in truth["devices"]:
        if "rtsp" not in device:
            continue
        if "sends_on_motion" in device["rtsp"]:
            yield from motion(device["name"], video[device["ip"]], truth)
            continue
        times = [at for at in video[device["ip"]] if at >= begin]
        for earlier, later in zip([begin, *times], [*times, end]):
            if later - earlier > VIDEO_GAP_MAX_S and not is_excused((earlier, later), device["name"], truth):
                yield f"{device['name']} sends no video for {later - earlier:.1f} s from {earlier:.1f}"


def motion(name, times, truth):
    """A camera that sends only when something moves does so then, and only then."""
    moves = [span(event) for event in truth["events"] if event["what"] == "motion" and name in event["who"]]
    if not moves:
        yield f"nothing ever moves before {name}"
    for begin, end in moves:
        if not any(begin <= at <= end for at in times):
            yield f"{name} sends nothing from {begin:.1f} to {end:.1f}, though something moves"
    # A session begins with a picture, whenever the recorder got through to the camera.
    asked = [(at, at) for at in times[:1]]
    idle = [at for at in times if not any(b <= at <= e + WINDS_DOWN_S for b, e in asked + moves)]
    if idle:
        yield f"{name} sends {len(idle)} packets though nothing moves, the first at {idle[0]:.1f}"


def silence(frames, truth):
    """What has no link is silent."""
    macs = {device["name"]: {device["mac"]} for device in truth["devices"]}
    macs |= {switch["name"]: {switch["mac"], *switch["ports"].values()} for switch in truth["switches"]}
    for event in (event for event in truth["events"] if "link_up" in event):
        dead = set().union(*(macs[name] for name in event["who"] + event.get("members", [])))
        begin, end = seconds(event["from"]) + IN_FLIGHT_S, seconds(event["link_up"])
        spoke = [f["frame.number"] for f in frames if f["eth.src"] in dead and begin < f["at"] < end]
        if spoke:
            yield f"{event['what']} of {event['who']}: frames {', '.join(spoke[:5])} came from the dead"


def is_excused(part: tuple[float, float], name: str, truth: dict) -> bool:
    """Whether something had befallen this one, or the recorder, or the whole mirror, by then."""
    everybody = {name, "recorder"}
    struck = [e for e in truth["events"] if everybody & {*e["who"], *e.get("members", [])} or is_blind(e)]
    return any(part[0] <= end and part[1] >= begin for begin, end in map(span, struck))


def is_blind(event: dict) -> bool:
    return event.get("blind", False)


def span(event: dict) -> tuple[float, float]:
    return seconds(event["from"]), seconds(event["to"])


def seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


RULES = [whole, sound, once, announced, looks, neighbors, chassis, streams, silence]
