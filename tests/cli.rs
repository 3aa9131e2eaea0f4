//! The command line: exit codes, help, formats, what goes in and what comes out.

use crate::support;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use spanwatch_parsers::ALL;
use support::run::{Outcome, SPANWATCH, Scratch, piped, replay, replayed, sample, spanwatch};

/// The sentence on standard error of a run that must fail so.
fn failure(outcome: &Outcome, code: i32) -> &str {
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
    assert!(outcome.stdout.is_empty(), "{}", outcome.text());
    &outcome.stderr
}

#[test]
fn a_replay_that_goes_well_exits_with_0() {
    assert_eq!(replayed(&["--format=json"]).code, 0);
}

#[test]
fn a_file_that_is_not_there_exits_with_1() {
    let outcome = spanwatch(["replay", "no-such-file.pcap"]);
    assert!(failure(&outcome, 1).starts_with("spanwatch: no-such-file.pcap: No such file"));
}

#[test]
fn a_file_that_is_no_capture_exits_with_1_and_says_what_it_looks_like() {
    let scratch = Scratch::new("no-capture");
    for (bytes, looks) in [
        (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "looks like a PNG image"),
        (b"{\"schema\": 1}", "looks like JSON text"),
        (b"PK\x03\x04rest", "looks like a ZIP archive"),
        (b"", "is an empty file"),
    ] {
        let path = scratch.file("thing", bytes);
        let outcome = spanwatch([Path::new("replay"), &path]);
        let said = failure(&outcome, 1);
        let begins = format!("spanwatch: {} is no capture: it {looks}", path.display());
        assert!(said.starts_with(&begins), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_folder_without_captures_exits_with_1() {
    let scratch = Scratch::new("no-captures");
    scratch.file("notes.txt", b"nothing here");
    let outcome = spanwatch([Path::new("replay"), scratch.path()]);
    assert!(failure(&outcome, 1).contains("no capture is in"), "{}", outcome.stderr);
}

#[test]
fn wrong_usage_exits_with_2() {
    let wrong: &[&[&str]] = &[
        &[],
        &["replay"],
        &["watch"],
        &["watch-everything"],
        &["replay", "--no-such-flag", "x.pcap"],
        &["replay", "--format=xml", "x.pcap"],
        &["replay", "--threads=0", "x.pcap"],
        &["replay", "--until=yesterday", "x.pcap"],
        &["replay", "--fail-on=terrible", "x.pcap"],
        &["replay", "--filter=tcp prot 554", "x.pcap"],
        &["kinds", "no-such-kind"],
        &["simulate"],
        &["simulate", "-w", "x.pcapng", "--devices=4"],
        &["simulate", "-w", "x.pcapng", "--length=5"],
        &["simulate", "-w", "x.pcapng", "--start=now"],
        &["simulate", "-w", "x.pcapng", "--form=span"],
        &["simulate", "-w", "x.pcapng", "--list"],
        &["simulate", "-w", "x.pcapng", "--incident=power-cycle@soon"],
        &["simulate", "-w", "x.pcapng", "--incident=powercycle"],
        &["simulate", "-w", "x.pcapng", "--incident=power-cycle:nobody"],
        &["simulate", "-w", "x.pcapng", "--incident=uplink-view", "--incident=mirror-partial"],
    ];
    for arguments in wrong {
        let outcome = spanwatch(*arguments);
        assert!(!failure(&outcome, 2).is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_wrong_filter_says_what_is_wrong_with_it() {
    let outcome = spanwatch(["replay", "--filter=tcp prot 554", "x.pcap"]);
    assert!(failure(&outcome, 2).contains("syntax error"), "{}", outcome.stderr);
}

#[test]
fn a_finding_that_reaches_the_limit_exits_with_3() {
    for (limit, code) in [("critical", 3), ("high", 3), ("medium", 3), ("info", 3)] {
        let outcome = replayed(&["--format=json", "--fail-on", limit]);
        assert_eq!(outcome.code, code, "--fail-on {limit}");
        assert!(!outcome.stdout.is_empty());
    }
    let quiet = replayed(&["--format=jsonl", "--fail-on=info", "--filter=ether proto 0x88cc"]);
    assert_eq!(quiet.code, 0, "switches tell of themselves, and nobody is missed");
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    let help = spanwatch(["--help"]);
    assert_eq!(help.code, 0);
    let listed: Vec<&str> = help
        .text()
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    for command in ["replay", "watch", "doctor", "simulate", "protocols", "kinds", "fingerprints", "config"] {
        assert!(listed.contains(&command), "{command} is not listed: {listed:?}");
    }
    let parts = ["fingerprints check", "fingerprints explain", "config check"];
    for command in listed.into_iter().chain(parts) {
        let help = spanwatch(command.split(' ').chain(["--help"]));
        assert_eq!(help.code, 0, "{command}: {}", help.stderr);
        let text = help.text();
        let example = text
            .lines()
            .find(|line| line.contains(&format!("spanwatch {command}")) && !line.starts_with("Usage"));
        assert!(text.contains("Example") && example.is_some(), "no example of {command}: {text}");
    }
}

#[test]
fn the_version_is_told() {
    let outcome = spanwatch(["--version"]);
    assert_eq!(outcome.text(), format!("spanwatch {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn standard_input_is_read() {
    let bytes = std::fs::read(sample()).expect("the sample");
    let outcome = piped(&["replay", "-", "--format=json"], |out| out.write_all(&bytes).expect("it reads"));
    let (piped, named) = (outcome.report(), replayed(&["--format=json"]).report());
    assert_eq!(piped["capture"]["inputs"][0]["name"], "-");
    for key in ["sha256", "bytes", "packets"] {
        assert_eq!(piped["capture"]["inputs"][0][key], named["capture"]["inputs"][0][key]);
    }
    assert_eq!(piped["devices"], named["devices"]);
    assert_eq!(piped["findings"], named["findings"]);
}

#[test]
fn rubbish_on_standard_input_exits_with_1() {
    let outcome = piped(&["replay", "-"], |out| drop(out.write_all(b"hello, world\n")));
    assert!(failure(&outcome, 1).contains("is no capture: it looks like text"), "{}", outcome.stderr);
}

#[test]
fn the_output_file_is_whole_or_as_it_was() {
    let scratch = Scratch::new("output");
    let path = scratch.path().join("report.json");
    let sample = sample();
    let arguments = [Path::new("replay"), &sample, Path::new("-o"), &path];
    let outcome = spanwatch(arguments);
    assert_eq!((outcome.code, outcome.stdout.len()), (0, 0), "{}", outcome.stderr);
    let written = std::fs::read(&path).expect("written");
    assert!(written == replayed(&["--format=json"]).stdout, "a file gets JSON");
    let outcome = spanwatch([Path::new("replay"), Path::new("no-such-file"), Path::new("-o"), &path]);
    assert_eq!(outcome.code, 1);
    assert!(std::fs::read(&path).expect("still there") == written);
    assert_eq!(
        std::fs::read_dir(scratch.path()).expect("a folder").count(),
        1,
        "nothing else is left behind"
    );
}

#[test]
fn an_output_file_that_cannot_be_written_exits_with_1() {
    let outcome = replayed(&["-o", "/no/such/folder/report.json"]);
    assert!(failure(&outcome, 1).contains("/no/such/folder/report.json"), "{}", outcome.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(SPANWATCH)
        .args(["replay", "--format=json"])
        .arg(sample())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    let status = child.wait().expect("it ends");
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn a_full_disk_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let output = Command::new(SPANWATCH)
        .args(["replay", "--format=json"])
        .arg(sample())
        .stdout(full)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}

#[test]
fn the_site_is_named_in_the_report() {
    assert_eq!(replayed(&["--format=json", "--site=Main hall"]).report()["site"], "Main hall");
}

#[test]
fn doctor_says_what_the_mirror_shows() {
    let sample = sample();
    let outcome = spanwatch([Path::new("doctor"), &sample, Path::new("--format=table")]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.text().starts_with("This mirror is good"), "{}", outcome.text());
    assert!(!outcome.text().contains("BAD"), "{}", outcome.text());
    let letter = spanwatch([Path::new("doctor"), &sample, Path::new("--switch=moxa")]).report();
    assert_eq!((&letter["schema"], &letter["verdict"]), (&"spanwatch/doctor/1".into(), &"good".into()));
    assert_eq!(letter["switches"][0]["id"], "moxa");
    let unknown = spanwatch([Path::new("doctor"), &sample, Path::new("--switch=abacus")]);
    assert_eq!(unknown.code, 2, "{}", unknown.stderr);
}

#[test]
fn protocols_and_kinds_are_listed() {
    let protocols = spanwatch(["protocols"]);
    assert_eq!(protocols.text().lines().count(), ALL.len());
    for (line, parser) in protocols.text().lines().zip(ALL) {
        let (name, rest) = line.split_once("  ").expect("columns");
        assert_eq!(name, parser.name);
        let ends = format!("  {} ({})", parser.about, parser.source);
        let places = rest.trim_start().strip_suffix(&ends).expect("what is read, and by which documents");
        assert_eq!(places.trim_end().split(", ").count(), parser.on.len(), "{line}");
    }
    let kinds = spanwatch(["kinds"]);
    for name in kinds.text().lines().filter_map(|line| line.split(' ').next()) {
        let help = spanwatch(["kinds", name]);
        for heading in ["What it says", "Why it matters", "Where it is wrong"] {
            assert!(help.text().contains(heading), "{name}: {}", help.text());
        }
    }
}

#[test]
fn a_simulated_capture_is_read_and_its_truth_stands_beside_it() {
    let scratch = Scratch::new("simulate");
    let (capture, truth) = (scratch.path().join("night.pcapng"), scratch.path().join("night.truth.json"));
    let simulate = |write: &Path| {
        let fixed =
            ["--length=90s", "--devices=12", "--bit-rate=20000", "--incident=cable-pull@40s:cam-001+30s"];
        let words = [Path::new("simulate"), Path::new("-w"), write];
        spanwatch(words.into_iter().chain(fixed.iter().map(Path::new)))
    };
    assert_eq!(simulate(&capture).code, 0);
    let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(&truth).unwrap()).unwrap();
    assert_eq!(truth["schema"], "spanwatch/truth/1");
    assert_eq!(truth["incidents"][0]["subjects"][0], "cam-001");
    let report = replay(&capture);
    assert_eq!(report["capture"]["packets"], truth["capture"]["frames"]);
    assert_eq!(simulate(Path::new("-")).stdout, std::fs::read(&capture).unwrap());
}

#[test]
fn the_simulators_help_is_a_catalogue() {
    let help = spanwatch(["simulate", "--help"]);
    for word in ["power-cycle", "Near misses", "mirror-one-way", "erspan3", "vxlan=VNI", "+LENGTH"] {
        assert!(help.text().contains(word), "{word}");
    }
    let list = spanwatch(["simulate", "--seed=4", "--devices=9", "--list"]);
    assert_eq!(list.code, 0);
    for word in ["sw-core", "sw-01", "cam-001", "recorder-01", "gateway"] {
        assert!(list.text().contains(word), "{word}");
    }
    let unknown = spanwatch(["simulate", "-w", "x.pcapng", "--incident=powercycle"]);
    assert!(failure(&unknown, 2).contains("did you mean power-cycle?"), "{}", unknown.stderr);
}

#[test]
fn a_configuration_holds_for_a_replay_and_the_command_line_goes_first() {
    let scratch = Scratch::new("config");
    scratch.file("list.csv", b"ip,name\n192.0.2.54,Dock one\n");
    let config = scratch
        .file("spanwatch.toml", b"site = \"Harbour\"\ninventory = \"list.csv\"\nfilter = \"udp or tcp\"\n");
    let config = format!("--config={}", config.display());
    let report = replayed(&["--format=json", &config]).report();
    assert_eq!(report["site"], "Harbour");
    let given = ["--site=Harbour", "--filter=udp or tcp"];
    let list = format!("--inventory={}", scratch.path().join("list.csv").display());
    let named = replayed(&[&["--format=json", &list][..], &given].concat()).report();
    assert!(report == named, "the same words give the same report");
    assert_eq!(replayed(&["--format=json", &config, "--site=Quay"]).report()["site"], "Quay");
}

#[test]
fn a_wrong_configuration_is_told_line_by_line_and_nothing_is_done() {
    let scratch = Scratch::new("config-wrong");
    let wrong = scratch.file("wrong.toml", b"inventry = \"a\"\n[watch]\nbufer_mib = 1\n");
    let lacking = scratch.file("lacking.toml", b"\ninventory = \"none.csv\"\n");
    let sample = sample();
    for (config, due) in [
        (
            &wrong,
            [
                "wrong.toml:1: there is no key inventry; did you mean inventory?",
                "wrong.toml:3: there is no key bufer_mib",
            ],
        ),
        (&lacking, ["lacking.toml:2: inventory: ", "none.csv: No such file"]),
    ] {
        let checked = spanwatch([Path::new("config"), Path::new("check"), config]);
        let replayed = spanwatch([Path::new("replay"), &sample, Path::new("--config"), config]);
        for outcome in [&checked, &replayed] {
            let said = failure(outcome, 1);
            assert!(due.iter().all(|due| said.contains(due)), "{said}");
        }
    }
}
