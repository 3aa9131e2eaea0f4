//! LLDP in tshark's words.

use std::net::IpAddr;

use spanwatch_parsers::Malformed;
use spanwatch_parsers::identifier::Identifier;
use spanwatch_parsers::protocols::lldp::power::Power;
use spanwatch_parsers::protocols::lldp::{Frame, Id, Tlv, ieee, med};

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["lldp.tlv.type"], As::Number),
    (&["lldp.chassis.subtype"], As::Number),
    (&["lldp.chassis.id.mac"], As::Bytes),
    (&["lldp.chassis.id.ip4", "lldp.chassis.id.ip6"], As::Shown),
    (&["lldp.chassis.id"], As::Bytes),
    (&["lldp.port.subtype"], As::Number),
    (&["lldp.port.id.mac"], As::Bytes),
    (&["lldp.port.id.ip4", "lldp.port.id.ip6"], As::Shown),
    (&["lldp.port.id"], As::Bytes),
    (&["lldp.time_to_live"], As::Number),
    (&["lldp.port.desc"], As::Bytes),
    (&["lldp.tlv.system.name"], As::Bytes),
    (&["lldp.tlv.system.desc"], As::Bytes),
    (&["lldp.tlv.system_cap"], As::Number),
    (&["lldp.tlv.enable_system_cap"], As::Number),
    (&["lldp.mgn.address.subtype"], As::Number),
    (&["lldp.mgn.addr.ip4", "lldp.mgn.addr.ip6"], As::Shown),
    (&["lldp.mgn.interface.subtype"], As::Number),
    (&["lldp.mgn.interface.number"], As::Number),
    (&["lldp.mgn.obj.id"], As::Bytes),
    (&["lldp.orgtlv.oui"], As::Bytes),
    (&["lldp.ieee.802_1.subtype"], As::Number),
    (&["lldp.ieee.802_1.port_vlan.id"], As::Number),
    (&["lldp.ieee.802_1.port_and_vlan_id_flag"], As::Number),
    (&["lldp.ieee.802_1.port_proto_vlan.id"], As::Number),
    (&["lldp.ieee.802_1.vlan.id"], As::Number),
    (&["lldp.ieee.802_1.vlan.name"], As::Bytes),
    (&["lldp.ieee.802_1.proto.id"], As::Bytes),
    (&["lldp.ieee.802_3.aggregation_status", "lldp.ieee.802_1.aggregation_status"], As::Number),
    (&["lldp.ieee.802_3.aggregated_port_id", "lldp.ieee.802_1.aggregated_port_id"], As::Number),
    (&["lldp.ieee.802_3.subtype"], As::Number),
    (&["lldp.ieee.802_3.mac_phy_auto_neg_status"], As::Number),
    (&["lldp.ieee.802_3.pmd_auto_neg_advertised_caps"], As::Number),
    (&["lldp.ieee.802_3.pmd_mau_type"], As::Number),
    (&["lldp.ieee.802_3.max_frame_size"], As::Number),
    (&["lldp.ieee.802_3.mdi_power_support"], As::Number),
    (&["lldp.ieee.802_3.mdi_pse_pair"], As::Number),
    (&["lldp.ieee.802_3.mdi_power_class"], As::Number),
    (&["lldp.ieee.802_3.mdi_pde_requested"], As::Number),
    (&["lldp.ieee.802_3.mdi_pse_allocated"], As::Number),
    (&["lldp.ieee.802_3.bt_ds_pd_requested_power_value_mode_a"], As::Number),
    (&["lldp.ieee.802_3.bt_ds_pd_requested_power_value_mode_b"], As::Number),
    (&["lldp.ieee.802_3.bt_ds_pse_allocated_power_value_alt_a"], As::Number),
    (&["lldp.ieee.802_3.bt_ds_pse_allocated_power_value_alt_b"], As::Number),
    (&["lldp.ieee.802_3.bt_power_status"], As::Number),
    (&["lldp.ieee.802_3.bt_system_setup"], As::Number),
    (&["lldp.ieee.802_3.bt_pse_maximum_available_power_value"], As::Number),
    (&["lldp.ieee.802_3.bt_autoclass"], As::Number),
    (&["lldp.ieee.802_3.bt_power_down"], As::Number),
    (&["lldp.media.subtype"], As::Number),
    (&["lldp.media.subtype.caps"], As::Number),
    (&["lldp.media.subtype.class"], As::Number),
    (&["lldp.media.app_type"], As::Number),
    (&["lldp.media.policy_flag"], As::Number),
    (&["lldp.media.tag_flag"], As::Number),
    (&["lldp.media.vlan_id"], As::Number),
    (&["lldp.media.l2_prio"], As::Number),
    (&["lldp.media.dscp"], As::Number),
    (&["lldp.media.loc.data_format"], As::Number),
    (&["lldp.media.loc.lat_resolution"], As::Number),
    (&["lldp.media.loc.latitude"], As::Low(34)),
    (&["lldp.media.loc.long_resolution"], As::Number),
    (&["lldp.media.loc.longitude"], As::Low(34)),
    (&["lldp.media.loc.alt_type"], As::Number),
    (&["lldp.media.loc.alt_resolution"], As::Number),
    (&["lldp.media.loc.altitude"], As::Low(30)),
    (&["lldp.media.loc.datum"], As::Number),
    (&["lldp.media.civic.what"], As::Number),
    (&["lldp.media.civic.country"], As::Bytes),
    (&["lldp.media.civic.type"], As::Number),
    (&["lldp.media.civic.value"], As::Bytes),
    (&["lldp.media.ecs"], As::Bytes),
    (&["lldp.media.power.type"], As::Number),
    (&["lldp.media.power.source"], As::Number),
    (&["lldp.media.power.prio"], As::Number),
    (&["lldp.media.power.value"], As::Number),
    (&["lldp.media.hardware"], As::Bytes),
    (&["lldp.media.firmware"], As::Bytes),
    (&["lldp.media.software"], As::Bytes),
    (&["lldp.media.sn"], As::Bytes),
    (&["lldp.media.manufacturer"], As::Bytes),
    (&["lldp.media.model"], As::Bytes),
    (&["lldp.media.asset"], As::Bytes),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let frame = Frame::parse(bytes)?;
    let mut said = Said::new();
    frame.tlvs.iter().for_each(|tlv| tlv_said(tlv, &mut said));
    Ok(said)
}

fn tlv_said(tlv: &Tlv<'_>, said: &mut Said) {
    let kind = match tlv {
        Tlv::End => 0,
        Tlv::Chassis(_) => 1,
        Tlv::Port(_) => 2,
        Tlv::TimeToLive(_) => 3,
        Tlv::PortDescription(_) => 4,
        Tlv::SystemName(_) => 5,
        Tlv::SystemDescription(_) => 6,
        Tlv::Capabilities { .. } => 7,
        Tlv::Management(_) => 8,
        Tlv::Other { kind, .. } => *kind,
        Tlv::Ieee(_) | Tlv::Med(_) | Tlv::Organization { .. } => 127,
    };
    said.push(("lldp.tlv.type", number(kind)));
    match tlv {
        Tlv::Chassis(id) => {
            let names =
                ["lldp.chassis.subtype", "lldp.chassis.id.mac", "lldp.chassis.id.ip4", "lldp.chassis.id"];
            id_said(id, names, said);
        }
        Tlv::Port(id) => {
            let names = ["lldp.port.subtype", "lldp.port.id.mac", "lldp.port.id.ip4", "lldp.port.id"];
            id_said(id, names, said);
        }
        Tlv::TimeToLive(ttl_s) => said.push(("lldp.time_to_live", number(*ttl_s))),
        Tlv::PortDescription(text) => said.push(("lldp.port.desc", hex(text))),
        Tlv::SystemName(text) => said.push(("lldp.tlv.system.name", hex(text))),
        Tlv::SystemDescription(text) => said.push(("lldp.tlv.system.desc", hex(text))),
        Tlv::Capabilities { system, enabled } => {
            said.push(("lldp.tlv.system_cap", number(*system)));
            said.push(("lldp.tlv.enable_system_cap", number(*enabled)));
        }
        Tlv::Management(management) => {
            said.push(("lldp.mgn.address.subtype", number(management.family)));
            said.extend(management.ip().map(|ip| ("lldp.mgn.addr.ip4", ip.to_string())));
            said.push(("lldp.mgn.interface.subtype", number(management.numbering)));
            said.push(("lldp.mgn.interface.number", number(management.interface)));
            if !management.object.is_empty() {
                said.push(("lldp.mgn.obj.id", hex(management.object)));
            }
        }
        Tlv::Ieee(tlv) => ieee_said(tlv, said),
        Tlv::Med(tlv) => {
            said.push(("lldp.orgtlv.oui", hex(&med::OUI)));
            med_said(tlv, said);
        }
        Tlv::Organization { oui, subtype, .. } => {
            said.push(("lldp.orgtlv.oui", hex(oui)));
            match *oui {
                ieee::OUI_8021 => said.push(("lldp.ieee.802_1.subtype", number(*subtype))),
                ieee::OUI_8023 => said.push(("lldp.ieee.802_3.subtype", number(*subtype))),
                med::OUI => said.push(("lldp.media.subtype", number(*subtype))),
                _ => {}
            }
        }
        Tlv::End | Tlv::Other { .. } => {}
    }
}

fn id_said(id: &Id<'_>, [subtype, mac, ip, other]: [&'static str; 4], said: &mut Said) {
    said.push((subtype, number(id.subtype)));
    said.push(match id.id {
        Identifier::Mac(id) => (mac, hex(&id.0)),
        Identifier::Address(IpAddr::V4(id)) => (ip, id.to_string()),
        Identifier::Address(IpAddr::V6(id)) => (ip, id.to_string()),
        Identifier::Text(id) | Identifier::Opaque(id) => (other, hex(id)),
    });
}

fn ieee_said(tlv: &ieee::Tlv<'_>, said: &mut Said) {
    let (oui, subtype) = match tlv {
        ieee::Tlv::PortVlan(_) => (ieee::OUI_8021, 1),
        ieee::Tlv::ProtocolVlan { .. } => (ieee::OUI_8021, 2),
        ieee::Tlv::VlanName { .. } => (ieee::OUI_8021, 3),
        ieee::Tlv::Protocol(_) => (ieee::OUI_8021, 4),
        ieee::Tlv::ManagementVlan(_) => (ieee::OUI_8021, 6),
        ieee::Tlv::MacPhy(_) => (ieee::OUI_8023, 1),
        ieee::Tlv::Power(_) => (ieee::OUI_8023, 2),
        // Both have one; only that of 802.3 occurs in the captures.
        ieee::Tlv::Aggregation { .. } => (ieee::OUI_8023, 3),
        ieee::Tlv::MaxFrame(_) => (ieee::OUI_8023, 4),
    };
    said.push(("lldp.orgtlv.oui", hex(&oui)));
    let column = if oui == ieee::OUI_8021 { "lldp.ieee.802_1.subtype" } else { "lldp.ieee.802_3.subtype" };
    said.push((column, number(subtype as u8)));
    match tlv {
        ieee::Tlv::PortVlan(vlan) => said.push(("lldp.ieee.802_1.port_vlan.id", number(*vlan))),
        ieee::Tlv::ProtocolVlan { flags, vlan } => {
            said.push(("lldp.ieee.802_1.port_and_vlan_id_flag", number(*flags)));
            said.push(("lldp.ieee.802_1.port_proto_vlan.id", number(*vlan)));
        }
        ieee::Tlv::VlanName { vlan, name } => {
            said.push(("lldp.ieee.802_1.vlan.id", number(*vlan)));
            said.push(("lldp.ieee.802_1.vlan.name", hex(name)));
        }
        ieee::Tlv::Protocol(protocol) => said.push(("lldp.ieee.802_1.proto.id", hex(protocol))),
        ieee::Tlv::Aggregation { flags, port } => {
            said.push(("lldp.ieee.802_3.aggregation_status", number(*flags)));
            said.push(("lldp.ieee.802_3.aggregated_port_id", number(*port)));
        }
        ieee::Tlv::MacPhy(link) => said.extend([
            ("lldp.ieee.802_3.mac_phy_auto_neg_status", number(link.negotiation)),
            ("lldp.ieee.802_3.pmd_auto_neg_advertised_caps", number(link.offered)),
            ("lldp.ieee.802_3.pmd_mau_type", number(link.operational)),
        ]),
        ieee::Tlv::Power(power) => power_said(power, said),
        ieee::Tlv::MaxFrame(bytes) => said.push(("lldp.ieee.802_3.max_frame_size", number(*bytes))),
        ieee::Tlv::ManagementVlan(_) => {}
    }
}

fn power_said(power: &Power, said: &mut Said) {
    said.push(("lldp.ieee.802_3.mdi_power_support", number(power.flags)));
    said.push(("lldp.ieee.802_3.mdi_pse_pair", number(power.pairs)));
    said.push(("lldp.ieee.802_3.mdi_power_class", number(power.class)));
    if let Some(at) = power.at {
        said.push(("lldp.ieee.802_3.mdi_pde_requested", number(at.requested_dw)));
        said.push(("lldp.ieee.802_3.mdi_pse_allocated", number(at.allocated_dw)));
    }
    if let Some(bt) = power.bt {
        let [requested_a, requested_b] = bt.requested_dw;
        let [allocated_a, allocated_b] = bt.allocated_dw;
        said.extend([
            ("lldp.ieee.802_3.bt_ds_pd_requested_power_value_mode_a", number(requested_a)),
            ("lldp.ieee.802_3.bt_ds_pd_requested_power_value_mode_b", number(requested_b)),
            ("lldp.ieee.802_3.bt_ds_pse_allocated_power_value_alt_a", number(allocated_a)),
            ("lldp.ieee.802_3.bt_ds_pse_allocated_power_value_alt_b", number(allocated_b)),
            ("lldp.ieee.802_3.bt_power_status", number(bt.status)),
            ("lldp.ieee.802_3.bt_system_setup", number(bt.setup)),
            ("lldp.ieee.802_3.bt_pse_maximum_available_power_value", number(bt.available_dw)),
            ("lldp.ieee.802_3.bt_autoclass", number(bt.autoclass)),
            ("lldp.ieee.802_3.bt_power_down", number(bt.power_down)),
        ]);
    }
}

fn med_said(tlv: &med::Tlv<'_>, said: &mut Said) {
    let (subtype, text): (u8, Option<(&'static str, &[u8])>) = match tlv {
        med::Tlv::Capabilities { .. } => (1, None),
        med::Tlv::Policy(_) => (2, None),
        med::Tlv::Location(_) => (3, None),
        med::Tlv::Power(_) => (4, None),
        med::Tlv::Hardware(text) => (5, Some(("lldp.media.hardware", text))),
        med::Tlv::Firmware(text) => (6, Some(("lldp.media.firmware", text))),
        med::Tlv::Software(text) => (7, Some(("lldp.media.software", text))),
        med::Tlv::Serial(text) => (8, Some(("lldp.media.sn", text))),
        med::Tlv::Manufacturer(text) => (9, Some(("lldp.media.manufacturer", text))),
        med::Tlv::Model(text) => (10, Some(("lldp.media.model", text))),
        med::Tlv::Asset(text) => (11, Some(("lldp.media.asset", text))),
    };
    said.push(("lldp.media.subtype", number(subtype)));
    said.extend(text.map(|(name, text)| (name, hex(text))));
    match tlv {
        med::Tlv::Capabilities { bits, class } => {
            said.push(("lldp.media.subtype.caps", number(*bits)));
            said.push(("lldp.media.subtype.class", number(*class)));
        }
        med::Tlv::Policy(policy) => said.extend([
            ("lldp.media.app_type", number(policy.application)),
            ("lldp.media.policy_flag", number(policy.is_unknown)),
            ("lldp.media.tag_flag", number(policy.is_tagged)),
            ("lldp.media.vlan_id", number(policy.vlan)),
            ("lldp.media.l2_prio", number(policy.priority)),
            ("lldp.media.dscp", number(policy.dscp)),
        ]),
        med::Tlv::Location(location) => location_said(location, said),
        med::Tlv::Power(power) => said.extend([
            ("lldp.media.power.type", number(power.source >> 6)),
            ("lldp.media.power.source", number(power.source >> 4 & 3)),
            ("lldp.media.power.prio", number(power.source & 15)),
            ("lldp.media.power.value", number(power.value_dw)),
        ]),
        _ => {}
    }
}

fn location_said(location: &med::Location<'_>, said: &mut Said) {
    let format = match location {
        med::Location::Coordinates(_) => 1,
        med::Location::Civic(_) => 2,
        med::Location::Number(_) => 3,
        med::Location::Other { format, .. } => *format,
    };
    said.push(("lldp.media.loc.data_format", number(format)));
    match location {
        med::Location::Coordinates(place) => {
            let unsigned = |value: i64, bits: u32| number(value.cast_unsigned() & ((1 << bits) - 1));
            said.extend([
                ("lldp.media.loc.lat_resolution", number(place.resolutions[0])),
                ("lldp.media.loc.latitude", unsigned(place.latitude, 34)),
                ("lldp.media.loc.long_resolution", number(place.resolutions[1])),
                ("lldp.media.loc.longitude", unsigned(place.longitude, 34)),
                ("lldp.media.loc.alt_type", number(place.altitude_sort)),
                ("lldp.media.loc.alt_resolution", number(place.resolutions[2])),
                ("lldp.media.loc.altitude", unsigned(place.altitude, 30)),
                ("lldp.media.loc.datum", number(place.datum)),
            ]);
        }
        med::Location::Civic(civic) => {
            said.push(("lldp.media.civic.what", number(civic.what)));
            said.push(("lldp.media.civic.country", hex(civic.country)));
            for (kind, text) in &civic.parts {
                said.push(("lldp.media.civic.type", number(*kind)));
                said.push(("lldp.media.civic.value", hex(text)));
            }
        }
        med::Location::Number(text) => said.push(("lldp.media.ecs", hex(text))),
        med::Location::Other { .. } => {}
    }
}
