//! IPv6 neighbour discovery (ND), five message types of ICMPv6.
//!
//! What ARP is to IPv4, and the routers' announcements. One message is
//!
//! ```text
//! 0      1      2          4
//! | type | code | checksum | reserved 4                                  | option*   133 router solicitation
//!                          | hop limit | flags | lifetime 2 | reachable 4 | retransmit 4 | option*   134 router advertisement
//!                          | reserved 4 | target 16         | option*   135 neighbour solicitation
//!                          | flags    4 | target 16         | option*   136 neighbour advertisement
//!                          | reserved 4 | target 16 | destination 16 | option*   137 redirect
//! ```
//!
//! all numbers big-endian; the options are drawn in [`options`]. Routers never
//! forward these messages, so one whose hop limit is not 255 came from
//! elsewhere and is refused (RFC 4861, 6.1 and 7.1).
//!
//! Source: RFC 4861; duplicate address detection, RFC 4862, 5.4.
//! Left out: the checksum, which is the business of whoever reads ICMPv6, and
//! signatures (SEND, RFC 3971). A redirect gives no fact.

pub mod options;

use std::net::{IpAddr, Ipv6Addr};

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32, be_u128};

pub use options::NdOption;

use crate::vocabulary::{
    About, BindingBy, Envelope, Fact, Mac, Malformed, On, Parser, Probe, RouterAnnounced, Sink, Start,
};

/// What the engine knows of this protocol.
pub const ND: Parser = Parser {
    name: "nd",
    about: "who holds which IPv6 address, and which routers announce themselves",
    source: "RFC 4861",
    on: &[On::Ip(58)],
    probe,
    start: Start::Datagram(observe),
};

/// One message, borrowed from the datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// ICMPv6 code; anything but 0 is a breach.
    pub code: u8,
    /// ICMPv6 checksum, not verified.
    pub checksum: u16,
    /// What stands between the ICMPv6 header and the options.
    pub body: Body,
    /// The options, in order, up to the first that cannot be stepped over.
    pub options: Vec<NdOption<'a>>,
    /// The first fault among the options.
    pub damage: Option<Malformed>,
}

/// The fixed part of each of the five types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A host asks for routers.
    RouterSolicitation,
    /// A router announces itself.
    RouterAdvertisement {
        /// Hop limit that hosts should use; 0 unspecified.
        hop_limit: u8,
        /// `MOHPrrPR`: managed, other configuration, home agent, preference, proxy.
        flags: u8,
        /// How long it may be a default router, in seconds; 0 says it is none.
        lifetime_s: u16,
        /// How long a neighbour counts as reachable, in milliseconds.
        reachable_ms: u32,
        /// Time between solicitations, in milliseconds.
        retransmit_ms: u32,
    },
    /// Who holds `target`?
    NeighborSolicitation {
        /// The address asked for.
        target: Ipv6Addr,
    },
    /// The sender holds `target`.
    NeighborAdvertisement {
        /// The upper three bits: router, solicited, override.
        flags: u32,
        /// The address held.
        target: Ipv6Addr,
    },
    /// `destination` is better reached by `target`.
    Redirect {
        /// The better first hop.
        target: Ipv6Addr,
        /// The address that was sent to.
        destination: Ipv6Addr,
    },
}

impl<'a> Message<'a> {
    /// Reads one ICMPv6 message of type 133 to 137.
    ///
    /// A fault among the options does not hide what stands before it: it is
    /// told in [`Message::damage`].
    ///
    /// # Errors
    /// `Truncated` where the fixed part does not fit; `Invalid` where the type is another.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (rest, (kind, code, checksum)) =
            header(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        if !is_discovery(kind) {
            return Err(Malformed::Invalid { field: "type" });
        }
        let (rest, body) = body(kind, rest).map_err(|_| Malformed::Truncated { field: "body" })?;
        let (options, damage) = options::read(rest);
        Ok(Self { code, checksum, body, options, damage })
    }

    /// The sender's MAC, where an option of this message says it.
    #[must_use]
    pub fn source_mac(&self) -> Option<Mac> {
        self.options.iter().find_map(|option| match option {
            NdOption::SourceLinkLayer(address) => Mac::from_slice(address),
            _ => None,
        })
    }

    /// The target's MAC, where an option of this message says it.
    #[must_use]
    pub fn target_mac(&self) -> Option<Mac> {
        self.options.iter().find_map(|option| match option {
            NdOption::TargetLinkLayer(address) => Mac::from_slice(address),
            _ => None,
        })
    }

    /// What a router offers whose lifetime and preference are these.
    fn announced(&self, lifetime_s: u16, preference: u8) -> RouterAnnounced {
        let mut announced = RouterAnnounced { lifetime_s, preference, ..RouterAnnounced::default() };
        let (prefixes, resolvers) = (&mut announced.prefixes, &mut announced.resolvers);
        for option in &self.options {
            match option {
                NdOption::Prefix(it) if it.flags & AUTONOMOUS != 0 && it.valid_s != 0 => {
                    prefixes.push((it.prefix, it.length));
                }
                NdOption::RecursiveDns { lifetime_s, servers } if *lifetime_s != 0 => {
                    resolvers.extend(servers.iter().take(RouterAnnounced::PREFIXES_MAX));
                }
                _ => {}
            }
        }
        prefixes.truncate(RouterAnnounced::PREFIXES_MAX);
        resolvers.truncate(RouterAnnounced::PREFIXES_MAX);
        announced
    }

    /// Tests what RFC 4861 has every receiver test before it believes a message.
    fn check(&self, envelope: &Envelope) -> Result<(), Malformed> {
        let invalid = |field| Err(Malformed::Invalid { field });
        if envelope.hop_limit != HOP_LIMIT {
            return invalid("hop limit");
        }
        if self.code != 0 {
            return invalid("code");
        }
        let is_from_nobody = envelope.source.is_some_and(|source| source.is_unspecified());
        let is_from_link =
            !matches!(envelope.source, Some(IpAddr::V6(source)) if !source.is_unicast_link_local());
        let is_to_group = envelope.destination.is_some_and(|destination| destination.is_multicast());
        match self.body {
            Body::RouterSolicitation | Body::NeighborSolicitation { .. }
                if is_from_nobody && self.source_mac().is_some() =>
            {
                invalid("source link-layer address")
            }
            Body::RouterAdvertisement { .. } | Body::Redirect { .. } if !is_from_link => {
                invalid("source address")
            }
            Body::NeighborSolicitation { target } | Body::NeighborAdvertisement { target, .. }
                if target.is_multicast() =>
            {
                invalid("target address")
            }
            Body::NeighborAdvertisement { flags, .. } if flags & SOLICITED != 0 && is_to_group => {
                invalid("solicited flag")
            }
            _ => Ok(()),
        }
    }
}

fn header(i: &[u8]) -> IResult<&[u8], (u8, u8, u16)> {
    let (i, kind) = be_u8(i)?;
    let (i, code) = be_u8(i)?;
    let (i, checksum) = be_u16(i)?;
    Ok((i, (kind, code, checksum)))
}

fn body(kind: u8, i: &[u8]) -> IResult<&[u8], Body> {
    match kind {
        ROUTER_SOLICITATION => {
            let (i, _reserved) = take(4usize)(i)?;
            Ok((i, Body::RouterSolicitation))
        }
        ROUTER_ADVERTISEMENT => {
            let (i, hop_limit) = be_u8(i)?;
            let (i, flags) = be_u8(i)?;
            let (i, lifetime_s) = be_u16(i)?;
            let (i, reachable_ms) = be_u32(i)?;
            let (i, retransmit_ms) = be_u32(i)?;
            Ok((i, Body::RouterAdvertisement { hop_limit, flags, lifetime_s, reachable_ms, retransmit_ms }))
        }
        NEIGHBOR_SOLICITATION => {
            let (i, _reserved) = take(4usize)(i)?;
            let (i, target) = be_u128(i)?;
            Ok((i, Body::NeighborSolicitation { target: target.into() }))
        }
        NEIGHBOR_ADVERTISEMENT => {
            let (i, flags) = be_u32(i)?;
            let (i, target) = be_u128(i)?;
            Ok((i, Body::NeighborAdvertisement { flags, target: target.into() }))
        }
        _ => {
            let (i, _reserved) = take(4usize)(i)?;
            let (i, target) = be_u128(i)?;
            let (i, destination) = be_u128(i)?;
            Ok((i, Body::Redirect { target: target.into(), destination: destination.into() }))
        }
    }
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    match bytes.first() {
        Some(kind) if is_discovery(*kind) => Probe::Yes,
        _ => Probe::No,
    }
}

fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let message = match Message::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    message.check(envelope)?;
    let source = envelope.source.filter(is_host);
    let mut bind = |mac: Option<Mac>, ip: Option<IpAddr>| {
        if let (Some(mac), Some(ip)) = (mac.filter(|mac| mac.is_device()), ip) {
            let about = About::Named { mac: Some(mac), ip: Some(ip) };
            sink.fact(about, Fact::Binding { mac, ip, by: BindingBy::Claim });
        }
    };
    match message.body {
        Body::RouterSolicitation => bind(message.source_mac(), source),
        Body::RouterAdvertisement { lifetime_s, flags, .. } => {
            bind(message.source_mac(), source);
            let announced = message.announced(lifetime_s, flags >> 3 & 3);
            sink.fact(About::Sender, Fact::RouterAnnounced(Box::new(announced)));
            if lifetime_s != 0 {
                sink.fact(About::Sender, Fact::Router);
            }
        }
        Body::NeighborSolicitation { target } => {
            bind(message.source_mac(), source);
            let asker = match source {
                Some(_) => About::Sender,
                None => About::Named { mac: envelope.source_mac, ip: None },
            };
            let of = envelope.destination_mac.filter(|mac| mac.is_device());
            sink.fact(asker, Fact::Asked { target: target.into(), of });
        }
        Body::NeighborAdvertisement { target, .. } => {
            bind(message.target_mac(), Some(IpAddr::V6(target)).filter(is_host));
        }
        Body::Redirect { .. } => {}
    }
    match message.damage {
        Some(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        Some(damage) => Err(damage),
        None => Ok(()),
    }
}

fn is_discovery(kind: u8) -> bool {
    (ROUTER_SOLICITATION..=REDIRECT).contains(&kind)
}

/// Whether a host can hold the address.
fn is_host(ip: &IpAddr) -> bool {
    !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast())
}

/// The hop limit of a packet that no router forwarded (RFC 4861, 3.1).
const HOP_LIMIT: u8 = 255;
/// The A flag of a prefix: hosts make addresses of it.
const AUTONOMOUS: u8 = 0x40;
/// The S flag of a neighbour advertisement.
const SOLICITED: u32 = 0x4000_0000;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Who holds 2001:db8::1? With the asker's MAC.
    const SOLICITATION: &[u8] = b"\x87\0\xab\xcd\0\0\0\0\
        \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
        \x01\x01\x02\0\0\0\0\x07";
    /// The answer, solicited and overriding.
    const ADVERTISEMENT: &[u8] = b"\x88\0\xab\xcd\x60\0\0\0\
        \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
        \x02\x01\x02\0\0\0\0\x01";
    /// A router for 1800 s, with MTU 1500 and its MAC.
    const ROUTER: &[u8] = b"\x86\0\xab\xcd\x40\xc0\x07\x08\0\0\0\0\0\0\0\0\
        \x05\x01\0\0\0\0\x05\xdc\
        \x01\x01\x02\0\0\0\0\x01";
    const ASKER: Mac = Mac([2, 0, 0, 0, 0, 7]);
    const HOLDER: Mac = Mac([2, 0, 0, 0, 0, 1]);

    fn link_local(last: u16) -> IpAddr {
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last).into()
    }

    fn global(last: u16) -> IpAddr {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into()
    }

    fn from(source: IpAddr) -> Envelope {
        Envelope { hop_limit: 255, source: Some(source), source_mac: Some(ASKER), ..Envelope::default() }
    }

    fn observed(envelope: &Envelope, bytes: &[u8]) -> (Vec<(About, Fact)>, Result<(), Malformed>) {
        let mut sink = Sink::default();
        let result = observe(envelope, bytes, &mut sink);
        (sink.facts, result)
    }

    fn announced(it: RouterAnnounced) -> (About, Fact) {
        (About::Sender, Fact::RouterAnnounced(Box::new(it)))
    }

    fn claim(mac: Mac, ip: IpAddr) -> (About, Fact) {
        let about = About::Named { mac: Some(mac), ip: Some(ip) };
        (about, Fact::Binding { mac, ip, by: BindingBy::Claim })
    }

    #[test]
    fn solicitation_binds_its_sender_and_asks() {
        let asked = (About::Sender, Fact::Asked { target: global(1), of: None });
        let expected = vec![claim(ASKER, link_local(7)), asked];
        assert_eq!(observed(&from(link_local(7)), SOLICITATION), (expected, Ok(())));
    }

    #[test]
    fn duplicate_address_detection_asks_and_binds_nothing() {
        let nobody = from(Ipv6Addr::UNSPECIFIED.into());
        let asker = About::Named { mac: Some(ASKER), ip: None };
        let asked = (asker, Fact::Asked { target: global(1), of: None });
        assert_eq!(observed(&nobody, &SOLICITATION[..24]), (vec![asked], Ok(())));
    }

    #[test]
    fn duplicate_address_detection_that_names_its_mac_is_invalid() {
        let (facts, result) = observed(&from(Ipv6Addr::UNSPECIFIED.into()), SOLICITATION);
        let field = "source link-layer address";
        assert_eq!((facts, result), (vec![], Err(Malformed::Invalid { field })));
    }

    #[test]
    fn advertisement_binds_its_target() {
        let expected = vec![claim(HOLDER, global(1))];
        assert_eq!(observed(&from(link_local(1)), ADVERTISEMENT), (expected, Ok(())));
    }

    #[test]
    fn router_binds_and_is_a_router_while_its_lifetime_lasts() {
        let announces = |lifetime_s| announced(RouterAnnounced { lifetime_s, ..RouterAnnounced::default() });
        let expected = vec![claim(HOLDER, link_local(1)), announces(1_800), (About::Sender, Fact::Router)];
        assert_eq!(observed(&from(link_local(1)), ROUTER), (expected, Ok(())));
        let mut goodbye = ROUTER.to_vec();
        goodbye[6..8].fill(0);
        let expected = vec![claim(HOLDER, link_local(1)), announces(0)];
        assert_eq!(observed(&from(link_local(1)), &goodbye), (expected, Ok(())));
    }

    #[test]
    fn router_tells_prefixes_that_give_addresses_and_resolvers() {
        let prefix = |flags: u8, last: u8| {
            [
                &[3, 4, 64, flags, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, last][..],
                &[0; 10],
            ]
            .concat()
        };
        let resolver = [&[25, 3, 0, 0, 0, 0, 0, 9, 0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[1]].concat();
        let mut bytes = [ROUTER, &prefix(0xc0, 1), &prefix(0x80, 2), &resolver].concat();
        bytes[5] = 0x08;
        let expected = RouterAnnounced {
            lifetime_s: 1_800,
            preference: 1,
            prefixes: vec![("2001:db8:1::".parse().unwrap(), 64)],
            resolvers: vec!["2001:db8::1".parse().unwrap()],
        };
        assert_eq!(observed(&from(link_local(1)), &bytes).0.get(1), Some(&announced(expected)));
    }

    #[test]
    fn router_tells_no_more_prefixes_than_are_kept() {
        let prefix = [&[3, 4, 64, 0xc0, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 0][..], &[0x20; 16]].concat();
        let bytes = [ROUTER, &prefix.repeat(40)].concat();
        match observed(&from(link_local(1)), &bytes).0.get(1) {
            Some((_, Fact::RouterAnnounced(it))) => {
                assert_eq!(it.prefixes.len(), RouterAnnounced::PREFIXES_MAX);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn message_that_a_router_forwarded_is_refused() {
        let far = Envelope { hop_limit: 254, ..from(link_local(7)) };
        let refused = (vec![], Err(Malformed::Invalid { field: "hop limit" }));
        assert_eq!(observed(&far, SOLICITATION), refused);
        assert_eq!(observed(&far, ROUTER), refused);
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        let refused = |field| (vec![], Err(Malformed::Invalid { field }));
        assert_eq!(observed(&from(global(1)), ROUTER), refused("source address"));
        let mut bytes = SOLICITATION.to_vec();
        bytes[8] = 0xff;
        assert_eq!(observed(&from(link_local(7)), &bytes), refused("target address"));
        let mut bytes = SOLICITATION.to_vec();
        bytes[1] = 1;
        assert_eq!(observed(&from(link_local(7)), &bytes), refused("code"));
        let to_all = Envelope { destination: Some("ff02::1".parse().unwrap()), ..from(link_local(1)) };
        assert_eq!(observed(&to_all, ADVERTISEMENT), refused("solicited flag"));
    }

    #[test]
    fn damaged_option_does_not_hide_the_one_before_it() {
        let bytes = [SOLICITATION, b"\x05\0\0\0\0\0\0\0"].concat();
        let (facts, result) = observed(&from(link_local(7)), &bytes);
        assert_eq!(facts.len(), 2);
        assert_eq!(result, Err(Malformed::Invalid { field: "option length" }));
    }

    #[test]
    fn message_that_the_capture_cut_is_not_malformed() {
        let cut = Envelope { is_cut: true, ..from(link_local(1)) };
        let (facts, result) = observed(&cut, &ROUTER[..ROUTER.len() - 1]);
        let announces = announced(RouterAnnounced { lifetime_s: 1_800, ..RouterAnnounced::default() });
        assert_eq!((facts, result), (vec![announces, (About::Sender, Fact::Router)], Ok(())));
        assert_eq!(observed(&cut, &ROUTER[..9]), (vec![], Ok(())));
    }

    #[test]
    fn redirect_is_read_and_gives_no_fact() {
        let redirect = [b"\x89\0\0\0\0\0\0\0".as_slice(), &[0x20; 16], &[0x21; 16]].concat();
        let expected = Body::Redirect { target: [0x20; 16].into(), destination: [0x21; 16].into() };
        assert_eq!(Message::parse(&redirect).unwrap().body, expected);
        assert_eq!(observed(&from(link_local(1)), &redirect), (vec![], Ok(())));
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        for bytes in [SOLICITATION, ADVERTISEMENT, ROUTER] {
            for end in 0..bytes.len() {
                let _ = observed(&from(link_local(7)), &bytes[..end]);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(kind in 133u8..=137, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = observed(&from(link_local(7)), &bytes);
            let _ = observed(&from(link_local(7)), &[&[kind, 0], bytes.as_slice()].concat());
        }
    }
}
