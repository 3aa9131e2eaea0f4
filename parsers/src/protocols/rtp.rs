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
//! to the sink as [`Media`], and [`Fact::MediaProved`] follows once a source has
//! counted on for [`PACKETS_TO_PROVE`] packets. RTCP on the same ports (RFC 5761) is read
//! too; STUN, DTLS and ZRTP, which share ports with RTP (RFC 7983), are let pass.
//!
//! Source: RFC 3550, 5.1 and A.1; payload types from RFC 3551, table 4 and 5.
//! Left out: the payload, and the meaning of header extensions.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::protocols::rtcp;
use crate::vocabulary::{
    About, Envelope, Fact, Malformed, Media, On, Parser, Probe, Progress, Session, Sink, Start, Way,
};

/// What the engine knows of this protocol.
pub const RTP: Parser = Parser {
    name: "rtp",
    about: "media packets: source, sequence, time stamp, payload type",
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

/// A UDP flow that may be RTP.
///
/// ```text
/// On trial --a source counts on--> proved, for good
///     \--ODD_MAX datagrams that are not RTP, or TRIAL_MAX that never count on--> done
/// ```
#[derive(Debug, Default)]
pub struct Trial {
    sides: [Side; 2],
    odd: u8,
}

/// What one end sends.
#[derive(Debug, Default)]
struct Side {
    /// The source heard longest ago first.
    sources: Vec<Source>,
    is_proved: bool,
    packets: u32,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    payload_type: u8,
    highest: u16,
    in_sequence: u8,
    is_proved: bool,
}

impl Session for Trial {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let consumed = Progress::Consumed(bytes.len().max(1));
        let proved = self.sides.iter().any(|side| side.is_proved);
        if rtcp::is_multiplexed(bytes) {
            // An error in it is RTCP's, and whether this is RTCP rests on the trial alone.
            if rtcp::is_compound(bytes) {
                let _ = rtcp::observe(bytes, sink);
            }
            return consumed;
        }
        let [orig, resp] = &mut self.sides;
        let side = match way {
            Way::Orig => orig,
            Way::Resp => resp,
        };
        match plausible(bytes) {
            Some(fixed) => {
                sink.media(fixed.media(None, bytes.len()));
                side.packets = side.packets.saturating_add(1);
                if side.hear(&fixed) {
                    sink.fact(About::Sender, Fact::MediaProved { ssrc: fixed.ssrc });
                } else if !proved && side.packets >= TRIAL_MAX {
                    return Progress::Done;
                }
            }
            None if !proved && !shares_ports_with_media(bytes) => {
                self.odd = self.odd.saturating_add(1);
                if self.odd > ODD_MAX {
                    return Progress::Done;
                }
            }
            None => {}
        }
        consumed
    }

    fn gap(&mut self, _way: Way, _missing: Option<u64>, _sink: &mut Sink) {}
}

impl Side {
    /// Takes one packet; true where it is the one that proves its source.
    fn hear(&mut self, packet: &Fixed) -> bool {
        let known = self.sources.iter().position(|source| source.ssrc == packet.ssrc);
        let mut source = match known {
            Some(at) => self.sources.remove(at),
            None => {
                if self.sources.len() >= SOURCES_MAX {
                    let unproved = self.sources.iter().position(|source| !source.is_proved);
                    self.sources.remove(unproved.unwrap_or(0));
                }
                Source {
                    ssrc: packet.ssrc,
                    payload_type: packet.payload_type,
                    highest: packet.sequence.wrapping_sub(1),
                    in_sequence: 0,
                    is_proved: false,
                }
            }
        };
        let needed = if self.is_proved { MIN_SEQUENTIAL } else { PACKETS_TO_PROVE };
        let proves = !source.is_proved && source.counts_on(packet) >= needed;
        source.is_proved |= proves;
        self.is_proved |= proves;
        self.sources.push(source);
        proves
    }
}

impl Source {
    /// How many packets in a row have counted on, this one included.
    fn counts_on(&mut self, packet: &Fixed) -> u8 {
        let step = packet.sequence.wrapping_sub(self.highest);
        if packet.payload_type != self.payload_type {
            self.in_sequence = 1;
            self.payload_type = packet.payload_type;
            self.highest = packet.sequence;
        } else if (1..=STEP_MAX).contains(&step) {
            self.in_sequence = self.in_sequence.saturating_add(1);
            self.highest = packet.sequence;
        } else if step.wrapping_neg() > STEP_MAX {
            self.in_sequence = 1;
            self.highest = packet.sequence;
        }
        // What is left is late or sent twice, which says nothing.
        self.in_sequence
    }
}

fn probe(_: &Envelope, datagram: &[u8]) -> Probe {
    if plausible(datagram).is_some() { Probe::Maybe } else { Probe::No }
}

fn plausible(datagram: &[u8]) -> Option<Fixed> {
    let fixed = parse(datagram).ok()?.fixed;
    is_plausible_type(fixed.payload_type).then_some(fixed)
}

/// STUN (RFC 8489, 5), DTLS (RFC 6347, 4.1) and ZRTP (RFC 6189, 5).
fn shares_ports_with_media(datagram: &[u8]) -> bool {
    matches!(
        datagram,
        [0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..]
            | [20..=63, 0xfe, 0xfd | 0xff, ..]
            | [0x10..=0x13, _, _, _, b'Z', b'R', b'T', b'P', ..]
    )
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

/// Without an SDP two packets are too few: many a protocol counts in its bytes 2 and 3.
pub const PACKETS_TO_PROVE: u8 = 8;

/// For a further source of an end that is known to send RTP (RFC 3550, A.1).
const MIN_SEQUENTIAL: u8 = 2;

/// How far two packets of a source may be apart, either way, and still count on.
const STEP_MAX: u16 = 16;

/// Sources of one end that are followed at once; a mixer sends few.
const SOURCES_MAX: usize = 8;

/// Hole punching and keep-alives may come before the first packet.
const ODD_MAX: u8 = 4;

/// Packets after which a flow that never counted on is given up.
const TRIAL_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    /// Feeds `packets` of one end; the proved sources, the packets given on, and whether it was given up.
    fn tried(packets: &[Vec<u8>]) -> (Vec<u32>, usize, bool) {
        let mut trial = Trial::default();
        let mut sink = Sink::default();
        let done = packets.iter().any(|packet| trial.data(Way::Orig, packet, &mut sink) == Progress::Done);
        let proved = sink.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::MediaProved { ssrc } => Some(*ssrc),
            _ => None,
        });
        (proved.collect(), sink.media.len(), done)
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

    #[test]
    fn eight_packets_that_count_on_prove_a_source() {
        let packets: Vec<_> = (0..8).map(|n| packet(96, 65_533_u16.wrapping_add(n), 7)).collect();
        assert_eq!(tried(&packets), (vec![7], 8, false));
        assert_eq!(tried(&packets[..7]), (vec![], 7, false));
    }

    #[test]
    fn loss_reordering_and_copies_do_not_hinder_the_proof() {
        let packets: Vec<_> = [1, 2, 2, 4, 3, 9, 10, 10, 11, 12, 13].map(|n| packet(96, n, 7)).into();
        assert_eq!(tried(&packets), (vec![7], 11, false));
    }

    #[test]
    fn second_source_of_a_proved_end_needs_two_packets() {
        let mut packets: Vec<_> = (0..8).map(|n| packet(96, n, 7)).collect();
        packets.extend([packet(97, 500, 8), packet(97, 501, 8)]);
        assert_eq!(tried(&packets), (vec![7, 8], 10, false));
    }

    #[test]
    fn sequence_that_jumps_or_stands_still_is_given_up() {
        let jumps: Vec<_> = (0..64).map(|n: u16| packet(96, n.wrapping_mul(999), 7)).collect();
        assert_eq!(tried(&jumps), (vec![], 64, true));
        let stands = vec![packet(96, 5, 7); 64];
        assert_eq!(tried(&stands), (vec![], 64, true));
    }

    #[test]
    fn changing_sources_and_types_prove_nothing() {
        let sources: Vec<_> = (0..64).map(|n| packet(96, n, u32::from(n))).collect();
        assert_eq!(tried(&sources), (vec![], 64, true));
        let types: Vec<_> = (0..64).map(|n| packet(96 + (n % 4) as u8, n, 7)).collect();
        assert_eq!(tried(&types), (vec![], 64, true));
    }

    #[test]
    fn a_few_odd_datagrams_are_borne_and_more_are_not() {
        let mut packets = vec![b"punch".to_vec(); 4];
        packets.extend((0..8).map(|n| packet(96, n, 7)));
        assert_eq!(tried(&packets), (vec![7], 8, false));
        packets.insert(0, b"punch".to_vec());
        assert_eq!(tried(&packets), (vec![], 0, true));
    }

    #[test]
    fn companions_on_the_same_ports_are_let_pass() {
        let mut packets = vec![b"\0\x01\0\0\x21\x12\xa4\x42transaction.".to_vec(); 20];
        packets.extend((0..8).map(|n| packet(96, n, 7)));
        assert_eq!(tried(&packets), (vec![7], 8, false));
    }

    #[test]
    fn multiplexed_rtcp_is_read_and_is_not_media() {
        let report = b"\x81\xc9\0\x07\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let mut sink = Sink::default();
        Trial::default().data(Way::Resp, report, &mut sink);
        assert!(sink.media.is_empty());
        assert!(matches!(sink.facts[..], [(About::Sender, Fact::ReceiverReport(_))]));
        assert_eq!(probe(&Envelope::default(), report), Probe::No);
    }

    #[test]
    fn sources_are_bounded() {
        let mut trial = Trial::default();
        for n in 0..1000 {
            trial.data(Way::Orig, &packet(96, 1, n), &mut Sink::default());
        }
        assert_eq!(trial.sides[0].sources.len(), SOURCES_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
            let mut trial = Trial::default();
            let mut sink = Sink::default();
            trial.data(Way::Orig, &bytes, &mut sink);
        }
    }
}
