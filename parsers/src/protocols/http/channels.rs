//! The cameras that a recorder records, as it lists them to its clients.
//!
//! ```text
//! Hikvision   /ISAPI/ContentMgmt/InputProxy/channels
//!             InputProxyChannelList / InputProxyChannel / name
//!                                   / sourceInputPortDescriptor / ipAddress, model, serialNumber, firmwareVersion
//! Dahua       /cgi-bin/configManager.cgi?action=getConfig&name=RemoteDevice
//!             table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.Address=192.0.2.7
//!             table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.DeviceType=IPC-HDW1   …
//! ```
//!
//! Source: Hikvision ISAPI; Dahua HTTP API, 4.4. Left out: channels that are switched off, which hold a placeholder for
//! an address; user names and passwords.

use std::net::IpAddr;

use crate::vocabulary::{Key, Origin, Text};
use crate::xml::{self, Piece};

/// Whether the answer to this is read though it is no XML.
pub(super) fn is_known(target: &[u8]) -> bool {
    target.starts_with(b"/cgi-bin/configManager.cgi?")
        && target.windows(DAHUA_LIST.len()).any(|window| window == DAHUA_LIST)
}

/// What a list in lines says.
pub(super) fn in_lines(body: &[u8]) -> Vec<Origin> {
    let mut channels = Channels::new("dahua.channels");
    let mut slot: &[u8] = b"";
    for line in body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).take(LINES_MAX) {
        let Some(rest) = line.strip_prefix(b"table.RemoteDevice.") else { continue };
        let Some((name, value)) = split(rest, b'=') else { continue };
        // A name may have parts of its own: `VideoInputs[0].Name`.
        let Some((of, field)) = split(name, b'.') else { continue };
        if of != slot {
            channels.close();
            slot = of;
        }
        match field {
            b"Address" => channels.address(value),
            b"Enable" => channels.is_off = value == b"false",
            b"DeviceType" => channels.says(Key::Model, value),
            b"SerialNo" => channels.says(Key::Serial, value),
            b"Version" => channels.says(Key::Firmware, value),
            b"Name" => channels.says(Key::Name, value),
            _ => {}
        }
    }
    channels.end()
}

/// What a list in XML says; nothing where it is another document.
pub(super) fn in_xml(document: &[u8]) -> Vec<Origin> {
    let mut channels = Channels::new("isapi.channels");
    xml::walk(document, |path, piece| {
        if path.at(0) != "InputProxyChannelList" || path.at(1) != "InputProxyChannel" {
            return;
        }
        match (piece, path.at(2), path.at(3)) {
            (Piece::Open(_), "", _) => channels.close(),
            (Piece::Text(text), "name", "") => channels.says(Key::Name, text.as_bytes()),
            (Piece::Text(text), SOURCE, field) => match field {
                "ipAddress" => channels.address(text.as_bytes()),
                "model" => channels.says(Key::Model, text.as_bytes()),
                "serialNumber" => channels.says(Key::Serial, text.as_bytes()),
                "firmwareVersion" => channels.says(Key::Firmware, text.as_bytes()),
                _ => {}
            },
            _ => {}
        }
    });
    channels.end()
}

/// Channels that were read, and the one that is.
struct Channels {
    by: &'static str,
    origins: Vec<Origin>,
    ip: Option<IpAddr>,
    is_off: bool,
    attributes: Vec<(Key, Text)>,
}

impl Channels {
    const fn new(by: &'static str) -> Self {
        Self { by, origins: Vec::new(), ip: None, is_off: false, attributes: Vec::new() }
    }

    fn address(&mut self, value: &[u8]) {
        self.ip = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
    }

    fn says(&mut self, key: Key, value: &[u8]) {
        if self.attributes.iter().all(|(known, _)| *known != key) {
            self.attributes.extend(Text::some(value).map(|text| (key, text)));
        }
    }

    fn close(&mut self) {
        let attributes = std::mem::take(&mut self.attributes);
        let is_off = std::mem::take(&mut self.is_off);
        if let Some(ip) = self.ip.take().filter(|_| !is_off && self.origins.len() < CHANNELS_MAX) {
            self.origins.push(Origin { ip, attributes, by: self.by });
        }
    }

    fn end(mut self) -> Vec<Origin> {
        self.close();
        self.origins
    }
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|&byte| byte == at)?;
    let (before, after) = bytes.split_at_checked(place)?;
    Some((before, after.get(1..)?))
}

const DAHUA_LIST: &[u8] = b"name=RemoteDevice";
const SOURCE: &str = "sourceInputPortDescriptor";
/// The largest recorders have 256.
const CHANNELS_MAX: usize = 256;
/// Dahua tells about a hundred lines a channel.
const LINES_MAX: usize = 32_768;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(origins: &[Origin]) -> Vec<(String, Vec<(Key, &str)>)> {
        let mut said = Vec::new();
        for Origin { ip, attributes, .. } in origins {
            let attributes = attributes.iter().map(|(key, value)| (*key, value.as_str()));
            said.push((ip.to_string(), attributes.collect()));
        }
        said
    }

    const HIKVISION: &str = "<?xml version=\"1.0\"?><InputProxyChannelList version=\"1.0\" size=\"2\">\
        <InputProxyChannel><id>1</id><name>Gate</name><sourceInputPortDescriptor><proxyProtocol>HIKVISION</proxyProtocol>\
        <ipAddress>192.0.2.71</ipAddress><userName>admin</userName><password>secret</password><model>DS-2CD1</model>\
        <serialNumber>S1</serialNumber><firmwareVersion>V5.5</firmwareVersion></sourceInputPortDescriptor></InputProxyChannel>\
        <InputProxyChannel><id>2</id><name>Yard</name><sourceInputPortDescriptor><ipAddress>192.0.2.72</ipAddress>\
        <model>DS-2CD2</model></sourceInputPortDescriptor></InputProxyChannel></InputProxyChannelList>";

    const DAHUA: &str = "table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.Address=192.0.2.71\r\n\
        table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.DeviceType=IPC-HDW1\r\n\
        table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.Enable=true\r\n\
        table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.Password=secret\r\n\
        table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.VideoInputs[0].Name=stairs\r\n\
        table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_1.Address=192.0.2.0\r\n\
        table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_1.Enable=false\r\n\
        table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_2.Enable=true\r\n\
        table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_2.Address=192.0.2.73\r\n";

    #[test]
    fn channels_in_xml_are_told_without_logins() {
        let channels = in_xml(HIKVISION.as_bytes());
        let first =
            vec![(Key::Name, "Gate"), (Key::Model, "DS-2CD1"), (Key::Serial, "S1"), (Key::Firmware, "V5.5")];
        let second = vec![(Key::Name, "Yard"), (Key::Model, "DS-2CD2")];
        assert_eq!(said(&channels), [("192.0.2.71".to_owned(), first), ("192.0.2.72".to_owned(), second)]);
        assert!(!format!("{channels:?}").contains("secret"));
        assert!(in_xml(b"<DeviceInfo><ipAddress>192.0.2.7</ipAddress></DeviceInfo>").is_empty());
    }

    #[test]
    fn list_that_was_cut_off_says_what_is_there() {
        let cut = &HIKVISION[..HIKVISION.find("Yard").unwrap()];
        assert_eq!(in_xml(cut.as_bytes()).len(), 1);
    }

    #[test]
    fn channels_in_lines_are_told_where_they_are_switched_on() {
        let channels = in_lines(DAHUA.as_bytes());
        let first = vec![(Key::Model, "IPC-HDW1")];
        assert_eq!(said(&channels), [("192.0.2.71".to_owned(), first), ("192.0.2.73".to_owned(), vec![])]);
        assert!(!format!("{channels:?}").contains("secret"));
    }

    #[test]
    fn only_the_list_of_channels_is_read() {
        assert!(is_known(b"/cgi-bin/configManager.cgi?action=getConfig&name=RemoteDevice"));
        assert!(!is_known(b"/cgi-bin/configManager.cgi?action=getConfig&name=Network"));
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in "(table.RemoteDevice.|[.=]|Address|192.0.2.7|\r?\n|[ -~]{0,9}){0,20}") {
            let _ = in_lines(body.as_bytes());
            let _ = in_xml(body.as_bytes());
        }
    }
}
