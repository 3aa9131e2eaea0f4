//! What others expect, read where it lies.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value;

use super::names::{ARKIME, SURICATA, VENDORS, ZEEK};
use super::ours::ends;
use super::{Claim, Expectation, Of};

/// Every file of expectations that says something, in the order of names.
pub fn all(folder: &Path) -> Vec<Expectation> {
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    // By each file of expectations, the captures that it is about.
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()) {
        if row[5] == "0" {
            continue;
        }
        for expected in row[8].split(';').filter(|it| !it.is_empty()) {
            let path = folder.join(expected);
            let inside = path.read_dir().into_iter().flatten().flatten();
            let inside: Vec<_> = inside.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
            let stem = expected.trim_end_matches('/');
            let names = if path.is_dir() {
                inside.into_iter().map(|name| format!("{stem}/{name}")).collect()
            } else {
                vec![expected.to_owned()]
            };
            names.into_iter().for_each(|name| files.entry(name).or_default().push(row[0].to_owned()));
        }
    }
    let read = |(file, captures): (String, Vec<String>)| {
        let text = std::fs::read(folder.join(&file)).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let (publisher, claims) = match file.split('/').next()? {
            "OISF__suricata-verify" => (SURICATA, suricata(&text)),
            "zeek__zeek" if file.ends_with(".log") => (ZEEK, zeek_log(&text, &file)),
            "zeek__zeek" if file.contains("protocols.snmp.") => (ZEEK, zeek_snmp(&text)),
            "arkime__arkime" => (ARKIME, arkime(&text)),
            "julienblitte__UniversalScanner" => (VENDORS, payload(&text, &file)),
            _ => return None,
        };
        let is_whole = publisher == ZEEK || publisher == ARKIME;
        let is_folded = publisher == ARKIME;
        Some(Expectation { publisher, file, captures, is_whole, is_folded, claims })
    };
    files.into_iter().filter_map(read).collect()
}

/// The blocks `match:` of a `test.yaml`: lines `name: value` that stand deeper. The elements of a list are one value.
fn suricata(text: &str) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let depth = |line: &str| line.len() - line.trim_start().len();
        if line.trim() != "match:" {
            continue;
        }
        let mut block: BTreeMap<String, String> = BTreeMap::new();
        while let Some(inner) = lines.next_if(|it| it.trim().is_empty() || depth(it) > depth(line)) {
            let Some((name, value)) = inner.trim().split_once(": ") else { continue };
            let value = value.trim().trim_matches(['"', '\'']).to_owned();
            let name = match name.split_once('[') {
                Some((list, rest)) if rest.ends_with(']') => list,
                _ => name,
            };
            let known = block.entry(name.to_owned()).or_default();
            *known = if known.is_empty() { value } else { format!("{known},{value}") };
        }
        let end = |ip: &str, port: &str| Some((block.get(ip)?.parse().ok()?, block.get(port)?.parse().ok()?));
        let of = end("src_ip", "src_port").zip(end("dest_ip", "dest_port"));
        let of = of.map_or(Of::Capture, |(one, other)| Of::Ends(ends(one, other)));
        // An alert repeats what the rule, which is not here, asked for.
        if block.get("event_type").is_none_or(|kind| kind == "alert") {
            continue;
        }
        if let (Some(mac), Some(ip)) = (block.get("arp.src_mac"), block.get("arp.src_ip")) {
            claims.push(Claim { name: "arp.src".to_owned(), of: Of::Capture, value: format!("{mac} {ip}") });
        }
        claims.extend(block.into_iter().map(|(name, value)| Claim { name, of: of.clone(), value }));
    }
    claims
}

/// A log of Zeek: columns by tabs, named by `#fields` or the first line.
fn zeek_log(text: &str, file: &str) -> Vec<Claim> {
    let stem = file.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
    let header = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let path = header("#path\t").unwrap_or(stem).to_owned();
    let mut columns: Vec<&str> =
        header("#fields\t").map(|line| line.split('\t').collect()).unwrap_or_default();
    let mut claims = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let row: Vec<&str> = line.split('\t').collect();
        if columns.is_empty() || row[0] == "ts" {
            columns = row;
            continue;
        }
        let cell = |name: &str| columns.iter().position(|it| *it == name).and_then(|at| row.get(at)).copied();
        // Certificates of signers are not kept, TLS inside datagrams is none of ours.
        if cell("host_cert") == Some("F") || cell("version").is_some_and(|it| it.starts_with("DTLS")) {
            continue;
        }
        let end = |ip: &str, port: &str| Some((cell(ip)?.parse::<IpAddr>().ok()?, cell(port)?.parse().ok()?));
        let between = end("id.orig_h", "id.orig_p").zip(end("id.resp_h", "id.resp_p"));
        let of = match (between, cell("fingerprint")) {
            (Some((one, other)), _) => Of::Ends(ends(one, other)),
            (None, Some(sha256)) => Of::Certificate(sha256[..16].to_owned()),
            (None, None) => Of::Capture,
        };
        for (column, value) in columns.iter().zip(&row) {
            claims.push(Claim {
                name: format!("{path}.{column}"),
                of: of.clone(),
                value: (*value).to_owned(),
            });
        }
    }
    claims
}

/// Zeek's events of SNMP: `snmp_…`, then the ends in brackets, then `name: value` and `name=value`.
fn zeek_snmp(text: &str) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    let (mut event, mut of) = ("", Of::Capture);
    for line in text.lines() {
        let mut say = |name: &str, value: &str| {
            claims.push(Claim { name: format!("snmp {name}"), of: of.clone(), value: value.to_owned() });
        };
        let inner = line.trim();
        let after = |name: &str| {
            inner.split_once(name).map(|(_, rest)| rest.split([',', ']']).next().unwrap_or_default())
        };
        if line.starts_with("snmp_") {
            event = line;
        } else if let (Some(orig), Some(from), Some(resp), Some(to)) =
            (after("orig_h="), after("orig_p="), after("resp_h="), after("resp_p="))
        {
            let port =
                |text: &str| text.split('/').next().and_then(|digits| digits.parse().ok()).expect("a port");
            let one = (orig.parse().expect("an address"), port(from));
            of = Of::Ends(ends(one, (resp.parse().expect("an address"), port(to))));
            claims.push(Claim { name: "snmp event".to_owned(), of: of.clone(), value: event.to_owned() });
        } else if let Some(community) = inner.strip_prefix("[community=") {
            say("community", community.strip_suffix(']').unwrap_or(community));
        } else if inner.starts_with("[id=") {
            for name in ["AuthoritativeEngineBoots", "AuthoritativeEngineTime"] {
                after(&format!("{name}=")).into_iter().for_each(|value| say(name, value));
            }
        } else if let Some((name, value)) = inner.split_once(": ") {
            say(name, value.trim());
        }
    }
    claims
}

/// A test of Arkime: sessions in JSON.
fn arkime(text: &str) -> Vec<Claim> {
    let Ok(test) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let mut claims = Vec::new();
    for body in test["sessions3"].as_array().into_iter().flatten().map(|session| &session["body"]) {
        let end = |side: &Value| {
            let port = side["port"].as_u64().and_then(|port| u16::try_from(port).ok())?;
            Some((side["ip"].as_str()?.parse().ok()?, port))
        };
        let of = end(&body["source"]).zip(end(&body["destination"]));
        let of = of.map_or(Of::Capture, |(one, other)| Of::Ends(ends(one, other)));
        let mut say = |name: String, value: &Value| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            claims.push(Claim { name, of: of.clone(), value });
        };
        // TLS inside datagrams is none of ours; the numbers of DHCP are others in IPv6.
        let is_ours = |layer: &str| match layer {
            "tls" => body["ipProtocol"] == 6,
            "dhcp" => body["source"]["port"] == 67 || body["source"]["port"] == 68,
            _ => true,
        };
        for layer in ["dhcp", "http", "ntp", "sip", "snmp", "ssh", "tls"].into_iter().filter(|it| is_ours(it))
        {
            for (name, values) in body[layer].as_object().into_iter().flatten() {
                values
                    .as_array()
                    .into_iter()
                    .flatten()
                    .for_each(|value| say(format!("{layer}.{name}"), value));
            }
        }
        if let (Some([mac]), Some([ip])) = (
            body["arp"]["mac"].as_array().map(Vec::as_slice),
            body["arp"]["ip"].as_array().map(Vec::as_slice),
        ) {
            let said = [mac, ip].map(|it| it.as_str().unwrap_or_default()).join(" ");
            say("arp".to_owned(), &Value::String(said));
        }
        let certificates = body["cert"].as_array().filter(|_| is_ours("tls"));
        let certificates: Vec<&Value> = certificates.into_iter().flatten().collect();
        for certificate in &certificates {
            // Who signed another of them is not kept.
            let name = &certificate["subjectCN"];
            if certificates.iter().any(|it| it["issuerCN"] == *name && it["subjectCN"] != *name) {
                continue;
            }
            for field in ["subjectCN", "alt", "notBefore", "notAfter"] {
                let values = &certificate[field];
                let values = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
                let values = values.iter().filter(|value| !value.is_null());
                values.for_each(|value| say(format!("cert.{field}"), value));
            }
        }
    }
    claims
}

/// The texts of a payload, each by the capture's name and what stands before it, or its line.
fn payload(text: &str, file: &str) -> Vec<Claim> {
    let stem = file.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
    let mut claims = Vec::new();
    let mut say = |name: &str, value: &str| {
        claims.push(Claim { name: format!("{stem} {name}"), of: Of::Capture, value: value.to_owned() });
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    for (number, line) in lines.enumerate() {
        say(&format!("line {}", number + 1), line);
        // `<name …>value</name>`
        for element in line.split('<').filter(|it| !it.starts_with(['/', '?'])) {
            if let Some((tag, value)) = element.split_once('>').filter(|(_, value)| !value.is_empty()) {
                let attribute = tag.split('"').nth(1).filter(|_| tag.starts_with("OBJECT"));
                say(attribute.unwrap_or(tag.split(' ').next().unwrap_or(tag)), value);
            }
        }
        // `"name" : "value"`
        for pair in line.split(", ").filter_map(|pair| pair.split_once("\" : \"")) {
            say(pair.0.rsplit('"').next().unwrap_or_default(), pair.1.split('"').next().unwrap_or_default());
        }
        // `NAME:value` and `name=value`
        if let Some((name, value)) =
            line.split_once([':', '=']).filter(|(name, _)| !name.contains(['<', '"', ' ']))
        {
            say(name, value.trim());
        }
    }
    claims
}
