//! Bosch's search (autodetect): a tool asks UDP port 1757, a device answers to port 1758.
//!
//! ```text
//! 0             4             8
//! | 99 39 a4 27 | transaction | ff 00 06 de |                                            a tool asks
//! | 99 39 a4 27 | transaction | MAC 6 | .. 2 | IPv4 | mask | router | .. 4 |   32 bytes  a device answers
//! <root><device><friendlyName>…</friendlyName><unitName>…</unitName><serialNumber>…      or so
//! ```
//!
//! Source: no public text; `Bosch.xml.derived.pcap` of UniversalScanner. Left out: ids, ports, capabilities.

use nom::IResult;
use nom::bytes::complete::{tag, take};
use nom::number::complete::be_u32;

use crate::portrait::Portrait;
use crate::vocabulary::{Envelope, Key, Mac, Malformed, On, Parser, Probe, Sink, Start};
use crate::xml::{self, Piece};

/// What the engine knows of this protocol.
pub const BOSCH: Parser = Parser {
    name: "bosch",
    about: "Bosch's search: model, name, serial number",
    source: "UniversalScanner",
    on: &[On::Udp(1758), On::Udp(1757)],
    probe: |_, bytes| if bytes.starts_with(MAGIC) || xml::is_xml(bytes) { Probe::Yes } else { Probe::No },
    start: Start::Datagram(observe),
};

/// What an answer says; `None` where the datagram is none.
#[must_use]
pub fn portrait(bytes: &[u8]) -> Option<Portrait<'static>> {
    let mut portrait = if bytes.starts_with(MAGIC) { short(bytes).ok()?.1 } else { long(bytes)? };
    portrait.says(Key::Vendor, b"Bosch".as_slice());
    Some(portrait)
}

fn short(i: &[u8]) -> IResult<&[u8], Portrait<'static>> {
    let (i, _magic) = tag(MAGIC)(i)?;
    let (i, _transaction) = be_u32(i)?;
    let (i, mac) = take(6_usize)(i)?;
    let (i, _unknown) = take(2_usize)(i)?;
    let (i, ip) = be_u32(i)?;
    let (i, _mask_router_unknown) = take(12_usize)(i)?;
    let ip = Some(std::net::Ipv4Addr::from(ip).into());
    Ok((i, Portrait { mac: Mac::from_slice(mac), ip, ..Portrait::default() }))
}

fn long(bytes: &[u8]) -> Option<Portrait<'static>> {
    let mut portrait = Portrait::default();
    xml::walk(bytes, |path, piece| {
        let Piece::Text(text) = piece else { return };
        if path.depth() != 3 || path.at(0) != "root" || path.at(1) != "device" {
            return;
        }
        let value = text.as_bytes().to_vec();
        match path.name() {
            "physAddress" => portrait.mac = Mac::from_text(text.as_bytes()),
            "unitIPAddress" => portrait.ip = text.parse().ok(),
            "friendlyName" => portrait.says(Key::Model, value),
            "unitName" => portrait.says(Key::Name, value),
            "serialNumber" => portrait.says(Key::Serial, value),
            _ => {}
        }
    });
    portrait.mac.is_some().then_some(portrait)
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    match portrait(bytes) {
        Some(portrait) => portrait.tell("bosch", envelope, sink),
        None if bytes.starts_with(MAGIC) && bytes.len() != QUESTION && !envelope.is_cut => {
            return Err(Malformed::Truncated { field: "answer" });
        }
        None => {}
    }
    Ok(())
}

const MAGIC: &[u8] = b"\x99\x39\xa4\x27";
/// How long a question is.
const QUESTION: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portrait::tests::told_by;
    use proptest::prelude::*;

    const SHORT: &[u8] =
        b"\x99\x39\xa4\x27\0\0\0\x07\x02\0\0\0\0\x5a\0\0\xc0\0\x02\x07\xff\xff\xff\0\xc0\0\x02\x01\0\0\0\0";
    const LONG: &str = "<?xml version=\"1.0\"?><root xmlns=\"x\"><device><friendlyName>DINION 1</friendlyName><unitName>Gate</unitName>\
        <serialNumber>123:4</serialNumber><physAddress>02-00-00-00-00-5a</physAddress><unitIPAddress>192.0.2.7</unitIPAddress></device></root>";

    #[test]
    fn both_forms_of_an_answer_are_read() {
        assert_eq!(
            told_by(observe, SHORT),
            (vec!["serves bosch".into(), "binds".into(), "vendor Bosch".into()], Ok(()))
        );
        let (facts, result) = told_by(observe, LONG.as_bytes());
        let expected =
            ["serves bosch", "binds", "model DINION 1", "name Gate", "serial 123:4", "vendor Bosch"];
        assert_eq!((facts, result), (expected.map(str::to_owned).to_vec(), Ok(())));
    }

    #[test]
    fn question_tells_nothing() {
        let question = b"\x99\x39\xa4\x27\0\0\0\x07\xff\0\x06\xde";
        assert_eq!((BOSCH.probe)(&Envelope::default(), question), Probe::Yes);
        assert_eq!(told_by(observe, question), (vec![], Ok(())));
    }

    #[test]
    fn answer_that_ends_early_is_truncated() {
        assert_eq!(told_by(observe, &SHORT[..31]), (vec![], Err(Malformed::Truncated { field: "answer" })));
        let (facts, _) = told_by(observe, &LONG.as_bytes()[..LONG.len() - 40]);
        assert!(facts.contains(&"model DINION 1".to_owned()));
    }

    #[test]
    fn other_datagrams_are_not_ours() {
        assert_eq!((BOSCH.probe)(&Envelope::default(), b"\x99\x39\xa4"), Probe::No);
        assert_eq!(told_by(observe, b"<root><x>1</x></root>"), (vec![], Ok(())));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(at in 0..LONG.len(), byte in any::<u8>(), end in 0..SHORT.len()) {
            let mut bent = LONG.as_bytes().to_vec();
            bent[at] = byte;
            let _ = told_by(observe, &bent);
            let _ = told_by(observe, &SHORT[..end]);
        }
    }
}
