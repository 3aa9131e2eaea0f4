//! What goes on: seconds of flows and of media, and what receivers say of it. Most observations are of these.

use smallvec::SmallVec;
use spanwatch_parsers::{Activity, BindingBy, Fact, ReceiverReport, StreamActivity};

use super::directory::{Number, is_device_address};
use super::{Ledger, is_server_side};
use crate::observation::{Cite, Observation, Party};
use crate::verdict::witness::{Ask, How};

impl Ledger {
    /// Gets ready for observations that come next, in steps ([`crate::ahead`]).
    pub(super) fn expect(&self, next: &[Observation]) {
        let bearer = |party: &Party| self.directory.find_mac(party.mac?);
        let mut subjects: SmallVec<[Option<Number>; EXPECTED]> = SmallVec::new();
        // Both sides of a flow come one after the other: what is looked at is the same.
        let mut met: SmallVec<[Number; 2 * EXPECTED]> = SmallVec::new();
        let mut before: Option<(&Observation, [Option<Number>; 2])> = None;
        for seen in next {
            let parties = match before.filter(|(before, _)| is_other_side(before, seen)) {
                Some((_, [subject, peer])) => [peer, subject],
                None => {
                    let parties = [bearer(&seen.subject), bearer(&seen.peer)];
                    met.extend(parties.into_iter().flatten());
                    match &seen.fact {
                        Fact::Activity(_) => self.view.foresee(seen),
                        Fact::Binding { ip, .. } => self.directory.foresee_ip(*ip),
                        _ => {}
                    }
                    parties
                }
            };
            let [subject, _] = parties;
            subjects.push(subject);
            before = Some((seen, parties));
        }
        for number in &met {
            self.directory.foresee(*number);
            self.verdict.foresee(*number);
        }
        for (seen, device) in next.iter().zip(subjects) {
            if matches!(seen.fact, Fact::Activity(_)) {
                self.watchers.foresee(seen, device);
            }
        }
        for number in &met {
            self.directory.foresee_more(*number);
            self.verdict.foresee_more(*number);
        }
        for number in met {
            self.verdict.foresee_all(number);
        }
    }

    pub(super) fn activity(&mut self, seen: &Observation, activity: &Activity) {
        self.second = Some(seen.cite);
        let mut home = self.directory.at_home(&seen.subject);
        if home.is_none() {
            self.carried(&seen.subject);
        }
        if self.is_foreign(seen) {
            let to = self.directory.find(&seen.peer);
            self.parties = Some((None, to));
            self.view.heard(seen, activity, None, to);
            return;
        }
        let is_link_scope = seen.subject.hop_limit == HOP_LIMIT_OF_THE_LINK;
        if let (true, Some(mac), Some(ip)) = (is_link_scope, seen.subject.mac, seen.subject.ip) {
            self.bind(mac, ip, BindingBy::LinkScope, seen);
            home = None;
        }
        let Some(number) = home.or_else(|| self.device_of(&seen.subject, seen)) else { return };
        let first = Cite::new(activity.first_frame.0, activity.first_frame.1);
        let mut receives_media = false;
        if let Some(device) = self.directory.heard(number, (activity.first, activity.last)) {
            device.first_seen = device.first_seen.min(seen.at);
            receives_media = device.receives_media || !device.rare.pulled_from.is_empty();
            device.speaks |= seen.peer.ip.is_some_and(is_device_address);
            if activity.last >= device.last_seen {
                device.last_frame = seen.cite;
            }
            device.is_router |= seen.subject.ip.is_some_and(|ip| self.routers.contains(&ip));
            device.packets = device.packets.saturating_add(activity.packets);
            device.bytes = device.bytes.saturating_add(activity.bytes);
            // What a router passed on bears its MAC, and the VLAN is not the device's.
            if device.macs.is_empty() || seen.subject.mac.is_some_and(|mac| device.macs.contains(&mac)) {
                device.in_vlan(seen.subject.vlan, &mut self.refused);
                device.last_own = device.last_own.max(activity.last);
                self.view.back(number, (activity.first, first));
            }
        }
        if let (Some(protocol), Some(one), Some(other)) = (activity.protocol, seen.subject.ip, seen.peer.ip) {
            self.sessions.carried((one, other), protocol, activity.bytes);
        }
        let to = self.directory.find(&seen.peer);
        self.parties = Some((Some(number), to));
        if let Some(device) = to.and_then(|to| self.directory.device_mut(to)) {
            device.is_spoken_to = true;
        }
        if let Some(to) = to {
            self.verdict.addressed(to, number, activity.last);
        }
        self.view.heard(seen, activity, Some(number), to);
        if self.senders.len() < SENDERS_COUNTED {
            self.senders.insert(number);
        }
        self.verdict.heard(number, (activity.first, first), (activity.last, seen.cite));
        if let (Some(stamp), Some(peer)) = (activity.stamp, seen.peer.ip) {
            self.verdict.stamped(number, peer, (activity.first, first), stamp);
        }
        if let Some(peer) = seen.peer.ip
            && (is_server_side(seen) || receives_media)
        {
            self.verdict.signed(number, activity, peer, to);
        }
    }

    pub(super) fn stream(&mut self, seen: &Observation, second: &StreamActivity) {
        let Some(ip) = seen.subject.ip else { return };
        let number = self.site_device_of(seen);
        self.streams.measured(number, ip, second, seen.cite);
        self.losses.measured(number, ip, seen, second);
        let Some(number) = number else { return };
        if let Some(device) = self.directory.device_mut(number) {
            device.sends_media = true;
        }
        let cite = Cite::new(second.first_frame.0, second.first_frame.1);
        let client = self.directory.find_ip(second.destination, seen.subject.vlan);
        if let Some(device) = client.and_then(|client| self.directory.device_mut(client)) {
            device.receives_media = true;
        }
        self.verdict.streamed(number, second, client, cite);
    }

    /// Takes a receiver's word on media, where it goes to who sends it.
    pub(super) fn received(&mut self, seen: &Observation, report: &ReceiverReport) {
        let Some(source) = self.directory.find(&seen.peer) else { return };
        let Some(last) = self.directory.device(source).map(|device| device.last_seen) else { return };
        let by = self.directory.find(&seen.subject);
        self.view.reported(seen, by, (source, last), report);
        let sequence = report.highest_sequence as u16;
        if let Some(by) = by.filter(|_| self.verdict.ended_with(source, report.ssrc, sequence)) {
            let how = How::ReceivesNothing;
            self.verdict.asked(source, Ask { at: seen.at, cite: seen.cite, by, how, attempt: 1 });
        }
    }
}

/// Whether these are two seconds of one flow, each of one side.
fn is_other_side(one: &Observation, other: &Observation) -> bool {
    let is_second = |seen: &Observation| matches!(seen.fact, Fact::Activity(_));
    is_second(one) && is_second(other) && (one.subject, one.peer) == (other.peer, other.subject)
}

/// Observations looked at before the first of them is taken: what that fetches has room in the nearest memory.
pub(super) const EXPECTED: usize = 16;

/// What no router has touched (RFC 5082, 3).
const HOP_LIMIT_OF_THE_LINK: u8 = 255;
/// Senders in one second that are told apart: enough for [`mirror_lost`](crate::detectors::mirror_lost).
const SENDERS_COUNTED: usize = 8;
