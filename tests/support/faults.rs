//! Networks in which something is wrong, and networks in which it only seems so, frame by frame.
//!
//! In each a host asks for another every second, so that there is no silence.

use std::net::Ipv4Addr;

use super::capture::{Frame, SECOND};
use super::wire::{self, BROADCAST, End, Mac, TAG};

/// Frames in their order, whatever order they are made in.
#[derive(Debug, Default)]
pub(super) struct Wire(Vec<Frame>);

impl Wire {
    /// A network in which somebody says something every second.
    pub(super) fn of(seconds: i64) -> Self {
        let mut wire = Self::default();
        for n in 0..seconds {
            let asked = u8::try_from(n % 200).expect("fits");
            wire.at(n * SECOND + 7, wire::arp(host(250), host(asked), BROADCAST));
        }
        wire
    }

    pub(super) fn at(&mut self, at: i64, frame: Vec<u8>) {
        self.0.push(Frame::new(at, frame));
    }

    /// A host that says to everybody that it holds its address.
    pub(super) fn claims(&mut self, at: i64, holder: End) {
        self.at(at, wire::arp(holder, holder, BROADCAST));
    }

    /// A client that is given an address by a server.
    fn served(&mut self, at: i64, client: u8, server: End) {
        let (mac, ip) = (host(client).mac, given(client, server));
        self.asks(at, client);
        self.at(
            at + MS,
            wire::dhcp([server, End { mac, ip, port: 68 }], OFFER, mac, Some(ip), Some(server.ip)),
        );
        self.at(at + 2 * MS, wire::dhcp([nobody(mac), EVERYBODY], REQUEST, mac, Some(ip), Some(server.ip)));
        self.at(
            at + 3 * MS,
            wire::dhcp([server, End { mac, ip, port: 68 }], ACK, mac, Some(ip), Some(server.ip)),
        );
    }

    /// A client that keeps the address that it has.
    fn renews(&mut self, at: i64, client: u8, server: End) {
        let (mac, ip) = (host(client).mac, given(client, server));
        self.at(at, wire::dhcp([server, End { mac, ip, port: 68 }], ACK, mac, Some(ip), Some(server.ip)));
    }

    fn asks(&mut self, at: i64, client: u8) {
        let mac = host(client).mac;
        self.at(at, wire::dhcp([nobody(mac), EVERYBODY], DISCOVER, mac, None, None));
    }

    /// A camera that answers one question over HTTP again and again, each time within a millisecond.
    fn answers(&mut self, camera: u8, ask: &[u8], answers: impl IntoIterator<Item = (i64, Vec<u8>)>) {
        let (client, server) = (End { port: 40_000, ..host(20) }, End { port: 80, ..host(camera) });
        let (mut asked, mut answered) = (1_000_u32, 5_000_u32);
        for (at, answer) in answers {
            self.at(at + 3 * MS, wire::tcp(client, server, 0x18, [asked, answered], ask));
            asked += ask.len() as u32;
            self.at(at + 4 * MS, wire::tcp(server, client, 0x18, [answered, asked], &answer));
            answered += answer.len() as u32;
        }
    }

    pub(super) fn frames(mut self) -> Vec<Frame> {
        self.0.sort_by_key(|frame| frame.at);
        self.0
    }
}

/// One host in two VLANs in turns; nearby it is moved once, and a tag comes and goes.
pub fn mac_moving(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(120);
    for n in 0..10_i64 {
        let frame = wire::arp(host(7), host(7), BROADCAST);
        let vlan = if is_real { [10, 20][n as usize % 2] } else { [10, 20][usize::from(n > 4)] };
        wire.at(n * 10 * SECOND, wire::tagged(&frame, TAG, vlan));
        let frame = wire::arp(host(8), host(8), BROADCAST);
        wire.at(n * 10 * SECOND, if n % 2 == 0 { frame } else { wire::tagged(&frame, TAG, 10) });
    }
    wire.frames()
}

/// Two hosts on one address; nearby one takes it from the other, and a virtual router has two MACs.
pub fn address_conflict(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(120);
    for n in 0..10_i64 {
        let other = End { mac: [2, 0, 1, 0x99, 7, 1], ..host(7) };
        let is_first = if is_real { n % 2 == 0 } else { n < 5 };
        wire.claims(n * 10 * SECOND, if is_first { host(7) } else { other });
        let virtual_mac = End { mac: [0, 0, 0x5e, 0, 1, 1], ..host(8) };
        wire.claims(n * 10 * SECOND, if n % 2 == 0 { host(8) } else { virtual_mac });
    }
    wire.frames()
}

/// Broadcasts of two hosts that circle for three seconds; nearby a mirror that shows each twenty times.
pub fn switching_loop(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(60);
    let (turns, apart) = if is_real { (3_000, MS) } else { (20, MS / 20) };
    for second in if is_real { 40..41 } else { 0..60 } {
        for who in [7, 8] {
            let frame = wire::arp(host(who), host(9), BROADCAST);
            (0..turns).for_each(|n| wire.at(second * SECOND + i64::from(who) + n * apart, frame.clone()));
        }
    }
    wire.frames()
}

/// A host that asks for 3,000 others a second, for three seconds; nearby for one second, and a stream to a group beside it.
pub fn broadcast_storm(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(60);
    for n in 0..if is_real { 9_000 } else { 2_500 } {
        let [_, _, c, d] = u32::to_be_bytes(n);
        let target = End::new([10, 0, c, d], 0);
        wire.at(40 * SECOND + i64::from(n) * SECOND / 3_000, wire::arp(host(7), target, BROADCAST));
        let group = End { mac: [1, 0, 0x5e, 1, 2, 3], ip: Ipv4Addr::new(239, 1, 2, 3), port: 5_004 };
        wire.at(45 * SECOND + i64::from(n) * SECOND / 1_200, wire::udp(host(8), group, n as u16, &[7; 900]));
    }
    wire.frames()
}

/// The tree changes three times after the first minute; nearby while the site starts.
pub fn stp_topology_change(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(150);
    let changes: [i64; 3] = if is_real { [80, 90, 100] } else { [0, 20, 50] };
    for n in (0..150).step_by(2) {
        let is_changing = changes.iter().any(|at| (*at..at + 3).contains(&n));
        wire.at(n * SECOND, wire::bpdu(wire::bridge(1), wire::bridge(1), is_changing));
    }
    wire.frames()
}

/// Another root after a minute and more; nearby the root gets another priority, and a bridge that starts names itself.
pub fn stp_root_change(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(150);
    let [former, mut new] = [5, if is_real { 2 } else { 5 }].map(wire::bridge);
    new[0] = 0x10;
    for n in (0..150).step_by(2) {
        let root = if n < 100 { former } else { new };
        wire.at(n * SECOND, wire::bpdu(root, former, false));
        if !is_real && (80..84).contains(&n) {
            wire.at(n * SECOND + MS, wire::bpdu(wire::bridge(9), wire::bridge(9), false));
        }
    }
    wire.frames()
}

/// A port goes down three times; nearby twice, and another one is shut by hand three times.
pub fn port_flapping(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(150);
    wire.claims(SECOND, host(7));
    for n in 0..3_u16 {
        let at = (20 + 30 * i64::from(n)) * SECOND;
        if is_real || n < 2 {
            wire.at(at, wire::link_down(host(7), host(8), n, 10, true));
        }
        wire.at(at + MS, wire::link_down(host(7), host(8), 100 + n, 11, false));
    }
    wire.frames()
}

/// A port is half duplex; nearby only while its link comes up.
pub fn link_degraded(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(150);
    let link = |mau| [0xfe, 9, 0, 0x12, 0x0f, 1, 3, 0x6c, 1, 0, mau];
    for at in [0, 1, 2, 3, 33, 63, 93] {
        let mau = if is_real || at < 4 { 15 } else { 16 };
        wire.at(at * SECOND + 5 * MS, wire::lldp(host(7).mac, "hall", &link(mau)));
    }
    wire.frames()
}

/// A device is given less power than it asks for; nearby it gets it a second later.
pub fn power_fault(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(150);
    let power = |given| [0xfe, 12, 0, 0x12, 0x0f, 2, 7, 1, 5, 0x50, 0, 255, 0, given];
    for at in [0, 1, 2, 3, 33, 63, 93] {
        let given = if is_real || at < 1 { 130 } else { 255 };
        wire.at(at * SECOND + 5 * MS, wire::lldp(host(7).mac, "hall", &power(given)));
    }
    wire.frames()
}

/// A device gets another name; nearby it bears its maker's while it starts.
pub fn neighbor_changed(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(150);
    for n in 0..14 {
        let is_former = if is_real { n < 7 } else { n < 2 };
        let name = if is_former { "switch" } else { "hall" };
        wire.at(n * 10 * SECOND + 5 * MS, wire::lldp(host(7).mac, name, &[]));
    }
    wire.frames()
}

/// A bridge's port leads to the root that led away from it before; nearby only for a hello or two.
pub fn redundancy_lost(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(150);
    let until = if is_real { 150 } else { 84 };
    for n in (0..150).step_by(2) {
        let flags = if (80..until).contains(&n) { 0x38 } else { 0x3c };
        wire.at(n * SECOND, wire::bpdu_with(wire::bridge(1), wire::bridge(9), flags));
    }
    wire.frames()
}

/// One of two cables that are used as one no longer hears the other end; nearby it flaps while the bond is in use, and
/// another bond loses both.
pub fn bond_lost(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(150);
    let until = if is_real { 150 } else { 86 };
    for n in 0..150 {
        let state = if (80..until).contains(&n) { 0x85 } else { 0x3d };
        wire.at(n * SECOND, wire::lacp(wire::bridge(1), wire::bridge(9), 1, 0x3d));
        wire.at(n * SECOND + MS, wire::lacp(wire::bridge(1), wire::bridge(9), 2, state));
        if !is_real {
            let state = if n < 100 { 0x3d } else { 0xc5 };
            for port in [3, 4] {
                wire.at(n * SECOND + 2 * MS, wire::lacp(wire::bridge(1), wire::bridge(8), port, state));
            }
        }
    }
    wire.frames()
}

/// A switch refuses a device again and again; nearby it lets it in at the second try, and lets another in unasked.
pub fn admission_refused(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(150);
    let (device, port) = (host(7), host(1));
    for n in 0..3_i64 {
        for (code, after) in [(1, 0), (2, 1), (if is_real || n < 1 { 4 } else { 3 }, 2)] {
            let (from, to) = if code == 2 { (device, port) } else { (port, device) };
            wire.at((20 + 40 * n) * SECOND + after * MS, wire::eap(from.mac, to.mac, code, n as u8));
            if !is_real {
                let (from, to) = if code == 2 { (host(8), port) } else { (port, host(8)) };
                let code = if code > 2 { 4 } else { code };
                wire.at(
                    (20 + 40 * n) * SECOND + (after + 5) * MS,
                    wire::eap(from.mac, to.mac, code, n as u8),
                );
            }
        }
    }
    if !is_real {
        (30..150).for_each(|n| wire.at(n * SECOND + MS, wire::udp(host(9), host(8), n as u16, b"picture")));
    }
    wire.frames()
}

/// A host joins a stream's group and is not asked again; nearby it says so again, as one does who was asked.
pub fn querier_missing(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(300);
    let group = End { mac: [1, 0, 0x5e, 1, 2, 3], ip: Ipv4Addr::new(239, 1, 2, 3), port: 5_004 };
    let camera = End { port: 5_004, ..host(8) };
    for n in 0..1_200_i64 {
        wire.at(n * SECOND / 4 + 3 * MS, wire::rtp(camera, group, n as u16));
    }
    for (n, at) in [10, 135, 260].into_iter().enumerate() {
        if n == 0 || !is_real {
            wire.at(at * SECOND + 5 * MS, wire::joins(host(7), group, n as u16));
        }
    }
    wire.frames()
}

/// A second server after minutes; nearby it answers from the first minute on.
pub fn rogue_dhcp(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(400);
    wire.served(SECOND, 7, SERVER);
    if !is_real {
        wire.served(50 * SECOND, 8, ROGUE);
    }
    wire.served(300 * SECOND, 9, ROGUE);
    wire.frames()
}

/// A server that falls silent while two ask again and again; nearby they ask once more and are answered.
pub fn dhcp_failed(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(200);
    wire.served(SECOND, 7, SERVER);
    for (n, after) in (0..).zip([0, 4, 12, 28, 60]) {
        if is_real || n < 2 {
            wire.asks((100 + after) * SECOND, 8);
            wire.asks((101 + after) * SECOND, 9);
        }
    }
    if !is_real {
        wire.served(112 * SECOND, 8, SERVER);
        wire.served(113 * SECOND, 9, SERVER);
    }
    wire.frames()
}

/// A server that answers those it knows alone; nearby it answers a new one too.
pub fn dhcp_exhausted(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(200);
    wire.served(SECOND, 7, SERVER);
    for after in [0, 4, 12, 28, 60] {
        wire.asks((100 + after) * SECOND, 8);
    }
    wire.renews(115 * SECOND, 7, SERVER);
    if !is_real {
        wire.served(116 * SECOND, 9, SERVER);
    }
    wire.frames()
}

/// A second router after ten minutes and more, with a prefix of its own; nearby it announces itself from the first minute on.
pub fn rogue_ra(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(900);
    for n in 0..9 {
        wire.claims(n * 100 * SECOND + MS, host(1));
        wire.at(n * 100 * SECOND + 2 * MS, wire::router_announces(host(1), 1_800, 1));
        if n >= 7 || (!is_real && n < 1) {
            wire.at(n * 100 * SECOND + 5 * MS, wire::router_announces(host(66), 1_800, 0xbad));
        }
    }
    wire.frames()
}

/// A time server that answers no more, and then without the time; nearby a second one answers all who ask it.
pub fn time_source_lost(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(400);
    let server = |number| End { port: 123, ..host(number) };
    for (n, second) in (5_u16..).zip((0..400).step_by(16)) {
        let client = End { port: 123, ..host(10 + (n % 4) as u8) };
        for number in [1, 2] {
            if number == 2 && is_real {
                continue;
            }
            wire.at(second * SECOND + 11 * MS, wire::ntp(client, server(number), n, None));
            let stratum = if number == 2 || second < 150 { 2 } else { 16 };
            if number == 2 || !(150..250).contains(&second) {
                wire.at(second * SECOND + 12 * MS, wire::ntp(server(number), client, n, Some(stratum)));
            }
        }
    }
    wire.frames()
}

/// A camera that answers its maker's search before anybody gave it a password; nearby it has one, and a recorder
/// passes on what another tells.
pub fn not_activated(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(100);
    let group =
        End { mac: [1, 0, 0x5e, 0x7f, 0xff, 0xfa], ip: Ipv4Addr::new(239, 255, 255, 250), port: 37_020 };
    let answer = |of: u8, is_activated: bool| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ProbeMatch><Uuid>1</Uuid><Types>inquiry</Types>\
             <DeviceDescription>DS-2CD2042WD-I</DeviceDescription><MAC>{}</MAC><IPv4Address>{}</IPv4Address>\
             <Activated>{is_activated}</Activated></ProbeMatch>",
            spanwatch_parsers::Mac(host(of).mac),
            host(of).ip
        )
    };
    for (n, second) in (1_u16..).zip((10..100).step_by(30)) {
        let camera = End { port: 37_020, ..host(7) };
        let recorder = End { port: 37_020, ..host(8) };
        wire.at(second * SECOND + 3 * MS, wire::udp(camera, group, n, answer(7, !is_real).as_bytes()));
        if !is_real {
            wire.at(second * SECOND + 5 * MS, wire::udp(recorder, group, n, answer(9, false).as_bytes()));
        }
    }
    wire.frames()
}

/// Two cameras that are asked for their time each 20 s; one is 400 s ahead. Nearby both are, for it is our own clock.
pub fn clock_wrong(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(200);
    for (n, camera) in (0..).zip([7, 8]) {
        let ahead = if camera == 8 || !is_real { 400 } else { 0 };
        let turns = (10..200).step_by(20).map(|second| {
            let [hour, minute, told] = [3_600, 60, 1].map(|unit| (second + ahead) / unit % 60);
            let answer = format!(
                "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime><tt:Time><tt:Hour>{hour}</tt:Hour>\
                 <tt:Minute>{minute}</tt:Minute><tt:Second>{told}</tt:Second></tt:Time><tt:Date><tt:Year>1970</tt:Year>\
                 <tt:Month>1</tt:Month><tt:Day>1</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>\
                 </tds:GetSystemDateAndTimeResponse>"
            );
            (second * SECOND + n * MS, soap(ANSWER, &answer))
        });
        wire.answers(camera, &soap(QUESTION, "<tds:GetSystemDateAndTime/>"), turns);
    }
    wire.frames()
}

/// Two cameras that nobody asks for their time date their pages; one is 400 s ahead. Nearby it is two hours ahead: it dates
/// them in local time.
pub fn clock_wrong_by_dates(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(200);
    for (n, camera) in (0..).zip([7, 8]) {
        let ahead = match camera {
            8 if is_real => 400,
            8 => 7_200,
            _ => 0,
        };
        let turns = (10..200).step_by(20).map(|second| {
            let [hour, minute, told] = [3_600, 60, 1].map(|unit| (second + ahead) / unit % 60);
            let answer = format!(
                "HTTP/1.1 200 OK\r\nServer: ReeCam IP Camera\r\nContent-Length: 0\r\n\
                 Date: Thu, 01 Jan 1970 {hour:02}:{minute:02}:{told:02} GMT\r\n\r\n"
            );
            (second * SECOND + n * MS, answer.into_bytes())
        });
        wire.answers(camera, b"GET / HTTP/1.1\r\n\r\n", turns);
    }
    wire.frames()
}

/// A camera tells who asks for its events that it has no picture. Nearby it has one again after 5 s.
pub fn video_signal_lost(is_real: bool) -> Vec<Frame> {
    notified("tns1:VideoSource/SignalLoss", is_real)
}

/// A camera tells that somebody covered it. Nearby that is over after 5 s.
pub fn tamper_reported(is_real: bool) -> Vec<Frame> {
    notified("tns1:RuleEngine/TamperDetector/Tamper", is_real)
}

/// A camera tells that its card fails. Nearby it tells that it works again after 5 s.
pub fn recorder_storage_fault(is_real: bool) -> Vec<Frame> {
    notified("tns1:Device/HardwareFailure/StorageFailure", is_real)
}

fn notified(topic: &str, is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(100);
    let turns = [10, 30, 35, 60, 90].map(|second| {
        let lasts = second == 30 || (is_real && second > 30);
        let answer = format!(
            "<tev:PullMessagesResponse><tev:CurrentTime>1970-01-01T00:00:{second}Z</tev:CurrentTime><wsnt:NotificationMessage>\
             <wsnt:Topic>{topic}</wsnt:Topic><wsnt:Message><tt:Message UtcTime=\"1970-01-01T00:00:{second}Z\" \
             PropertyOperation=\"Changed\"><tt:Source><tt:SimpleItem Name=\"Token\" Value=\"one\"/></tt:Source><tt:Data>\
             <tt:SimpleItem Name=\"State\" Value=\"{lasts}\"/></tt:Data></tt:Message></wsnt:Message>\
             </wsnt:NotificationMessage></tev:PullMessagesResponse>"
        );
        (second * SECOND, soap(ANSWER, &answer))
    });
    wire.claims(5 * SECOND, host(7));
    wire.answers(7, &soap(QUESTION, "<tev:PullMessages/>"), turns);
    wire.frames()
}

const QUESTION: &str = "POST /onvif/device_service HTTP/1.1";
const ANSWER: &str = "HTTP/1.1 200 OK";

/// A message of ONVIF with this in its body.
fn soap(start: &str, body: &str) -> Vec<u8> {
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\" \
         xmlns:tt=\"http://www.onvif.org/ver10/schema\" xmlns:tev=\"http://www.onvif.org/ver10/events/wsdl\" \
         xmlns:wsnt=\"http://docs.oasis-open.org/wsn/b-2\"><s:Body>{body}</s:Body></s:Envelope>"
    );
    let head = format!(
        "{start}\r\nContent-Type: application/soap+xml\r\nContent-Length: {}\r\n\r\n",
        envelope.len()
    );
    (head + &envelope).into_bytes()
}

/// One camera loses three packets in a hundred, and its receiver reports it; nearby it loses one in 300, once many
/// at once, and once it is cut off for twelve seconds.
pub fn stream_loss(is_real: bool) -> Vec<Frame> {
    media(|second, packet, camera| match (is_real, camera) {
        (true, 0) => (second > 30 && packet % 33 == 0, second > 30 && packet % 33 == 0),
        (false, 0) => {
            let is_lost = packet % 300 == 0 || (packet / 40 == 50) || (60..72).contains(&second);
            (is_lost, is_lost)
        }
        _ => (false, false),
    })
}

/// Three cameras lose packets from one moment on; nearby all of them in one burst.
pub fn stream_loss_shared(is_real: bool) -> Vec<Frame> {
    media(|second, packet, camera| {
        let is_lost = if is_real { second > 30 && (packet + camera) % 33 == 0 } else { packet / 40 == 50 };
        (is_lost, is_lost)
    })
}

/// Three cameras lose packets in the seconds in which a copy fills the way that they share; nearby it does so, and nothing
/// is lost.
pub fn path_congestion(is_real: bool) -> Vec<Frame> {
    let is_full = |second: i64| second > 20 && second % 6 < 2;
    let mut frames = media(|second, packet, _| {
        let is_lost = is_real && is_full(second) && packet % 10 < 2;
        (is_lost, is_lost)
    });
    let (from, to) = (End { port: 50_000, ..host(30) }, End { port: 50_000, ..host(20) });
    for n in 0..100 * 300_i64 {
        if is_full(n / 300) {
            frames.push(Frame::new(n * SECOND / 300, wire::udp(from, to, n as u16, &[7; 1_200])));
        }
    }
    frames.sort_by_key(|frame| frame.at);
    frames
}

/// The receiver reports missing what all could see; nearby it does so in one report.
pub fn stream_loss_downstream(is_real: bool) -> Vec<Frame> {
    media(|second, packet, camera| {
        (false, if is_real { second > 30 && (packet + camera) % 33 == 0 } else { packet / 40 == 50 })
    })
}

/// Packets are missing here that the receiver has; nearby of one camera alone, whose loss is not reported.
pub fn mirror_drops(is_real: bool) -> Vec<Frame> {
    media(|second, packet, camera| {
        (second > 30 && (is_real || camera == 0) && (packet + 7 * camera) % 33 == 0, false)
    })
}

/// Three cameras that send 50 packets a second each to one receiver, who reports each five seconds. `loses` says of
/// a second, a packet and a camera whether the packet is missing here, and whether it is missing there.
fn media(loses: impl Fn(i64, i64, i64) -> (bool, bool)) -> Vec<Frame> {
    let mut wire = Wire::of(100);
    for camera in 0..3_u8 {
        let from = End { port: 5_004, ..host(7 + camera) };
        let to = End { port: 6_000 + 2 * u16::from(camera), ..host(20) };
        let ssrc = [0x11, 0x22, 0x33, camera];
        let mut missing = 0_u32;
        for packet in 0..5_000_i64 {
            let (at, number) = (packet * SECOND / 50 + i64::from(camera) * MS, packet as u32);
            let (is_missing_here, is_missing_there) = loses(packet / 50, packet, camera.into());
            missing += u32::from(is_missing_there);
            let sequence = (number as u16).to_be_bytes();
            let rtp =
                [&[0x80, 0xe0][..], &sequence, &(number * 1_800).to_be_bytes(), &ssrc, &[7; 100]].concat();
            if !is_missing_here {
                wire.at(at, wire::udp(from, to, number as u16, &rtp));
            }
            if packet % 250 == 180 && !is_missing_here {
                let [_, lost @ ..] = missing.to_be_bytes();
                let head = [&[0x81, 201, 0, 7, 9, 9, 9, camera][..], &ssrc, &[0], &lost].concat();
                let report = [&head[..], &number.to_be_bytes(), &[0; 12]].concat();
                let ends = (End { port: to.port + 1, ..to }, End { port: 5_005, ..from });
                wire.at(at + MS, wire::udp(ends.0, ends.1, number as u16, &report));
            }
        }
    }
    wire.frames()
}

/// A host of the site; its MAC is made of a number that no other's is near to.
pub(super) fn host(number: u8) -> End {
    End { mac: [2, 0, 0, number, number, number], ..End::new([192, 0, 2, number], 0) }
}

fn given(client: u8, server: End) -> Ipv4Addr {
    let [a, b, c, _] = server.ip.octets();
    Ipv4Addr::new(a, b, c, client)
}

const fn nobody(mac: Mac) -> End {
    End { mac, ip: Ipv4Addr::UNSPECIFIED, port: 68 }
}

const EVERYBODY: End = End { mac: BROADCAST, ip: Ipv4Addr::BROADCAST, port: 67 };
const SERVER: End = End { mac: [2, 0, 0, 0, 0, 0x53], ip: Ipv4Addr::new(192, 0, 2, 1), port: 67 };
const ROGUE: End = End { mac: [2, 0, 0, 0, 6, 0x66], ip: Ipv4Addr::new(203, 0, 113, 1), port: 67 };

pub(super) const MS: i64 = 1_000_000;

/// RFC 2132, 9.6.
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
