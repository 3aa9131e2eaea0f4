//! Connections made of segments, and what an ear hears of them.

use proptest::prelude::*;
use spanwatch_parsers::Span;

use super::half::HELD_MAX;
use super::*;

/// Hears everything of one direction, gaps as their length.
#[derive(Debug, Default)]
struct Tape {
    bytes: Vec<u8>,
    /// Where a gap was heard, and how long it was.
    gaps: Vec<(usize, Option<u64>)>,
    unwanted: u64,
    passed: u64,
    /// Skip so many bytes after each that is heard.
    stride: u64,
}

impl Ear for Tape {
    fn bytes(&mut self, way: Way, bytes: &[u8]) {
        if way == Way::Resp {
            return;
        }
        for byte in bytes {
            if self.unwanted > 0 {
                self.unwanted -= 1;
                self.passed += 1;
            } else {
                self.bytes.push(*byte);
                self.unwanted = self.stride;
            }
        }
    }

    fn gap(&mut self, way: Way, missing: Option<u64>) {
        if way == Way::Orig {
            self.gaps.push((self.bytes.len(), missing));
            self.unwanted = 0;
        }
    }

    fn unwanted(&self, _: Way) -> u64 {
        self.unwanted
    }

    fn pass(&mut self, _: Way, count: u64) {
        self.unwanted -= count;
        self.passed += count;
    }
}

/// The client's first sequence number: its bytes wrap around soon.
const CLIENT: u32 = 0xffff_ff00;
const SERVER: u32 = 7;

fn ms(ms: i64) -> Time {
    Time(ms * 1_000_000)
}

fn segment(way: Way, flags: u8, sequence: u32, acknowledges: u32, payload: &[u8]) -> Segment<'_> {
    let acknowledges = (flags & ACK != 0).then_some(acknowledges);
    Segment { way, at: ms(0), sequence, acknowledges, flags, stamp: None, payload, cut: 0 }
}

/// A client's bytes at an offset.
fn data(offset: u32, payload: &[u8]) -> Segment<'_> {
    segment(Way::Orig, ACK, CLIENT.wrapping_add(1 + offset), SERVER + 1, payload)
}

/// A server's bare acknowledgement of the client's bytes before an offset.
fn acknowledgement(offset: u32) -> Segment<'static> {
    segment(Way::Resp, ACK, SERVER + 1, CLIENT.wrapping_add(1 + offset), b"")
}

fn open(ear: &mut Tape) -> Connection {
    let mut connection = Connection::default();
    connection.take(&segment(Way::Orig, SYN, CLIENT, 0, b""), ear);
    connection.take(&segment(Way::Resp, SYN | ACK, SERVER, CLIENT.wrapping_add(1), b""), ear);
    connection.take(&data(0, b""), ear);
    connection
}

#[test]
fn bytes_are_heard_once_and_in_order() {
    let mut tape = Tape::default();
    let mut connection = open(&mut tape);
    for (offset, payload) in [(0, &b"ab"[..]), (4, b"ef"), (2, b"cd"), (0, b"abcd"), (5, b"fgh")] {
        connection.take(&data(offset, payload), &mut tape);
    }
    assert_eq!(tape.bytes, b"abcdefgh");
    assert_eq!((tape.gaps.len(), connection.held()), (0, 0));
}

#[test]
fn connection_that_began_earlier_is_heard_from_its_first_segment() {
    let mut tape = Tape::default();
    let mut connection = Connection::default();
    connection.take(&data(1_000, b"ab"), &mut tape);
    connection.take(&data(900, b"old"), &mut tape);
    connection.take(&data(1_002, b"cd"), &mut tape);
    assert_eq!((&tape.bytes[..], tape.gaps.len()), (&b"abcd"[..], 0));
    assert!(!connection.is_two_way());
}

#[test]
fn hole_that_the_answer_acknowledges_is_a_gap_at_once() {
    let mut tape = Tape::default();
    let mut connection = open(&mut tape);
    connection.take(&data(0, b"ab"), &mut tape);
    connection.take(&data(5, b"fg"), &mut tape);
    assert_eq!(tape.bytes, b"ab");
    connection.take(&segment(Way::Resp, ACK, SERVER + 1, CLIENT.wrapping_add(8), b"answer"), &mut tape);
    assert_eq!((&tape.bytes[..], &tape.gaps[..]), (&b"abfg"[..], &[(2, Some(3))][..]));
}

#[test]
fn bare_acknowledgement_waits_a_moment_for_swapped_neighbours() {
    let mut tape = Tape::default();
    let mut connection = open(&mut tape);
    connection.take(&data(5, b"fg"), &mut tape);
    connection.take(&acknowledgement(7), &mut tape);
    assert!(tape.gaps.is_empty());
    connection.take(&data(0, b"abcde"), &mut tape);
    assert_eq!(tape.bytes, b"abcdefg");
    connection.take(&data(10, b"x"), &mut tape);
    connection.take(&Segment { at: ms(30), ..acknowledgement(11) }, &mut tape);
    assert_eq!(tape.gaps, [(7, Some(3))]);
}

#[test]
fn hole_that_nobody_acknowledges_waits_for_the_retransmission() {
    let mut tape = Tape::default();
    let mut connection = open(&mut tape);
    for n in 0..50_u32 {
        connection.take(&data(5 + n, b"x"), &mut tape);
        connection.take(&acknowledgement(0), &mut tape);
    }
    connection.tick(ms(2_900), &mut tape);
    assert!(tape.gaps.is_empty());
    connection.tick(ms(3_000), &mut tape);
    assert_eq!((tape.gaps, tape.bytes.len()), (vec![(0, Some(5))], 50));
}

#[test]
fn full_buffer_gives_the_hole_up() {
    let mut tape = Tape::default();
    let mut connection = open(&mut tape);
    let payload = [7; 1_460];
    for n in 0..400_u32 {
        connection.take(&data(10 + n * 1_460, &payload), &mut tape);
        assert!(connection.held() <= HELD_MAX + 2_000);
    }
    assert_eq!(tape.gaps, [(0, Some(10))]);
    assert_eq!(tape.bytes.len(), 400 * 1_460);
}

#[test]
fn hole_in_unwanted_bytes_is_passed_over() {
    let mut tape = Tape { stride: 999, ..Tape::default() };
    let mut connection = open(&mut tape);
    connection.take(&data(0, b"a"), &mut tape);
    connection.take(&data(998, b"..b.."), &mut tape);
    // Heard: offset 0, then offset 1,000, the third byte of the second segment.
    assert_eq!((&tape.bytes[..], tape.gaps.len(), connection.held()), (&b"ab"[..], 0, 0));
    assert_eq!(tape.passed, 999 + 2);
}

#[test]
fn segment_that_the_capture_cut_is_a_gap_where_its_bytes_are_wanted() {
    let mut tape = Tape::default();
    let mut connection = open(&mut tape);
    connection.take(&Segment { cut: 8, ..data(0, b"ab") }, &mut tape);
    connection.take(&data(10, b"cd"), &mut tape);
    assert_eq!((&tape.bytes[..], &tape.gaps[..]), (&b"abcd"[..], &[(2, Some(8))][..]));
}

#[test]
fn repeated_opening_is_counted() {
    let mut connection = Connection::default();
    let syn = segment(Way::Orig, SYN, CLIENT, 0, b"");
    let attempts = [1, 2, 3].map(|_| connection.take(&syn, &mut Tape::default()).opening);
    assert_eq!(attempts, [Some(1), Some(2), Some(3)]);
    assert!(connection.is_embryonic() && !connection.is_succeeded_by(&syn));
    assert!(connection.is_succeeded_by(&segment(Way::Orig, SYN, 1, 0, b"")));
}

#[test]
fn reset_that_answers_an_opening_refuses() {
    let mut connection = Connection::default();
    connection.take(&segment(Way::Orig, SYN, CLIENT, 0, b""), &mut Tape::default());
    let reset = segment(Way::Resp, RST | ACK, 0, CLIENT.wrapping_add(1), b"");
    let outcome = connection.take(&reset, &mut Tape::default());
    assert_eq!((outcome.refused, outcome.closed), (true, true));
}

#[test]
fn reset_ends_an_open_connection_without_refusing() {
    let mut connection = open(&mut Tape::default());
    let outcome = connection.take(&segment(Way::Resp, RST, SERVER + 1, 0, b""), &mut Tape::default());
    assert_eq!((outcome.refused, outcome.closed), (false, true));
    assert!(connection.is_succeeded_by(&segment(Way::Orig, SYN, CLIENT, 0, b"")));
}

#[test]
fn reset_from_far_away_is_not_believed() {
    let mut connection = open(&mut Tape::default());
    let outcome =
        connection.take(&segment(Way::Resp, RST, SERVER + 0x7000_0000, 0, b""), &mut Tape::default());
    assert_eq!(outcome, Outcome::default());
}

#[test]
fn both_fins_end_it_once_all_bytes_are_there() {
    let mut tape = Tape::default();
    let mut connection = open(&mut tape);
    let fin = segment(Way::Orig, FIN | ACK, CLIENT.wrapping_add(3), SERVER + 1, b"c");
    assert!(!connection.take(&fin, &mut tape).closed);
    let fin = segment(Way::Resp, FIN | ACK, SERVER + 1, CLIENT.wrapping_add(1), b"");
    assert!(!connection.take(&fin, &mut tape).closed);
    assert!(connection.take(&data(0, b"ab"), &mut tape).closed);
    assert_eq!(tape.bytes, b"abc");
}

#[test]
fn what_is_sent_again_and_not_acknowledged_is_told_with_its_attempt() {
    let mut connection = open(&mut Tape::default());
    let mut send = |at: i64, segment: Segment<'_>| {
        connection.take(&Segment { at: ms(at), ..segment }, &mut Tape::default()).retried
    };
    assert_eq!(send(0, data(0, b"abcd")), None);
    assert_eq!(send(200, data(0, b"abcd")), Some(1));
    assert_eq!(send(600, data(0, b"abcd")), Some(2));
    send(700, acknowledgement(4));
    assert_eq!(send(800, data(0, b"abcd")), None, "acknowledged meanwhile");
    send(900, data(4, b"efgh"));
    assert_eq!(send(1_200, data(4, b"efgh")), Some(1));
}

#[test]
fn what_is_sent_again_behind_bytes_that_nobody_saw_is_told_too() {
    let mut connection = open(&mut Tape::default());
    let mut send = |at: i64, segment: Segment<'_>| {
        connection.take(&Segment { at: ms(at), ..segment }, &mut Tape::default()).retried
    };
    send(0, acknowledgement(0));
    assert_eq!(send(60_000, data(100, b"abcd")), None);
    assert_eq!(send(60_200, data(100, b"abcd")), Some(1));
    assert_eq!(send(60_600, data(100, b"abcd")), Some(2));
    assert_eq!(send(60_700, data(50, b"abcd")), None, "it fills the hole");
}

#[test]
fn keep_alive_is_no_retransmission() {
    let mut connection = open(&mut Tape::default());
    connection.take(&data(0, b"abcd"), &mut Tape::default());
    assert_eq!(connection.take(&data(3, b"d"), &mut Tape::default()).retried, None);
    assert_eq!(connection.take(&data(3, b""), &mut Tape::default()).retried, None);
}

#[test]
fn header_lengths_are_checked() {
    let mut bytes = [0_u8; 24];
    for (length, payload) in [(0x50, Some(4)), (0x60, Some(0)), (0x70, Some(0)), (0x40, None)] {
        bytes[12] = length;
        let segment = Segment::parse(&bytes, 24, Way::Orig, ms(0));
        assert_eq!(segment.map(|segment| segment.payload.len()), payload, "{length:x}");
    }
    bytes[12] = 0x50;
    assert_eq!(Segment::parse(&bytes, 100, Way::Orig, ms(0)).map(|segment| segment.cut), Some(76));
}

/// Segments that cover a stream: cuts, then extra ones anywhere, in an order that is nearly right.
fn segments(length: usize) -> impl Strategy<Value = Vec<(usize, usize)>> {
    let cuts = prop::collection::btree_set(0..length, 0..40);
    let extra = prop::collection::vec((0..length, 1_usize..200), 0..20);
    (cuts, extra, prop::collection::vec(0_u32..12, 80)).prop_map(move |(cuts, extra, shifts)| {
        let mut edges: Vec<usize> = cuts.into_iter().collect();
        edges.insert(0, 0);
        edges.push(length);
        edges.dedup();
        let mut all: Vec<(usize, usize)> = edges.windows(2).map(|pair| (pair[0], pair[1])).collect();
        for (from, count) in extra {
            all.insert(from % all.len(), (from, length.min(from + count)));
        }
        let mut keyed: Vec<_> = (0_u32..).zip(all).map(|(n, it)| (n + shifts[n as usize % 80], it)).collect();
        keyed.sort_by_key(|(place, _)| *place);
        keyed.into_iter().map(|(_, it)| it).collect()
    })
}

proptest! {
    #[test]
    fn cutting_overlap_repetition_and_order_do_not_change_what_is_heard(
        (stream, cuts) in prop::collection::vec(any::<u8>(), 1..3_000)
            .prop_flat_map(|stream| { let length = stream.len(); (Just(stream), segments(length)) }),
        stride in 0_u64..50,
    ) {
        let mut whole = Tape { stride, ..Tape::default() };
        open(&mut whole).take(&data(0, &stream), &mut whole);
        let mut tape = Tape { stride, ..Tape::default() };
        let mut connection = open(&mut tape);
        for (from, to) in cuts {
            connection.take(&data(u32::try_from(from).unwrap(), &stream[from..to]), &mut tape);
        }
        prop_assert_eq!(&tape.bytes, &whole.bytes);
        prop_assert_eq!(tape.gaps.len(), 0);
        prop_assert_eq!(connection.held(), 0);
    }

    #[test]
    fn of_different_bytes_for_one_place_the_first_are_heard(
        parts in prop::collection::vec((0_usize..60, prop::collection::vec(any::<u8>(), 1..20)), 1..30),
    ) {
        let mut model: Vec<Option<u8>> = vec![None; 80];
        let mut tape = Tape::default();
        let mut connection = open(&mut tape);
        for (from, part) in &parts {
            connection.take(&data(u32::try_from(*from).unwrap(), part), &mut tape);
            for (place, byte) in part.iter().enumerate() {
                model[from + place].get_or_insert(*byte);
            }
        }
        let expected: Vec<u8> = model.into_iter().map_while(|byte| byte).collect();
        prop_assert_eq!(&tape.bytes, &expected);
    }

    /// Bytes heard and bytes missed add up to the stream, whatever was lost.
    #[test]
    fn losses_are_told_to_the_byte(
        sizes in prop::collection::vec((1_usize..300, any::<bool>()), 2..60),
    ) {
        let mut tape = Tape::default();
        let mut connection = open(&mut tape);
        let (mut offset, mut heard, mut last_heard) = (0_u32, 0_u64, 0_u32);
        for (n, (size, is_lost)) in sizes.iter().enumerate() {
            let payload = vec![n as u8; *size];
            if !is_lost {
                connection.take(&data(offset, &payload), &mut tape);
                heard += *size as u64;
                last_heard = offset + *size as u32;
            }
            offset += *size as u32;
        }
        connection.tick(ms(0) + Span::seconds(5), &mut tape);
        let missed: u64 = tape.gaps.iter().map(|(_, missing)| missing.unwrap()).sum();
        prop_assert_eq!(tape.bytes.len() as u64, heard);
        prop_assert_eq!(heard + missed, u64::from(last_heard));
    }

    #[test]
    fn nothing_makes_it_panic_or_hold_too_much(
        steps in prop::collection::vec((any::<bool>(), any::<u8>(), any::<u32>(), any::<u32>(), 0_usize..400, 0_i64..5_000), 0..200),
    ) {
        let mut connection = Connection::default();
        let payload = [1; 400];
        let mut at = 0;
        for (is_orig, flags, sequence, acknowledges, length, apart) in steps {
            at += apart;
            let way = if is_orig { Way::Orig } else { Way::Resp };
            let one = segment(way, flags, sequence & 0x0003_ffff, acknowledges & 0x0003_ffff, &payload[..length]);
            connection.take(&Segment { at: ms(at), ..one }, &mut Tape::default());
            prop_assert!(connection.held() <= 2 * (HELD_MAX + 1_000));
        }
    }
}
