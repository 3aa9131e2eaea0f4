//! `not-recorded`: a camera lives, and its recorder has ceased to take its picture.
//!
//! ## What it says
//! A camera's picture had been taken without a break for an hour or more, and then its client itself ended the session
//! (TEARDOWN). Nobody takes the picture for two minutes, or three times the longest change from one recorder to the other
//! seen before. The camera shows that it lives, the client goes on with two or more others that it has taken for an hour too, and
//! has not asked this camera again. It ends when somebody takes the picture again.
//!
//! ## Why it matters
//! Everything is green: camera, cable and recorder work, and there is no recording of this place. It is mostly noticed when
//! somebody looks for the recording.
//!
//! ## Where it is wrong
//! Where somebody took the camera off the list on purpose, and where the camera records to its own card. A camera
//! that was once taken for less than an hour is taken on motion or on demand and is not judged; nor is a client that
//! ended such a short look at any camera, as people do, nor one that ended more cameras than it goes on with. A
//! recorder that ends the connection without TEARDOWN is missed.
//!
//! ## State
//! Every camera that sends media, `CAMERAS_MAX`; clients that look, `CLIENTS_MAX`; findings, `STOPS_MAX`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{Ended, Fact, Span, StreamActivity, Time};

use super::{Detector, Known};
use crate::finding::{Alternative, Cause, Evidence, Finding, Kind, Revision, Severity, id};
use crate::ledger::directory::Number;
use crate::numbered::Numbered;
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, length};
use crate::verdict::account::{subject_of, title_of};

/// The kind.
pub const KIND: Kind = Kind {
    id: "not-recorded",
    category: "availability",
    severity: Severity::High,
    source: include_str!("not_recorded.rs"),
    start: Some(|| Box::new(Recordings::default())),
};

/// A picture that was taken for so long is always taken; motion and people end sooner (facts, offline_and_switch 9.2, D1).
const ALWAYS: Span = Span::seconds(3_600);
/// Nobody takes it for so long where no change of recorders was seen (9.3, V2) ...
const PATIENCE_MIN: Span = Span::seconds(120);
/// ... and otherwise for this many times the longest change.
const PATIENCE_CHANGES: i64 = 3;
/// Media that was on its way when the session ended.
const LINGERS: Span = Span::seconds(3);
/// A camera that is heard so long after lives without its client.
const LIVES: Span = Span::seconds(5);
/// What is taken is sent within this time.
const RUNS: Span = Span::seconds(10);
/// The client goes on with so many others.
const OTHERS: usize = 2;
/// A client that begins later than this after its first camera was not found at work.
const BEGINS: Span = Span::seconds(60);
/// A camera that does not show that it lives is asked about again after this time ...
const AGAIN: Span = Span::seconds(30);
/// ... and not any more after this.
const FORGET: Span = Span::seconds(1_800);
/// Cameras watched.
const CAMERAS_MAX: usize = 65_536;
/// Clients of media.
const CLIENTS_MAX: usize = 4_096;
/// Findings kept.
const STOPS_MAX: usize = 4_096;
/// The client ended it, lives and asks no more, in per cent.
const SURE: u8 = 80;

/// All cameras whose picture is taken, and those whose is no more.
#[derive(Debug, Default)]
pub struct Recordings {
    cameras: Numbered<Camera>,
    clients: BTreeMap<IpAddr, Client>,
    /// When to look at which, in watched time.
    due: BTreeSet<(Time, Number)>,
    stops: Vec<Stop>,
    /// Packet time less watched time.
    offset: Span,
    refused: u64,
}

/// ```text
/// taken ──TEARDOWN──► left ──nobody for its patience──► told
///   ▲                   │                                │
///   └───────────────────┴── media ◄──────────────────────┘
/// ```
///
/// Times are watched time.
#[derive(Debug)]
struct Camera {
    opened_as: String,
    /// Since when it has been taken without a break.
    from: Time,
    last: Time,
    client: IpAddr,
    /// The longest change from one client to the next.
    change: Span,
    is_on_demand: bool,
    left: Option<Left>,
    /// Index of the finding that lasts.
    told: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    at: Time,
    cite: Cite,
    client: IpAddr,
    /// Where the camera serves.
    port: u16,
}

#[derive(Debug)]
struct Client {
    first: Time,
    /// Whether it ended a short look.
    looks: bool,
}

/// Times are packet time.
#[derive(Debug)]
struct Stop {
    camera: Number,
    opened_as: String,
    client: IpAddr,
    since: Time,
    left: Cite,
    detected: Time,
    ran: Span,
    patience: Span,
    lives: (Time, Cite),
    others: Vec<Number>,
    ended: Option<(Time, Cite)>,
}

impl Camera {
    fn patience(&self) -> Span {
        self.change.times(PATIENCE_CHANGES).max(PATIENCE_MIN)
    }
}

impl Recordings {
    fn media(&mut self, number: Number, second: &StreamActivity, known: &Known<'_>) {
        let (first, last) = (second.first - self.offset, second.last - self.offset);
        let client = second.destination;
        if self.clients.len() < CLIENTS_MAX || self.clients.contains_key(&client) {
            self.clients.entry(client).or_insert(Client { first, looks: false });
        }
        if self.cameras.get(number).is_none() {
            if self.cameras.len() >= CAMERAS_MAX {
                self.refused = self.refused.saturating_add(1);
                return;
            }
            let camera = Camera {
                opened_as: known.id_of(number),
                from: first,
                last: first,
                client,
                change: Span::ZERO,
                is_on_demand: false,
                left: None,
                told: None,
            };
            self.cameras.insert(number, camera);
        }
        let Some(camera) = self.cameras.get_mut(number) else { return };
        if let Some(left) = camera.left.filter(|left| last - left.at >= LINGERS) {
            camera.left = None;
            // While another client takes it nothing changes hands.
            let pause = first - camera.last;
            if pause >= LINGERS && pause < camera.patience() {
                camera.change = camera.change.max(first - left.at);
            }
        }
        if let Some(stop) = camera.told.take().and_then(|index| self.stops.get_mut(index)) {
            let cite = Cite::new(second.first_frame.0, second.first_frame.1);
            stop.ended = stop.ended.or(Some((second.first, cite)));
        }
        if first - camera.last > camera.patience() {
            camera.from = first;
        }
        (camera.last, camera.client) = (camera.last.max(last), client);
    }

    /// A client ended its session with a camera.
    fn leaves(&mut self, number: Number, seen: &Observation) {
        let at = seen.at - self.offset;
        let Some(camera) = self.cameras.get_mut(number) else { return };
        let Some(client) = seen.peer.ip.filter(|_| at - camera.last <= RUNS) else { return };
        camera.left = Some(Left { at, cite: seen.cite, client, port: seen.subject.port });
        self.due.insert((at + camera.patience(), number));
    }

    /// A client that asks anew has not forgotten the camera; what it is answered is other kinds' concern.
    fn asks(&mut self, number: Number, client: Option<IpAddr>, port: u16) {
        if let Some(camera) = self.cameras.get_mut(number)
            && camera.left.is_some_and(|left| Some(left.client) == client && left.port == port)
        {
            camera.left = None;
        }
    }

    /// Looks at a camera whose time has come; when to look again.
    fn judge(&mut self, number: Number, due: Time, known: &Known<'_>) -> Option<Time> {
        let offset = self.offset;
        let camera = self.cameras.get_mut(number)?;
        let left = camera.left?;
        let ripe = left.at + camera.patience();
        if ripe > due {
            return Some(ripe);
        }
        let ran = left.at - camera.from;
        if ran < ALWAYS || camera.is_on_demand {
            (camera.is_on_demand, camera.left) = (true, None);
            let began = camera.from;
            if let Some(client) = self.clients.get_mut(&left.client) {
                client.looks |= began - client.first > BEGINS;
            }
            return None;
        }
        let device = known.directory.device(number)?;
        let since = left.at + offset;
        if device.last_own - since < LIVES {
            return (due - left.at < FORGET).then_some(due + AGAIN);
        }
        let (camera_id, patience) = (camera.opened_as.clone(), camera.patience());
        let lives = (device.last_own, device.last_frame);
        camera.left = None;
        let others = self.others(number, left.client, due);
        let stopped = self.stops.iter().filter(|it| it.client == left.client && it.ended.is_none()).count();
        let client = known.directory.find_ip(left.client, None);
        let was_away = |who: Number| {
            let mut own = known.absences.iter().filter(|it| it.device == who);
            own.any(|it| it.ended.is_none_or(|(ended, _)| ended >= since))
        };
        let is_blind = known.faults.iter().any(|it| it.ended.is_none_or(|(ended, _)| ended >= since));
        let is_person = self.clients.get(&left.client).is_none_or(|client| client.looks);
        let is_told = others.len() >= OTHERS
            && stopped < others.len()
            && !is_person
            && !is_blind
            && !was_away(number)
            && !client.is_some_and(was_away);
        if !is_told {
            return None;
        }
        if self.stops.len() >= STOPS_MAX {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        self.cameras.get_mut(number)?.told = Some(self.stops.len());
        self.stops.push(Stop {
            camera: number,
            opened_as: camera_id,
            client: left.client,
            since,
            left: left.cite,
            detected: due + offset,
            ran,
            patience,
            lives,
            others,
            ended: None,
        });
        None
    }

    /// Other cameras that a client has always taken, and goes on with.
    fn others(&self, but: Number, client: IpAddr, at: Time) -> Vec<Number> {
        let is_taken = |(number, camera): &(Number, &Camera)| {
            *number != but
                && camera.client == client
                && camera.left.is_none()
                && at - camera.last <= RUNS
                && camera.last - camera.from >= ALWAYS
        };
        self.cameras.iter().filter(is_taken).map(|(number, _)| number).collect()
    }
}

impl Detector for Recordings {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Stream(_) | Fact::StreamEnded { .. } | Fact::Opening { .. })
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            Fact::Stream(second) => {
                if let Some(device) = known.directory.find(&seen.subject) {
                    self.media(device, second, known);
                }
            }
            Fact::StreamEnded { by: Ended::Teardown, .. } => {
                if let Some(device) = known.directory.find(&seen.subject) {
                    self.leaves(device, seen);
                }
            }
            Fact::Opening { target, port, .. } => {
                if let Some(device) = known.directory.find_ip(*target, seen.subject.vlan) {
                    self.asks(device, seen.subject.ip, *port);
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, known: &Known<'_>) {
        let now = to - self.offset;
        while let Some((due, number)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.pop_first();
            if let Some(next) = self.judge(number, due, known) {
                self.due.insert((next, number));
            }
        }
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.offset = self.offset + (to - from);
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        if let Some(camera) = self.cameras.remove(gone) {
            if let Some(left) = camera.left {
                self.due.insert((left.at + camera.patience(), kept));
            }
            if self.cameras.get(kept).is_none() {
                self.cameras.insert(kept, camera);
            }
        }
        for stop in &mut self.stops {
            for number in stop.others.iter_mut().chain([&mut stop.camera]).filter(|it| **it == gone) {
                *number = kept;
            }
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.stops.iter().map(|stop| stop.finding(known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("cameras whose picture is taken", CAMERAS_MAX, self.refused)]
    }
}

impl Stop {
    fn finding(&self, known: &Known<'_>) -> Finding {
        let name = title_of(self.camera, known.directory);
        let who = subject_of(self.camera, known.directory);
        let recorder = known.holder(self.client, None).1;
        let since = clock_time(self.since);
        let span = match self.ended {
            Some((at, _)) => format!("from {since} to {} UTC ({})", clock_time(at), length(at - self.since)),
            None => format!("since {since} UTC"),
        };
        let others = self.others.len();
        let mut evidence = vec![
            Evidence {
                at: self.since,
                cite: Some(self.left),
                protocol: Some("rtsp"),
                text: format!("{} ended the session (TEARDOWN), and the camera agreed", self.client),
            },
            Evidence {
                at: self.lives.0,
                cite: Some(self.lives.1),
                protocol: None,
                text: "the camera is heard after that".to_owned(),
            },
            Evidence {
                at: self.detected,
                cite: None,
                protocol: Some("rtp"),
                text: format!("{} goes on taking the picture of {others} others", self.client),
            },
        ];
        evidence.extend(self.ended.map(|(at, cite)| Evidence {
            at,
            cite: Some(cite),
            protocol: Some("rtp"),
            text: "the picture is taken again".to_owned(),
        }));
        Finding {
            id: id(KIND.id, &self.opened_as, self.since),
            confidence: SURE,
            owner: Cause::Recorder.owner(),
            dispatch: Some("no"),
            devices: vec![self.camera],
            switch: known.switch_of(self.camera),
            cause: Some(Cause::Recorder),
            alternatives: vec![
                Alternative {
                    cause: Cause::Recorder,
                    confidence: SURE,
                    speaks_for: vec![0, 1, 2],
                    speaks_against: Vec::new(),
                    would_change: "the camera records locally, to its own card, or was taken off the list on purpose: then all is well",
                },
                Alternative {
                    cause: Cause::Device,
                    confidence: 10,
                    speaks_for: vec![0],
                    speaks_against: vec![1],
                    would_change: "the recorder's log says that the camera was dropped for what it sent",
                },
            ],
            revisions: vec![Revision {
                at: self.detected,
                cause: Cause::Recorder,
                confidence: SURE,
                because: "its client ended the session, and goes on with others".to_owned(),
            }],
            title: format!("{name}: nobody records its picture {span}"),
            summary: format!(
                "{who} is switched on and could send its picture, but {span} nobody takes it: {recorder} has stopped by itself and goes on with other cameras. There may be no recording, unless the camera records locally, to its own card. It is physical security's turn: look whether it is still on the recorder's list. Nobody needs to go there."
            ),
            detail: format!(
                "{recorder} took its media for {} without a break and ended the session with TEARDOWN at {since} UTC. For {} no other client took it and {recorder} did not ask again; it goes on with {others} cameras that it has taken for as long.",
                length(self.ran),
                length(self.patience),
            ),
            remedy: "Look at the recorder: the camera's place on its list, its licence and schedule, and its log at that time. If the camera is meant to record by itself, all is well.".to_owned(),
            verify: "A recorder takes the camera's picture again; this finding then gets an end.".to_owned(),
            evidence,
            last_seen: self.ended.map_or(known.now, |(at, _)| at),
            ended: self.ended.map(|(at, _)| at),
            count: 1,
            ..Finding::of_network(&KIND, "", self.since, self.detected)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::bench::{Bench, activity, party, s};
    use crate::observation::Party;
    use spanwatch_parsers::{Mac, StreamTransport};

    const HOUR: i64 = 3_700;

    fn camera(n: u8) -> Party {
        Party { port: 554, ..party(Mac([2, 0, 0, 0, 1, n]), &format!("192.0.2.1{n}"), None) }
    }

    fn client(n: u8) -> Party {
        Party { port: 40_000, ..party(Mac([2, 0, 0, 0, 2, n]), &format!("192.0.2.2{n}"), None) }
    }

    /// One second of media of a camera to a client.
    fn media(bench: &mut Bench, from: u8, to: u8, at: i64) {
        let second = StreamActivity {
            stream: (u64::from(from), 0),
            transport: StreamTransport::Udp,
            destination: client(to).ip.unwrap(),
            ports: (6_970, 5_000),
            channel: None,
            ssrc: from.into(),
            payload_type: 96,
            first: s(at),
            first_frame: (0, 1),
            last: s(at),
            packets: 30,
            bytes: 30_000,
            lost: 0,
            sequence: 0,
            out_of_order: 0,
            duplicates: 0,
            frames: 0,
            jitter_16ticks: 0,
            longest_gap: Span::millis(100),
        };
        bench.sees(s(at), camera(from), client(to), Fact::Stream(Box::new(second)));
    }

    fn leaves(bench: &mut Bench, from: u8, to: u8, at: i64) {
        let ended = Fact::StreamEnded { ssrc: None, by: Ended::Teardown };
        bench.sees(s(at), camera(from), client(to), ended);
    }

    /// Cameras 0 to 3 send from `from` until `to` to client 0, all but those of `but`; all live.
    fn run(bench: &mut Bench, (from, to): (i64, i64), but: &[u8]) {
        for at in (from..to).step_by(5) {
            for n in 0..4 {
                if !but.contains(&n) {
                    media(bench, n, 0, at);
                } else if at % 30 == 0 {
                    bench.sees(s(at), camera(n), client(9), Fact::Activity(activity(s(at), 1)));
                }
            }
            bench.tick(s(at));
        }
    }

    #[test]
    fn a_camera_that_its_recorder_drops_is_told_until_it_is_taken_again() {
        let mut bench = Bench::new();
        run(&mut bench, (0, HOUR), &[]);
        leaves(&mut bench, 1, 0, HOUR);
        run(&mut bench, (HOUR, HOUR + 300), &[1]);
        let found = bench.of(&KIND);
        let [finding] = &found[..] else { panic!("one: {found:#?}") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(HOUR), s(HOUR + 120), None));
        run(&mut bench, (HOUR + 300, HOUR + 320), &[]);
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(HOUR + 300)));
    }

    #[test]
    fn less_than_an_hour_is_not_always() {
        let mut bench = Bench::new();
        run(&mut bench, (0, 3_000), &[]);
        leaves(&mut bench, 1, 0, 3_000);
        run(&mut bench, (3_000, 9_000), &[1]);
        run(&mut bench, (9_000, 13_000), &[]);
        leaves(&mut bench, 1, 0, 13_000);
        run(&mut bench, (13_000, 14_000), &[1]);
        assert!(bench.of(&KIND).is_empty(), "it was taken on demand before");
    }

    #[test]
    fn another_client_that_takes_it_is_a_stand_in() {
        for after in [0, 40, 110] {
            let mut bench = Bench::new();
            run(&mut bench, (0, HOUR), &[]);
            leaves(&mut bench, 1, 0, HOUR);
            for at in (HOUR..HOUR + 600).step_by(5) {
                if at >= HOUR + after {
                    media(&mut bench, 1, 5, at);
                }
                run(&mut bench, (at, at + 5), &[1]);
            }
            assert!(bench.of(&KIND).is_empty(), "after {after} s");
        }
    }

    #[test]
    fn a_recorder_that_leaves_all_of_them_is_no_matter_of_a_camera() {
        let mut bench = Bench::new();
        run(&mut bench, (0, HOUR), &[]);
        (0..4).for_each(|n| leaves(&mut bench, n, 0, HOUR));
        run(&mut bench, (HOUR, HOUR + 600), &[0, 1, 2, 3]);
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_recorder_that_asks_again_and_a_camera_that_is_silent_are_other_matters() {
        let mut bench = Bench::new();
        run(&mut bench, (0, HOUR), &[]);
        leaves(&mut bench, 1, 0, HOUR);
        let asks = Fact::Opening { target: camera(1).ip.unwrap(), port: 554, attempt: 1 };
        bench.sees(s(HOUR + 10), client(0), camera(1), asks);
        run(&mut bench, (HOUR, HOUR + 600), &[1]);
        assert!(bench.of(&KIND).is_empty());
        let mut bench = Bench::new();
        run(&mut bench, (0, HOUR), &[]);
        leaves(&mut bench, 1, 0, HOUR);
        for at in (HOUR..HOUR + 600).step_by(5) {
            [0, 2, 3].into_iter().for_each(|n| media(&mut bench, n, 0, at));
            bench.tick(s(at));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn media_that_stops_without_the_clients_word_is_not_told() {
        let mut bench = Bench::new();
        run(&mut bench, (0, HOUR), &[]);
        run(&mut bench, (HOUR, HOUR + 600), &[1]);
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_client_that_looks_at_cameras_is_a_person() {
        let mut bench = Bench::new();
        run(&mut bench, (0, 1_000), &[3]);
        run(&mut bench, (1_000, 2_000), &[]);
        leaves(&mut bench, 3, 0, 2_000);
        run(&mut bench, (2_000, HOUR), &[3]);
        leaves(&mut bench, 1, 0, HOUR);
        run(&mut bench, (HOUR, HOUR + 600), &[1, 3]);
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn blind_time_is_not_waited_for() {
        let mut bench = Bench::new();
        run(&mut bench, (0, HOUR), &[]);
        leaves(&mut bench, 1, 0, HOUR);
        bench.unwatched(s(HOUR + 1), s(HOUR + 1_000));
        run(&mut bench, (HOUR + 1_000, HOUR + 1_100), &[1]);
        assert!(bench.of(&KIND).is_empty());
        run(&mut bench, (HOUR + 1_100, HOUR + 1_200), &[1]);
        assert_eq!(bench.of(&KIND).len(), 1);
    }
}
