//! Every key of a configuration: [`KEYS`]. What users see listed is made from it.

use std::fmt::Write as _;

/// One key.
#[derive(Debug)]
pub struct Key {
    /// The table that it stands in; empty where it stands in none.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What holds where it is not given.
    pub unless: Unless,
    /// Unit or form of its value.
    pub form: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
}

/// What holds where a key is not given.
#[derive(Debug, Clone, Copy)]
pub enum Unless {
    /// It must be given.
    Required,
    /// Nothing, or something that differs from machine to machine.
    Words(&'static str),
    /// This value, as TOML writes it.
    Value(&'static str),
}

use Unless::{Required, Value, Words};

/// The tables, with what they are for.
pub const TABLES: &[(&str, &str)] = &[
    ("", "At the top of the file"),
    ("watch", "`[watch]`: how to listen"),
    ("syslog", "`[[syslog]]`: a receiver of syslog; as many as there are"),
    ("webhook", "`[[webhook]]`: a receiver of webhooks; as many as there are"),
    ("metrics", "`[metrics]`: figures for Prometheus; without this table nothing listens"),
    ("store", "`[store]`: where a watch keeps what it has seen; without this table nothing is kept"),
    ("recorder", "`[recorder]`: which packets are kept in the store's folder"),
    (
        "zone",
        "`[[zone]]`: a part of the site; as many as there are, and its name may stand wherever devices are listed",
    ),
    ("maintenance", "`[[maintenance]]`: when nobody is told; as many as there are"),
    ("grace", "`[[grace]]`: whose outages are told only where they last; as many as there are"),
    ("web", "`[web]`: the pages and the API; without this table nothing listens"),
    (
        "policy",
        "`[[policy]]`: who may open sessions to whom; as many as there are, and the first that fits counts",
    ),
    (
        "expected",
        "`[expected]`: who does what only few do; `spanwatch learned` writes it, and where a list is given nobody else is expected",
    ),
];

/// All keys, table by table.
pub const KEYS: &[Key] = &[
    key("", "site", Words("no name"), "text", "the site's name, in the report and in every message"),
    key(
        "",
        "inventory",
        Words("none"),
        "file",
        "the site's own list of devices, as `--inventory`: [inventory.md](inventory.md)",
    ),
    key(
        "",
        "networks",
        Words("none"),
        "file",
        "who has which public addresses: [a list](#a-list-of-networks) by which findings name country and owner",
    ),
    key(
        "",
        "fingerprints",
        Value("[]"),
        "files or folders",
        "your own fingerprints beside the shipped ones, as `--fingerprints`",
    ),
    key(
        "",
        "filter",
        Words("every packet"),
        "as tcpdump's",
        "analyse only packets that match, as `--filter`",
    ),
    key(
        "",
        "no_password_test",
        Value("false"),
        "`true` or `false`",
        "compare no accepted login with known passwords, as `--no-password-test`",
    ),
    key(
        "",
        "working_hours",
        Words("at all times"),
        "list of hours as `\"mon-fri 06:00-18:00\"`, UTC",
        "when people work at the site: what a device is ordered at another time (doors, cameras' positions, settings, accounts) is told as out of hours",
    ),
    key("", "threads", Words("as many as processors"), "1 to 65535", "worker threads, as `--threads`"),
    key(
        "watch",
        "interfaces",
        Value("[]"),
        "list of names",
        "the mirror ports, as `-i`; several are one site",
    ),
    key(
        "watch",
        "tunnels",
        Value("[]"),
        "list of names",
        "ports to which mirrors are addressed (ERSPAN, GRE, VXLAN), as `--tunnel`",
    ),
    key(
        "watch",
        "snaplen_bytes",
        Value("262144"),
        "bytes, 96 to 262144",
        "keep only so much of each packet, as `--snaplen`",
    ),
    key(
        "watch",
        "buffer_mib",
        Value("64"),
        "MiB, 1 to 1024",
        "room of each port for packets that wait to be analysed, as `--buffer`",
    ),
    key(
        "watch",
        "duration_s",
        Words("no end"),
        "seconds, from 1",
        "end by itself after so long, as `--duration`",
    ),
    key(
        "syslog",
        "to",
        Required,
        "`udp://`, `tcp://` or `tls://HOST[:PORT]`",
        "who gets it; port 514, for TLS 6514",
    ),
    key(
        "syslog",
        "severity",
        Value("\"info\""),
        "a severity",
        "the least severe finding that is told; of one that was told the end is told too",
    ),
    key(
        "syslog",
        "facility",
        Value("\"daemon\""),
        "`user`, `daemon`, `local0` to `local7`",
        "the facility of every line",
    ),
    key(
        "syslog",
        "hostname",
        Words("the machine's name"),
        "1 to 255 letters",
        "what this machine is called in every line",
    ),
    key(
        "syslog",
        "ca_file",
        Value("\"/etc/ssl/certs/ca-certificates.crt\""),
        "PEM file",
        "who may vouch for the receiver; of TLS",
    ),
    key(
        "syslog",
        "certificate_file",
        Words("none"),
        "PEM file",
        "the certificate that we show, of TLS; goes with `key_file`",
    ),
    key("syslog", "key_file", Words("none"), "PEM file", "its private key"),
    key(
        "syslog",
        "queue_messages",
        Value("1024"),
        "messages, 1 to 16384",
        "how many may wait; when there are more the least severe is dropped and counted",
    ),
    key(
        "webhook",
        "to",
        Required,
        "`https://HOST[:PORT]/PATH`",
        "who gets it; `http://` works and lets everybody on the way read it",
    ),
    key(
        "webhook",
        "secret_file",
        Required,
        "file",
        "what messages are signed with: one line, 24 bytes or more, or `whsec_` and base64; not readable by everybody",
    ),
    key("webhook", "severity", Value("\"info\""), "a severity", "as of syslog"),
    key(
        "webhook",
        "ca_file",
        Value("\"/etc/ssl/certs/ca-certificates.crt\""),
        "PEM file",
        "who may vouch for the receiver; of `https://`",
    ),
    key("webhook", "queue_messages", Value("1024"), "messages, 1 to 16384", "as of syslog"),
    key(
        "metrics",
        "listen",
        Value("\"127.0.0.1:9947\""),
        "`ADDRESS:PORT`",
        "where `/metrics` is answered; whoever reaches it may read the figures",
    ),
    key("store", "path", Value("\"/var/lib/spanwatch\""), "folder", "where, as `--store`"),
    key(
        "store",
        "size_max_mib",
        Value("2048"),
        "MiB, 16 to 1048576",
        "its size at most; beyond nine tenths of it the oldest history goes",
    ),
    key(
        "store",
        "history_days",
        Value("400"),
        "days, 1 to 36500",
        "how long it is known when a device was offline, what it was called, which addresses it had; and the device, if it is not heard any more",
    ),
    key(
        "store",
        "findings_days",
        Value("1100"),
        "days, 1 to 36500",
        "how long a finding that is over is kept, and who did what",
    ),
    key(
        "store",
        "minutes_days",
        Value("7"),
        "days, 1 to 36500",
        "how long it is known what came of each stream in each minute; these go first where room is short",
    ),
    key(
        "store",
        "hours_days",
        Value("90"),
        "days, 1 to 36500",
        "the same of each hour; of each day it is as long as `history_days`",
    ),
    key("recorder", "off", Value("false"), "`true` or `false`", "keep no packets"),
    key(
        "recorder",
        "size_max_mib",
        Value("512"),
        "MiB, 1 to 1048576",
        "how many of the recent packets are kept; beyond it the oldest go",
    ),
    key("recorder", "hours", Value("24"), "hours, 1 to 8760", "for how long they are kept at most"),
    key(
        "recorder",
        "media_bytes",
        Value("0"),
        "bytes, 0 to 65535",
        "what is overwritten up to a packet's end (media, what is encrypted or unknown) is kept for so many bytes behind its headers",
    ),
    key(
        "recorder",
        "evidence_max_mib",
        Value("512"),
        "MiB, 1 to 1048576",
        "how much is kept of the packets behind findings; beyond it those of the oldest that is over go",
    ),
    key(
        "recorder",
        "evidence_findings",
        Value("4096"),
        "findings, 1 to 65536",
        "of how many findings packets are kept; as above",
    ),
    key(
        "recorder",
        "free_min_mib",
        Value("256"),
        "MiB, 0 to 1048576",
        "room on the disk that is left to the history and to others: where there is less recent packets go, then none are recorded",
    ),
    key("zone", "name", Required, "text", "what it is called"),
    key(
        "zone",
        "devices",
        Required,
        DEVICES,
        "what it consists of; `[[policy]]` and `[expected]` know no switches",
    ),
    key("maintenance", "devices", Words("the whole site"), DEVICES, "of whom nobody is told"),
    key("maintenance", "from", Words("none"), "as `2026-11-28T22:00:00Z`", "from when; goes with `until`"),
    key("maintenance", "until", Words("none"), "as `2026-11-29T04:00:00Z`", "until when"),
    key(
        "maintenance",
        "weekly",
        Words("none"),
        "as `\"sun 02:00\"`, UTC",
        "each week from then, instead of `from` and `until`",
    ),
    key("maintenance", "minutes", Value("60"), "minutes, 1 to 10080", "for so long, of `weekly`"),
    key("grace", "devices", Words("the whole site"), DEVICES, "whose outages"),
    key(
        "grace",
        "seconds",
        Required,
        "seconds, 1 to 86400",
        "told only where they last so long after they became sure",
    ),
    key(
        "web",
        "listen",
        Value("\"127.0.0.1:8443\""),
        "`ADDRESS:PORT`",
        "where the pages are, as `--listen`; elsewhere than at 127.0.0.1 and `[::1]` only with a store, which has the users",
    ),
    key(
        "web",
        "certificate_file",
        Words("none; elsewhere than on this machine one is made and kept in the store"),
        "file, PEM",
        "the certificate of the pages, with those up to its authority; goes with `key_file`",
    ),
    key("web", "key_file", Words("none"), "file, PEM", "its key; goes with `certificate_file`"),
    key("policy", "from", Required, PARTIES, "who opens sessions"),
    key("policy", "to", Words("everybody"), PARTIES, "to whom; `\"internet\"` is every public address"),
    key(
        "policy",
        "ports",
        Value("[]"),
        "list of 1 to 65535",
        "on which ports of theirs; on all where none is given",
    ),
    key(
        "policy",
        "may",
        Required,
        "`true` or `false`",
        "`false`: a session is told of as `lateral-connection`; `true`: it is told of by no kind of behavior",
    ),
    key(
        "expected",
        "viewers",
        Words("those that are learned"),
        PARTIES,
        "who watches cameras: recorders, guards' stations; others are `unexpected-viewer`",
    ),
    key(
        "expected",
        "dns",
        Words("those that are learned"),
        SERVERS,
        "the name servers of cameras and recorders; others are `foreign-server`",
    ),
    key("expected", "ntp", Words("those that are learned"), SERVERS, "the same of time servers"),
    key("expected", "smtp", Words("those that are learned"), SERVERS, "the same of mail servers"),
    key(
        "expected",
        "dhcp",
        Words("those that are learned"),
        SERVERS,
        "who gives out addresses; others are `rogue-dhcp`",
    ),
];

/// How servers are named.
const SERVERS: &str = "list of addresses, networks";

/// How the two of a session are named.
const PARTIES: &str = "list of kinds, names, MACs, addresses, networks";
/// How devices are named.
const DEVICES: &str = "list of MACs, addresses, networks, names, kinds, switches";

const fn key(
    table: &'static str,
    name: &'static str,
    unless: Unless,
    form: &'static str,
    about: &'static str,
) -> Key {
    Key { table, name, unless, form, about }
}

/// Whether a name at the top is that of a table, or of several.
pub(super) fn is_table(name: &str) -> bool {
    TABLES.iter().any(|(table, _)| *table == name && !name.is_empty())
}

/// What to say of a key that is none of a table's; `None` where it is.
pub(super) fn unknown(table: &str, name: &str) -> Option<String> {
    let own = || KEYS.iter().filter(|key| key.table == table).map(|key| key.name);
    if own().any(|known| known == name) {
        return None;
    }
    let shown: String = name.chars().filter(|letter| !letter.is_control()).take(NAME_SHOWN).collect();
    let place = |table: &str| match table {
        "" => "the top of the file, before any table".to_owned(),
        "syslog" | "webhook" | "maintenance" | "grace" | "policy" => format!("[[{table}]]"),
        _ => format!("[{table}]"),
    };
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Some(format!("{shown} is no key of {}; it belongs to {}", place(table), place(key.table)));
    }
    let tables = TABLES.iter().map(|(name, _)| *name).filter(|name| table.is_empty() && !name.is_empty());
    let near = own().chain(tables).map(|known| (distance(name, known), known)).min();
    let limit = name.chars().count() / 4 + 1;
    Some(match near.filter(|(far, _)| *far <= limit) {
        Some((_, near)) => format!("there is no key {shown}; did you mean {near}?"),
        None => format!(
            "there is no key {shown} here; {} knows {}",
            place(table),
            list(own().chain(
                TABLES.iter().map(|(name, _)| *name).filter(|name| table.is_empty() && !name.is_empty())
            ))
        ),
    })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// All keys as Markdown's tables.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::new();
    for (table, about) in TABLES {
        let _ = write!(
            text,
            "\n### {about}\n\n| key | unless given | form | what it does |\n| --- | --- | --- | --- |\n"
        );
        for key in KEYS.iter().filter(|key| key.table == *table) {
            let unless = match key.unless {
                Required => "must be given".to_owned(),
                Words(words) => words.to_owned(),
                Value(value) => format!("`{value}`"),
            };
            let _ = writeln!(text, "| `{}` | {unless} | {} | {} |", key.name, key.form, key.about);
        }
    }
    text
}

/// How many letters must be put in, taken out or changed (Levenshtein); of the first so many letters.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for letter in one.chars().take(NAME_SHOWN) {
        let mut corner = row.first().copied().unwrap_or_default();
        let mut left = corner.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (there, cell) in other.iter().zip(row.iter_mut().skip(1)) {
            let best = (corner + usize::from(letter != *there)).min(*cell + 1).min(left + 1);
            corner = std::mem::replace(cell, best);
            left = best;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Letters of an unknown key that are heeded and shown.
const NAME_SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (one, other, letters) in [
            ("", "abc", 3),
            ("abc", "", 3),
            ("site", "site", 0),
            ("sight", "site", 3),
            ("intrface", "interface", 1),
        ] {
            assert_eq!(distance(one, other), letters, "{one} {other}");
        }
    }

    #[test]
    fn the_documentation_lists_every_key_as_it_is() {
        let documentation = include_str!("../../../docs/config.md");
        assert!(documentation.contains(&markdown()), "docs/config.md is to hold:\n{}", markdown());
    }
}
