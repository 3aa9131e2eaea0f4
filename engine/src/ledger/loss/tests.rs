use spanwatch_parsers::{Fact, Mac, Span};

use super::*;
use crate::clock::Dropper;
use crate::observation::{Cite, Party, Place as Position};

/// A site of cameras that send a hundred packets a second each to one recorder, which reports each five seconds.
#[derive(Default)]
struct Site {
    losses: Losses,
    lost: BTreeMap<u8, (u64, u64)>,
    second: i64,
    is_reported: bool,
}

/// Packets of one camera that are lost in a second, before us and for the receiver.
type Loses = fn(i64, u8) -> (u64, u64);

impl Site {
    fn reporting() -> Self {
        Self { is_reported: true, ..Self::default() }
    }

    fn run(&mut self, seconds: i64, cameras: u8, loses: Loses) {
        for _ in 0..seconds {
            self.second += 1;
            for camera in 1..=cameras {
                let (ours, theirs) = loses(self.second, camera);
                let lost = self.lost.entry(camera).or_default();
                (lost.0, lost.1) = (lost.0 + ours, lost.1 + theirs);
                let (ours_in_all, theirs_in_all) = *lost;
                if self.is_reported && self.second % 5 == i64::from(camera) % 5 {
                    let report = ReceiverReport {
                        ssrc: camera.into(),
                        fraction_lost: 0,
                        lost: theirs_in_all as i32,
                        highest_sequence: (self.second * 100) as u32,
                        jitter_ticks: 0,
                    };
                    self.losses.reported(&report, &self.seen(9, camera));
                }
                let second = self.activity(camera, ours, ours_in_all);
                let number = Some(Number::for_test(camera.into()));
                self.losses.measured(number, ip(camera), &self.seen(camera, 9), &second);
            }
            self.tick(|number| (number.before() < 20).then(|| "switch".to_owned()).filter(|_| cameras > 100));
        }
    }

    fn tick(&mut self, switch_of: impl Fn(Number) -> Option<String>) {
        self.losses.advance(s(self.second + 1), switch_of);
    }

    fn activity(&self, camera: u8, ours: u64, lost: u64) -> StreamActivity {
        StreamActivity {
            stream: (camera.into(), 0),
            transport: StreamTransport::Udp,
            destination: ip(9),
            ports: (5_000, 6_000),
            channel: None,
            ssrc: camera.into(),
            payload_type: 96,
            first: s(self.second),
            first_frame: (0, 1),
            last: s(self.second),
            packets: 100 - ours.min(99),
            bytes: 100_000,
            lost,
            sequence: 0,
            out_of_order: 0,
            duplicates: 0,
            frames: 0,
            jitter_16ticks: 0,
            longest_gap: Span::millis(10),
        }
    }

    fn seen(&self, from: u8, to: u8) -> Observation {
        let party =
            |host| Party { mac: Some(Mac([2, 0, 0, 0, 0, host])), ip: Some(ip(host)), ..Party::default() };
        Observation {
            place: Position::default(),
            at: s(self.second),
            cite: Cite::new(0, self.second.unsigned_abs()),
            subject: party(from),
            peer: party(to),
            transport: Some(17),
            source: "rtcp",
            fact: Fact::Router,
        }
    }

    fn found(&self) -> Vec<(Place, usize)> {
        let places = [Place::Device, Place::Path, Place::Receiver, Place::Mirror];
        places
            .into_iter()
            .flat_map(|place| self.losses.of(place))
            .map(|it| (it.place, it.members.len()))
            .collect()
    }
}

fn ip(host: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, host])
}

fn s(s: i64) -> Time {
    Time(s * 1_000_000_000)
}

fn two_of_camera_1(second: i64, camera: u8) -> (u64, u64) {
    if camera == 1 && second > 30 { (2, 2) } else { (0, 0) }
}

fn two_of_camera_1_here(second: i64, camera: u8) -> (u64, u64) {
    if camera == 1 && second > 30 { (2, 0) } else { (0, 0) }
}

fn two_of_all_here(second: i64, _: u8) -> (u64, u64) {
    if second > 30 { (2, 0) } else { (0, 0) }
}

fn two_of_all_there(second: i64, _: u8) -> (u64, u64) {
    if second > 30 { (0, 2) } else { (0, 0) }
}

#[test]
fn what_nobody_has_is_lost_before_us_and_ends_a_minute_after() {
    let mut site = Site::reporting();
    site.run(60, 4, two_of_camera_1);
    let [episode] = &site.losses.of(Place::Device).collect::<Vec<_>>()[..] else {
        panic!("{:?}", site.found())
    };
    assert_eq!((episode.since, episode.ended, episode.subject), (s(31), None, Some(ip(1))));
    assert!(episode.detected <= s(46), "{:?}", episode.detected);
    assert_eq!(episode.sum(), (60, 3_000));
    site.run(89, 4, |_, _| (0, 0));
    let ended: Vec<_> = site.losses.of(Place::Device).map(|it| it.ended).collect();
    assert_eq!((ended, site.found().len()), (vec![Some(s(60))], 1));
}

#[test]
fn what_the_receivers_have_is_lost_in_the_mirror_alone() {
    let mut site = Site::reporting();
    site.run(60, 4, two_of_all_here);
    assert_eq!(site.found(), [(Place::Mirror, 4)]);
    assert_eq!([20, 31, 60].map(|at| site.losses.mirror_drops_at(s(at))), [false, true, true]);
    site.run(120, 4, |_, _| (0, 0));
    assert!(!site.losses.mirror_drops_at(s(90)));
}

#[test]
fn what_was_acknowledged_and_never_seen_is_lost_in_the_mirror_and_no_stream_loses() {
    let mut site = Site::default();
    for _ in 0..60 {
        site.run(1, 2, |second, camera| if second > 30 && camera == 1 { (2, 2) } else { (0, 0) });
        for from in 3..6 {
            let segments = Segments {
                carrying: 98,
                unseen: if site.second > 30 { 2 } else { 0 },
                ..Segments::default()
            };
            site.losses.carried(None, false, segments, &site.seen(from, 9));
        }
    }
    assert_eq!(site.found(), [(Place::Mirror, 3)]);
}

/// A minute and a half of a camera's TCP, from second 31 on with so many segments late and again in each of `seconds`.
fn sending_again(late: u64, again: u64, seconds: i64) -> Site {
    let mut site = Site::default();
    for _ in 0..90 {
        site.run(1, 2, |_, _| (0, 0));
        let is_lossy = site.second > 30 && site.second <= 30 + seconds;
        let lost = |count: u64| if is_lossy { count } else { 0 };
        let segments =
            Segments { carrying: 400, late: lost(late), again: lost(again), ..Segments::default() };
        site.losses.carried(Some(Number::for_test(3)), true, segments, &site.seen(3, 9));
        site.losses.carried(Some(Number::for_test(4)), false, segments, &site.seen(4, 9));
    }
    site
}

#[test]
fn what_a_camera_sends_again_over_tcp_was_lost_before_us_or_behind() {
    type Told = &'static [(Place, usize)];
    let cases: [(u64, u64, i64, Told); 6] = [
        (8, 0, 30, &[(Place::Device, 1)]),
        (0, 8, 30, &[(Place::Receiver, 1)]),
        (8, 8, 30, &[(Place::Device, 1), (Place::Receiver, 1)]),
        (1, 1, 30, &[]),
        (8, 8, 3, &[]),
        (0, 300, 30, &[]),
    ];
    for (late, again, seconds, expected) in cases {
        let site = sending_again(late, again, seconds);
        assert_eq!(site.found(), expected, "{late} late, {again} again, for {seconds} s");
    }
}

#[test]
fn what_all_miss_a_little_of_and_was_received_is_dropped_too_and_hides_no_loss() {
    // Each misses one in 400, in seconds of its own; of camera 1 one in 25 is lost on its way.
    let slight: Loses = |second, camera| {
        let is_missed = second > 30 && second % 4 == i64::from(camera) % 4;
        (u64::from(is_missed), 0)
    };
    let mut site = Site::reporting();
    site.run(120, 8, slight);
    assert_eq!(site.found(), [(Place::Mirror, 8)]);
    let mut site = Site::reporting();
    site.run(120, 8, |second, camera| match camera {
        1 if second > 30 => (4, 4),
        _ => (u64::from(second > 30 && second % 4 == i64::from(camera) % 4), 0),
    });
    assert_eq!(site.found(), [(Place::Device, 1), (Place::Mirror, 7)]);
}

#[test]
fn a_receiver_that_never_reports_loss_is_not_believed_while_all_others_are_whole() {
    let mut site = Site::reporting();
    site.run(90, 4, two_of_camera_1_here);
    assert_eq!(site.found(), []);
}

#[test]
fn what_only_the_receiver_misses_is_lost_behind_us() {
    let mut site = Site::reporting();
    site.run(60, 4, two_of_all_there);
    assert_eq!(site.found(), [(Place::Receiver, 4)]);
}

#[test]
fn three_that_begin_together_are_one_path_and_later_ones_join() {
    let mut site = Site::reporting();
    site.run(90, 8, |second, camera| {
        let is_lossy = second > 30 && camera <= 5 && (second + i64::from(camera)) % 4 == 0;
        if is_lossy { (5, 5) } else { (0, 0) }
    });
    assert_eq!(site.found(), [(Place::Path, 5)]);
}

#[test]
fn without_reports_it_is_told_of_one_while_others_are_whole_and_never_of_all() {
    let mut site = Site::default();
    site.run(45, 4, two_of_camera_1);
    assert_eq!(site.found(), [], "too early");
    site.run(15, 4, two_of_camera_1);
    assert_eq!(site.found(), [(Place::Device, 1)]);
    let mut site = Site::default();
    site.run(90, 4, two_of_all_here);
    assert_eq!(site.found(), []);
    let mut site = Site::default();
    site.run(90, 1, two_of_camera_1);
    assert_eq!(site.found(), [], "alone");
}

#[test]
fn a_little_loss_one_burst_and_an_interruption_are_none() {
    let mut site = Site::reporting();
    site.run(300, 4, |second, camera| if camera == 1 && second % 3 == 0 { (1, 1) } else { (0, 0) });
    assert_eq!(site.found(), [], "one in 300");
    site.run(60, 4, |second, camera| if camera == 1 && second == 330 { (60, 60) } else { (0, 0) });
    assert_eq!(site.found(), [], "a burst");
}

#[test]
fn packets_that_swap_over_the_second_are_not_lost() {
    let mut site = Site::reporting();
    site.run(30, 4, |_, _| (0, 0));
    for n in 0..60 {
        site.second += 1;
        for camera in 1..=4 {
            let second = site.activity(camera, 0, (n + u64::from(camera)) % 2 * 20);
            site.losses.measured(Some(Number::for_test(1)), ip(camera), &site.seen(camera, 9), &second);
        }
        site.tick(|_| None);
    }
    assert_eq!(site.found(), []);
}

#[test]
fn time_that_nobody_watched_is_compared_with_nothing() {
    let mut site = Site::reporting();
    site.run(20, 4, |_, _| (0, 0));
    for _ in 0..10 {
        let from = s(site.second + 1);
        site.second += 15;
        site.losses.unwatched(from, s(site.second));
        site.run(1, 4, |_, _| (20, 0));
        site.run(5, 4, |_, _| (0, 0));
    }
    assert_eq!(site.found(), []);
}

#[test]
fn a_stream_that_breaks_off_again_and_again_loses_nothing_behind_us() {
    let mut site = Site::reporting();
    site.run(30, 2, |_, _| (0, 0));
    for _ in 0..5 {
        // For six seconds nothing comes; the receiver counts what he misses, we see it afterwards.
        for n in 0..6 {
            site.second += 1;
            site.lost.entry(1).or_default().1 += 100;
            if n == 1 {
                let lost = site.lost[&1].1 as i32;
                let highest_sequence = (site.second * 100) as u32;
                let report =
                    ReceiverReport { ssrc: 1, fraction_lost: 0, lost, highest_sequence, jitter_ticks: 0 };
                site.losses.reported(&report, &site.seen(9, 1));
            }
            site.tick(|_| None);
        }
        site.lost.entry(1).or_default().0 += 600;
        site.second += 1;
        let back = StreamActivity { longest_gap: Span::seconds(7), ..site.activity(1, 0, site.lost[&1].0) };
        site.losses.measured(Some(Number::for_test(1)), ip(1), &site.seen(1, 9), &back);
        site.tick(|_| None);
        site.run(6, 2, |_, _| (0, 0));
    }
    assert_eq!(site.found(), []);
}

#[test]
fn state_is_bounded() {
    let mut losses = Losses::default();
    let site = Site::default();
    for n in 0..TRACKS_MAX as u64 + 50 {
        let second = StreamActivity { stream: (n, 0), ssrc: n as u32, ..site.activity(1, 0, 0) };
        losses.measured(None, ip(1), &site.seen(1, 9), &second);
    }
    assert_eq!((losses.tracks.len(), losses.by_ssrc.len()), (TRACKS_MAX, TRACKS_MAX));
    assert_eq!(losses.refused.take().next(), Some(("streams measured for loss", TRACKS_MAX as u64, 50)));
}

#[test]
fn what_this_machine_dropped_itself_is_nobodys_loss() {
    // A tenth of one camera's packets is missing, and its receiver reports as much.
    let loses: Loses = |_, camera| if camera == 1 { (10, 10) } else { (0, 0) };
    let episodes = |drops: bool| {
        let mut site = Site::reporting();
        for _ in 0..60 {
            site.run(1, 4, loses);
            if drops {
                let (from, to) = (s(site.second), s(site.second + 1));
                let dropped = Dropped { from, to, by: Dropper::Machine, lost: 1, of: 100 };
                site.losses.dropped(&dropped, Cite::default());
            }
        }
        let places = [Place::Device, Place::Path, Place::Receiver, Place::Mirror];
        let all = places.into_iter().flat_map(|place| site.losses.of(place).collect::<Vec<_>>()).count();
        (all, site.losses.mirror_drops_at(s(site.second)))
    };
    assert_eq!(episodes(true), (0, true));
    let (found, is_ours) = episodes(false);
    assert!(found > 0 && !is_ours, "{found} episodes");
}
