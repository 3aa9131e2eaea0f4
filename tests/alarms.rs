//! Every alarm can ring: for each kind of finding there is a capture that raises it, and the sample
//! raises no other than its own.

use crate::support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use support::acts;
use support::capture::{Frame, Pcap, SECOND};
use support::faults;
use support::run::{Scratch, replay, spanwatch};
use support::site::Site;
use support::story::{incidents, list};
use support::weak;
use support::wire::{self, BROADCAST, End};

/// Makes a capture out of the sample.
type Make = fn(&Site) -> Vec<u8>;

/// Makes frames that show something, or with `false` something that is near to it.
type Resemble = fn(bool) -> Vec<Frame>;

/// A capture that raises a kind, by the kind's name.
const RINGING: &[(&str, Make)] = &[
    ("snmp-default-community", |_| written(&weak::snmp_default_community(true))),
    ("cleartext-management", |_| written(&acts::configuration_changed(true))),
    ("device-offline", |site| written(&site.frames)),
    ("devices-offline-together", |site| written(&site.frames)),
    ("recorder-offline", |_| {
        simulated("--seed 4 --devices 12 --length 4m --from-boot --incident recorder-down@2m+80s")
    }),
    ("stream-loss", |_| written(&faults::stream_loss(true))),
    ("stream-loss-shared", |_| written(&faults::stream_loss_shared(true))),
    ("stream-loss-downstream", |_| written(&faults::stream_loss_downstream(true))),
    ("stp-topology-change", |_| written(&faults::stp_topology_change(true))),
    ("stp-root-change", |_| written(&faults::stp_root_change(true))),
    ("port-flapping", |_| written(&faults::port_flapping(true))),
    ("link-degraded", |_| written(&faults::link_degraded(true))),
    ("power-fault", |_| written(&faults::power_fault(true))),
    ("device-flapping", |_| {
        simulated(
            "--seed 4 --devices 12 --length 4m --bit-rate 60000 --transport udp --incident port-flapping@2m",
        )
    }),
    ("device-restarted", |_| {
        simulated("--seed 4 --devices 12 --length 4m --bit-rate 60000 --incident camera-reboot@2m+5s")
    }),
    ("boot-loop", |_| {
        simulated("--seed 4 --devices 12 --length 6m --bit-rate 60000 --incident boot-loop@1m")
    }),
    ("switch-fault", |_| {
        simulated("--seed 4 --devices 24 --length 6m --bit-rate 60000 --incident intermittent-switch@1m")
    }),
    ("service-down", |_| {
        simulated("--seed 4 --devices 12 --length 4m --bit-rate 60000 --incident process-crash@2m+60s")
    }),
    ("wrong-segment", |_| {
        simulated(
            "--seed 4 --devices 24 --length 5m --bit-rate 60000 --form tagged --incident vlan-mistake@2m+80s",
        )
    }),
    ("stream-stalled", |_| {
        simulated("--seed 4 --devices 12 --length 4m --bit-rate 60000 --incident stream-stall@2m+60s")
    }),
    ("not-recorded", |_| simulated(&recording("--devices 6 --incident recording-stopped@65m+4m"))),
    ("mac-moving", |_| written(&faults::mac_moving(true))),
    ("address-conflict", |_| written(&faults::address_conflict(true))),
    ("switching-loop", |_| written(&faults::switching_loop(true))),
    ("broadcast-storm", |_| written(&faults::broadcast_storm(true))),
    ("rogue-dhcp", |_| written(&faults::rogue_dhcp(true))),
    ("dhcp-failed", |_| written(&faults::dhcp_failed(true))),
    ("dhcp-exhausted", |_| written(&faults::dhcp_exhausted(true))),
    ("rogue-ra", |_| written(&faults::rogue_ra(true))),
    ("neighbor-changed", |_| written(&faults::neighbor_changed(true))),
    ("redundancy-lost", |_| written(&faults::redundancy_lost(true))),
    ("redundancy-lost", |_| written(&faults::bond_lost(true))),
    ("path-congestion", |_| written(&faults::path_congestion(true))),
    ("querier-missing", |_| written(&faults::querier_missing(true))),
    ("time-source-lost", |_| written(&faults::time_source_lost(true))),
    ("clock-wrong", |_| written(&faults::clock_wrong(true))),
    ("clock-wrong", |_| written(&faults::clock_wrong_by_dates(true))),
    ("video-signal-lost", |_| written(&faults::video_signal_lost(true))),
    ("tamper-reported", |_| written(&faults::tamper_reported(true))),
    ("recorder-storage-fault", |_| written(&faults::recorder_storage_fault(true))),
    ("admission-refused", |_| written(&faults::admission_refused(true))),
    ("mirror-lost", |site| written(&silent(&site.frames))),
    ("mirror-drops", |_| written(&faults::mirror_drops(true))),
    ("mirror-partial", |_| simulated(&eyes("--incident mirror-partial@1m+80s"))),
    ("mirror-one-way", |_| simulated(&eyes("--incident mirror-one-way@1m+80s"))),
    ("mirror-duplicates", |_| simulated(&eyes("--incident mirror-duplicates@1m+60s"))),
    ("mirror-truncated", |_| simulated(&eyes("--form snap=128"))),
    ("mirror-clock", |site| written(&leaping(&site.frames))),
    ("input-damaged", |site| cut(&site.frames)),
    ("limit-reached", |_| written(&flood())),
];

/// Faults that a device tells of itself.
const TOLD: &[&str] = &["video-signal-lost", "tamper-reported", "recorder-storage-fault"];

/// A capture that almost raises a kind, and must raise nothing.
const NEARLY: &[(&str, Make)] = &[
    ("stream-loss", |_| written(&faults::stream_loss(false))),
    ("stream-loss-shared", |_| written(&faults::stream_loss_shared(false))),
    ("stream-loss-downstream", |_| written(&faults::stream_loss_downstream(false))),
    ("mirror-drops", |_| written(&faults::mirror_drops(false))),
    ("stp-topology-change", |_| written(&faults::stp_topology_change(false))),
    ("stp-root-change", |_| written(&faults::stp_root_change(false))),
    ("port-flapping", |_| written(&faults::port_flapping(false))),
    ("link-degraded", |_| written(&faults::link_degraded(false))),
    ("power-fault", |_| written(&faults::power_fault(false))),
    ("mac-moving", |_| written(&faults::mac_moving(false))),
    ("address-conflict", |_| written(&faults::address_conflict(false))),
    ("switching-loop", |_| written(&faults::switching_loop(false))),
    ("broadcast-storm", |_| written(&faults::broadcast_storm(false))),
    ("rogue-dhcp", |_| written(&faults::rogue_dhcp(false))),
    ("dhcp-failed", |_| written(&faults::dhcp_failed(false))),
    ("dhcp-exhausted", |_| written(&faults::dhcp_exhausted(false))),
    ("rogue-ra", |_| written(&faults::rogue_ra(false))),
    ("neighbor-changed", |_| written(&faults::neighbor_changed(false))),
    ("redundancy-lost", |_| written(&faults::redundancy_lost(false))),
    ("redundancy-lost", |_| written(&faults::bond_lost(false))),
    ("path-congestion", |_| written(&faults::path_congestion(false))),
    ("querier-missing", |_| written(&faults::querier_missing(false))),
    ("time-source-lost", |_| written(&faults::time_source_lost(false))),
    ("clock-wrong", |_| written(&faults::clock_wrong(false))),
    ("clock-wrong", |_| written(&faults::clock_wrong_by_dates(false))),
    ("video-signal-lost", |_| written(&faults::video_signal_lost(false))),
    ("tamper-reported", |_| written(&faults::tamper_reported(false))),
    ("recorder-storage-fault", |_| written(&faults::recorder_storage_fault(false))),
    ("admission-refused", |_| written(&faults::admission_refused(false))),
    ("mirror-partial", |_| simulated(&eyes("--view uplink"))),
    ("mirror-duplicates", |_| simulated(&eyes("--incident mirror-encapsulated"))),
    ("mirror-truncated", |_| simulated(&eyes("--form snap=1600"))),
    ("mirror-one-way", |_| simulated(&eyes("--transport multicast --mix video"))),
];

/// Weaknesses: for each a capture that raises its kind alone, and with `false` a near miss that raises nothing.
const WEAK: &[(&str, Resemble)] = &[
    ("not-activated", faults::not_activated),
    ("weak-tls-version", weak::weak_tls_version),
    ("weak-tls-cipher", weak::weak_tls_cipher),
    ("no-forward-secrecy", weak::no_forward_secrecy),
    ("certificate-expired", weak::certificate_expired),
    ("certificate-not-yet-valid", weak::certificate_not_yet_valid),
    ("certificate-expiring", weak::certificate_expiring),
    ("certificate-weak-key", weak::certificate_weak_key),
    ("certificate-weak-signature", weak::certificate_weak_signature),
    ("certificate-long-lived", weak::certificate_long_lived),
    ("certificate-self-signed", weak::certificate_self_signed),
    ("certificate-wrong-name", weak::certificate_wrong_name),
    ("certificate-shared-key", weak::certificate_shared_key),
    ("default-password", weak::default_password),
    ("weak-password", weak::weak_password),
    ("no-authentication", weak::no_authentication),
    ("cleartext-login", weak::cleartext_login),
    ("weak-authentication", weak::weak_authentication),
    ("plaintext-token", weak::plaintext_token),
    ("snmp-v1v2c", weak::snmp_v1v2c),
    ("telnet-open", weak::telnet_open),
    ("ftp-open", weak::ftp_open),
    ("legacy-ssh", weak::legacy_ssh),
    ("smb1", weak::smb1),
    ("no-authentication", weak::anonymous_broker),
    ("unexpected-service", weak::unexpected_service),
    ("cleartext-video", weak::cleartext_video),
    ("nonce-reuse", weak::nonce_reuse),
    ("cleartext-panel-link", weak::cleartext_panel_link),
    ("upnp-exposed", weak::upnp_exposed),
];

/// What is done to devices: as above.
const ACTS: &[(&str, Resemble)] = &[
    ("brute-force", acts::brute_force),
    ("port-scan", acts::port_scan),
    ("internet-exposed", acts::internet_exposed),
    ("internet-egress", acts::internet_egress),
    ("new-device", acts::new_device),
    ("identity-changed", acts::identity_changed),
    ("ptz-command", acts::ptz_command),
    ("door-command", acts::door_command),
    ("configuration-changed", acts::configuration_changed),
    ("account-changed", acts::account_changed),
    ("arp-spoofing", acts::arp_spoofing),
    ("lateral-connection", acts::lateral_connection),
    ("p2p-cloud", acts::p2p_cloud),
    ("dns-tunnel", acts::dns_tunnel),
    ("foreign-server", acts::foreign_server),
    ("large-upload", acts::large_upload),
    ("unexpected-viewer", acts::unexpected_viewer),
];

/// What is ordered in clear is told beside what was ordered, and video in clear beside what is wrong with its login.
const BESIDE: &[&str] = &["cleartext-management", "cleartext-video"];

/// What resembles a kind and is told as what it is: the kind, what is said instead, and the capture.
const RESEMBLING: &[(&str, &str, Make)] = &[
    ("snmp-default-community", "snmp-v1v2c", |_| written(&weak::snmp_default_community(false))),
    ("boot-loop", "device-restarted", |_| {
        simulated("--seed 4 --devices 12 --length 4m --bit-rate 60000 --incident camera-reboot@2m+5s")
    }),
    ("device-restarted", "device-offline", |_| {
        simulated("--seed 4 --devices 12 --length 4m --bit-rate 60000 --incident cable-pull@2m+40s")
    }),
    ("switch-fault", "devices-offline-together", |_| {
        simulated("--seed 4 --devices 24 --length 5m --bit-rate 60000 --incident uplink-cut@2m+60s")
    }),
    ("path-congestion", "stream-loss-shared", |_| {
        simulated(
            "--seed 4 --devices 25 --length 5m --bit-rate 60000 --transport udp --incident loss-uplink@1m+120s",
        )
    }),
    ("wrong-segment", "device-offline", |_| {
        simulated(
            "--seed 4 --devices 12 --length 4m --bit-rate 60000 --form tagged --incident cable-pull@2m+40s",
        )
    }),
];

/// What looks like a fault of a device or its recorder, and is none.
const HARMLESS: &[(&str, Make)] = &[
    ("device-flapping", |_| {
        simulated(
            "--seed 4 --devices 12 --length 5m --bit-rate 60000 --transport udp --incident short-blip@2m --incident short-blip@150s --incident short-blip@3m",
        )
    }),
    ("service-down", |_| {
        simulated("--seed 4 --devices 12 --length 4m --bit-rate 60000 --incident recorder-reconnect@2m")
    }),
    ("stream-stalled", |_| {
        simulated(
            "--seed 4 --devices 12 --length 4m --bit-rate 60000 --incident motion-stream --incident short-blip@2m",
        )
    }),
    ("not-recorded", |_| {
        simulated(&recording(
            "--devices 12 --incident recorder-reconnect@65m --incident motion-stream --incident on-demand-stream@67m",
        ))
    }),
];

#[test]
fn what_resembles_a_kind_is_told_as_what_it_is() {
    let (site, scratch) = (Site::sample(), Scratch::new("resembling"));
    for (kind, instead, capture) in RESEMBLING {
        let report = replay(&scratch.file(&format!("{kind}.pcap"), &capture(&site)));
        assert_eq!(of_kind(&report, kind).count(), 0, "{kind}: {report:#}");
        assert!(of_kind(&report, instead).count() > 0, "{kind}: {instead} stays silent");
    }
}

#[test]
fn a_near_miss_of_a_kind_raises_nothing() {
    let (site, scratch) = (Site::sample(), Scratch::new("near"));
    for (kind, capture) in NEARLY.iter().chain(HARMLESS) {
        let report = replay(&scratch.file(&format!("{kind}.pcap"), &capture(&site)));
        let said: Vec<_> = incidents(&report).map(|finding| finding["title"].to_string()).collect();
        assert!(said.is_empty(), "nearly {kind}: {said:#?}");
    }
}

#[test]
fn a_fault_raises_its_own_kind_alone_says_whose_it_is_and_cites_frames() {
    let (site, scratch) = (Site::sample(), Scratch::new("faults"));
    for (kind, capture) in RINGING.iter().filter(|(kind, _)| NEARLY.iter().any(|(near, _)| near == kind)) {
        let report = replay(&scratch.file(&format!("{kind}.pcap"), &capture(&site)));
        let found: Vec<&Value> = incidents(&report).collect();
        let kinds: Vec<_> = found.iter().map(|finding| &finding["kind"]).collect();
        assert_eq!(kinds, [kind], "{report:#}");
        let finding = found[0];
        let is_of_device = finding["category"] == "behavior" || TOLD.contains(kind);
        assert_eq!(finding["owner"], if is_of_device { "physical-security" } else { "it" }, "{finding:#}");
        let cited = list(finding, "evidence").filter(|it| it["frame"].is_u64()).count();
        // Packets that are cut are counted before anybody knows where they lie.
        assert!(cited > 0 || *kind == "mirror-truncated", "{finding:#}");
    }
}

#[test]
fn a_weakness_raises_its_own_kind_alone_and_a_near_miss_of_it_nothing() {
    let scratch = Scratch::new("weak");
    for (kind, frames) in WEAK {
        let report =
            |is_real| replay(&scratch.file(&format!("{kind}-{is_real}.pcap"), &written(&frames(is_real))));
        let kinds = |report: &Value| -> Vec<String> {
            let own = |it: &&str| it == kind || !BESIDE.contains(it);
            list(report, "findings")
                .filter_map(|it| it["kind"].as_str())
                .filter(own)
                .map(str::to_owned)
                .collect()
        };
        let said = report(true);
        assert_eq!(kinds(&said), [*kind], "{said:#}");
        assert_eq!(said["findings"][0]["category"], "weakness");
        let near = report(false);
        assert!(kinds(&near).is_empty(), "nearly {kind}: {near:#}");
        // What was read is what a near miss is near to: nobody is silent because nothing was understood.
        assert!(near["capture"]["undecodable"].as_object().is_some_and(serde_json::Map::is_empty));
    }
}

#[test]
fn what_is_done_to_devices_is_told_alone_and_a_near_miss_of_it_nothing() {
    let scratch = Scratch::new("acts");
    for (kind, frames) in ACTS {
        for is_real in [true, false] {
            let report = replay(&scratch.file(&format!("{kind}-{is_real}.pcap"), &written(&frames(is_real))));
            let kinds: Vec<&str> = list(&report, "findings")
                .filter_map(|finding| finding["kind"].as_str())
                .filter(|kind| !BESIDE.contains(kind))
                .collect();
            let due: &[&str] = if is_real { &[kind] } else { &[] };
            assert_eq!(kinds, due, "{kind} {is_real}: {report:#}");
            if is_real {
                assert_eq!(report["findings"][0]["devices"].as_array().map(Vec::is_empty), Some(false));
            }
        }
    }
}

#[test]
fn a_plain_login_of_any_protocol_is_told_and_a_refused_one_not() {
    let scratch = Scratch::new("plain");
    for is_real in [true, false] {
        for (at, frames) in weak::plain_logins(is_real).iter().enumerate() {
            let report = replay(&scratch.file(&format!("{at}-{is_real}.pcap"), &written(frames)));
            assert_eq!(of_kind(&report, "cleartext-login").count(), usize::from(is_real), "{at}: {report:#}");
            let login = list(&report, "sessions").find(|session| session["scheme"] == "plain");
            let outcome = if is_real { "accepted" } else { "rejected" };
            assert_eq!(login.expect("a login")["outcome"], outcome, "{report:#}");
        }
    }
}

#[test]
fn no_secret_is_in_any_output() {
    let scratch = Scratch::new("secrets");
    let made = [
        ("login", weak::cleartext_login as Resemble),
        ("token", weak::plaintext_token),
        ("community", weak::snmp_v1v2c),
        ("default", weak::default_password),
        ("weak", weak::weak_password),
        ("account", acts::account_changed),
    ];
    let made = made.map(|(name, of)| scratch.file(&format!("{name}.pcap"), &written(&of(true))));
    let plain = weak::plain_logins(true).into_iter().chain(weak::plain_logins(false)).enumerate();
    let plain = plain.map(|(at, frames)| scratch.file(&format!("plain-{at}.pcap"), &written(&frames)));
    let made: Vec<_> = made.into_iter().chain(plain).collect();
    let shipped =
        ["site-six-behind-a-switch.pcapng", "http-dialogues.pcap", "rtsp-dialogues.pcap", "greetings.pcap"];
    let shipped = shipped.map(|name| support::project(&format!("pcaps/{name}")));
    for capture in made.iter().chain(&shipped) {
        let path = capture.to_str().expect("a path");
        let report = replay(capture);
        let mut orders: Vec<Vec<String>> =
            ["json", "jsonl", "table", "csv --table devices", "csv --table findings", "csv --table streams"]
                .map(|format| format!("replay {path} --format {format}"))
                .map(|order| order.split(' ').map(str::to_owned).collect())
                .into();
        let ids = |key: &str| {
            list(&report, key).filter_map(|it| it["id"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        for id in ids("findings") {
            let told = ["replay", path, "--incident", &id].map(str::to_owned).to_vec();
            let drawing = scratch.path().join(format!("{id}.svg"));
            let drawn =
                [&told[..], &["-o".to_owned(), drawing.to_str().expect("a path").to_owned()]].concat();
            let carved = scratch.path().join(format!("{id}.carved"));
            let carved = ["carve", "--finding", &id, path, "-w", carved.to_str().expect("a path")];
            orders.extend([told, drawn, carved.map(str::to_owned).to_vec()]);
        }
        for id in ids("devices") {
            orders.push(["fingerprints", "explain", &id, path].map(str::to_owned).to_vec());
        }
        for order in orders {
            let run = spanwatch(&order);
            assert_eq!(run.code, 0, "{order:?}: {}", run.stderr);
            let file = order.last().filter(|file| [".svg", ".carved"].iter().any(|end| file.ends_with(end)));
            let file = file.map_or_else(Vec::new, |file| std::fs::read(file).expect("what it wrote"));
            let said = [&run.stdout[..], run.stderr.as_bytes(), &file].concat();
            let said = String::from_utf8_lossy(&said);
            for secret in SECRETS {
                assert!(!said.contains(secret), "{order:?} shows {secret}");
            }
        }
    }
}

#[test]
fn passwords_are_left_untested_where_that_is_asked_for() {
    let scratch = Scratch::new("untested");
    let config = scratch.file("spanwatch.toml", b"no_password_test = true\n");
    let config = format!("--config={}", config.display());
    for frames in [weak::default_password, weak::weak_password] {
        let capture = scratch.file("login.pcap", &written(&frames(true)));
        let findings = |switch: &[&str]| {
            let path = capture.to_str().expect("a path");
            let run = spanwatch([&["replay", path, "--format=json"], switch].concat());
            list(&run.report(), "findings").count()
        };
        assert_eq!([findings(&[]), findings(&["--no-password-test"]), findings(&[&config])], [1, 0, 0]);
    }
}

/// Passwords of the captures, and what proves them.
const SECRETS: &[&str] = &[
    "hunter2",
    "YWRtaW46aHVudGVyMg",
    "AGFkbWluAGh1bnRlcjI",
    "a long word",
    "a362156fc75a5e54",
    "Sim-4711",
    "Sim-0815",
    "desk:secret",
    "tuOSpGlFlIXsozq4",
];

#[test]
fn every_kind_rings() {
    let (site, scratch) = (Site::sample(), Scratch::new("alarms"));
    let kinds = spanwatch(["kinds"]);
    let kinds: BTreeSet<&str> = kinds.text().lines().filter_map(|line| line.split(' ').next()).collect();
    let mut ringing: BTreeMap<&str, Vec<u8>> =
        WEAK.iter().chain(ACTS).map(|(kind, of)| (*kind, written(&of(true)))).collect();
    ringing.extend(RINGING.iter().map(|(kind, of)| (*kind, of(&site))));
    assert_eq!(kinds, ringing.keys().copied().collect(), "each kind needs a capture that raises it");
    for (kind, capture) in ringing {
        let report = replay(&scratch.file(&format!("{kind}.pcap"), &capture));
        let findings: Vec<_> = of_kind(&report, kind).collect();
        assert!(!findings.is_empty(), "{kind} stays silent");
        for finding in findings {
            for key in ["title", "summary", "detail", "remedy", "verify"] {
                assert!(
                    finding[key].as_str().is_some_and(|text| text.len() > 10),
                    "{kind}: {key}: {finding}"
                );
            }
            assert!(list(finding, "evidence").count() > 0, "{kind}: {finding}");
        }
    }
}

/// The order of a small site at which something happens, or nearly, to the mirror.
fn eyes(what: &str) -> String {
    format!("--seed 4 --devices 25 --length 200s --bit-rate 60000 --frame-rate 6 {what}")
}

/// The order of a small site at which something happens after an hour of recording.
fn recording(what: &str) -> String {
    format!("--seed 4 --length 70m --bit-rate 20000 {what}")
}

/// A made-up capture.
fn simulated(order: &str) -> Vec<u8> {
    let made = spanwatch(["simulate", "--no-progress", "-w", "-"].into_iter().chain(order.split(' ')));
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.stdout
}

fn of_kind<'a>(report: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    list(report, "findings").filter(move |finding| finding["kind"] == kind)
}

fn written(frames: &[Frame]) -> Vec<u8> {
    Pcap { is_nano: true, ..Pcap::PLAIN }.bytes(frames)
}

/// The sample, and nothing at all for a while in which everybody lived.
fn silent(frames: &[Frame]) -> Vec<Frame> {
    let (start, (from, to)) = (frames[0].at, SILENT);
    let is_heard = |frame: &&Frame| !(start + from..start + to).contains(&frame.at);
    frames.iter().filter(is_heard).cloned().collect()
}

/// The sample, the clock set forward by a year half-way.
fn leaping(frames: &[Frame]) -> Vec<Frame> {
    let half = frames.len() / 2;
    let leap = |(number, frame): (usize, &Frame)| {
        let forward = if number < half { 0 } else { 365 * 86_400 * SECOND };
        Frame { at: frame.at + forward, ..frame.clone() }
    };
    frames.iter().enumerate().map(leap).collect()
}

/// The sample without its last byte.
fn cut(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = written(frames);
    bytes.pop();
    bytes
}

/// More hosts than there are.
fn flood() -> Vec<Frame> {
    let host = |number: u32| {
        let [_, b, c, d] = number.to_be_bytes();
        End::new([10, b, c, d], 0)
    };
    let frame = |number: u32| wire::arp(host(number), host(number), BROADCAST);
    (0..100_000).map(|number| Frame::new(i64::from(number) * 50_000, frame(number))).collect()
}

/// Nanoseconds since the sample's start: after all stream, before the first dies.
const SILENT: (i64, i64) = (45 * SECOND, 75 * SECOND);
