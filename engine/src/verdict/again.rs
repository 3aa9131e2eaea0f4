//! The same again: what befalls one device, or the devices of one switch, several times is one story.
//!
//! ```text
//! absences alone ─┐
//! short cuts ─────┼─ of one device, three within an hour of one another ─► it flaps; it starts again and again
//! starts ─────────┘
//! absences together ─ of one switch, or of mostly the same devices, twice within a day ─► that switch fails
//! ```

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_parsers::{Span, Time};

use super::Absence;
use super::fate::{AT_ONCE, Fate, TOGETHER};
use super::returns::{Hole, Restart};
use crate::ledger::directory::Number;
use crate::observation::Cite;

/// One time that a device was away, or started.
#[derive(Debug, Clone, Copy)]
pub enum Episode<'a> {
    /// It was gone: its incident's number, and the absence.
    Gone(usize, &'a Absence),
    /// Its way was cut for a moment.
    Cut(&'a Hole),
    /// It started anew.
    Anew(&'a Restart),
}

/// Several of one device, in order of time.
#[derive(Debug)]
pub struct Repeated<'a> {
    /// Who.
    pub device: Number,
    /// Each time; three at least are over.
    pub episodes: Vec<Episode<'a>>,
}

/// Which incidents stand alone, and which are the same again.
#[derive(Debug)]
pub struct Story<'a> {
    /// Incidents, by number, that happened to the same group, each twice at least.
    pub groups: Vec<Vec<usize>>,
    /// What happened to one device three times at least.
    pub devices: Vec<Repeated<'a>>,
    /// Incidents that are in neither.
    pub alone: Vec<usize>,
    /// Starts that are in neither.
    pub starts: Vec<&'a Restart>,
}

impl<'a> Episode<'a> {
    /// The last frame before.
    #[must_use]
    pub fn from(&self) -> (Time, Cite) {
        match self {
            Self::Gone(_, absence) => (absence.since, absence.last_frame),
            Self::Cut(hole) => hole.from,
            Self::Anew(restart) => restart.from(),
        }
    }

    /// The first frame after.
    #[must_use]
    pub fn to(&self) -> Option<(Time, Cite)> {
        match self {
            Self::Gone(_, absence) => absence.ended,
            Self::Cut(hole) => Some(hole.to),
            Self::Anew(Restart { sign: (at, cite, _), .. }) => Some((*at, *cite)),
        }
    }

    /// What shows that the device started anew.
    #[must_use]
    pub fn began_anew(&self) -> Option<(Time, Cite)> {
        match self {
            Self::Gone(_, absence) => absence.began_anew().map(|(at, cite, _)| (at, cite)),
            Self::Cut(_) => None,
            Self::Anew(restart) => Some((restart.sign.0, restart.sign.1)),
        }
    }

    /// What shows that the device ran all the time.
    #[must_use]
    pub fn lived(&self) -> Option<(Time, Cite)> {
        match self {
            Self::Gone(_, absence) => absence.lived(),
            Self::Cut(hole) => Some((hole.to.0, hole.lost)),
            Self::Anew(_) => None,
        }
    }
}

impl Repeated<'_> {
    /// How many times it started anew.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.episodes.iter().filter(|it| it.began_anew().is_some()).count()
    }

    /// Whether it starts again and again, rather than being cut off.
    #[must_use]
    pub fn is_loop(&self) -> bool {
        self.starts() >= TIMES && !self.episodes.iter().any(|it| it.lived().is_some())
    }

    /// When it was clear: the third time was over.
    #[must_use]
    pub fn clear(&self) -> Option<Time> {
        let is_loop = self.is_loop();
        let over = self.episodes.iter().filter_map(|it| match it {
            _ if is_loop => it.began_anew(),
            _ => it.to(),
        });
        over.map(|(at, _)| at).nth(TIMES - 1)
    }

    /// When it was over, if it was not seen again for longer than it ever paused.
    #[must_use]
    pub fn ended(&self, now: Time) -> Option<Time> {
        let (last, _) = self.episodes.last()?.to()?;
        let pauses = self.episodes.windows(2).map(|two| match two {
            [one, other] => other.from().0 - one.from().0,
            _ => Span::ZERO,
        });
        (now - last > pauses.max()?.times(2)).then_some(last)
    }
}

/// Sorts incidents, short cuts and starts.
#[must_use]
pub fn sort<'a>(
    fates: &[Fate],
    absences: &'a [Absence],
    holes: &'a [Hole],
    starts: impl Iterator<Item = &'a Restart>,
) -> Story<'a> {
    let mut by_device: BTreeMap<Number, Vec<Episode<'a>>> = BTreeMap::new();
    for (index, fate) in fates.iter().enumerate() {
        if let [only] = fate.members[..]
            && let Some(absence) = absences.get(only)
        {
            by_device.entry(absence.device).or_default().push(Episode::Gone(index, absence));
        }
    }
    for hole in alone(holes, absences) {
        by_device.entry(hole.device).or_default().push(Episode::Cut(hole));
    }
    let outages = outages(fates, absences);
    for restart in starts.filter(|it| !outages.iter().any(|outage| outage.holds(it))) {
        by_device.entry(restart.device).or_default().push(Episode::Anew(restart));
    }
    let groups = groups(fates, absences);
    let mut story = Story { groups, devices: Vec::new(), alone: Vec::new(), starts: Vec::new() };
    let mut told: BTreeSet<usize> = story.groups.iter().flatten().copied().collect();
    for (device, mut episodes) in by_device {
        episodes.sort_by_key(Episode::from);
        for run in episodes.chunk_by(|one, other| other.from().0 - one.from().0 <= HOUR) {
            if run.iter().filter(|it| it.to().is_some()).count() >= TIMES {
                story.devices.push(Repeated { device, episodes: run.to_vec() });
                told.extend(run.iter().filter_map(|it| match it {
                    Episode::Gone(index, _) => Some(*index),
                    _ => None,
                }));
            } else {
                story.starts.extend(run.iter().filter_map(|it| match it {
                    Episode::Anew(restart) => Some(*restart),
                    _ => None,
                }));
            }
        }
    }
    story.alone = (0..fates.len()).filter(|index| !told.contains(index)).collect();
    story
}

/// Short cuts of one device while nobody else's way was cut: what several share is no fault of one port.
fn alone<'a>(holes: &'a [Hole], absences: &[Absence]) -> impl Iterator<Item = &'a Hole> {
    let mut begun: Vec<(Time, Number)> = holes.iter().map(|hole| (hole.from.0, hole.device)).collect();
    begun.extend(absences.iter().map(|absence| (absence.since, absence.device)));
    begun.sort_unstable();
    holes.iter().filter(move |hole| {
        let from = begun.partition_point(|(at, _)| *at < hole.from.0 - AT_ONCE);
        let near = begun.iter().skip(from).take_while(|(at, _)| *at <= hole.from.0 + AT_ONCE);
        near.filter(|(_, device)| *device != hole.device).count() == 0
    })
}

/// The time of an incident of several devices: when the last of them fell silent, and when the last was back.
#[derive(Debug)]
struct Outage {
    silent: Time,
    ended: Time,
}

impl Outage {
    /// Whether who started lost his power with them: he was silent from its beginning on, and starts before they all run.
    fn holds(&self, start: &Restart) -> bool {
        start.since.0 <= self.silent + TOGETHER
            && start.sign.0 >= self.silent
            && start.sign.0 <= self.ended + SETTLES
    }
}

fn outages(fates: &[Fate], absences: &[Absence]) -> Vec<Outage> {
    let members = |fate: &Fate| -> Vec<&Absence> {
        fate.members.iter().filter_map(|index| absences.get(*index)).collect()
    };
    let several = fates.iter().filter(|fate| fate.members.len() > 1).map(members);
    several
        .filter_map(|members| {
            let silent = members.iter().map(|it| it.since).max()?;
            let ended = members.iter().map(|it| it.ended.map_or(Time::MAX - SETTLES, |(at, _)| at)).max()?;
            Some(Outage { silent, ended })
        })
        .collect()
}

/// Incidents of several devices that happened to the same group.
fn groups(fates: &[Fate], absences: &[Absence]) -> Vec<Vec<usize>> {
    let mut all: Vec<(BTreeSet<Number>, Vec<usize>)> = Vec::new();
    for (index, fate) in fates.iter().enumerate().filter(|(_, fate)| fate.members.len() > 1) {
        let members: BTreeSet<Number> =
            fate.members.iter().filter_map(|it| absences.get(*it)).map(|absence| absence.device).collect();
        let since = |fate: &Fate| fate.members.first().and_then(|it| absences.get(*it)).map(|it| it.since);
        let same = all.iter_mut().find(|(before, incidents)| {
            let last = incidents.last().and_then(|it| fates.get(*it));
            let is_near =
                last.and_then(since).zip(since(fate)).is_some_and(|(one, other)| other - one <= DAY);
            let shared = before.intersection(&members).count();
            let of_one = last.is_some_and(|last| last.switch == fate.switch);
            // Of one switch half of the devices do, for not every one is missed each time.
            let needed = if of_one && fate.switch.is_some() { 5 } else { 8 };
            is_near && shared >= 2 && shared * 10 >= needed * before.len().max(members.len())
        });
        match same {
            Some((before, incidents)) => {
                before.extend(members);
                incidents.push(index);
            }
            None => all.push((members, vec![index])),
        }
    }
    all.retain(|(_, incidents)| incidents.len() > 1);
    all.into_iter().map(|(_, incidents)| incidents).collect()
}

/// So many times make a habit (contract: gone and back at least three times; facts, offline_and_switch 4).
const TIMES: usize = 3;
/// Who lost his power with others starts within this time of the last of them.
const SETTLES: Span = Span::seconds(120);
/// Times further apart than this have nothing to do with each other (facts, offline_and_switch 4, repeat rule).
const HOUR: Span = Span::seconds(3_600);
/// The same group failing again within this time is one fault (contract, `switch-fault`).
const DAY: Span = Span::seconds(86_400);

#[cfg(test)]
mod tests {
    use super::super::{fate, returns::Start};
    use super::*;
    use spanwatch_parsers::Text;

    fn s(s: i64) -> Time {
        Time(s * 1_000_000_000)
    }

    fn absence(device: u32, since: i64, ended: i64) -> Absence {
        Absence {
            ended: Some((s(ended), Cite::default())),
            ..Absence::for_test(Number::for_test(device), s(since), s(since + 5))
        }
    }

    fn anew(device: u32, since: i64, ended: i64) -> Absence {
        Absence {
            restarted: Some((s(ended), Cite::default(), Start::Lease)),
            ..absence(device, since, ended)
        }
    }

    fn hole(device: u32, from: i64) -> Hole {
        Hole {
            device: Number::for_test(device),
            from: (s(from), Cite::default()),
            to: (s(from + 3), Cite::default()),
            lost: Cite::default(),
        }
    }

    fn fates(absences: &[Absence]) -> Vec<Fate> {
        fate::incidents(absences, |device| (device.before() < 10).then(|| Text::from("sw")), |_| false)
    }

    #[test]
    fn three_times_away_is_flapping_and_two_are_two() {
        let absences = [absence(1, 0, 30), absence(1, 100, 130), absence(1, 200, 230), absence(2, 500, 520)];
        let story = sort(&fates(&absences), &absences, &[], std::iter::empty());
        let [repeated] = &story.devices[..] else { panic!("one device: {story:?}") };
        assert_eq!((repeated.device, repeated.is_loop(), story.alone.len()), (Number::for_test(1), false, 1));
        assert_eq!((repeated.clear(), repeated.ended(s(300))), (Some(s(230)), None));
        assert_eq!(repeated.ended(s(600)), Some(s(230)));
        let two = sort(&fates(&absences[..2]), &absences[..2], &[], std::iter::empty());
        assert_eq!((two.devices.len(), two.alone.len()), (0, 2));
    }

    #[test]
    fn three_starts_are_a_loop() {
        let absences = [anew(1, 0, 30), anew(1, 60, 90), anew(1, 120, 150)];
        let story = sort(&fates(&absences), &absences, &[], std::iter::empty());
        assert!(story.devices[0].is_loop());
        assert_eq!(story.devices[0].clear(), Some(s(150)));
    }

    #[test]
    fn short_cuts_of_one_device_count_and_those_that_others_share_do_not() {
        let holes = [hole(1, 10), hole(1, 30), hole(1, 50)];
        let story = sort(&[], &[], &holes, std::iter::empty());
        assert_eq!(story.devices.len(), 1);
        let shared = [hole(1, 10), hole(2, 11), hole(1, 30), hole(1, 50)];
        assert!(sort(&[], &[], &shared, std::iter::empty()).devices.is_empty());
    }

    #[test]
    fn who_starts_in_an_outage_lost_his_power_with_it_and_who_was_heard_in_it_did_not() {
        let absences = [anew(1, 100, 160), anew(2, 100, 160), anew(3, 100, 160)];
        let told = |since: i64, sign: i64| {
            let restart = Restart::for_test(Number::for_test(7), s(since), s(sign));
            sort(&fates(&absences), &absences, &[], std::iter::once(&restart)).starts.len()
        };
        assert_eq!((told(60, 170), told(102, 230)), (0, 0));
        assert_eq!((told(60, 90), told(130, 170), told(60, 300)), (1, 1, 1));
    }

    #[test]
    fn the_same_group_twice_is_a_fault_of_its_switch() {
        let outage = |at: i64, devices: &[u32]| -> Vec<Absence> {
            devices.iter().map(|device| absence(*device, at, at + 30)).collect()
        };
        let of = |second: &[u32], after: i64| {
            let absences = [outage(0, &[1, 2, 3, 4]), outage(after, second)].concat();
            sort(&fates(&absences), &absences, &[], std::iter::empty()).groups
        };
        assert_eq!(of(&[1, 2, 3, 4], 300), [vec![0, 1]]);
        assert_eq!(of(&[1, 2, 4], 300), [vec![0, 1]]);
        assert!(of(&[5, 6, 7], 300).is_empty());
        assert!(of(&[1, 2, 3, 4], 100_000).is_empty());
    }
}
