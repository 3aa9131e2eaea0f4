//! Frames without IP.

use std::net::Ipv4Addr;

use spanwatch_simulator::wire::cdp::{self, Cdp};
use spanwatch_simulator::wire::lacp::{self, End};
use spanwatch_simulator::wire::lldp::{self, Link, Lldp, Med, Power};
use spanwatch_simulator::wire::stp::{self, Bpdu, Bridge};
use spanwatch_simulator::wire::{Mac, ethernet};

use crate::capture::{CAMERA, CAMERA_MAC, Capture};

pub fn frames(capture: &mut Capture) {
    lldp(capture);
    stp(capture);
    cdp(capture);
    lacp(capture);
}

fn lldp(capture: &mut Capture) {
    let mut camera = Lldp {
        chassis: CAMERA_MAC,
        port: "eth0".into(),
        port_description: Some("uplink".into()),
        ttl_s: 120,
        name: "cam-07".into(),
        description: "Example camera 4.2".into(),
        capabilities: (lldp::STATION | lldp::BRIDGE, lldp::STATION),
        management: Some((CAMERA, 3)),
        vlan: Some(20),
        power: Some(Power { is_source: false, class: 4, requested_dw: 182, allocated_dw: 255 }),
        link: Some(Link { negotiation: 3, advertised: 0x6c01, mau: 30 }),
        med: Some(Med {
            class: 1,
            hardware: "B1".into(),
            firmware: "4.2.0".into(),
            software: "4.2.1".into(),
            serial: "SN0007".into(),
            manufacturer: "Example".into(),
            model: "EX-1".into(),
        }),
    };
    capture
        .typed("lldp camera", NEAREST_BRIDGE, ethernet::LLDP, camera.payload())
        .shows("lldp.chassis.id.mac", CAMERA_MAC)
        .shows("lldp.port.id", "eth0")
        .shows("lldp.port.desc", "uplink")
        .shows("lldp.time_to_live", 120)
        .shows("lldp.tlv.system.name", "cam-07")
        .shows("lldp.tlv.system.desc", "Example camera 4.2")
        .shows("lldp.tlv.system_cap", "0x0084")
        .shows("lldp.tlv.enable_system_cap", "0x0080")
        .shows("lldp.mgn.addr.ip4", CAMERA)
        .shows("lldp.mgn.interface.number", 3)
        .shows("lldp.ieee.802_1.port_vlan.id", 20)
        .shows("lldp.ieee.802_3.pmd_auto_neg_advertised_caps", "0x6c01")
        .shows("lldp.ieee.802_3.pmd_mau_type", "0x001e")
        .shows("lldp.ieee.802_3.mdi_power_class", 5)
        .shows("lldp.ieee.802_3.mdi_power_type", 1)
        .shows("lldp.ieee.802_3.mdi_pde_requested", 182)
        .shows("lldp.ieee.802_3.mdi_pse_allocated", 255)
        .shows("lldp.media.subtype.class", 1)
        .shows("lldp.media.hardware", "B1")
        .shows("lldp.media.firmware", "4.2.0")
        .shows("lldp.media.software", "4.2.1")
        .shows("lldp.media.sn", "SN0007")
        .shows("lldp.media.manufacturer", "Example")
        .shows("lldp.media.model", "EX-1");

    camera.power = Some(Power { is_source: true, class: 3, requested_dw: 90, allocated_dw: 130 });
    camera.management = Some(("2001:db8::7".parse().expect("an address"), 4));
    capture
        .typed("lldp switch", NEAREST_BRIDGE, ethernet::LLDP, camera.payload())
        .shows("lldp.mgn.addr.ip6", "2001:db8::7")
        .shows("lldp.ieee.802_3.mdi_power_type", 2)
        .shows("lldp.ieee.802_3.mdi_power_class", 4);

    camera.ttl_s = 0;
    capture
        .typed("lldp shutdown", NEAREST_BRIDGE, ethernet::LLDP, camera.payload())
        .shows("lldp.time_to_live", 0)
        .shows("lldp.tlv.system.name", "");
}

fn stp(capture: &mut Capture) {
    let bpdu = Bpdu {
        root: Bridge(0x1014, Mac([2, 0, 0x5e, 0, 1, 1])),
        root_cost: 20_000,
        bridge: Bridge(0x8014, Mac([2, 0, 0x5e, 0, 1, 2])),
        port: 0x8003,
        message_age_s: 1,
        max_age_s: 20,
        hello_s: 2,
        forward_delay_s: 15,
        flags: stp::DESIGNATED | stp::LEARNING | stp::FORWARDING | stp::TOPOLOGY_CHANGE,
    };
    capture
        .llc("rapid", BRIDGES, stp::rapid(&bpdu))
        .shows("stp.version", 2)
        .shows("stp.type", "0x02")
        .shows("stp.flags", "0x3d")
        .shows("stp.root.prio", 4_096)
        .shows("stp.root.ext", 20)
        .shows("stp.root.hw", bpdu.root.1)
        .shows("stp.root.cost", 20_000)
        .shows("stp.bridge.prio", 32_768)
        .shows("stp.bridge.hw", bpdu.bridge.1)
        .shows("stp.port", "0x8003")
        .shows("stp.msg_age", 1)
        .shows("stp.max_age", 20)
        .shows("stp.hello", 2)
        .shows("stp.forward", 15)
        .shows("stp.version_1_length", 0);
    capture
        .llc("config", BRIDGES, stp::config(&bpdu))
        .shows("stp.version", 0)
        .shows("stp.type", "0x00")
        .shows("stp.flags", "0x01")
        .shows("stp.root.hw", bpdu.root.1);
    capture.llc("tcn", BRIDGES, stp::tcn()).shows("stp.type", "0x80");
}

fn cdp(capture: &mut Capture) {
    for (device, is_full_duplex) in [("cam-07", true), ("cam-7", true), ("cam-7", false), ("cam-07", false)] {
        let cdp = Cdp {
            ttl_s: 180,
            device,
            port: "eth0",
            capabilities: cdp::HOST | cdp::IGMP,
            version: "Example 4.2",
            platform: "EX-1",
            address: Some(Ipv4Addr::new(192, 0, 2, 7)),
            native_vlan: Some(20),
            power_mw: Some(12_950),
            is_full_duplex,
        };
        capture
            .llc("cdp", Mac([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc]), cdp.payload())
            .shows("cdp.version", 2)
            .shows("cdp.ttl", 180)
            .shows("cdp.checksum.status", 1)
            .shows("cdp.deviceid", device)
            .shows("cdp.portid", "eth0")
            .shows("cdp.capabilities", "0x00000030")
            .shows("cdp.software_version", "Example 4.2")
            .shows("cdp.platform", "EX-1")
            .shows("cdp.nrgyz.ip_address", "192.0.2.7")
            .shows("cdp.native_vlan", 20)
            .shows("cdp.power_consumption", 12_950)
            .shows("cdp.duplex", u8::from(is_full_duplex));
    }
}

fn lacp(capture: &mut Capture) {
    let actor = End {
        system: (32_768, Mac([2, 0, 0x5e, 0, 1, 1])),
        key: 10,
        port: (255, 3),
        state: lacp::ACTIVE | lacp::AGGREGATION | lacp::SYNCHRONIZATION,
    };
    let partner = End {
        system: (1, Mac([2, 0, 0x5e, 0, 1, 2])),
        key: 11,
        port: (128, 4),
        state: lacp::DEFAULTED | lacp::EXPIRED,
    };
    capture
        .typed("lacp", Mac([0x01, 0x80, 0xc2, 0, 0, 2]), lacp::ETHERTYPE, lacp::message(&actor, &partner))
        .shows("lacp.actor.sys_priority", 32_768)
        .shows("lacp.actor.sysid", actor.system.1)
        .shows("lacp.actor.key", 10)
        .shows("lacp.actor.port_priority", 255)
        .shows("lacp.actor.port", 3)
        .shows("lacp.actor.state", "0x0d")
        .shows("lacp.partner.sysid", partner.system.1)
        .shows("lacp.partner.port", 4)
        .shows("lacp.partner.state", "0xc0");
}

const NEAREST_BRIDGE: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0x0e]);
const BRIDGES: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0]);
