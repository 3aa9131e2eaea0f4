//! What one DHCPv6 message tells of client, server and switch.

use std::net::IpAddr;

use super::{
    FQDN, INTERFACE_ID, Message, MessageType, REMOTE_ID, USER_CLASS, VENDOR_CLASS, enterprise, pieces,
};
use crate::identifier::Identifier;
use crate::name;
use crate::vocabulary::{About, Attached, BindingBy, Envelope, Fact, Key, Malformed, Sink, Text};

/// Turns one message into facts.
pub fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let mut message = match Message::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    let mut damage = message.damage;
    // The client is the sender until a relay speaks for him.
    let mut client = Some(About::Sender);
    let is_direct = !message.kind.is_relayed();
    for _ in 0..RELAYS_MAX {
        let Some(inner) = message.relayed() else { break };
        client = message.link_layer().map(|mac| About::Named { mac: Some(mac), ip: None });
        if let (Some(client), MessageType::RELAY_FORWARD) = (client, message.kind) {
            attached(&message, client, sink);
        }
        let inner = Message::parse(inner);
        damage = damage.or(inner.as_ref().map_or_else(|fault| Some(*fault), |inner| inner.damage));
        let Ok(inner) = inner else { break };
        message = inner;
    }
    if let Some(client) = client.filter(|_| message.kind.is_of_client()) {
        attributes(&message, client, sink);
    }
    if is_direct && matches!(message.kind, MessageType::ADVERTISE | MessageType::REPLY) {
        sink.fact(About::Sender, Fact::Service { protocol: "dhcpv6" });
    }
    if is_direct && message.kind == MessageType::REPLY {
        bind(&message, envelope, sink);
    }
    match damage {
        Some(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        Some(damage) => Err(damage),
        None => Ok(()),
    }
}

/// A server's answer on the client's own link binds the address to the MAC that it is sent to.
fn bind(message: &Message<'_>, envelope: &Envelope, sink: &mut Sink) {
    let Some(mac) = envelope.destination_mac.filter(|mac| mac.is_device()) else { return };
    let is_linked = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    if !envelope.destination.is_some_and(is_linked) {
        return;
    }
    let given = message.addresses().filter(|address| address.valid_s > 0 && !address.is_refused());
    for address in given.take(ADDRESSES_MAX) {
        let ip = address.ip.into();
        let client = About::Named { mac: Some(mac), ip: Some(ip) };
        sink.fact(client, Fact::Binding { mac, ip, by: BindingBy::Lease });
    }
}

fn attributes(message: &Message<'_>, client: About, sink: &mut Sink) {
    let named =
        message.option(FQDN).and_then(|value| value.split_first()).and_then(|(_, name)| name::open(name));
    if let Some(name) = named {
        sink.attribute(client, Key::Hostname, &name);
    }
    for class in message.option(USER_CLASS).map(pieces).into_iter().flatten().take(CLASSES_MAX) {
        sink.attribute(client, Key::DhcpUserClass, class);
    }
    if let Some((number, classes)) = message.option(VENDOR_CLASS).and_then(enterprise) {
        for class in pieces(classes).into_iter().take(CLASSES_MAX) {
            let class = format!("{number}:{}", Text::new(class));
            sink.attribute(client, Key::DhcpVendorIdentifying, class.as_bytes());
        }
    }
}

/// The relay is the switch on which the client hangs, or the router behind it: it says which in its own words.
fn attached(message: &Message<'_>, client: About, sink: &mut Sink) {
    let shown =
        |value: &[u8]| Some(Identifier::text_or_opaque(value).shown()).filter(|text| !text.is_empty());
    let switch = message.option(REMOTE_ID).and_then(enterprise).and_then(|(_, id)| shown(id));
    let port = message.option(INTERFACE_ID).and_then(shown);
    if switch.is_some() || port.is_some() {
        sink.fact(client, Fact::Attached(Box::new(Attached { switch, port, vlan: None })));
    }
}

/// RFC 8415, 7.6: a message that passed more relays is thrown away.
const RELAYS_MAX: usize = 8;
/// Addresses of one answer; a client has one or two.
const ADDRESSES_MAX: usize = 8;
/// Classes of one message; one is usual.
const CLASSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::tests::{leased, message, of, relayed};
    use super::super::{ADDRESS, IA_NA, LINK_LAYER, STATUS};
    use super::*;
    use crate::vocabulary::Mac;

    const CLIENT: Mac = Mac([2, 0, 0, 0, 0, 7]);

    fn told(bytes: &[u8]) -> Vec<(About, Fact)> {
        let destination = Some("fe80::7".parse().unwrap());
        let envelope = Envelope { destination, destination_mac: Some(CLIENT), ..Envelope::default() };
        let mut sink = Sink::default();
        observe(&envelope, bytes, &mut sink).unwrap();
        sink.facts
    }

    fn attribute(about: About, key: Key, value: &str) -> (About, Fact) {
        (about, Fact::Attribute { key, value: value.into() })
    }

    /// What a client says: its name and two classes.
    fn solicit() -> Vec<u8> {
        let options = [
            of(FQDN, b"\0\x04cam7\x07example\0"),
            of(USER_CLASS, b"\0\x03red"),
            of(VENDOR_CLASS, b"\0\0\x01\x37\0\x08MSFT 5.0"),
        ];
        message(1, &options)
    }

    fn of_client(client: About) -> [(About, Fact); 3] {
        [
            attribute(client, Key::Hostname, "cam7.example"),
            attribute(client, Key::DhcpUserClass, "red"),
            attribute(client, Key::DhcpVendorIdentifying, "311:MSFT 5.0"),
        ]
    }

    #[test]
    fn client_tells_its_name_and_its_classes() {
        assert_eq!(told(&solicit()), of_client(About::Sender));
    }

    #[test]
    fn answer_binds_the_lease_to_whom_it_is_sent() {
        let ip = "2001:db8::7".parse().unwrap();
        let client = About::Named { mac: Some(CLIENT), ip: Some(ip) };
        let service = (About::Sender, Fact::Service { protocol: "dhcpv6" });
        let binding = (client, Fact::Binding { mac: CLIENT, ip, by: BindingBy::Lease });
        assert_eq!(told(&message(7, &[leased()])), [service.clone(), binding]);
        assert_eq!(told(&message(2, &[leased()])), [service]);
    }

    #[test]
    fn address_that_is_not_given_binds_nothing() {
        let lease = |valid: u8, options: &[u8]| {
            let address = [&[0x20; 16][..], &[0; 7], &[valid], options].concat();
            message(7, &[of(IA_NA, &[&[0; 12][..], &of(ADDRESS, &address)].concat())])
        };
        assert_eq!(told(&lease(0, &[])).len(), 1);
        assert_eq!(told(&lease(9, &of(STATUS, b"\0\x02none left"))).len(), 1);
        assert_eq!(told(&lease(9, &of(STATUS, b"\0\0"))).len(), 2);
    }

    #[test]
    fn relay_speaks_for_a_client_whose_mac_it_names() {
        let own = [
            of(LINK_LAYER, b"\0\x01\x02\0\0\0\0\x07"),
            of(INTERFACE_ID, b"Gi1/7"),
            of(REMOTE_ID, b"\0\0\0\x09sw1"),
        ];
        let client = About::Named { mac: Some(CLIENT), ip: None };
        let facts = told(&relayed(&solicit(), &own));
        let attached = Attached { switch: Some("sw1".into()), port: Some("Gi1/7".into()), vlan: None };
        assert_eq!(facts[0], (client, Fact::Attached(Box::new(attached))));
        assert_eq!(facts[1..], of_client(client));
    }

    #[test]
    fn relay_that_names_no_mac_speaks_for_nobody() {
        assert_eq!(told(&relayed(&solicit(), &[of(INTERFACE_ID, b"Gi1/7")])), []);
    }

    #[test]
    fn relays_in_relays_end() {
        let mut bytes = solicit();
        for _ in 0..100 {
            bytes = relayed(&bytes, &[]);
        }
        assert_eq!(told(&bytes), []);
    }

    #[test]
    fn damage_inside_a_relays_message_is_told() {
        let inner = solicit();
        let bytes = relayed(&inner[..inner.len() - 1], &[]);
        let result = observe(&Envelope::default(), &bytes, &mut Sink::default());
        assert_eq!(result, Err(Malformed::Truncated { field: "option" }));
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        assert_eq!(observe(&cut, &bytes, &mut Sink::default()), Ok(()));
    }
}
