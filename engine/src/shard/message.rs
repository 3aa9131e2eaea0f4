//! Messages one at a time: datagrams, ICMPv6, frames without IP.
//!
//! The parser that said yes to the last message is asked first; where it says no,
//! all are. A parser that is unsure reads on trial: what it finds counts, what it
//! cannot read does not. A flow in which nobody finds anything is asked about
//! every message at first, then ever more seldom.

use spanwatch_parsers::{Envelope, Probe, Progress, Start, Way};

use crate::dispatch::{App, Channel, Running};
use crate::flow::{Flow, Head};
use crate::hearing::Hearing;

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Who sent it.
    pub way: Way,
    /// Where it was found.
    pub channel: Channel,
    /// What was captured of it.
    pub payload: &'a [u8],
    /// Its length on the wire.
    pub whole: usize,
}

impl Message<'_> {
    /// Lets it be read by whom it concerns.
    pub fn read(&self, flow: &mut Flow, hearing: &mut Hearing<'_, '_>) {
        if self.payload.is_empty() {
            return;
        }
        let Flow { head, app } = flow;
        match app {
            App::Messages(number) => {
                let number = *number;
                let envelope = head.envelope(self.way, self.is_cut());
                if self.probe(&envelope, number, hearing) != Probe::No {
                    self.read_by(&envelope, (number, true), head, hearing);
                    return;
                }
            }
            App::Session(running) if !running.is_on_trial => {
                if !self.give(running, head, hearing) {
                    *app = App::Unknown(0);
                }
                return;
            }
            App::Segments(_) => return,
            App::Session(_) | App::Nobody => {}
            App::Unknown(tried) => {
                *tried = tried.saturating_add(1);
                if *tried > TRIED_ALWAYS && !tried.is_power_of_two() && !head.is_expected {
                    return;
                }
            }
        }
        self.ask(flow, hearing);
    }

    fn ask(&self, flow: &mut Flow, hearing: &mut Hearing<'_, '_>) {
        let Flow { head, app } = flow;
        let envelope = head.envelope(self.way, self.is_cut());
        if head.is_expected
            && !matches!(app, App::Session(_))
            && let Some(rtp) = hearing.dispatch.rtp()
            && self.probe(&envelope, rtp, hearing) != Probe::No
        {
            self.begin(&envelope, (rtp, false), head, app, hearing);
            return;
        }
        let on_trial = match app {
            App::Session(running) => Some(running.parser),
            _ => None,
        };
        let dispatch = hearing.dispatch;
        let candidates = dispatch
            .candidates(self.channel, self.payload.first().copied())
            .filter(|number| Some(*number) != on_trial);
        let (sure, unsure) = hearing.ask(candidates, &envelope, self.payload, |_| true);
        if let Some(number) = sure {
            self.begin(&envelope, (number, false), head, app, hearing);
            return;
        }
        if let App::Session(running) = app {
            if !self.give(running, head, hearing) {
                *app = App::Unknown(0);
            }
        } else if let Some(number) = unsure {
            self.begin(&envelope, (number, true), head, app, hearing);
        } else if matches!(app, App::Nobody) {
            *app = App::Unknown(1);
        }
    }

    /// Lets a parser read that said yes, or that is on trial.
    fn begin(
        &self,
        envelope: &Envelope,
        (number, is_on_trial): (u16, bool),
        head: &mut Head,
        app: &mut App,
        hearing: &mut Hearing<'_, '_>,
    ) {
        let Some(parser) = hearing.dispatch.parser(number) else { return };
        match parser.start {
            Start::Datagram(_) => {
                let is_read = self.read_by(envelope, (number, !is_on_trial), head, hearing);
                // A session on trial goes on beside it.
                if !is_on_trial && is_read && !matches!(app, App::Session(_)) {
                    *app = App::Messages(number);
                }
            }
            Start::Session(_) => {
                let Some(mut running) = hearing.start(head, number, is_on_trial) else { return };
                if !is_on_trial {
                    head.protocol = Some(&parser.name);
                }
                let goes_on = self.give(&mut running, head, hearing);
                *app = if goes_on { App::Session(Box::new(running)) } else { App::Unknown(1) };
            }
        }
    }

    /// Lets a parser without memory read; whether it could.
    fn read_by(
        &self,
        envelope: &Envelope,
        (number, is_sure): (u16, bool),
        head: &mut Head,
        hearing: &mut Hearing<'_, '_>,
    ) -> bool {
        let Some(parser) = hearing.dispatch.parser(number) else { return false };
        let Start::Datagram(observe) = parser.start else { return false };
        let payload = self.payload;
        let result = hearing.call(number, |sink| observe(envelope, payload, sink));
        let is_read = result == Some(Ok(()));
        if !is_read && !is_sure {
            hearing.sink.clear();
            return false;
        }
        if is_read {
            head.protocol = Some(&parser.name);
        }
        self.mend_length(hearing);
        hearing.deliver(head, self.way, parser);
        if let Some(Err(fault)) = result
            && !self.is_cut()
        {
            hearing.faulty(head, self.way, parser, fault);
        }
        is_read || is_sure
    }

    /// Gives the message to a session; whether it goes on.
    fn give(&self, running: &mut Running, head: &mut Head, hearing: &mut Hearing<'_, '_>) -> bool {
        let session = &mut running.session;
        let (way, payload) = (self.way, self.payload);
        let progress = hearing.call(running.parser, |sink| session.data(way, payload, sink));
        self.mend_length(hearing);
        if let Some(parser) = hearing.dispatch.parser(running.parser)
            && hearing.deliver(head, self.way, parser)
        {
            running.is_on_trial = false;
            head.protocol = Some(&parser.name);
        }
        matches!(progress, Some(Progress::Consumed(_) | Progress::NeedMore))
    }

    /// A media packet that the capture cut was as long as its datagram.
    fn mend_length(&self, hearing: &mut Hearing<'_, '_>) {
        if let [media] = &mut hearing.sink.media[..]
            && self.is_cut()
        {
            media.bytes = u32::try_from(self.whole).unwrap_or(u32::MAX);
        }
    }

    fn probe(&self, envelope: &Envelope, number: u16, hearing: &mut Hearing<'_, '_>) -> Probe {
        let Some(parser) = hearing.dispatch.parser(number) else { return Probe::No };
        let payload = self.payload;
        hearing.call(number, |_| (parser.probe)(envelope, payload)).unwrap_or(Probe::No)
    }

    const fn is_cut(&self) -> bool {
        self.payload.len() < self.whole
    }
}

/// Ends the session of a flow of messages.
pub fn end(flow: &mut Flow, hearing: &mut Hearing<'_, '_>) {
    if let App::Session(running) = &mut flow.app {
        let session = &mut running.session;
        hearing.call(running.parser, |sink| session.end(sink));
        if let Some(parser) = hearing.dispatch.parser(running.parser) {
            hearing.deliver(&mut flow.head, Way::Orig, parser);
        }
    }
    flow.app = App::Unknown(0);
}

/// Messages of an unknown flow that are all probed; after them only those whose number is a power of two.
const TRIED_ALWAYS: u32 = 16;
