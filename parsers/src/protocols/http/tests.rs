//! Whole connections, fed in every possible way.

use proptest::prelude::*;

use super::*;
use crate::feeder::{self, Blocks, Feeder};
use crate::vocabulary::{Exchange, Key, Login, Outcome, TimeTold};

const CLIENT: Way = Way::Orig;
const SERVER: Way = Way::Resp;

type Facts = Vec<(About, Fact)>;

fn heard(blocks: &Blocks) -> Facts {
    feeder::heard(&HTTP, blocks).facts
}

fn heard_in_pieces(blocks: &Blocks, size: impl FnMut() -> usize) -> Facts {
    feeder::heard_in_pieces(&HTTP, blocks, size).facts
}

/// Headers and body with line ends as they must be, and the length of the body.
fn text(way: Way, message: &str) -> (Way, Vec<u8>) {
    let (head, body) = message.split_once("\n\n").unwrap_or((message, ""));
    let head = head.trim_start().replace('\n', "\r\n");
    let has_length = head.contains("chunked") || head.contains("Content-Length") || body.is_empty();
    let length = if has_length { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    (way, format!("{head}\r\n{length}\r\n{body}").into_bytes())
}

fn empty(way: Way, head: &str) -> (Way, Vec<u8>) {
    text(way, &format!("{head}\nContent-Length: 0"))
}

fn attribute(key: Key, value: &str) -> Fact {
    Fact::Attribute { key, value: value.into() }
}

fn exchange(method: &str, target: &str, status: Option<u16>) -> Fact {
    let target = Some(target.into()).filter(|target: &crate::Text| !target.is_empty());
    Fact::Exchange(Box::new(Exchange { method: method.into(), target, status }))
}

fn login(account: &str, scheme: &'static str, outcome: Outcome) -> Fact {
    Fact::Login(Box::new(Login { account: Some(account.into()), scheme, outcome }))
}

fn faults(facts: &[(About, Fact)]) -> Vec<Malformed> {
    let faults = facts.iter().filter_map(|(_, fact)| match fact {
        Fact::Malformed(fault) => Some(*fault),
        _ => None,
    });
    faults.collect()
}

fn attributes(facts: &[(About, Fact)], wanted: Key) -> Vec<&str> {
    let values = facts.iter().filter_map(|(_, fact)| match fact {
        Fact::Attribute { key, value } if *key == wanted => Some(value.as_str()),
        _ => None,
    });
    values.collect()
}

const ENVELOPE: &str = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
    xmlns:t=\"http://www.onvif.org/ver10/device/wsdl\">";

fn soap(header: &str, body: &str) -> String {
    format!("{ENVELOPE}<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>")
}

const TOKEN: &str = "<Security><UsernameToken><Username>operator</Username>\
    <Password Type=\"x#PasswordDigest\">aGlkZGVu</Password></UsernameToken></Security>";

/// A login page, a challenge, ONVIF's questions, an upgrade at last.
fn dialogue() -> Blocks {
    let page = "<html><head><title>WEB\n SERVICE</title></head></html>";
    let information = soap(
        "",
        "<t:GetDeviceInformationResponse><t:Manufacturer>Acme</t:Manufacturer><t:Model>C7</t:Model>",
    );
    let chunks = |body: &str| {
        let (one, other) = body.split_at(body.len() / 3);
        format!("{:x};x=y\r\n{one}\r\n{:X}\r\n{other}\r\n0\r\nX: y\r\n\r\n", one.len(), other.len())
    };
    vec![
        text(CLIENT, "GET /?u=admin&p=x HTTP/1.1\nHost: 192.0.2.7\nUser-Agent: Browser/1"),
        text(
            SERVER,
            &format!("HTTP/1.1 200 OK\nServer: Webs\nContent-Type: text/html; charset=utf-8\n\n{page}"),
        ),
        text(CLIENT, "GET /ISAPI/System/deviceInfo/x/y?z HTTP/1.1\nUser-Agent: Browser/1"),
        empty(
            SERVER,
            "HTTP/1.1 401 Unauthorized\nServer: Webs\nWWW-Authenticate: Digest realm=\"IP Camera(C1)\", nonce=\"n\"",
        ),
        text(
            CLIENT,
            "GET /ISAPI/System/deviceInfo/x/y?z HTTP/1.1\nAuthorization: Digest username=\"admin\", response=\"0\"",
        ),
        text(SERVER, "HTTP/1.1 200 OK\nContent-Type: image/jpeg\n\n\u{fffd}HTTP/1.1 200 OK\r\n\r\n"),
        text(
            CLIENT,
            &format!(
                "POST /onvif/device_service HTTP/1.1\nContent-Type: application/soap+xml\n\n{}",
                soap(TOKEN, "<t:GetDeviceInformation/>")
            ),
        ),
        text(SERVER, "HTTP/1.1 100 Continue"),
        text(
            SERVER,
            &format!(
                "HTTP/1.1 200 OK\nContent-Type: application/soap+xml\nTransfer-Encoding: chunked\n\n{}",
                chunks(&information)
            ),
        ),
        text(CLIENT, "HEAD /a HTTP/1.1"),
        text(SERVER, "HTTP/1.1 200 OK\nContent-Length: 500"),
        text(CLIENT, "GET /socket HTTP/1.1\nUpgrade: websocket"),
        text(SERVER, "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket"),
        (SERVER, b"\x81\x05HTTP/1.1 200 OK\r\nServer: not me\r\n\r\n".to_vec()),
    ]
}

#[test]
fn an_answer_is_dated_by_its_server_once_a_minute() {
    let dated = |header: &str| {
        [
            text(CLIENT, "GET / HTTP/1.1"),
            empty(SERVER, &format!("HTTP/1.1 200 OK\nContent-Length: 0\n{header}")),
        ]
    };
    let blocks = [
        "Date: Sun, 06 Nov 1994 08:49:37 GMT",
        "Date: Sun, 06 Nov 1994 08:50:36 GMT",
        "Date: Sun, 06 Nov 1994 08:50:37 GMT",
        "Date: Sun, 06 Nov 1994 08:40:00 GMT",
        "Date: Sun, 06 Nov 1994 09:50:37 GMT\nAge: 7",
        "Date: now",
    ];
    let facts = heard(&blocks.map(dated).concat());
    let told = facts.iter().filter_map(|fact| match fact {
        (About::Sender, Fact::TimeOfDay { utc, told: TimeTold::Dated }) => Some(utc.0 / 1_000_000_000),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [784_111_777, 784_111_837, 784_111_200]);
}

#[test]
fn dialogue_is_told_in_order() {
    use About::Sender;
    let expected = [
        attribute(Key::HttpUserAgent, "Browser/1"),
        Fact::Service { protocol: "http" },
        attribute(Key::HttpServer, "Webs"),
        exchange("GET", "", Some(200)),
        attribute(Key::HttpTitle, "WEB SERVICE"),
        attribute(Key::HttpRealm, "IP Camera(C1)"),
        exchange("GET", "/ISAPI/System/deviceInfo", Some(401)),
        exchange("GET", "/ISAPI/System/deviceInfo", Some(200)),
        login("admin", "digest-md5", Outcome::Accepted),
        attribute(Key::HttpPath, "/ISAPI/System/deviceInfo/x/y"),
        exchange("POST", "/onvif/device_service", Some(200)),
        attribute(Key::HttpPath, "/onvif/device_service"),
        Fact::Service { protocol: "onvif" },
        attribute(Key::Vendor, "Acme"),
        attribute(Key::Model, "C7"),
        login("operator", "wsse-digest", Outcome::Accepted),
        exchange("HEAD", "/a", Some(200)),
        attribute(Key::HttpPath, "/a"),
        exchange("GET", "/socket", Some(101)),
    ];
    assert_eq!(heard(&dialogue()), expected.map(|fact| (Sender, fact)));
}

/// What is said of who asks without a login.
fn anonymous(blocks: &Blocks) -> Vec<Option<String>> {
    let said = heard(blocks).into_iter().filter_map(|(_, fact)| match fact {
        Fact::Anonymous { given } => Some(given.map(|given| given.to_string())),
        _ => None,
    });
    said.collect()
}

#[test]
fn pictures_that_anybody_gets_are_said() {
    let turn = |asks: &str, answers: &str| vec![text(CLIENT, asks), text(SERVER, answers)];
    let snapshot = "GET /axis-cgi/jpg/image.cgi?resolution=1x1 HTTP/1.1";
    let video = |kind: &str| {
        format!(
            "HTTP/1.1 200 OK\nContent-Type: multipart/x-mixed-replace; boundary=b\n\n--b\r\nContent-Type: {kind}\r\n\r\n"
        )
    };
    let picture = "HTTP/1.1 200 OK\nContent-Type: image/jpeg\n\nx";
    let given = |what: &str| [Some(what.to_owned())];
    assert_eq!(anonymous(&turn(snapshot, picture)), given("HTTP snapshot"));
    assert_eq!(anonymous(&turn("GET /v HTTP/1.1", &video("image/jpeg"))), given("HTTP video (MJPEG)"));
    assert_eq!(anonymous(&turn("GET /v HTTP/1.1", "HTTP/1.1 401 No\n\n")), [None]);
    for (asks, answers) in [
        ("GET /v HTTP/1.1".to_owned(), video("text/plain")),
        ("GET /logo.jpg HTTP/1.1".to_owned(), picture.to_owned()),
        (format!("{snapshot}\nCookie: session=1"), picture.to_owned()),
        (snapshot.replace('?', "?pwd=x&"), picture.to_owned()),
        ("GET /v HTTP/1.1\nAuthorization: Basic YTpi".to_owned(), video("image/jpeg")),
    ] {
        assert!(anonymous(&turn(&asks, &answers)).is_empty(), "{asks}: {answers}");
    }
}

#[test]
fn calls_of_onvif_that_anybody_may_make_are_said_unless_they_are_meant_for_all() {
    let call = |token: &str, operation: &str, answer: &str| {
        let head = "HTTP/1.1\nContent-Type: application/soap+xml";
        let asks =
            format!("POST /onvif/device_service {head}\n\n{}", soap(token, &format!("<t:{operation}/>")));
        let answers = format!("HTTP/1.1 200 OK\nContent-Type: application/soap+xml\n\n{}", soap("", answer));
        anonymous(&vec![text(CLIENT, &asks), text(SERVER, &answers)])
    };
    let users = "<t:GetUsersResponse/>";
    assert_eq!(call("", "GetUsers", users), [Some("ONVIF GetUsers".to_owned())]);
    assert_eq!(call("", "GetUsers", "<s:Fault><s:Value>ter:NotAuthorized</s:Value></s:Fault>"), [None]);
    assert!(call(TOKEN, "GetUsers", users).is_empty());
    assert!(call("<Security><SamlAssertion/></Security>", "GetUsers", users).is_empty());
    assert!(call("", "GetSystemDateAndTime", "<t:GetSystemDateAndTimeResponse/>").is_empty());
    assert!(call("", "PullMessages", "<t:PullMessagesResponse/>").is_empty());
    assert!(call("", "GetUsers", "<s:Fault/>").is_empty());
}

#[test]
fn no_secret_is_told() {
    let blocks = vec![
        text(CLIENT, "GET /x/password/Zq7/y?token=Zq7 HTTP/1.1\nAuthorization: Basic YWRtaW46WnE3"),
        empty(SERVER, "HTTP/1.1 401 No"),
        text(CLIENT, "GET http://u:Zq7@192.0.2.9/a HTTP/1.1"),
        empty(SERVER, "HTTP/1.1 200 OK"),
    ];
    let told = format!("{:?}", heard(&blocks));
    assert!(!told.contains("Zq7") && !told.contains("WnE3"), "{told}");
}

#[test]
fn dialogue_says_the_same_byte_by_byte() {
    assert_eq!(heard_in_pieces(&dialogue(), || 1), heard(&dialogue()));
}

#[test]
fn login_that_nobody_asked_for_proves_nothing() {
    let ask = |authorization: &str| text(CLIENT, &format!("GET /a HTTP/1.1\nAuthorization: {authorization}"));
    let basic = "Basic YWRtaW46c2VjcmV0";
    let outcomes = |blocks: Blocks| {
        let logins = heard(&blocks).into_iter().filter_map(|(_, fact)| match fact {
            Fact::Login(login) => Some(login.outcome),
            _ => None,
        });
        logins.collect::<Vec<_>>()
    };
    let (yes, no) = (empty(SERVER, "HTTP/1.1 200 OK"), empty(SERVER, "HTTP/1.1 401 No"));
    assert_eq!(outcomes(vec![ask(basic), yes.clone(), ask(basic), yes.clone()]), [Outcome::Unknown]);
    assert_eq!(
        outcomes(vec![ask(basic), no.clone(), ask(basic), yes.clone(), ask(basic), yes]),
        [Outcome::Rejected, Outcome::Accepted]
    );
    let stale = empty(SERVER, "HTTP/1.1 401 No\nWWW-Authenticate: Digest realm=\"r\", stale=true");
    assert_eq!(outcomes(vec![ask("Digest username=\"u\""), stale]), []);
    assert_eq!(outcomes(vec![ask(basic)]), [Outcome::Unknown]);
}

#[test]
fn refused_token_is_a_rejected_login() {
    let ask = |operation: &str| {
        let body = soap(TOKEN, &format!("<t:{operation}/>"));
        text(CLIENT, &format!("POST /onvif HTTP/1.1\nContent-Type: text/xml\n\n{body}"))
    };
    let fault = "<Envelope><Body><Fault><Subcode><Value>ter:NotAuthorized</Value></Subcode></Fault></Body></Envelope>";
    let answer = |status: &str, body: &str| {
        text(SERVER, &format!("HTTP/1.1 {status}\nContent-Type: application/soap+xml\n\n{body}"))
    };
    let blocks = vec![
        ask("GetProfiles"),
        answer("400 Bad Request", fault),
        // Anybody may ask for that.
        ask("GetSystemDateAndTime"),
        answer("200 OK", &soap("", "<t:GetSystemDateAndTimeResponse/>")),
    ];
    let logins: Vec<_> =
        heard(&blocks).into_iter().filter(|(_, fact)| matches!(fact, Fact::Login(_))).collect();
    assert_eq!(logins, [(About::Sender, login("operator", "wsse-digest", Outcome::Rejected))]);
}

#[test]
fn what_a_proxy_passes_on_says_nothing_of_it() {
    let blocks = vec![
        text(CLIENT, "GET http://example.com/a HTTP/1.1"),
        text(SERVER, "HTTP/1.1 200 OK\nServer: far away\nContent-Type: text/html\n\n<title>x</title>"),
        text(CLIENT, "GET /b HTTP/1.1"),
        text(
            SERVER,
            "HTTP/1.1 200 OK\nServer: far away\nVia: 1.1 gate\nContent-Type: text/html\n\n<title>x</title>",
        ),
    ];
    let facts = heard(&blocks);
    assert!(facts.iter().all(|(_, fact)| !matches!(fact, Fact::Attribute { .. })), "{facts:?}");
}

#[test]
fn pipelined_requests_have_their_answers_in_order() {
    let blocks = vec![
        (CLIENT, b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n\r\nGET /c HTTP/1.1\r\n\r\n".to_vec()),
        (SERVER, b"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nxx".to_vec()),
    ];
    let facts = heard(&blocks);
    let exchanges: Vec<_> =
        facts.iter().filter(|(_, fact)| matches!(fact, Fact::Exchange(_))).cloned().collect();
    assert_eq!(
        exchanges,
        [
            (About::Sender, exchange("GET", "/a", Some(204))),
            (About::Sender, exchange("GET", "/b", Some(404))),
            (About::Receiver, exchange("GET", "/c", None))
        ]
    );
}

#[test]
fn body_cut_short_says_what_is_there() {
    let (_, head) = text(SERVER, "HTTP/1.1 200 OK\nContent-Type: text/xml\nContent-Length: 5000");
    let part = soap("", "<t:GetDeviceInformationResponse><Model>C7</Model><FirmwareVersion>1.").into_bytes();
    for way in [SERVER, CLIENT] {
        let mut feeder = Feeder::new(&HTTP);
        feeder.feed(way, &head);
        feeder.feed(way, &part[..part.len() - 40]);
        let facts = feeder.end().facts;
        let about = if way == CLIENT { About::Sender } else { About::Receiver };
        assert!(facts.contains(&(about, attribute(Key::Model, "C7"))), "{facts:?}");
        assert_eq!(attributes(&facts, Key::Firmware), [""; 0]);
    }
}

#[test]
fn loss_inside_a_body_is_stepped_over_and_elsewhere_the_next_message_is_found() {
    let (_, next) = empty(SERVER, "HTTP/1.1 200 OK\nServer: Next");
    let (_, head) =
        text(SERVER, "HTTP/1.1 200 OK\nServer: First\nContent-Type: text/xml\nContent-Length: 100");
    for (missing, behind) in [(Some(50), 40), (None, 7), (Some(500), 0)] {
        let mut feeder = Feeder::new(&HTTP);
        feeder.feed(SERVER, &[&head[..], &[b'H'; 10]].concat());
        feeder.lose(SERVER, missing);
        feeder.feed(SERVER, &[&vec![b'H'; behind][..], &next].concat());
        let facts = feeder.end().facts;
        assert_eq!(attributes(&facts, Key::HttpServer), ["First", "Next"], "{missing:?}");
        assert_eq!(faults(&facts), []);
    }
}

#[test]
fn what_cannot_be_read_is_told_once_and_stepped_over() {
    let (_, next) = empty(SERVER, "HTTP/1.1 200 OK\nServer: Next");
    let (_, first) = empty(SERVER, "HTTP/1.1 200 OK");
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec();
    let endless = ["HTTP/1.1 200 OK\r\nA: ", &"x".repeat(head::HEAD_MAX)].concat().into_bytes();
    let cases = [
        ([&first[..], b"nonsense HT"].concat(), Malformed::Invalid { field: "start line" }),
        (chunked, Malformed::Invalid { field: "chunk-size" }),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n".to_vec(),
            Malformed::Invalid { field: "Content-Length" },
        ),
        (endless, Malformed::Truncated { field: "header" }),
    ];
    for (bytes, fault) in cases {
        let facts = heard(&vec![(SERVER, [&bytes[..], &next].concat())]);
        assert_eq!(faults(&facts), [fault]);
        assert_eq!(attributes(&facts, Key::HttpServer), ["Next"]);
    }
}

/// `plain` in base 64, as in RFC 4648, 4.
fn base64(plain: &[u8]) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = Vec::new();
    for group in plain.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, &byte| (bits << 8) | u32::from(byte)) << (8 * (3 - group.len()));
        for n in 0..4 {
            encoded.push(if n > group.len() { b'=' } else { digits[(bits >> (18 - 6 * n)) as usize & 63] });
        }
    }
    encoded
}

fn tunnel() -> [Blocks; 2] {
    let (_, answer) =
        text(SERVER, "HTTP/1.0 200 OK\nServer: Webs\nContent-Type: application/x-rtsp-tunnelled");
    let inside = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Rtsp Server/3.0\r\n\r\n\
        RTSP/1.0 200 OK\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000007\r\n\r\n\
        $\0\0\x10\x80\xe0\0\x01\0\0\0\x01\0\0\0\x07data";
    let (_, post) = text(
        CLIENT,
        "POST /live HTTP/1.0\nContent-Type: application/x-rtsp-tunnelled\nContent-Length: 32767",
    );
    let asked: Vec<u8> = [
        &b"OPTIONS rtsp://h/live RTSP/1.0\r\nCSeq: 1\r\n\r\n"[..],
        b"DESCRIBE rtsp://h/live RTSP/1.0\r\n\
        CSeq: 2\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n\r\n",
    ]
    .iter()
    .flat_map(|message| base64(message))
    .collect();
    [
        vec![
            text(CLIENT, "GET /live HTTP/1.0\nAccept: application/x-rtsp-tunnelled\nx-sessioncookie: 1"),
            (SERVER, [&answer[..], inside].concat()),
        ],
        vec![(CLIENT, [post, asked].concat())],
    ]
}

#[test]
fn rtsp_in_a_tunnel_is_read_on_both_connections() {
    let [down, up] = tunnel();
    let facts = heard(&down);
    assert_eq!(attributes(&facts, Key::RtspServer), ["Rtsp Server/3.0"]);
    assert!(
        facts.iter().any(|(_, fact)| matches!(fact, Fact::StreamAnnounced(stream) if stream.ssrc == Some(7)))
    );
    let mut feeder = Feeder::new(&HTTP);
    down.iter().for_each(|(way, bytes)| feeder.feed(*way, bytes));
    assert_eq!(feeder.sink.media.iter().map(|media| media.ssrc).collect::<Vec<_>>(), [7]);

    let facts = heard(&up);
    for fact in [
        exchange("OPTIONS", "rtsp://h/live", None),
        exchange("DESCRIBE", "rtsp://h/live", None),
        login("admin", "basic", Outcome::Unknown),
    ] {
        assert!(facts.contains(&(About::Receiver, fact)), "{facts:?}");
    }
    for blocks in [down, up] {
        assert_eq!(heard_in_pieces(&blocks, || 1), heard(&blocks));
    }
}

#[test]
fn makers_own_answers_are_read() {
    let ask = |target: &str| text(CLIENT, &format!("GET {target} HTTP/1.1"));
    let answer =
        |kind: &str, body: &str| text(SERVER, &format!("HTTP/1.1 200 OK\nContent-Type: {kind}\n\n{body}"));
    let facts = heard(&vec![
        ask("/ISAPI/System/deviceInfo"),
        answer("application/xml", "<DeviceInfo><model>DS-2</model></DeviceInfo>"),
        ask("/cgi-bin/magicBox.cgi?action=getDeviceType"),
        answer("text/plain", "type=IPC-1\r\n"),
        ask("/description.xml"),
        answer("", "<root><device><modelName>U1</modelName></device></root>"),
        ask("/other"),
        answer("text/plain", "type=IPC-2\r\n"),
    ]);
    assert_eq!(attributes(&facts, Key::Model), ["DS-2", "IPC-1", "U1"]);
}

#[test]
fn memory_is_bounded() {
    let mut feeder = Feeder::new(&HTTP);
    for n in 0..200 {
        let (_, ask) = text(CLIENT, &format!("GET /{n} HTTP/1.1\nUser-Agent: {n}"));
        feeder.feed(CLIENT, &ask);
    }
    let (_, long) =
        text(SERVER, &format!("HTTP/1.1 200 OK\nContent-Type: text/xml\n\n<a>{}", "x".repeat(1 << 20)));
    for piece in long.chunks(1_000) {
        feeder.feed(SERVER, piece);
    }
    assert!(feeder.kept_most < head::HEAD_MAX, "{}", feeder.kept_most);
    assert!(feeder.end().facts.len() < 500);
}

#[test]
fn what_is_held_is_parted_with_where_there_is_no_room() {
    let (mut connection, mut sink) = (Connection::default(), Sink::default());
    let (_, head) = text(SERVER, "HTTP/1.1 200 OK\nContent-Type: text/xml\nContent-Length: 9000");
    let body = soap("", "<t:GetDeviceInformationResponse><Model>C7</Model><Firm").into_bytes();
    assert_eq!(connection.data(SERVER, &head, &mut sink), Progress::Consumed(head.len()));
    connection.data(SERVER, &body[..body.len() - 24], &mut sink);
    assert!(connection.held() >= body.len() - 24);
    connection.gap(SERVER, None, &mut sink);
    assert_eq!((connection.held(), attributes(&sink.facts, Key::Model)), (0, vec!["C7"]));
}

#[test]
fn other_protocols_are_left_alone() {
    let at = |port| Envelope { source_port: 40_000, destination_port: port, ..Envelope::default() };
    for (bytes, on_port, elsewhere) in [
        (&b"GET / HTTP/1.1\r\n"[..], Probe::Yes, Probe::Yes),
        (b"HTTP/1.0 200", Probe::Yes, Probe::Yes),
        (b"\r\nGET /long", Probe::Maybe, Probe::Maybe),
        (b"BREW /", Probe::Maybe, Probe::No),
        (b"OPTIONS rtsp://h RTSP/1.0\r\n", Probe::No, Probe::No),
        (b"SSH-2.0-dropbear\r\n", Probe::No, Probe::No),
        (b"\x16\x03\x01\x02", Probe::No, Probe::No),
    ] {
        assert_eq!(probe(&at(80), bytes), on_port, "{}", bytes.escape_ascii());
        assert_eq!(probe(&at(4_711), bytes), elsewhere, "{}", bytes.escape_ascii());
    }
}

/// Pieces of real connections, whole and broken.
fn pieces() -> impl Strategy<Value = Blocks> {
    let message = prop_oneof![
        (0..dialogue().len()).prop_map(|n| dialogue()[n].1.clone()),
        (0..dialogue().len(), 0_usize..200).prop_map(|(n, cut)| {
            let bytes = &dialogue()[n].1;
            bytes[..bytes.len().min(cut)].to_vec()
        }),
        proptest::collection::vec(any::<u8>(), 0..30),
        "(HTTP/1.1 |GET /|[0-9]{3} |\r\n|Content-Length: [0-9]{0,3}\r\n|Transfer-Encoding: chunked\r\n|[0-9a-f]{1,2}\r\n|[ -~]){0,20}"
            .prop_map(String::into_bytes),
    ];
    proptest::collection::vec((prop_oneof![Just(CLIENT), Just(SERVER)], message), 0..12)
}

proptest! {
    #[test]
    fn anything_says_the_same_however_it_is_cut(blocks in pieces(), sizes in proptest::collection::vec(1_usize..60, 1..9)) {
        let mut sizes = sizes.into_iter().cycle();
        let cut = heard_in_pieces(&blocks, || sizes.next().unwrap());
        // What one sends in several blocks without an answer between is one block to the other.
        prop_assert_eq!(heard(&blocks), cut);
    }

    /// As above, with something missing before each block.
    #[test]
    fn losses_say_the_same_however_the_rest_is_cut(
        blocks in pieces(),
        losses in proptest::collection::vec(any::<Option<Option<u8>>>(), 12),
        size in 1_usize..40,
    ) {
        let fed = |size: usize| {
            let mut feeder = Feeder::new(&HTTP);
            for ((way, bytes), loss) in blocks.iter().zip(&losses) {
                if let Some(missing) = loss {
                    feeder.lose(*way, missing.map(u64::from));
                }
                bytes.chunks(size).for_each(|piece| feeder.feed(*way, piece));
            }
            feeder.end().facts
        };
        prop_assert_eq!(fed(usize::MAX), fed(size));
    }

    #[test]
    fn mutations_are_survived_with_bounded_work(at in 0_usize..4_000, byte: u8, lost in any::<Option<u64>>()) {
        let mut blocks = dialogue();
        let mut rest = at;
        for (_, bytes) in &mut blocks {
            if let Some(place) = bytes.get_mut(rest) {
                *place = byte;
                break;
            }
            rest -= bytes.len();
        }
        let mut feeder = Feeder::new(&HTTP);
        for (way, bytes) in &blocks {
            feeder.feed(*way, bytes);
            if at % 5 == 0 {
                feeder.lose(*way, lost);
            }
        }
        prop_assert!(feeder.end().facts.len() < 100);
    }
}
