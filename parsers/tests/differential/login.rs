//! FTP, SMTP, MQTT, Telnet, SMB and SSH's agreement on keys against tshark, over all captures that the index says have them.
//!
//! Differences that are to stay are in `login_differences.tsv`: capture, protocol and reason; each must occur.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use crate::wire;
use crate::wire::connections::{Begin, Direction, Heard, connections};
use spanwatch_parsers::protocols::ftp::FTP;
use spanwatch_parsers::protocols::mqtt::MQTT;
use spanwatch_parsers::protocols::smb::SMB;
use spanwatch_parsers::protocols::smtp::SMTP;
use spanwatch_parsers::protocols::ssh::SSH;
use spanwatch_parsers::protocols::telnet::TELNET;
use spanwatch_parsers::{Fact, Key, KeyExchange, Outcome, Parser, Text};

/// What was said of a direction: from whom, to whom, and in words.
type Said = BTreeSet<(Direction, String)>;

/// Packets as tshark shows them: who sent it to whom, and the fields that were asked for.
type Shown = Vec<(Direction, Vec<Vec<String>>)>;

/// Captures whose topic is one of these words, or whose name has it.
fn captures(folder: &Path, words: &[&str]) -> Vec<String> {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let with = rows.filter(|row| {
        let is_of_topic = row[6].split(',').any(|it| words.contains(&it));
        let is_named = words.iter().any(|word| row[0].to_ascii_lowercase().contains(word));
        (is_of_topic || is_named) && row[5] != "0" && !row[0].ends_with(".gz")
    });
    with.map(|row| row[0].to_owned()).collect()
}

/// Compares all captures of a protocol; how many things were equal.
fn compare(
    parser: &'static Parser,
    words: &[&str],
    ours: impl Fn(&Heard) -> Said,
    (filter, fields): (&str, &[&str]),
    theirs: impl Fn(Shown) -> Said,
) -> usize {
    let Some(folder) = wire::shared_captures() else { return usize::MAX };
    let list = include_str!("login_differences.tsv");
    let rows = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let rows = rows.map(|line| line.split('\t').collect::<Vec<_>>());
    let of_this = rows.filter(|row| row[1] == parser.name);
    let known: BTreeSet<String> = of_this
        .map(|row| {
            assert!(row.len() == 3 && !row[2].is_empty(), "a difference has three columns: {row:?}");
            row[0].to_owned()
        })
        .collect();
    let (mut equal, mut seen, mut unknown) = (0, BTreeSet::new(), Vec::new());
    let captures = captures(&folder, words);
    let paths: Vec<PathBuf> = captures.iter().map(|capture| folder.join(capture)).collect();
    let shown = shown(&paths, filter, fields);
    for ((capture, path), shown) in captures.into_iter().zip(&paths).zip(shown) {
        let heard = connections(parser, Begin::Probed, &wire::packets(path));
        let ours: Said = heard.iter().flat_map(&ours).collect();
        let theirs = theirs(shown);
        equal += ours.intersection(&theirs).count();
        if ours != theirs {
            let (more, less): (Vec<_>, Vec<_>) =
                (ours.difference(&theirs).collect(), theirs.difference(&ours).collect());
            if !known.contains(&capture) {
                unknown.push(format!("{capture}\n    ours alone   {more:?}\n    theirs alone {less:?}"));
            }
            seen.insert(capture);
        }
    }
    println!("{}: {equal} equal, {} known differences", parser.name, seen.len());
    assert!(unknown.is_empty(), "differences that nobody explained:\n{}", unknown.join("\n"));
    let gone: Vec<_> = known.difference(&seen).collect();
    assert!(gone.is_empty(), "differences that are on the list and do not occur: {gone:?}");
    equal
}

/// Facts as words, from whom they are about to whom he speaks with.
fn told(heard: &Heard, words: impl Fn(&Fact) -> Option<String>) -> Said {
    let each = heard.facts.iter();
    each.filter_map(|(way, about, fact)| Some((heard.ends(*way, *about), words(fact)?))).collect()
}

fn login(fact: &Fact) -> Option<String> {
    match fact {
        Fact::Login(login) if login.scheme == "plain" || login.scheme == "anonymous" => {
            let account = login.account.as_ref().map_or("", Text::as_str);
            let outcome = match login.outcome {
                Outcome::Accepted => "accepted",
                Outcome::Rejected => "rejected",
                Outcome::Unknown => return None,
            };
            Some(format!("{account} {outcome}"))
        }
        _ => None,
    }
}

/// What tshark shows of each capture.
fn shown(paths: &[PathBuf], filter: &str, fields: &[&str]) -> Vec<Shown> {
    let ends = ["ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport"];
    let packet = |row: Vec<Vec<String>>| {
        let end = |at: usize| {
            // In a tunnel the innermost.
            let address = row[at].last().or(row[at + 1].last())?;
            Some((address.parse().ok()?, row[at + 2].last()?.parse().ok()?))
        };
        Some(((end(0)?, end(3)?), row[ends.len()..].to_vec()))
    };
    let all = wire::tshark_fields_of(paths, filter, &[], &[&ends, fields].concat());
    all.into_iter().map(|rows| rows.into_iter().filter_map(packet).collect()).collect()
}

/// A text of tshark's as we write it.
fn text(of: &str) -> String {
    Text::from(of).to_string()
}

#[test]
fn ftp_logins_are_what_tshark_shows() {
    let fields = ["ftp.request.command", "ftp.request.arg", "ftp.response.code"];
    let theirs = |shown: Shown| {
        let mut waiting: BTreeMap<Direction, VecDeque<(String, String)>> = BTreeMap::new();
        let mut users: BTreeMap<Direction, String> = BTreeMap::new();
        let mut said = Said::new();
        for ((from, to), row) in shown {
            for (at, command) in row[0].iter().enumerate() {
                let argument = row[1].get(at).cloned().unwrap_or_default();
                waiting.entry((to, from)).or_default().push_back((command.to_uppercase(), argument));
            }
            for code in &row[2] {
                let code: u16 = code.parse().unwrap_or(0);
                if code < 200 {
                    continue;
                }
                match waiting.entry((from, to)).or_default().pop_front() {
                    Some((command, user)) if command == "USER" && (331..=332).contains(&code) => {
                        users.insert((from, to), user);
                    }
                    Some((command, _)) if command == "PASS" => {
                        let user = text(&users.remove(&(from, to)).unwrap_or_default());
                        match code {
                            200..=299 => said.insert(((from, to), format!("{user} accepted"))),
                            530 => said.insert(((from, to), format!("{user} rejected"))),
                            _ => false,
                        };
                    }
                    _ => {}
                }
            }
        }
        said
    };
    assert!(compare(&FTP, &["ftp"], |heard| told(heard, login), ("ftp", &fields), theirs) >= 15);
}

#[test]
fn mail_servers_greet_and_judge_logins_as_tshark_shows() {
    let ours = |heard: &Heard| {
        told(heard, |fact| match fact {
            Fact::Attribute { key: Key::SmtpBanner, value } => {
                Some(format!("greets {}", host(value.as_str())))
            }
            Fact::Login(login) if login.outcome == Outcome::Accepted => Some("235".to_owned()),
            Fact::Login(login) if login.outcome == Outcome::Rejected => Some("535".to_owned()),
            _ => None,
        })
    };
    let fields = ["smtp.response.code", "smtp.rsp.parameter"];
    let theirs = |shown: Shown| {
        let mut greeted = BTreeSet::new();
        let mut said = Said::new();
        for (ends, row) in shown {
            let is_first = greeted.insert(ends);
            match row[0].first().map(String::as_str) {
                Some("220") if is_first => {
                    said.insert((ends, format!("greets {}", host(&row[1].concat()))));
                }
                Some(code @ ("235" | "535")) => {
                    said.insert((ends, code.to_owned()));
                }
                _ => {}
            }
        }
        said
    };
    assert!(compare(&SMTP, &["smtp"], ours, ("smtp.rsp", &fields), theirs) >= 15);
}

#[test]
fn mqtt_clients_are_what_tshark_shows() {
    let ours = |heard: &Heard| {
        told(heard, |fact| match fact {
            Fact::Attribute { key: Key::MqttClient, value } => Some(format!("client {value}")),
            // What was never answered is told when the connection ends.
            Fact::Login(login) if login.outcome != Outcome::Unknown => {
                login.account.as_ref().map(|account| format!("account {account}"))
            }
            Fact::Version { version } => Some(format!("version {version}")),
            _ => None,
        })
    };
    let fields = ["mqtt.msgtype", "mqtt.ver", "mqtt.clientid", "mqtt.username"];
    let theirs = |shown: Shown| {
        let mut asked: BTreeMap<Direction, (String, Option<String>)> = BTreeMap::new();
        let mut said = Said::new();
        for ((from, to), row) in shown {
            match row[0].first().map(String::as_str) {
                Some("1") => {
                    let client = row[2].first().map(|it| text(it)).filter(|it| !it.is_empty());
                    said.extend(client.map(|client| ((from, to), format!("client {client}"))));
                    let version = row[1].first().cloned().unwrap_or_default();
                    asked.insert((to, from), (version, row[3].first().map(|it| text(it))));
                }
                _ => {
                    let Some((version, user)) = asked.remove(&(from, to)) else { continue };
                    let version = match version.as_str() {
                        "3" => "3.1",
                        "4" => "3.1.1",
                        "5" => "5.0",
                        _ => "unknown",
                    };
                    said.insert(((from, to), format!("version {version}")));
                    said.extend(user.map(|user| ((from, to), format!("account {user}"))));
                }
            }
        }
        said
    };
    let filter = "mqtt.msgtype == 1 || mqtt.msgtype == 2";
    assert!(compare(&MQTT, &["mqtt"], ours, (filter, &fields), theirs) >= 20);
}

#[test]
fn smb_versions_are_what_tshark_shows() {
    let ours = |heard: &Heard| {
        told(heard, |fact| match fact {
            Fact::Version { version } => Some(version.as_str().split(' ').next()?.to_owned()),
            _ => None,
        })
    };
    let fields = ["smb2.dialect", "smb.cmd"];
    // Answers alone: to what is asked in SMB 1, or the revision that is agreed on in SMB 2.
    let filter = "tcp && ((smb.flags.response == 1) || (smb2.flags.response == 1))";
    let theirs = |shown: Shown| {
        let mut said = Said::new();
        let mut known = BTreeSet::new();
        for (ends, row) in shown {
            let revision = row[0].first().map(|it| wire::number(it));
            if revision == Some(0x02ff) || !known.insert(ends) {
                continue;
            }
            let version = match revision {
                Some(revision) => match (revision >> 8, revision >> 4 & 15, revision & 15) {
                    (major, one, 0) => format!("{major}.{one}"),
                    (major, one, two) => format!("{major}.{one}.{two}"),
                },
                None if row[1].is_empty() => continue,
                None => "1".to_owned(),
            };
            said.insert((ends, version));
        }
        said
    };
    assert!(compare(&SMB, &["smb1", "smb2"], ours, (filter, &fields), theirs) >= 20);
}

#[test]
fn lists_of_ssh_are_what_tshark_shows() {
    const LISTS: [&str; 4] = [
        "ssh.kex_algorithms",
        "ssh.server_host_key_algorithms",
        "ssh.encryption_algorithms_server_to_client",
        "ssh.mac_algorithms_server_to_client",
    ];
    let ours = |heard: &Heard| {
        told(heard, |fact| match fact {
            Fact::KeyExchange(it) if !it.keys.is_empty() => {
                let KeyExchange { keys, host_keys, ciphers, sums, .. } = &**it;
                let joined = |names: &[Text]| names.iter().map(Text::as_str).collect::<Vec<_>>().join(",");
                Some([keys, host_keys, ciphers, sums].map(|names| joined(names)).join(" "))
            }
            _ => None,
        })
    };
    let theirs = |shown: Shown| {
        let each = shown.into_iter();
        each.filter_map(|(ends, row)| {
            let lists: Option<Vec<String>> = row.iter().map(|list| Some(list.first()?.clone())).collect();
            Some((ends, lists?.join(" ")))
        })
        .collect()
    };
    assert!(compare(&SSH, &["ssh"], ours, ("ssh.kex_algorithms", &LISTS), theirs) >= 20);
}

/// A greeting's first word: tshark joins its lines.
fn host(greeting: &str) -> &str {
    greeting.split([' ', ';']).next().unwrap_or_default()
}

/// tshark shows what is typed and no login: whom we name was typed by the client, with the end of a line behind.
#[test]
fn telnet_accounts_were_typed() {
    let Some(folder) = wire::shared_captures() else { return };
    let mut logins = BTreeSet::new();
    let captures = captures(&folder, &["telnet"]);
    let paths: Vec<PathBuf> = captures.iter().map(|capture| folder.join(capture)).collect();
    let shown = shown(&paths, "telnet.data", &["telnet.data"]);
    for ((capture, path), shown) in captures.iter().zip(&paths).zip(shown) {
        let mut typed: BTreeMap<Direction, String> = BTreeMap::new();
        for (ends, row) in shown {
            typed.entry(ends).or_default().push_str(&row[0].concat());
        }
        for heard in connections(&TELNET, Begin::Probed, &wire::packets(path)) {
            for ((server, client), login) in told(&heard, login) {
                let account = login.split(' ').next().unwrap_or_default();
                let typed = typed.get(&(client, server)).map_or("", String::as_str);
                assert!(typed.contains(account), "{capture}: {login} is not in {typed:?}");
                logins.insert((capture.rsplit('/').next().unwrap_or_default().to_owned(), login));
            }
        }
    }
    println!("{logins:#?}");
    // As CredSLayer and BruteShark publish them.
    for (capture, login) in
        [("telnet-cooked.pcap", "fake accepted"), ("telnet-raw2.pcap", "Administrator accepted")]
    {
        assert!(logins.contains(&(capture.to_owned(), login.to_owned())), "{capture}: {logins:?}");
    }
}

#[test]
fn no_fact_of_a_login_shows_its_secret() {
    let Some(folder) = wire::shared_captures() else { return };
    let fields = ["mqtt.passwd", "smtp.auth.password", "smtp.auth.username_password", "ftp.request.arg"];
    let filter =
        "mqtt.passwd || smtp.auth.password || smtp.auth.username_password || ftp.request.command == \"PASS\"";
    let mut secrets = 0;
    for (parser, words) in [(&FTP, "ftp"), (&SMTP, "smtp"), (&MQTT, "mqtt"), (&TELNET, "telnet")] {
        let paths: Vec<PathBuf> =
            captures(&folder, &[words]).iter().map(|capture| folder.join(capture)).collect();
        for (path, shown) in paths.iter().zip(shown(&paths, filter, &fields)) {
            let mut own: Vec<String> = shown.into_iter().flat_map(|(_, row)| row.concat()).collect();
            // One account has its name for a password.
            own.retain(|secret| secret.len() > 4 && secret != "02D5050223D3");
            secrets += own.len();
            for heard in connections(parser, Begin::Probed, &wire::packets(path)) {
                let told: Vec<_> = heard.facts.iter().filter(|it| !is_greeting(&it.2)).collect();
                let told = format!("{told:?}");
                for secret in &own {
                    assert!(!told.contains(secret.as_str()), "{}: {told}", path.display());
                }
            }
        }
    }
    assert!(secrets > 20, "{secrets}");
}

/// A greeting may name what is a password elsewhere, as `anonymous`.
fn is_greeting(fact: &Fact) -> bool {
    matches!(fact, Fact::Attribute { .. })
        || matches!(fact, Fact::Login(login) if login.scheme == "anonymous")
        || matches!(fact, Fact::Anonymous { .. })
}
