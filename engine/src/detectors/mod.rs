//! What Spanwatch can find: one file per kind, its documentation its help page.

pub mod account_changed;
pub mod address_conflict;
pub mod admission_refused;
pub mod arp_spoofing;
#[cfg(test)]
pub(crate) mod bench;
mod bonds;
pub mod boot_loop;
pub mod broadcast_storm;
pub mod brute_force;
pub mod certificate_expired;
pub mod certificate_expiring;
pub mod certificate_long_lived;
pub mod certificate_not_yet_valid;
pub mod certificate_self_signed;
pub mod certificate_shared_key;
pub mod certificate_weak_key;
pub mod certificate_weak_signature;
pub mod certificate_wrong_name;
mod certificates;
pub mod cleartext_login;
pub mod cleartext_management;
pub mod cleartext_panel_link;
pub mod cleartext_video;
pub mod clock_wrong;
pub mod configuration_changed;
pub mod default_password;
pub mod device_flapping;
pub mod device_offline;
pub mod device_restarted;
pub mod devices_offline_together;
pub mod dhcp_exhausted;
pub mod dhcp_failed;
mod dhcp_servers;
pub mod dns_tunnel;
pub mod door_command;
mod ends;
pub mod foreign_server;
pub mod ftp_open;
pub mod identity_changed;
pub mod input_damaged;
pub mod internet_egress;
pub mod internet_exposed;
pub mod large_upload;
pub mod lateral_connection;
mod leasing;
pub mod legacy_ssh;
pub mod limit_reached;
pub mod link_degraded;
mod losses;
pub mod mac_moving;
pub mod mirror_clock;
pub mod mirror_drops;
pub mod mirror_duplicates;
pub mod mirror_lost;
pub mod mirror_one_way;
pub mod mirror_partial;
pub mod mirror_truncated;
pub mod neighbor_changed;
pub mod new_device;
pub mod no_authentication;
pub mod no_forward_secrecy;
pub mod nonce_reuse;
pub mod not_activated;
pub mod not_recorded;
mod notices;
mod orders;
pub mod p2p_cloud;
pub mod path_congestion;
mod paths;
mod peers;
pub mod plaintext_token;
pub mod port_flapping;
pub mod port_scan;
pub mod power_fault;
pub mod ptz_command;
pub mod querier_missing;
pub mod recorder_offline;
pub mod recorder_storage_fault;
pub mod redundancy_lost;
pub mod references;
pub mod rogue_dhcp;
pub mod rogue_ra;
mod roots;
pub mod service_down;
mod silent_connections;
pub mod smb1;
pub mod snmp_default_community;
pub mod snmp_v1v2c;
mod speaker;
mod stalls;
pub mod stp_root_change;
pub mod stp_topology_change;
pub mod stream_loss;
pub mod stream_loss_downstream;
pub mod stream_loss_shared;
pub mod stream_stalled;
pub mod switch_fault;
pub mod switching_loop;
pub mod tamper_reported;
pub mod telnet_open;
mod time_losses;
pub mod time_source_lost;
pub mod unexpected_service;
pub mod unexpected_viewer;
pub mod upnp_exposed;
pub mod video_signal_lost;
pub mod weak_authentication;
pub mod weak_password;
pub mod weak_tls_cipher;
pub mod weak_tls_version;
mod weakness;
pub mod wrong_segment;

use std::fmt;
use std::net::IpAddr;

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{Fact, Mac, Span, Text, Time};

use crate::expected::{Candidate, LEARNS, Peer, Role};
use crate::finding::{Finding, Kind};
use crate::ledger::device::Device;
use crate::ledger::directory::{Directory, Number, is_site_address};
use crate::ledger::loss::Losses;
use crate::ledger::memory::Memory;
use crate::ledger::switch::Switches;
use crate::networks::Networks;
use crate::observation::{Observation, Party};
use crate::policy::Policy;
use crate::verdict::Absence;
use crate::verdict::view::Fault;

/// What watches for one kind of thing.
///
/// It takes observations in their order, after the ledger has; it reads the ledger and changes nothing in it.
/// Whatever it holds is bounded.
pub trait Detector: fmt::Debug + Send {
    /// Takes the next observation that it [reads](Self::reads).
    fn observe(&mut self, seen: &Observation, known: &Known<'_>);

    /// Whether it reads facts of this form, whatever they say: it takes no others.
    fn reads(&self, fact: &Fact) -> bool;

    /// Of what goes on ([`Fact::Activity`]), which is most of all that it could read, whether it reads what looks like this.
    fn heeds(&self, _look: Look) -> bool {
        true
    }

    /// Whether nothing of what goes on means anything to it now; asked after each of its turns.
    fn is_idle(&self) -> bool {
        false
    }

    /// Whether it has fetched ahead what it will look at of what goes on.
    fn looks_ahead(&self) -> bool {
        false
    }

    /// Fetches what it will look at of this second ([`crate::ahead`]), which is of `_device` as far as its MAC tells.
    fn foresee(&self, _seen: &Observation, _device: Option<Number>) {}

    /// Says that the first observation is of `at`.
    fn begin(&mut self, _at: Time) {}

    /// Says that all of the time before `to` has been seen: deadlines up to then may fire, in their order, stamped with themselves.
    fn advance(&mut self, _to: Time, _known: &Known<'_>) {}

    /// Says that nobody watched between the two, or that the capture's clock leapt from one to the other:
    /// deadlines move by as much, and what is measured begins anew.
    fn unwatched(&mut self, _from: Time, _to: Time) {}

    /// Says that one device turned out to be another.
    fn renumber(&mut self, _gone: Number, _kept: Number) {}

    /// Whom it learned to expect, as of now.
    fn learned(&self, _known: &Known<'_>) -> Vec<Peer> {
        Vec::new()
    }

    /// Who turned out not to belong in a role, whoever learned him in it.
    fn refuted(&self) -> Vec<(Role, String)> {
        Vec::new()
    }

    /// What it found, as of now.
    fn findings(&self, known: &Known<'_>) -> Vec<Finding>;

    /// What it holds at most, and how much it did not keep for that.
    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        Vec::new()
    }
}

/// How a second of one side of a flow looks at a glance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// It runs over TCP.
    pub is_tcp: bool,
    /// It goes to a group, to all, or to nobody who can be told.
    pub is_to_many: bool,
    /// One of the two has an address that is none of a site's.
    pub is_remote: bool,
    /// It bears a VLAN's tag.
    pub is_tagged: bool,
}

impl Look {
    /// How many there are.
    pub const COUNT: usize = 16;

    /// That of an observation.
    #[must_use]
    pub fn of(seen: &Observation) -> Self {
        let is_remote = |ip: Option<IpAddr>| ip.is_some_and(|ip| !is_site_address(ip));
        let is_group = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_multicast(),
        };
        Self {
            is_tcp: seen.transport == Some(TCP),
            is_to_many: seen.peer.mac.is_none() || seen.peer.ip.is_none_or(is_group),
            is_remote: is_remote(seen.subject.ip) || is_remote(seen.peer.ip),
            is_tagged: seen.subject.vlan.is_some(),
        }
    }

    /// Its place among all.
    #[must_use]
    pub fn index(self) -> usize {
        let bits = [self.is_tcp, self.is_to_many, self.is_remote, self.is_tagged];
        bits.into_iter().fold(0, |index, bit| index << 1 | usize::from(bit))
    }
}

/// The devices that an observation's subject and peer are, where they are any.
pub type Parties = (Option<Number>, Option<Number>);

/// What a detector may read of the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Who is who.
    pub directory: &'a Directory,
    /// Switches, and who hangs on them.
    pub switches: &'a Switches,
    /// Where media is lost.
    pub losses: &'a Losses,
    /// Who was gone, and when.
    pub absences: &'a [Absence],
    /// What the mirror did not show, and when.
    pub faults: &'a [Fault],
    /// Who makes what.
    pub fingerprints: &'static Fingerprints,
    /// Whom an earlier run knew.
    pub memory: &'a Memory,
    /// What the site allows and forbids.
    pub policy: &'a Policy,
    /// Who has which public addresses.
    pub networks: &'a Networks,
    /// Until then the picture is being learned, and longer where a run has just begun.
    pub learns_until: Time,
    /// The last packet's time.
    pub now: Time,
    /// Whom the ledger took the observation's subject and peer for, where it looked.
    pub parties: Option<Parties>,
}

impl Known<'_> {
    /// The device that the observation's subject is.
    #[must_use]
    pub fn subject(&self, seen: &Observation) -> Option<Number> {
        self.taken_for(&seen.subject, |(subject, _)| subject)
    }

    /// The device that the observation's peer is.
    #[must_use]
    pub fn peer(&self, seen: &Observation) -> Option<Number> {
        self.taken_for(&seen.peer, |(_, peer)| peer)
    }

    fn taken_for(&self, party: &Party, which: impl Fn(Parties) -> Option<Number>) -> Option<Number> {
        let find = || self.directory.find(party);
        let number = self.parties.map_or_else(find, which);
        debug_assert_eq!(number, find(), "{party:?}");
        number
    }

    /// Whether somebody is expected in a role: by the configuration, or by what an earlier run learned; `None` where neither says.
    #[must_use]
    pub fn expects(&self, role: Role, who: Candidate<'_>) -> Option<bool> {
        self.policy.expects(role, who).or_else(|| self.memory.expects(role, who).map(|_| true))
    }

    /// Whether at `at` it is still learned who is expected in a role, of which the first was seen at `since`: where a store says until when,
    /// neither a restart nor a gap begins anew.
    #[must_use]
    pub fn is_learning(&self, role: Role, since: Time, at: Time) -> bool {
        let is_listed = self.policy.expected.contains_key(&role);
        let is_early = || at - since <= LEARNS && self.is_unlearned(role, at);
        let is_stored = self.learns_until > Time::MIN;
        !is_listed && (at <= self.learns_until || (!is_stored && is_early()))
    }

    /// Whether no earlier run learned anybody in a role, and none has had the time to.
    #[must_use]
    pub fn is_unlearned(&self, role: Role, at: Time) -> bool {
        let is_over = self.learns_until > Time::MIN && at > self.learns_until;
        !is_over && self.memory.peers(role).next().is_none()
    }

    /// Who bears a MAC, and what to call him in a sentence: his name with the MAC.
    #[must_use]
    pub fn bearer(&self, mac: Mac) -> (Option<Number>, String) {
        let number = self.directory.find_mac(mac);
        let title = number.and_then(|number| self.directory.device(number)).map(Device::title);
        let called = match title {
            Some(title) if title != mac.to_string() => format!("{title}, hardware address {mac}"),
            _ => format!("hardware address {mac}"),
        };
        (number, called)
    }

    /// Who holds an address, and what to call him in a sentence.
    #[must_use]
    pub fn holder(&self, ip: IpAddr, vlan: Option<u16>) -> (Option<Number>, String) {
        let number = self.directory.find_ip(ip, vlan);
        let title = number.and_then(|number| self.directory.device(number)).map(Device::title);
        (number, title.unwrap_or_else(|| ip.to_string()))
    }

    /// The id of the switch that bears a MAC, where it is known as one.
    #[must_use]
    pub fn switch_with(&self, mac: Mac) -> Option<String> {
        let number = self.directory.find_mac(mac);
        let macs = number.and_then(|number| self.directory.device(number)).map(|device| device.macs.clone());
        let mut ids = std::iter::once(mac)
            .chain(macs.unwrap_or_default())
            .map(|mac| Text::from(mac.to_string().as_str()));
        ids.find(|id| self.switches.get(id).is_some()).map(|id| id.as_str().to_owned())
    }

    /// The id of a device, as of now.
    #[must_use]
    pub fn id_of(&self, number: Number) -> String {
        self.directory.device(number).map_or_else(String::new, Device::id)
    }

    /// What a device offers on a TCP port, in words.
    #[must_use]
    pub fn service(&self, number: Number, port: u16) -> String {
        let offered = self.directory.device(number).map(|device| device.services.keys());
        let protocol = offered
            .into_iter()
            .flatten()
            .find(|(over, at, _)| (*over, *at) == ("tcp", port))
            .map(|key| key.2);
        protocol.map_or_else(
            || format!("its service on port {port}"),
            |protocol| format!("{} on port {port}", protocol.to_uppercase()),
        )
    }

    /// Whether a device was gone at `at`, or came back within [`SETTLES`] before.
    #[must_use]
    pub fn is_near_absence(&self, number: Number, at: Time) -> bool {
        let mut own = self.absences.iter().filter(|absence| absence.device == number);
        own.any(|it| it.since <= at && it.ended.is_none_or(|(ended, _)| at - ended <= SETTLES))
    }

    /// What to call a switch: its name where it told one, else its id.
    #[must_use]
    pub fn switch_name(&self, id: &str) -> String {
        let named = self.switches.iter().find(|(other, _)| other.as_str() == id);
        let name = named.and_then(|(_, switch)| switch.name.as_ref());
        name.map_or_else(|| id.to_owned(), |name| name.as_str().to_owned())
    }

    /// The id of the switch that a device hangs on.
    #[must_use]
    pub fn switch_of(&self, number: Number) -> Option<String> {
        let said = self.directory.device(number)?.attachment.as_ref()?.switch.as_ref()?;
        Some(self.switches.id_of(said).as_str().to_owned())
    }
}

/// IP protocol number.
const TCP: u8 = 6;

/// Around the beginning of an outage (facts, offline_and_switch 9.4, N8), as STP needs its time (802.1D-2004, table 17-1).
const AROUND_LOSS: (Span, Span) = (Span::seconds(5), Span::seconds(50));
/// Around its end, but not before its beginning: a switch forwards minutes before what it feeds has started, and what is
/// heard at a port before that forwards is heard twice 15 s before the tree changes.
const AROUND_RETURN: (Span, Span) = (Span::seconds(150), Span::seconds(35));

/// When the tree changes because of an outage: around its beginning and its end.
fn outages(known: &Known<'_>) -> Vec<(Time, Time)> {
    around_outages(known.absences)
}

fn around_outages(absences: &[Absence]) -> Vec<(Time, Time)> {
    let around = |at: Time, (before, after): (Span, Span)| (at - before, at + after);
    let losses = absences.iter().map(|it| around(it.since, AROUND_LOSS));
    let returns = absences.iter().filter_map(|it| {
        let (from, to) = around(it.ended?.0, AROUND_RETURN);
        Some((from.max(it.since - AROUND_LOSS.0), to))
    });
    joined(losses.chain(returns).collect())
}

/// Spans in their order, those that touch made one.
fn joined(mut spans: Vec<(Time, Time)>) -> Vec<(Time, Time)> {
    spans.sort_unstable();
    let mut joined: Vec<(Time, Time)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut().filter(|last| from <= last.1) {
            Some(last) => last.1 = last.1.max(to),
            None => joined.push((from, to)),
        }
    }
    joined
}

/// Whether a moment lies in one of the spans.
fn is_explained(at: Time, spans: &[(Time, Time)]) -> bool {
    spans.iter().any(|(from, to)| (*from..=*to).contains(&at))
}

/// ` in VLANs 10, 20`, the first eight of them, or nothing where there are none.
fn in_vlans(vlans: &[u16]) -> String {
    match vlans {
        [] => String::new(),
        [vlan] => in_vlan(Some(*vlan)),
        _ => {
            let shown: Vec<String> = vlans.iter().take(VLANS_SHOWN).map(ToString::to_string).collect();
            let more = if vlans.len() > VLANS_SHOWN { " and more" } else { "" };
            format!(" in VLANs {}{more}", shown.join(", "))
        }
    }
}

/// A device that came back has all its programs running after this long.
const SETTLES: Span = Span::seconds(60);

/// ` in VLAN 20`, or nothing where no tag was seen.
fn in_vlan(vlan: Option<u16>) -> String {
    vlan.map_or_else(String::new, |vlan| format!(" in VLAN {vlan}"))
}

/// What a finding is about, so that its id survives what is learned later.
fn of_vlan(vlan: Option<u16>) -> String {
    vlan.map_or_else(String::new, |vlan| vlan.to_string())
}

/// More make a sentence unreadable.
const VLANS_SHOWN: usize = 8;

/// Every kind of finding, in the contract's order.
pub const ALL: &[&Kind] = &[
    &device_offline::KIND,
    &recorder_offline::KIND,
    &devices_offline_together::KIND,
    &device_flapping::KIND,
    &device_restarted::KIND,
    &boot_loop::KIND,
    &service_down::KIND,
    &admission_refused::KIND,
    &stream_stalled::KIND,
    &not_recorded::KIND,
    &stream_loss::KIND,
    &stream_loss_shared::KIND,
    &stream_loss_downstream::KIND,
    &video_signal_lost::KIND,
    &tamper_reported::KIND,
    &recorder_storage_fault::KIND,
    &switch_fault::KIND,
    &stp_topology_change::KIND,
    &stp_root_change::KIND,
    &port_flapping::KIND,
    &link_degraded::KIND,
    &power_fault::KIND,
    &mac_moving::KIND,
    &address_conflict::KIND,
    &switching_loop::KIND,
    &broadcast_storm::KIND,
    &rogue_dhcp::KIND,
    &dhcp_failed::KIND,
    &dhcp_exhausted::KIND,
    &rogue_ra::KIND,
    &neighbor_changed::KIND,
    &redundancy_lost::KIND,
    &path_congestion::KIND,
    &querier_missing::KIND,
    &wrong_segment::KIND,
    &time_source_lost::KIND,
    &default_password::KIND,
    &weak_password::KIND,
    &not_activated::KIND,
    &no_authentication::KIND,
    &cleartext_login::KIND,
    &plaintext_token::KIND,
    &nonce_reuse::KIND,
    &cleartext_panel_link::KIND,
    &cleartext_management::KIND,
    &cleartext_video::KIND,
    &weak_authentication::KIND,
    &no_forward_secrecy::KIND,
    &weak_tls_version::KIND,
    &weak_tls_cipher::KIND,
    &certificate_expired::KIND,
    &certificate_weak_key::KIND,
    &certificate_weak_signature::KIND,
    &certificate_shared_key::KIND,
    &certificate_not_yet_valid::KIND,
    &certificate_expiring::KIND,
    &certificate_wrong_name::KIND,
    &certificate_long_lived::KIND,
    &certificate_self_signed::KIND,
    &telnet_open::KIND,
    &smb1::KIND,
    &ftp_open::KIND,
    &upnp_exposed::KIND,
    &snmp_v1v2c::KIND,
    &legacy_ssh::KIND,
    &unexpected_service::KIND,
    &snmp_default_community::KIND,
    &internet_exposed::KIND,
    &internet_egress::KIND,
    &p2p_cloud::KIND,
    &lateral_connection::KIND,
    &brute_force::KIND,
    &port_scan::KIND,
    &arp_spoofing::KIND,
    &foreign_server::KIND,
    &dns_tunnel::KIND,
    &large_upload::KIND,
    &new_device::KIND,
    &identity_changed::KIND,
    &unexpected_viewer::KIND,
    &configuration_changed::KIND,
    &account_changed::KIND,
    &door_command::KIND,
    &ptz_command::KIND,
    &clock_wrong::KIND,
    &mirror_lost::KIND,
    &mirror_partial::KIND,
    &mirror_one_way::KIND,
    &mirror_drops::KIND,
    &mirror_duplicates::KIND,
    &mirror_truncated::KIND,
    &mirror_clock::KIND,
    &input_damaged::KIND,
    &limit_reached::KIND,
];

#[cfg(test)]
mod tests {
    use super::ALL;

    fn facts(text: &str) -> impl Iterator<Item = &str> {
        let named = text.split("Fact::").skip(1);
        named.map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap())
    }

    #[test]
    fn who_says_what_he_reads_names_no_other_fact() {
        let mut asked = 0;
        for kind in ALL {
            let own = kind.source.split("#[cfg(test)]").next().unwrap();
            let said = own.split_once("fn reads(").and_then(|(_, said)| said.split("\n    }").next());
            let said = said.or_else(|| {
                own.split_once("reads: |fact|").and_then(|(_, said)| said.split("applies").next())
            });
            let Some(said) = said else { continue };
            asked += 1;
            let unread: Vec<&str> = facts(own).filter(|fact| !facts(said).any(|it| it == *fact)).collect();
            assert!(unread.is_empty() || !said.contains("Fact::"), "{} does not read {unread:?}", kind.id);
        }
        assert!(asked > 50, "{asked}");
    }
}
