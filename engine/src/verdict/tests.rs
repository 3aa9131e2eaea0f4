use super::witness::How;
use super::*;

const CAMERA: Number = Number::for_test(1);
const RECORDER: Number = Number::for_test(2);
const OTHER: Number = Number::for_test(9);

fn s(s: i64) -> Time {
    Time(s * 1_000_000_000)
}

fn cite(frame: u64) -> Cite {
    Cite::new(0, frame)
}

/// One second of media, as a shard sums it up.
pub(crate) fn second(ssrc: u32, first: Time, last: Time, longest_gap: Span) -> StreamActivity {
    StreamActivity {
        stream: (1, 0),
        transport: StreamTransport::Udp,
        destination: "192.0.2.9".parse().unwrap(),
        ports: (6970, 5000),
        channel: None,
        ssrc,
        payload_type: 96,
        first,
        first_frame: (0, 1),
        last,
        packets: 5,
        bytes: 5_000,
        lost: 0,
        sequence: 0,
        out_of_order: 0,
        duplicates: 0,
        frames: 0,
        jitter_16ticks: 0,
        longest_gap,
    }
}

fn streams(verdict: &mut Verdict, device: Number, ssrc: u32, at: Time, cite: Cite) {
    verdict.streamed(device, &second(ssrc, at, at, Span::millis(200)), Some(RECORDER), cite);
}

/// A camera that streamed from 0 to `last` s to a recorder that is heard on.
fn streaming(last: i64) -> Verdict {
    let mut verdict = Verdict::default();
    for at in 0..=last {
        verdict.heard(CAMERA, (s(at), cite(at.unsigned_abs())), (s(at), cite(at.unsigned_abs())));
        streams(&mut verdict, CAMERA, 7, s(at), cite(at.unsigned_abs()));
        verdict.heard(RECORDER, (s(at), cite(at.unsigned_abs())), (s(at), cite(at.unsigned_abs())));
        verdict.advance(s(at));
    }
    verdict
}

fn connects(verdict: &mut Verdict, seconds: &[i64]) {
    for (n, at) in (1..).zip(seconds) {
        verdict.heard(RECORDER, (s(*at), cite(0)), (s(*at), cite(0)));
        verdict.heard(OTHER, (s(*at), cite(0)), (s(*at), cite(0)));
        verdict.asked(CAMERA, Ask { at: s(*at), cite: cite(0), by: RECORDER, how: How::Connect, attempt: n });
    }
}

#[test]
fn a_camera_that_stops_and_answers_nothing_is_offline() {
    let mut verdict = streaming(60);
    connects(&mut verdict, &[62, 63, 65]);
    verdict.advance(s(65));
    let [absence] = verdict.absences() else { panic!("one absence") };
    assert_eq!((absence.since, absence.detected, absence.ended), (s(60), s(65), None));
    assert_eq!(verdict.history(CAMERA, s(65)), [(s(0), State::Online), (s(60), State::Offline)]);
}

/// A camera that streams and reports on it for 300 s; its recorder's report comes so long after, one of the camera's
/// own as well where it is said.
fn when_missed(missed_after: Option<i64>, reports_after: Option<i64>) -> Option<Time> {
    let mut verdict = Verdict::default();
    for at in 0..=310 {
        let now = (s(at), cite(at.unsigned_abs()));
        [RECORDER, OTHER].into_iter().for_each(|device| verdict.heard(device, now, now));
        let is_report = at <= 300 && at % 5 == 3 || reports_after.is_some_and(|after| at == 300 + after);
        if at <= 300 || is_report {
            verdict.heard(CAMERA, now, now);
        }
        if at <= 300 {
            let media = second(7, s(at), s(at), Span::millis(40));
            verdict.streamed(CAMERA, &media, Some(RECORDER), now.1);
        }
        if is_report {
            verdict.reports(CAMERA, (7, "192.0.2.9".parse().unwrap()), s(at));
        }
        if missed_after.is_some_and(|after| at == 300 + after) {
            let how = How::ReceivesNothing;
            verdict.asked(CAMERA, Ask { at: s(at), cite: now.1, by: RECORDER, how, attempt: 1 });
        }
        verdict.advance(s(at));
    }
    verdict.absences().first().map(|absence| absence.detected)
}

#[test]
fn whose_media_and_reports_end_and_whose_recorder_gets_nothing_is_offline_after_five_seconds() {
    assert_eq!(when_missed(Some(3), None), Some(s(305)));
    assert_eq!(when_missed(Some(7), None), Some(s(307)));
}

#[test]
fn whose_recorder_says_nothing_or_who_reports_on_is_only_quiet() {
    assert_eq!(when_missed(None, None), None);
    assert_eq!(when_missed(Some(1), None), None);
    assert_eq!(when_missed(Some(7), Some(4)), None);
}

#[test]
fn who_is_silent_because_it_gives_no_answer_did_not_fall_silent_with_it() {
    let together = |asks: &[u32]| {
        let mut verdict = streaming(60);
        for n in 11..=13 {
            let number = Number::for_test(n);
            for at in 0..=61 {
                verdict.heard(number, (s(at), cite(0)), (s(at), cite(0)));
                streams(&mut verdict, number, n, s(at), cite(0));
            }
        }
        for by in asks {
            let ask =
                Ask { at: s(61), cite: cite(0), by: Number::for_test(*by), how: How::Resend, attempt: 1 };
            verdict.asked(CAMERA, ask);
        }
        connects(&mut verdict, &[62, 65, 68]);
        verdict.advance(s(68));
        verdict.absences().iter().map(|it| it.together.clone()).collect::<Vec<_>>()
    };
    assert_eq!(together(&[]), [[11, 12, 13].map(Number::for_test)]);
    assert_eq!(together(&[11, 13]), [[12].map(Number::for_test)]);
}

#[test]
fn its_return_ends_it_with_the_first_sign_of_life() {
    let mut verdict = streaming(60);
    connects(&mut verdict, &[62, 63, 65]);
    verdict.advance(s(65));
    verdict.heard(CAMERA, (s(90), cite(900)), (s(91), cite(900)));
    assert_eq!(verdict.absences()[0].ended, Some((s(90), cite(900))));
    assert_eq!(verdict.history(CAMERA, s(91)).last(), Some(&(s(90), State::Online)));
}

#[test]
fn one_long_jump_says_the_same_as_many_ticks() {
    let mut jump = streaming(60);
    let mut ticks = streaming(60);
    connects(&mut jump, &[62, 63, 65]);
    connects(&mut ticks, &[62, 63, 65]);
    jump.advance(s(100));
    (61..=100).for_each(|at| ticks.advance(s(at)));
    assert_eq!(format!("{:?}", jump.absences()), format!("{:?}", ticks.absences()));
    assert_eq!(jump.absences().len(), 1);
}

#[test]
fn a_source_that_nobody_asked_for_and_that_counts_on_outweighs_a_question_for_an_address() {
    let lived = |asked: Option<i64>, lost: u64| {
        let mut verdict = streaming(60);
        connects(&mut verdict, &[62, 63, 65]);
        verdict.advance(s(65));
        verdict.heard(CAMERA, (s(90), cite(900)), (s(90), cite(900)));
        verdict.started(CAMERA, (s(90), cite(900)), Start::Lease, true);
        if let Some(asked) = asked {
            verdict.served(CAMERA, s(asked), Some(RECORDER));
        }
        let on = StreamActivity { lost, ..second(7, s(92), s(92), Span::millis(200)) };
        verdict.streamed(CAMERA, &on, Some(RECORDER), cite(920));
        let [absence] = verdict.absences() else { panic!("one absence") };
        (absence.lived().is_some(), absence.began_anew().is_some())
    };
    assert_eq!(lived(None, 150), (true, false), "its lease ran out while its cable was pulled");
    assert_eq!(lived(Some(91), 150), (false, true), "it was asked anew, and its source is always the same");
    assert_eq!(lived(Some(93), 150), (true, false), "it was asked, but had gone on before");
    assert_eq!(lived(None, 0), (false, true), "it counts from its beginning");
}

#[test]
fn silence_that_nobody_asked_about_is_unknown() {
    let mut verdict = streaming(60);
    verdict.heard(RECORDER, (s(200), cite(0)), (s(200), cite(0)));
    verdict.advance(s(200));
    assert!(verdict.absences().is_empty());
    assert_eq!(verdict.history(CAMERA, s(200)).last(), Some(&(s(65), State::Unknown)));
}

#[test]
fn a_refused_ask_settles_a_silence_that_was_given_up() {
    let mut verdict = streaming(60);
    verdict.heard(RECORDER, (s(200), cite(0)), (s(200), cite(0)));
    verdict.advance(s(200));
    connects(&mut verdict, &[201, 202, 204]);
    verdict.advance(s(205));
    assert_eq!(verdict.absences().len(), 1);
    assert_eq!(verdict.absences()[0].since, s(60));
}

#[test]
fn nobody_is_offline_while_everybody_is_silent() {
    let mut verdict = streaming(60);
    verdict.advance(s(69));
    assert!(verdict.absences().is_empty());
}

#[test]
fn nobody_is_offline_across_a_hole() {
    let mut verdict = streaming(60);
    verdict.unwatched(s(60), s(3_000));
    connects(&mut verdict, &[3_001, 3_002, 3_004]);
    verdict.advance(s(3_004));
    assert!(verdict.absences().is_empty());
    verdict.heard(CAMERA, (s(3_004), cite(9)), (s(3_004), cite(9)));
    let history = verdict.history(CAMERA, s(3_005));
    assert_eq!(history, [(s(0), State::Online), (s(60), State::Unknown), (s(3_004), State::Online)]);
}

#[test]
fn a_hole_moves_the_deadline_and_does_not_remove_it() {
    let mut verdict = streaming(60);
    verdict.unwatched(s(60), s(3_000));
    connects(&mut verdict, &[3_001, 3_002, 3_004]);
    verdict.advance(s(3_006));
    assert_eq!(verdict.absences().len(), 1);
    assert_eq!(verdict.absences()[0].detected, s(3_005));
}

#[test]
fn media_that_was_ended_on_purpose_is_not_missed() {
    let mut verdict = streaming(60);
    verdict.ended_on_purpose(CAMERA, Some("192.0.2.9".parse().unwrap()), None);
    connects(&mut verdict, &[62, 63, 65]);
    verdict.advance(s(100));
    assert!(verdict.absences().is_empty());
}

#[test]
fn a_camera_that_still_says_anything_lives() {
    let mut verdict = streaming(60);
    connects(&mut verdict, &[62, 63, 65]);
    verdict.heard(CAMERA, (s(64), cite(1)), (s(64), cite(1)));
    verdict.advance(s(65));
    assert!(verdict.absences().is_empty());
}

#[test]
fn silences_that_begin_together_name_each_other() {
    let mut verdict = streaming(60);
    for (number, last) in [(Number::for_test(3), 61), (Number::for_test(4), 40)] {
        for at in 0..=last {
            verdict.heard(number, (s(at), cite(0)), (s(at), cite(0)));
            streams(&mut verdict, number, 9, s(at), cite(0));
        }
    }
    connects(&mut verdict, &[62, 63, 65]);
    verdict.advance(s(66));
    assert_eq!(verdict.absences()[0].together, [Number::for_test(3)]);
}

#[test]
fn a_stream_that_goes_on_and_a_new_start_are_told_apart() {
    let mut verdict = streaming(60);
    connects(&mut verdict, &[62, 63, 65]);
    verdict.advance(s(65));
    verdict.started(CAMERA, (s(89), cite(5)), Start::Lease, false);
    verdict.heard(CAMERA, (s(90), cite(6)), (s(90), cite(6)));
    streams(&mut verdict, CAMERA, 8, s(91), cite(7));
    assert_eq!(verdict.absences()[0].restarted, Some((s(89), cite(5), Start::Lease)));
    assert_eq!(verdict.absences()[0].resumed, None);
    streams(&mut verdict, CAMERA, 7, s(92), cite(8));
    assert_eq!(verdict.absences()[0].resumed, Some((s(92), cite(8))));
}

#[test]
fn nobody_but_the_asker_heard_is_no_proof_of_a_whole_view() {
    let mut verdict = streaming(60);
    for (attempt, at) in [(1, 62), (2, 63), (3, 65)] {
        verdict.heard(RECORDER, (s(at), cite(0)), (s(at), cite(0)));
        verdict.asked(CAMERA, Ask { at: s(at), cite: cite(0), by: RECORDER, how: How::Connect, attempt });
    }
    verdict.advance(s(100));
    assert!(verdict.absences().is_empty());
}

#[test]
fn a_new_source_is_not_the_old_one_however_long_it_runs() {
    let mut verdict = streaming(60);
    connects(&mut verdict, &[62, 63, 65]);
    verdict.advance(s(65));
    for at in 90..100 {
        verdict.heard(CAMERA, (s(at), cite(6)), (s(at), cite(6)));
        streams(&mut verdict, CAMERA, 8, s(at), cite(7));
    }
    assert_eq!(verdict.absences()[0].resumed, None);
}

#[test]
fn a_clock_that_was_set_back_neither_hides_nor_makes_an_absence() {
    let mut verdict = streaming(60);
    verdict.unwatched(s(60), s(60 - 200_000));
    let later = |at: i64| s(at - 200_000);
    for at in 60..=100 {
        verdict.heard(CAMERA, (later(at), cite(1)), (later(at), cite(1)));
        streams(&mut verdict, CAMERA, 7, later(at), cite(1));
        verdict.advance(later(at));
    }
    assert!(verdict.absences().is_empty());
    connects(&mut verdict, &[102 - 200_000, 103 - 200_000, 105 - 200_000]);
    verdict.advance(later(106));
    assert_eq!(verdict.absences().len(), 1);
    assert_eq!(verdict.absences()[0].since, later(100));
}

#[test]
fn who_shows_the_clock_of_before_ran_all_the_time_though_it_asks_for_a_lease() {
    let mut verdict = streaming(60);
    let peer = "192.0.2.9".parse().unwrap();
    for at in [0, 10, 20, 50] {
        verdict.stamped(CAMERA, peer, (s(at), cite(1)), 5_000 + at as u32 * 1_000);
    }
    connects(&mut verdict, &[62, 63, 65]);
    verdict.advance(s(65));
    verdict.started(CAMERA, (s(399), cite(5)), Start::Lease, false);
    verdict.heard(CAMERA, (s(400), cite(6)), (s(400), cite(6)));
    verdict.stamped(CAMERA, peer, (s(402), cite(7)), 407_000);
    let absence = &verdict.absences()[0];
    assert_eq!((absence.lived(), absence.began_anew()), (Some((s(402), cite(7))), None));
}

#[test]
fn who_tells_its_address_because_its_lease_was_renewed_did_not_start() {
    let starts = |renewed: Option<i64>| {
        let peer = "192.0.2.9".parse().unwrap();
        let mut verdict = streaming(60);
        for at in [40, 45, 50] {
            verdict.stamped(CAMERA, peer, (s(at), cite(1)), at as u32 * 1_000);
        }
        renewed.into_iter().for_each(|at| verdict.renewed(CAMERA, s(at)));
        verdict.started(CAMERA, (s(75), cite(5)), Start::Announcement, true);
        verdict.heard(CAMERA, (s(75), cite(5)), (s(76), cite(6)));
        // Another connection, whose clock has an offset of its own.
        verdict.stamped(CAMERA, peer, (s(80), cite(7)), 7_000_000);
        verdict.restarts().count()
    };
    assert_eq!([None, Some(20), Some(74)].map(starts), [1, 1, 0]);
}

#[test]
fn whom_the_mirror_cannot_show_is_unknown_until_it_shows_him_again() {
    let mut verdict = streaming(60);
    verdict.veil(BTreeMap::from([(CAMERA, s(60))]));
    connects(&mut verdict, &[62, 63, 65]);
    verdict.advance(s(100));
    assert!(verdict.absences().is_empty());
    assert_eq!(verdict.history(CAMERA, s(100)), [(s(0), State::Online), (s(60), State::Unknown)]);
    verdict.veil(BTreeMap::new());
    verdict.heard(CAMERA, (s(101), cite(9)), (s(101), cite(9)));
    assert_eq!(verdict.history(CAMERA, s(101)).last(), Some(&(s(101), State::Online)));
}

#[test]
fn who_died_behind_the_veil_is_dated_to_his_last_sign() {
    let mut verdict = streaming(60);
    verdict.veil(BTreeMap::from([(CAMERA, s(60))]));
    verdict.advance(s(100));
    verdict.veil(BTreeMap::new());
    connects(&mut verdict, &[131, 132, 134]);
    verdict.advance(s(135));
    let [absence] = verdict.absences() else { panic!("one absence") };
    assert_eq!(absence.since, s(60));
}

#[test]
fn who_just_came_back_himself_may_be_heard_by_nobody() {
    let told = |first: i64| {
        let mut verdict = streaming(60);
        let mut gone = Absence::for_test(RECORDER, s(60), s(65));
        gone.ended = Some((s(100), cite(0)));
        verdict.absences.push(gone);
        verdict.watches.get_mut(RECORDER).unwrap().past.fill().was_absent = Some(0);
        connects(&mut verdict, &[first, first + 1, first + 3]);
        verdict.advance(s(first + 3));
        verdict.absences().len()
    };
    assert_eq!([told(101), told(140)], [1, 2]);
}

/// Short cuts of a camera that is pulled over TCP and thrice sends nothing for 3 s, and in the first second after so many packets.
fn cuts(packets_after: u64, is_heard_meanwhile: bool) -> usize {
    let mut verdict = Verdict::default();
    for at in 0..=70 {
        let turn = if at > 30 { at % 15 } else { 0 };
        let is_silent = turn == 1 || turn == 2;
        if !is_silent || is_heard_meanwhile {
            verdict.heard(CAMERA, (s(at), cite(0)), (s(at), cite(0)));
        }
        if !is_silent {
            let (packets, gap) = if turn == 3 { (packets_after, 3_000) } else { (5, 200) };
            let transport = StreamTransport::Interleaved;
            let media = StreamActivity { packets, transport, ..second(7, s(at), s(at), Span::millis(gap)) };
            verdict.streamed(CAMERA, &media, Some(RECORDER), cite(0));
        }
        verdict.advance(s(at));
    }
    verdict.holes().len()
}

#[test]
fn who_makes_up_for_a_pause_of_all_that_it_sends_was_cut_off() {
    assert_eq!(cuts(15, false), 3);
    assert_eq!(cuts(5, false), 0, "what it would have sent was never made");
    assert_eq!(cuts(15, true), 0, "it was heard meanwhile");
}

#[test]
fn bytes_sent_again_end_a_cut_though_its_second_is_summed_later() {
    let cut = |again: i64| {
        let mut verdict = streaming(60);
        verdict.resent(CAMERA, s(again), cite(630));
        verdict.heard(CAMERA, (s(63), cite(630)), (s(63), cite(631)));
        verdict.holes().len()
    };
    assert_eq!([cut(63), cut(60)], [1, 0]);
}

#[test]
fn a_start_that_only_a_mac_shows_is_that_of_whose_address_it_turns_out_to_hold() {
    let started = |last_by_address: i64| {
        let by_mac = Number::for_test(5);
        let mut verdict = Verdict::default();
        verdict.heard(CAMERA, (s(last_by_address), cite(0)), (s(last_by_address), cite(0)));
        verdict.heard(by_mac, (s(50), cite(500)), (s(51), cite(510)));
        verdict.renumber(CAMERA, by_mac);
        verdict.started(by_mac, (s(50), cite(500)), Start::Lease, true);
        verdict.restarts().count()
    };
    assert_eq!([started(10), started(48)], [1, 0]);
}
