//! What is said of addresses, of the cable and of who may use it.

use std::net::{IpAddr, Ipv6Addr};

use super::{Mac, Text};
use crate::time::Span;

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

/// The servers that a DHCP answer names to a client (RFC 2132, 3.8 and 8.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offers {
    /// Option 54, else the address the answer came from: who names them.
    pub by: Option<IpAddr>,
    /// Option 6: name servers, [`Offers::MAX`] at most.
    pub resolvers: Vec<IpAddr>,
    /// Option 42: time servers, as many at most.
    pub clocks: Vec<IpAddr>,
}

impl Offers {
    /// Servers of a kind kept of one answer; sites have two or three.
    pub const MAX: usize = 8;
}

/// A network interface, as its device tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its hardware address.
    pub mac: Mac,
    /// The addresses that were configured or given.
    pub ips: Vec<IpAddr>,
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

/// A way from outside to a device inside, as a router opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortMapped {
    /// How it was asked for: `UPnP`, `NAT-PMP`, `PCP`.
    pub by: &'static str,
    /// `TCP`, `UDP`, or `IP` where it is for all.
    pub transport: &'static str,
    /// The port outside; 0 for all.
    pub external: u16,
    /// The port inside.
    pub internal: u16,
    /// Whom it leads to, where that is said.
    pub client: Option<IpAddr>,
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
