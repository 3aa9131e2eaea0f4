//! Every incident is on the wire as its line of the catalogue says, read by tshark: those that
//! `incidents.rs` reads by itself are not read again.

mod ordered;
mod support;

use std::cell::OnceCell;
use std::collections::BTreeSet;

use ordered::order;
use spanwatch_simulator::incident::{ALL, Plan};
use spanwatch_simulator::options::{Options, SECOND};
use spanwatch_simulator::run;
use spanwatch_simulator::tap::Out;
use spanwatch_simulator::truth::{Device, Event, Truth};
use support::{Capture, has_tshark, tshark};

/// A site in which something happens, as it was captured.
struct Wire {
    plan: Plan,
    truth: Truth,
    capture: Capture,
    sent: OnceCell<Vec<(f64, String)>>,
}

/// A frame: when, in seconds after the start, and the fields that were asked for.
type Row = (f64, Vec<String>);

impl Wire {
    fn of(options: &Options) -> Self {
        let plan = run::plan(options).unwrap();
        let mut capture = Capture::default();
        let truth = run::run(&plan, Out::Packets(&mut capture), |_| ()).unwrap();
        Self { plan, truth, capture, sent: OnceCell::new() }
    }

    fn event(&self) -> &Event {
        &self.truth.incidents[0]
    }

    fn subject(&self, index: usize) -> &Device {
        let name = &self.event().subjects[index];
        let device = self.truth.devices.iter().find(|device| device.name == *name);
        device.expect("a device of the site")
    }

    /// The MAC of a subject.
    fn mac(&self, index: usize) -> String {
        self.subject(index).mac.clone()
    }

    fn rows(&self, filter: &str, fields: &[&str]) -> Vec<Row> {
        let all = [&["frame.time_epoch"], fields].concat();
        let start = self.plan.options.start;
        let row = |mut row: Vec<String>| {
            let time = row.remove(0);
            let (seconds, rest) = time.split_once('.').unwrap();
            let nanos = seconds.parse::<i64>().unwrap() * 1_000_000_000 + rest.parse::<i64>().unwrap();
            ((nanos - start) as f64 / 1e9, row)
        };
        tshark(&self.capture, &[], filter, &all).into_iter().map(row).collect()
    }

    /// When frames come by that pass a filter.
    fn times(&self, filter: &str) -> Vec<f64> {
        self.rows(filter, &[]).into_iter().map(|(at, _)| at).collect()
    }

    /// How many of them within a window.
    fn count(&self, filter: &str, window: (f64, f64)) -> usize {
        self.times(filter).into_iter().filter(|at| is_in(*at, window)).count()
    }

    /// When anybody sends what.
    fn sent(&self) -> &[(f64, String)] {
        let of = |(at, mut row): Row| (at, row.remove(0));
        self.sent.get_or_init(|| self.rows("", &["eth.src"]).into_iter().map(of).collect())
    }

    /// When somebody sends.
    fn sent_by(&self, mac: &str) -> Vec<f64> {
        self.sent().iter().filter(|(_, source)| source == mac).map(|(at, _)| *at).collect()
    }

    /// Who sends within a window.
    fn heard(&self, window: (f64, f64)) -> BTreeSet<&String> {
        self.sent().iter().filter(|(at, _)| is_in(*at, window)).map(|(_, source)| source).collect()
    }
}

fn is_in(at: f64, (from, to): (f64, f64)) -> bool {
    (from..to).contains(&at)
}

/// The site of an incident, where there is somebody to read it.
fn wire(incident: &str) -> Option<Wire> {
    has_tshark().then(|| Wire::of(&Options { length: 260 * SECOND, ..order(incident) }))
}

/// Silences longer than so many seconds: from when, and how long.
fn silences(times: &[f64], longer: f64) -> Vec<(f64, f64)> {
    times.windows(2).filter(|two| two[1] - two[0] > longer).map(|two| (two[0], two[1] - two[0])).collect()
}

#[test]
fn no_kind_is_left_out() {
    let read = [include_str!("told.rs"), include_str!("incidents.rs")].concat();
    let is_read = |name: &str| ["\"", "@", ":"].iter().any(|end| read.contains(&format!("\"{name}{end}")));
    let missing: Vec<&str> = ALL.iter().map(|kind| kind.name).filter(|name| !is_read(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_camera_that_a_recorder_drops_is_told_so_and_lives_and_the_others_are_recorded_on() {
    let options = Options { devices: 10, ..order("recording-stopped@65m+4m") };
    if !has_tshark() {
        return;
    }
    let wire = Wire::of(&options);
    let (mac, recorder) = (wire.mac(0), wire.mac(1));
    let (from, to) = (65.0 * 60.0, 69.0 * 60.0);
    let rows = wire.rows("rtsp || dhcp", &["eth.src", "eth.dst", "rtsp.method", "dhcp.type"]);
    let count = |is: &dyn Fn(&[String]) -> bool, window| {
        rows.iter().filter(|(at, row)| is_in(*at, window) && is(row)).count()
    };
    let asked = |method: &str, window| {
        count(&|row| row[0] == recorder && row[1] == mac && row[2].split(',').any(|it| it == method), window)
    };
    assert_eq!(asked("TEARDOWN", (from, from + 5.0)), 1);
    assert_eq!(asked("SETUP", (from, to)), 0);
    assert!(asked("PLAY", (to, to + 60.0)) > 0);
    assert!(count(&|row| row[0] == mac && !row[3].is_empty(), (from, to)) > 0);
    let others = count(&|row| row[0] == recorder && row[1] != mac && row[3].is_empty(), (from + 5.0, to));
    assert!(others > 0, "{others}");
}

#[test]
fn a_crashed_camera_resets_and_refuses_and_its_machine_lives() {
    let Some(wire) = wire("process-crash@100s+40s") else { return };
    let mac = wire.mac(0);
    let resets = wire.rows(&format!("tcp.flags.reset == 1 && eth.src == {mac}"), &["tcp.seq_raw"]);
    assert!(resets.iter().any(|(at, row)| is_in(*at, (100.0, 101.0)) && row[0] != "0"), "{resets:?}");
    let refused = resets.iter().filter(|(at, row)| is_in(*at, (100.0, 140.0)) && row[0] == "0").count();
    assert!(refused > 2, "{refused}");
    assert_eq!(wire.count(&format!("eth.src == {mac} && (rtp || rtsp)"), (101.0, 140.0)), 0);
    assert!(wire.count(&format!("eth.src == {mac} && rtsp"), (140.0, 160.0)) > 0);
    assert!(wire.count(&format!("dhcp && eth.src == {mac}"), (100.0, 200.0)) == 0);
}

#[test]
fn a_camera_that_restarts_in_order_says_goodbye_and_its_link_stays_up() {
    let Some(wire) = wire("camera-reboot@100s+30s") else { return };
    let mac = wire.mac(0);
    let own = |filter: &str, window| wire.count(&format!("eth.src == {mac} && ({filter})"), window);
    assert!(own("frame contains \"discovery/Bye\"", (100.0, 101.0)) > 0);
    assert!(own("tcp.flags.fin == 1", (100.0, 101.0)) > 0);
    assert_eq!(own("eth", (101.0, 129.9)), 0);
    assert!(own("dhcp || arp.isprobe == 1 || arp.isannouncement == 1", (130.0, 145.0)) > 0);
    assert!(own("rtsp", (130.0, 150.0)) > 0);
    assert_eq!(wire.count("snmp.data == 7", (100.0, 140.0)), 0, "no port tells of a lost link");
}

#[test]
fn a_boot_loop_starts_again_and_again() {
    let Some(wire) = wire("boot-loop@100s+120s") else { return };
    let mac = wire.mac(0);
    let starts = wire.times(&format!("eth.src == {mac} && arp.opcode == 1 && arp.isannouncement == 1"));
    let starts: Vec<f64> = starts.into_iter().filter(|at| is_in(*at, (100.0, 240.0))).collect();
    assert!(silences(&starts, 5.0).len() >= 2, "{starts:?}");
}

#[test]
fn a_hung_controller_is_asked_in_vain() {
    let Some(wire) = wire("controller-offline@100s+60s") else { return };
    let mac = wire.mac(0);
    assert_eq!(wire.count(&format!("eth.src == {mac}"), (101.0, 160.0)), 0);
    assert!(wire.count(&format!("eth.dst == {mac} && tcp.len > 0"), (100.0, 160.0)) > 0);
    let asked = wire.count(&format!("eth.dst == {mac} || arp.opcode == 1"), (105.0, 160.0));
    assert!(asked > 3, "{asked}");
    assert!(wire.count(&format!("eth.src == {mac}"), (160.0, 240.0)) > 0);
}

#[test]
fn a_switch_that_feeds_too_many_lives_and_some_of_its_cameras_go_together() {
    let Some(wire) = wire("poe-budget@100s+30s") else { return };
    let event = wire.event();
    let heard = wire.heard((103.0, 130.0));
    let cameras: Vec<String> = (1..event.subjects.len()).map(|index| wire.mac(index)).collect();
    assert!(cameras.len() >= 3 && cameras.iter().all(|mac| !heard.contains(mac)), "{cameras:?}");
    let switch = wire.truth.switches.iter().find(|switch| switch.name == event.subjects[0]).unwrap();
    let others = wire.truth.devices.iter().filter(|it| it.switch == switch.name && it.kind != "switch");
    let mut others = others.filter(|it| it.mirror.is_some() && !cameras.contains(&it.mac));
    assert!(others.any(|it| heard.contains(&it.mac)) || switch.heard);
}

#[test]
fn a_flapping_port_is_silent_in_turns() {
    let Some(wire) = wire("port-flapping@100s+60s") else { return };
    let own = wire.sent_by(&wire.mac(0));
    let during: Vec<f64> = own.into_iter().filter(|at| is_in(*at, (95.0, 165.0))).collect();
    assert!(silences(&during, 1.9).len() >= 3, "{:?}", silences(&during, 1.0));
    assert_eq!(wire.count("dhcp.option.dhcp == 1", (100.0, 165.0)), 0, "it never noticed");
}

/// Whom the report would name is silent in these windows and heard between and after them, and nobody of
/// them starts anew.
fn are_cut_off_in(wire: &Wire, windows: &[(f64, f64)]) {
    let event = wire.event();
    let shown = wire.truth.devices.iter().filter(|it| it.mirror.is_some() && it.kind == "camera");
    let behind: Vec<&String> =
        shown.map(|it| &it.mac).filter(|mac| event.expected[0].devices.contains(mac)).collect();
    assert!(behind.len() >= 3, "{behind:?}");
    for window in windows {
        let heard = wire.heard((window.0 + 1.0, window.1 - 0.1));
        assert!(behind.iter().all(|mac| !heard.contains(mac)), "{window:?}");
        assert!(heard.len() > behind.len(), "others are heard");
        let back = wire.heard((window.1, window.1 + 40.0));
        assert!(behind.iter().filter(|mac| back.contains(*mac)).count() * 2 > behind.len());
    }
    let (from, to) = (windows[0].0, windows[windows.len() - 1].1 + 30.0);
    assert_eq!(wire.count("dhcp.option.dhcp == 1 || snmp.generic_trap == 0", (from, to)), 0);
}

#[test]
fn behind_a_hung_switch_nobody_notices() {
    let Some(wire) = wire("switch-hang@100s:sw-01+60s") else { return };
    are_cut_off_in(&wire, &[(100.0, 160.0)]);
}

#[test]
fn an_intermittent_switch_hangs_twice() {
    let Some(wire) = wire("intermittent-switch@60s:sw-01+120s") else { return };
    let cameras = wire.truth.devices.iter().filter(|it| it.kind == "camera" && it.switch == "sw-01");
    let steady = cameras.filter(|it| it.habit.as_deref() == Some("always")).map(|it| &it.mac);
    for mac in steady {
        let all = silences(&wire.sent_by(mac), 20.0);
        assert!(all.len() >= 2 && all[0].0 > 55.0, "{mac}: {all:?}");
        assert!(all.iter().all(|(_, length)| *length < 60.0), "{mac}: {all:?}");
    }
}

#[test]
fn behind_a_cut_uplink_everybody_runs_on() {
    let Some(wire) = wire("uplink-cut@100s:sw-01+60s") else { return };
    are_cut_off_in(&wire, &[(100.0, 160.0)]);
}

#[test]
fn an_exhausted_server_answers_whom_it_knows_alone() {
    let Some(wire) = wire("dhcp-exhausted@100s+60s") else { return };
    let asked = wire.rows("dhcp.option.dhcp == 1", &["dhcp.hw.mac_addr"]);
    let during = (100.0, 160.0);
    assert!(asked.iter().filter(|(at, _)| is_in(*at, during)).count() > 3);
    assert_eq!(wire.count("dhcp.option.dhcp == 2", during), 0);
    assert!(wire.count("dhcp.option.dhcp == 5", during) > 0);
    assert!(wire.count("dhcp.option.dhcp == 2", (160.0, 260.0)) > 0);
}

#[test]
fn a_mirror_of_one_direction_shows_questions_or_answers() {
    let Some(wire) = wire("mirror-one-way@100s+60s") else { return };
    let (before, during) = ((40.0, 99.0), (100.0, 160.0));
    let unseen = "tcp.analysis.ack_lost_segment";
    assert_eq!(wire.count(unseen, before), 0);
    let recorder = wire.truth.devices.iter().find(|it| it.kind == "recorder").unwrap();
    assert!(wire.count(&format!("eth.src == {}", recorder.mac), before) > 0);
    assert_eq!(wire.count(&format!("eth.src == {}", recorder.mac), during), 0);
    assert!(wire.count(&format!("eth.dst == {}", recorder.mac), during) > 100);
}

#[test]
fn a_mirror_without_one_uplink_shows_nobody_behind_it() {
    let Some(wire) = wire("mirror-partial@100s+60s") else { return };
    let switch = wire.event().subjects[1].clone();
    let heard = wire.heard((100.1, 160.0));
    let behind: Vec<_> =
        wire.truth.devices.iter().filter(|it| it.switch == switch && it.mirror.is_some()).collect();
    assert!(behind.len() > 2 && behind.iter().all(|it| !heard.contains(&it.mac)));
    assert!(heard.len() > 5);
}

#[test]
fn a_mirror_that_tags_one_side_shows_each_frame_with_and_without() {
    let Some(wire) = wire("mirror-tag-one-side") else { return };
    let rtp = "ip && udp && !icmp && ip.ttl > 63";
    let rows = wire.rows(rtp, &["vlan.id", "ip.src", "ip.dst", "ip.id", "udp.length"]);
    let of = |is_tagged: bool| -> Vec<&[String]> {
        rows.iter().filter(|(_, row)| row[0].is_empty() != is_tagged).map(|(_, row)| &row[1..]).collect()
    };
    let (with, without): (BTreeSet<_>, BTreeSet<_>) =
        (of(true).into_iter().collect(), of(false).into_iter().collect());
    assert!(with.len() > 500);
    let both = with.intersection(&without).count();
    assert!(both * 10 > with.len().max(without.len()) * 9, "{both} of {} {}", with.len(), without.len());
}

#[test]
fn a_mirror_that_cuts_says_how_long_frames_were() {
    let Some(wire) = wire("mirror-truncated") else { return };
    let rows = wire.rows("", &["frame.cap_len", "frame.len"]);
    let number = |text: &String| text.parse::<u32>().unwrap();
    assert!(rows.iter().all(|(_, row)| number(&row[0]) == number(&row[1]).min(128)));
    assert!(rows.iter().filter(|(_, row)| number(&row[1]) > 128).count() > 100);
}

#[test]
fn a_mirror_in_a_tunnel_numbers_its_copies() {
    let Some(wire) = wire("mirror-encapsulated") else { return };
    let rows = wire.rows("erspan.version == 1", &["gre.sequence_number", "erspan.spanid"]);
    assert_eq!(rows.len(), wire.capture.frames.len());
    let numbers: Vec<u32> = rows.iter().map(|(_, row)| row[0].parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|two| two[1] == two[0].wrapping_add(1)));
}

#[test]
fn maintenance_takes_cameras_one_after_another() {
    let Some(wire) = wire("maintenance-reboots@80s") else { return };
    let mut gone: Vec<(f64, f64)> = Vec::new();
    for index in 1..wire.event().subjects.len() {
        let own = wire.sent_by(&wire.mac(index));
        gone.extend(silences(&own, 10.0).into_iter().filter(|(from, _)| *from > 79.0));
    }
    assert!(gone.len() >= 3, "{gone:?}");
    gone.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(gone.windows(2).all(|two| two[0].0 + two[0].1 < two[1].0), "{gone:?}");
    assert!(wire.count("frame contains \"discovery/Bye\"", (80.0, 300.0)) >= 3);
}

/// When a viewer or a recorder asks a subject for something.
fn asked(wire: &Wire, method: &str) -> Vec<f64> {
    wire.times(&format!("rtsp.method == \"{method}\" && ip.dst == {}", wire.subject(0).ips[0]))
}

#[test]
fn a_camera_on_demand_is_looked_at_twice() {
    let Some(wire) = wire("on-demand-stream@100s+90s") else { return };
    assert_eq!((asked(&wire, "PLAY").len(), asked(&wire, "TEARDOWN").len()), (2, 2));
}

#[test]
fn a_camera_with_motion_is_recorded_now_and_then() {
    let Some(wire) = wire("motion-stream") else { return };
    let mac = wire.mac(0);
    let ends = asked(&wire, "TEARDOWN");
    assert!(!asked(&wire, "PLAY").is_empty() && !ends.is_empty());
    assert_eq!(wire.count(&format!("eth.src == {mac} && rtp"), (ends[0] + 1.0, ends[0] + 15.0)), 0);
}

#[test]
fn a_sleeping_camera_wakes_every_two_minutes() {
    let Some(wire) = wire("sleeping-device") else { return };
    let asleep = silences(&wire.sent_by(&wire.mac(0)), 60.0);
    assert!(!asleep.is_empty() && asleep.iter().all(|(_, length)| *length < 125.0), "{asleep:?}");
}

#[test]
fn a_recorder_that_reconnects_ends_its_sessions_and_begins_again() {
    let Some(wire) = wire("recorder-reconnect@100s") else { return };
    let own = |filter: &str| {
        let filter = format!("tcp.dstport == 554 && eth.src == {} && {filter}", wire.mac(0));
        wire.count(&filter, (100.0, 130.0))
    };
    let (ends, begins) = (own("tcp.flags.fin == 1"), own("rtsp.method == \"PLAY\""));
    assert!(ends > 5 && begins >= ends, "{ends} {begins}");
    assert_eq!(own("tcp.flags.reset == 1"), 0);
}

#[test]
fn a_mirror_of_one_uplink_shows_what_crosses_it_alone() {
    let Some(wire) = wire("uplink-view") else { return };
    let source = &wire.truth.mirror.sources[0].switch;
    let unicast = wire.rows("eth.dst.ig == 0 && eth.src.ig == 0 && ip", &["eth.src", "eth.dst"]);
    let is_behind = |mac: &String| wire.truth.devices.iter().any(|it| it.mac == *mac && it.switch == *source);
    assert!(unicast.len() > 100);
    for (_, row) in &unicast {
        assert!(is_behind(&row[0]) != is_behind(&row[1]), "{row:?} of {source}");
    }
}

#[test]
fn a_blip_is_over_within_its_second() {
    let Some(wire) = wire("short-blip@100s") else { return };
    let own = wire.sent_by(&wire.mac(0));
    assert!(own.iter().all(|at| !is_in(*at, (100.001, 101.0))), "it is silent");
    assert!(
        own.iter().any(|at| is_in(*at, (99.0, 100.0))) && own.iter().any(|at| is_in(*at, (101.0, 102.5)))
    );
    assert_eq!(wire.count("dhcp.option.dhcp == 1", (100.0, 110.0)), 0);
}
