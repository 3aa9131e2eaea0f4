//! What streams did in a minute, told once it is over: [`Minutes`].
//!
//! Streams of one source, destination, transport and payload type are one, however often they begin anew under another SSRC.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::Time;

use super::build;
use super::picture::Pictures;
use crate::ledger::Ledger;
use crate::ledger::directory::Number;
use crate::ledger::stream::{Stream, StreamId};

/// What tells streams from each other for years.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamKey {
    /// Who sends it: a device's id, else an address.
    pub source: String,
    /// Who receives it: a device's id, else an address.
    pub destination: String,
    /// `udp`, `multicast` or `interleaved`.
    pub transport: &'static str,
    /// RTP payload type.
    pub payload_type: u8,
}

/// What came of a stream in some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamSum {
    /// RTP packets.
    pub packets: u64,
    /// RTP bytes, headers included.
    pub bytes: u64,
    /// Packets that never came.
    pub lost: u64,
    /// The greatest interarrival jitter (RFC 3550, A.8) at the end of a minute, in microseconds.
    pub jitter_us: u64,
}

impl StreamSum {
    /// Adds what came besides.
    pub fn add(&mut self, other: &Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.lost = self.lost.saturating_add(other.lost);
        self.jitter_us = self.jitter_us.max(other.jitter_us);
    }
}

/// What was told of streams so far.
#[derive(Debug, Default)]
pub struct Minutes {
    /// Packets, bytes and losses of each.
    told: BTreeMap<StreamId, (u64, u64, u64)>,
    /// The minute that is not over yet, since 1970.
    minute: Option<i64>,
}

impl Minutes {
    /// What came in the minute that is over, and when that began; `None` where none is. What came before this was first asked
    /// counts with the first.
    pub fn since(
        &mut self,
        ledger: &Ledger,
        pictures: &Pictures,
        now: Time,
    ) -> Option<(Time, BTreeMap<StreamKey, StreamSum>)> {
        let minute = now.0.div_euclid(MINUTE);
        let over = self.minute.replace(minute);
        if over == Some(minute) {
            return None;
        }
        let begun = over?;
        let sums = self.sums(ledger, pictures);
        Some((Time(begun.saturating_mul(MINUTE)), sums)).filter(|(_, sums)| !sums.is_empty())
    }

    fn sums(&mut self, ledger: &Ledger, pictures: &Pictures) -> BTreeMap<StreamKey, StreamSum> {
        let mut sums: BTreeMap<StreamKey, StreamSum> = BTreeMap::new();
        let mut before = std::mem::take(&mut self.told);
        for (id, stream) in ledger.streams.by_number() {
            let counts = (stream.packets, stream.bytes, stream.measured.lost);
            let told = before.remove(&id).unwrap_or_default();
            self.told.insert(id, counts);
            if counts.0 == told.0 {
                continue;
            }
            let sum = StreamSum {
                packets: counts.0.saturating_sub(told.0),
                bytes: counts.1.saturating_sub(told.1),
                lost: counts.2.saturating_sub(told.2),
                jitter_us: stream.jitter_us(),
            };
            sums.entry(key(stream, ledger, pictures)).or_default().add(&sum);
        }
        sums
    }
}

fn key(stream: &Stream, ledger: &Ledger, pictures: &Pictures) -> StreamKey {
    let called = |number: Option<Number>, ip: IpAddr| {
        number.and_then(|number| pictures.id(number)).map_or_else(|| ip.to_string(), str::to_owned)
    };
    let destination = stream.destination();
    StreamKey {
        source: called(stream.source, stream.source_ip),
        destination: called(ledger.directory.find_ip(destination, None), destination),
        transport: build::transport(stream.measured.transport),
        payload_type: stream.measured.payload_type,
    }
}

const MINUTE: i64 = 60_000_000_000;

#[cfg(test)]
mod tests {
    use spanwatch_fingerprints::Fingerprints;
    use spanwatch_parsers::{Span, StreamActivity, StreamTransport};

    use super::*;
    use crate::observation::Cite;

    const CAMERA: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn second(ledger: &mut Ledger, at: i64, ssrc: u32, lost: u64) {
        let at = Time(at * 1_000_000_000);
        let second = StreamActivity {
            stream: (u64::from(ssrc), 0),
            transport: StreamTransport::Udp,
            destination: [192, 0, 2, 9].into(),
            ports: (6_000, 6_002),
            channel: None,
            ssrc,
            payload_type: 96,
            first: at,
            first_frame: (0, 1),
            last: at,
            packets: 100,
            bytes: 50_000,
            sequence: 0,
            lost,
            out_of_order: 0,
            duplicates: 0,
            frames: 25,
            jitter_16ticks: 90 * 16 * u64::from(ssrc),
            longest_gap: Span::ZERO,
        };
        ledger.streams.measured(None, CAMERA, &second, Cite::default());
    }

    #[test]
    fn a_minute_is_told_once_and_a_stream_that_begins_anew_is_the_same() {
        let (mut ledger, mut minutes) = (Ledger::new(Fingerprints::builtin()), Minutes::default());
        let pictures = Pictures::default();
        let mut told = |ledger: &Ledger, at: i64| minutes.since(ledger, &pictures, Time(at * 1_000_000_000));
        second(&mut ledger, 29, 1, 2);
        assert_eq!(told(&ledger, 30), None);
        second(&mut ledger, 32, 1, 3);
        second(&mut ledger, 33, 2, 1);
        assert_eq!(told(&ledger, 59), None);
        let key = StreamKey {
            source: "192.0.2.7".to_owned(),
            destination: "192.0.2.9".to_owned(),
            transport: "udp",
            payload_type: 96,
        };
        let sum = StreamSum { packets: 300, bytes: 150_000, lost: 4, jitter_us: 2_000 };
        assert_eq!(told(&ledger, 61), Some((Time(0), BTreeMap::from([(key.clone(), sum)]))));
        assert_eq!(told(&ledger, 62), None);
        second(&mut ledger, 63, 1, 3);
        let sum = StreamSum { packets: 100, bytes: 50_000, lost: 0, jitter_us: 1_000 };
        assert_eq!(told(&ledger, 125), Some((Time(MINUTE), BTreeMap::from([(key, sum)]))));
        assert_eq!(told(&ledger, 181), None, "nothing came");
    }
}
