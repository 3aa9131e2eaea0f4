//! What a device tells its maker's search tool of itself: [`Portrait`].
//!
//! Every maker has his own protocol, and all say the same: MAC, address, model, serial number. A recorder or a
//! tool may pass on what others told it, so a portrait is taken for the sender's only where its MAC or its
//! address is that of the packet, or where it names neither.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::vocabulary::{About, BindingBy, Envelope, Fact, Key, Mac, Sink};

/// What one message says of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Portrait<'a> {
    /// Its MAC.
    pub mac: Option<Mac>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Whether somebody gave it a password, where it says so.
    pub is_activated: Option<bool>,
    /// Everything else.
    pub attributes: Vec<(Key, Cow<'a, [u8]>)>,
}

impl<'a> Portrait<'a> {
    /// Adds a property.
    pub fn says(&mut self, key: Key, value: impl Into<Cow<'a, [u8]>>) {
        self.attributes.push((key, value.into()));
    }

    /// Whether the sender of the message drew it of itself.
    #[must_use]
    pub fn is_of_sender(&self, envelope: &Envelope) -> bool {
        let is_nobodys = self.mac.is_none() && self.ip.is_none();
        let has_mac = self.mac.is_some() && self.mac == envelope.source_mac;
        let has_address = self.ip.is_some() && self.ip == envelope.source;
        is_nobodys || has_mac || has_address
    }

    /// Tells it, where it is the sender's: `protocol` is what he answered by. His address is bound to his MAC
    /// where he names both and the frame bears both: no router has touched it.
    pub fn tell(&self, protocol: &'static str, envelope: &Envelope, sink: &mut Sink) {
        sink.fact(About::Sender, Fact::Service { protocol });
        if !self.is_of_sender(envelope) {
            return;
        }
        if let (Some(mac), Some(ip)) = (self.mac.filter(|mac| mac.is_device()), self.ip)
            && (Some(mac), Some(ip)) == (envelope.source_mac, envelope.source)
        {
            sink.fact(About::Sender, Fact::Binding { mac, ip, by: BindingBy::LinkScope });
        }
        if let Some(is_activated) = self.is_activated {
            sink.fact(About::Sender, Fact::Activation { is_activated });
        }
        for (key, value) in &self.attributes {
            sink.attribute(About::Sender, *key, value);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vocabulary::Malformed;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 0x5a]);
    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 0x5b]);

    type Observe = fn(&Envelope, &[u8], &mut Sink) -> Result<(), Malformed>;

    /// What a parser tells of a datagram from 192.0.2.7 and 02:00:00:00:00:5a, and what it finds wrong.
    pub fn told_by(observe: Observe, bytes: &[u8]) -> (Vec<String>, Result<(), Malformed>) {
        let source = Some([192, 0, 2, 7].into());
        let envelope = Envelope { source_mac: Some(MAC), source, ..Envelope::default() };
        let mut sink = Sink::default();
        let result = observe(&envelope, bytes, &mut sink);
        let shown = sink.facts.iter().map(|(about, fact)| match (about, fact) {
            (About::Sender, Fact::Attribute { key, value }) => format!("{} {value}", key.name()),
            (About::Sender, Fact::Service { protocol }) => format!("serves {protocol}"),
            (About::Sender, Fact::Binding { mac: MAC, .. }) => "binds".to_owned(),
            other => format!("{other:?}"),
        });
        (shown.collect(), result)
    }

    fn told(mac: Option<Mac>, last: Option<u8>) -> usize {
        let envelope =
            Envelope { source_mac: Some(MAC), source: Some([192, 0, 2, 7].into()), ..Envelope::default() };
        let ip = last.map(|last| IpAddr::from([192, 0, 2, last]));
        let mut portrait = Portrait { mac, ip, ..Portrait::default() };
        portrait.says(Key::Model, b"M1".as_slice());
        let mut sink = Sink::default();
        portrait.tell("sadp", &envelope, &mut sink);
        assert_eq!(sink.facts[0], (About::Sender, Fact::Service { protocol: "sadp" }));
        sink.facts.len() - 1
    }

    #[test]
    fn who_names_his_mac_and_his_address_is_bound_and_told() {
        assert_eq!(told(Some(MAC), Some(7)), 2);
    }

    #[test]
    fn one_of_both_is_enough_to_be_told_and_not_to_be_bound() {
        assert_eq!(told(Some(MAC), Some(8)), 1);
        assert_eq!(told(Some(OTHER), Some(7)), 1);
        assert_eq!(told(Some(MAC), None), 1);
        assert_eq!(told(None, Some(7)), 1);
        assert_eq!(told(None, None), 1);
    }

    #[test]
    fn portrait_of_another_is_not_told() {
        assert_eq!(told(Some(OTHER), Some(8)), 0);
        assert_eq!(told(Some(OTHER), None), 0);
        assert_eq!(told(None, Some(8)), 0);
    }
}
