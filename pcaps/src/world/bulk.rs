//! Pictures whose packets nobody wants one by one: what becomes of them is reckoned for all at once.
//!
//! It gives the same as sending each packet, for as long as none can be lost by chance.

use super::World;
use super::stream::{PACKET_SPACING, PAYLOAD, StreamId};
use super::tcp::{ACKNOWLEDGES_AFTER, ConnectionId, Side};
use crate::fabric::HostId;
use crate::mirror::Way;
use crate::options::Transport;
use crate::sums::Frames;

/// The way between the two ends of a stream, as it is until something changes.
#[derive(Debug)]
pub(super) struct Road {
    there: Lane,
    /// Only TCP needs it.
    back: Lane,
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    /// Whether it goes past a mirrored port.
    is_past: bool,
    /// When after its start the mirror shows a frame, and which way.
    shown: Option<(i64, Way)>,
    /// How many times it shows it.
    times: u64,
    /// When after its start it arrives.
    arrives: Option<i64>,
}

/// Frames that were reckoned and not told yet.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    there: Option<Frames>,
    back: Option<Frames>,
}

impl World<'_> {
    /// The way of a stream, where its packets need not be sent one by one.
    pub(super) fn road(&mut self, id: StreamId) -> Option<Road> {
        if self.tap.wants_bytes() || self.is_lossy || self.tap.loss_ppm > 0 {
            return None;
        }
        let stream = &self.streams[id];
        let (camera, receiver, transport) = (stream.camera, stream.receiver, stream.transport);
        if transport != Transport::Multicast && !self.is_on_link(camera, stream.destination) {
            return None;
        }
        let there = self.lane(camera, receiver);
        let back = match transport {
            Transport::Interleaved => self.lane(receiver, camera),
            Transport::Udp | Transport::Multicast => Lane::default(),
        };
        let is_whole = there.arrives.is_some() && back.arrives.is_some();
        (transport != Transport::Interleaved || is_whole).then_some(Road { there, back })
    }

    fn lane(&mut self, from: HostId, to: HostId) -> Lane {
        if !self.hosts[from].is_up {
            return Lane::default();
        }
        let hears = self.hosts[to].is_up && self.site.hosts[to].vlan == self.site.hosts[from].vlan;
        let is_mute = self.tap.is_mute;
        let journey = self.fabric.send(from, to);
        Lane {
            is_past: !journey.copies.is_empty(),
            times: journey.copies.len() as u64 * (u64::from(self.tap.extra_copies) + 1),
            shown: journey.copies.first().filter(|_| !is_mute).map(|(after, way, _)| (*after, *way)),
            arrives: journey.arrives.filter(|_| hears),
        }
    }

    /// Whether a picture goes straight through.
    pub(super) fn is_free(&mut self, id: StreamId, at: i64) -> bool {
        match self.streams[id].connection {
            Some((connection, _)) => self.flows_freely(connection, Side::Server, at),
            None => self.streams[id].transport != Transport::Interleaved,
        }
    }

    /// Sends a picture.
    pub(super) fn picture_in_bulk(&mut self, at: i64, id: StreamId, length: usize, way: (&Road, &mut Bulk)) {
        let packets = length.div_ceil(PAYLOAD);
        let octets = length + 12 * packets;
        let frames = Frames { packets: packets as u64, ..Frames::one(at, octets) };
        match self.streams[id].connection {
            Some((connection, _)) if self.streams[id].transport == Transport::Interleaved => {
                self.picture_in_connection(id, connection, frames, way);
            }
            _ => self.picture_in_datagrams(id, frames, way.0),
        }
    }

    fn picture_in_datagrams(&mut self, id: StreamId, frames: Frames, road: &Road) {
        let is_mute = self.tap.is_mute;
        let (at, packets) = (frames.first, frames.packets);
        let last = at + PACKET_SPACING * (packets as i64 - 1);
        let receiver_epoch = self.hosts[self.streams[id].receiver].epoch;
        let stream = &mut self.streams[id];
        stream.note_sent(at, packets, frames.bytes as usize);
        stream.last = last;
        let passed = if road.there.is_past { packets } else { 0 };
        stream.passed += passed;
        if road.there.arrives.is_some() && receiver_epoch == stream.receiver_epoch {
            stream.note_arrived(last);
            stream.received += packets;
            stream.received_past += passed;
        } else {
            stream.lost += packets;
        }
        match road.there.shown {
            Some((after, _)) => {
                let frames = Frames { first: at + after, last: last + after, ..frames };
                stream.seen += packets;
                let camera = stream.camera;
                self.tap.show(camera, frames);
                self.tap.copied((frames.last, packets), road.there.times, false);
                self.media_shown(id, self.hosts[camera].ip, frames);
            }
            None => {
                stream.unseen += if is_mute { 0 } else { packets };
                stream.seconds.miss(packets);
            }
        }
    }

    fn picture_in_connection(
        &mut self,
        id: StreamId,
        connection: ConnectionId,
        frames: Frames,
        (road, bulk): (&Road, &mut Bulk),
    ) {
        let (at, packets) = (frames.first, frames.packets);
        let segments = self.pass(at, connection, Side::Server, (frames.bytes + 4 * packets) as usize);
        let last = at + PACKET_SPACING * (segments.sent as i64 - 1);
        let stream = &mut self.streams[id];
        stream.note_sent(at, packets, frames.bytes as usize);
        stream.note_arrived(at);
        stream.received += packets;
        if road.there.is_past {
            stream.passed += packets;
            stream.received_past += packets;
        }
        let (camera, receiver, receiver_ip) = (stream.camera, stream.receiver, stream.destination);
        let (there, back) = (road.there.arrives.unwrap_or(0), road.back.arrives.unwrap_or(0));
        let answered = there + ACKNOWLEDGES_AFTER;
        self.confirm(last + answered + back, receiver, self.hosts[camera].ip);
        self.confirm(last + answered + back, camera, receiver_ip);
        match road.there.shown {
            Some((after, _)) => {
                let (first, last) = (at + after, last + after);
                self.tap.copied((last, segments.sent), road.there.times, false);
                self.streams[id].seen += packets;
                let source = self.streams[id].source;
                self.media_shown(id, source, Frames { first, last, ..frames });
                let sent = Frames {
                    first,
                    last,
                    packets: segments.sent,
                    bytes: segments.bytes,
                    gap: 0,
                    stamp: Some(self.stamp(at, camera)),
                };
                self.add(id, road, (&mut bulk.there, sent), |frames| Bulk {
                    there: Some(frames),
                    back: None,
                });
            }
            None => self.streams[id].seconds.miss(packets),
        }
        if let Some((after, _)) = road.back.shown {
            let second = at + PACKET_SPACING * i64::from(segments.sent > 1);
            let (first, last) = (second + answered + after, last + answered + after);
            self.tap.copied((last, segments.answers), road.back.times, true);
            let bytes = segments.bytes_of_answers;
            let stamp = Some(self.stamp(second + answered, receiver));
            let answers = Frames { first, last, packets: segments.answers, bytes, gap: 0, stamp };
            self.add(id, road, (&mut bulk.back, answers), |frames| Bulk { there: None, back: Some(frames) });
        }
    }

    /// Tells what was reckoned.
    pub(super) fn end_bulk(&mut self, id: StreamId, road: &Road, bulk: Bulk) {
        if bulk.there.is_none() && bulk.back.is_none() {
            return;
        }
        let source = self.streams[id].source;
        let way = |lane: &Lane| lane.shown.map_or(Way::Ingress, |(_, way)| way);
        let [there, back] = self.media_keys(id, source, [way(&road.there), way(&road.back)]);
        let (camera, receiver) = (self.streams[id].camera, self.streams[id].receiver);
        if let Some(frames) = bulk.there {
            self.tap.hear(camera, &there, frames);
        }
        if let Some(frames) = bulk.back {
            self.tap.hear(receiver, &back, frames);
        }
    }

    /// Keeps frames to be told with others, unless they reach into the next second.
    fn add(
        &mut self,
        id: StreamId,
        road: &Road,
        (kept, frames): (&mut Option<Frames>, Frames),
        alone: fn(Frames) -> Bulk,
    ) {
        if frames.last >= self.tap.second_ends() {
            self.end_bulk(id, road, alone(frames));
        } else {
            *kept = Some(kept.map_or(frames, |before| before.joined(frames)));
        }
    }
}
