//! NetBIOS names in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::name::Name;
use spanwatch_parsers::protocols::dns::Message;
use spanwatch_parsers::protocols::netbios::{NetbiosName, Status, addresses};

use super::{As, Column, Said, number};

pub const COLUMNS: &[Column] = &[
    (&["nbns.id"], As::Number),
    (&["nbns.flags"], As::Number),
    (&["nbns.count.queries"], As::Number),
    (&["nbns.count.answers"], As::Number),
    (&["nbns.count.auth_rr"], As::Number),
    (&["nbns.count.add_rr"], As::Number),
    (&["nbns.name"], As::Before(" (")),
    (&["nbns.type"], As::Number),
    (&["nbns.class"], As::Number),
    (&["nbns.ttl"], As::Number),
    (&["nbns.data_length"], As::Number),
    (&["nbns.nb_flags", "nbns.name_flags"], As::Number),
    (&["nbns.addr"], As::Shown),
    (&["nbns.number_of_names"], As::Number),
    (&["nbns.unit_id"], As::Shown),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let message = Message::parse(bytes)?;
    let [questions, answers, authorities, additional] = message.counts;
    let mut said = vec![
        ("nbns.id", number(message.id)),
        ("nbns.flags", number(message.flags.0)),
        ("nbns.count.queries", number(questions)),
        ("nbns.count.answers", number(answers)),
        ("nbns.count.auth_rr", number(authorities)),
        ("nbns.count.add_rr", number(additional)),
    ];
    for question in &message.questions {
        said.extend([
            ("nbns.name", shown(&question.name)),
            ("nbns.type", number(question.kind)),
            ("nbns.class", number(question.class)),
        ]);
    }
    for record in &message.records {
        said.extend([
            ("nbns.name", shown(&record.name)),
            ("nbns.type", number(record.kind)),
            ("nbns.class", number(record.class)),
            ("nbns.ttl", number(record.ttl_s)),
            ("nbns.data_length", number(record.bytes.len() as u64)),
        ]);
        for (flags, ip) in addresses(record) {
            said.extend([("nbns.nb_flags", number(flags)), ("nbns.addr", ip.to_string())]);
        }
        if let Some(status) = Status::read(record) {
            said.push(("nbns.number_of_names", number(status.names.len() as u64)));
            said.extend(status.names.iter().map(|(_, flags)| ("nbns.nb_flags", number(*flags))));
            said.push(("nbns.unit_id", status.mac.to_string()));
        }
    }
    Ok(said)
}

fn shown(name: &Name<'_>) -> String {
    let Some(name) = NetbiosName::decoded(name) else { return "Illegal NetBIOS name".to_owned() };
    let text = name.text().iter().map(|byte| match byte {
        0x20..=0x7e => char::from(*byte).to_string(),
        other => format!("<{other:02x}>"),
    });
    format!("{}<{:02x}>", text.collect::<String>(), name.service)
}
