//! One direction of a TCP connection: which bytes of a segment were judged, and how.
//!
//! ```text
//!        past: as it was written      next          early: kept until what is missing comes
//! ───────────────|═══════════════════════|─────────────|═════|──────
//!  a copy of it must read the same           a frame that brings it shows nothing
//! ```
//!
//! A segment that comes in turn is judged with all that came before it. One that comes again (a retransmission, a
//! mirror's copy) is written as it was the first time, and where it reads otherwise not at all. One that comes too
//! early is overwritten whole, for what it continues is not known. What is lost for good leaves its reader blind.

use std::collections::VecDeque;

use super::cover;
use super::scan::Scanner;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The sequence number of the next byte, once one was seen.
    next: Option<u32>,
    /// The SYN's.
    began: Option<u32>,
    scanner: Scanner,
    past: VecDeque<u8>,
    early: Vec<(u32, Vec<u8>)>,
}

impl Order {
    /// Begins anew behind a SYN, unless this is a copy of the one it began with.
    pub fn open(&mut self, sequence: u32) {
        if self.began != Some(sequence) {
            *self = Self { next: Some(sequence.wrapping_add(1)), began: Some(sequence), ..Self::default() };
        }
    }

    /// Overwrites what may be secret in a segment's payload, of which `cut` more bytes were not captured.
    pub fn mask(&mut self, sequence: u32, payload: &mut [u8], cut: u32) {
        let next = self.next.unwrap_or_else(|| {
            self.scanner.lose();
            sequence
        });
        self.next = Some(next);
        // Distances on a circle are signed: negative lies behind.
        let ahead = sequence.wrapping_sub(next).cast_signed();
        if ahead > 0 {
            self.wait(sequence, payload, ahead);
            return;
        }
        let behind = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX);
        if behind > FORGOTTEN {
            self.restart(sequence);
            return self.mask(sequence, payload, cut);
        }
        let (again, new) = payload.split_at_mut(behind.min(payload.len()));
        self.repeat(again, behind);
        if behind > again.len() || new.is_empty() && cut == 0 {
            return;
        }
        self.take(new);
        if cut > 0 {
            self.restart(self.next.unwrap_or_default().wrapping_add(cut));
        }
        self.catch_up();
    }

    /// Bytes it holds.
    pub fn held(&self) -> usize {
        let early: usize = self.early.iter().map(|(_, bytes)| bytes.len()).sum();
        self.past.len().saturating_add(early).saturating_add(self.scanner.held())
    }

    /// Judges what comes in turn.
    fn take(&mut self, bytes: &mut [u8]) {
        self.scanner.scan(bytes);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.next = self.next.map(|next| next.wrapping_add(length));
        if self.scanner.is_blind() {
            // Nothing was seen of it, and nothing will be of a copy.
            return self.past.clear();
        }
        let kept = bytes.get(bytes.len().saturating_sub(PAST_MAX)..).unwrap_or_default();
        self.past.extend(kept);
        self.past.drain(..self.past.len().saturating_sub(PAST_MAX));
    }

    /// Writes what was judged before, `behind` bytes before the next, as it was then.
    fn repeat(&self, bytes: &mut [u8], behind: usize) {
        let Some(start) = self.past.len().checked_sub(behind) else { return cover(bytes) };
        let is_same = |(now, past): (&u8, &u8)| *past == b'*' || now == past;
        if bytes.iter().zip(self.past.range(start..)).all(is_same) {
            bytes.iter_mut().zip(self.past.range(start..)).for_each(|(now, past)| *now = *past);
        } else {
            cover(bytes);
        }
    }

    /// Keeps what came too early; where too much waits, what is missing is given up.
    fn wait(&mut self, sequence: u32, payload: &mut [u8], ahead: i32) {
        let waiting: usize = self.early.iter().map(|(_, bytes)| bytes.len()).sum();
        let is_near = usize::try_from(ahead).is_ok_and(|ahead| ahead <= EARLY_MAX);
        if !is_near || waiting.saturating_add(payload.len()) > EARLY_MAX || self.early.len() >= SEGMENTS_MAX {
            self.restart(sequence);
            self.take(payload);
            return;
        }
        if !payload.is_empty()
            && !self.early.iter().any(|(at, bytes)| *at == sequence && bytes.len() >= payload.len())
        {
            self.early.push((sequence, payload.to_vec()));
        }
        cover(payload);
    }

    /// Judges what waited for what just came; its frames are gone.
    fn catch_up(&mut self) {
        while let Some(next) = self.next {
            let in_turn = |(at, _): &(u32, Vec<u8>)| next.wrapping_sub(*at).cast_signed() >= 0;
            let Some(found) = self.early.iter().position(in_turn) else { return };
            let (at, mut bytes) = self.early.swap_remove(found);
            let known = usize::try_from(next.wrapping_sub(at)).unwrap_or(usize::MAX);
            if let Some(new) = bytes.get_mut(known..) {
                self.take(new);
            }
        }
    }

    /// Goes on from `sequence` and knows nothing of what came before.
    fn restart(&mut self, sequence: u32) {
        self.scanner.lose();
        self.past.clear();
        self.early.clear();
        self.next = Some(sequence);
    }
}

/// What was written of a direction, for copies: a large window's worth is on the way at most, and what is older is
/// overwritten whole.
const PAST_MAX: usize = 16 << 10;

/// A segment this far back is of another connection with the same ports.
const FORGOTTEN: usize = 1 << 20;

/// What waits for missing bytes, in bytes and segments.
const EARLY_MAX: usize = 64 << 10;
const SEGMENTS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"GET /a HTTP/1.1\r\nAuthorization: Basic hidden==\r\nHost: a\r\n\r\n";
    const SHOWN: &[u8] = b"GET /a HTTP/1.1\r\nAuthorization: Basic ********\r\nHost: a\r\n\r\n";

    /// Segments by their places in the message, as they are written.
    fn written(order: &mut Order, places: &[(usize, usize)]) -> Vec<Vec<u8>> {
        let write = |(from, to): &(usize, usize)| {
            let mut bytes = MESSAGE[*from..*to].to_vec();
            order.mask((u32::MAX - 9).wrapping_add(*from as u32), &mut bytes, 0);
            bytes
        };
        places.iter().map(write).collect()
    }

    fn opened() -> Order {
        let mut order = Order::default();
        order.open(u32::MAX - 10);
        order
    }

    #[test]
    fn whole_message_and_its_copy_are_judged_alike() {
        let all = (0, MESSAGE.len());
        assert_eq!(written(&mut opened(), &[all, all]), [SHOWN, SHOWN]);
    }

    #[test]
    fn early_segment_shows_nothing_and_its_copy_what_is_known_then() {
        let (early, first) = ((20, MESSAGE.len()), (0, 20));
        let got = written(&mut opened(), &[early, first, early]);
        assert!(got[0].iter().all(|byte| *byte == b'*'));
        assert_eq!(&got[1][..17], &SHOWN[..17]);
        assert_eq!(got[2], SHOWN[20..]);
    }

    #[test]
    fn copy_that_reads_otherwise_shows_nothing() {
        let mut order = opened();
        written(&mut order, &[(0, MESSAGE.len())]);
        let mut other = MESSAGE.to_vec();
        other[5] = b'b';
        order.mask(u32::MAX - 9, &mut other, 0);
        assert!(other.iter().all(|byte| *byte == b'*'));
    }

    #[test]
    fn secret_behind_what_is_lost_shows_nothing() {
        for cut in 1..MESSAGE.len() - 12 {
            let mut order = opened();
            written(&mut order, &[(0, cut)]);
            let mut missing = [];
            order.mask((u32::MAX - 9).wrapping_add(cut as u32), &mut missing, 3);
            let got = written(&mut order, &[(cut + 3, MESSAGE.len())]);
            assert!(got[0].iter().all(|byte| *byte == b'*'), "{cut}: {}", String::from_utf8_lossy(&got[0]));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut order = opened();
        for number in 0..2_000_u32 {
            let mut bytes = [b'x'; 1_400];
            order.mask(number.wrapping_mul(2_801), &mut bytes, 0);
            assert!(order.held() <= PAST_MAX + EARLY_MAX + (9 << 10));
        }
    }
}
