//! What somebody does to devices: tries passwords, looks for ports, reaches one from outside, orders it about. Frame by frame.

use super::capture::{Frame, SECOND};
use super::faults::{MS, Wire, host};
use super::weak::{answer, conversation, dated, dialogue};
use super::wire::{self, BROADCAST, End};

/// A client that 40 times in 40 s has a login refused; nearby ten times.
pub fn brute_force(is_real: bool) -> Vec<Frame> {
    let login = "Digest username=\"admin\", realm=\"a\", nonce=\"b\", uri=\"/\", algorithm=SHA-256, response=\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"";
    let mut wire = Wire::of(60);
    for n in 0..if is_real { 40 } else { 10 } {
        let asked =
            format!("OPTIONS rtsp://192.0.2.7/ RTSP/1.0\r\nCSeq: 1\r\nAuthorization: {login}\r\n\r\n");
        let refused = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\", algorithm=SHA-256\r\n\r\n";
        let blocks = [asked.into_bytes(), refused.as_bytes().to_vec()];
        dialogue(&mut wire, 5 + n, End { port: 554, ..host(7) }, &blocks);
    }
    dated(wire)
}

/// A client that tries 30 ports of one host, which refuses them; nearby eight.
pub fn port_scan(is_real: bool) -> Vec<Frame> {
    const SYN: u8 = 2;
    const RST_ACK: u8 = 20;
    let mut wire = Wire::of(60);
    wire.claims(5 * SECOND, host(20));
    wire.claims(5 * SECOND + MS, host(7));
    for n in 0..if is_real { 30 } else { 8 } {
        let (client, server) = (End { port: 40_000 + n, ..host(20) }, End { port: 20 + n, ..host(7) });
        let at = 6 * SECOND + i64::from(n) * 100 * MS;
        wire.at(at, wire::tcp(client, server, SYN, [99, 0], &[]));
        wire.at(at + MS, wire::tcp(server, client, RST_ACK, [0, 100], &[]));
    }
    dated(wire)
}

/// A camera that answers a client with a public address; nearby one of the site.
pub fn internet_exposed(is_real: bool) -> Vec<Frame> {
    let far = End { ip: [198, 18, 0, 9].into(), port: 40_000, ..host(250) };
    let client = if is_real { far } else { End { port: 40_000, ..host(20) } };
    let server = End { port: 554, ..host(7) };
    let asked = b"OPTIONS rtsp://192.0.2.7/ RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    let answered = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE\r\n\r\n";
    dated(exchange(Wire::of(30), [client, server], [asked, answered]))
}

/// A camera that a public address answers on port 443; nearby on port 53 of TCP.
pub fn internet_egress(is_real: bool) -> Vec<Frame> {
    let wire = Wire::of(30);
    let viewer = End { port: 41_000, ..host(20) };
    let asked = b"OPTIONS rtsp://192.0.2.7/ RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    let answered = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Hikvision-RTSP\r\nPublic: DESCRIBE\r\n\r\n";
    let greets = exchange(wire, [viewer, End { port: 554, ..host(7) }], [asked, answered]);
    let port = if is_real { 443 } else { 53 };
    let far = End { ip: [198, 18, 0, 9].into(), port, ..host(250) };
    dated(exchange(greets, [End { port: 42_000, ..host(7) }, far], [b"\x01", b"\x02"]))
}

/// A host that asks for a lease in the fourth minute; nearby in the second.
pub fn new_device(is_real: bool) -> Vec<Frame> {
    const DISCOVER: u8 = 1;
    let mut wire = Wire::of(300);
    let mac = host(7).mac;
    let nobody = End { mac, ip: [0, 0, 0, 0].into(), port: 68 };
    let all = End { mac: BROADCAST, ip: [255, 255, 255, 255].into(), port: 67 };
    let at = if is_real { 200 } else { 60 } * SECOND;
    wire.at(at, wire::dhcp([nobody, all], DISCOVER, mac, None, None));
    dated(wire)
}

/// A machine that takes a camera's address; nearby that of a host of which nothing is known.
pub fn identity_changed(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(120);
    let viewer = End { port: 41_000, ..host(20) };
    let asked = b"OPTIONS rtsp://192.0.2.7/ RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    let answered = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Hikvision-RTSP\r\nPublic: DESCRIBE\r\n\r\n";
    for n in 0..9 {
        wire.claims((4 + n * 10) * SECOND, host(7));
    }
    wire.claims(100 * SECOND, End { mac: host(8).mac, ..host(7) });
    if is_real {
        wire = exchange(wire, [viewer, End { port: 554, ..host(7) }], [asked, answered]);
    }
    dated(wire)
}

/// A request that sets a camera's network; nearby it is refused.
pub fn configuration_changed(is_real: bool) -> Vec<Frame> {
    ordered("PUT /ISAPI/System/Network/interfaces/1", is_real)
}

/// A request that changes an account; nearby it is refused.
pub fn account_changed(is_real: bool) -> Vec<Frame> {
    ordered("GET /axis-cgi/pwdgrp.cgi?action=update&user=root&pwd=hunter2", is_real)
}

/// A request that turns a camera; nearby it is refused.
pub fn ptz_command(is_real: bool) -> Vec<Frame> {
    ordered("GET /axis-cgi/com/ptz.cgi?rpan=5", is_real)
}

/// A request that opens a door; nearby it is refused.
pub fn door_command(is_real: bool) -> Vec<Frame> {
    ordered("GET /cgi-bin/accessControl.cgi?action=openDoor&channel=1", is_real)
}

/// A request, and whether its server does what it orders.
fn ordered(line: &str, is_done: bool) -> Vec<Frame> {
    let status = if is_done { "200 OK" } else { "403 Forbidden" };
    conversation(&[&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"), &answer(status)])
}

/// A machine that tells a router and a camera again and again that it is the other; nearby it does so once.
pub fn arp_spoofing(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(60);
    [1, 7, 9].into_iter().for_each(|number| wire.claims(8 * SECOND, host(number)));
    let liar = |of: u8| End { mac: host(9).mac, ..host(of) };
    for n in 10..50 {
        let (router, camera) = (End { port: 5_000, ..host(1) }, End { port: 5_000, ..host(7) });
        wire.at(n * SECOND + MS, wire::udp(router, camera, n as u16, b"here"));
        wire.at(n * SECOND + 2 * MS, wire::udp(camera, router, n as u16, b"here"));
        let own = End { port: 5_000, ..host(9) };
        wire.at(n * SECOND + 5 * MS, wire::udp(own, router, n as u16, b"here"));
        if n % 2 == 0 && (is_real || n == 20) {
            wire.at(n * SECOND + 3 * MS, wire::arp(liar(1), host(7), host(7).mac));
            wire.at(n * SECOND + 4 * MS, wire::arp(liar(7), host(1), host(1).mac));
        }
    }
    dated(wire)
}

/// A camera that opens a connection to another one; nearby to somebody of whom nothing is known.
pub fn lateral_connection(is_real: bool) -> Vec<Frame> {
    let mut wire = camera(Wire::of(30), 7);
    if is_real {
        wire = camera(wire, 8);
    }
    let ends = [End { port: 42_005, ..host(7) }, End { port: 80, ..host(8) }];
    dated(exchange(wire, ends, [b"\x01", b"\x02"]))
}

/// A camera that asks for the name of its maker's cloud; nearby for another.
pub fn p2p_cloud(is_real: bool) -> Vec<Frame> {
    let mut wire = camera(Wire::of(30), 7);
    let name = if is_real { "litedev.hik-connect.com" } else { "time.example.com" };
    wire.at(10 * SECOND, asks_name(host(7), host(1), 1, name));
    dated(wire)
}

/// A host that asks for 60 long names below one domain; nearby for ten.
pub fn dns_tunnel(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(90);
    wire.claims(4 * SECOND, host(7));
    for n in 0..if is_real { 60 } else { 10 } {
        let name = format!("{n:0>50}.t.example.com");
        wire.at((5 + i64::from(n)) * SECOND, asks_name(host(7), host(1), n, &name));
    }
    dated(wire)
}

/// A camera that turns to another name server after minutes; nearby at once.
pub fn foreign_server(is_real: bool) -> Vec<Frame> {
    let mut wire = camera(Wire::of(300), 7);
    wire.claims(4 * SECOND, host(1));
    let far = End { ip: [198, 18, 0, 53].into(), ..host(250) };
    for (at, server) in [(10, host(1)), (if is_real { 200 } else { 60 }, far)] {
        let (client, server) = (End { port: 42_000, ..host(7) }, End { port: 53, ..server });
        let asked = question(7, "time.example.com");
        let mut answered = asked.clone();
        answered[2..4].copy_from_slice(&[0x81, 0x80]);
        wire.at(at * SECOND, wire::udp(client, server, at as u16, &asked));
        wire.at(at * SECOND + MS, wire::udp(server, client, at as u16, &answered));
    }
    dated(wire)
}

/// A camera that sends 60 MB to a public address; nearby 6 MB.
pub fn large_upload(is_real: bool) -> Vec<Frame> {
    let mut wire = camera(Wire::of(30), 7);
    let far = End { ip: [198, 18, 0, 9].into(), port: 9_000, ..host(250) };
    for n in 0..if is_real { 1_000 } else { 100 } {
        let sent = wire::udp(End { port: 42_000, ..host(7) }, far, n, &[0; 60_000]);
        wire.at(8 * SECOND + i64::from(n) * 10 * MS, sent);
    }
    dated(wire)
}

/// Somebody who begins to watch a camera after minutes; nearby in the first.
pub fn unexpected_viewer(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(300);
    for number in [7, 20, 30] {
        wire.claims(4 * SECOND, host(number));
    }
    for (at, viewer) in [(10, 20), (if is_real { 200 } else { 60 }, 30)] {
        let login = format!(
            "Digest username=\"guard\", realm=\"a\", nonce=\"{viewer}\", uri=\"/\", algorithm=SHA-256, response=\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""
        );
        let asked = format!(
            "PLAY rtsp://192.0.2.7/live RTSP/1.0\r\nCSeq: 1\r\nSession: 7\r\nAuthorization: {login}\r\n\r\n"
        );
        let answered = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 7\r\n\r\n";
        let ends = [End { port: 40_000, ..host(viewer) }, End { port: 554, ..host(7) }];
        exchange_at(&mut wire, at * SECOND, ends, [asked.as_bytes(), answered]);
    }
    dated(wire)
}

/// A host that tells by its RTSP server that it is a camera.
pub(super) fn camera(wire: Wire, number: u8) -> Wire {
    let asked = b"OPTIONS rtsp://192.0.2.7/ RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    let answered = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: {CAMERA}\r\nPublic: DESCRIBE\r\n\r\n");
    let ends = [End { port: 41_000 + u16::from(number % 2), ..host(20) }, End { port: 554, ..host(number) }];
    exchange(wire, ends, [asked, answered.as_bytes()])
}

/// What only cameras call their RTSP server.
const CAMERA: &str = "Hipcam RealServer/V1.0";

/// A question for the address of a name (RFC 1035, 4.1).
fn question(id: u8, name: &str) -> Vec<u8> {
    let mut bytes = vec![0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

fn asks_name(client: End, server: End, id: u8, name: &str) -> Vec<u8> {
    let (client, server) = (End { port: 42_000, ..client }, End { port: 53, ..server });
    wire::udp(client, server, u16::from(id), &question(id, name))
}

/// A connection in which one asks and the other answers.
fn exchange(mut wire: Wire, ends: [End; 2], said: [&[u8]; 2]) -> Wire {
    exchange_at(&mut wire, (5 + i64::from(ends[0].port % 10)) * SECOND, ends, said);
    wire
}

fn exchange_at(wire: &mut Wire, at: i64, [client, server]: [End; 2], [asked, answered]: [&[u8]; 2]) {
    const SYN: u8 = 2;
    const ACK: u8 = 16;
    for end in [client, server] {
        if end.mac != host(250).mac {
            wire.claims(at - 2 * MS, end);
        }
    }
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).expect("short");
    wire.at(at, wire::tcp(client, server, SYN, [99, 0], &[]));
    wire.at(at + MS, wire::tcp(server, client, SYN | ACK, [199, 100], &[]));
    wire.at(at + 2 * MS, wire::tcp(client, server, ACK, [100, 200], asked));
    wire.at(at + 3 * MS, wire::tcp(server, client, ACK, [200, 100 + size(asked)], answered));
    wire.at(at + 4 * MS, wire::tcp(client, server, ACK, [100 + size(asked), 200 + size(answered)], &[]));
}
