//! Our own eyes: whether the mirror shows both sides of what goes on.
//!
//! ```text
//! camera    ─data──data──data─┐ (no longer copied)
//! recorder  ─ack───ack───ack──┴─ack───ack───ack──►   he acknowledges what we do not see: the camera lives
//! window    │   both sides    │   one   │   one  │
//!                                                └ sure
//! ```
//!
//! TCP needs both sides, so a connection that runs on and shows one side only is seen with one eye. Who
//! gets no answer sends again at doubled distances (RFC 6298, 5.5), and is far below [`ENOUGH`] in his second
//! window: what is really gone is never taken for the mirror's fault. A conversation of few words shows it by them:
//! who sends bytes, later others, and never the same again, had the first acknowledged. Media over UDP is one-sided by nature;
//! of it the receiver's own reports tell (RFC 3550, 6.4.1): he counts on while we see nothing.
//!
//! One side of nearly all conversations: the mirror shows one direction ([`What::OneWay`]). All that some devices
//! send stopped at once while others hear them on: part of the sources fell out ([`What::Partial`]). A single
//! conversation seen one way is asymmetric routing and nothing to tell (facts, offline_and_switch 2 and N12).

mod fault;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hashbrown::HashMap;
use spanwatch_parsers::{Activity, ReceiverReport, Span, Time};

pub use fault::{Fault, How, Proof, What};

use crate::ahead::fetch;
use crate::flow::Key;
use crate::hash::Keyed;
use crate::ledger::directory::{Directory, Number};
use crate::observation::{Cite, Observation};

/// What our eyes show of each conversation.
#[derive(Debug, Default)]
pub struct View {
    /// When listening began, and when the window did.
    began: Option<(Time, Time)>,
    /// In no order: what is told of them is sorted.
    talks: HashMap<Key, Box<Talk>, Keyed>,
    /// By source and SSRC.
    reports: BTreeMap<(Number, u32), Report>,
    faults: Vec<Fault>,
    /// Devices that turned out to be others, which the conversations have not been told of.
    renamed: BTreeMap<Number, Number>,
    /// Conversations that were not weighed: a sample is as good.
    pub unweighed: u64,
    /// Faults that were not kept.
    pub refused: u64,
}

/// One TCP conversation.
#[derive(Debug, Default)]
struct Talk {
    /// The lower end and the higher.
    sides: [Side; 2],
    /// Windows in a row in which one side alone went on.
    lone: u8,
    /// Windows since it last went on.
    idle: u8,
    was_two_way: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Side {
    who: Option<Number>,
    /// In this window.
    packets: u64,
    /// Of this window.
    first: Option<(Time, Cite)>,
    /// Ever.
    last: Option<(Time, Cite)>,
    /// The first and the last bytes that it sent since the other side was last seen, none of them twice.
    alone: Option<(Time, Time)>,
    /// When it last sent bytes again.
    resent: Option<Time>,
}

/// What a receiver said last of a source.
#[derive(Debug)]
struct Report {
    highest: u32,
    at: Time,
    proof: Option<Proof>,
}

/// What one window says of the conversations that went on in it.
#[derive(Debug, Default)]
struct Weighed {
    /// Of each that shows one side only.
    lone: Vec<Proof>,
    /// Between how many pairs of hosts.
    pairs: BTreeSet<[Option<IpAddr>; 2]>,
    /// How many show both.
    both: usize,
    /// The first frame of who was not seen before.
    back: Option<(Time, Cite)>,
}

impl View {
    /// An empty one whose table nobody outside can aim at.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { talks: HashMap::with_hasher(Keyed::new(seed)), ..Self::default() }
    }

    /// Says that a device itself was heard, first in this frame; what a router passes on of it is not the same.
    pub fn back(&mut self, device: Number, first: (Time, Cite)) {
        self.faults.iter_mut().for_each(|fault| fault.heard(device, first));
    }

    /// Fetches what is held on a conversation.
    pub fn foresee(&self, seen: &Observation) {
        let Some((key, _)) = talk_of(seen) else { return };
        if let Some(talk) = self.talks.get(&key) {
            for side in &talk.sides {
                fetch(&side.alone);
                fetch(&side.last);
            }
        }
    }

    /// Takes one second of one side of a flow.
    pub fn heard(
        &mut self,
        seen: &Observation,
        activity: &Activity,
        from: Option<Number>,
        to: Option<Number>,
    ) {
        let first = (activity.first, Cite::new(activity.first_frame.0, activity.first_frame.1));
        let Some((key, is_low)) = talk_of(seen) else { return };
        if self.talks.len() >= TALKS_MAX && !self.talks.contains_key(&key) {
            self.unweighed = self.unweighed.saturating_add(1);
            return;
        }
        let [low, high] = &mut self.talks.entry(key).or_default().sides;
        let (side, peer) = if is_low { (low, high) } else { (high, low) };
        peer.who = peer.who.or(to);
        side.who = from.or(side.who);
        peer.alone = None;
        side.speaks(activity, seen.subject.ip.is_some_and(|ip| ip.is_ipv6()));
        side.packets = side.packets.saturating_add(activity.packets);
        side.first = side.first.or(Some(first));
        side.last = side.last.max(Some((activity.last, seen.cite)));
    }

    /// Says that `seen`'s subject sent bytes again that were not acknowledged.
    pub fn resent(&mut self, seen: &Observation) {
        let Some((key, is_low)) = talk_of(seen) else { return };
        if let Some(talk) = self.talks.get_mut(&key) {
            let [low, high] = &mut talk.sides;
            let side = if is_low { low } else { high };
            (side.alone, side.resent) = (None, Some(seen.at));
        }
    }

    /// Takes what `seen`'s subject, `by`, says of the media of `source`, which was last heard at `last`.
    pub fn reported(
        &mut self,
        seen: &Observation,
        by: Option<Number>,
        (source, last): (Number, Time),
        report: &ReceiverReport,
    ) {
        let key = (source, report.ssrc);
        if self.reports.len() >= REPORTS_MAX && !self.reports.contains_key(&key) {
            self.unweighed = self.unweighed.saturating_add(1);
            return;
        }
        let highest = report.highest_sequence;
        let known = self.reports.entry(key).or_insert(Report { highest, at: seen.at, proof: None });
        let more = highest.wrapping_sub(known.highest);
        // The report before must itself come after the silence began, or it counts what we saw as well.
        if known.at > last + SETTLED && (1..FAR).contains(&more) {
            known.proof = Some(Proof {
                since: last,
                until: last,
                device: Some(source),
                by,
                at: seen.at,
                cite: seen.cite,
                how: How::Receives(more),
                was_seen: true,
            });
        }
        (known.highest, known.at) = (highest, seen.at);
    }

    /// Says that all before `tick` was seen; `is_missed` tells of whom more was to be expected by then.
    pub fn advance(&mut self, tick: Time, directory: &Directory, is_missed: impl Fn(Number) -> bool) {
        let Some((began, window)) = self.began else {
            self.began = Some((tick, tick));
            return;
        };
        if tick - window < WINDOW {
            return;
        }
        let weighed = self.weigh(tick);
        self.judge(tick, weighed, directory, &is_missed);
        self.began = Some((began, tick));
        self.reports.retain(|_, report| tick - report.at <= FORGET);
        self.talks.retain(|_, talk| talk.is_kept());
        self.faults.iter_mut().for_each(|fault| fault.settle(tick));
    }

    /// Says that nobody watched, or that the clock leapt: what was weighed is no measure any more.
    pub fn unwatched(&mut self) {
        self.began = None;
        self.talks.clear();
        self.renamed.clear();
        self.reports.clear();
    }

    /// Says that one device turned out to be another.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        self.renamed.insert(gone, kept);
        if self.renamed.len() >= RENAMED_MAX {
            self.rename();
        }
        while let Some((key, _)) = self.reports.range((gone, 0)..=(gone, u32::MAX)).next() {
            let key = *key;
            self.reports.remove(&key);
        }
        self.faults.iter_mut().for_each(|fault| fault.renumber(gone, kept));
    }

    /// Tells the conversations who turned out to be another: all at once, for they are many and do not ask before they
    /// are weighed.
    fn rename(&mut self) {
        let renamed = std::mem::take(&mut self.renamed);
        if renamed.is_empty() {
            return;
        }
        // Numbers are never given again, so that nobody becomes who he was.
        let last = |first| std::iter::successors(Some(first), |number| renamed.get(number).copied()).last();
        for side in self.talks.values_mut().flat_map(|talk| &mut talk.sides) {
            side.who = side.who.and_then(last);
        }
    }

    /// All faults, in the order in which they were detected.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Whom we cannot see, each with his last frame's time: nobody of them may be called gone.
    pub fn veiled(&self) -> impl Iterator<Item = (Number, Time)> + '_ {
        self.faults.iter().flat_map(Fault::missing)
    }

    fn weigh(&mut self, tick: Time) -> Weighed {
        self.rename();
        let mut weighed = Weighed::default();
        for (key, talk) in &mut self.talks {
            let [one, other] = talk.sides;
            let is_both = one.packets > 0 && other.packets > 0;
            let is_few = one.packets.saturating_add(other.packets) < ENOUGH;
            let answered = talk.answered(tick);
            if is_few && answered.is_none() {
                // Too few to tell anything, except that it shows both sides, or shows them again.
                let is_recent =
                    |side: &Side| side.last.is_some_and(|(last, _)| tick - last < WINDOW.times(SURE.into()));
                if is_recent(&one) && is_recent(&other) {
                    let back = one.first.max(other.first).filter(|_| talk.lone >= SURE);
                    weighed.back = weighed.back.into_iter().chain(back).min();
                    weighed.both = weighed.both.saturating_add(1);
                    talk.was_two_way = true;
                }
                talk.lone = if is_both { 0 } else { talk.lone };
                continue;
            }
            if is_both {
                let was_lone = talk.lone >= SURE;
                (talk.lone, talk.was_two_way) = (0, true);
                weighed.both = weighed.both.saturating_add(1);
                let back = one.first.max(other.first).filter(|_| was_lone);
                weighed.back = weighed.back.into_iter().chain(back).min();
                continue;
            }
            talk.lone = if answered.is_some() { talk.lone.max(SURE) } else { talk.lone.saturating_add(1) };
            if talk.lone >= SURE {
                let is_one = answered.map_or(one.packets > 0, |is_low| is_low);
                let (seen, unseen) = if is_one { (one, other) } else { (other, one) };
                let (at, cite) = seen.last.unwrap_or((tick, Cite::default()));
                weighed.pairs.insert([true, false].map(|is_low| key.end(is_low).0));
                let since = unseen.last.map_or(Time::MIN, |(last, _)| last);
                let alone = seen.alone.filter(|_| is_few);
                weighed.lone.push(Proof {
                    since,
                    until: alone.map_or(since, |(first, _)| first),
                    device: unseen.who,
                    by: seen.who,
                    at,
                    cite,
                    how: alone
                        .map_or(How::GoesOn(seen.packets), |(first, last)| How::IsAnswered(last - first)),
                    was_seen: talk.was_two_way,
                });
            }
        }
        weighed
    }

    fn judge(
        &mut self,
        tick: Time,
        weighed: Weighed,
        directory: &Directory,
        is_missed: &impl Fn(Number) -> bool,
    ) {
        let Weighed { mut lone, pairs, both, back } = weighed;
        let all = lone.len().saturating_add(both);
        let is_open = |fault: &Fault| fault.what == What::OneWay && fault.ended.is_none();
        if let Some(open) = self.faults.iter_mut().find(|fault| is_open(fault)) {
            if both.saturating_mul(2) > all {
                open.ended = back.or(Some((tick, Cite::default())));
            }
            return;
        }
        lone.sort_unstable();
        if pairs.len() >= PAIRS_MIN && lone.len().saturating_mul(100) >= all.saturating_mul(NEARLY_ALL) {
            let last = lone.iter().filter(|proof| proof.was_seen).map(|proof| proof.since).max();
            let began = self.began.map_or(tick, |(began, _)| began);
            let fault = Fault::new(What::OneWay, last.unwrap_or(began), tick, (lone.len(), all));
            self.open(fault, &lone, directory, is_missed);
            return;
        }
        let mut proofs: Vec<Proof> = lone.into_iter().filter(|proof| proof.was_seen).collect();
        let fresh = |proof: &Proof| {
            let device = proof.device.and_then(|number| directory.device(number));
            device.is_some_and(|device| device.last_seen <= proof.since + SETTLED)
        };
        proofs.extend(self.reports.values().filter_map(|report| report.proof).filter(fresh));
        // What a device sends by any way counts as its last sign.
        proofs.retain_mut(|proof| {
            let device = proof.device.and_then(|number| directory.device(number));
            proof.since = device.map_or(proof.since, |device| device.last_seen);
            proof.until = proof.until.max(proof.since);
            device.is_some() && tick - proof.since >= WINDOW.times(SURE.into())
        });
        proofs.sort_unstable();
        for fault in self.faults.iter_mut().filter(|fault| fault.ended.is_none()) {
            let is_of_it =
                |proof: &Proof| proof.since - fault.since <= AT_ONCE && fault.since - proof.until <= AT_ONCE;
            let (own, rest): (Vec<Proof>, Vec<Proof>) = proofs.into_iter().partition(is_of_it);
            fault.prove(&own);
            proofs = rest;
        }
        while let Some(mut until) = proofs.first().map(|proof| proof.until) {
            // Who speaks rarely fell out somewhen between his last word and the first that the other spoke alone.
            let mut since = Time::MIN;
            let mut is_at_once = |proof: &&Proof| {
                let is_it = proof.since - until <= AT_ONCE;
                if is_it {
                    (since, until) = (proof.since, until.min(proof.until.max(proof.since)));
                }
                is_it
            };
            let count = proofs.iter().take_while(&mut is_at_once).count();
            let own: Vec<Proof> = proofs.drain(..count).collect();
            let devices: BTreeSet<Option<Number>> = own.iter().map(|proof| proof.device).collect();
            if devices.len() >= GROUP {
                let fault = Fault::new(What::Partial, since, tick, (own.len(), all));
                self.open(fault, &own, directory, is_missed);
            }
        }
    }

    fn open(
        &mut self,
        mut fault: Fault,
        proofs: &[Proof],
        directory: &Directory,
        is_missed: &impl Fn(Number) -> bool,
    ) {
        if self.faults.len() >= FAULTS_MAX {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        fault.prove(proofs);
        // Who fell silent with them and has nobody who shows that he lives fell out with them. What a router passes
        // on of him may still be seen.
        let since = fault.since;
        let near = |at: Time| Span((at - since).0.saturating_abs()) <= AT_ONCE;
        let silent = directory.devices().filter(|(number, it)| near(it.last_own) && is_missed(*number));
        let joined: Vec<(Number, Time)> = silent.map(|(number, it)| (number, it.last_seen)).collect();
        joined.into_iter().for_each(|(number, last)| fault.add(number, last));
        let first = fault.members.iter().filter_map(|number| directory.device(*number));
        let first = first.filter(|it| near(it.last_seen)).min_by_key(|it| (it.last_seen, it.last_frame));
        fault.last_frame = first.map(|it| it.last_frame);
        self.faults.push(fault);
    }
}

impl Side {
    /// Takes what it sent in a second.
    fn speaks(&mut self, activity: &Activity, is_v6: bool) {
        let bare = if is_v6 { BARE_V6 } else { BARE };
        if self.resent.is_some_and(|at| at >= activity.first) {
            self.alone = None;
        } else if activity.bytes >= activity.packets.saturating_mul(bare).saturating_add(WORD) {
            let first = self.alone.map_or(activity.first, |(first, _)| first);
            self.alone = Some((first, activity.last));
        }
    }
}

impl Talk {
    /// Whether one side alone went on and must have been answered: is it the lower end?
    fn answered(&self, tick: Time) -> Option<bool> {
        let is_it = |side: &Side| {
            let is_late =
                |(first, last): (Time, Time)| last - first >= ANSWERED && tick - last < FEW_WORDS_FOR;
            side.alone.is_some_and(is_late)
        };
        let [low, high] = &self.sides;
        if is_it(low) { Some(true) } else { is_it(high).then_some(false) }
    }

    /// Begins the next window; whether there is anything to remember.
    fn is_kept(&mut self) -> bool {
        let packets = self.sides.iter().fold(0_u64, |sum, side| sum.saturating_add(side.packets));
        for side in &mut self.sides {
            (side.packets, side.first) = (0, None);
        }
        self.idle = if packets > 0 { 0 } else { self.idle.saturating_add(1) };
        self.idle < IDLE
    }
}

/// The TCP conversation that was seen, and whether its subject is the lower end.
fn talk_of(seen: &Observation) -> Option<(Key, bool)> {
    let ips = (seen.subject.ip?, seen.peer.ip?);
    let ports = (seen.subject.port, seen.peer.port);
    (seen.transport == Some(TCP)).then(|| Key::ip(ips, ports, TCP, None))
}

/// What is weighed at once.
const WINDOW: Span = Span::seconds(10);

/// Packets by which a conversation goes on in a window. Who gets no answer sends six or seven in his first 10 s and
/// one or two in the next; Windows probes a silent peer ten times, 1 s apart, which no two windows can both call enough.
const ENOUGH: u64 = 8;

/// Bytes of a frame that carries none of a connection's: Ethernet with a tag, IPv4 or IPv6, and TCP with time stamps
/// (RFC 7323, 3).
const BARE: u64 = 70;
const BARE_V6: u64 = 90;
/// Bytes that are a word: a probe whether the peer lives carries one at most (RFC 9293, 3.8.4).
const WORD: u64 = 10;

/// Who sends bytes and gets no acknowledgement sends them again before this: after three seconds at most (RFC 6298, 5.7).
const ANSWERED: Span = Span::seconds(10);

/// So long the last words of a conversation of few words count: RTSP sessions are kept alive once in 60 s (RFC 2326, 12.37).
const FEW_WORDS_FOR: Span = Span::seconds(60);

/// Windows in a row of one side alone: in the first an outage looks the same.
const SURE: u8 = 2;

/// Of so many in a hundred conversations one side, and it is one direction of all that is missing.
const NEARLY_ALL: usize = 90;

/// Fewer pairs of hosts may have their answers on another way.
const PAIRS_MIN: usize = 4;

/// Devices that fell out at once; one alone may be asymmetric routing.
const GROUP: usize = 2;

/// "At once" is the same 100 ms (facts, offline_and_switch N12), and devices speak only every so often.
const AT_ONCE: Span = Span::millis(1_500);

/// Sums of a second that is not over come late by as much.
const SETTLED: Span = Span::seconds(2);

/// Packets by which a report can be ahead of the one before; more is another count.
const FAR: u32 = 1 << 24;

/// Windows without a word after which a conversation is forgotten.
const IDLE: u8 = 6;

/// Reports come every few seconds (RFC 3550, 6.2).
const FORGET: Span = Span::seconds(60);

/// Conversations weighed at once, and sources that are reported on.
const TALKS_MAX: usize = 16_384;
const REPORTS_MAX: usize = 16_384;

/// Devices that turn out to be others before the conversations are told.
const RENAMED_MAX: usize = 1_024;

/// Faults kept.
const FAULTS_MAX: usize = 64;

/// IP protocol number.
const TCP: u8 = 6;

#[cfg(test)]
mod tests;
