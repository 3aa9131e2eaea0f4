//! The form in which a mirror hands on its copies: tags, tunnel, and where it cuts.
//!
//! ```text
//! outer headers of the tunnel | destination | source | S-tag | C-tag | type | payload
//!                                                      88a8    8100    ^ cut `snap` bytes from the start
//! ```
//!
//! A switch mirrors what it has in hand: on ingress often the frame as it came in, on egress as it goes
//! out, so that one way may bear tags and the other none. A VLAN tag is the type, 0x8100 or 0x88a8, and
//! a number of 12 bits; priority and DEI are zero here.
//!
//! Source: IEEE 802.1Q-2018, 9.3 to 9.6 (tags). The tunnels are in `tunnel`.

use std::fmt;
use std::str::FromStr;

use super::tunnel::Tunnel;

/// The way of a copied frame through the mirrored port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the device into the switch.
    Ingress,
    /// From the switch to the device.
    Egress,
}

/// One frame that the mirror copied.
#[derive(Debug, Clone)]
pub struct Copy<'a> {
    /// When, in nanoseconds of Unix time.
    pub at: i64,
    /// Which way it went.
    pub way: Way,
    /// The VLAN that it is in; 0 for none.
    pub vlan: u16,
    /// The index of the mirrored port, below 16,384.
    pub port: u16,
    /// The Ethernet frame without tag and check sequence, 14 bytes at least.
    pub frame: &'a [u8],
}

/// Which copies bear VLAN tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tags {
    /// None, as on access ports.
    #[default]
    None,
    /// Those of both ways, as on a trunk.
    Both,
    /// Those of frames that came in.
    IngressOnly,
    /// Those of frames that went out.
    EgressOnly,
    /// All, with a provider's tag before the VLAN's own.
    Double {
        /// The provider's VLAN.
        outer: u16,
    },
}

/// The form of a mirror's copies; by default untagged and in no tunnel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// The tags they bear.
    pub tags: Tags,
    /// The tunnel they come through.
    pub tunnel: Option<Tunnel>,
    /// How many bytes of each are kept; the whole frame if `None`.
    pub snap: Option<u32>,
    /// How many copies the tunnel has sent: the next GRE sequence number, and the IP identification
    /// follows it. Whoever adds to it has lost so many copies between the mirror and the watcher.
    pub sequence: u32,
}

impl Form {
    /// Every name that [`Form::from_str`] reads.
    pub const NAMES: &'static [Name] = NAMES;

    /// Appends the captured bytes of a copy, cut at `snap`, and returns its length on the wire.
    pub fn write(&mut self, copy: &Copy<'_>, out: &mut Vec<u8>) -> u32 {
        let start = out.len();
        let mut labels = self.tags.labels(copy);
        if let Some(tunnel) = self.tunnel {
            tunnel.write(self.sequence, copy, &mut labels, out);
            self.sequence = self.sequence.wrapping_add(1);
        }
        let (addresses, rest) = copy.frame.split_at(12);
        out.extend_from_slice(addresses);
        for label in labels.into_iter().flatten() {
            out.extend_from_slice(&label.kind.to_be_bytes());
            out.extend_from_slice(&label.vlan.to_be_bytes());
        }
        out.extend_from_slice(rest);
        let length = out.len() - start;
        if let Some(snap) = self.snap {
            out.truncate(start + snap as usize);
        }
        u32::try_from(length).expect("a frame is below 64 KiB")
    }
}

/// One VLAN tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    kind: u16,
    /// The VLAN.
    pub(super) vlan: u16,
}

impl Tags {
    /// The tags of one copy, the outer first.
    fn labels(self, copy: &Copy<'_>) -> [Option<Label>; 2] {
        let own = (copy.vlan != 0).then_some(Label { kind: C_TAG, vlan: copy.vlan });
        match (self, copy.way) {
            (Self::Double { outer }, _) => [Some(Label { kind: S_TAG, vlan: outer }), own],
            (Self::Both, _) | (Self::IngressOnly, Way::Ingress) | (Self::EgressOnly, Way::Egress) => {
                [own, None]
            }
            (Self::None | Self::IngressOnly | Self::EgressOnly, _) => [None, None],
        }
    }
}

/// A part of a form as a command line names it.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    /// The name; behind "=" stands for what its number is.
    pub text: &'static str,
    /// What it means, in one line.
    pub line: &'static str,
    part: Part,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Tags(Tags),
    Tunnel(Tunnel),
    Outer,
    Vni,
    Snap,
}

impl Part {
    /// What the number of this part must be; none where it takes no number.
    const fn bounds(self) -> Option<(u32, u32)> {
        match self {
            Self::Tags(_) | Self::Tunnel(_) => None,
            Self::Outer => Some((1, 4_094)),
            Self::Vni => Some((0, 0xff_ffff)),
            Self::Snap => Some((1, SNAP_MAX)),
        }
    }
}

/// Why a form cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormError {
    /// No name of [`Form::NAMES`].
    Unknown(String),
    /// The number behind a name is missing, no number, or beyond its bounds.
    Number {
        /// What was written.
        written: String,
        /// The least and the greatest number.
        bounds: (u32, u32),
    },
    /// A second word on the same thing: "tags", "tunnel" or "snap".
    Twice(&'static str),
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(written) => {
                write!(f, "no form of a mirror is called \"{written}\"; there are ")?;
                for (index, name) in NAMES.iter().enumerate() {
                    write!(f, "{}{}", if index == 0 { "" } else { ", " }, name.text)?;
                }
                Ok(())
            }
            Self::Number { written, bounds: (low, high) } => {
                write!(f, "\"{written}\" needs a number from {low} to {high} behind \"=\"")
            }
            Self::Twice(what) => write!(f, "the mirror's {what} can be named only once"),
        }
    }
}

impl std::error::Error for FormError {}

impl FromStr for Form {
    type Err = FormError;

    /// Reads names of [`Form::NAMES`] with commas between, as "tagged,erspan2,snap=128".
    fn from_str(text: &str) -> Result<Self, FormError> {
        let mut form = Self::default();
        let (mut has_tags, mut has_tunnel) = (false, false);
        for written in text.split(',').map(str::trim) {
            let (part, number) = part(written)?;
            match part {
                Part::Tags(_) | Part::Outer => {
                    form.tags = if let Part::Tags(tags) = part {
                        tags
                    } else {
                        Tags::Double { outer: number as u16 }
                    };
                    once(&mut has_tags, "tags")?;
                }
                Part::Tunnel(_) | Part::Vni => {
                    form.tunnel = Some(if let Part::Tunnel(tunnel) = part {
                        tunnel
                    } else {
                        Tunnel::Vxlan { vni: number }
                    });
                    once(&mut has_tunnel, "tunnel")?;
                }
                Part::Snap => once(&mut form.snap.replace(number).is_some(), "snap")?,
            }
        }
        Ok(form)
    }
}

/// The part that one word names, and its number or 0.
fn part(written: &str) -> Result<(Part, u32), FormError> {
    let (word, number) =
        written.split_once('=').map_or((written, None), |(word, number)| (word, Some(number)));
    let named = |name: &&Name| name.text.split('=').next() == Some(word);
    let part = NAMES.iter().find(named).map(|name| name.part);
    match (part, part.and_then(Part::bounds)) {
        (Some(part), None) if number.is_none() => Ok((part, 0)),
        (Some(part), Some(bounds)) => number
            .and_then(|number| number.parse().ok())
            .filter(|number| (bounds.0..=bounds.1).contains(number))
            .map(|number| (part, number))
            .ok_or_else(|| FormError::Number { written: written.to_owned(), bounds }),
        _ => Err(FormError::Unknown(written.to_owned())),
    }
}

fn once(has_it: &mut bool, what: &'static str) -> Result<(), FormError> {
    if std::mem::replace(has_it, true) { Err(FormError::Twice(what)) } else { Ok(()) }
}

const NAMES: &[Name] = &[
    Name { text: "plain", line: "no tags, as copied from access ports", part: Part::Tags(Tags::None) },
    Name { text: "tagged", line: "802.1Q tags on every copy", part: Part::Tags(Tags::Both) },
    Name {
        text: "tagged-ingress",
        line: "802.1Q tags on what came in, none on what went out",
        part: Part::Tags(Tags::IngressOnly),
    },
    Name {
        text: "tagged-egress",
        line: "802.1Q tags on what went out, none on what came in",
        part: Part::Tags(Tags::EgressOnly),
    },
    Name { text: "qinq=OUTER", line: "an 802.1ad tag before the 802.1Q tag", part: Part::Outer },
    Name {
        text: "erspan1",
        line: "ERSPAN type I: GRE and nothing else",
        part: Part::Tunnel(Tunnel::Erspan1),
    },
    Name {
        text: "erspan2",
        line: "ERSPAN type II: session, VLAN and port in a header, and sequence numbers",
        part: Part::Tunnel(Tunnel::Erspan2),
    },
    Name {
        text: "erspan3",
        line: "ERSPAN type III: the same with direction and time",
        part: Part::Tunnel(Tunnel::Erspan3),
    },
    Name {
        text: "gre",
        line: "Ethernet in GRE, with key and sequence numbers",
        part: Part::Tunnel(Tunnel::Gre),
    },
    Name { text: "vxlan=VNI", line: "VXLAN", part: Part::Vni },
    Name { text: "snap=N", line: "only the first N bytes of each copy", part: Part::Snap },
];

/// IEEE 802.1Q-2018, table 9-1.
const C_TAG: u16 = 0x8100;
const S_TAG: u16 = 0x88a8;
/// The greatest that readers of captures take, and far above any frame.
const SNAP_MAX: u32 = 262_144;
