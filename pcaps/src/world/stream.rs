//! Media: pictures at the camera's pace, cut into RTP packets, over UDP, to a group, or inside RTSP (RFC 3550).
//!
//! A stream is caught up with once a second, and before anything changes that matters to it. Its pictures' times
//! and sizes follow from its own random numbers alone.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use super::bulk::Bulk;
use super::pull::JobId;
use super::seconds::Seconds;
use super::tcp::{ConnectionId, Note, Side, Step};
use super::{Event, Message, World};
use crate::fabric::HostId;
use crate::frame::{Body, Data, Frame, Packet, Transport as Carried};
use crate::options::{MILLISECOND, SECOND, Transport};
use crate::random::Random;
use crate::sight::Says;
use crate::site::Media;
use crate::sums::Frames;
use crate::tap::{Passing, Past};
use crate::wire::rtcp::{self, Block, Sender};
use crate::wire::{Mac, rtp, rtsp};

/// A stream, by its place in the world's list.
pub type StreamId = usize;

/// One stream of one camera to one receiver or group.
#[derive(Debug)]
pub struct Stream {
    /// Who sends.
    pub camera: HostId,
    /// Who receives; of a group the first who asked for it.
    pub receiver: HostId,
    /// The session it belongs to.
    pub job: JobId,
    /// How it travels.
    pub transport: Transport,
    /// What it carries.
    pub media: Media,
    /// The camera's address when it began.
    pub source: Ipv4Addr,
    /// Where it goes: the receiver's address or the group's.
    pub destination: Ipv4Addr,
    /// Ports of RTP: the sender's and the receiver's.
    pub ports: (u16, u16),
    /// Synchronization source.
    pub ssrc: u32,
    /// Packets that were sent.
    pub sent: u64,
    /// RTP bytes that were sent, headers included.
    pub octets: u64,
    /// Packets that came by a mirrored port.
    pub passed: u64,
    /// Packets that the mirror showed.
    pub seen: u64,
    /// Packets that came to the receiver.
    pub received: u64,
    /// Packets that came by a mirrored port and to the receiver.
    pub received_past: u64,
    /// Packets that the mirror never showed though it was on, where nobody sends them again.
    pub unseen: u64,
    /// Packets that never came to the receiver, where nobody sends them again.
    pub lost: u64,
    /// Time of the first packet.
    pub first: i64,
    /// Time of the last packet.
    pub last: i64,
    /// Time of the last packet that came to the receiver; before the first, when it began.
    pub arrived: i64,
    /// As of that packet: how many had been sent, and how many of them never came.
    until_arrived: (u64, u64),
    /// Whether it runs.
    pub is_running: bool,
    pub(super) connection: Option<(ConnectionId, u32)>,
    epoch: u32,
    /// The receiver forgets what it asked for when it starts anew.
    pub(super) receiver_epoch: u32,
    sequence: u16,
    first_sequence: u16,
    base: u32,
    began: i64,
    picture: u64,
    next_at: i64,
    random: Random,
    pub(super) seconds: Seconds,
    reported: Reported,
}

/// Which part of a picture a packet is.
#[derive(Debug, Clone, Copy)]
struct Cut {
    is_first: bool,
    is_last: bool,
}

/// What the receiver last reported, and when somebody reports next.
#[derive(Debug, Default)]
struct Reported {
    /// Packets sent until the last that arrived, and how many of them did not.
    arrived: (u64, u64),
    sender_at: i64,
    sender_next: i64,
    receiver_next: i64,
}

impl World<'_> {
    /// Lets a stream begin.
    pub(super) fn start_stream(
        &mut self,
        at: i64,
        job: JobId,
        ends: (HostId, HostId),
        plan: &Planned,
    ) -> StreamId {
        let (camera, receiver) = ends;
        let media = self.site.hosts[camera].media.expect("only cameras are asked for media");
        let mut random = self.hosts[camera].random.clone();
        self.hosts[camera].random.bits();
        let first_sequence = random.bits() as u16;
        let stream = Stream {
            camera,
            receiver,
            job,
            transport: plan.transport,
            media,
            source: self.hosts[camera].ip,
            destination: plan.destination,
            ports: plan.ports,
            ssrc: plan.ssrc,
            sent: 0,
            octets: 0,
            passed: 0,
            seen: 0,
            received: 0,
            received_past: 0,
            unseen: 0,
            lost: 0,
            first: 0,
            last: 0,
            arrived: at,
            until_arrived: (0, 0),
            is_running: true,
            connection: plan.connection,
            epoch: self.hosts[camera].epoch,
            receiver_epoch: self.hosts[receiver].epoch,
            sequence: first_sequence,
            first_sequence,
            base: random.bits() as u32,
            began: at,
            picture: 0,
            next_at: at + random.between(0, SECOND / i64::from(media.frame_rate)),
            random,
            seconds: Seconds::default(),
            reported: Reported {
                sender_next: at + SECOND,
                receiver_next: at + 5 * SECOND / 2,
                ..Reported::default()
            },
        };
        let id = self.streams.len();
        let due = stream.reported.sender_next.min(stream.reported.receiver_next);
        self.streams.push(stream);
        self.list(id);
        self.agenda.at(due, Event::Report(id));
        id
    }

    /// Forgets what was counted while the site warmed up.
    pub(super) fn forget_counts(&mut self) {
        for stream in &mut self.streams {
            (stream.sent, stream.octets, stream.lost, stream.unseen) = (0, 0, 0, 0);
            stream.until_arrived = (0, 0);
            (stream.passed, stream.seen, stream.received, stream.received_past) = (0, 0, 0, 0);
            stream.reported = Reported {
                sender_next: stream.reported.sender_next,
                receiver_next: stream.reported.receiver_next,
                ..Reported::default()
            };
            stream.first = 0;
            stream.first_sequence = stream.sequence;
            stream.seconds.forget();
        }
    }

    /// Catches up with every stream.
    pub(super) fn settle_all(&mut self, until: i64) {
        for index in 0..self.running.len() {
            self.settle(self.running[index], until);
        }
    }

    /// Catches up with one stream: sends all its pictures before `until`.
    pub(super) fn settle(&mut self, id: StreamId, until: i64) {
        let road = if self.streams[id].next_at < until { self.road(id) } else { None };
        let mut bulk = Bulk::default();
        loop {
            let stream = &self.streams[id];
            if !stream.is_running {
                break;
            }
            let at = stream.next_at;
            if let Some((connection, generation)) = stream.connection {
                if self.generation(connection) != generation {
                    self.streams[id].is_running = false;
                    break;
                }
                let due = self.due_at(connection, Side::Server);
                if let Some(due) = due.filter(|due| *due <= at && *due < until) {
                    self.meet(due, connection, Side::Server);
                    continue;
                }
            }
            if at >= until {
                break;
            }
            let stream = &self.streams[id];
            // Nobody kept the session alive.
            let is_timed_out = at - stream.arrived > SESSION && stream.transport != Transport::Interleaved;
            if self.hosts[stream.camera].epoch != stream.epoch || is_timed_out {
                self.streams[id].is_running = false;
                break;
            }
            let Some((length, timestamp)) = self.next_picture(at, id) else { continue };
            match &road {
                Some(road) if self.is_free(id, at) => self.picture_in_bulk(at, id, length, (road, &mut bulk)),
                _ => {
                    if let Some(road) = &road {
                        self.end_bulk(id, road, std::mem::take(&mut bulk));
                    }
                    self.picture(at, id, length, timestamp);
                }
            }
        }
        if let Some(road) = &road {
            self.end_bulk(id, road, bulk);
        }
        let stream = &self.streams[id];
        let (arrived, receiver, source) = (stream.arrived, stream.receiver, stream.source);
        self.confirm(arrived, receiver, source);
    }

    /// The length and the time stamp of the next picture, unless the camera makes none.
    fn next_picture(&mut self, at: i64, id: StreamId) -> Option<(usize, u32)> {
        let stream = &mut self.streams[id];
        let rate = u64::from(stream.media.frame_rate);
        let length = stream.next_length();
        let ticks = stream.picture * CLOCK / rate;
        stream.picture += 1;
        let pace = stream.began + (stream.picture as i64) * SECOND / i64::from(stream.media.frame_rate);
        let sway = stream.random.between(-SWAY, SWAY);
        stream.next_at = (pace + sway).max(at + MILLISECOND);
        if self.hosts[stream.camera].is_stalled || !self.hosts[stream.camera].serves {
            return None;
        }
        Some((length, stream.base.wrapping_add(ticks as u32)))
    }

    fn picture(&mut self, at: i64, id: StreamId, length: usize, timestamp: u32) {
        match self.streams[id].transport {
            Transport::Interleaved => self.picture_inside(at, id, length, timestamp),
            Transport::Udp | Transport::Multicast => self.picture_beside(at, id, length, timestamp),
        }
    }

    fn picture_beside(&mut self, at: i64, id: StreamId, length: usize, timestamp: u32) {
        let mut left = length;
        let mut time = at;
        while left > 0 {
            let payload = next_cut(left);
            let cut = Cut { is_first: left == length, is_last: left == payload };
            left -= payload;
            self.packet(time, id, payload + 12, cut, timestamp);
            time += PACKET_SPACING;
        }
    }

    fn packet(&mut self, at: i64, id: StreamId, length: usize, cut: Cut, timestamp: u32) {
        let stream = &mut self.streams[id];
        let packet = stream.rtp(length, cut, timestamp);
        stream.note_sent(at, 1, length);
        let (camera, receiver, ports, destination) =
            (stream.camera, stream.receiver, stream.ports, stream.destination);
        let is_group = stream.transport == Transport::Multicast;
        let transport = Carried::Udp(ports, packet);
        let (arrives, past) = if is_group || self.is_on_link(camera, destination) {
            self.media_frame(at, (camera, receiver), (destination, is_group), transport)
        } else {
            match self.send_ip(at, (camera, self.hosts[camera].ip), destination, &transport, &[]) {
                super::link::Sent::Arrives(_, _, past) => (true, past),
                super::link::Sent::Lost(past) => (false, past),
                super::link::Sent::Waits => (false, Past::Apart),
            }
        };
        let is_mute = self.tap.is_mute;
        let receiver_epoch = self.hosts[receiver].epoch;
        let stream = &mut self.streams[id];
        let is_past = past != Past::Apart;
        stream.passed += u64::from(is_past);
        if arrives && receiver_epoch == stream.receiver_epoch {
            stream.note_arrived(at);
            stream.received += 1;
            stream.received_past += u64::from(is_past);
        } else {
            stream.lost += 1;
        }
        match past {
            Past::Shown(seen) => {
                stream.seen += 1;
                self.media_shown(id, self.hosts[camera].ip, Frames::one(seen, length));
            }
            Past::Apart | Past::Lost => {
                stream.unseen += u64::from(!is_mute);
                stream.seconds.miss(1);
            }
        }
    }

    /// One packet of media on its own link: whether it arrives, and when the mirror shows it.
    fn media_frame(
        &mut self,
        at: i64,
        (camera, receiver): (HostId, HostId),
        (destination, is_group): (Ipv4Addr, bool),
        transport: Carried,
    ) -> (bool, Past) {
        if !self.hosts[camera].is_up {
            return (false, Past::Apart);
        }
        let vlan = self.site.hosts[camera].vlan;
        let passing = Passing { host: camera, at, vlan };
        let product = self.site.hosts[camera].product;
        let id = self.hosts[camera].id(product.counts_packets);
        // Switches listen to who joins a group, and send its media there alone.
        let mac = if is_group { Mac::of_group(destination) } else { self.site.hosts[receiver].mac };
        let hears = self.hosts[receiver].is_up && self.site.hosts[receiver].vlan == vlan;
        let journey = self.fabric.send(camera, receiver);
        let arrives = journey.arrives.is_some() && hears;
        if !self.tap.wants_bytes() {
            return (arrives, self.tap.counts(passing, &journey.copies));
        }
        let ttl = if is_group { GROUP_TTL } else { product.ttl };
        let source = self.hosts[camera].ip;
        let packet = Packet { source: source.into(), destination: destination.into(), ttl, id, transport };
        let frame = Frame { destination: mac, source: self.site.hosts[camera].mac, body: Body::Ip(packet) };
        (arrives, self.tap.copy(passing, &journey.copies, &frame, &[]))
    }

    pub(super) fn is_on_link(&self, camera: HostId, destination: Ipv4Addr) -> bool {
        super::link::vlan_of(destination) == self.site.hosts[camera].vlan
    }

    fn picture_inside(&mut self, at: i64, id: StreamId, length: usize, timestamp: u32) {
        let Some((connection, _)) = self.streams[id].connection else { return };
        if !self.can_say(connection, Side::Server) || self.backlog(connection, Side::Server) > SEND_BUFFER {
            // The encoder drops what its buffer does not take.
            return;
        }
        let wants_bytes = self.tap.wants_bytes();
        let stream = &mut self.streams[id];
        let mut left = length;
        let mut bytes = Vec::with_capacity(if wants_bytes { length + length / 80 + 32 } else { 0 });
        let mut whole = 0;
        let mut lengths = Vec::new();
        while left > 0 {
            let payload = next_cut(left);
            let cut = Cut { is_first: left == length, is_last: left == payload };
            left -= payload;
            let packet = payload + 12;
            if wants_bytes {
                bytes.extend_from_slice(&rtsp::interleaved(0, packet as u16));
                stream.rtp(packet, cut, timestamp).write(&mut bytes);
            }
            stream.note_sent(at, 1, packet);
            lengths.push(packet);
            whole += packet + 4;
        }
        let data = if wants_bytes {
            Data::Bytes(Rc::from(bytes))
        } else {
            Data::Filled(Rc::clone(&self.nothing), whole)
        };
        let step = Step { by: Side::Server, data, says: Vec::new(), note: Note::Nothing };
        self.say_media(at, connection, step, Some((id, &lengths)));
        if self.backlog(connection, Side::Server) == 0 {
            self.streams[id].note_arrived(at);
        }
    }

    /// Tells media packets that the mirror showed from an address.
    pub(super) fn media_shown(&mut self, id: StreamId, source: Ipv4Addr, frames: Frames) {
        let second_ends = self.tap.second_ends();
        let stream = &mut self.streams[id];
        let sequence = stream.sequence.wrapping_sub(1);
        stream.seconds.add(source, (frames, sequence), second_ends);
        self.list(id);
    }

    /// Puts a stream on the list of those that are caught up with and summed up.
    fn list(&mut self, id: StreamId) {
        if !std::mem::replace(&mut self.streams[id].seconds.is_listed, true) {
            self.running.push(id);
        }
    }

    /// Sender and receiver report to one another (RFC 3550, 6.4).
    pub(super) fn report(&mut self, at: i64, id: StreamId) {
        self.settle(id, at);
        // Who receives does not know that the sender is gone: he reports until he gives it up.
        let stream = &self.streams[id];
        let receiver = &self.hosts[stream.receiver];
        let receives = self.jobs[stream.job].stream == Some(id)
            && receiver.epoch == stream.receiver_epoch
            && receiver.serves;
        let stream = &mut self.streams[id];
        if !stream.is_running && !receives {
            return;
        }
        let is_sender_due = stream.is_running && stream.reported.sender_next <= at;
        let is_receiver_due = stream.reported.receiver_next <= at;
        if is_sender_due {
            stream.reported.sender_next = at + REPORTS - stream.random.between(0, SECOND);
            stream.reported.sender_at = at;
            let since = ((at - stream.began) / 1_000) as u64 * CLOCK / 1_000_000;
            let sender = Sender {
                ssrc: stream.ssrc,
                clock_ns: at,
                timestamp: stream.base.wrapping_add(since as u32),
                packets: stream.sent as u32,
                octets: (stream.octets - 12 * stream.sent) as u32,
            };
            let name = format!("camera@{}", self.hosts[stream.camera].ip);
            let bytes = rtcp::sender_report(&sender, &name);
            let says = vec![Says::SenderReport(sender.ssrc)];
            self.send_report(at, id, Side::Server, (bytes, says));
        }
        let stream = &mut self.streams[id];
        if is_receiver_due {
            stream.reported.receiver_next = at + REPORTS - stream.random.between(0, SECOND);
            // Who receives nothing does not know what he misses: all counts end with the highest number that came.
            let (sent, lost) = stream.until_arrived;
            let before = std::mem::replace(&mut stream.reported.arrived, (sent, lost));
            let highest = u32::from(stream.first_sequence).wrapping_add(sent as u32).wrapping_sub(1);
            let fraction = ((lost - before.1) * 256).checked_div(sent - before.0).unwrap_or(0).min(255);
            let since = if stream.reported.sender_at == 0 { 0 } else { at - stream.reported.sender_at };
            let block = Block {
                ssrc: stream.ssrc,
                fraction_lost: fraction as u8,
                lost: lost as i32,
                highest,
                jitter: 40,
                last_sr: if since == 0 { 0 } else { rtcp::middle(stream.reported.sender_at) },
                delay_since: (since.max(0) as u64 * 65_536 / 1_000_000_000) as u32,
            };
            let ssrc = stream.ssrc ^ 0x5a5a_5a5a;
            let name = format!("recorder@{}", self.hosts[stream.receiver].ip);
            let is_heard = sent > 0;
            let blocks = [block];
            let bytes = rtcp::receiver_report(ssrc, if is_heard { &blocks } else { &[] }, &name);
            let Block { ssrc, lost, highest, .. } = block;
            let says = if is_heard { vec![Says::Reported { ssrc, lost, highest }] } else { Vec::new() };
            self.send_report(at, id, Side::Client, (bytes, says));
        }
        let Stream { reported, is_running, .. } = &self.streams[id];
        let sender_next = if *is_running { reported.sender_next } else { i64::MAX };
        self.agenda.at(sender_next.min(reported.receiver_next), Event::Report(id));
    }

    fn send_report(&mut self, at: i64, id: StreamId, by: Side, (bytes, says): (Vec<u8>, Vec<Says>)) {
        let stream = &self.streams[id];
        if let Some((connection, generation)) = stream.connection {
            if self.is_open(connection, generation) && self.backlog(connection, by) < SEND_BUFFER {
                let mut framed = rtsp::interleaved(1, bytes.len() as u16).to_vec();
                framed.extend(bytes);
                self.say(
                    at,
                    connection,
                    Step { by, data: Data::Bytes(Rc::from(framed)), says, note: Note::Nothing },
                );
            }
            return;
        }
        let ports = (stream.ports.0 + 1, stream.ports.1 + 1);
        let (camera, receiver, destination) = (stream.camera, stream.receiver, stream.destination);
        match (by, stream.transport) {
            (Side::Server, Transport::Multicast) => {
                let datagram = Self::datagram(ports, bytes);
                self.report_to_group(at, (camera, receiver), (destination, datagram), &says);
            }
            (Side::Server, _) => {
                let transport = Self::datagram(ports, bytes);
                let parcel = super::link::Parcel {
                    from: camera,
                    to: destination,
                    transport,
                    says,
                    message: Message::Nothing,
                };
                self.send(at, parcel);
            }
            (Side::Client, _) => {
                let to = self.streams[id].source;
                let transport = Self::datagram((ports.1, ports.0), bytes);
                let parcel = super::link::Parcel {
                    from: receiver,
                    to,
                    transport,
                    says,
                    message: Message::ReceiverReport,
                };
                self.send(at, parcel);
            }
        }
    }

    /// What goes to a group goes where somebody joined it, and nowhere else.
    fn report_to_group(
        &mut self,
        at: i64,
        ends: (HostId, HostId),
        (group, transport): (Ipv4Addr, Carried),
        says: &[Says],
    ) {
        let (camera, receiver) = ends;
        let plan = &self.site.hosts[camera];
        let id = self.hosts[camera].id(plan.product.counts_packets);
        let source = self.hosts[camera].ip.into();
        let packet = Packet { source, destination: group.into(), ttl: GROUP_TTL, id, transport };
        let frame = Frame { destination: Mac::of_group(group), source: plan.mac, body: Body::Ip(packet) };
        self.unicast(at, camera, receiver, plan.vlan, &frame, says);
    }

    /// Ends a stream.
    pub(super) fn stop_stream(&mut self, at: i64, id: StreamId) {
        self.settle(id, at);
        self.streams[id].is_running = false;
    }
}

/// What SETUP agreed on.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub transport: Transport,
    pub destination: Ipv4Addr,
    pub ports: (u16, u16),
    pub ssrc: u32,
    pub connection: Option<(ConnectionId, u32)>,
}

impl Stream {
    /// Bytes of the next picture: a key picture is five times as large as the others.
    fn next_length(&mut self) -> usize {
        let group = u64::from(self.media.group);
        let mean = (self.media.bit_rate / 8 / u64::from(self.media.frame_rate)).max(60);
        let plain = mean * group / (group + 4);
        let is_key = self.picture.is_multiple_of(group);
        let length = if is_key { plain * 5 } else { plain };
        let sway = self.random.below(length / 3 + 1);
        (length - length / 6 + sway).max(40) as usize
    }

    /// One packet of a picture: a whole unit, or a fragment of one (RFC 6184, 5.6 and 5.8; RFC 7798, 4.4.1 and 4.4.3).
    fn rtp(&self, length: usize, cut: Cut, timestamp: u32) -> Data {
        let is_key = (self.picture - 1).is_multiple_of(u64::from(self.media.group));
        let header = rtp::header(PAYLOAD_TYPE, cut.is_last, self.sequence, timestamp, self.ssrc);
        let unit: u8 = match (self.media.is_h265, is_key) {
            (false, true) => 5,
            (false, false) => 1,
            (true, true) => 19,
            (true, false) => 1,
        };
        let ends = u8::from(cut.is_first) << 7 | u8::from(cut.is_last) << 6 | unit;
        let is_whole = cut.is_first && cut.is_last;
        let (first, count): ([u8; 3], u8) = match (self.media.is_h265, is_whole) {
            (false, true) => ([0x60 | unit, 0, 0], 1),
            (false, false) => ([0x60 | 28, ends, 0], 2),
            (true, true) => ([unit << 1, 1, 0], 2),
            (true, false) => ([49 << 1, 1, ends], 3),
        };
        let mut head = [0; 15];
        head[..12].copy_from_slice(&header);
        head[12..].copy_from_slice(&first);
        Data::Rtp(head, 12 + count, length)
    }

    pub(super) fn note_sent(&mut self, at: i64, packets: u64, length: usize) {
        if self.sent == 0 {
            self.first = at;
        }
        self.sequence = self.sequence.wrapping_add(packets as u16);
        self.sent += packets;
        self.octets += length as u64;
        self.last = at;
    }

    /// Says that all that was sent came to the receiver, but for what was lost.
    pub(super) fn note_arrived(&mut self, at: i64) {
        self.arrived = at;
        self.until_arrived = (self.sent, self.lost);
    }

    /// Its address as a reader sees it.
    #[must_use]
    pub const fn destination_ip(&self) -> IpAddr {
        IpAddr::V4(self.destination)
    }
}

/// Payload of the next packet of a picture of which so much is left: no crumb stays behind.
const fn next_cut(left: usize) -> usize {
    match left {
        0..=PAYLOAD => left,
        _ if left < PAYLOAD + CRUMB => PAYLOAD - CRUMB,
        _ => PAYLOAD,
    }
}

/// RTP payload of one packet, and the least of it.
pub(super) const PAYLOAD: usize = 1_388;
const CRUMB: usize = 40;
/// The payload type that all cameras here announce.
pub const PAYLOAD_TYPE: u8 = 96;
/// The clock of video (RFC 6184, 8.2.1).
const CLOCK: u64 = 90_000;
/// A picture comes so much early or late.
const SWAY: i64 = 2 * MILLISECOND;
/// From one packet of a picture to the next: a full frame at 1 Gbit/s.
pub(super) const PACKET_SPACING: i64 = 12_300;
/// Both sides report about this often.
const REPORTS: i64 = 5 * SECOND;
/// What a camera's send buffer holds.
const SEND_BUFFER: usize = 400_000;
/// A session that nobody keeps alive ends after this long.
const SESSION: i64 = 60 * SECOND;
/// Hop limit of what goes to a group.
pub(super) const GROUP_TTL: u8 = 16;
