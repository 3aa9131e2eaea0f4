//! Devices of real captures, named by what their MAC and their DHCP say.
//!
//! The MACs are those that the IoT Sentinel data set gives for its devices; the
//! DHCP options were read from its captures with tshark.

use std::path::Path;

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{Concluded, Key, Mac};

struct Device {
    label: &'static str,
    mac: [u8; 6],
    /// Whose block its MAC is from; empty where a maker of modules holds it.
    vendor: &'static str,
    /// Option 12.
    hostname: &'static str,
    /// Option 60.
    class: &'static str,
    /// What they conclude on vendor, model and kind.
    concluded: &'static [&'static str],
}

const DEVICES: &[Device] = &[
    Device {
        label: "D-LinkCam",
        mac: [0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e],
        vendor: "D-Link",
        hostname: "DCS-935L",
        class: "udhcp 1.22.1",
        concluded: &["D-Link", "DCS-935L", "camera"],
    },
    Device {
        label: "EdimaxCam1",
        mac: [0x74, 0xda, 0x38, 0x80, 0x7a, 0x08],
        vendor: "Edimax",
        hostname: "",
        class: "udhcp 0.9.8",
        concluded: &[],
    },
    Device {
        label: "EdimaxCam2",
        mac: [0x74, 0xda, 0x38, 0x80, 0x79, 0xfc],
        vendor: "Edimax",
        hostname: "",
        class: "udhcp 0.9.8",
        concluded: &[],
    },
    Device {
        label: "D-LinkSensor",
        mac: [0x90, 0x8d, 0x78, 0xa8, 0xe1, 0x43],
        vendor: "D-Link",
        hostname: "DCH-S150",
        class: "udhcp 1.21.1--LSDK-10.1.432",
        concluded: &["D-Link", "DCH-S150", "sensor"],
    },
    Device {
        label: "D-LinkWaterSensor",
        mac: [0x6c, 0x72, 0x20, 0xc5, 0x17, 0x5a],
        vendor: "D-Link",
        hostname: "DCH-S160",
        class: "udhcp 1.21.1--LSDK-10.2-00082-4",
        concluded: &["D-Link", "DCH-S160", "sensor"],
    },
    Device {
        label: "D-LinkDoorSensor",
        mac: [0x1c, 0x5f, 0x2b, 0xaa, 0xfd, 0x4e],
        vendor: "D-Link",
        hostname: "",
        class: "",
        concluded: &[],
    },
    Device {
        label: "D-LinkSwitch",
        mac: [0x90, 0x8d, 0x78, 0xa9, 0x3d, 0x6f],
        vendor: "D-Link",
        hostname: "DSP-W215",
        class: "udhcp 1.21.1--LSDK-10.2-00082-4",
        concluded: &["D-Link", "DSP-W215"],
    },
    Device {
        label: "EdimaxPlug1101W",
        mac: [0x74, 0xda, 0x38, 0x4a, 0x76, 0x49],
        vendor: "Edimax",
        hostname: "",
        class: "udhcp 1.15.2",
        concluded: &[],
    },
    Device {
        label: "EdnetGateway",
        mac: [0xac, 0xcf, 0x23, 0x62, 0x3c, 0x6e],
        vendor: "",
        hostname: "HF-LPB100",
        class: "",
        concluded: &[],
    },
    Device {
        label: "HueBridge",
        mac: [0x00, 0x17, 0x88, 0x24, 0x76, 0xff],
        vendor: "Philips Lighting BV",
        hostname: "Philips-hue",
        class: "udhcp 1.19.4",
        concluded: &[],
    },
    Device {
        label: "MAXGateway",
        mac: [0x00, 0x1a, 0x22, 0x03, 0xcb, 0xbe],
        vendor: "eQ-3 Entwicklung GmbH",
        hostname: "KEQ0817541",
        class: "",
        concluded: &[],
    },
    Device {
        label: "TP-LinkPlugHS100",
        mac: [0x50, 0xc7, 0xbf, 0x00, 0xfc, 0xa3],
        vendor: "TP-Link",
        hostname: "HS100(EU)",
        class: "udhcp 0.9.9-pre",
        concluded: &["TP-Link", "HS100"],
    },
    Device {
        label: "WeMoSwitch",
        mac: [0x94, 0x10, 0x3e, 0x35, 0x01, 0xc1],
        vendor: "Belkin",
        hostname: "",
        class: "udhcp 1.22.1",
        concluded: &[],
    },
];

#[test]
fn mac_names_the_vendor_unless_it_is_that_of_a_bought_module() {
    for device in DEVICES {
        let vendor = Fingerprints::builtin().vendor_of(Mac(device.mac));
        assert_eq!(vendor.unwrap_or_default(), device.vendor, "{}", device.label);
    }
}

#[test]
fn dhcp_names_vendor_model_and_kind_where_it_says_them() {
    for device in DEVICES {
        let mut labels = Vec::new();
        Fingerprints::builtin().labels(Key::DhcpHostname, device.hostname, &mut labels);
        Fingerprints::builtin().labels(Key::DhcpVendorClass, device.class, &mut labels);
        let concluded: Vec<_> = labels.iter().map(|label| label.value.as_str()).collect();
        assert_eq!(concluded, device.concluded, "{}", device.label);
    }
}

#[test]
fn dhcp_never_contradicts_the_mac() {
    for device in DEVICES {
        let mut labels = Vec::new();
        Fingerprints::builtin().labels(Key::DhcpHostname, device.hostname, &mut labels);
        let vendors = labels.iter().filter(|label| label.attribute == Concluded::Vendor);
        assert!(vendors.map(|label| label.value.as_str()).all(|vendor| vendor == device.vendor));
    }
}

#[test]
fn macs_are_those_of_the_data_set() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/pcaps/andypitcher__IoT_Sentinel/captures_IoT_Sentinel/captures_IoT-Sentinel");
    let Ok(folders) = root.read_dir() else {
        assert!(std::env::var_os("CI").is_none(), "the captures are missing");
        eprintln!("skipped: the captures are missing");
        return;
    };
    let mut devices = 0;
    for folder in folders {
        let folder = folder.unwrap().path();
        let Ok(text) = std::fs::read_to_string(folder.join("_iotdevice-mac.txt")) else { continue };
        let bytes: Vec<u8> =
            text.trim().split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let mac = Mac::from_slice(&bytes).unwrap();
        let label = folder.file_name().unwrap().to_string_lossy().into_owned();
        if let Some(device) = DEVICES.iter().find(|device| device.label == label) {
            assert_eq!(Mac(device.mac), mac, "{label}");
            devices += 1;
        }
    }
    assert_eq!(devices, DEVICES.len());
}
