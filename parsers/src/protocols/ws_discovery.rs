//! WS-Discovery, UDP port 3702, group 239.255.255.250 or ff02::c: devices say that they are there, and what they are.
//!
//! ```text
//! Envelope / Header / Action           …/Hello, /Probe, /ProbeMatches, /Resolve, /ResolveMatches, /Bye
//!                   / AppSequence      @InstanceId: a number that grows with each start of the device
//!          / Body / Hello | ProbeMatches / ProbeMatch | …  / EndpointReference / Address
//!                   / Types            tds:Device dn:NetworkVideoTransmitter
//!                   / Scopes           onvif://www.onvif.org/name/… onvif://www.onvif.org/hardware/…, see [`onvif`]
//!                   / XAddrs           http://192.0.2.7/onvif/device_service
//! ```
//!
//! Two generations differ in their namespaces alone (2005/04 and OASIS 1.1): names are compared without them. Who
//! answers for several devices at once is a proxy, and says nothing of itself.
//!
//! Source: OASIS WS-Discovery 1.1; ONVIF Core Specification, 7. Left out: endpoints and addresses, which may be another's.

use crate::protocols::onvif;
use crate::vocabulary::{About, Envelope, Fact, Key, Malformed, On, Parser, Probe, Sink, Start, Text};
use crate::xml::{self, Piece};

/// What the engine knows of this protocol.
pub const WS_DISCOVERY: Parser = Parser {
    name: "ws-discovery",
    about: "devices that come, go or answer who looks for them: names, models, places and what they can do",
    source: "OASIS WS-Discovery 1.1; ONVIF Core Specification, 7",
    on: &[On::Udp(3702), On::AnyUdp],
    probe,
    start: Start::Datagram(observe),
};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A device joins the network, or tells that it changed.
    Hello,
    /// A device leaves.
    Bye,
    /// Somebody looks for devices.
    Probe,
    /// A device answers that.
    ProbeMatches,
    /// Somebody looks for one device's addresses.
    Resolve,
    /// It answers.
    ResolveMatches,
}

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// What it is; `None` where none of the six.
    pub action: Option<Action>,
    /// Which start of the sender it is, as far as it tells.
    pub instance: Option<u32>,
    /// How many devices it tells of.
    pub devices: usize,
    /// Kinds of devices by their names, prefixes cut, [`TYPES_MAX`] at most.
    pub types: Vec<Text>,
    /// Scopes, parted by blanks.
    pub scopes: String,
}

impl Message {
    /// Reads a datagram, whole or cut short.
    ///
    /// # Errors
    /// `Invalid` where it is no envelope, or has no action.
    pub fn parse(datagram: &[u8]) -> Result<Self, Malformed> {
        let mut message = Self::default();
        let (mut is_envelope, mut has_action) = (false, false);
        xml::walk(datagram, |path, piece| match piece {
            Piece::Open(attributes) => {
                is_envelope |= path.depth() == 1 && path.name() == "Envelope";
                match path.name() {
                    "AppSequence" if path.at(1) == "Header" => {
                        message.instance = attributes.value("InstanceId").and_then(|id| id.parse().ok());
                    }
                    "Hello" | "Bye" | "ProbeMatch" | "ResolveMatch" if path.at(1) == "Body" => {
                        message.devices = message.devices.saturating_add(1);
                    }
                    _ => {}
                }
            }
            Piece::Text(text) => match path.name() {
                "Action" if path.at(1) == "Header" => {
                    has_action = true;
                    message.action = action(text);
                }
                "Types" if path.at(1) == "Body" => {
                    let names = text.split_ascii_whitespace();
                    let local = names.map(|name| name.rsplit(':').next().unwrap_or(name));
                    message.types = local.map(Text::from).take(TYPES_MAX).collect();
                }
                "Scopes" if path.at(1) == "Body" => text.clone_into(&mut message.scopes),
                _ => {}
            },
        });
        match (is_envelope, has_action) {
            (false, _) => Err(Malformed::Invalid { field: "Envelope" }),
            (true, false) => Err(Malformed::Invalid { field: "Action" }),
            (true, true) => Ok(message),
        }
    }
}

fn action(text: &str) -> Option<Action> {
    Some(match text.rsplit('/').next()? {
        "Hello" => Action::Hello,
        "Bye" => Action::Bye,
        "Probe" => Action::Probe,
        "ProbeMatches" => Action::ProbeMatches,
        "Resolve" => Action::Resolve,
        "ResolveMatches" => Action::ResolveMatches,
        _ => return None,
    })
}

fn probe(_: &Envelope, datagram: &[u8]) -> Probe {
    let is_envelope =
        xml::is_xml(datagram) && datagram.windows(ENVELOPE.len()).any(|window| window == ENVELOPE);
    if is_envelope { Probe::Yes } else { Probe::No }
}

fn observe(envelope: &Envelope, datagram: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let message = Message::parse(datagram)?;
    let is_answer = matches!(message.action, Some(Action::ProbeMatches | Action::ResolveMatches));
    let is_hello = message.action == Some(Action::Hello);
    let is_bye = message.action == Some(Action::Bye);
    if message.devices > 1 || !(is_answer || is_hello || is_bye) {
        return Ok(());
    }
    if is_answer && envelope.source_port == PORT {
        sink.fact(About::Sender, Fact::Service { protocol: "ws-discovery" });
    }
    // Where the body begins, the header has told all that it has.
    if message.devices > 0 {
        sink.fact(About::Sender, Fact::Instance { number: message.instance, is_announced: is_hello });
    }
    if is_bye {
        return Ok(());
    }
    for kind in message.types {
        sink.attribute(About::Sender, Key::WsdType, kind.as_str().as_bytes());
    }
    for (key, value) in onvif::scopes(&message.scopes) {
        sink.attribute(About::Sender, key, value.as_str().as_bytes());
    }
    Ok(())
}

const PORT: u16 = 3702;
const ENVELOPE: &[u8] = b"Envelope";
const TYPES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(action: &str, body: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Header>\
             <a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/{action}</a:Action>\
             <d:AppSequence InstanceId=\"7\" MessageNumber=\"1\"/></e:Header><e:Body>{body}</e:Body></e:Envelope>"
        )
    }

    const DEVICE: &str = "<a:EndpointReference><a:Address>urn:uuid:1</a:Address></a:EndpointReference>\
        <d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types><d:Scopes>onvif://www.onvif.org/type/ptz \
        onvif://www.onvif.org/name/Front%20Door</d:Scopes><d:XAddrs>http://192.0.2.7/onvif/device_service</d:XAddrs>";

    fn said(datagram: &[u8], source_port: u16) -> Vec<Fact> {
        let mut sink = Sink::default();
        let envelope = Envelope { source_port, ..Envelope::default() };
        observe(&envelope, datagram, &mut sink).unwrap();
        assert!(sink.facts.iter().all(|(about, _)| *about == About::Sender));
        sink.facts.into_iter().map(|(_, fact)| fact).collect()
    }

    fn of_device() -> Vec<Fact> {
        let attribute = |key, value: &str| Fact::Attribute { key, value: value.into() };
        vec![
            attribute(Key::WsdType, "NetworkVideoTransmitter"),
            attribute(Key::WsdType, "Device"),
            attribute(Key::OnvifScope, "onvif://www.onvif.org/type/ptz"),
            attribute(Key::OnvifScope, "onvif://www.onvif.org/name/Front Door"),
            attribute(Key::Name, "Front Door"),
        ]
    }

    #[test]
    fn hello_says_who_came_and_since_which_start() {
        let hello = message("Hello", &format!("<d:Hello>{DEVICE}</d:Hello>"));
        let start = Fact::Instance { number: Some(7), is_announced: true };
        assert_eq!(said(hello.as_bytes(), 50_000), [vec![start], of_device()].concat());
    }

    #[test]
    fn answer_says_what_answers() {
        let body = format!("<d:ProbeMatches><d:ProbeMatch>{DEVICE}</d:ProbeMatch></d:ProbeMatches>");
        let service = Fact::Service { protocol: "ws-discovery" };
        let start = Fact::Instance { number: Some(7), is_announced: false };
        let facts = said(message("ProbeMatches", &body).as_bytes(), 3_702);
        assert_eq!(facts, [vec![service, start], of_device()].concat());
    }

    #[test]
    fn goodbye_says_since_which_start_and_no_more() {
        let bye = message("Bye", &format!("<d:Bye>{DEVICE}</d:Bye>"));
        assert_eq!(said(bye.as_bytes(), 3_702), [Fact::Instance { number: Some(7), is_announced: false }]);
    }

    #[test]
    fn who_asks_says_nothing_of_itself() {
        for action in ["Probe", "Resolve", "SomethingElse"] {
            let body = format!("<d:{action}>{DEVICE}</d:{action}>");
            assert_eq!(said(message(action, &body).as_bytes(), 3_702), []);
        }
    }

    #[test]
    fn proxy_that_answers_for_several_says_nothing_of_itself() {
        let both = format!("<d:ProbeMatch>{DEVICE}</d:ProbeMatch>").repeat(2);
        let body = format!("<d:ProbeMatches>{both}</d:ProbeMatches>");
        assert_eq!(said(message("ProbeMatches", &body).as_bytes(), 3_702), []);
    }

    #[test]
    fn datagram_that_is_no_envelope_is_invalid() {
        let invalid = |field| Err(Malformed::Invalid { field });
        assert_eq!(Message::parse(b"<Probe><Uuid/></Probe>"), invalid("Envelope"));
        assert_eq!(Message::parse(b"<Envelope><Header/></Envelope>"), invalid("Action"));
        let envelope = Envelope::default();
        assert_eq!(probe(&envelope, b"<Probe><Uuid/></Probe>"), Probe::No);
        assert_eq!(probe(&envelope, b"\xef\xbb\xbf<s:Envelope>"), Probe::Yes);
    }

    #[test]
    fn every_prefix_is_answered_and_says_no_more_than_the_whole() {
        let hello = message("Hello", &format!("<d:Hello>{DEVICE}</d:Hello>"));
        let whole = said(hello.as_bytes(), 3_702);
        for end in 0..hello.len() {
            let mut sink = Sink::default();
            let _ = observe(&Envelope::default(), &hello.as_bytes()[..end], &mut sink);
            assert!(sink.facts.iter().all(|(_, fact)| whole.contains(fact)), "{end}");
        }
    }

    proptest! {
        #[test]
        fn mutations_are_survived(at in 0_usize..900, byte: u8) {
            let mut hello = message("Hello", &format!("<d:Hello>{DEVICE}</d:Hello>")).into_bytes();
            if let Some(place) = hello.get_mut(at) {
                *place = byte;
            }
            let mut sink = Sink::default();
            let _ = observe(&Envelope::default(), &hello, &mut sink);
            prop_assert!(sink.facts.len() < 50);
        }
    }
}
