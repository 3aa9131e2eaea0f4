//! CDP in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::protocols::cdp::{Address, Frame, Power, Tlv};

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["cdp.version"], As::Number),
    (&["cdp.ttl"], As::Number),
    (&["cdp.tlv.type"], As::Number),
    (&["cdp.deviceid"], As::Bytes),
    (&["cdp.portid"], As::Bytes),
    (&["cdp.capabilities"], As::Number),
    (&["cdp.software_version"], As::Bytes),
    (&["cdp.platform"], As::Bytes),
    (&["cdp.number_of_addresses"], As::Number),
    (&["cdp.protocol_type"], As::Number),
    (&["cdp.protocol"], As::Bytes),
    (&["cdp.nrgyz.ip_address", "cdp.nrgyz.ipv6_address"], As::Shown),
    (&["cdp.native_vlan"], As::Number),
    (&["cdp.duplex"], As::Number),
    (&["cdp.voice_vlan"], As::Number),
    (&["cdp.power_consumption"], As::Number),
    (&["cdp.mtu"], As::Number),
    (&["cdp.system_name"], As::Bytes),
    (&["cdp.location"], As::Bytes),
    (&["cdp.request_id"], As::Number),
    (&["cdp.management_id"], As::Number),
    (&["cdp.power_requested"], As::Number),
    (&["cdp.power_available"], As::Number),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let frame = Frame::parse(bytes)?;
    let mut said = vec![("cdp.version", number(frame.version)), ("cdp.ttl", number(frame.ttl_s))];
    frame.tlvs.iter().for_each(|tlv| tlv_said(tlv, &mut said));
    Ok(said)
}

fn tlv_said(tlv: &Tlv<'_>, said: &mut Said) {
    let mut say = |kind: u16, name, value| said.extend([("cdp.tlv.type", number(kind)), (name, value)]);
    match tlv {
        Tlv::DeviceId(text) => say(1, "cdp.deviceid", hex(text)),
        Tlv::PortId(text) => say(3, "cdp.portid", hex(text)),
        Tlv::Capabilities(bits) => say(4, "cdp.capabilities", number(*bits)),
        Tlv::Version(text) => {
            said.push(("cdp.tlv.type", number(5_u16)));
            said.extend(
                text.split_inclusive(|byte| *byte == b'\n').map(|line| ("cdp.software_version", hex(line))),
            );
        }
        Tlv::Platform(text) => say(6, "cdp.platform", hex(text)),
        Tlv::NativeVlan(vlan) => say(0x0a, "cdp.native_vlan", number(*vlan)),
        Tlv::FullDuplex(is_full) => say(0x0b, "cdp.duplex", number(*is_full)),
        Tlv::VoiceVlan(vlan) => say(0x0e, "cdp.voice_vlan", number(*vlan)),
        Tlv::VoiceVlanQuery(vlan) => say(0x0f, "cdp.voice_vlan", number(*vlan)),
        Tlv::PowerConsumption(mw) => say(0x10, "cdp.power_consumption", number(*mw)),
        Tlv::Mtu(bytes) => say(0x11, "cdp.mtu", number(*bytes)),
        Tlv::SystemName(text) => say(0x14, "cdp.system_name", hex(text)),
        Tlv::Location(text) => say(0x17, "cdp.location", hex(text)),
        Tlv::Addresses(addresses) => addresses_said(2, addresses, said),
        Tlv::Management(addresses) => addresses_said(0x16, addresses, said),
        Tlv::PowerRequested(power) => power_said(0x19, "cdp.power_requested", power, said),
        Tlv::PowerAvailable(power) => power_said(0x1a, "cdp.power_available", power, said),
        Tlv::Other { kind, .. } => said.push(("cdp.tlv.type", number(*kind))),
    }
}

fn addresses_said(kind: u16, addresses: &[Address<'_>], said: &mut Said) {
    said.push(("cdp.tlv.type", number(kind)));
    said.push(("cdp.number_of_addresses", number(addresses.len() as u64)));
    for address in addresses {
        said.extend([("cdp.protocol_type", number(address.form)), ("cdp.protocol", hex(address.protocol))]);
        said.extend(address.ip().map(|ip| ("cdp.nrgyz.ip_address", ip.to_string())));
    }
}

fn power_said(kind: u16, name: &'static str, power: &Power, said: &mut Said) {
    said.push(("cdp.tlv.type", number(kind)));
    said.push(("cdp.request_id", number(power.request)));
    said.push(("cdp.management_id", number(power.management)));
    said.extend(power.levels_mw.iter().map(|mw| (name, number(*mw))));
}
