//! Power over Ethernet in LLDP: the IEEE 802.3 TLV "power via MDI" in its three lengths.
//!
//! ```text
//! 0       1       2       3        4           6           8
//! | flags | pairs | class | source | requested | allocated |                    3 by 802.3af, 8 by 802.3at
//! | requested A, B 2 * 2 | allocated A, B 2 * 2 | status 2 | setup 1 | available 2 | autoclass 1 | power down 3 |
//! 8                      12                     16         18        19            21            22        25 by 802.3bt
//! ```
//!
//! all numbers big-endian, power in tenths of a watt. A PD is the device that is
//! powered, a PSE the equipment that does it.
//!
//! Source: IEEE 802.3-2018, 79.3.2; IEEE 802.3bt-2018, 79.3.2.

use nom::IResult;
use nom::number::complete::{be_u8, be_u16, be_u24};

use crate::vocabulary::LinkPower;

/// Power via MDI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Power {
    /// Bit 0: PSE, bit 1: it can supply, bit 2: it does, bit 3: its pairs can be chosen.
    pub flags: u8,
    /// 1 signal pairs, 2 spare pairs.
    pub pairs: u8,
    /// Power class plus one.
    pub class: u8,
    /// What 802.3at added.
    pub at: Option<At>,
    /// What 802.3bt added.
    pub bt: Option<Bt>,
}

/// What 802.3at added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// `TTSS00PP`: type, source, priority.
    pub source: u8,
    /// What the PD asks for, in 0.1 W.
    pub requested_dw: u16,
    /// What the PSE allocated, in 0.1 W.
    pub allocated_dw: u16,
}

/// What 802.3bt added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bt {
    /// What a PD with two signatures asks for on each, in 0.1 W.
    pub requested_dw: [u16; 2],
    /// What the PSE allocated to each, in 0.1 W.
    pub allocated_dw: [u16; 2],
    /// Bits 15-14 PSE powers, 13-12 PD powered, 11-10 pairs, 9-7 and 6-4 class of each signature, 3-0 class.
    pub status: u16,
    /// Bits 3-1 type, bit 0 the loads are apart.
    pub setup: u8,
    /// The most that the PSE could give, in 0.1 W.
    pub available_dw: u16,
    /// Bit 2 the PSE can, bit 1 it is done, bit 0 the PD asks.
    pub autoclass: u8,
    /// Bits 23-18 the request (0x1d), bits 17-0 for how long, in seconds.
    pub power_down: u32,
}

impl Power {
    /// Reads the TLV's value, in the longest form that fits.
    ///
    /// # Errors
    /// An error of nom where not even the shortest fits, or a longer one is begun and does not.
    pub fn read(i: &[u8]) -> IResult<&[u8], Self> {
        let (i, flags) = be_u8(i)?;
        let (i, pairs) = be_u8(i)?;
        let (i, class) = be_u8(i)?;
        let mut power = Self { flags, pairs, class, at: None, bt: None };
        if i.is_empty() {
            return Ok((i, power));
        }
        let (i, at) = at(i)?;
        power.at = Some(at);
        if i.is_empty() {
            return Ok((i, power));
        }
        let (i, bt) = bt(i)?;
        power.bt = Some(bt);
        Ok((i, power))
    }

    /// Whether the sender supplies power.
    #[must_use]
    pub fn is_pse(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The power class, 0 to 8; `None` where it is none of those.
    #[must_use]
    pub fn power_class(&self) -> Option<u8> {
        match (self.bt.map(|bt| bt.status & 0x0f), self.class) {
            (Some(class @ 1..=8), _) => class.try_into().ok(),
            (_, class @ 1..=5) => class.checked_sub(1),
            _ => None,
        }
    }

    /// The same in the vocabulary; a power of 0 was not said.
    #[must_use]
    pub fn link_power(&self) -> LinkPower {
        let split = |of: fn(Bt) -> [u16; 2]| self.bt.map_or(0, |bt| of(bt).into_iter().map(u32::from).sum());
        let total = |whole: fn(At) -> u16, parts: u32| {
            let whole = self.at.map_or(0, |at| u32::from(whole(at)));
            let tenths = if whole == 0 { parts } else { whole };
            (tenths != 0).then(|| tenths.saturating_mul(100))
        };
        LinkPower {
            supplies: self.is_pse(),
            class: self.power_class(),
            requested_mw: total(|at| at.requested_dw, split(|bt| bt.requested_dw)),
            allocated_mw: total(|at| at.allocated_dw, split(|bt| bt.allocated_dw)),
        }
    }
}

fn at(i: &[u8]) -> IResult<&[u8], At> {
    let (i, source) = be_u8(i)?;
    let (i, requested_dw) = be_u16(i)?;
    let (i, allocated_dw) = be_u16(i)?;
    Ok((i, At { source, requested_dw, allocated_dw }))
}

fn bt(i: &[u8]) -> IResult<&[u8], Bt> {
    let (i, requested_a) = be_u16(i)?;
    let (i, requested_b) = be_u16(i)?;
    let (i, allocated_a) = be_u16(i)?;
    let (i, allocated_b) = be_u16(i)?;
    let (i, status) = be_u16(i)?;
    let (i, setup) = be_u8(i)?;
    let (i, available_dw) = be_u16(i)?;
    let (i, autoclass) = be_u8(i)?;
    let (i, power_down) = be_u24(i)?;
    let requested_dw = [requested_a, requested_b];
    let allocated_dw = [allocated_a, allocated_b];
    Ok((i, Bt { requested_dw, allocated_dw, status, setup, available_dw, autoclass, power_down }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Power {
        Power::read(bytes).unwrap().1
    }

    #[test]
    fn oldest_form_tells_side_and_class() {
        let expected = LinkPower { supplies: true, class: Some(3), requested_mw: None, allocated_mw: None };
        assert_eq!(read(&[0x0f, 1, 4]).link_power(), expected);
    }

    #[test]
    fn at_form_tells_power() {
        let power = read(&[0x00, 1, 5, 0x51, 0, 130, 0, 125]);
        let expected = LinkPower {
            supplies: false,
            class: Some(4),
            requested_mw: Some(13_000),
            allocated_mw: Some(12_500),
        };
        assert_eq!((power.link_power(), power.at.unwrap().source), (expected, 0x51));
    }

    #[test]
    fn bt_form_tells_classes_past_four() {
        let bytes =
            [0x07, 1, 5, 0x12, 1, 0x94, 1, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0xa4, 6, 1, 1, 0xc2, 4, 0, 0, 0];
        let power = read(&bytes);
        let expected = LinkPower {
            supplies: true,
            class: Some(6),
            requested_mw: Some(40_400),
            allocated_mw: Some(40_000),
        };
        assert_eq!(power.link_power(), expected);
        assert_eq!(power.bt.unwrap().available_dw, 450);
    }

    #[test]
    fn two_signatures_are_added_up_where_no_total_is_said() {
        let bytes = [0x06, 1, 5, 0x12, 0, 0, 0, 0, 0, 100, 0, 50, 0, 90, 0, 40, 0, 15, 6, 0, 0, 0, 0, 0, 0];
        let power = read(&bytes).link_power();
        assert_eq!((power.requested_mw, power.allocated_mw), (Some(15_000), Some(13_000)));
        assert_eq!(power.class, Some(4));
    }

    #[test]
    fn class_that_is_none_is_not_said() {
        assert_eq!(read(&[1, 1, 0]).power_class(), None);
        assert_eq!(read(&[1, 1, 255]).power_class(), None);
    }

    #[test]
    fn form_that_is_begun_and_not_ended_is_refused() {
        for length in [0, 1, 2, 4, 7, 9, 24] {
            assert!(Power::read(&[0; 25][..length]).is_err(), "{length} bytes");
        }
        assert!(Power::read(&[0; 25]).is_ok());
    }
}
