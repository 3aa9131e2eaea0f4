//! UPnP over HTTP: how a device describes itself where SSDP sends those who look for it, and how a router is asked for a way in.
//!
//! ```text
//! <root xmlns="urn:schemas-upnp-org:device-1-0"> <device> <friendlyName>, <manufacturer>, <modelName>,
//!   <modelNumber>, <serialNumber>, … <deviceList> devices inside it
//! <Envelope> <Body> <AddPortMapping xmlns="urn:schemas-upnp-org:service:WANIPConnection:1"> <NewExternalPort>,
//!   <NewProtocol> TCP or UDP, <NewInternalPort>, <NewInternalClient>, …
//! ```
//!
//! Source: UPnP Device Architecture 2.0, 2.3; UPnP WANIPConnection:2 Service, 2.5.16 and 2.5.21. Left out: devices inside another one, services, and numbers of models, which
//! are versions as often as not.

use crate::vocabulary::{Key, PortMapped, Text};
use crate::xml::{self, Piece};

/// What a description says of its device; nothing where it is none.
#[must_use]
pub fn description(document: &[u8]) -> Vec<(Key, Text)> {
    let mut said = Vec::new();
    xml::walk(document, |path, piece| {
        let Piece::Text(text) = piece else { return };
        if path.depth() != 3 || path.at(0) != "root" || path.at(1) != "device" {
            return;
        }
        let key = match path.name() {
            "friendlyName" => Key::Name,
            "manufacturer" => Key::Vendor,
            "modelName" => Key::Model,
            "serialNumber" => Key::Serial,
            _ => return,
        };
        if said.iter().all(|(known, _)| *known != key) {
            said.extend(Text::some(text.as_bytes()).map(|text| (key, text)));
        }
    });
    said
}

/// The way from outside that a request asks for; `None` where it asks for none.
#[must_use]
pub fn mapping(document: &[u8]) -> Option<PortMapped> {
    let mut said = PortMapped { by: "UPnP", transport: "IP", external: 0, internal: 0, client: None };
    let (mut is_one, mut has_port) = (false, false);
    xml::walk(document, |path, piece| {
        let Piece::Text(text) = piece else { return };
        if path.depth() != 4 || path.at(1) != "Body" || !ADDS.contains(&path.at(2)) {
            return;
        }
        is_one = true;
        match path.name() {
            "NewExternalPort" => said.external = text.trim().parse().unwrap_or_default(),
            "NewInternalPort" => {
                let port = text.trim().parse();
                has_port = port.is_ok();
                said.internal = port.unwrap_or_default();
            }
            "NewInternalClient" => said.client = text.trim().parse().ok(),
            "NewProtocol" => {
                said.transport = match text.trim() {
                    "TCP" => "TCP",
                    "UDP" => "UDP",
                    _ => "IP",
                }
            }
            _ => {}
        }
    });
    (is_one && has_port).then_some(said)
}

/// Actions that open a way.
const ADDS: &[&str] = &["AddPortMapping", "AddAnyPortMapping"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn way_from_outside_is_read_and_its_end_is_none() {
        let asks = |action: &str| {
            format!(
                "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
                 <u:{action} xmlns:u=\"urn:schemas-upnp-org:service:WANIPConnection:1\"><NewRemoteHost></NewRemoteHost>\
                 <NewExternalPort>8000</NewExternalPort><NewProtocol>TCP</NewProtocol><NewInternalPort>80</NewInternalPort>\
                 <NewInternalClient>192.0.2.7</NewInternalClient><NewEnabled>1</NewEnabled></u:{action}></s:Body></s:Envelope>"
            )
        };
        let expected = PortMapped {
            by: "UPnP",
            transport: "TCP",
            external: 8_000,
            internal: 80,
            client: "192.0.2.7".parse().ok(),
        };
        assert_eq!(mapping(asks("AddPortMapping").as_bytes()), Some(expected));
        assert_eq!(mapping(asks("DeletePortMapping").as_bytes()), None);
        assert_eq!(
            mapping(b"<s:Envelope><s:Body><u:AddPortMapping><NewExternalPort>1</NewExternalPort>"),
            None
        );
    }

    #[test]
    fn device_is_described_and_those_inside_it_are_not() {
        let document = b"<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\"><specVersion><major>1</major>\
            </specVersion><device><friendlyName>Hall</friendlyName><manufacturer>ACME</manufacturer><modelName>C1</modelName>\
            <modelNumber>2</modelNumber><serialNumber>77</serialNumber><deviceList><device><friendlyName>Inner</friendlyName>\
            </device></deviceList></device></root>";
        let said = description(document);
        let said: Vec<_> = said.iter().map(|(key, value)| (*key, value.as_str())).collect();
        assert_eq!(
            said,
            [(Key::Name, "Hall"), (Key::Vendor, "ACME"), (Key::Model, "C1"), (Key::Serial, "77")]
        );
    }

    #[test]
    fn other_documents_describe_nothing() {
        for document in
            [&b"<device><friendlyName>x</friendlyName></device>"[..], b"", b"<root><device><modelName>x"]
        {
            assert_eq!(description(document), []);
        }
    }
}
