//! What devices answer to questions that their makers thought of.
//!
//! ```text
//! Hikvision   /ISAPI/System/deviceInfo                        <DeviceInfo> <model>, <serialNumber>, <firmwareVersion>, …
//! Dahua       /cgi-bin/magicBox.cgi?action=getDeviceType      type=IPC-HDW1
//! Axis        /axis-cgi/basicdeviceinfo.cgi                   {"data": {"propertyList": {"ProdNbr": "M3045-V", …
//!             /axis-cgi/param.cgi?action=list                 root.Brand.ProdNbr=M3045-V
//! Hanwha      /stw-cgi/system.cgi?msubmenu=deviceinfo         Model=XNV-8080R, or the same in JSON
//! ```
//!
//! Source: Hikvision ISAPI (facts, protocols 3.3); Dahua HTTP API; Axis VAPIX, Basic device information and Parameter
//! management; Hanwha SUNAPI. Left out: what is set rather than told, and makers' names that an OEM does not put there.

use crate::vocabulary::{Key, Text};
use crate::xml::{self, Piece};

/// What a field of an answer is.
struct Field {
    /// Where it is asked for.
    path: &'static str,
    /// What stands behind the `?` then.
    query: &'static str,
    name: &'static str,
    key: Key,
}

/// Whether what `target` asks for is read.
pub(super) fn is_known(target: &[u8]) -> bool {
    fields(target).next().is_some()
}

/// What an answer in lines or in JSON says to who asked for `target`.
pub(super) fn answer(target: &[u8], body: &[u8]) -> Vec<(Key, Text)> {
    let is_json = body.trim_ascii_start().starts_with(b"{");
    let said = fields(target).filter_map(|field| {
        let value = if is_json { json_text(body, field.name) } else { line_value(body, field.name) };
        Some((field.key, Text::some(&value?)?))
    });
    said.collect()
}

/// What a `DeviceInfo` says of its device.
pub(super) fn device_info(document: &[u8]) -> Vec<(Key, Text)> {
    let mut said = Vec::new();
    xml::walk(document, |path, piece| {
        let Piece::Text(text) = piece else { return };
        if path.depth() != 2 || path.at(0) != "DeviceInfo" {
            return;
        }
        let key = match path.name() {
            "manufacturer" => Key::Vendor,
            "deviceName" => Key::Name,
            "model" => Key::Model,
            "serialNumber" => Key::Serial,
            "firmwareVersion" => Key::Firmware,
            "hardwareVersion" => Key::Hardware,
            _ => return,
        };
        if said.iter().all(|(known, _)| *known != key) {
            said.extend(Text::some(text.as_bytes()).map(|text| (key, text)));
        }
    });
    said
}

fn fields(target: &[u8]) -> impl Iterator<Item = &'static Field> {
    let end = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at_checked(end).unwrap_or((target, b""));
    let query = query.to_vec();
    let is_path = FIELDS.iter().filter(move |field| field.path.as_bytes() == path);
    is_path.filter(move |field| {
        let wanted = field.query.as_bytes();
        wanted.is_empty() || query.windows(wanted.len()).any(|window| window == wanted)
    })
}

/// The value in `name=value`.
fn line_value(body: &[u8], name: &str) -> Option<Vec<u8>> {
    body.split(|&byte| byte == b'\n').find_map(|line| {
        let value = line.trim_ascii_start().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value.trim_ascii().to_vec())
    })
}

/// The text in `"name": "text"`, wherever it stands first.
fn json_text(body: &[u8], name: &str) -> Option<Vec<u8>> {
    let quoted = format!("\"{name}\"");
    let at = body.windows(quoted.len()).position(|window| window == quoted.as_bytes())?;
    let behind = body.get(at.saturating_add(quoted.len())..)?.trim_ascii_start().strip_prefix(b":")?;
    let mut bytes = behind.trim_ascii_start().strip_prefix(b"\"")?.iter();
    let mut text = Vec::new();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => return Some(text),
            b'\\' => text.push(*bytes.next()?),
            _ => text.push(byte),
        }
    }
    None
}

const fn field(path: &'static str, query: &'static str, name: &'static str, key: Key) -> Field {
    Field { path, query, name, key }
}

const DAHUA: &str = "/cgi-bin/magicBox.cgi";
const AXIS: &str = "/axis-cgi/basicdeviceinfo.cgi";
const AXIS_LIST: &str = "/axis-cgi/param.cgi";
const HANWHA: &str = "/stw-cgi/system.cgi";

const FIELDS: &[Field] = &[
    field(DAHUA, "action=getDeviceType", "type", Key::Model),
    field(DAHUA, "action=getSerialNo", "sn", Key::Serial),
    field(DAHUA, "action=getSoftwareVersion", "version", Key::Firmware),
    field(DAHUA, "action=getHardwareVersion", "version", Key::Hardware),
    field(DAHUA, "action=getMachineName", "name", Key::Name),
    field(DAHUA, "action=getVendor", "vendor", Key::Vendor),
    field(DAHUA, "action=getSystemInfo", "serialNumber", Key::Serial),
    field(DAHUA, "action=getSystemInfo", "hardwareVersion", Key::Hardware),
    field(AXIS, "", "Brand", Key::Vendor),
    field(AXIS, "", "ProdNbr", Key::Model),
    field(AXIS, "", "Version", Key::Firmware),
    field(AXIS, "", "SerialNumber", Key::Serial),
    field(AXIS, "", "HardwareID", Key::Hardware),
    field(AXIS_LIST, "", "root.Brand.Brand", Key::Vendor),
    field(AXIS_LIST, "", "root.Brand.ProdNbr", Key::Model),
    field(AXIS_LIST, "", "root.Properties.Firmware.Version", Key::Firmware),
    field(AXIS_LIST, "", "root.Properties.System.SerialNumber", Key::Serial),
    field(AXIS_LIST, "", "root.Properties.System.HardwareID", Key::Hardware),
    field(HANWHA, "msubmenu=deviceinfo", "Model", Key::Model),
    field(HANWHA, "msubmenu=deviceinfo", "SerialNumber", Key::Serial),
    field(HANWHA, "msubmenu=deviceinfo", "FirmwareVersion", Key::Firmware),
    field(HANWHA, "msubmenu=deviceinfo", "DeviceName", Key::Name),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(said: &[(Key, Text)]) -> Vec<(Key, &str)> {
        said.iter().map(|(key, value)| (*key, value.as_str())).collect()
    }

    #[test]
    fn hikvision_describes_its_device_in_xml() {
        let document = b"<?xml version=\"1.0\"?><DeviceInfo version=\"2.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">\
            <deviceName>Gate</deviceName><model>DS-2CD2042WD-I</model><serialNumber>DS-2CD2042WD-I0001</serialNumber>\
            <firmwareVersion>V5.4.5</firmwareVersion><Extension><model>x</model></Extension></DeviceInfo>";
        let info = device_info(document);
        assert_eq!(
            said(&info),
            [
                (Key::Name, "Gate"),
                (Key::Model, "DS-2CD2042WD-I"),
                (Key::Serial, "DS-2CD2042WD-I0001"),
                (Key::Firmware, "V5.4.5")
            ]
        );
    }

    #[test]
    fn dahua_answers_one_question_at_a_time() {
        let ask = |action: &str, body: &str| {
            let target = format!("/cgi-bin/magicBox.cgi?action={action}");
            said(&answer(target.as_bytes(), body.as_bytes()))
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned()))
                .collect::<Vec<_>>()
        };
        assert_eq!(ask("getDeviceType", "type=IPC-HDW1\r\n"), [(Key::Model, "IPC-HDW1".to_owned())]);
        assert_eq!(ask("getSoftwareVersion", "version=2.8\r\n"), [(Key::Firmware, "2.8".to_owned())]);
        assert_eq!(ask("getHardwareVersion", "version=1.0\r\n"), [(Key::Hardware, "1.0".to_owned())]);
        assert_eq!(ask("reboot", "version=1.0\r\n"), []);
    }

    #[test]
    fn axis_answers_in_json_and_in_lines() {
        let body =
            br#"{"data": {"propertyList": {"ProdNbr" : "M3045-V", "Version": "9.80.1", "Brand":"AXIS"}}}"#;
        let expected = [(Key::Vendor, "AXIS"), (Key::Model, "M3045-V"), (Key::Firmware, "9.80.1")];
        assert_eq!(said(&answer(b"/axis-cgi/basicdeviceinfo.cgi", body)), expected);
        let lines =
            b"root.Brand.Brand=AXIS\nroot.Brand.ProdNbr=M3045-V\nroot.Properties.Firmware.Version=9.80.1\n";
        assert_eq!(said(&answer(b"/axis-cgi/param.cgi?action=list", lines)), expected);
    }

    #[test]
    fn hanwha_answers_in_lines() {
        let body = b"Model=XNV-8080R\r\nSerialNumber=ZZ\r\nFirmwareVersion=1.41\r\nDeviceName=\r\n";
        let expected = [(Key::Model, "XNV-8080R"), (Key::Serial, "ZZ"), (Key::Firmware, "1.41")];
        assert_eq!(said(&answer(b"/stw-cgi/system.cgi?msubmenu=deviceinfo&action=view", body)), expected);
        assert!(!is_known(b"/stw-cgi/system.cgi?msubmenu=date"));
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in "(\"Brand\"|\"|:|\\\\|[{} ]|Brand=|type=|\r?\n|[ -~é]{0,9}){0,20}") {
            let _ = answer(b"/axis-cgi/basicdeviceinfo.cgi", body.as_bytes());
            let _ = answer(b"/cgi-bin/magicBox.cgi?action=getDeviceType", body.as_bytes());
            let _ = device_info(body.as_bytes());
        }
    }
}
