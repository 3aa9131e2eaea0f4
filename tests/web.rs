//! `spanwatch serve`, and the pages of a running watch: over the shipped samples, the lab's captures, and in a browser.

use crate::support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use support::run::spanwatch;
use support::server::{Server, address, asked};
use support::wire::{End, arp};
use support::wires::Wires;
use support::{project, skipped};

/// A capture, or a report, that is served.
fn serving(path: &Path) -> Server {
    Server::start(&[path.to_str().expect("UTF-8")])
}

/// Every address of our own that a page leads to.
fn links(page: &str) -> Vec<String> {
    let parts = page.split(" href=\"").chain(page.split(" src=\"")).skip(1);
    let links = parts.filter_map(|part| part.split('"').next()).filter(|link| link.starts_with('/'));
    links.map(|link| link.replace("&#38;", "&").replace("&amp;", "&")).collect()
}

/// The shipped sites, which the lab made, and what it left last.
fn captures() -> Vec<PathBuf> {
    let samples = [
        "pcaps/site-six-behind-a-switch.pcapng",
        "pcaps/site-camera-then-switch.pcapng",
        "pcaps/discovery.pcap",
    ];
    let lab = ["target/lab/loss.pcapng", "target/lab/blind.pcapng"].map(project);
    samples.map(project).into_iter().chain(lab.into_iter().filter(|path| path.is_file())).collect()
}

#[test]
fn every_page_that_a_site_leads_to_is_drawn_and_small() {
    for capture in captures() {
        let server = serving(&capture);
        let (mut met, mut next) = (BTreeSet::new(), vec!["/".to_owned()]);
        while let Some(path) = next.pop().filter(|_| met.len() < 250) {
            if !met.insert(path.clone()) {
                continue;
            }
            let (status, head, body) = server.asked(&path);
            assert_eq!(status, 200, "{}: {path}", capture.display());
            assert!(head.contains("content-security-policy: default-src 'none'"), "{path}: {head}");
            if !head.contains("content-type: text/html") || head.contains("attachment") {
                continue;
            }
            let is_packets = path.ends_with("/packets");
            assert!(body.len() < if is_packets { 300_000 } else { 150_000 }, "{path}: {} bytes", body.len());
            next.extend(links(&String::from_utf8(body).expect("pages are UTF-8")));
        }
        assert!(met.len() > 20, "{met:?}");
    }
}

#[test]
fn packets_of_a_page_are_those_that_carve_writes() {
    let sample = project("pcaps/site-six-behind-a-switch.pcapng");
    let server = serving(&sample);
    let now = server.page("/");
    let finding = links(&now).into_iter().find(|it| it.starts_with("/findings/")).expect("an incident");
    let (_, head, downloaded) = server.asked(&format!("{finding}/packets.pcapng"));
    assert!(head.contains("content-disposition: attachment; filename=\"switch-fault-"), "{head}");
    let out = std::env::temp_dir().join(format!("spanwatch-{}-web.pcapng", std::process::id()));
    let id = finding.rsplit('/').next().expect("an id");
    let carved = spanwatch(
        ["carve", "--no-progress", "--finding", id, "-w"].map(Path::new).into_iter().chain([&*out, &*sample]),
    );
    assert_eq!(carved.code, 0, "{}", carved.stderr);
    assert_eq!(downloaded, std::fs::read(&out).expect("it was written"));
    std::fs::remove_file(out).expect("it is there");
    let table = server.page(&format!("{finding}/packets"));
    assert!(table.contains("<b>evidence</b> <bdi>last frame from Axis M3005 (192.0.2.56)</bdi>"), "{table}");
}

#[test]
fn a_report_is_served_as_its_capture_is_and_comes_out_as_it_went_in() {
    let sample = project("pcaps/site-six-behind-a-switch.pcapng");
    let report = std::env::temp_dir().join(format!("spanwatch-{}-web.json", std::process::id()));
    let replayed = spanwatch(
        ["replay", "--no-progress", "--format=json", "-o"]
            .map(Path::new)
            .into_iter()
            .chain([&*report, &*sample]),
    );
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let (of_report, of_capture) = (serving(&report), serving(&sample));
    let written = std::fs::read(&report).expect("it was written");
    for server in [&of_report, &of_capture] {
        assert_eq!(server.asked("/api/v1/report").2, written);
    }
    for path in ["/devices", "/streams", "/network", "/findings", "/devices.csv", "/report.html"] {
        assert_eq!(of_report.page(path), of_capture.page(path), "{path}");
    }
    std::fs::remove_file(report).expect("it is there");
}

#[test]
fn a_report_that_is_one_file_is_the_same_at_any_number_of_threads() {
    let sample = project("pcaps/site-camera-then-switch.pcapng");
    let written = |threads: &str| {
        let arguments = ["replay", "--no-progress", "--format=html", "--threads", threads].map(Path::new);
        let run = spanwatch(arguments.into_iter().chain([&*sample]));
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.text().to_owned()
    };
    let text = written("1");
    assert_eq!(text, written("4"));
    assert!(!text.contains("<script") && !text.contains("src=") && !text.contains("<link"));
    assert!(text.contains("<svg") && text.contains("Whose turn"), "{text}");
}

#[test]
fn a_report_is_written_for_one_audience_where_somebody_is_to_read_it() {
    let sample = project("pcaps/site-six-behind-a-switch.pcapng");
    let of = |arguments: &[&str]| {
        let arguments = ["replay", "--no-progress"].iter().chain(arguments).map(Path::new);
        spanwatch(arguments.chain([&*sample]))
    };
    let (cameras, auditors) =
        (of(&["--format=html", "--for=physical-security"]), of(&["--format=html", "--for=security"]));
    assert!(cameras.text().contains("Report for the camera team") && !cameras.text().contains("sha256"));
    assert!(
        auditors.text().contains("Report for security and auditors") && auditors.text().contains("sha256")
    );
    let refused = of(&["--for=it", "--format=json"]);
    assert!(refused.code == 2 && refused.stderr.contains("--format html"), "{}", refused.stderr);
}

#[test]
fn only_this_machine_is_served_and_only_by_its_name() {
    let sample = project("pcaps/discovery.pcap");
    let arguments = ["serve", "--no-progress", "--listen=0.0.0.0:0"].map(Path::new);
    let refused = spanwatch(arguments.into_iter().chain([&*sample]));
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("can be reached from other machines"), "{}", refused.stderr);
    let server = serving(&sample);
    let (status, head, _) = asked(server.address(), "rebound.example", "/");
    assert_eq!(status, 421, "{head}");
    assert_eq!(asked(server.address(), "localhost:80", "/").0, 200);
}

#[test]
fn what_is_no_capture_and_no_report_is_told_so() {
    let path = std::env::temp_dir().join(format!("spanwatch-{}-no-report.json", std::process::id()));
    std::fs::write(&path, "{\"schema\": 1}").expect("a file");
    let refused = spanwatch([Path::new("serve"), &*path]);
    std::fs::remove_file(&path).expect("it is there");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("no-report.json: no report: "), "{}", refused.stderr);
}

#[test]
fn pages_follow_a_running_watch() {
    let Some(wires) = Wires::silent("web") else { return };
    wires.run("ip link set lo up");
    let mut watch = wires.watch(&["-i", "b0", "--listen", "127.0.0.1:0"]);
    watch.until_it_says("pages at http://");
    let address = address(watch.said()).to_owned();
    let [asks, asked] = [1, 2].map(|last| End::new([192, 0, 2, last], 0));
    let follow = [
        "import sys, json, urllib.request",
        "at = 'http://' + sys.argv[1]",
        "events = urllib.request.urlopen(at + '/live', timeout=60)",
        "print('ready', flush=True)",
        "for line in events:",
        "    overview = json.load(urllib.request.urlopen(at + '/api/v1/overview', timeout=60))",
        "    if overview['summary']['devices'] > 0: break",
        "print(json.dumps(overview))",
        "print(urllib.request.urlopen(at + '/devices', timeout=60).read().decode())",
    ]
    .join("\n");
    let mut follower = wires
        .inside(["timeout", "90", "python3", "-c", &follow, &address])
        .stdout(Stdio::piped())
        .spawn()
        .expect("ip is there");
    let mut told = BufReader::new(follower.stdout.take().expect("piped"));
    let mut line = String::new();
    told.read_line(&mut line).expect("text");
    assert_eq!(line, "ready\n");
    // Each second needs a packet to be told by.
    let mut frames = Vec::new();
    for second in 0..4 {
        frames.push(support::capture::Frame::new(second * 1_000_000_000, arp(asks, asked, [0xff; 6])));
    }
    wires.play("a0", &frames);
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("text");
    assert!(follower.wait().expect("it ends").success(), "{rest}");
    let (overview, page) = rest.split_once('\n').expect("two answers");
    let overview: Value = serde_json::from_str(overview).expect("JSON");
    assert_eq!((&overview["live"], &overview["summary"]["devices"]), (&true.into(), &1.into()), "{overview}");
    assert!(page.contains("sse-connect=\"/live\"") && page.contains("192.0.2.1"), "{page}");
    let (capture, _) = watch.end();
    assert_eq!(capture["packets"], 4);
}

#[test]
fn a_browser_finds_no_fault_in_any_page() {
    let tools = project("tests/web");
    let browser =
        std::env::var_os("CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from);
    if !browser.is_file() || !tools.join("node_modules/playwright-core").is_dir() {
        skipped("no browser to look at pages with: make install-test");
        return;
    }
    let pictures = std::env::var_os("SPANWATCH_PICTURES");
    for (sample, folder) in
        [("pcaps/site-camera-then-switch.pcapng", None), ("pcaps/site-six-behind-a-switch.pcapng", pictures)]
    {
        let server = serving(&project(sample));
        let run = Command::new("timeout")
            .args(["240", "node", "browser.mjs", &format!("http://{}", server.address())])
            .args(folder)
            .env("CHROMIUM", &browser)
            .current_dir(&tools)
            .stdin(Stdio::null())
            .output()
            .expect("timeout(1) is there");
        let said =
            format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{sample}: {said}");
        print!("{said}");
    }
}
