//! What the lower half says of a capture, in fields that others have too.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use spanwatch_capture::Item;
use spanwatch_engine::observation::Observation;
use spanwatch_engine::shard::Shard;
use spanwatch_parsers::protocols::snmp::{Message, Security};
use spanwatch_parsers::{Certificate, Fact, Key, TimeStep, TlsRole, TlsSide};

use super::support::{Lower, each_frame};
use super::{Ends, Of};

/// One value of ours.
#[derive(Debug, Clone)]
pub struct Said {
    pub field: &'static str,
    pub of: Of,
    pub value: String,
}

/// Our names for the fields.
pub const FIELDS: &[&str] = &[
    ADDRESS_OF,
    "attribute",
    "certificate issuer",
    "certificate key bits",
    "certificate key",
    "certificate name",
    "certificate SHA-256",
    "certificate signature",
    "certificate subject",
    "certificate common name",
    "certificate valid from",
    "certificate valid until",
    "DHCP client",
    "DHCP given or wanted address",
    "DHCP host name",
    "DHCP lease seconds",
    "DHCP message",
    "DHCP parameters",
    "DHCP router",
    "DHCP server",
    "DHCP transaction",
    "DHCP vendor class",
    "HTTP method",
    "HTTP status",
    "HTTP target",
    "HTTP user agent",
    "host name",
    "NTP answers",
    "NTP reference",
    "NTP sent",
    "NTP step",
    "NTP stratum",
    "SIP method",
    "SIP status",
    "SIP target",
    "SIP user agent",
    "SNMP community",
    "SNMP engine boots",
    "SNMP engine seconds",
    "SNMP object",
    "SNMP PDU",
    "SNMP request",
    "SNMP trap",
    "SNMP version",
    "SSH identification",
    "SSH software",
    "SSH version",
    "TLS cipher",
    "TLS JA3",
    "TLS JA3S",
    "TLS JA4",
    "TLS protocols chosen",
    "TLS protocols offered",
    "TLS server name",
    "TLS version",
    CONVERSATION,
];

/// The MAC that holds an address, and the address.
const ADDRESS_OF: &str = "address of MAC";
/// Says only that there is one.
const CONVERSATION: &str = "conversation";

/// All that is said of a capture.
pub fn of(capture: &Path) -> Vec<Said> {
    let mut lower = Lower::new(|index| Shard::new(index, None, 7));
    let mut said = Vec::new();
    each_frame(&[PathBuf::from(capture)], |item| match item {
        Item::Event(_) => lower.see(item),
        Item::Frame(head, bytes) => {
            let peeled = lower.frame(head, bytes);
            let layers = &peeled.layers;
            let datagram = peeled.bytes(bytes).get(layers.transport_at as usize..layers.end as usize);
            if let (17, Some((from, to)), Some([a, b, c, d, _, _, _, _, payload @ ..])) =
                (layers.protocol, layers.ips, datagram)
            {
                let ports = [u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])];
                if ports.iter().any(|port| matches!(port, 161 | 162)) && layers.fragment.is_none() {
                    snmp(payload, ends((from, ports[0]), (to, ports[1])), &mut said);
                }
            }
        }
    });
    lower.finish().observations.iter().for_each(|seen| fact(seen, &mut said));
    said
}

pub fn ends(one: (IpAddr, u16), other: (IpAddr, u16)) -> Ends {
    if one <= other { [one, other] } else { [other, one] }
}

fn snmp(bytes: &[u8], ends: Ends, said: &mut Vec<Said>) {
    let Ok(message) = Message::parse(bytes) else { return };
    let mut say = |field, value| said.push(Said { field, of: Of::Ends(ends), value });
    say("SNMP version", if message.version == 3 { 3 } else { message.version + 1 }.to_string());
    match message.security {
        Security::Community { is_default } => {
            say("SNMP community", if is_default { "documented" } else { "another" }.to_owned());
        }
        Security::Engine(engine) => {
            say("SNMP engine boots", engine.boots.to_string());
            say("SNMP engine seconds", engine.time_s.to_string());
        }
    }
    match &message.pdu {
        Some(pdu) => {
            let kind = usize::from(pdu.kind.0 & 0x0f);
            say("SNMP PDU", PDUS.get(kind).copied().unwrap_or("unknown").to_owned());
            say("SNMP request", pdu.request.to_string());
            pdu.bindings.iter().for_each(|binding| say("SNMP object", binding.name.to_string()));
        }
        None => say("SNMP PDU", "encrypted".to_owned()),
    }
}

/// By the lower four bits of their tags.
pub const PDUS: [&str; 9] =
    ["get", "get next", "response", "set", "trap 1", "get bulk", "inform", "trap", "report"];

fn fact(seen: &Observation, said: &mut Vec<Said>) {
    let between = seen.subject.ip.zip(seen.peer.ip);
    let of = between.map_or(Of::Capture, |(subject, peer)| {
        Of::Ends(ends((subject, seen.subject.port), (peer, seen.peer.port)))
    });
    let mut say = |field, value: String| said.push(Said { field, of: of.clone(), value });
    match &seen.fact {
        Fact::Activity(_) => say(CONVERSATION, String::new()),
        Fact::Binding { mac, ip, .. } => say(ADDRESS_OF, format!("{mac} {ip}")),
        Fact::Router if seen.source == "dhcp" => {
            seen.subject.ip.into_iter().for_each(|ip| say("DHCP router", ip.to_string()));
        }
        Fact::Lease(lease) => {
            say(
                "DHCP message",
                MESSAGES.get(usize::from(lease.message)).copied().unwrap_or("unknown").to_owned(),
            );
            say("DHCP transaction", lease.transaction.to_string());
            seen.subject.mac.into_iter().for_each(|mac| say("DHCP client", mac.to_string()));
            lease.server.into_iter().for_each(|ip| say("DHCP server", ip.to_string()));
            lease.address.into_iter().for_each(|ip| say("DHCP given or wanted address", ip.to_string()));
            lease.lease_s.into_iter().for_each(|seconds| say("DHCP lease seconds", seconds.to_string()));
        }
        Fact::Exchange(exchange) => {
            let fields = match seen.source {
                "sip" => ["SIP method", "SIP target", "SIP status"],
                "http" => ["HTTP method", "HTTP target", "HTTP status"],
                _ => return,
            };
            say(fields[0], exchange.method.to_string());
            exchange.target.iter().for_each(|target| say(fields[1], target.to_string()));
            exchange.status.iter().for_each(|status| say(fields[2], status.to_string()));
        }
        Fact::Timekeeping(told) => {
            let step = match told.step {
                TimeStep::Asked => "asked",
                TimeStep::Answered => "answered",
                TimeStep::Told => "told",
            };
            say("NTP step", step.to_owned());
            say("NTP stratum", told.stratum.to_string());
            told.source.iter().for_each(|source| say("NTP reference", source.to_string()));
            for (field, stamp) in [("NTP sent", told.sent), ("NTP answers", told.answers)] {
                if stamp != 0 {
                    say(field, microseconds(stamp));
                }
            }
        }
        Fact::Notice(notice) => say("SNMP trap", notice.identity.to_string()),
        Fact::Tls(side) => tls(side, &of, said),
        Fact::Attribute { key, value } => {
            let value = value.to_string();
            say("attribute", format!("{}: {value}", key.name()));
            match key {
                Key::DhcpHostname => say("DHCP host name", value),
                Key::DhcpParameterList => {
                    value.split(',').for_each(|code| say("DHCP parameters", code.to_owned()))
                }
                Key::DhcpVendorClass => say("DHCP vendor class", value),
                Key::HttpUserAgent => say("HTTP user agent", value),
                Key::Hostname => say("host name", value),
                Key::SipUserAgent => say("SIP user agent", value),
                Key::SshIdentification => {
                    if let Some((version, software)) =
                        value.strip_prefix("SSH-").and_then(|rest| rest.split_once('-'))
                    {
                        say("SSH version", version.to_owned());
                        say("SSH software", software.split(' ').next().unwrap_or_default().to_owned());
                    }
                    say("SSH identification", value);
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// By option 53 of DHCP.
const MESSAGES: [&str; 9] =
    ["", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];

/// A time stamp of NTP in seconds since 1970 to the microsecond, rounded as the floating-point numbers of others are.
fn microseconds(stamp: u64) -> String {
    let seconds = (stamp >> 32) as i64 - 2_208_988_800;
    format!("{:.6}", seconds as f64 + (stamp & 0xffff_ffff) as f64 / 4_294_967_296.0)
}

fn tls(side: &TlsSide, of: &Of, said: &mut Vec<Said>) {
    let mut say = |field, value: String| said.push(Said { field, of: of.clone(), value });
    let (ja3, protocols) = match side.role {
        TlsRole::Client => ("TLS JA3", "TLS protocols offered"),
        TlsRole::Server => ("TLS JA3S", "TLS protocols chosen"),
    };
    say(ja3, side.ja3.to_string());
    side.protocols.iter().for_each(|it| say(protocols, it.to_string()));
    side.ja4.iter().for_each(|it| say("TLS JA4", it.to_string()));
    side.server_name.iter().for_each(|it| say("TLS server name", it.to_string()));
    side.version.iter().for_each(|it| say("TLS version", it.to_string()));
    side.cipher.iter().for_each(|it| say("TLS cipher", it.to_string()));
    if let Some(certificate) = &side.certificate {
        let sha256 = certificate.sha256.to_string();
        say("certificate SHA-256", sha256.clone());
        for of in [of.clone(), Of::Certificate(sha256[..16].to_owned())] {
            self::certificate(certificate, &of, said);
        }
    }
}

fn certificate(certificate: &Certificate, of: &Of, said: &mut Vec<Said>) {
    let mut say = |field, value: String| said.push(Said { field, of: of.clone(), value });
    say("certificate subject", certificate.subject.to_string());
    say("certificate issuer", certificate.issuer.to_string());
    let common = certificate.subject.as_str().split(',').find_map(|part| part.strip_prefix("CN="));
    common.into_iter().for_each(|name| say("certificate common name", name.to_owned()));
    certificate.names.iter().for_each(|name| say("certificate name", name.to_string()));
    say("certificate valid from", certificate.not_before_s.to_string());
    say("certificate valid until", certificate.not_after_s.to_string());
    say("certificate key", certificate.key.to_owned());
    certificate.key_bits.iter().for_each(|bits| say("certificate key bits", bits.to_string()));
    say("certificate signature", certificate.signature.to_string());
}
