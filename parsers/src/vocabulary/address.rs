//! Hardware addresses and link types.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// A 48-bit hardware address (IEEE 802-2014, 8.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mac(pub [u8; 6]);

impl Hash for Mac {
    /// As one word, for each frame is looked up by it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f] = self.0;
        state.write_u64(u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    }
}

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// 00:00:00:00:00:00, which no device owns.
    pub const ZERO: Self = Self([0; 6]);

    /// Reads six bytes; `None` where there are more or fewer.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads twelve hexadecimal digits, with or without colons, hyphens or dots between them.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let digits = text.iter().filter(|byte| !matches!(byte, b':' | b'-' | b'.'));
        let digits: Vec<u32> = digits.map(|byte| char::from(*byte).to_digit(16)).collect::<Option<_>>()?;
        let bytes = digits.chunks(2).map(|pair| match pair {
            [high, low] => u8::try_from(high << 4 | low).ok(),
            _ => None,
        });
        Self::from_slice(&bytes.collect::<Option<Vec<u8>>>()?)
    }

    /// Whether the group bit is set (multicast and broadcast).
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether the address was made up locally rather than assigned by IEEE.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 == 2
    }

    /// Whether one device can own it: neither a group nor all zero.
    #[must_use]
    pub fn is_device(self) -> bool {
        !self.is_group() && self != Self::ZERO
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A large site's report has a hundred thousand of them.
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
        let mut text = [b':'; 17];
        for (place, byte) in text.chunks_mut(3).zip(self.0) {
            if let [high, low, ..] = place {
                (*high, *low) = (digit(byte >> 4), digit(byte & 0xf));
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// An IP address as it is written, that of IPv4 without the formatter: a large site has many thousand.
#[must_use]
pub fn ip_text(ip: IpAddr) -> String {
    let IpAddr::V4(ip) = ip else { return ip.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for part in ip.octets() {
        if !text.is_empty() {
            text.push('.');
        }
        let digits = [part / 100, part / 10 % 10, part % 10];
        let shown = digits.into_iter().skip(usize::from(part < 100).saturating_add(usize::from(part < 10)));
        text.extend(shown.map(|digit| char::from(b'0'.wrapping_add(digit))));
    }
    text
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A link-layer header type, as capture files number them (tcpdump.org, "Link-layer header types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback, address family in the sender's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP, version by the first nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback, address family big-endian.
    pub const LOOP: Self = Self(108);
    /// Linux cooked v1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked v2.
    pub const LINUX_SLL2: Self = Self(276);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_ever() {
        let mac = Mac([0, 0x40, 0x8c, 0x12, 0xa4, 0xff]);
        assert_eq!(mac.to_string(), "00:40:8c:12:a4:ff");
        for part in 0..=u8::MAX {
            let [v4, v6] = [IpAddr::from([part, 0, part, 10]), IpAddr::from([u16::from(part); 8])];
            assert_eq!((ip_text(v4), ip_text(v6)), (v4.to_string(), v6.to_string()));
        }
    }

    #[test]
    fn mac_is_read_as_people_write_it() {
        let mac = Some(Mac([0, 0x40, 0x8c, 0x12, 0x34, 0x5f]));
        for text in [&b"00408C12345f"[..], b"00:40:8c:12:34:5F", b"00-40-8C-12-34-5F", b"0040.8c12.345f"] {
            assert_eq!(Mac::from_text(text), mac);
        }
        for text in
            [&b""[..], b"00:40:8c:12:34", b"00:40:8c:12:34:5", b"00:40:8c:12:34:5f:00", b"00:40:8c:12:34:zz"]
        {
            assert_eq!(Mac::from_text(text), None);
        }
    }
}
