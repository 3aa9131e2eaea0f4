//! What one message of DNS, mDNS or LLMNR tells of its sender.
//!
//! Whoever answers may answer for others: a resolver always, on the link a proxy for those who sleep, or a
//! router that repeats multicast from one segment in another. A name is the sender's own only where the same
//! message gives its address, and that is the sender's; or where a text names the MAC that sent the frame.

use std::net::IpAddr;

use super::{Data, Message, PTR, Record, Section};
use crate::name::Name;
use crate::vocabulary::{About, Envelope, Fact, Key, Mac, Malformed, Sink, Text};

/// Turns one message of DNS into facts.
pub fn of_dns(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let Some(message) = parse(envelope, bytes)? else { return Ok(()) };
    let flags = message.flags;
    if flags.is_response() && envelope.source_port == PORT && matches!(flags.code(), NO_ERROR | NO_SUCH_NAME)
    {
        sink.fact(About::Sender, Fact::Service { protocol: "dns" });
    }
    if !flags.is_response() && flags.opcode() == QUERY && envelope.destination_port == PORT {
        asked(&message, sink);
    }
    if !flags.is_response() && flags.opcode() == UPDATE {
        let added = said(&message, |section| section == Section::Authority);
        hostnames(&own_hosts(envelope, added), sink);
    }
    end(envelope, &message)
}

/// Says which name is asked for, where it is no address's.
pub(super) fn asked(message: &Message<'_>, sink: &mut Sink) {
    let Some(question) = message.questions.first() else { return };
    if !question.name.ends_in(&[b"arpa"])
        && let Some(name) = Text::some(&question.name.joined().to_ascii_lowercase())
    {
        sink.fact(About::Sender, Fact::NameAsked { name });
    }
}

/// Turns one message of mDNS into facts.
pub fn of_mdns(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let Some(message) = parse(envelope, bytes)? else { return Ok(()) };
    let is_response = message.flags.is_response();
    if is_response && envelope.source_port == MULTICAST_PORT {
        sink.fact(About::Sender, Fact::Service { protocol: "mdns" });
    }
    // Who asks tells what he is about to claim (RFC 6762, 8.2); what he knows already (7.1) is others'.
    let of_sender = |section| is_response || section == Section::Authority;
    let hosts = own_hosts(envelope, said(&message, of_sender));
    hostnames(&hosts, sink);
    let is_all_own = said(&message, of_sender).any(|record| names_sender(envelope, record));
    let mut instances: Vec<Name<'_>> = Vec::new();
    for record in said(&message, of_sender) {
        let instance = match &record.data {
            Data::Srv { target, .. } if is_all_own || hosts.iter().any(|host| host.is(target)) => record.name,
            Data::Name(target) if is_all_own && record.kind == PTR => *target,
            _ => continue,
        };
        if service(&instance).is_some()
            && instances.len() < INSTANCES_MAX
            && !instances.iter().any(|known| known.is(&instance))
        {
            instances.push(instance);
        }
    }
    for instance in &instances {
        let Some(service) = service(instance) else { continue };
        sink.attribute(About::Sender, Key::MdnsService, &service);
        sink.attribute(About::Sender, Key::MdnsInstance, &without_local(instance));
    }
    for record in said(&message, of_sender) {
        let Data::Txt(texts) = &record.data else { continue };
        if !is_all_own && !instances.iter().any(|instance| instance.is(&record.name)) {
            continue;
        }
        let service = service(&record.name).unwrap_or_default();
        for text in texts.iter().filter(|text| !text.is_empty()).take(TEXTS_MAX) {
            sink.attribute(About::Sender, Key::MdnsText, &[service.as_slice(), b" ", text].concat());
        }
    }
    end(envelope, &message)
}

/// Turns one message of LLMNR into facts.
pub fn of_llmnr(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let Some(message) = parse(envelope, bytes)? else { return Ok(()) };
    if message.flags.is_response() && envelope.source_port == LINK_LOCAL_PORT {
        sink.fact(About::Sender, Fact::Service { protocol: "llmnr" });
        hostnames(&own_hosts(envelope, said(&message, |_| true)), sink);
    }
    end(envelope, &message)
}

/// `None` where the capture left too little of it.
fn parse<'a>(envelope: &Envelope, bytes: &'a [u8]) -> Result<Option<Message<'a>>, Malformed> {
    match Message::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => Ok(None),
        read => read.map(Some),
    }
}

fn end(envelope: &Envelope, message: &Message<'_>) -> Result<(), Malformed> {
    match message.damage {
        Some(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        Some(damage) => Err(damage),
        None => Ok(()),
    }
}

/// What these sections say, [`RECORDS_MAX`] records at most.
fn said<'a, 'm>(
    message: &'m Message<'a>,
    of_sender: impl Fn(Section) -> bool,
) -> impl Iterator<Item = &'m Record<'a>> {
    let records = message.records.iter().take(RECORDS_MAX);
    records.filter(move |record| of_sender(record.section) && record.class & CLASS == IN)
}

/// Names whose address is the sender's, and that he does not take back.
fn own_hosts<'a, 'm>(envelope: &Envelope, records: impl Iterator<Item = &'m Record<'a>>) -> Vec<Name<'a>>
where
    'a: 'm,
{
    let mut hosts: Vec<Name<'a>> = Vec::new();
    for record in records.filter(|record| record.ttl_s > 0) {
        let host = match (&record.data, envelope.source) {
            (Data::A(ip), Some(source)) if source == IpAddr::V4(*ip) => record.name,
            (Data::Aaaa(ip), Some(source)) if source == IpAddr::V6(*ip) => record.name,
            (Data::Name(host), Some(source)) if record.kind == PTR && is_reverse(&record.name, source) => {
                *host
            }
            _ => continue,
        };
        if hosts.len() < HOSTS_MAX && !hosts.iter().any(|known| known.is(&host)) {
            hosts.push(host);
        }
    }
    hosts
}

fn hostnames(hosts: &[Name<'_>], sink: &mut Sink) {
    for host in hosts {
        sink.attribute(About::Sender, Key::Hostname, &without_local(host));
    }
}

/// `5.2.0.192.in-addr.arpa` for 192.0.2.5 (RFC 1035, 3.5), nibbles under `ip6.arpa` (RFC 3596, 2.5).
fn is_reverse(name: &Name<'_>, ip: IpAddr) -> bool {
    let (labels, zone): (Vec<String>, &[&[u8]]) = match ip {
        IpAddr::V4(ip) => (ip.octets().iter().map(u8::to_string).collect(), &[b"in-addr", b"arpa"]),
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
            (nibbles.map(|nibble| format!("{nibble:x}")).collect(), &[b"ip6", b"arpa"])
        }
    };
    let reversed: Vec<&[u8]> =
        labels.iter().rev().map(String::as_bytes).chain(zone.iter().copied()).collect();
    name.labels().count() == reversed.len() && name.ends_in(&reversed)
}

/// Whether it is a text that names the MAC which sent the frame, as `macaddress=00408C123456`.
fn names_sender(envelope: &Envelope, record: &Record<'_>) -> bool {
    let (Data::Txt(texts), Some(sender)) = (&record.data, envelope.source_mac) else { return false };
    texts.iter().any(|text| {
        let value = text.splitn(2, |byte| *byte == b'=').nth(1);
        value.and_then(Mac::from_text) == Some(sender)
    })
}

/// `_http._tcp` of `cam7._http._tcp.local` (RFC 6763, 4.1); `None` where the name is no instance of a service.
fn service(instance: &Name<'_>) -> Option<Vec<u8>> {
    let mut labels = instance.labels().skip(1);
    let (service, transport) = (labels.next()?, labels.next()?);
    let is_service =
        service.starts_with(b"_") && matches!(transport, b"_tcp" | b"_udp") && service != b"_dns-sd";
    (is_service && labels.next().is_some()).then(|| [service, b".", transport].concat())
}

/// The name without the domain of all names on the link.
fn without_local(name: &Name<'_>) -> Vec<u8> {
    let labels: Vec<&[u8]> = name.labels().collect();
    let kept = match labels.split_last() {
        Some((last, rest)) if last.eq_ignore_ascii_case(b"local") => rest,
        _ => &labels,
    };
    kept.join(&b'.')
}

const PORT: u16 = 53;
const MULTICAST_PORT: u16 = 5353;
const LINK_LOCAL_PORT: u16 = 5355;
const NO_ERROR: u16 = 0;
const NO_SUCH_NAME: u16 = 3;
const UPDATE: u16 = 5;
const QUERY: u16 = 0;
/// The class without mDNS's highest bit, and that of the Internet.
const CLASS: u16 = 0x7fff;
const IN: u16 = 1;
/// Records that are looked at; a device with thirty services sends about a hundred.
const RECORDS_MAX: usize = 512;
/// Names of one sender in one message; two or three are usual.
const HOSTS_MAX: usize = 8;
/// Services of one sender in one message.
const INSTANCES_MAX: usize = 32;
/// Texts of one service; twenty are many.
const TEXTS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, message, record};
    use super::super::{A, AAAA, SRV, TXT};
    use super::*;

    const SENDER: [u8; 4] = [192, 0, 2, 5];
    const MAC: Mac = Mac([2, 0, 0, 0, 0, 0x5a]);

    type Read = fn(&Envelope, &[u8], &mut Sink) -> Result<(), Malformed>;

    /// What a message with these records from 192.0.2.5 tells.
    fn told(read: Read, source_port: u16, bytes: &[u8]) -> Vec<String> {
        let source = Some(IpAddr::from(SENDER));
        let envelope = Envelope { source_port, source, source_mac: Some(MAC), ..Envelope::default() };
        let mut sink = Sink::default();
        read(&envelope, bytes, &mut sink).unwrap();
        let shown = sink.facts.iter().map(|(about, fact)| match (about, fact) {
            (About::Sender, Fact::Attribute { key, value }) => format!("{} {value}", key.name()),
            (About::Sender, Fact::Service { protocol }) => format!("serves {protocol}"),
            other => format!("{other:?}"),
        });
        shown.collect()
    }

    fn response(records: &[Vec<u8>]) -> Vec<u8> {
        message(0x8400, [0, records.len() as u16, 0, 0], &records.concat())
    }

    fn srv(name: &str, target: &str) -> Vec<u8> {
        record(name, SRV, &[b"\0\0\0\0\0\x50", encoded(target).as_slice()].concat())
    }

    #[test]
    fn device_tells_its_name_and_its_services() {
        let bytes = response(&[
            srv("Gate 3._http._tcp.local", "cam7.local"),
            record("Gate 3._http._tcp.local", TXT, b"\x08model=M1\0"),
            record("cam7.local", A, &SENDER),
        ]);
        assert_eq!(
            told(of_mdns, 5353, &bytes),
            [
                "serves mdns",
                "hostname cam7",
                "mdns.service _http._tcp",
                "mdns.instance Gate 3._http._tcp",
                "mdns.text _http._tcp model=M1",
            ]
        );
    }

    #[test]
    fn what_a_proxy_tells_of_others_is_not_its_own() {
        let bytes = response(&[
            srv("Gate 3._http._tcp.local", "cam7.local"),
            record("Gate 3._http._tcp.local", TXT, b"\x08model=M1"),
            record("cam7.local", A, &[192, 0, 2, 99]),
            record("99.2.0.192.in-addr.arpa", PTR, &encoded("cam7.local")),
        ]);
        assert_eq!(told(of_mdns, 5353, &bytes), ["serves mdns"]);
    }

    #[test]
    fn service_of_a_host_without_address_is_nobodys() {
        let bytes = response(&[srv("Gate 3._http._tcp.local", "cam7.local"), record("x", TXT, b"\x01y")]);
        assert_eq!(told(of_mdns, 5353, &bytes), ["serves mdns"]);
    }

    #[test]
    fn text_with_the_senders_mac_makes_all_its_own() {
        let bytes = response(&[
            record("_axis-video._tcp.local", PTR, &encoded("AXIS M1 - 02000000005A._axis-video._tcp.local")),
            record("AXIS M1 - 02000000005A._axis-video._tcp.local", TXT, b"\x17macaddress=02000000005A"),
        ]);
        assert_eq!(
            told(of_mdns, 5353, &bytes),
            [
                "serves mdns",
                "mdns.service _axis-video._tcp",
                "mdns.instance AXIS M1 - 02000000005A._axis-video._tcp",
                "mdns.text _axis-video._tcp macaddress=02000000005A",
            ]
        );
    }

    #[test]
    fn who_asks_tells_what_it_will_claim_and_not_what_it_knows() {
        let known = record("other.local", A, &SENDER);
        let claimed = record("cam7.local", A, &SENDER);
        let bytes = message(0, [0, 1, 1, 0], &[known, claimed].concat());
        assert_eq!(told(of_mdns, 5353, &bytes), ["hostname cam7"]);
    }

    #[test]
    fn name_that_is_taken_back_is_not_told() {
        let mut bytes = response(&[record("cam7.local", A, &SENDER)]);
        let ttl_at = bytes.len() - 10;
        bytes[ttl_at..ttl_at + 4].fill(0);
        assert_eq!(told(of_mdns, 5353, &bytes), ["serves mdns"]);
    }

    #[test]
    fn address_that_leads_to_a_name_names_the_sender() {
        let bytes = response(&[record("5.2.0.192.in-addr.arpa", PTR, &encoded("cam7.local"))]);
        assert_eq!(told(of_mdns, 5353, &bytes), ["serves mdns", "hostname cam7"]);
        assert_eq!(told(of_llmnr, 5355, &bytes), ["serves llmnr", "hostname cam7"]);
        let other = response(&[record("5.2.0.192.in-addr.arpa.x", PTR, &encoded("cam7.local"))]);
        assert_eq!(told(of_mdns, 5353, &other), ["serves mdns"]);
        let name = (0..32).map(|nibble| if nibble == 31 { "f" } else { "0" }).collect::<Vec<_>>().join(".");
        let bytes = encoded(&format!("{name}.ip6.arpa"));
        let (name, _) = Name::read(&bytes, 0).unwrap();
        assert!(is_reverse(&name, "f000::".parse().unwrap()));
    }

    #[test]
    fn answer_on_the_link_names_only_whose_address_it_is() {
        let own = message(0x8000, [0, 1, 0, 0], &record("cam7", A, &SENDER));
        assert_eq!(told(of_llmnr, 5355, &own), ["serves llmnr", "hostname cam7"]);
        let others = message(0x8000, [0, 1, 0, 0], &record("cam7", A, &[192, 0, 2, 99]));
        assert_eq!(told(of_llmnr, 5355, &others), ["serves llmnr"]);
        let asked = message(0, [0, 1, 0, 0], &record("cam7", AAAA, &[0xfe; 16]));
        assert_eq!(told(of_llmnr, 50_000, &asked), [""; 0]);
    }

    #[test]
    fn server_of_names_serves_and_says_nothing_of_third_parties() {
        let records =
            [record("99.2.0.192.in-addr.arpa", PTR, &encoded("cam7.ex")), record("ns.ex", A, &SENDER)];
        assert_eq!(told(of_dns, 53, &message(0x8180, [0, 2, 0, 0], &records.concat())), ["serves dns"]);
        assert_eq!(told(of_dns, 53, &message(0x8183, [0; 4], b"")), ["serves dns"]);
        assert_eq!(told(of_dns, 53, &message(0x8185, [0; 4], b"")), [""; 0]);
    }

    #[test]
    fn who_registers_its_own_address_tells_its_name() {
        let records = [record("cam7.ex", A, &SENDER), record("cam8.ex", A, &[192, 0, 2, 8])].concat();
        assert_eq!(told(of_dns, 50_000, &message(0x2800, [0, 0, 2, 0], &records)), ["hostname cam7.ex"]);
    }

    #[test]
    fn message_that_the_capture_cut_is_not_malformed() {
        let bytes = response(&[record("cam7.local", A, &SENDER), record("cam7.local", A, &SENDER)]);
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        for end in [5, bytes.len() - 3] {
            assert_eq!(of_mdns(&cut, &bytes[..end], &mut Sink::default()), Ok(()));
        }
        let whole = of_mdns(&Envelope::default(), &bytes[..bytes.len() - 3], &mut Sink::default());
        assert_eq!(whole, Err(Malformed::Truncated { field: "record data" }));
    }
}
