//! DNS, mDNS and LLMNR in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::name::Name;
use spanwatch_parsers::protocols::dns::{Data, Message, Record};

use super::{As, Column, Said, hex, number};

/// What all three show.
pub const COLUMNS: &[Column] = &[
    (&["dns.id"], As::Number),
    (&["dns.flags"], As::Number),
    (&["dns.count.queries", "dns.count.zones"], As::Number),
    (&["dns.count.answers", "dns.count.prerequisites"], As::Number),
    (&["dns.count.auth_rr", "dns.count.updates"], As::Number),
    (&["dns.count.add_rr"], As::Number),
    (&["dns.qry.name"], As::Shown),
    (&["dns.qry.type"], As::Number),
    (&["dns.qry.class"], As::Low(15)),
    (&["dns.resp.name"], As::Shown),
    (&["dns.srv.service"], As::Shown),
    (&["dns.srv.proto"], As::Shown),
    (&["dns.srv.name"], As::Shown),
    (&["dns.resp.type"], As::Number),
    (&["dns.resp.class"], As::Low(15)),
    (&["dns.resp.ttl"], As::Number),
    (&["dns.resp.len"], As::Number),
    (&["dns.a"], As::Shown),
    (&["dns.aaaa"], As::Shown),
    (&["dns.ptr.domain_name", "dns.cname", "dns.ns"], As::Shown),
    (&["dns.txt"], As::Bytes),
    (&["dns.srv.priority"], As::Number),
    (&["dns.srv.weight"], As::Number),
    (&["dns.srv.port"], As::Number),
    (&["dns.srv.target"], As::Shown),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let message = Message::parse(bytes)?;
    let [questions, answers, authorities, additional] = message.counts;
    let mut said = vec![
        ("dns.id", number(message.id)),
        ("dns.flags", number(message.flags.0)),
        ("dns.count.queries", number(questions)),
        ("dns.count.answers", number(answers)),
        ("dns.count.auth_rr", number(authorities)),
        ("dns.count.add_rr", number(additional)),
    ];
    for question in &message.questions {
        said.extend([
            ("dns.qry.name", shown(&question.name)),
            ("dns.qry.type", number(question.kind)),
            ("dns.qry.class", number(question.class & 0x7fff)),
        ]);
    }
    message.records.iter().for_each(|record| record_said(record, &mut said));
    Ok(said)
}

fn record_said(record: &Record<'_>, said: &mut Said) {
    match record.data {
        // tshark takes it apart.
        Data::Srv { .. } => {
            let parts = ["dns.srv.service", "dns.srv.proto", "dns.srv.name"];
            let name = shown(&record.name);
            said.extend(parts.into_iter().zip(name.splitn(3, '.').map(str::to_owned)));
        }
        _ => said.push(("dns.resp.name", shown(&record.name))),
    }
    said.push(("dns.resp.type", number(record.kind)));
    // An OPT record holds other things there (RFC 6891, 6.1.3).
    if record.kind != 41 {
        said.push(("dns.resp.class", number(record.class & 0x7fff)));
        said.push(("dns.resp.ttl", number(record.ttl_s)));
    }
    said.push(("dns.resp.len", number(record.bytes.len() as u64)));
    match &record.data {
        Data::A(ip) => said.push(("dns.a", ip.to_string())),
        Data::Aaaa(ip) => said.push(("dns.aaaa", ip.to_string())),
        Data::Name(name) => said.push(("dns.ptr.domain_name", shown(name))),
        Data::Txt(texts) => said.extend(texts.iter().map(|text| ("dns.txt", hex(text)))),
        Data::Srv { priority, weight, port, target } => said.extend([
            ("dns.srv.priority", number(*priority)),
            ("dns.srv.weight", number(*weight)),
            ("dns.srv.port", number(*port)),
            ("dns.srv.target", shown(target)),
        ]),
        // tshark gives the types that exist the name of the record's own.
        Data::Other if matches!(record.kind, 47 | 50) => {
            let existing = if record.kind == 47 { existing(record.bytes) } else { hashed(record.bytes) };
            said.extend(existing.into_iter().map(|kind| ("dns.resp.type", number(kind))));
        }
        Data::Other => {}
    }
}

/// The types of an NSEC record (RFC 4034, 4.1), which stand behind a name.
fn existing(bytes: &[u8]) -> Vec<u16> {
    let mut at = 0;
    while bytes.get(at).is_some_and(|length| (1..64).contains(length)) {
        at += 1 + usize::from(bytes[at]);
    }
    at += if bytes.get(at).is_some_and(|length| *length >= 64) { 2 } else { 1 };
    kinds(bytes.get(at..).unwrap_or_default())
}

/// The types of an NSEC3 record (RFC 5155, 3.2), behind `algorithm 1, flags 1, iterations 2, length 1, salt, length 1,
/// hash`.
fn hashed(bytes: &[u8]) -> Vec<u16> {
    let after = |at: usize| bytes.get(at).map_or(bytes.len(), |length| at + 1 + usize::from(*length));
    kinds(bytes.get(after(after(4))..).unwrap_or_default())
}

/// `(window 1, length 1, bits)*`.
fn kinds(mut rest: &[u8]) -> Vec<u16> {
    let mut kinds = Vec::new();
    while let [window, length, after @ ..] = rest {
        let (bits, after) = after.split_at(usize::from(*length));
        let bits = (0..).zip(bits.iter().flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0)));
        kinds.extend(bits.filter(|(_, set)| *set).map(|(bit, _)| u16::from(*window) * 256 + bit));
        rest = after;
    }
    kinds
}

/// As tshark shows it: controls escaped as in C.
fn shown(name: &Name<'_>) -> String {
    let joined = String::from_utf8_lossy(&name.joined()).into_owned();
    let escaped = joined.chars().map(|character| match character {
        '\r' => "\\r".to_owned(),
        control if control.is_ascii_control() => format!("\\{:03o}", u32::from(control)),
        other => other.to_string(),
    });
    if joined.is_empty() { "<Root>".to_owned() } else { escaped.collect() }
}
