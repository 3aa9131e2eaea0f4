use super::super::bench::{Bench, cite, mac, ms, s};
use super::*;

const IP: &str = "192.0.2.7";

/// Two that claim the address one after the other, every 10 s, `times` in all.
fn quarrel(times: i64, macs: [Mac; 2]) -> Bench {
    let mut bench = Bench::new();
    for n in 0..times {
        bench.claims(s(n * 10), macs[usize::from(n % 2 == 1)], IP, None);
        bench.tick(s(n * 10 + 1));
    }
    bench
}

#[test]
fn two_that_claim_one_address_in_turns_are_in_conflict() {
    let bench = quarrel(4, [mac(1), mac(200)]);
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.first_seen, finding.detected, finding.count), (s(10), s(30), 3));
    assert_eq!((finding.confidence, finding.devices.len(), finding.ended), (BY_CLAIMS, 2, None));
    assert_eq!(finding.evidence.len(), 4);
    assert!(finding.summary.contains(&mac(200).to_string()), "{}", finding.summary);
}

#[test]
fn a_camera_that_streams_on_while_another_claims_its_address_is_in_conflict() {
    let mut bench = Bench::new();
    bench.claims(s(0), mac(1), IP, None);
    for n in 1..10 {
        bench.sends(s(n), mac(1), IP, None);
        if n % 4 == 2 {
            bench.claims(ms(n * 1_000 + 500), mac(200), IP, None);
        }
        bench.tick(s(n + 1));
    }
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.detected, finding.evidence[1].cite), (ms(6_500), Some(cite(ms(2_500)))));
}

#[test]
fn both_sending_from_it_are_a_second_witness() {
    let mut bench = quarrel(4, [mac(1), mac(200)]);
    bench.sends(s(31), mac(200), IP, None);
    bench.sends(s(32), mac(1), IP, None);
    assert_eq!(bench.of(&KIND)[0].confidence, BY_TWO_WITNESSES);
}

#[test]
fn quiet_minutes_end_it_and_the_next_round_goes_on_in_it() {
    let mut bench = quarrel(4, [mac(1), mac(200)]);
    bench.claims(s(31), mac(200), IP, None);
    bench.tick(s(330));
    assert_eq!(bench.of(&KIND)[0].ended, Some(s(30)));
    for n in 0..4 {
        bench.claims(s(400 + n), [mac(1), mac(200)][usize::from(n % 2 == 1)], IP, None);
    }
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.first_seen, finding.last_seen, finding.ended), (s(10), s(403), None));
}

#[test]
fn an_address_given_back_by_a_client_is_a_conflict_with_its_holder() {
    for declines_first in [false, true] {
        let mut bench = Bench::new();
        if declines_first {
            bench.lease(s(5), mac(200), 4, None, Some(IP));
            bench.claims(s(6), mac(1), IP, None);
        } else {
            bench.claims(s(5), mac(1), IP, None);
            bench.lease(s(6), mac(200), 4, None, Some(IP));
        }
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.detected, finding.confidence), (s(6), BY_TWO_WITNESSES));
    }
}

#[test]
fn a_swapped_device_is_none() {
    let mut bench = Bench::new();
    for n in 0..20 {
        bench.claims(s(n * 10), mac(1), IP, None);
        bench.sends(s(n * 10), mac(1), IP, None);
    }
    for n in 20..40 {
        bench.claims(s(n * 10), mac(200), IP, None);
        bench.sends(s(n * 10), mac(200), IP, None);
    }
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn a_standby_that_takes_over_and_gives_back_is_none() {
    assert!(quarrel(3, [mac(1), mac(200)]).of(&KIND).is_empty());
}

#[test]
fn cameras_from_one_carton_on_their_makers_address_are_all_named() {
    let mut bench = Bench::new();
    for n in 0..9 {
        bench.claims(s(n * 5), mac(n as u8 % 3 * 50), IP, None);
    }
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.devices.len(), finding.title.as_str()), (3, "3 devices hold 192.0.2.7"));
}

#[test]
fn a_claim_damaged_on_its_way_is_none() {
    let mut bench = Bench::new();
    for n in 0..20 {
        bench.claims(s(n * 2), mac(1), IP, None);
        bench.claims(s(n * 2 + 1), mac(100 + n as u8), IP, None);
    }
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn virtual_macs_and_the_cards_of_one_machine_are_none() {
    for other in
        [Mac([0, 0, 0x5e, 0, 1, 7]), Mac([0, 0, 0x0c, 0x07, 0xac, 1]), Mac([0, 0x07, 0xb4, 0, 1, 1]), mac(2)]
    {
        assert!(quarrel(8, [mac(1), other]).of(&KIND).is_empty(), "{other}");
    }
}

#[test]
fn a_virtual_router_that_passes_from_one_machine_to_the_other_is_none() {
    let mut bench = Bench::new();
    let shared = Mac([0, 0, 0x5e, 0, 1, 7]);
    for n in 0..20 {
        bench.claims(s(n * 10), shared, IP, None);
        bench.claims(s(n * 10 + 5), if n < 10 { mac(1) } else { mac(200) }, IP, None);
    }
    assert!(bench.of(&KIND).is_empty());
    // Two machines that both say so by turns are one all the same.
    for n in 20..30 {
        bench.claims(s(n * 10), shared, IP, None);
        bench.claims(s(n * 10 + 5), if n % 2 == 0 { mac(1) } else { mac(200) }, IP, None);
    }
    assert_eq!(bench.of(&KIND).len(), 1);
}

#[test]
fn a_router_that_answers_for_others_is_none() {
    let mut bench = Bench::new();
    for n in 0..8 {
        for host in 1..6_u8 {
            bench.claims(s(n * 10), mac(host * 20), &format!("192.0.2.{host}"), None);
            bench.claims(s(n * 10 + 1), mac(250), &format!("192.0.2.{host}"), None);
        }
    }
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn one_address_in_two_vlans_and_one_mac_with_many_addresses_are_none() {
    let mut bench = Bench::new();
    for n in 0..10 {
        bench.claims(s(n), mac(1), IP, Some(10));
        bench.claims(s(n), mac(200), IP, Some(20));
        bench.claims(s(n), mac(100), &format!("192.0.2.{}", 20 + n), None);
    }
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn claims_more_than_a_minute_apart_and_across_blind_time_are_none() {
    let mut bench = Bench::new();
    for n in 0..10 {
        bench.claims(s(n * 61), [mac(1), mac(200)][usize::from(n % 2 == 1)], IP, None);
    }
    let mut blind = quarrel(3, [mac(1), mac(200)]);
    blind.unwatched(s(21), s(31));
    blind.claims(s(32), mac(200), IP, None);
    assert!(bench.of(&KIND).is_empty() && blind.of(&KIND).is_empty());
}

#[test]
fn one_long_jump_says_the_same_as_many_ticks() {
    let (mut jump, mut ticks) = (quarrel(4, [mac(1), mac(200)]), quarrel(4, [mac(1), mac(200)]));
    jump.tick(s(1_000));
    (32..=1_000).for_each(|n| ticks.tick(s(n)));
    assert_eq!(jump.of(&KIND)[0].ended, ticks.of(&KIND)[0].ended);
    assert_eq!(jump.of(&KIND)[0].ended, Some(s(30)));
}

#[test]
fn state_is_bounded() {
    let mut conflicts = Conflicts::new();
    for n in 0..HELD_MAX as u32 + 50 {
        let key = (None, IpAddr::from(n.to_be_bytes()));
        let [_, b, c, d] = n.to_be_bytes();
        for turn in 0..4 {
            let mac = Mac([2, turn % 2, b, c, d, 0]);
            let sign = Sign { mac, how: How::Claims, at: s(i64::from(turn) + 1), cite: Cite::default() };
            conflicts.sign(key, sign);
        }
        conflicts.declined(
            (Some(1), key.1),
            Sign { mac: mac(9), how: How::Declines, at: s(9), cite: Cite::default() },
        );
    }
    let lengths = (conflicts.held.len(), conflicts.declined.len(), conflicts.quarrels.len());
    assert_eq!(lengths, (HELD_MAX, DECLINED_MAX, QUARRELS_MAX));
}
