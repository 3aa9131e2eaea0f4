//! Finds where a stream can be read again after a loss, or in its middle.
//!
//! Two things are looked for, byte by byte: the start of a message, and an
//! interleaved frame (RFC 2326, 10.12; RFC 7826, 14)
//!
//! ```text
//! 0     1         2        4
//! | '$' | channel | length | RTP or RTCP, length bytes |
//! ```
//!
//! Two bytes of video in 65,536 look like the start of a frame, so more is asked
//! for: a channel that was set up (or a low one), version 2, a payload type that
//! can be; then that RTCP is well formed as a whole, or that RTP has a source
//! known from before the loss, or else that another start follows right behind.
//!
//! An answer never depends on bytes that may or may not be there: where they are
//! missing it is `Maybe`, and never for more of them than the longest frame and the
//! longest start line behind it have, some 70 KB.

use crate::protocols::rtcp;
use crate::protocols::rtp;
use crate::protocols::rtsp::message;
use crate::vocabulary::Probe;

/// What is known of a stream's frames.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// Channel and SSRC of media heard before.
    pub(super) sources: &'a [(u8, u32)],
    /// Whether media can come in a channel.
    pub(super) is_channel: &'a dyn Fn(u8) -> bool,
}

/// Where a stream can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A message begins here.
    Message(usize),
    /// A frame begins here.
    Frame(usize),
    /// Nothing begins before this offset; what begins here needs more bytes to tell.
    NotBefore(usize),
}

/// Looks at the first `limit` offsets of `bytes`.
pub(super) fn seek(bytes: &[u8], limit: usize, known: Known<'_>) -> Found {
    let limit = limit.min(bytes.len());
    for at in 0..limit {
        let here = bytes.get(at..).unwrap_or_default();
        let (answer, found) = match here.first() {
            Some(b'$') => (probe_frame(here, known), Found::Frame(at)),
            _ => (probe_message(here), Found::Message(at)),
        };
        match answer {
            Probe::Yes => return found,
            Probe::Maybe => return Found::NotBefore(at),
            Probe::No => {}
        }
    }
    Found::NotBefore(limit)
}

/// A message whose method is known.
fn probe_message(here: &[u8]) -> Probe {
    if message::has_known_start(&message::Dialect::RTSP, here) {
        message::probe_start(here)
    } else {
        Probe::No
    }
}

/// A frame, and what is behind it.
pub(super) fn probe_frame(here: &[u8], known: Known<'_>) -> Probe {
    let (length, rest) = match here {
        [b'$', channel, ..] if !(known.is_channel)(*channel) => return Probe::No,
        [b'$', _, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return Probe::Maybe,
    };
    if length < LENGTH_MIN {
        return Probe::No;
    }
    match rest {
        [] => return Probe::Maybe,
        [0x80..=0xbf, _, ..] => {}
        [0x80..=0xbf] => return Probe::Maybe,
        _ => return Probe::No,
    }
    if rtcp::is_multiplexed(rest) {
        return match rest.get(..length) {
            _ if length > RTCP_MAX => Probe::No,
            None => Probe::Maybe,
            Some(packet) if rtcp::is_well_formed(packet) => Probe::Yes,
            Some(_) => Probe::No,
        };
    }
    let Ok(fixed) = rtp::Fixed::parse(rest) else { return Probe::Maybe };
    if !is_media(&fixed, length) {
        return Probe::No;
    }
    let channel = here.get(1).copied().unwrap_or_default();
    if known.sources.contains(&(channel, fixed.ssrc)) {
        return Probe::Yes;
    }
    rest.get(length..).map_or(Probe::Maybe, |behind| probe_behind(behind, known))
}

/// Whether a packet of `length` bytes with this header can be media.
pub(super) fn is_media(fixed: &rtp::Fixed, length: usize) -> bool {
    let header = rtp::Fixed::LEN.saturating_add(usize::from(fixed.csrc_count).saturating_mul(4));
    rtp::is_plausible_type(fixed.payload_type) && length >= header
}

fn probe_behind(behind: &[u8], known: Known<'_>) -> Probe {
    match behind {
        [b'$', channel, ..] if !(known.is_channel)(*channel) => Probe::No,
        [b'$', _, _, _, 0x80..=0xbf, ..] => Probe::Yes,
        [b'$', _, _, _, _, ..] => Probe::No,
        [] | [b'$', ..] => Probe::Maybe,
        _ => probe_message(behind),
    }
}

/// The shortest RTCP packet.
const LENGTH_MIN: usize = 8;

/// Longer reports are stepped over; one of 31 blocks with names has about 1 KiB.
pub(super) const RTCP_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(channel: u8, ssrc: u32, payload: usize) -> Vec<u8> {
        let mut bytes = vec![b'$', channel];
        bytes.extend((12 + payload as u16).to_be_bytes());
        bytes.extend(b"\x80\x60\0\x01\0\0\0\0");
        bytes.extend(ssrc.to_be_bytes());
        bytes.resize(16 + payload, b'x');
        bytes
    }

    fn sought(bytes: &[u8], sources: &[(u8, u32)]) -> Found {
        seek(bytes, usize::MAX, Known { sources, is_channel: &|channel| channel < 4 })
    }

    #[test]
    fn frame_with_a_start_behind_it_is_found() {
        let junk = b"..$..$\x09\0\x10\x80";
        for behind in [&b"$\x02\0\x0c\x80"[..], b"RTSP/1.0 200", b"TEARDOWN rtsp://h"] {
            let bytes = [junk, &frame(0, 7, 20)[..], behind].concat();
            assert_eq!(sought(&bytes, &[]), Found::Frame(junk.len()), "{}", behind.escape_ascii());
        }
    }

    #[test]
    fn frame_with_junk_behind_it_is_passed_over() {
        let bytes = [&frame(0, 7, 20)[..], b"junkjunk"].concat();
        assert_eq!(sought(&bytes, &[]), Found::NotBefore(bytes.len()));
    }

    #[test]
    fn frame_of_a_known_source_needs_nothing_behind_it() {
        let bytes = frame(2, 7, 2000);
        assert_eq!(sought(&bytes, &[]), Found::NotBefore(0));
        assert_eq!(sought(&bytes[..16], &[(2, 7)]), Found::Frame(0));
        assert_eq!(sought(&bytes[..16], &[(0, 7)]), Found::NotBefore(0));
    }

    #[test]
    fn report_is_found_by_itself() {
        let bytes = b"\0\0$\x01\0\x08\x80\xc9\0\x01\0\0\0\x07";
        assert_eq!(sought(bytes, &[]), Found::Frame(2));
        assert_eq!(sought(&bytes[..13], &[]), Found::NotBefore(2));
        assert_eq!(sought(b"$\x01\0\x08\x80\xc9\0\x02\0\0\0\x07", &[]), Found::NotBefore(12));
    }

    #[test]
    fn message_is_found_in_the_middle_of_anything() {
        assert_eq!(sought(b"\xff\xd8RTSP/1.0 200 OK", &[]), Found::Message(2));
        assert_eq!(sought(b"PLAYRTSPPLAY rtsp://h", &[]), Found::Message(8));
        assert_eq!(sought(b"nothing PL", &[]), Found::NotBefore(8));
    }

    #[test]
    fn limit_is_kept() {
        assert_eq!(
            seek(b"..RTSP/1.0 200", 2, Known { sources: &[], is_channel: &|_| true }),
            Found::NotBefore(2)
        );
    }

    proptest! {
        /// On this rests that a stream can be cut anywhere.
        #[test]
        fn more_bytes_never_change_what_was_found(
            parts in proptest::collection::vec("[$][\0-\x05]\0[\x08-\x20][\x70-\x7f][ -~]{0,20}|RTSP/1.0 200|PLAY rt", 1..6),
            cut in 0_usize..120,
        ) {
            let bytes: Vec<u8> = parts.concat().bytes().map(|byte| if byte >= 0x70 { byte ^ 0xf0 } else { byte }).collect();
            let whole = sought(&bytes, &[]);
            match sought(&bytes[..cut.min(bytes.len())], &[]) {
                Found::NotBefore(at) => {
                    let (Found::Message(later) | Found::Frame(later) | Found::NotBefore(later)) = whole;
                    prop_assert!(later >= at);
                }
                found => prop_assert_eq!(found, whole),
            }
        }
    }
}
