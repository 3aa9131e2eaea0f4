//! Spanning tree (STP, RSTP, MSTP, and Cisco's PVST+), LLC 0x42 and SNAP 00-00-0C 0x010B.
//!
//! Bridges agree on a tree without loops. One message, a BPDU, is
//!
//! ```text
//! 0          2         3      4
//! | protocol | version | type |                                  type 0x80: the topology changed, and no more
//!
//! 4       5        13     17         25     27    29        31    33              35
//! | flags | root 8 | cost | bridge 8 | port | age | max age | hello | forward delay |    type 0: configuration
//! | version 1 length, 0 |                                                               type 2: rapid
//! 35                    36
//! | kind 0 u16 | length 2 u16 | VLAN u16 |                       version 0 or 2, of PVST+
//! 36
//! | version 3 length u16 | region |                              version 3 or more, in [`region`]
//!
//! flags   1 topology change, 2 proposal, 4 and 8 port role, 16 learning, 32 forwarding, 64 agreement, 128 acknowledgment
//! bridge  | priority 4 bits, system id 12 bits | MAC |
//! ```
//!
//! all numbers big-endian, times in 1/256 s. A configuration BPDU knows the flags 1 and 128 alone. An `age`
//! of `max age` or more makes a BPDU void, which is told and not judged.
//!
//! Source: IEEE 802.1D-2004, 9.3 and 17.21; IEEE 802.1Q-2018, 14. PVST+ is Cisco's own: seen in
//! `rpvstp-trunk-native-vid5.pcap` of tcpdump. Other protocols on LLC 0x42 (GARP, protocol 1) are not ours;
//! nor is what version 4 (shortest paths, 802.1aq) adds behind the region.

pub mod region;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

pub use region::Region;

use crate::identifier::before_zero;
use crate::time::Span;
use crate::vocabulary::{
    About, Bridge, BridgeId, Envelope, Fact, Instance, Mac, Malformed, On, Parser, PortFlags, Probe, Sink,
    Start, Text, TreeRegion,
};

/// What the engine knows of this protocol.
pub const STP: Parser = Parser {
    name: "stp",
    about: "which bridge is root of the spanning tree, and when the topology changes",
    source: "IEEE 802.1D-2004, IEEE 802.1Q-2018",
    on: &[On::Llc(0x42), On::Snap([0, 0, 0x0c], 0x010b)],
    probe,
    start: Start::Datagram(observe),
};

/// One message, borrowed from the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bpdu<'a> {
    /// 0 STP, 2 RSTP, 3 MSTP, 4 SPT.
    pub version: u8,
    /// 0x00 configuration, 0x02 rapid, 0x80 topology change notification.
    pub kind: u8,
    /// The tree; a topology change notification knows none.
    pub tree: Option<Tree>,
    /// The region of MSTP.
    pub region: Option<Region<'a>>,
    /// Whose tree it is, where each VLAN has its own (PVST+).
    pub vlan: Option<u16>,
}

/// What a configuration and a rapid BPDU have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// What the sending port does and wants.
    pub flags: PortFlags,
    /// The root.
    pub root: BridgeId,
    /// Cost of the path to it; of MSTP, that outside the region.
    pub root_cost: u32,
    /// Who sends; of MSTP, the region's root.
    pub bridge: BridgeId,
    /// The sender's port: priority in the upper 4 bits, number in the lower 12.
    pub port: u16,
    /// How old the root's word is, in 1/256 s.
    pub message_age: u16,
    /// How old it may become, in 1/256 s.
    pub max_age: u16,
    /// Time between two words of the root, in 1/256 s.
    pub hello: u16,
    /// How long a port listens and learns, in 1/256 s.
    pub forward_delay: u16,
}

impl<'a> Bpdu<'a> {
    /// Reads one message and leaves the padding behind it.
    ///
    /// # Errors
    /// `Truncated` where the fixed part of its type does not fit; `Invalid` where protocol or type are others.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (rest, (protocol, version, kind)) =
            header(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        if protocol != SPANNING_TREE {
            return Err(Malformed::Invalid { field: "protocol identifier" });
        }
        let bpdu = Self { version, kind, tree: None, region: None, vlan: None };
        match kind {
            TOPOLOGY_CHANGE => Ok(bpdu),
            CONFIGURATION => {
                let (rest, tree) =
                    tree(rest).map_err(|_| Malformed::Truncated { field: "configuration BPDU" })?;
                // One byte of padding keeps the VLAN where a rapid BPDU has it.
                let vlan = rest.get(1..).and_then(originating_vlan);
                Ok(Self { tree: Some(tree), vlan, ..bpdu })
            }
            RAPID if version >= VERSION_RAPID => {
                let (rest, (tree, version_1_length)) =
                    rapid(rest).map_err(|_| Malformed::Truncated { field: "rapid BPDU" })?;
                let (region, vlan) = match (version, version_1_length) {
                    (VERSION_RAPID, _) => (None, originating_vlan(rest)),
                    // What is not a region is read as rapid (802.1Q, 14.5).
                    (_, 0) => (Region::read(rest), None),
                    _ => (None, None),
                };
                Ok(Self { tree: Some(tree), region, vlan, ..bpdu })
            }
            _ => Err(Malformed::Invalid { field: "BPDU type" }),
        }
    }
}

fn header(i: &[u8]) -> IResult<&[u8], (u16, u8, u8)> {
    let (i, protocol) = be_u16(i)?;
    let (i, version) = be_u8(i)?;
    let (i, kind) = be_u8(i)?;
    Ok((i, (protocol, version, kind)))
}

fn rapid(i: &[u8]) -> IResult<&[u8], (Tree, u8)> {
    let (i, tree) = tree(i)?;
    let (i, version_1_length) = be_u8(i)?;
    Ok((i, (tree, version_1_length)))
}

fn tree(i: &[u8]) -> IResult<&[u8], Tree> {
    let (i, flags) = be_u8(i)?;
    let (i, root) = bridge_id(i)?;
    let (i, root_cost) = be_u32(i)?;
    let (i, bridge) = bridge_id(i)?;
    let (i, port) = be_u16(i)?;
    let (i, message_age) = be_u16(i)?;
    let (i, max_age) = be_u16(i)?;
    let (i, hello) = be_u16(i)?;
    let (i, forward_delay) = be_u16(i)?;
    let flags = PortFlags(flags);
    Ok((i, Tree { flags, root, root_cost, bridge, port, message_age, max_age, hello, forward_delay }))
}

fn bridge_id(i: &[u8]) -> IResult<&[u8], BridgeId> {
    let (i, priority) = be_u16(i)?;
    let (i, mac) = take(6_usize)(i)?;
    Ok((i, BridgeId { priority, mac: Mac::from_slice(mac).unwrap_or_default() }))
}

/// The VLAN that PVST+ puts behind the BPDU.
fn originating_vlan(i: &[u8]) -> Option<u16> {
    match *i {
        [0, 0, 0, 2, high, low, ..] => {
            Some(u16::from_be_bytes([high, low])).filter(|vlan| (1..=4094).contains(vlan))
        }
        _ => None,
    }
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    match bytes {
        [0, 0, ..] => Probe::Yes,
        _ => Probe::No,
    }
}

fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let bpdu = match Bpdu::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    let Some(tree) = bpdu.tree else {
        sink.fact(About::Sender, Fact::TopologyChange { vlan: bpdu.vlan });
        return Ok(());
    };
    if envelope.is_cut && bpdu.kind == RAPID && bpdu.version > VERSION_RAPID && bpdu.region.is_none() {
        return Ok(());
    }
    let bridge = bridge(&bpdu, &tree);
    let is_changing = bridge.flags.is_topology_change();
    sink.fact(About::Sender, Fact::Bridge(Box::new(bridge)));
    if is_changing {
        sink.fact(About::Sender, Fact::TopologyChange { vlan: bpdu.vlan });
    }
    Ok(())
}

fn bridge(bpdu: &Bpdu<'_>, tree: &Tree) -> Bridge {
    let span = |parts: u16| Span(i64::from(parts).saturating_mul(NANOSECONDS_PER_256TH));
    let known = if bpdu.kind == CONFIGURATION { PortFlags::OF_CONFIGURATION } else { u8::MAX };
    Bridge {
        version: bpdu.version,
        vlan: bpdu.vlan,
        root: tree.root,
        root_cost: tree.root_cost,
        bridge: bpdu.region.as_ref().map_or(tree.bridge, |region| region.bridge),
        port: tree.port,
        flags: PortFlags(tree.flags.0 & known),
        message_age: span(tree.message_age),
        max_age: span(tree.max_age),
        hello: span(tree.hello),
        forward_delay: span(tree.forward_delay),
        region: bpdu.region.as_ref().map(|region| Box::new(tree_region(region, tree))),
    }
}

fn tree_region(region: &Region<'_>, tree: &Tree) -> TreeRegion {
    let instances = region.instances.iter().map(|instance| Instance {
        root: instance.root,
        root_cost: instance.root_cost,
        flags: instance.flags,
    });
    TreeRegion {
        name: Text::new(before_zero(region.name)),
        revision: region.revision,
        digest: region.digest,
        root: tree.bridge,
        root_cost: region.root_cost,
        instances: instances.collect(),
    }
}

const SPANNING_TREE: u16 = 0;
const VERSION_RAPID: u8 = 2;
const CONFIGURATION: u8 = 0x00;
const RAPID: u8 = 0x02;
const TOPOLOGY_CHANGE: u8 = 0x80;
const NANOSECONDS_PER_256TH: i64 = 1_000_000_000 / 256;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOT: BridgeId = BridgeId { priority: 0x1001, mac: Mac([2, 0, 0, 0, 0, 1]) };
    const SENDER: BridgeId = BridgeId { priority: 0x8001, mac: Mac([2, 0, 0, 0, 0, 9]) };

    /// What stands between the type and the version 1 length, behind the flags: 2 s old at most 20 s, 2 s and 15 s.
    const BODY: &[u8] = b"\x10\x01\x02\0\0\0\0\x01\0\0\x4e\x20\x80\x01\x02\0\0\0\0\x09\x80\x03\
        \x02\0\x14\0\x02\0\x0f\0";

    fn bpdu(head: &[u8], tail: &[u8]) -> Vec<u8> {
        [head, BODY, tail].concat()
    }

    fn facts(bytes: &[u8]) -> Vec<Fact> {
        let mut sink = Sink::default();
        observe(&Envelope::default(), bytes, &mut sink).unwrap();
        assert!(sink.facts.iter().all(|(about, _)| *about == About::Sender));
        sink.facts.into_iter().map(|(_, fact)| fact).collect()
    }

    fn told(bytes: &[u8]) -> Bridge {
        match facts(bytes).swap_remove(0) {
            Fact::Bridge(bridge) => *bridge,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rapid_bpdu_tells_root_sender_and_times() {
        let expected = Bridge {
            version: 2,
            vlan: None,
            root: ROOT,
            root_cost: 20_000,
            bridge: SENDER,
            port: 0x8003,
            flags: PortFlags(0x3c),
            message_age: Span::seconds(2),
            max_age: Span::seconds(20),
            hello: Span::seconds(2),
            forward_delay: Span::seconds(15),
            region: None,
        };
        assert_eq!(facts(&bpdu(b"\0\0\x02\x02\x3c", b"\0")), [Fact::Bridge(Box::new(expected))]);
    }

    #[test]
    fn configuration_bpdu_knows_two_flags() {
        let bridge = told(&bpdu(b"\0\0\0\0\xff", b""));
        assert_eq!((bridge.version, bridge.flags), (0, PortFlags(0x81)));
    }

    #[test]
    fn tree_of_a_vlan_names_it() {
        let tail = b"\0\0\0\0\x02\0\x14";
        assert_eq!(told(&bpdu(b"\0\0\x02\x02\x3c", tail)).vlan, Some(20));
        assert_eq!(told(&bpdu(b"\0\0\0\0\0", tail)).vlan, Some(20));
        assert_eq!(told(&bpdu(b"\0\0\0\0\0", b"\0\0\0\0\0\0\0\0")).vlan, None);
    }

    #[test]
    fn change_of_the_topology_is_told_by_notification_and_by_flag() {
        let change = [Fact::TopologyChange { vlan: None }];
        assert_eq!(facts(b"\0\0\0\x80"), change);
        assert_eq!(facts(&bpdu(b"\0\0\x02\x02\x3d", b"\0"))[1..], change);
        assert_eq!(facts(&bpdu(b"\0\0\0\0\x01", b""))[1..], change);
    }

    #[test]
    fn bridge_of_a_region_is_the_one_inside_it() {
        let bytes = bpdu(b"\0\0\x03\x02\x7c", &[b"\0".as_slice(), &region::tests::bytes(2)].concat());
        let bridge = told(&bytes);
        assert_eq!((bridge.bridge, bridge.root), (region::tests::BRIDGE, ROOT));
        let region = bridge.region.unwrap();
        assert_eq!((region.name.as_str(), region.revision, region.root), ("hall", 7, SENDER));
        assert_eq!((region.root_cost, region.instances.len()), (2_000, 2));
    }

    #[test]
    fn what_is_not_a_region_is_read_as_rapid() {
        let bridge = told(&bpdu(b"\0\0\x03\x02\x3c", b"\0\0\0"));
        assert_eq!((bridge.version, bridge.bridge, bridge.region), (3, SENDER, None));
    }

    #[test]
    fn other_protocols_of_the_same_service_are_not_ours() {
        assert_eq!(probe(&Envelope::default(), b"\0\x01\x01\x02"), Probe::No);
        assert_eq!(probe(&Envelope::default(), b"\0\0\x02\x02"), Probe::Yes);
        assert_eq!(Bpdu::parse(b"\0\x01\0\0"), Err(Malformed::Invalid { field: "protocol identifier" }));
    }

    #[test]
    fn bpdu_of_an_unknown_type_is_invalid() {
        let invalid = Err(Malformed::Invalid { field: "BPDU type" });
        assert_eq!(Bpdu::parse(b"\0\0\x02\x03"), invalid);
        assert_eq!(Bpdu::parse(&bpdu(b"\0\0\0\x02\x3c", b"\0")), invalid);
    }

    #[test]
    fn bpdu_that_ends_early_is_truncated() {
        let truncated = |field| Err(Malformed::Truncated { field });
        assert_eq!(Bpdu::parse(b""), truncated("header"));
        assert_eq!(Bpdu::parse(b"\0\0\0"), truncated("header"));
        assert_eq!(Bpdu::parse(&bpdu(b"\0\0\0\0\0", b"")[..34]), truncated("configuration BPDU"));
        assert_eq!(Bpdu::parse(&bpdu(b"\0\0\x02\x02\0", b"")), truncated("rapid BPDU"));
    }

    #[test]
    fn bpdu_that_the_capture_cut_is_not_malformed() {
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        let mut sink = Sink::default();
        assert_eq!(observe(&cut, &bpdu(b"\0\0\x02\x02\0", b""), &mut sink), Ok(()));
        // Without its region nobody knows who sent it.
        assert_eq!(observe(&cut, &bpdu(b"\0\0\x03\x02\0", b"\0\0\x50"), &mut sink), Ok(()));
        assert!(sink.facts.is_empty());
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        let bytes = bpdu(b"\0\0\x03\x02\x7c", &[b"\0".as_slice(), &region::tests::bytes(3)].concat());
        for end in 0..bytes.len() {
            let _ = observe(&Envelope::default(), &bytes[..end], &mut Sink::default());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(
            version in 0_u8..6,
            kind in prop_oneof![Just(0_u8), Just(2), Just(0x80)],
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = observe(&Envelope::default(), &bytes, &mut Sink::default());
            let _ = observe(&Envelope::default(), &[&[0, 0, version, kind], &bytes[..]].concat(), &mut Sink::default());
        }
    }
}
