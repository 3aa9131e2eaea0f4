//! Streams: what the shards measured, joined with what was announced.
//!
//! The shards count in RTP ticks; codec and clock rate come from the SDP, or
//! from the static payload types of RFC 3551, 6. A stream nobody announced is
//! taken for video at 90 kHz where its payload type is dynamic, and says no codec.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Span, StreamActivity, StreamAnnounced, StreamTransport, Text, Time};

use super::directory::Number;
use super::refusals::Refusals;
use crate::bounded::Expiring;
use crate::observation::Cite;

/// A stream's number: its first frame, and its place among that frame's streams.
pub type StreamId = (u64, u32);

/// One stream, from its first packet to its last.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Who sends it, where that is a device of the site.
    pub source: Option<Number>,
    /// Where from.
    pub source_ip: IpAddr,
    /// The last second's measure, in which what counts from the start counts from the start.
    pub measured: StreamActivity,
    /// First packet.
    pub first_seen: Time,
    /// Packets in all.
    pub packets: u64,
    /// RTP bytes in all.
    pub bytes: u64,
    /// Longest time between two packets.
    pub longest_gap: Span,
    /// The frame of the last packet.
    pub last_frame: Cite,
    /// The codec, where it was announced.
    pub codec: Option<Text>,
    /// RTP clock rate in Hz.
    pub clock_hz: u32,
    /// Whether it is SRTP.
    pub is_encrypted: bool,
}

impl Stream {
    /// Where to.
    #[must_use]
    pub const fn destination(&self) -> IpAddr {
        self.measured.destination
    }

    /// Interarrival jitter in milliseconds times 1,000.
    #[must_use]
    pub fn jitter_us(&self) -> u64 {
        let ticks_16 = self.measured.jitter_16ticks;
        ticks_16.saturating_mul(1_000_000) / 16 / u64::from(self.clock_hz.max(1))
    }

    /// Mean rate from the first packet to the last, in bits per second; 0 for a single packet.
    #[must_use]
    pub fn bitrate_bps(&self) -> u64 {
        let length_ns = (self.measured.last - self.first_seen).0;
        match u128::try_from(length_ns) {
            Ok(length_ns) if length_ns > 0 => {
                u64::try_from(u128::from(self.bytes) * 8_000_000_000 / length_ns).unwrap_or(u64::MAX)
            }
            _ => 0,
        }
    }

    /// Frames per second from the first packet to the last, times 10, rounded; `None` where fewer than two came,
    /// or no time passed. What is sent in one packet each, as voice is, has as many frames as packets.
    #[must_use]
    pub fn frame_rate_tenths(&self) -> Option<u64> {
        let length_ns = u128::try_from((self.measured.last - self.first_seen).0).ok().filter(|ns| *ns > 0)?;
        // The last frame is not yet over: its own duration is not in the length.
        let frames = u128::from(self.measured.frames.checked_sub(1).filter(|frames| *frames > 0)?);
        u64::try_from((frames * 10_000_000_000 + length_ns / 2) / length_ns).ok()
    }
}

/// Where announced media will arrive.
type Arrival = (IpAddr, Option<IpAddr>, Option<u16>, Option<u8>);

/// All streams, [`STREAMS_MAX`] at most: those heard longest ago are forgotten first, and counted.
#[derive(Debug)]
pub struct Streams {
    streams: BTreeMap<StreamId, Box<Stream>>,
    announced: Expiring<Arrival, StreamAnnounced>,
    /// What was not kept.
    pub refused: Refusals,
}

impl Default for Streams {
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl Streams {
    /// None, in tables that nobody outside can aim at.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            streams: BTreeMap::new(),
            announced: Expiring::new(ANNOUNCED_MAX, Span(i64::MAX), seed),
            refused: Refusals::default(),
        }
    }

    /// Takes an announcement: `server` will send it to `client`, or to a group.
    pub fn announced(&mut self, server: IpAddr, client: IpAddr, stream: &StreamAnnounced) {
        let to = match stream.transport {
            StreamTransport::Multicast => stream.destination,
            StreamTransport::Udp | StreamTransport::Interleaved => Some(client),
        };
        let port = match stream.transport {
            StreamTransport::Interleaved => None,
            StreamTransport::Udp | StreamTransport::Multicast => stream.destination_port,
        };
        let arrival = (server, to, port, stream.channel);
        let (_, gone) = self.announced.insert(arrival, stream.clone(), Time::MIN);
        if gone.is_some_and(|(gone, _)| gone != arrival) {
            self.refused.count("announced streams", ANNOUNCED_MAX);
        }
    }

    /// Takes one second of a stream.
    pub fn measured(
        &mut self,
        source: Option<Number>,
        source_ip: IpAddr,
        second: &StreamActivity,
        cite: Cite,
    ) {
        if self.streams.len() >= STREAMS_MAX && !self.streams.contains_key(&second.stream) {
            self.forget_oldest();
        }
        let port = match second.transport {
            StreamTransport::Interleaved => None,
            StreamTransport::Udp | StreamTransport::Multicast => Some(second.ports.1),
        };
        let arrival = (source_ip, Some(second.destination), port, second.channel);
        let announced = self.announced.peek(&arrival);
        let stream = self.streams.entry(second.stream).or_insert_with(|| {
            let (codec, clock_hz) = static_payload_type(second.payload_type);
            Box::new(Stream {
                source,
                source_ip,
                measured: second.clone(),
                first_seen: second.first,
                packets: 0,
                bytes: 0,
                longest_gap: Span::ZERO,
                last_frame: cite,
                codec: codec.map(Text::from),
                clock_hz,
                is_encrypted: false,
            })
        });
        if let Some(announced) =
            announced.filter(|it| it.payload_type.is_none_or(|pt| pt == second.payload_type))
        {
            stream.codec = announced.codec.clone().or(stream.codec.take());
            stream.clock_hz = announced.clock_hz.filter(|hz| *hz > 0).unwrap_or(stream.clock_hz);
            stream.is_encrypted = announced.is_encrypted;
        }
        stream.source = source;
        stream.first_seen = stream.first_seen.min(second.first);
        stream.packets = stream.packets.saturating_add(second.packets);
        stream.bytes = stream.bytes.saturating_add(second.bytes);
        stream.longest_gap = stream.longest_gap.max(second.longest_gap);
        stream.last_frame = cite;
        stream.measured = second.clone();
    }

    /// Says that one device turned out to be another.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        for stream in self.streams.values_mut().filter(|stream| stream.source == Some(gone)) {
            stream.source = Some(kept);
        }
    }

    /// Every stream, in the order of their first frames.
    pub fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.streams.values().map(Box::as_ref)
    }

    /// Every stream by its number.
    pub fn by_number(&self) -> impl Iterator<Item = (StreamId, &Stream)> {
        self.streams.iter().map(|(id, stream)| (*id, stream.as_ref()))
    }

    /// Makes room for further streams: of a watch that goes on for years most are over.
    fn forget_oldest(&mut self) {
        let mut by_last: Vec<(Time, StreamId)> =
            self.streams.iter().map(|(id, stream)| (stream.measured.last, *id)).collect();
        by_last.sort_unstable();
        for (_, id) in by_last.into_iter().take(FORGOTTEN_AT_ONCE) {
            self.streams.remove(&id);
            self.refused.count("streams in the report", STREAMS_MAX);
        }
    }
}

/// Encoding and clock rate of a payload type that needs no announcement (RFC 3551, tables 4 and 5).
#[must_use]
pub const fn static_payload_type(payload_type: u8) -> (Option<&'static str>, u32) {
    match payload_type {
        0 => (Some("PCMU"), 8_000),
        3 => (Some("GSM"), 8_000),
        4 => (Some("G723"), 8_000),
        5 => (Some("DVI4"), 8_000),
        6 => (Some("DVI4"), 16_000),
        7 => (Some("LPC"), 8_000),
        8 => (Some("PCMA"), 8_000),
        9 => (Some("G722"), 8_000),
        10 | 11 => (Some("L16"), 44_100),
        12 => (Some("QCELP"), 8_000),
        13 => (Some("CN"), 8_000),
        14 => (Some("MPA"), 90_000),
        15 => (Some("G728"), 8_000),
        16 => (Some("DVI4"), 11_025),
        17 => (Some("DVI4"), 22_050),
        18 => (Some("G729"), 8_000),
        25 => (Some("CelB"), 90_000),
        26 => (Some("JPEG"), 90_000),
        28 => (Some("nv"), 90_000),
        31 => (Some("H261"), 90_000),
        32 => (Some("MPV"), 90_000),
        33 => (Some("MP2T"), 90_000),
        34 => (Some("H263"), 90_000),
        _ => (None, 90_000),
    }
}

/// Streams kept; a site of 5,000 cameras has two or three each, and a recorder that reconnects makes new ones.
pub const STREAMS_MAX: usize = 65_536;

/// So many make room together, for to find the oldest costs a look at all.
const FORGOTTEN_AT_ONCE: usize = STREAMS_MAX / 16;

/// Announcements kept; the oldest goes first.
const ANNOUNCED_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn second(packets: u64, first_s: i64, last_s: i64) -> StreamActivity {
        StreamActivity {
            stream: (1, 0),
            transport: StreamTransport::Udp,
            destination: "192.0.2.9".parse().unwrap(),
            ports: (6970, 5000),
            channel: None,
            ssrc: 7,
            payload_type: 96,
            first: Time(first_s * 1_000_000_000),
            first_frame: (0, 1),
            last: Time(last_s * 1_000_000_000),
            packets,
            bytes: packets * 1000,
            lost: 0,
            sequence: 0,
            out_of_order: 0,
            duplicates: 0,
            frames: 26,
            jitter_16ticks: 16 * 90,
            longest_gap: Span::millis(20),
        }
    }

    #[test]
    fn seconds_add_up_to_a_stream_with_rate_and_jitter() {
        let mut streams = Streams::default();
        let source = "192.0.2.7".parse().unwrap();
        streams.measured(Some(Number::for_test(1)), source, &second(10, 0, 1), Cite::default());
        streams.measured(Some(Number::for_test(1)), source, &second(10, 1, 2), Cite::default());
        let stream = streams.iter().next().unwrap();
        assert_eq!((stream.packets, stream.bitrate_bps(), stream.jitter_us()), (20, 80_000, 1_000));
        assert_eq!(stream.codec, None);
    }

    #[test]
    fn frames_need_two_and_time_to_have_a_rate() {
        let rate = |frames, last_s| {
            let mut streams = Streams::default();
            let second = StreamActivity { frames, ..second(60, 0, last_s) };
            streams.measured(None, "192.0.2.7".parse().unwrap(), &second, Cite::default());
            streams.iter().next().and_then(Stream::frame_rate_tenths)
        };
        assert_eq!([rate(26, 1), rate(31, 2), rate(2, 3)], [Some(250), Some(150), Some(3)]);
        assert_eq!([rate(0, 1), rate(1, 1), rate(26, 0)], [None; 3]);
    }

    #[test]
    fn an_announcement_names_codec_and_clock() {
        let mut streams = Streams::default();
        let (source, client) = ("192.0.2.7".parse().unwrap(), "192.0.2.9".parse().unwrap());
        streams.announced(source, client, &announcement());
        streams.measured(Some(Number::for_test(1)), source, &second(10, 0, 1), Cite::default());
        let stream = streams.iter().next().unwrap();
        assert_eq!(stream.codec, Some("H265".into()));
        assert_eq!(stream.clock_hz, 48_000);
    }

    #[test]
    fn the_oldest_announcement_goes_first_and_is_counted() {
        let mut streams = Streams::default();
        let client = "192.0.2.9".parse().unwrap();
        for n in 0..ANNOUNCED_MAX as u32 {
            streams.announced(std::net::Ipv4Addr::from(n).into(), client, &announcement());
        }
        streams.announced(std::net::Ipv4Addr::from(0).into(), client, &announcement());
        assert_eq!(streams.refused.take().count(), 0);
        streams.announced("192.0.2.7".parse().unwrap(), client, &announcement());
        let is_known = |server: u32| {
            let arrival = (std::net::Ipv4Addr::from(server).into(), Some(client), Some(5000), None);
            streams.announced.peek(&arrival).is_some()
        };
        assert_eq!([0, 1, 2].map(is_known), [true, false, true]);
        assert_eq!(streams.announced.len(), ANNOUNCED_MAX);
        assert_eq!(streams.refused.take().count(), 1);
    }

    fn announcement() -> StreamAnnounced {
        StreamAnnounced {
            transport: StreamTransport::Udp,
            destination: None,
            source_port: Some(6970),
            destination_port: Some(5000),
            channel: None,
            ssrc: None,
            payload_type: Some(96),
            codec: Some("H265".into()),
            clock_hz: Some(48_000),
            is_encrypted: false,
        }
    }
}
