//! The description of a UPnP device: what it says of itself where SSDP sends those who look for it.
//!
//! ```text
//! <root xmlns="urn:schemas-upnp-org:device-1-0"> <device> <friendlyName>, <manufacturer>, <modelName>,
//!   <modelNumber>, <serialNumber>, … <deviceList> devices inside it
//! ```
//!
//! Source: UPnP Device Architecture 2.0, 2.3. Left out: devices inside another one, services, and numbers of models, which
//! are versions as often as not.

use crate::vocabulary::{Key, Text};
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

#[cfg(test)]
mod tests {
    use super::*;

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
