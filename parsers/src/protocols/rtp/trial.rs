//! Whether a UDP flow is RTP: its sources are on probation (RFC 3550, A.1).
//!
//! Nothing in one packet tells; a source whose sequence numbers count on does.
//! Where no session description vouches for a flow, [`PACKETS_TO_PROVE`] packets of
//! one SSRC and one payload type are asked for.
//!
//! Source: RFC 3550, 6.2.1 and A.1; RFC 7983, 7, for what shares ports with media.

use crate::protocols::rtcp;
use crate::protocols::rtp::{Fixed, plausible};
use crate::vocabulary::{About, Fact, Progress, Session, Sink, Way};

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
        let side = way.of(&mut self.sides);
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
        match known {
            // As nearly always it is the one that was heard last.
            Some(at) if at.saturating_add(1) == self.sources.len() => {}
            Some(at) => {
                let source = self.sources.remove(at);
                self.sources.push(source);
            }
            None => {
                if self.sources.len() >= SOURCES_MAX {
                    let unproved = self.sources.iter().position(|source| !source.is_proved);
                    self.sources.remove(unproved.unwrap_or(0));
                }
                self.sources.push(Source {
                    ssrc: packet.ssrc,
                    payload_type: packet.payload_type,
                    highest: packet.sequence.wrapping_sub(1),
                    in_sequence: 0,
                    is_proved: false,
                });
            }
        }
        let Some(source) = self.sources.last_mut() else { return false };
        let needed = if self.is_proved { MIN_SEQUENTIAL } else { PACKETS_TO_PROVE };
        let proves = !source.is_proved && source.counts_on(packet) >= needed;
        source.is_proved |= proves;
        self.is_proved |= proves;
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

/// STUN (RFC 8489, 5), DTLS (RFC 6347, 4.1) and ZRTP (RFC 6189, 5).
fn shares_ports_with_media(datagram: &[u8]) -> bool {
    matches!(
        datagram,
        [0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..]
            | [20..=63, 0xfe, 0xfd | 0xff, ..]
            | [0x10..=0x13, _, _, _, b'Z', b'R', b'T', b'P', ..]
    )
}

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
    use super::*;
    use crate::protocols::rtp::RTP;
    use crate::vocabulary::{Envelope, Probe};

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
        assert_eq!((RTP.probe)(&Envelope::default(), report), Probe::No);
    }

    #[test]
    fn sources_are_bounded() {
        let mut trial = Trial::default();
        for n in 0..1000 {
            trial.data(Way::Orig, &packet(96, 1, n), &mut Sink::default());
        }
        assert_eq!(trial.sides[0].sources.len(), SOURCES_MAX);
    }
}
