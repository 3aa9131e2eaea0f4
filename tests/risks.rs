//! What is weak in public captures, by their publishers and by us: nDPI's risks as they stand beside its captures, the logins that CredSLayer's
//! tests expect, the password guesser that Zeek's policy notices.
//!
//! Where nDPI and we differ, the difference stands in `tests/risks.tsv` with its reason; `docs/risks.md` is made of both
//! (`SPANWATCH_WRITE=1` writes it anew).

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use support::run::replay;
use support::site::text;
use support::story::list;
use support::{is_asked_for, project, shared_captures};

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
    let reasons = std::fs::read_to_string(project("tests/risks.tsv")).expect("the reasons are there");
    let reasons: BTreeMap<&str, &str> = reasons
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once('\t'))
        .collect();
    let known: BTreeSet<String> = reasons.keys().map(|key| (*key).to_owned()).collect();
    assert_eq!(differences, known, "differences, and those that have a reason in tests/risks.tsv");

    let page = page(compared, &both, &reasons);
    let path = project("docs/risks.md");
    if is_asked_for("SPANWATCH_WRITE") {
        std::fs::write(&path, page).expect("it can be written");
        return;
    }
    let own = std::fs::read_to_string(&path).expect("the page is text");
    assert!(own == page, "docs/risks.md differs: run this test with SPANWATCH_WRITE=1\n{page}");
}

fn page(compared: usize, both: &BTreeMap<&str, usize>, reasons: &BTreeMap<&str, &str>) -> String {
    let mut page = format!(
        "# What others call a risk\n\nMade by `tests/risks.rs`. nDPI publishes beside each of its test captures what it makes of them; in the {compared} that are \
         among the public ones here,\neach risk below was compared with our kinds, capture by capture, both ways. The same test holds the logins that CredSLayer's \
         tests expect (Telnet, HTTP Basic;\nthe login by a web page's form, in `http-post-auth`, is not read here, and the server of `http-basic-auth` is on the Internet: \
         its session is told, and no weakness of\na device) and the password guesser that Zeek's policy notices. No publisher says of a public capture here that it holds a scan.\n\n\
         | nDPI's risk | our kinds | both say so | nDPI alone | we alone |\n| --- | --- | ---: | ---: | ---: |\n"
    );
    for (risk, kinds) in RISKS {
        let alone =
            |who: &str| reasons.keys().filter(|key| key.ends_with(&format!("\t{risk}\t{who}"))).count();
        let kinds = kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
        let count = both.get(risk).copied().unwrap_or_default();
        writeln!(page, "| {risk} | {kinds} | {count} | {} | {} |", alone("theirs"), alone("ours"))
            .expect("a string grows");
    }
    page.push_str(
        "\n## Each difference\n\n| capture | risk | who says it | why |\n| --- | --- | --- | --- |\n",
    );
    for (key, reason) in reasons {
        let [_, capture, risk, who] = key.split('\t').collect::<Vec<_>>()[..] else { panic!("{key}") };
        let who = if who == "theirs" { "nDPI" } else { "we" };
        writeln!(page, "| {capture} | {risk} | {who} | {reason} |").expect("a string grows");
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
