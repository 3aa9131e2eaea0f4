//! Whole flows, fed in every possible way.

use proptest::prelude::*;

use super::*;
use crate::feeder::{self, Blocks, Feeder, Heard};
use crate::vocabulary::{Key, Login, Outcome};

const CALLER: Way = Way::Orig;
const CALLED: Way = Way::Resp;

fn heard(blocks: &Blocks) -> Heard {
    feeder::heard(&SIP, blocks)
}

fn text(way: Way, message: &str) -> (Way, Vec<u8>) {
    let (head, body) = message.split_once("\n\n").unwrap_or((message, ""));
    (way, format!("{}\r\n\r\n{body}", head.trim_start().replace('\n', "\r\n")).into_bytes())
}

const INTERCOM: &str = "User-Agent: AXIS A8105-E Network Video Door Station";

/// An intercom registers, a challenge and a login in between, and calls.
fn dialogue() -> Blocks {
    let register = "REGISTER sip:pbx.example SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7:5060\nCall-ID: a";
    let digest =
        "Authorization: Digest username=\"door\", realm=\"pbx\", nonce=\"n1\", response=\"0\", cnonce=\"zz\"";
    let invite = "INVITE sip:desk:secret@pbx.example;user=phone SIP/2.0\nv: SIP/2.0/UDP 192.0.2.7\ni: b\nCSeq: 1 INVITE";
    let sdp = "v=0\no=- 0 0 IN IP4 192.0.2.7\ns=Door\nc=IN IP4 192.0.2.7\nt=0 0\nm=audio 4000 RTP/AVP 0\n";
    vec![
        text(CALLER, &format!("{register}\nCSeq: 1 REGISTER\n{INTERCOM}")),
        text(
            CALLED,
            "SIP/2.0 401 Unauthorized\nCall-ID: a\nCSeq: 1 REGISTER\nServer: Exchange 1\n\
             WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"",
        ),
        text(CALLER, &format!("{register}\nCSeq: 2 REGISTER\n{INTERCOM}\n{digest}")),
        text(CALLED, "SIP/2.0 100 Trying\nCall-ID: a\nCSeq: 2 REGISTER\nServer: Exchange 1"),
        text(CALLED, "SIP/2.0 200 OK\nCall-ID: a\nCSeq: 2 REGISTER\nServer: Exchange 1"),
        (CALLER, b"\r\n\r\n".to_vec()),
        text(CALLER, &format!("{invite}\nc: application/sdp\nl: {}\n\n{sdp}", sdp.len())),
        text(
            CALLED,
            "SIP/2.0 486 Busy Here\ni: b\nCSeq: 1 INVITE\nUser-Agent: Desk phone\nContact: <sip:9@198.51.100.1>",
        ),
        text(CALLER, "ACK sip:desk@pbx.example SIP/2.0\ni: b\nCSeq: 1 ACK"),
    ]
}

#[test]
fn requests_and_their_answers_are_paired() {
    let exchanges = heard(&dialogue()).of(|fact| matches!(fact, Fact::Exchange(_)));
    let exchanges: Vec<_> = exchanges.iter().map(|(about, fact)| (*about, format!("{fact:?}"))).collect();
    let exchange = |method: &str, target: &str, status: u16| {
        let exchange = crate::vocabulary::Exchange {
            method: method.into(),
            target: Some(target.into()),
            status: Some(status),
        };
        (About::Sender, format!("{:?}", Fact::Exchange(Box::new(exchange))))
    };
    assert_eq!(
        exchanges,
        [
            exchange("REGISTER", "sip:pbx.example", 401),
            exchange("REGISTER", "sip:pbx.example", 200),
            exchange("INVITE", "sip:desk@pbx.example", 486),
        ]
    );
}

#[test]
fn login_is_accepted_once_and_its_secret_never_shown() {
    let heard = heard(&dialogue());
    let login = Login { account: Some("door".into()), scheme: "digest-md5", outcome: Outcome::Accepted };
    assert_eq!(
        heard.of(|fact| matches!(fact, Fact::Login(_))),
        [(About::Sender, Fact::Login(Box::new(login)))]
    );
    assert!(!format!("{:?}", heard.facts).contains("secret"));
    assert_eq!(heard.faults(), []);
}

#[test]
fn login_is_refused_where_its_own_nonce_is_asked_for_again() {
    for (answer, outcome) in [
        ("403 Forbidden\nX: y", Some(Outcome::Rejected)),
        ("401 No\nWWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"", Some(Outcome::Rejected)),
        ("401 No\nWWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\", stale=TRUE", None),
        ("401 No\nWWW-Authenticate: Digest realm=\"pbx\", nonce=\"n2\"", None),
        ("500 Broken\nX: y", None),
    ] {
        let blocks = vec![
            dialogue()[2].clone(),
            text(CALLED, &format!("SIP/2.0 {answer}\nCall-ID: a\nCSeq: 2 REGISTER")),
        ];
        let logins = heard(&blocks).of(|fact| matches!(fact, Fact::Login(_)));
        let outcomes: Vec<_> = logins
            .iter()
            .map(|(_, fact)| match fact {
                Fact::Login(login) => login.outcome,
                _ => Outcome::Unknown,
            })
            .collect();
        assert_eq!(outcomes, Vec::from_iter(outcome), "{answer}");
    }
}

#[test]
fn software_is_told_of_who_says_it_himself() {
    let heard = heard(&dialogue());
    let agents = heard.attributes(Key::SipUserAgent);
    assert_eq!(agents, ["AXIS A8105-E Network Video Door Station"; 2]);
    assert_eq!(heard.attributes(Key::SipServer), ["Exchange 1"; 3]);
    assert_eq!(heard.attributes(Key::SdpSession), ["s=Door"]);
    let passed_on = text(
        CALLER,
        &format!(
            "INVITE sip:a@h SIP/2.0\nVia: SIP/2.0/UDP pbx, SIP/2.0/UDP phone\nCall-ID: c\nCSeq: 1 INVITE\n{INTERCOM}"
        ),
    );
    assert_eq!(feeder::heard(&SIP, &vec![passed_on]).attributes(Key::SipUserAgent), [""; 0]);
}

#[test]
fn answer_is_its_senders_own_where_he_names_himself() {
    let envelope = Envelope {
        source: Some("192.0.2.9".parse().unwrap()),
        destination: Some("192.0.2.7".parse().unwrap()),
        source_port: PORT,
        destination_port: PORT,
        ..Envelope::default()
    };
    for (contact, agents) in [("<sip:door@192.0.2.7:5060>", 1), ("sip:door@192.0.2.8", 0)] {
        let mut feeder = Feeder::between(&SIP, &envelope);
        let answer = format!("SIP/2.0 200 OK\nCall-ID: d\nCSeq: 1 OPTIONS\nContact: {contact}\n{INTERCOM}");
        feeder.feed(CALLED, &text(CALLED, &answer).1);
        let heard = feeder.end();
        assert_eq!(heard.attributes(Key::SipUserAgent).len(), agents);
        assert_eq!(heard.of(|fact| matches!(fact, Fact::Service { .. })).len(), 1);
    }
}

#[test]
fn datagrams_need_no_length_and_may_be_cut() {
    let envelope = Envelope::default();
    let mut feeder = Feeder::between(&SIP, &envelope);
    feeder.feed(CALLER, b"\r\n");
    feeder.feed(CALLER, b"\0\x01\0\0\x21\x12\xa4\x42");
    feeder.feed(CALLER, b"MESSAGE sip:a@h SIP/2.0\r\nVia: x\r\nc: application/sdp\r\n\r\nv=0\r\ns=Gate\r\n");
    feeder.feed(CALLER, b"OPTIONS sip:a@h SIP/2.0\r\nVia: x\r\nUser-Agent: cut");
    let heard = feeder.end();
    assert_eq!(heard.attributes(Key::SdpSession), ["s=Gate"]);
    assert_eq!(heard.attributes(Key::SipUserAgent), ["cut"]);
    assert_eq!(heard.faults(), [Malformed::Truncated { field: "header" }]);
}

#[test]
fn stream_is_read_again_behind_a_loss() {
    let mut feeder = Feeder::new(&SIP);
    let blocks = dialogue();
    feeder.feed(CALLER, &blocks[0].1[..40]);
    feeder.gap(CALLER);
    feeder.feed(CALLER, b"of a header: x\r\n\r\nv=0\r\n");
    feeder.feed(CALLER, &blocks[2].1);
    feeder.feed(CALLED, &blocks[4].1);
    let heard = feeder.end();
    assert_eq!(heard.of(|fact| matches!(fact, Fact::Exchange(_))).len(), 1);
    assert_eq!(heard.faults(), []);
}

#[test]
fn stream_of_something_else_is_given_up() {
    let mut feeder = Feeder::new(&SIP);
    feeder.feed(CALLER, &dialogue()[0].1);
    for _ in 0..200 {
        feeder.feed(CALLER, &[0xaa; 900]);
    }
    assert!(feeder.kept_most <= SEEK_MAX + 900, "{}", feeder.kept_most);
    assert_eq!(feeder.end().faults(), [Malformed::Invalid { field: "start line" }]);
}

#[test]
fn requests_that_are_never_answered_are_bounded_and_told() {
    let mut feeder = Feeder::new(&SIP);
    for n in 0..100 {
        let request = format!("OPTIONS sip:{n}@h SIP/2.0\nCall-ID: {n}\nCSeq: 1 OPTIONS");
        feeder.feed(CALLER, &text(CALLER, &request).1);
    }
    assert_eq!(feeder.sink.facts.len(), 36);
    let exchanges =
        feeder.end().of(|fact| matches!(fact, Fact::Exchange(exchange) if exchange.status.is_none()));
    assert_eq!(exchanges.len(), 100);
    assert!(exchanges.iter().all(|(about, _)| *about == About::Receiver));
}

#[test]
fn uri_is_shown_without_password_and_parameters() {
    for (uri, shown) in [
        ("sip:door@192.0.2.7:5060;transport=udp", "sip:door@192.0.2.7:5060"),
        ("sips:door:pa@ss;w?rd@pbx.example?subject=x", "sips:door@pbx.example"),
        ("sip:[2001:db8::7]:5060", "sip:[2001:db8::7]:5060"),
        ("tel:+4711", "tel:+4711"),
        ("", ""),
    ] {
        assert_eq!(String::from_utf8(Uri::parse(uri.as_bytes()).shown()).unwrap(), shown);
    }
    let addresses = ["\"Door\" <sip:a@192.0.2.7:5060>;tag=1", "sip:[2001:db8::7];x", "<sip:pbx.example>"];
    let addresses = addresses.map(|value| Uri::find(value.as_bytes()).and_then(|uri| uri.address()));
    assert_eq!(addresses, [Some("192.0.2.7".parse().unwrap()), Some("2001:db8::7".parse().unwrap()), None]);
}

#[test]
fn nonce_is_told_from_the_clients_own() {
    assert_eq!(nonce(b"Digest cnonce=\"c\", nonce=\"n\""), Some(&b"n"[..]));
    assert_eq!(nonce(b"Digest nonce=n, cnonce=\"c\""), Some(&b"n"[..]));
    assert_eq!(nonce(b"Digest cnonce=\"c\""), None);
}

#[test]
fn probe_knows_messages_alone() {
    let stream = Envelope { is_stream: true, ..Envelope::default() };
    for (bytes, answer) in [
        (&b"INVITE sip:a@h SIP/2.0\r\n"[..], Probe::Yes),
        (b"\r\nSIP/2.0 200 OK", Probe::Yes),
        (b"REGIS", Probe::Maybe),
        (b"OPTIONS rtsp://h RTSP/1.0\r\n", Probe::No),
        (b"GET / HTTP/1.1\r\n", Probe::No),
        (b"XYZ", Probe::No),
        (b"\x80\x60", Probe::No),
    ] {
        assert_eq!(probe(&stream, bytes), answer, "{}", bytes.escape_ascii());
    }
    assert_eq!(probe(&Envelope::default(), b"REGIS"), Probe::No);
    // At home a method that nobody knows may become a message, however it is cut.
    let at_home = Envelope { destination_port: PORT, ..stream };
    assert_eq!(probe(&at_home, b"XYZ"), Probe::Maybe);
    assert_eq!(probe(&at_home, b"XYZ sip:door"), Probe::Yes);
}

#[test]
fn byte_by_byte_says_the_same_as_whole() {
    assert_eq!(feeder::heard_in_pieces(&SIP, &dialogue(), || 1), heard(&dialogue()));
    feeder::read_prefixes(&SIP, &dialogue());
}

proptest! {
    #[test]
    fn damaged_streams_say_the_same_however_they_are_cut(
        damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12),
        sizes in proptest::collection::vec(1_usize..300, 1..20),
    ) {
        prop_assert!(feeder::says_the_same_damaged(&SIP, &dialogue(), &damage, &sizes));
    }

    #[test]
    fn a_password_never_shows(password in "[!-~]{0,12}Zq7[!-~]{0,12}") {
        let shown = Uri::parse(format!("sip:door:{password}@192.0.2.7").as_bytes()).shown();
        prop_assert_eq!(shown, b"sip:door@192.0.2.7");
    }
}
