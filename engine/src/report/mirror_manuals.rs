//! How the main families of switches are told to mirror, each with the manual that says so.
//!
//! Commands are short forms of what the manual describes; names of ports and sessions are examples. Where a switch
//! is set up in a browser the page is named instead.

use serde::Serialize;

/// One family of switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Family {
    /// What to call it on the command line.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its vendor, as devices are named.
    #[serde(skip)]
    pub vendor: &'static str,
    /// A session that copies both directions of one port.
    pub commands: &'static [&'static str],
    /// What to know of it.
    pub notes: &'static [&'static str],
    /// Which manual says so.
    pub source: &'static str,
    /// Where that is.
    pub url: &'static str,
}

/// The families of a vendor.
pub fn of_vendor(vendor: &str) -> impl Iterator<Item = &'static Family> + '_ {
    FAMILIES.iter().filter(move |family| family.vendor.split('|').any(|name| vendor.starts_with(name)))
}

/// The family with this id.
#[must_use]
pub fn named(id: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.id == id)
}

/// All families.
pub const FAMILIES: &[Family] = &[
    Family {
        id: "cisco-ios",
        name: "Cisco IOS and IOS XE (Catalyst, IE)",
        vendor: "Cisco",
        commands: &[
            "monitor session 1 source interface Gi1/0/1 both",
            "monitor session 1 destination interface Gi1/0/24 encapsulation replicate",
            "show monitor session 1",
        ],
        notes: &[
            "Without encapsulation replicate copies come untagged, and BPDUs, CDP and other link protocols are not copied.",
            "Both directions of two ports show what goes from one to the other twice.",
            "In an RSPAN VLAN that VLAN's tag replaces the original one, and encapsulation replicate is not to be had.",
            "An oversubscribed destination drops copies; the traffic itself is not touched.",
        ],
        source: "Cisco, Command Reference IOS XE Gibraltar 16.12 (Catalyst 9500), monitor session; Catalyst 2960-X configuration guide, SPAN and RSPAN",
        url: "https://www.cisco.com/c/en/us/td/docs/switches/lan/catalyst9500/software/release/16-12/command_reference/b_1612_9500_cr/network_management_commands.html",
    },
    Family {
        id: "cisco-nxos",
        name: "Cisco NX-OS (Nexus)",
        vendor: "Cisco",
        commands: &[
            "interface ethernet 1/48",
            "  switchport",
            "  switchport monitor",
            "monitor session 1",
            "  source interface ethernet 1/1 both",
            "  destination interface ethernet 1/48",
            "  no shut",
            "show monitor session 1",
        ],
        notes: &[
            "A session is created in the shut state: without no shut nothing is copied.",
            "VLANs as sources are copied in the ingress direction only on many models.",
        ],
        source: "Cisco Nexus, System Management Configuration Guide, Configuring SPAN",
        url: "https://www.cisco.com/c/en/us/td/docs/switches/datacenter/nexus6000/sw/system_management/7x/b_6k_System_Mgmt_Config_7x/configuring_span.html",
    },
    Family {
        id: "aruba-cx",
        name: "HPE Aruba AOS-CX",
        vendor: "HPE|HP|Aruba|Hewlett",
        commands: &[
            "mirror session 1",
            "  source interface 1/1/1 both",
            "  destination interface 1/1/48",
            "  enable",
            "show mirror 1",
        ],
        notes: &[
            "The direction has no default: each source must say both.",
            "There is one destination, which cannot be a LAG.",
        ],
        source: "Aruba, Monitoring Guide for ArubaOS-CX 10.01, source interface and destination interface",
        url: "https://support.hpe.com/techhub/eginfolib/Aruba/8320_10.01/5200-5120/GUID-72B6DEF7-2008-4790-9071-38EF01E15974.html",
    },
    Family {
        id: "aruba-switch",
        name: "HPE ArubaOS-Switch (ProVision)",
        vendor: "HPE|HP|Aruba|Hewlett",
        commands: &["mirror 1 port 48", "interface 1 monitor all both mirror 1", "show monitor 1"],
        notes: &[
            "Copies of untagged frames get a VLAN tag unless the source says no-tag-added.",
            "A remote session needs jumbo frames on its whole way, or long frames are dropped; with truncation they are cut.",
        ],
        source: "Aruba 2930F/2930M Management and Configuration Guide for ArubaOS-Switch 16.05, Traffic mirroring",
        url: "https://support.hpe.com/techhub/eginfolib/Aruba/16.07/5200-5364/s_Viewing_the_mirroring_configuration_for_a_specific_session_CLI.html",
    },
    Family {
        id: "hpe-comware",
        name: "HPE Comware (FlexNetwork, H3C)",
        vendor: "HPE|HP|Hewlett|H3C",
        commands: &[
            "mirroring-group 1 local",
            "mirroring-group 1 mirroring-port GigabitEthernet1/0/1 both",
            "mirroring-group 1 monitor-port GigabitEthernet1/0/24",
        ],
        notes: &["With both directions of two ports what goes from one to the other is copied twice."],
        source: "HPE, Configuring port mirroring on the switch",
        url: "https://support.hpe.com/techhub/eginfolib/networking/docs/IMC/v7_2/5200-1407/content/458523948.htm",
    },
    Family {
        id: "juniper-ex",
        name: "Juniper EX",
        vendor: "Juniper",
        commands: &[
            "set forwarding-options analyzer span input ingress interface ge-0/0/1.0",
            "set forwarding-options analyzer span input egress interface ge-0/0/1.0",
            "set forwarding-options analyzer span output interface ge-0/0/47.0",
            "commit",
            "show forwarding-options analyzer span",
        ],
        notes: &[
            "Ingress and egress are two statements: with one alone half of the traffic is missing.",
            "Before ELS (Junos 13.2X50) it stands under ethernet-switching-options, and copies have a lower priority than traffic unless loss-priority is high.",
            "A ratio above 1 copies only every nth packet.",
        ],
        source: "Juniper, Junos OS, analyzer (port mirroring) and show analyzer",
        url: "https://juniper.net/documentation/en_US/junos13.2/topics/reference/command-summary/show-analyzer-els.html",
    },
    Family {
        id: "dell-os9",
        name: "Dell Networking OS9 (S, Z series)",
        vendor: "Dell|Force10",
        commands: &[
            "monitor session 1",
            "  source TenGigabitEthernet 1/1 destination TenGigabitEthernet 1/48 direction both",
            "show monitor session",
        ],
        notes: &[
            "What is copied on its way out bears a VLAN tag, what is copied on its way in bears one only if it had one: tags stand on one side.",
            "The destination port must have no other configuration than no shutdown.",
        ],
        source: "Dell Configuration Guide for the S4048-ON System, Port Monitoring",
        url: "https://manualarchiveguide.com/manuals/Dell-S4048-ON-Configuration-Manual-3017331?page=696",
    },
    Family {
        id: "netgear",
        name: "Netgear Smart and Smart Managed Pro",
        vendor: "Netgear|NETGEAR",
        commands: &[
            "web interface: Monitoring > Mirroring: destination port, source ports, direction Tx and Rx",
        ],
        notes: &["The destination port can do nothing else while it is one."],
        source: "NETGEAR, GS724TPv2 User Manual (202-11765-02), Monitor the System",
        url: "https://vdocuments.us/netgear-24-port-gigabit-smart-managed-pro-switch-gigabit-smart-managed-pro-switch.html",
    },
    Family {
        id: "ubiquiti",
        name: "Ubiquiti UniFi and EdgeSwitch",
        vendor: "Ubiquiti",
        commands: &[
            "controller: the switch's Ports, the capture port, operation Mirroring, and the port to mirror",
        ],
        notes: &["A mirroring port copies one port: choose the uplink or the recorder's port."],
        source: "Ubiquiti, UniFi Controller User Guide, UniFi Switch Details",
        url: "https://help.ui.com",
    },
    Family {
        id: "mikrotik",
        name: "MikroTik RouterOS",
        vendor: "MikroTik|Mikrotik",
        commands: &[
            "/interface ethernet switch port set ether2 mirror-ingress=yes mirror-egress=yes",
            "/interface ethernet switch set switch1 mirror-target=ether3",
        ],
        notes: &[
            "Before RouterOS 7.15: /interface ethernet switch set switch1 mirror-source=ether2 mirror-target=ether3.",
            "Only switch chips copy; what the processor bridges or routes by itself is not seen. A rule with mirror=yes copies ingress only.",
        ],
        source: "MikroTik, RouterOS documentation, Switch Chip Features and CRS3xx, Port mirroring",
        url: "https://help.mikrotik.com/docs/x/UICYCw",
    },
    Family {
        id: "hirschmann",
        name: "Hirschmann HiOS and Classic",
        vendor: "Hirschmann|Belden",
        commands: &[
            "web interface: Diagnostics > Ports > Port Mirroring: source ports with RX and TX, destination port",
        ],
        notes: &["Only valid frames are copied, and a Classic switch copies at most 8 ports."],
        source: "Hirschmann, User Manual Basic Configuration L3P 7.1, 9.12 Monitoring Data Traffic at Ports",
        url: "https://easymanua.ls/hirschmann/powermice/manual?p=241",
    },
    Family {
        id: "moxa",
        name: "Moxa EDS, IKS, ICS",
        vendor: "Moxa|MOXA",
        commands: &[
            "web interface: Port Mirror: monitored ports, watch direction bi-directional, mirror port",
        ],
        notes: &[],
        source: "Moxa, Managed Ethernet Switch (UI_2.0_FW_5.x) User's Manual 1.8",
        url: "https://manualmachine.com/moxa/eds528e/24289003-user-manual",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_commands_and_its_source() {
        for family in FAMILIES {
            assert!(!family.commands.is_empty() && !family.source.is_empty(), "{}", family.id);
            assert!(family.url.starts_with("https://"), "{}", family.id);
            assert_eq!(named(family.id), Some(family));
        }
    }

    #[test]
    fn a_vendor_has_its_families() {
        let ids = |vendor| of_vendor(vendor).map(|family| family.id).collect::<Vec<_>>();
        assert_eq!(ids("Cisco"), ["cisco-ios", "cisco-nxos"]);
        assert_eq!(ids("HPE Aruba Networking").len(), 3);
        assert!(ids("Axis").is_empty());
    }
}
