//! What one DHCP message tells of client, server and switch.

use std::net::{IpAddr, Ipv4Addr};

use super::options::{self, Area, Options};
use super::value::{self, Value};
use super::{Message, MessageType, Operation, vendor};
use crate::identifier::before_zero;
use crate::vocabulary::{About, BindingBy, Envelope, Fact, Key, Lease, Malformed, Offers, Sink, Text};

/// Turns one message into facts.
pub fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let message = match Message::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    let kind = message.message_type();
    let said_by = kind.and_then(MessageType::operation);
    if said_by.is_some_and(|operation| operation != message.operation) {
        return Err(Malformed::Invalid { field: "message type" });
    }
    // Past RFC 2131 it is about other people's leases.
    let is_about_client = kind.is_none() || said_by.is_some();
    if let Some(client) = client(&message, envelope).filter(|_| is_about_client) {
        bind(&message, client, sink);
        if let Some(kind) = kind {
            sink.fact(client, Fact::Lease(Box::new(lease(&message, kind, envelope))));
            offers(&message, kind, envelope).into_iter().for_each(|offers| sink.fact(client, offers));
        }
        attributes(&message, client, envelope.is_cut, sink);
    }
    let is_service = matches!(kind, Some(MessageType::OFFER | MessageType::ACK));
    if is_service && is_from_server(&message, envelope) {
        sink.fact(About::Sender, Fact::Service { protocol: "dhcp" });
        routers(&message.options, sink);
    }
    match message.damage {
        Some(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        Some(damage) => Err(damage),
        None => Ok(()),
    }
}

/// Whom the message is about; `None` where nothing names him.
fn client(message: &Message<'_>, envelope: &Envelope) -> Option<About> {
    let mac = message.mac();
    let given = host(message.yours).filter(|_| message.message_type() == Some(MessageType::ACK));
    let ip = given.or_else(|| host(message.client));
    let is_direct = message.operation == Operation::REQUEST && message.relay.is_unspecified();
    match (mac, ip) {
        (None, None) if is_direct && envelope.source_mac.is_some() => Some(About::Sender),
        (None, None) => None,
        _ => Some(About::Named { mac, ip: ip.map(IpAddr::V4) }),
    }
}

/// An acknowledged lease binds; so does a client's word that it has its address already,
/// which an acknowledgement without a lease repeats (RFC 2131, 4.3.5 and table 5).
fn bind(message: &Message<'_>, client: About, sink: &mut Sink) {
    let Some(mac) = message.mac() else { return };
    let (ip, by) = match message.message_type() {
        Some(MessageType::ACK) => match host(message.yours) {
            Some(given) => (Some(given), BindingBy::Lease),
            None => (host(message.client), BindingBy::Claim),
        },
        Some(MessageType::REQUEST | MessageType::INFORM) => (host(message.client), BindingBy::Claim),
        _ => (None, BindingBy::Claim),
    };
    if let Some(ip) = ip {
        sink.fact(client, Fact::Binding { mac, ip: ip.into(), by });
    }
}

fn lease(message: &Message<'_>, kind: MessageType, envelope: &Envelope) -> Lease {
    let own = host(message.client);
    let address = match kind {
        MessageType::OFFER | MessageType::ACK => host(message.yours).or(own),
        MessageType::NAK => None,
        _ => message.address(options::REQUESTED_ADDRESS).and_then(host).or(own),
    };
    let lease_s = message.options.first(options::LEASE_TIME).and_then(|value| value.try_into().ok());
    Lease {
        message: kind.0,
        server: server(message, envelope),
        address: address.map(IpAddr::V4),
        lease_s: lease_s.map(u32::from_be_bytes),
        relay: host(message.relay).map(IpAddr::V4),
        transaction: message.transaction,
    }
}

/// The servers that an answer names, where it names any.
fn offers(message: &Message<'_>, kind: MessageType, envelope: &Envelope) -> Option<Fact> {
    let named = |code| -> Vec<IpAddr> {
        let value = message.options.whole(code).unwrap_or_default();
        let addresses = value.as_chunks::<4>().0.iter().filter_map(|it| host((*it).into()));
        addresses.take(Offers::MAX).map(IpAddr::V4).collect()
    };
    let (resolvers, clocks) = (named(options::RESOLVERS), named(options::CLOCKS));
    let is_any = !(resolvers.is_empty() && clocks.is_empty());
    (is_any && matches!(kind, MessageType::OFFER | MessageType::ACK))
        .then(|| Fact::Offers(Box::new(Offers { by: server(message, envelope), resolvers, clocks })))
}

/// The server that a message names, else whom an answer came from.
fn server(message: &Message<'_>, envelope: &Envelope) -> Option<IpAddr> {
    let is_answer = message.operation == Operation::REPLY && is_from_server(message, envelope);
    let answered = envelope.source.filter(|_| is_answer);
    message.address(options::SERVER).map(IpAddr::V4).or(answered)
}

/// Whether the sender is the server itself: a relay passes answers on as its own,
/// and only on the way to the relay is it the server's (RFC 2131, 4.1).
fn is_from_server(message: &Message<'_>, envelope: &Envelope) -> bool {
    message.relay.is_unspecified() || envelope.destination == Some(message.relay.into())
}

/// The routers that a server names to a client (option 3).
fn routers(options: &Options<'_>, sink: &mut Sink) {
    let routers = options.whole(options::ROUTER);
    for address in routers.iter().flat_map(|bytes| bytes.as_chunks::<4>().0).take(ROUTERS_MAX) {
        let ip = Some(IpAddr::from(*address));
        sink.fact(About::Named { mac: None, ip }, Fact::Router);
    }
}

fn attributes(message: &Message<'_>, client: About, is_cut: bool, sink: &mut Sink) {
    let options = &message.options;
    let has_end =
        options.raw.iter().any(|option| option.code == options::END && option.area == Area::Options);
    let is_order_whole = has_end || !(is_cut || matches!(message.damage, Some(Malformed::Truncated { .. })));
    let is_client_talking = message.operation == Operation::REQUEST;
    if let Some(name) = options.whole(options::HOST_NAME) {
        sink.attribute(client, Key::Hostname, before_zero(&name));
        if is_client_talking {
            sink.attribute(client, Key::DhcpHostname, before_zero(&name));
        }
    }
    if let Some(bytes) = options.whole(options::FQDN)
        && let Some(Value::Fqdn(fqdn)) = Value::read(options::FQDN, &bytes)
    {
        sink.attribute(client, Key::Hostname, &fqdn.name);
    }
    if is_client_talking {
        of_client(options, client, sink);
    }
    if is_client_talking && is_order_whole {
        // A relay's option is not the client's.
        let order = options.raw.iter().map(|option| option.code).filter(|code| *code != options::RELAY);
        sink.attribute(client, Key::DhcpOptionOrder, codes(order).as_bytes());
    }
    if let Some(bytes) = options.whole(options::RELAY)
        && let Some(Value::Relay(info)) = Value::read(options::RELAY, &bytes)
        && let Some(mut attached) = info.attached()
    {
        // A relay that names no remote id is known by the address it relays from.
        let relay = Some(message.relay).filter(|relay| !relay.is_unspecified());
        attached.switch = attached.switch.or(relay.map(|relay| Text::from(relay.to_string().as_str())));
        sink.fact(client, Fact::Attached(Box::new(attached)));
    }
}

/// What only the client itself says.
fn of_client(options: &Options<'_>, client: About, sink: &mut Sink) {
    let class = options.whole(options::VENDOR_CLASS);
    if let Some(class) = &class {
        sink.attribute(client, Key::DhcpVendorClass, before_zero(class));
    }
    if let Some(list) = options.whole(options::PARAMETER_LIST) {
        sink.attribute(client, Key::DhcpParameterList, codes(list.iter().copied()).as_bytes());
    }
    for code in [
        options::USER_CLASS,
        options::VENDOR,
        options::VENDOR_IDENTIFYING_CLASS,
        options::VENDOR_IDENTIFYING_INFO,
    ] {
        let Some(bytes) = value::bytes(options, code) else { continue };
        match Value::read(code, &bytes) {
            Some(Value::UserClasses(classes)) => {
                for class in classes {
                    sink.attribute(client, Key::DhcpUserClass, class);
                }
            }
            Some(Value::Vendor(fields)) => {
                for field in fields {
                    if let Some(vendor::Meaning::Attribute(key, value)) =
                        vendor::meaning(class.as_deref(), field)
                    {
                        sink.attribute(client, key, before_zero(value));
                    }
                }
            }
            Some(Value::Identified(all)) => {
                for data in all {
                    if code == options::VENDOR_IDENTIFYING_CLASS {
                        for class in data.classes() {
                            let class = format!("{}:{}", data.enterprise, Text::new(class));
                            sink.attribute(client, Key::DhcpVendorIdentifying, class.as_bytes());
                        }
                    }
                    for (key, value) in vendor::identified(&data) {
                        sink.attribute(client, key, before_zero(value));
                    }
                }
            }
            _ => {}
        }
    }
}

/// Decimal codes joined by commas, no more of them than a text holds.
fn codes(codes: impl Iterator<Item = u8>) -> String {
    let mut joined = String::new();
    for code in codes {
        let separator = if joined.is_empty() { "" } else { "," };
        let next = format!("{separator}{code}");
        if joined.len().saturating_add(next.len()) > Text::MAX {
            break;
        }
        joined.push_str(&next);
    }
    joined
}

/// The address, where a host can hold it.
fn host(ip: Ipv4Addr) -> Option<Ipv4Addr> {
    let is_host = !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.is_broadcast());
    is_host.then_some(ip)
}

/// Routers that one answer may name; honest ones name one or two.
const ROUTERS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::tests::{MAC, message};
    use super::*;

    const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const GIVEN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

    fn observed(envelope: &Envelope, bytes: &[u8]) -> (Vec<(About, Fact)>, Result<(), Malformed>) {
        let mut sink = Sink::default();
        let result = observe(envelope, bytes, &mut sink);
        (sink.facts, result)
    }

    fn facts(bytes: &[u8]) -> Vec<(About, Fact)> {
        let (facts, result) = observed(&Envelope::default(), bytes);
        result.unwrap();
        facts
    }

    fn named(ip: Option<Ipv4Addr>) -> About {
        About::Named { mac: Some(MAC), ip: ip.map(IpAddr::V4) }
    }

    fn said(facts: &[(About, Fact)], wanted: Key) -> Vec<&str> {
        let value = |fact: &'_ Fact| match fact {
            Fact::Attribute { key, .. } => *key == wanted,
            _ => false,
        };
        let texts = facts.iter().filter(|(_, fact)| value(fact)).map(|(_, fact)| match fact {
            Fact::Attribute { value, .. } => value.as_str(),
            _ => "",
        });
        texts.collect()
    }

    fn lease_of(facts: &[(About, Fact)]) -> Lease {
        let lease = facts.iter().find_map(|(_, fact)| match fact {
            Fact::Lease(lease) => Some((**lease).clone()),
            _ => None,
        });
        lease.unwrap()
    }

    /// A server's message that gives 192.0.2.7, with these options.
    fn giving(options: &[u8]) -> Vec<u8> {
        let mut bytes = message(2, options);
        bytes[16..20].copy_from_slice(&GIVEN.octets());
        bytes
    }

    #[test]
    fn discover_tells_what_the_client_is() {
        let bytes =
            message(1, b"\x35\x01\x01\x3c\x04Acme\x0c\x04cam7\x37\x03\x01\x03\x06\x4d\x04\x03xyz\xff");
        let facts = facts(&bytes);
        assert!(facts.iter().all(|(about, _)| *about == named(None)));
        assert_eq!(said(&facts, Key::DhcpVendorClass), ["Acme"]);
        assert_eq!(said(&facts, Key::DhcpHostname), ["cam7"]);
        assert_eq!(said(&facts, Key::Hostname), ["cam7"]);
        assert_eq!(said(&facts, Key::DhcpParameterList), ["1,3,6"]);
        assert_eq!(said(&facts, Key::DhcpOptionOrder), ["53,60,12,55,77,255"]);
        assert_eq!(said(&facts, Key::DhcpUserClass), ["xyz"]);
        assert!(!facts.iter().any(|(_, fact)| matches!(fact, Fact::Binding { .. })));
    }

    #[test]
    fn acknowledgement_binds_the_lease_and_shows_the_server() {
        let facts = facts(&giving(b"\x35\x01\x05\x36\x04\xc0\0\x02\x01\x33\x04\0\0\x0e\x10\xff"));
        let client = named(Some(GIVEN));
        let lease = Lease {
            message: 5,
            server: Some(SERVER.into()),
            address: Some(GIVEN.into()),
            lease_s: Some(3600),
            relay: None,
            transaction: 0xdead_beef,
        };
        let expected = [
            (client, Fact::Binding { mac: MAC, ip: GIVEN.into(), by: BindingBy::Lease }),
            (client, Fact::Lease(Box::new(lease))),
            (About::Sender, Fact::Service { protocol: "dhcp" }),
        ];
        assert_eq!(facts, expected);
    }

    #[test]
    fn an_answer_names_servers_and_a_request_none() {
        let options = b"\x36\x04\xc0\0\x02\x01\x06\x08\xc0\0\x02\x35\xc0\0\x02\x36\x2a\x04\xc0\0\x02\x7b\xff";
        let offers = |kind: u8, operation: u8| {
            let mut bytes = message(operation, &[&[53, 1, kind], &options[..]].concat());
            bytes[16..20].copy_from_slice(&GIVEN.octets());
            let facts = facts(&bytes).into_iter();
            facts.filter_map(|(_, fact)| if let Fact::Offers(it) = fact { Some(*it) } else { None }).collect()
        };
        let ip = |last: u8| IpAddr::from([192, 0, 2, last]);
        let due = Offers { by: Some(SERVER.into()), resolvers: vec![ip(53), ip(54)], clocks: vec![ip(123)] };
        assert_eq!((offers(2, 2), offers(5, 2)), (vec![due.clone()], vec![due]));
        assert_eq!((offers(3, 1), offers(6, 2)), (Vec::<Offers>::new(), Vec::new()));
    }

    #[test]
    fn offer_binds_nothing() {
        let facts = facts(&giving(b"\x35\x01\x02\xff"));
        assert_eq!(lease_of(&facts).address, Some(GIVEN.into()));
        assert!(!facts.iter().any(|(_, fact)| matches!(fact, Fact::Binding { .. })));
    }

    #[test]
    fn renewal_claims_the_address_that_the_client_has() {
        let mut bytes = message(1, b"\x35\x01\x03\xff");
        bytes[12..16].copy_from_slice(&GIVEN.octets());
        let claim = Fact::Binding { mac: MAC, ip: GIVEN.into(), by: BindingBy::Claim };
        assert_eq!(facts(&bytes)[0], (named(Some(GIVEN)), claim));
    }

    #[test]
    fn release_binds_nothing() {
        let mut bytes = message(1, b"\x35\x01\x07\xff");
        bytes[12..16].copy_from_slice(&GIVEN.octets());
        let facts = facts(&bytes);
        assert_eq!(lease_of(&facts).address, Some(GIVEN.into()));
        assert!(!facts.iter().any(|(_, fact)| matches!(fact, Fact::Binding { .. })));
    }

    #[test]
    fn answer_is_the_servers_only_on_its_way_to_the_relay() {
        let relay = Ipv4Addr::new(192, 0, 2, 254);
        let mut bytes = giving(b"\x35\x01\x02\xff");
        bytes[24..28].copy_from_slice(&relay.octets());
        let service = (About::Sender, Fact::Service { protocol: "dhcp" });
        let way = |source: Ipv4Addr, destination: Ipv4Addr| Envelope {
            source: Some(source.into()),
            destination: Some(destination.into()),
            ..Envelope::default()
        };
        let (facts, _) = observed(&way(SERVER, relay), &bytes);
        assert!(facts.contains(&service));
        let lease = lease_of(&facts);
        assert_eq!((lease.server, lease.relay), (Some(SERVER.into()), Some(relay.into())));
        let (facts, _) = observed(&way(relay, Ipv4Addr::BROADCAST), &bytes);
        assert!(!facts.contains(&service));
        assert_eq!(lease_of(&facts).server, None);
    }

    #[test]
    fn option_of_the_relay_tells_the_place_and_is_not_in_the_clients_order() {
        let facts = facts(&message(1, b"\x35\x01\x01\x52\x08\x01\x06\0\x04\0\x14\x01\x07\xff"));
        assert_eq!(said(&facts, Key::DhcpOptionOrder), ["53,255"]);
        let attached = facts.iter().find_map(|(about, fact)| match fact {
            Fact::Attached(attached) => Some((*about, attached.vlan)),
            _ => None,
        });
        assert_eq!(attached, Some((named(None), Some(20))));
    }

    #[test]
    fn what_the_server_says_is_not_the_clients_fingerprint() {
        let facts = facts(&giving(b"\x35\x01\x05\x3c\x04Acme\x0c\x04cam7\x37\x01\x01\xff"));
        assert_eq!(said(&facts, Key::Hostname), ["cam7"]);
        let keys = [Key::DhcpHostname, Key::DhcpVendorClass, Key::DhcpParameterList, Key::DhcpOptionOrder];
        assert!(keys.iter().all(|key| said(&facts, *key).is_empty()));
    }

    #[test]
    fn makes_by_enterprise_are_told() {
        let options = b"\x35\x01\x01\x7c\x0a\0\0\x01\x70\x05\x04Axis\x7d\x09\0\0\x0d\xe9\x04\x02\x02S1\xff";
        let facts = facts(&message(1, options));
        assert_eq!(said(&facts, Key::DhcpVendorIdentifying), ["368:Axis"]);
        assert_eq!(said(&facts, Key::Serial), ["S1"]);
    }

    #[test]
    fn dns_name_is_a_host_name() {
        let facts = facts(&message(1, b"\x35\x01\x01\x51\x08\x04\0\0\x03cam\0\xff"));
        assert_eq!(said(&facts, Key::Hostname), ["cam"]);
    }

    #[test]
    fn bootp_and_lease_queries_bind_nothing() {
        let mut bytes = giving(&[]);
        bytes.truncate(236);
        assert_eq!(facts(&bytes), []);
        assert_eq!(facts(&giving(b"\x35\x01\x0d\xff")), []);
    }

    #[test]
    fn damage_does_not_hide_what_stands_before_it() {
        let (facts, result) =
            observed(&Envelope::default(), &message(1, b"\x35\x01\x01\x0c\x04cam7\x3c\x09A"));
        assert_eq!(said(&facts, Key::Hostname), ["cam7"]);
        assert_eq!(result, Err(Malformed::Truncated { field: "option" }));
    }

    #[test]
    fn message_that_the_capture_cut_is_not_malformed() {
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        let bytes = message(1, b"\x35\x01\x01\x0c\x04cam7\x3c\x09A");
        let (facts, result) = observed(&cut, &bytes);
        assert_eq!((said(&facts, Key::Hostname), result), (vec!["cam7"], Ok(())));
        assert!(said(&facts, Key::DhcpOptionOrder).is_empty());
        assert_eq!(observed(&cut, &bytes[..60]), (vec![], Ok(())));
    }

    #[test]
    fn order_without_an_end_is_told() {
        assert_eq!(said(&facts(&message(1, b"\x35\x01\x01\x0c\x01a")), Key::DhcpOptionOrder), ["53,12"]);
    }

    #[test]
    fn servers_word_from_a_client_is_invalid() {
        let (facts, result) = observed(&Envelope::default(), &message(1, b"\x35\x01\x05\xff"));
        assert_eq!((facts, result), (vec![], Err(Malformed::Invalid { field: "message type" })));
    }

    #[test]
    fn long_list_of_codes_is_cut_between_two() {
        let list = codes((0..=255u8).rev());
        assert!(list.len() <= Text::MAX && list.starts_with("255,254") && !list.ends_with(','));
        assert!(list.rsplit(',').next().is_some_and(|last| last.len() == 3));
    }
}
