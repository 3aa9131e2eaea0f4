//! Network ports as a capture that goes on: [`Live`] merges their frames by packet time, as [`crate::Reader`] does files.
//!
//! ```text
//! eth1  ring ──►│ waiting │──┐ by (port's clock, port), up to what every
//! eth2  ring ──►│ waiting │──┴ ring has been read up to ──► Batch
//! clocks, links, counters, once a second ──► events between the frames
//! ```
//!
//! A frame is told when no earlier one can come from another port, and that it is *now* ([`EventKind::Passed`]) only when
//! every frame stamped before has been told; so neither overtakes the other. Nothing here drops a frame: while nobody
//! asks for more they stay in the kernel's rings, and what finds no room there the kernel counts.
//!
//! Nothing is transmitted. A port that could speak is refused, see [`PortError`]; but one to which mirrors are addressed (VXLAN,
//! GRE, ERSPAN) has an address. Of that only the tunnels are read, and the kernel answers none.

mod clocks;
mod ends;
mod port;
mod ring;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use spanwatch_parsers::{Span, Time};

use crate::batch::{Batch, Event, EventKind, FrameHead};
use crate::block::Pool;
use crate::input::InputReport;
use crate::reader::ReadError;
use crate::source::Source;
use clocks::{Break, Clocks, Now};
use ends::Ends;
use port::Port;
pub use port::PortError;
use ring::{RETIRE_MS, Ring};

/// How to listen.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes kept of each frame.
    pub snaplen: u32,
    /// Bytes of each port's ring.
    pub ring_bytes: u32,
    /// Only frames that match, as tcpdump's expressions say.
    pub filter: Option<String>,
    /// End by itself after so long.
    pub duration: Option<Span>,
    /// Ports to which mirrors are addressed, beside the mirror ports.
    pub tunnels: Vec<String>,
}

/// Ends a capture, and tells why it ended by itself.
#[derive(Debug, Clone, Default)]
pub struct Control {
    is_stopped: Arc<AtomicBool>,
    removed: Arc<OnceLock<String>>,
    reports: Arc<Mutex<Vec<InputReport>>>,
}

/// What befell a port, for who runs the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It has no link any more.
    Down,
    /// It has one again.
    Up,
    /// Frames were lost in the last second.
    Dropped {
        /// For the ring was full: the analysis is too slow.
        by_kernel: u32,
        /// By the port itself.
        by_port: u32,
    },
    /// The first frame came that is longer than the port's cable carries.
    Joined {
        /// So long, in bytes.
        bytes: u32,
        /// The longest that can be.
        most: u32,
    },
    /// The machine's clock was set.
    ClockSet(Span),
    /// The machine slept.
    Slept(Span),
}

/// Ports that are listened on.
pub struct Live {
    /// In order of their names.
    rings: Vec<Ring>,
    clocks: Clocks,
    begun: Now,
    looked: Time,
    /// The last whole second that was told to be over.
    told: Time,
    phase: Phase,
    number: u64,
    settings: Settings,
    pool: Arc<Pool>,
    control: Control,
    tell: Box<Teller>,
}

/// Hears what befalls the port of that name; what befalls the whole machine comes without one.
pub type Teller = dyn FnMut(&str, Word) + Send;

/// How far a capture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Listening,
    /// What came before that moment is delivered, and no more.
    Ending(Time),
    Over,
}

impl Control {
    /// To be set where the capture is to end, as from a signal.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_stopped)
    }

    /// Ends the capture.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// The port that was removed, where that ended the capture.
    #[must_use]
    pub fn removed(&self) -> Option<&str> {
        self.removed.get().map(String::as_str)
    }

    /// What is known of each port, as of the last second.
    #[must_use]
    pub fn reports(&self) -> Vec<InputReport> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The machine's wall clock, for what is sent to others.
#[must_use]
pub fn wall_clock() -> Time {
    Now::look().wall
}

impl Live {
    /// Begins to listen on ports, until `control` ends it. `tell` hears what befalls them.
    ///
    /// # Errors
    /// Where a port is not there, could speak, or may not be opened.
    pub fn open(
        names: &[String],
        settings: Settings,
        control: Control,
        tell: Box<Teller>,
    ) -> Result<Self, PortError> {
        let mut names: Vec<(&String, bool)> = names.iter().map(|name| (name, false)).collect();
        names.extend(settings.tunnels.iter().map(|name| (name, true)));
        names.sort();
        names.dedup();
        // All are looked at before one is opened.
        let ports = names.into_iter().map(|(name, is_addressed)| match is_addressed {
            false => Port::silent(name).map(|port| (port, None)),
            true => Port::addressed(name).map(|(port, own)| (port, Some(own))),
        });
        let ports: Vec<(Port, Option<Vec<IpAddr>>)> = ports.collect::<Result<_, _>>()?;
        let now = Now::look();
        let open = |(port, own): (Port, Option<Vec<IpAddr>>)| {
            let ends = own.map(|own| Ends::bind(port.name(), &own)).transpose()?;
            Ring::open(port, ends, &settings, now)
        };
        let rings = ports.into_iter().map(open).collect::<Result<_, _>>()?;
        let live = Self {
            rings,
            clocks: Clocks::new(now),
            begun: now,
            looked: now.awake,
            told: now.wall.floor_second(),
            phase: Phase::New,
            number: 0,
            settings,
            pool: Pool::new(BLOCK),
            control,
            tell,
        };
        live.show();
        Ok(live)
    }

    /// Lets others see how the ports are doing.
    fn show(&self) {
        let reports = self.rings.iter().map(Ring::report).collect();
        *self.control.reports.lock().unwrap_or_else(PoisonError::into_inner) = reports;
    }

    fn begin(&mut self, now: Now, batch: &mut Batch) {
        self.phase = Phase::Listening;
        for (index, ring) in (0..).zip(&self.rings) {
            let kind = if ring.is_up { EventKind::Opened } else { EventKind::Down };
            batch.push_event(Event { input: index, kind, at: now.wall });
        }
    }

    /// Heeds what happened to time.
    fn heed(&mut self, happened: Break, now: Now, batch: &mut Batch) {
        self.deliver(Time::MAX, batch);
        match happened {
            Break::Set(by) => {
                batch.push_event(Event { input: 0, kind: EventKind::ClockSet { by }, at: now.wall });
                self.rings.iter_mut().for_each(|ring| ring.clock_set(by, now));
                if let Phase::Ending(until) = &mut self.phase {
                    *until = *until + by;
                }
                self.told = now.wall.floor_second();
                (self.tell)("", Word::ClockSet(by));
            }
            Break::Slept(span) => {
                for (index, _) in (0..).zip(self.rings.iter().filter(|ring| ring.is_up)) {
                    for kind in [EventKind::Ended, EventKind::Opened] {
                        batch.push_event(Event { input: index, kind, at: now.wall });
                    }
                }
                (self.tell)("", Word::Slept(span));
            }
        }
    }

    /// Looks at links and counters; `false` where a port is gone.
    fn look(&mut self, now: Now, batch: &mut Batch) -> bool {
        let since = std::mem::replace(&mut self.looked, now.awake);
        let from = now.wall - (now.awake - since);
        for (index, ring) in (0..).zip(&mut self.rings) {
            let event = |kind| Event { input: index, kind, at: now.wall };
            if !ring.port.is_there() {
                let name = ring.port.name().to_owned();
                ring.is_up = false;
                let _ = self.control.removed.set(name);
                return false;
            }
            if let Some(lost) = ring.lost() {
                let frames = u64::from(lost.by_kernel).saturating_add(lost.by_port.into());
                batch.push_event(event(EventKind::Dropped { from, lost: frames, of: lost.of }));
                let word = Word::Dropped { by_kernel: lost.by_kernel, by_port: lost.by_port };
                (self.tell)(ring.port.name(), word);
            }
            let is_up = ring.port.is_up();
            if is_up != ring.is_up {
                ring.is_up = is_up;
                let (kind, word) =
                    if is_up { (EventKind::Opened, Word::Up) } else { (EventKind::Down, Word::Down) };
                batch.push_event(event(kind));
                (self.tell)(ring.port.name(), word);
            }
        }
        self.show();
        true
    }

    /// Puts into the batch what waits and is stamped no later than `until`, in merged order.
    fn deliver(&mut self, until: Time, batch: &mut Batch) {
        loop {
            let fronts =
                (0..).zip(&self.rings).filter_map(|(index, ring)| Some((ring.waiting.front()?.key, index)));
            let Some((_, index)) = fronts.min().filter(|(key, _)| *key <= until) else { return };
            let Some(ring) = self.rings.get_mut(index as usize) else { return };
            let Some(frame) = ring.take() else { return };
            self.number = self.number.saturating_add(1);
            let head = FrameHead {
                at: frame.at,
                number: self.number,
                frame: ring.frames,
                input: index,
                interface: 0,
                link: ring.link,
                wire_length: frame.wire_length,
            };
            batch.push(head, &frame.block, frame.start, frame.length);
            if batch.is_full() && until != Time::MAX {
                return;
            }
        }
    }

    /// The moment up to which every port was read.
    fn complete(&self, now: Now) -> Time {
        let up = self.rings.iter().filter(|ring| ring.is_up || !ring.waiting.is_empty());
        up.map(Ring::complete).min().unwrap_or(now.wall)
    }

    fn wait(&self) {
        let mut fds: Vec<PollFd<'_>> =
            self.rings.iter().map(|ring| PollFd::from_borrowed_fd(ring.fd(), PollFlags::IN)).collect();
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(RETIRE_MS).saturating_mul(1_000_000) };
        // A signal may end it early, and nothing else can go wrong that reading would not show.
        let _ = poll(&mut fds, Some(&timeout));
    }

    fn is_to_end(&self, now: Now) -> bool {
        let is_long = self.settings.duration.is_some_and(|span| now.running - self.begun.running >= span);
        is_long || self.control.is_stopped.load(Ordering::Relaxed)
    }
}

impl Source for Live {
    /// Waits for the next frames, or for the next second; `false` where the capture was ended and all that came before
    /// has been told.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        batch.clear();
        while self.phase != Phase::Over {
            let now = Now::look();
            if self.phase == Phase::New {
                self.begin(now, batch);
            }
            if let Some(happened) = self.clocks.look(now) {
                self.heed(happened, now, batch);
            }
            for ring in &mut self.rings {
                if let Some(word) = ring.read(now, &self.pool) {
                    (self.tell)(ring.port.name(), word);
                }
            }
            let complete = self.complete(now);
            if let Phase::Ending(until) = self.phase {
                self.deliver(complete.min(until), batch);
                if complete >= until && !batch.is_full() {
                    self.phase = Phase::Over;
                }
                if self.phase == Phase::Over || !batch.is_empty() {
                    break;
                }
                self.wait();
                continue;
            }
            self.deliver(complete, batch);
            let is_drained =
                self.rings.iter().all(|ring| ring.waiting.front().is_none_or(|it| it.key > complete));
            if is_drained && complete.floor_second() > self.told {
                self.told = complete.floor_second();
                batch.push_event(Event { input: 0, kind: EventKind::Passed, at: complete });
            }
            let is_due = now.awake - self.looked >= LOOK;
            if self.is_to_end(now) || (is_due && !self.look(now, batch)) {
                self.phase = Phase::Ending(now.wall);
            }
            if !batch.is_empty() {
                break;
            }
            self.wait();
        }
        Ok(!batch.is_empty())
    }

    fn is_filtered(&self) -> bool {
        self.settings.filter.is_some()
    }

    fn filter_refusals(&self) -> Vec<String> {
        Vec::new()
    }

    fn finish(&mut self) -> Result<Vec<InputReport>, ReadError> {
        self.look(Now::look(), &mut Batch::default());
        Ok(self.rings.iter().map(Ring::report).collect())
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rings.iter().map(|ring| ring.port.name());
        f.debug_list().entries(names).finish()
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |span: &Span| span.0.saturating_add(500_000_000).div_euclid(1_000_000_000);
        match self {
            Self::Down => write!(f, "the port has no link: nothing is known until it has one again"),
            Self::Up => write!(f, "the port has a link again"),
            Self::Dropped { by_kernel, by_port } => write!(
                f,
                "{by_kernel} frames were dropped because the analysis is behind, {by_port} by the port itself"
            ),
            Self::Joined { bytes, most } => write!(
                f,
                "a frame of {bytes} bytes is more than a cable carries ({most}): the port joins frames (GRO, LRO). Turn that off: ethtool -K PORT gro off lro off"
            ),
            Self::ClockSet(by) => write!(f, "the clock of this machine was set, by {} s", seconds(by)),
            Self::Slept(span) => write!(f, "this machine slept for {} s", seconds(span)),
        }
    }
}

/// Links and counters are looked at so often.
const LOOK: Span = Span::seconds(1);
/// Bytes of a block: as many as the kernel shows at a time.
const BLOCK: usize = 256 << 10;
