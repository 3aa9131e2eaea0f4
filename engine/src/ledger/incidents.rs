//! Incidents: what the verdict knows, as findings.
//!
//! ```text
//! absences ─► fate: which belong together ─► again: which are the same again ─► one finding each
//! ```

use spanwatch_parsers::{Span, Text, Time};

use super::Ledger;
use super::device::Device;
use super::directory::Number;
use crate::detectors::device_offline::{self, Around};
use crate::detectors::{
    address_conflict, arp_spoofing, boot_loop, device_flapping, device_restarted, devices_offline_together,
    dhcp_exhausted, dhcp_failed, path_congestion, recorder_offline, redundancy_lost, stream_loss_shared,
    switch_fault, wrong_segment,
};
use crate::finding::{Cause, Finding};
use crate::verdict::Absence;
use crate::verdict::again::{self, Episode, Repeated};
use crate::verdict::fate::{self, Fate};
use crate::verdict::returns::Hole;

impl Ledger {
    /// Every incident as of `now`.
    pub(super) fn incidents(&self, now: Time) -> Vec<Finding> {
        let absences = self.verdict.absences();
        let fates =
            fate::incidents(absences, |number| self.switch_of(number), |absence| self.switch_lives(absence));
        // Where the mirror drops packets a device seems cut off for a moment, and something seems lost.
        let is_real = |hole: &&Hole| !self.losses.mirror_drops_at(hole.from.0);
        let holes: Vec<Hole> = self.verdict.holes().iter().filter(is_real).cloned().collect();
        let is_guarded = |number| self.directory.device(number).is_some_and(Device::is_guarded);
        let unnamed = self.verdict.unnamed_starts().filter(|start| is_guarded(start.device));
        let starts = self.verdict.restarts().chain(unnamed);
        let story = again::sort(&fates, absences, &holes, starts);
        let groups = story.groups.iter().filter_map(|outages| self.again(outages, &fates, now));
        let devices = story.devices.iter().filter_map(|repeated| self.repeated(repeated, now));
        let alone = story.alone.iter().filter_map(|index| self.incident(fates.get(*index)?, now));
        let starts = story.starts.iter().map(|restart| {
            let switch = self.switch_of(restart.device).map(|id| id.as_str().to_owned());
            device_restarted::finding(restart, &self.directory, switch)
        });
        groups.chain(devices).chain(alone).chain(starts).collect()
    }

    /// Words outages of one group.
    fn again(&self, outages: &[usize], fates: &[Fate], now: Time) -> Option<Finding> {
        let fates: Vec<&Fate> = outages.iter().filter_map(|index| fates.get(*index)).collect();
        let opened_as = self.opened_as.get(*fates.first()?.members.first()?)?;
        let switch = fates.iter().rev().find_map(|fate| fate.switch.as_ref());
        let name = switch.map(|id| self.switch_name(id));
        let told: Vec<Finding> = fates.iter().filter_map(|fate| self.incident(fate, now)).collect();
        switch_fault::finding(&told, name.as_ref().map(Text::as_str), &self.directory, opened_as, now)
    }

    /// Words what befell one device several times.
    fn repeated(&self, repeated: &Repeated<'_>, now: Time) -> Option<Finding> {
        let now_called =
            self.directory.device(repeated.device).map_or_else(String::new, |device| device.id());
        let opened_as = |absence: &Absence| {
            let index = self.verdict.absences().iter().position(|it| std::ptr::eq(it, absence));
            index.and_then(|index| self.opened_as.get(index))
        };
        let first = repeated.episodes.first()?;
        let name = match first {
            Episode::Gone(_, absence) => opened_as(absence),
            Episode::Cut(_) | Episode::Anew(_) => None,
        };
        let supersedes = repeated.episodes.iter().filter_map(|episode| match episode {
            Episode::Gone(_, absence) => Some(self.single(absence, opened_as(absence)?, now).id),
            Episode::Cut(_) | Episode::Anew(_) => None,
        });
        let around = device_flapping::Around {
            opened_as: name.unwrap_or(&now_called),
            directory: &self.directory,
            switch: self.switch_of(repeated.device).map(|id| id.as_str().to_owned()),
            supersedes: supersedes.collect(),
            now,
        };
        if repeated.is_loop() {
            boot_loop::finding(repeated, around)
        } else {
            device_flapping::finding(repeated, around)
        }
    }

    /// Words one incident: a single absence, or several that belong together.
    fn incident(&self, fate: &Fate, now: Time) -> Option<Finding> {
        let members: Vec<(&Absence, &String)> = fate
            .members
            .iter()
            .filter_map(|index| self.verdict.absences().get(*index).zip(self.opened_as.get(*index)))
            .collect();
        let (first, opened_as) = *members.first()?;
        if members.len() == 1 {
            return Some(self.single(first, opened_as, now));
        }
        let early = members.iter().filter(|(absence, _)| absence.detected < fate.detected);
        let supersedes = early.map(|(absence, opened_as)| self.single(absence, opened_as, now).id).collect();
        let name = fate.switch.as_ref().map(|id| self.switch_name(id));
        let heard = fate.switch.as_ref().and_then(|id| self.chassis.get(id)).copied();
        let around = devices_offline_together::Around {
            opened_as,
            directory: &self.directory,
            switch_name: name.as_ref().map(Text::as_str),
            switch_heard: heard
                .and_then(|number| self.directory.device(number))
                .map(|device| device.last_seen),
            supersedes,
            now,
        };
        let absences: Vec<&Absence> = members.iter().map(|(absence, _)| *absence).collect();
        devices_offline_together::finding(fate, &absences, around)
    }

    fn single(&self, absence: &Absence, opened_as: &str, now: Time) -> Finding {
        let absence = &self.by_itself(absence);
        let switch = self.switch_of(absence.device);
        let is_shared = !absence.together.is_empty()
            && absence.together.len() == absence.together_count
            && absence.together.iter().all(|other| self.switch_of(*other) == switch);
        let around = Around {
            opened_as,
            directory: &self.directory,
            shared: switch.as_ref().filter(|_| is_shared).map(|id| self.switch_name(id).as_str().to_owned()),
            switch: switch.map(|id| id.as_str().to_owned()),
            now,
        };
        device_offline::finding(absence, around)
    }

    /// The same without those who fell silent beside it for a reason of their own: they are told of in another finding, or
    /// who received their media was gone himself, so that they had nobody to send to.
    fn by_itself(&self, absence: &Absence) -> Absence {
        let mut own = absence.clone();
        own.together.retain(|other| {
            let near = |it: &&Absence| Span((it.since - absence.since).0.saturating_abs()) <= fate::TOGETHER;
            let gone = |number: Number| self.verdict.absences_of(number).any(|it| near(&it));
            !gone(*other) && !self.verdict.clients(*other).any(gone)
        });
        let explained = absence.together.len().saturating_sub(own.together.len());
        own.together_count = own.together_count.saturating_sub(explained);
        own
    }

    /// Whether another device of the same switch, of which something is expected, lived all through an absence.
    fn switch_lives(&self, absence: &Absence) -> bool {
        let Some(switch) = self.switch_of(absence.device) else { return false };
        let until = absence.ended.map_or(Time::MAX, |(at, _)| at);
        let lived = |number: Number| {
            self.verdict.is_expected(number)
                && self.directory.device(number).is_some_and(|it| it.last_seen > absence.detected)
                && !self
                    .verdict
                    .absences_of(number)
                    .any(|it| it.since <= until && it.ended.is_none_or(|(ended, _)| ended >= absence.since))
        };
        self.directory.devices().any(|(number, device)| {
            number != absence.device
                && device.attachment.as_ref().and_then(|it| it.switch.as_ref()).is_some()
                && self.switch_of(number).as_ref() == Some(&switch)
                && lived(number)
        })
    }

    /// The id of the switch that a device hangs on.
    fn switch_of(&self, number: Number) -> Option<Text> {
        let attachment = self.directory.device(number)?.attachment.as_ref()?;
        attachment.switch.as_ref().map(|said| self.switches.id_of(said))
    }

    /// What to call a switch.
    fn switch_name(&self, id: &Text) -> Text {
        self.switches.get(id).and_then(|it| it.name.clone()).unwrap_or_else(|| id.clone())
    }
}

/// Leaves out what another finding explains (facts, offline_and_switch 9.4, N15, and 10.4): of two devices that fight for
/// one address each seems to be gone in turns, who is given no address comes and goes with each question for one, and so
/// does who speaks in another VLAN. What is lost on a path because the path is full is no second fault.
pub(super) fn explained(findings: &mut Vec<Finding>) {
    let of_addresses =
        [address_conflict::KIND.id, dhcp_failed::KIND.id, dhcp_exhausted::KIND.id, wrong_segment::KIND.id];
    let seems_gone = [
        recorder_offline::KIND.id,
        device_offline::KIND.id,
        device_flapping::KIND.id,
        device_restarted::KIND.id,
        boot_loop::KIND.id,
    ];
    let reasons_of = |kind: &str| -> &[&str] {
        match kind {
            kind if seems_gone.contains(&kind) => &of_addresses,
            kind if kind == stream_loss_shared::KIND.id => &[path_congestion::KIND.id],
            _ => &[],
        }
    };
    let is_reason = |finding: &mut Finding| {
        of_addresses.contains(&finding.kind.id) || finding.kind.id == path_congestion::KIND.id
    };
    let mut reasons: Vec<Finding> = findings.extract_if(.., is_reason).collect();
    findings.retain(|finding| {
        let explains = |reason: &&mut Finding| {
            let is_in_time = finding.first_seen >= reason.first_seen - AROUND
                && reason.ended.is_none_or(|ended| finding.first_seen <= ended + AROUND);
            is_in_time && finding.devices.iter().all(|device| reason.devices.contains(device))
        };
        let of_it = reasons_of(finding.kind.id);
        let reason = reasons.iter_mut().filter(|it| of_it.contains(&it.kind.id)).find(explains);
        superseded(finding, reason)
    });
    findings.extend(reasons);
}

/// Notes that another says what a finding says; whether none does.
fn superseded(finding: &Finding, by: Option<&mut Finding>) -> bool {
    let is_kept = by.is_none();
    by.into_iter().for_each(|by| by.supersedes.push(finding.id.clone()));
    is_kept
}

/// Leaves out that two hold one address where one of them pretends to: that is told as what it is.
pub(super) fn pretended(findings: &mut Vec<Finding>) {
    if !findings.iter().any(|finding| finding.kind.id == arp_spoofing::KIND.id) {
        return;
    }
    let is_conflict = |finding: &mut Finding| finding.kind.id == address_conflict::KIND.id;
    let conflicts: Vec<Finding> = findings.extract_if(.., is_conflict).collect();
    for conflict in conflicts {
        let explains = |it: &&mut Finding| {
            it.kind.id == arp_spoofing::KIND.id
                && conflict.devices.iter().all(|device| it.devices.contains(device))
        };
        if superseded(&conflict, findings.iter_mut().find(explains)) {
            findings.push(conflict);
        }
    }
}

/// Leaves out who was cut off until another way was taken, and while the former one was taken again: that is of the
/// lost way (IEEE 802.1D-2004, table 17-1: twice 15 s).
pub(super) fn rerouted(findings: &mut Vec<Finding>) {
    let is_way = |finding: &mut Finding| finding.kind.id == redundancy_lost::KIND.id;
    let mut ways: Vec<Finding> = findings.extract_if(.., is_way).collect();
    findings.retain(|finding| {
        let is_of = |way: &&mut Finding| {
            let Some(ended) = finding.ended else { return false };
            let (since, taken) = (finding.first_seen, way.first_seen);
            let until_it_was_taken = (taken - REROUTES..=taken + NEAR).contains(&since)
                && (taken - NEAR..=taken + REROUTES).contains(&ended);
            let while_it_was_left = way
                .ended
                .is_some_and(|left| (left - NEAR..=left + NEAR).contains(&since) && ended <= left + REROUTES);
            until_it_was_taken || while_it_was_left
        };
        let kinds = [device_offline::KIND.id, devices_offline_together::KIND.id];
        let lived = matches!(finding.cause, Some(Cause::Link | Cause::Uplink | Cause::Unknown));
        superseded(finding, ways.iter_mut().filter(|_| lived && kinds.contains(&finding.kind.id)).find(is_of))
    });
    findings.extend(ways);
}

/// Ports listen and learn for so long before they forward, and a little.
const REROUTES: Span = Span::seconds(35);
/// A bridge tells of a change when it forwards, and a port is announced when its link is up: within this time.
const NEAR: Span = Span::seconds(5);

/// Who has another's answers in his neighbours' tables is looked for in vain until they ask again.
const AROUND: Span = Span::seconds(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Kind;

    fn s(s: i64) -> Time {
        Time(s * 1_000_000_000)
    }

    fn finding(kind: &'static Kind, since: i64, ended: Option<i64>, cause: Cause) -> Finding {
        Finding {
            ended: ended.map(s),
            cause: Some(cause),
            ..Finding::of_network(kind, "", s(since), s(since + 5))
        }
    }

    /// How many findings are left beside a way that was lost at 100 s and was back at 200 s.
    fn left(since: i64, ended: Option<i64>, cause: Cause) -> usize {
        let way = finding(&redundancy_lost::KIND, 100, Some(200), Cause::Uplink);
        let gone = finding(&device_offline::KIND, since, ended, cause);
        let mut findings = vec![gone, way];
        rerouted(&mut findings);
        let superseded = findings.last().map_or(0, |way| way.supersedes.len());
        assert_eq!(findings.len() + superseded, 2);
        findings.len() - 1
    }

    #[test]
    fn who_was_cut_off_until_another_way_was_taken_is_of_the_lost_way() {
        assert_eq!(left(96, Some(102), Cause::Link), 0);
        assert_eq!(left(70, Some(104), Cause::Unknown), 0);
        assert_eq!(left(201, Some(231), Cause::Link), 0);
    }

    #[test]
    fn who_stays_away_started_anew_or_was_cut_off_at_another_time_is_told() {
        assert_eq!(left(96, None, Cause::Link), 1);
        assert_eq!(left(96, Some(102), Cause::DeviceRestart), 1);
        assert_eq!(left(80, Some(92), Cause::Link), 1);
        assert_eq!(left(110, Some(122), Cause::Link), 1);
        assert_eq!(left(196, Some(280), Cause::Link), 1);
    }
}
