//! An interface of a pcapng section: link type, snaplen, unit and offset of its time.

use spanwatch_parsers::{LinkType, Time};

use crate::bytes::Order;
use crate::link_type;

/// One interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// 0 where there is none.
    pub(super) snaplen: u32,
    unit: Unit,
    /// Seconds to add to every time.
    offset_s: i64,
    /// Drops as its last counts block says.
    counted: Option<u64>,
    /// Drops as its packets say.
    told: Option<u64>,
}

impl Interface {
    /// Reads the body of an interface block.
    pub(super) fn read(order: Order, body: &[u8]) -> Option<Self> {
        let mut interface = Self {
            link: link_type::normal(u32::from(order.u16(body, 0)?)),
            snaplen: order.u32(body, 4)?,
            unit: Unit::of(6),
            offset_s: 0,
            counted: None,
            told: None,
        };
        for (code, value) in options(order, body.get(8..)?) {
            match (code, value) {
                (UNIT, [unit, ..]) => interface.unit = Unit::of(*unit),
                (OFFSET, value) => {
                    interface.offset_s = order.u64(value, 0).map_or(0, u64::cast_signed);
                }
                _ => {}
            }
        }
        Some(interface)
    }

    /// The moment of a packet.
    pub(super) fn time(&self, upper: u32, lower: u32) -> Time {
        let ticks = u64::from(upper) << 32 | u64::from(lower);
        // Nearly all captures, without the wide numbers that the others need.
        if let (Unit::Long(nanos), 0) = (self.unit, self.offset_s)
            && let Some(Ok(nanos)) = ticks.checked_mul(nanos.into()).map(i64::try_from)
        {
            return Time(nanos);
        }
        let offset = i128::from(self.offset_s).saturating_mul(1_000_000_000);
        let nanos = self.unit.nanos(ticks).saturating_add(offset);
        let limit = if nanos < 0 { i64::MIN } else { i64::MAX };
        Time(i64::try_from(nanos).unwrap_or(limit))
    }

    /// Takes the drops out of a counts block's options; later counts replace earlier ones.
    pub(super) fn count(&mut self, order: Order, body: &[u8]) {
        let drops = options(order, body)
            .filter(|(code, _)| matches!(*code, DROPPED_BY_INTERFACE | DROPPED_BY_SYSTEM))
            .filter_map(|(_, value)| order.u64(value, 0))
            .reduce(u64::saturating_add);
        self.counted = drops.or(self.counted);
    }

    /// Adds the drops that a packet block tells of.
    pub(super) fn drop_before_packet(&mut self, drops: Option<u64>) {
        if let Some(drops) = drops {
            self.told = Some(self.told.unwrap_or(0).saturating_add(drops));
        }
    }

    /// Frames lost on it; `None` where nothing was said.
    pub(super) fn dropped(&self) -> Option<u64> {
        self.counted.or(self.told)
    }
}

/// What a tick is worth (`if_tsresol`).
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// So many nanoseconds.
    Long(u32),
    /// So many make a nanosecond; 0 where no number of ticks reaches one.
    Short(u64),
    /// Seconds divided by two to this power.
    Binary(u32),
}

impl Unit {
    /// The upper bit chooses powers of two, else of ten.
    fn of(resolution: u8) -> Self {
        let power = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            return Self::Binary(power);
        }
        match 9_u32.checked_sub(power) {
            Some(digits) => Self::Long(10_u32.saturating_pow(digits)),
            None => Self::Short(10_u64.checked_pow(power.saturating_sub(9)).unwrap_or(0)),
        }
    }

    fn nanos(self, ticks: u64) -> i128 {
        match self {
            Self::Long(nanos) => i128::from(ticks).saturating_mul(i128::from(nanos)),
            Self::Short(ticks_a_nano) => i128::from(ticks.checked_div(ticks_a_nano).unwrap_or(0)),
            Self::Binary(power) => {
                i128::from(ticks).saturating_mul(1_000_000_000).checked_shr(power).unwrap_or(0)
            }
        }
    }
}

/// Walks options up to their end mark, the end of `bytes` or the first that is cut.
pub(super) fn options(order: Order, mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let code = order.u16(bytes, 0).filter(|code| *code != END)?;
        let length = usize::from(order.u16(bytes, 2)?);
        let behind = bytes.get(4..)?;
        let value = behind.get(..length)?;
        bytes = behind.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    })
}

const END: u16 = 0;
/// `if_tsresol`.
const UNIT: u16 = 9;
/// `if_tsoffset`.
const OFFSET: u16 = 14;
/// `isb_ifdrop`.
const DROPPED_BY_INTERFACE: u16 = 5;
/// `isb_osdrop`.
const DROPPED_BY_SYSTEM: u16 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(options: &[u8]) -> Interface {
        let mut body = b"\0\x01\0\0\0\0\xff\xff".to_vec();
        body.extend_from_slice(options);
        Interface::read(Order::Big, &body).unwrap()
    }

    fn split(ticks: u64) -> (u32, u32) {
        ((ticks >> 32) as u32, ticks as u32)
    }

    fn time(options: &[u8], ticks: u64) -> i64 {
        let (upper, lower) = split(ticks);
        interface(options).time(upper, lower).0
    }

    #[test]
    fn time_is_in_microseconds_without_an_option() {
        assert_eq!(time(b"", 1_700_000_000_000_001), 1_700_000_000_000_001_000);
    }

    #[test]
    fn decimal_units_reach_from_seconds_to_below_a_nanosecond() {
        assert_eq!(time(b"\0\x09\0\x01\x00\0\0\0", 7), 7_000_000_000);
        assert_eq!(time(b"\0\x09\0\x01\x09\0\0\0", 7), 7);
        assert_eq!(time(b"\0\x09\0\x01\x0c\0\0\0", 7_999), 7);
        assert_eq!(time(b"\0\x09\0\x01\x7f\0\0\0", u64::MAX), 0);
    }

    #[test]
    fn binary_units_are_powers_of_two() {
        assert_eq!(time(b"\0\x09\0\x01\x80\0\0\0", 7), 7_000_000_000);
        assert_eq!(time(b"\0\x09\0\x01\x8a\0\0\0", 1_536), 1_500_000_000);
        assert_eq!(time(b"\0\x09\0\x01\xff\0\0\0", u64::MAX), 0);
    }

    #[test]
    fn offset_is_added_in_seconds_and_may_be_negative() {
        let minus_two = b"\0\x0e\0\x08\xff\xff\xff\xff\xff\xff\xff\xfe";
        assert_eq!(time(minus_two, 5_000_000), 3_000_000_000);
        assert_eq!(time(minus_two, 0), -2_000_000_000);
    }

    #[test]
    fn time_beyond_what_can_be_written_stops_at_the_limit() {
        assert_eq!(time(b"\0\x09\0\x01\x00\0\0\0", u64::MAX), i64::MAX);
        assert_eq!(time(b"\0\x0e\0\x08\x80\0\0\0\0\0\0\0", 0), i64::MIN);
    }

    #[test]
    fn options_end_at_the_mark_or_where_they_are_cut() {
        let order = Order::Big;
        let read = |bytes| options(order, bytes).map(|(code, value)| (code, value.len())).collect::<Vec<_>>();
        assert_eq!(read(b"\0\x01\0\x02ab\0\0\0\x02\0\x01c\0\0\0\0\0\0\0\0\x03\0\0"), [(1, 2), (2, 1)]);
        assert_eq!(read(b"\0\x01\0\x05abcd"), []);
        assert_eq!(read(b"\0\x01\0\x03abc"), [(1, 3)]);
    }

    #[test]
    fn last_counts_replace_what_packets_told() {
        let mut interface = interface(b"");
        interface.drop_before_packet(Some(2));
        interface.drop_before_packet(Some(3));
        assert_eq!(interface.dropped(), Some(5));
        interface.count(Order::Big, b"\0\x05\0\x08\0\0\0\0\0\0\0\x07\0\x07\0\x08\0\0\0\0\0\0\0\x01");
        assert_eq!(interface.dropped(), Some(8));
        interface.count(Order::Big, b"");
        assert_eq!(interface.dropped(), Some(8));
    }
}
