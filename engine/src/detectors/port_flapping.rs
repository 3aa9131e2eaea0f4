//! `port-flapping`: the link of a switch port goes down and up again and again.
//!
//! ## What it says
//! Three times within ten minutes a switch told its manager (SNMP) that the same port went down, or came up; or a device spoke LLDP the
//! way it does when its link comes up (each second for a moment); or it asked for an address, got it and
//! asked anew so quickly that it cannot have restarted meanwhile. Ten quiet minutes end it.
//!
//! ## Why it matters
//! Each time the picture is gone for seconds, and longer where the spanning tree waits for half a minute. Mostly the cable, its plug or the
//! port is bad, and the camera is fine.
//!
//! ## Where it is wrong
//! Twice down and up within an outage after which a device started anew is left out: there the device restarts, and the
//! port only follows. So is a port that somebody shuts. SNMP can be forged. Without traps the
//! mirror seldom shows it. Which device hangs on the port is told where one alone was silent with it, three times and three of four.
//!
//! ## State
//! `PORTS_MAX` ports with their last signs, and `SUSPECTS_MAX` flows each that were silent with them; `FLAPS_MAX` flapping ports.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use spanwatch_parsers::{Activity, Fact, Mac, NoticeKind, Span, Text, Time};

use super::{Detector, Known};
use crate::bounded::Expiring;
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "port-flapping",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("port_flapping.rs"),
    start: Some(|| Box::new(Flapping::new())),
};

/// So often within [`WITHIN`] (facts, offline_and_switch 5).
const TIMES: usize = 3;
const WITHIN: Span = Span::seconds(600);
/// What is told twice at once was routed, or told to two managers.
const SAME: Span = Span::seconds(1);
/// LLDP when a link comes up: three frames, a second apart, after a pause (IEEE 802.1AB-2016, 9.2.5).
const FAST: Span = Span::millis(1_500);
const FAST_FRAMES: u32 = 3;
const PAUSE: Span = Span::seconds(4);
/// Nothing restarts in less (facts, offline_and_switch 4: 20 to 90 s).
const RESTARTS: Span = Span::seconds(20);
/// Around an outage that ends with a start, in which the port goes down and up once, and once more as the device boots.
const AROUND: (Span, Span) = (Span::seconds(15), Span::seconds(5));
/// A port that told of it was without link for so long at least, and a device fell silent and spoke again so near to that:
/// the sums of a second are taken a second later, and TCP waits before it sends again (RFC 6298, 2).
const SILENT: Span = Span::millis(1_200);
const FELL_SILENT: Span = Span::seconds(1);
const SPOKE_AGAIN: Span = Span::seconds(10);
/// Who is heard so long after the link went down, and before it came up, was heard without it.
const MIDST: Span = Span::millis(300);
/// A port that is down for longer does not flap.
const DOWN_MAX: Span = Span::seconds(60);
/// Devices heard while a port was down, by port; beyond, nobody can be told apart.
const HEARD_MAX: usize = 16_384;
/// Times without link that are remembered for that.
const OUTAGES_MAX: usize = 64;
/// Flows of devices that may hang on one port, and how often those of the one that does were silent with it.
const SUSPECTS_MAX: usize = 64;
const SILENT_WITH_IT: u32 = 3;
/// One in so many times it may have been silent anyway, or not have spoken at once: who is asked every few seconds is
/// silent with any port now and then.
const MISSED: u32 = 4;
/// Ports heard lately.
const PORTS_MAX: usize = 16_384;
/// Flapping ports told of.
const FLAPS_MAX: usize = 1_024;
/// Signs kept of one.
const SIGNS_MAX: usize = 64;
/// Signs shown.
const SHOWN: usize = 8;
/// The switch says so, in per cent.
const TOLD: u8 = 90;
/// What the device does, in per cent.
const SHOWN_BY_DEVICE: u8 = 70;

/// Which port, and how we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// A switch told of it, by its number.
    Told(Number, u32),
    /// The port that a device hangs on, by its LLDP.
    Spoken(Mac),
    /// The same, by its questions for an address.
    Leased(Mac),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Down,
    Up,
    Starts,
}

type Sight = (Time, Cite, Sign);

/// The last signs of one port.
#[derive(Debug)]
struct Port {
    signs: VecDeque<Sight>,
    name: Option<Text>,
    /// Of LLDP: the last frame, and how many came fast.
    last: Time,
    fast: u32,
    /// Of DHCP: whether it has an address since it asked.
    has_lease: bool,
}

/// Who was silent with a port.
#[derive(Debug)]
struct Suspects {
    /// How often it was down for long enough to tell.
    outages: u32,
    /// Which side of a flow of whose was silent with it.
    silent: BTreeMap<(Number, u64), Silent>,
}

/// How often it was silent with a port, in which outage last, and how often as long at other times.
#[derive(Debug, Default)]
struct Silent {
    with: u32,
    last: Option<Time>,
    without: u32,
}

#[derive(Debug)]
struct Flap {
    place: Place,
    name: Option<Text>,
    /// Who hangs on it, where that shows.
    behind: Option<Number>,
    source: &'static str,
    signs: Vec<Sight>,
    count: u64,
    last: Time,
    quiet_from: Time,
    ended: Option<Time>,
}

/// ```text
/// sign ──► sign ──► sign within WITHIN ──► flapping ──WITHIN without──► over
/// ```
#[derive(Debug)]
pub struct Flapping {
    ports: Expiring<Place, Port>,
    /// Ports that are down, and since when.
    downs: BTreeMap<Place, Time>,
    /// Who was heard while which port was down, and since when it was.
    heard: BTreeSet<(Time, Place, Number)>,
    /// The last times without link: which port, from when to when.
    outages: VecDeque<(Place, Time, Time)>,
    /// How often whom was silent with which port.
    suspects: Expiring<Place, Suspects>,
    flaps: Vec<Flap>,
}

impl Flapping {
    fn new() -> Self {
        Self {
            ports: Expiring::new(PORTS_MAX, WITHIN, SEED),
            downs: BTreeMap::new(),
            heard: BTreeSet::new(),
            outages: VecDeque::new(),
            suspects: Expiring::new(PORTS_MAX, WITHIN, SEED),
            flaps: Vec::new(),
        }
    }

    /// A port that told of it is up again: who was silent meanwhile hangs on it.
    fn up_again(&mut self, place: Place, down: Time, up: Time) {
        if up - down < SILENT {
            return;
        }
        if self.outages.len() >= OUTAGES_MAX {
            self.outages.pop_front();
        }
        self.outages.push_back((place, down, up));
        if let Some(suspects) = self.suspects.get(&place, up) {
            suspects.outages = suspects.outages.saturating_add(1);
        } else {
            self.suspects.insert(place, Suspects { outages: 1, silent: BTreeMap::new() }, up);
        }
    }

    /// A device was heard; after a pause, where that is as long as a port was down.
    fn heard(&mut self, it: &Activity, seen: &Observation, known: &Known<'_>) {
        let Some(number) = known.directory.find(&seen.subject) else { return };
        let before = self.downs.len() + self.outages.len();
        self.downs.retain(|_, down| it.last - *down <= DOWN_MAX);
        self.outages.retain(|(_, _, up)| it.last - *up <= SPOKE_AGAIN + SPOKE_AGAIN);
        let downs = self.downs.iter().map(|(place, down)| (*place, *down, Time::MAX));
        let all: Vec<(Place, Time, Time)> = downs.chain(self.outages.iter().copied()).collect();
        if all.len() < before {
            self.heard.retain(|(at, place, _)| all.iter().any(|(it, down, _)| it == place && down == at));
        }
        for (place, down, up) in all {
            let is_midst = |at: Time| at > down + MIDST && at < up - MIDST;
            if (is_midst(it.first) || is_midst(it.last)) && self.heard.len() < HEARD_MAX {
                self.heard.insert((down, place, number));
            }
        }
        if it.longest_gap >= SILENT {
            self.paused((it.first - it.longest_gap, it.first), (number, it.flow), seen.at);
        }
    }

    /// A device spoke in a flow after a pause. Who was heard in it by others is only somebody's peer.
    fn paused(&mut self, (from, to): (Time, Time), flow: (Number, u64), at: Time) {
        let was_heard = |place: Place, down: Time| {
            self.heard.len() >= HEARD_MAX || self.heard.contains(&(down, place, flow.0))
        };
        let is_with = |(place, down, up): &&(Place, Time, Time)| {
            let is_near = from - *down <= FELL_SILENT && *down - from <= FELL_SILENT;
            is_near && to >= *up - FELL_SILENT && to - *up <= SPOKE_AGAIN && !was_heard(*place, *down)
        };
        let places: BTreeSet<Place> = self.outages.iter().map(|(place, ..)| *place).collect();
        for place in places {
            let with = self.outages.iter().filter(|it| it.0 == place).find(is_with).map(|it| it.1);
            let Some(Suspects { silent: suspects, .. }) = self.suspects.get(&place, at) else { continue };
            if with.is_some() && suspects.len() < SUSPECTS_MAX {
                suspects.entry(flow).or_default();
            }
            match (with, suspects.get_mut(&flow)) {
                (Some(_), Some(it)) if it.last != with => {
                    (it.with, it.last) = (it.with.saturating_add(1), with)
                }
                (None, Some(it)) => it.without = it.without.saturating_add(1),
                _ => {}
            }
        }
    }

    /// Who hangs on a port: the one that was silent with it, again and again, and nobody else so often. Who is as silent
    /// at other times, because he is polled every few seconds, shows nothing.
    fn behind(&self, place: Place) -> Option<Number> {
        let Suspects { outages, silent } = self.suspects.peek(&place)?;
        let enough = SILENT_WITH_IT.max(outages.saturating_sub(outages / MISSED));
        let telling = || silent.iter().filter(|(_, it)| it.with >= enough && it.with > it.without);
        let most = telling().map(|(_, it)| it.with).max()?;
        let all: BTreeSet<Number> =
            telling().filter(|(_, it)| it.with == most).map(|((number, _), _)| *number).collect();
        all.first().copied().filter(|_| all.len() == 1)
    }

    fn port(&mut self, place: Place, at: Time) -> Option<&mut Port> {
        if self.ports.get(&place, at).is_none() {
            self.ports.insert(place, Port::new(), at);
        }
        self.ports.get(&place, at)
    }

    fn sign(&mut self, place: Place, sign: Sign, seen: &Observation) {
        let sight = (seen.at, seen.cite, sign);
        let Some(port) = self.port(place, seen.at) else { return };
        let is_same = |it: &&Sight| it.2 == sign && seen.at - it.0 <= SAME;
        if port.signs.iter().rev().find(is_same).is_some() {
            return;
        }
        port.signs.retain(|it| seen.at - it.0 <= WITHIN);
        if port.signs.len() >= SIGNS_MAX {
            port.signs.pop_front();
        }
        port.signs.push_back(sight);
        let (signs, name) = (port.signs.clone(), port.name.clone());
        let open = self.flaps.iter_mut().rev().find(|it| it.place == place && it.ended.is_none());
        if let Some(open) = open {
            (open.last, open.quiet_from) = (seen.at, seen.at);
            open.count = open.count.saturating_add(1);
            if open.signs.len() < SIGNS_MAX {
                open.signs.push(sight);
            }
        } else if most(signs.iter().map(|it| it.2)) >= TIMES && self.flaps.len() < FLAPS_MAX {
            self.flaps.push(Flap {
                place,
                name,
                behind: None,
                source: seen.source,
                count: signs.len() as u64,
                signs: signs.into_iter().collect(),
                last: seen.at,
                quiet_from: seen.at,
                ended: None,
            });
        }
    }

    fn told(&mut self, seen: &Observation, known: &Known<'_>) {
        let Fact::Notice(notice) = &seen.fact else { return };
        let sign = match notice.kind {
            NoticeKind::LinkDown => Sign::Down,
            NoticeKind::LinkUp => Sign::Up,
            _ => return,
        };
        let (Some(number), Some(interface)) = (known.directory.find(&seen.subject), notice.interface) else {
            return;
        };
        if notice.is_enabled == Some(false) {
            return;
        }
        let place = Place::Told(number, interface);
        if let Some(port) = self.port(place, seen.at)
            && notice.port.is_some()
        {
            port.name.clone_from(&notice.port);
        }
        if sign == Sign::Up {
            if let Some(down) = self.downs.remove(&place) {
                self.up_again(place, down, seen.at);
            }
        } else if self.downs.len() < OUTAGES_MAX {
            self.downs.entry(place).or_insert(seen.at);
        }
        self.sign(place, sign, seen);
        if let Some(behind) = self.behind(place)
            && let Some(flap) = self.flaps.iter_mut().rev().find(|it| it.place == place && it.ended.is_none())
        {
            flap.behind = Some(behind);
        }
    }

    fn spoke(&mut self, mac: Mac, seen: &Observation) {
        let place = Place::Spoken(mac);
        let is_new = self.ports.peek(&place).is_none();
        let Some(port) = self.port(place, seen.at) else { return };
        let pause = seen.at - port.last;
        port.last = seen.at;
        if pause <= FAST && port.fast > 0 {
            port.fast = port.fast.saturating_add(1);
        } else {
            port.fast = u32::from(is_new || pause >= PAUSE);
        }
        if port.fast == FAST_FRAMES {
            self.sign(place, Sign::Up, seen);
        }
    }

    fn leased(&mut self, message: u8, is_start: bool, seen: &Observation) {
        let Some(mac) = seen.subject.mac.filter(|mac| mac.is_device()) else { return };
        let place = Place::Leased(mac);
        let Some(port) = self.port(place, seen.at) else { return };
        if message == ACK {
            port.has_lease = true;
        } else if is_start && std::mem::take(&mut port.has_lease) {
            let last = port.signs.back().map(|it| it.0);
            if last.is_some_and(|last| seen.at - last > RESTARTS) {
                port.signs.clear();
            }
            self.sign(place, Sign::Starts, seen);
        }
    }
}

impl Detector for Flapping {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Notice(_) | Fact::Activity(_) | Fact::Neighbor(_) | Fact::Lease(_))
    }

    fn is_idle(&self) -> bool {
        self.downs.is_empty() && self.outages.is_empty()
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            Fact::Notice(_) => self.told(seen, known),
            Fact::Activity(it) if !(self.downs.is_empty() && self.outages.is_empty()) => {
                self.heard(it, seen, known);
            }
            Fact::Neighbor(_) if seen.source == "lldp" => {
                if let Some(mac) = seen.subject.mac {
                    self.spoke(mac, seen);
                }
            }
            Fact::Lease(lease) => {
                let has_none = !matches!(lease.message, REQUEST) || seen.subject.ip.is_none();
                let is_start = lease.message == DISCOVER
                    || (lease.message == REQUEST && lease.server.is_none() && has_none);
                self.leased(lease.message, is_start, seen);
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        while self.ports.expire(to).is_some() {}
        while self.suspects.expire(to).is_some() {}
        for it in self.flaps.iter_mut().filter(|it| it.ended.is_none()) {
            if it.quiet_from + WITHIN <= to {
                it.ended = Some(it.last);
            }
        }
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.ports = Expiring::new(PORTS_MAX, WITHIN, SEED);
        self.outages.clear();
        self.downs.clear();
        self.heard.clear();
        for it in self.flaps.iter_mut().filter(|it| it.ended.is_none()) {
            it.quiet_from = it.quiet_from + (to - from);
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        for it in &mut self.flaps {
            if let Place::Told(number, _) = &mut it.place
                && *number == gone
            {
                *number = kept;
            }
            it.behind = it.behind.map(|number| if number == gone { kept } else { number });
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let restarts: Vec<(Time, Time)> = known
            .absences
            .iter()
            .filter(|it| it.began_anew().is_some())
            .filter_map(|it| Some((it.since - AROUND.0, it.ended?.0 + AROUND.1)))
            .collect();
        self.flaps.iter().filter_map(|it| it.finding(&restarts, known)).collect()
    }
}

impl Port {
    fn new() -> Self {
        Self { signs: VecDeque::new(), name: None, last: Time::MIN, fast: 0, has_lease: false }
    }
}

/// The signs of a port that do not follow from a device's restart.
fn own<'a>(signs: &'a [Sight], restarts: &[(Time, Time)]) -> Vec<&'a Sight> {
    let within = |sight: &Sight, (from, to): &(Time, Time)| (*from..=*to).contains(&sight.0);
    let follows = |restart: &&(Time, Time)| {
        most(signs.iter().filter(|sight| within(sight, restart)).map(|it| it.2)) < TIMES
    };
    let restarts: Vec<&(Time, Time)> = restarts.iter().filter(follows).collect();
    signs.iter().filter(|sight| !restarts.iter().any(|restart| within(sight, restart))).collect()
}

impl Flap {
    fn finding(&self, restarts: &[(Time, Time)], known: &Known<'_>) -> Option<Finding> {
        let signs = own(&self.signs, restarts);
        let own = most(signs.iter().map(|it| it.2));
        let detected = nth(&signs)?;
        let first = signs.first()?.0;
        let (number, switch, called) = self.called(known);
        let since = clock_time(first);
        let how = match self.place {
            Place::Told(..) => "the switch told its manager of it (SNMP link traps)",
            Place::Spoken(_) => "it spoke LLDP as when its link comes up",
            Place::Leased(_) => "it asked for an address anew, sooner than it could have restarted",
        };
        let over = length(self.last - first);
        let is_over = self.ended.map_or("", |_| " It has stayed up since.");
        Some(Finding {
            confidence: if matches!(self.place, Place::Told(..)) { TOLD } else { SHOWN_BY_DEVICE },
            devices: number.into_iter().collect(),
            switch,
            cause: Some(Cause::Link),
            title: format!("The link at {called} went down and up {own} times since {since} UTC"),
            summary: format!(
                "Since {since} UTC the network link at {called} has gone down and come up again {own} times in {over}. Each time the picture of the camera there is gone for seconds; the camera is probably fine.{is_over} It is IT's turn: check the cable, its plugs and the switch port."
            ),
            detail: format!("{own} times in {over} the link at {called} was lost or came up: {how}."),
            remedy: "Look at the port's error counters and its log, reseat or swap the patch cables, then try another switch port. If the fault goes with the device, its plug or its power supply is at fault.".to_owned(),
            verify: "The port stays up; after ten quiet minutes this finding gets an end.".to_owned(),
            evidence: signs
                .iter()
                .take(SHOWN)
                .map(|(at, cite, sign)| Evidence {
                    at: *at,
                    cite: Some(*cite),
                    protocol: Some(self.source),
                    text: format!("{called}: {}", sign.words()),
                })
                .collect(),
            last_seen: self.last,
            ended: self.ended,
            count: self.count.min(self.signs.len() as u64).max(own as u64),
            ..Finding::of_network(&KIND, &called_first(self.place), first, detected)
        })
    }

    fn called(&self, known: &Known<'_>) -> (Option<Number>, Option<String>, String) {
        match self.place {
            Place::Told(number, interface) => {
                let device = known.directory.device(number);
                let switch = device.and_then(|device| known.switch_with(*device.macs.first()?));
                let title = device.map_or_else(|| "a switch".to_owned(), |device| device.title());
                let port =
                    self.name.as_ref().map_or_else(|| interface.to_string(), |name| name.as_str().to_owned());
                let behind = switch.as_ref().zip(self.name.as_ref()).and_then(|(switch, name)| {
                    let port = known.switches.get(&switch.as_str().into())?.ports.get(name)?;
                    port.devices.first().filter(|_| port.devices.len() == 1).copied()
                });
                let behind = behind.or(self.behind);
                let device = behind
                    .and_then(|number| known.directory.device(number))
                    .map(|it| format!("{} (", it.title()));
                let end = if device.is_some() { ")" } else { "" };
                let called = format!("{}port {port} of {title}{end}", device.unwrap_or_default());
                (behind.or(Some(number)), switch, called)
            }
            Place::Spoken(mac) | Place::Leased(mac) => {
                let number = known.directory.find_mac(mac);
                let title =
                    number.and_then(|number| known.directory.device(number)).map(|device| device.title());
                let switch = number.and_then(|number| known.switch_of(number));
                (number, switch, title.unwrap_or_else(|| mac.to_string()))
            }
        }
    }
}

impl Sign {
    const fn words(self) -> &'static str {
        match self {
            Self::Down => "the link went down",
            Self::Up => "the link came up",
            Self::Starts => "asks for an address anew",
        }
    }
}

/// How often the sign came that came most often.
fn most(signs: impl Iterator<Item = Sign> + Clone) -> usize {
    let count = |sign| signs.clone().filter(|it| *it == sign).count();
    [Sign::Down, Sign::Up, Sign::Starts].map(count).into_iter().max().unwrap_or(0)
}

/// When one sign had come [`TIMES`] times within [`WITHIN`].
fn nth(signs: &[&Sight]) -> Option<Time> {
    let of = |sign: Sign| {
        let times: Vec<Time> = signs.iter().filter(|it| it.2 == sign).map(|it| it.0).collect();
        let is_close =
            |these: &&[Time]| these.first().zip(these.last()).is_some_and(|(a, b)| *b - *a <= WITHIN);
        times.windows(TIMES).find(is_close).and_then(<[Time]>::last).copied()
    };
    [Sign::Down, Sign::Up, Sign::Starts].into_iter().filter_map(of).min()
}

fn called_first(place: Place) -> String {
    match place {
        Place::Told(_, interface) => interface.to_string(),
        Place::Spoken(mac) | Place::Leased(mac) => mac.to_string(),
    }
}

/// DHCP message types (RFC 2132, 9.6).
const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
/// No result depends on it.
const SEED: u64 = 0x666c_6170;

#[cfg(test)]
mod tests;
