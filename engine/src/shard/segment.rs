//! TCP segments in a shard: to their connection, and what they mean beside their bytes.

use spanwatch_parsers::{About, Fact, Time, Way};

use super::flows::{Flows, Handle, Sought};
use super::ip::Transport;
use super::{FrameIn, Parties, Shard};
use crate::dispatch::App;
use crate::flow::{Counted, Flow};
use crate::hearing::{Hearing, SOURCE, talk};
use crate::observation::{Observation, Party};
use crate::scribe::Talk;
use crate::tcp::{Listening, Outcome, Segment, Tcp};

impl Shard {
    /// Takes a segment.
    pub(super) fn segment(
        &mut self,
        frame: &FrameIn,
        sought: &Sought,
        parties: &Parties<'_>,
        transport: &Transport<'_>,
        out: &mut Vec<Observation>,
    ) {
        let mut parsed = Segment::parse(transport.bytes, transport.whole, Way::Orig, frame.at);
        let Some(segment) = &mut parsed else {
            self.datagram(frame, sought, parties, transport, out);
            return;
        };
        let counted = Counted { stamp: segment.stamp, ..frame.counted() };
        let mut hearing = self.voice.hear(frame.scribe(self.index, out), counted);
        let handle = self.flows.connection(sought, &parties.sender, frame, segment, &mut hearing);
        let mut held = self.flows.held;
        let flow = self.flows.count(handle, sought.from_low, parties, &counted);
        let Some(Flow { head, app }) = flow else { return };
        segment.way = head.way(sought.from_low);
        // It is new, or the fragments of its first segment made it before anybody could see what it is.
        if !matches!(app, App::Segments(_)) {
            *app = App::Segments(Tcp::beginning_with(segment));
        }
        let App::Segments(tcp) = app else { return };
        let number = head.number;
        let Tcp { connection, reading, .. } = &mut **tcp;
        let mut listening = Listening { reading, head, hearing: &mut hearing };
        let outcome = connection.take(segment, &mut listening);
        if outcome.closed {
            connection.give_all_up(&mut listening);
            listening.end();
        }
        // An acknowledgement alone changes nothing of it, unless something waits for what it says.
        if segment.has_payload() || tcp.is_waiting || outcome.closed {
            tcp.weigh(&mut held);
            if held > HELD_MAX {
                let Tcp { connection, reading, .. } = &mut **tcp;
                let mut listening = Listening { reading, head, hearing: &mut hearing };
                connection.give_all_up(&mut listening);
                listening.let_go();
                tcp.weigh(&mut held);
            }
        }
        if outcome != Outcome::default() {
            let talk = Talk {
                sender: parties.sender,
                receiver: parties.receiver(),
                ..talk(head, segment.way, SOURCE)
            };
            tell(outcome, &talk, &mut hearing);
        }
        let has_holes = tcp.connection.has_holes();
        let must_wait = has_holes && !tcp.is_waiting;
        tcp.is_waiting = has_holes;
        self.flows.held = held;
        if must_wait {
            self.flows.wait(handle, number);
        }
        if outcome.closed {
            self.flows.review_closed(handle, number, frame.at);
        }
    }
}

impl Flows {
    /// The connection of a segment, made where there was none, or another one.
    fn connection(
        &mut self,
        sought: &Sought,
        sender: &Party,
        frame: &FrameIn,
        segment: &mut Segment<'_>,
        hearing: &mut Hearing<'_, '_>,
    ) -> Handle {
        let Sought { key, from_low, .. } = *sought;
        let mut found = self.find(sought, sender);
        if segment.opens()
            && let Some(handle) = found
            && let Some(flow) = self.get(handle, frame.at)
        {
            segment.way = flow.head.way(from_low);
            if flow.tcp().is_some_and(|tcp| tcp.connection.is_succeeded_by(segment))
                && let Some(old) = self.take(handle)
            {
                self.part_with(old, hearing);
                found = None;
            }
        }
        if let Some(handle) = found {
            return handle;
        }
        let flow = Flow::new(key, frame.frame, from_low != segment.answers_opening());
        let (handle, gone) = self.insert(flow, sender, frame.at);
        if let Some(gone) = gone {
            self.part_with(gone, hearing);
        }
        if segment.opens() {
            self.review_embryonic(handle, frame.frame, frame.at);
        }
        handle
    }

    /// Gives up the holes of connections that have waited too long at `now`.
    pub fn give_up_holes(&mut self, now: Time, hearing: &mut Hearing<'_, '_>) {
        for (handle, number) in self.take_waiting() {
            let mut held = self.held;
            let Some(Flow { head, app: App::Segments(tcp) }) = self.get(handle, Time::MIN) else { continue };
            if head.number != number {
                continue;
            }
            let Tcp { connection, reading, .. } = &mut **tcp;
            connection.tick(now, &mut Listening { reading, head, hearing });
            tcp.is_waiting = tcp.connection.has_holes();
            let must_wait = tcp.is_waiting;
            tcp.weigh(&mut held);
            self.held = held;
            if must_wait {
                self.wait(handle, number);
            }
        }
    }
}

/// Says what a segment means beside its bytes.
fn tell(outcome: Outcome, talk: &Talk, hearing: &mut Hearing<'_, '_>) {
    let Some(target) = talk.receiver.ip else { return };
    let port = talk.receiver.port;
    let facts = [
        outcome.opening.map(|attempt| Fact::Opening { target, port, attempt }),
        outcome.refused.then_some(Fact::Refused { port: talk.sender.port }),
        outcome.retried.map(|attempt| Fact::Retried { target, attempt }),
    ];
    for fact in facts.into_iter().flatten() {
        hearing.scribe.write(talk, About::Sender, fact);
    }
}

/// Bytes that all connections of a shard may hold, those in order and those out of it.
pub const HELD_MAX: usize = 4 << 20;
