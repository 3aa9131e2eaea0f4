//! ARP in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::protocols::arp::Message;

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["arp.hw.type"], As::Number),
    (&["arp.proto.type"], As::Number),
    (&["arp.hw.size"], As::Number),
    (&["arp.proto.size"], As::Number),
    (&["arp.opcode"], As::Number),
    (&["arp.src.hw", "arp.src.hw_mac"], As::Bytes),
    (&["arp.src.proto", "arp.src.proto_ipv4"], As::Bytes),
    (&["arp.dst.hw", "arp.dst.hw_mac"], As::Bytes),
    (&["arp.dst.proto", "arp.dst.proto_ipv4"], As::Bytes),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let message = Message::parse(bytes)?;
    Ok(vec![
        ("arp.hw.type", number(message.hardware)),
        ("arp.proto.type", number(message.protocol)),
        ("arp.hw.size", number(message.sender_hardware.len() as u64)),
        ("arp.proto.size", number(message.sender_address.len() as u64)),
        ("arp.opcode", number(message.operation.0)),
        ("arp.src.hw", hex(message.sender_hardware)),
        ("arp.src.proto", hex(message.sender_address)),
        ("arp.dst.hw", hex(message.target_hardware)),
        ("arp.dst.proto", hex(message.target_address)),
    ])
}
