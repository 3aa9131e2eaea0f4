use super::super::bench::{Bench, activity, address, cite, mac, party, s};
use super::super::time_losses::SAID;
use super::*;
use crate::finding::Cause;

const SERVER: (u8, &str) = (1, "192.0.2.1");
const OTHER: (u8, &str) = (2, "192.0.2.2");

fn message(step: TimeStep, is_set: bool, source: &str) -> Fact {
    let source = Some(source.into());
    Fact::Timekeeping(Box::new(Timekeeping { step, stratum: 2, is_set, source, sent: 1, answers: 1 }))
}

fn asks(bench: &mut Bench, at: i64, client: u8, (server, ip): (u8, &str)) {
    let (from, to) = (party(mac(client), &format!("192.0.2.{client}"), None), party(mac(server), ip, None));
    bench.sees(s(at), from, to, message(TimeStep::Asked, false, ""));
}

fn answers(bench: &mut Bench, at: i64, client: u8, (server, ip): (u8, &str), is_set: bool, source: &str) {
    let (from, to) = (party(mac(server), ip, None), party(mac(client), &format!("192.0.2.{client}"), None));
    bench.sees(s(at), from, to, message(TimeStep::Answered, is_set, source));
}

/// The server sends something else to a device.
fn speaks(bench: &mut Bench, at: i64, client: u8) {
    let (from, to) = (party(mac(1), SERVER.1, None), party(mac(client), &format!("192.0.2.{client}"), None));
    bench.sees(s(at), from, to, Fact::Activity(activity(s(at), 1)));
}

/// Devices 10 to 13 ask each 64 s until then; the server answers until second 200.
fn site(until: i64) -> Bench {
    let mut bench = Bench::new();
    for n in 10..14 {
        bench.claims(s(0), mac(n), &format!("192.0.2.{n}"), None);
    }
    bench.claims(s(0), mac(1), SERVER.1, None);
    for at in 1..until {
        let client = 10 + (at % 64 / 16) as u8;
        if at % 16 == 0 {
            asks(&mut bench, at, client, SERVER);
            if at > 200 {
                speaks(&mut bench, at + 1, client);
            }
            if at < 200 {
                answers(&mut bench, at, client, SERVER, true, "192.0.2.123");
            }
        }
        bench.tick(s(at + 1));
    }
    bench
}

#[test]
fn a_server_that_answers_eight_questions_no_more_is_lost() {
    let bench = site(323);
    assert!(bench.of(&KIND).is_empty());
    let bench = site(330);
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.first_seen, finding.detected, finding.count), (s(208), s(324), 8));
    assert_eq!((finding.devices.len(), finding.cause), (5, Some(Cause::Service)));
    assert_eq!(finding.evidence[0].cite, Some(cite(s(192))));
}

/// A router has an address in each of two networks, each with two devices that ask it every 64 s. After second 200 it
/// answers nobody, and sends something to device 30.
fn router(is_one: bool, is_heard: bool) -> usize {
    let mut bench = Bench::new();
    (10..14).chain([30]).for_each(|n| bench.claims(s(0), mac(n), &format!("192.0.2.{n}"), None));
    bench.claims(s(0), mac(1), SERVER.1, None);
    bench.claims(s(0), mac(if is_one { 1 } else { 2 }), OTHER.1, None);
    for at in 1..340 {
        let client = 10 + (at % 64 / 16) as u8;
        let server = match (client < 12, is_one) {
            (true, _) => SERVER,
            (false, true) => (1, OTHER.1),
            (false, false) => OTHER,
        };
        if at % 16 == 0 {
            asks(&mut bench, at, client, server);
            if at < 200 {
                answers(&mut bench, at, client, server, true, "192.0.2.123");
            } else if is_heard {
                speaks(&mut bench, at + 1, 30);
            }
        }
        bench.tick(s(at + 1));
    }
    bench.of(&KIND).len()
}

#[test]
fn a_router_that_is_heard_and_answers_in_none_of_its_networks_is_lost() {
    assert_eq!([router(true, true), router(true, false), router(false, true)], [1, 0, 0]);
}

#[test]
fn the_next_answer_ends_it() {
    let mut bench = site(400);
    answers(&mut bench, 400, 10, SERVER, true, "192.0.2.123");
    assert_eq!(bench.of(&KIND)[0].ended, Some(s(400)));
}

#[test]
fn a_server_whose_clock_is_not_set_tells_no_time() {
    let mut bench = site(200);
    for at in (208..400).step_by(16) {
        let client = 10 + (at % 64 / 16) as u8;
        asks(&mut bench, at, client, SERVER);
        answers(&mut bench, at, client, SERVER, false, "INIT");
        bench.tick(s(at + 8));
    }
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.cause, finding.confidence), (Some(Cause::Service), SAID));
    assert!(finding.detail.contains("not set (INIT)"), "{}", finding.detail);
}

/// As [`site`], but the server says nothing at all after second 200.
fn silent(until: i64, looked_for: &[i64]) -> Bench {
    let mut bench = site(200);
    for at in 201..until {
        if at % 16 == 0 {
            asks(&mut bench, at, 10 + (at % 64 / 16) as u8, SERVER);
        }
        if looked_for.contains(&at) {
            let asker = party(mac(10), "192.0.2.10", None);
            bench.sees(s(at), asker, Party::default(), Fact::Asked { target: address(SERVER.1), of: None });
        }
        bench.tick(s(at + 1));
    }
    bench
}

#[test]
fn where_nothing_shows_that_an_answer_would_be_seen_nothing_is_said() {
    assert!(silent(600, &[]).of(&KIND).is_empty());
    assert!(silent(600, &[260, 280, 300]).of(&KIND).is_empty());
}

#[test]
fn a_server_that_is_looked_for_in_vain_is_gone() {
    let bench = silent(400, &[260, 261, 262]);
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.cause, finding.detected), (Some(Cause::Device), s(324)));
}

#[test]
fn an_error_that_names_the_port_shows_its_service_gone() {
    let mut bench = silent(300, &[]);
    let by = party(mac(1), SERVER.1, None);
    let target = address(SERVER.1);
    let fact = Fact::Unreachable { target, kind: 3, code: 3, transport: 17, port: Some(123) };
    bench.sees(s(301), by, party(mac(10), "192.0.2.10", None), fact);
    for at in [304, 320, 336] {
        asks(&mut bench, at, 10 + (at % 64 / 16) as u8, SERVER);
        bench.tick(s(at + 5));
    }
    assert!(bench.of(&KIND)[0].evidence.iter().any(|it| it.protocol == Some("icmp")));
}

#[test]
fn who_has_the_time_from_another_server_misses_nothing() {
    let mut bench = site(200);
    for at in (208..600).step_by(16) {
        let client = 10 + (at % 64 / 16) as u8;
        asks(&mut bench, at, client, SERVER);
        asks(&mut bench, at, client, OTHER);
        answers(&mut bench, at, client, OTHER, true, "192.0.2.123");
        bench.tick(s(at + 8));
    }
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn a_client_that_is_told_to_ask_less_is_no_loss() {
    let mut bench = site(200);
    for at in (208..900).step_by(16) {
        asks(&mut bench, at, 10, SERVER);
        answers(&mut bench, at, 10, SERVER, false, "RATE");
        bench.tick(s(at + 8));
    }
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn a_server_that_was_never_heard_is_none() {
    let mut bench = Bench::new();
    for at in (0..3_000).step_by(16) {
        asks(&mut bench, at, 10, SERVER);
        bench.tick(s(at + 8));
    }
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn a_burst_of_questions_is_one() {
    let mut bench = site(200);
    for at in 208..224 {
        asks(&mut bench, at, 10, SERVER);
        bench.tick(s(at + 1));
    }
    bench.tick(s(300));
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn blind_time_may_have_held_the_answers() {
    let mut bench = site(300);
    bench.unwatched(s(301), s(302));
    for at in [304, 320, 336, 352, 368, 384, 400] {
        asks(&mut bench, at, 10 + (at % 64 / 16) as u8, SERVER);
        bench.tick(s(at + 8));
    }
    assert!(bench.of(&KIND).is_empty());
    asks(&mut bench, 416, 12, SERVER);
    speaks(&mut bench, 417, 12);
    bench.tick(s(430));
    assert_eq!(bench.of(&KIND)[0].first_seen, s(304));
}

#[test]
fn a_router_that_tells_several_networks_no_time_is_one_loss() {
    let mut bench = site(200);
    let second = (1, "198.51.100.1");
    let of_second = |bench: &mut Bench, at: i64| {
        let (from, to) = (party(mac(20), "198.51.100.20", None), party(mac(1), second.1, None));
        bench.sees(s(at), from, to, message(TimeStep::Asked, false, ""));
        (to, from)
    };
    for at in (90..200).step_by(16) {
        let (server, client) = of_second(&mut bench, at);
        bench.sees(s(at), server, client, message(TimeStep::Answered, true, "GPS"));
    }
    for at in (208..400).step_by(16) {
        asks(&mut bench, at, 10 + (at % 64 / 16) as u8, SERVER);
        let (_, client) = of_second(&mut bench, at);
        bench.sees(s(at), party(mac(1), SERVER.1, None), client, Fact::Activity(activity(s(at), 1)));
        speaks(&mut bench, at + 1, 10);
        bench.tick(s(at + 8));
    }
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.count, finding.ended), (24, None));
    answers(&mut bench, 410, 10, SERVER, true, "GPS");
    assert_eq!(bench.of(&KIND)[0].ended, Some(s(410)));
}

#[test]
fn a_service_that_restarts_is_no_loss() {
    let mut bench = site(200);
    for n in 0..20 {
        asks(&mut bench, 210 + i64::from(n) * 2, 30 + n, SERVER);
        bench.tick(s(216 + i64::from(n) * 2));
    }
    answers(&mut bench, 255, 10, SERVER, true, "GPS");
    bench.tick(s(400));
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn one_long_jump_says_the_same_as_many_ticks() {
    let (mut jump, mut ticks) = (site(326), site(326));
    jump.tick(s(400));
    (327..=400).for_each(|at| ticks.tick(s(at)));
    let said = |bench: &Bench| bench.of(&KIND).iter().map(|it| (it.detected, it.count)).collect::<Vec<_>>();
    assert_eq!(said(&jump), said(&ticks));
}

#[test]
fn state_is_bounded() {
    let mut sources = TimeSources::new();
    for n in 0..70_000_u32 {
        let [_, b, c, d] = n.to_be_bytes();
        let seen = |fact| Observation {
            place: crate::observation::Place::default(),
            at: s(1),
            cite: cite(s(1)),
            subject: Party { ip: Some(IpAddr::from([10, b, c, d])), ..Party::default() },
            peer: Party {
                ip: Some(IpAddr::from([10, 200, 0, if n % 2 == 0 { 1 } else { d }])),
                ..Party::default()
            },
            transport: Some(17),
            source: "ntp",
            fact,
        };
        sources.asked(&seen(message(TimeStep::Asked, false, "")));
        if let Fact::Timekeeping(told) = message(TimeStep::Answered, true, "") {
            sources.answered(&told, &seen(message(TimeStep::Answered, true, "")));
        }
    }
    assert!(sources.servers.len() <= SERVERS_MAX && sources.fed.len() <= FED_MAX);
    let most = sources.servers.peek(&address("10.200.0.1")).map_or(0, |it| it.clients.len());
    assert!(most <= CLIENTS_MAX && sources.deadlines.len() <= WAITING_MAX);
}
