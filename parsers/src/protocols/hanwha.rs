//! Hanwha's search (Samsung Techwin, Wisenet): a tool asks UDP port 7701, a device answers to port 7711.
//!
//! ```text
//! 0           0x13       0x25      0x35        0x45        0x6d        0x85
//! | 1 or 0x0b | MAC 18 | IPv4 16 | mask 16 | router 16 | .. | model 10 | .. | URL 39 | ..     262 bytes
//! ```
//!
//! All are texts that end in a zero; 1 asks, 0x0b answers.
//!
//! Source: no public text; `Hanwha.derived.pcap` of UniversalScanner. Left out: the longer answers of later
//! devices behind the 262 bytes.

use crate::identifier::before_zero;
use crate::portrait::Portrait;
use crate::vocabulary::{Envelope, Key, Mac, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const HANWHA: Parser = Parser {
    name: "hanwha",
    about: "Hanwha's search: the model",
    source: "UniversalScanner",
    on: &[On::Udp(7711), On::Udp(7701)],
    probe: |_, bytes| match bytes.first() {
        Some(&ANSWER) if mac(bytes).is_some() => Probe::Yes,
        Some(&QUESTION) if bytes.len() >= LENGTH => Probe::Yes,
        _ => Probe::No,
    },
    start: Start::Datagram(observe),
};

/// What an answer says; `None` where it is none.
#[must_use]
pub fn portrait(bytes: &[u8]) -> Option<Portrait<'_>> {
    let mac = mac(bytes).filter(|_| bytes.first() == Some(&ANSWER))?;
    let ip = text(bytes, IP, IP_LENGTH).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let mut portrait = Portrait { mac: Some(mac), ip, ..Portrait::default() };
    portrait.says(Key::Vendor, b"Hanwha".as_slice());
    if let Some(model) = text(bytes, MODEL, MODEL_LENGTH) {
        portrait.says(Key::Model, model);
    }
    Some(portrait)
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    if let Some(portrait) = portrait(bytes) {
        portrait.tell("hanwha", envelope, sink);
    }
    if bytes.len() < LENGTH && !envelope.is_cut { Err(Malformed::Truncated { field: "URL" }) } else { Ok(()) }
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    Mac::from_text(text(bytes, MAC, MAC_LENGTH)?)
}

/// The text in a field of fixed length.
fn text(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.saturating_add(length)).map(before_zero)
}

const QUESTION: u8 = 1;
const ANSWER: u8 = 0x0b;
const MAC: usize = 0x13;
const MAC_LENGTH: usize = 18;
const IP: usize = 0x25;
const IP_LENGTH: usize = 16;
const MODEL: usize = 0x6d;
const MODEL_LENGTH: usize = 10;
const LENGTH: usize = 262;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portrait::tests::told_by;
    use proptest::prelude::*;

    /// An answer of 192.0.2.7, a model XNV-1.
    fn answer() -> Vec<u8> {
        let mut bytes = vec![0; LENGTH];
        bytes[0] = ANSWER;
        for (at, text) in [(MAC, "02:00:00:00:00:5a"), (IP, "192.0.2.7"), (MODEL, "XNV-1")] {
            bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        bytes
    }

    #[test]
    fn answer_tells_the_model() {
        let (facts, result) = told_by(observe, &answer());
        assert_eq!(facts, ["serves hanwha", "binds", "vendor Hanwha", "model XNV-1"]);
        assert_eq!(result, Ok(()));
    }

    #[test]
    fn question_tells_nothing() {
        let mut bytes = answer();
        bytes[0] = QUESTION;
        assert_eq!((HANWHA.probe)(&Envelope::default(), &bytes), Probe::Yes);
        assert_eq!(told_by(observe, &bytes), (vec![], Ok(())));
    }

    #[test]
    fn answer_that_ends_early_keeps_what_is_whole() {
        let (facts, result) = told_by(observe, &answer()[..MODEL]);
        assert_eq!(facts, ["serves hanwha", "binds", "vendor Hanwha"]);
        assert_eq!(result, Err(Malformed::Truncated { field: "URL" }));
    }

    #[test]
    fn what_bears_no_mac_is_not_ours() {
        assert_eq!((HANWHA.probe)(&Envelope::default(), &[ANSWER; LENGTH]), Probe::No);
        assert_eq!((HANWHA.probe)(&Envelope::default(), &[]), Probe::No);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(at in 0..LENGTH, byte in any::<u8>(), end in 0..LENGTH) {
            let mut bent = answer();
            bent[at] = byte;
            let _ = told_by(observe, &bent[..end]);
        }
    }
}
