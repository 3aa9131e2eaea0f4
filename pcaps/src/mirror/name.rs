//! The names of a mirror's forms, as a command line gives them.
//!
//! ```text
//! form   = name ("," name)*        at most one for the tags, one for the tunnel, and snap
//! name   = word | word "=" number
//! ```

use std::fmt;
use std::str::FromStr;

use super::form::{Form, Tags};
use super::tunnel::Tunnel;

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
    /// What can be said once.
    const fn subject(self) -> &'static str {
        match self {
            Self::Tags(_) | Self::Outer => "tags",
            Self::Tunnel(_) | Self::Vni => "tunnel",
            Self::Snap => "snap",
        }
    }

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

impl Form {
    /// Every name that [`Form::from_str`] reads.
    pub const NAMES: &'static [Name] = NAMES;
}

impl FromStr for Form {
    type Err = FormError;

    /// Reads names of [`Form::NAMES`] with commas between, as "tagged,erspan2,snap=128".
    fn from_str(text: &str) -> Result<Self, FormError> {
        let mut form = Self::default();
        let mut named = Vec::new();
        for written in text.split(',').map(str::trim) {
            let (part, number) = part(written)?;
            if named.contains(&part.subject()) {
                return Err(FormError::Twice(part.subject()));
            }
            named.push(part.subject());
            match part {
                Part::Tags(tags) => form.tags = tags,
                Part::Outer => form.tags = Tags::Double { outer: number as u16 },
                Part::Tunnel(tunnel) => form.tunnel = Some(tunnel),
                Part::Vni => form.tunnel = Some(Tunnel::Vxlan { vni: number }),
                Part::Snap => form.snap = Some(number),
            }
        }
        Ok(form)
    }
}

impl fmt::Display for Form {
    /// Writes what [`Form::from_str`] reads; how many copies were sent is not said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_it = |part: Part| match (part, self.tags, self.tunnel) {
            (Part::Tags(tags), ours, _) => tags == ours,
            (Part::Outer, Tags::Double { .. }, _) | (Part::Vni, _, Some(Tunnel::Vxlan { .. })) => true,
            (Part::Tunnel(tunnel), _, ours) => ours == Some(tunnel),
            (Part::Snap, ..) => self.snap.is_some(),
            (Part::Outer | Part::Vni, ..) => false,
        };
        for (index, name) in NAMES.iter().filter(|name| is_it(name.part)).enumerate() {
            let word = name.text.split('=').next().unwrap_or(name.text);
            write!(f, "{}{word}", if index == 0 { "" } else { "," })?;
            match (name.part, self.tags, self.tunnel, self.snap) {
                (Part::Outer, Tags::Double { outer }, ..) => write!(f, "={outer}")?,
                (Part::Vni, _, Some(Tunnel::Vxlan { vni }), _) => write!(f, "={vni}")?,
                (Part::Snap, .., Some(snap)) => write!(f, "={snap}")?,
                _ => {}
            }
        }
        Ok(())
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

/// The greatest that readers of captures take, and far above any frame.
const SNAP_MAX: u32 = 262_144;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_a_form() {
        let form: Form = "tagged-ingress, vxlan=16777215,snap=128".parse().unwrap();
        let tunnel = Some(Tunnel::Vxlan { vni: 0xff_ffff });
        assert_eq!(form, Form { tags: Tags::IngressOnly, tunnel, snap: Some(128), sequence: 0 });
        assert_eq!("plain".parse(), Ok(Form::default()));
    }

    #[test]
    fn a_form_is_written_as_it_is_read() {
        for written in ["plain", "tagged,erspan2", "qinq=9,vxlan=70,snap=128", "tagged-egress,gre"] {
            assert_eq!(written.parse::<Form>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn every_name_is_read() {
        for name in Form::NAMES {
            let written = name.text.split('=').next().unwrap().to_owned();
            let written = if name.text.contains('=') { format!("{written}=60") } else { written };
            assert!(written.parse::<Form>().is_ok(), "{written}");
        }
    }

    #[test]
    fn unknown_names_are_told_with_those_there_are() {
        for written in ["", "erspan", "tagged=3", "plain,,snap=9", "Plain"] {
            assert!(matches!(written.parse::<Form>(), Err(FormError::Unknown(_))), "{written}");
        }
        let error = "span".parse::<Form>().unwrap_err().to_string();
        assert!(
            error.starts_with("no form of a mirror is called \"span\"; there are plain, tagged, "),
            "{error}"
        );
        assert!(error.ends_with(", vxlan=VNI, snap=N"), "{error}");
    }

    #[test]
    fn numbers_have_bounds() {
        let beyond =
            ["qinq", "qinq=", "qinq=0", "qinq=4095", "qinq=x", "vxlan=16777216", "snap=0", "snap=262145"];
        for written in beyond {
            let error = written.parse::<Form>().unwrap_err();
            assert!(matches!(error, FormError::Number { .. }), "{written}");
        }
        let error = "tagged,snap=0".parse::<Form>().unwrap_err().to_string();
        assert_eq!(error, "\"snap=0\" needs a number from 1 to 262144 behind \"=\"");
    }

    #[test]
    fn the_same_is_said_once() {
        for (written, subject) in [
            ("plain,tagged", "tags"),
            ("tagged,qinq=9", "tags"),
            ("gre,vxlan=1", "tunnel"),
            ("snap=9,snap=9", "snap"),
        ] {
            assert_eq!(written.parse::<Form>(), Err(FormError::Twice(subject)));
        }
    }
}
