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
             || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || tcp.analysis.lost_segment \
             || tcp.analysis.ack_lost_segment",
            &["frame.number", "_ws.col.Info"],
        );
        assert!(wrong.is_empty(), "seed {seed}: {:#?}", &wrong[..wrong.len().min(5)]);
    }
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
                spanwatch_simulator::sight::What::Said(_) => {}
            }
        }
    }
    for transport in [Transport::Udp, Transport::Interleaved, Transport::Multicast] {
        let options = Options { transport: Some(transport), mix: Mix::Video, ..site(42) };
        let mut count = Count(0, 0);
        let plan = run::plan(&options).expect("nothing is ordered that cannot be");
        run::run(&plan, Out::Sights(&mut count), |_| ()).expect("nothing is written");
        let frames = capture(&options).frames.len() as u64;
        assert_eq!(count.0, frames, "{transport:?}");
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
