//! What whole sites send is sound: tshark finds nothing malformed, no bad checksum and no gap in any TCP stream.

mod support;

use spanwatch_simulator::options::{Mix, Options, SECOND, Shape, Transport, View};
use spanwatch_simulator::random::Random;
use spanwatch_simulator::run;
use spanwatch_simulator::tap::Out;
use support::{Capture, has_tshark, tshark};

fn capture(options: &Options) -> Capture {
    let mut capture = Capture::default();
    let plan = run::plan(options).expect("nothing is ordered that cannot be");
    run::run(&plan, Out::Packets(&mut capture), |_| ()).expect("memory takes every frame");
    capture
}

/// Small sites of every kind, by seed.
fn site(seed: u64) -> Options {
    let mut random = Random::new(seed);
    Options {
        seed,
        length: 75 * SECOND,
        devices: random.between(8, 26) as u32,
        mix: *random.pick(&[Mix::Site, Mix::Site, Mix::Video, Mix::Control]),
        shape: *random.pick(&[Shape::Tree, Shape::Ring, Shape::Redundant]),
        bit_rate: Some(120_000),
        is_settled: random.chance(300_000),
        ..Options::default()
    }
}

#[test]
fn tshark_finds_nothing_malformed_and_every_stream_whole() {
    if !has_tshark() {
        return;
    }
    for seed in 100..108 {
        let capture = capture(&site(seed));
        assert!(capture.frames.len() > 500, "seed {seed}: {} frames", capture.frames.len());
        let wrong = tshark(
            &capture,
            &[
                "-o",
                "ip.check_checksum:TRUE",
                "-o",
                "tcp.check_checksum:TRUE",
                "-o",
                "udp.check_checksum:TRUE",
            ],
            // What the gateway passed on is there twice, which tshark takes for a retransmission.
            "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 \
             || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || tcp.analysis.ack_lost_segment",
            &["frame.number", "_ws.col.Info"],
        );
        assert!(wrong.is_empty(), "seed {seed}: {:#?}", &wrong[..wrong.len().min(5)]);
        assert_eq!(holes(&capture), 0, "seed {seed}");
    }
}

/// Holes in TCP streams, less those that the next segment fills because it was overtaken.
fn holes(capture: &Capture) -> i64 {
    let flags = ["tcp.analysis.lost_segment", "tcp.analysis.out_of_order"];
    let rows = tshark(capture, &[], &flags.join(" || "), &flags);
    let count = |column: usize| rows.iter().filter(|row| !row[column].is_empty()).count() as i64;
    count(0) - count(1)
}

/// Few cameras that are recorded inside RTSP, at a rate that makes several segments of a picture.
fn recorded(seed: u64, length_s: i64) -> Options {
    Options {
        seed,
        length: length_s * SECOND,
        devices: 6,
        mix: Mix::Video,
        transport: Some(Transport::Interleaved),
        bit_rate: Some(1_000_000),
        is_settled: true,
        ..Options::default()
    }
}

#[test]
fn segments_overtake_one_another_and_a_recorder_with_a_busy_disk_closes_its_windows() {
    if !has_tshark() {
        return;
    }
    let capture = capture(&recorded(40, 60));
    let fields = ["out_of_order", "duplicate_ack", "zero_window_probe", "zero_window", "window_update"]
        .map(|it| format!("tcp.analysis.{it}"));
    let mut asked: Vec<&str> = fields.iter().map(String::as_str).collect();
    asked.extend(["tcp.options.sack_le", "tcp.flags.reset", "tcp.stream", "frame.time_relative"]);
    let rows = tshark(&capture, &[], "tcp.analysis.flags || tcp.options.sack_le", &asked);
    let count = |column: usize| rows.iter().filter(|row| !row[column].is_empty()).count();
    let [late, again, probes, closed, opened, told] = [0, 1, 2, 3, 4, 5].map(count);
    let flights = capture.frames.len() / 8;
    assert!(late > 0 && late * 200 < flights, "{late} of {flights}");
    // The first acknowledgement of a hole says nothing new, unless a segment before it waited for one.
    assert!(told == late && again > 0 && again <= late, "{told} {again} of {late}");
    assert_eq!(holes(&capture), 0);
    // What a closed window holds up is sent as soon as it opens.
    assert!(probes > 0 && closed > probes && opened > 0, "{probes} {closed} {opened}");
    let wrong = "tcp.analysis.retransmission || tcp.analysis.ack_lost_segment || tcp.checksum.status == 0";
    let checks = ["-o", "tcp.check_checksum:TRUE"];
    assert!(tshark(&capture, &checks, wrong, &["_ws.col.Info"]).is_empty());
}

#[test]
fn what_is_lost_inside_a_connection_is_asked_for_by_three_acknowledgements_and_sent_again() {
    if !has_tshark() {
        return;
    }
    let incidents = vec!["loss-camera@10s+20s".parse().expect("a kind of the catalogue")];
    let capture = capture(&Options { incidents, ..recorded(40, 40) });
    let flags = ["fast_retransmission", "duplicate_ack"].map(|it| format!("tcp.analysis.{it}"));
    let asked: Vec<&str> = flags.iter().map(String::as_str).collect();
    let rows = tshark(&capture, &[], &flags.join(" || "), &asked);
    let [again, told] = [0, 1].map(|column| rows.iter().filter(|row| !row[column].is_empty()).count());
    assert!(again > 0 && told > 2 * again, "{again} {told}");
}

#[test]
fn media_that_makes_a_router_ask_for_its_receiver_keeps_the_order_of_time() {
    // Viewers in the office pull cameras on demand; the router learns of them while it catches up with media.
    let options =
        Options { devices: 1_000, length: 50 * SECOND, bit_rate: Some(64_000), ..Options::default() };
    let frames = capture(&options).frames;
    assert!(frames.is_sorted_by_key(|(at, ..)| *at));
}

#[test]
fn every_protocol_of_a_site_is_there() {
    if !has_tshark() {
        return;
    }
    let options =
        Options { seed: 8, devices: 60, length: 150 * SECOND, bit_rate: Some(60_000), ..Options::default() };
    let capture = capture(&options);
    let mut seen: Vec<String> = tshark(&capture, &[], "", &["frame.protocols"])
        .into_iter()
        .flat_map(|row| row[0].split(':').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    seen.sort_unstable();
    seen.dedup();
    let wanted = [
        "arp", "dhcp", "dns", "h264", "http", "icmpv6", "igmp", "lldp", "llmnr", "mdns", "nbns", "ntp",
        "rtcp", "rtp", "rtsp", "sdp", "sip", "ssdp", "stp", "tls", "xml",
    ];
    let missing: Vec<_> = wanted.iter().filter(|name| !seen.iter().any(|it| it == *name)).collect();
    assert!(missing.is_empty(), "missing: {missing:?} of {seen:?}");
}

#[test]
fn the_same_options_give_the_same_bytes_and_another_seed_others() {
    let options = site(42);
    let first = capture(&options);
    assert!(first == capture(&options));
    assert!(first != capture(&Options { seed: 43, ..options }));
}

#[test]
fn the_second_depth_shows_the_same_frames() {
    struct Count(u64, u64);
    impl spanwatch_simulator::tap::Reader for Count {
        fn sight(&mut self, sight: spanwatch_simulator::sight::Sight) {
            match sight.what {
                spanwatch_simulator::sight::What::Heard(heard) => self.0 += heard.packets,
                spanwatch_simulator::sight::What::Media(media) => self.1 += media.packets,
                spanwatch_simulator::sight::What::Said(_) | spanwatch_simulator::sight::What::Copied(_) => {}
            }
        }
    }
    let carried = |transport| Options { transport: Some(transport), mix: Mix::Video, ..site(42) };
    let all = [Transport::Udp, Transport::Interleaved, Transport::Multicast].map(carried);
    // And one with segments out of order and windows that close.
    for options in all.into_iter().chain([recorded(40, 30)]) {
        let mut count = Count(0, 0);
        let plan = run::plan(&options).expect("nothing is ordered that cannot be");
        run::run(&plan, Out::Sights(&mut count), |_| ()).expect("nothing is written");
        let frames = capture(&options).frames.len() as u64;
        assert_eq!(count.0, frames, "{:?}", options.transport);
        assert!(count.1 > 1_000);
    }
}

#[test]
fn a_view_of_one_uplink_shows_only_what_crosses_it() {
    let options = Options { view: View::Uplink, ..site(7) };
    let (few, all) = (capture(&options), capture(&Options { view: View::Core, ..options }));
    assert!(!few.frames.is_empty());
    assert!(few.frames.len() < all.frames.len() * 3);
}
