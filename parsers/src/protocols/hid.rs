//! HID's search for VertX and EDGE door controllers (`discoveryd`), UDP port 4070.
//!
//! ```text
//! discover;013;                                                       a tool asks; 013 is the length
//! discovered;087;02:00:00:00:00:5a;Gate;192.0.2.7;1;V1000;3.5.1.1483;07/02/2015;
//!                MAC               name  address    model firmware     built
//! ```
//!
//! Source: no public text; the facts beside the project, from public scanners. Left out: other commands, which
//! make a controller blink or worse, and are not answered with a portrait.

use crate::portrait::Portrait;
use crate::vocabulary::{Envelope, Key, Mac, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const HID: Parser = Parser {
    name: "hid",
    about: "HID's search for door controllers: name, model, firmware",
    source: "public scanners",
    on: &[On::Udp(4070)],
    probe: |_, bytes| match bytes {
        _ if bytes.starts_with(ANSWER) || bytes.starts_with(QUESTION) || bytes.starts_with(COMMAND) => {
            Probe::Yes
        }
        _ => Probe::No,
    },
    start: Start::Datagram(observe),
};

/// What an answer says; `None` where it is none.
#[must_use]
pub fn portrait(bytes: &[u8]) -> Option<Portrait<'_>> {
    let rest = bytes.strip_prefix(ANSWER)?;
    let mut fields = rest.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).skip(1);
    let mut portrait = Portrait { mac: fields.next().and_then(Mac::from_text), ..Portrait::default() };
    portrait.says(Key::Vendor, b"HID Global".as_slice());
    if let Some(name) = fields.next() {
        portrait.says(Key::Name, name);
    }
    portrait.ip = fields.next().and_then(|ip| std::str::from_utf8(ip).ok()?.parse().ok());
    let mut fields = fields.skip(1);
    if let Some(model) = fields.next() {
        portrait.says(Key::Model, model);
        portrait.says(Key::HidModel, model);
    }
    // What does not end in a semicolon may be cut.
    if let (Some(firmware), Some(_)) = (fields.next(), fields.next()) {
        portrait.says(Key::Firmware, firmware);
    }
    Some(portrait)
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let Some(portrait) = portrait(bytes) else { return Ok(()) };
    portrait.tell("hid", envelope, sink);
    let is_whole = portrait.mac.is_some() || envelope.is_cut;
    if is_whole { Ok(()) } else { Err(Malformed::Invalid { field: "MAC" }) }
}

const QUESTION: &[u8] = b"discover;";
const ANSWER: &[u8] = b"discovered;";
const COMMAND: &[u8] = b"command_";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portrait::tests::told_by;
    use proptest::prelude::*;

    const ANSWERED: &[u8] = b"discovered;087;02:00:00:00:00:5a;Gate;192.0.2.7;1;V1000;3.5.1.1483;07/02/2015;";

    #[test]
    fn answer_tells_name_model_and_firmware() {
        let (facts, result) = told_by(observe, ANSWERED);
        let expected = [
            "serves hid",
            "binds",
            "vendor HID Global",
            "name Gate",
            "model V1000",
            "hid.model V1000",
            "firmware 3.5.1.1483",
        ];
        assert_eq!((facts, result), (expected.map(str::to_owned).to_vec(), Ok(())));
    }

    #[test]
    fn questions_and_commands_tell_nothing() {
        for bytes in [&b"discover;013;"[..], b"command_blink_on;017;5;"] {
            assert_eq!((HID.probe)(&Envelope::default(), bytes), Probe::Yes);
            assert_eq!(told_by(observe, bytes), (vec![], Ok(())));
        }
        assert_eq!((HID.probe)(&Envelope::default(), b"disco"), Probe::No);
    }

    #[test]
    fn answer_that_ends_early_keeps_what_is_whole() {
        let (facts, result) = told_by(observe, &ANSWERED[..60]);
        assert_eq!((facts.len(), result), (6, Ok(())));
        assert_eq!(told_by(observe, b"discovered;087;02:00").1, Err(Malformed::Invalid { field: "MAC" }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(at in 0..ANSWERED.len(), byte in any::<u8>(), end in 0..ANSWERED.len()) {
            let mut bent = ANSWERED.to_vec();
            bent[at] = byte;
            let _ = told_by(observe, &bent[..end]);
        }
    }
}
