//! The capture file of Wireshark, pcapng: sections of blocks.
//!
//! ```text
//! block     0      4        8                    length - 4
//!           | type | length | body … (padded)    | length |
//! section   body = byte order 1a2b3c4d | major u16 | minor u16 | section length i64 | option*
//! interface body = link type u16 | (zero) u16 | snaplen u32 | option*
//! enhanced  body = interface u32 | ticks, upper u32, lower u32 | captured u32 | original u32 | frame | option*
//! old       body = interface u16 | drops u16 | … as enhanced
//! simple    body = original u32 | frame
//! counts    body = interface u32 | ticks, upper u32, lower u32 | option*
//! option    0      2        4
//!           | code | length | value (padded to 4)
//! ```
//!
//! A section has a byte order and interfaces of its own; each interface has its
//! own link type, unit and offset of time. Blocks of other types are stepped
//! over (names, secrets, journal, custom ones), but the last two count in the
//! numbers of frames, as they do in Wireshark. A simple packet has no time.
//! A section's length is not used: what follows a block is the next block.
//!
//! Source: draft-ietf-opsawg-pcapng; for the old packet block its appendix.

mod interface;
mod search;

use std::collections::BTreeSet;
use std::io::Read;

use spanwatch_parsers::LinkType;

use crate::FRAME_MAX;
use crate::block::Window;
use crate::bytes::Order;
use crate::format::{Frame, cut};
use crate::harm::Harm;
use interface::{Interface, options};

/// A pcapng file.
#[derive(Debug, Default)]
pub(crate) struct Pcapng {
    section: Option<Section>,
    /// Interfaces of earlier sections.
    interfaces_before: u32,
    /// Drops told in earlier sections.
    dropped_before: Option<u64>,
    links: BTreeSet<LinkType>,
    /// Blocks since the last frame that are no frames and have frame numbers in Wireshark.
    numbered: u64,
    /// Blocks that were stepped over: neither frames nor anything about them.
    others: u64,
}

/// The section that is being read.
#[derive(Debug)]
struct Section {
    order: Order,
    interfaces: Vec<Interface>,
}

impl Pcapng {
    /// Whether these are the first bytes of a section.
    pub(crate) fn is_start<R: Read>(window: &mut Window<R>) -> bool {
        window.peek(12).is_some_and(|bytes| section_order(bytes).is_some())
    }

    /// The link types of all interfaces so far.
    pub(crate) fn links(&self) -> impl Iterator<Item = LinkType> {
        self.links.iter().copied()
    }

    /// Frames lost at capture, as far as the file tells.
    pub(crate) fn dropped(&self) -> Option<u64> {
        let here = self.section.iter().flat_map(|section| &section.interfaces);
        add_drops(self.dropped_before, here)
    }

    /// Blocks so far that hold neither frames nor anything about them.
    pub(crate) const fn others(&self) -> u64 {
        self.others
    }

    /// Reads the next frame; its bytes lie in the window's block until the next call.
    ///
    /// A block with sound lengths and an impossible body is stepped over. Where
    /// the lengths are broken, the next place is taken from which three blocks of
    /// known type in a row, or all up to the end of the file, are beyond doubt.
    pub(crate) fn next<R: Read>(&mut self, window: &mut Window<R>, harm: &mut Harm) -> Option<Frame> {
        loop {
            let offset = window.offset();
            match self.block(window) {
                Ok(Some(frame)) => return Some(frame),
                Ok(None) => {}
                Err(Fault::End) => return None,
                Err(Fault::Cut(text)) => {
                    harm.note(offset, text);
                    window.pass(window.in_view());
                    harm.skip(window.offset().saturating_sub(offset));
                    return None;
                }
                Err(Fault::Body(text, length)) => {
                    harm.note(offset, text);
                    window.pass(length);
                    harm.skip(length as u64);
                }
                Err(Fault::Lengths(text)) => {
                    harm.note(offset, text);
                    let is_found = self.resync(window);
                    harm.skip(window.offset().saturating_sub(offset));
                    if !is_found {
                        return None;
                    }
                }
            }
        }
    }

    /// The next frame, where it is as nearly all are: in view, sound, without options, and right behind the one before. Whoever
    /// takes it passes as many bytes as its block has. `None` of all else, which [`Self::next`] judges.
    #[inline]
    pub(crate) fn plain<R: Read>(&self, window: &Window<R>) -> Option<(Frame, usize)> {
        let Section { order, interfaces } = self.section.as_ref()?;
        let view = window.view();
        let [kind, total, id, upper, lower, captured, wire_length] = order.words(view)?;
        let block = view.get(..total as usize)?;
        let (body, behind) = block.split_last_chunk::<4>()?;
        let padded = captured.checked_next_multiple_of(4)?;
        let is_plain = kind == ENHANCED
            && captured <= FRAME_MAX
            && body.len().checked_sub(padded as usize) == Some(FRONT)
            && order.u32(behind, 0) == Some(total)
            && self.numbered == 0;
        let interface = interfaces.get(id as usize).filter(|_| is_plain)?;
        let frame = Frame {
            at: Some(interface.time(upper, lower)),
            link: interface.link,
            interface: self.interfaces_before.saturating_add(id),
            wire_length,
            numbered_before: 0,
            start: window.place().saturating_add(FRONT),
            length: captured as usize,
        };
        Some((frame, block.len()))
    }

    /// Reads one block; gives the frame that is in it.
    fn block<R: Read>(&mut self, window: &mut Window<R>) -> Result<Option<Frame>, Fault> {
        let head = window.peek(HEAD).and_then(<[u8]>::first_chunk::<HEAD>).copied();
        let Some(head) = head else {
            return Err(match window.in_view() {
                0 if window.failure().is_none() => Fault::End,
                _ => Fault::Cut(cut(window, HEAD, "a block header")),
            });
        };
        if head.starts_with(&SECTION_MAGIC) {
            self.begin_section(window)?;
        }
        let order = self.order();
        let [kind, total] = order.words(&head).unwrap_or_default();
        let length = total as usize;
        let is_ours = matches!(kind, SECTION | INTERFACE | OLD | SIMPLE | COUNTS | ENHANCED);
        let longest = if is_ours { HELD_MAX } else { BLOCK_MAX };
        if !(EMPTY..=longest).contains(&length) || !length.is_multiple_of(4) {
            return Err(Fault::Lengths(format!("a block of type {kind:#x} says it has {total} bytes")));
        }
        if !is_ours && length > HELD_MAX {
            step_over(window, order, total)?;
            self.others = self.others.saturating_add(1);
            return Ok(None);
        }
        if window.peek(length).is_none() {
            let is_sound = is_packet(window, order, kind, length);
            let text = cut(window, length, "a block");
            return Err(if is_sound { Fault::Cut(text) } else { Fault::Lengths(text) });
        }
        let block = window.peek(length).unwrap_or_default();
        if order.u32(block, length.saturating_sub(4)) != Some(total) {
            return Err(Fault::Lengths(format!(
                "a block of type {kind:#x} says {total} bytes in front and something else at its end"
            )));
        }
        let body = block.get(HEAD..length.saturating_sub(4)).unwrap_or_default();
        let fault = |text: String| Fault::Body(text, length);
        let mut found = match kind {
            INTERFACE => {
                self.add_interface(order, body).map_err(fault)?;
                None
            }
            COUNTS => {
                self.count_drops(order, body);
                None
            }
            ENHANCED | OLD => Some(self.packet(order, kind, body).map_err(fault)?),
            SIMPLE => Some(self.simple(order, body).map_err(fault)?),
            JOURNAL | CUSTOM | CUSTOM_NO_COPY => {
                self.numbered = self.numbered.saturating_add(1);
                None
            }
            _ => None,
        };
        if !is_ours {
            self.others = self.others.saturating_add(1);
        }
        if let Some(frame) = &mut found {
            frame.start = window.place().saturating_add(HEAD).saturating_add(frame.start);
            frame.numbered_before = std::mem::take(&mut self.numbered);
        }
        window.pass(length);
        Ok(found)
    }

    /// The byte order of what is being read.
    fn order(&self) -> Order {
        self.section.as_ref().map_or(Order::Little, |section| section.order)
    }

    /// Begins the section whose header comes next.
    fn begin_section<R: Read>(&mut self, window: &mut Window<R>) -> Result<(), Fault> {
        let Some(head) = window.peek(12) else {
            return Err(Fault::Cut(cut(window, 12, "a section header")));
        };
        let told = section_order(head);
        // Even where the header is damaged: what follows must not be taken for the old section's.
        self.open_section(told.unwrap_or(self.order()));
        match told {
            Some(_) => Ok(()),
            None => Err(Fault::Lengths("a section header tells no byte order".to_owned())),
        }
    }

    fn open_section(&mut self, order: Order) {
        self.dropped_before = self.dropped();
        let section = self.section.replace(Section { order, interfaces: Vec::new() });
        let interfaces = section.map_or(0, |section| section.interfaces.len());
        let interfaces = u32::try_from(interfaces).unwrap_or(u32::MAX);
        self.interfaces_before = self.interfaces_before.saturating_add(interfaces);
    }

    fn add_interface(&mut self, order: Order, body: &[u8]) -> Result<(), String> {
        let Some(section) = &mut self.section else { return Err("no section header in front".to_owned()) };
        if section.interfaces.len() >= INTERFACES_MAX {
            return Err(format!("a section has more than {INTERFACES_MAX} interfaces"));
        }
        let interface = Interface::read(order, body).ok_or("an interface block is too short")?;
        self.links.insert(interface.link);
        section.interfaces.push(interface);
        Ok(())
    }

    fn count_drops(&mut self, order: Order, body: &[u8]) {
        if let Some(id) = order.u32(body, 0)
            && let Some(interface) = self.interface_mut(id)
        {
            interface.count(order, body.get(12..).unwrap_or_default());
        }
    }

    /// Reads an enhanced or old packet; `start` counts from the body.
    fn packet(&mut self, order: Order, kind: u32, body: &[u8]) -> Result<Frame, String> {
        let short = "a packet block is too short";
        let [id, upper, lower, captured, wire_length] = order.words(body).ok_or(short)?;
        let id = if kind == OLD { order.u16(body, 0).ok_or(short)?.into() } else { id };
        let length = captured as usize;
        let room = body.len().saturating_sub(PACKET);
        if captured > FRAME_MAX || length > room {
            return Err(format!("a packet block of {room} bytes says {captured} were captured"));
        }
        let interfaces_before = self.interfaces_before;
        let interface = self
            .interface_mut(id)
            .ok_or_else(|| format!("a packet names interface {id}, which is not there"))?;
        let behind = PACKET.saturating_add(length.next_multiple_of(4));
        if kind == OLD {
            let drops = order.u16(body, 2).filter(|drops| *drops != u16::MAX);
            interface.drop_before_packet(drops.map(u64::from));
        } else if let Some(behind) = body.get(behind..).filter(|behind| !behind.is_empty()) {
            let drops = options(order, behind).find(|(code, _)| *code == PACKET_DROPS);
            interface.drop_before_packet(drops.and_then(|(_, value)| order.u64(value, 0)));
        }
        Ok(Frame {
            at: Some(interface.time(upper, lower)),
            link: interface.link,
            interface: interfaces_before.saturating_add(id),
            wire_length,
            numbered_before: 0,
            start: PACKET,
            length,
        })
    }

    /// Reads a simple packet; `start` counts from the body.
    fn simple(&mut self, order: Order, body: &[u8]) -> Result<Frame, String> {
        let wire_length = order.u32(body, 0).ok_or("a packet block is too short")?;
        let interface = self.interface_mut(0).ok_or("a packet without an interface before it")?;
        let snaplen = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let length = (wire_length.min(snaplen) as usize).min(body.len().saturating_sub(4));
        if length > FRAME_MAX as usize {
            return Err(format!(
                "a simple packet has {length} bytes, and no frame has more than {FRAME_MAX}"
            ));
        }
        let link = interface.link;
        let interface = self.interfaces_before;
        Ok(Frame { at: None, link, interface, wire_length, numbered_before: 0, start: 4, length })
    }

    fn interface_mut(&mut self, id: u32) -> Option<&mut Interface> {
        self.section.as_mut()?.interfaces.get_mut(id as usize)
    }
}

/// Passes a block that is too long to be held.
fn step_over<R: Read>(window: &mut Window<R>, order: Order, total: u32) -> Result<(), Fault> {
    if !window.skip((total as usize).saturating_sub(4)) {
        return Err(Fault::Cut(cut(window, 4, "a block")));
    }
    let Some(end) = window.peek(4) else { return Err(Fault::Cut(cut(window, 4, "a block"))) };
    if order.u32(end, 0) != Some(total) {
        return Err(Fault::Lengths(format!(
            "a block says {total} bytes in front and something else at its end"
        )));
    }
    window.pass(4);
    Ok(())
}

/// Whether the block that is cut here tells of a packet that it has room for, so that its length can be believed.
fn is_packet<R: Read>(window: &mut Window<R>, order: Order, kind: u32, length: usize) -> bool {
    let captured = window.peek(FRONT).and_then(|head| order.u32(head, 20));
    let longest = length.saturating_sub(PACKET.saturating_add(EMPTY));
    matches!(kind, ENHANCED | OLD)
        && captured.is_some_and(|captured| {
            let captured = captured as usize;
            captured <= longest && longest.saturating_sub(captured) <= OPTIONS_LIKELY
        })
}

/// The byte order that a section header, from its type on, tells.
fn section_order(bytes: &[u8]) -> Option<Order> {
    let (magic, behind) = bytes.split_first_chunk::<4>()?;
    match (*magic, behind.get(4..8)?) {
        (SECTION_MAGIC, [0x1a, 0x2b, 0x3c, 0x4d]) => Some(Order::Big),
        (SECTION_MAGIC, [0x4d, 0x3c, 0x2b, 0x1a]) => Some(Order::Little),
        _ => None,
    }
}

fn add_drops<'a>(before: Option<u64>, interfaces: impl Iterator<Item = &'a Interface>) -> Option<u64> {
    interfaces
        .filter_map(Interface::dropped)
        .fold(before, |sum, more| Some(sum.unwrap_or(0).saturating_add(more)))
}

/// Why a block gives no frame.
enum Fault {
    /// No more blocks.
    End,
    /// The stream ends within a block.
    Cut(String),
    /// Where the next block begins is in doubt.
    Lengths(String),
    /// The block, of this length, is framed well and makes no sense.
    Body(String, usize),
}

/// Bytes of type and length.
const HEAD: usize = 8;
/// Bytes of a block without a body.
const EMPTY: usize = 12;
/// Bytes in front of the frame in an enhanced or old packet block's body.
const PACKET: usize = 20;
/// Bytes of an enhanced packet block in front of the frame.
const FRONT: usize = HEAD + PACKET;

const SECTION_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD: u32 = 2;
const SIMPLE: u32 = 3;
const NAMES: u32 = 4;
const COUNTS: u32 = 5;
const ENHANCED: u32 = 6;
/// A line of the systemd journal.
const JOURNAL: u32 = 9;
const CUSTOM: u32 = 0xbad;
const CUSTOM_NO_COPY: u32 = 0x4000_0bad;
/// `epb_dropcount`: frames lost between this packet and the one before.
const PACKET_DROPS: u16 = 4;

/// The longest block that is read as one piece: the longest frame and as much again for options.
const HELD_MAX: usize = 2 * FRAME_MAX as usize;
/// The longest block that is stepped over, as in Wireshark.
const BLOCK_MAX: usize = 16 << 20;
/// Bytes of options that a packet usually has at most.
const OPTIONS_LIKELY: usize = 4096;
/// The most interfaces of a section: what the old packet block can number.
const INTERFACES_MAX: usize = 65_536;
