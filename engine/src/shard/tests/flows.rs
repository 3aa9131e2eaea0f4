//! Sums, VLANs, copies and ticks.

use super::*;

#[test]
fn activity_is_summed_by_flow_and_side() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    for at in [0, 100, 400] {
        bench.udp(ms(at), ends, b"one");
    }
    bench.udp(ms(450), (ends.1, ends.0), b"two");
    bench.tick(ms(1_000));
    let sums: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match seen.fact {
            Fact::Activity(sum) => {
                Some((sum.flow, sum.packets, sum.longest_gap, seen.subject.port, seen.cite.frame()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(sums, [(1, 3, Span::millis(300), 5000, 3), (1, 1, Span::ZERO, 7, 4)]);
    bench.out.clear();
    bench.tick(ms(2_000));
    assert!(bench.out.is_empty());
}

#[test]
fn a_flow_that_seems_to_be_the_last_one_is_found_all_the_same() {
    let mut bench = Bench::new();
    for row in 0..3 {
        bench.row = Default::default();
        bench.udp(ms(row * 10), (CLIENT, SERVER), b"one");
        bench.tcp(ms(row * 10 + 1), (CLIENT, SERVER), (ACK, 100, 200), b"");
        bench.udp(ms(row * 10 + 2), (SERVER, CLIENT), b"two");
        let like: Vec<_> = bench.row.1.iter().flatten().map(|coming| coming.like).collect();
        assert_eq!(like, [None, Some(0), Some(0)]);
    }
    bench.tick(ms(1_000));
    let sums = bench.out.iter().filter_map(|seen| match seen.fact {
        Fact::Activity(sum) => Some((sum.flow, sum.packets, seen.subject.port)),
        _ => None,
    });
    assert_eq!(sums.collect::<Vec<_>>(), [(1, 3, 5000), (1, 3, 80), (2, 3, 5000)]);
}

#[test]
fn hosts_of_one_address_in_two_vlans_have_flows_of_their_own() {
    let mut bench = Bench::new();
    let in_vlan = |end: End, vlan: u16, mac: u8| End { vlan: Some(vlan), mac, ..end };
    let here = (in_vlan(CLIENT, 10, 1), in_vlan(End { port: 7, ..SERVER }, 10, 2));
    let there = (in_vlan(CLIENT, 20, 3), in_vlan(End { port: 7, ..SERVER }, 20, 4));
    for n in 0..3 {
        bench.udp(ms(n * 100), here, b"one");
        bench.udp(ms(n * 100 + 10), there, b"two");
        bench.udp(ms(n * 100 + 20), (there.1, there.0), b"two-back");
        bench.udp(ms(n * 100 + 30), (here.1, here.0), b"one-back");
    }
    bench.tick(ms(1_000));
    let sums: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match seen.fact {
            Fact::Activity(sum) => Some((sum.flow, sum.packets, seen.subject.vlan)),
            _ => None,
        })
        .collect();
    assert_eq!(sums, [(1, 3, Some(10)), (1, 3, Some(10)), (2, 3, Some(20)), (2, 3, Some(20))]);
}

#[test]
fn tag_on_one_direction_makes_no_second_flow() {
    let mut bench = Bench::new();
    let tagged = End { vlan: Some(10), ..CLIENT };
    let server = End { port: 7, ..SERVER };
    for n in 0..3 {
        bench.udp(ms(n), (tagged, server), b"one");
        bench.udp(ms(n), (server, tagged), b"two");
    }
    bench.tick(ms(1_000));
    let flows: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match seen.fact {
            Fact::Activity(sum) => Some((sum.flow, sum.packets)),
            _ => None,
        })
        .collect();
    assert_eq!(flows, [(1, 3), (1, 3)]);
}

#[test]
fn senders_without_an_address_are_told_by_their_mac() {
    let mut bench = Bench::new();
    for mac in [1_u8, 2] {
        let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, mac, 8, 0];
        frame.extend(b"\x45\0\0\x20\0\x01\0\0\x40\x11\0\0\0\0\0\0\xff\xff\xff\xff\0\x44\0\x43\0\x0c\0\0dhc");
        frame.push(mac);
        bench.frame(ms(mac.into()), &frame);
    }
    bench.tick(ms(1_000));
    let macs: Vec<_> = bench.out.iter().map(|seen| seen.subject.mac).collect();
    assert_eq!(macs, [Some(Mac([2, 0, 0, 0, 0, 1])), Some(Mac([2, 0, 0, 0, 0, 2]))]);
}

#[test]
fn question_and_answer_are_forgotten_before_a_flow_that_goes_on() {
    let mut bench = Bench::new();
    let server = End { port: 7, ..SERVER };
    bench.udp(ms(0), (CLIENT, server), b"question");
    let other = End { port: 5_001, ..CLIENT };
    bench.udp(ms(0), (other, server), b"one");
    bench.udp(ms(20_000), (other, server), b"two");
    bench.tick(ms(31_000));
    bench.out.clear();
    bench.udp(ms(40_000), (CLIENT, server), b"again");
    bench.udp(ms(40_000), (other, server), b"three");
    bench.tick(ms(41_000));
    let flows: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match seen.fact {
            Fact::Activity(sum) => Some(sum.flow),
            _ => None,
        })
        .collect();
    assert_eq!(flows, [4, 2]);
}

#[test]
fn copies_disturb_nothing_and_are_counted() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    bench.udp(ms(0), ends, b"one");
    bench.frame -= 1; // The same identification.
    bench.udp(Time(20_000), (End { vlan: Some(10), ..ends.0 }, ends.1), b"one");
    bench.tick(ms(1_000));
    assert_eq!(bench.shard.counts().copies.by_tags, 1);
    let facts: Vec<_> = bench.out.iter().map(|seen| &seen.fact).collect();
    assert!(
        matches!(facts[..], [Fact::Attribute { .. }, Fact::Activity(sum), Fact::Copies { count: 1, most: 1 }] if sum.packets == 1),
        "{facts:?}"
    );
}

#[test]
fn a_broadcast_that_circles_is_said_with_its_sender() {
    let mut bench = Bench::new();
    let frame = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 9, 0x88, 0xb5], b"a word to everybody"].concat();
    for turn in 0..500 {
        bench.frame(Time(turn * 400_000), &frame);
    }
    bench.tick(ms(1_000));
    let said: Vec<_> = bench.out.iter().filter(|seen| matches!(seen.fact, Fact::Returning(_))).collect();
    let [said] = said[..] else { panic!("{said:?}") };
    let Fact::Returning(returning) = said.fact else { panic!("{said:?}") };
    assert_eq!((returning.most, returning.last, said.cite.frame()), (499, Time(499 * 400_000), 500));
    assert_eq!(said.subject.mac, Some(Mac([2, 0, 0, 0, 0, 9])));
    bench.tick(ms(2_000));
    assert_eq!(bench.out.iter().filter(|seen| matches!(seen.fact, Fact::Returning(_))).count(), 1);
}

#[test]
fn two_ticks_before_one_frame_have_places_of_their_own() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    bench.udp(ms(0), ends, b"one");
    bench.tick(ms(1_000));
    bench.udp(ms(500), ends, b"two");
    bench.frame -= 1;
    bench.tick(ms(2_000));
    let mut places: Vec<_> = bench.out.iter().map(|seen| seen.place).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), bench.out.len());
}
