//! How products of several makers look on the wire.
//!
//! What is announced is what such products are documented to announce; MAC prefixes are the makers' own.
//! Serial numbers, names and passwords are made up. In texts `{mac}` and `{MAC}` stand for the device's MAC
//! without separators, `{serial}`, `{model}` and `{firmware}` for what the device has.

/// A product line.
#[derive(Debug)]
pub struct Product {
    /// Its maker.
    pub vendor: &'static str,
    /// Model.
    pub model: &'static str,
    /// Firmware version.
    pub firmware: &'static str,
    /// Prefix of its MAC addresses.
    pub oui: [u8; 3],
    /// DHCP vendor class (option 60).
    pub vendor_class: Option<&'static str>,
    /// DHCP host name (option 12).
    pub hostname: Option<&'static str>,
    /// DHCP parameter request list (option 55).
    pub parameters: &'static [u8],
    /// Its RTSP server; cameras and encoders have one.
    pub rtsp: Option<Rtsp>,
    /// Path of its web pages' log-in, and the realm.
    pub http_realm: &'static str,
    /// Scopes below `onvif://www.onvif.org/`.
    pub scopes: &'static [&'static str],
    /// Whether its kernel numbers all its packets by one counter rather than per connection.
    pub counts_packets: bool,
    /// First hop limit of its packets.
    pub ttl: u8,
}

/// How an RTSP server looks.
#[derive(Debug)]
pub struct Rtsp {
    /// Path of the stream, with its query.
    pub path: &'static str,
    /// Realm of its Digest challenge; nobody is asked where there is none.
    pub realm: Option<&'static str>,
    /// `Server`.
    pub server: Option<&'static str>,
    /// `Public`.
    pub public: &'static str,
    /// `s=` of its description.
    pub session: &'static str,
    /// `a=` lines of the session, without `a=`.
    pub attributes: &'static [&'static str],
    /// `a=control` of the track.
    pub control: &'static str,
}

const UDHCP: &[u8] = &[1, 3, 6, 12, 15, 28, 42];
const ALPHABETIC: &str = "OPTIONS, DESCRIBE, GET_PARAMETER, PAUSE, PLAY, SETUP, SET_PARAMETER, TEARDOWN";

/// Cameras.
pub const CAMERAS: &[Product] = &[
    Product {
        vendor: "Axis",
        model: "P3265-LV",
        firmware: "10.12.165",
        oui: [0xb8, 0xa4, 0x4f],
        vendor_class: Some("AXIS,Dome Camera,{model},{firmware}"),
        hostname: Some("axis-{mac}"),
        parameters: UDHCP,
        rtsp: Some(Rtsp {
            path: "/axis-media/media.amp?videocodec=h264",
            realm: Some("AXIS_WS_{MAC}"),
            server: Some("GStreamer RTSP server"),
            public: ALPHABETIC,
            session: "Session streamed with GStreamer",
            attributes: &["tool:GStreamer", "type:broadcast", "range:npt=now-"],
            control: "stream=0",
        }),
        http_realm: "AXIS_{MAC}",
        scopes: &["type/video_encoder", "Profile/Streaming", "hardware/{model}", "name/AXIS%20{model}"],
        counts_packets: false,
        ttl: 64,
    },
    Product {
        vendor: "Hikvision",
        model: "DS-2CD2143G2-I",
        firmware: "V5.7.3 build 220112",
        oui: [0x44, 0x19, 0xb6],
        vendor_class: Some("udhcp 1.24.1"),
        hostname: Some("{model}"),
        parameters: UDHCP,
        rtsp: Some(Rtsp {
            path: "/Streaming/Channels/101",
            realm: Some("IP Camera(C1214)"),
            server: None,
            public: "OPTIONS, DESCRIBE, PLAY, PAUSE, SETUP, TEARDOWN, SET_PARAMETER, GET_PARAMETER",
            session: "Media Presentation",
            attributes: &["x-dimensions:1280,720"],
            control: "trackID=1",
        }),
        http_realm: "IP Camera(C1214)",
        scopes: &[
            "type/video_encoder",
            "Profile/Streaming",
            "MAC/{mac}",
            "hardware/{model}",
            "name/HIKVISION%20{model}",
        ],
        counts_packets: true,
        ttl: 64,
    },
    Product {
        vendor: "Dahua",
        model: "IPC-HFW2431S",
        firmware: "2.820.0000000.48.R,build:2022-06-14",
        oui: [0x3c, 0xef, 0x8c],
        vendor_class: None,
        hostname: Some("{serial}"),
        parameters: &[1, 3, 4, 5, 6, 12, 15, 28, 42],
        rtsp: Some(Rtsp {
            path: "/cam/realmonitor?channel=1&subtype=0",
            realm: Some("Login to {serial}"),
            server: Some("Dahua Rtsp Server"),
            public: "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER",
            session: "Media Server",
            attributes: &["packetization-supported:DH", "rtppayload-supported:DH"],
            control: "trackID=0",
        }),
        http_realm: "Login to {serial}",
        scopes: &["name/Dahua", "hardware/{model}", "Profile/Streaming", "type/Network_Video_Transmitter"],
        counts_packets: true,
        ttl: 64,
    },
    Product {
        vendor: "Hanwha",
        model: "XNO-6080R",
        firmware: "1.41.08_20220516_R324",
        oui: [0x00, 0x09, 0x18],
        vendor_class: Some("dhcpcd-6.11.5:Linux-4.9.37:armv7l:WN7"),
        hostname: Some("{model}"),
        parameters: &[1, 121, 33, 3, 6, 12, 15, 28, 42, 51, 54, 58, 59],
        rtsp: Some(Rtsp {
            path: "/profile1/media.smp",
            realm: Some("iPOLiS"),
            server: None,
            public: "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE, GET_PARAMETER",
            session: "Media Presentation",
            attributes: &["range:npt=0-"],
            control: "trackID=v",
        }),
        http_realm: "iPolis_{MAC}",
        scopes: &["type/video_encoder", "Profile/Streaming", "hardware/{model}", "name/Hanwha%20Techwin"],
        counts_packets: false,
        ttl: 64,
    },
    Product {
        vendor: "Bosch Security",
        model: "FLEXIDOME IP 4000i",
        firmware: "7.80.0128",
        oui: [0x00, 0x07, 0x5f],
        vendor_class: Some("udhcp 1.22.1"),
        hostname: None,
        parameters: UDHCP,
        rtsp: Some(Rtsp {
            path: "/rtsp_tunnel?inst=1",
            realm: None,
            server: None,
            public: "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER",
            session: "LiveVideo",
            attributes: &["range:npt=0-"],
            control: "stream=1",
        }),
        http_realm: "VideoJet",
        scopes: &["type/video_encoder", "Profile/Streaming", "hardware/F0004D43", "name/Bosch"],
        counts_packets: true,
        ttl: 64,
    },
    Product {
        vendor: "Vivotek",
        model: "FD9187-HT",
        firmware: "FD9187-VVTK-0123a",
        oui: [0x00, 0x02, 0xd1],
        vendor_class: Some("udhcp 1.20.2"),
        hostname: Some("VIVOTEK-FD9187"),
        parameters: UDHCP,
        rtsp: Some(Rtsp {
            path: "/live.sdp",
            realm: Some("streaming_server"),
            server: None,
            public: "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER",
            session: "RTSP server",
            attributes: &["range:npt=0-"],
            control: "trackID=1",
        }),
        http_realm: "streaming_server",
        scopes: &["type/video_encoder", "Profile/Streaming", "hardware/{model}", "name/VIVOTEK"],
        counts_packets: true,
        ttl: 64,
    },
];

/// A product without an RTSP server.
const fn product(vendor: &'static str, model: &'static str, firmware: &'static str, oui: [u8; 3]) -> Product {
    Product {
        vendor,
        model,
        firmware,
        oui,
        vendor_class: None,
        hostname: None,
        parameters: UDHCP,
        rtsp: None,
        http_realm: "",
        scopes: &[],
        counts_packets: false,
        ttl: 64,
    }
}

/// Door controllers.
pub const CONTROLLERS: &[Product] = &[
    Product {
        vendor_class: Some("udhcp 1.19.4"),
        hostname: Some("MAC{MAC}"),
        counts_packets: true,
        ..product("Mercury Security", "LP1502", "1.29.1", [0x00, 0x0f, 0xe5])
    },
    Product {
        hostname: Some("VertX_{mac}"),
        counts_packets: true,
        ..product("HID Global", "V1000", "2.2.7.568", [0x00, 0x06, 0x8e])
    },
];

/// Intercoms.
pub const INTERCOMS: &[Product] = &[Product {
    vendor_class: Some("2N IP Verso"),
    hostname: Some("2NIPVerso-{mac}"),
    ..product("2N", "IP Verso", "2.34.1.43.4", [0x7c, 0x1e, 0xb3])
}];

/// Servers, recorders among them.
pub const SERVERS: &[Product] = &[
    product("Supermicro", "SYS-5019", "", [0x0c, 0xc4, 0x7a]),
    product("Dell", "PowerEdge R740", "", [0xd0, 0x94, 0x66]),
];

/// Workstations.
pub const WORKSTATIONS: &[Product] = &[
    Product {
        vendor_class: Some("MSFT 5.0"),
        hostname: Some("PC-{serial}"),
        parameters: &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
        ttl: 128,
        ..product("Lenovo", "ThinkCentre", "", [0x98, 0xfa, 0x9b])
    },
    Product {
        vendor_class: Some("MSFT 5.0"),
        hostname: Some("WS-{serial}"),
        parameters: &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
        ttl: 128,
        ..product("HP", "EliteDesk", "", [0x10, 0xe7, 0xc6])
    },
];

/// Printers.
pub const PRINTERS: &[Product] = &[Product {
    hostname: Some("BRN{MAC}"),
    parameters: &[1, 3, 6, 15, 44, 47],
    ..product("Brother", "HL-L6400DW", "1.31", [0x00, 0x80, 0x77])
}];

/// Gateways.
pub const GATEWAYS: &[Product] = &[product("MikroTik", "CCR2004", "7.14.3", [0x08, 0x55, 0x31])];

/// Switches: the description is `{model} …, revision {firmware}`.
pub const SWITCHES: &[Product] = &[
    product("HPE/Aruba", "J9774A", "YA.16.10.0012", [0xfc, 0x15, 0xb4]),
    product("HPE/Aruba", "JL355A", "YC.16.11.0005", [0xfc, 0x7f, 0xf1]),
];

/// Fills the marks of a text in.
#[must_use]
pub fn fill(text: &str, product: &Product, mac: [u8; 6], serial: &str) -> String {
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    text.replace("{mac}", &hex)
        .replace("{MAC}", &hex.to_uppercase())
        .replace("{serial}", serial)
        .replace("{model}", product.model)
        .replace("{firmware}", product.firmware)
}
