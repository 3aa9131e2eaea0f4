//! `stp-root-change`: another switch has become the root of the spanning tree.
//!
//! ## What it says
//! Switches agree on one of them from which all paths of the network are reckoned, the root. After the capture's first minute, or
//! once they have named one for 40 s, they name another one, for six seconds and three times at least, and the former one no more. It ends when
//! the former root is back, or a third switch takes over.
//!
//! ## Why it matters
//! All paths are rebuilt: for a moment, with old switches for half a minute, pictures freeze everywhere. If the new root is a
//! small switch that somebody plugged in, all traffic takes its way through that switch from now on.
//!
//! ## Where it is wrong
//! IT may have changed the priority of a switch on purpose. Two networks that one mirror shows have a root each and are left
//! alone; so is a switch that starts and names itself until it hears the others. In trees of MSTP the common root is
//! watched, not those of the instances.
//!
//! ## State
//! Eight roots of each tree; 1,024 takeovers ([`super::roots`]).

use spanwatch_parsers::{Fact, Span, Time};

use super::roots::{Roots, Takeover};
use super::{Detector, Known, in_vlans, of_vlan};
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::observation::Observation;
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "stp-root-change",
    category: "network",
    severity: Severity::High,
    source: include_str!("stp_root_change.rs"),
    start: Some(|| Box::new(RootChange::default())),
};

/// Trees of several VLANs that change to the same root within this time change for one reason (max age and forward delay
/// twice, IEEE 802.1D-2004, table 17-1).
const TOGETHER: Span = Span::seconds(50);
/// Bridges say it in so many words, in per cent.
const SAID: u8 = 95;

/// Who is root, and who was.
#[derive(Debug, Default)]
pub struct RootChange {
    roots: Roots,
}

impl Detector for RootChange {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Bridge(_))
    }

    fn begin(&mut self, at: Time) {
        self.roots.begin(at);
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        self.roots.observe(seen);
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.roots.unwatched(from, to);
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let mut groups: Vec<Vec<&Takeover>> = Vec::new();
        for it in self.roots.takeovers() {
            let is_same = |group: &&mut Vec<&Takeover>| {
                group.first().is_some_and(|first| {
                    first.from.id.mac == it.from.id.mac
                        && first.to.id.mac == it.to.id.mac
                        && it.to.first.at - first.to.first.at <= TOGETHER
                        && first.vlan != it.vlan
                })
            };
            match groups.iter_mut().rev().find(is_same) {
                Some(group) => group.push(it),
                None => groups.push(vec![it]),
            }
        }
        groups.iter().filter_map(|group| finding(group, known)).collect()
    }
}

/// Words a takeover, of several trees where they changed together.
fn finding(group: &[&Takeover], known: &Known<'_>) -> Option<Finding> {
    let it = *group.first()?;
    let vlans: Vec<u16> = group.iter().filter_map(|it| it.vlan).collect();
    let (number, new) = known.bearer(it.to.id.mac);
    let (_, old) = known.bearer(it.from.id.mac);
    let (since, at_vlans) = (clock_time(it.to.first.at), in_vlans(&vlans));
    let is_better = it.to.id < it.from.id;
    let maker = known.fingerprints.vendor_of(it.to.id.mac);
    let made = maker.map_or_else(|| "a maker that we do not know".to_owned(), ToOwned::to_owned);
    let ended =
        group.iter().map(|it| it.ended).min().flatten().filter(|_| group.iter().all(|it| it.ended.is_some()));
    let is_over =
        ended.map_or_else(String::new, |at| format!(" It was over after {}.", length(at - it.to.first.at)));
    let why = if is_better {
        "It has the better bridge id, so it was added, or set to a better priority.".to_owned()
    } else {
        format!(
            "Its bridge id is worse, so the former root was lost to those that we hear: its last word was {} old at {} UTC.",
            length(it.from.last.age),
            clock_time(it.from.last.at)
        )
    };
    let asks = if is_better {
        "find out who added or changed this switch"
    } else {
        "find out what happened to the switch that led before"
    };
    let evidence = [(&it.from, it.from.last, "last"), (&it.to, it.to.first, "first")];
    Some(Finding {
        confidence: SAID,
        devices: number.into_iter().collect(),
        switch: known.switch_with(it.to.id.mac),
        cause: is_better.then_some(Cause::Switch),
        title: format!("Another switch leads the network{at_vlans} since {since} UTC: {new}"),
        summary: format!(
            "Since {since} UTC another switch decides how data travels through the network{at_vlans}: {new}, of {made}. While the switches rebuilt their paths, pictures of many cameras may have frozen for a moment; the cameras are fine.{is_over} It is IT's turn: {asks}."
        ),
        detail: format!(
            "Root of the spanning tree{at_vlans} was {} ({old}), and is {} ({new}), maker {made}. {why}",
            it.from.id, it.to.id
        ),
        remedy: if is_better {
            "If nobody meant it to be root, unplug it or raise its priority value, give the core switch the lowest one, and turn on root guard on ports towards access switches and BPDU guard on ports of devices.".to_owned()
        } else {
            "Look at power, uplinks and log of the former root. If it is gone for good, give another core switch the lowest priority value, so that the tree is the one you planned.".to_owned()
        },
        verify: format!("Its BPDUs name {} as root again; then this finding gets an end.", it.from.id),
        evidence: evidence
            .map(|(root, sight, when)| Evidence {
                at: sight.at,
                cite: Some(sight.cite),
                protocol: Some("stp"),
                text: format!(
                    "{} named {when} as root, by {}, message age {}",
                    root.id,
                    sight.by,
                    length(sight.age)
                ),
            })
            .to_vec(),
        last_seen: ended.unwrap_or(it.to.last.at),
        ended,
        ..Finding::of_network(&KIND, &of_vlan(it.vlan), it.to.first.at, it.detected)
    })
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, mac, s};
    use super::super::roots::tests::{bpdu, from};
    use super::*;
    use crate::observation::Party;

    /// The core, number 5, is root for 100 s, then another is, in these trees.
    fn changed(root: u8, vlans: &[Option<u16>]) -> Bench {
        let mut bench = Bench::new();
        for n in (0..120).step_by(2) {
            for vlan in vlans {
                let root = if n < 100 { 5 } else { root };
                bench.sees(s(n), from(5), Party::default(), bpdu(root, 5, false, 3, *vlan));
            }
            bench.tick(s(n + 1));
        }
        bench
    }

    #[test]
    fn a_better_root_is_named_with_its_switch() {
        let mut bench = changed(2, &[None]);
        bench.claims(s(120), mac(2), "192.0.2.2", None);
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected), (s(100), s(106)));
        assert_eq!(
            (finding.devices.len(), finding.cause, finding.evidence.len()),
            (1, Some(Cause::Switch), 2)
        );
        assert!(finding.detail.contains("better bridge id"), "{}", finding.detail);
    }

    #[test]
    fn a_worse_root_means_that_the_former_is_lost() {
        let [finding] = &changed(9, &[None]).of(&KIND)[..] else { panic!("one finding") };
        assert_eq!(finding.cause, None);
        assert!(finding.detail.contains("was lost"), "{}", finding.detail);
    }

    #[test]
    fn trees_of_vlans_that_change_together_are_one_finding() {
        let [finding] = &changed(2, &[Some(10), Some(20)]).of(&KIND)[..] else { panic!("one finding") };
        assert!(finding.title.contains("in VLANs 10, 20"), "{}", finding.title);
    }

    #[test]
    fn nothing_is_said_where_the_root_stays() {
        assert!(changed(5, &[None, Some(10)]).of(&KIND).is_empty());
    }
}
