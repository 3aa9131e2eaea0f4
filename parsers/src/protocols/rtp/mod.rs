//! Real-time Transport Protocol (RTP), over UDP of any port, or inside RTSP.
//!
//! ```text
//! 0                1          2          4           8      12
//! | V:2 P:1 X:1 CC:4 | M:1 PT:7 | sequence | timestamp | ssrc | csrc (4 × CC)
//!                             with X: | profile u16 | words u16 | 4 × words |
//!                             | payload | with P: padding, its last byte the number of padding bytes |
//! ```
//!
//! all numbers big-endian. The version is 2. Nothing in a packet proves that it
//! is RTP, so a UDP flow is on trial ([`Trial`]): every plausible packet is given
//! to the sink as [`Media`], and [`MediaProved`](crate::vocabulary::Fact::MediaProved) follows once a source has
//! counted on for [`PACKETS_TO_PROVE`] packets. RTCP on the same ports (RFC 5761) is read
//! too; STUN, DTLS and ZRTP, which share ports with RTP (RFC 7983), are let pass.
//!
//! Source: RFC 3550, 5.1 and A.1; payload types from RFC 3551, table 4 and 5.
//! Left out: the payload, and the meaning of header extensions.

mod trial;

pub use trial::{PACKETS_TO_PROVE, Trial};

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::vocabulary::{Envelope, Malformed, Media, On, Parser, Probe, Start};

/// What the engine knows of this protocol.
pub const RTP: Parser = Parser {
    name: "rtp",
    about: "media packets: source, sequence, time stamp, payload type",
    source: "RFC 3550",
    on: &[On::AnyUdp],
    probe,
    start: Start::Session(|_| Box::<Trial>::default()),
};

/// The first twelve bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// Whether padding ends the packet.
    pub is_padded: bool,
    /// Whether an extension follows the contributing sources.
    pub is_extended: bool,
    /// How many contributing sources follow.
    pub csrc_count: u8,
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Time stamp in ticks.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
}

impl Fixed {
    /// Their number.
    pub const LEN: usize = 12;

    /// Reads them off the front of `bytes`, of which more may be missing.
    ///
    /// # Errors
    /// `Truncated` with fewer than twelve bytes, `Invalid` where the version is not 2.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (_, (fixed, version)) = fixed(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        if version == VERSION { Ok(fixed) } else { Err(Malformed::Invalid { field: "version" }) }
    }

    /// The packet as the sink wants it; `bytes` is its whole length.
    #[must_use]
    pub fn media(&self, channel: Option<u8>, bytes: usize) -> Media {
        Media {
            channel,
            payload_type: self.payload_type,
            marker: self.marker,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        }
    }
}

/// One packet, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The first twelve bytes.
    pub fixed: Fixed,
    /// Contributing sources, four bytes each.
    pub csrc: &'a [u8],
    /// The extension's profile and data.
    pub extension: Option<(u16, &'a [u8])>,
    /// What it carries, padding excluded.
    pub payload: &'a [u8],
    /// How many bytes of padding end the packet.
    pub padding: u8,
}

/// Reads one whole packet.
///
/// # Errors
/// `Truncated` where the header, the contributing sources or the extension
/// promise more bytes than there are; `Invalid` where the version is not 2, or
/// the padding is empty or longer than what follows the header.
pub fn parse(packet: &[u8]) -> Result<Header<'_>, Malformed> {
    let fixed = Fixed::parse(packet)?;
    let rest = packet.get(Fixed::LEN..).unwrap_or_default();
    let (rest, csrc) = words(fixed.csrc_count.into(), rest, "csrc")?;
    let (rest, extension) = if fixed.is_extended {
        let (rest, (profile, length)) =
            extension(rest).map_err(|_| Malformed::Truncated { field: "extension" })?;
        let (rest, data) = words(length, rest, "extension")?;
        (rest, Some((profile, data)))
    } else {
        (rest, None)
    };
    let padding = if fixed.is_padded { rest.last().copied().unwrap_or(0) } else { 0 };
    let payload = rest.len().checked_sub(padding.into()).and_then(|length| rest.get(..length));
    match payload {
        Some(payload) if padding > 0 || !fixed.is_padded => {
            Ok(Header { fixed, csrc, extension, payload, padding })
        }
        _ => Err(Malformed::Invalid { field: "padding" }),
    }
}

/// Whether a payload type can be media: 64 to 95 would be RTCP where both share a port (RFC 5761, 4).
#[must_use]
pub const fn is_plausible_type(payload_type: u8) -> bool {
    payload_type < 64 || (payload_type >= 96 && payload_type < 128)
}

/// Encoding name and clock rate of a static payload type (RFC 3551, tables 4 and 5).
#[must_use]
pub const fn static_type(payload_type: u8) -> Option<(&'static str, u32)> {
    Some(match payload_type {
        0 => ("PCMU", 8_000),
        3 => ("GSM", 8_000),
        4 => ("G723", 8_000),
        5 => ("DVI4", 8_000),
        6 => ("DVI4", 16_000),
        7 => ("LPC", 8_000),
        8 => ("PCMA", 8_000),
        9 => ("G722", 8_000),
        10 | 11 => ("L16", 44_100),
        12 => ("QCELP", 8_000),
        13 => ("CN", 8_000),
        14 => ("MPA", 90_000),
        15 => ("G728", 8_000),
        16 => ("DVI4", 11_025),
        17 => ("DVI4", 22_050),
        18 => ("G729", 8_000),
        25 => ("CelB", 90_000),
        26 => ("JPEG", 90_000),
        28 => ("nv", 90_000),
        31 => ("H261", 90_000),
        32 => ("MPV", 90_000),
        33 => ("MP2T", 90_000),
        34 => ("H263", 90_000),
        _ => return None,
    })
}

fn probe(_: &Envelope, datagram: &[u8]) -> Probe {
    if plausible(datagram).is_some() { Probe::Maybe } else { Probe::No }
}

fn plausible(datagram: &[u8]) -> Option<Fixed> {
    let fixed = parse(datagram).ok()?.fixed;
    is_plausible_type(fixed.payload_type).then_some(fixed)
}

fn fixed(i: &[u8]) -> IResult<&[u8], (Fixed, u8)> {
    let (i, first) = be_u8(i)?;
    let (i, second) = be_u8(i)?;
    let (i, sequence) = be_u16(i)?;
    let (i, timestamp) = be_u32(i)?;
    let (i, ssrc) = be_u32(i)?;
    let fixed = Fixed {
        is_padded: first & 0x20 != 0,
        is_extended: first & 0x10 != 0,
        csrc_count: first & 0x0f,
        marker: second & 0x80 != 0,
        payload_type: second & 0x7f,
        sequence,
        timestamp,
        ssrc,
    };
    Ok((i, (fixed, first >> 6)))
}

fn extension(i: &[u8]) -> IResult<&[u8], (u16, u16)> {
    let (i, profile) = be_u16(i)?;
    let (i, length) = be_u16(i)?;
    Ok((i, (profile, length)))
}

fn words<'a>(count: u16, i: &'a [u8], field: &'static str) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let length = usize::from(count).saturating_mul(4);
    let read: IResult<&[u8], &[u8]> = take(length)(i);
    read.map_err(|_| Malformed::Truncated { field })
}

const VERSION: u8 = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vocabulary::{Session, Sink, Way};

    /// Two contributing sources, an extension of one word, three bytes of payload, two of padding.
    const FULL: &[u8] = b"\xb2\xe0\x12\x34\0\0\x0e\x10\xde\xad\xbe\xef\
        \0\0\0\x01\0\0\0\x02\
        \xab\xac\0\x01ABCD\
        xyz\0\x02";

    fn packet(payload_type: u8, sequence: u16, ssrc: u32) -> Vec<u8> {
        let mut bytes = vec![0x80, payload_type];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(u32::from(sequence).to_be_bytes());
        bytes.extend(ssrc.to_be_bytes());
        bytes.extend(b"payload");
        bytes
    }

    #[test]
    fn header_is_read_in_full() {
        let header = parse(FULL).unwrap();
        assert_eq!(
            header.fixed,
            Fixed {
                is_padded: true,
                is_extended: true,
                csrc_count: 2,
                marker: true,
                payload_type: 96,
                sequence: 0x1234,
                timestamp: 3600,
                ssrc: 0xdead_beef,
            }
        );
        assert_eq!(header.csrc, b"\0\0\0\x01\0\0\0\x02");
        assert_eq!(header.extension, Some((0xabac, &b"ABCD"[..])));
        assert_eq!((header.payload, header.padding), (&b"xyz"[..], 2));
    }

    #[test]
    fn packet_without_payload_is_fine() {
        let header = parse(&packet(0, 1, 2)[..12]).map(|header| header.payload.len());
        assert_eq!(header, Ok(0));
    }

    #[test]
    fn other_version_is_invalid() {
        let mut bytes = packet(0, 1, 2);
        bytes[0] = 0x40;
        assert_eq!(parse(&bytes), Err(Malformed::Invalid { field: "version" }));
    }

    #[test]
    fn padding_that_is_empty_or_too_long_is_invalid() {
        for (last, is_fine) in [(0, false), (5, true), (6, false)] {
            let mut bytes = FULL.to_vec();
            *bytes.last_mut().unwrap() = last;
            assert_eq!(parse(&bytes).is_ok(), is_fine, "{last}");
        }
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        assert_eq!(parse(&FULL[..11]), Err(Malformed::Truncated { field: "header" }));
        assert_eq!(parse(&FULL[..19]), Err(Malformed::Truncated { field: "csrc" }));
        assert_eq!(parse(&FULL[..23]), Err(Malformed::Truncated { field: "extension" }));
        for end in 0..FULL.len() {
            let _ = parse(&FULL[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
            let mut sink = Sink::default();
            Trial::default().data(Way::Orig, &bytes, &mut sink);
        }
    }
}
