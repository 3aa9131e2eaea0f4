//! EAPOL, and EAP in it, in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::protocols::eapol::{Eap, Frame};

use super::{As, Column, Said, number};

pub const COLUMNS: &[Column] =
    &[(&["eapol.version"], As::Number), (&["eapol.type"], As::Number), (&["eapol.len"], As::Number)];

pub const OF_EAP: &[Column] = &[
    (&["eap.code"], As::Number),
    (&["eap.id"], As::Number),
    (&["eap.type"], As::Number),
    (&["eap.identity"], As::Shown),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let frame = Frame::parse(bytes)?;
    Ok(vec![
        ("eapol.version", number(frame.version)),
        ("eapol.type", number(frame.kind)),
        ("eapol.len", number(frame.body.len() as u64)),
    ])
}

pub fn said_by_eap(bytes: &[u8]) -> Result<Said, Malformed> {
    let eap = Eap::parse(bytes)?;
    let mut said = vec![("eap.code", number(eap.code)), ("eap.id", number(eap.id))];
    said.extend(eap.method.map(|method| ("eap.type", number(method))));
    if (eap.code, eap.method) == (2, Some(1)) {
        said.push(("eap.identity", String::from_utf8_lossy(eap.data).into_owned()));
    }
    Ok(said)
}
