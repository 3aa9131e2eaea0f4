//! The cases that fool, frame by frame: what no order of the simulator makes.
//!
//! In each somebody says something every second, and cameras send media to one recorder.

use std::net::Ipv4Addr;

use super::capture::{Frame, SECOND};
use super::faults::{MS, Wire, host};
use super::wire::{self, ACK, BROADCAST, End, SYN, TAG};

/// Who receives the cameras' media.
fn recorder() -> End {
    End { port: 6_000, ..host(20) }
}

/// The router of the site.
fn router() -> End {
    host(1)
}

/// A camera behind the router, or behind a router of its own.
fn far_camera() -> End {
    End { mac: router().mac, ip: Ipv4Addr::new(198, 51, 100, 7), port: 5_004 }
}

fn camera(number: u8) -> End {
    End { port: 5_004, ..host(number) }
}

/// Media of a camera from one second to another: ten packets a second.
fn sends(wire: &mut Wire, from: End, seconds: std::ops::Range<i64>) {
    for n in seconds.start * 10..seconds.end * 10 {
        let to = End { port: 6_000 + 2 * u16::from(from.ip.octets()[3]), ..recorder() };
        wire.at(n * SECOND / 10 + i64::from(from.ip.octets()[3]) * MS, wire::rtp(from, to, n as u16));
    }
}

/// The recorder and these cameras, the first of which sends until then.
fn site(cameras: &[u8], until: i64, length: i64) -> Wire {
    let mut wire = Wire::of(length);
    wire.claims(MS, recorder());
    wire.claims(2 * MS, router());
    for number in cameras {
        wire.claims((3 + i64::from(*number)) * MS, host(*number));
        sends(&mut wire, camera(*number), 1..if *number == cameras[0] { until } else { length });
    }
    wire
}

/// The recorder looks for a host three times, a second apart, and again and again.
fn asks_for(wire: &mut Wire, target: End, from: i64) {
    for n in (0..3).chain(8..11).chain(16..19) {
        wire.at((from + n) * SECOND + 3 * MS, wire::arp(recorder(), target, BROADCAST));
    }
}

/// Q2: the recorder tries to connect to a camera that fell silent: the same SYN again and again; nearby the camera's
/// side is not seen, and the recorder goes on as one does who was answered.
pub fn connects(is_refused: bool) -> Vec<Frame> {
    let mut wire = site(&[7, 8, 9], 60, 120);
    let (client, server) = (End { port: 40_000, ..recorder() }, End { port: 554, ..host(7) });
    wire.at(3 * SECOND, wire::tcp(client, server, SYN, [100, 0], b""));
    wire.at(3 * SECOND + MS, wire::tcp(server, client, SYN | ACK, [500, 101], b""));
    wire.at(3 * SECOND + 2 * MS, wire::tcp(client, server, ACK, [101, 501], b""));
    let (ask, answer) = (
        &b"OPTIONS rtsp://192.0.2.7/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"[..],
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n",
    );
    wire.at(3 * SECOND + 3 * MS, wire::tcp(client, server, ACK, [101, 501], ask));
    let asked = 101 + ask.len() as u32;
    wire.at(3 * SECOND + 4 * MS, wire::tcp(server, client, ACK, [501, asked], answer));
    let again = End { port: 40_002, ..client };
    for after in if is_refused { &[0, 1_000, 3_000, 7_000][..] } else { &[0] } {
        wire.at(66 * SECOND + after * MS, wire::tcp(again, server, SYN, [900, 0], b""));
    }
    if !is_refused {
        for n in 0..50 {
            let sent = 901 + n * 20;
            wire.at(
                66 * SECOND + (2 + i64::from(n) * 500) * MS,
                wire::tcp(again, server, ACK, [sent, 700 + n * 300], b"GET_PARAMETER * RTSP"),
            );
        }
    }
    wire.frames()
}

/// Q4: a camera of another network falls silent, and the router says that it does not find it; nearby that it has no way
/// there, or that packets circled. N13: nobody says anything.
pub fn far(said: Option<[u8; 2]>) -> Vec<Frame> {
    let mut wire = site(&[8, 9], 120, 120);
    let lease = wire::dhcp(
        [End { port: 67, ..router() }, End { port: 68, ..host(8) }],
        5,
        host(8).mac,
        Some(host(8).ip),
        Some(router().ip),
    );
    wire.at(5 * MS, lease);
    sends(&mut wire, far_camera(), 1..60);
    for n in 0..30_u16 {
        let at = (64 + i64::from(n)) * SECOND;
        wire.at(at, wire::udp(recorder(), far_camera(), n, b"are you there"));
        if let Some(said) = said {
            wire.at(at + MS, wire::unreachable(router(), recorder(), far_camera(), said, n));
        }
    }
    wire.frames()
}

/// Q5: a camera does not answer over IPv4, and over IPv6 neither; nearby there it speaks.
pub fn over_ipv6(is_gone: bool) -> Vec<Frame> {
    let mut wire = site(&[7, 8, 9], 60, 120);
    let hello = |n: i64| (n * SECOND + 7 * MS, wire::udp6(camera(7), recorder(), b"hello"));
    (2..if is_gone { 60 } else { 120 }).map(hello).for_each(|(at, frame)| wire.at(at, frame));
    asks_for(&mut wire, host(7), 66);
    for n in [66, 67, 68, 74, 75, 76] {
        if is_gone {
            wire.at(n * SECOND + 9 * MS, wire::solicits(recorder(), host(7)));
        }
    }
    wire.frames()
}

/// D2: a device reports what it sees each ten minutes, and then nothing for eight hours; it answers all the time.
/// D5: it does so by day alone.
pub fn reports_rarely() -> Vec<Frame> {
    let mut wire = Wire::default();
    let (device, server) = (host(7), End { port: 8_000, ..recorder() });
    for n in 0..2 * 86_400 / 5 {
        let at = n * 5;
        wire.at(at * SECOND, wire::arp(host(250), host((n % 6) as u8), BROADCAST));
        let is_day = (6 * 3_600..22 * 3_600).contains(&(at % 86_400));
        if at % 600 == 0 && is_day {
            wire.at(
                at * SECOND + MS,
                wire::udp(End { port: 50_000, ..device }, server, n as u16, b"a report"),
            );
        }
        if at % 60 == 0 {
            wire.at(at * SECOND + 2 * MS, wire::arp(server, device, BROADCAST));
            wire.at(at * SECOND + 3 * MS, wire::arp(device, server, server.mac));
            wire.at(at * SECOND + 4 * MS, wire::udp(server, host(9), n as u16, b"a word"));
            wire.at(at * SECOND + 5 * MS, wire::udp(host(9), server, n as u16, b"another"));
        }
    }
    wire.frames()
}

/// D7: an encoder of four channels, of which one goes dark; or all, and it answers no more.
pub fn encoder(is_whole: bool) -> Vec<Frame> {
    let mut wire = site(&[8, 9], 120, 120);
    wire.claims(4 * MS, host(7));
    for channel in 0..4_u16 {
        let from = End { port: 5_004 + 2 * channel, ..host(7) };
        let to = End { port: 7_000 + 2 * channel, ..recorder() };
        for n in 10..if is_whole || channel == 0 { 600_i64 } else { 1_200 } {
            wire.at(
                n * SECOND / 10 + i64::from(channel) * MS,
                wire::rtp_of(from, to, n as u16, channel as u8),
            );
        }
    }
    if is_whole {
        asks_for(&mut wire, host(7), 66);
    }
    wire.frames()
}

/// D8: five devices keep a flow each to the Internet alive, and all these flows stop; the devices answer in the house.
pub fn cloud_flows_stop() -> Vec<Frame> {
    let mut wire = site(&[8, 9], 180, 180);
    let cloud = End { mac: router().mac, ip: Ipv4Addr::new(203, 0, 113, 9), port: 443 };
    for number in 30..35_u8 {
        wire.claims(i64::from(number) * MS, host(number));
        let from = End { port: 45_000, ..host(number) };
        for n in 0..20_u32 {
            let (at, sent) = (i64::from(n) * 5 * SECOND + i64::from(number) * MS, 100 + n * 30);
            wire.at(at, wire::tcp(from, cloud, ACK, [sent, 900 + n * 30], &[0x17, 3, 3, 0, 25, 7, 7, 7]));
            wire.at(
                at + 20 * MS,
                wire::tcp(cloud, from, ACK, [900 + n * 30, sent + 8], &[0x17, 3, 3, 0, 25, 7]),
            );
        }
        for n in (100..180).step_by(10) {
            wire.at(n * SECOND + MS, wire::arp(recorder(), host(number), BROADCAST));
            wire.at(n * SECOND + 2 * MS, wire::arp(host(number), recorder(), recorder().mac));
        }
    }
    wire.frames()
}

/// V1: a recorder describes the channel of a camera that hangs on it alone.
pub fn behind_a_recorder() -> Vec<Frame> {
    let mut wire = site(&[8, 9], 120, 120);
    let (viewer, nvr) = (End { port: 41_000, ..host(31) }, End { port: 554, ..host(30) });
    let inner = "v=0\r\no=- 1 1 IN IP4 192.168.254.2\r\ns=Channel 2\r\nc=IN IP4 192.168.254.2\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let ask = b"DESCRIBE rtsp://192.0.2.30/ch2 RTSP/1.0\r\nCSeq: 2\r\n\r\n";
    let answer = format!(
        "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Base: rtsp://192.168.254.2/ch2/\r\nContent-Length: {}\r\n\r\n{inner}",
        inner.len()
    );
    wire.at(10 * SECOND, wire::tcp(viewer, nvr, SYN, [100, 0], b""));
    wire.at(10 * SECOND + MS, wire::tcp(nvr, viewer, SYN | ACK, [500, 101], b""));
    wire.at(10 * SECOND + 2 * MS, wire::tcp(viewer, nvr, ACK, [101, 501], b""));
    wire.at(10 * SECOND + 3 * MS, wire::tcp(viewer, nvr, ACK, [101, 501], ask));
    let sent = 101 + ask.len() as u32;
    wire.at(10 * SECOND + 5 * MS, wire::tcp(nvr, viewer, ACK, [501, sent], answer.as_bytes()));
    wire.frames()
}

/// V5: a recorder is switched off, and a new one with another address takes all its cameras.
pub fn another_recorder() -> Vec<Frame> {
    let mut wire = Wire::of(180);
    let new = End { port: 6_000, ..host(21) };
    wire.claims(MS, recorder());
    for number in 7..11 {
        wire.claims((3 + i64::from(number)) * MS, host(number));
        sends(&mut wire, camera(number), 1..60);
        let port = 7_000 + 2 * u16::from(number);
        for n in 640..1_800_i64 {
            wire.at(
                n * SECOND / 10 + i64::from(number) * MS,
                wire::rtp_of(camera(number), End { port, ..new }, n as u16, 9),
            );
        }
    }
    wire.claims(62 * SECOND, new);
    wire.frames()
}

/// V7: a camera's media inside TLS stops because its client has closed it.
pub fn closed_by_the_client() -> Vec<Frame> {
    let mut wire = site(&[8, 9], 150, 150);
    wire.claims(4 * MS, host(7));
    let (client, server) = (End { port: 40_000, ..recorder() }, End { port: 443, ..host(7) });
    wire.at(2 * SECOND, wire::tcp(client, server, SYN, [100, 0], b""));
    wire.at(2 * SECOND + MS, wire::tcp(server, client, SYN | ACK, [500, 101], b""));
    wire.at(2 * SECOND + 2 * MS, wire::tcp(client, server, ACK, [101, 501], b""));
    let record = [&[0x17, 3, 3, 3, 0xe3][..], &[7; 995]].concat();
    for n in 0..900_u32 {
        let at = 3 * SECOND + i64::from(n) * SECOND / 10;
        wire.at(at, wire::tcp(server, client, ACK, [501 + n * 1_000, 101], &record));
        wire.at(at + MS, wire::tcp(client, server, ACK, [101, 1_501 + n * 1_000], b""));
    }
    for (n, (from, to, numbers)) in
        [(client, server, [101, 900_501]), (server, client, [900_501, 102]), (client, server, [102, 900_502])]
            .into_iter()
            .enumerate()
    {
        let flags = if n < 2 { ACK | FIN } else { ACK };
        wire.at(94 * SECOND + n as i64 * MS, wire::tcp(from, to, flags, numbers, b""));
    }
    wire.frames()
}

/// N4: one of two cables of a bundle is lost: every second camera loses what it sends for two and a half seconds.
pub fn half_a_bundle() -> Vec<Frame> {
    let mut wire = Wire::of(150);
    wire.claims(MS, recorder());
    for number in 7..15 {
        wire.claims((3 + i64::from(number)) * MS, host(number));
        sends(&mut wire, camera(number), 1..150);
    }
    let is_lost = |frame: &Frame| {
        let is_there = (60 * SECOND..62 * SECOND + 500 * MS).contains(&frame.at);
        is_there && (7..15).step_by(2).any(|number| frame.source() == host(number).mac)
    };
    wire.frames().into_iter().filter(|frame| !is_lost(frame)).collect()
}

/// N5: a stack of switches under one name. One of its units fails with all its cameras, while the stack speaks on; nearby
/// another unit takes the lead, and the stack says nothing for 50 s.
pub fn stack(loses_a_unit: bool) -> Vec<Frame> {
    let mut wire = Wire::of(240);
    wire.claims(MS, recorder());
    for number in 7..15 {
        wire.claims((3 + i64::from(number)) * MS, host(number));
        let is_of_the_unit = loses_a_unit && number < 11;
        sends(&mut wire, camera(number), 1..if is_of_the_unit { 100 } else { 240 });
        if is_of_the_unit {
            asks_for(&mut wire, host(number), 106);
        }
    }
    for n in 0..24 {
        let is_pause = !loses_a_unit && (100..150).contains(&(n * 10));
        if !is_pause {
            wire.at(n * 10 * SECOND + 5 * MS, wire::lldp(host(2).mac, "stack", &[]));
        }
    }
    wire.frames()
}

/// N6: a virtual router of number 1 in two VLANs; in each it passes from one router to the other, which says so to everybody,
/// and what was routed has a hole of three seconds.
pub fn virtual_router_moves() -> Vec<Frame> {
    let mut wire = site(&[8, 9], 150, 150);
    for (vlan, network) in [(10, 2), (20, 3)] {
        let gateway = End { mac: [0, 0, 0x5e, 0, 1, 1], ip: Ipv4Addr::new(192, 0, network, 254), port: 0 };
        for second in (1..150).step_by(5).chain([60, 61, 62, 63]) {
            let says = wire::arp(gateway, gateway, BROADCAST);
            wire.at(second * SECOND + i64::from(vlan) * MS, wire::tagged(&says, TAG, vlan));
        }
        // The router itself answers too, by its own MAC, first the one and then the other.
        for second in (2..150).step_by(20) {
            let own = End { mac: host(if second < 60 { 40 } else { 41 }).mac, ..gateway };
            let says = wire::arp(own, own, BROADCAST);
            wire.at(second * SECOND + i64::from(vlan) * MS, wire::tagged(&says, TAG, vlan));
        }
    }
    let routed = End { mac: [0, 0, 0x5e, 0, 1, 1], ..far_camera() };
    sends(&mut wire, routed, 1..60);
    sends(&mut wire, routed, 63..150);
    wire.frames()
}

/// N10: all of VLAN 10 comes a second time, in the VLAN in which a remote mirror carries its copies.
pub fn copies_in_a_vlan() -> Vec<Frame> {
    let mut wire = Wire::default();
    for frame in site(&[7, 8, 9, 10, 11], 120, 120).frames() {
        wire.at(frame.at, wire::tagged(&frame.bytes, TAG, 10));
        wire.at(frame.at + MS / 20, wire::tagged(&frame.bytes, TAG, 999));
    }
    wire.frames()
}

/// T5, T6, T7: a camera tells in its reports what its own clock shows, given the second of the capture.
pub fn clock(shows: impl Fn(i64) -> i64) -> Vec<Frame> {
    let mut wire = site(&[7, 8, 9], 150, 150);
    let (from, to) = (End { port: 5_005, ..host(7) }, End { port: 6_015, ..recorder() });
    for n in (2..150_i64).step_by(5) {
        let seconds = u32::try_from(shows(n)).expect("an NTP time stamp").to_be_bytes();
        let head = [&[0x80, 200, 0, 6, 1, 2, 3, 4][..], &seconds, &[0; 4]].concat();
        let counts =
            [(n as u32 * 45_000).to_be_bytes(), (n as u32 * 10).to_be_bytes(), [0, 0, 1, 0]].concat();
        wire.at(n * SECOND + 50 * MS, wire::udp(from, to, n as u16, &[head, counts].concat()));
    }
    wire.frames()
}

/// Seconds from 1900, as NTP counts, to 1970, as captures do (RFC 868); these begin at 0.
pub const SINCE_1900: i64 = 2_208_988_800;

const FIN: u8 = 0x01;
