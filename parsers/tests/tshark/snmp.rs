//! SNMP in tshark's words.

use std::net::Ipv4Addr;

use spanwatch_parsers::Malformed;
use spanwatch_parsers::ber::Oid;
use spanwatch_parsers::protocols::snmp::{Binding, Message, Pdu, Security};

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["snmp.version", "snmp.msgVersion"], As::Number),
    (&["snmp.msgFlags"], As::Bytes),
    (&["snmp.msgAuthoritativeEngineID"], As::Bytes),
    (&["snmp.msgAuthoritativeEngineBoots"], As::Number),
    (&["snmp.msgAuthoritativeEngineTime"], As::Number),
    (&["snmp.data"], As::Number),
    (&["snmp.request_id"], As::Number),
    (&["snmp.error_status", "snmp.non_repeaters"], As::Number),
    (&["snmp.error_index", "snmp.max_repetitions"], As::Number),
    (&["snmp.enterprise"], As::Shown),
    (&["snmp.agent_addr"], As::Shown),
    (&["snmp.generic_trap"], As::Number),
    (&["snmp.specific_trap"], As::Number),
    (&["snmp.time_stamp"], As::Number),
    (&["snmp.name"], As::Shown),
    (&["snmp.value.int"], As::Number),
    (&["snmp.value.octets"], As::Bytes),
    (&["snmp.value.oid"], As::Shown),
    (&["snmp.value.ipv4"], As::Shown),
    (&["snmp.value.counter"], As::Number),
    (&["snmp.value.u32", "snmp.value.g32"], As::Number),
    (&["snmp.value.timeticks"], As::Number),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let message = Message::parse(bytes)?;
    let mut said = vec![("snmp.version", number(message.version))];
    if let Security::Engine(engine) = message.security {
        said.extend([
            ("snmp.msgFlags", hex(&[engine.flags])),
            ("snmp.msgAuthoritativeEngineID", hex(engine.id)),
            ("snmp.msgAuthoritativeEngineBoots", number(engine.boots)),
            ("snmp.msgAuthoritativeEngineTime", number(engine.time_s)),
        ]);
    }
    message.pdu.iter().for_each(|pdu| pdu_said(pdu, &mut said));
    Ok(said)
}

fn pdu_said(pdu: &Pdu<'_>, said: &mut Said) {
    said.push(("snmp.data", number(pdu.kind.0 & 0x0f)));
    match &pdu.trap {
        Some(trap) => said.extend([
            ("snmp.enterprise", trap.enterprise.to_string()),
            ("snmp.agent_addr", trap.agent.to_string()),
            ("snmp.generic_trap", trap.generic.to_string()),
            ("snmp.specific_trap", trap.specific.to_string()),
            ("snmp.time_stamp", number(trap.uptime_cs)),
        ]),
        None => said.extend([
            ("snmp.request_id", pdu.request.to_string()),
            ("snmp.error_status", pdu.error_status.to_string()),
            ("snmp.error_index", pdu.error_index.to_string()),
        ]),
    }
    pdu.bindings.iter().for_each(|binding| binding_said(binding, said));
}

fn binding_said(binding: &Binding<'_>, said: &mut Said) {
    said.push(("snmp.name", binding.name.to_string()));
    let value = &binding.value;
    let address = || <[u8; 4]>::try_from(value.value).ok().map(|ip| Ipv4Addr::from(ip).to_string());
    let unsigned = || value.unsigned().map(number);
    let (name, value) = match value.tag {
        0x02 => ("snmp.value.int", value.signed().map(|number| number.to_string())),
        0x04 => ("snmp.value.octets", Some(hex(value.value))),
        0x06 => ("snmp.value.oid", Some(Oid(value.value).to_string())),
        0x40 => ("snmp.value.ipv4", address()),
        0x41 | 0x46 => ("snmp.value.counter", unsigned()),
        0x42 => ("snmp.value.u32", unsigned()),
        0x43 => ("snmp.value.timeticks", unsigned()),
        _ => return,
    };
    said.extend(value.map(|value| (name, value)));
}
