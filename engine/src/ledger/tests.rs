//! What the rooms make of observations together.

use spanwatch_parsers::{Activity, BindingBy, Command, Key, Order, ReceiverReport, Span, StreamActivity};

use super::*;
use crate::clock::{Dropped, Dropper, GapReason};
use crate::detectors::mirror_clock;
use crate::ledger::identity::Attribute;
use crate::policy::Hours;

const CAMERA: Mac = Mac([2, 0, 0, 0, 0, 0xa]);
const FORGER: Mac = Mac([2, 0, 0, 0, 0, 0xb]);
const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn ledger() -> Ledger {
    Ledger::new(Fingerprints::builtin())
}

fn second(n: i64) -> Time {
    Time(n * 1_000_000_000)
}

fn said(at: Time, subject: Party, fact: Fact) -> Observation {
    Observation {
        place: crate::observation::Place::default(),
        at,
        cite: Cite::default(),
        subject,
        peer: Party::default(),
        transport: None,
        source: "test",
        fact,
    }
}

fn claimed(at: Time, mac: Mac) -> Observation {
    let subject = Party { mac: Some(mac), ip: Some(IP), ..Party::default() };
    said(at, subject, Fact::Binding { mac, ip: IP, by: BindingBy::Claim })
}

fn heard(at: Time, mac: Mac, ip: IpAddr) -> Observation {
    let activity = Activity {
        flow: 1,
        protocol: None,
        first: at,
        first_frame: (0, 1),
        last: at,
        packets: 1,
        bytes: 100,
        longest_gap: Span::ZERO,
        stamp: None,
    };
    let subject = Party { mac: Some(mac), ip: Some(ip), hop_limit: 64, ..Party::default() };
    said(at, subject, Fact::Activity(activity))
}

#[test]
fn a_forged_claim_moves_no_frames_to_the_forger() {
    let mut ledger = ledger();
    ledger.observe(&claimed(second(1), CAMERA));
    ledger.observe(&claimed(second(2), FORGER));
    ledger.observe(&heard(second(3), CAMERA, IP));
    let packets = |mac| {
        let number = ledger.directory.find_mac(mac).unwrap();
        ledger.directory.device(number).unwrap().packets
    };
    assert_eq!((packets(CAMERA), packets(FORGER)), (1, 0));
    assert_eq!(ledger.directory.find_ip(IP, None), ledger.directory.find_mac(CAMERA));
}

#[test]
fn a_limit_bears_the_time_at_which_it_was_first_reached() {
    let mut ledger = ledger();
    for n in 0..=directory::DEVICES_MAX as u32 {
        let ip = IpAddr::from(0x0a00_0001_u32.wrapping_add(n).to_be_bytes());
        ledger.observe(&heard(second(i64::from(n)), Mac([2, 1, 0, 0, 0, 1]), ip));
    }
    let reached = second(directory::DEVICES_MAX as i64);
    ledger.observe(&heard(reached + Span::seconds(9), CAMERA, "192.0.2.1".parse().unwrap()));
    let limits = ledger.all_limits();
    let limit = limits.get("devices").unwrap();
    assert_eq!((limit.first, limit.evicted), (reached, 2));
}

/// What is known after a camera that streamed for 100 s, number 1,099 the last, fell silent together with its
/// reports, while its recorder reports this number as the highest that came.
fn where_the_recorder_has(highest: u32, is_lost: impl Fn(i64) -> bool) -> Ledger {
    let recorder = Mac([2, 0, 0, 0, 0, 0xd]);
    let recorder_ip: IpAddr = "192.0.2.9".parse().unwrap();
    let party = |mac, ip| Party { mac: Some(mac), ip: Some(ip), hop_limit: 64, ..Party::default() };
    let (camera, client) = (party(CAMERA, IP), party(recorder, recorder_ip));
    let to = |peer: Party, seen: Observation| Observation { peer, ..seen };
    let mut ledger = ledger();
    for (mac, ip) in [(CAMERA, IP), (recorder, recorder_ip), (FORGER, "192.0.2.8".parse().unwrap())] {
        ledger.observe(&said(second(0), party(mac, ip), Fact::Binding { mac, ip, by: BindingBy::Claim }));
    }
    for at in 0..=110 {
        if is_lost(at) {
            let fact = Fact::Panicked { what: "reader", count: 1 };
            ledger.take(&[Observation { source: SECONDS, ..said(second(at), Party::default(), fact) }]);
        }
        if at < 100 {
            ledger.observe(&heard(second(at), CAMERA, IP));
            let media = StreamActivity {
                destination: recorder_ip,
                sequence: 1_000 + at as u16,
                ..crate::verdict::second_of_media(7, second(at), second(at), Span::millis(40))
            };
            ledger.observe(&said(second(at), camera, Fact::Stream(Box::new(media))));
        }
        if at < 100 && at % 5 == 0 {
            let clock = spanwatch_parsers::Clock { ssrc: 7, ntp: 1, rtp_ticks: 0 };
            ledger.observe(&to(client, said(second(at), camera, Fact::Clock(clock))));
        }
        if at % 5 == 2 {
            let highest_sequence = if at < 100 { 1_000 + at as u32 } else { highest };
            let report =
                ReceiverReport { ssrc: 7, fraction_lost: 0, lost: 0, highest_sequence, jitter_ticks: 0 };
            ledger.observe(&to(camera, said(second(at), client, Fact::ReceiverReport(report))));
        }
        ledger.observe(&heard(second(at), recorder, recorder_ip));
        ledger.observe(&heard(second(at), FORGER, "192.0.2.8".parse().unwrap()));
        ledger.complete(second(at));
    }
    ledger
}

fn gone_where_the_recorder_has(highest: u32) -> usize {
    where_the_recorder_has(highest, |_| false).verdict.absences().len()
}

#[test]
fn a_camera_is_gone_where_its_recorder_got_just_what_we_saw() {
    assert_eq!(gone_where_the_recorder_has(1_099), 1);
    // He got more than the mirror showed, or less: then something else is amiss.
    assert_eq!([1_200, 1_050].map(gone_where_the_recorder_has), [0, 0]);
}

/// A camera that sends media for a minute to a recorder, who then sends the same data again and again to a MAC.
fn asked_by_hardware_address(of: Mac) -> usize {
    let recorder = Mac([2, 0, 0, 0, 0, 0xd]);
    let recorder_ip: IpAddr = "192.0.2.9".parse().unwrap();
    let party = |mac, ip| Party { mac: Some(mac), ip: Some(ip), hop_limit: 64, ..Party::default() };
    let mut ledger = ledger();
    for (mac, ip) in [(CAMERA, IP), (recorder, recorder_ip), (FORGER, "192.0.2.8".parse().unwrap())] {
        let subject = party(mac, ip);
        ledger.observe(&said(second(0), subject, Fact::Binding { mac, ip, by: BindingBy::Claim }));
    }
    for at in 0..90 {
        if at < 60 {
            ledger.observe(&heard(second(at), CAMERA, IP));
            let media = StreamActivity {
                destination: recorder_ip,
                ..crate::verdict::second_of_media(7, second(at), second(at), Span::millis(200))
            };
            ledger.observe(&said(second(at), party(CAMERA, IP), Fact::Stream(Box::new(media))));
        } else if let attempt @ 1..=4 = at - 61 {
            let attempt = u16::try_from(attempt).unwrap();
            let mut again =
                said(second(at), party(recorder, recorder_ip), Fact::Retried { target: IP, attempt });
            again.peer = party(of, IP);
            ledger.observe(&again);
        }
        ledger.observe(&heard(second(at), recorder, recorder_ip));
        ledger.observe(&heard(second(at), FORGER, "192.0.2.8".parse().unwrap()));
        ledger.complete(second(at));
    }
    ledger.verdict.absences().len()
}

#[test]
fn who_asks_another_by_hardware_address_proves_nothing_of_the_one_he_means() {
    assert_eq!((asked_by_hardware_address(CAMERA), asked_by_hardware_address(FORGER)), (1, 0));
}

#[test]
fn who_counts_his_starts_restarted_where_the_number_is_another() {
    let camera = Party { mac: Some(CAMERA), ip: Some(IP), port: 554, ..Party::default() };
    let instance = |at, number, is_announced| {
        said(second(at), camera, Fact::Instance { number: Some(number), is_announced })
    };
    let mut ledger = ledger();
    ledger.observe(&claimed(second(1), CAMERA));
    ledger.observe(&said(second(1), camera, Fact::Service { protocol: "rtsp" }));
    let mut restarts = Vec::new();
    // The first hello may be of one who changed; the next has the number known from before.
    for (at, number, is_announced) in [(20, 7, true), (60, 7, true), (120, 8, false), (300, 9, true)] {
        ledger.observe(&heard(second(at - 10), CAMERA, IP));
        ledger.observe(&instance(at, number, is_announced));
        restarts.push(ledger.verdict.restarts().count());
    }
    assert_eq!(restarts, [0, 0, 1, 2]);
}

#[test]
fn who_says_that_it_is_a_device_of_network_video_is_told_of_when_it_starts() {
    let starts = |kind: &str| {
        let mut ledger = ledger();
        let subject = || Party { mac: Some(CAMERA), ip: Some(IP), ..Party::default() };
        ledger.observe(&claimed(second(1), CAMERA));
        for (at, number) in [(2, 7), (100, 8)] {
            let start = Fact::Instance { number: Some(number), is_announced: true };
            ledger.observe(&said(second(at), subject(), start));
            let said_kind = Fact::Attribute { key: Key::WsdType, value: kind.into() };
            ledger.observe(&said(second(at), subject(), said_kind));
            ledger.observe(&heard(second(at), CAMERA, IP));
            ledger.complete(second(at + 1));
        }
        ledger.findings(second(110)).iter().filter(|it| it.kind.id == "device-restarted").count()
    };
    assert_eq!([starts("NetworkVideoTransmitter"), starts("Computer")], [1, 0]);
}

#[test]
fn time_in_which_much_was_dropped_is_blind_and_adjoining_times_are_one() {
    let mut ledger = ledger();
    let mut drops = |at, by, lost| {
        let dropped = Dropped { from: second(at), to: second(at + 1), by, lost, of: 1_000 };
        ledger.dropped(&dropped, Cite::new(0, 1));
        ledger.blind.clone()
    };
    assert_eq!(drops(1, Dropper::Machine, 99), []);
    drops(5, Dropper::Machine, 100);
    let why = GapReason::Dropped(Dropper::Machine);
    let mut blind = vec![Blind { from: second(5), to: second(7), why }];
    assert_eq!(drops(6, Dropper::Machine, 800), blind);
    blind.push(Blind { from: second(7), to: second(8), why: GapReason::Dropped(Dropper::Mirror) });
    assert_eq!(drops(7, Dropper::Mirror, 800), blind);
}

#[test]
fn what_was_counted_as_dropped_is_told_once_it_is_more_than_a_few() {
    let told = |drops: &[(i64, Dropper, u64)]| {
        let mut ledger = ledger();
        for (at, by, lost) in drops {
            let dropped = Dropped { from: second(*at), to: second(*at + 1), by: *by, lost: *lost, of: 5_000 };
            ledger.dropped(&dropped, Cite::new(0, 1));
        }
        let findings = ledger.findings(second(100));
        let told = findings.iter().filter(|it| it.kind.id == "mirror-drops");
        told.map(|it| (it.count, it.first_seen, it.detected, it.ended)).collect::<Vec<_>>()
    };
    let (machine, mirror) = (Dropper::Machine, Dropper::Mirror);
    assert_eq!(told(&[(1, mirror, 4), (2, mirror, 5)]), []);
    let one = (10, second(1), second(3), Some(second(3)));
    assert_eq!(told(&[(1, mirror, 4), (2, mirror, 6)]), [one]);
    assert_eq!(told(&[(1, mirror, 4), (2, mirror, 6), (90, mirror, 3)]), [one]);
    let other = (50, second(90), second(91), None);
    assert_eq!(told(&[(1, mirror, 4), (2, mirror, 6), (90, machine, 50)]), [one, other]);
    let both = (60, second(1), second(3), None);
    assert_eq!(told(&[(1, mirror, 4), (2, mirror, 6), (60, mirror, 50)]), [both]);
}

#[test]
fn silence_told_while_it_lasts_leads_to_what_silence_told_in_the_end_does() {
    let told = |so_far: &[i64]| {
        let mut ledger = ledger();
        for n in 1..=40 {
            (1..=4).for_each(|host| {
                let mac = Mac([2, 0, 0, 0, 0, host]);
                ledger.observe(&heard(second(n), mac, IpAddr::from([192, 0, 2, host])));
            });
            ledger.complete(second(n + 1));
        }
        for at in so_far {
            ledger.blind_since(second(41), second(*at), GapReason::Silence);
        }
        ledger.gap(second(41), second(90), GapReason::Silence);
        format!("{:?}", ledger.findings(second(91)))
    };
    let at_the_end = told(&[]);
    assert!(at_the_end.contains("The mirror port was silent"), "{at_the_end}");
    assert_eq!(told(&[52, 53, 54]), at_the_end);
}

#[test]
fn who_is_heard_again_is_remembered_and_a_fresh_word_outweighs_the_old_one() {
    let mut memory = Memory::default();
    let mut remember = |attribute, value, source| {
        let at = second(1);
        memory.add(CAMERA, memory::Witness { attribute, value, strength: 85, source, at });
    };
    remember("name", "Gate", "onvif");
    remember("firmware", "1.0", "onvif");
    remember("mac", "02:00:00:00:00:0a", "arp");
    let mut ledger = ledger().remembering(Arc::new(memory));
    assert_eq!(ledger.heard_since("02:00:00:00:00:0a"), None, "nobody was heard yet");
    assert_eq!(ledger.directory.devices().count(), 0);
    ledger.observe(&claimed(second(9), CAMERA));
    ledger.observe(&heard(second(9), CAMERA, IP));
    assert_eq!(ledger.heard_since("02:00:00:00:00:0a"), Some(second(9)));
    assert_eq!(ledger.heard_since(&IP.to_string()), Some(second(9)));
    let best = |ledger: &Ledger, attribute| {
        let device = ledger.directory.device(ledger.directory.find_mac(CAMERA).unwrap()).unwrap();
        let (value, sure) = device.identity.best(attribute).unwrap();
        (value.as_str().to_owned(), sure)
    };
    assert_eq!(best(&ledger, Attribute::Name), ("Gate".to_owned(), 42));
    let subject = Party { mac: Some(CAMERA), ip: Some(IP), ..Party::default() };
    let updated = Fact::Attribute { key: Key::Firmware, value: "2.0".into() };
    ledger.observe(&said(second(10), subject, updated));
    assert_eq!(best(&ledger, Attribute::Firmware), ("2.0".to_owned(), 85));
}

#[test]
fn who_was_there_before_a_restart_is_not_new_when_he_joins_again() {
    let new = |is_met: bool| {
        let mut memory = Memory::default();
        if is_met {
            memory.meet(CAMERA);
        }
        let mut ledger = ledger().remembering(Arc::new(memory));
        ledger.observe(&heard(second(1), FORGER, IpAddr::from([192, 0, 2, 9])));
        let subject = Party { mac: Some(CAMERA), ip: Some(IP), ..Party::default() };
        ledger.observe(&claimed(second(300), CAMERA));
        ledger.observe(&said(second(300), subject, Fact::Announced));
        ledger.complete(second(301));
        ledger.findings(second(301)).iter().filter(|it| it.kind.id == "new-device").count()
    };
    assert_eq!((new(false), new(true)), (1, 0));
}

/// Counts the seconds it was told of, and panics when it is asked what it found for the second time.
#[derive(Debug, Default)]
struct Broken(u64, std::sync::atomic::AtomicU64);

static BROKEN: Kind =
    Kind { id: "broken", start: Some(|| Box::new(Broken::default())), ..detectors::port_scan::KIND };

impl Detector for Broken {
    fn reads(&self, _: &Fact) -> bool {
        true
    }

    fn observe(&mut self, _: &Observation, _: &Known<'_>) {}

    fn advance(&mut self, _: Time, _: &Known<'_>) {
        self.0 += 1;
    }

    fn findings(&self, _: &Known<'_>) -> Vec<Finding> {
        let asked = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(asked != 1, "a question that goes wrong on purpose");
        vec![Finding { kind: &BROKEN, ..mirror_clock::finding(second(1), second(2), Cite::default()) }]
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("seconds", 1, self.0)]
    }
}

#[test]
fn what_a_detector_said_last_holds_on_while_it_cannot_be_asked() {
    let mut ledger = Ledger::with_kinds(Fingerprints::builtin(), &[&BROKEN]);
    for panicked in [0, 1, 1] {
        let findings = ledger.findings(second(1));
        assert_eq!(findings.iter().filter(|it| it.kind.id == "broken").count(), 1, "{findings:?}");
        assert_eq!(ledger.panics().get("detector broken").copied().unwrap_or(0), panicked);
        ledger.told(findings);
    }
}

#[test]
fn what_holds_on_names_devices_as_they_turned_out_to_be() {
    let mut ledger = Ledger::with_kinds(Fingerprints::builtin(), &[&BROKEN]);
    let other: IpAddr = "192.0.2.8".parse().unwrap();
    let subject = Party { mac: Some(CAMERA), ip: Some(other), ..Party::default() };
    ledger.observe(&said(second(1), subject, Fact::Binding { mac: CAMERA, ip: other, by: BindingBy::Claim }));
    ledger.observe(&heard(second(1), FORGER, IP));
    let camera = ledger.directory.find_mac(CAMERA).unwrap();
    let by_address = ledger.directory.find_ip(IP, None).unwrap();
    assert_ne!(by_address, camera);
    let mut findings = ledger.findings(second(1));
    findings[0].devices = vec![by_address, camera];
    ledger.told(findings);
    ledger.observe(&claimed(second(2), CAMERA));
    assert!(ledger.directory.device(by_address).is_none());
    let held = ledger.findings(second(2));
    let devices: Vec<_> =
        held.iter().filter(|it| it.kind.id == "broken").map(|it| it.devices.clone()).collect();
    assert_eq!(devices, [[camera]]);
}

#[test]
fn an_absence_stays_told_while_absences_cannot_be_worded() {
    let mut ledger = where_the_recorder_has(1_099, |_| false);
    let ids = |of: &[Finding]| of.iter().map(|it| (it.kind.id, it.id.clone())).collect::<Vec<_>>();
    let before = ledger.findings(second(110));
    assert_eq!(ids(&before).iter().filter(|(kind, _)| *kind == "device-offline").count(), 1, "{before:?}");
    ledger.told(before.clone());
    let meanwhile = planted::with("incidents", || ledger.findings(second(111)));
    assert_eq!(ids(&meanwhile), ids(&before));
    assert_eq!(ledger.panics(), BTreeMap::from([("detector absences".to_owned(), 1)]));
    assert_eq!(ids(&ledger.findings(second(112))), ids(&before));
}

#[test]
fn a_panic_of_the_verdict_costs_its_turn_and_detectors_have_theirs() {
    let mut ledger = Ledger::with_kinds(Fingerprints::builtin(), &[&BROKEN]);
    ledger.complete(second(1));
    planted::with("verdict", || ledger.complete(second(2)));
    ledger.complete(second(3));
    assert_eq!(ledger.panics(), BTreeMap::from([("ledger verdict".to_owned(), 1)]));
    assert_eq!(ledger.all_limits()["seconds"].evicted, 3);
}

#[test]
fn an_observation_that_panics_is_lost_and_those_after_it_are_taken() {
    let mut ledger = ledger();
    planted::with("observation", || {
        ledger.take(&[claimed(second(1), FORGER), claimed(second(2), FORGER)]);
    });
    ledger.take(&[claimed(second(3), CAMERA)]);
    assert_eq!(ledger.panics(), BTreeMap::from([("ledger observations".to_owned(), 2)]));
    assert!(ledger.directory.find_mac(FORGER).is_none() && ledger.directory.find_mac(CAMERA).is_some());
}

#[test]
fn nobody_is_called_gone_for_seconds_that_a_shard_lost() {
    let ledger = where_the_recorder_has(1_099, |at| at >= 100);
    assert_eq!(ledger.verdict.absences().len(), 0);
    assert_eq!(ledger.panics(), BTreeMap::from([("reader seconds".to_owned(), 11)]));
}

#[test]
fn what_is_ordered_when_nobody_works_is_told_as_out_of_hours() {
    let told = |hours: Vec<Hours>| {
        let mut ledger = ledger().governed(Arc::new(Policy { hours, ..Policy::default() }));
        let subject = Party { mac: Some(CAMERA), ip: Some(IP), ..Party::default() };
        let command = Command { order: Order::Door, what: "PUT /door".into(), account: None };
        ledger.observe(&claimed(second(1), CAMERA));
        // It is a Thursday, just after midnight.
        ledger.observe(&said(second(2), subject, Fact::Command(Box::new(command))));
        ledger.complete(second(3));
        let findings = ledger.findings(second(3));
        findings.iter().find(|it| it.kind.id == "door-command").unwrap().evidence[0].text.clone()
    };
    let day = Hours { days: (0, 4), minutes: (360, 1_080) };
    let night = Hours { days: (2, 2), minutes: (1_320, 360) };
    assert_eq!(told(vec![]), "PUT /door");
    assert_eq!(told(vec![day]), "PUT /door, out of hours");
    assert_eq!(told(vec![day, night]), "PUT /door");
}

#[test]
fn the_time_to_learn_moves_with_a_clock_that_leaps_while_it_lasts() {
    let mut ledger = ledger();
    let leaps =
        |ledger: &mut Ledger, from: i64, to: i64| ledger.leap(second(from), second(to), Cite::default());
    leaps(&mut ledger, 0, 5);
    assert_eq!(ledger.learns_until, Time::MIN, "without a store");
    ledger.learns_until(second(100));
    leaps(&mut ledger, 40, 10_040);
    // The store says the same each second.
    ledger.learns_until(second(100));
    assert_eq!(ledger.learns_until, second(10_100));
    leaps(&mut ledger, 10_050, 50);
    assert_eq!(ledger.learns_until, second(100));
    leaps(&mut ledger, 101, 10_101);
    assert_eq!(ledger.learns_until, second(100), "it was over");
    ledger.learns_until(second(60));
    assert_eq!(ledger.learns_until, second(60), "people accepted what was learned");
}
