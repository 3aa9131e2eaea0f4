//! LACP in tshark's words.

use spanwatch_parsers::protocols::lacp::Lacpdu;
use spanwatch_parsers::{BondSide, Malformed};

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["lacp.version"], As::Number),
    (&["lacp.actor.sys_priority"], As::Number),
    (&["lacp.actor.sysid"], As::Bytes),
    (&["lacp.actor.key"], As::Number),
    (&["lacp.actor.port_priority"], As::Number),
    (&["lacp.actor.port"], As::Number),
    (&["lacp.actor.state"], As::Number),
    (&["lacp.partner.sys_priority"], As::Number),
    (&["lacp.partner.sysid"], As::Bytes),
    (&["lacp.partner.key"], As::Number),
    (&["lacp.partner.port_priority"], As::Number),
    (&["lacp.partner.port"], As::Number),
    (&["lacp.partner.state"], As::Number),
    (&["lacp.collector.max_delay"], As::Number),
];

/// tshark's layer begins behind the subtype.
pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let lacpdu = Lacpdu::parse(&[b"\x01", bytes].concat())?;
    let mut said = vec![("lacp.version", number(lacpdu.version))];
    let names = |at: usize| COLUMNS[at..at + 6].iter().map(|(names, _)| names[0]);
    said.extend(names(1).zip(side(&lacpdu.actor)));
    said.extend(names(7).zip(side(&lacpdu.partner)));
    said.extend(lacpdu.collector_max_delay.map(|delay| ("lacp.collector.max_delay", number(delay))));
    Ok(said)
}

fn side(side: &BondSide) -> [String; 6] {
    [
        number(side.system_priority),
        hex(&side.system.0),
        number(side.key),
        number(side.port_priority),
        number(side.port),
        number(side.state.0),
    ]
}
