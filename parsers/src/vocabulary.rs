//! The words that all floors share: addresses, [`Fact`], [`Parser`].
//!
//! One vocabulary, by meaning and not by protocol: DHCP, LLDP and RTSP all say
//! [`Fact::Attribute`]; what reads the facts need not know which. A fact is
//! owned, small, its texts capped, and it never carries a secret.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use crate::time::{Span, Time};

mod bridge;
mod notice;
mod tls;

pub use notice::{Notice, NoticeKind};

pub use tls::{Certificate, CipherSuite, Digest, TlsRole, TlsSide, TlsVersion};

pub use bridge::{Bridge, BridgeId, Instance, PortFlags, TreeRegion};

/// A 48-bit hardware address (IEEE 802-2014, 8.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mac(pub [u8; 6]);

impl Hash for Mac {
    /// As one word, for each frame is looked up by it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f] = self.0;
        state.write_u64(u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    }
}

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// 00:00:00:00:00:00, which no device owns.
    pub const ZERO: Self = Self([0; 6]);

    /// Reads six bytes; `None` where there are more or fewer.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads twelve hexadecimal digits, with or without colons, hyphens or dots between them.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let digits = text.iter().filter(|byte| !matches!(byte, b':' | b'-' | b'.'));
        let digits: Vec<u32> = digits.map(|byte| char::from(*byte).to_digit(16)).collect::<Option<_>>()?;
        let bytes = digits.chunks(2).map(|pair| match pair {
            [high, low] => u8::try_from(high << 4 | low).ok(),
            _ => None,
        });
        Self::from_slice(&bytes.collect::<Option<Vec<u8>>>()?)
    }

    /// Whether the group bit is set (multicast and broadcast).
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether the address was made up locally rather than assigned by IEEE.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 == 2
    }

    /// Whether one device can own it: neither a group nor all zero.
    #[must_use]
    pub fn is_device(self) -> bool {
        !self.is_group() && self != Self::ZERO
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A link-layer header type, as capture files number them (tcpdump.org, "Link-layer header types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback, address family in the sender's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP, version by the first nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback, address family big-endian.
    pub const LOOP: Self = Self(108);
    /// Linux cooked v1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked v2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// Text from the wire: at most [`Text::MAX`] bytes, no control characters.
///
/// Bytes that are not UTF-8 become U+FFFD, control characters (C0, C1, bidirectional
/// overrides and line separators included) become `·`, spaces at both ends go.
/// It is still hostile: every sink escapes it in its own way.
/// Its copies are one: many rooms keep the same name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Arc<str>);

impl Text {
    /// The longest text kept, in bytes of UTF-8.
    pub const MAX: usize = 256;

    /// Makes a text of `bytes`, cut at [`Text::MAX`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut text = String::new();
        // Each input byte gives at most one character, so four times the cap is always enough.
        let bytes = bytes.get(..Self::MAX.saturating_mul(4)).unwrap_or(bytes);
        for character in String::from_utf8_lossy(bytes).trim_matches(['\0', ' ', '\t', '\r', '\n']).chars() {
            let character = if is_unprintable(character) { '·' } else { character };
            if text.len().saturating_add(character.len_utf8()) > Self::MAX {
                break;
            }
            text.push(character);
        }
        Self(text.into())
    }

    /// Makes a text, or `None` where nothing printable is left.
    #[must_use]
    pub fn some(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(bytes)).filter(|text| !text.is_empty())
    }

    /// Whether it only says that nobody filled the field in.
    #[must_use]
    pub fn is_placeholder(&self) -> bool {
        PLACEHOLDERS.iter().any(|said| self.0.eq_ignore_ascii_case(said))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What a message says of somebody.
///
/// The first half is said by parsers, the second half by the engine itself
/// (flows, streams, ICMP errors), in the same words.
#[allow(missing_docs)] // Each variant says what its fields are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// `mac` holds `ip`.
    Binding { mac: Mac, ip: IpAddr, by: BindingBy },
    /// The subject asked who holds `target` (an ARP request, a neighbour solicitation): the whole link, or only `of`,
    /// who is thought to hold it.
    Asked { target: IpAddr, of: Option<Mac> },
    /// The subject told everybody, unasked, which address it holds (gratuitous ARP, RFC 5227, 2.3).
    Announced,
    /// The subject forwards packets for others: it says so itself (router advertisement), or DHCP does.
    Router,
    /// The subject tells the hosts of its link how they are to use it as their router (RFC 4861, 4.2).
    RouterAnnounced(Box<RouterAnnounced>),
    /// A property of the subject, as it was said.
    Attribute { key: Key, value: Text },
    /// A property of the subject that a fingerprint concluded from one attribute.
    Label(Label),
    /// The subject answered as a server of `protocol` on this flow's port.
    Service { protocol: &'static str },
    /// One DHCP message about the subject, which is the client.
    Lease(Box<Lease>),
    /// The subject hangs on this switch port.
    Attached(Box<Attached>),
    /// The subject describes itself to its neighbour on the cable.
    Neighbor(Box<Neighbor>),
    /// Power over Ethernet, as negotiated on the subject's port.
    LinkPower(LinkPower),
    /// The subject's port speaks and listens at once, or by turns.
    Duplex { is_full: bool },
    /// The subject's port runs at this speed, in Mbit/s.
    LinkSpeed { mbps: u32 },
    /// The subject told its manager, unasked, that something happened.
    Notice(Box<Notice>),
    /// The subject tells for how long it has run, and where it knows how often it started.
    Uptime { uptime: Span, boots: Option<u32> },
    /// The subject tells which of its starts it runs since, where it counts them, by a number that grows with each
    /// (WS-Discovery 1.1, 7); `is_announced` says that it tells so unasked, as one does who joins the network.
    Instance { number: Option<u32>, is_announced: bool },
    /// The subject tells what time it is by its own clock, in whole seconds.
    TimeOfDay { utc: Time },
    /// The subject shows its secret to everybody on the way; `is_default` says that manuals name it.
    ClearSecret { is_default: bool },
    /// The subject is in a multicast group, or no more.
    Membership { group: IpAddr, change: MembershipChange },
    /// The subject wants to be let into the network (802.1X), and what came of it.
    Admission(Admission),
    /// The subject asks who is in which multicast group.
    MembershipQuery(MembershipQuery),
    /// The subject is a bridge and tells how its spanning tree stands.
    Bridge(Box<Bridge>),
    /// The subject is a bridge and says that its tree (of `vlan`, where each has its own) changed.
    TopologyChange { vlan: Option<u16> },
    /// One request to the subject, which is the server, and what came of it.
    Exchange(Box<Exchange>),
    /// Somebody logged in, or tried to, at the subject, which is the server.
    Login(Box<Login>),
    /// The subject spoke TLS: how, and what it proved itself with.
    Tls(Box<TlsSide>),
    /// The subject, which is the sender, will send this media.
    StreamAnnounced(Box<StreamAnnounced>),
    /// The subject, which receives media, tells how it arrives.
    ReceiverReport(ReceiverReport),
    /// The subject tells its own clock.
    Clock(Clock),
    /// The subject asks for the time, or tells it.
    Timekeeping(Box<Timekeeping>),
    /// A stream was ended on purpose.
    StreamEnded { ssrc: Option<u32>, by: Ended },
    /// Packets with this SSRC that the subject sent over UDP are RTP beyond doubt, those
    /// already given to [`Sink::media`] included; without it they may be anything. Media
    /// inside an RTSP connection ([`Media::channel`]) needs no such proof.
    MediaProved { ssrc: u32 },
    /// The message broke its specification.
    Malformed(Malformed),

    /// Frames that the subject sent in one flow since the last tick.
    Activity(Activity),
    /// Media that the subject sent in one stream since the last tick.
    Stream(Box<StreamActivity>),
    /// Somebody, on the way, says that `target` cannot be reached (ICMP, RFC 792 and RFC 4443).
    Unreachable { target: IpAddr, kind: u8, code: u8, transport: u8, port: Option<u16> },
    /// The subject opened a TCP connection or tried to; `attempt` counts the SYN from 1.
    Opening { target: IpAddr, port: u16, attempt: u16 },
    /// The subject refused a TCP connection with RST (`port` is its own).
    Refused { port: u16 },
    /// The subject sent again what its peer, `target`, did not acknowledge, for the `attempt`th time.
    Retried { target: IpAddr, attempt: u16 },
    /// TCP segments with bytes that the subject sent in one connection since the last tick.
    Segments(Segments),
    /// Copies of frames that the mirror, or a loop, made since the last tick, and the most of one frame.
    Copies { count: u64, most: u32 },
    /// Frames to a group came again and again since the last tick, unchanged; the subject sent the one that came most often.
    Returning(Returning),
    /// The subject sent these packets around other traffic: a mirror's or an overlay's tunnel, `by` its name.
    Tunnel { by: &'static str, activity: Activity },
    /// Something was dropped because a cap was reached.
    Lost { what: &'static str, cap: u64, count: u64 },
}

/// How a MAC–IP binding was witnessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BindingBy {
    /// Its holder said so (ARP reply, gratuitous ARP, ARP request's sender, ND).
    Claim,
    /// A DHCP server leased it and the client took it.
    Lease,
    /// The device named its own management address (LLDP, CDP).
    Management,
    /// Link-scope traffic: sent with TTL or hop limit 255, multicast that routers never forward, or a message that
    /// names the MAC and the address of its own frame.
    LinkScope,
}

/// What a fact is about, as seen from the message that said it.
#[allow(missing_docs)] // Each variant says what its fields are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// Who sent the message.
    Sender,
    /// Whom it was sent to.
    Receiver,
    /// Somebody named inside the message.
    Named { mac: Option<Mac>, ip: Option<IpAddr> },
}

/// The properties that messages carry.
///
/// The first group is said outright and used as it is; the second is raw, and
/// the fingerprints of the file of the same name draw labels from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Maker.
    Vendor,
    /// Model or part number.
    Model,
    /// Firmware or software version.
    Firmware,
    /// Hardware revision.
    Hardware,
    /// Serial number.
    Serial,
    /// The name people gave it.
    Name,
    /// DNS or DHCP host name.
    Hostname,
    /// Where it is, in the installer's words.
    Location,
    /// Asset number.
    Asset,
    /// DHCP option 60.
    DhcpVendorClass,
    /// DHCP option 55, decimal codes joined by commas, in the order sent.
    DhcpParameterList,
    /// The codes of all options of a DHCP message, as above, end (255) included.
    DhcpOptionOrder,
    /// DHCP option 12.
    DhcpHostname,
    /// DHCP option 77, each class its own attribute.
    DhcpUserClass,
    /// DHCP option 124, `enterprise:class`.
    DhcpVendorIdentifying,
    /// `Server` of an RTSP answer.
    RtspServer,
    /// `User-Agent` of an RTSP request.
    RtspUserAgent,
    /// `realm` of an RTSP challenge.
    RtspRealm,
    /// The path and query of an RTSP URL, secrets cut out.
    RtspPath,
    /// `Public` of an RTSP answer.
    RtspPublic,
    /// `Session` of an RTSP answer, parameters included.
    RtspSession,
    /// `Date` of an RTSP answer.
    RtspDate,
    /// `s=` of an SDP, the `s=` included.
    SdpSession,
    /// One `a=` line of an SDP, the `a=` included.
    SdpAttribute,
    /// One `m=` line of an SDP with its `rtpmap`s, the `m=` included.
    SdpMedia,
    /// Canonical name of an RTCP source (RFC 3550, 6.5.1).
    RtcpCname,
    /// Tool of an RTCP source (RFC 3550, 6.5.6).
    RtcpTool,
    /// The system in its own words: LLDP system description, which is SNMP's, or CDP software version.
    LldpDescription,
    /// LLDP or CDP system name.
    LldpName,
    /// CDP platform: maker and model.
    CdpPlatform,
    /// A service that mDNS offers, as `_http._tcp`.
    MdnsService,
    /// A service that mDNS offers, by its full name less `.local`: `Gate 3._http._tcp`.
    MdnsInstance,
    /// One text of a service that mDNS offers, behind the service and a space: `_http._tcp path=/`.
    MdnsText,
    /// `SERVER` of a UPnP device.
    SsdpServer,
    /// A type that a UPnP device advertises: `urn:schemas-upnp-org:device:Basic:1`.
    SsdpType,
    /// What sort of device Dahua's search says it is: `IPC`.
    DhipClass,
    /// The model that HID's search for door controllers tells.
    HidModel,
    /// Whose a certificate is, as RFC 4514 writes names.
    TlsSubject,
    /// Who signed a certificate, written so too.
    TlsIssuer,
    /// `Server` of an HTTP answer.
    HttpServer,
    /// `User-Agent` of an HTTP request.
    HttpUserAgent,
    /// `realm` of an HTTP challenge.
    HttpRealm,
    /// The title of a page.
    HttpTitle,
    /// The path of a URL that was found, secrets and all behind `?` cut out.
    HttpPath,
    /// One scope of ONVIF, `%XX` decoded.
    OnvifScope,
    /// The namespace of one service of ONVIF.
    OnvifService,
    /// One kind of device by which WS-Discovery finds it, its prefix cut.
    WsdType,
    /// The model that Hikvision's search tells.
    SadpModel,
    /// The line with which a side of SSH says what it is: `SSH-2.0-dropbear_2019.78`.
    SshIdentification,
    /// `User-Agent` of a message of SIP.
    SipUserAgent,
    /// `Server` of an answer of SIP.
    SipServer,
}

impl Key {
    /// The name used in fingerprint files and in the report, as `dhcp.vendor-class`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Model => "model",
            Self::Firmware => "firmware",
            Self::Hardware => "hardware",
            Self::Serial => "serial",
            Self::Name => "name",
            Self::Hostname => "hostname",
            Self::Location => "location",
            Self::Asset => "asset",
            Self::DhcpVendorClass => "dhcp.vendor-class",
            Self::DhcpParameterList => "dhcp.parameter-list",
            Self::DhcpOptionOrder => "dhcp.option-order",
            Self::DhcpHostname => "dhcp.hostname",
            Self::DhcpUserClass => "dhcp.user-class",
            Self::DhcpVendorIdentifying => "dhcp.vendor-identifying",
            Self::RtspServer => "rtsp.server",
            Self::RtspUserAgent => "rtsp.user-agent",
            Self::RtspRealm => "rtsp.realm",
            Self::RtspPath => "rtsp.path",
            Self::RtspPublic => "rtsp.public",
            Self::RtspSession => "rtsp.session",
            Self::RtspDate => "rtsp.date",
            Self::SdpSession => "sdp.session",
            Self::SdpAttribute => "sdp.attribute",
            Self::SdpMedia => "sdp.media",
            Self::RtcpCname => "rtcp.cname",
            Self::RtcpTool => "rtcp.tool",
            Self::LldpDescription => "lldp.description",
            Self::LldpName => "lldp.name",
            Self::CdpPlatform => "cdp.platform",
            Self::MdnsService => "mdns.service",
            Self::MdnsInstance => "mdns.instance",
            Self::MdnsText => "mdns.text",
            Self::SsdpServer => "ssdp.server",
            Self::SsdpType => "ssdp.type",
            Self::DhipClass => "dhip.class",
            Self::HidModel => "hid.model",
            Self::TlsSubject => "tls.subject",
            Self::TlsIssuer => "tls.issuer",
            Self::HttpServer => "http.server",
            Self::HttpUserAgent => "http.user-agent",
            Self::HttpRealm => "http.realm",
            Self::HttpTitle => "http.title",
            Self::HttpPath => "http.path",
            Self::OnvifScope => "onvif.scope",
            Self::OnvifService => "onvif.service",
            Self::WsdType => "wsd.type",
            Self::SadpModel => "sadp.model",
            Self::SshIdentification => "ssh.identification",
            Self::SipUserAgent => "sip.user-agent",
            Self::SipServer => "sip.server",
        }
    }

    /// Whether the value is used as it is, without a fingerprint.
    #[must_use]
    pub const fn is_outright(self) -> bool {
        matches!(
            self,
            Self::Vendor
                | Self::Model
                | Self::Firmware
                | Self::Hardware
                | Self::Serial
                | Self::Name
                | Self::Hostname
                | Self::Location
                | Self::Asset
        )
    }

    /// Every key, in order.
    pub const ALL: &[Self] = &[
        Self::Vendor,
        Self::Model,
        Self::Firmware,
        Self::Hardware,
        Self::Serial,
        Self::Name,
        Self::Hostname,
        Self::Location,
        Self::Asset,
        Self::DhcpVendorClass,
        Self::DhcpParameterList,
        Self::DhcpOptionOrder,
        Self::DhcpHostname,
        Self::DhcpUserClass,
        Self::DhcpVendorIdentifying,
        Self::RtspServer,
        Self::RtspUserAgent,
        Self::RtspRealm,
        Self::RtspPath,
        Self::RtspPublic,
        Self::RtspSession,
        Self::RtspDate,
        Self::SdpSession,
        Self::SdpAttribute,
        Self::SdpMedia,
        Self::RtcpCname,
        Self::RtcpTool,
        Self::LldpDescription,
        Self::LldpName,
        Self::CdpPlatform,
        Self::MdnsService,
        Self::MdnsInstance,
        Self::MdnsText,
        Self::SsdpServer,
        Self::SsdpType,
        Self::DhipClass,
        Self::HidModel,
        Self::TlsSubject,
        Self::TlsIssuer,
        Self::HttpServer,
        Self::HttpUserAgent,
        Self::HttpRealm,
        Self::HttpTitle,
        Self::HttpPath,
        Self::OnvifScope,
        Self::OnvifService,
        Self::WsdType,
        Self::SadpModel,
        Self::SshIdentification,
        Self::SipUserAgent,
        Self::SipServer,
    ];
}

/// What a fingerprint says a device is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// Vendor, model, firmware, serial, name or kind.
    pub attribute: Concluded,
    /// The value, from the canonical vocabulary where there is one.
    pub value: Text,
    /// How much one sight of it is worth, in per cent, 1 to 99.
    pub strength: u8,
    /// Which raw attribute it was drawn from.
    pub key: Key,
    /// The fingerprint's id.
    pub entry: &'static str,
}

/// The attributes that a fingerprint can conclude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concluded {
    /// Maker.
    Vendor,
    /// Model or part number.
    Model,
    /// Firmware version.
    Firmware,
    /// Serial number.
    Serial,
    /// Name.
    Name,
    /// One of the contract's device kinds.
    Kind,
}

/// One DHCP message about a client (RFC 2131).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Option 53: 1 discover, 2 offer, 3 request, 4 decline, 5 ack, 6 nak, 7 release, 8 inform.
    pub message: u8,
    /// Option 54, else the address the answer came from.
    pub server: Option<IpAddr>,
    /// The address asked for or given.
    pub address: Option<IpAddr>,
    /// Option 51, in seconds.
    pub lease_s: Option<u32>,
    /// The relay's own address, where one forwarded the message.
    pub relay: Option<IpAddr>,
    /// Transaction id.
    pub transaction: u32,
}

/// What an IPv6 router announces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouterAnnounced {
    /// For how long it is a way out, in seconds; 0 says that it is none, or no longer.
    pub lifetime_s: u16,
    /// How much it wants to be chosen: 1 high, 0 medium, 3 low (RFC 4191, 2.1).
    pub preference: u8,
    /// Prefixes of which hosts make themselves addresses, and their lengths, [`RouterAnnounced::PREFIXES_MAX`] at most.
    pub prefixes: Vec<(Ipv6Addr, u8)>,
    /// DNS resolvers that it names, as many at most.
    pub resolvers: Vec<Ipv6Addr>,
}

impl RouterAnnounced {
    /// Prefixes, and resolvers, kept of one announcement; a link has two or three.
    pub const PREFIXES_MAX: usize = 8;
}

/// Where a device hangs, as a third party said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// What identifies the switch (option 82 remote id, or its MAC), printable.
    pub switch: Option<Text>,
    /// The port, printable.
    pub port: Option<Text>,
    /// The VLAN, where the format names it.
    pub vlan: Option<u16>,
}

/// What a device says to its neighbour on the cable (IEEE 802.1AB).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Neighbor {
    /// Chassis id, printable: a MAC with colons, an address, or text.
    pub chassis: Text,
    /// Chassis MAC, where the id is one.
    pub mac: Option<Mac>,
    /// Port id, printable.
    pub port: Text,
    /// Port description.
    pub port_description: Option<Text>,
    /// System name.
    pub name: Option<Text>,
    /// How long it is to be believed, in seconds; 0 says goodbye.
    pub ttl_s: u16,
    /// Enabled capabilities (802.1AB table 8-4 bits: 2 bridge, 4 router, 5 telephone, 7 station).
    pub capabilities: u16,
    /// Management addresses.
    pub management: Vec<IpAddr>,
    /// Port VLAN id.
    pub vlan: Option<u16>,
}

/// Power over Ethernet, in milliwatts (IEEE 802.3, clause 79.3.2; TIA-1057).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkPower {
    /// Whether the subject supplies power (PSE) rather than draws it (PD).
    pub supplies: bool,
    /// Power class, 0 to 8.
    pub class: Option<u8>,
    /// What the powered device asks for.
    pub requested_mw: Option<u32>,
    /// What the supply allocated.
    pub allocated_mw: Option<u32>,
}

/// A step of one who wants to be let into a network (IEEE 802.1X); `id` is that of RFC 3748, 4.1.
#[allow(missing_docs)] // Each variant says what its fields are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    /// It asks.
    Asked,
    /// The network asks it something.
    Challenged { id: u8 },
    /// It answers.
    Answered { id: u8 },
    /// It is let in.
    Accepted { id: u8 },
    /// It is not.
    Refused { id: u8 },
    /// It leaves.
    Left,
}

/// What a host says of itself and a multicast group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MembershipChange {
    /// It wants what is sent to the group; said again whenever a querier asks.
    Joined,
    /// It wants nothing of the group.
    Left,
    /// It no longer wants some of the group's sources; whether it wants others is not said.
    Narrowed,
}

/// A querier's question (RFC 3376, RFC 3810).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipQuery {
    /// The group; `None` asks for all.
    pub group: Option<IpAddr>,
    /// By which generation of the protocol: 1 to 3 of IGMP; MLD 1 and 2 are 2 and 3.
    pub generation: u8,
    /// In which time members are to answer.
    pub max_response: Span,
    /// How often it asks for all groups, where it says so.
    pub interval: Option<Span>,
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The method, as `DESCRIBE`.
    pub method: Text,
    /// URL or path, secrets cut out.
    pub target: Option<Text>,
    /// The answer's code; `None` where no answer was seen.
    pub status: Option<u16>,
}

/// A login; the secret itself is never part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub account: Option<Text>,
    /// How it was proved: `basic`, `digest-md5`, `digest-sha-256`, `wsse-digest`, `wsse-text`.
    pub scheme: &'static str,
    /// What the server said.
    pub outcome: Outcome,
}

/// What came of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The server accepted it.
    Accepted,
    /// The server refused it.
    Rejected,
    /// No answer was seen.
    Unknown,
}

/// Media that was agreed on (RTSP SETUP with its SDP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAnnounced {
    /// How it travels.
    pub transport: StreamTransport,
    /// Where the media goes: the group, or the client where it was named.
    pub destination: Option<IpAddr>,
    /// The sender's RTP port; `None` where not said.
    pub source_port: Option<u16>,
    /// The receiver's RTP port, or the group's.
    pub destination_port: Option<u16>,
    /// The interleaved RTP channel.
    pub channel: Option<u8>,
    /// SSRC, where it was announced.
    pub ssrc: Option<u32>,
    /// RTP payload type, where the SDP was seen.
    pub payload_type: Option<u8>,
    /// Encoding name of the `rtpmap` or of the static table, as `H264`.
    pub codec: Option<Text>,
    /// RTP clock rate in Hz.
    pub clock_hz: Option<u32>,
    /// Whether the profile is SAVP or SAVPF.
    pub is_encrypted: bool,
}

/// How media travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamTransport {
    /// RTP over UDP to one receiver.
    Udp,
    /// RTP inside the RTSP connection (RFC 2326, 10.12).
    Interleaved,
    /// RTP over UDP to a group.
    Multicast,
}

/// One report block (RFC 3550, 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport {
    /// The reported source.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Loss since the start; negative where duplicates outnumber losses.
    pub lost: i32,
    /// Highest sequence number received, with its cycles.
    pub highest_sequence: u32,
    /// Interarrival jitter in RTP ticks.
    pub jitter_ticks: u32,
}

/// A sender report's pair of clocks (RFC 3550, 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The source.
    pub ssrc: u32,
    /// NTP seconds (1900) in the upper, fraction in the lower 32 bits.
    pub ntp: u64,
    /// The same moment in RTP ticks.
    pub rtp_ticks: u32,
}

/// Who keeps the time for whom (RFC 5905).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timekeeping {
    /// Asked or told.
    pub step: TimeStep,
    /// How far the sender is from a reference clock; 0 where it says nothing of that.
    pub stratum: u8,
    /// Whether the sender says that its clock is set.
    pub is_set: bool,
    /// Where the sender has its time from: a clock's name, an address, or why it tells none (kiss code).
    pub source: Option<Text>,
    /// When it was sent by the sender's clock: seconds since 1900 in the upper, fraction in the lower 32 bits. 0 is
    /// nothing, and of who asks it may be anything (RFC 8633, 3.3).
    pub sent: u64,
    /// The `sent` that is answered.
    pub answers: u64,
}

/// A step of who keeps the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeStep {
    /// It asks its peer.
    Asked,
    /// It answers.
    Answered,
    /// It tells unasked: another server, or everybody.
    Told,
}

/// How a stream was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ended {
    /// RTCP BYE by the sender.
    Bye,
    /// The client asked for TEARDOWN.
    Teardown,
}

/// Frames sent by one side of one flow within one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// The flow's number: its first frame's global number.
    pub flow: u64,
    /// What the flow speaks, where it is known.
    pub protocol: Option<&'static str>,
    /// First frame's time.
    pub first: Time,
    /// Where the first frame is: its input, and its number in it.
    pub first_frame: (u32, u64),
    /// Last frame's time.
    pub last: Time,
    /// How many.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Longest time between two of them, the one before the first included.
    pub longest_gap: Span,
    /// The sender's time stamp clock in the first frame (TSval, RFC 7323, 3); `None` where it bears none.
    pub stamp: Option<u32>,
}

/// Frames to a group that came again and again within one second, each sight less than 100 ms after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Returning {
    /// Sights after the first, of all such frames.
    pub again: u64,
    /// Frames that began to come again and again.
    pub frames: u32,
    /// The most sights of one frame after its first, since that; 65,535 stands for more.
    pub most: u32,
    /// The longest time that one frame has been coming.
    pub lasting: Span,
    /// When the one that came most often was last seen.
    pub last: Time,
}

/// Media of one stream within one second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamActivity {
    /// The stream's number: its first frame's global number and its place among the streams of it.
    pub stream: (u64, u32),
    /// How it travels.
    pub transport: StreamTransport,
    /// Who receives it.
    pub destination: IpAddr,
    /// Sender's and receiver's port.
    pub ports: (u16, u16),
    /// Interleaved channel.
    pub channel: Option<u8>,
    /// Synchronization source.
    pub ssrc: u32,
    /// Payload type.
    pub payload_type: u8,
    /// First packet's time.
    pub first: Time,
    /// Where the first packet is: its input, and its number in it.
    pub first_frame: (u32, u64),
    /// Last packet's time.
    pub last: Time,
    /// Packets seen, copies of the mirror not counted.
    pub packets: u64,
    /// RTP bytes, header included.
    pub bytes: u64,
    /// Packets that never came, since the stream began (RFC 3550, A.3), never negative.
    pub lost: u64,
    /// Packets that came late, since the stream began.
    pub out_of_order: u64,
    /// Packets that came twice, since the stream began.
    pub duplicates: u64,
    /// Jitter in RTP ticks times 16 (RFC 3550, A.8), at the end of this second.
    pub jitter_16ticks: u64,
    /// Longest time between two packets, the one before the first included.
    pub longest_gap: Span,
}

/// One second of what one side of a TCP connection sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segments {
    /// Segments with bytes that were seen.
    pub carrying: u64,
    /// Segments that were never seen, and whose bytes the peer acknowledged.
    pub unseen: u64,
}

/// One RTP packet, less its payload. It takes its own way through the engine
/// ([`Sink::media`]), for it is by far the most frequent thing there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// Interleaved channel; `None` over UDP.
    pub channel: Option<u8>,
    /// Payload type.
    pub payload_type: u8,
    /// Marker bit: for video the last packet of a picture.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Time stamp in ticks.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// RTP bytes, header included.
    pub bytes: u32,
}

/// How a message breaks its specification: where, not prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Malformed {
    /// `field` promises more bytes than there are.
    Truncated {
        /// The field, in the words of the specification.
        field: &'static str,
    },
    /// `field` holds what its specification forbids.
    Invalid {
        /// The field, in the words of the specification.
        field: &'static str,
    },
}

impl Malformed {
    /// The field, whichever way it is wrong.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Truncated { field } | Self::Invalid { field } => field,
        }
    }
}

/// Where a parser's messages are found; it orders the probes, the probe decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum On {
    /// Payload of an Ethernet frame with this type (or SNAP with OUI 0).
    EtherType(u16),
    /// Payload of an LLC frame with this DSAP and SSAP.
    Llc(u8),
    /// Payload of a SNAP frame with an organization's OUI and its own protocol id.
    Snap([u8; 3], u16),
    /// Payload of an IP packet with this protocol number, neither TCP's nor UDP's (58 is ICMPv6).
    Ip(u8),
    /// Datagrams with this port on either side.
    Udp(u16),
    /// Datagrams of any port: probed where no port parser said yes.
    AnyUdp,
    /// Streams with this port on either side.
    Tcp(u16),
    /// Streams of any port: probed where no port parser said yes.
    AnyTcp,
}

/// A probe's honest answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// Certainly this protocol.
    Yes,
    /// Could be: a stream waits for more bytes; a datagram is given to the
    /// parser on trial where no other says yes.
    Maybe,
    /// Certainly not.
    No,
}

/// What lower layers say of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Source port; 0 without one.
    pub source_port: u16,
    /// Destination port; 0 without one.
    pub destination_port: u16,
    /// TTL or hop limit; 0 without IP.
    pub hop_limit: u8,
    /// The frame's source MAC.
    pub source_mac: Option<Mac>,
    /// The frame's destination MAC; `None` where it is a group's.
    pub destination_mac: Option<Mac>,
    /// The sender's IP address.
    pub source: Option<IpAddr>,
    /// The receiver's IP address.
    pub destination: Option<IpAddr>,
    /// Whether the capture cut this message short: what is missing is not the sender's fault.
    pub is_cut: bool,
    /// Whether it is of a stream (TCP), whose messages may begin and end anywhere.
    pub is_stream: bool,
}

/// One protocol.
pub struct Parser {
    /// Its name in lower case, as in `spanwatch protocols`.
    pub name: &'static str,
    /// One line on what is read from it.
    pub about: &'static str,
    /// What it is read by: the documents that define it.
    pub source: &'static str,
    /// Where to look for it.
    pub on: &'static [On],
    /// Tells whether these first bytes are it.
    pub probe: fn(&Envelope, &[u8]) -> Probe,
    /// How it is read.
    pub start: Start,
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parser({})", self.name)
    }
}

/// How a parser reads.
#[derive(Clone, Copy)]
pub enum Start {
    /// Message by message, without memory.
    Datagram(fn(&Envelope, &[u8], &mut Sink) -> Result<(), Malformed>),
    /// Flow by flow, with memory: TCP bytes in order, or a UDP flow's datagrams one at a time.
    Session(fn(&Envelope) -> Box<dyn Session>),
}

/// The memory of one flow.
///
/// For TCP, `data` is given all bytes of one direction that are in order and
/// not yet consumed; it is called again with the rest for as long as it
/// consumes. For UDP it is given exactly one datagram and must consume it.
pub trait Session: Send {
    /// Reads the front of `bytes`, sent by `way`.
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress;

    /// Says that bytes of `way` will never come (lost by the capture, or more
    /// than a buffer holds); what follows starts anywhere. `missing` is their
    /// number where it is known.
    fn gap(&mut self, way: Way, missing: Option<u64>, sink: &mut Sink);

    /// Bytes that it keeps of what it consumed. They count with those that wait to be consumed; where there is no room
    /// for all, a [`Session::gap`] of unknown length makes it part with them.
    fn held(&self) -> usize {
        0
    }

    /// Says that the flow is over (FIN, RST, idle or evicted). What is said here and in
    /// [`Session::gap`] belongs to no message: [`About::Sender`] is the originator.
    fn end(&mut self, _sink: &mut Sink) {}
}

/// Who speaks: the one who sent the flow's first frame, or the other. After a
/// mid-stream start that says nothing of client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Originator.
    Orig,
    /// Responder.
    Resp,
}

impl Way {
    /// This side's of what both have: originator's and responder's.
    pub const fn of<T>(self, both: &mut [T; 2]) -> &mut T {
        let [orig, resp] = both;
        match self {
            Self::Orig => orig,
            Self::Resp => resp,
        }
    }

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Orig => Self::Resp,
            Self::Resp => Self::Orig,
        }
    }
}

/// What a session made of the bytes it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The first `n` bytes are done with, `n` at least 1. It may be more than
    /// was given: the rest is thrown away as it arrives, without being kept.
    Consumed(usize),
    /// A whole message is not there yet.
    NeedMore,
    /// This is not, or no longer, my protocol: do not call again.
    Done,
}

/// Where parsers put what they found, bounded.
#[derive(Debug, Default)]
pub struct Sink {
    /// Facts, in the order of the message.
    pub facts: Vec<(About, Fact)>,
    /// Media packets, all by the sender of the message.
    pub media: Vec<Media>,
    /// How many were not kept because the sink was full.
    pub refused: u64,
}

impl Sink {
    /// The most facts, and the most media packets, between two [`Sink::clear`].
    pub const MAX: usize = 4096;

    /// Adds a fact.
    pub fn fact(&mut self, about: About, fact: Fact) {
        if self.facts.len() < Self::MAX {
            self.facts.push((about, fact));
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Adds a property of `about`, where there is anything printable in `value`. What is used as it is
    /// must also not be a placeholder.
    pub fn attribute(&mut self, about: About, key: Key, value: &[u8]) {
        let is_said = |value: &Text| !(key.is_outright() && value.is_placeholder());
        if let Some(value) = Text::some(value).filter(is_said) {
            self.fact(about, Fact::Attribute { key, value });
        }
    }

    /// Adds a media packet of the sender.
    pub fn media(&mut self, media: Media) {
        if self.media.len() < Self::MAX {
            self.media.push(media);
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.facts.clear();
        self.media.clear();
        self.refused = 0;
    }
}

/// What firmware writes into fields that nobody filled in (SMBIOS and LLDP-MED inventories).
const PLACEHOLDERS: [&str; 8] = [
    "unknown",
    "n/a",
    "none",
    "not specified",
    "not available",
    "to be filled by o.e.m.",
    "default string",
    "0123456789",
];

/// Whether a character must not reach a terminal or a page: controls, and the
/// marks that reorder text (Unicode TR 36, section 2.6 and TR 9).
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_what_can_be_printed() {
        assert_eq!(Text::new(b"  camera 7\0\0").as_str(), "camera 7");
        assert_eq!(Text::new(b"a\x1b[31mb\x07").as_str(), "a·[31mb·");
        assert_eq!(Text::new("a\u{202e}b".as_bytes()).as_str(), "a·b");
        assert_eq!(Text::new(b"\xff\xfe").as_str(), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn mac_is_read_as_people_write_it() {
        let mac = Some(Mac([0, 0x40, 0x8c, 0x12, 0x34, 0x5f]));
        for text in [&b"00408C12345f"[..], b"00:40:8c:12:34:5F", b"00-40-8C-12-34-5F", b"0040.8c12.345f"] {
            assert_eq!(Mac::from_text(text), mac);
        }
        for text in
            [&b""[..], b"00:40:8c:12:34", b"00:40:8c:12:34:5", b"00:40:8c:12:34:5f:00", b"00:40:8c:12:34:zz"]
        {
            assert_eq!(Mac::from_text(text), None);
        }
    }

    #[test]
    fn text_is_cut_at_a_character() {
        let text = Text::new("é".repeat(400).as_bytes());
        assert_eq!(text.as_str().len(), Text::MAX);
    }

    #[test]
    fn a_field_that_nobody_filled_in_says_nothing() {
        let mut sink = Sink::default();
        for value in [&b"Unknown"[..], b"To be filled by O.E.M.", b"7.80 B128"] {
            sink.attribute(About::Sender, Key::Firmware, value);
        }
        let said = Fact::Attribute { key: Key::Firmware, value: "7.80 B128".into() };
        assert_eq!(sink.facts, [(About::Sender, said)]);
    }

    #[test]
    fn empty_text_is_none() {
        assert_eq!(Text::some(b" \0 "), None);
    }

    #[test]
    fn key_names_differ() {
        let mut names: Vec<_> = Key::ALL.iter().map(|key| key.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Key::ALL.len());
    }
}
