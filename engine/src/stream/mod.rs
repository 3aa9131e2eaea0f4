//! Media streams: [`Streams`] turns single RTP packets into one sum a second.
//!
//! A stream is one source (SSRC) of one side of one flow, in an RTSP connection
//! also one channel. It counts from its first packet, and is believed, that is
//! reported, once
//! - a SETUP between the same two hosts announced it, or
//! - it came inside an RTSP connection, or
//! - its parser proved it ([`Fact::MediaProved`]).
//!
//! SETUP and unicast media share a shard, so the clock rate that jitter needs is
//! known here from the announcement; else from the static payload types of
//! RFC 3551, else 90 kHz. A multicast group has a shard of its own: its media
//! with dynamic payload types is taken for video, and who knows another clock
//! rate (the ledger) knows that the jitter of such a stream is not to be used.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod statistics;

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use spanwatch_parsers::protocols::rtp;
use spanwatch_parsers::{
    About, Fact, Media, Span, StreamActivity, StreamAnnounced, StreamTransport, Time, Way,
};

use crate::ahead::fetch;
use crate::bounded::Expiring;
use crate::flow::{Counted, Head, Sum};
use crate::hearing::talk;
use crate::observation::{Cite, Party};
use crate::scribe::{Scribe, Talk};
use statistics::Statistics;

/// All streams of a shard, and what was announced.
#[derive(Debug)]
pub struct Streams {
    streams: Expiring<StreamKey, Stream>,
    announced: Expiring<Arrival, Announced>,
    announcements: u32,
    active: Vec<u32>,
    gone: Vec<Stream>,
    begun: (u64, u32),
    unsummed: u64,
}

/// Where a media packet was found.
#[derive(Debug)]
pub struct Found<'a> {
    /// Its flow.
    pub head: &'a mut Head,
    /// Which side sent it.
    pub way: Way,
    /// The frame that brought (the end of) it.
    pub frame: (u64, Counted),
}

impl Found<'_> {
    /// Who sent it to whom.
    fn talk(&self) -> Talk {
        talk(self.head, self.way, SOURCE)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StreamKey {
    flow: u64,
    way: Way,
    channel: Option<u8>,
    ssrc: u32,
}

impl Hash for StreamKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let channel = self.channel.map_or(0, |channel| u64::from(channel).wrapping_add(1));
        let within = u64::from(self.ssrc) << 32 | channel << 8 | self.way as u64;
        state.write_u128(u128::from(self.flow) << 64 | u128::from(within));
    }
}

#[derive(Debug)]
struct Stream {
    number: (u64, u32),
    talk: Talk,
    transport: StreamTransport,
    channel: Option<u8>,
    ssrc: u32,
    payload_type: u8,
    statistics: Statistics,
    is_believed: bool,
    is_listed: bool,
    last: Option<Time>,
    cite: Cite,
    sum: Sum,
}

/// Where announced media will be found: sender, receiver, and a port or a flow's channel.
type Arrival = (Option<IpAddr>, Option<IpAddr>, Door);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Door {
    From(u16),
    To(u16),
    Channel(u8),
}

/// What an announcement says of the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Announced {
    payload_type: Option<u8>,
    clock_hz: Option<u32>,
}

impl Streams {
    /// No streams.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            streams: Expiring::new(STREAMS_MAX, STREAM_IDLE, seed),
            announced: Expiring::new(ANNOUNCED_MAX, ANNOUNCED_IDLE, seed),
            announcements: 0,
            active: Vec::new(),
            gone: Vec::new(),
            begun: (0, 0),
            unsummed: 0,
        }
    }

    /// Streams that had to go for want of room, since it was made, and the cap.
    #[must_use]
    pub const fn evicted(&self) -> (u64, usize) {
        (self.streams.evicted(), self.streams.capacity())
    }

    /// Sums that were given up between two ticks, since it was made, and the cap.
    #[must_use]
    pub const fn unsummed(&self) -> (u64, usize) {
        (self.unsummed, GONE_MAX)
    }

    /// Counts announcements: a flow that was not expected may be after the next.
    #[must_use]
    pub const fn announcements(&self) -> u32 {
        self.announcements
    }

    /// Notes that `talk.sender` will send media to `talk.receiver`.
    pub fn announce(&mut self, talk: &Talk, media: &StreamAnnounced, at: Time) {
        let announced =
            Announced { payload_type: media.payload_type, clock_hz: media.clock_hz.filter(|hz| *hz > 0) };
        let doors = [
            media.channel.map(Door::Channel),
            media.destination_port.map(Door::To),
            media.source_port.map(Door::From),
        ];
        let to = media.destination.or(talk.receiver.ip);
        for door in doors.into_iter().flatten() {
            self.announced.insert((talk.sender.ip, to, door), announced, at);
        }
        self.announcements = self.announcements.wrapping_add(1);
    }

    /// Whether media was announced from `sender` to `receiver`.
    #[must_use]
    pub fn is_expected(&self, sender: &Party, receiver: &Party) -> bool {
        self.announcement(sender, receiver, None).is_some()
    }

    /// Fetches what is looked at of the stream in a slot with each of its packets.
    pub fn foresee(&self, slot: u32) {
        if let Some(stream) = self.streams.look(slot as usize) {
            fetch(&stream.statistics);
            fetch(&stream.payload_type);
            fetch(&stream.sum);
        }
    }

    /// Takes one packet.
    pub fn take(&mut self, found: &mut Found<'_>, media: &Media) {
        let (_, counted) = found.frame;
        let key =
            StreamKey { flow: found.head.number, way: found.way, channel: media.channel, ssrc: media.ssrc };
        // Media come from one stream many times in a row.
        if !self.streams.stands(found.head.stream, &key) {
            let slot = self.streams.find(&key).unwrap_or_else(|| self.begin(key, found, media));
            found.head.stream = u32::try_from(slot).unwrap_or(u32::MAX);
        }
        let Some(stream) = self.streams.touch(found.head.stream as usize, counted.at) else { return };
        stream.is_believed |= found.head.is_expected;
        if !stream.statistics.take(media.sequence, media.timestamp, counted.at) {
            return;
        }
        stream.payload_type = media.payload_type;
        stream.sum.add(stream.last, &Counted { bytes: media.bytes, ..counted });
        stream.last = stream.last.max(Some(counted.at));
        stream.cite = counted.cite;
        if !stream.is_listed && self.active.len() < ACTIVE_MAX {
            stream.talk = found.talk();
            stream.is_listed = true;
            self.active.push(found.head.stream);
        }
    }

    /// Says that a source is media beyond doubt.
    pub fn prove(&mut self, (flow, way): (u64, Way), ssrc: u32, at: Time) {
        if let Some(stream) = self.streams.get(&StreamKey { flow, way, channel: None, ssrc }, at) {
            stream.is_believed = true;
        }
    }

    /// Writes what every stream sent since the last tick, in the order in which they spoke, and forgets
    /// what is idle.
    pub fn tick(&mut self, scribe: &mut Scribe<'_>) {
        for stream in self.gone.drain(..) {
            stream.write(scribe);
        }
        for slot in self.active.drain(..) {
            if let Some(stream) = self.streams.at(slot as usize) {
                stream.write(scribe);
                stream.is_listed = false;
                if stream.is_believed {
                    stream.sum = Sum::default();
                }
            }
        }
        while let Some((_, stream)) = self.streams.expire(scribe.at()) {
            stream.write(scribe);
        }
        while self.announced.expire(scribe.at()).is_some() {}
    }

    fn begin(&mut self, key: StreamKey, found: &Found<'_>, media: &Media) -> usize {
        let (frame, counted) = found.frame;
        let place = if self.begun.0 == frame { self.begun.1.saturating_add(1) } else { 0 };
        self.begun = (frame, place);
        let talk = found.talk();
        let announced = self.announcement(&talk.sender, &talk.receiver, media.channel);
        let clock_hz = announced
            .filter(|it| it.payload_type.is_none_or(|kind| kind == media.payload_type))
            .and_then(|it| it.clock_hz)
            .or(rtp::static_type(media.payload_type).map(|(_, hz)| hz))
            .unwrap_or(CLOCK_OF_VIDEO);
        let transport = match (media.channel, talk.receiver.ip) {
            (Some(_), _) => StreamTransport::Interleaved,
            (None, Some(ip)) if ip.is_multicast() => StreamTransport::Multicast,
            _ => StreamTransport::Udp,
        };
        let stream = Stream {
            number: (frame, place),
            talk,
            transport,
            channel: media.channel,
            ssrc: media.ssrc,
            payload_type: media.payload_type,
            statistics: Statistics::new(media.sequence, clock_hz, counted.at),
            is_believed: found.head.is_expected || announced.is_some() || media.channel.is_some(),
            is_listed: false,
            last: None,
            cite: counted.cite,
            sum: Sum::default(),
        };
        let (slot, gone) = self.streams.insert(key, stream, counted.at);
        if let Some((_, gone)) = gone.filter(|(_, gone)| gone.is_believed && gone.sum.packets > 0) {
            if self.gone.len() < GONE_MAX {
                self.gone.push(gone);
            } else {
                self.unsummed = self.unsummed.saturating_add(1);
            }
        }
        slot
    }

    fn announcement(&self, sender: &Party, receiver: &Party, channel: Option<u8>) -> Option<Announced> {
        let doors = match channel {
            // The RTCP of a channel has the next one; a side without an even number has none of its own.
            Some(channel) => [Door::Channel(channel), Door::Channel(channel)],
            None => [Door::To(receiver.port), Door::From(sender.port)],
        };
        doors.into_iter().find_map(|door| self.announced.peek(&(sender.ip, receiver.ip, door)).copied())
    }
}

impl Stream {
    fn write(&self, scribe: &mut Scribe<'_>) {
        let Some(destination) = self.talk.receiver.ip else { return };
        if !self.is_believed || self.sum.packets == 0 {
            return;
        }
        let activity = StreamActivity {
            stream: self.number,
            transport: self.transport,
            destination,
            ports: (self.talk.sender.port, self.talk.receiver.port),
            channel: self.channel,
            ssrc: self.ssrc,
            payload_type: self.payload_type,
            first: self.sum.first,
            first_frame: (self.sum.first_cite.input(), self.sum.first_cite.frame()),
            last: self.sum.last,
            packets: self.sum.packets,
            bytes: self.sum.bytes,
            sequence: self.statistics.sequence(),
            lost: self.statistics.lost(),
            out_of_order: self.statistics.out_of_order,
            duplicates: self.statistics.duplicates.into(),
            frames: self.statistics.frames,
            jitter_16ticks: self.statistics.jitter_16ticks(),
            longest_gap: self.sum.longest_gap,
        };
        scribe.write_at(self.cite, &self.talk, About::Sender, Fact::Stream(Box::new(activity)));
    }
}

/// Who says it, in observations.
const SOURCE: &str = "rtp";

/// Every payload format for video counts at this rate (RFC 6184, 7798, 2435 …).
const CLOCK_OF_VIDEO: u32 = 90_000;

/// A recorder of 1,000 channels pulls about so many from one address pair with RTCP and audio.
const STREAMS_MAX: usize = 4_096;
const STREAM_IDLE: Span = Span::seconds(300);

/// One for the sender's and one for the receiver's port of each track.
const ANNOUNCED_MAX: usize = 8_192;
const ANNOUNCED_IDLE: Span = Span::seconds(7_200);

/// Streams summed at one tick; those of evicted streams stay in the list. What is left over is summed
/// at a later tick.
const ACTIVE_MAX: usize = 4 * STREAMS_MAX;

/// Sums of evicted streams that wait for the tick.
const GONE_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Flow, Key};
    use crate::observation::{Observation, Place};

    fn party(host: u8, port: u16) -> Party {
        Party { ip: Some(IpAddr::from([192, 0, 2, host])), port, ..Party::default() }
    }

    fn talk() -> Talk {
        Talk { sender: party(7, 6970), receiver: party(9, 5000), transport: Some(17), source: "rtp" }
    }

    fn flow() -> Flow {
        let ips = [talk().sender, talk().receiver].map(|party| party.ip.unwrap());
        let (key, from_low) = Key::ip(ips.into(), (6970, 5000), 17, None);
        Flow::new(key, 1, from_low)
    }

    fn send(streams: &mut Streams, n: u16, channel: Option<u8>) {
        let at = Time(i64::from(n) * 20_000_000);
        let counted = Counted { at, cite: Cite::new(0, u64::from(n) + 1), bytes: 0, stamp: None };
        let mut found = Found { head: &mut flow().head, way: Way::Orig, frame: (u64::from(n) + 1, counted) };
        let media = Media {
            channel,
            payload_type: 96,
            marker: false,
            sequence: n,
            timestamp: u32::from(n) * 1_800,
            ssrc: 7,
            bytes: 100,
        };
        streams.take(&mut found, &media);
    }

    fn ticked(streams: &mut Streams, ms: i64) -> Vec<StreamActivity> {
        let mut out: Vec<Observation> = Vec::new();
        streams.tick(&mut Scribe::new(&mut out, Place::default(), Time(ms * 1_000_000), Cite::default()));
        let stream = |seen: Observation| match seen.fact {
            Fact::Stream(stream) => *stream,
            other => panic!("{other:?}"),
        };
        out.into_iter().map(stream).collect()
    }

    fn announced(clock_hz: u32) -> StreamAnnounced {
        StreamAnnounced {
            transport: StreamTransport::Udp,
            destination: None,
            source_port: None,
            destination_port: Some(5000),
            channel: None,
            ssrc: None,
            payload_type: Some(96),
            codec: None,
            clock_hz: Some(clock_hz),
            is_encrypted: false,
        }
    }

    #[test]
    fn unproved_source_is_not_reported_and_counts_once_it_is() {
        let mut streams = Streams::new(1);
        (0..5).for_each(|n| send(&mut streams, n, None));
        assert_eq!(ticked(&mut streams, 100), []);
        (5..9).for_each(|n| send(&mut streams, n, None));
        streams.prove((1, Way::Orig), 7, Time(0));
        let seconds = ticked(&mut streams, 200);
        let [stream] = &seconds[..] else { panic!("{seconds:?}") };
        assert_eq!((stream.packets, stream.bytes, stream.first, stream.lost), (9, 900, Time(0), 0));
        assert_eq!((stream.stream, stream.longest_gap), ((1, 0), Span::millis(20)));
        assert_eq!(ticked(&mut streams, 300), []);
    }

    #[test]
    fn announced_stream_counts_at_once_with_its_clock() {
        let mut streams = Streams::new(1);
        streams.announce(&talk(), &announced(48_000), Time(0));
        assert!(streams.is_expected(&talk().sender, &talk().receiver));
        (0..2).for_each(|n| send(&mut streams, n, None));
        let stream = &ticked(&mut streams, 100)[0];
        // Between two packets pass 20 ms: 960 ticks of 48 kHz, where the stamps say 1,800.
        assert_eq!((stream.packets, stream.jitter_16ticks), (2, 840));
    }

    #[test]
    fn interleaved_media_needs_no_proof() {
        let mut streams = Streams::new(1);
        send(&mut streams, 0, Some(2));
        let stream = &ticked(&mut streams, 100)[0];
        assert_eq!((stream.transport, stream.channel), (StreamTransport::Interleaved, Some(2)));
    }

    #[test]
    fn flood_of_sources_stays_in_bounds() {
        let mut streams = Streams::new(1);
        let counted = Counted { at: Time(0), cite: Cite::default(), bytes: 0, stamp: None };
        let mut flow = flow();
        flow.head.is_expected = true;
        let mut found = Found { head: &mut flow.head, way: Way::Orig, frame: (1, counted) };
        for ssrc in 0..20_000 {
            let media = Media {
                channel: None,
                payload_type: 96,
                marker: false,
                sequence: 1,
                timestamp: 0,
                ssrc,
                bytes: 1,
            };
            streams.take(&mut found, &media);
        }
        assert_eq!((streams.streams.len(), streams.evicted().0), (STREAMS_MAX, 20_000 - STREAMS_MAX as u64));
        assert_eq!(ticked(&mut streams, 0).len(), STREAMS_MAX + GONE_MAX);
        assert_eq!(streams.unsummed().0, 20_000 - (STREAMS_MAX + GONE_MAX) as u64);
    }
}
