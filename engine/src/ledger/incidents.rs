//! Incidents: what the verdict knows, as findings.
//!
//! ```text
//! absences ─► fate: which belong together ─► again: which are the same again ─► one finding each
//! ```

use spanwatch_parsers::{Span, Text, Time};

use super::Ledger;
use super::directory::Number;
use crate::detectors::device_offline::{self, Around};
use crate::detectors::{
    address_conflict, boot_loop, device_flapping, device_restarted, devices_offline_together, dhcp_exhausted,
    dhcp_failed, path_congestion, recorder_offline, stream_loss_shared, switch_fault, wrong_segment,
};
use crate::finding::Finding;
use crate::verdict::Absence;
use crate::verdict::again::{self, Episode, Repeated};
use crate::verdict::fate::{self, Fate};
use crate::verdict::returns::Hole;

impl Ledger {
    /// Every incident as of `now`.
    pub(super) fn incidents(&self, now: Time) -> Vec<Finding> {
        let absences = self.verdict.absences();
        let fates = fate::incidents(absences, |number| self.switch_of(number));
        // Where the mirror drops packets a device seems cut off for a moment, and something seems lost.
        let is_real = |hole: &&Hole| !self.losses.mirror_drops_at(hole.from.0);
        let holes: Vec<Hole> = self.verdict.holes().iter().filter(is_real).cloned().collect();
        let story = again::sort(&fates, absences, &holes, self.verdict.restarts());
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
pub(super) fn explained(findings: Vec<Finding>) -> Vec<Finding> {
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
    let (mut reasons, others): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(|finding| {
        of_addresses.contains(&finding.kind.id) || finding.kind.id == path_congestion::KIND.id
    });
    let mut kept = Vec::new();
    for finding in others {
        let explains = |reason: &&mut Finding| {
            let is_in_time = finding.first_seen >= reason.first_seen - AROUND
                && reason.ended.is_none_or(|ended| finding.first_seen <= ended + AROUND);
            is_in_time && finding.devices.iter().all(|device| reason.devices.contains(device))
        };
        let of_it = reasons_of(finding.kind.id);
        match reasons.iter_mut().filter(|it| of_it.contains(&it.kind.id)).find(explains) {
            Some(reason) => reason.supersedes.push(finding.id),
            None => kept.push(finding),
        }
    }
    kept.extend(reasons);
    kept
}

/// Who has another's answers in his neighbours' tables is looked for in vain until they ask again.
const AROUND: Span = Span::seconds(60);
