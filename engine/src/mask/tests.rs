//! Frames by hand, through the peeler.

use super::*;
use crate::peel::Peeler;

/// An IPv4 packet in an Ethernet frame.
fn framed(protocol: u8, transport: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + transport.len()).unwrap().to_be_bytes();
    let header = [0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0][..], &header, transport].concat()
}

fn udp(ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let header = [ports[0], ports[1], length, 0xffff].map(u16::to_be_bytes).concat();
    framed(17, &[&header[..], payload].concat())
}

fn tcp(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let header =
        [&[0x9c, 0x40, 0, 80][..], &sequence.to_be_bytes(), &[0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0]];
    framed(6, &[&header.concat()[..], payload].concat())
}

/// The frames as they are written.
fn masked(frames: &[Vec<u8>]) -> Vec<(Vec<u8>, Masked)> {
    let (mut peeler, mut masker) = (Peeler::new(), Masker::new(7));
    let mask = |frame: &Vec<u8>| {
        let length = u32::try_from(frame.len()).unwrap();
        let peeled = peeler.peel(LinkType::ETHERNET, Time(0), frame, length);
        let mut bytes = frame.clone();
        let done = masker.mask(LinkType::ETHERNET, Time(0), &peeled, &mut bytes);
        (bytes, done)
    };
    frames.iter().map(mask).collect()
}

/// Whether the sum over the transport and its addresses is right (RFC 1071).
fn is_summed(frame: &[u8]) -> bool {
    let mut words = [
        &frame[26..34],
        &[0, frame[23]],
        &u16::try_from(frame.len() - 34).unwrap().to_be_bytes(),
        &frame[34..],
    ]
    .concat();
    words.resize(words.len().next_multiple_of(2), 0);
    let sum: u32 = words.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    sum.is_multiple_of(0xffff)
}

#[test]
fn secret_in_two_segments_goes_and_sums_hold() {
    let (one, two) = (b"GET / HTTP/1.1\r\nAuthorization: Basic hid", b"den==\r\nHost: a\r\n\r\n");
    let frames = [tcp(9, 2, b""), tcp(10, 16, one), tcp(10 + one.len() as u32, 16, two), tcp(10, 16, one)];
    let written = masked(&frames);
    assert_eq!(written[0].0, frames[0]);
    for (frame, masked) in &written[1..] {
        assert!(is_summed(frame) && masked.bytes > 0 && !masked.is_sum_cleared);
        assert!(!frame.windows(3).any(|it| it == b"hid" || it == b"den"));
    }
    assert!(written[2].0.ends_with(b"*****\r\nHost: a\r\n\r\n"));
    assert_eq!(written[3], written[1]);
}

#[test]
fn datagram_in_clear_is_not_touched_and_one_that_is_not_understood_goes() {
    let (known, unknown) = (udp([5353, 5353], b"\0\0name"), udp([40_000, 37_777], b"hidden"));
    let written = masked(&[known.clone(), unknown.clone()]);
    assert_eq!(written[0], (known, Masked::default()));
    assert_eq!(written[1].0[..40], unknown[..40]);
    assert!(written[1].0.ends_with(b"******") && is_summed(&written[1].0));
}

#[test]
fn padding_goes() {
    let written = masked(&[[udp([53, 53], b"ab"), b"\0\0hidden\0".to_vec()].concat()]);
    assert!(written[0].0.ends_with(b"ab\0\0******\0"));
}

#[test]
fn sums_in_and_around_a_tunnel_hold() {
    let inner = udp([40_000, 37_777], b"hidden");
    let outer = udp([40_000, 4_789], &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &inner].concat());
    let written = &masked(&[outer])[0].0;
    assert!(written.ends_with(b"******") && is_summed(written) && is_summed(&written[50..]));
}

#[test]
fn cut_packets_and_fragments_have_no_sum() {
    let whole = udp([40_000, 37_777], b"hidden and cut");
    let (mut peeler, mut masker) = (Peeler::new(), Masker::new(7));
    let mut bytes = whole[..48].to_vec();
    let peeled = peeler.peel(LinkType::ETHERNET, Time(0), &bytes, 56);
    let done = masker.mask(LinkType::ETHERNET, Time(0), &peeled, &mut bytes);
    assert!(done.is_sum_cleared);
    assert_eq!(&bytes[40..], b"\0\0******");
    let mut part = whole;
    part[20] = 0x20;
    let written = &masked(&[part])[0];
    assert!(written.1.is_sum_cleared && written.0.ends_with(b"**************"));
}

#[test]
fn what_cannot_be_read_shows_its_addresses_alone() {
    for mut frame in [framed(6, b"short hidden"), framed(47, b"\0\0\x08\x06hidden"), framed(50, b"hidden")] {
        frame.extend(b"hidden");
        let written = &masked(&[frame.clone()])[0].0;
        assert_eq!(written[..34], frame[..34]);
        assert!(!written.windows(4).any(|it| it == b"hidd"), "{written:?}");
    }
    let mut faulty = framed(6, b"hidden");
    faulty[14] = 0x55;
    assert!(masked(&[faulty])[0].0[14..].iter().all(|byte| *byte == b'*'));
}

#[test]
fn connections_are_forgotten_and_then_show_nothing() {
    let mut masker = Masker::new(7);
    let mut peeler = Peeler::new();
    let mut mask = |mut frame: Vec<u8>, port: u32| {
        frame[36..38].copy_from_slice(&((port % 60_000) as u16).to_be_bytes());
        frame[29] = (port / 60_000) as u8;
        let peeled = peeler.peel(LinkType::ETHERNET, Time(0), &frame, frame.len() as u32);
        masker.mask(LinkType::ETHERNET, Time(0), &peeled, &mut frame);
        (frame, masker.held)
    };
    let line = b"GET / HTTP/1.1\r\nX-Key: ";
    mask(tcp(9, 2, b""), 0);
    mask(tcp(10, 16, line), 0);
    for port in 1..=CONNECTIONS_MAX as u32 {
        mask(tcp(9, 2, b""), port);
        assert!(mask(tcp(10, 16, &[b'x'; 1_000]), port).1 <= HELD_MAX);
    }
    let late = mask(tcp(10 + line.len() as u32, 16, b"hidden\r\nHost: a\r\n"), 0).0;
    assert!(late[54..].iter().all(|byte| *byte == b'*'));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_masked_at_their_length(
        payloads in proptest::collection::vec("(GET /|RTSP/1.0 200|Content-Length: ?[0-9]{0,3}|\r\n|<a|<!\\[CDATA\\[|>|\\$|\x16\x03\x03|[ -~]|\\PC){0,40}", 1..6),
        protocol in proptest::sample::select(vec![1_u8, 2, 6, 17, 47, 58]),
        damage in proptest::collection::vec((0_usize..120, 0_u8..=255), 0..6),
    ) {
        let mut sequence = 10;
        let mut frames = vec![tcp(9, 2, b"")];
        for payload in &payloads {
            let ports = [40_000, 161, 67, 547, 4_789, 5_060, 37_020][payload.len() % 7];
            let mut frame = match protocol {
                6 => tcp(sequence, 16, payload.as_bytes()),
                17 => udp([50_000, ports], payload.as_bytes()),
                _ => framed(protocol, payload.as_bytes()),
            };
            sequence += payload.len() as u32;
            for (at, byte) in &damage {
                if let Some(place) = frame.get_mut(14 + at) {
                    *place = *byte;
                }
            }
            frames.push(frame);
        }
        let once = masked(&frames);
        for ((frame, _), before) in once.iter().zip(&frames) {
            proptest::prop_assert_eq!(frame.len(), before.len());
        }
    }
}
