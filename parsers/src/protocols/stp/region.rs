//! The region of MSTP: several trees, each of some VLANs, in one BPDU.
//!
//! ```text
//! 0                      2          3         35         37          53     57         65     66
//! | version 3 length u16 | selector | name 32 | revision | digest 16 | cost | bridge 8 | hops | instance*
//!
//! instance  | flags 1 | root 8 | cost 4 | bridge priority 1 | port priority 1 | hops 1 |
//! ```
//!
//! all numbers big-endian. The length counts what follows it: 64 bytes and 16 for each instance, 64 instances
//! at most. Where it does not, this is no region (802.1Q, 14.5). The system id in an instance's `root` is the
//! instance's number; its bridge and port have their own priority only, MAC and number are those of the BPDU.
//!
//! Source: IEEE 802.1Q-2018, 14.4 and 14.5. Left out: the form that Cisco sent before the standard was one.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

use super::bridge_id;
use crate::vocabulary::{BridgeId, PortFlags};

/// A region, as one of its bridges tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region<'a> {
    /// What the configuration is called, filled up with zeros to 32 bytes.
    pub name: &'a [u8],
    /// Which revision of it.
    pub revision: u16,
    /// A digest over which VLAN is in which tree: the same throughout a region.
    pub digest: [u8; 16],
    /// Cost of the path to the region's root.
    pub root_cost: u32,
    /// Who sends.
    pub bridge: BridgeId,
    /// How far the region's root may still be heard.
    pub hops: u8,
    /// The trees beside the common one.
    pub instances: Vec<Record>,
}

/// One tree of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// What the sending port does in it.
    pub flags: PortFlags,
    /// Its root; the system id is the tree's number.
    pub root: BridgeId,
    /// Cost of the path to it.
    pub root_cost: u32,
    /// The sender's priority in it, in the upper 4 bits.
    pub bridge_priority: u8,
    /// The port's priority in it, in the upper 4 bits.
    pub port_priority: u8,
    /// How far its root may still be heard.
    pub hops: u8,
}

impl<'a> Region<'a> {
    /// Reads a region from its length on; `None` where it is none, or not whole.
    #[must_use]
    pub fn read(i: &'a [u8]) -> Option<Self> {
        let (i, length) = be_u16::<_, nom::error::Error<&[u8]>>(i).ok()?;
        let records = usize::from(length).checked_sub(FIXED)?;
        if records % RECORD != 0 || records / RECORD > INSTANCES_MAX {
            return None;
        }
        let (records, mut region) = region(i).ok()?;
        let mut rest = records.get(..usize::from(length).checked_sub(FIXED)?).unwrap_or(records);
        while let Ok((after, record)) = record(rest) {
            rest = after;
            region.instances.push(record);
        }
        Some(region)
    }
}

fn region(i: &[u8]) -> IResult<&[u8], Region<'_>> {
    let (i, _selector) = be_u8(i)?;
    let (i, name) = take(32_usize)(i)?;
    let (i, revision) = be_u16(i)?;
    let (i, digest) = take(16_usize)(i)?;
    let (i, root_cost) = be_u32(i)?;
    let (i, bridge) = bridge_id(i)?;
    let (i, hops) = be_u8(i)?;
    let digest = digest.try_into().unwrap_or_default();
    Ok((i, Region { name, revision, digest, root_cost, bridge, hops, instances: Vec::new() }))
}

fn record(i: &[u8]) -> IResult<&[u8], Record> {
    let (i, flags) = be_u8(i)?;
    let (i, root) = bridge_id(i)?;
    let (i, root_cost) = be_u32(i)?;
    let (i, bridge_priority) = be_u8(i)?;
    let (i, port_priority) = be_u8(i)?;
    let (i, hops) = be_u8(i)?;
    let flags = PortFlags(flags);
    Ok((i, Record { flags, root, root_cost, bridge_priority, port_priority, hops }))
}

/// Bytes behind the length, and of each instance.
const FIXED: usize = 64;
const RECORD: usize = 16;
/// 802.1Q, 14.5.
const INSTANCES_MAX: usize = 64;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vocabulary::Mac;

    pub const BRIDGE: BridgeId = BridgeId { priority: 0x8000, mac: Mac([2, 0, 0, 0, 0, 0x0b]) };

    /// Region `hall`, revision 7, with so many instances.
    pub fn bytes(instances: u8) -> Vec<u8> {
        let mut bytes = (64 + 16 * u16::from(instances)).to_be_bytes().to_vec();
        bytes.extend(b"\0hall");
        bytes.resize(35, 0);
        bytes.extend(b"\0\x07");
        bytes.extend([0xd1; 16]);
        bytes.extend(b"\0\0\x07\xd0\x80\0\x02\0\0\0\0\x0b\x13");
        for number in 1..=instances {
            bytes.extend([0x7c, 0x60, number, 2, 0, 0, 0, 0, 1, 0, 0, 0, number, 0x80, 0x70, 20]);
        }
        bytes
    }

    #[test]
    fn region_and_its_trees_are_read() {
        let bytes = bytes(2);
        let region = Region::read(&bytes).unwrap();
        assert_eq!((&region.name[..5], region.name.len()), (b"hall\0".as_slice(), 32));
        assert_eq!((region.revision, region.digest), (7, [0xd1; 16]));
        assert_eq!((region.root_cost, region.bridge, region.hops), (2_000, BRIDGE, 19));
        let second = Record {
            flags: PortFlags(0x7c),
            root: BridgeId { priority: 0x6002, mac: Mac([2, 0, 0, 0, 0, 1]) },
            root_cost: 2,
            bridge_priority: 0x80,
            port_priority: 0x70,
            hops: 20,
        };
        assert_eq!((region.instances.len(), region.instances[1]), (2, second));
    }

    #[test]
    fn region_without_instances_is_one() {
        assert_eq!(Region::read(&bytes(0)).unwrap().instances, []);
    }

    #[test]
    fn what_follows_the_region_is_no_instance() {
        let bytes = [&bytes(1)[..], &[0; 32]].concat();
        assert_eq!(Region::read(&bytes).unwrap().instances.len(), 1);
    }

    #[test]
    fn length_that_is_no_number_of_instances_makes_no_region() {
        for length in [0_u16, 63, 65, 64 + 16 * 65] {
            let mut bytes = bytes(1);
            bytes[..2].copy_from_slice(&length.to_be_bytes());
            assert_eq!(Region::read(&bytes), None, "{length}");
        }
    }

    #[test]
    fn region_that_ends_early_keeps_its_whole_instances() {
        let bytes = bytes(3);
        assert_eq!(Region::read(&bytes[..65]), None);
        assert_eq!(Region::read(&bytes[..bytes.len() - 1]).unwrap().instances.len(), 2);
    }
}
