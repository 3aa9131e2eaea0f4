use super::super::bench::{Bench, cite, mac, ms, party, s};
use super::super::roots::tests::{bpdu, from};
use super::*;
use crate::observation::Party;

const CORE: u8 = 1;
const ACCESS: u8 = 2;

/// A hello of the core every two seconds; changes begin at these seconds and last three.
fn site(until: i64, changes: &[i64]) -> Bench {
    let mut bench = Bench::new();
    for n in (0..until).step_by(2) {
        let is_changing = changes.iter().any(|at| (*at..at + 3).contains(&n));
        says(&mut bench, s(n), CORE, is_changing, 3, None);
        bench.tick(s(n + 1));
    }
    bench
}

fn says(bench: &mut Bench, at: Time, by: u8, is_changing: bool, role: u8, vlan: Option<u16>) {
    bench.sees(at, from(by), Party::default(), bpdu(CORE, by, is_changing, role, vlan));
}

#[test]
fn changes_after_the_first_minute_are_one_finding_with_their_count() {
    let bench = site(200, &[100, 110, 120]);
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.first_seen, finding.detected, finding.last_seen), (s(100), s(120), s(120)));
    assert_eq!((finding.count, finding.evidence[0].cite, finding.ended), (3, Some(cite(s(100))), None));
}

#[test]
fn ten_quiet_minutes_end_it() {
    let bench = site(800, &[100]);
    assert_eq!(bench.of(&KIND)[0].ended, Some(s(100)));
}

#[test]
fn a_site_that_starts_and_one_without_changes_have_none() {
    assert!(site(200, &[0, 20, 58]).of(&KIND).is_empty());
    assert!(site(200, &[]).of(&KIND).is_empty());
}

#[test]
fn a_change_at_the_very_end_may_be_the_effect_of_an_outage_yet() {
    assert!(site(115, &[100]).of(&KIND).is_empty());
}

#[test]
fn a_change_that_lasts_half_a_minute_is_one() {
    let mut bench = site(100, &[]);
    for n in (100..136).step_by(2) {
        says(&mut bench, s(n), CORE, true, 3, None);
    }
    bench.tick(s(140));
    assert_eq!(bench.of(&KIND)[0].count, 1);
}

#[test]
fn a_port_that_comes_up_meanwhile_tells_of_the_same_change() {
    let of_new_port = |at: i64| {
        let mut bench = site(100, &[]);
        for n in (100..108).step_by(2) {
            says(&mut bench, s(n), CORE, true, 3, None);
        }
        says(&mut bench, s(at), ACCESS + 1, true, 3, None);
        bench.tick(s(140));
        bench.of(&KIND)[0].count
    };
    assert_eq!((of_new_port(107), of_new_port(115)), (1, 2));
}

#[test]
fn who_passes_it_on_towards_the_root_is_named() {
    let mut bench = site(100, &[]);
    bench.claims(s(1), mac(ACCESS), "192.0.2.2", None);
    says(&mut bench, s(100), ACCESS, true, 2, None);
    says(&mut bench, ms(100_010), CORE, true, 3, None);
    bench.sees(s(110), from(ACCESS), Party::default(), Fact::TopologyChange { vlan: None });
    bench.tick(s(140));
    let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
    assert_eq!((finding.count, finding.devices.len()), (2, 1));
}

#[test]
fn a_switch_that_tells_its_manager_is_heard_too() {
    let notice = || {
        Fact::Notice(Box::new(spanwatch_parsers::Notice {
            kind: NoticeKind::TopologyChange,
            identity: "1.3.6.1.2.1.17.0.2".into(),
            ..spanwatch_parsers::Notice::default()
        }))
    };
    let mut bench = site(100, &[]);
    bench.claims(s(1), mac(ACCESS), "192.0.2.2", None);
    bench.sees(s(100), party(mac(ACCESS), "192.0.2.2", None), Party::default(), notice());
    bench.tick(s(140));
    assert_eq!((bench.of(&KIND)[0].count, bench.of(&KIND)[0].devices.len()), (1, 1));
    let mut bench = site(103, &[100]);
    bench.claims(s(101), mac(ACCESS), "192.0.2.2", None);
    bench.sees(s(101), party(mac(ACCESS), "192.0.2.2", None), Party::default(), notice());
    bench.tick(s(140));
    assert_eq!(bench.of(&KIND)[0].count, 1);
}

#[test]
fn trees_that_change_together_are_one_finding_and_others_their_own() {
    let mut bench = site(100, &[]);
    for vlan in [10, 20] {
        says(&mut bench, s(100), CORE, true, 3, Some(vlan));
    }
    says(&mut bench, s(140), CORE, true, 3, Some(30));
    bench.tick(s(170));
    let titles: Vec<String> = bench.of(&KIND).into_iter().map(|it| it.title).collect();
    assert_eq!(titles.len(), 2);
    assert!(titles[0].contains("in VLANs 10, 20") && titles[1].contains("in VLAN 30"), "{titles:?}");
}

#[test]
fn what_goes_on_when_watching_begins_anew_is_none() {
    let mut bench = site(100, &[]);
    bench.unwatched(s(100), s(150));
    says(&mut bench, s(151), CORE, true, 3, None);
    bench.tick(s(200));
    assert!(bench.of(&KIND).is_empty());
}

#[test]
fn what_is_usual_for_a_site_is_learned() {
    let mut tree = Tree::new(s(0));
    assert_eq!(tree.usual(), None);
    for hour in 1..=8 {
        tree.count = if hour == 5 { 900 } else { 3 };
        tree.advance(s(hour * 3_600));
    }
    assert_eq!(tree.usual(), Some(3));
    tree.advance(s(900_000_000));
    assert_eq!((tree.usual(), tree.hours.len()), (Some(0), HOURS));
}

#[test]
fn two_changes_of_an_outage_are_explained_and_three_are_not() {
    let told = |at: &[i64], moments: &[Time]| {
        let change = |at: &i64| Change {
            at: s(*at),
            cite: cite(s(*at)),
            source: "stp",
            first: Sender::Port(mac(CORE)),
            upward: BTreeSet::new(),
            is_unusual: true,
        };
        let changes: Vec<Change> = at.iter().map(change).collect();
        let (count, last) = (changes.len() as u64, s(0));
        let episode =
            Episode { vlan: None, changes, count, last, quiet_from: last, ended: None, usual: None };
        Told::of(&episode, &[(s(100), s(150))], moments, s(900)).map_or(0, |told| told.changes.len())
    };
    let one = [s(100), s(150)];
    assert_eq!([&[101, 140][..], &[101, 140, 149], &[101, 140, 300]].map(|at| told(at, &one)), [0, 3, 1]);
    assert_eq!(told(&[101, 140, 149], &[s(100), s(110), s(150)]), 0);
}

#[test]
fn an_outage_explains_nothing_before_its_beginning() {
    let spans = |ended: i64| {
        let mut outage = crate::verdict::Absence::for_test(Number::for_test(1), s(300), s(305));
        outage.ended = Some((s(ended), Cite::default()));
        super::super::around_outages(&[outage])
    };
    assert_eq!(spans(350), [(s(295), s(385))]);
    assert_eq!(spans(900), [(s(295), s(350)), (s(750), s(935))]);
}

#[test]
fn one_long_jump_says_the_same_as_many_ticks() {
    let (mut jump, mut ticks) = (site(200, &[100, 110]), site(200, &[100, 110]));
    jump.tick(s(1_000));
    (200..=1_000).for_each(|n| ticks.tick(s(n)));
    assert_eq!(jump.of(&KIND)[0].ended, ticks.of(&KIND)[0].ended);
}

#[test]
fn state_is_bounded() {
    let mut bench = Bench::new();
    for n in 0..20_000_u32 {
        let [_, _, c, d] = n.to_be_bytes();
        let by = Party { mac: Some(Mac([2, 0, 9, 9, c, d])), ..Party::default() };
        let at = s(i64::from(n) * 4);
        bench.sees(at, by, Party::default(), Fact::TopologyChange { vlan: None });
        bench.tick(at);
    }
    let finding = &bench.of(&KIND)[0];
    assert_eq!((finding.count, finding.evidence.len()), (19_985, SHOWN));
}
