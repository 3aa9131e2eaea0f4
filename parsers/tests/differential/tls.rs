//! TLS against tshark, openssl, and what FoxIO, nDPI and Arkime published of the same captures.
//!
//! Differences that are to stay are in `tls_differences.tsv`: capture, column and reason; each must occur.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::wire;
use crate::wire::connections::{Begin, Direction, connections};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use spanwatch_parsers::protocols::tls::TLS;
use spanwatch_parsers::{Certificate, Fact, Text, TlsRole, TlsSide};

/// A column, and the value of each connection: sender's and receiver's end.
type Columns = BTreeMap<&'static str, BTreeSet<(Direction, String)>>;

const FIELDS: &[&str] = &[
    "tcp.stream",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
    "tls.handshake.ja3",
    "tls.handshake.ja3s",
    "tls.handshake.random",
    "tls.handshake.extensions_server_name",
    "tls.handshake.extensions_alpn_str",
    "tls.handshake.version",
    "tls.handshake.extensions.supported_version",
    "tls.handshake.ciphersuite",
    "tls.handshake.certificate",
];

/// A server's hello that asks for another.
const RETRY: &str = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";

#[test]
fn handshakes_and_certificates_are_what_others_read() {
    let Some(folder) = wire::shared_captures() else { return };
    let known = known_differences();
    let (mut seen, mut unknown) = (BTreeSet::new(), Vec::new());
    let mut compared: BTreeMap<&str, usize> = BTreeMap::new();
    let mut certificates: BTreeMap<String, (Certificate, Option<Vec<u8>>)> = BTreeMap::new();
    let captures = captures(&folder);
    let paths: Vec<PathBuf> = captures.iter().map(|capture| folder.join(capture)).collect();
    let filter = "tcp && (tls.handshake.ja3 || tls.handshake.ja3s || tls.handshake.certificate)";
    let rows = wire::tshark_fields_of(&paths, filter, &[], FIELDS);
    for ((capture, path), rows) in captures.iter().zip(&paths).zip(rows) {
        let sides = sides(path);
        let mut ours = columns(&sides);
        let (mut theirs, shown) = by_tshark(rows);
        for (_, side) in &sides {
            if let Some(certificate) = &side.certificate {
                let der = shown.get(&certificate.sha256.to_string()).cloned();
                certificates.insert(certificate.sha256.to_string(), ((**certificate).clone(), der));
            }
        }
        published(&folder, capture, &mut ours, &mut theirs);
        for (column, theirs) in theirs {
            let ours = ours.remove(column).unwrap_or_default();
            if ours == theirs {
                *compared.entry(column).or_default() += theirs.len();
            } else {
                let keys = [column, "*"].map(|column| (capture.clone(), column.to_owned()));
                let (more, less): (Vec<_>, Vec<_>) =
                    (ours.difference(&theirs).collect(), theirs.difference(&ours).collect());
                match keys.into_iter().find(|key| known.contains(key)) {
                    Some(key) => drop(seen.insert(key)),
                    None => unknown.push(format!(
                        "{capture}\t{column}\n    ours alone   {more:?}\n    theirs alone {less:?}"
                    )),
                }
            }
        }
    }
    println!("equal: {compared:?}, {} certificates, {} known differences", certificates.len(), seen.len());
    for (hash, (certificate, der)) in &certificates {
        let Some(der) = der else { continue };
        let (ours, theirs) = (words(certificate), by_openssl(der));
        if ours != theirs {
            let key = (hash.clone(), "certificate".to_owned());
            if !known.contains(&key) {
                unknown.push(format!("{hash}\tcertificate\n    ours    {ours:?}\n    openssl {theirs:?}"));
            }
            seen.insert(key);
        }
    }
    assert!(
        unknown.is_empty(),
        "{} differences that nobody explained:\n{}",
        unknown.len(),
        unknown.join("\n")
    );
    let gone: Vec<_> = known.difference(&seen).collect();
    assert!(gone.is_empty(), "differences that are on the list and do not occur: {gone:?}");
    assert!(compared["ja3"] > 300 && compared["ja3s"] > 200 && compared["JA4 by nDPI"] > 20, "{compared:?}");
    assert!(compared["JA4 by FoxIO"] > 10 && certificates.len() > 80, "{compared:?}");
}

/// Captures with TLS in them, by the index.
fn captures(folder: &Path) -> Vec<String> {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let with_tls = rows.filter(|row| {
        let is_tls = row[6].split(',').any(|topic| topic == "tls") || row[0].starts_with("FoxIO");
        is_tls && row[5] != "0" && !row[0].ends_with(".gz")
    });
    with_tls.map(|row| row[0].to_owned()).collect()
}

fn sides(path: &Path) -> Vec<(Direction, TlsSide)> {
    let mut sides = Vec::new();
    for heard in connections(&TLS, Begin::Probed, &wire::packets(path)) {
        for (way, about, fact) in &heard.facts {
            if let Fact::Tls(side) = fact {
                sides.push((heard.ends(*way, *about), (**side).clone()));
            }
        }
    }
    sides
}

fn columns(sides: &[(Direction, TlsSide)]) -> Columns {
    let mut columns = Columns::new();
    let mut add = |column, ends, value: Option<String>| {
        columns.entry(column).or_default().extend(value.map(|value| (ends, value)));
    };
    for (ends, side) in sides {
        let ends = *ends;
        let shown = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
        match side.role {
            TlsRole::Client => {
                add("ja3", ends, Some(side.ja3.to_string()));
                add("ja4", ends, shown(&side.ja4));
                add("server name", ends, shown(&side.server_name));
                add("protocols offered", ends, shown(&side.protocols));
            }
            TlsRole::Server => {
                add("ja3s", ends, Some(side.ja3.to_string()));
                add("protocol chosen", ends, shown(&side.protocols));
                add("version", ends, side.version.map(|version| format!("{:#06x}", version.0)));
                add("cipher", ends, side.cipher.map(|cipher| format!("{:#06x}", cipher.0)));
            }
        }
        add("certificate", ends, side.certificate.as_ref().map(|certificate| certificate.sha256.to_string()));
    }
    columns
}

/// What tshark reads, and the certificates by their hashes.
fn by_tshark(rows: wire::Rows) -> (Columns, BTreeMap<String, Vec<u8>>) {
    let mut columns = Columns::new();
    let mut shown = BTreeMap::new();
    let mut met = BTreeSet::new();
    for row in rows {
        let first = |field: &str| {
            let place = FIELDS.iter().position(|name| *name == field).unwrap();
            row.get(place).and_then(|values| values.first().cloned())
        };
        let end = |four: &str, six: &str, port: &str| {
            let address = first(four).or_else(|| first(six))?;
            Some((address.parse().ok()?, first(port)?.parse().ok()?))
        };
        let (Some(from), Some(to)) =
            (end("ip.src", "ipv6.src", "tcp.srcport"), end("ip.dst", "ipv6.dst", "tcp.dstport"))
        else {
            continue;
        };
        let mut add = |column, value: Option<String>| {
            let text = value.and_then(|value| Text::some(value.as_bytes()));
            columns.entry(column).or_default().extend(text.map(|text| ((from, to), text.to_string())));
        };
        let stream = first("tcp.stream").unwrap_or_default();
        let mut is_first = |what: &'static str| met.insert((stream.clone(), from, what));
        let protocols = row[11].join(",");
        if first("tls.handshake.ja3").is_some() && is_first("client") {
            add("ja3", first("tls.handshake.ja3"));
            add("server name", first("tls.handshake.extensions_server_name"));
            add("protocols offered", Some(protocols));
        } else if first("tls.handshake.ja3s").is_some()
            && first("tls.handshake.random").is_none_or(|random| random.replace(':', "") != RETRY)
            && is_first("server")
        {
            add("ja3s", first("tls.handshake.ja3s"));
            add("protocol chosen", Some(protocols));
            let version = first("tls.handshake.extensions.supported_version")
                .or_else(|| first("tls.handshake.version"));
            add("version", version);
            add("cipher", first("tls.handshake.ciphersuite"));
        }
        if let Some(der) = first("tls.handshake.certificate").filter(|_| is_first("certificate")) {
            let der = unhex(&der);
            let hash: String = Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
            add("certificate", Some(hash.clone()));
            shown.insert(hash, der);
        }
    }
    (columns, shown)
}

fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Adds what others published of JA4, by the client's port.
fn published(folder: &Path, capture: &str, ours: &mut Columns, theirs: &mut Columns) {
    let (Some(repository), Some(name)) = (capture.split('/').next(), capture.rsplit('/').next()) else {
        return;
    };
    let read = |path: String| fs::read_to_string(folder.join(path)).ok();
    let (column, expected) = match repository {
        "FoxIO-LLC__ja4" => {
            let path = format!("{repository}/rust/ja4/src/snapshots/ja4__insta@{name}.snap");
            ("JA4 by FoxIO", read(path).map(|text| by_foxio(&text)))
        }
        "ntop__nDPI" => {
            let path = format!("{repository}/tests/cfgs/default/result/{name}.out");
            ("JA4 by nDPI", read(path).map(|text| by_ndpi(&text)))
        }
        "arkime__arkime" => {
            let path = format!("{}.test", capture.rsplit_once('.').map_or(capture, |(stem, _)| stem));
            ("JA4 by Arkime", read(path).map(|text| by_arkime(&text)))
        }
        _ => return,
    };
    let Some(expected) = expected.filter(|expected| !expected.is_empty()) else { return };
    let of_port = |(port, mut ja4): (u16, String)| {
        let nobody = "0.0.0.0".parse().unwrap();
        if repository == "ntop__nDPI" && ja4.len() == 36 {
            // It takes the first two characters of ALPN, and other names than SNI for names.
            ja4.replace_range(3..4, "?");
            ja4.replace_range(9..10, "?");
            return (((nobody, 0), (nobody, 0)), ja4);
        }
        (((nobody, port), (nobody, 0)), ja4)
    };
    let said = ours.get("ja4").into_iter().flatten().map(|((from, _), ja4)| (from.1, ja4.clone()));
    let said = said.map(of_port).collect();
    ours.insert(column, said);
    theirs.insert(column, expected.into_iter().map(of_port).collect());
}

fn by_foxio(text: &str) -> Vec<(u16, String)> {
    let (mut port, mut all) = (None, Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(digits) = line.strip_prefix("src_port: ") {
            port = digits.parse().ok();
        } else if let Some(ja4) = line.strip_prefix("ja4: ").filter(|ja4| ja4.starts_with('t')) {
            all.extend(port.map(|port| (port, ja4.to_owned())));
        }
    }
    all
}

/// `TCP 192.0.2.1:1234 <-> 192.0.2.2:443 [...][JA4: t13...]`
fn by_ndpi(text: &str) -> Vec<(u16, String)> {
    let flow = |line: &str| {
        let (_, rest) = line.split_once("TCP ")?;
        let port = rest.split(' ').next()?.rsplit(':').next()?.parse().ok()?;
        let (_, ja4) = rest.split_once("[JA4: ")?;
        Some((port, ja4.split(']').next()?.to_owned()))
    };
    text.lines().filter_map(flow).collect()
}

fn by_arkime(text: &str) -> Vec<(u16, String)> {
    let Ok(test) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let sessions = test["sessions3"].as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    for body in sessions.iter().map(|session| &session["body"]).filter(|body| body["ipProtocol"] == 6) {
        let port = body["source"]["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        for ja4 in body["tls"]["ja4"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            all.extend(port.map(|port| (port, ja4.to_owned())));
        }
    }
    all
}

/// What we say of a certificate.
fn words(certificate: &Certificate) -> Vec<String> {
    let bits = certificate.key_bits.map_or_else(String::new, |bits| bits.to_string());
    vec![
        certificate.subject.to_string(),
        certificate.issuer.to_string(),
        certificate.not_before_s.to_string(),
        certificate.not_after_s.to_string(),
        bits,
        certificate.signature.to_string(),
        certificate.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    ]
}

/// What openssl says of it.
fn by_openssl(der: &[u8]) -> Vec<String> {
    let mut command = Command::new("openssl");
    command
        .args(["x509", "-inform", "DER", "-noout", "-subject", "-issuer", "-dates", "-dateopt", "iso_8601"]);
    command.args(["-nameopt", "RFC2253,-esc_msb,utf8", "-text"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("openssl runs");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), der).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |start: &str| {
        text.lines().map(str::trim).find_map(|line| line.strip_prefix(start)).unwrap_or_default().to_owned()
    };
    let name = |start: &str| Text::from(&*line(start)).to_string();
    let bits = line("Public-Key: (").split(' ').next().unwrap_or_default().to_owned();
    let names = text.lines().skip_while(|line| !line.contains("X509v3 Subject Alternative Name")).nth(1);
    let names = names.unwrap_or_default().trim().split(", ").filter_map(|name| {
        let (kind, name) = name.split_once(':')?;
        ["DNS", "IP Address", "URI"].contains(&kind).then(|| Text::from(name).to_string())
    });
    vec![
        name("subject="),
        name("issuer="),
        seconds(&line("notBefore=")).to_string(),
        seconds(&line("notAfter=")).to_string(),
        bits,
        line("Signature Algorithm: "),
        names.take(Certificate::NAMES_MAX).collect::<Vec<_>>().join(" "),
    ]
}

/// `2026-11-26 03:31:18Z` in seconds since 1970.
fn seconds(text: &str) -> i64 {
    let numbers: Vec<i64> =
        text.split(|it: char| !it.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
    let [year, month, day, hour, minute, second] = numbers[..] else { return 0 };
    // The years begin with March, so that the odd day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day
        - 1
        - 719_468;
    ((days * 24 + hour) * 60 + minute) * 60 + second
}

fn known_differences() -> BTreeSet<(String, String)> {
    let list = include_str!("tls_differences.tsv");
    let rows = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|line| {
        let row: Vec<_> = line.split('\t').collect();
        assert!(row.len() == 3 && !row[2].is_empty(), "a difference has three columns: {row:?}");
        (row[0].to_owned(), row[1].to_owned())
    })
    .collect()
}
