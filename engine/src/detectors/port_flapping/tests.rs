use spanwatch_parsers::{Neighbor, Notice};

use super::super::bench::{Bench, cite, mac, ms, party, s};
use super::*;
use crate::observation::Party;

/// A switch tells of its port 7; the router's copy comes with it.
fn tells_one(bench: &mut Bench, at: i64, is_enabled: bool, kind: NoticeKind) {
    let notice = Notice {
        kind,
        interface: Some(7),
        port: Some("Gi1/0/7".into()),
        is_enabled: Some(is_enabled),
        ..Notice::default()
    };
    for copy in 0..2 {
        let fact = Fact::Notice(Box::new(notice.clone()));
        bench.sees(ms(at * 1_000 + copy), party(mac(7), "192.0.2.7", None), Party::default(), fact);
    }
}

/// It tells that the port went down, and two seconds later that it came up.
fn tells(bench: &mut Bench, at: i64, is_enabled: bool) {
    tells_one(bench, at, is_enabled, NoticeKind::LinkDown);
    tells_one(bench, at + 2, is_enabled, NoticeKind::LinkUp);
}

/// The same at these seconds.
fn flaps(at: &[i64], is_enabled: bool) -> Bench {
    let mut bench = Bench::new();
    bench.claims(s(0), mac(7), "192.0.2.7", None);
    for n in at {
        tells(&mut bench, *n, is_enabled);
        bench.tick(s(n + 3));
    }
    bench
}

#[test]
fn a_port_that_went_down_three_times_in_ten_minutes_flaps() {
    let bench = flaps(&[100, 200, 300], true);
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.first_seen, finding.detected, finding.count), (s(100), s(300), 6));
    assert_eq!((finding.evidence[0].cite, finding.cause), (Some(cite(s(100))), Some(Cause::Link)));
    assert!(
        finding.title.contains("port Gi1/0/7 of") && finding.title.contains("3 times"),
        "{}",
        finding.title
    );
}

#[test]
fn who_alone_is_silent_with_the_port_hangs_on_it() {
    let silent = |with: &[(u8, Span)], is_heard_otherwise: bool| {
        let mut bench = Bench::new();
        (7..10).for_each(|n| bench.claims(s(0), mac(n), &format!("192.0.2.{n}"), None));
        for at in [100, 200, 300, 400] {
            let from = party(mac(9), "192.0.2.9", None);
            let other = super::super::bench::activity(s(at + 1), 5);
            tells_one(&mut bench, at, true, NoticeKind::LinkDown);
            if is_heard_otherwise {
                bench.sees(s(at + 2), from, Party::default(), Fact::Activity(other));
            }
            tells_one(&mut bench, at + 2, true, NoticeKind::LinkUp);
            for (device, gap) in with {
                let mut activity = super::super::bench::activity(ms(at * 1_000 + 2_100), 5);
                activity.longest_gap = *gap;
                let from = party(mac(*device), &format!("192.0.2.{device}"), None);
                bench.sees(s(at + 3), from, Party::default(), Fact::Activity(activity));
            }
        }
        bench.of(&KIND)[0].title.clone()
    };
    let [same, longer] = [Span::millis(2_200), Span::millis(5_000)];
    assert!(silent(&[(8, same), (9, longer)], false).contains("192.0.2.8 (port Gi1/0/7"));
    assert!(silent(&[(8, same), (9, same)], true).contains("192.0.2.8 (port Gi1/0/7"));
    assert!(silent(&[(8, same), (9, same)], false).starts_with("The link at port Gi1/0/7"));
}

#[test]
fn who_is_asked_every_few_seconds_anyway_shows_nothing() {
    let mut bench = Bench::new();
    (7..9).for_each(|n| bench.claims(s(0), mac(n), &format!("192.0.2.{n}"), None));
    for at in 100..160 {
        if at % 9 == 1 {
            tells_one(&mut bench, at, true, NoticeKind::LinkDown);
        } else if at % 9 == 3 {
            tells_one(&mut bench, at, true, NoticeKind::LinkUp);
        }
        if at % 3 == 0 {
            let mut activity = super::super::bench::activity(ms(at * 1_000 + 600), 1);
            activity.longest_gap = Span::seconds(3);
            let from = party(mac(8), "192.0.2.8", None);
            bench.sees(s(at + 1), from, Party::default(), Fact::Activity(activity));
        }
    }
    let title = &bench.of(&KIND)[0].title;
    assert!(title.starts_with("The link at port Gi1/0/7"), "{title}");
}

#[test]
fn a_restart_explains_its_port_twice_down_and_not_a_third_time() {
    let left = |downs: &[i64]| {
        let signs: Vec<Sight> = downs.iter().map(|at| (s(*at), Cite::default(), Sign::Down)).collect();
        own(&signs, &[(s(100), s(200))]).len()
    };
    assert_eq!([&[110, 150][..], &[110, 150, 190], &[110, 150, 300]].map(left), [0, 3, 1]);
}

#[test]
fn ten_quiet_minutes_end_it() {
    let mut bench = flaps(&[100, 200, 300], true);
    bench.tick(s(903));
    assert_eq!(bench.of(&KIND)[0].ended, Some(s(302)));
}

#[test]
fn twice_too_seldom_or_by_hand_is_none() {
    assert!(flaps(&[100, 200], true).of(&KIND).is_empty());
    assert!(flaps(&[100, 500, 900], true).of(&KIND).is_empty());
    assert!(flaps(&[100, 200, 300], false).of(&KIND).is_empty());
}

#[test]
fn a_device_that_speaks_fast_three_times_flaps() {
    let speaks = |starts: &[i64], every: i64| {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(7), "192.0.2.7", None);
        let subject = party(mac(7), "192.0.2.7", None);
        for n in 0..400 {
            let since = starts.iter().rev().find(|at| **at <= n).map_or(n, |at| n - at);
            if since < 4 || since % every == 0 {
                let fact = Fact::Neighbor(Box::<Neighbor>::default());
                let seen = Observation {
                    place: crate::observation::Place { frame: n as u64, ..Default::default() },
                    at: s(n),
                    cite: cite(s(n)),
                    subject,
                    peer: Party::default(),
                    transport: None,
                    source: "lldp",
                    fact,
                };
                bench.observes(&seen);
            }
        }
        bench.of(&KIND).len()
    };
    assert_eq!([speaks(&[100, 140, 180], 30), speaks(&[140], 30), speaks(&[0], 1)], [1, 0, 0]);
}

#[test]
fn a_device_that_asks_anew_sooner_than_it_can_restart_flaps() {
    let asks = |every: i64, is_answered: bool| {
        let mut bench = Bench::new();
        let server = Some((mac(1), "192.0.2.1"));
        bench.lease(s(1), mac(7), ACK, server, Some("192.0.2.7"));
        for n in 0..4 {
            let at = 100 + n * every;
            bench.lease(s(at), mac(7), DISCOVER, None, None);
            if is_answered {
                bench.lease(s(at + 1), mac(7), ACK, server, Some("192.0.2.7"));
            }
        }
        bench.of(&KIND).len()
    };
    assert_eq!([asks(8, true), asks(8, false), asks(40, true)], [1, 0, 0]);
}

#[test]
fn one_long_jump_says_the_same_as_many_ticks() {
    let (mut jump, mut ticks) = (flaps(&[100, 200, 300], true), flaps(&[100, 200, 300], true));
    jump.tick(s(2_000));
    (304..=2_000).for_each(|n| ticks.tick(s(n)));
    assert_eq!(jump.of(&KIND)[0].ended, ticks.of(&KIND)[0].ended);
}

#[test]
fn state_is_bounded() {
    let mut flapping = Flapping::new();
    for n in 0..PORTS_MAX as u32 + 50 {
        flapping.port(Place::Told(Number::for_test(1), n), s(1));
    }
    assert_eq!(flapping.ports.len(), PORTS_MAX);
}
