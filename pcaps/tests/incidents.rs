//! Every kind of incident: it can be planned, its truth holds together, and its traffic tells it.

mod ordered;
mod seen;

use std::collections::BTreeSet;

use ordered::order;
use seen::{Seen, run, run_with};
use spanwatch_simulator::incident::{ALL, Family, Kind, is_reserved, plan, random_order};
use spanwatch_simulator::mirror::Tags;
use spanwatch_simulator::options::{Options, SECOND, Shape, Transport, View};
use spanwatch_simulator::site::Habit;
use spanwatch_simulator::truth::{Event, Truth};

/// The kinds of findings of the report, as its contract lists them.
const CONTRACT: &str = "
    device-offline recorder-offline devices-offline-together device-flapping device-restarted boot-loop service-down
    admission-refused stream-stalled not-recorded stream-loss stream-loss-shared stream-loss-downstream
    video-signal-lost tamper-reported recorder-storage-fault
    switch-fault stp-topology-change stp-root-change port-flapping link-degraded power-fault mac-moving
    address-conflict switching-loop broadcast-storm rogue-dhcp dhcp-failed dhcp-exhausted rogue-ra neighbor-changed
    redundancy-lost path-congestion querier-missing wrong-segment time-source-lost
    brute-force port-scan identity-changed
    mirror-lost mirror-partial mirror-one-way mirror-drops mirror-duplicates mirror-truncated mirror-clock
    input-damaged limit-reached";
const CAUSES: &str = "device device-restart service recorder power switch uplink link network-path dhcp
    address-conflict mirror unknown";

fn is_of(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|it| it == word)
}

fn the(truth: &Truth) -> &Event {
    assert_eq!(truth.incidents.len(), 1);
    &truth.incidents[0]
}

#[test]
fn every_kind_is_planned_runs_and_tells_a_truth_that_holds_together() {
    for kind in ALL {
        let (_, seen, truth) = run(kind.name);
        assert!(seen.frames.len() > 1_000, "{kind:?}");
        assert_eq!(truth.capture.frames, seen.frames.len() as u64, "{kind:?}");
        holds_together(kind, &truth);
    }
}

fn holds_together(kind: &Kind, truth: &Truth) {
    let event = the(truth);
    let macs: BTreeSet<&str> = truth.devices.iter().map(|device| device.mac.as_str()).collect();
    let names: BTreeSet<&str> = truth.devices.iter().map(|device| device.name.as_str()).collect();
    let end = seen::later(&truth.order.start, truth.order.length_s);
    let is_within = |time: &String| *truth.order.start <= **time && **time <= *end;
    assert_eq!((truth.schema.as_str(), event.kind.as_str()), ("spanwatch/truth/1", kind.name));
    assert!(event.what.ends_with('.') && event.what.len() > 15, "{}", event.what);
    assert!(is_within(&event.started) && event.ended.iter().all(is_within), "{event:?}");
    for name in &event.subjects {
        assert!(names.contains(name.as_str()) || name == "mirror" || name.starts_with("vlan-"), "{name}");
    }
    for expected in &event.expected {
        assert!(is_of(CONTRACT, &expected.kind) && is_of(CAUSES, &expected.cause), "{expected:?}");
        assert!(expected.or.iter().all(|or| is_of(CONTRACT, or)), "{expected:?}");
        assert!(["it", "physical-security", "unknown"].contains(&expected.owner.as_str()));
        assert!(expected.devices.iter().chain(&expected.switch).all(|mac| macs.contains(mac.as_str())));
        assert!(is_within(&expected.since) && expected.until.iter().all(is_within), "{expected:?}");
        assert!(!truth.quiet.contains(&expected.kind), "{} is due and quiet", expected.kind);
    }
    for visible in &event.visible {
        assert!(is_of(CAUSES, &visible.cause) && is_within(&visible.from), "{visible:?}");
        assert!(visible.or.iter().all(|or| is_of(CAUSES, or)), "{visible:?}");
    }
    assert!(event.visible.windows(2).all(|pair| pair[0].from <= pair[1].from), "{:?}", event.visible);
    for must_not in &event.must_not {
        assert!(is_of(CONTRACT, &must_not.kind), "{must_not:?}");
        assert!(must_not.devices.iter().all(|mac| macs.contains(mac.as_str())));
        let is_due = event.expected.iter().any(|expected| {
            expected.kind == must_not.kind
                && (must_not.devices.is_empty()
                    || expected.devices.iter().any(|mac| must_not.devices.contains(mac)))
        });
        assert!(!is_due, "{} is due and must not be", must_not.kind);
    }
    assert!(event.may.iter().chain(&truth.quiet).all(|kind| is_of(CONTRACT, kind)), "{:?}", event.may);
    let is_harmless = kind.family == Family::NearMiss || kind.name == "mirror-encapsulated";
    let only_restarts = event.expected.iter().all(|expected| expected.kind == "device-restarted");
    assert!(if is_harmless { only_restarts } else { !event.expected.is_empty() }, "{:?}", event.expected);
}

#[test]
fn the_same_order_gives_the_same_bytes_and_another_seed_gives_others() {
    for kind in ["switch-power", "duplicate-address", "mirror-drops"] {
        let (_, one, truth) = run(kind);
        let (_, again, same) = run(kind);
        assert!(one.digest == again.digest && truth == same, "{kind}");
        let (_, other, _) = run_with(Options { seed: 6, ..order(kind) });
        assert_ne!(one.digest, other.digest, "{kind}");
    }
}

#[test]
fn what_never_returns_has_no_end() {
    for kind in ["power-cycle@120s+forever", "switch-hang@120s+forever", "boot-loop@120s+1h"] {
        let (_, _, truth) = run(kind);
        let event = the(&truth);
        assert_eq!((&event.ended, &event.expected[0].until), (&None, &None), "{kind}");
    }
}

#[test]
fn after_a_power_cycle_a_camera_asks_for_its_lease_and_streams_anew() {
    let (plan, seen, truth) = run("power-cycle@100s+20s");
    let event = the(&truth);
    let mac = seen::mac(&plan, &event.subjects[0]);
    let at = plan.options.start + 100 * SECOND;
    let back = seen::nanos(event.ended.as_ref().unwrap());
    let times = seen.of(mac);
    assert!(times.iter().any(|time| *time < at) && times.iter().any(|time| *time > back));
    assert!(!times.iter().any(|time| (at + SECOND / 100..back).contains(time)), "it is silent meanwhile");
    let ssrcs: BTreeSet<&str> = truth
        .streams
        .iter()
        .filter(|stream| stream.camera == event.subjects[0] && stream.receiver.starts_with("recorder"))
        .map(|stream| stream.ssrc.as_str())
        .collect();
    assert_eq!(ssrcs.len(), 2);
    assert_eq!(seen::causes(event), ["unknown", "link", "device-restart"]);
}

#[test]
fn after_a_short_pull_of_its_cable_a_camera_goes_on_with_its_stream() {
    let (_, _, truth) = run("cable-pull@100s+4s");
    let camera = &the(&truth).subjects[0];
    let streams =
        truth.streams.iter().filter(|it| it.camera == *camera && it.receiver.starts_with("recorder"));
    let streams: Vec<_> = streams.collect();
    assert_eq!(streams.len(), 1);
    assert!(streams[0].last > seen::later(&truth.order.start, 200));
    assert!(the(&truth).visible.is_empty(), "nobody was refused in so short a time");
}

#[test]
fn behind_a_dead_switch_everybody_is_silent_and_elsewhere_nobody() {
    let (plan, seen, truth) = run("switch-power@100s:sw-01+60s");
    let event = the(&truth);
    let window = (plan.options.start + 101 * SECOND, plan.options.start + 159 * SECOND);
    let silent = seen.silent(window);
    for mac in &event.expected[0].devices {
        assert!(silent.contains(mac), "{mac} is heard");
    }
    let cameras = truth.devices.iter().filter(|device| device.kind == "camera" && device.switch != "sw-01");
    assert!(cameras.filter(|device| !silent.contains(&device.mac)).count() > 3);
    assert_eq!(seen::causes(event), ["unknown", "uplink", "power"]);
    assert_eq!(event.expected[0].cause, "power");
}

#[test]
fn a_second_uplink_takes_over_within_a_second() {
    let (plan, seen, truth) = run("uplink-failover@100s:sw-01+60s");
    assert_eq!(plan.options.shape, Shape::Redundant);
    let window = (plan.options.start + 101 * SECOND, plan.options.start + 110 * SECOND);
    let silent = seen.silent(window);
    let hosts: Vec<_> = plan.site.behind(1).map(|host| &plan.site.hosts[host]).collect();
    let steady = hosts.iter().filter(|host| host.media.is_some_and(|media| media.habit == Habit::Always));
    for host in steady {
        assert!(!silent.contains(&host.mac.to_string()), "{}", host.name);
    }
    assert!(seen.topology_changes((window.0 - SECOND, window.1)) > 0);
    assert!(the(&truth).expected[0].kind == "stp-topology-change");
}

#[test]
fn a_hung_recorder_is_silent_and_its_cameras_are_not() {
    for kind in ["recorder-hang@100s+60s", "recorder-down@100s+60s"] {
        let (plan, seen, truth) = run(kind);
        let event = the(&truth);
        let silent = seen.silent((plan.options.start + 101 * SECOND, plan.options.start + 150 * SECOND));
        assert!(silent.contains(&event.expected[0].devices[0]), "{kind}");
        let heard = event.must_not[0].devices.iter().filter(|mac| !silent.contains(*mac)).count();
        assert!(heard * 2 > event.must_not[0].devices.len(), "{kind}: {heard}");
    }
}

#[test]
fn the_place_of_a_loss_is_where_it_was_put() {
    let lossy = |kind: &str| {
        let (_, _, truth) = run_with(Options { transport: Some(Transport::Udp), ..order(kind) });
        let sum = |of: fn(&spanwatch_simulator::truth::Lost) -> u64| {
            truth.streams.iter().map(|stream| of(&stream.lost)).sum::<u64>()
        };
        let cameras: BTreeSet<&String> = truth
            .streams
            .iter()
            .filter(|stream| stream.sent > stream.received)
            .map(|stream| &stream.camera)
            .collect();
        let sums = [sum(|lost| lost.before), sum(|lost| lost.mirror), sum(|lost| lost.behind)];
        (sums.map(|sum| sum > 0), cameras.len())
    };
    assert_eq!(lossy("loss-camera"), ([true, false, false], 1));
    assert_eq!(lossy("loss-recorder").0, [false, false, true]);
    assert_eq!(lossy("mirror-drops"), ([false, true, false], 0));
    let (sums, cameras) = lossy("loss-uplink:sw-01");
    assert!(sums == [true, false, false] && cameras >= 3, "{sums:?} {cameras}");
    assert_eq!(lossy("stream-stall"), ([false, false, false], 0));
}

#[test]
fn a_lost_uplink_behind_the_mirror_is_a_loss_behind_it() {
    let options = Options {
        view: View::Uplink,
        transport: Some(Transport::Udp),
        ..order("loss-uplink@100s:sw-01+60s")
    };
    let (_, _, truth) = run_with(options);
    let expected = &the(&truth).expected[0];
    assert_eq!(expected.kind, "stream-loss-downstream");
    assert!(truth.streams.iter().any(|stream| stream.lost.behind > 0));
}

#[test]
fn while_the_mirror_is_lost_nothing_is_copied() {
    let (plan, seen, _) = run("mirror-lost@100s+30s");
    let at = plan.options.start + 100 * SECOND;
    assert!(!seen.frames.iter().any(|(time, ..)| (at + 1..at + 30 * SECOND).contains(time)));
    let (plan, seen, _) = run("mirror-duplicates@100s+30s");
    let at = plan.options.start + 100 * SECOND;
    let count = |from: i64| {
        let window = from..from + 30 * SECOND;
        seen.frames.iter().filter(|(time, ..)| window.contains(time)).count() as f64
    };
    let share = count(at) / count(at + 40 * SECOND);
    assert!((1.6..2.4).contains(&share), "{share}");
}

#[test]
fn the_clock_steps_once() {
    for (kind, step) in [("clock-step-back@100s+7s", -7), ("clock-step-forward@100s+100s", 100)] {
        let (_, seen, _) = run(kind);
        let leaps = seen.frames.windows(2).filter(|pair| {
            let leap = (pair[1].0 - pair[0].0) / SECOND;
            if step < 0 { leap < 0 } else { leap > 50 }
        });
        assert_eq!(leaps.count(), 1, "{kind}");
    }
}

#[test]
fn floods_are_floods() {
    let (plan, seen, _) = run("broadcast-storm@100s+10s");
    let at = plan.options.start + 100 * SECOND;
    assert!(seen.broadcasts((at, at + 10 * SECOND)) > 10_000);
    assert!(seen.broadcasts((at + 20 * SECOND, at + 30 * SECOND)) < 500);
    let (plan, seen, _) = run("loop@100s+10s");
    let at = plan.options.start + 100 * SECOND;
    assert!(seen.broadcasts((at, at + 10 * SECOND)) > 10_000);
    assert!(seen.most_alike((at, at + 10 * SECOND)) > 100, "one frame comes by again and again");
}

#[test]
fn the_tree_says_what_becomes_of_it() {
    let (plan, seen, _) = run("stp-storm@100s+60s");
    let at = plan.options.start + 100 * SECOND;
    assert_eq!(seen.topology_changes((at - 60 * SECOND, at)), 0);
    assert!(seen.topology_changes((at, at + 60 * SECOND)) > 30);
    assert_eq!(seen.roots((at, at + 60 * SECOND)).len(), 1);
    let (plan, seen, _) = run("root-change@100s+60s");
    let at = plan.options.start + 100 * SECOND;
    assert_eq!(seen.roots((at + SECOND, at + 59 * SECOND)).len(), 1);
    assert_eq!(seen.roots((at - 20 * SECOND, at + 30 * SECOND)).len(), 2);
}

#[test]
fn addresses_go_wrong_as_ordered() {
    let (plan, seen, truth) = run("duplicate-address@100s+60s");
    let event = the(&truth);
    let owners = seen.owners_of(plan.site.hosts[plan.site.host(&event.subjects[0]).unwrap()].ip.octets());
    assert_eq!(owners.len(), 2, "{owners:?}");
    let (plan, seen, truth) = run("dhcp-rogue@100s+60s");
    let rogue = seen::mac(&plan, &the(&truth).subjects[0]);
    let during = (plan.options.start + 100 * SECOND, plan.options.start + 160 * SECOND);
    assert!(seen.leases_by(during).contains(&rogue));
    let (plan, seen, _) = run("dhcp-dead@100s+60s");
    let during = (plan.options.start + 100 * SECOND, plan.options.start + 160 * SECOND);
    assert!(seen.leases_by(during).is_empty() && seen.discovers(during) >= 6);
}

#[test]
fn a_camera_in_the_wrong_vlan_speaks_there_alone() {
    let (plan, seen, truth) = run("vlan-mistake@100s+60s");
    assert_eq!(plan.options.form.tags, Tags::Both);
    let mac = seen::mac(&plan, &the(&truth).subjects[0]);
    let start = plan.options.start;
    assert_eq!(seen.vlans(mac, (start, start + 99 * SECOND)), [10]);
    assert_eq!(seen.vlans(mac, (start + 103 * SECOND, start + 159 * SECOND)), [40]);
}

#[test]
fn what_the_mirror_does_not_see_is_not_proved() {
    let large = |text: &str| Options { view: View::Uplink, devices: 60, ..order(text) };
    let hidden = large("power-cycle@100s:cam-001+20s");
    let plan = plan(&hidden).unwrap();
    let elsewhere = plan.site.recordings.iter().map(|it| &plan.site.hosts[it.camera]);
    let elsewhere = elsewhere.filter(|it| it.plug.switch == 2).find(|it| it.has_lease).unwrap();
    let causes = |is_settled: bool| {
        let text = format!("power-cycle@100s:{}+20s", elsewhere.name);
        let (_, _, truth) = run_with(Options { is_settled, ..large(&text) });
        seen::causes(the(&truth)).len()
    };
    // Its questions are heard everywhere; that it was gone is not. Nor that it ran before, where it said nothing to
    // everybody yet.
    assert_eq!((causes(false), causes(true)), (1, 0));
}

#[test]
fn while_the_time_is_lost_eight_ask_and_nobody_is_told_it() {
    let mut ways = BTreeSet::new();
    for seed in [4, 5, 7, 8, 10, 11] {
        let (plan, seen, truth) = run_with(Options { seed, ..order("time-lost@100s+100s") });
        let at = |s: i64| plan.options.start + s * SECOND;
        let [asked, told, refused] = seen.time((at(100), at(200)));
        assert!(asked >= 8 && told == 0 && (refused == 0 || refused == asked), "{asked} {told} {refused}");
        ways.insert(refused > 0);
        for window in [(at(60), at(100)), (at(201), at(220))] {
            let [asked, told, _] = seen.time(window);
            assert!(asked > 2 && asked == told, "{asked} {told}");
        }
        assert_eq!(seen::causes(the(&truth)), ["service"]);
    }
    assert_eq!(ways.len(), 2, "it is mute in some, and without its source in others");
}

#[test]
fn a_rogue_router_starts_as_routers_do_and_says_goodbye() {
    let (plan, seen, truth) = run("rogue-router@150s+80s");
    let mac = seen::mac(&plan, &the(&truth).subjects[0]);
    let of_him = |from: i64, to: i64| {
        let window = (plan.options.start + from * SECOND, plan.options.start + to * SECOND);
        seen.routers(window).into_iter().filter(|(who, _)| *who == mac).map(|it| it.1).collect::<Vec<_>>()
    };
    assert!(of_him(0, 150).is_empty());
    assert_eq!(of_him(150, 229), [1_800, 1_800, 1_800]);
    assert_eq!(of_him(229, 300), [0]);
    assert_eq!(seen::causes(the(&truth)), ["network-path"]);
    let (_, _, early) = run("rogue-router@60s+80s");
    assert!(the(&early).visible.is_empty(), "so early it may be one of the site's");
}

#[test]
fn a_full_uplink_loses_packets_in_the_seconds_that_carry_most() {
    let udp = Options {
        transport: Some(Transport::Udp),
        bit_rate: Some(60_000),
        frame_rate: Some(6),
        ..order("uplink-full@80s+100s")
    };
    let (plan, seen, truth) = run_with(udp);
    let start = plan.options.start;
    let loads: Vec<usize> = (90..170)
        .map(|n| {
            seen.frames.iter().filter(|(at, ..)| (0..SECOND).contains(&(at - start - n * SECOND))).count()
        })
        .collect();
    let full = loads.iter().filter(|load| **load > 400).count();
    assert!((18..=22).contains(&full), "{loads:?}");
    let lost: u64 = truth.streams.iter().map(|stream| stream.lost.before).sum();
    assert!(lost > 50 && the(&truth).expected[0].kind == "path-congestion", "{lost}");
}

#[test]
fn a_port_that_listens_swallows_what_a_camera_says_first() {
    let (plan, seen, truth) = run("listening-port@80s+10s");
    let event = the(&truth);
    let (mac, back) = (seen::mac(&plan, &event.subjects[0]), seen::nanos(event.ended.as_ref().unwrap()));
    let at = plan.options.start + 80 * SECOND;
    assert!(!seen.of(mac).iter().any(|time| (at + SECOND..back - 10 * SECOND).contains(time)));
    assert!(seen.of(mac).iter().any(|time| (back - 10 * SECOND..back + 5 * SECOND).contains(time)));
}

#[test]
fn a_stand_in_takes_the_picture_that_a_recorder_leaves() {
    let (plan, seen, truth) = run("stand-in@100s+120s");
    let camera = &the(&truth).subjects[0];
    let of_camera = truth.streams.iter().filter(|it| it.camera == *camera);
    assert!(of_camera.clone().any(|it| it.receiver.starts_with("viewer")), "{camera}");
    let at = plan.options.start + 101 * SECOND;
    let media = seen.of(seen::mac(&plan, camera));
    assert!(media.iter().filter(|time| (at + 45 * SECOND..at + 100 * SECOND).contains(*time)).count() > 50);
}

#[test]
fn orders_that_cannot_be_are_refused_in_a_sentence() {
    for (text, said) in [
        ("powercycle", "did you mean power-cycle?"),
        ("xyzzy", "--help` lists them"),
        ("power-cycle:cam-999", "--list"),
        ("power-cycle:sw-01", "does not happen to sw-01"),
        ("loop@1h", "after the capture's end"),
    ] {
        let error = plan(&order(text)).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let mut both = order("uplink-view");
    both.incidents.push("mirror-partial".parse().unwrap());
    assert!(plan(&both).unwrap_err().to_string().contains("different things"));
}

#[test]
fn what_is_drawn_keeps_apart() {
    let mut kinds = BTreeSet::new();
    for seed in (1..200).filter(|seed| !is_reserved(*seed)) {
        let options = random_order(seed);
        let plan = plan(&options).unwrap();
        let names: Vec<_> = plan.incidents.iter().map(|incident| incident.kind.name).collect();
        kinds.extend(names.iter().copied());
        assert!(names.len() <= options.random_incidents as usize);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        assert!(plan.changes.is_sorted_by_key(|(at, _)| *at));
    }
    assert!(kinds.len() > 25, "{kinds:?}");
}

#[test]
fn random_sites_run() {
    for seed in [1, 2, 4, 5, 7, 8] {
        let options = Options {
            length: 60 * SECOND,
            bit_rate: Some(20_000),
            random_incidents: 2,
            ..random_order(seed)
        };
        let (_, seen, truth): (_, Seen, _) = run_with(options);
        assert!(truth.capture.frames == seen.frames.len() as u64 && !seen.frames.is_empty(), "{seed}");
        assert!(truth.devices.iter().any(|device| device.mirror.is_some()), "{seed}");
    }
}
