//! Which of our fields theirs are, and how their values are written in our way.

/// One field of somebody's.
pub struct Name {
    pub publisher: &'static str,
    pub theirs: &'static str,
    pub ours: &'static str,
    /// Their value as we write it; nothing where they say nothing.
    pub read: fn(&str) -> Vec<String>,
}

const fn name(
    publisher: &'static str,
    theirs: &'static str,
    ours: &'static str,
    read: fn(&str) -> Vec<String>,
) -> Name {
    Name { publisher, theirs, ours, read }
}

pub const SURICATA: &str = "suricata-verify";
pub const ZEEK: &str = "Zeek";
pub const ARKIME: &str = "Arkime";
pub const VENDORS: &str = "UniversalScanner";

/// All of them.
pub const NAMES: &[Name] = &[
    name(SURICATA, "arp.src", "address of MAC", same),
    name(SURICATA, "dhcp.client_mac", "DHCP client", same),
    name(SURICATA, "dhcp.dhcp_type", "DHCP message", same),
    name(SURICATA, "dhcp.id", "DHCP transaction", same),
    name(SURICATA, "dhcp.hostname", "DHCP host name", same),
    name(SURICATA, "dhcp.lease_time", "DHCP lease seconds", same),
    name(SURICATA, "dhcp.assigned_ip", "DHCP given or wanted address", address),
    name(SURICATA, "dhcp.params", "DHCP parameters", parameters),
    name(SURICATA, "dhcp.vendor_class_identifier", "DHCP vendor class", same),
    name(SURICATA, "dhcp.routers", "DHCP router", list),
    name(SURICATA, "http.http_method", "HTTP method", same),
    name(SURICATA, "http.http_user_agent", "HTTP user agent", same),
    name(SURICATA, "llmnr.answers[0].rrname", "host name", same),
    name(SURICATA, "sip.method", "SIP method", same),
    name(SURICATA, "sip.uri", "SIP target", same),
    name(SURICATA, "sip.code", "SIP status", same),
    name(SURICATA, "snmp.version", "SNMP version", same),
    name(SURICATA, "snmp.pdu_type", "SNMP PDU", pdu),
    name(SURICATA, "ssh.client.proto_version", "SSH version", same),
    name(SURICATA, "ssh.server.proto_version", "SSH version", same),
    name(SURICATA, "ssh.client.software_version", "SSH software", same),
    name(SURICATA, "ssh.server.software_version", "SSH software", same),
    name(SURICATA, "tls.sni", "TLS server name", same),
    name(SURICATA, "tls.version", "TLS version", version),
    name(SURICATA, "tls.ja3.hash", "TLS JA3", same),
    name(SURICATA, "tls.ja4", "TLS JA4", same),
    name(SURICATA, "tls.client_alpns", "TLS protocols offered", same),
    name(SURICATA, "tls.server_alpns", "TLS protocols chosen", same),
    name(SURICATA, "tls.server_handshake.cipher", "TLS cipher", cipher),
    name(SURICATA, "tls.server_handshake.version", "TLS version", version),
    name(SURICATA, "tls.subject", "certificate subject", from_the_top),
    name(SURICATA, "tls.issuerdn", "certificate issuer", from_the_top),
    name(SURICATA, "tls.notbefore", "certificate valid from", moment),
    name(SURICATA, "tls.notafter", "certificate valid until", moment),
    name(ZEEK, "dhcp.mac", "DHCP client", set),
    name(ZEEK, "dhcp.server_addr", "DHCP server", set),
    name(ZEEK, "dhcp.assigned_addr", "DHCP given or wanted address", set),
    name(ZEEK, "dhcp.lease_time", "DHCP lease seconds", whole),
    name(ZEEK, "dhcp.msg_types", "DHCP message", small),
    name(ZEEK, "ntp.mode", "NTP step", step),
    name(ZEEK, "ntp.stratum", "NTP stratum", same),
    name(ZEEK, "ntp.ref_id", "NTP reference", reference),
    name(ZEEK, "ntp.org_time", "NTP answers", stamp),
    name(ZEEK, "ntp.xmt_time", "NTP sent", stamp),
    name(ZEEK, "sip.method", "SIP method", set),
    name(ZEEK, "sip.uri", "SIP target", set),
    name(ZEEK, "sip.status_code", "SIP status", set),
    name(ZEEK, "sip.user_agent", "SIP user agent", set),
    name(ZEEK, "snmp.version", "SNMP version", same),
    name(ZEEK, "snmp event", "SNMP PDU", pdu),
    name(ZEEK, "snmp community", "SNMP community", community),
    name(ZEEK, "snmp request_id", "SNMP request", same),
    name(ZEEK, "snmp oid", "SNMP object", same),
    name(ZEEK, "snmp AuthoritativeEngineBoots", "SNMP engine boots", same),
    name(ZEEK, "snmp AuthoritativeEngineTime", "SNMP engine seconds", same),
    name(ZEEK, "ssh.client", "SSH identification", set),
    name(ZEEK, "ssh.server", "SSH identification", set),
    name(ZEEK, "ssl.version", "TLS version", version),
    name(ZEEK, "ssl.cipher", "TLS cipher", set),
    name(ZEEK, "ssl.server_name", "TLS server name", set),
    name(ZEEK, "ssl.next_protocol", "TLS protocols chosen", set),
    name(ZEEK, "ssl.cert_chain_fps", "certificate SHA-256", first),
    name(ZEEK, "x509.certificate.subject", "certificate subject", set),
    name(ZEEK, "x509.certificate.issuer", "certificate issuer", set),
    name(ZEEK, "x509.certificate.not_valid_before", "certificate valid from", whole),
    name(ZEEK, "x509.certificate.not_valid_after", "certificate valid until", whole),
    name(ZEEK, "x509.certificate.sig_alg", "certificate signature", set),
    name(ZEEK, "x509.certificate.key_type", "certificate key", key),
    name(ZEEK, "x509.certificate.key_length", "certificate key bits", set),
    name(ZEEK, "x509.san.dns", "certificate name", sixteen),
    name(ARKIME, "arp", "address of MAC", same),
    name(ARKIME, "dhcp.type", "DHCP message", small),
    name(ARKIME, "dhcp.mac", "DHCP client", same),
    name(ARKIME, "dhcp.host", "DHCP host name", same),
    name(ARKIME, "dhcp.id", "DHCP transaction", hexadecimal),
    name(ARKIME, "dhcp.classId", "DHCP vendor class", same),
    name(ARKIME, "http.method", "HTTP method", same),
    name(ARKIME, "http.statuscode", "HTTP status", same),
    name(ARKIME, "http.useragent", "HTTP user agent", same),
    name(ARKIME, "ntp.mode", "NTP step", step),
    name(ARKIME, "ntp.refId", "NTP reference", quartet),
    name(ARKIME, "sip.method", "SIP method", same),
    name(ARKIME, "sip.statuscode", "SIP status", same),
    name(ARKIME, "snmp.version", "SNMP version", same),
    name(ARKIME, "snmp.type", "SNMP PDU", pdu),
    name(ARKIME, "snmp.community", "SNMP community", community),
    name(ARKIME, "snmp.trapOid", "SNMP trap", same),
    name(ARKIME, "ssh.version", "SSH identification", same),
    name(ARKIME, "tls.version", "TLS version", version),
    name(ARKIME, "tls.cipher", "TLS cipher", same),
    name(ARKIME, "tls.ja3", "TLS JA3", same),
    name(ARKIME, "tls.ja3s", "TLS JA3S", same),
    name(ARKIME, "tls.ja4", "TLS JA4", same),
    name(ARKIME, "cert.subjectCN", "certificate common name", same),
    name(ARKIME, "cert.notBefore", "certificate valid from", milliseconds),
    name(ARKIME, "cert.notAfter", "certificate valid until", milliseconds),
    name(ARKIME, "cert.alt", "certificate name", same),
    name(VENDORS, "Axis line 4", "attribute", |it| vec![format!("mdns.instance: {it}._axis-video._tcp")]),
    name(VENDORS, "Axis line 6", "attribute", |it| vec![format!("mdns.instance: {it}._axis-video._tcp")]),
    name(VENDORS, "Axis line 7", "attribute", |it| vec![format!("mdns.text: {it}")]),
    name(VENDORS, "Bosch friendlyName", "attribute", model),
    name(VENDORS, "Bosch serialNumber", "attribute", serial),
    name(VENDORS, "Dahua2 DeviceClass", "attribute", |it| vec![format!("dhip.class: {it}")]),
    name(VENDORS, "Dahua2 DeviceType", "attribute", model),
    name(VENDORS, "Dahua2 MachineName", "attribute", |it| vec![format!("name: {it}")]),
    name(VENDORS, "Dahua2 SerialNo", "attribute", serial),
    name(VENDORS, "Dahua2 Version", "attribute", firmware),
    name(VENDORS, "GoogleCast line 4", "attribute", |it| {
        vec![format!("mdns.instance: {it}._googlecast._tcp")]
    }),
    name(VENDORS, "GoogleCast line 5", "attribute", cast),
    name(VENDORS, "GoogleCast line 6", "attribute", cast),
    name(VENDORS, "GoogleCast line 7", "attribute", cast),
    name(VENDORS, "GoogleCast line 8", "attribute", cast),
    name(VENDORS, "GoogleCast line 9", "attribute", cast),
    name(VENDORS, "GoogleCast line 10", "attribute", cast),
    name(VENDORS, "GoogleCast line 11", "attribute", cast),
    name(VENDORS, "GoogleCast line 12", "attribute", cast),
    name(VENDORS, "GoogleCast line 13", "attribute", cast),
    name(VENDORS, "GoogleCast line 14", "attribute", cast),
    name(VENDORS, "GoogleCast line 15", "attribute", cast),
    name(VENDORS, "Hanwha line 5", "attribute", model),
    name(VENDORS, "Hikvision DeviceDescription", "attribute", model),
    name(VENDORS, "Hikvision DeviceSN", "attribute", serial),
    name(VENDORS, "Hikvision SoftwareVersion", "attribute", firmware),
    name(VENDORS, "Sony MODEL", "attribute", model),
    name(VENDORS, "Sony SERIAL", "attribute", serial),
    name(VENDORS, "Sony SOFTVERSION", "attribute", firmware),
    name(VENDORS, "SSDP SERVER", "attribute", |it| vec![format!("ssdp.server: {it}")]),
    name(VENDORS, "Ubiquiti line 3", "attribute", |it| vec![format!("hostname: {it}")]),
    name(VENDORS, "Ubiquiti line 4", "attribute", model),
    name(VENDORS, "Ubiquiti line 5", "attribute", firmware),
    name(VENDORS, "Vivotek line 1", "attribute", |it| vec![format!("name: {it}")]),
    name(VENDORS, "Vivotek line 3", "attribute", model),
    name(VENDORS, "Wsdiscovery d:Types", "attribute", types),
];

fn model(value: &str) -> Vec<String> {
    vec![format!("model: {value}")]
}

fn serial(value: &str) -> Vec<String> {
    vec![format!("serial: {value}")]
}

fn firmware(value: &str) -> Vec<String> {
    vec![format!("firmware: {value}")]
}

fn cast(value: &str) -> Vec<String> {
    vec![format!("mdns.text: _googlecast._tcp {value}")]
}

fn types(value: &str) -> Vec<String> {
    value.split(' ').map(|it| format!("wsd.type: {}", it.rsplit(':').next().unwrap_or(it))).collect()
}

fn same(value: &str) -> Vec<String> {
    // Suricata shows the zero that ends a text.
    let value = value.trim_end_matches("\\u0000").trim();
    if value.is_empty() { Vec::new() } else { vec![value.to_owned()] }
}

/// Zeek writes `-` where nothing is said.
fn set(value: &str) -> Vec<String> {
    if matches!(value, "-" | "(empty)") { Vec::new() } else { vec![unescaped(value)] }
}

/// Zeek writes bytes of no text, and its own separator, as `\x2c`.
fn unescaped(value: &str) -> String {
    let mut parts = value.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.extend([&[byte], &part.as_bytes()[2..]].concat()),
            None => bytes.extend(["\\x", part].concat().bytes()),
        }
    }
    spanwatch_parsers::Text::new(&bytes).to_string()
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::to_owned).collect()
}

fn first(value: &str) -> Vec<String> {
    set(value.split(',').next().unwrap_or_default())
}

fn small(value: &str) -> Vec<String> {
    list(&value.to_lowercase())
}

/// As many names of a certificate as we keep.
fn sixteen(value: &str) -> Vec<String> {
    if value == "-" { Vec::new() } else { list(value).into_iter().take(16).collect() }
}

fn address(value: &str) -> Vec<String> {
    if value == "0.0.0.0" { Vec::new() } else { same(value) }
}

/// `3600.000000`
fn whole(value: &str) -> Vec<String> {
    set(value.split('.').next().unwrap_or_default())
}

fn milliseconds(value: &str) -> Vec<String> {
    vec![(value.parse::<i64>().expect("a number") / 1_000).to_string()]
}

fn hexadecimal(value: &str) -> Vec<String> {
    // The transaction of DHCP for IPv6 has three bytes, and is not kept.
    if value.len() == 8 {
        vec![u32::from_str_radix(value, 16).expect("digits").to_string()]
    } else {
        Vec::new()
    }
}

fn stamp(value: &str) -> Vec<String> {
    if value == "0.000000" { Vec::new() } else { set(value) }
}

/// Option 55's codes by Suricata's names for them.
fn parameters(value: &str) -> Vec<String> {
    let code = |name: &str| match name {
        "subnet_mask" => "1",
        "router" => "3",
        "dns_server" => "6",
        "domain" => "15",
        other => panic!("{other}"),
    };
    value.split(',').map(|name| code(name).to_owned()).collect()
}

fn pdu(value: &str) -> Vec<String> {
    let name = match value.trim_start_matches("snmp_") {
        "get_request" | "GetRequest" => "get",
        "get_next_request" => "get next",
        "response" | "GetResponse" => "response",
        "set_request" | "SetRequest" => "set",
        "trap" => "trap 1",
        "get_bulk_request" | "GetBulkRequest" => "get bulk",
        "SNMPv2-Trap" => "trap",
        other => other,
    };
    vec![name.to_owned()]
}

/// All that we keep of it is whether makers document it.
fn community(value: &str) -> Vec<String> {
    vec![if matches!(value, "public" | "private") { "documented" } else { "another" }.to_owned()]
}

fn step(value: &str) -> Vec<String> {
    let step = match value {
        "3" | "client" => "asked",
        "4" | "server" => "answered",
        // Servers of one rank tell each other.
        "1" | "2" | "5" | "broadcast" => "told",
        other => panic!("mode {other}"),
    };
    vec![step.to_owned()]
}

/// Zeek shows the four bytes of a name, an address with dots.
fn reference(value: &str) -> Vec<String> {
    set(value).into_iter().filter(|it| it.chars().any(|character| character != '·')).collect()
}

/// Arkime shows an address as its four bytes, a name as it is.
fn quartet(value: &str) -> Vec<String> {
    match u32::from_str_radix(value, 16) {
        Ok(bits) if value.len() == 8 => vec![std::net::Ipv4Addr::from(bits).to_string()],
        _ => same(value),
    }
}

fn version(value: &str) -> Vec<String> {
    let version = match value {
        "-" => return Vec::new(),
        "SSLv3" => "SSL 3.0",
        "TLSv1" | "TLSv10" => "TLS 1.0",
        "TLSv1.1" | "TLSv11" => "TLS 1.1",
        "TLSv1.2" | "TLSv12" => "TLS 1.2",
        "TLSv1.3" | "TLSv13" => "TLS 1.3",
        "TLS 1.3 draft-18" => "0x7f12",
        "TLS 1.3 draft-19" => "0x7f13",
        "TLS 1.3 draft-22" => "0x7f16",
        "TLS 1.3 draft-28" => "0x7f1c",
        "TLSv13-draft14" => "0x7f0e",
        "TLSv1.3-draft-18" => "0x7f12",
        other => other,
    };
    vec![version.to_owned()]
}

fn cipher(value: &str) -> Vec<String> {
    vec![spanwatch_parsers::CipherSuite(value.parse().expect("a number")).to_string()]
}

fn key(value: &str) -> Vec<String> {
    set(if value == "ecdsa" { "ec" } else { value })
}

/// Suricata writes names from the country down and with spaces, RFC 4514 the other way round.
fn from_the_top(value: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in value.split(", ") {
        match parts.last_mut() {
            Some(last) if !part.contains('=') => last.push_str(&format!("\\, {part}")),
            _ => parts.push(part.replace("Email=", "emailAddress=")),
        }
    }
    parts.reverse();
    vec![parts.join(",")]
}

/// `2022-12-01T06:47:31` in seconds since 1970.
fn moment(value: &str) -> Vec<String> {
    let moment: jiff::civil::DateTime = value.parse().expect("a date");
    let zoned = moment.to_zoned(jiff::tz::TimeZone::UTC).expect("a moment");
    vec![zoned.timestamp().as_second().to_string()]
}
