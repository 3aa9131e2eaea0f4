//! Both depths of a simulation tell one story: the packets of a site, replayed by the program, and what an
//! attentive reader would note of the same site, fed straight to the ledger.

use crate::support;

#[path = "support/observed.rs"]
mod observed;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use serde_json::Value;
use spanwatch_simulator::fabric::HostId;
use spanwatch_simulator::incident;
use spanwatch_simulator::mirror::{Form, Tags, Writer};
use spanwatch_simulator::options::{IncidentOrder, Options, SECOND, Shape, Transport, View};
use spanwatch_simulator::run::{plan, run};
use spanwatch_simulator::site::{Habit, Role, Site};
use spanwatch_simulator::tap::{Out, Sink};
use spanwatch_simulator::world::Change;

use observed::Observed;
use support::is_asked_for;
use support::run::{Scratch, replay};
use support::story::{incidents, list, nanoseconds};

/// A site, what happens to it, and when, in seconds after the start.
struct Case {
    name: &'static str,
    options: Options,
    changes: fn(&Site) -> Vec<(i64, Change)>,
}

/// Packets to a file.
struct Capture(Writer<File>);

impl Sink for Capture {
    fn frame(&mut self, at: i64, bytes: &[u8], wire_length: u32) -> io::Result<()> {
        self.0.frame(at, bytes, wire_length);
        Ok(())
    }
}

impl Case {
    fn run(&self, out: Out<'_>) {
        let options = &self.options;
        let mut plan = plan(options).expect("it can be done");
        let own = (self.changes)(&plan.site)
            .into_iter()
            .map(|(after, change)| (options.start + after * SECOND + SECOND / 3, change));
        plan.changes.extend(own);
        run(&plan, out, |_| ()).expect("the sink takes all");
    }

    fn replayed(&self, scratch: &Scratch) -> Value {
        let path = scratch.path().join(format!("{}.pcapng", self.name));
        let file = File::create(&path).expect("the target folder can be written");
        let mut capture = Capture(Writer::new(file, 0).expect("the file takes bytes"));
        self.run(Out::Packets(&mut capture));
        capture.0.finish().expect("the file takes bytes");
        replay(&path)
    }

    fn observed(&self) -> Value {
        let mut observed = Observed::default();
        self.run(Out::Sights(&mut observed));
        serde_json::to_value(observed.report()).expect("a report is JSON")
    }
}

/// What is compared of a finding: all that must be equal, and times that may differ by two seconds: what is summed up
/// each second may be told a tick later.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    what: String,
    times: [Option<i64>; 3],
}

fn claims(report: &Value) -> Vec<Claim> {
    let time = |finding: &Value, key: &str| finding[key].as_str().map(nanoseconds);
    let mut claims: Vec<Claim> = incidents(report)
        // Sights have no length.
        .filter(|it| it["kind"] != "mirror-truncated")
        .map(|it| Claim {
            what: format!("{} of {} by {}, owner {}", it["kind"], it["devices"], it["cause"], it["owner"]),
            times: ["first_seen", "detected", "ended"].map(|key| time(it, key)),
        })
        .collect();
    claims.sort();
    claims
}

fn states(report: &Value) -> BTreeMap<String, String> {
    list(report, "devices").map(|it| (it["id"].to_string(), it["state"].to_string())).collect()
}

/// Packets and losses by SSRC.
fn media(report: &Value) -> BTreeMap<u64, [u64; 2]> {
    let mut all = BTreeMap::<u64, [u64; 2]>::new();
    for stream in list(report, "streams") {
        let number = |key: &str| stream[key].as_u64().expect("a number");
        let sum = all.entry(number("ssrc")).or_default();
        sum[0] += number("packets");
        sum[1] += number("lost");
    }
    all
}

/// What differs between the two.
fn differences(packets: &Value, sights: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    let (said, seen) = (claims(packets), claims(sights));
    let is_near = |a: &Claim, b: &Claim| {
        let near = |(a, b): (&Option<i64>, &Option<i64>)| match (a, b) {
            (Some(a), Some(b)) => a.abs_diff(*b) <= 2 * SECOND as u64,
            (a, b) => a == b,
        };
        a.what == b.what && a.times.iter().zip(&b.times).all(near)
    };
    if said.len() != seen.len() || !said.iter().zip(&seen).all(|(a, b)| is_near(a, b)) {
        let shown = |claims: &[Claim]| {
            claims.iter().map(|it| format!("\n    {} {:?}", it.what, it.times)).collect::<String>()
        };
        differences.push(format!("findings\n  by packets:{}\n  by sights:{}", shown(&said), shown(&seen)));
    }
    differ("state", &states(packets), &states(sights), &mut differences);
    differ("packets and loss of ssrc", &media(packets), &media(sights), &mut differences);
    differences
}

fn differ<K: Ord + std::fmt::Debug + Clone, V: PartialEq + std::fmt::Debug>(
    what: &str,
    packets: &BTreeMap<K, V>,
    sights: &BTreeMap<K, V>,
    differences: &mut Vec<String>,
) {
    let mut keys: Vec<_> = packets.keys().chain(sights.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (said, seen) = (packets.get(&key), sights.get(&key));
        if said != seen {
            differences.push(format!("{what} {key:?}: {said:?} by packets, {seen:?} by sights"));
        }
    }
}

/// The cameras that are always recorded.
fn cameras(site: &Site) -> Vec<HostId> {
    let is_always = |id: &HostId| site.hosts[*id].media.is_some_and(|media| media.habit == Habit::Always);
    site.all(Role::Camera).filter(is_always).collect()
}

fn recorder(site: &Site) -> HostId {
    site.all(Role::Recorder).next().expect("a site with cameras has a recorder")
}

fn healthy(_: &Site) -> Vec<(i64, Change)> {
    Vec::new()
}

fn power(site: &Site) -> Vec<(i64, Change)> {
    let cameras = cameras(site);
    vec![
        (60, Change::PowerOff(cameras[0])),
        (120, Change::PowerOn(cameras[0], 25 * SECOND)),
        (150, Change::PowerOff(cameras[1])),
    ]
}

fn switch(site: &Site) -> Vec<(i64, Change)> {
    let last = site.switches.len() - 1;
    vec![(70, Change::SwitchOff(last)), (130, Change::SwitchOn(last))]
}

fn cables(site: &Site) -> Vec<(i64, Change)> {
    let cut = |(index, camera): (usize, HostId)| {
        let from = 50 + 20 * index as i64;
        [(from, Change::Cable(camera, false)), (from + 12, Change::Cable(camera, true))]
    };
    cameras(site).into_iter().take(6).enumerate().flat_map(cut).collect()
}

fn crash(site: &Site) -> Vec<(i64, Change)> {
    let cameras = cameras(site);
    vec![(60, Change::Crash(cameras[0])), (90, Change::Hang(cameras[1])), (110, Change::Recover(cameras[0]))]
}

fn trunk(_: &Site) -> Vec<(i64, Change)> {
    vec![(80, Change::Trunk(0, false)), (120, Change::Trunk(0, true))]
}

fn recorder_dies(site: &Site) -> Vec<(i64, Change)> {
    let recorder = recorder(site);
    vec![(80, Change::PowerOff(recorder)), (150, Change::PowerOn(recorder, 30 * SECOND))]
}

fn mirror_lost(_: &Site) -> Vec<(i64, Change)> {
    vec![(90, Change::MirrorLost(true)), (130, Change::MirrorLost(false))]
}

/// Everything at once, as far as it bears it.
fn turmoil(site: &Site) -> Vec<(i64, Change)> {
    [cables(site), crash(site), trunk(site), mirror_lost(site)].concat()
}

fn options(seed: u64, devices: u32, transport: Option<Transport>) -> Options {
    Options {
        seed,
        devices,
        transport,
        frame_rate: Some(6),
        bit_rate: Some(150_000),
        length: 240 * SECOND,
        ..Options::default()
    }
}

fn cases() -> Vec<Case> {
    let case = |name, options, changes| Case { name, options, changes };
    let settled = |options| Options { is_settled: true, ..options };
    let tagged = Form { tags: Tags::Both, ..Form::default() };
    let (udp, inside, group) =
        (Some(Transport::Udp), Some(Transport::Interleaved), Some(Transport::Multicast));
    vec![
        case("healthy", options(1, 20, None), healthy),
        case("healthy-settled", settled(options(2, 25, None)), healthy),
        case("power-udp", options(3, 8, udp), power),
        case("power-inside", settled(options(4, 12, inside)), power),
        case("power-group", options(5, 12, group), power),
        case("switch", settled(Options { length: 300 * SECOND, ..options(6, 25, None) }), switch),
        case("cables-inside", options(7, 20, inside), cables),
        case("cables-udp", settled(options(8, 15, udp)), cables),
        case("crash", options(9, 15, None), crash),
        case("trunk", settled(Options { shape: Shape::Tree, ..options(10, 25, None) }), trunk),
        case("trunk-ring", settled(Options { shape: Shape::Ring, ..options(11, 60, udp) }), trunk),
        case("recorder", settled(options(12, 15, None)), recorder_dies),
        case("mirror-lost", settled(options(13, 20, None)), mirror_lost),
        case("uplink", settled(Options { view: View::Uplink, ..options(14, 25, None) }), power),
        case("both-ways", Options { view: View::CoreBothWays, form: tagged, ..options(15, 20, None) }, crash),
        case("turmoil", Options { view: View::TwoSwitches, ..options(16, 25, None) }, turmoil),
    ]
}

fn compare(name: &str, cases: &[Case]) {
    let scratch = Scratch::new(name);
    let mut complaints = Vec::new();
    for case in cases {
        let (packets, sights) = (case.replayed(&scratch), case.observed());
        eprintln!("{}: {} findings, {} devices", case.name, claims(&packets).len(), states(&packets).len());
        let different = differences(&packets, &sights);
        complaints.extend(different.into_iter().map(|it| format!("{}: {it}", case.name)));
    }
    assert!(complaints.is_empty(), "{} differences:\n{}", complaints.len(), complaints.join("\n"));
}

/// Every incident of the catalogue, each at a site of its own; the test takes each fourth where not all are
/// asked for.
fn catalogue() -> Vec<Case> {
    let case = |(seed, kind): (u64, &&incident::Kind)| Case {
        name: kind.name,
        options: Options {
            incidents: vec![IncidentOrder {
                kind: kind.name.to_owned(),
                after: None,
                subject: None,
                length: None,
            }],
            is_settled: seed % 2 == 0,
            ..options(seed, 22, None)
        },
        changes: healthy,
    };
    // A mirror that cuts its copies short is told of as if it did not.
    (101..).zip(incident::ALL).filter(|(_, kind)| kind.name != "mirror-truncated").map(case).collect()
}

#[test]
fn both_depths_tell_the_same() {
    compare("two-depths-of-changes", &cases());
}

#[test]
fn both_depths_tell_the_same_of_every_incident() {
    let mut all = catalogue();
    if !is_asked_for("SPANWATCH_ALL") {
        all = all.into_iter().step_by(4).collect();
    }
    compare("two-depths-of-incidents", &all);
}

/// Run by hand with `time`, it tells what years of a site's time cost.
#[test]
fn a_day_of_a_hundred_devices() {
    if !is_asked_for("SPANWATCH_ALL") {
        return;
    }
    let options =
        Options { length: 86_400 * SECOND, bit_rate: None, frame_rate: Some(5), ..options(1, 100, None) };
    let case = Case { name: "day", options, changes: healthy };
    eprintln!("{} devices", states(&case.observed()).len());
}
