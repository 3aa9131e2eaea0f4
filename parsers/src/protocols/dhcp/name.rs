//! Domain names as DNS writes them, in DHCP options.
//!
//! ```text
//! (length 1, label)* 0        or, for the rest of a name:  11 + offset 14 bits
//! ```
//!
//! Source: RFC 1035, 3.1 and 4.1.4; in option 119, RFC 3397; in option 81
//! without compression and perhaps without the last zero, RFC 4702, 3.3.

/// Reads the name at the front of `rest`, which is the end of `whole`, and says what follows it.
///
/// Labels are joined by dots, without one at the end. `None` where a label does
/// not fit, a pointer does not point backwards, or the name is longer than DNS allows.
#[must_use]
pub fn read<'a>(whole: &'a [u8], mut rest: &'a [u8]) -> Option<(Vec<u8>, &'a [u8])> {
    let mut name = Vec::new();
    let mut after = None;
    // Every pointer must point before the one that led here, so the walk ends.
    let mut front = whole.len().checked_sub(rest.len())?;
    loop {
        let Some((&length, labels)) = rest.split_first() else { return Some((name, after.unwrap_or(rest))) };
        match length {
            0 => return Some((name, after.unwrap_or(labels))),
            1..=LABEL_MAX => {
                let (label, next) = labels.split_at_checked(usize::from(length))?;
                if !name.is_empty() {
                    name.push(b'.');
                }
                name.extend_from_slice(label);
                if name.len() > NAME_MAX {
                    return None;
                }
                rest = next;
            }
            POINTER.. => {
                let (&low, next) = labels.split_first()?;
                let offset = usize::from(u16::from_be_bytes([length & !POINTER, low]));
                if offset >= front {
                    return None;
                }
                after = after.or(Some(next));
                front = offset;
                rest = whole.get(offset..)?;
            }
            _ => return None,
        }
    }
}

/// Reads names until the value ends; `None` where one is damaged.
#[must_use]
pub fn list(whole: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    let mut rest = whole;
    while !rest.is_empty() && names.len() < NAMES_MAX {
        let (name, after) = read(whole, rest)?;
        names.push(name);
        rest = after;
    }
    Some(names)
}

/// RFC 1035, 2.3.4.
const LABEL_MAX: u8 = 63;
/// RFC 1035, 2.3.4.
const NAME_MAX: usize = 255;
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
    fn name_without_its_last_zero_is_read() {
        assert_eq!(read(b"\x03cam", b"\x03cam"), Some((b"cam".to_vec(), [].as_slice())));
    }

    #[test]
    fn nothing_is_no_name() {
        assert_eq!(list(&[]), Some(vec![]));
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
    fn names_that_unfold_are_bounded() {
        let whole = [b"\x01a\0".as_slice(), &[0xc0, 0].repeat(400)].concat();
        assert_eq!(list(&whole).map(|names| names.len()), Some(NAMES_MAX));
    }
}
