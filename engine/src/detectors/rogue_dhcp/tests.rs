use spanwatch_parsers::Lease;

use super::super::bench::{Bench, address, cite, mac, nothing_but, s};
use super::super::dhcp_servers::{ACK, NETWORKS_MAX};
use super::*;
use crate::ledger::memory::Memory;
use crate::observation::Cite;
use crate::observation::Party;
use crate::policy::Policy;

const SERVER: (Mac, &str) = (mac(100), "192.0.2.1");
const ROGUE: (Mac, &str) = (mac(66), "203.0.113.1");

fn gives(bench: &mut Bench, at: i64, server: (Mac, &str), client: u8, ip: &str) {
    bench.lease(s(at), mac(client), 2, Some(server), Some(ip));
    bench.lease(s(at), mac(client), 5, Some(server), Some(ip));
}

fn known() -> Bench {
    let mut bench = Bench::new();
    gives(&mut bench, 0, SERVER, 7, "192.0.2.7");
    gives(&mut bench, 300, SERVER, 8, "192.0.2.8");
    bench
}

#[test]
fn a_new_server_with_another_network_is_a_rogue() {
    let mut bench = known();
    gives(&mut bench, 900, ROGUE, 9, "203.0.113.9");
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.first_seen, finding.detected, finding.count), (s(900), s(900), 1));
    assert_eq!(finding.confidence, ONE_WITNESS, "without a tag it may be another VLAN's");
    assert!(finding.detail.contains("203.0.113.9") && finding.summary.contains(&mac(66).to_string()));
    assert_eq!(finding.evidence.last().unwrap().cite, Some(cite(s(900))));
}

#[test]
fn who_is_listed_is_all_and_who_was_learned_stays_learned() {
    let found = |mut bench: Bench| {
        gives(&mut bench, 10, (mac(66), "192.0.2.66"), 9, "192.0.2.9");
        gives(&mut bench, 20, SERVER, 7, "192.0.2.7");
        bench.of(&KIND).iter().map(|it| it.first_seen).collect::<Vec<_>>()
    };
    let listed = |names: &[&str]| {
        let names = names.iter().map(|it| (*it).to_owned()).collect();
        Bench::with(Policy { expected: [(Role::Dhcp, names)].into(), ..Policy::default() })
    };
    let learned = |who: &str| {
        let mut memory = Memory::default();
        memory.expect(Peer { role: Role::Dhcp, who: who.to_owned(), since: s(-90_000) });
        Bench::remembering(memory)
    };
    assert_eq!(found(Bench::new()), []);
    assert_eq!(found(listed(&[SERVER.1])), [s(10)]);
    assert_eq!(found(listed(&[SERVER.1, "192.0.2.66"])), []);
    assert_eq!(found(learned(SERVER.1)), [s(10)]);
}

#[test]
fn a_vlan_in_which_nobody_answers_whom_an_earlier_run_learned_is_learned_anew() {
    const PAIR: [(Mac, &str); 2] = [(mac(101), "198.51.100.2"), (mac(102), "198.51.100.3")];
    let mut memory = Memory::default();
    memory.expect(Peer { role: Role::Dhcp, who: SERVER.1.to_owned(), since: s(-90_000) });
    let mut bench = Bench::remembering(memory);
    let gives = |bench: &mut Bench, vlan, at, server, client, ip: &str| {
        bench.lease_in(Some(vlan), s(at), mac(client), 5, Some(server), Some(ip));
    };
    gives(&mut bench, 20, 10, PAIR[0], 7, "198.51.100.7");
    gives(&mut bench, 20, 20, PAIR[1], 8, "198.51.100.8");
    // Who answers before the one who is remembered does is no server for that, be he told at once or not.
    gives(&mut bench, 10, 30, ROGUE, 9, "203.0.113.9");
    gives(&mut bench, 30, 30, (mac(67), "203.0.113.67"), 9, "203.0.113.9");
    assert_eq!((bench.of(&KIND).len(), bench.learned().len()), (0, 5));
    gives(&mut bench, 10, 40, SERVER, 10, "192.0.2.10");
    gives(&mut bench, 30, 400, SERVER, 10, "192.0.2.10");
    for at in [50, 500] {
        gives(&mut bench, 20, at, PAIR[0], 7, "198.51.100.7");
        gives(&mut bench, 20, at, PAIR[1], 8, "198.51.100.8");
    }
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.first_seen, finding.detected), (s(30), s(40)));
    assert!(finding.title.starts_with(ROGUE.1), "{}", finding.title);
    assert_eq!(bench.learned(), [SERVER.1, PAIR[0].1, PAIR[1].1]);
}

#[test]
fn a_server_that_has_an_address_in_each_network_is_known_by_all() {
    let of_another_network = |is_learned: bool| {
        let mut bench = Bench::new();
        gives(&mut bench, 0, SERVER, 7, "192.0.2.7");
        if is_learned {
            gives(&mut bench, 5, (SERVER.0, ROGUE.1), 9, "203.0.113.9");
        }
        // The client names the server that it chose; whose MAC that is nobody said.
        bench.lease(s(300), mac(9), 3, Some((mac(9), ROGUE.1)), Some("203.0.113.9"));
        bench.of(&KIND).len()
    };
    assert_eq!([true, false].map(of_another_network), [0, 1]);
}

#[test]
fn its_own_router_is_named() {
    let mut bench = known();
    gives(&mut bench, 900, ROGUE, 9, "203.0.113.9");
    let router = Party { ip: Some(address("203.0.113.254")), ..Party::default() };
    bench.sees(s(900), router, Party::default(), Fact::Router);
    assert!(bench.of(&KIND)[0].detail.contains("203.0.113.254"));
}

#[test]
fn a_server_beside_one_that_lives_is_a_rogue_even_in_its_network() {
    let mut bench = known();
    gives(&mut bench, 360, (mac(66), "192.0.2.66"), 9, "192.0.2.9");
    assert_eq!(bench.of(&KIND)[0].confidence, ONE_WITNESS);
}

#[test]
fn two_answers_to_one_request_show_the_rogue() {
    for order in [[SERVER, (mac(66), "192.0.2.66")], [(mac(66), "192.0.2.66"), SERVER]] {
        let mut bench = known();
        for server in order {
            bench.lease(s(900), mac(9), 2, Some(server), Some("192.0.2.9"));
        }
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!(finding.confidence, TWO_WITNESSES);
    }
}

/// A server offers an address and names a router, in the request that the other one answers too.
fn offers(bench: &mut Bench, at: i64, server: (Mac, &str), ip: &str, router: &str) {
    bench.lease(s(at), mac(9), 2, Some(server), Some(ip));
    let router = Party { ip: Some(address(router)), ..Party::default() };
    bench.sees(s(at), router, Party::default(), Fact::Router);
}

fn settled() -> Bench {
    let mut bench = Bench::new();
    for n in 10..20_u8 {
        bench.claims(s(0), mac(n), &format!("192.0.2.{n}"), None);
    }
    bench
}

#[test]
fn of_two_that_answer_from_the_start_the_one_that_gives_the_sites_network_is_right() {
    for is_rogue_first in [false, true] {
        let mut bench = settled();
        for is_rogue in [is_rogue_first, !is_rogue_first] {
            let (server, ip, router) = if is_rogue {
                (ROGUE, "203.0.113.9", "203.0.113.1")
            } else {
                (SERVER, "192.0.2.9", "192.0.2.1")
            };
            offers(&mut bench, 60, server, ip, router);
        }
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!(bench.learned(), [SERVER.1], "the other one stays no longer learned");
        assert_eq!((finding.first_seen, finding.confidence), (s(60), TWO_WITNESSES));
        assert!(finding.title.starts_with(ROGUE.1) && finding.detail.contains("beside the right server"));
    }
}

#[test]
fn a_rogue_that_an_earlier_run_learned_is_learned_no_longer() {
    let mut memory = Memory::default();
    for who in [SERVER.1, ROGUE.1] {
        memory.expect(Peer { role: Role::Dhcp, who: who.to_owned(), since: s(-90_000) });
    }
    let mut bench = Bench::remembering(memory);
    for n in 10..20_u8 {
        bench.claims(s(0), mac(n), &format!("192.0.2.{n}"), None);
    }
    offers(&mut bench, 60, SERVER, "192.0.2.9", "192.0.2.1");
    assert_eq!(bench.learned().len(), 2);
    offers(&mut bench, 60, ROGUE, "203.0.113.9", "203.0.113.1");
    assert_eq!((bench.of(&KIND).len(), bench.learned()), (1, vec![SERVER.1.to_owned()]));
}

#[test]
fn two_servers_of_one_site_from_the_start_are_none() {
    // One way out, as a pair has; then each its own, in the network of the site both.
    for (ip, router) in [("203.0.113.9", "192.0.2.1"), ("192.0.2.200", "192.0.2.2")] {
        let mut bench = settled();
        offers(&mut bench, 60, SERVER, "192.0.2.9", "192.0.2.1");
        offers(&mut bench, 60, (mac(101), "192.0.2.2"), ip, router);
        assert!(bench.of(&KIND).is_empty(), "{router}");
    }
}

#[test]
fn where_nothing_tells_which_of_the_two_is_right_neither_is_blamed() {
    let mut bench = Bench::new();
    offers(&mut bench, 60, SERVER, "192.0.2.9", "192.0.2.1");
    offers(&mut bench, 60, ROGUE, "203.0.113.9", "203.0.113.1");
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn a_pair_that_answers_from_the_start_is_learned() {
    let mut bench = Bench::new();
    gives(&mut bench, 0, SERVER, 7, "192.0.2.7");
    gives(&mut bench, 60, (mac(101), "192.0.2.2"), 8, "192.0.2.8");
    for n in 0..20 {
        gives(&mut bench, 300 + n, [SERVER, (mac(101), "192.0.2.2")][n as usize % 2], 9, "192.0.2.9");
    }
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn a_stand_in_for_a_server_that_fell_silent_is_none() {
    let mut bench = known();
    for n in 0..20 {
        gives(&mut bench, 1_000 + n * 60, (mac(101), "192.0.2.2"), 9, "192.0.2.9");
    }
    // The other one is back.
    gives(&mut bench, 2_201, SERVER, 8, "192.0.2.8");
    gives(&mut bench, 2_202, (mac(101), "192.0.2.2"), 9, "192.0.2.9");
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn the_server_of_another_vlan_and_another_face_of_the_same_server_are_none() {
    let mut bench = known();
    bench.lease_in(Some(30), s(900), mac(9), 5, Some(ROGUE), Some("203.0.113.9"));
    gives(&mut bench, 310, (mac(100), "192.0.2.129"), 9, "192.0.2.9");
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn a_client_that_names_a_new_server_shows_it_where_the_mirror_does_not() {
    let mut bench = known();
    bench.lease(s(900), mac(9), 3, Some(ROGUE), Some("203.0.113.9"));
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert!(finding.evidence[1].text.contains("takes 203.0.113.9 from 203.0.113.1"), "{finding:#?}");
    let mut bench = known();
    bench.lease(s(900), mac(9), 3, Some(SERVER), Some("192.0.2.9"));
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn where_a_rogue_was_heard_first_the_sites_own_server_is_none() {
    let mut bench = Bench::new();
    gives(&mut bench, 0, ROGUE, 7, "203.0.113.7");
    for n in 10..20_u8 {
        bench.claims(s(100), mac(n), &format!("192.0.2.{n}"), None);
    }
    gives(&mut bench, 900, SERVER, 8, "192.0.2.8");
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn a_relay_is_no_server() {
    let mut bench = known();
    for (server, relay, by) in
        [("192.0.2.254", "192.0.2.254", "192.0.2.254"), ("203.0.113.1", "192.0.2.254", "203.0.113.1")]
    {
        let lease = Lease {
            message: ACK,
            server: Some(address(server)),
            address: Some(address("203.0.113.9")),
            lease_s: Some(60),
            relay: Some(address(relay)),
            transaction: 1,
        };
        let peer = Party { ip: Some(address(by)), mac: Some(mac(66)), port: 67, ..Party::default() };
        let subject = Party { mac: Some(mac(9)), ..Party::default() };
        bench.sees(s(310), subject, peer, Fact::Lease(Box::new(lease)));
    }
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn what_gives_no_address_is_none() {
    let mut bench = known();
    bench.lease(s(310), mac(9), 6, Some(ROGUE), None);
    bench.lease(s(310), mac(9), 2, Some(ROGUE), None);
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn it_ends_when_others_answer_without_it_and_comes_back_in_the_same_finding() {
    let mut bench = known();
    gives(&mut bench, 900, ROGUE, 9, "203.0.113.9");
    gives(&mut bench, 1_000, SERVER, 10, "192.0.2.10");
    assert_eq!(bench.of(&KIND)[0].ended, None);
    gives(&mut bench, 1_100, SERVER, 11, "192.0.2.11");
    assert_eq!(bench.of(&KIND)[0].ended, None);
    gives(&mut bench, 1_150, SERVER, 13, "192.0.2.13");
    assert_eq!(bench.of(&KIND)[0].ended, Some(s(1_150)));
    gives(&mut bench, 1_200, ROGUE, 12, "203.0.113.12");
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.ended, finding.count), (None, 2));
}

#[test]
fn blind_time_does_not_shorten_the_learning() {
    let mut bench = Bench::new();
    gives(&mut bench, 0, SERVER, 7, "192.0.2.7");
    bench.unwatched(s(10), s(400));
    gives(&mut bench, 450, (mac(101), "203.0.113.2"), 8, "203.0.113.8");
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn state_is_bounded() {
    let mut servers = Servers::default();
    let (directory, switches) = Default::default();
    let known = nothing_but(&directory, &switches);
    for n in 0..2_000_u32 {
        let [_, b, c, d] = n.to_be_bytes();
        for (vlan, at) in [(None, s(i64::from(n) * 30)), (Some(n as u16), s(0))] {
            let answer = Answer {
                at,
                cite: Cite::default(),
                frame: 1,
                vlan,
                client: mac(d),
                transaction: n,
                server: IpAddr::from([10, b, c, d]),
                mac: None,
                address: Some(IpAddr::from([c, d, 0, 1])),
                lease_s: Some(1),
                is_choice: false,
                is_ack: true,
                gives: true,
            };
            servers.answer(answer, &known);
        }
    }
    let learned = servers.vlans.values().map(|it| it.servers.len().max(it.networks.len())).max();
    assert!(learned <= Some(NETWORKS_MAX));
    assert_eq!((servers.recent.len(), servers.rogues.len()), (RECENT_MAX, ROGUES_MAX));
    assert!(servers.rogues.iter().all(|it| it.evidence.len() <= EVIDENCE_MAX));
}
