//! `service-down`: the device lives, a service that it offered is refused.
//!
//! ## What it says
//! A device served a client on a TCP port. Now it refuses that client's connections itself (RST), twice at least and
//! for five seconds or more, and serves nobody on that port meanwhile. It is dated to the first refusal, for before that
//! nobody asked. Its first answer with contents ends it.
//!
//! ## Why it matters
//! A technician finds a camera with all lamps on. What hangs is a program in it: starting it anew from its
//! web page, or by switching the port's power off and on, is mostly enough.
//!
//! ## Where it is wrong
//! A device that starts refuses until its programs run: within a minute after an absence nothing is said. A service that
//! was switched off on purpose looks the same. A firewall that refuses in its place is told by the hop limit, unless that happens to fit.
//!
//! ## State
//! The services of each device and who used them: `SERVICES_MAX`, `PORTS_MAX` of one device, and `CLIENTS_MAX`; failures, `FAILURES_MAX`.

use std::net::IpAddr;

use smallvec::SmallVec;
use spanwatch_parsers::{Activity, Fact, Span, Time};

use super::{Detector, Known, Look};
use crate::few::Few;
use crate::finding::{Alternative, Cause, Evidence, Finding, Kind, Revision, Severity, id};
use crate::ledger::directory::Number;
use crate::ledger::is_server_side;
use crate::numbered::Numbered;
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, length};
use crate::verdict::account::{subject_of, title_of};

/// The kind.
pub const KIND: Kind = Kind {
    id: "service-down",
    category: "availability",
    severity: Severity::High,
    source: include_str!("service_down.rs"),
    start: Some(|| Box::new(Services::default())),
};

/// Refusals that count: one may be of a connection that was meant for something else.
const REFUSALS_MIN: u32 = 2;
/// They last so long; a program that is started anew listens again before (facts, offline_and_switch 4).
const LASTS: Span = Span::seconds(5);
/// Two refusals further apart have nothing to do with each other.
const APART: Span = Span::seconds(120);
/// Another hop limit than the device's own by more than this is somebody else's (facts, offline_and_switch 9.1, Q3).
const HOPS: u8 = 1;
/// A segment with more bytes than this carries contents: Ethernet, IPv6, TCP, and its time stamps.
const BARE: u64 = 86;
/// Services watched.
const SERVICES_MAX: usize = 65_536;
/// Of one device; who offers more is no device but forwards for many.
const PORTS_MAX: usize = 256;
/// Clients remembered of each.
const CLIENTS_MAX: usize = 16;
/// Failures kept.
const FAILURES_MAX: usize = 4_096;
/// Refusals cited.
const EVIDENCE_MAX: usize = 8;
/// The device's own refusals, in per cent.
const SURE: u8 = 90;

/// What devices offer.
#[derive(Debug, Default)]
pub struct Services {
    services: Numbered<Offered>,
    /// How many they are.
    count: usize,
    failures: Vec<Failure>,
    /// What was not kept: of all services, of one device's, of failures.
    refused: [u64; 3],
}

/// The services of one device, by port; most have one.
type Offered = SmallVec<[(u16, Service); 1]>;

#[derive(Debug)]
struct Service {
    clients: Few<IpAddr>,
    hop_limit: u8,
    served: (Time, Cite),
    /// Refusals since it last served.
    refusals: Vec<Refusal>,
    count: u32,
    /// Index of the failure that lasts.
    failure: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Refusal {
    at: Time,
    cite: Cite,
    client: IpAddr,
}

#[derive(Debug)]
struct Failure {
    device: Number,
    opened_as: String,
    port: u16,
    served: (Time, Cite),
    /// The first refusal.
    since: Time,
    detected: Time,
    last: Time,
    count: u32,
    refusals: Vec<Refusal>,
    ended: Option<(Time, Cite)>,
}

impl Services {
    fn served(&mut self, device: Number, seen: &Observation, activity: &Activity) {
        let Some(client) = seen.peer.ip else { return };
        if activity.bytes <= BARE.saturating_mul(activity.packets) {
            return;
        }
        let port = seen.subject.port;
        let known = self.services.get(device);
        let place = known.map_or(Err(0), |offered| place(offered, port));
        if let Err(at) = place {
            let caps = [self.count >= SERVICES_MAX, known.map_or(0, SmallVec::len) >= PORTS_MAX];
            if let Some((refused, _)) = self.refused.iter_mut().zip(caps).find(|(_, is_reached)| *is_reached)
            {
                *refused = refused.saturating_add(1);
                return;
            }
            let service = Service {
                clients: Few::default(),
                hop_limit: seen.subject.hop_limit,
                served: (activity.last, seen.cite),
                refusals: Vec::new(),
                count: 0,
                failure: None,
            };
            if let Some(offered) = self.services.or_insert_with(device, Offered::new) {
                offered.insert(at, (port, service));
            }
            self.count = self.count.saturating_add(1);
        }
        let (Ok(at) | Err(at)) = place;
        let offered = self.services.get_mut(device);
        let Some((_, service)) = offered.and_then(|offered| offered.get_mut(at)) else { return };
        if service.clients.len() < CLIENTS_MAX {
            service.clients.insert(client);
        }
        service.hop_limit = seen.subject.hop_limit;
        // What it sent before it refused is summed up after.
        if service.refusals.last().is_some_and(|last| activity.last <= last.at) {
            let before = service.refusals.iter().take_while(|refusal| refusal.at < activity.last).count();
            if before == 0 {
                service.served = service.served.max((activity.last, seen.cite));
            }
            return;
        }
        service.served = (activity.last, seen.cite);
        (service.count, service.refusals) = (0, Vec::new());
        let first = Cite::new(activity.first_frame.0, activity.first_frame.1);
        if let Some(failure) = service.failure.take().and_then(|index| self.failures.get_mut(index)) {
            failure.ended = Some((activity.first.max(failure.last), first));
        }
    }

    fn refuses(&mut self, device: Number, port: u16, seen: &Observation, known: &Known<'_>) {
        let Some(offered) = self.services.get_mut(device) else { return };
        let Ok(at) = place(offered, port) else { return };
        let (Some(client), Some((_, service))) = (seen.peer.ip, offered.get_mut(at)) else { return };
        let is_own = seen.subject.hop_limit.abs_diff(service.hop_limit) <= HOPS;
        if !is_own || !service.clients.contains(&client) || known.is_near_absence(device, seen.at) {
            return;
        }
        if service.refusals.last().is_some_and(|last| seen.at - last.at > APART) {
            (service.count, service.refusals) = (0, Vec::new());
        }
        let refusal = Refusal { at: seen.at, cite: seen.cite, client };
        service.count = service.count.saturating_add(1);
        if service.refusals.len() >= EVIDENCE_MAX {
            service.refusals.pop();
        }
        service.refusals.push(refusal);
        if let Some(failure) = service.failure.and_then(|index| self.failures.get_mut(index)) {
            (failure.last, failure.count) = (seen.at, service.count);
            failure.refusals.clone_from(&service.refusals);
            return;
        }
        let begun = service.refusals.first().map_or(seen.at, |first| first.at);
        if service.count < REFUSALS_MIN || seen.at - begun < LASTS {
            return;
        }
        if self.failures.len() >= FAILURES_MAX {
            let [_, _, refused] = &mut self.refused;
            *refused = refused.saturating_add(1);
            return;
        }
        service.failure = Some(self.failures.len());
        self.failures.push(Failure {
            device,
            opened_as: known.id_of(device),
            port,
            served: service.served,
            since: begun,
            detected: seen.at,
            last: seen.at,
            count: service.count,
            refusals: service.refusals.clone(),
            ended: None,
        });
    }
}

/// Where the service on a port stands, or would.
fn place(offered: &Offered, port: u16) -> Result<usize, usize> {
    offered.binary_search_by_key(&port, |(of, _)| *of)
}

impl Failure {
    fn finding(&self, known: &Known<'_>) -> Finding {
        let name = title_of(self.device, known.directory);
        let who = subject_of(self.device, known.directory);
        let service = known.service(self.device, self.port);
        let since = clock_time(self.since);
        let span = match self.ended {
            Some((at, _)) => format!("from {since} to {} UTC", clock_time(at)),
            None => format!("since {since} UTC"),
        };
        let mut clients: Vec<IpAddr> = self.refusals.iter().map(|refusal| refusal.client).collect();
        clients.sort_unstable();
        clients.dedup();
        let names: Vec<String> = clients.iter().map(|ip| known.holder(*ip, None).1).collect();
        let mut evidence = vec![Evidence {
            at: self.served.0,
            cite: Some(self.served.1),
            protocol: Some("tcp"),
            text: format!("last contents served on port {}", self.port),
        }];
        evidence.extend(self.refusals.iter().map(|refusal| Evidence {
            at: refusal.at,
            cite: Some(refusal.cite),
            protocol: Some("tcp"),
            text: format!("it refuses a connection of {} (RST) itself", refusal.client),
        }));
        let refusals: Vec<usize> = (1..evidence.len()).collect();
        evidence.extend(self.ended.map(|(at, cite)| Evidence {
            at,
            cite: Some(cite),
            protocol: Some("tcp"),
            text: format!("it serves port {} again", self.port),
        }));
        Finding {
            id: id(KIND.id, &format!("{} {}", self.opened_as, self.port), self.since),
            confidence: SURE,
            owner: Cause::Service.owner(),
            dispatch: Some("no"),
            devices: vec![self.device],
            switch: known.switch_of(self.device),
            cause: Some(Cause::Service),
            alternatives: vec![Alternative {
                cause: Cause::Service,
                confidence: SURE,
                speaks_for: refusals,
                speaks_against: Vec::new(),
                would_change: "the service being switched off on purpose, or a firewall that answers in the device's place",
            }],
            revisions: vec![Revision {
                at: self.detected,
                cause: Cause::Service,
                confidence: SURE,
                because: "the device itself refuses what it served before: it lives, its program does not".to_owned(),
            }],
            title: format!("{name}: {service} refused {span}"),
            summary: format!(
                "{who} is switched on and answers, but {span} it refuses {service} to {}, whom it served before. A program in it has stopped. It is physical security's turn: restart the device from its own page, or let IT switch the power of its port off and on. Nobody needs to drive out for that.",
                names.join(", ")
            ),
            detail: format!(
                "TCP port {}: {} connections refused by RST with the device's own hop limit between {} and {} UTC ({}).",
                self.port,
                self.count,
                clock_time(self.since),
                clock_time(self.last),
                length(self.last - self.since)
            ),
            remedy: "Restart the device. If it happens again look for a newer firmware, and at how many clients pull from it at once.".to_owned(),
            verify: "The device serves that port again; this finding then gets an end.".to_owned(),
            evidence,
            last_seen: self.ended.map_or(self.last, |(at, _)| at),
            ended: self.ended.map(|(at, _)| at),
            count: self.count.into(),
            ..Finding::of_network(&KIND, "", self.since, self.detected)
        }
    }
}

impl Detector for Services {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Activity(_) | Fact::Refused { .. })
    }

    fn heeds(&self, look: Look) -> bool {
        look.is_tcp
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    fn foresee(&self, seen: &Observation, device: Option<Number>) {
        if let Some(device) = device.filter(|_| is_server_side(seen)) {
            self.services.foresee(device);
        }
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            Fact::Activity(activity) if is_server_side(seen) => {
                if let Some(device) = known.subject(seen) {
                    self.served(device, seen, activity);
                }
            }
            Fact::Refused { port } => {
                if let Some(device) = known.subject(seen) {
                    self.refuses(device, *port, seen, known);
                }
            }
            _ => {}
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        if let Some(moved) = self.services.remove(gone)
            && let Some(offered) = self.services.or_insert_with(kept, Offered::new)
        {
            self.count = self.count.saturating_sub(moved.len()).saturating_sub(offered.len());
            for (port, service) in moved {
                if let Err(at) = place(offered, port)
                    && offered.len() < PORTS_MAX
                {
                    offered.insert(at, (port, service));
                }
            }
            self.count = self.count.saturating_add(offered.len());
        }
        for failure in self.failures.iter_mut().filter(|failure| failure.device == gone) {
            failure.device = kept;
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.failures.iter().map(|failure| failure.finding(known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        let [all, of_one, failures] = self.refused;
        vec![
            ("services watched", SERVICES_MAX, all),
            ("services watched of one device", PORTS_MAX, of_one),
            ("failures of services", FAILURES_MAX, failures),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::bench::{Bench, activity, ms, party};
    use crate::observation::{Party, Place};
    use spanwatch_parsers::Mac;

    const CAMERA: Mac = Mac([2, 0, 0, 0, 0, 7]);
    const RECORDER: Mac = Mac([2, 0, 0, 0, 0, 9]);

    fn camera() -> Party {
        Party { port: 554, ..party(CAMERA, "192.0.2.7", None) }
    }

    fn client(ip: &str) -> Party {
        Party { port: 40_000, ..party(RECORDER, ip, None) }
    }

    fn serves(bench: &mut Bench, at: Time) {
        let second = Activity { bytes: 2_000, ..activity(at, 4) };
        bench.sees(at, camera(), client("192.0.2.9"), Fact::Activity(second));
    }

    fn refuses(bench: &mut Bench, at: Time, by: Party, whom: &str) {
        bench.sees(at, by, client(whom), Fact::Refused { port: 554 });
        bench.sees(at, by, client(whom), Fact::Activity(Activity { bytes: 60, ..activity(at, 1) }));
    }

    fn after(refusals: &[i64], by: Party, whom: &str) -> (Bench, Vec<Finding>) {
        let mut bench = Bench::new();
        bench.claims(ms(0), CAMERA, "192.0.2.7", None);
        bench.claims(ms(0), RECORDER, "192.0.2.9", None);
        (0..10).for_each(|s| serves(&mut bench, ms(s * 1_000)));
        refusals.iter().for_each(|s| refuses(&mut bench, ms(s * 1_000), by, whom));
        let found = bench.of(&KIND);
        (bench, found)
    }

    #[test]
    fn of_one_device_so_many_services_are_watched_and_the_others_counted() {
        let mut services = Services::default();
        let second = Activity { bytes: 2_000, ..activity(ms(0), 4) };
        let seen = |port: u16| Observation {
            place: Place::default(),
            at: ms(0),
            cite: Cite::default(),
            subject: Party { port, ..camera() },
            peer: client("192.0.2.9"),
            transport: Some(6),
            source: "test",
            fact: Fact::Activity(second),
        };
        (1..=300).rev().for_each(|port| services.served(Number::for_test(1), &seen(port), &second));
        services.served(Number::for_test(2), &seen(1), &second);
        assert_eq!((services.count, services.refused), (PORTS_MAX + 1, [0, 300 - PORTS_MAX as u64, 0]));
        services.renumber(Number::for_test(2), Number::for_test(1));
        assert_eq!(services.count, PORTS_MAX, "there is no room for one more");
    }

    #[test]
    fn a_service_that_is_refused_where_it_was_served_is_down_until_it_serves_again() {
        let (mut bench, found) = after(&[12, 15, 20], camera(), "192.0.2.9");
        let [finding] = &found[..] else { panic!("one: {found:#?}") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (ms(12_000), ms(20_000), None));
        assert_eq!((finding.cause, finding.count), (Some(Cause::Service), 3));
        serves(&mut bench, ms(40_000));
        assert_eq!(bench.of(&KIND)[0].ended, Some(ms(40_000)));
    }

    #[test]
    fn one_refusal_and_a_quick_restart_are_nothing() {
        assert!(after(&[12], camera(), "192.0.2.9").1.is_empty());
        assert!(after(&[12, 14, 16], camera(), "192.0.2.9").1.is_empty());
        assert!(after(&[12, 200], camera(), "192.0.2.9").1.is_empty());
    }

    #[test]
    fn a_stranger_refused_and_a_firewall_that_refuses_are_nothing() {
        assert!(after(&[12, 15, 20], camera(), "192.0.2.77").1.is_empty());
        let firewall = Party { hop_limit: 253, ..camera() };
        assert!(after(&[12, 15, 20], firewall, "192.0.2.9").1.is_empty());
    }
}
