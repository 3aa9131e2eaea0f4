//! WS-Discovery as ONVIF uses it (WS-Discovery, April 2005, 4 and 5; ONVIF Core Specification, 7), UDP 3702
//! to 239.255.255.250 and ff02::c.
//!
//! ```text
//! Envelope / Header / Action, MessageID, RelatesTo, To, AppSequence
//!          / Body   / Hello | Bye | Probe | ProbeMatches / EndpointReference, Types, Scopes, XAddrs, MetadataVersion
//! ```

use super::onvif::escape;

/// What a device announces.
#[derive(Debug, Clone, Copy)]
pub struct Device<'a> {
    /// The UUID that stays, in text.
    pub uuid: &'a str,
    /// Scopes, like `onvif://www.onvif.org/hardware/EX-1`.
    pub scopes: &'a [&'a str],
    /// Addresses of its device service.
    pub addresses: &'a [&'a str],
    /// Grows with every start.
    pub instance: u32,
}

/// Tells one message from another.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Its UUID, in text.
    pub uuid: &'a str,
    /// Counts the messages of one start.
    pub number: u32,
}

/// A device is there.
#[must_use]
pub fn hello(device: &Device, message: Message) -> String {
    let body = format!("<d:Hello>{}</d:Hello>", device.match_fields());
    envelope("Hello", &format!("{TO_ALL}{}", device.header(message)), &body)
}

/// A device goes.
#[must_use]
pub fn bye(device: &Device, message: Message) -> String {
    let body = format!("<d:Bye>{}</d:Bye>", device.endpoint());
    envelope("Bye", &format!("{TO_ALL}{}", device.header(message)), &body)
}

/// Somebody looks for devices.
#[must_use]
pub fn probe(uuid: &str) -> String {
    let header = format!("{TO_ALL}<a:MessageID>urn:uuid:{uuid}</a:MessageID>");
    envelope("Probe", &header, &format!("<d:Probe>{TYPES}</d:Probe>"))
}

/// A device answers the probe with the UUID `probe`.
#[must_use]
pub fn probe_matches(device: &Device, message: Message, probe: &str) -> String {
    let header = format!("{TO_ASKER}<a:RelatesTo>urn:uuid:{probe}</a:RelatesTo>{}", device.header(message));
    let fields = device.match_fields();
    let body = format!("<d:ProbeMatches><d:ProbeMatch>{fields}</d:ProbeMatch></d:ProbeMatches>");
    envelope("ProbeMatches", &header, &body)
}

impl Device<'_> {
    fn header(&self, Message { uuid, number }: Message) -> String {
        let instance = self.instance;
        format!(
            "<a:MessageID>urn:uuid:{uuid}</a:MessageID>\
             <d:AppSequence InstanceId=\"{instance}\" MessageNumber=\"{number}\"/>"
        )
    }

    fn endpoint(&self) -> String {
        format!("<a:EndpointReference><a:Address>urn:uuid:{}</a:Address></a:EndpointReference>", self.uuid)
    }

    fn match_fields(&self) -> String {
        let (endpoint, scopes) = (self.endpoint(), escape(&self.scopes.join(" ")));
        let addresses = escape(&self.addresses.join(" "));
        format!(
            "{endpoint}{TYPES}<d:Scopes>{scopes}</d:Scopes><d:XAddrs>{addresses}</d:XAddrs>\
             <d:MetadataVersion>1</d:MetadataVersion>"
        )
    }
}

fn envelope(action: &str, header: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"{ADDRESSING}\" \
         xmlns:d=\"{DISCOVERY}\" xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\">\
         <s:Header><a:Action>{DISCOVERY}/{action}</a:Action>{header}</s:Header>\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
const DISCOVERY: &str = "http://schemas.xmlsoap.org/ws/2005/04/discovery";
const TO_ALL: &str = "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>";
const TO_ASKER: &str = "<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>";
const TYPES: &str = "<d:Types>dn:NetworkVideoTransmitter</d:Types>";
