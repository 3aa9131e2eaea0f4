//! What RTP's own numbers tell of a stream: [`Statistics`] (RFC 3550, A.1, A.3, A.8).
//!
//! ```text
//! step forward < 3000            counts on; what lies between is lost until it comes late
//! step back    < 100             late, or the same packet twice
//! any other                      a restart, once the next packet follows it
//! ```
//!
//! *Lost* is expected less received, never negative, as A.3 counts it: late packets
//! and true duplicates count as received. (The copies that a mirror makes never
//! reach this place.) What was lost before a restart stays lost. Of the very first
//! packet on all count; A.1 leaves out those of the probation.
//!
//! A *frame* is what shares a time stamp (5.1): one is counted with each packet that
//! comes in order, or after a loss, and bears another stamp than the one before it.
//! Stamps may go back, for pictures are sent in the order in which they are decoded.
//! Of a frame of which all came late nothing is counted.

use spanwatch_parsers::Time;

/// Counts over one source of one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    base: u64,
    highest: u64,
    awaited: Option<u16>,
    received: u64,
    lost_before: u64,
    /// Bit n: the packet n before the highest came.
    came: u128,
    /// Packets that came late.
    pub out_of_order: u64,
    /// Packets that came twice, `u32::MAX` at most.
    pub duplicates: u32,
    /// Frames of which a packet came in time, `u32::MAX` at most: two years of them.
    pub frames: u32,
    /// Time stamp of the last packet that came in time.
    timestamp: u32,
    /// Known from the second packet on.
    transit: u32,
    jitter_16ticks: u64,
    clock_hz: u32,
    epoch: Time,
}

impl Statistics {
    /// Counts from `sequence` on; arrival times are taken in ticks of `clock_hz`.
    #[must_use]
    pub fn new(sequence: u16, clock_hz: u32, epoch: Time) -> Self {
        Self {
            base: sequence.into(),
            highest: sequence.into(),
            awaited: None,
            received: 0,
            lost_before: 0,
            came: 0,
            out_of_order: 0,
            duplicates: 0,
            frames: 0,
            timestamp: 0,
            transit: 0,
            jitter_16ticks: 0,
            clock_hz,
            epoch,
        }
    }

    /// Takes one packet; whether it belongs to the stream.
    pub fn take(&mut self, sequence: u16, timestamp: u32, at: Time) -> bool {
        if self.received == 0 {
            self.restart(sequence);
            self.timestamp = !timestamp;
        }
        let step = sequence.wrapping_sub(self.highest as u16);
        if step < DROPOUT_MAX {
            self.forward(step, timestamp);
        } else if step.wrapping_neg() < MISORDER_MAX {
            let bit = 1_u128 << step.wrapping_neg();
            if self.came & bit == 0 {
                self.out_of_order = self.out_of_order.saturating_add(1);
            } else {
                self.duplicates = self.duplicates.saturating_add(1);
            }
            self.came |= bit;
            // The first packets may themselves be out of order: what is expected begins with the lowest.
            self.base = self.base.min(self.highest.saturating_sub(step.wrapping_neg().into()));
        } else if self.awaited == Some(sequence) {
            self.lost_before = self.lost();
            self.restart(sequence);
            self.came = 1;
            self.stamped(timestamp);
        } else {
            self.awaited = Some(sequence.wrapping_add(1));
            return false;
        }
        self.received = self.received.saturating_add(1);
        self.measure(timestamp, at);
        true
    }

    /// The highest sequence number so far.
    #[must_use]
    pub const fn sequence(&self) -> u16 {
        self.highest as u16
    }

    /// Packets that never came.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let expected = self.highest.saturating_sub(self.base).saturating_add(1);
        let lost = if self.received == 0 { 0 } else { expected.saturating_sub(self.received) };
        self.lost_before.saturating_add(lost)
    }

    /// Interarrival jitter in RTP ticks times 16.
    #[must_use]
    pub const fn jitter_16ticks(&self) -> u64 {
        self.jitter_16ticks
    }

    fn forward(&mut self, step: u16, timestamp: u32) {
        if step == 0 && self.came & 1 == 1 {
            self.duplicates = self.duplicates.saturating_add(1);
            return;
        }
        self.came = self.came.checked_shl(step.into()).unwrap_or(0) | 1;
        self.highest = self.highest.saturating_add(step.into());
        self.awaited = None;
        self.stamped(timestamp);
    }

    fn stamped(&mut self, timestamp: u32) {
        self.frames = self.frames.saturating_add((timestamp != self.timestamp).into());
        self.timestamp = timestamp;
    }

    fn restart(&mut self, sequence: u16) {
        self.base = CYCLE.saturating_add(sequence.into());
        self.highest = self.base;
        self.awaited = None;
        self.received = 0;
        self.came = 0;
    }

    /// J += |D| - ((J + 8) >> 4), with J in sixteenths of a tick.
    fn measure(&mut self, timestamp: u32, at: Time) {
        let transit = self.ticks(at).wrapping_sub(timestamp);
        let before = std::mem::replace(&mut self.transit, transit);
        if self.received > 1 {
            let difference = u64::from((transit.wrapping_sub(before) as i32).unsigned_abs());
            let fading = self.jitter_16ticks.saturating_add(8) >> 4;
            self.jitter_16ticks = self.jitter_16ticks.saturating_add(difference).saturating_sub(fading);
        }
    }

    /// A moment in ticks, modulo 2^32 as the stamps are.
    fn ticks(&self, at: Time) -> u32 {
        let passed = at - self.epoch;
        let (seconds, rest) = (passed.0.div_euclid(SECOND), passed.0.rem_euclid(SECOND));
        let hz = i64::from(self.clock_hz);
        let whole = seconds.wrapping_mul(hz);
        let part = rest.saturating_mul(hz) / SECOND;
        whole.wrapping_add(part) as u32
    }
}

/// One cycle of sequence numbers: where counting begins, so that a packet before the first can be counted.
const CYCLE: u64 = 1 << 16;

/// MAX_DROPOUT and MAX_MISORDER of RFC 3550, A.1.
const DROPOUT_MAX: u16 = 3_000;
const MISORDER_MAX: u16 = 100;

const SECOND: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Twenty milliseconds and 1,800 ticks from packet to packet.
    fn fed(sequences: &[u16]) -> Statistics {
        let mut statistics = Statistics::new(sequences[0], 90_000, Time(0));
        for (n, sequence) in (0..).zip(sequences) {
            statistics.take(*sequence, 1_800 * n, Time(i64::from(n) * 20_000_000));
        }
        statistics
    }

    #[test]
    fn steady_stream_has_no_loss_and_no_jitter() {
        let sequences: Vec<u16> = (0..2_000_u16).map(|n| n.wrapping_add(65_000)).collect();
        let statistics = fed(&sequences);
        assert_eq!((statistics.lost(), statistics.out_of_order, statistics.duplicates), (0, 0, 0));
        assert_eq!(statistics.jitter_16ticks(), 0);
    }

    #[test]
    fn gap_is_loss_over_the_wrap() {
        assert_eq!(fed(&[65_533, 65_534, 3, 4]).lost(), 4);
    }

    #[test]
    fn late_packet_is_not_lost() {
        let statistics = fed(&[1, 2, 4, 3, 5]);
        assert_eq!((statistics.lost(), statistics.out_of_order), (0, 1));
    }

    #[test]
    fn packet_that_comes_twice_is_told_from_a_late_one() {
        let statistics = fed(&[1, 2, 2, 3, 1, 5]);
        assert_eq!((statistics.duplicates, statistics.out_of_order), (2, 0));
        assert_eq!(statistics.lost(), 0, "A.3 counts duplicates as received");
    }

    #[test]
    fn restart_keeps_what_was_lost_before() {
        let statistics = fed(&[1, 2, 4, 40_000, 40_001, 40_003]);
        assert_eq!(statistics.lost(), 2);
    }

    #[test]
    fn single_stray_packet_is_no_restart() {
        let statistics = fed(&[1, 2, 40_000, 3, 4]);
        assert_eq!((statistics.lost(), statistics.received), (0, 4));
    }

    /// Twenty milliseconds from packet to packet.
    fn frames(packets: &[(u16, u32)]) -> u32 {
        let mut statistics = Statistics::new(packets[0].0, 90_000, Time(0));
        for (n, (sequence, timestamp)) in (0..).zip(packets) {
            statistics.take(*sequence, *timestamp, Time(n * 20_000_000));
        }
        statistics.frames
    }

    #[test]
    fn a_frame_is_what_shares_a_time_stamp() {
        assert_eq!(frames(&[(1, 0)]), 1);
        assert_eq!(frames(&[(1, 0), (2, 0), (3, 3_600), (4, 7_200), (5, 7_200)]), 3);
        assert_eq!(frames(&[(1, 0), (2, 9_000), (3, 3_600), (4, 6_300)]), 4, "decoded before it is shown");
        assert_eq!(frames(&[(1, u32::MAX), (2, 3_599)]), 2, "over the wrap");
    }

    #[test]
    fn late_and_repeated_packets_begin_no_frame() {
        assert_eq!(frames(&[(1, 0), (3, 3_600), (2, 0), (4, 3_600)]), 2);
        assert_eq!(frames(&[(1, 0), (2, 3_600), (2, 3_600), (1, 0), (3, 3_600)]), 2);
    }

    #[test]
    fn frames_go_on_over_loss_and_restart() {
        assert_eq!(frames(&[(1, 0), (2, 0), (900, 3_600), (901, 3_600)]), 2);
        // The first packet of a restart is not believed, and counts with the second.
        assert_eq!(frames(&[(1, 0), (2, 0), (40_000, 77), (40_001, 77), (40_002, 80)]), 3);
    }

    #[test]
    fn jitter_follows_the_formula() {
        let mut statistics = Statistics::new(0, 8_000, Time(0));
        let mut expected = 0.0_f64;
        let mut before = None;
        let delays = [0_i32, 5, 1, 9, 3, 3, 7, 0, 2, 8];
        for n in 0..500_i32 {
            let delay = delays[n as usize % 10];
            let arrival_ms = n * 20 + delay;
            statistics.take(n as u16, (n * 160) as u32, Time(i64::from(arrival_ms) * 1_000_000));
            let transit = f64::from(arrival_ms * 8 - n * 160);
            if let Some(before) = before.replace(transit) {
                expected += ((transit - before).abs() - expected) / 16.0;
            }
        }
        let found = statistics.jitter_16ticks() as f64 / 16.0;
        assert!((found - expected).abs() < 1.0, "{found} {expected}");
    }

    proptest! {
        #[test]
        fn loss_equals_that_of_a_set(drops in prop::collection::vec(any::<bool>(), 1..500)) {
            let numbers = (0_u16..).map(|n| n.wrapping_add(65_400)).zip(&drops);
            let mut sequences: Vec<u16> = numbers.filter(|(_, drop)| !**drop).map(|(n, _)| n).collect();
            sequences.insert(0, 65_399);
            let last = *sequences.last().unwrap();
            let expected = u64::from(last.wrapping_sub(65_399)) + 1 - sequences.len() as u64;
            prop_assert_eq!(fed(&sequences).lost(), expected);
        }
    }
}
