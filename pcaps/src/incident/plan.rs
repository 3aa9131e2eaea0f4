//! From an order to a plan: who, when, how long; ordered incidents first, then those that are drawn.
//!
//! What is drawn keeps apart: never two on the same host, and nothing beside what everybody feels. What is
//! ordered is done as ordered.

use std::fmt;

use super::{ALL, Case, Draft, Expected, Family, Fit, Kind, MustNot, Scene, Subject, Visible, overlap};
use crate::fabric::HostId;
use crate::options::{IncidentOrder, Options, SECOND};
use crate::random::Random;
use crate::site::Site;
use crate::world::Change;

/// What will happen.
#[derive(Debug)]
pub struct Plan {
    /// The order, with what its incidents need.
    pub options: Options,
    /// The site.
    pub site: Site,
    /// The incidents, by their start.
    pub incidents: Vec<Incident>,
    /// What changes when, in order of time.
    pub changes: Vec<(i64, Change)>,
}

/// One incident and the truth of it.
#[derive(Debug, Clone)]
pub struct Incident {
    /// Its kind.
    pub kind: &'static Kind,
    /// When it begins.
    pub started: i64,
    /// When all is well again; never within the capture where nothing is said.
    pub ended: Option<i64>,
    /// Whom it happens to.
    pub subjects: Vec<Subject>,
    /// What happens, in a sentence.
    pub what: String,
    /// What who sees everything would report.
    pub expected: Vec<Expected>,
    /// What the traffic past this mirror proves.
    pub visible: Vec<Visible>,
    /// Kinds of findings that follow from it.
    pub may: Vec<&'static str>,
    /// Findings that would be wrong.
    pub must_not: Vec<MustNot>,
    pub(super) touches: Vec<HostId>,
    is_everywhere: bool,
    blind: Vec<(i64, i64)>,
    changes: Vec<(i64, Change)>,
}

/// Why an order cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// No kind has this name.
    Kind(String),
    /// Nothing at the site has this name.
    Subject(String),
    /// The kind does not happen to this subject.
    Unfit {
        /// The kind.
        kind: &'static str,
        /// The subject's name.
        subject: String,
    },
    /// The site has nobody whom the kind could happen to.
    Nobody(&'static str),
    /// Two kinds want the site or its mirror to be different things.
    Contradiction(&'static str, &'static str),
    /// It would begin after the capture's end.
    TooLate(&'static str),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(name) => {
                write!(f, "no incident is called \"{name}\"")?;
                match nearest(name) {
                    Some(near) => write!(f, "; did you mean {near}?"),
                    None => write!(f, "; `spanwatch simulate --help` lists them"),
                }
            }
            Self::Subject(name) => {
                write!(f, "nothing at this site is called \"{name}\"; `--list` shows what is there")
            }
            Self::Unfit { kind, subject } => {
                write!(f, "{kind} does not happen to {subject}; `--list` shows what else is there")
            }
            Self::Nobody(kind) => write!(f, "this site has nobody to whom {kind} could happen"),
            Self::Contradiction(one, other) => {
                write!(f, "{one} and {other} want the site or its mirror to be different things")
            }
            Self::TooLate(kind) => write!(f, "{kind} would begin after the capture's end"),
        }
    }
}

impl std::error::Error for PlanError {}

/// Makes the site up and plans its incidents.
///
/// # Errors
/// Where an incident was ordered that cannot be.
pub fn plan(options: &Options) -> Result<Plan, PlanError> {
    let mut ordered = Vec::new();
    for order in &options.incidents {
        let kind = Kind::named(&order.kind).ok_or_else(|| PlanError::Kind(order.kind.clone()))?;
        ordered.push((kind, order));
    }
    let mut options = options.clone();
    for (kind, _) in &ordered {
        (kind.needs)(&mut options);
    }
    for (kind, _) in &ordered {
        let mut again = options.clone();
        (kind.needs)(&mut again);
        if again != options {
            let last = ordered.last().map_or(kind.name, |(last, _)| last.name);
            return Err(PlanError::Contradiction(kind.name, last));
        }
    }
    let site = Site::new(&options);
    let incidents = {
        let mut scene = Scene::new(&site, &options);
        let mut incidents = Vec::new();
        for (number, (kind, order)) in ordered.iter().enumerate() {
            scene.random = Random::of(options.seed, "incident", number as u64);
            let case = case(&mut scene, kind, order)?;
            let draft = (kind.draft)(&mut scene, case);
            incidents.push(Incident::new(&scene, kind, case, draft));
        }
        for number in 0..options.random_incidents {
            scene.random = Random::of(options.seed, "random-incident", u64::from(number));
            let drawn = draw(&mut scene, &incidents);
            incidents.extend(drawn);
        }
        incidents.sort_by_key(|incident| incident.started);
        overlap::reconcile(&mut incidents);
        hide_what_is_blind(&mut incidents);
        incidents
    };
    let mut changes: Vec<(i64, Change)> =
        incidents.iter().flat_map(|incident| incident.changes.iter().cloned()).collect();
    changes.sort_by_key(|(at, _)| *at);
    Ok(Plan { options, site, incidents, changes })
}

/// The case of an ordered incident.
fn case(scene: &mut Scene, kind: &'static Kind, order: &IncidentOrder) -> Result<Case, PlanError> {
    let subject = match &order.subject {
        Some(name) => {
            let named = scene.subjects().into_iter().find(|subject| scene.name(*subject) == *name);
            let subject = named.ok_or_else(|| PlanError::Subject(name.clone()))?;
            if (kind.fits)(scene, subject) == Fit::No {
                return Err(PlanError::Unfit { kind: kind.name, subject: name.clone() });
            }
            subject
        }
        None => {
            let candidates = candidates(scene, kind, &[]);
            if candidates.is_empty() {
                return Err(PlanError::Nobody(kind.name));
            }
            *scene.random.pick(&candidates)
        }
    };
    let case = time(scene, kind, subject, order);
    if case.at >= scene.ends() {
        return Err(PlanError::TooLate(kind.name));
    }
    Ok(case)
}

/// Whom a kind can happen to: the best there are, those left out that something happens to already.
fn candidates(scene: &Scene, kind: &Kind, taken: &[HostId]) -> Vec<Subject> {
    let mut good = Vec::new();
    let mut allowed = Vec::new();
    for subject in scene.subjects() {
        if matches!(subject, Subject::Host(host) if taken.contains(&host)) {
            continue;
        }
        match (kind.fits)(scene, subject) {
            Fit::Good => good.push(subject),
            Fit::Allowed => allowed.push(subject),
            Fit::No => {}
        }
    }
    if good.is_empty() { allowed } else { good }
}

fn time(scene: &mut Scene, kind: &Kind, subject: Subject, order: &IncidentOrder) -> Case {
    let (start, total) = (scene.options.start, scene.options.length);
    if kind.is_standing() {
        return Case { subject, at: start, end: start.saturating_add(FOREVER) };
    }
    let (least, most) = (kind.lasts_s.0 * SECOND, kind.lasts_s.1 * SECOND);
    let calm = if scene.options.is_settled { CALM } else { CALM_FROM_BOOT }.min(total / 3);
    let drawn = scene.random.between(least, most);
    let length = order.length.unwrap_or_else(|| drawn.min((total - calm - ROOM).max(least)));
    let latest = (total.saturating_sub(length) - ROOM).max(calm);
    let drawn = scene.random.between(calm, latest);
    // A whole second would make it coincide with what happens by the clock.
    let at = start + order.after.unwrap_or(drawn / SECOND * SECOND + 371_000_000);
    Case { subject, at, end: at.saturating_add(length) }
}

/// Draws one incident that keeps apart from those there are; none where the site or the length has no room.
///
/// What was ordered of site and mirror stands: kinds that need something else are not drawn.
fn draw(scene: &mut Scene, incidents: &[Incident]) -> Option<Incident> {
    let kinds: Vec<&'static Kind> = ALL
        .iter()
        .copied()
        .filter(|kind| {
            let mut needed = scene.options.clone();
            (kind.needs)(&mut needed);
            needed == *scene.options && !incidents.iter().any(|it| it.kind.name == kind.name)
        })
        .collect();
    let taken: Vec<HostId> = incidents.iter().flat_map(|it| it.touches.iter().copied()).collect();
    let order = IncidentOrder { kind: String::new(), after: None, subject: None, length: None };
    for _ in 0..DRAWS {
        let kind = *scene.random.pick(&kinds);
        let candidates = candidates(scene, kind, &taken);
        if candidates.is_empty() {
            continue;
        }
        let subject = *scene.random.pick(&candidates);
        let case = time(scene, kind, subject, &order);
        let draft = (kind.draft)(scene, case);
        let drawn = Incident::new(scene, kind, case, draft);
        // What everybody feels leaves little room for others.
        if drawn.is_everywhere && scene.options.random_incidents > 1 && scene.random.below(6) != 0 {
            continue;
        }
        // So do switches, which stand in for one another, and what hands out addresses: whoever starts anew
        // meanwhile asks it.
        let are_apart = |it: &Incident| {
            let is_of_switch = |it: &Incident| matches!(it.subjects.first(), Some(Subject::Switch(_)));
            let meet = it.is_everywhere
                || drawn.is_everywhere
                || (is_of_switch(it) && is_of_switch(&drawn))
                || it.kind.family == Family::Dhcp
                || drawn.kind.family == Family::Dhcp;
            !meet || !it.overlaps(&drawn)
        };
        let is_apart =
            drawn.touches.iter().all(|host| !taken.contains(host)) && incidents.iter().all(are_apart);
        if is_apart {
            return Some(drawn);
        }
    }
    None
}

/// While the mirror shows nothing, nothing is proved.
fn hide_what_is_blind(incidents: &mut [Incident]) {
    let blind: Vec<(i64, i64)> = incidents.iter().flat_map(|it| it.blind.iter().copied()).collect();
    for incident in incidents.iter_mut().filter(|it| it.blind.is_empty()) {
        for (from, to) in &blind {
            for visible in &mut incident.visible {
                if (*from..*to).contains(&visible.from) {
                    visible.from = *to;
                }
            }
        }
        let ended = incident.ended.unwrap_or(i64::MAX);
        let is_hidden = blind.iter().any(|(from, to)| *from <= incident.started && ended <= *to);
        if is_hidden {
            incident.visible.clear();
        }
    }
}

impl Incident {
    fn new(scene: &Scene, kind: &'static Kind, case: Case, draft: Draft) -> Self {
        let ends = scene.ends();
        let within = |time: i64| (time < ends).then_some(time);
        let mut expected = draft.expected;
        for expected in &mut expected {
            expected.until = expected.until.and_then(within);
        }
        expected.retain(|it| it.since < ends);
        let mut visible = draft.visible;
        visible.retain(|it| it.from < ends);
        visible.sort_by_key(|it| it.from);
        let mut touches = draft.touches;
        let mut subjects = vec![case.subject];
        subjects.extend(draft.others);
        touches.extend(subjects.iter().filter_map(|subject| match subject {
            Subject::Host(host) => Some(*host),
            Subject::Switch(switch) => Some(scene.site.switches[*switch].host),
            Subject::Vlan(_) | Subject::Mirror => None,
        }));
        touches.sort_unstable();
        touches.dedup();
        let mut may = draft.may;
        may.sort_unstable();
        may.dedup();
        Self {
            kind,
            started: case.at,
            ended: draft.ended.and_then(within),
            subjects,
            what: draft.what,
            expected,
            visible,
            may,
            must_not: draft.must_not,
            touches,
            is_everywhere: draft.is_everywhere,
            blind: draft.blind,
            changes: draft.changes,
        }
    }

    /// Whether two could be taken for one another: they overlap, or one comes before the other has died down.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let settled = |it: &Self| it.ended.map_or(i64::MAX, |ended| ended + ROOM);
        self.started < settled(other) && other.started < settled(self)
    }
}

/// The kind whose name is the fewest letters away, if it is near.
fn nearest(name: &str) -> Option<&'static str> {
    let near = ALL.iter().map(|kind| (distance(name, kind.name), kind.name)).min()?;
    let begins = ALL.iter().find(|kind| kind.name.contains(name) && name.len() > 2).map(|kind| kind.name);
    (near.0 <= 1 + name.len() / 4).then_some(near.1).or(begins)
}

/// How many letters must be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut corner = index;
        let mut left = index + 1;
        for (column, there) in other.iter().enumerate() {
            let above = row[column + 1];
            let best = (corner + usize::from(*there != letter)).min(above + 1).min(left + 1);
            row[column] = left;
            corner = above;
            left = best;
        }
        row[other.len()] = left;
    }
    row[other.len()]
}

/// How long nothing happens at first; a site that was just switched on takes a minute to come to rest.
const CALM: i64 = 40 * SECOND;
const CALM_FROM_BOOT: i64 = 75 * SECOND;
/// How much is left after what is drawn ends, so that its end can be seen.
const ROOM: i64 = 60 * SECOND;
/// Longer than any capture.
pub(crate) const FOREVER: i64 = i64::MAX / 4;
/// How often a random incident is drawn anew until it keeps apart.
const DRAWS: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        assert_eq!(distance("power-cycle", "power-cycle"), 0);
        assert_eq!(distance("powercycle", "power-cycle"), 1);
        assert_eq!(distance("", "loop"), 4);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn the_nearest_kind_is_named() {
        assert_eq!(nearest("powercycle"), Some("power-cycle"));
        assert_eq!(nearest("uplink"), Some("uplink-cut"));
        assert_eq!(nearest("xyzzy"), None);
    }
}
