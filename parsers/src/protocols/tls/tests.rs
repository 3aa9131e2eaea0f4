//! Whole connections, fed in every possible way.

use proptest::prelude::*;

use super::*;
use crate::feeder::{self, Blocks, Feeder, Heard};
use crate::vocabulary::{CipherSuite, TlsVersion};

const CLIENT: Way = Way::Orig;
const SERVER: Way = Way::Resp;

fn heard(blocks: &Blocks) -> Heard {
    feeder::heard(&TLS, blocks)
}

fn sides(heard: &Heard) -> Vec<(About, TlsSide)> {
    let sides = heard.facts.iter().filter_map(|(about, fact)| match fact {
        Fact::Tls(side) => Some((*about, (**side).clone())),
        _ => None,
    });
    sides.collect()
}

fn record(kind: u8, fragment: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &u16::try_from(fragment.len()).unwrap().to_be_bytes(), fragment].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
}

fn hello(kind: u8, random: u8, choice: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = extensions.concat();
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    message(kind, &[&[3, 3][..], &[random; 32], &[0], choice, &length, &extensions].concat())
}

fn client_hello() -> Vec<u8> {
    let name = b"\0\x11\0\0\x0ecamera.example";
    let extensions = [
        extension(0x0a0a, b""),
        extension(hello::SERVER_NAME, name),
        extension(hello::GROUPS, b"\0\x04\x1a\x1a\0\x1d"),
        extension(hello::POINT_FORMATS, b"\x01\0"),
        extension(hello::SIGNATURES, b"\0\x04\x04\x03\x08\x04"),
        extension(hello::PROTOCOLS, b"\0\x0c\x02h2\x08http/1.1"),
        extension(hello::SUPPORTED_VERSIONS, b"\x06\x2a\x2a\x03\x04\x03\x03"),
    ];
    hello(CLIENT_HELLO, 1, b"\0\x06\x3a\x3a\x13\x01\xc0\x2b\x01\0", &extensions)
}

fn server_hello(version: TlsVersion) -> Vec<u8> {
    match version.hides_certificates() {
        false => hello(SERVER_HELLO, 2, b"\xc0\x2b\0", &[extension(hello::PROTOCOLS, b"\0\x03\x02h2")]),
        true => hello(
            SERVER_HELLO,
            2,
            b"\x13\x01\0",
            &[extension(hello::SUPPORTED_VERSIONS, &version.0.to_be_bytes()), extension(51, b"\0\x1d\0\0")],
        ),
    }
}

fn certificates() -> Vec<u8> {
    let camera = include_bytes!("camera.der");
    let own = [&u32::try_from(camera.len()).unwrap().to_be_bytes()[1..], camera].concat();
    // Its signer's.
    let all = [&own[..], b"\0\0\x02xx"].concat();
    message(CERTIFICATE, &[&u32::try_from(all.len()).unwrap().to_be_bytes()[1..], &all].concat())
}

/// TLS 1.2, the certificate over two records.
fn classic() -> Blocks {
    let flight =
        [server_hello(TlsVersion::TLS_1_2), certificates(), message(12, b"key"), message(14, b"")].concat();
    let (one, other) = flight.split_at(300);
    vec![
        (CLIENT, record(HANDSHAKE, &client_hello())),
        (SERVER, [record(HANDSHAKE, one), record(HANDSHAKE, other)].concat()),
        (CLIENT, [record(HANDSHAKE, &message(16, b"key")), record(CHANGE_CIPHER, b"\x01")].concat()),
        (CLIENT, record(HANDSHAKE, b"\x8f\x01\x02\x03encrypted")),
        (SERVER, [record(CHANGE_CIPHER, b"\x01"), record(HANDSHAKE, b"\x8f\x01\x02\x03encrypted")].concat()),
        (CLIENT, record(DATA, &[7; 900])),
    ]
}

/// TLS 1.3, with a retry and the change of ciphers that means nothing.
fn modern() -> Blocks {
    let retry = message(SERVER_HELLO, &[&[3, 3][..], &hello::RETRY, &[0, 0x13, 1, 0]].concat());
    let change = record(CHANGE_CIPHER, b"\x01");
    vec![
        (CLIENT, record(HANDSHAKE, &client_hello())),
        (SERVER, [record(HANDSHAKE, &retry), change.clone()].concat()),
        (CLIENT, [change.clone(), record(HANDSHAKE, &client_hello())].concat()),
        (
            SERVER,
            [record(HANDSHAKE, &server_hello(TlsVersion::TLS_1_3)), change, record(DATA, &[9; 700])].concat(),
        ),
        (CLIENT, record(DATA, &[7; 900])),
    ]
}

/// A server that warns, and then refuses.
fn refused() -> Blocks {
    vec![
        (CLIENT, record(HANDSHAKE, &client_hello())),
        (SERVER, [record(ALERT, b"\x01\x70"), record(ALERT, b"\x02\x28")].concat()),
    ]
}

#[test]
fn handshake_tells_how_both_sides_speak() {
    let heard = heard(&classic());
    assert!(heard.is_done);
    assert_eq!(heard.faults(), []);
    let [(_, server), (_, client)] = &sides(&heard)[..] else { panic!("{heard:?}") };
    assert_eq!((client.role, server.role), (TlsRole::Client, TlsRole::Server));
    for side in [client, server] {
        assert_eq!((side.version, side.cipher), (Some(TlsVersion::TLS_1_2), Some(CipherSuite(0xc02b))));
        assert_eq!(side.server_name, Some("camera.example".into()));
    }
    assert_eq!((client.offered, server.offered), (Some(TlsVersion::TLS_1_3), None));
    assert_eq!(client.protocols, Some("h2,http/1.1".into()));
    assert_eq!(server.protocols, Some("h2".into()));
    // MD5 of 771,4865-49195,0-10-11-13-16-43,29,0 and of 771,49195,16
    assert_eq!(client.ja3.to_string(), "6436593d91c01223ebc88a27a28b54af");
    assert_eq!(server.ja3.to_string(), "73c5401bc2544038f608637524b63c6a");
    // SHA-256 of 1301,c02b and of 000a,000b,000d,002b_0403,0804
    assert_eq!(client.ja4, Some("t13d0206h2_777cda164f4b_fb71836bce29".into()));
    assert_eq!((client.certificate.is_none(), server.ja4.is_none()), (true, true));
}

#[test]
fn certificate_tells_whose_it_is() {
    let heard = heard(&classic());
    let (_, server) = sides(&heard).into_iter().find(|(_, side)| side.role == TlsRole::Server).unwrap();
    let certificate = server.certificate.unwrap();
    let name = "CN=axis-00408c000000,O=Axis Communications AB,C=SE";
    assert_eq!((certificate.subject.as_str(), certificate.issuer.as_str()), (name, name));
    assert_eq!(certificate.names, ["camera.example".into(), "192.0.2.7".into(), Text::from("2001:db8::7")]);
    assert_eq!((certificate.not_before_s, certificate.not_after_s), (1_795_663_878, 2_111_023_878));
    assert_eq!((certificate.key, certificate.key_bits), ("ec", Some(256)));
    assert_eq!((certificate.signature.as_str(), certificate.is_self_signed), ("ecdsa-with-SHA256", true));
    // As openssl says of the file.
    let hash = "b919faae9e0be7f0c4e0a9a657183c6dedfe7e46d7ecae201322c09541e34440";
    assert_eq!(certificate.sha256.to_string(), hash);
    let hash = "9e4de262beeff38e5e88988e71efb6021fd1f36b8c4cf45474ad0bbcb234b404";
    assert_eq!(certificate.key_sha256.to_string(), hash);
    assert_eq!(heard.attributes(Key::TlsSubject), [name]);
    assert_eq!(heard.attributes(Key::TlsIssuer), [name]);
}

#[test]
fn newer_handshake_hides_its_certificate() {
    let heard = heard(&modern());
    assert!(heard.is_done);
    assert_eq!(heard.faults(), []);
    let sides = sides(&heard);
    assert_eq!(
        sides.iter().map(|(about, side)| (*about, side.role)).collect::<Vec<_>>(),
        [(About::Receiver, TlsRole::Client), (About::Sender, TlsRole::Server),]
    );
    for (_, side) in sides {
        assert_eq!((side.version, side.cipher), (Some(TlsVersion::TLS_1_3), Some(CipherSuite(0x1301))));
    }
}

#[test]
fn refused_client_is_told_with_what_it_offers() {
    let heard = heard(&refused());
    let [(about, client)] = &sides(&heard)[..] else { panic!("{heard:?}") };
    assert_eq!((*about, client.version, client.offered), (About::Receiver, None, Some(TlsVersion::TLS_1_3)));
    assert_eq!(heard.of(|fact| matches!(fact, Fact::Service { .. })), []);
}

#[test]
fn one_side_alone_is_told() {
    let [client, server]: [Blocks; 2] =
        [CLIENT, SERVER].map(|way| classic().into_iter().filter(|(of, _)| *of == way).collect());
    let server = sides(&heard(&server));
    assert_eq!(
        server.iter().map(|(about, side)| (*about, side.role)).collect::<Vec<_>>(),
        [(About::Sender, TlsRole::Server)]
    );
    assert!(server[0].1.certificate.is_some());
    let client = sides(&heard(&client));
    assert_eq!((client.len(), client[0].1.role, client[0].1.version), (1, TlsRole::Client, None));
}

#[test]
fn what_is_encrypted_is_passed_over_unread() {
    let mut feeder = Feeder::new(&TLS);
    let blocks = classic();
    feeder.feed(CLIENT, &blocks[0].1);
    feeder.feed(SERVER, &blocks[1].1);
    feeder.feed(SERVER, &[0xff; 100_000]);
    feeder.feed(CLIENT, &record(DATA, &[7; 9_000])[..6]);
    feeder.feed(CLIENT, &[0xff; 100_000]);
    assert_eq!(feeder.kept_most, 0);
    let heard = feeder.end();
    assert!(heard.is_done);
    assert_eq!(heard.faults(), []);
}

#[test]
fn side_that_is_joined_before_its_hello_is_read() {
    let mut feeder = Feeder::new(&TLS);
    let blocks = classic();
    feeder.feed(CLIENT, &blocks[0].1);
    feeder.gap(SERVER);
    feeder.feed(SERVER, &blocks[1].1);
    feeder.feed(CLIENT, &blocks[2].1);
    assert_eq!(sides(&feeder.end()).len(), 2);
}

#[test]
fn loss_ends_what_can_be_read_of_a_side() {
    let mut feeder = Feeder::new(&TLS);
    let blocks = classic();
    feeder.feed(CLIENT, &blocks[0].1);
    feeder.feed(SERVER, &blocks[1].1[..400]);
    feeder.gap(SERVER);
    feeder.feed(SERVER, &blocks[1].1[500..]);
    let heard = feeder.end();
    assert_eq!(heard.faults(), []);
    let sides = sides(&heard);
    assert_eq!((sides.len(), sides[0].1.role), (2, TlsRole::Server));
    assert!(sides.iter().all(|(_, side)| side.certificate.is_none()));
}

#[test]
fn broken_records_are_told_once() {
    let cases: [(&[u8], &str); 3] = [
        (b"\x16\x03\x03\x7f\xff", "record length"),
        (b"HTTP/1.1", "record"),
        (b"\x16\x03\x03\0\x0b\x0b\0\0\x07\0\0\x04\0\0\x01x", "certificate"),
    ];
    for (bytes, field) in cases {
        let blocks = vec![
            (CLIENT, record(HANDSHAKE, &client_hello())),
            (SERVER, [record(HANDSHAKE, &server_hello(TlsVersion::TLS_1_2)), bytes.to_vec()].concat()),
        ];
        assert_eq!(heard(&blocks).faults(), [Malformed::Invalid { field }]);
    }
}

#[test]
fn messages_that_never_end_are_not_waited_for() {
    let mut feeder = Feeder::new(&TLS);
    feeder.feed(CLIENT, &record(HANDSHAKE, &client_hello()));
    feeder.feed(SERVER, &record(HANDSHAKE, &server_hello(TlsVersion::TLS_1_2)));
    feeder.feed(SERVER, &record(HANDSHAKE, b"\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
    for _ in 0..MESSAGE_MAX {
        feeder.feed(SERVER, &record(HANDSHAKE, b"x"));
    }
    assert_eq!(feeder.end().faults(), [Malformed::Invalid { field: "handshake length" }]);
}

#[test]
fn probe_knows_hellos_alone() {
    let hello = record(HANDSHAKE, &client_hello());
    assert_eq!(probe(&Envelope::default(), &hello), Probe::Yes);
    for end in 0..6 {
        assert_eq!(probe(&Envelope::default(), &hello[..end]), Probe::Maybe);
    }
    for other in [
        &b"GET / HTTP/1.1"[..],
        b"\x17\x03\x03\0\x20",
        b"\x16\x03\x03\0\x20\x0b",
        b"\x16\x02",
        b"\x16\x03\x03\x60",
    ] {
        assert_eq!(probe(&Envelope::default(), other), Probe::No);
    }
}

#[test]
fn names_are_written_as_the_rfc_says() {
    let mut text = String::new();
    for value in [" a, b+c ", "#1", "x\\\"<>;"] {
        certificate::escape(value, &mut text);
        text.push('|');
    }
    assert_eq!(text, "\\ a\\, b\\+c\\ |\\#1|x\\\\\\\"\\<\\>\\;|");
}

#[test]
fn every_prefix_of_a_certificate_is_answered_without_panic() {
    let camera = include_bytes!("camera.der");
    for end in 0..camera.len() {
        assert_eq!(certificate::parse(&camera[..end]), Err(Malformed::Invalid { field: "certificate" }));
    }
}

#[test]
fn byte_by_byte_says_the_same_as_whole() {
    for blocks in [classic(), modern(), refused()] {
        assert_eq!(feeder::heard_in_pieces(&TLS, &blocks, || 1), heard(&blocks));
    }
}

#[test]
fn every_prefix_is_answered_without_panic() {
    for blocks in [classic(), modern(), refused()] {
        feeder::read_prefixes(&TLS, &blocks);
    }
}

proptest! {
    #[test]
    fn random_cuts_say_the_same_as_whole(sizes in proptest::collection::vec(1_usize..300, 1..40)) {
        for blocks in [classic(), modern(), refused()] {
            prop_assert!(feeder::says_the_same_damaged(&TLS, &blocks, &[], &sizes));
        }
    }

    #[test]
    fn damaged_streams_say_the_same_however_they_are_cut(
        damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..12),
        sizes in proptest::collection::vec(1_usize..300, 1..20),
    ) {
        for blocks in [classic(), modern(), refused()] {
            prop_assert!(feeder::says_the_same_damaged(&TLS, &blocks, &damage, &sizes));
        }
    }

    #[test]
    fn damaged_certificates_are_answered_without_panic(
        damage in proptest::collection::vec((0_usize..527, any::<u8>()), 1..8),
    ) {
        let mut camera = include_bytes!("camera.der").to_vec();
        damage.into_iter().for_each(|(at, value)| camera[at] = value);
        if let Ok(certificate) = certificate::parse(&camera) {
            prop_assert!(certificate.names.len() <= 16);
        }
    }
}
