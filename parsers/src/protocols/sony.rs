//! Sony's search for its SNC cameras (SNC toolbox), UDP port 2380.
//!
//! ```text
//! | 02 | ENQ:allinfo | ff | 03 |                                     a tool asks
//! | 02 | MAC:02-00-00-00-00-5a | ff | MODEL:SNC-1 | ff | … | 03 |    a device answers
//! ```
//!
//! Source: no public text; `Sony.derived.pcap` of UniversalScanner. Left out: the network's settings.

use crate::portrait::Portrait;
use crate::vocabulary::{Envelope, Key, Mac, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const SONY: Parser = Parser {
    name: "sony",
    about: "Sony's search for cameras: model, firmware, serial number",
    source: "UniversalScanner",
    on: &[On::Udp(2380)],
    probe: |_, bytes| match bytes {
        [BEGIN, rest @ ..] if rest.starts_with(b"MAC:") || rest.starts_with(b"ENQ:") => Probe::Yes,
        _ => Probe::No,
    },
    start: Start::Datagram(observe),
};

/// What an answer says; `None` where the datagram is none.
#[must_use]
pub fn portrait(bytes: &[u8]) -> Option<Portrait<'_>> {
    let rest = bytes.strip_prefix(&[BEGIN]).filter(|rest| rest.starts_with(b"MAC:"))?;
    let mut portrait = Portrait::default();
    portrait.says(Key::Vendor, b"Sony".as_slice());
    let mut fields: Vec<&[u8]> = rest.split(|byte| *byte == PART).take(FIELDS_MAX).collect();
    // Behind the last mark stands the end, or what was cut off.
    fields.pop();
    for field in fields {
        let mut halves = field.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else { continue };
        match name {
            b"MAC" => portrait.mac = Mac::from_text(value),
            b"IPADR" => portrait.ip = std::str::from_utf8(value).ok().and_then(|ip| ip.parse().ok()),
            b"MODEL" => portrait.says(Key::Model, value),
            b"SERIAL" => portrait.says(Key::Serial, value),
            b"SOFTVERSION" => portrait.says(Key::Firmware, value),
            _ => {}
        }
    }
    Some(portrait)
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let Some(portrait) = portrait(bytes) else { return Ok(()) };
    portrait.tell("sony", envelope, sink);
    let is_whole = bytes.last() == Some(&END) || envelope.is_cut;
    if is_whole { Ok(()) } else { Err(Malformed::Truncated { field: "answer" }) }
}

const BEGIN: u8 = 2;
const END: u8 = 3;
const PART: u8 = 0xff;
/// An answer has about twenty.
const FIELDS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portrait::tests::told_by;
    use proptest::prelude::*;

    const ANSWER: &[u8] =
        b"\x02MAC:02-00-00-00-00-5a\xffMODEL:SNC-1\xffSERIAL:123\xffDHCP:OFF\xffIPADR:192.0.2.7\xff\
        SOFTVERSION:3.0.0\xff\x03";

    #[test]
    fn answer_tells_model_serial_number_and_firmware() {
        let expected = ["serves sony", "binds", "vendor Sony", "model SNC-1", "serial 123", "firmware 3.0.0"];
        assert_eq!(told_by(observe, ANSWER), (expected.map(str::to_owned).to_vec(), Ok(())));
    }

    #[test]
    fn question_tells_nothing() {
        assert_eq!((SONY.probe)(&Envelope::default(), b"\x02ENQ:allinfo\xff\x03"), Probe::Yes);
        assert_eq!(told_by(observe, b"\x02ENQ:allinfo\xff\x03"), (vec![], Ok(())));
        assert_eq!((SONY.probe)(&Envelope::default(), b"\x02"), Probe::No);
    }

    #[test]
    fn answer_that_ends_early_keeps_what_is_whole() {
        let (facts, result) = told_by(observe, &ANSWER[..ANSWER.len() - 4]);
        assert_eq!(facts.last().map(String::as_str), Some("serial 123"));
        assert_eq!(result, Err(Malformed::Truncated { field: "answer" }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(at in 0..ANSWER.len(), byte in any::<u8>(), end in 0..ANSWER.len()) {
            let mut bent = ANSWER.to_vec();
            bent[at] = byte;
            let _ = told_by(observe, &bent[..end]);
        }
    }
}
