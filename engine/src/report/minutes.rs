//! What streams did in a minute, told once it is over, and how far the one is that goes on: [`Minutes`].
//!
//! Streams of one source, destination, transport and payload type are one, however often they begin anew under another SSRC.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use spanwatch_parsers::Time;

use super::build;
use super::picture::Pictures;
use super::read::{self, Word};
use crate::ledger::Ledger;
use crate::ledger::directory::Number;
use crate::ledger::stream::{Stream, StreamId};

/// What tells streams from each other for years.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamKey {
    /// Who sends it: a device's id, else an address.
    pub source: String,
    /// Who receives it: a device's id, else an address.
    pub destination: String,
    /// `udp`, `multicast` or `interleaved`.
    #[serde(deserialize_with = "read::word")]
    pub transport: Word,
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

/// What came of some streams in a minute that goes on: when it began, and of each by its number all that came in it so far.
pub type Running = (Time, BTreeMap<StreamId, (StreamKey, StreamSum)>);

/// What was told of streams so far.
#[derive(Debug, Default)]
pub struct Minutes {
    /// What was told before this minute.
    told: Told,
    /// The minute that is not over yet, since 1970.
    minute: Option<i64>,
    /// Packets of each when it was last told how far the minute is; of [`RUNNING_MAX`] at most.
    running: BTreeMap<StreamId, u64>,
    /// Behind which stream that goes on.
    behind: Option<StreamId>,
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
        Some(self.sums(ledger, pictures, over?)).filter(|(_, sums)| !sums.is_empty())
    }

    /// What came so far in the minute that goes on, of streams of which that is another than last told: of [`AT_ONCE`] at most,
    /// and of the others when this is next asked.
    pub fn running(&mut self, ledger: &Ledger, pictures: &Pictures) -> Option<Running> {
        let minute = self.minute?;
        let mut running = BTreeMap::new();
        let behind = self.behind.take();
        for (id, stream) in ledger.streams.by_number().filter(|(id, _)| Some(*id) > behind) {
            let told = self.told.get(&id).copied().unwrap_or_default();
            let known = self.running.get(&id).copied();
            if stream.packets == known.unwrap_or(told.0)
                || known.is_none() && self.running.len() >= RUNNING_MAX
            {
                continue;
            }
            self.running.insert(id, stream.packets);
            running.insert(id, (key(stream, ledger, pictures), came(stream, told)));
            if running.len() >= AT_ONCE {
                self.behind = Some(id);
                break;
            }
        }
        Some((began(minute), running)).filter(|(_, running)| !running.is_empty())
    }

    /// What came in the minute that goes on, where nothing more will.
    pub fn rest(
        &mut self,
        ledger: &Ledger,
        pictures: &Pictures,
    ) -> Option<(Time, BTreeMap<StreamKey, StreamSum>)> {
        let minute = self.minute?;
        Some(self.sums(ledger, pictures, minute)).filter(|(_, sums)| !sums.is_empty())
    }

    fn sums(
        &mut self,
        ledger: &Ledger,
        pictures: &Pictures,
        minute: i64,
    ) -> (Time, BTreeMap<StreamKey, StreamSum>) {
        let mut sums: BTreeMap<StreamKey, StreamSum> = BTreeMap::new();
        each_since(&mut self.told, ledger, |_, stream, sum| {
            sums.entry(key(stream, ledger, pictures)).or_default().add(&sum);
        });
        self.running.clear();
        (began(minute), sums)
    }
}

/// What came of a stream since it was told so.
fn came(stream: &Stream, told: (u64, u64, u64)) -> StreamSum {
    StreamSum {
        packets: stream.packets.saturating_sub(told.0),
        bytes: stream.bytes.saturating_sub(told.1),
        lost: stream.measured.lost.saturating_sub(told.2),
        jitter_us: stream.jitter_us(),
    }
}

const fn began(minute: i64) -> Time {
    Time(minute.saturating_mul(MINUTE))
}

/// Packets, bytes and losses of each stream that were told.
pub(super) type Told = BTreeMap<StreamId, (u64, u64, u64)>;

/// What came of each stream since it was told last.
pub(super) fn each_since(
    told: &mut Told,
    ledger: &Ledger,
    mut each: impl FnMut(StreamId, &Stream, StreamSum),
) {
    let mut before = std::mem::take(told);
    for (id, stream) in ledger.streams.by_number() {
        let counts = (stream.packets, stream.bytes, stream.measured.lost);
        let known = before.remove(&id).unwrap_or_default();
        told.insert(id, counts);
        if counts.0 != known.0 {
            each(id, stream, came(stream, known));
        }
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
/// Streams that are told of at once, so that a second costs some milliseconds at most.
const AT_ONCE: usize = 1_024;
/// Streams of which it is told how far a minute is: four seconds' worth. Of more only minutes that are over are told.
const RUNNING_MAX: usize = 4 * AT_ONCE;

#[cfg(test)]
pub(super) mod tests {
    use spanwatch_fingerprints::Fingerprints;
    use spanwatch_parsers::{Span, StreamActivity, StreamTransport};

    use super::*;
    use crate::observation::Cite;

    const CAMERA: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    /// A second of a stream.
    pub(crate) fn second(ledger: &mut Ledger, at: i64, ssrc: u32, lost: u64) {
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

    fn key_of(source: &str) -> StreamKey {
        let (source, destination) = (source.to_owned(), "192.0.2.9".to_owned());
        StreamKey { source, destination, transport: "udp", payload_type: 96 }
    }

    #[test]
    fn of_a_minute_that_goes_on_it_is_told_what_changed_and_the_whole_of_it() {
        let (mut ledger, mut minutes) = (Ledger::new(Fingerprints::builtin()), Minutes::default());
        let pictures = Pictures::default();
        let sum = |packets: u64, lost: u64| {
            let jitter_us = 1_000;
            (key_of("192.0.2.7"), StreamSum { packets, bytes: packets * 500, lost, jitter_us })
        };
        let id = |ssrc: u64| (ssrc, 0);
        second(&mut ledger, 59, 1, 0);
        assert_eq!(minutes.running(&ledger, &pictures), None, "no minute began");
        assert_eq!(minutes.since(&ledger, &pictures, Time(MINUTE - 1)), None);
        minutes.since(&ledger, &pictures, Time(MINUTE)).unwrap();
        assert_eq!(minutes.running(&ledger, &pictures), None, "that is over");
        second(&mut ledger, 61, 1, 2);
        let told = Some((Time(MINUTE), BTreeMap::from([(id(1), sum(100, 2))])));
        assert_eq!(minutes.running(&ledger, &pictures), told);
        assert_eq!(minutes.running(&ledger, &pictures), None);
        second(&mut ledger, 62, 1, 3);
        second(&mut ledger, 62, 1, 4);
        let told = Some((Time(MINUTE), BTreeMap::from([(id(1), sum(300, 4))])));
        assert_eq!(minutes.running(&ledger, &pictures), told);
        second(&mut ledger, 63, 1, 4);
        let (key, whole) = sum(400, 4);
        assert_eq!(minutes.rest(&ledger, &pictures), Some((Time(MINUTE), BTreeMap::from([(key, whole)]))));
        assert_eq!(minutes.rest(&ledger, &pictures), None);
        assert_eq!(minutes.running(&ledger, &pictures), None);
    }

    #[test]
    fn many_streams_are_told_in_turns_and_no_more_than_a_store_has_room_for() {
        let (mut ledger, mut minutes) = (Ledger::new(Fingerprints::builtin()), Minutes::default());
        let pictures = Pictures::default();
        let many = RUNNING_MAX as u32 + 100;
        minutes.since(&ledger, &pictures, Time(0));
        (0..many).for_each(|ssrc| second(&mut ledger, 1, ssrc, 0));
        let mut told = Vec::new();
        while let Some((_, running)) = minutes.running(&ledger, &pictures) {
            assert!(running.len() <= AT_ONCE);
            told.extend(running.into_keys().map(|(ssrc, _)| ssrc));
        }
        assert_eq!(told, (0..RUNNING_MAX as u64).collect::<Vec<_>>());
        // Of each the turn comes, however often the first change.
        for _ in 0..RUNNING_MAX / AT_ONCE {
            (0..many).for_each(|ssrc| second(&mut ledger, 2, ssrc, 0));
            let (_, running) = minutes.running(&ledger, &pictures).unwrap();
            told.extend(running.into_keys().map(|(ssrc, _)| ssrc));
        }
        assert_eq!(told[RUNNING_MAX..], told[..RUNNING_MAX]);
        let (_, sums) = minutes.rest(&ledger, &pictures).unwrap();
        let packets: u64 = sums.values().map(|sum| sum.packets).sum();
        assert_eq!(packets, u64::from(many) * 100 * 5, "nothing is told twice");
    }
}
