//! Pictures whose packets nobody wants one by one: what becomes of them is reckoned for all at once.
//!
//! It gives the same as sending each packet, for as long as none can be lost by chance.

use super::World;
use super::stream::{PACKET_SPACING, PAYLOAD, StreamId};
use super::tcp::{ACKNOWLEDGES_AFTER, Side};
use crate::mirror::Way;
use crate::options::Transport;
use crate::sums::Frames;

/// The way between the two ends of a stream, as it is until something changes.
#[derive(Debug)]
pub(super) struct Road {
    there: Lane,
    /// None is needed where nobody answers.
    back: Lane,
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    /// When after its start the mirror shows a frame, and which way.
    shown: Option<(i64, Way)>,
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
        let is_mute = self.tap.is_mute;
        let is_up = self.hosts[camera].is_up;
        let is_taken = transport == Transport::Multicast || self.hosts[receiver].is_up;
        let lane = |journey: &crate::fabric::Journey| Lane {
            shown: journey.copies.first().filter(|_| !is_mute).map(|(after, way, _)| (*after, *way)),
            arrives: journey.arrives.filter(|_| is_taken),
        };
        let there = match transport {
            _ if !is_up => Lane::default(),
            Transport::Multicast => lane(self.fabric.flood(camera)),
            Transport::Udp | Transport::Interleaved => lane(self.fabric.send(camera, receiver)),
        };
        let back = match transport {
            Transport::Interleaved if is_taken => lane(self.fabric.send(receiver, camera)),
            _ => Lane::default(),
        };
        let is_whole = there.arrives.is_some() && back.arrives.is_some();
        (transport != Transport::Interleaved || is_whole).then_some(Road { there, back })
    }

    /// Whether a picture goes straight through.
    pub(super) fn is_free(&self, id: StreamId, at: i64) -> bool {
        match self.streams[id].connection {
            Some((connection, _)) => self.flows_freely(connection, Side::Server, at),
            None => self.streams[id].transport != Transport::Interleaved,
        }
    }

    /// Sends a picture.
    pub(super) fn picture_in_bulk(&mut self, at: i64, id: StreamId, length: usize, way: (&Road, &mut Bulk)) {
        let (road, bulk) = way;
        let packets = length.div_ceil(PAYLOAD);
        let octets = length + 12 * packets;
        let stream = &mut self.streams[id];
        if stream.transport == Transport::Interleaved {
            stream.note_sent(at, packets as u64, octets);
            stream.arrived = at;
            let (camera, receiver, connection) = (stream.camera, stream.receiver, stream.connection);
            let Some((connection, _)) = connection else { return };
            let segments = self.pass(connection, Side::Server, octets + 4 * packets);
            let last = at + PACKET_SPACING * (segments.sent as i64 - 1);
            let seen = Frames { first: at, last, packets: packets as u64, bytes: octets as u64 };
            self.note_media(id, seen, road.there.shown.is_some());
            let (there, back) = (road.there.arrives.unwrap_or(0), road.back.arrives.unwrap_or(0));
            let answered = there + ACKNOWLEDGES_AFTER;
            let (camera_ip, receiver_ip) = (self.hosts[camera].ip, self.streams[id].destination);
            self.confirm(last + answered + back, receiver, camera_ip);
            self.confirm(last + answered + back, camera, receiver_ip);
            if let Some((after, _)) = road.there.shown {
                let (first, last) = (at + after, last + after);
                let frames = Frames { first, last, packets: segments.sent, bytes: segments.bytes };
                self.add_there(id, road, bulk, frames);
            }
            if let Some((after, _)) = road.back.shown {
                let second = at + PACKET_SPACING * i64::from(segments.sent > 1);
                let (first, last) = (second + answered + after, last + answered + after);
                let frames =
                    Frames { first, last, packets: segments.answers, bytes: segments.bytes_of_answers };
                self.add_back(id, road, bulk, frames);
            }
        } else {
            let last = at + PACKET_SPACING * (packets as i64 - 1);
            stream.note_sent(at, packets as u64, octets);
            stream.last = last;
            match road.there.arrives {
                Some(_) => stream.arrived = last,
                None => stream.lost += packets as u64,
            }
            let after = road.there.shown.map_or(0, |(after, _)| after);
            let (first, last) = (at + after, last + after);
            let frames = Frames { first, last, packets: packets as u64, bytes: octets as u64 };
            let camera = stream.camera;
            if road.there.shown.is_some() {
                self.tap.show(camera, frames);
            }
            self.note_media(id, frames, road.there.shown.is_some());
        }
    }

    /// Tells what was reckoned.
    pub(super) fn end_bulk(&mut self, id: StreamId, road: &Road, bulk: Bulk) {
        if bulk.there.is_none() && bulk.back.is_none() {
            return;
        }
        let way = |lane: &Lane| lane.shown.map_or(Way::Ingress, |(_, way)| way);
        let [there, back] = self.media_keys(id, [way(&road.there), way(&road.back)]);
        let (camera, receiver) = (self.streams[id].camera, self.streams[id].receiver);
        if let Some(frames) = bulk.there {
            self.tap.hear(camera, &there, frames);
        }
        if let Some(frames) = bulk.back {
            self.tap.hear(receiver, &back, frames);
        }
    }

    fn add_there(&mut self, id: StreamId, road: &Road, bulk: &mut Bulk, frames: Frames) {
        if frames.last >= self.tap.until() {
            self.end_bulk(id, road, Bulk { there: Some(frames), back: None });
        } else {
            bulk.there = Some(bulk.there.map_or(frames, |before| before.joined(frames)));
        }
    }

    fn add_back(&mut self, id: StreamId, road: &Road, bulk: &mut Bulk, frames: Frames) {
        if frames.last >= self.tap.until() {
            self.end_bulk(id, road, Bulk { there: None, back: Some(frames) });
        } else {
            bulk.back = Some(bulk.back.map_or(frames, |before| before.joined(frames)));
        }
    }
}
