//! `power-fault`: a switch does not give a device the power that it needs.
//!
//! ## What it says
//! Over LLDP a device asks for more power than its switch port allots, said twice and 20 s apart at least; or a switch tells
//! its manager (SNMP) that its power budget is nearly used up, or that it took the power from
//! one port three times within a day; or three or more devices of one switch have restarted together, on three
//! occasions within a week, while the switch itself and others on it lived on.
//!
//! ## Why it matters
//! Cameras that are short of power restart when their lamps or heaters go on, mostly at dusk. Each one looks like a broken camera,
//! and none of them is.
//!
//! ## Where it is wrong
//! Some devices ask for more than they ever take and work well with less. Somebody may turn a port's power off on purpose, or
//! a watchdog does so because the device does not answer it. SNMP can be forged.
//!
//! ## State
//! `PORTS_MAX` ports; `FAULTS_MAX` faults. Restarts are read from the verdict's absences.

use std::collections::{BTreeMap, VecDeque};

use spanwatch_parsers::{Fact, LinkPower, NoticeKind, Span, Time};

use super::speaker::{Port, Speaker};
use super::{Detector, Known};
use crate::bounded::Expiring;
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, day_time};
use crate::verdict::Absence;

/// The kind.
pub const KIND: Kind = Kind {
    id: "power-fault",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("power_fault.rs"),
    start: Some(|| Box::new(Powers::new())),
};

/// Said again after so long it is no negotiation under way.
const AGAIN: Span = Span::seconds(20);
/// Less than this is rounding, in milliwatts.
const SHORT_MW: u32 = 500;
/// So often within [`DAY`] a port lost its power (facts, offline_and_switch 9.4, N1).
const CYCLES: usize = 3;
const DAY: Span = Span::seconds(86_400);
/// Restarts this close together are one occasion, of so many devices, so often within a week (N2).
const TOGETHER: Span = Span::seconds(600);
const DEVICES: usize = 3;
const OCCASIONS: usize = 3;
const WEEK: Span = Span::seconds(7 * 86_400);
/// Ports heard lately.
const PORTS_MAX: usize = 16_384;
/// Faults told of.
const FAULTS_MAX: usize = 1_024;
/// The wire says so, in per cent.
const SAID: u8 = 90;
/// Restarts alone, in per cent.
const BY_RESTARTS: u8 = 75;
/// Sights shown.
const SHOWN: usize = 8;

/// Where power is short.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    /// A port that says so itself.
    Spoken(Port),
    /// A switch that told its manager: all of it, or one port by group and number.
    Told(Number, Option<(u32, u32)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Milliwatts asked for and allotted.
    Denied { asked: u32, allotted: u32 },
    /// The budget is nearly used up.
    Budget,
    /// The port's power was cut again and again.
    Cut,
}

#[derive(Debug)]
struct Fault {
    place: Place,
    trouble: Trouble,
    source: &'static str,
    sights: Vec<(Time, Cite)>,
    detected: Time,
    last: Time,
    ended: Option<Time>,
    count: u64,
}

/// Who is short of power.
#[derive(Debug)]
pub struct Powers {
    speaker: Speaker,
    /// Since when a place is in trouble, or when it was, the last [`CYCLES`] times.
    places: Expiring<Place, VecDeque<(Time, Cite)>>,
    faults: Vec<Fault>,
}

impl Powers {
    fn new() -> Self {
        Self { speaker: Speaker::default(), places: Expiring::new(PORTS_MAX, DAY, SEED), faults: Vec::new() }
    }

    fn sights(&mut self, place: &Place, at: Time) -> Option<&mut VecDeque<(Time, Cite)>> {
        if self.places.get(place, at).is_none() {
            self.places.insert(place.clone(), VecDeque::new(), at);
        }
        self.places.get(place, at)
    }

    fn open(&mut self, place: &Place) -> Option<&mut Fault> {
        self.faults.iter_mut().rev().find(|it| it.place == *place && it.ended.is_none())
    }

    /// A port says what it asks for and gets.
    fn negotiated(&mut self, port: Port, power: LinkPower, seen: &Observation) {
        let (Some(asked), Some(allotted)) = (power.requested_mw, power.allocated_mw) else { return };
        let place = Place::Spoken(port);
        let is_short = asked > allotted.saturating_add(SHORT_MW);
        let Some(sights) = self.sights(&place, seen.at) else { return };
        if !is_short {
            sights.clear();
            if let Some(open) = self.open(&place) {
                open.ended = Some(seen.at);
            }
            return;
        }
        if sights.is_empty() {
            sights.push_back((seen.at, seen.cite));
        }
        let first = sights.front().copied().unwrap_or((seen.at, seen.cite));
        if let Some(open) = self.open(&place) {
            (open.last, open.trouble) = (seen.at, Trouble::Denied { asked, allotted });
        } else if seen.at - first.0 >= AGAIN {
            self.add(place, Trouble::Denied { asked, allotted }, vec![first, (seen.at, seen.cite)], seen);
        }
    }

    /// A switch tells its manager.
    fn told(&mut self, seen: &Observation, known: &Known<'_>) {
        let Fact::Notice(notice) = &seen.fact else { return };
        let Some(number) = known.directory.find(&seen.subject) else { return };
        match (notice.kind, notice.identity.as_str()) {
            (_, USAGE_ON) => {
                let place = Place::Told(number, None);
                if let Some(open) = self.open(&place) {
                    open.last = seen.at;
                    open.count = open.count.saturating_add(1);
                } else {
                    self.add(place, Trouble::Budget, vec![(seen.at, seen.cite)], seen);
                }
            }
            (_, USAGE_OFF) => {
                if let Some(open) = self.open(&Place::Told(number, None)) {
                    (open.last, open.ended) = (seen.at, Some(seen.at));
                }
            }
            (NoticeKind::PowerOff, _) if notice.power_port.is_some() => {
                self.cut(Place::Told(number, notice.power_port), seen);
            }
            _ => {}
        }
    }

    fn cut(&mut self, place: Place, seen: &Observation) {
        let Some(sights) = self.sights(&place, seen.at) else { return };
        sights.retain(|(at, _)| seen.at - *at <= DAY);
        if sights.len() >= CYCLES {
            sights.pop_front();
        }
        sights.push_back((seen.at, seen.cite));
        let sights: Vec<(Time, Cite)> = sights.iter().copied().collect();
        if let Some(open) = self.open(&place) {
            open.last = seen.at;
            open.count = open.count.saturating_add(1);
        } else if sights.len() >= CYCLES {
            self.add(place, Trouble::Cut, sights, seen);
        }
    }

    fn add(&mut self, place: Place, trouble: Trouble, sights: Vec<(Time, Cite)>, seen: &Observation) {
        if self.faults.len() >= FAULTS_MAX {
            return;
        }
        let count = if trouble == Trouble::Cut { sights.len() as u64 } else { 1 };
        let (source, detected, last) = (seen.source, seen.at, seen.at);
        self.faults.push(Fault { place, trouble, source, sights, detected, last, ended: None, count });
    }
}

impl Detector for Powers {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Neighbor(_) | Fact::LinkPower(_) | Fact::Notice(_))
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let port = self.speaker.observe(seen).cloned();
        match &seen.fact {
            Fact::LinkPower(power) => {
                if let Some(port) = port {
                    self.negotiated(port, *power, seen);
                }
            }
            Fact::Notice(_) => self.told(seen, known),
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        while self.places.expire(to).is_some() {}
        for it in self.faults.iter_mut().filter(|it| it.trouble == Trouble::Cut && it.ended.is_none()) {
            if it.last + DAY <= to {
                it.ended = Some(it.last);
            }
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        for it in &mut self.faults {
            if let Place::Told(number, _) = &mut it.place
                && *number == gone
            {
                *number = kept;
            }
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let said = self.faults.iter().map(|it| it.finding(known));
        said.chain(restarts(known)).collect()
    }
}

impl Fault {
    fn finding(&self, known: &Known<'_>) -> Finding {
        let (number, called) = match &self.place {
            Place::Spoken(port) => port.called(known),
            Place::Told(number, port) => {
                let device = known.directory.device(*number);
                let title = device.map_or_else(|| "a switch".to_owned(), |device| device.title());
                let of_port =
                    port.map_or_else(String::new, |(group, port)| format!("power port {group}.{port} of "));
                (Some(*number), format!("{of_port}{title}"))
            }
        };
        let subject = match &self.place {
            Place::Spoken(port) => format!("{} {}", port.mac, port.name),
            Place::Told(_, port) => port.map_or_else(String::new, |(group, port)| format!("{group}.{port}")),
        };
        let first = self.sights.first().map_or(self.detected, |sight| sight.0);
        let since = clock_time(first);
        let watts = |mw: u32| format!("{}.{} W", mw / 1_000, mw % 1_000 / 100);
        let (title, what, detail, text) = match self.trouble {
            Trouble::Denied { asked, allotted } => (
                format!(
                    "Too little power at {called}: {} asked for, {} given",
                    watts(asked),
                    watts(allotted)
                ),
                format!(
                    "The device at {called} asks for {} and gets {}. When its lamps or heater go on it may restart.",
                    watts(asked),
                    watts(allotted)
                ),
                format!(
                    "Power over Ethernet at {called}: requested {}, allocated {}, since {since} UTC.",
                    watts(asked),
                    watts(allotted)
                ),
                format!("{} asked for, {} allotted", watts(asked), watts(allotted)),
            ),
            Trouble::Budget => (
                format!("{called} has hardly any power left for its devices"),
                format!(
                    "At {since} UTC {called} told its manager that it has given away nearly all of the power that it has for cameras. The next one, or all at dusk, may get none."
                ),
                format!(
                    "pethMainPowerUsageOnNotification (RFC 3621) from {called}: the power used exceeds the threshold."
                ),
                "the threshold of power used is exceeded".to_owned(),
            ),
            Trouble::Cut => (
                format!("The power of one device was cut {} times: {called}", self.count),
                format!(
                    "Since {since} UTC the switch has taken the power from one device {} times. The device restarted each time, and is not broken for that.",
                    self.count
                ),
                format!(
                    "pethPsePortOnOffNotification (RFC 3621): {called} ceased to deliver power {} times within a day. A fault of the cable or the device, somebody's hand, or a watchdog that gets no answer.",
                    self.count
                ),
                "the port ceased to deliver power".to_owned(),
            ),
        };
        Finding {
            confidence: SAID,
            devices: number.into_iter().collect(),
            switch: number
                .and_then(|number| known.directory.device(number)?.macs.first().copied())
                .and_then(|mac| known.switch_with(mac))
                .or_else(|| number.and_then(|number| known.switch_of(number))),
            cause: Some(Cause::Power),
            title,
            summary: format!("{what} It is IT's turn: look at the power budget of the switch and of this port."),
            detail,
            remedy: "Look at the switch's power budget and at the port's limit, class and priority. Give the port what the device needs, feed the device by an injector or a switch of the standard that it asks for (802.3at, bt), or spread devices over switches.".to_owned(),
            verify: match self.trouble {
                Trouble::Denied { .. } => "The port allots what is asked for; then this finding gets an end.",
                Trouble::Budget => "The switch tells that the power used is below the threshold again; then this finding gets an end.",
                Trouble::Cut => "A day passes without a cut; then this finding gets an end.",
            }
            .to_owned(),
            evidence: self
                .sights
                .iter()
                .map(|(at, cite)| Evidence {
                    at: *at,
                    cite: Some(*cite),
                    protocol: Some(self.source),
                    text: text.clone(),
                })
                .collect(),
            last_seen: self.ended.unwrap_or(self.last),
            ended: self.ended,
            count: self.count,
            ..Finding::of_network(&KIND, &subject, first, self.detected)
        }
    }
}

/// Devices of one switch that restarted together again and again while it lived on.
fn restarts(known: &Known<'_>) -> Vec<Finding> {
    let mut by_switch: BTreeMap<String, Vec<&Absence>> = BTreeMap::new();
    for absence in known.absences.iter().filter(|it| it.began_anew().is_some() && it.ended.is_some()) {
        if let Some(switch) = known.switch_of(absence.device) {
            by_switch.entry(switch).or_default().push(absence);
        }
    }
    by_switch.iter().filter_map(|(switch, absences)| of_switch(switch, absences, known)).collect()
}

fn of_switch(switch: &str, absences: &[&Absence], known: &Known<'_>) -> Option<Finding> {
    let mut order: Vec<&Absence> = absences.to_vec();
    order.sort_by_key(|it| (it.since, it.device));
    let mut occasions: Vec<Vec<&Absence>> = Vec::new();
    for absence in order {
        match occasions
            .last_mut()
            .filter(|last| last.first().is_some_and(|it| absence.since - it.since <= TOGETHER))
        {
            Some(last) => last.push(absence),
            None => occasions.push(vec![absence]),
        }
    }
    let members = &known.switches.get(&switch.into())?.members;
    occasions.retain(|occasion| {
        let mut devices: Vec<Number> = occasion.iter().map(|it| it.device).collect();
        devices.sort_unstable();
        devices.dedup();
        let (from, to) =
            (occasion.first().map(|it| it.since), occasion.iter().filter_map(|it| it.ended).max());
        let lived = |number: &&Number| {
            let is_absent = known.absences.iter().any(|it| {
                it.device == **number
                    && Some(it.since) <= to.map(|it| it.0)
                    && it.ended.is_none_or(|ended| Some(ended.0) >= from)
            });
            let device = known.directory.device(**number);
            !is_absent && device.is_some_and(|it| Some(it.first_seen) < from && Some(it.last_seen) > from)
        };
        devices.len() >= DEVICES && members.iter().any(|number| lived(&number))
    });
    let window = occasions.windows(OCCASIONS).position(|these| {
        let begin = |at: usize| these.get(at).and_then(|it| it.first()).map(|it| it.since);
        begin(0).zip(begin(OCCASIONS - 1)).is_some_and(|(first, last)| last - first <= WEEK)
    })?;
    let occasions = occasions.get(window..)?;
    let sure = occasions.get(OCCASIONS - 1)?;
    let first = occasions.first()?.first()?.since;
    let last = occasions.last()?.iter().filter_map(|it| it.ended).max().map_or(first, |it| it.0);
    let mut devices: Vec<Number> = occasions.iter().flatten().map(|it| it.device).collect();
    devices.sort_unstable();
    devices.dedup();
    let name = known.switches.get(&switch.into()).and_then(|it| it.name.clone());
    let name = name.map_or_else(|| switch.to_owned(), |name| name.as_str().to_owned());
    let (count, many) = (occasions.len(), devices.len());
    Some(Finding {
        confidence: BY_RESTARTS,
        devices,
        switch: Some(switch.to_owned()),
        cause: Some(Cause::Power),
        title: format!("{name} is short of power: {many} devices restarted together {count} times"),
        summary: format!(
            "{count} times several devices on the switch {name} have lost their power together and restarted, {many} different ones in all, while others on it went on. They are fine; the switch seems to have too little power for all of them. It is IT's turn: look at its power budget."
        ),
        detail: format!(
            "Three devices or more of {name} restarted within ten minutes on {count} occasions within a week, others on it did not: {}.",
            occasions.iter().filter_map(|it| it.first()).take(SHOWN).map(|it| day_time(it.since)).collect::<Vec<_>>().join(", ")
        ),
        remedy: "Compare the switch's power budget with what its devices take at dusk, when lamps and heaters go on. Spread them over more switches, or use a stronger supply.".to_owned(),
        verify: "A week passes without such a restart.".to_owned(),
        evidence: occasions
            .iter()
            .flatten()
            .filter_map(|it| it.began_anew())
            .take(SHOWN)
            .map(|(at, cite, _)| Evidence {
                at,
                cite: Some(cite),
                protocol: None,
                text: "a device of this switch starts anew".to_owned(),
            })
            .collect(),
        last_seen: last,
        count: count as u64,
        ..Finding::of_network(
            &KIND,
            switch,
            first,
            sure.iter().filter_map(|it| it.ended).max().map_or(last, |it| it.0),
        )
    })
}

/// `pethMainPowerUsageOnNotification` and `pethMainPowerUsageOffNotification` (RFC 3621, 4).
const USAGE_ON: &str = "1.3.6.1.2.1.105.0.2";
const USAGE_OFF: &str = "1.3.6.1.2.1.105.0.3";
/// No result depends on it.
const SEED: u64 = 0x706f_7772;

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{Mac, Neighbor, Notice};

    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use crate::observation::Party;

    fn negotiates(bench: &mut Bench, at: i64, requested_mw: u32, allocated_mw: u32) {
        let subject = Party { mac: Some(mac(7)), ..Party::default() };
        let power = LinkPower {
            supplies: true,
            class: None,
            requested_mw: Some(requested_mw),
            allocated_mw: Some(allocated_mw),
        };
        let neighbor = Neighbor { port: "ge1".into(), capabilities: 1 << 2, ..Neighbor::default() };
        for fact in [Fact::Neighbor(Box::new(neighbor)), Fact::LinkPower(power)] {
            bench.sees(s(at), subject, Party::default(), fact);
        }
    }

    fn tells(bench: &mut Bench, at: i64, kind: NoticeKind, identity: &str, power_port: Option<(u32, u32)>) {
        bench.claims(s(at), mac(7), "192.0.2.7", None);
        let notice = Notice { kind, identity: identity.into(), power_port, ..Notice::default() };
        bench.sees(s(at), party(mac(7), "192.0.2.7", None), Party::default(), Fact::Notice(Box::new(notice)));
    }

    #[test]
    fn a_device_that_gets_less_than_it_asks_for_is_told_until_it_gets_it() {
        let mut bench = Bench::new();
        negotiates(&mut bench, 10, 25_500, 13_000);
        negotiates(&mut bench, 40, 25_500, 13_000);
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.cause), (s(10), s(40), Some(Cause::Power)));
        assert!(finding.title.contains("25.5 W asked for, 13.0 W given"), "{}", finding.title);
        negotiates(&mut bench, 70, 25_500, 25_500);
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(70)));
    }

    #[test]
    fn a_negotiation_under_way_is_none() {
        let mut bench = Bench::new();
        negotiates(&mut bench, 10, 25_500, 13_000);
        negotiates(&mut bench, 11, 25_500, 13_000);
        negotiates(&mut bench, 12, 25_500, 25_500);
        negotiates(&mut bench, 42, 25_500, 25_400);
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_budget_that_is_nearly_used_up_is_told_until_it_is_not() {
        let mut bench = Bench::new();
        tells(&mut bench, 10, NoticeKind::Other, USAGE_ON, None);
        assert_eq!(bench.of(&KIND)[0].ended, None);
        tells(&mut bench, 50, NoticeKind::Other, USAGE_OFF, None);
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(50)));
    }

    #[test]
    fn a_port_whose_power_was_cut_three_times_is_told() {
        let mut bench = Bench::new();
        for at in [100, 4_000] {
            tells(&mut bench, at, NoticeKind::PowerOff, "1.3.6.1.2.1.105.0.1", Some((1, 7)));
            tells(&mut bench, at + 1, NoticeKind::PowerOff, "1.3.6.1.2.1.105.0.1", Some((1, 8)));
        }
        assert!(bench.of(&KIND).is_empty());
        tells(&mut bench, 9_000, NoticeKind::PowerOff, "1.3.6.1.2.1.105.0.1", Some((1, 7)));
        assert_eq!(bench.of(&KIND)[0].count, 3);
    }

    #[test]
    fn state_is_bounded() {
        let mut powers = Powers::new();
        for n in 0..PORTS_MAX as u32 + 50 {
            let [_, b, c, d] = n.to_be_bytes();
            let port = Port { mac: Mac([2, 0, 0, b, c, d]), name: "1".into(), is_bridge: false };
            powers.sights(&Place::Spoken(port), s(1));
        }
        assert_eq!(powers.places.len(), PORTS_MAX);
    }
}
