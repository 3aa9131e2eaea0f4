//! `stream-stalled`: the session lives, its picture stopped.
//!
//! ## What it says
//! A device had sent media for a minute or more and stopped, and nobody had ended it. It lives: after that it still agreed
//! to what its client asked for (RTSP). No picture came for three times the longest normal pause, 10 s at least; or the client
//! asked anew (PLAY) and the device agreed; and for 5 s after nothing came either. Media of the same kind to the same client ends it.
//!
//! Of media inside TLS, or begun before the capture, nothing but volume can be seen. A camera's connection that carried
//! it steadily for five minutes, fell under 5 % of its rate for as long, and in which the device answered two keep-alives of
//! like size after that, has stalled too; full volume ends it.
//!
//! ## Why it matters
//! The camera looks alive to everything that only asks whether it answers, and nothing is recorded.
//!
//! ## Where it is wrong
//! Where our mirror lost the media and kept the session. Where three devices stop at once towards one client
//! nothing is said, for that is no encoder; nor of who sends only when something moves: whose picture paused and went on
//! by itself within the last hour, or never ran for a minute. A viewer may pause inside TLS, and nobody sees that it was he:
//! so it is told only of what a recorder pulls, or who takes media of other cameras meanwhile.
//!
//! ## State
//! Every stream by device, receiver and source, `STREAMS_MAX`; connections, `CONNECTIONS_MAX`; stalls, `STALLS_MAX`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{Exchange, Fact, Span, StreamActivity, Time};

use super::silent_connections::{CONNECTIONS_MAX, Connections};
use super::stalls::{OVERLAP, PATIENCE_GAPS, PATIENCE_MIN, Sign, Stall, Told, is_occasional};
use super::{Detector, Known, Look};
use crate::few::Sometime;
use crate::finding::{Finding, Kind, Severity};
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};

/// The kind.
pub const KIND: Kind = Kind {
    id: "stream-stalled",
    category: "availability",
    severity: Severity::High,
    source: include_str!("stream_stalled.rs"),
    start: Some(|| Box::new(Stalls::default())),
};

/// Media is expected to go on once it ran this long; what is sent on motion mostly ends sooner.
const LEARNED: Span = Span::seconds(60);
/// Who is asked anew is asked several things before the first picture comes, and a device that just came back too.
const SHOWS: Span = Span::seconds(5);
/// A client that ends a stream which has been silent for this long ends it because it is silent.
const IMPATIENCE: Span = Span::seconds(3);
/// An answer so long after the last picture shows that the device lives without.
const LIVES: Span = Span::seconds(2);
/// Who is silent for so long is not waited for any more.
const FORGET: Span = Span::seconds(600);
/// Streams watched.
const STREAMS_MAX: usize = 65_536;
/// A stream: who sends it, to whom, and its source.
type Key = (Number, IpAddr, u32);

/// All streams that are waited for, and those that stopped.
#[derive(Debug, Default)]
pub struct Stalls {
    streams: BTreeMap<Key, Box<Media>>,
    /// When to look at which, in watched time; each at most once.
    due: BTreeSet<(Time, Key)>,
    connections: Connections,
    told: Told,
    /// Packet time less watched time.
    offset: Span,
    refused: u64,
}

#[derive(Debug)]
struct Media {
    payload_type: u8,
    /// In watched time.
    first: Time,
    last: Time,
    last_frame: Cite,
    longest_gap: Span,
    /// Packets lost of it, from its start.
    lost: u64,
    /// When it last went on by itself after a pause.
    went_on: Sometime,
    /// What the device agreed to since the last picture.
    agreed: Option<Agreed>,
    /// Whether the client, tired of waiting, ended it: only if he asks anew is anything to be expected.
    was_ended: bool,
    /// When somebody last ended what he had of the device, be it of this group.
    left: Sometime,
    entered: Sometime,
    /// Index of the stall that lasts.
    stall: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Agreed {
    /// In watched time.
    at: Time,
    cite: Cite,
    is_play: bool,
}

impl Media {
    /// Whether it sends only now and then.
    fn is_occasional(&self) -> bool {
        is_occasional(self.went_on.get(), self.last)
    }

    /// Whether it ran for so long that it is expected to go on. What goes to a group ends when the last of it leaves.
    fn is_learned(&self) -> bool {
        let was_left = self.left.get().is_some_and(|left| self.last - left <= IMPATIENCE);
        self.last - self.first >= LEARNED && !self.is_occasional() && !was_left
    }

    fn patience(&self) -> Span {
        self.longest_gap.times(PATIENCE_GAPS).max(PATIENCE_MIN)
    }

    /// When it can be called stalled, in watched time.
    fn ripe(&self) -> Time {
        let silent = self.last + self.patience();
        self.agreed.map_or(silent, |agreed| silent.max(agreed.at + SHOWS))
    }
}

impl Stalls {
    fn media(&mut self, device: Number, second: &StreamActivity, cite: Cite) {
        let (first, last) = (second.first - self.offset, second.last - self.offset);
        let key = (device, second.destination, second.ssrc);
        if self.streams.len() >= STREAMS_MAX && !self.streams.contains_key(&key) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let mut ended = Vec::new();
        let is_new = !self.streams.contains_key(&key);
        let media = self.streams.entry(key).or_insert_with(|| {
            Box::new(Media {
                payload_type: second.payload_type,
                first,
                last: first,
                last_frame: cite,
                longest_gap: Span::ZERO,
                lost: second.lost,
                went_on: Sometime::default(),
                agreed: None,
                was_ended: false,
                left: Sometime::default(),
                entered: Sometime::default(),
                stall: None,
            })
        });
        if let Some(stall) = media.stall.take() {
            ended.push(stall);
            (media.first, media.longest_gap) = (first, Span::ZERO);
        } else {
            media.longest_gap = media.longest_gap.max(second.longest_gap);
            let is_asked = media.was_ended || media.agreed.is_some_and(|agreed| agreed.is_play);
            // What was lost meanwhile had been sent.
            if first - media.last >= PATIENCE_MIN && second.lost <= media.lost && !is_asked {
                media.went_on = Some(first).into();
            }
        }
        media.lost = second.lost;
        (media.last, media.last_frame, media.agreed) = (media.last.max(last), cite, None);
        media.was_ended = false;
        let due = media.ripe();
        self.enter(key, due);
        if is_new {
            // A client that asks anew is sent another source, by a device of the same habits.
            let mut went_on = Sometime::default();
            for (other, media) in self.streams.range_mut(of(device, second.destination)) {
                if *other != key && media.last < first && media.payload_type == second.payload_type {
                    ended.extend(media.stall.take());
                    went_on = went_on.max(media.went_on);
                    media.first = media.last;
                    media.agreed = None;
                }
            }
            if let Some(media) = self.streams.get_mut(&key) {
                media.went_on = went_on;
            }
        }
        let first_frame = Cite::new(second.first_frame.0, second.first_frame.1);
        for index in ended {
            self.told.end(index, second.first, first_frame);
        }
    }

    fn agreed(&mut self, device: Number, seen: &Observation, exchange: &Exchange) {
        let is_agreed = exchange.status.is_some_and(|status| (200..300).contains(&status));
        let Some(client) = seen.peer.ip.filter(|_| is_agreed) else { return };
        let at = seen.at - self.offset;
        match exchange.method.as_str() {
            "PAUSE" => return self.end(device, seen, None),
            "TEARDOWN" => return,
            _ => {}
        }
        let is_play = exchange.method.as_str() == "PLAY";
        let mut due = Vec::new();
        for (key, media) in self.streams.range_mut(of_all(device)) {
            let is_its = (key.1 == client || key.1.is_multicast()) && (is_play || !media.was_ended);
            if is_its && media.stall.is_none() && at - media.last >= LIVES && media.is_learned() {
                media.agreed = Some(Agreed { at, cite: seen.cite, is_play });
                due.push((*key, media.ripe().max(at)));
            }
        }
        due.into_iter().for_each(|(key, due)| self.enter(key, due));
    }

    /// Somebody ended media on purpose, unless he was tired of waiting for it.
    fn end(&mut self, device: Number, seen: &Observation, ssrc: Option<u32>) {
        let at = seen.at - self.offset;
        let client = seen.peer.ip;
        let mut over = Vec::new();
        for (key, media) in self.streams.range_mut(of_all(device)) {
            let is_meant = ssrc == Some(key.2) || (ssrc.is_none() && Some(key.1) == client);
            let patience = media.longest_gap.times(PATIENCE_GAPS).max(IMPATIENCE);
            let is_tired = ssrc.is_none() && at - media.last >= patience;
            if ssrc.is_none() && !is_tired && key.1.is_multicast() {
                media.left = Some(at).into();
            }
            match (is_meant && media.stall.is_none(), is_tired) {
                (true, true) => (media.was_ended, media.agreed) = (true, None),
                (true, false) => over.push(*key),
                (false, _) => {}
            }
        }
        for key in over {
            self.streams.remove(&key);
        }
    }

    fn enter(&mut self, key: Key, due: Time) {
        let Some(media) = self.streams.get_mut(&key) else { return };
        if media.entered.get().is_some_and(|entered| entered <= due) {
            return;
        }
        if let Some(entered) = media.entered.replace(due) {
            self.due.remove(&(entered, key));
        }
        self.due.insert((due, key));
    }

    /// Looks at a stream whose time has come; when to look again.
    fn judge(&mut self, key: Key, due: Time, known: &Known<'_>) -> Option<Time> {
        let media = self.streams.get(&key)?;
        let ripe = media.ripe();
        if media.stall.is_some() || ripe > due {
            return media.stall.is_none().then_some(ripe);
        }
        let Some(agreed) = media.agreed.filter(|_| media.is_learned()) else {
            if due - media.last >= FORGET {
                self.streams.remove(&key);
                return None;
            }
            return Some(media.last + FORGET);
        };
        let stamp = |watched: Time| watched + self.offset;
        let (device, to, ssrc) = key;
        let mut others = self.streams.range(of(device, to)).filter(|(other, _)| other.2 != ssrc);
        if others.any(|(_, it)| it.payload_type == media.payload_type && it.first >= media.last - OVERLAP) {
            self.streams.remove(&key);
            return None;
        }
        let stall = Stall {
            device,
            opened_as: known.id_of(device),
            to,
            since: stamp(media.last),
            last_frame: media.last_frame,
            detected: stamp(due),
            ran: media.last - media.first,
            pause: media.longest_gap,
            sign: (stamp(agreed.at), agreed.cite, if agreed.is_play { Sign::Agreed } else { Sign::Answered }),
            ended: None,
        };
        let index = self.told.tell(stall)?;
        self.streams.get_mut(&key)?.stall = Some(index);
        None
    }
}

impl Detector for Stalls {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Stream(_) | Fact::Exchange(_) | Fact::StreamEnded { .. } | Fact::Activity(_))
    }

    fn heeds(&self, look: Look) -> bool {
        look.is_tcp
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let device = || known.directory.find(&seen.subject);
        match &seen.fact {
            Fact::Stream(second) => {
                if let Some(device) = device() {
                    self.media(device, second, seen.cite);
                }
            }
            Fact::Exchange(exchange) if seen.source == "rtsp" => {
                if let Some(device) = device() {
                    self.agreed(device, seen, exchange);
                }
            }
            Fact::StreamEnded { ssrc, .. } => {
                if let Some(device) = device() {
                    self.end(device, seen, *ssrc);
                }
            }
            Fact::Activity(second) => {
                self.connections.carried(second, seen, self.offset, &mut self.told, known);
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, known: &Known<'_>) {
        let now = to - self.offset;
        while let Some((due, key)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.pop_first();
            if let Some(media) = self.streams.get_mut(&key) {
                media.entered.take();
            }
            if let Some(next) = self.judge(key, due, known) {
                self.enter(key, next);
            }
        }
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.offset = self.offset + (to - from);
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        let moved: Vec<Key> = self.streams.range(of_all(gone)).map(|(key, _)| *key).collect();
        for key in moved {
            let Some(mut media) = self.streams.remove(&key) else { continue };
            if let Some(entered) = media.entered.take() {
                self.due.remove(&(entered, key));
            }
            let key = (kept, key.1, key.2);
            let due = media.ripe();
            self.streams.entry(key).or_insert(media);
            self.enter(key, due);
        }
        self.connections.renumber(gone, kept);
        self.told.renumber(gone, kept);
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.told.findings(known)
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![
            ("streams waited for", STREAMS_MAX, self.refused.saturating_add(self.told.refused())),
            ("connections waited for", CONNECTIONS_MAX, self.connections.refused()),
        ]
    }
}

/// The keys of what a device sends to somebody.
const fn of(device: Number, to: IpAddr) -> std::ops::RangeInclusive<Key> {
    (device, to, 0)..=(device, to, u32::MAX)
}

/// The keys of all that a device sends.
const fn of_all(device: Number) -> std::ops::RangeInclusive<Key> {
    let (first, last) = (std::net::Ipv4Addr::UNSPECIFIED, std::net::Ipv6Addr::from_bits(u128::MAX));
    (device, IpAddr::V4(first), 0)..=(device, IpAddr::V6(last), u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::bench::{Bench, activity, ms, party};
    use crate::observation::Party;
    use spanwatch_parsers::{Ended, Mac, StreamTransport};

    const RECORDER: Mac = Mac([2, 0, 0, 0, 0, 9]);

    fn camera(n: u8) -> Party {
        Party { port: 554, ..party(Mac([2, 0, 0, 0, 1, n]), &format!("192.0.2.1{n}"), None) }
    }

    fn recorder() -> Party {
        Party { port: 40_000, ..party(RECORDER, "192.0.2.9", None) }
    }

    fn media(bench: &mut Bench, from: Party, ssrc: u32, at: Time) {
        lossy(bench, from, ssrc, at, 0);
    }

    /// A second of media, of which so many packets are lost from its start.
    fn lossy(bench: &mut Bench, from: Party, ssrc: u32, at: Time, lost: u64) {
        bench.sees(at, from, recorder(), Fact::Stream(Box::new(second(ssrc, at, lost))));
    }

    fn second(ssrc: u32, at: Time, lost: u64) -> StreamActivity {
        StreamActivity {
            stream: (u64::from(ssrc), 0),
            transport: StreamTransport::Udp,
            destination: recorder().ip.unwrap(),
            ports: (6970, 5000),
            channel: None,
            ssrc,
            payload_type: 96,
            first: at,
            first_frame: (0, 1),
            last: at,
            packets: 30,
            bytes: 30_000,
            lost,
            sequence: 0,
            out_of_order: 0,
            duplicates: 0,
            frames: 0,
            jitter_16ticks: 0,
            longest_gap: Span::millis(100),
        }
    }

    fn answers(bench: &mut Bench, from: Party, method: &str, at: Time) {
        bench.sees(at, from, recorder(), Fact::Activity(activity(at, 1)));
        let exchange = Exchange { method: method.into(), target: None, status: Some(200) };
        bench.sees(at, from, recorder(), Fact::Exchange(Box::new(exchange)));
    }

    /// Media from 50 s before the beginning until second 19.
    fn running(cameras: u8) -> Bench {
        let mut bench = Bench::new();
        for s in -50..20 {
            for n in 0..cameras {
                media(&mut bench, camera(n), n.into(), ms(s * 1_000));
            }
            bench.tick(ms(s * 1_000));
        }
        bench
    }

    #[test]
    fn what_went_to_a_group_ended_when_the_last_of_it_left() {
        let stalls = |leaves: bool| {
            let mut bench = Bench::new();
            let group =
                || StreamActivity { destination: "239.0.0.1".parse().unwrap(), ..second(0, ms(0), 0) };
            for at in -50..20 {
                let at = ms(at * 1_000);
                let media = StreamActivity { first: at, last: at, ..group() };
                bench.sees(at, camera(0), recorder(), Fact::Stream(Box::new(media)));
                bench.tick(at);
            }
            if leaves {
                let ended = Fact::StreamEnded { ssrc: None, by: Ended::Teardown };
                bench.sees(ms(19_500), camera(0), recorder(), ended);
            }
            answers(&mut bench, camera(0), "PLAY", ms(60_000));
            bench.tick(ms(90_000));
            bench.of(&KIND).len()
        };
        assert_eq!((stalls(true), stalls(false)), (0, 1));
    }

    #[test]
    fn who_answers_and_sends_nothing_has_stalled_until_it_sends() {
        let mut bench = running(1);
        answers(&mut bench, camera(0), "OPTIONS", ms(24_000));
        bench.tick(ms(28_000));
        assert!(bench.of(&KIND).is_empty());
        bench.tick(ms(40_000));
        let found = bench.of(&KIND);
        let [finding] = &found[..] else { panic!("one: {found:#?}") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (ms(19_000), ms(29_000), None));
        media(&mut bench, camera(0), 0, ms(60_000));
        assert_eq!(bench.of(&KIND)[0].ended, Some(ms(60_000)));
    }

    #[test]
    fn who_paused_before_and_went_on_by_himself_sends_only_now_and_then() {
        let stands_since_100 = |pause_from: i64, lost: u64| {
            let mut bench = running(1);
            (pause_from.max(20)..100).for_each(|s| lossy(&mut bench, camera(0), 0, ms(s * 1_000), lost));
            answers(&mut bench, camera(0), "OPTIONS", ms(110_000));
            bench.tick(ms(200_000));
            bench.of(&KIND).len()
        };
        assert_eq!(stands_since_100(20, 0), 1, "it never paused");
        assert_eq!(stands_since_100(39, 0), 0, "it paused for 20 s");
        assert_eq!(stands_since_100(39, 9), 1, "it sent all the time");
    }

    #[test]
    fn a_client_that_asks_anew_and_gets_nothing_shows_it() {
        let mut bench = running(1);
        let ended = Fact::StreamEnded { ssrc: None, by: Ended::Teardown };
        bench.sees(ms(28_000), camera(0), recorder(), ended);
        answers(&mut bench, camera(0), "PLAY", ms(29_000));
        bench.tick(ms(40_000));
        assert_eq!(bench.of(&KIND)[0].detected, ms(34_000));
        media(&mut bench, camera(0), 77, ms(60_000));
        assert_eq!(bench.of(&KIND)[0].ended, Some(ms(60_000)));
    }

    #[test]
    fn media_that_was_ended_or_paused_is_not_missed() {
        for method in ["TEARDOWN", "PAUSE"] {
            let mut bench = running(1);
            answers(&mut bench, camera(0), method, ms(19_500));
            if method == "TEARDOWN" {
                let ended = Fact::StreamEnded { ssrc: None, by: Ended::Teardown };
                bench.sees(ms(19_500), camera(0), recorder(), ended);
            }
            answers(&mut bench, camera(0), "OPTIONS", ms(25_000));
            bench.tick(ms(60_000));
            assert!(bench.of(&KIND).is_empty(), "{method}");
        }
    }

    #[test]
    fn a_source_that_another_took_over_from_before_its_end_is_not_missed() {
        let mut bench = running(1);
        media(&mut bench, camera(0), 77, ms(19_500));
        media(&mut bench, camera(0), 0, ms(20_000));
        (20..60).for_each(|s| media(&mut bench, camera(0), 77, ms(s * 1_000)));
        answers(&mut bench, camera(0), "OPTIONS", ms(50_000));
        bench.tick(ms(60_000));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_client_that_was_cut_off_and_gives_up_is_no_stall() {
        let mut bench = running(1);
        answers(&mut bench, camera(0), "TEARDOWN", ms(60_000));
        let ended = Fact::StreamEnded { ssrc: None, by: Ended::Teardown };
        bench.sees(ms(60_000), camera(0), recorder(), ended);
        answers(&mut bench, camera(0), "OPTIONS", ms(61_000));
        bench.tick(ms(100_000));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn silence_without_an_answer_is_no_stall() {
        let mut bench = running(1);
        bench.tick(ms(200_000));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn three_at_once_are_no_encoder() {
        let mut bench = running(3);
        (0..3).for_each(|n| answers(&mut bench, camera(n), "OPTIONS", ms(24_000)));
        bench.tick(ms(60_000));
        assert!(bench.of(&KIND).is_empty());
    }
}
