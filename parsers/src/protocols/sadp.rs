//! Hikvision's search (Search Active Devices Protocol, SADP), UDP port 37020, group 239.255.255.250.
//!
//! Tools ask for all devices; each answers the group as well, so that a mirror shows it. Brands that Hikvision
//! makes devices for answer in the same way. One datagram is
//!
//! ```text
//! <Probe><Uuid>…</Uuid><Types>inquiry</Types></Probe>
//! <ProbeMatch><Uuid>…</Uuid><Types>inquiry</Types><DeviceDescription>DS-2CD1</DeviceDescription>
//!   <DeviceSN>…</DeviceSN><MAC>02-00-00-00-00-5a</MAC><IPv4Address>192.0.2.7</IPv4Address>
//!   <SoftwareVersion>V5.7.3build 220112</SoftwareVersion><Activated>true</Activated> … </ProbeMatch>
//! ```
//!
//! Source: no public text; `Hikvision.derived.pcap` of UniversalScanner and the facts beside the project. Left
//! out: everything that is not of a portrait; requests to set addresses and passwords, which hold both.

use crate::portrait::Portrait;
use crate::vocabulary::{Envelope, Key, Mac, Malformed, On, Parser, Probe, Sink, Start};
use crate::xml::{self, Piece};

/// What the engine knows of this protocol.
pub const SADP: Parser = Parser {
    name: "sadp",
    about: "Hikvision's search: model, firmware, serial number, whether it has a password",
    source: "UniversalScanner",
    on: &[On::Udp(37_020)],
    probe: |_, bytes| if xml::is_xml(bytes) { Probe::Yes } else { Probe::No },
    start: Start::Datagram(observe),
};

/// What an answer to a search says; `None` where the datagram is none.
#[must_use]
pub fn portrait(bytes: &[u8]) -> Option<Portrait<'static>> {
    let (mut portrait, mut is_answer) = (Portrait::default(), false);
    portrait.says(Key::Vendor, b"Hikvision".as_slice());
    xml::walk(bytes, |path, piece| {
        let Piece::Text(text) = piece else { return };
        if path.depth() != 2 || path.at(0) != "ProbeMatch" {
            return;
        }
        let value = || text.as_bytes().to_vec();
        // Makers write some names now with one capital, now with another.
        match &*path.name().to_ascii_lowercase() {
            "types" => is_answer = text == "inquiry",
            "mac" => portrait.mac = Mac::from_text(text.as_bytes()),
            "ipv4address" => portrait.ip = text.parse().ok(),
            "devicedescription" => {
                portrait.says(Key::Model, value());
                portrait.says(Key::SadpModel, value());
            }
            "devicesn" => portrait.says(Key::Serial, value()),
            "softwareversion" => portrait.says(Key::Firmware, value()),
            "activated" => portrait.is_activated = text.to_ascii_lowercase().parse().ok(),
            _ => {}
        }
    });
    is_answer.then_some(portrait)
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    if let Some(portrait) = portrait(bytes) {
        portrait.tell("sadp", envelope, sink);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portrait::tests::told_by;
    use proptest::prelude::*;

    const ANSWER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<ProbeMatch><Uuid>1</Uuid>\r\n<Types>inquiry</Types>\r\n\
        <DeviceDescription>DS-2CD1</DeviceDescription>\r\n<DeviceSN>DS-2CD120210101AAWR1</DeviceSN>\r\n<HttpPort>80</HttpPort>\r\n\
        <MAC>02-00-00-00-00-5a</MAC>\r\n<Ipv4Address>192.0.2.7</Ipv4Address>\r\n<SoftwareVersion>V5.7.3build 220112</SoftwareVersion>\r\n\
        <Salt>secret</Salt>\r\n</ProbeMatch>\r\n";

    #[test]
    fn answer_tells_model_serial_number_and_firmware_and_nothing_else() {
        let expected = [
            "serves sadp",
            "binds",
            "vendor Hikvision",
            "model DS-2CD1",
            "sadp.model DS-2CD1",
            "serial DS-2CD120210101AAWR1",
            "firmware V5.7.3build 220112",
        ];
        assert_eq!(told_by(observe, ANSWER.as_bytes()), (expected.map(str::to_owned).to_vec(), Ok(())));
    }

    #[test]
    fn answer_tells_whether_the_device_has_a_password() {
        for (said, is_activated) in [("true", Some(true)), ("False", Some(false)), ("flase", None)] {
            let answer =
                ANSWER.replace("</ProbeMatch>", &format!("<Activated>{said}</Activated></ProbeMatch>"));
            assert_eq!(portrait(answer.as_bytes()).unwrap().is_activated, is_activated);
        }
        let (told, _) = told_by(
            observe,
            ANSWER.replace("</ProbeMatch>", "<Activated>false</Activated></ProbeMatch>").as_bytes(),
        );
        assert_eq!(told[2], "(Sender, Activation { is_activated: false })");
    }

    #[test]
    fn questions_and_other_answers_tell_nothing() {
        let question = b"<Probe><Uuid>1</Uuid><Types>inquiry</Types><MAC>ff-ff-ff-ff-ff-ff</MAC></Probe>";
        assert_eq!((SADP.probe)(&Envelope::default(), question), Probe::Yes);
        assert_eq!(told_by(observe, question), (vec![], Ok(())));
        let update = ANSWER.replace("inquiry", "update");
        assert_eq!(told_by(observe, update.as_bytes()), (vec![], Ok(())));
        assert_eq!((SADP.probe)(&Envelope::default(), b"\x20\0\0\0DHIP"), Probe::No);
    }

    #[test]
    fn answer_of_another_is_not_the_senders() {
        let anothers = ANSWER.replace("00-5a", "00-5b").replace("192.0.2.7", "192.0.2.8");
        assert_eq!(told_by(observe, anothers.as_bytes()).0, ["serves sadp"]);
    }

    #[test]
    fn answer_that_ends_early_keeps_what_is_whole() {
        let end = ANSWER.find("220112").unwrap();
        let (facts, result) = told_by(observe, &ANSWER.as_bytes()[..end]);
        assert_eq!((facts.len(), result), (6, Ok(())));
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
