//! A ledger with all detectors, for their tests: observations in a word each.

use std::net::IpAddr;
use std::sync::LazyLock;

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{
    Activity, BindingBy, Concluded, Fact, Key, Label, Lease, Mac, Returning, Span, StreamActivity,
    StreamTransport, Time,
};

use super::Known;
use crate::clock::GapReason;
use crate::finding::{Finding, Kind};
use crate::ledger::Ledger;
use crate::ledger::directory::Directory;
use crate::ledger::loss::Losses;
use crate::ledger::memory::Memory;
use crate::ledger::switch::Switches;
use crate::networks::Networks;
use crate::observation::{Cite, Observation, Party, Place};
use crate::policy::{Policy, Rule};

/// Takes observations and tells what was found.
#[derive(Debug)]
pub struct Bench {
    ledger: Ledger,
    now: Time,
}

impl Bench {
    pub fn new() -> Self {
        Self { ledger: Ledger::new(Fingerprints::builtin()), now: Time::MIN }
    }

    /// One whose site has one rule: who may open sessions, or may not, to whom.
    pub fn with_rule(from: &str, to: &str, may: bool) -> Self {
        let rule = Rule { from: vec![from.to_owned()], to: vec![to.to_owned()], ports: Vec::new(), may };
        Self::with(Policy { rules: vec![rule], ..Policy::default() })
    }

    /// One whose site allows, forbids and expects this.
    pub fn with(policy: Policy) -> Self {
        let bench = Self::new();
        Self { ledger: bench.ledger.governed(policy.into()), ..bench }
    }

    /// One that an earlier run told this.
    pub fn remembering(memory: Memory) -> Self {
        let bench = Self::new();
        Self { ledger: bench.ledger.remembering(memory.into()), ..bench }
    }

    /// Until then the picture is being learned.
    pub fn learns_until(&mut self, until: Time) {
        self.ledger.learns_until(until);
    }

    /// Who was learned.
    pub fn learned(&self) -> Vec<String> {
        self.ledger.learned().into_iter().map(|it| it.who).collect()
    }

    /// What was found of one kind.
    pub fn of(&self, kind: &Kind) -> Vec<Finding> {
        let mut findings = self.ledger.findings(self.now);
        findings.retain(|finding| finding.kind.id == kind.id);
        findings
    }

    pub fn tick(&mut self, at: Time) {
        self.now = self.now.max(at);
        self.ledger.complete(at);
    }

    pub fn unwatched(&mut self, from: Time, to: Time) {
        self.ledger.gap(from, to, GapReason::BetweenInputs);
    }

    pub fn sees(&mut self, at: Time, subject: Party, peer: Party, fact: Fact) {
        let source = match fact {
            Fact::Lease(_) | Fact::Router => "dhcp",
            Fact::Exchange(_) => "rtsp",
            _ => "test",
        };
        self.sees_in(source, at, (subject, peer), fact);
    }

    /// Somebody says something in a protocol.
    pub fn sees_in(&mut self, source: &'static str, at: Time, (subject, peer): (Party, Party), fact: Fact) {
        self.now = self.now.max(at);
        let is_of_ports = subject.port > 0 && peer.port > 0;
        self.ledger.observe(&Observation {
            place: Place { frame: cite(at).frame(), ..Place::default() },
            at,
            cite: cite(at),
            subject,
            peer,
            transport: is_of_ports.then_some(6),
            source,
            fact,
        });
    }

    pub fn observes(&mut self, seen: &Observation) {
        self.now = self.now.max(seen.at);
        self.ledger.observe(seen);
    }

    /// An ARP message in which `mac` says that it holds `ip`.
    pub fn claims(&mut self, at: Time, mac: Mac, ip: &str, vlan: Option<u16>) {
        let subject = party(mac, ip, vlan);
        self.sees(at, subject, subject, Fact::Binding { mac, ip: address(ip), by: BindingBy::Claim });
    }

    /// A fingerprint says what somebody is.
    pub fn is_a(&mut self, at: Time, who: Party, kind: &str) {
        let value = "a banner".into();
        self.sees_in("ftp", at, (who, Party::default()), Fact::Attribute { key: Key::FtpBanner, value });
        let label = Label {
            attribute: Concluded::Kind,
            value: kind.into(),
            strength: 90,
            key: Key::FtpBanner,
            entry: &"test",
        };
        self.sees_in("ftp", at, (who, Party::default()), Fact::Label(label));
    }

    /// A packet of `mac` and `ip` to somebody.
    pub fn sends(&mut self, at: Time, mac: Mac, ip: &str, vlan: Option<u16>) {
        let peer = party(Mac([2, 0, 0, 0, 9, 9]), "192.0.2.99", vlan);
        self.sees(at, party(mac, ip, vlan), peer, Fact::Activity(activity(at, 1)));
    }

    /// `packets` in this second by `mac` to everybody.
    pub fn cries(&mut self, at: Time, mac: Mac, packets: u64) {
        let subject = party(mac, "192.0.2.7", None);
        let peer = Party { ip: Some(address("255.255.255.255")), ..Party::default() };
        self.sees(at, subject, peer, Fact::Activity(activity(at, packets)));
    }

    /// What came again and again in the second before `at`, most often sent by `mac`.
    pub fn returns(&mut self, at: Time, mac: Mac, most: u32, lasting: Span) {
        let returning = Returning { again: u64::from(most) * 4, frames: 4, most, lasting, last: at };
        let subject = Party { mac: Some(mac), ..Party::default() };
        self.sees(at, subject, Party::default(), Fact::Returning(returning));
    }

    /// A DHCP message about `client`; an answer where `server` is named and its kind is one.
    pub fn lease(
        &mut self,
        at: Time,
        client: Mac,
        message: u8,
        server: Option<(Mac, &str)>,
        ip: Option<&str>,
    ) {
        self.lease_in(None, at, client, message, server, ip);
    }

    /// A client asks to keep the address that it has.
    pub fn renewal(&mut self, at: Time, client: Mac, ip: &str) {
        let lease = Lease {
            message: 3,
            server: None,
            address: Some(address(ip)),
            lease_s: None,
            relay: None,
            transaction: 7,
        };
        let subject = Party { mac: Some(client), ..Party::default() };
        let peer = Party { port: 68, ..party(client, ip, None) };
        self.sees(at, subject, peer, Fact::Lease(Box::new(lease)));
    }

    /// The same in a VLAN.
    pub fn lease_in(
        &mut self,
        vlan: Option<u16>,
        at: Time,
        client: Mac,
        message: u8,
        server: Option<(Mac, &str)>,
        ip: Option<&str>,
    ) {
        let subject = Party { mac: Some(client), vlan, ..Party::default() };
        let is_answer = matches!(message, 2 | 5 | 6);
        let peer = match server {
            Some((mac, ip)) if is_answer => Party { port: 67, ..party(mac, ip, vlan) },
            _ => Party { port: 68, vlan, ..party(client, "0.0.0.0", vlan) },
        };
        let lease = Lease {
            message,
            server: server.map(|(_, ip)| address(ip)),
            address: ip.map(address),
            lease_s: is_answer.then_some(3_600),
            relay: None,
            transaction: 7,
        };
        self.sees(at, subject, peer, Fact::Attribute { key: Key::Hostname, value: "device".into() });
        self.sees(at, subject, peer, Fact::Lease(Box::new(lease)));
        if let Some((mac, ip)) = server.filter(|_| is_answer) {
            self.claims(at, mac, ip, vlan);
        }
    }
}

static NO_LOSSES: LazyLock<Losses> = LazyLock::new(Losses::default);
static NO_MEMORY: LazyLock<Memory> = LazyLock::new(Memory::default);
static NO_NETWORKS: LazyLock<Networks> = LazyLock::new(Networks::default);
static NO_POLICY: LazyLock<Policy> = LazyLock::new(Policy::default);

/// What a detector may read where there is only this.
pub fn nothing_but<'a>(directory: &'a Directory, switches: &'a Switches) -> Known<'a> {
    Known {
        directory,
        switches,
        losses: &NO_LOSSES,
        absences: &[],
        faults: &[],
        fingerprints: Fingerprints::builtin(),
        memory: &NO_MEMORY,
        policy: &NO_POLICY,
        networks: &NO_NETWORKS,
        learns_until: Time::MIN,
        now: s(0),
        parties: None,
    }
}

pub fn activity(at: Time, packets: u64) -> Activity {
    Activity {
        flow: 1,
        protocol: Some("udp"),
        first: at,
        first_frame: (0, cite(at).frame()),
        last: at,
        packets,
        bytes: packets * 100,
        longest_gap: Span::ZERO,
        stamp: None,
    }
}

/// A second of media.
pub fn media(at: Time, destination: IpAddr) -> StreamActivity {
    StreamActivity {
        stream: (1, 0),
        transport: StreamTransport::Udp,
        destination,
        ports: (6_970, 5_000),
        channel: None,
        ssrc: 1,
        payload_type: 96,
        first: at,
        first_frame: (0, cite(at).frame()),
        last: at,
        packets: 30,
        bytes: 30_000,
        sequence: 0,
        lost: 0,
        out_of_order: 0,
        duplicates: 0,
        frames: 0,
        jitter_16ticks: 0,
        longest_gap: Span::millis(100),
    }
}

pub fn party(mac: Mac, ip: &str, vlan: Option<u16>) -> Party {
    Party { mac: Some(mac), ip: Some(address(ip)), vlan, hop_limit: 64, port: 0 }
}

pub fn address(ip: &str) -> IpAddr {
    ip.parse().unwrap()
}

pub const fn mac(last: u8) -> Mac {
    Mac([0x02, 0, 0, 0, 0x10, last])
}

/// The frame of a moment.
pub fn cite(at: Time) -> Cite {
    Cite::new(0, at.0.unsigned_abs() / 1_000_000 + 1)
}

pub const fn s(s: i64) -> Time {
    Time(s * 1_000_000_000)
}

pub const fn ms(ms: i64) -> Time {
    Time(ms * 1_000_000)
}
