//! What is weak in public captures, by their publishers and by us: nDPI's risks as they stand beside its captures, the logins that CredSLayer's
//! tests expect, the password guesser that Zeek's policy notices.
//!
//! Where nDPI and we differ, the difference stands in `tests/risks.tsv` with its reason; `docs/risks.md` is made of both
//! (`SPANWATCH_WRITE=1` writes it anew). `make lab` lets nDPI's own program read all public captures, too.

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use support::run::{replay, spanwatch};
use support::site::text;
use support::story::list;
use support::{is_asked_for, project, shared_captures, skipped};

/// nDPI's word for a risk, and the kinds that say the same.
const RISKS: [(&str, &[&str]); 9] = [
    ("Clear-Text Credentials", &["cleartext-login", "plaintext-token", "telnet-open", "ftp-open"]),
    ("Obsolete TLS (v1.1 or older)", &["weak-tls-version"]),
    ("SMB Insecure Vers", &["smb1"]),
    ("SSH Obsolete Ser Vers/Cipher", &["legacy-ssh"]),
    ("Self-signed Cert", &["certificate-self-signed"]),
    ("TLS Cert Expired", &["certificate-expired"]),
    ("TLS Cert Mismatch", &["certificate-wrong-name"]),
    ("TLS Cert Validity Too Long", &["certificate-long-lived"]),
    ("Weak TLS Cipher", &["weak-tls-cipher", "no-forward-secrecy"]),
];

/// The same in the words of `ndpiReader` 4.2.
const READER: [(&str, &[&str]); 10] = [
    ("Clear-Text Credentials", RISKS[0].1),
    ("Obsolete TLS Version (1.1 or older)", RISKS[1].1),
    ("SMB Insecure Version", RISKS[2].1),
    ("SSH Obsolete Server Version/Cipher", RISKS[3].1),
    ("Self-signed Certificate", RISKS[4].1),
    ("TLS Expired Certificate", RISKS[5].1),
    ("TLS Certificate Mismatch", RISKS[6].1),
    ("TLS Certificate Validity Too Long", RISKS[7].1),
    ("Weak TLS Cipher", RISKS[8].1),
    ("TLS Certificate About To Expire", &["certificate-expiring"]),
];

#[test]
fn what_ndpi_calls_a_risk_we_call_so_or_the_difference_has_a_reason() {
    let Some(shared) = shared_captures() else { return };
    let folder = shared.join("ntop__nDPI/tests/cfgs/default");
    let mut results: Vec<_> =
        folder.join("result").read_dir().expect("results").map(|it| it.expect("an entry").path()).collect();
    results.sort();
    let mut both: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut differences, mut compared) = (BTreeSet::new(), 0);
    for result in results {
        let name = result.file_stem().expect("a name").to_string_lossy().into_owned();
        let capture = folder.join("pcap").join(&name);
        if !capture.is_file() {
            continue;
        }
        compared += 1;
        let published =
            String::from_utf8_lossy(&std::fs::read(&result).expect("it can be read")).into_owned();
        let ours = kinds(&replay(&capture));
        for (risk, kinds) in RISKS {
            let theirs = published.contains(&format!("** {risk} **"));
            match (theirs, kinds.iter().any(|kind| ours.contains(*kind))) {
                (true, true) => *both.entry(risk).or_default() += 1,
                (false, false) => {}
                (theirs, _) => {
                    let who = if theirs { "theirs" } else { "ours" };
                    differences.insert(format!("nDPI\t{name}\t{risk}\t{who}"));
                }
            }
        }
    }
    assert!(compared > 90, "{compared} captures");
    let reasons = reasons();
    assert_eq!(
        differences,
        of_publisher(&reasons, "nDPI\t"),
        "differences, and those that have a reason in tests/risks.tsv"
    );

    let page = page(compared, &both, &reasons);
    let path = project("docs/risks.md");
    if is_asked_for("SPANWATCH_WRITE") {
        std::fs::write(&path, page).expect("it can be written");
        return;
    }
    let own = std::fs::read_to_string(&path).expect("the page is text");
    assert!(own == page, "docs/risks.md differs: run this test with SPANWATCH_WRITE=1\n{page}");
}

/// `ndpiReader` takes minutes for all captures.
#[test]
fn what_ndpi_reader_says_of_every_capture_we_say_or_the_difference_has_a_reason() {
    let Some(shared) = shared_captures() else { return };
    if !is_asked_for("SPANWATCH_ALL") {
        return;
    }
    let version = Command::new("ndpiReader").arg("-h").output();
    let version =
        version.map_or_else(|_| String::new(), |it| String::from_utf8_lossy(&it.stdout).into_owned());
    if !version.contains("nDPI 4.2") {
        return skipped("ndpiReader 4.2 is missing (libndpi-bin)");
    }
    let folder = shared.to_str().expect("UTF-8");
    let told = spanwatch(["replay", "--each", "--format=jsonl", "--no-file-hash", "--no-progress", folder]);
    let mut ours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in told.lines().iter().filter(|line| line["type"] == "finding") {
        ours.entry(text(line, "of").to_owned()).or_default().insert(text(line, "kind").to_owned());
    }
    let index = std::fs::read_to_string(shared.join("INDEX.tsv")).expect("an index");
    let (mut differences, mut agreed) = (BTreeSet::new(), 0);
    for name in index.lines().skip(1).filter_map(|line| line.split('\t').next()) {
        let capture = shared.join(name);
        if !capture.is_file() {
            continue;
        }
        let risks = risks_of(&capture);
        for (risk, kinds) in READER {
            let is_ours = ours.get(name).is_some_and(|told| kinds.iter().any(|kind| told.contains(*kind)));
            match (risks.contains(risk), is_ours) {
                (true, true) => agreed += 1,
                (false, false) => {}
                (true, false) => drop(differences.insert(format!("ndpiReader\t{name}\t{risk}\ttheirs"))),
                (false, true) => drop(differences.insert(format!("ndpiReader\t{name}\t{risk}\tours"))),
            }
        }
    }
    assert!(agreed > 80, "{agreed} agree");
    let reasons = reasons();
    assert_eq!(
        differences,
        of_publisher(&reasons, "ndpiReader\t"),
        "differences, and those that have a reason in tests/risks.tsv"
    );
}

/// What `ndpiReader` calls a risk in a capture.
fn risks_of(capture: &Path) -> BTreeSet<String> {
    let output = Command::new("ndpiReader").arg("-i").arg(capture).output().expect("it is there");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, table) = said.split_once("Risk stats").unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix('\t')?.split_once("  "));
    rows.map(|(risk, _)| risk.to_owned()).collect()
}

/// Differences that have a reason: publisher, capture, risk and who says it; and the reason.
fn reasons() -> BTreeMap<String, String> {
    let reasons = std::fs::read_to_string(project("tests/risks.tsv")).expect("the reasons are there");
    let rows = reasons.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| line.rsplit_once('\t'))
        .map(|(key, why)| (key.to_owned(), why.to_owned()))
        .collect()
}

fn of_publisher(reasons: &BTreeMap<String, String>, publisher: &str) -> BTreeSet<String> {
    reasons.keys().filter(|key| key.starts_with(publisher)).cloned().collect()
}

fn page(compared: usize, both: &BTreeMap<&str, usize>, reasons: &BTreeMap<String, String>) -> String {
    let mut page = format!(
        "# What others call a risk\n\nMade by `tests/risks.rs`. nDPI publishes beside each of its test captures what it makes of them; in the {compared} that are \
         among the public ones here,\neach risk below was compared with our kinds, capture by capture, both ways. The same test holds the logins that CredSLayer's \
         tests expect (Telnet, HTTP Basic;\nthe login by a web page's form, in `http-post-auth`, is not read here, and the server of `http-basic-auth` is on the Internet: \
         its session is told, and no weakness of\na device) and the password guesser that Zeek's policy notices. No publisher says of a public capture here that it holds a scan.\n\n\
         | nDPI's risk | our kinds | both say so | nDPI alone | we alone |\n| --- | --- | ---: | ---: | ---: |\n"
    );
    for (risk, kinds) in RISKS {
        let alone = |who: &str| {
            of_publisher(reasons, "nDPI\t")
                .iter()
                .filter(|key| key.ends_with(&format!("\t{risk}\t{who}")))
                .count()
        };
        let kinds = kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
        let count = both.get(risk).copied().unwrap_or_default();
        writeln!(page, "| {risk} | {kinds} | {count} | {} | {} |", alone("theirs"), alone("ours"))
            .expect("a string grows");
    }
    page.push_str(
        "\n## Each difference\n\n| capture | risk | who says it | why |\n| --- | --- | --- | --- |\n",
    );
    let mut of_reader: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for (key, reason) in reasons {
        let [publisher, capture, risk, who] = key.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{key}")
        };
        let who = if who == "theirs" { "nDPI" } else { "we" };
        if publisher == "nDPI" {
            writeln!(page, "| {capture} | {risk} | {who} | {reason} |").expect("a string grows");
        } else {
            *of_reader.entry((risk, who, reason)).or_default() += 1;
        }
    }
    page.push_str(
        "\n## All public captures, by `ndpiReader` itself\n\nVersion 4.2, as Debian 12 has it; `make lab` compares again. Each capture stands in `tests/risks.tsv`.\n\n\
         | risk | who says it | captures | why |\n| --- | --- | ---: | --- |\n",
    );
    for ((risk, who, reason), captures) in of_reader {
        writeln!(page, "| {risk} | {who} | {captures} | {reason} |").expect("a string grows");
    }
    page
}

/// CredSLayer names the logins as `user/password`: the user is told as one that got in, in clear, and the password nowhere.
#[test]
fn logins_that_credslayer_finds_are_told_without_their_passwords() {
    let Some(shared) = shared_captures() else { return };
    let folder = shared.join("ShellCode33__CredSLayer/tests/samples");
    for (name, account, password, is_told_weak) in [
        // On the Internet: no device of the site is weak.
        ("http-basic-auth", "test", "test", false),
        ("telnet-cooked", "fake", "user", true),
        ("telnet-raw2", "Administrator", "napier", true),
    ] {
        let expected =
            std::fs::read_to_string(folder.join(format!("{name}.expected.txt"))).expect("it is there");
        assert!(expected.contains(&format!("{account}/{password}")), "{name}: {expected}");
        let report = replay(&folder.join(format!("{name}.pcap")));
        let is_told =
            list(&report, "sessions").any(|it| it["account"] == account && it["outcome"] == "accepted");
        assert!(is_told, "{name}: {}", report["sessions"]);
        assert_eq!(
            kinds(&report).contains("cleartext-login"),
            is_told_weak,
            "{name}: {}",
            report["findings"]
        );
        // `test` and `user` are words that stand elsewhere too.
        assert!(password.len() < 6 || !report.to_string().contains(password), "{name}");
    }
}

/// Zeek: "192.168.56.1 had 20 failed logins on 1 FTP server in 0m37s".
#[test]
fn who_zeek_notices_guessing_is_told() {
    let Some(shared) = shared_captures() else { return };
    let zeek = shared.join("zeek__zeek/testing/btest");
    let notice = zeek.join("Baseline/scripts.policy.protocols.ftp.bruteforce/notice.log");
    let notice = std::fs::read_to_string(notice).expect("it is there");
    let line = notice.lines().find(|line| line.contains("FTP::Bruteforcing")).expect("a notice");
    let report = replay(Path::new(&zeek.join("Traces/ftp/bruteforce.pcap")));
    let told: Vec<&Value> = list(&report, "findings").filter(|it| it["kind"] == "brute-force").collect();
    let [told] = told[..] else { panic!("{}", report["findings"]) };
    let detail = [text(told, "title"), text(told, "detail")].join(" ");
    assert!(line.contains("192.168.56.1") && detail.contains("192.168.56.1"), "{detail}");
}

fn kinds(report: &Value) -> BTreeSet<String> {
    list(report, "findings").map(|it| text(it, "kind").to_owned()).collect()
}
