//! Eaton's search for uninterruptible power supplies, UDP port 4679.
//!
//! Tools ask for all; each network card of a supply answers with what it knows of it:
//!
//! ```text
//! <FILE url="upsprop.xml"><SUMMARY authentication='…'>
//! <OBJECT name="UPS.PowerSummary.iModel">5P 1550</OBJECT>
//! <OBJECT name="System.Location">Computer Room</OBJECT> … </SUMMARY></FILE>
//! ```
//!
//! Source: no public text; `Eaton.derived.pcap` of UniversalScanner. Left out: load, battery and outlets; the
//! authentication, which is a secret.

use crate::portrait::Portrait;
use crate::vocabulary::{Envelope, Key, Malformed, On, Parser, Probe, Sink, Start};
use crate::xml::{self, Piece};

/// What the engine knows of this protocol.
pub const EATON: Parser = Parser {
    name: "eaton",
    about: "Eaton's search for power supplies: model, firmware, serial number, place",
    source: "UniversalScanner",
    on: &[On::Udp(4_679)],
    probe: |_, bytes| if xml::is_xml(bytes) { Probe::Yes } else { Probe::No },
    start: Start::Datagram(observe),
};

/// What an answer says; `None` where the datagram is none.
#[must_use]
pub fn portrait(bytes: &[u8]) -> Option<Portrait<'static>> {
    let (mut portrait, mut object) = (Portrait::default(), String::new());
    xml::walk(bytes, |path, piece| {
        if path.depth() != 3 || path.at(0) != "FILE" || path.at(1) != "SUMMARY" {
            return;
        }
        match piece {
            Piece::Open(attributes) => object = attributes.value("name").unwrap_or_default(),
            Piece::Text(text) => {
                let key = match object.as_str() {
                    "UPS.PowerSummary.iProduct" => Key::Vendor,
                    "UPS.PowerSummary.iModel" => Key::Model,
                    "UPS.PowerSummary.iSerialNumber" => Key::Serial,
                    "UPS.PowerSummary.iVersion" => Key::Firmware,
                    "System.Location" => Key::Location,
                    _ => return,
                };
                portrait.says(key, text.as_bytes().to_vec());
            }
        }
    });
    (!portrait.attributes.is_empty()).then_some(portrait)
}

fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    if let Some(portrait) = portrait(bytes) {
        portrait.tell("eaton", envelope, sink);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::portrait::tests::told_by;

    const ANSWER: &str = "<FILE url=\"upsprop.xml\"><SUMMARY authentication='0011secret'>\n\
        <OBJECT name=\"UPS.PowerSummary.iProduct\">Eaton</OBJECT>\n\
        <OBJECT name=\"UPS.PowerSummary.iModel\">5P 1550</OBJECT>\n\
        <OBJECT name=\"UPS.PowerSummary.iSerialNumber\">G1</OBJECT>\n\
        <OBJECT name=\"UPS.PowerSummary.iVersion\">1.0.0</OBJECT>\n\
        <OBJECT name=\"UPS.PowerSummary.PercentLoad\">50</OBJECT>\n\
        <OBJECT name=\"System.Location\">Computer Room</OBJECT>\n</SUMMARY></FILE>";

    #[test]
    fn answer_tells_what_supply_it_is_and_where() {
        let expected = [
            "serves eaton",
            "vendor Eaton",
            "model 5P 1550",
            "serial G1",
            "firmware 1.0.0",
            "location Computer Room",
        ];
        assert_eq!(told_by(observe, ANSWER.as_bytes()), (expected.map(str::to_owned).to_vec(), Ok(())));
    }

    #[test]
    fn questions_tell_nothing() {
        assert_eq!(told_by(observe, b"<SCAN_REQUEST/>"), (vec![], Ok(())));
        assert_eq!(
            told_by(observe, b"<FILE><SUMMARY><OBJECT name=\"x\">y</OBJECT></SUMMARY></FILE>").0.len(),
            0
        );
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        for end in 0..ANSWER.len() {
            let _ = told_by(observe, &ANSWER.as_bytes()[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(at in 0..ANSWER.len(), byte in any::<u8>()) {
            let mut bent = ANSWER.as_bytes().to_vec();
            bent[at] = byte;
            let _ = told_by(observe, &bent);
        }
    }
}
