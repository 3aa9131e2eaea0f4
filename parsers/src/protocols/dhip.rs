//! Dahua's search (DHDiscover), UDP port 37810, groups 239.255.255.251 and broadcast, and the same frames on
//! TCP port 37777, where recorders, tools and viewers speak with devices. Many makers sell devices that speak it.
//!
//! ```text
//! 0          4        8         12        16       20  24       28  32
//! | 32 as u32 | DHIP | session | request | length | 0 | length | 0 | JSON, length bytes of it
//!
//! 0              4        8                                          32
//! | A0 B0 F6 .. | length | ...                                        | length bytes: in F6 frames JSON too
//! ```
//!
//! all numbers little-endian. A search is answered by `client.notifyDevInfo`, which says everything; on a
//! connection an answer is tied to its request by the number at 12.
//!
//! Source: no public text; `Dahua2.derived.pcap` of UniversalScanner and the facts beside the project, taken
//! from DahuaConsole. Left out: the passwords' hashes; media and the commands of binary frames; the older search
//! on UDP port 5050.

mod session;

use std::net::IpAddr;

use nom::IResult;
use nom::bytes::complete::{tag, take};
use nom::number::complete::le_u32;

use crate::json;
use crate::portrait::Portrait;
use crate::vocabulary::{Envelope, Key, Mac, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of the search.
pub const DHIP: Parser = Parser {
    name: "dhip",
    about: "Dahua's search: model, class, firmware, serial number, name",
    source: "UniversalScanner, DahuaConsole",
    on: &[On::Udp(SEARCH_PORT)],
    probe: |_, bytes| if bytes.starts_with(MAGIC) { Probe::Yes } else { Probe::No },
    start: Start::Datagram(observe),
};

/// What the engine knows of the connections.
pub const DHIP_SESSION: Parser = Parser {
    name: "dhip-session",
    about: "Dahua's sessions: who logs in, and what devices are asked of themselves",
    source: "UniversalScanner, DahuaConsole",
    on: &[On::Tcp(session::PORT)],
    probe: session::probe,
    start: Start::Session(session::start),
};

/// One frame, borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The session, 0 in a search.
    pub session: u32,
    /// The request that it is, or answers.
    pub request: u32,
    /// How long its body is said to be.
    pub length: u32,
    /// As much of it as is there.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads one frame.
    ///
    /// # Errors
    /// `Truncated` where the header does not fit, `Invalid` where it is none.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(MAGIC) && !MAGIC.starts_with(bytes) {
            return Err(Malformed::Invalid { field: "magic" });
        }
        let (rest, (session, request, length)) =
            header(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Self { session, request, length, body: rest.get(..wanted).unwrap_or(rest) })
    }

    /// Whether bytes of the body are missing.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        u32::try_from(self.body.len()).is_ok_and(|there| there < self.length)
    }
}

fn header(i: &[u8]) -> IResult<&[u8], (u32, u32, u32)> {
    let (i, _magic) = tag(MAGIC)(i)?;
    let (i, session) = le_u32(i)?;
    let (i, request) = le_u32(i)?;
    let (i, length) = le_u32(i)?;
    let (i, _zero_length_zero) = take(12_usize)(i)?;
    Ok((i, (session, request, length)))
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let frame = match Frame::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    if json::pairs(frame.body).any(|pair| pair == (b"method", b"client.notifyDevInfo")) {
        portrait(frame.body).tell("dhip", envelope, sink);
    }
    if frame.is_cut() && !envelope.is_cut { Err(Malformed::Truncated { field: "body" }) } else { Ok(()) }
}

/// What the answer to a search says.
fn portrait(body: &[u8]) -> Portrait<'_> {
    let mut portrait = Portrait::default();
    let mut is_named = false;
    for (name, value) in json::pairs(body) {
        match name {
            b"mac" => portrait.mac = Mac::from_text(value),
            // The first is of IPv4.
            b"IPAddress" => portrait.ip = portrait.ip.or_else(|| address(value)),
            b"Vendor" => {
                is_named = true;
                portrait.says(Key::Vendor, vendor(value));
            }
            b"DeviceClass" => portrait.says(Key::DhipClass, json::unescaped(value)),
            b"DeviceType" => portrait.says(Key::Model, json::unescaped(value)),
            b"SerialNo" => portrait.says(Key::Serial, json::unescaped(value)),
            b"Version" => portrait.says(Key::Firmware, json::unescaped(value)),
            b"MachineName" => portrait.says(Key::Name, json::unescaped(value)),
            _ => {}
        }
    }
    if !is_named {
        portrait.says(Key::Vendor, DAHUA);
    }
    portrait
}

fn address(value: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Who sells it; what is sold without a name is Dahua's own make.
fn vendor(said: &[u8]) -> &[u8] {
    let is_nobody = NOBODY.iter().any(|nobody| said.eq_ignore_ascii_case(nobody));
    if is_nobody { DAHUA } else { said }
}

const SEARCH_PORT: u16 = 37_810;
/// The header's length, and its name.
const MAGIC: &[u8] = b"\x20\0\0\0DHIP";
const DAHUA: &[u8] = b"Dahua";
/// What unbranded devices say.
const NOBODY: [&[u8]; 4] = [b"General", b"Private", b"OEM", b""];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::portrait::tests::told_by;
    use proptest::prelude::*;

    /// A frame of session 7 with this request number and body.
    pub fn frame(request: u32, body: &str) -> Vec<u8> {
        let length = (body.len() as u32).to_le_bytes();
        [MAGIC, &[7, 0, 0, 0], &request.to_le_bytes(), &length, &[0; 4], &length, &[0; 4], body.as_bytes()]
            .concat()
    }

    const ANSWER: &str = r#"{ "mac" : "02:00:00:00:00:5a", "method" : "client.notifyDevInfo", "params" : { "deviceInfo" : {
        "DeviceClass" : "IPC", "DeviceType" : "IPC-HFW1", "IPv4Address" : { "IPAddress" : "192.0.2.7" },
        "IPv6Address" : { "IPAddress" : "fe80::1\/64" }, "MachineName" : "Gate", "SerialNo" : "3A0",
        "Vendor" : "General", "Version" : "2.800.0, "VideoInputChannels" : 1 } } }
"#;

    #[test]
    fn frame_and_its_body_are_read() {
        let bytes = frame(5, "{}\n");
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(frame, Frame { session: 7, request: 5, length: 3, body: b"{}\n" });
    }

    #[test]
    fn answer_to_a_search_tells_everything_in_spite_of_its_missing_quote() {
        let expected = [
            "serves dhip",
            "binds",
            "dhip.class IPC",
            "model IPC-HFW1",
            "name Gate",
            "serial 3A0",
            "vendor Dahua",
            "firmware 2.800.0",
        ];
        assert_eq!(told_by(observe, &frame(0, ANSWER)), (expected.map(str::to_owned).to_vec(), Ok(())));
    }

    #[test]
    fn device_is_sold_under_the_name_that_it_says() {
        let (facts, _) = told_by(observe, &frame(0, &ANSWER.replace("General", "Amcrest")));
        assert!(facts.contains(&"vendor Amcrest".to_owned()));
        let (facts, _) = told_by(observe, &frame(0, r#"{"method":"client.notifyDevInfo"}"#));
        assert_eq!(facts, ["serves dhip", "vendor Dahua"]);
    }

    #[test]
    fn answer_for_another_is_nobodys() {
        let (facts, _) =
            told_by(observe, &frame(0, &ANSWER.replace("192.0.2.7", "192.0.2.8").replace(":5a", ":5b")));
        assert_eq!(facts, ["serves dhip"]);
    }

    #[test]
    fn search_tells_nothing() {
        let search = frame(0, r#"{"method":"DHDiscover.search","params":{"mac":"","uni":1}}"#);
        assert_eq!(told_by(observe, &search), (vec![], Ok(())));
    }

    #[test]
    fn frame_that_ends_early_keeps_what_is_whole() {
        let bytes = frame(0, ANSWER);
        let (facts, result) = told_by(observe, &bytes[..bytes.len() - 60]);
        assert!(facts.contains(&"model IPC-HFW1".to_owned()));
        assert_eq!(result, Err(Malformed::Truncated { field: "body" }));
        assert_eq!(told_by(observe, &bytes[..20]).1, Err(Malformed::Truncated { field: "header" }));
        assert_eq!(Frame::parse(b"\x20\0\0\0DHXX"), Err(Malformed::Invalid { field: "magic" }));
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = frame(0, ANSWER);
        for end in 0..bytes.len() {
            let _ = told_by(observe, &bytes[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(at in 0_usize..400, byte in any::<u8>()) {
            let mut bent = frame(0, ANSWER);
            let at = at % bent.len();
            bent[at] = byte;
            let _ = told_by(observe, &bent);
        }
    }
}
