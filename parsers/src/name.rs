//! Domain names as DNS writes them, in its messages and in options of DHCP.
//!
//! ```text
//! (length 1, label)* 0        or, for the rest of a name:  11 + offset 14 bits
//! ```
//!
//! Source: RFC 1035, 3.1 and 4.1.4; in option 119 of DHCP, RFC 3397; in option 81
//! without compression and perhaps without the last zero, RFC 4702, 3.3.

use std::fmt;

use crate::vocabulary::{Malformed, Text};

/// A name inside a message, known to be whole.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    whole: &'a [u8],
    at: usize,
}

impl<'a> Name<'a> {
    /// Reads the name that begins at `at`, and says where the next field does.
    ///
    /// # Errors
    /// `Truncated` where it does not end; `Invalid` where a pointer does not point
    /// backwards, a label is of an unknown sort, or the name is longer than DNS allows.
    pub fn read(whole: &'a [u8], at: usize) -> Result<(Self, usize), Malformed> {
        match Self::read_open(whole, at)? {
            (name, after, true) => Ok((name, after)),
            _ => Err(Malformed::Truncated { field: "name" }),
        }
    }

    /// The same for a name that may lack its last zero; whether it has it.
    fn read_open(whole: &'a [u8], at: usize) -> Result<(Self, usize, bool), Malformed> {
        let invalid = Malformed::Invalid { field: "name" };
        let (mut next, mut bytes, mut after) = (at, 0_usize, None);
        // Every pointer must point before the one that led here, so the walk ends.
        let (mut front, mut pointers) = (at, 0);
        loop {
            let step = step(whole, next).ok_or(Malformed::Truncated { field: "name" })?;
            match step {
                Step::Label(label) => {
                    let taken = label.len().saturating_add(1);
                    bytes = bytes.saturating_add(taken);
                    next = next.saturating_add(taken);
                }
                Step::Pointer(offset) if offset < front && pointers < LABELS_MAX => {
                    pointers = usize::saturating_add(pointers, 1);
                    after = after.or(Some(next.saturating_add(2)));
                    (front, next) = (offset, offset);
                }
                Step::Zero => {
                    return Ok((Self { whole, at }, after.unwrap_or(next.saturating_add(1)), true));
                }
                Step::End => return Ok((Self { whole, at }, after.unwrap_or(next), false)),
                Step::Pointer(_) | Step::Unknown => return Err(invalid),
            }
            if bytes > NAME_MAX {
                return Err(invalid);
            }
        }
    }

    /// Its labels, the most particular first.
    pub fn labels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (whole, mut next) = (self.whole, self.at);
        std::iter::from_fn(move || {
            loop {
                match step(whole, next)? {
                    Step::Label(label) => {
                        next = next.saturating_add(label.len()).saturating_add(1);
                        return Some(label);
                    }
                    Step::Pointer(offset) => next = offset,
                    Step::Zero | Step::End | Step::Unknown => return None,
                }
            }
        })
    }

    /// Its labels joined by dots, without one at the end.
    #[must_use]
    pub fn joined(&self) -> Vec<u8> {
        self.labels().collect::<Vec<_>>().join(&b'.')
    }

    /// Whether it is the other, capitals aside (RFC 4343).
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        same(self.labels(), other.labels())
    }

    /// Whether it ends in these labels, capitals aside.
    #[must_use]
    pub fn ends_in(&self, labels: &[&[u8]]) -> bool {
        let skipped = self.labels().count().checked_sub(labels.len());
        skipped.is_some_and(|skipped| same(self.labels().skip(skipped), labels.iter().copied()))
    }
}

/// Whether both have the same labels, capitals aside.
fn same<'a>(mut one: impl Iterator<Item = &'a [u8]>, mut other: impl Iterator<Item = &'a [u8]>) -> bool {
    one.all(|label| other.next().is_some_and(|its| its.eq_ignore_ascii_case(label))) && other.next().is_none()
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.labels().eq(other.labels())
    }
}

impl Eq for Name<'_> {}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Text::new(&self.joined()))
    }
}

enum Step<'a> {
    Label(&'a [u8]),
    Pointer(usize),
    Zero,
    End,
    Unknown,
}

/// What stands at `at`; `None` where it does not fit.
fn step(whole: &[u8], at: usize) -> Option<Step<'_>> {
    let Some((&length, rest)) = whole.get(at..)?.split_first() else { return Some(Step::End) };
    Some(match length {
        0 => Step::Zero,
        1..=LABEL_MAX => Step::Label(rest.get(..usize::from(length))?),
        POINTER.. => Step::Pointer(usize::from(u16::from_be_bytes([length & !POINTER, *rest.first()?]))),
        _ => Step::Unknown,
    })
}

/// Reads the name at the front of an option that may lack its last zero, its labels joined by dots.
/// `None` where it is damaged.
#[must_use]
pub fn open(option: &[u8]) -> Option<Vec<u8>> {
    Name::read_open(option, 0).ok().map(|(name, ..)| name.joined())
}

/// Reads names until the value ends; `None` where one is damaged.
#[must_use]
pub fn list(whole: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut names, mut at) = (Vec::new(), 0);
    while at < whole.len() && names.len() < NAMES_MAX {
        let (name, after, _) = Name::read_open(whole, at).ok()?;
        names.push(name.joined());
        at = after;
    }
    Some(names)
}

/// RFC 1035, 2.3.4.
const LABEL_MAX: u8 = 63;
/// RFC 1035, 2.3.4: 255 bytes with the last zero.
const NAME_MAX: usize = 254;
/// So many labels fit into a name, and no more pointers lead to them.
const LABELS_MAX: usize = 127;
const POINTER: u8 = 0xc0;
/// Resolvers use six names at most; pointers let two bytes stand for 255.
const NAMES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_share_their_ends() {
        let names = list(b"\x04site\x07example\0\x03cam\xc0\x05").unwrap();
        assert_eq!(names, [b"site.example".to_vec(), b"cam.example".to_vec()]);
    }

    #[test]
    fn labels_may_hold_dots() {
        let (name, after) = Name::read(b"zz\x03a.b\x05local\0!", 2).unwrap();
        assert_eq!(name.labels().collect::<Vec<_>>(), [b"a.b".as_slice(), b"local"]);
        assert_eq!((after, name.joined()), (13, b"a.b.local".to_vec()));
    }

    #[test]
    fn name_ends_before_what_its_pointer_leads_to() {
        let whole = b"\x05local\0\x03cam\xc0\0\xff";
        let (name, after) = Name::read(whole, 7).unwrap();
        assert_eq!((name.joined(), after), (b"cam.local".to_vec(), 13));
    }

    #[test]
    fn capitals_do_not_tell_names_apart() {
        let (one, _) = Name::read(b"\x03Cam\x05local\0", 0).unwrap();
        let (other, _) = Name::read(b"\x03cAM\x05LOCAL\0", 0).unwrap();
        assert!(one.is(&other) && one != other);
        assert!(one.ends_in(&[b"LOCAL"]) && !one.ends_in(&[b"cam"]) && one.ends_in(&[]));
        let (longer, _) = Name::read(b"\x03cam\x05local\x01x\0", 0).unwrap();
        assert!(!one.is(&longer) && !longer.is(&one));
    }

    #[test]
    fn name_without_its_last_zero_is_read_where_it_may_be() {
        assert_eq!(open(b"\x03cam"), Some(b"cam".to_vec()));
        assert_eq!(Name::read(b"\x03cam", 0), Err(Malformed::Truncated { field: "name" }));
    }

    #[test]
    fn nothing_is_no_name() {
        assert_eq!(list(&[]), Some(vec![]));
        assert_eq!(Name::read(b"a", 7), Err(Malformed::Truncated { field: "name" }));
    }

    #[test]
    fn pointer_that_does_not_point_backwards_is_refused() {
        assert_eq!(list(b"\xc0\0"), None);
        assert_eq!(list(b"\x01a\xc0\0"), None);
        assert_eq!(list(b"\xc0\x09\0"), None);
    }

    #[test]
    fn label_longer_than_the_value_is_refused() {
        assert_eq!(list(b"\x05cam"), None);
        assert_eq!(list(b"\x80"), None);
    }

    #[test]
    fn name_longer_than_dns_allows_is_refused() {
        let name = |labels: usize| [b"\x01a".repeat(labels), vec![0]].concat();
        assert!(Name::read(&name(127), 0).is_ok());
        assert_eq!(Name::read(&name(128), 0), Err(Malformed::Invalid { field: "name" }));
    }

    #[test]
    fn names_that_unfold_are_bounded() {
        let whole = [b"\x01a\0".as_slice(), &[0xc0, 0].repeat(400)].concat();
        assert_eq!(list(&whole).map(|names| names.len()), Some(NAMES_MAX));
    }
}
