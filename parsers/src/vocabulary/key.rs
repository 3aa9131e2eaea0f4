//! Properties that messages carry, and what fingerprints conclude from them.

use super::Text;

/// Makes [`Key`] of its names: one line is one key.
macro_rules! keys {
    ($($(#[$doc:meta])* $key:ident = $name:literal,)*) => {
        /// The properties that messages carry.
        ///
        /// The first group is said outright and used as it is; the second is raw, and
        /// the fingerprints of the file of the same name draw labels from it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Key {
            $($(#[$doc])* $key,)*
        }

        impl Key {
            /// Every key, in order.
            pub const ALL: &[Self] = &[$(Self::$key,)*];

            /// The name used in fingerprint files and in the report, as `dhcp.vendor-class`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$key => $name,)*
                }
            }
        }
    };
}

keys! {
    /// Maker.
    Vendor = "vendor",
    /// Model or part number.
    Model = "model",
    /// Firmware or software version.
    Firmware = "firmware",
    /// Hardware revision.
    Hardware = "hardware",
    /// Serial number.
    Serial = "serial",
    /// The name people gave it.
    Name = "name",
    /// DNS or DHCP host name.
    Hostname = "hostname",
    /// Where it is, in the installer's words.
    Location = "location",
    /// Asset number.
    Asset = "asset",
    /// DHCP option 60.
    DhcpVendorClass = "dhcp.vendor-class",
    /// DHCP option 55, decimal codes joined by commas, in the order sent.
    DhcpParameterList = "dhcp.parameter-list",
    /// The codes of all options of a DHCP message, as above, end (255) included.
    DhcpOptionOrder = "dhcp.option-order",
    /// DHCP option 12.
    DhcpHostname = "dhcp.hostname",
    /// DHCP option 77, each class its own attribute.
    DhcpUserClass = "dhcp.user-class",
    /// DHCP option 124, `enterprise:class`.
    DhcpVendorIdentifying = "dhcp.vendor-identifying",
    /// `Server` of an RTSP answer.
    RtspServer = "rtsp.server",
    /// `User-Agent` of an RTSP request.
    RtspUserAgent = "rtsp.user-agent",
    /// `realm` of an RTSP challenge.
    RtspRealm = "rtsp.realm",
    /// The path and query of an RTSP URL, secrets cut out.
    RtspPath = "rtsp.path",
    /// `Public` of an RTSP answer.
    RtspPublic = "rtsp.public",
    /// `Session` of an RTSP answer, parameters included.
    RtspSession = "rtsp.session",
    /// `Date` of an RTSP answer.
    RtspDate = "rtsp.date",
    /// `s=` of an SDP, the `s=` included.
    SdpSession = "sdp.session",
    /// One `a=` line of an SDP, the `a=` included.
    SdpAttribute = "sdp.attribute",
    /// One `m=` line of an SDP with its `rtpmap`s, the `m=` included.
    SdpMedia = "sdp.media",
    /// Canonical name of an RTCP source (RFC 3550, 6.5.1).
    RtcpCname = "rtcp.cname",
    /// Tool of an RTCP source (RFC 3550, 6.5.6).
    RtcpTool = "rtcp.tool",
    /// The system in its own words: LLDP system description, which is SNMP's, or CDP software version.
    LldpDescription = "lldp.description",
    /// LLDP or CDP system name.
    LldpName = "lldp.name",
    /// CDP platform: maker and model.
    CdpPlatform = "cdp.platform",
    /// A service that mDNS offers, as `_http._tcp`.
    MdnsService = "mdns.service",
    /// A service that mDNS offers, by its full name less `.local`: `Gate 3._http._tcp`.
    MdnsInstance = "mdns.instance",
    /// One text of a service that mDNS offers, behind the service and a space: `_http._tcp path=/`.
    MdnsText = "mdns.text",
    /// `SERVER` of a UPnP device.
    SsdpServer = "ssdp.server",
    /// A type that a UPnP device advertises: `urn:schemas-upnp-org:device:Basic:1`.
    SsdpType = "ssdp.type",
    /// What sort of device Dahua's search says it is: `IPC`.
    DhipClass = "dhip.class",
    /// The model that HID's search for door controllers tells.
    HidModel = "hid.model",
    /// Whose a certificate is, as RFC 4514 writes names.
    TlsSubject = "tls.subject",
    /// Who signed a certificate, written so too.
    TlsIssuer = "tls.issuer",
    /// `Server` of an HTTP answer.
    HttpServer = "http.server",
    /// `User-Agent` of an HTTP request.
    HttpUserAgent = "http.user-agent",
    /// `realm` of an HTTP challenge.
    HttpRealm = "http.realm",
    /// The title of a page.
    HttpTitle = "http.title",
    /// The path of a URL that was found, secrets and all behind `?` cut out.
    HttpPath = "http.path",
    /// One scope of ONVIF, `%XX` decoded.
    OnvifScope = "onvif.scope",
    /// The namespace of one service of ONVIF.
    OnvifService = "onvif.service",
    /// One kind of device by which WS-Discovery finds it, its prefix cut.
    WsdType = "wsd.type",
    /// The model that Hikvision's search tells.
    SadpModel = "sadp.model",
    /// The line with which a side of SSH says what it is: `SSH-2.0-dropbear_2019.78`.
    SshIdentification = "ssh.identification",
    /// With what a server of FTP greets, behind the number.
    FtpBanner = "ftp.banner",
    /// What a server of Telnet shows before it asks who comes.
    TelnetBanner = "telnet.banner",
    /// With what a mail server greets, behind the number.
    SmtpBanner = "smtp.banner",
    /// What a client of MQTT calls itself.
    MqttClient = "mqtt.client",
    /// `User-Agent` of a message of SIP.
    SipUserAgent = "sip.user-agent",
    /// `Server` of an answer of SIP.
    SipServer = "sip.server",
}

impl Key {
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
    /// The fingerprint's id; by a thin pointer, as a large site's ledger keeps half a million.
    pub entry: &'static &'static str,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_names_differ() {
        let mut names: Vec<_> = Key::ALL.iter().map(|key| key.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Key::ALL.len());
    }
}
