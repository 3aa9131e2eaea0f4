//! Every public capture beside the project is read whole: nothing panics, hangs or is lost, damage is told.

use crate::support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;
use support::run::{Outcome, Scratch, spanwatch};
use support::site::text;
use support::story::list;
use support::{project, shared_captures};

/// The report on each capture of a folder, as its lines by the capture's name.
#[derive(Debug)]
struct Each {
    outcome: Outcome,
    lines: BTreeMap<String, Vec<Value>>,
}

impl Each {
    fn of(folder: &Path) -> Self {
        let options = ["replay", "--each", "--format=jsonl", "--no-progress"].map(Path::new);
        let outcome = spanwatch(options.into_iter().chain([folder]));
        let mut lines = BTreeMap::<String, Vec<Value>>::new();
        for line in outcome.lines() {
            lines.entry(text(&line, "of").to_owned()).or_default().push(line);
        }
        Self { outcome, lines }
    }

    fn of_type<'a>(&'a self, of: &str, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.get(of).into_iter().flatten().filter(move |line| line["type"] == kind)
    }

    fn capture(&self, of: &str) -> &Value {
        self.of_type(of, "capture").next().unwrap_or_else(|| panic!("{of} has no report"))
    }

    fn input(&self, of: &str) -> &Value {
        &self.capture(of)["inputs"][0]
    }

    fn is_told_damaged(&self, of: &str) -> bool {
        self.of_type(of, "finding").any(|finding| finding["kind"] == "input-damaged")
    }
}

/// All of them, read once.
static ALL: LazyLock<Option<Each>> = LazyLock::new(|| shared_captures().map(|folder| Each::of(&folder)));

/// Path and packets of each row of the index.
fn index() -> Vec<(String, u64)> {
    let Some(folder) = shared_captures() else { return Vec::new() };
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).expect("the index is text");
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[0].to_owned(), columns[5].parse().expect("packets are a number"))
    };
    index.lines().skip(1).map(row).collect()
}

/// What is found in each, as docs/findings.md has it: `SPANWATCH_WRITE=1` writes it anew.
#[test]
fn findings_of_every_capture_are_those_of_the_table() {
    let Some(all) = &*ALL else { return };
    let mut table = String::new();
    let mut silent = 0;
    for of in all.lines.keys() {
        let mut kinds = BTreeMap::<(usize, &str, &str), usize>::new();
        for finding in all.of_type(of, "finding") {
            let severity = text(finding, "severity");
            let rank = SEVERITIES.iter().position(|it| *it == severity).expect("a severity");
            *kinds.entry((rank, text(finding, "kind"), severity)).or_default() += 1;
        }
        if kinds.is_empty() {
            silent += 1;
            continue;
        }
        let told = kinds.iter().map(|((_, kind, severity), count)| match count {
            1 => format!("{kind} ({severity})"),
            _ => format!("{count} {kind} ({severity})"),
        });
        let told = told.collect::<Vec<_>>().join(", ");
        table.push_str(&format!("| {of} | {told} |\n"));
    }
    let path = project("docs/findings.md");
    let document = std::fs::read_to_string(&path).expect("the document is text");
    let (front, _) = document.split_once(TABLE).expect("the table begins");
    let now = format!("{front}{TABLE}{table}\n{silent} captures give no finding.\n");
    if support::is_asked_for("SPANWATCH_WRITE") {
        std::fs::write(&path, now).expect("it can be written");
        return;
    }
    let differences: Vec<&str> = now.lines().filter(|line| !document.contains(*line)).collect();
    assert!(
        document == now,
        "docs/findings.md differs: read these lines, then run this test with SPANWATCH_WRITE=1: {differences:#?}"
    );
}

/// Of what somebody typed as a password nothing is in the report, whatever protocol it was typed in.
#[test]
fn no_password_of_a_capture_is_in_its_report() {
    let Some(all) = &*ALL else { return };
    for (of, secret) in SECRETS {
        let lines = all.lines.get(*of).unwrap_or_else(|| panic!("{of} has no report"));
        let login = lines.iter().any(|line| line["type"] == "session" && line["outcome"].is_string());
        assert!(login, "{of} tells no login");
        for line in lines {
            assert!(!line.to_string().contains(secret), "{of}: {line}");
        }
    }
}

/// Passwords as tshark shows them, plain or as they came in base64.
const SECRETS: &[(&str, &str)] = &[
    ("OISF__suricata-verify/tests/ftp-retr-bypass-baseline/input.pcap", "testpass"),
    ("zeek__zeek/testing/btest/Traces/ftp/ftp-password-pass-command.pcap", "qwerty"),
    ("arkime__arkime/tests/pcap/arkime_synthetic.pcap", "secretpassword"),
    ("arkime__arkime/tests/pcap/mqtt_synthetic.pcap", "secret123"),
    ("arkime__arkime/tests/pcap/mqtt_synthetic.pcap", "mqtt5pass"),
    ("ntop__nDPI/tests/cfgs/default/pcap/mqtt.pcap", "SharedAccessSignature"),
    ("CESNET__ipfixprobe/tests/functional/inputs/smtp.pcap", "cHVuamFiQDEyMw"),
    ("CESNET__ipfixprobe/tests/functional/inputs/smtp.pcap", "punjab@123"),
    ("ShellCode33__CredSLayer/tests/samples/telnet-raw2.pcap", "napier"),
    ("odedshimon__BruteShark/Pcap_Examples/Telnet - Char Mode2.pcap", "PassBox321"),
];

const TABLE: &str = "| capture | findings |\n| --- | --- |\n";
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];

#[test]
fn every_capture_of_the_index_has_a_report() {
    let Some(all) = &*ALL else { return };
    let lacking: Vec<_> = index().into_iter().filter(|(name, _)| !all.lines.contains_key(name)).collect();
    assert!(lacking.is_empty(), "{} have none: {lacking:#?}\n{}", lacking.len(), all.outcome.stderr);
}

#[test]
fn packets_are_as_many_as_the_index_says() {
    let Some(all) = &*ALL else { return };
    let mut differences = Vec::new();
    for (name, packets) in index() {
        if packets == 0 || !all.lines.contains_key(&name) || CUSTOM_BLOCKS.iter().any(|it| name.ends_with(it))
        {
            continue;
        }
        let (input, analysed) = (&all.input(&name)["packets"], &all.capture(&name)["packets"]);
        if (input, analysed) != (&packets.into(), &packets.into()) {
            differences.push(format!("{name}: {input} read, {analysed} analysed, {packets} by the index"));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn no_parser_panics_and_no_cap_is_reached_without_reason() {
    let Some(all) = &*ALL else { return };
    assert!(!all.outcome.text().contains("panic"), "a parser panicked: `panics` names it");
    for name in all.lines.keys() {
        let capture = all.capture(name);
        for limit in list(capture, "limits") {
            let (cap, evicted) = (limit["cap"].as_u64().unwrap_or(0), limit["evicted"].as_u64().unwrap_or(0));
            assert!(cap > 0 && evicted > 0 && limit["first"].is_string(), "{name}: {limit}");
        }
        let undecodable: u64 =
            capture["undecodable"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
        assert!(undecodable <= capture["packets"].as_u64().expect("a count"), "{name}: {capture}");
    }
}

/// What the crash corpus holds that cannot be read, and how often that is counted; a change is to be explained.
#[test]
fn crash_corpus_is_counted_field_by_field() {
    let (Some(all), Some(folder)) = (&*ALL, shared_captures()) else { return };
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).expect("the index is text");
    let rows = index.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let broken = rows.filter(|row| row[6].split(',').any(|topic| topic == "malformed"));
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut captures = 0;
    for capture in broken.map(|row| all.capture(row[0])) {
        captures += 1;
        for counter in ["undecodable", "malformed"] {
            for (what, count) in capture[counter].as_object().into_iter().flatten() {
                *counted.entry(format!("{counter}\t{what}")).or_default() += count.as_u64().expect("a count");
            }
        }
    }
    let shown: String = counted.iter().map(|(what, count)| format!("{what}\t{count}\n")).collect();
    let expected = std::fs::read_to_string(project("tests/crash_corpus.tsv")).expect("the counts are there");
    let expected: Vec<&str> = expected.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected, "of {captures} captures:\n{shown}");
    assert!(captures > 200, "{captures}");
}

#[test]
fn damage_is_a_finding_exactly_where_the_reader_says_so() {
    let Some(all) = &*ALL else { return };
    for name in all.lines.keys() {
        assert_eq!(all.input(name)["error"].is_string(), all.is_told_damaged(name), "{name}");
    }
}

#[test]
fn makers_of_the_iot_sentinel_devices_are_named() {
    let Some(all) = &*ALL else { return };
    let mut lacking = Vec::new();
    let mut met = 0;
    for (label, mac, vendor, kind, model) in SENTINEL {
        for name in all.lines.keys().filter(|name| name.contains(&format!("/{label}/"))) {
            met += 1;
            let device = all.of_type(name, "device").find(|device| device["id"] == *mac);
            let is = |key: &str, expected: &str| {
                expected.is_empty() || device.is_some_and(|device| device[key] == expected)
            };
            if !is("vendor", vendor) || !is("kind", kind) || !is("model", model) {
                let told = device.map(|it| (&it["vendor"], &it["kind"], &it["model"]));
                lacking.push(format!("{name}: {mac} is {told:?}, in truth {vendor} {kind} {model}"));
            }
        }
    }
    assert!(met >= 36, "only {met} captures of IoT Sentinel");
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

/// Small captures, every so many, so that all sorts come to be cut and bent.
fn selection() -> Vec<(String, Vec<u8>)> {
    let Some(folder) = shared_captures() else { return Vec::new() };
    let fits = |name: &String| {
        let length = folder.join(name).metadata().map_or(0, |it| it.len());
        (300..60_000).contains(&length)
    };
    let read = |name: String| {
        let bytes = std::fs::read(folder.join(&name)).expect("it is there");
        (name.replace('/', "+"), bytes)
    };
    index().into_iter().map(|(name, _)| name).filter(fits).step_by(5).map(read).collect()
}

#[test]
fn cut_captures_yield_what_can_be_read_and_say_so() {
    let (Some(all), scratch) = (&*ALL, Scratch::new("cut")) else { return };
    let mut whole = BTreeMap::new();
    for (name, bytes) in selection() {
        let original = name.replace('+', "/");
        if !all.lines.contains_key(&original) || all.is_told_damaged(&original) {
            continue;
        }
        for (place, end) in [bytes.len() / 3, bytes.len() / 2 + 1, bytes.len() - 1].into_iter().enumerate() {
            scratch.file(&format!("{place}+{name}"), &bytes[..end]);
        }
        whole.insert(name, all.input(&original)["packets"].as_u64().expect("a count"));
    }
    assert!(whole.len() > 100, "too few to cut");
    let cut = Each::of(scratch.path());
    for (name, packets) in whole {
        let read = [0, 1, 2].map(|place| {
            let of = format!("{place}+{name}");
            if !cut.lines.contains_key(&of) {
                return 0; // Cut within its first block, a capture of many comments is none any more.
            }
            assert_eq!(cut.input(&of)["error"].is_string(), cut.is_told_damaged(&of), "{of}");
            cut.input(&of)["packets"].as_u64().expect("a count")
        });
        assert!(
            read[0] <= read[1] && read[1] <= read[2] && read[2] <= packets,
            "{name}: {read:?} of {packets}"
        );
        // A packed file may end in a checksum that holds no frame; a section in a block of statistics.
        assert!(read[2] + 1 >= packets, "{name}: one byte less loses {} packets", packets - read[2]);
        let last = format!("2+{name}");
        assert!(cut.is_told_damaged(&last), "{name} lacks its last byte, and nothing is said");
    }
}

#[test]
fn captures_with_flipped_bits_are_read_to_the_end() {
    let scratch = Scratch::new("flipped");
    let mut chance = 0x5eed_u64;
    let mut next = |below: usize| {
        // Knuth's linear congruential generator: the same faults in every run.
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(chance >> 33).expect("31 bits") % below
    };
    let mut count = 0;
    for (name, bytes) in selection() {
        for (round, flips) in [1, 8, 64].into_iter().enumerate() {
            let mut bent = bytes.clone();
            for _ in 0..flips {
                bent[24 + next(bytes.len() - 24)] ^= 1 << next(8);
            }
            scratch.file(&format!("{round}+{name}"), &bent);
            count += 1;
        }
    }
    if count == 0 {
        return;
    }
    let bent = Each::of(scratch.path());
    assert!(bent.lines.len() * 100 >= count * 99, "{} of {count} are reported on", bent.lines.len());
    bent.lines.keys().for_each(|name| {
        assert_eq!(bent.input(name)["error"].is_string(), bent.is_told_damaged(name), "{name}");
    });
    assert!(!bent.outcome.text().contains("panic"));
}

/// The index counts their custom blocks, which are no frames.
const CUSTOM_BLOCKS: &[&str] = &["test102.pcapng", "test017.pcapng", "test202.pcapng"];

/// Folder, MAC, and what MAC (IEEE registry) and DHCP say: vendor, kind, model.
const SENTINEL: &[(&str, &str, &str, &str, &str)] = &[
    ("D-LinkCam", "b0:c5:54:25:5b:0e", "D-Link", "camera", "DCS-935L"),
    ("EdimaxCam1", "74:da:38:80:7a:08", "Edimax", "", ""),
    ("EdimaxCam2", "74:da:38:80:79:fc", "Edimax", "", ""),
    ("D-LinkDoorSensor", "1c:5f:2b:aa:fd:4e", "D-Link", "", ""),
    ("D-LinkSensor", "90:8d:78:a8:e1:43", "D-Link", "sensor", "DCH-S150"),
    ("D-LinkSwitch", "90:8d:78:a9:3d:6f", "D-Link", "", "DSP-W215"),
    ("D-LinkWaterSensor", "6c:72:20:c5:17:5a", "D-Link", "sensor", "DCH-S160"),
    ("EdimaxPlug1101W", "74:da:38:4a:76:49", "Edimax", "", ""),
    ("EdimaxPlug2101W", "74:da:38:23:22:7b", "Edimax", "", ""),
];
