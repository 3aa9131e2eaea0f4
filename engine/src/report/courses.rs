//! What streams did over a capture, in pieces as short as there is room for: [`Courses`]; and what is kept of that: [`Kept`].

use std::collections::BTreeMap;

use spanwatch_parsers::Time;

use super::Report;
use super::minutes::{StreamKey, StreamSum, Told, each_since};
use crate::clock::Moment;
use crate::ledger::Ledger;
use crate::ledger::stream::StreamId;

/// What streams did over a capture, piece by piece. All pieces are as long: a second at first, twice as long whenever there are more
/// than [`PIECES_MAX`]. Of the streams, the first [`COURSES_MAX`].
#[derive(Debug)]
pub struct Courses {
    told: Told,
    pieces: BTreeMap<StreamId, Vec<(i64, StreamSum)>>,
    /// Of a piece, in seconds.
    length: i64,
    /// Seconds since 1970: before the first tick, and at the last.
    watched: Option<(i64, i64)>,
}

/// What came of one stream: when each piece began, how many seconds of it were watched, and what came in them.
pub type Course = Vec<(Time, u32, StreamSum)>;

/// What came of the streams of a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// How long each piece is, in seconds.
    pub seconds: u32,
    /// Those that are known.
    pub streams: BTreeMap<StreamKey, Course>,
}

/// A piece as it is written: when it began, in nanoseconds since 1970, how many seconds of it were watched; packets, bytes, losses,
/// jitter in microseconds.
type Written = (i64, u32, u64, u64, u64, u64);

impl Kept {
    /// As JSON: some fifty bytes a piece.
    ///
    /// # Errors
    /// None that memory has room for.
    pub fn write(&self) -> serde_json::Result<Vec<u8>> {
        let piece = |(at, seconds, it): &(Time, u32, StreamSum)| -> Written {
            (at.0, *seconds, it.packets, it.bytes, it.lost, it.jitter_us)
        };
        let stream = |(key, course): (_, &Course)| (key, course.iter().map(piece).collect::<Vec<_>>());
        serde_json::to_vec(&(self.seconds, self.streams.iter().map(stream).collect::<Vec<_>>()))
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// Where it was not, or by another version.
    pub fn read(bytes: &[u8]) -> serde_json::Result<Self> {
        let (seconds, streams): (u32, Vec<(StreamKey, Vec<Written>)>) = serde_json::from_slice(bytes)?;
        let piece = |(at, seconds, packets, bytes, lost, jitter_us): Written| {
            (Time(at), seconds, StreamSum { packets, bytes, lost, jitter_us })
        };
        let stream = |(key, pieces): (_, Vec<Written>)| (key, pieces.into_iter().map(piece).collect());
        Ok(Self { seconds, streams: streams.into_iter().map(stream).collect() })
    }
}

impl Default for Courses {
    fn default() -> Self {
        Self { told: BTreeMap::new(), pieces: BTreeMap::new(), length: 1, watched: None }
    }
}

impl Courses {
    /// Takes what came before a moment that is a tick.
    pub fn hear(&mut self, ledger: &Ledger, moment: &Moment) {
        if let Moment::Tick(at) = moment {
            self.tick(ledger, *at);
        }
    }

    /// Takes what came before a tick, one for each second.
    fn tick(&mut self, ledger: &Ledger, at: Time) {
        let second = at.0.div_euclid(SECOND);
        let (first, last) = self.watched.unwrap_or((second.saturating_sub(1), second.saturating_sub(1)));
        self.watched = Some((first, second.max(last)));
        let piece = last.saturating_sub(last.rem_euclid(self.length));
        if second < piece.saturating_add(self.length) {
            return;
        }
        let pieces = &mut self.pieces;
        let mut longest = 0;
        each_since(&mut self.told, ledger, |id, _, sum| {
            if pieces.len() >= COURSES_MAX && !pieces.contains_key(&id) {
                return;
            }
            let own = pieces.entry(id).or_default();
            push(own, (piece, sum));
            longest = own.len().max(longest);
        });
        if longest > PIECES_MAX {
            self.length = self.length.saturating_mul(2);
            for own in self.pieces.values_mut() {
                for (at, sum) in std::mem::take(own) {
                    push(own, (at.saturating_sub(at.rem_euclid(self.length)), sum));
                }
            }
        }
    }

    /// What came of each stream of the report that was made of the same ledger; those that only began anew are one.
    #[must_use]
    pub fn of(&self, report: &Report) -> Kept {
        let mut sums: BTreeMap<StreamKey, BTreeMap<i64, StreamSum>> = BTreeMap::new();
        for stream in &report.streams {
            let Some(pieces) = self.pieces.get(&stream.number) else { continue };
            let key = StreamKey {
                source: stream.source.clone(),
                destination: stream.destination.clone(),
                transport: stream.transport,
                payload_type: stream.payload_type,
            };
            let own = sums.entry(key).or_default();
            pieces.iter().for_each(|(at, sum)| own.entry(*at).or_default().add(sum));
        }
        let (first, last) = self.watched.unwrap_or_default();
        let piece = |(at, sum): (i64, StreamSum)| {
            let seconds = at.saturating_add(self.length).min(last).saturating_sub(at.max(first)).max(1);
            (Time(at.saturating_mul(SECOND)), u32::try_from(seconds).unwrap_or(u32::MAX), sum)
        };
        let seconds = u32::try_from(self.length).unwrap_or(u32::MAX);
        let course = |(key, own): (_, BTreeMap<i64, StreamSum>)| (key, own.into_iter().map(piece).collect());
        Kept { seconds, streams: sums.into_iter().map(course).collect() }
    }
}

/// Adds to a piece, which is the last one or behind it.
fn push(own: &mut Vec<(i64, StreamSum)>, (at, sum): (i64, StreamSum)) {
    match own.last_mut().filter(|(last, _)| *last >= at) {
        Some((_, whole)) => whole.add(&sum),
        None => own.push((at, sum)),
    }
}

const SECOND: i64 = 1_000_000_000;
/// Of a stream: what a drawing can show.
const PIECES_MAX: usize = 144;
/// Of a capture: thirty megabytes at most.
const COURSES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use spanwatch_fingerprints::Fingerprints;

    use super::super::minutes::tests::second;
    use super::*;

    #[test]
    fn a_course_has_pieces_of_a_second_until_there_are_too_many() {
        let (mut ledger, mut courses) = (Ledger::new(Fingerprints::builtin()), Courses::default());
        let mut report = crate::report::test::report();
        let mut stream = |at: i64, ssrc: u32| {
            courses.tick(&ledger, Time(at * SECOND));
            second(&mut ledger, at, ssrc, 0);
            courses.tick(&ledger, Time((at + 1) * SECOND));
            (courses.length, courses.pieces.values().map(Vec::len).collect::<Vec<_>>())
        };
        assert_eq!(stream(1_000, 1), (1, vec![1]));
        // Silent for two seconds, and begun anew: a tick comes with the frame that ends the silence.
        assert_eq!(stream(1_003, 2), (1, vec![1, 1]));
        for at in 1_004..1_147 {
            assert_eq!(stream(at, 2).0, 1);
        }
        assert_eq!(stream(1_147, 2), (2, vec![1, 73]));
        let numbers: Vec<StreamId> = ledger.streams.by_number().map(|(id, _)| id).collect();
        report.streams = numbers.iter().map(|number| Box::new(stream_of(*number))).collect();
        let told = courses.of(&report);
        assert_eq!((told.seconds, Kept::read(&told.write().unwrap()).unwrap()), (2, told.clone()));
        let [course] = &told.streams.values().collect::<Vec<_>>()[..] else { panic!("one stream: {told:?}") };
        let at = |second: i64| Time(second * SECOND);
        let sum = |packets| StreamSum { packets, bytes: packets * 500, lost: 0, jitter_us: 2_000 };
        assert_eq!(course[0], (at(1_000), 2, StreamSum { jitter_us: 1_000, ..sum(100) }));
        assert_eq!((course[1], course[2]), ((at(1_002), 2, sum(100)), (at(1_004), 2, sum(200))));
        assert_eq!(course.last(), Some(&(at(1_146), 2, sum(200))));
        assert_eq!(course.iter().map(|(.., it)| it.packets).sum::<u64>(), 14_600);
    }

    fn stream_of(number: StreamId) -> crate::report::Stream {
        let mut stream: crate::report::Stream = serde_json::from_str(
            r#"{"source": "a", "destination": "b", "transport": "udp", "payload_type": 96, "packets": 1, "lost": 0, "jitter_ms": 0.0,
                "bitrate_bps": 0, "first_seen": "1970-01-01T00:00:00Z", "last_seen": "1970-01-01T00:00:00Z"}"#,
        )
        .unwrap();
        stream.number = number;
        stream
    }
}
