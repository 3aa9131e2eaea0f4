//! RTP Control Protocol (RTCP), over UDP of any port, or inside RTSP.
//!
//! A compound is one or more packets without anything between, each
//!
//! ```text
//! 0                 1      2               4
//! | V:2 P:1 count:5 | type | words − 1 u16 | ssrc | …
//! 200 SR    ssrc, ntp u64, rtp u32, packets u32, bytes u32, count × report
//! 201 RR    ssrc, count × report
//! 202 SDES  count × (ssrc, item*, 0 up to the next word)     item = | kind u8 | length u8 | text |
//! 203 BYE   count × ssrc, reason
//! report =  | ssrc | fraction u8 | lost i24 | highest u32 | jitter u32 | last SR u32 | delay u32 |
//! ```
//!
//! all numbers big-endian. APP (204), the feedback messages (205, 206), XR (207)
//! and unknown types are stepped over.
//!
//! Source: RFC 3550, 6.4 to 6.6 and A.2; RFC 4585, 6.1; RFC 5506; RFC 5761, 4.
//! Left out: SDES items other than CNAME and TOOL, and profile extensions of SR
//! and RR. Encrypted RTCP (RFC 3711, 3.4) fails the validity check and is not ours.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_i24, be_u8, be_u16, be_u32, be_u64};

use crate::vocabulary::{
    About, Clock, Ended, Envelope, Fact, Key, Malformed, On, Parser, Probe, ReceiverReport, Sink, Start,
};

/// What the engine knows of this protocol.
pub const RTCP: Parser = Parser {
    name: "rtcp",
    about: "media reports: loss, jitter, the sender's clock, names, the end of a stream",
    source: "RFC 3550, RFC 4585",
    on: &[On::AnyUdp],
    probe: |_, datagram| if is_compound(datagram) { Probe::Yes } else { Probe::No },
    start: Start::Datagram(|_: &Envelope, datagram, sink| observe(datagram, sink)),
};

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u8);

impl Type {
    /// Sender report.
    pub const SR: Self = Self(200);
    /// Receiver report.
    pub const RR: Self = Self(201);
    /// Source description.
    pub const SDES: Self = Self(202);
    /// Goodbye.
    pub const BYE: Self = Self(203);
    /// Extended report, the last type of the range that RFC 3550 and its kin use.
    pub const XR: Self = Self(207);
}

/// One packet of a compound, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Type,
    /// Report blocks, chunks or sources in it; of feedback messages their format.
    pub count: u8,
    /// What follows the first four bytes, padding excluded.
    pub body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the first packet of `bytes`; gives the rest, too.
    ///
    /// # Errors
    /// `Truncated` where the packet is longer than `bytes`; `Invalid` where the
    /// version is not 2, or the padding is empty, not whole words, longer than the
    /// packet, or not in the last packet.
    pub fn parse(bytes: &'a [u8]) -> Result<(&'a [u8], Self), Malformed> {
        let (rest, (first, kind, words)) =
            common(bytes).map_err(|_| Malformed::Truncated { field: "header" })?;
        if first >> 6 != VERSION {
            return Err(Malformed::Invalid { field: "version" });
        }
        let read: IResult<&[u8], &[u8]> = take(usize::from(words).saturating_mul(4))(rest);
        let (rest, mut body) = read.map_err(|_| Malformed::Truncated { field: "length" })?;
        if first & PADDED != 0 {
            let padding = usize::from(body.last().copied().unwrap_or(0));
            body = body
                .len()
                .checked_sub(padding)
                .and_then(|end| body.get(..end))
                .filter(|_| padding > 0 && padding % 4 == 0 && rest.is_empty())
                .ok_or(Malformed::Invalid { field: "padding" })?;
        }
        Ok((rest, Self { kind: Type(kind), count: first & 0x1f, body }))
    }

    /// The source it speaks for, which is the first word of every type in the base protocol.
    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        word(self.body).ok().map(|(_, ssrc)| ssrc)
    }

    /// The sender's clocks, of a sender report.
    ///
    /// # Errors
    /// `Truncated` where the packet is too short.
    pub fn clock(&self) -> Result<Option<Clock>, Malformed> {
        if self.kind != Type::SR {
            return Ok(None);
        }
        let (_, clock) = clock(self.body).map_err(|_| Malformed::Truncated { field: "sender info" })?;
        Ok(Some(clock))
    }

    /// The report blocks, of a sender or receiver report.
    ///
    /// # Errors
    /// `Truncated` where the packet has fewer than it counts.
    pub fn reports(&self) -> Result<Vec<ReceiverReport>, Malformed> {
        let before = match self.kind {
            Type::SR => SENDER_INFO,
            Type::RR => 4,
            _ => return Ok(Vec::new()),
        };
        let mut rest = self.body.get(before..).ok_or(Malformed::Truncated { field: "ssrc" })?;
        let mut reports = Vec::new();
        for _ in 0..self.count {
            let (after, report) = report(rest).map_err(|_| Malformed::Truncated { field: "report block" })?;
            rest = after;
            reports.push(report);
        }
        Ok(reports)
    }

    /// The items, of a source description.
    ///
    /// # Errors
    /// `Truncated` where a chunk or an item is longer than the packet.
    pub fn descriptions(&self) -> Result<Vec<Item<'a>>, Malformed> {
        let mut items = Vec::new();
        let mut rest = if self.kind == Type::SDES { self.body } else { &[] };
        let chunks = if self.kind == Type::SDES { self.count } else { 0 };
        for _ in 0..chunks {
            let (after, ssrc) = word(rest).map_err(|_| Malformed::Truncated { field: "chunk" })?;
            rest = after;
            loop {
                let (after, (kind, text)) = item(rest).map_err(|_| Malformed::Truncated { field: "item" })?;
                if kind == 0 {
                    // The list ends with one to four zero bytes, up to the next word of the packet.
                    let behind = self.body.len().saturating_sub(after.len()) % 4;
                    let fill = (4_usize.saturating_sub(behind)) % 4;
                    rest = after.get(fill..).ok_or(Malformed::Truncated { field: "chunk" })?;
                    break;
                }
                rest = after;
                items.push(Item { ssrc, kind, text });
            }
        }
        Ok(items)
    }

    /// The sources that leave, of a goodbye.
    ///
    /// # Errors
    /// `Truncated` where the packet has fewer than it counts.
    pub fn leaving(&self) -> Result<Vec<u32>, Malformed> {
        let mut sources = Vec::new();
        let mut rest = self.body;
        let count = if self.kind == Type::BYE { self.count } else { 0 };
        for _ in 0..count {
            let (after, ssrc) = word(rest).map_err(|_| Malformed::Truncated { field: "ssrc" })?;
            rest = after;
            sources.push(ssrc);
        }
        Ok(sources)
    }
}

/// One item of a source description (RFC 3550, 6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// The source it describes.
    pub ssrc: u32,
    /// 1 canonical name, 2 name, 3 e-mail, 4 phone, 5 location, 6 tool, 7 note, 8 private.
    pub kind: u8,
    /// The text, UTF-8 by the specification.
    pub text: &'a [u8],
}

/// Whether `bytes` are RTCP beyond reasonable doubt: a report without padding first,
/// version 2 throughout, lengths that add up exactly, and no packet shorter than it counts
/// (RFC 3550, A.2). Reduced-size RTCP (RFC 5506), legal by agreement only, is not.
#[must_use]
pub fn is_compound(bytes: &[u8]) -> bool {
    let starts_with_report = matches!(bytes, [first, 200 | 201, ..] if first & PADDED == 0);
    starts_with_report && is_well_formed(bytes)
}

/// Whether `bytes` are RTCP where RTP or RTCP is all that can come: as [`is_compound`],
/// but any packet may be first and padded.
#[must_use]
pub fn is_well_formed(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        match Packet::parse(rest) {
            Ok((after, packet)) if is_whole(&packet) => rest = after,
            _ => return false,
        }
    }
    !bytes.is_empty()
}

/// Whether these first bytes of a packet tell RTCP rather than RTP where both share a port or a
/// channel (RFC 5761, 4).
#[must_use]
pub const fn is_multiplexed(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80..=0xbf, 192..=223, ..])
}

/// Puts the facts of one compound into `sink`.
///
/// # Errors
/// As [`Packet`]'s; the facts before the fault stay.
pub fn observe(compound: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let mut rest = compound;
    while !rest.is_empty() {
        let (after, packet) = Packet::parse(rest)?;
        rest = after;
        // A source without a clock sends zero (RFC 3550, 6.4.1).
        if let Some(clock) = packet.clock()?.filter(|clock| clock.ntp != 0) {
            sink.fact(About::Sender, Fact::Clock(clock));
        }
        for report in packet.reports()? {
            sink.fact(About::Sender, Fact::ReceiverReport(report));
        }
        for Item { kind, text, .. } in packet.descriptions()? {
            match kind {
                ITEM_CNAME => sink.attribute(About::Sender, Key::RtcpCname, text),
                ITEM_TOOL => sink.attribute(About::Sender, Key::RtcpTool, text),
                _ => {}
            }
        }
        for ssrc in packet.leaving()? {
            sink.fact(About::Sender, Fact::StreamEnded { ssrc: Some(ssrc), by: Ended::Bye });
        }
    }
    Ok(())
}

fn is_whole(packet: &Packet<'_>) -> bool {
    packet.clock().is_ok()
        && packet.reports().is_ok()
        && packet.descriptions().is_ok()
        && packet.leaving().is_ok()
}

fn common(i: &[u8]) -> IResult<&[u8], (u8, u8, u16)> {
    let (i, first) = be_u8(i)?;
    let (i, kind) = be_u8(i)?;
    let (i, words) = be_u16(i)?;
    Ok((i, (first, kind, words)))
}

fn word(i: &[u8]) -> IResult<&[u8], u32> {
    be_u32(i)
}

fn clock(i: &[u8]) -> IResult<&[u8], Clock> {
    let (i, ssrc) = be_u32(i)?;
    let (i, ntp) = be_u64(i)?;
    let (i, rtp_ticks) = be_u32(i)?;
    let (i, _packets) = be_u32(i)?;
    let (i, _bytes) = be_u32(i)?;
    Ok((i, Clock { ssrc, ntp, rtp_ticks }))
}

fn report(i: &[u8]) -> IResult<&[u8], ReceiverReport> {
    let (i, ssrc) = be_u32(i)?;
    let (i, fraction_lost) = be_u8(i)?;
    let (i, lost) = be_i24(i)?;
    let (i, highest_sequence) = be_u32(i)?;
    let (i, jitter_ticks) = be_u32(i)?;
    let (i, _last_report) = be_u32(i)?;
    let (i, _delay) = be_u32(i)?;
    Ok((i, ReceiverReport { ssrc, fraction_lost, lost, highest_sequence, jitter_ticks }))
}

/// A kind of 0 ends the list and has neither length nor text.
fn item(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, kind) = be_u8(i)?;
    if kind == 0 {
        return Ok((i, (0, &[])));
    }
    let (i, length) = be_u8(i)?;
    let (i, text) = take(length)(i)?;
    Ok((i, (kind, text)))
}

const VERSION: u8 = 2;
const PADDED: u8 = 0x20;

/// Source, NTP and RTP time, packet and byte count of a sender report.
const SENDER_INFO: usize = 24;

const ITEM_CNAME: u8 = 1;
const ITEM_TOOL: u8 = 6;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// SR with one report of −1 lost, SDES with CNAME and TOOL, BYE.
    const COMPOUND: &[u8] = b"\x81\xc8\0\x0c\0\0\0\x07\
        \xe8\0\0\0\x80\0\0\0\0\x01\x5f\x90\0\0\0\x09\0\0\x01\0\
        \0\0\0\x08\x40\xff\xff\xff\0\x02\x12\x34\0\0\0\x63\0\0\0\0\0\0\0\0\
        \x81\xca\0\x05\0\0\0\x07\x01\x05cam@x\x06\x04gst1\0\0\0\
        \x81\xcb\0\x01\0\0\0\x07";

    fn facts(bytes: &[u8]) -> (Vec<(About, Fact)>, Result<(), Malformed>) {
        let mut sink = Sink::default();
        let result = observe(bytes, &mut sink);
        (sink.facts, result)
    }

    #[test]
    fn compound_gives_clock_report_names_and_end() {
        let (facts, result) = facts(COMPOUND);
        let report = ReceiverReport {
            ssrc: 8,
            fraction_lost: 0x40,
            lost: -1,
            highest_sequence: 0x0002_1234,
            jitter_ticks: 99,
        };
        let expected = [
            Fact::Clock(Clock { ssrc: 7, ntp: 0xe800_0000_8000_0000, rtp_ticks: 90_000 }),
            Fact::ReceiverReport(report),
            Fact::Attribute { key: Key::RtcpCname, value: "cam@x".into() },
            Fact::Attribute { key: Key::RtcpTool, value: "gst1".into() },
            Fact::StreamEnded { ssrc: Some(7), by: Ended::Bye },
        ];
        assert_eq!(facts, expected.map(|fact| (About::Sender, fact)));
        assert_eq!(result, Ok(()));
        assert!(is_compound(COMPOUND));
    }

    #[test]
    fn two_chunks_are_read_each_from_its_word() {
        let bytes = b"\x80\xc9\0\x01\0\0\0\x01\
            \x82\xca\0\x06\0\0\0\x01\x01\x03one\0\0\0\0\0\0\x02\x01\x02hi\0\0\0\0";
        let (rest, report) = Packet::parse(bytes).unwrap();
        assert_eq!(report.ssrc(), Some(1));
        let (_, description) = Packet::parse(rest).unwrap();
        let one = Item { ssrc: 1, kind: 1, text: b"one" };
        let two = Item { ssrc: 2, kind: 1, text: b"hi" };
        assert_eq!(description.descriptions(), Ok(vec![one, two]));
    }

    #[test]
    fn empty_receiver_report_gives_no_fact() {
        let bytes = b"\x80\xc9\0\x01\0\0\0\x01";
        assert!(is_compound(bytes));
        assert_eq!(facts(bytes), (vec![], Ok(())));
    }

    #[test]
    fn sender_without_a_clock_tells_none() {
        let mut bytes = COMPOUND.to_vec();
        bytes[8..16].fill(0);
        assert!(!facts(&bytes).0.iter().any(|(_, fact)| matches!(fact, Fact::Clock(_))));
    }

    #[test]
    fn feedback_and_unknown_types_are_stepped_over() {
        let bytes = b"\x80\xc9\0\x01\0\0\0\x01\x81\xce\0\x02\0\0\0\x01\0\0\0\x02\x80\xd0\0\x01abcd";
        assert!(is_compound(bytes));
        assert_eq!(facts(bytes), (vec![], Ok(())));
    }

    #[test]
    fn reduced_size_is_well_formed_but_no_compound() {
        let bytes = b"\x81\xce\0\x02\0\0\0\x01\0\0\0\x02";
        assert!(!is_compound(bytes));
        assert!(is_well_formed(bytes));
    }

    #[test]
    fn bytes_after_the_last_packet_are_truncated() {
        let mut bytes = COMPOUND.to_vec();
        bytes.extend(b"\x80\0");
        assert!(!is_compound(&bytes));
        let (facts, result) = facts(&bytes);
        assert_eq!((facts.len(), result), (5, Err(Malformed::Truncated { field: "header" })));
    }

    #[test]
    fn malformed_packets_are_told_by_their_field() {
        let cases: [(&[u8], Malformed); 7] = [
            (b"\x40\xc9\0\x01\0\0\0\x01", Malformed::Invalid { field: "version" }),
            (b"\x80\xc9\0\x02\0\0\0\x01", Malformed::Truncated { field: "length" }),
            (b"\xa0\xc9\0\x01\0\0\0\x08", Malformed::Invalid { field: "padding" }),
            (b"\x81\xc9\0\x01\0\0\0\x01", Malformed::Truncated { field: "report block" }),
            (b"\x80\xc8\0\x01\0\0\0\x01", Malformed::Truncated { field: "sender info" }),
            (b"\x81\xca\0\x02\0\0\0\x01\x01\x09ab", Malformed::Truncated { field: "item" }),
            (b"\x82\xcb\0\x01\0\0\0\x01", Malformed::Truncated { field: "ssrc" }),
        ];
        for (bytes, fault) in cases {
            assert_eq!(facts(bytes).1, Err(fault));
            assert!(!is_well_formed(bytes));
        }
    }

    #[test]
    fn padding_of_the_last_packet_is_cut_off() {
        let bytes = b"\x80\xc9\0\x01\0\0\0\x01\xa1\xcb\0\x02\0\0\0\x01\0\0\0\x04";
        assert!(is_compound(bytes));
        assert_eq!(facts(bytes).0.len(), 1);
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        for end in 0..COMPOUND.len() {
            let _ = facts(&COMPOUND[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = facts(&bytes);
            for (byte, value) in bytes.iter_mut().zip([0x81, 0xca, 0, 8]) {
                *byte = value;
            }
            let _ = facts(&bytes);
        }
    }
}
