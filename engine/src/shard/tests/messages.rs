//! Datagrams, ICMP, fragments and frames without IP.

use super::*;

#[test]
fn panic_costs_the_session_and_is_counted() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\npanic\nb\n");
    bench.tcp(ms(11), (CLIENT, SERVER), (ACK, 110, 200), b"c\n");
    bench.udp(ms(12), (CLIENT, End { port: 7, ..SERVER }), b"panic");
    bench.udp(ms(13), (CLIENT, End { port: 7, ..SERVER }), b"word");
    assert_eq!(bench.said(), ["lines Name a", "words Name word"]);
    bench.tick(ms(1_000));
    let once = Fact::Panicked { what: "parser", count: 1 };
    assert_eq!(bench.said(), [format!("lines {once:?}"), format!("words {once:?}")]);
    bench.tick(ms(2_000));
    assert!(bench.said().is_empty());
}

#[test]
fn datagrams_are_read_and_faults_told_once_a_second() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    for (at, word) in
        [(0, &b"one"[..]), (1, b"one"), (2, b"bad!"), (3, b"bad!"), (4, b"?guess"), (5, b"?no!")]
    {
        bench.udp(ms(at), ends, word);
    }
    let fault = format!("words {:?}", Fact::Malformed(Malformed::Invalid { field: "word" }));
    let said = bench.said();
    assert_eq!(said[..3], ["words Name one", "words Name bad!", &fault]);
    // Once the flow is known to speak it, being unsure is enough.
    assert_eq!(said[3..], ["words Name ?guess", "words Name ?no!"]);
}

#[test]
fn what_is_only_guessed_is_dropped_where_it_cannot_be_read() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    bench.udp(ms(0), ends, b"?no!");
    assert!(bench.said().is_empty());
    bench.udp(ms(1), ends, b"?yes");
    assert_eq!(bench.said(), ["words Name ?yes"]);
}

#[test]
fn frames_without_ip_are_read_by_their_type() {
    let mut bench = Bench::new();
    bench.frame(ms(0), b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x07\x88\xb5hello");
    let seen = &bench.out[0];
    assert_eq!((seen.subject.mac, seen.peer.mac), (Some(Mac([2, 0, 0, 0, 0, 7])), None));
    assert_eq!((seen.subject.ip, seen.transport, seen.source), (None, None, "words"));
}

#[test]
fn snap_frames_are_read_by_organization_and_protocol() {
    let mut bench = Bench::new();
    for snap in [&b"\x02\0\x0c\0\x07hello"[..], b"\x02\0\x0c\0\x08other", b"\0\0\0\0\x07other"] {
        let head = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x07\0\x0d\xaa\xaa\x03";
        bench.frame(ms(0), &[&head[..], snap, b"padding"].concat());
    }
    assert_eq!(bench.said(), ["words Name hello"]);
}

#[test]
fn packets_without_ports_are_read_by_their_protocol() {
    let mut bench = Bench::new();
    bench.ip(ms(0), (CLIENT, SERVER), 253, b"hello");
    bench.ip(ms(1), (CLIENT, SERVER), 254, b"other");
    assert_eq!(bench.said(), ["words Name hello"]);
}

#[test]
fn media_is_summed_each_second_once_it_is_proved() {
    let mut bench = Bench::new();
    for n in 0..50_u16 {
        let [a, b] = n.to_be_bytes();
        bench.udp(ms(i64::from(n) * 20), (SERVER, CLIENT), &[b'M', a, b, 0]);
    }
    bench.tick(ms(1_000));
    let streams: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match &seen.fact {
            Fact::Stream(stream) => Some((seen.place, stream.packets, stream.lost, stream.ports)),
            _ => None,
        })
        .collect();
    assert_eq!(streams.len(), 1);
    assert_eq!((streams[0].1, streams[0].2, streams[0].3), (50, 0, (80, 5000)));
    assert_eq!((streams[0].0.frame, streams[0].0.shard), (51, 3));
    assert!(streams[0].0.index < FIRST_OF_FRAME);
    let protocol = bench.out.iter().find_map(|seen| match &seen.fact {
        Fact::Activity(activity) => activity.protocol,
        _ => None,
    });
    assert_eq!(protocol, Some("rtp"));
}

#[test]
fn icmp_error_names_whom_it_is_about() {
    let mut bench = Bench::new();
    let quoted = b"\x45\0\0\x20\0\0\0\0\x40\x11\0\0\xc0\0\x02\x09\xc0\0\x02\x4d\x13\x88\0\x35\0\x0c\0\0";
    let router = End { host: 1, mac: 1, ..SERVER };
    bench.ip(ms(0), (router, CLIENT), 1, &[b"\x03\x01\0\0\0\0\0\0", &quoted[..]].concat());
    let seen = &bench.out[0];
    let target = IpAddr::from([192, 0, 2, 77]);
    let expected = Fact::Unreachable { target, kind: 3, code: 1, transport: 17, port: Some(53) };
    assert_eq!((&seen.fact, seen.subject.ip), (&expected, Some(IpAddr::from([192, 0, 2, 1]))));
}

#[test]
fn fragments_are_read_once_they_are_whole_and_count_for_their_flow() {
    let mut bench = Bench::new();
    let whole = [&b"\x13\x88\0\x07\0\x18\0\0"[..], b"a-long-word-here"].concat();
    let part = |bench: &mut Bench, at, offset: usize, more: bool| {
        let end = if more { offset + 8 } else { whole.len() };
        let bytes = &whole[offset..end];
        let mut frame = b"\x02\0\0\0\0\x07\x02\0\0\0\0\x09\x08\0\x45\0".to_vec();
        frame.extend((20 + bytes.len() as u16).to_be_bytes());
        frame.extend([0, 9]);
        frame.extend(((offset as u16 / 8) | if more { 0x2000 } else { 0 }).to_be_bytes());
        frame.extend(b"\x40\x11\0\0\xc0\0\x02\x09\xc0\0\x02\x07");
        frame.extend(bytes);
        bench.frame(ms(at), &frame);
    };
    part(&mut bench, 0, 0, true);
    part(&mut bench, 1, 16, false);
    assert!(bench.out.is_empty());
    part(&mut bench, 2, 8, true);
    assert_eq!(bench.said(), ["words Name a-long-word-here"]);
    bench.tick(ms(1_000));
    let Fact::Activity(sum) = bench.out[0].fact else { panic!("{:?}", bench.out) };
    assert_eq!((sum.packets, bench.out[0].subject.port, bench.out.len()), (3, 5000, 1));
}

#[test]
fn group_of_the_link_binds_its_sender_once_a_minute() {
    let mut bench = Bench::new();
    for at in [0, 1_000, 59_000, 60_000] {
        let mut frame = b"\x01\0\x5e\0\0\xfb\x02\0\0\0\0\x07\x08\0\x45\0\0\x20".to_vec();
        frame.extend((at as u16).to_be_bytes());
        frame.extend(b"\0\0\x01\x11\0\0\xc0\0\x02\x07\xe0\0\0\xfb\x14\xe9\x14\xe9\0\x0c\0\0mdns");
        bench.frame(ms(at), &frame);
    }
    let bindings: Vec<_> = bench
        .out
        .iter()
        .filter(|seen| matches!(seen.fact, Fact::Binding { .. }))
        .map(|seen| seen.at)
        .collect();
    assert_eq!(bindings, [ms(0), ms(60_000)]);
}

#[test]
fn headers_that_make_the_peeler_panic_cost_their_frame() {
    let mut bench = Bench::new();
    planted::with("peeler", || bench.udp(ms(0), (CLIENT, End { port: 7, ..SERVER }), b"lost"));
    bench.udp(ms(1), (CLIENT, End { port: 7, ..SERVER }), b"kept");
    assert_eq!(bench.said(), ["words Name kept"]);
    bench.tick(ms(1_000));
    assert_eq!(bench.said(), [r#"headers Panicked { what: "reader", count: 1 }"#]);
    assert_eq!(bench.peeler.counts().frames, 2);
}

#[test]
fn a_second_that_panics_costs_what_the_shard_held_and_the_next_is_summed() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.udp(ms(1), (CLIENT, End { port: 7, ..SERVER }), b"one");
    bench.out.clear();
    planted::with("second", || bench.tick(ms(1_000)));
    assert_eq!(bench.said(), [r#"seconds Panicked { what: "reader", count: 1 }"#]);
    bench.udp(ms(1_500), (CLIENT, End { port: 7, ..SERVER }), b"two");
    bench.tick(ms(2_000));
    let sums = bench.out.iter().filter(|seen| matches!(seen.fact, Fact::Activity(_)));
    assert_eq!(sums.count(), 1, "{:?}", bench.out);
    assert!(bench.out.is_sorted_by_key(|seen| seen.place));
    assert_eq!(bench.said(), ["words Name two"]);
}
