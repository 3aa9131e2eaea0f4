//! NTP in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::protocols::ntp::Message;

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["ntp.flags.li"], As::Number),
    (&["ntp.flags.vn"], As::Number),
    (&["ntp.flags.mode"], As::Number),
    (&["ntp.stratum"], As::Number),
    (&["ntp.ppoll"], As::Bytes),
    (&["ntp.precision"], As::Bytes),
    (&["ntp.rootdelay"], As::Bytes),
    (&["ntp.rootdispersion"], As::Bytes),
    (&["ntp.refid"], As::Bytes),
    (&["ntp.reftime"], As::Bytes),
    (&["ntp.org"], As::Bytes),
    (&["ntp.rec"], As::Bytes),
    (&["ntp.xmt"], As::Bytes),
    (&["ntp.ctrl.flags2.r"], As::Number),
    (&["ntp.ctrl.flags2.error"], As::Number),
    (&["ntp.ctrl.flags2.more"], As::Number),
    (&["ntp.ctrl.flags2.opcode"], As::Number),
    (&["ntp.ctrl.sequence"], As::Number),
    (&["ntp.ctrl.associd"], As::Number),
    (&["ntp.ctrl.offset"], As::Number),
    (&["ntp.ctrl.count"], As::Number),
    (&["ntp.priv.flags.r"], As::Number),
    (&["ntp.priv.flags.more"], As::Number),
    (&["ntp.priv.auth"], As::Number),
    (&["ntp.priv.seq"], As::Number),
    (&["ntp.priv.impl"], As::Number),
    (&["ntp.priv.reqcode"], As::Number),
    (&["ntp.priv.err"], As::Number),
    (&["ntp.priv.numitems"], As::Number),
    (&["ntp.priv.itemsize"], As::Number),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let said = match Message::parse(bytes)? {
        Message::Time(header) => vec![
            ("ntp.flags.li", number(header.leap)),
            ("ntp.flags.vn", number(header.version)),
            ("ntp.flags.mode", number(header.mode)),
            ("ntp.stratum", number(header.stratum)),
            ("ntp.ppoll", hex(&[header.poll.cast_unsigned()])),
            ("ntp.precision", hex(&[header.precision.cast_unsigned()])),
            ("ntp.rootdelay", hex(&header.root_delay.to_be_bytes())),
            ("ntp.rootdispersion", hex(&header.root_dispersion.to_be_bytes())),
            ("ntp.refid", hex(&header.reference_id)),
            ("ntp.reftime", hex(&header.reference.to_be_bytes())),
            ("ntp.org", hex(&header.origin.to_be_bytes())),
            ("ntp.rec", hex(&header.receive.to_be_bytes())),
            ("ntp.xmt", hex(&header.transmit.to_be_bytes())),
        ],
        Message::Control(control) => vec![
            ("ntp.flags.li", number(bytes[0] >> 6)),
            ("ntp.flags.vn", number(control.version)),
            ("ntp.flags.mode", number(6_u8)),
            ("ntp.ctrl.flags2.r", number(control.is_response)),
            ("ntp.ctrl.flags2.error", number(control.is_error)),
            ("ntp.ctrl.flags2.more", number(control.has_more)),
            ("ntp.ctrl.flags2.opcode", number(control.operation)),
            ("ntp.ctrl.sequence", number(control.sequence)),
            ("ntp.ctrl.associd", number(control.association)),
            ("ntp.ctrl.offset", number(control.offset)),
            ("ntp.ctrl.count", number(control.data.len() as u64)),
        ],
        Message::Private(private) => vec![
            ("ntp.priv.flags.r", number(private.is_response)),
            ("ntp.priv.flags.more", number(private.has_more)),
            ("ntp.flags.vn", number(private.version)),
            ("ntp.flags.mode", number(7_u8)),
            ("ntp.priv.auth", number(private.is_authenticated)),
            ("ntp.priv.seq", number(private.sequence)),
            ("ntp.priv.impl", number(private.implementation)),
            ("ntp.priv.reqcode", number(private.request)),
            ("ntp.priv.err", number(private.error)),
            ("ntp.priv.numitems", number(private.items.0)),
            ("ntp.priv.itemsize", number(private.items.1)),
        ],
    };
    Ok(said)
}
