//! Whole connections, fed in every possible way.

use proptest::prelude::*;

use super::*;
use crate::feeder::{self, Blocks, Feeder, Heard};
use crate::vocabulary::{Ended, Exchange, Key, Login, Outcome, StreamAnnounced, StreamTransport};

const CLIENT: Way = Way::Orig;
const SERVER: Way = Way::Resp;

fn heard(blocks: &Blocks) -> Heard {
    feeder::heard(&RTSP, blocks)
}

fn heard_in_pieces(blocks: &Blocks, size: impl FnMut() -> usize) -> Heard {
    feeder::heard_in_pieces(&RTSP, blocks, size)
}

fn text(way: Way, message: &str) -> (Way, Vec<u8>) {
    let (head, body) = message.split_once("\n\n").unwrap_or((message, ""));
    (way, format!("{}\r\n\r\n{body}", head.trim_start().replace('\n', "\r\n")).into_bytes())
}

fn rtp(channel: u8, sequence: u16, payload: usize) -> Vec<u8> {
    let mut bytes = vec![b'$', channel];
    bytes.extend((12 + payload as u16).to_be_bytes());
    bytes.extend(b"\x80\xe0");
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(u32::from(sequence).to_be_bytes());
    bytes.extend(b"\0\0\0\x07");
    bytes.resize(16 + payload, b'$');
    bytes
}

const REPORT: &[u8] =
    b"$\x01\0\x20\x81\xc9\0\x07\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0\x63\0\0\0\0\0\0\0\0\0\0\0\0";

const SDP: &str = "v=0\r\ns=Media Server\r\na=packetization-supported:DH\r\nm=video 0 RTP/AVP 96\r\n\
    a=control:trackID=0\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n";

/// Digest over a challenge, interleaved video, keep-alive, teardown.
fn dialogue() -> Blocks {
    let digest = "Authorization: Digest username=\"admin\", realm=\"Login to 1A\", response=\"0\"";
    let url = "rtsp://admin:secret@192.0.2.7:554/cam/realmonitor?channel=1";
    let mut blocks = vec![
        text(CLIENT, &format!("OPTIONS {url} RTSP/1.0\nCSeq: 1\nUser-Agent: Recorder/1")),
        text(SERVER, "RTSP/1.0 200 OK\nCSeq: 1\nServer: Rtsp Server/3.0\nPublic: OPTIONS, DESCRIBE"),
        text(CLIENT, &format!("DESCRIBE {url} RTSP/1.0\nCSeq: 2\nUser-Agent: Recorder/1")),
        text(
            SERVER,
            "RTSP/1.0 401 Unauthorized\nCSeq: 2\nWWW-Authenticate: Digest realm=\"Login to 1A\", nonce=\"n\"",
        ),
        text(CLIENT, &format!("DESCRIBE {url} RTSP/1.0\ncseq: 3\n{digest}")),
        text(
            SERVER,
            &format!(
                "RTSP/1.0 200 OK\nCSeq: 3\nDate: Tue, Dec 21 2021 12:08:36 GMT\nContent-Type: application/sdp\n\
                 Content-Base: {url}/\nContent-Length: {}\n\n{SDP}",
                SDP.len()
            ),
        ),
        text(
            CLIENT,
            &format!(
                "SETUP {url}/trackID=0 RTSP/1.0\nCSeq: 4\n{digest}\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1"
            ),
        ),
        text(
            SERVER,
            "RTSP/1.0 200 OK\nCSeq: 4\nSession: 42;timeout=60\nTransport: RTP/AVP/TCP;unicast;\n  interleaved=0-1;ssrc=00000007",
        ),
        text(CLIENT, &format!("PLAY {url}/ RTSP/1.0\nCSeq: 5\n{digest}\nSession: 42")),
        text(SERVER, "RTSP/1.0 200 OK\nCSeq: 5\nSession: 42;timeout=60"),
    ];
    let mut media: Vec<u8> = (10..30).flat_map(|n| rtp(0, n, usize::from(n) * 40)).collect();
    media.extend(text(SERVER, "RTSP/1.0 200 OK\nCSeq: 6").1);
    media.extend(rtp(0, 30, 5));
    blocks.push((
        CLIENT,
        [REPORT, &text(CLIENT, &format!("GET_PARAMETER {url} RTSP/1.0\nCSeq: 6\n{digest}")).1].concat(),
    ));
    blocks.push((SERVER, media));
    blocks.push(text(CLIENT, &format!("TEARDOWN {url}/ RTSP/1.0\nCSeq: 7\n{digest}")));
    blocks.push(text(SERVER, "RTSP/1.0 200 OK\nCSeq: 7"));
    blocks
}

/// Requests without answers, odd answers, a server that asks, LF alone, things that break.
fn oddities() -> Blocks {
    let long_body = "x".repeat(message::BODY_KEPT + 1000);
    vec![
        (CLIENT, b"OPTIONS * RTSP/1.0\nCSeq: 1\n\nDESCRIBE rtsp://h/x RTSP/1.0\nCSeq: 2\n\n".to_vec()),
        (SERVER, b"RTSP/1.0 404 Not Found\nCSeq: 2\n\n\r\n\r\nRTSP/1.0 200 OK\nCSeq: 1\nbroken\n\n".to_vec()),
        text(SERVER, "REDIRECT rtsp://h/x RTSP/1.0\nCSeq: 1\nLocation: rtsp://i/x"),
        text(CLIENT, "RTSP/1.0 200 OK\nCSeq: 1\nServer: not one"),
        (
            CLIENT,
            b"what is this\r\nSETUP rtsp://h/x RTSP/1.0\r\nTransport: RTP/AVP;client_port=5000-5001\r\n\r\n"
                .to_vec(),
        ),
        (SERVER, b"RTSP/1.0 200 OK\r\nTransport: RTP/AVP;server_port=6000-6001\r\n\r\n".to_vec()),
        text(
            CLIENT,
            &format!("SET_PARAMETER * RTSP/1.0\nCSeq: 9\nContent-Length: {}\n\n{long_body}", long_body.len()),
        ),
        text(SERVER, "RTSP/1.0 100 Continue\nCSeq: 9"),
        text(SERVER, "RTSP/1.0 200 OK\nCSeq: 9\nContent-Length: no\n\nRTSP/1.0 200"),
        (SERVER, [&b"\r\n\r\n"[..], &rtp(0, 1, 70), &rtp(4, 2, 0), b"$\0\0\0$\0\0\x01\x80", REPORT].concat()),
        text(CLIENT, "PLAY rtsp://h/x RTSP/1.0\nCSeq: 10"),
    ]
}

/// Joined midway: the end of a frame, frames, an answer.
fn middle() -> Blocks {
    let mut server = b"end of a frame $\0\0\x20".to_vec();
    server.extend((0..30).flat_map(|n| rtp(2, n, 333)));
    server.extend(text(SERVER, "RTSP/1.0 200 OK\nCSeq: 77\nSession: 5").1);
    server.extend((30..33).flat_map(|n| rtp(2, n, 333)));
    vec![(SERVER, server), (CLIENT, [b"\0\0\0\x07", REPORT, REPORT].concat())]
}

#[test]
fn attributes_of_both_ends_are_said_once() {
    let heard = heard(&dialogue());
    assert_eq!(heard.attributes(Key::RtspServer), ["Rtsp Server/3.0"]);
    assert_eq!(heard.attributes(Key::RtspUserAgent), ["Recorder/1"]);
    assert_eq!(heard.attributes(Key::RtspPublic), ["OPTIONS, DESCRIBE"]);
    assert_eq!(heard.attributes(Key::RtspRealm), ["Login to 1A"]);
    assert_eq!(heard.attributes(Key::RtspSession), ["42;timeout=60"]);
    assert_eq!(heard.attributes(Key::RtspDate), ["Tue, Dec 21 2021 12:08:36 GMT"]);
    assert_eq!(
        heard.attributes(Key::RtspPath),
        ["/cam/realmonitor?channel=1", "/cam/realmonitor?channel=1/trackID=0", "/cam/realmonitor?channel=1/"]
    );
    assert_eq!(heard.attributes(Key::SdpSession), ["s=Media Server"]);
    assert_eq!(heard.attributes(Key::SdpMedia).len(), 2);
    assert_eq!(heard.attributes(Key::SdpAttribute).len(), 3);
    assert_eq!(heard.faults(), []);
}

#[test]
fn requests_meet_their_answers() {
    let exchanges = heard(&dialogue()).of(|fact| matches!(fact, Fact::Exchange(_)));
    let shown: Vec<_> = exchanges
        .iter()
        .map(|(about, fact)| match fact {
            Fact::Exchange(exchange) => (*about, exchange.method.to_string(), exchange.status),
            _ => unreachable!(),
        })
        .collect();
    let methods = ["OPTIONS", "DESCRIBE", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"];
    let statuses = [200, 401, 200, 200, 200, 200, 200];
    let expected: Vec<_> =
        methods.iter().zip(statuses).map(|(m, s)| (About::Sender, m.to_string(), Some(s))).collect();
    assert_eq!(shown, expected);
}

#[test]
fn challenge_is_no_failed_login_and_success_is_said_once() {
    let logins = heard(&dialogue()).of(|fact| matches!(fact, Fact::Login(_)));
    let login = Login { account: Some("admin".into()), scheme: "digest-md5", outcome: Outcome::Accepted };
    assert_eq!(logins, [(About::Sender, Fact::Login(Box::new(login)))]);
}

/// What is said of who asks without a login.
fn anonymous(blocks: &Blocks) -> Vec<Option<String>> {
    let said = heard(blocks).of(|fact| matches!(fact, Fact::Anonymous { .. }));
    let given = said.into_iter().map(|(_, fact)| match fact {
        Fact::Anonymous { given } => given.map(|given| given.to_string()),
        _ => None,
    });
    given.collect()
}

#[test]
fn what_anybody_gets_or_is_refused_is_said() {
    let turn = |method: &str, more: &str, status: u16| {
        let asks = format!("{method} rtsp://h/a RTSP/1.0\nCSeq: 1{more}");
        [text(CLIENT, &asks), text(SERVER, &format!("RTSP/1.0 {status} X\nCSeq: 1"))]
    };
    let all = |turns: &[(&str, &str, u16)]| -> Vec<_> {
        anonymous(&turns.iter().flat_map(|(method, more, status)| turn(method, more, *status)).collect())
    };
    let given = |what: &str| Some(what.to_owned());
    let (describe, play) = (given("RTSP DESCRIBE"), given("RTSP PLAY"));
    assert_eq!(all(&[("OPTIONS", "", 200), ("DESCRIBE", "", 200)]), std::slice::from_ref(&describe));
    assert_eq!(all(&[("DESCRIBE", "", 200), ("SETUP", "", 200), ("PLAY", "", 200)]), [describe, play]);
    assert_eq!(all(&[("DESCRIBE", "", 401)]), [None]);
    // Who plays what was set up before may have logged in then.
    assert!(all(&[("PLAY", "", 200)]).is_empty());
    assert!(all(&[("DESCRIBE", "", 404), ("OPTIONS", "", 200)]).is_empty());
    for login in ["\nAuthorization: Basic YTpi", "\nX-Auth-Token: 1", "\nCookie: a=b"] {
        assert!(all(&[("OPTIONS", login, 200), ("DESCRIBE", "", 200)]).is_empty(), "{login}");
    }
    let with_user = text(CLIENT, "DESCRIBE rtsp://u:p@h/a RTSP/1.0\nCSeq: 1");
    assert!(anonymous(&vec![with_user, text(SERVER, "RTSP/1.0 200 OK\nCSeq: 1")]).is_empty());
}

#[test]
fn setup_announces_the_stream_of_its_section() {
    let streams = heard(&dialogue()).of(|fact| matches!(fact, Fact::StreamAnnounced(_)));
    let stream = StreamAnnounced {
        transport: StreamTransport::Interleaved,
        destination: None,
        source_port: None,
        destination_port: None,
        channel: Some(0),
        ssrc: Some(7),
        payload_type: Some(96),
        codec: Some("H264".into()),
        clock_hz: Some(90_000),
        is_encrypted: false,
    };
    assert_eq!(streams, [(About::Sender, Fact::StreamAnnounced(Box::new(stream)))]);
}

#[test]
fn interleaved_media_and_reports_are_read_between_messages() {
    let heard = heard(&dialogue());
    assert_eq!(
        heard.media.iter().map(|media| media.sequence).collect::<Vec<_>>(),
        (10..31).collect::<Vec<_>>()
    );
    assert!(heard.media.iter().all(|media| media.channel == Some(0) && media.ssrc == 7 && media.marker));
    assert_eq!(heard.media[0].bytes, 412);
    assert_eq!(heard.of(|fact| matches!(fact, Fact::ReceiverReport(_))).len(), 1);
}

#[test]
fn teardown_ends_the_stream_once_answered() {
    let mut blocks = dialogue();
    let ended = (About::Sender, Fact::StreamEnded { ssrc: Some(7), by: Ended::Teardown });
    assert_eq!(heard(&blocks).of(|fact| matches!(fact, Fact::StreamEnded { .. })), [ended]);
    blocks.pop();
    let heard = heard(&blocks);
    assert_eq!(heard.of(|fact| matches!(fact, Fact::StreamEnded { .. })), []);
    let exchange = Exchange {
        method: "TEARDOWN".into(),
        target: Some("rtsp://192.0.2.7:554/cam/realmonitor?channel=1/".into()),
        status: None,
    };
    let login = Login { account: Some("admin".into()), scheme: "digest-md5", outcome: Outcome::Unknown };
    let expected = [Fact::Exchange(Box::new(exchange)), Fact::Login(Box::new(login))];
    assert_eq!(heard.facts[heard.facts.len() - 2..], expected.map(|fact| (About::Receiver, fact)));
}

#[test]
fn no_secret_is_ever_said() {
    let basic =
        text(CLIENT, "PLAY rtsp://h/x?pwd=secret RTSP/1.0\nCSeq: 1\nAuthorization: Basic YWRtaW46c2VjcmV0");
    let mut blocks = dialogue();
    blocks.push(basic);
    let shown = format!("{:?}", heard(&blocks).facts);
    assert!(!shown.contains("secret") && !shown.contains("c2Vjcm"), "{shown}");
}

#[test]
fn refused_login_is_said_each_time_unless_the_nonce_was_stale() {
    let ask = |cseq| {
        text(CLIENT, &format!("DESCRIBE rtsp://h/x RTSP/1.0\nCSeq: {cseq}\nAuthorization: Basic YTpi"))
    };
    let refuse = |cseq, stale| {
        text(
            SERVER,
            &format!("RTSP/1.0 401 No\nCSeq: {cseq}\nWWW-Authenticate: Digest realm=\"r\", stale={stale}"),
        )
    };
    let blocks = vec![ask(1), refuse(1, "false"), ask(2), refuse(2, "FALSE"), ask(3), refuse(3, "TRUE")];
    let login = Login { account: Some("a".into()), scheme: "basic", outcome: Outcome::Rejected };
    let logins = heard(&blocks).of(|fact| matches!(fact, Fact::Login(_)));
    assert_eq!(logins, vec![(About::Sender, Fact::Login(Box::new(login))); 2]);
}

#[test]
fn answered_options_prove_no_login_unless_they_were_refused_before() {
    let ask = |cseq| text(CLIENT, &format!("OPTIONS * RTSP/1.0\nCSeq: {cseq}\nAuthorization: Basic YTpi"));
    let grant = |cseq| text(SERVER, &format!("RTSP/1.0 200 OK\nCSeq: {cseq}"));
    let logins = |blocks| heard(&blocks).of(|fact| matches!(fact, Fact::Login(_))).len();
    assert_eq!(logins(vec![ask(1), grant(1)]), 0);
    assert_eq!(logins(vec![ask(1), text(SERVER, "RTSP/1.0 401 No\nCSeq: 1"), ask(2), grant(2)]), 2);
}

#[test]
fn server_is_told_by_what_is_asked_not_by_who_began() {
    let swapped = |(way, bytes): (Way, Vec<u8>)| (way.other(), bytes);
    let blocks: Blocks = dialogue().into_iter().map(swapped).collect();
    assert_eq!(heard(&blocks).facts, heard(&dialogue()).facts);
}

#[test]
fn server_that_asks_stays_the_server() {
    let heard = heard(&oddities());
    assert_eq!(heard.of(|fact| matches!(fact, Fact::Service { .. })).len(), 1);
    assert_eq!(heard.attributes(Key::RtspServer), [""; 0]);
    assert!(
        heard
            .of(|fact| matches!(fact, Fact::Exchange(exchange) if exchange.method.as_str() == "REDIRECT"))
            .is_empty()
    );
}

#[test]
fn answer_without_cseq_belongs_to_the_oldest_request() {
    let heard = heard(&oddities());
    let streams = heard.of(|fact| matches!(fact, Fact::StreamAnnounced(_)));
    let [(About::Sender, Fact::StreamAnnounced(stream))] = &streams[..] else { panic!("{streams:?}") };
    assert_eq!((stream.source_port, stream.destination_port), (Some(6000), Some(5000)));
}

#[test]
fn what_breaks_the_grammar_is_told_and_read_past() {
    let heard = heard(&oddities());
    assert_eq!(
        heard.faults(),
        [
            Malformed::Invalid { field: "header" },
            Malformed::Invalid { field: "start line" },
            Malformed::Invalid { field: "Content-Length" },
        ]
    );
    assert_eq!(heard.media.len(), 2);
}

#[test]
fn only_answers_seen_still_announce_the_stream() {
    let blocks: Blocks = dialogue().into_iter().filter(|(way, _)| *way == SERVER).collect();
    let heard = heard(&blocks);
    assert_eq!(heard.of(|fact| matches!(fact, Fact::StreamAnnounced(_))).len(), 1);
    assert_eq!(heard.media.len(), 21);
}

#[test]
fn stream_joined_midway_is_read_from_its_next_frame() {
    let heard = heard(&middle());
    assert_eq!(
        heard.media.iter().map(|media| media.sequence).collect::<Vec<_>>(),
        (0..33).collect::<Vec<_>>()
    );
    assert_eq!(heard.attributes(Key::RtspSession), ["5"]);
    assert_eq!(heard.of(|fact| matches!(fact, Fact::ReceiverReport(_))).len(), 2);
    assert_eq!(heard.faults(), []);
}

#[test]
fn loss_costs_no_more_than_the_frames_it_hit() {
    let mut feeder = Feeder::new(&RTSP);
    for (way, bytes) in dialogue().iter().take(10) {
        feeder.feed(*way, bytes);
    }
    let stream: Vec<u8> = (0..100).flat_map(|n| rtp(0, n, 700)).collect();
    feeder.feed(SERVER, &stream[..716 * 20 + 300]);
    feeder.gap(SERVER);
    feeder.feed(SERVER, &stream[716 * 40 + 77..]);
    let heard = feeder.end();
    let expected: Vec<_> = (0..=20).chain(41..100).collect();
    assert_eq!(heard.media.iter().map(|media| media.sequence).collect::<Vec<_>>(), expected);
    assert_eq!(heard.faults(), []);
}

#[test]
fn message_after_a_loss_is_read() {
    let mut feeder = Feeder::new(&RTSP);
    let blocks = dialogue();
    feeder.feed(CLIENT, &blocks[0].1[..20]);
    feeder.gap(CLIENT);
    feeder.feed(CLIENT, b"tail of a header\r\n\r\n");
    feeder.feed(CLIENT, &blocks[2].1);
    feeder.feed(SERVER, &blocks[3].1);
    let heard = feeder.end();
    assert_eq!(heard.of(|fact| matches!(fact, Fact::Exchange(_))).len(), 1);
    assert_eq!(heard.faults(), []);
}

#[test]
fn stream_of_something_else_is_given_up() {
    let heard = heard_in_pieces(&vec![(SERVER, vec![0xaa; SEEK_MAX])], || 1400);
    assert!(heard.is_done);
    assert_eq!(heard.facts, []);
}

#[test]
fn never_ending_messages_are_not_waited_for() {
    for start in ["RTSP/1.0 200 OK\r\nA: ", "PLAY rtsp://h/", "$\0\u{7f}\u{7f}\0\0"] {
        let mut feeder = Feeder::new(&RTSP);
        feeder.feed(CLIENT, &text(CLIENT, "OPTIONS * RTSP/1.0\nCSeq: 1").1);
        feeder.feed(CLIENT, start.as_bytes());
        for _ in 0..1000 {
            feeder.feed(CLIENT, &[b'$'; 700]);
        }
        assert!(feeder.kept_most <= 128 * 1024, "{start}: {}", feeder.kept_most);
    }
}

#[test]
fn requests_that_are_never_answered_are_bounded() {
    let mut feeder = Feeder::new(&RTSP);
    for n in 0..100 {
        feeder.feed(CLIENT, &text(CLIENT, &format!("OPTIONS rtsp://h/{n} RTSP/1.0\nCSeq: {n}")).1);
    }
    assert_eq!(feeder.sink.facts.len(), 68);
    let exchanges =
        feeder.end().of(|fact| matches!(fact, Fact::Exchange(exchange) if exchange.status.is_none()));
    assert_eq!(exchanges.len(), 100);
    assert!(exchanges.iter().all(|(about, _)| *about == About::Receiver));
}

#[test]
fn probe_knows_the_protocol_at_its_start_and_in_its_middle() {
    let on_port = Envelope { destination_port: 554, ..Envelope::default() };
    let elsewhere = Envelope { destination_port: 9000, ..Envelope::default() };
    for envelope in [on_port, elsewhere] {
        assert_eq!(probe(&envelope, b"DESCRIBE rtsp://h/x RTSP/1.0\r\n"), Probe::Yes);
        assert_eq!(probe(&envelope, b"\r\nRTSP/1.0 200 OK"), Probe::Yes);
        assert_eq!(probe(&envelope, b"DESC"), Probe::Maybe);
    }
    let middle = &middle()[0].1;
    assert_eq!(probe(&on_port, middle), Probe::Yes);
    assert_eq!(probe(&on_port, &middle[..300]), Probe::Maybe);
    assert_eq!(probe(&on_port, &[0xaa; PROBE_MAX]), Probe::No);
    for other in [&middle[..], b"GET / HTTP/1.1\r\n", b"$\0\0\x20", b"HELO x", b"\x16\x03\x01"] {
        assert_eq!(probe(&elsewhere, other), Probe::No);
    }
}

#[test]
fn byte_by_byte_says_the_same_as_whole() {
    for blocks in [dialogue(), oddities(), middle()] {
        assert_eq!(heard_in_pieces(&blocks, || 1), heard(&blocks));
    }
}

#[test]
fn every_prefix_is_answered_without_panic() {
    for blocks in [dialogue(), oddities(), middle()] {
        feeder::read_prefixes(&RTSP, &blocks);
    }
}

proptest! {
    #[test]
    fn random_cuts_say_the_same_as_whole(sizes in proptest::collection::vec(1_usize..900, 1..40)) {
        for blocks in [dialogue(), oddities(), middle()] {
            let mut next = sizes.iter().cycle();
            prop_assert_eq!(heard_in_pieces(&blocks, || *next.next().unwrap()), heard(&blocks));
        }
    }

    #[test]
    fn damaged_streams_say_the_same_however_they_are_cut(
        damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..12),
        sizes in proptest::collection::vec(1_usize..900, 1..20),
    ) {
        for blocks in [dialogue(), oddities(), middle()] {
            prop_assert!(feeder::says_the_same_damaged(&RTSP, &blocks, &damage, &sizes));
        }
    }
}
