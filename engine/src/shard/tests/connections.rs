//! TCP: order, ends, gaps, and what is told beside the bytes.

use super::*;

#[test]
fn connection_is_read_in_order_from_both_sides() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 104, 200), b"lo\n");
    bench.tcp(ms(11), (CLIENT, SERVER), (ACK, 100, 200), b"hel-");
    bench.tcp(ms(12), (SERVER, CLIENT), (ACK, 200, 107), b"world\n");
    assert_eq!(bench.said(), ["lines Name hel-lo", "lines Hostname world"]);
}

#[test]
fn connection_ends_with_its_fins_and_with_a_reset() {
    for (flags, ends) in [(FIN | ACK, false), (RST, true)] {
        let mut bench = Bench::new();
        bench.handshake();
        bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
        bench.tcp(ms(11), (CLIENT, SERVER), (flags, 102, 200), b"");
        assert_eq!(bench.said().last().is_some_and(|last| last.ends_with("end")), ends);
        bench.tcp(ms(12), (SERVER, CLIENT), (FIN | ACK, 200, 103), b"");
        assert_eq!(bench.said().len(), usize::from(!ends));
    }
}

#[test]
fn connection_that_began_earlier_is_read_from_the_first_message_that_shows_itself() {
    let mut bench = Bench::new();
    bench.tcp(ms(0), (CLIENT, SERVER), (ACK, 100, 200), b"...cut\nhalf");
    bench.tcp(ms(1), (SERVER, CLIENT), (ACK, 200, 111), b"!!answer\n");
    bench.tcp(ms(2), (CLIENT, SERVER), (ACK, 111, 209), b"whole\n");
    bench.tcp(ms(3), (SERVER, CLIENT), (ACK, 209, 117), b"yes\n");
    assert_eq!(bench.said(), ["lines Name whole", "lines Location gap Resp None", "lines Hostname yes"]);
}

#[test]
fn unwanted_bytes_are_skipped_even_where_they_are_lost() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"skip 5000\n12345");
    bench.tcp(ms(11), (CLIENT, SERVER), (ACK, 4_110, 200), &[b'x'; 1_000]);
    bench.tcp(ms(12), (CLIENT, SERVER), (ACK, 5_110, 200), b"next\n");
    assert_eq!(bench.said(), ["lines Name skip 5000", "lines Name next"]);
}

#[test]
fn gap_is_told_and_survived() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"one\ntw");
    bench.tcp(ms(11), (CLIENT, SERVER), (ACK, 116, 200), b"three\n");
    bench.tick(ms(1_000));
    assert_eq!(bench.said(), ["lines Name one"]);
    bench.tick(ms(4_000));
    assert_eq!(bench.said(), ["lines Location gap Orig Some(10)", "lines Name three"]);
}

#[test]
fn openings_refusals_and_repetitions_are_told() {
    let mut bench = Bench::new();
    bench.tcp(ms(0), (CLIENT, SERVER), (SYN, 99, 0), b"");
    bench.tcp(ms(1_000), (CLIENT, SERVER), (SYN, 99, 0), b"");
    bench.tcp(ms(1_001), (SERVER, CLIENT), (RST | ACK, 0, 100), b"");
    let refused = bench.out.last().unwrap();
    assert_eq!((refused.subject.hop_limit, refused.subject.port, refused.peer.port), (63, 80, 5000));
    let target = "192.0.2.7".parse().unwrap();
    let opening = |attempt| format!("flow {:?}", Fact::Opening { target, port: 80, attempt });
    assert_eq!(bench.said(), [opening(1), opening(2), format!("flow {:?}", Fact::Refused { port: 80 })]);

    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
    bench.tcp(ms(300), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
    assert_eq!(bench.said()[1], format!("flow {:?}", Fact::Retried { target, attempt: 1 }));
}

#[test]
fn port_that_is_used_again_is_another_connection() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
    bench.tcp(ms(20), (CLIENT, SERVER), (SYN, 7_000, 0), b"");
    bench.tcp(ms(21), (CLIENT, SERVER), (ACK, 7_001, 0), b"b\n");
    let target = "192.0.2.7".parse().unwrap();
    let opening = format!("flow {:?}", Fact::Opening { target, port: 80, attempt: 1 });
    assert_eq!(bench.said(), ["lines Name a", "lines Location end", &opening, "lines Name b"]);
}

#[test]
fn bytes_of_all_connections_stay_in_bounds() {
    let mut bench = Bench::new();
    let payload = [&b"first\n"[..], &[b'x'; 1_300]].concat();
    let more = [b'x'; 1_306];
    for connection in 0..1_000_u16 {
        let at = ms(connection.into());
        let ends = (End { port: 1_000 + connection, ..CLIENT }, SERVER);
        bench.tcp(at, ends, (SYN, 99, 0), b"");
        // A message that never ends, then one behind a hole.
        for n in 0..4 {
            bench.tcp(at, ends, (ACK, 100 + n * 1_306, 200), if n == 0 { &payload } else { &more });
        }
        bench.tcp(at, ends, (ACK, 100_000, 200), &payload);
        assert!(bench.shard.flows.held <= segment::HELD_MAX + 8_000, "{}", bench.shard.flows.held);
    }
    bench.out.clear();
    bench.tick(ms(1_000));
    let lost = bench.said();
    assert!(lost.len() == 1 && lost[0].contains("bytes kept of connections"), "{lost:?}");
}

#[test]
fn last_words_of_open_sessions_are_heard_at_the_end() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
    let mut out = Vec::new();
    let counts = bench.shard.finish(ms(10), 9, &mut out);
    assert!(
        out.iter().any(|seen| matches!(&seen.fact, Fact::Attribute { value, .. } if value.as_str() == "end"))
    );
    assert_eq!((counts.two_way, counts.one_way, counts.frames), (1, 0, 4));
}
