//! The office beside the cameras, and the VMS that asks them how they are.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::rc::Rc;

use super::link::Parcel;
use super::pull::step;
use super::tcp::{Note, Purpose, Side, Step};
use super::{Message, THINKING, Timer, World};
use crate::fabric::HostId;
use crate::frame::Data;
use crate::options::{MILLISECOND, Mix, SECOND};
use crate::sight::Says;
use crate::site::{Habit, Role, gateway_ip};
use crate::wire::tls::{Offer, Session};
use crate::wire::{dns, http, igmp, llmnr, mdns, netbios, onvif};

impl World<'_> {
    /// One thing that a host of the office does, and when it does the next.
    pub(super) fn chat(&mut self, at: i64, host: HostId) {
        let role = self.site.hosts[host].role;
        if role == Role::Gateway {
            self.query_groups(at, host);
            self.after(at + QUERY, host, Timer::Chat);
            return;
        }
        let draw = self.hosts[host].random.below(100);
        match (role, draw) {
            (Role::Printer, _) => self.ask_name(at, host, "time.printer.example"),
            (_, 0..8) => {
                let bytes = mdns::query("_ipp._tcp");
                self.multicast(
                    at,
                    host,
                    Ipv4Addr::new(224, 0, 0, 251),
                    255,
                    Self::datagram((5_353, 5_353), bytes),
                    &[],
                );
            }
            (_, 8..14) => self.broadcast_name(at, host),
            (_, 14..20) => {
                let id = self.hosts[host].random.bits() as u16;
                let port = self.hosts[host].port();
                let transport = Self::datagram((port, 5_355), llmnr::query(id, "wpad", dns::A));
                self.multicast(at, host, Ipv4Addr::new(224, 0, 0, 252), 1, transport, &[]);
            }
            (_, 20..45) => {
                let name = *self.hosts[host].random.pick(NAMES);
                self.ask_name(at, host, name);
            }
            _ => self.browse(at, host),
        }
        let pause = self.hosts[host].random.between(2, 25) * SECOND;
        self.after(at + pause, host, Timer::Chat);
    }

    fn broadcast_name(&mut self, at: i64, host: HostId) {
        let id = self.hosts[host].random.bits() as u16;
        let [a, b, ..] = self.hosts[host].ip.octets();
        let everybody = Ipv4Addr::new(a, b, 255, 255);
        let name = format!("FILES{:02}", id % 7);
        self.multicast(at, host, everybody, 128, Self::datagram((137, 137), netbios::query(id, &name)), &[]);
    }

    /// The querier asks who listens to which group (RFC 2236, 3), and IPv6 hears of its router.
    fn query_groups(&mut self, at: i64, host: HostId) {
        let message = igmp::query(None, 100);
        let transport = crate::frame::Transport::Other {
            protocol: crate::wire::ip::IGMP,
            is_alert: true,
            message: message.into(),
        };
        self.multicast(at, host, Ipv4Addr::new(224, 0, 0, 1), 1, transport, &[]);
        self.advertise_router(at + 3 * MILLISECOND, host, 1_800);
        self.report_groups(at + SECOND);
    }

    fn ask_name(&mut self, at: i64, host: HostId, name: &str) {
        let server = gateway_ip(self.site.hosts[host].vlan);
        let id = self.hosts[host].random.bits() as u16;
        let port = self.hosts[host].port();
        let transport = Self::datagram((port, 53), dns::query(id, name, dns::A));
        let message = Message::NameQuery { id, name: name.to_owned(), kind: dns::A, port };
        self.send(at, Parcel { from: host, to: server, transport, says: Vec::new(), message });
    }

    pub(super) fn tell_name(
        &mut self,
        at: i64,
        server: HostId,
        client: HostId,
        query: (u16, &str, u16, u16),
    ) {
        let (id, name, kind, port) = query;
        let record = dns::Record { name, ttl_s: 300, is_unique: false, data: dns::Data::A(address_of(name)) };
        let bytes = dns::response(id, name, kind, &[record]);
        let to = self.hosts[client].ip;
        let transport = Self::datagram((53, port), bytes);
        let says = vec![Says::Served("dns")];
        self.send(
            at + 4 * MILLISECOND,
            Parcel { from: server, to, transport, says, message: Message::Nothing },
        );
    }

    /// A page from the Internet, by TLS; of a site without media, where sensors are, a short word.
    fn browse(&mut self, at: i64, host: HostId) {
        let name = *self.hosts[host].random.pick(NAMES);
        let seed = self.hosts[host].random.bits();
        let (least, most) = if self.site.mix == Mix::Control { REPORT } else { PAGE };
        let size = self.hosts[host].random.between(least, most) as usize;
        let script = https(seed, name, 0x0304, &[], size);
        self.open(at, host, (address_of(name), 443), Purpose::Once, script);
    }

    /// The VMS asks one camera after another: what it is, and then again and again what time it has.
    pub(super) fn ask_camera(&mut self, at: i64, vms: HostId, index: u32) {
        let cameras: Vec<HostId> =
            self.site.all(Role::Camera).filter(|id| self.is_awake_by_plan(*id)).collect();
        let Some(camera) = cameras.get(index as usize % cameras.len().max(1)).copied() else { return };
        let is_first_round = (index as usize) < cameras.len();
        let own = self.known(camera);
        let body = if is_first_round {
            let nonce = self.hosts[vms].random.bits().to_be_bytes();
            let token =
                onvif::Token { user: "vms", password: "Sim-0815", nonce: &nonce, created_s: at / SECOND };
            onvif::get_device_information(Some(&token))
        } else {
            onvif::get_system_date_and_time()
        };
        let answer = if is_first_round {
            let plan = &self.site.hosts[camera];
            onvif::device_information(&onvif::Information {
                manufacturer: plan.product.vendor,
                model: plan.product.model,
                firmware: plan.product.firmware,
                serial: &plan.serial,
                hardware: plan.product.model,
            })
        } else {
            onvif::system_date_and_time(at / SECOND)
        };
        let kind = [("Content-Type", "application/soap+xml; charset=utf-8")];
        let request =
            http::request("POST", "/onvif/device_service", &own.to_string(), &kind, body.as_bytes());
        let response = http::response(200, "OK", &kind, answer.as_bytes());
        let script = VecDeque::from([
            step(Side::Client, request, Note::Next(15 * MILLISECOND), Vec::new()),
            step(Side::Server, response, Note::Done, vec![Says::Served("http"), Says::Agrees("POST")]),
        ]);
        self.open(at, vms, (own, 80), Purpose::Once, script);
        let round = if is_first_round { ROUND_FIRST } else { ROUND };
        let pause = (round / cameras.len() as i64).clamp(50 * MILLISECOND, 20 * SECOND);
        let next = if index == u32::MAX { cameras.len() as u32 } else { index + 1 };
        self.after(at + pause, vms, Timer::Ask(next));
    }

    fn is_awake_by_plan(&self, camera: HostId) -> bool {
        self.site.hosts[camera].media.is_some_and(|media| media.habit != Habit::Sleeping)
    }

    /// A camera that sleeps wakes up, hands its pictures to the recorder, and sleeps again.
    pub(super) fn wake(&mut self, at: i64, host: HostId) {
        self.hosts[host].is_ready = true;
        self.claim(at, host, false);
        if let Some(recording) =
            self.site.recordings.iter().find(|recording| recording.camera == host).copied()
        {
            let to = self.hosts[recording.recorder].ip;
            let seed = self.hosts[host].random.bits();
            let script = upload(seed);
            self.open(at + SECOND, host, (to, 8_000), Purpose::Once, script);
        }
        self.after(at + AWAKE, host, Timer::Sleep);
        self.after(at + SLEEP, host, Timer::Wake);
    }
}

/// A conversation by TLS: handshake, one request, one answer, the end.
pub(super) fn https(seed: u64, name: &str, version: u16, certificate: &[u8], size: usize) -> VecDeque<Step> {
    let cipher = if version == 0x0304 { 0x1301 } else { 0xc02f };
    let session = Session { version, cipher, seed };
    let offer = Offer { ciphers: &[0x1301, 0x1302, 0xc02f, 0xc030], sni: Some(name), alpn: &["http/1.1"] };
    let soon = Note::Next(THINKING);
    let mut steps = VecDeque::from([
        step(Side::Client, session.client_hello(&offer), soon, Vec::new()),
        step(Side::Server, session.server_flight(certificate), soon, Vec::new()),
        step(Side::Client, session.client_finish(), soon, Vec::new()),
    ]);
    if version < 0x0304 {
        steps.push_back(step(Side::Server, session.server_finish(), soon, Vec::new()));
    } else {
        // The server has nothing to add: the client's request follows its Finished.
        if let Some(last) = steps.back_mut() {
            last.note = Note::Nothing;
        }
    }
    if version >= 0x0304 {
        let finish = session.client_finish();
        let request = record(&session, 420, Note::Nothing, Side::Client);
        if let (Some(last), Data::Bytes(head)) = (steps.back_mut(), head_of(&request)) {
            let both = [&finish[..], &head[..], &vec![0xa5; 420][..]].concat();
            last.data = Data::Bytes(Rc::from(both));
            last.note = soon;
        }
    } else {
        steps.push_back(record(&session, 420, soon, Side::Client));
    }
    let mut left = size;
    while left > 0 {
        let length = left.min(RECORD);
        left -= length;
        let note = if left == 0 { Note::Next(20 * MILLISECOND) } else { Note::Next(100_000) };
        steps.push_back(record(&session, length as u16, note, Side::Server));
    }
    steps.push_back(step(Side::Client, session.close_notify(), Note::Done, Vec::new()));
    steps
}

fn record(session: &Session, length: u16, note: Note, by: Side) -> Step {
    let head: Rc<[u8]> = Rc::from(&session.application(length)[..]);
    Step { by, data: Data::Filled(head, usize::from(length)), says: Vec::new(), note }
}

fn head_of(step: &Step) -> Data {
    match &step.data {
        Data::Filled(head, _) => Data::Bytes(Rc::clone(head)),
        other => other.clone(),
    }
}

/// A camera hands pictures over: one POST.
fn upload(seed: u64) -> VecDeque<Step> {
    let body: Vec<u8> = (0..UPLOAD).map(|n| (seed.rotate_left(n as u32 % 63) & 0xff) as u8).collect();
    let kind = [("Content-Type", "image/jpeg")];
    let request = http::request("POST", "/upload", "recorder", &kind, &body);
    let says = vec![Says::Served("http"), Says::Agrees("POST")];
    VecDeque::from([
        step(Side::Client, request, Note::Next(THINKING), Vec::new()),
        step(Side::Server, http::response(204, "No Content", &[], &[]), Note::Done, says),
    ])
}

/// The address of a name in the Internet, of those set aside for benchmarks (RFC 2544, C.2.2): nobody holds them,
/// and no site gives them out.
fn address_of(name: &str) -> Ipv4Addr {
    let sum = name.bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    Ipv4Addr::new(198, 18, 113, sum.max(1))
}

const NAMES: &[&str] = &[
    "www.example.com",
    "mail.example.net",
    "files.example.org",
    "news.example.com",
    "cdn.example.net",
    "update.example.org",
];
/// The querier's interval (RFC 2236, 8.2).
const QUERY: i64 = 125 * SECOND;
/// All cameras are asked once within this time, first what they are, then what time they have.
const ROUND_FIRST: i64 = 60 * SECOND;
const ROUND: i64 = 120 * SECOND;
/// Bytes of a page, least and most, and of what a sensor is told.
const PAGE: (i64, i64) = (2_000, 60_000);
const REPORT: (i64, i64) = (80, 900);
/// Largest TLS record used.
const RECORD: usize = 8_000;
/// Bytes of one upload.
const UPLOAD: usize = 24_000;
/// A sleeping camera wakes up this often, and stays awake this long.
const SLEEP: i64 = 120 * SECOND;
const AWAKE: i64 = 20 * SECOND;
