//! What a reader of sights is told of streams, second by second.

use std::net::Ipv4Addr;

use super::World;
use super::stream::StreamId;
use crate::mirror::Way;
use crate::options::Transport;
use crate::sight::{Media, Party};
use crate::sums::{Frames, Key};
use crate::wire::{Mac, ip};

/// What was seen of a stream in this second, and what came of the next one.
#[derive(Debug, Default)]
pub struct Seconds {
    /// Whether the stream is on the list of those to be summed up.
    pub(super) is_listed: bool,
    /// One, and more where the camera took another address meanwhile: to a reader that is another stream.
    tracks: Vec<Track>,
}

/// What was seen from one address.
#[derive(Debug)]
struct Track {
    source: Ipv4Addr,
    now: Second,
    next: Second,
    /// The last packet of the seconds before.
    before: Option<i64>,
    /// Packets not seen between the first and the last seen, and since the last.
    lost: u64,
    missed: u64,
}

#[derive(Debug, Default)]
struct Second {
    frames: Option<Frames>,
    /// Of the last packet.
    sequence: u16,
    longest_gap: i64,
}

impl Seconds {
    /// Adds packets that were seen from an address, the last with this sequence number; the second ends at `ends`.
    pub(super) fn add(&mut self, source: Ipv4Addr, (frames, sequence): (Frames, u16), ends: i64) {
        if !self.tracks.iter().any(|track| track.source == source) {
            let (now, next) = (Second::default(), Second::default());
            self.tracks.push(Track { source, now, next, before: None, lost: 0, missed: 0 });
        }
        for track in &mut self.tracks {
            if track.source == source {
                track.add((frames, sequence), ends);
            } else {
                track.missed += frames.packets;
            }
        }
    }

    /// Adds packets that were not seen.
    pub(super) fn miss(&mut self, packets: u64) {
        self.tracks.iter_mut().for_each(|track| track.missed += packets);
    }

    /// Forgets all that was seen.
    pub(super) fn forget(&mut self) {
        self.tracks.clear();
    }

    fn is_waiting(&self) -> bool {
        self.tracks.iter().any(|track| track.now.frames.is_some())
    }
}

impl Track {
    fn add(&mut self, (frames, sequence): (Frames, u16), ends: i64) {
        self.lost += std::mem::take(&mut self.missed);
        let (now, next) = frames.split(ends);
        let later = next.map_or(0, |frames| frames.packets);
        let early = sequence.wrapping_sub(later as u16);
        now.into_iter().for_each(|frames| self.now.add((frames, early), self.before));
        let before = self.now.frames.map(|frames| frames.last).or(self.before);
        next.into_iter().for_each(|frames| self.next.add((frames, sequence), before));
    }

    fn end(&mut self) -> Second {
        let now = std::mem::replace(&mut self.now, std::mem::take(&mut self.next));
        self.before = now.frames.map(|frames| frames.last).or(self.before);
        now
    }
}

impl Second {
    fn add(&mut self, (more, sequence): (Frames, u16), before: Option<i64>) {
        self.sequence = sequence;
        let before = self.frames.map(|frames| frames.last).or(before);
        self.longest_gap = self.longest_gap.max(before.map_or(0, |before| more.first - before));
        self.frames = Some(self.frames.map_or(more, |frames| frames.joined(more)));
    }
}

impl World<'_> {
    /// Tells what the second brought of each stream, and lets those go that are over.
    pub(super) fn sum_up_all(&mut self) {
        let mut running = std::mem::take(&mut self.running);
        running.retain(|id| {
            self.sum_up(*id);
            let stream = &mut self.streams[*id];
            stream.seconds.is_listed = stream.is_running || stream.seconds.is_waiting();
            stream.seconds.is_listed
        });
        self.running = running;
    }

    fn sum_up(&mut self, id: StreamId) {
        for index in 0..self.streams[id].seconds.tracks.len() {
            let track = &mut self.streams[id].seconds.tracks[index];
            let (second, source, lost) = (track.end(), track.source, track.lost);
            let Some(frames) = second.frames.filter(|_| !self.tap.wants_bytes()) else { continue };
            let stream = &self.streams[id];
            let is_inside = stream.transport == Transport::Interleaved;
            let is_group = stream.transport == Transport::Multicast;
            let media = Media {
                stream: id as u64 | (index as u64) << 32,
                ssrc: stream.ssrc,
                payload_type: super::PAYLOAD_TYPE,
                is_interleaved: is_inside,
                first: frames.first,
                last: frames.last,
                packets: frames.packets,
                bytes: frames.bytes,
                lost,
                sequence: second.sequence,
                longest_gap: second.longest_gap,
            };
            // What a router passes on, and what TCP carries, is told frame by frame.
            let is_counted = !is_inside && (is_group || self.is_on_link(stream.camera, stream.destination));
            let [key, _] = self.media_keys(id, source, [Way::Ingress; 2]);
            self.tap.media(&key, media);
            if is_counted {
                let bytes = frames.bytes + frames.packets * DATAGRAM_HEADERS;
                self.tap.tell(&key, Frames { bytes, gap: second.longest_gap, ..frames });
            }
        }
    }

    /// The sides of the flow that carries a stream on its own link: the camera's, and the receiver's.
    pub(super) fn media_keys(&self, id: StreamId, source: Ipv4Addr, ways: [Way; 2]) -> [Key; 2] {
        let stream = &self.streams[id];
        let is_inside = stream.transport == Transport::Interleaved;
        let ports = if is_inside { (super::pull::RTSP_PORT, stream.ports.1) } else { stream.ports };
        let protocol = Some(if is_inside { ip::TCP } else { ip::UDP });
        let (camera, receiver) = (&self.site.hosts[stream.camera], &self.site.hosts[stream.receiver]);
        let is_group = stream.transport == Transport::Multicast;
        let mac = if is_group { Mac::of_group(stream.destination) } else { receiver.mac };
        let ttl = if is_group { super::stream::GROUP_TTL } else { camera.product.ttl };
        let from = Party { mac: camera.mac, ip: Some(source.into()), port: ports.0, ttl };
        let to = Party { mac, ip: Some(stream.destination.into()), port: ports.1, ttl: receiver.product.ttl };
        let vlan = |way| self.tap.form.tags.innermost(way, camera.vlan);
        [(from, to, ways[0]), (to, from, ways[1])].map(|(from, to, way)| Key {
            from,
            to: Party { ttl: 0, ..to },
            protocol,
            vlan: vlan(way),
        })
    }
}

/// Ethernet, IPv4 and UDP.
const DATAGRAM_HEADERS: u64 = 42;
