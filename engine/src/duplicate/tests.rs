//! Frames and their copies, in the forms in which mirrors make them.

use spanwatch_parsers::{LinkType, Mac};

use super::*;
use crate::peel::{Peeler, Tags};

/// A frame as it is being changed on its way.
#[derive(Debug, Clone)]
struct Sent {
    peeled: Peeled,
    bytes: Vec<u8>,
    arrival: Arrival,
}

/// An IPv4 packet with this protocol, identification and transport.
fn packet(protocol: u8, identification: u16, transport: &[u8]) -> Sent {
    let mut bytes = b"\x02\0\0\0\0\x09\x02\0\0\0\0\x07\x08\0\x45\0".to_vec();
    bytes.extend(u16::try_from(transport.len() + 20).unwrap().to_be_bytes());
    bytes.extend(identification.to_be_bytes());
    bytes.extend([0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 7, 192, 0, 2, 9]);
    bytes.extend(transport);
    let peeled = Peeler::new().peel(LinkType::ETHERNET, Time(0), &bytes, 0);
    Sent { peeled, bytes, arrival: Arrival { at: Time(0), cite: Cite::default(), interface: 0 } }
}

fn media(sequence: u8) -> Sent {
    packet(17, 0, &[0x13, 0x88, 0x17, 0x70, 0, 20, 0, 0, 0x80, 96, 0, sequence, 0, 0, 0, 0, 0, 0, 0, 7])
}

/// A TCP segment with these flags and payload; identification 0, as of IPv6.
fn segment(flags: u8, payload: &[u8]) -> Sent {
    packet(
        6,
        0,
        &[b"\x13\x88\x17\x70\0\0\0\x01\0\0\0\x01\x50", &[flags][..], b"\0\0\0\0\0\0", payload].concat(),
    )
}

impl Sent {
    fn after_us(&self, us: i64) -> Self {
        let arrival = Arrival { at: Time(us * 1_000), ..self.arrival };
        Self { arrival, ..self.clone() }
    }

    fn tagged(&self, ids: &[u16]) -> Self {
        let mut other = self.clone();
        other.peeled.layers.tags = Tags::default();
        ids.iter().for_each(|id| other.peeled.layers.tags.push(*id));
        other
    }

    fn routed(&self) -> Self {
        let mut other = self.tagged(&[20]);
        other.peeled.layers.hop_limit -= 1;
        other.peeled.layers.source_mac = Some(Mac([2, 0, 0, 0, 0, 0xfe]));
        other
    }

    fn is_copy(&self, copies: &mut Copies) -> bool {
        let identity = copies.identity(&self.peeled, &self.bytes);
        copies.foresee(identity);
        copies.is_copy(&self.peeled, identity, &self.arrival)
    }

    fn by_interface(&self, interface: u32) -> Self {
        Self { arrival: Arrival { interface, ..self.arrival }, ..self.clone() }
    }
}

/// Which of the frames are taken for copies.
fn copies(frames: &[Sent]) -> Vec<bool> {
    let mut copies = Copies::new(1);
    frames.iter().map(|sent| sent.is_copy(&mut copies)).collect()
}

#[test]
fn copy_in_every_form_is_dropped_at_once() {
    for first in [packet(17, 7, b"\0\x01\0\x02\0\x0c\0\0data"), media(1), segment(0x18, b"data")] {
        for copy in [
            first.after_us(50),
            first.tagged(&[10]).after_us(900),
            first.tagged(&[10, 20]).after_us(90_000),
            first.routed().after_us(90_000),
            first.by_interface(1).after_us(5_000),
        ] {
            assert_eq!(copies(&[first.clone(), copy.clone()]), [false, true]);
            assert!(!copies(&[copy])[0]);
        }
    }
}

#[test]
fn next_packet_is_no_copy() {
    assert_eq!(copies(&[media(1), media(2), media(1).after_us(10)]), [false, false, true]);
    let longer = packet(17, 7, b"\0\x01\0\x02\0\x0d\0\0data.");
    assert_eq!(copies(&[packet(17, 7, b"\0\x01\0\x02\0\x0c\0\0data"), longer]), [false, false]);
}

#[test]
fn retransmission_is_kept_and_its_own_copies_are_dropped() {
    let sent = segment(0x18, b"data");
    let frames = [
        sent.tagged(&[10]),
        sent.tagged(&[20]).after_us(10),
        sent.tagged(&[10]).after_us(210_000),
        sent.tagged(&[20]).after_us(210_010),
        sent.tagged(&[10]).after_us(630_000),
    ];
    assert_eq!(copies(&frames), [false, true, false, true, false]);
}

#[test]
fn retransmission_without_identification_is_kept_even_when_it_is_quick() {
    let sent = segment(0x18, b"data");
    assert_eq!(copies(&[sent.clone(), sent.after_us(1_500)]), [false, false]);
    let identified = packet(17, 7, b"\0\x01\0\x02\0\x0c\0\0data");
    assert_eq!(copies(&[identified.clone(), identified.after_us(1_500)]), [false, true]);
}

#[test]
fn repeated_bare_acknowledgements_are_kept() {
    let sent = segment(0x10, b"");
    assert_eq!(copies(&[sent.clone(), sent.after_us(12), sent.after_us(24)]), [false, false, false]);
    assert_eq!(copies(&[sent.clone(), sent.after_us(8)]), [false, true]);
    assert_eq!(copies(&[sent.clone(), sent.tagged(&[10]).after_us(50)]), [false, true]);
}

#[test]
fn other_host_with_the_same_address_sends_no_copies() {
    let sent = media(1);
    let mut other = sent.tagged(&[20]).after_us(10);
    other.peeled.layers.source_mac = Some(Mac([2, 0, 0, 0, 0, 0x77]));
    assert_eq!(copies(&[sent.tagged(&[10]), other]), [false, false]);
}

#[test]
fn slow_mirror_is_learned_and_its_copies_are_dropped() {
    let frames: Vec<Sent> = (0..=255_u8)
        .flat_map(|n| {
            let at = i64::from(n) * 20_000;
            [media(n).after_us(at), media(n).after_us(at + 8_000)]
        })
        .collect();
    let found = copies(&frames);
    assert!(!found[1], "8 ms are no copy by default");
    assert!(found[400..].chunks(2).all(|pair| pair == [false, true]), "{found:?}");
}

#[test]
fn loop_is_dropped_and_counted_by_its_turns() {
    let sent = packet(17, 7, b"\0\x01\0\x02\0\x0c\0\0data");
    let mut found = Copies::new(1);
    for turn in 0..1_000 {
        let sent = sent.after_us(turn * 40);
        sent.is_copy(&mut found);
    }
    let round = found.take_round();
    assert_eq!((found.counts().by_delay, round.copies, round.most), (999, 999, 999));
    assert_eq!(found.take_round(), Round::default());
}

/// What of a frame came again, sent `turns` times, each `us` after the one before.
fn returning(sent: &Sent, turns: i64, us: i64) -> Round {
    let mut found = Copies::new(1);
    for turn in 0..turns {
        let sent = sent.after_us(turn * us);
        sent.is_copy(&mut found);
    }
    found.take_round()
}

fn to_everybody(of: &Sent) -> Sent {
    let mut other = of.clone();
    other.peeled.layers.destination_mac = Some(Mac::BROADCAST);
    other
}

#[test]
fn a_frame_to_a_group_that_circles_returns() {
    let sent = to_everybody(&packet(17, 7, b"\0\x01\0\x02\0\x0c\0\0data"));
    let Round { returning: found, sender, .. } = returning(&sent, 1_000, 400);
    assert_eq!((found.again, found.most, found.frames), (999, 999, 1));
    assert!((Span::millis(398)..=Span::millis(401)).contains(&found.lasting), "{found:?}");
    assert_eq!((found.last, sender.mac), (Time(999 * 400_000), Some(Mac([2, 0, 0, 0, 0, 7]))));
    // Slower than any copy: it is sent again, and returns all the same.
    let slow = returning(&sent, 100, 50_000);
    assert_eq!((slow.copies, slow.returning.most), (0, 99));
}

#[test]
fn unicast_a_falling_hop_limit_and_a_frame_sent_again_later_do_not_return() {
    let sent = packet(17, 7, b"\0\x01\0\x02\0\x0c\0\0data");
    assert_eq!(returning(&sent, 100, 400).returning, Returning::default());
    assert_eq!(returning(&to_everybody(&sent), 100, 101_000).returning, Returning::default());
    let mut found = Copies::new(1);
    for turn in 0..60 {
        let mut sent = to_everybody(&sent).after_us(turn * 400);
        sent.peeled.layers.hop_limit -= turn as u8;
        sent.is_copy(&mut found);
    }
    assert_eq!(found.take_round().returning, Returning::default());
}

#[test]
fn a_count_of_a_frame_that_circles_for_ever_stands_still() {
    let sent = to_everybody(&packet(17, 7, b"\0\x01\0\x02\0\x0c\0\0data"));
    assert_eq!(returning(&sent, 80_000, 40).returning.most, 65_535);
}

#[test]
fn reasons_are_told_apart() {
    let sent = packet(17, 7, b"\0\x01\0\x02\0\x0c\0\0data");
    let mut found = Copies::new(1);
    for copy in
        [sent.clone(), sent.tagged(&[10]), sent.routed().tagged(&[]), sent.by_interface(2), sent.clone()]
    {
        copy.is_copy(&mut found);
    }
    let expected = Counts {
        copies: 4,
        by_tags: 1,
        by_hop_limit: 1,
        by_interface: 1,
        by_delay: 1,
        by_mirror: 3,
        most: 4,
        ..Counts::default()
    };
    assert_eq!(*found.counts(), expected);
}

#[test]
fn frames_without_ip_are_told_by_their_content() {
    let arp = |target: u8| {
        let bytes = [
            &b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x07\x08\x06\0\x01\x08\0\x06\x04\0\x01"[..],
            &[target; 20],
        ]
        .concat();
        let peeled = Peeler::new().peel(LinkType::ETHERNET, Time(0), &bytes, 0);
        Sent { peeled, bytes, arrival: Arrival { at: Time(0), cite: Cite::default(), interface: 0 } }
    };
    assert_eq!(
        copies(&[arp(1), arp(1).tagged(&[10]).after_us(500), arp(2), arp(1).after_us(1_000_000)]),
        [false, true, false, false]
    );
}

#[test]
fn what_a_router_says_in_each_of_its_vlans_is_no_copy_of_the_mirrors() {
    let mut found = Copies::new(1);
    let mut hello = media(1);
    hello.peeled.layers.destination_mac = Some(Mac([0x33, 0x33, 0, 0, 0, 0x0d]));
    for sent in [hello.tagged(&[10]), hello.tagged(&[20]).after_us(3)] {
        sent.is_copy(&mut found);
    }
    assert_eq!((found.counts().by_tags, found.counts().by_mirror), (1, 0));
}

#[test]
fn a_bare_acknowledgement_that_comes_again_may_be_its_senders_own() {
    let mut found = Copies::new(1);
    let sent = segment(0x10, b"");
    for copy in [sent.clone(), sent.clone()] {
        copy.is_copy(&mut found);
    }
    assert_eq!((found.counts().by_delay, found.counts().by_mirror), (1, 0));
}
