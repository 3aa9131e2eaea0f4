//! What tshark reads in the bytes of every builder: no frame malformed, no checksum bad, and the
//! fields as they were put in.

mod calls;
mod capture;
mod layer2;
mod names;
mod network;
mod secure;
mod streams;

use std::collections::BTreeSet;
use std::process::Command;

use capture::Capture;

#[test]
fn tshark_reads_what_was_put_in() {
    let mut capture = Capture::new();
    layer2::frames(&mut capture);
    network::frames(&mut capture);
    streams::frames(&mut capture);
    names::frames(&mut capture);
    calls::frames(&mut capture);
    secure::frames(&mut capture);

    let fields: BTreeSet<&str> =
        capture.frames.iter().flat_map(|frame| frame.fields.iter().map(|(field, _)| *field)).collect();
    let Some(rows) = dissect(&capture.pcap, &fields) else { return };
    assert_eq!(rows.len(), capture.frames.len(), "tshark saw every frame");

    let mut wrong = Vec::new();
    for (index, (row, expected)) in rows.iter().zip(&capture.frames).enumerate() {
        let name = format!("frame {} ({})", index + 1, expected.label);
        let mut values = row.split('\t');
        let mut next = || values.next().unwrap_or_default();
        let (malformed, severities, messages, unread) = (next(), next(), next(), next());
        if !malformed.is_empty() {
            wrong.push(format!("{name} is malformed"));
        }
        if !unread.is_empty() && expected.fields.iter().all(|(field, _)| *field != UNREAD) {
            wrong.push(format!("{name}: nothing reads {unread}"));
        }
        if severities.split('|').any(|severity| matches!(severity, ERROR | WARNING)) {
            wrong.push(format!("{name}: {messages}"));
        }
        for field in CHECKSUMS {
            if next().split('|').any(|status| status == BAD) {
                wrong.push(format!("{name}: {field} is bad"));
            }
        }
        for field in &fields {
            let value = next();
            for (_, wanted) in expected.fields.iter().filter(|(name, _)| name == field) {
                if value != wanted {
                    wrong.push(format!("{name}: {field} is {value:?}, not {wanted:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} faults\n{}", wrong.len(), wrong.join("\n"));
}

/// One row a frame: malformed, severities, messages, unread bytes, checksums, fields.
fn dissect(pcap: &[u8], fields: &BTreeSet<&str>) -> Option<Vec<String>> {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("wire.pcap");
    std::fs::write(&path, pcap).expect("the target directory can be written");
    let mut tshark = Command::new("tshark");
    tshark.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").arg("-n").arg("-r").arg(&path);
    tshark.args(["--enable-heuristic", "xml_udp"]);
    tshark.args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=|"]);
    for protocol in ["ip", "tcp", "udp"] {
        tshark.arg("-o").arg(format!("{protocol}.check_checksum:TRUE"));
    }
    for rule in ["udp.port==50000,rtp", "udp.port==50001,rtcp"] {
        tshark.args(["-d", rule]);
    }
    for field in ALWAYS.iter().chain(&CHECKSUMS).chain(fields) {
        tshark.args(["-e", field]);
    }
    let rows = output(&mut tshark)?;
    Some(String::from_utf8_lossy(&rows).lines().map(str::to_owned).collect())
}

/// What a program prints. `None` where it is missing, which only a developer's own machine may be.
fn output(program: &mut Command) -> Option<Vec<u8>> {
    match program.output() {
        Ok(output) => {
            assert!(output.status.success(), "{program:?}\n{}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!(
                "SKIPPED: nothing was checked, for {:?} does not start: {error}",
                program.get_program()
            );
            None
        }
        Err(error) => panic!("{:?} does not start: {error}", program.get_program()),
    }
}

const ALWAYS: [&str; 4] = ["_ws.malformed", "_ws.expert.severity", "_ws.expert.message", UNREAD];
/// Bytes that no dissector reads.
const UNREAD: &str = "data.data";
const CHECKSUMS: [&str; 7] = [
    "ip.checksum.status",
    "tcp.checksum.status",
    "udp.checksum.status",
    "icmp.checksum.status",
    "icmpv6.checksum.status",
    "igmp.checksum.status",
    "cdp.checksum.status",
];
const BAD: &str = "0";
const ERROR: &str = "8388608";
const WARNING: &str = "6291456";
