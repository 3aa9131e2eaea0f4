//! Who is not told, for the moment: [`Quiet`]. What is found is found; only the telling waits.
//!
//! A change that nobody is to hear of waits until somebody may, as the latest that it became; what ends before is never told.
//! The end of what was told is told at once, whatever is quiet by then.

use std::collections::BTreeMap;

use spanwatch_engine::policy::is_in;
use spanwatch_engine::report::changes::Change;
use spanwatch_engine::report::picture::Picture;
use spanwatch_engine::report::{Device, Finding, time};
use spanwatch_parsers::{Span, Time};

use crate::config::{Config, Grace, Maintenance, Named};

/// Who is not told of what, and what waits.
#[derive(Debug, Default)]
pub struct Quiet {
    maintenance: Vec<Maintenance>,
    grace: Vec<Grace>,
    /// What a device is named by, lower-case, by its id.
    names: BTreeMap<String, Vec<String>>,
    /// Its id by its number.
    ids: BTreeMap<u32, String>,
    /// Changes that wait, by id of their finding.
    waiting: BTreeMap<String, Change>,
}

impl Quiet {
    /// What a configuration says.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let (maintenance, grace) = (config.maintenance.clone(), config.grace.clone());
        Self { maintenance, grace, ..Self::default() }
    }

    /// Whether it has to know what devices are named by.
    #[must_use]
    pub fn asks_for_names(&self) -> bool {
        self.maintenance
            .iter()
            .map(|it| &it.devices)
            .chain(self.grace.iter().map(|it| &it.devices))
            .any(|it| !it.is_empty())
    }

    /// Learns what a device is named by.
    pub fn knows(&mut self, number: u32, picture: &Picture) {
        if !self.asks_for_names() {
            return;
        }
        let (id, names) = match picture {
            Picture::Heard(..) => return,
            Picture::Gone => (None, Vec::new()),
            Picture::Is(device) => (Some(device.id.clone()), names(device)),
        };
        let before = match &id {
            Some(id) => self.ids.insert(number, id.clone()),
            None => self.ids.remove(&number),
        };
        if let Some(before) = before {
            self.names.remove(&before);
        }
        if let Some(id) = id {
            self.names.insert(id, names);
        }
    }

    /// What waits at a restart: what was made, and nobody was to hear of.
    pub fn waits(&mut self, finding: Finding) {
        self.waiting.insert(finding.id.clone(), Change { change: "made", finding });
    }

    /// Whether nobody has heard of a finding yet.
    #[must_use]
    pub fn is_untold(&self, id: &str) -> bool {
        self.waiting.get(id).is_some_and(|it| it.change == "made")
    }

    /// What is to be told at `now` of what became of findings. `suppressed` says of which nobody wants to hear.
    pub fn told(
        &mut self,
        now: Time,
        changes: Vec<Change>,
        suppressed: &dyn Fn(&Finding) -> bool,
    ) -> Vec<Change> {
        let mut told = Vec::new();
        for change in changes {
            let id = &change.finding.id;
            let is_over = matches!(change.change, "ended" | "withdrawn");
            let before = self.waiting.remove(id).map(|it| it.change);
            match (is_over, before) {
                // Nobody ever heard of it.
                (true, Some("made")) => {}
                (true, _) => told.push(change),
                (false, before) => {
                    let change = Change { change: before.unwrap_or(change.change), ..change };
                    if suppressed(&change.finding) || self.is_quiet(&change.finding, now) {
                        self.waiting.insert(change.finding.id.clone(), change);
                    } else {
                        told.push(change);
                    }
                }
            }
        }
        let waits = |it: &Change| suppressed(&it.finding) || self.is_quiet(&it.finding, now);
        let due: Vec<String> =
            self.waiting.iter().filter(|(_, change)| !waits(change)).map(|(id, _)| id.clone()).collect();
        told.extend(due.iter().filter_map(|id| self.waiting.remove(id)));
        told
    }

    /// Whether a finding falls into maintenance, or is too young.
    fn is_quiet(&self, finding: &Finding, now: Time) -> bool {
        if !INCIDENTS.contains(&finding.category) {
            return false;
        }
        let maintained = |it: &Maintenance| match (it.from, it.until, it.weekly) {
            (Some(from), Some(until), _) => (from.0..until.0).contains(&now),
            (_, _, Some(weekly)) => weekly.holds(now, it.minutes.get()),
            _ => false,
        };
        let is_young = |it: &Grace| {
            let sure = time::parse(&finding.detected).unwrap_or(now);
            finding.category == "availability" && now < sure + Span::seconds(it.seconds.get().into())
        };
        self.maintenance.iter().any(|it| maintained(it) && self.is_of(finding, &it.devices))
            || self.grace.iter().any(|it| is_young(it) && self.is_of(finding, &it.devices))
    }

    /// Whether all devices of a finding are among those named, or its switch is; everything is where none are.
    fn is_of(&self, finding: &Finding, named: &[Named]) -> bool {
        let is_named = |name: &String| {
            let ip = name.parse().ok();
            named.iter().any(|it| it.0 == *name || ip.is_some_and(|ip| is_in(ip, &it.0)))
        };
        let is_device_named = |id: &String| {
            self.names
                .get(id)
                .map_or_else(|| is_named(&id.to_lowercase()), |names| names.iter().any(is_named))
        };
        named.is_empty()
            || finding.switch.as_ref().is_some_and(|switch| is_named(&switch.to_lowercase()))
            || !finding.devices.is_empty() && finding.devices.iter().all(is_device_named)
    }
}

/// All that a device can be named by, lower-case.
fn names(device: &Device) -> Vec<String> {
    let switch = device.switch.as_ref();
    let of_switch = switch.into_iter().flat_map(|it| it.name.iter().chain(&it.id));
    let names = [&device.id, &device.kind].into_iter().chain(&device.mac).chain(&device.ips);
    let names = names.chain(&device.aliases).chain(&device.name).chain(&device.hostname).chain(of_switch);
    names.map(|name| name.to_lowercase()).collect()
}

/// Categories of what happens, and passes.
const INCIDENTS: [&str; 3] = ["availability", "network", "capture"];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::test;
    use super::*;

    fn quiet(text: &str) -> Quiet {
        Quiet::new(&Config::parse(text, Path::new("x.toml")).unwrap())
    }

    fn change(change: &'static str, id: &str) -> Change {
        Change { change, finding: Finding { id: id.to_owned(), ..test::finding("critical") } }
    }

    fn at(text: &str) -> Time {
        time::parse(text).unwrap()
    }

    fn told(quiet: &mut Quiet, now: &str, changes: Vec<Change>) -> Vec<(&'static str, String)> {
        let told = quiet.told(at(now), changes, &|finding| finding.id == "suppressed");
        told.into_iter().map(|it| (it.change, it.finding.id)).collect()
    }

    fn said(change: &'static str, id: &str) -> (&'static str, String) {
        (change, id.to_owned())
    }

    #[test]
    fn in_maintenance_nobody_is_told_and_who_is_still_gone_after_it_is() {
        let text = "[[maintenance]]\nfrom = 2026-11-22T03:00:00Z\nuntil = 2026-11-22T04:00:00Z\n";
        let mut quiet = quiet(text);
        let changes = vec![change("made", "a"), change("made", "b"), change("ended", "known")];
        assert_eq!(told(&mut quiet, "2026-11-22T03:50:00Z", changes), [said("ended", "known")]);
        assert_eq!(told(&mut quiet, "2026-11-22T03:51:00Z", vec![change("revised", "a")]), []);
        assert_eq!(told(&mut quiet, "2026-11-22T03:52:00Z", vec![change("ended", "b")]), []);
        assert_eq!(told(&mut quiet, "2026-11-22T04:00:00Z", vec![]), [said("made", "a")]);
    }

    #[test]
    fn maintenance_is_of_who_is_named_and_of_nobody_else() {
        let of = |names: &str| {
            let text = format!("[[maintenance]]\nweekly = \"sun 03:00\"\ndevices = [{names}]\n");
            let mut quiet = quiet(&text);
            told(&mut quiet, "2026-11-22T03:50:00Z", vec![change("made", "a")]).is_empty()
        };
        assert!(of("\"SW-Dock\""));
        assert!(of("\"02:00:00:00:00:01\", \"192.0.2.7\""));
        assert!(of("\"02:00:00:00:00:01\", \"192.0.2.0/29\""));
        assert!(!of("\"02:00:00:00:00:01\", \"192.0.2.0/30\""));
        assert!(!of("\"192.0.2.7\""), "the other one is told of");
        assert!(!of("\"sw-01\""));
    }

    #[test]
    fn an_outage_that_does_not_last_is_not_told() {
        let mut quiet = quiet("[[grace]]\nseconds = 60\n");
        let made = || vec![change("made", "a"), change("made", "b")];
        assert_eq!(told(&mut quiet, "2026-11-22T03:40:50Z", made()), []);
        assert_eq!(told(&mut quiet, "2026-11-22T03:41:00Z", vec![change("ended", "a")]), []);
        assert_eq!(told(&mut quiet, "2026-11-22T03:41:50Z", vec![]), [said("made", "b")]);
        assert_eq!(
            told(&mut quiet, "2026-11-22T03:42:00Z", vec![change("ended", "b")]),
            [said("ended", "b")]
        );
    }

    #[test]
    fn what_is_suppressed_waits_until_it_is_not() {
        let mut quiet = quiet("");
        assert_eq!(told(&mut quiet, "2026-11-22T03:41:50Z", vec![change("made", "suppressed")]), []);
        assert_eq!(
            quiet
                .told(at("2026-11-22T03:41:51Z"), vec![], &|_| false)
                .iter()
                .map(|it| it.change)
                .collect::<Vec<_>>(),
            ["made"]
        );
    }
}
