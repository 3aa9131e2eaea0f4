//! DNS over TCP: messages behind their lengths, either way, several of them on their way at once.
//!
//! ```text
//! | length 2 | message |*
//! ```
//!
//! After a gap nothing tells where a message begins: that side is read no further.
//!
//! Source: RFC 1035, 4.2.2; RFC 7766.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::be_u16;

use super::{HEADER, OPCODE_MAX, can_be_message, facts};
use crate::vocabulary::{About, Envelope, Fact, Malformed, Probe, Progress, Session, Sink, Way};

/// Starts to read a connection.
pub fn start(envelope: &Envelope) -> Box<dyn Session> {
    let answer = Envelope {
        source_port: envelope.destination_port,
        destination_port: envelope.source_port,
        source_mac: envelope.destination_mac,
        destination_mac: envelope.source_mac,
        source: envelope.destination,
        destination: envelope.source,
        ..*envelope
    };
    Box::new(Connection { envelopes: [*envelope, answer], is_lost: [false; 2] })
}

/// Tells whether a connection begins with a message.
pub fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let Ok((rest, length)) = length(bytes) else { return Probe::Maybe };
    if usize::from(length) < HEADER {
        return Probe::No;
    }
    match rest.get(..length.into()) {
        Some(message) if can_be_message(envelope, message, OPCODE_MAX) => Probe::Yes,
        None if rest.len() < HEADER => Probe::Maybe,
        None if can_be_message(&Envelope { is_cut: true, ..*envelope }, rest, OPCODE_MAX) => Probe::Maybe,
        _ => Probe::No,
    }
}

#[derive(Debug)]
struct Connection {
    /// Of what originator and responder send.
    envelopes: [Envelope; 2],
    /// Whether it is no longer known where a message begins.
    is_lost: [bool; 2],
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        if self.is_lost == [true; 2] {
            return Progress::Done;
        }
        if *way.of(&mut self.is_lost) {
            return Progress::Consumed(bytes.len());
        }
        let Ok((_, (length, message))) = framed(bytes) else { return Progress::NeedMore };
        if message.len() < HEADER {
            sink.fact(About::Sender, Fact::Malformed(Malformed::Invalid { field: "length" }));
            *way.of(&mut self.is_lost) = true;
        } else if let Err(fault) = facts::of_dns(way.of(&mut self.envelopes), message, sink) {
            sink.fact(About::Sender, Fact::Malformed(fault));
        }
        Progress::Consumed(LENGTH.saturating_add(length.into()))
    }

    fn gap(&mut self, way: Way, _: Option<u64>, _: &mut Sink) {
        *way.of(&mut self.is_lost) = true;
    }
}

fn length(i: &[u8]) -> IResult<&[u8], u16> {
    be_u16(i)
}

fn framed(i: &[u8]) -> IResult<&[u8], (u16, &[u8])> {
    let (i, length) = length(i)?;
    let (i, message) = take(length)(i)?;
    Ok((i, (length, message)))
}

/// Bytes of a length.
const LENGTH: usize = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::DNS_STREAM;
    use super::super::tests::{message, record};
    use super::*;
    use crate::feeder::{Blocks, Feeder, heard, heard_in_pieces, read_prefixes, says_the_same_damaged};

    fn behind_length(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u16).to_be_bytes(), message].concat()
    }

    fn question() -> Vec<u8> {
        behind_length(&message(0x0100, [1, 0, 0, 0], b"\x01x\0\0\x01\0\x01"))
    }

    fn answer() -> Vec<u8> {
        behind_length(&message(0x8180, [0, 1, 0, 0], &record("x", 1, &[192, 0, 2, 7])))
    }

    /// Two questions at once, and their answers.
    fn blocks() -> Blocks {
        let (asks, answers) = ([question(), question()].concat(), [answer(), answer()].concat());
        vec![(Way::Orig, asks), (Way::Resp, answers)]
    }

    /// Who asks from port 40000 a server on port 53.
    fn between() -> Feeder {
        let envelope = Envelope { source_port: 40_000, destination_port: 53, ..Envelope::default() };
        Feeder::between(&DNS_STREAM, &envelope)
    }

    const SERVES: (About, Fact) = (About::Sender, Fact::Service { protocol: "dns" });

    #[test]
    fn every_question_is_the_clients_and_every_answer_the_servers() {
        let mut feeder = between();
        blocks().iter().for_each(|(way, bytes)| feeder.feed(*way, bytes));
        let asked = (About::Sender, Fact::NameAsked { name: "x".into() });
        assert_eq!(feeder.end().facts, [asked.clone(), asked, SERVES, SERVES]);
    }

    #[test]
    fn an_update_over_tcp_tells_the_name_of_its_sender() {
        let envelope = Envelope { source: Some([192, 0, 2, 7].into()), ..Envelope::default() };
        let mut feeder = Feeder::between(&DNS_STREAM, &envelope);
        let update = message(
            0x2800,
            [1, 0, 1, 0],
            &[b"\x02ex\0\0\x06\0\x01", &record("cam7.ex", 1, &[192, 0, 2, 7])[..]].concat(),
        );
        feeder.feed(Way::Orig, &behind_length(&update));
        assert_eq!(feeder.end().attributes(crate::vocabulary::Key::Hostname), ["cam7.ex"]);
    }

    #[test]
    fn behind_a_gap_that_side_is_read_no_further() {
        let mut feeder = between();
        feeder.feed(Way::Resp, &answer());
        feeder.gap(Way::Resp);
        feeder.feed(Way::Resp, &answer());
        assert_eq!(feeder.end().facts, [SERVES]);
    }

    #[test]
    fn length_that_holds_no_header_is_told() {
        let fault = Fact::Malformed(Malformed::Invalid { field: "length" });
        let blocks = vec![(Way::Resp, [&b"\0\x05hello"[..], &answer()].concat())];
        assert_eq!(heard(&DNS_STREAM, &blocks).facts, [(About::Sender, fault)]);
    }

    #[test]
    fn only_a_message_begins_a_connection() {
        let probe = |bytes: &[u8]| probe(&Envelope::default(), bytes);
        let whole = question();
        assert_eq!(
            (probe(&whole), probe(&whole[..20]), probe(b"")),
            (Probe::Yes, Probe::Maybe, Probe::Maybe)
        );
        assert_eq!(
            (probe(b"\0\x05hello"), probe(b"\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03abc")),
            (Probe::No, Probe::No)
        );
    }

    #[test]
    fn every_prefix_is_read_without_panic() {
        read_prefixes(&DNS_STREAM, &blocks());
    }

    proptest! {
        #[test]
        fn pieces_say_the_same_as_whole(sizes in proptest::collection::vec(1_usize..40, 1..8)) {
            let mut next = sizes.iter().cycle();
            let pieces = heard_in_pieces(&DNS_STREAM, &blocks(), || *next.next().unwrap());
            prop_assert_eq!(pieces, heard(&DNS_STREAM, &blocks()));
        }

        #[test]
        fn damage_is_read_without_panic_and_the_same_in_pieces(
            damage in proptest::collection::vec(any::<(u16, u8)>(), 1..6),
            sizes in proptest::collection::vec(1_usize..40, 1..8),
        ) {
            prop_assert!(says_the_same_damaged(&DNS_STREAM, &blocks(), &damage, &sizes));
        }
    }
}
