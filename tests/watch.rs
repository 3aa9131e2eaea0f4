//! `spanwatch watch` on ports of network namespaces of our own: what it refuses, counts and survives.
//!
//! Needs root, iproute2 and python3. That it says live what a replay says is the lab's test.

use crate::support;

use serde_json::Value;

use support::run::SPANWATCH;
use support::wire::{End, arp, ethernet, tagged};
use support::wires::Wires;

/// Who has 192.0.2.2?
fn question() -> Vec<u8> {
    let [asks, asked] = [1, 2].map(|last| End::new([192, 0, 2, last], 0));
    arp(asks, asked, [0xff; 6])
}

#[test]
fn port_that_could_speak_is_refused_and_the_commands_it_names_silence_it() {
    let Some(wires) = Wires::new("speaks") else { return };
    wires.run("ip address add 192.0.2.7/24 dev b0");
    let watch = ["timeout", "60", SPANWATCH, "watch", "-i", "b0", "--duration=1"];
    let refused = wires.inside(watch).output().expect("ip is there");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for fault in ["answer ARP", "IPv6 is on", "it has the address 192.0.2.7", "it is down"] {
        assert!(said.contains(fault), "{fault}: {said}");
    }
    let commands: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(commands.len(), 4, "{said}");
    commands.iter().for_each(|command| wires.run(command));
    let silent = wires.inside(watch).output().expect("ip is there");
    let said = String::from_utf8_lossy(&silent.stderr);
    assert_eq!(silent.status.code(), Some(0), "{said}");
    assert!(said.contains("packets sent: 0"), "{said}");
}

#[test]
fn port_that_is_not_there_is_named_beside_those_that_are() {
    let Some(wires) = Wires::silent("missing") else { return };
    let missing = wires.inside([SPANWATCH, "watch", "-i", "eth99"]).output().expect("ip is there");
    assert_eq!(missing.status.code(), Some(1));
    let said = String::from_utf8_lossy(&missing.stderr);
    assert!(said.contains("there is no port eth99; this machine has a0, a1, b0, b1"), "{said}");
}

#[test]
fn frames_of_all_ports_are_counted_with_the_tags_that_the_kernel_took_off_and_none_is_sent() {
    let Some(wires) = Wires::silent("tags") else { return };
    let watch = wires.watch(&["-i", "b1", "-i", "b0"]);
    wires.send("a0", &tagged(&question(), 0x8100, 7), 3);
    wires.send("a1", &question(), 5);
    let (capture, said) = watch.end();
    assert_eq!((&capture["packets"], &capture["vlans"]), (&8.into(), &vec![7].into()));
    let inputs = capture["inputs"].as_array().expect("inputs");
    let told = |key: &str| inputs.iter().map(|input| input[key].clone()).collect::<Vec<_>>();
    assert_eq!(told("name"), ["b0", "b1"]);
    assert_eq!(told("packets"), [3, 5]);
    assert_eq!([told("sent"), told("dropped"), told("joined")], [[0, 0], [0, 0], [0, 0]]);
    assert_eq!(said.matches("packets sent: 0").count(), 2, "{said}");
}

#[test]
fn filter_and_snap_length_hold() {
    let Some(wires) = Wires::silent("filter") else { return };
    let watch = wires.watch(&["-i", "b0", "--filter", "not arp", "-s", "100"]);
    wires.send("a0", &question(), 3);
    wires.send("a0", &ethernet([0xff; 6], [2, 0, 0, 0, 0, 1], 0x88b5, &[0; 400]), 2);
    let (capture, _) = watch.end();
    assert_eq!((&capture["packets"], &capture["truncated"]), (&2.into(), &2.into()));
    assert_eq!(capture["inputs"][0]["bytes"], 200);
}

#[test]
fn what_finds_no_room_while_the_analysis_stands_still_is_counted_to_the_frame() {
    let Some(wires) = Wires::silent("drops") else { return };
    let watch = wires.watch(&["-i", "b0", "--buffer=1"]);
    watch.signal("-STOP");
    let frame = ethernet([0xff; 6], [2, 0, 0, 0, 0, 1], 0x88b5, &[0; 1_400]);
    wires.send("a0", &frame, 5_000);
    watch.signal("-CONT");
    let (capture, said) = watch.end();
    let count = |of: &Value| of.as_u64().expect("a number");
    let (seen, dropped) = (count(&capture["packets"]), count(&capture["dropped"]));
    assert_eq!(seen + dropped, 5_000);
    assert!(seen > 0 && dropped > 1_000, "{seen} seen, {dropped} dropped");
    assert!(said.contains("frames were dropped because the analysis is behind"), "{said}");
}

#[test]
fn port_that_goes_down_and_comes_back_is_watched_on_and_the_time_between_is_blind() {
    let Some(wires) = Wires::silent("down") else { return };
    let mut watch = wires.watch(&["-i", "b0"]);
    wires.send("a0", &question(), 3);
    std::thread::sleep(std::time::Duration::from_secs(1));
    wires.run("ip link set b0 down");
    watch.until_it_says("the port has no link");
    wires.run("ip link set b0 up");
    watch.until_it_says("the port has a link again");
    wires.send("a0", &question(), 4);
    let (capture, _) = watch.end();
    assert_eq!(capture["packets"], 7);
    let blind = capture["blind"].as_array().expect("a list");
    assert_eq!(blind.len(), 1, "{blind:?}");
    assert_eq!(blind[0]["reason"], "the port had no link");
}

#[test]
fn what_nobody_hears_ends_no_watch() {
    let Some(wires) = Wires::silent("deaf") else { return };
    let mut watch = wires.watch(&["-i", "b0"]);
    watch.stop_listening();
    wires.send("a0", &question(), 1);
    for state in ["down", "up"] {
        wires.run(&format!("ip link set b0 {state}"));
        // It looks at the link once a second, and says so.
        std::thread::sleep(std::time::Duration::from_millis(2_500));
    }
    wires.send("a0", &question(), 3);
    let (capture, _) = watch.end();
    assert_eq!(
        (&capture["packets"], &capture["blind"][0]["reason"]),
        (&4.into(), &"the port had no link".into())
    );
}

#[test]
fn port_that_is_removed_ends_the_watch_with_its_report_and_a_code_of_its_own() {
    let Some(wires) = Wires::silent("gone") else { return };
    let watch = wires.watch(&["-i", "b0", "-i", "b1"]);
    wires.send("a0", &question(), 3);
    wires.send("a1", &question(), 2);
    std::thread::sleep(std::time::Duration::from_secs(1));
    wires.run("ip link delete b0");
    let (capture, said) = watch.ended(4);
    assert_eq!(capture["packets"], 5);
    assert!(said.contains("b0 was removed"), "{said}");
}

#[test]
fn frame_that_no_cable_carries_is_named_for_what_it_is() {
    let Some(wires) = Wires::silent("joined") else { return };
    let mut watch = wires.watch(&["-i", "b0"]);
    for port in ["a0", "b0"] {
        wires.run(&format!("ip link set {port} mtu 9000"));
    }
    wires.send("a0", &ethernet([0xff; 6], [2, 0, 0, 0, 0, 1], 0x88b5, &[0; 3_000]), 2);
    watch.until_it_says("the port joins frames (GRO, LRO)");
    let (capture, _) = watch.end();
    assert_eq!(capture["inputs"][0]["joined"], 2);
}
