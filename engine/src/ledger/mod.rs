//! The ledger: observations and time in, devices and findings out.
//!
//! It takes observations in the order of their [`Place`](crate::observation::Place)
//! and is one thread's work: joins across address pairs happen here alone.
//! Nothing learned here flows back into a shard.

pub mod binding;
mod called;
pub mod changed;
mod coverage;
pub mod device;
pub mod directory;
pub mod identity;
mod incidents;
pub mod inventory;
pub mod loss;
pub mod memory;
mod origins;
pub mod refusals;
pub mod session;
mod starts;
pub mod stream;
mod subject;
pub mod switch;
mod time;
pub mod tls;
mod told;
mod traffic;
mod watchers;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{Ended, Exchange, Fact, Mac, Text, Time};

use crate::detectors::limit_reached::Limit;
use crate::detectors::mirror_lost::Pulse;
use crate::detectors::{self, Detector, Known, Parties, limit_reached};
use crate::expected::{Peer, Role};
use crate::finding::{Finding, Kind};
use crate::networks::Networks;
use crate::observation::{Cite, Observation, Party};
use crate::planted;
use crate::policy::Policy;
use crate::shard::SECONDS;
use crate::verdict::Verdict;
use crate::verdict::view::View;
use crate::verdict::witness::{Ask, How};
pub use coverage::Coverage;
use device::{Attachment, Device};
use directory::{Directory, Number};
use inventory::Inventory;
use loss::Losses;
use memory::Memory;
use refusals::Refusals;
use session::Sessions;
use starts::Strangers;
use stream::Streams;
use switch::Switches;
pub use time::Blind;
use tls::Handshakes;
use told::Told;
use watchers::Watchers;

/// Everything that is known, as of the last frame.
pub struct Ledger {
    fingerprints: &'static Fingerprints,
    /// Who is who.
    pub directory: Directory,
    /// Media.
    pub streams: Streams,
    /// Where media is lost.
    pub losses: Losses,
    /// Who asked whom for what.
    pub sessions: Sessions,
    /// How devices encrypt.
    pub handshakes: Handshakes,
    /// Switches.
    pub switches: Switches,
    /// Availability.
    pub verdict: Verdict,
    /// Whether the mirror shows both sides of what goes on.
    pub view: View,
    /// When nobody watched.
    pub blind: Vec<Blind>,
    /// Since when nothing has been captured, as long as that lasts.
    blind_since: Option<Time>,
    /// Until when a second was lost by a panic.
    lost_until: Time,
    /// Caps that were reached.
    pub limits: BTreeMap<&'static str, Limit>,
    /// Malformed messages by protocol and field.
    pub malformed: BTreeMap<(&'static str, &'static str), u64>,
    /// Words of switches to one another: descriptions of neighbours (LLDP, CDP), and of spanning trees.
    pub words_of_switches: (u64, u64),
    findings: Vec<Finding>,
    pulse: Pulse,
    second: Option<Cite>,
    /// Who sent something in this second, as far as it matters how many.
    senders: BTreeSet<Number>,
    /// Addresses that came from a MAC that was not witnessed as theirs.
    carried: BTreeMap<Mac, BTreeSet<IpAddr>>,
    /// Addresses that DHCP names as routers.
    routers: BTreeSet<IpAddr>,
    /// Bridges by what they call themselves where that is no MAC.
    chassis: BTreeMap<Text, Number>,
    strangers: Strangers,
    /// Ids at the opening of the verdict's absences, by index.
    opened_as: Vec<String>,
    /// What was not kept of a device or of the rooms in here.
    refused: Refusals,
    /// What watches for one kind each.
    watchers: Watchers,
    /// Whether there was an observation.
    has_begun: bool,
    /// Whom subject and peer of the observation were taken for, where that was asked.
    parties: Option<Parties>,
    /// All findings as they were last told.
    told: Told,
    /// How often code of ours panicked, by what it is and its name.
    panics: BTreeMap<(&'static str, &'static str), u64>,
    /// What an earlier run knew.
    memory: Arc<Memory>,
    /// What the site allows and forbids.
    policy: Arc<Policy>,
    /// Who has which public addresses.
    networks: Arc<Networks>,
    /// Until then the picture is being learned, and longer where a run has just begun.
    learns_until: Time,
    /// Until when that was as it was last said.
    said_until: Time,
    now: Time,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ledger({} devices)", self.directory.devices().count())
    }
}

/// What detectors may read of a ledger: its fields one by one, so that the detectors can be changed meanwhile.
macro_rules! known {
    ($ledger:ident, $now:expr, $parties:expr) => {
        Known {
            directory: &$ledger.directory,
            switches: &$ledger.switches,
            losses: &$ledger.losses,
            absences: $ledger.verdict.absences(),
            faults: $ledger.view.faults(),
            fingerprints: $ledger.fingerprints,
            memory: &$ledger.memory,
            policy: &$ledger.policy,
            networks: &$ledger.networks,
            learns_until: $ledger.learns_until,
            now: $now,
            parties: $parties,
        }
    };
}

impl Ledger {
    /// An empty ledger that names vendors by `fingerprints`.
    #[must_use]
    pub fn new(fingerprints: &'static Fingerprints) -> Self {
        Self::with_kinds(fingerprints, detectors::ALL)
    }

    /// The same with kinds of one's own.
    #[must_use]
    pub fn with_kinds(fingerprints: &'static Fingerprints, kinds: &[&'static Kind]) -> Self {
        Self {
            fingerprints,
            directory: Directory::default(),
            streams: Streams::default(),
            losses: Losses::default(),
            sessions: Sessions::default(),
            handshakes: Handshakes::default(),
            switches: Switches::default(),
            verdict: Verdict::default(),
            view: View::default(),
            blind: Vec::new(),
            blind_since: None,
            lost_until: Time::MIN,
            limits: BTreeMap::new(),
            malformed: BTreeMap::new(),
            words_of_switches: (0, 0),
            findings: Vec::new(),
            pulse: Pulse::default(),
            second: None,
            senders: BTreeSet::new(),
            carried: BTreeMap::new(),
            routers: BTreeSet::new(),
            chassis: BTreeMap::new(),
            strangers: starts::nobody(),
            opened_as: Vec::new(),
            refused: Refusals::default(),
            watchers: Watchers::new(kinds),
            has_begun: false,
            parties: None,
            told: Told::default(),
            panics: BTreeMap::new(),
            memory: Arc::default(),
            policy: Arc::default(),
            networks: Arc::default(),
            learns_until: Time::MIN,
            said_until: Time::MIN,
            now: Time::MIN,
        }
    }

    /// The same, still empty, with tables that nobody outside can aim at.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        let (directory, streams) = (Directory::seeded(seed), Streams::seeded(seed));
        Self { directory, streams, sessions: Sessions::seeded(seed), view: View::seeded(seed), ..self }
    }

    /// The same, still empty, with the site's own list of its devices.
    #[must_use]
    pub fn listed(mut self, inventory: Arc<Inventory>) -> Self {
        self.directory.listed(inventory);
        self
    }

    /// The same, still empty, with what an earlier run knew.
    #[must_use]
    pub fn remembering(self, memory: Arc<Memory>) -> Self {
        let until = memory.learns_until.unwrap_or(Time::MIN);
        Self { learns_until: until, said_until: until, memory, ..self }
    }

    /// Until when the picture is being learned at least: [`expected`](crate::expected).
    pub fn learns_until(&mut self, until: Time) {
        // The same said again leaves it where a leap of the clock moved it.
        if self.said_until != until {
            (self.learns_until, self.said_until) = (until, until);
        }
    }

    /// Who was learned in which role, by this run and by those before it, less who was [refuted](Self::refuted); sorted.
    #[must_use]
    pub fn learned(&self) -> Vec<Peer> {
        let (known, refuted) = (self.known(self.now), self.refuted());
        let mut learned = BTreeMap::new();
        let earlier = Role::ALL.into_iter().flat_map(|role| {
            self.memory.peers(role).map(move |(who, since)| Peer { role, who: who.to_owned(), since })
        });
        for peer in earlier.chain(self.watchers.learned(&known)) {
            let since = learned.entry((peer.role, peer.who)).or_insert(peer.since);
            *since = peer.since.min(*since);
        }
        learned.retain(|who, _| !refuted.contains(who));
        learned.into_iter().map(|((role, who), since)| Peer { role, who, since }).collect()
    }

    /// Who turned out in this run not to belong in a role, by this and his name.
    #[must_use]
    pub fn refuted(&self) -> BTreeSet<(Role, String)> {
        self.watchers.refuted()
    }

    /// The same, still empty, with what the site allows and forbids.
    #[must_use]
    pub fn governed(self, policy: Arc<Policy>) -> Self {
        Self { policy, ..self }
    }

    /// The same, still empty, with who has which public addresses.
    #[must_use]
    pub fn naming(self, networks: Arc<Networks>) -> Self {
        Self { networks, ..self }
    }

    /// The latest moment of which it was told.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Devices that are another than before, or gone, since this was last asked, as far as they were told of; what they do
    /// may have changed besides. `None` the first time, when any may be.
    pub fn take_changed(&mut self) -> Option<BTreeSet<Number>> {
        let judged = self.verdict.changed.take();
        let mut changed = self.directory.changed.take()?;
        changed.extend(judged?);
        Some(changed)
    }

    /// Takes observations, in order. One that panics is lost, and counted.
    pub fn take<'a>(&mut self, seen: impl IntoIterator<Item = &'a Observation>) {
        let mut rest = seen.into_iter();
        let mut is_over = false;
        while !is_over {
            is_over = self.surviving("observations", |it| rest.by_ref().for_each(|seen| it.observe(seen)));
        }
    }

    /// Does something with it; a panic costs that alone, and is counted by this name.
    pub fn surviving(&mut self, name: &'static str, turn: impl FnOnce(&mut Self)) -> bool {
        let is_over = catch_unwind(AssertUnwindSafe(|| turn(&mut *self))).is_ok();
        if !is_over {
            let sum = self.panics.entry(("ledger", name)).or_default();
            *sum = sum.saturating_add(1);
        }
        is_over
    }

    /// Takes observations that lie side by side: what they look at is fetched some ahead.
    pub fn take_all(&mut self, seen: &[Observation]) {
        for next in seen.chunks(traffic::EXPECTED) {
            self.expect(next);
            self.take(next);
        }
    }

    /// Takes the next observation.
    pub fn observe(&mut self, seen: &Observation) {
        planted::here("observation");
        self.now = self.now.max(seen.at);
        (self.directory.handed, self.parties) = (None, None);
        match &seen.fact {
            Fact::Activity(activity) => self.activity(seen, activity),
            Fact::Stream(stream) => self.stream(seen, stream),
            Fact::Binding { mac, ip, by } => self.bind(*mac, *ip, *by, seen),
            Fact::Interfaces(interfaces) => self.interfaces(interfaces, seen),
            Fact::MediaProfiles(profiles) => {
                self.with_subject(seen, |device, _| device.rare.fill().profiles = profiles.to_vec());
            }
            Fact::Asked { target, of } => {
                self.asked(seen, (*target, *of), How::Resolve, 1);
                self.probed(seen);
            }
            Fact::Opening { target, port, attempt } => {
                if self.is_served(seen, *target, *port) {
                    self.asked(seen, (*target, seen.peer.mac), How::Connect, *attempt);
                }
            }
            Fact::Retried { target, attempt } => {
                self.view.resent(seen);
                self.asked(seen, (*target, seen.peer.mac), How::Resend, *attempt);
                // Who sends for the third time was heard when he sent for the second: his way is open.
                if *attempt == 1
                    && let Some(device) = self.directory.find(&seen.subject)
                {
                    self.verdict.resent(device, seen.at, seen.cite);
                }
            }
            Fact::Unreachable { target, kind, code, .. } => {
                let by = self.directory.find(&seen.subject);
                if is_host_unreachable(*target, *kind, *code) && by.is_some_and(|by| self.forwards(by)) {
                    self.asked(seen, (*target, None), How::HostUnreachable, 1);
                }
            }
            Fact::Instance { number, is_announced } => self.instance(seen, *number, *is_announced),
            Fact::Announced => self.announced(seen),
            Fact::Router => self.router(seen),
            Fact::Attribute { key, value } => self.attribute(seen, *key, value),
            Fact::Label(label) => self.label(seen, label),
            Fact::Service { protocol } => {
                let (transport, port) = (transport_name(seen.transport), seen.subject.port);
                let service = (transport, port, *protocol);
                self.with_subject(seen, |device, refused| device.serves(service, seen.at, refused));
            }
            Fact::Lease(lease) => self.lease(seen, lease),
            Fact::Attached(attached) => {
                let attachment = Attachment {
                    switch: attached.switch.clone(),
                    port: attached.port.clone(),
                    source: "dhcp option 82",
                    confidence: BY_OPTION_82,
                };
                self.attach(seen, attachment);
            }
            Fact::Neighbor(neighbor) => {
                self.words_of_switches.0 = self.words_of_switches.0.saturating_add(1);
                self.neighbor(seen, neighbor);
            }
            Fact::Exchange(exchange) => self.exchange(seen, exchange),
            Fact::Command(command) => {
                if let (Some(client), Some(server)) = (seen.peer.ip, seen.subject.ip) {
                    self.sessions.ordered(client, server, seen.source, &command.what);
                }
            }
            Fact::Login(login) => {
                if let (Some(client), Some(server)) = (seen.peer.ip, seen.subject.ip) {
                    self.sessions.logged_in(client, server, seen.source, login);
                    // Of protocols whose sessions are a login and what follows it nothing else is told.
                    if matches!(login.scheme, "plain" | "anonymous") {
                        let key = session::Key { client, server, protocol: seen.source, target: None };
                        self.sessions.exchanged(key, seen.at);
                    }
                }
            }
            Fact::Tls(side) => {
                if let Some(number) = self.site_device_of(seen) {
                    self.handshakes.spoke(number, side, seen.at);
                    self.directory.changed.note(number);
                }
            }
            Fact::StreamAnnounced(announced) => {
                if let (Some(server), Some(client)) = (seen.subject.ip, seen.peer.ip) {
                    self.streams.announced(server, client, announced);
                }
            }
            Fact::Origin(origin) => self.origin(origin, seen),
            Fact::Segments(segments) => {
                let number = self.directory.find(&seen.subject);
                let device = number.and_then(|number| self.directory.device(number));
                let is_lost = segments.late > 0 || segments.again > 0;
                let is_camera = is_lost && device.is_some_and(Device::is_camera);
                self.losses.carried(number, is_camera, *segments, seen);
            }
            Fact::ReceiverReport(report) => {
                self.losses.reported(report, seen);
                self.received(seen, report);
            }
            Fact::StreamEnded { ssrc, by } => {
                if let Some(number) = self.directory.find(&seen.subject) {
                    let client = seen.peer.ip.filter(|_| *by == Ended::Teardown);
                    self.verdict.ended_on_purpose(number, client, *ssrc);
                }
            }
            Fact::Malformed(malformed) => {
                let count = self.malformed.entry((seen.source, malformed.field())).or_default();
                *count = count.saturating_add(1);
            }
            Fact::Lost { what, cap, count } => self.limit(what, *cap, *count, seen.at),
            Fact::Panicked { what, count } => {
                let sum = self.panics.entry((what, seen.source)).or_default();
                *sum = sum.saturating_add(*count);
                if seen.source == SECONDS {
                    self.second_lost(seen.at);
                }
            }
            Fact::Clock(clock) => {
                if let (Some(number), Some(to)) = (self.directory.find(&seen.subject), seen.peer.ip) {
                    self.verdict.reports(number, (clock.ssrc, to), seen.at);
                }
            }
            Fact::Bridge(bridge) => {
                self.switches.rooted(bridge.bridge.mac, bridge.root.mac, seen.at);
                self.words_of_switches.1 = self.words_of_switches.1.saturating_add(1);
            }
            // What detectors alone read.
            Fact::TopologyChange { .. } => {
                self.words_of_switches.1 = self.words_of_switches.1.saturating_add(1);
            }
            Fact::Activation { .. }
            | Fact::TimeOfDay { .. }
            | Fact::LinkPower(_)
            | Fact::Duplex { .. }
            | Fact::LinkSpeed { .. }
            | Fact::Admission(_)
            | Fact::Bond(_)
            | Fact::Membership { .. }
            | Fact::MembershipQuery(_)
            | Fact::Refused { .. }
            | Fact::Copies { .. }
            | Fact::Returning(_)
            | Fact::Timekeeping(_)
            | Fact::RouterAnnounced(_)
            | Fact::ClearSecret { .. }
            | Fact::Anonymous { .. }
            | Fact::KeyExchange(_)
            | Fact::NameAsked { .. }
            | Fact::PortMapped(_)
            | Fact::DigestAccepted { .. }
            | Fact::Version { .. }
            | Fact::KnownPassword(_)
            | Fact::Notice(_) => {}
            // What nobody reads yet.
            Fact::Offers(_) | Fact::Uptime { .. } | Fact::MediaProved { .. } | Fact::Tunnel { .. } => {}
        }
        self.hang_listed();
        self.forget_evicted();
        self.note_refusals(seen.at);
        if !std::mem::replace(&mut self.has_begun, true) {
            self.each_detector(|detector, _| detector.begin(seen.at));
        }
        let (watchers, known) = self.watched();
        watchers.observe(seen, &known);
    }

    fn each_detector(&mut self, mut tell: impl FnMut(&mut dyn Detector, &Known<'_>)) {
        let (watchers, known) = self.watched();
        watchers.each(|detector| tell(detector, &known));
    }

    /// The detectors, and what they may read.
    fn watched(&mut self) -> (&mut Watchers, Known<'_>) {
        let known = known!(self, self.now, self.parties);
        (&mut self.watchers, known)
    }

    fn known(&self, now: Time) -> Known<'_> {
        known!(self, now, None)
    }

    /// Remembers all findings as they are told: where they cannot be asked for the next time, they hold on.
    pub fn told(&mut self, findings: Vec<Finding>) {
        self.told = Told::new(findings);
    }

    /// All findings as of `now`, in no particular order.
    #[must_use]
    pub fn findings(&self, now: Time) -> Vec<Finding> {
        let mut findings = self.findings.clone();
        findings.extend(self.pulse.finding());
        findings.extend(self.watchers.asked(OF_NO_DETECTOR, || {
            planted::here("incidents");
            self.incidents(now)
        }));
        let known = self.known(now);
        self.watchers.find(&known, &mut findings);
        incidents::pretended(&mut findings);
        incidents::explained(&mut findings);
        incidents::rerouted(&mut findings);
        findings.extend(self.all_limits().iter().map(|(what, limit)| limit_reached::finding(what, limit)));
        for finding in &mut findings {
            let devices = finding.devices.iter().filter_map(|number| self.directory.device(*number));
            finding.severity = inventory::weighed(finding.severity, devices.map(Device::importance));
        }
        self.hold_on(&mut findings);
        findings
    }

    /// Adds what was told before by who cannot be asked.
    fn hold_on(&self, findings: &mut Vec<Finding>) {
        let unasked = self.watchers.unasked();
        if unasked.is_empty() {
            return;
        }
        let ids: BTreeSet<&str> = findings.iter().map(|it| it.id.as_str()).collect();
        let by = |it: &Finding| if it.kind.start.is_some() { it.kind.id } else { OF_NO_DETECTOR };
        let is_held = |it: &&Finding| unasked.contains(by(it)) && !ids.contains(it.id.as_str());
        let held = self.told.those(is_held);
        findings.extend(held);
    }

    /// Lets go of what nothing but findings is made of, once they were told, to make room for the report.
    pub fn let_go(&mut self) {
        self.watchers.let_go();
        (self.losses, self.view, self.told) = (Losses::default(), View::default(), Told::default());
    }

    /// How often code of ours panicked, by what it is and its name: `parser rtsp`, `detector port-scan`.
    #[must_use]
    pub fn panics(&self) -> BTreeMap<String, u64> {
        let detectors = self.watchers.panicked().into_iter().map(|(kind, count)| (("detector", kind), count));
        let all = self.panics.iter().map(|(name, count)| (*name, *count)).chain(detectors);
        all.map(|((what, name), count)| (format!("{what} {name}"), count)).collect()
    }

    /// A router that says so itself, or one whose address DHCP names: that one may yet have to be heard.
    fn router(&mut self, seen: &Observation) {
        match seen.subject {
            Party { mac: None, ip: Some(ip), .. } => {
                if self.routers.len() < ROUTERS_MAX || self.routers.contains(&ip) {
                    self.routers.insert(ip);
                } else {
                    self.refused.count("routers that DHCP names", ROUTERS_MAX);
                }
            }
            _ => self.with_subject(seen, |device, _| device.is_router = true),
        }
    }

    /// Somebody asks for who holds an address: all, or whom he takes for him by hardware address. Who asks another, for
    /// his table is wrong or old, gets no answer from the device and proves nothing of it.
    fn asked(&mut self, seen: &Observation, (target, of): (IpAddr, Option<Mac>), how: How, attempt: u16) {
        let Some(device) = self.directory.find_ip(target, seen.subject.vlan) else { return };
        let is_another = |number: Number| number != device && !self.forwards(number);
        if of.and_then(|mac| self.directory.find_mac(mac)).is_some_and(is_another) {
            return;
        }
        let Some(by) = self.directory.find(&seen.subject).filter(|by| *by != device) else { return };
        self.verdict.asked(device, Ask { at: seen.at, cite: seen.cite, by, how, attempt });
    }

    /// Whether a device is known to have answered on this TCP port.
    fn is_served(&self, seen: &Observation, target: IpAddr, port: u16) -> bool {
        let device =
            self.directory.find_ip(target, seen.subject.vlan).and_then(|it| self.directory.device(it));
        device.is_some_and(|device| device.services.keys().any(|(over, at, _)| (*over, *at) == ("tcp", port)))
    }

    fn exchange(&mut self, seen: &Observation, exchange: &Exchange) {
        let (Some(client), Some(server)) = (seen.peer.ip, seen.subject.ip) else { return };
        // What people read on the Internet is theirs.
        let target = exchange.target.clone().filter(|_| !self.is_foreign(seen));
        let key = session::Key { client, server, protocol: seen.source, target };
        self.sessions.exchanged(key, seen.at);
        let is_agreed = exchange.status.is_some_and(|status| (200..300).contains(&status));
        if is_agreed && let Some(device) = self.directory.find(&seen.subject) {
            let client = self.directory.find(&seen.peer);
            self.verdict.served(device, seen.at, client);
        }
        let is_play = exchange.method.as_str() == "PLAY" && exchange.status == Some(200);
        if is_play
            && let Some(number) = self.device_of(&seen.peer, seen)
            && let Some(device) = self.directory.device_mut(number)
        {
            device.pulls_from(server, &mut self.refused);
        }
    }

    /// Hangs devices whose row in the site's list is another than before where it says, unless the wire says otherwise.
    fn hang_listed(&mut self) {
        for number in self.directory.take_relisted() {
            let Some(device) = self.directory.device_mut(number) else { continue };
            let said = device.attachment.take_if(|it| it.source == inventory::SOURCE).is_some();
            if device.attachment.is_none() {
                let listed = device.listing.as_ref().and_then(|row| row.attachment());
                device.attachment = listed.map(|it| {
                    let switch = it.switch.map(|said| self.switches.called_by_list(&said));
                    Box::new(Attachment { switch, ..it })
                });
            }
            match device.attachment.as_deref() {
                Some(Attachment { switch: Some(switch), port, source, .. }) => {
                    self.switches.attached(switch, port.as_ref(), number, source);
                }
                _ if said => self.switches.forget(number),
                _ => {}
            }
        }
    }

    fn forget_evicted(&mut self) {
        for number in self.directory.take_evicted() {
            self.verdict.forget(number);
            self.switches.forget(number);
            self.handshakes.forget(number);
        }
    }
}

/// Whether the subject is the side of a TCP connection that others call: its port is below the ephemeral ones
/// (RFC 6335, 6; Linux begins at 32768), its peer's is one of them.
pub(crate) fn is_server_side(seen: &Observation) -> bool {
    seen.transport == Some(TCP) && seen.subject.port < EPHEMERAL && seen.peer.port >= EPHEMERAL
}

/// Whether an ICMP error says that a router does not find the host on its link
/// (RFC 792: type 3 code 1; RFC 4443, 3.1: type 1 code 3).
const fn is_host_unreachable(target: IpAddr, kind: u8, code: u8) -> bool {
    match target {
        IpAddr::V4(_) => kind == 3 && code == 1,
        IpAddr::V6(_) => kind == 1 && code == 3,
    }
}

/// The report's name of an IP protocol number.
#[must_use]
pub const fn transport_name(protocol: Option<u8>) -> &'static str {
    match protocol {
        Some(6) => "tcp",
        Some(17) => "udp",
        Some(_) => "ip",
        None => "link",
    }
}

/// Who finds what has no detector of its own: absences, and what they have in common.
const OF_NO_DETECTOR: &str = "absences";
/// IP protocol number.
const TCP: u8 = 6;
/// The first ephemeral port of most systems in use.
const EPHEMERAL: u16 = 32_768;
/// The switch itself says where the client hangs, in per cent.
const BY_OPTION_82: u8 = 90;
/// Routers that DHCP names.
const ROUTERS_MAX: usize = 1_024;

#[cfg(test)]
mod tests;
