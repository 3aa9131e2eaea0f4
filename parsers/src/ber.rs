//! Basic Encoding Rules (BER), the part of them that SNMP uses.
//!
//! ```text
//! | tag 1 | length 1         | value |          length under 0x80
//! | tag 1 | 0x80 + n | n     | value |          n bytes of length, 1 to 4
//! ```
//!
//! An [`Element`] that ends behind the bytes at hand is given as far as they go: a
//! message that a capture cut is read up to there.
//!
//! Source: ITU-T X.690, 8.1; RFC 3417, 8 (definite lengths alone). Left out: tags of several bytes.

use std::fmt;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::be_u8;

use crate::vocabulary::Malformed;

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// What it is: class in the upper two bits, 0x20 for a constructed one, then its number.
    pub tag: u8,
    /// Its value, as far as it is there.
    pub value: &'a [u8],
    /// Whether all of it is there.
    pub is_whole: bool,
}

impl Element<'_> {
    /// A number of up to eight bytes.
    #[must_use]
    pub fn signed(&self) -> Option<i64> {
        let (first, _) = self.value.split_first()?;
        let sign = if *first & 0x80 == 0 { 0 } else { -1 };
        let is_short = self.is_whole && self.value.len() <= 8;
        is_short.then(|| self.value.iter().fold(sign, |sum, byte| sum << 8 | i64::from(*byte)))
    }

    /// A number of up to eight bytes that is never negative, with or without the zero before it.
    #[must_use]
    pub fn unsigned(&self) -> Option<u64> {
        let digits = match self.value {
            [0, digits @ ..] => digits,
            digits => digits,
        };
        let is_short = self.is_whole && !self.value.is_empty() && digits.len() <= 8;
        is_short.then(|| digits.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }
}

/// Reads one element.
///
/// # Errors
/// `Truncated` where tag and length are not whole; `Invalid` where the tag has several bytes or the length
/// is indefinite or has more than four. Each names `field`.
pub fn element<'a>(i: &'a [u8], field: &'static str) -> Result<(&'a [u8], Element<'a>), Malformed> {
    let (rest, (tag, length)) = head(i).map_err(|_| Malformed::Truncated { field })?;
    let length = length.filter(|_| tag & NUMBER != NUMBER).ok_or(Malformed::Invalid { field })?;
    Ok(match rest.split_at_checked(length) {
        Some((value, rest)) => (rest, Element { tag, value, is_whole: true }),
        None => (&[], Element { tag, value: rest, is_whole: false }),
    })
}

/// Reads one element of this tag that is whole.
///
/// # Errors
/// Those of [`element`]; `Truncated` where it is not whole; `Invalid` where it has another tag.
pub fn whole<'a>(i: &'a [u8], tag: u8, field: &'static str) -> Result<(&'a [u8], Element<'a>), Malformed> {
    let (rest, element) = element(i, field)?;
    match element {
        Element { tag: other, .. } if other != tag => Err(Malformed::Invalid { field }),
        Element { is_whole: false, .. } => Err(Malformed::Truncated { field }),
        element => Ok((rest, element)),
    }
}

/// Reads one element of this tag, whole or not.
///
/// # Errors
/// Those of [`element`]; `Invalid` where it has another tag.
pub fn opened<'a>(i: &'a [u8], tag: u8, field: &'static str) -> Result<(&'a [u8], Element<'a>), Malformed> {
    let (rest, element) = element(i, field)?;
    if element.tag == tag { Ok((rest, element)) } else { Err(Malformed::Invalid { field }) }
}

/// Reads an INTEGER.
///
/// # Errors
/// Those of [`whole`]; `Invalid` where it has no byte or more than eight.
pub fn integer<'a>(i: &'a [u8], field: &'static str) -> Result<(&'a [u8], i64), Malformed> {
    let (rest, element) = whole(i, INTEGER, field)?;
    Ok((rest, element.signed().ok_or(Malformed::Invalid { field })?))
}

/// Reads an OCTET STRING.
///
/// # Errors
/// Those of [`whole`].
pub fn octets<'a>(i: &'a [u8], field: &'static str) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    whole(i, OCTET_STRING, field).map(|(rest, element)| (rest, element.value))
}

/// An object identifier: a path of numbers, shown with dots.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Oid<'a>(pub &'a [u8]);

impl<'a> Oid<'a> {
    /// What of it stands behind `prefix`, where it begins with that: the numbers of an instance.
    #[must_use]
    pub fn behind(self, prefix: &[u8]) -> Option<Oid<'a>> {
        self.0.strip_prefix(prefix).map(Oid)
    }

    /// Its numbers as they are written, the first two in one; none after one that has more than 32 bits.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (after, number) = number(rest).ok()?;
            rest = after;
            number
        })
    }

    /// The number, where it is only one.
    #[must_use]
    pub fn number(self) -> Option<u32> {
        let mut numbers = self.numbers();
        numbers.next().filter(|_| numbers.next().is_none())
    }
}

impl fmt::Display for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbers = self.numbers().take(NUMBERS_MAX);
        if let Some(first) = numbers.next() {
            let top = (first / 40).min(2);
            write!(f, "{top}.{}", first.saturating_sub(top.saturating_mul(40)))?;
        }
        numbers.try_for_each(|number| write!(f, ".{number}"))
    }
}

impl fmt::Debug for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Tag and length; no length where that is not to be read.
fn head(i: &[u8]) -> IResult<&[u8], (u8, Option<usize>)> {
    let (i, tag) = be_u8(i)?;
    let (i, first) = be_u8(i)?;
    match first {
        0..=0x7f => Ok((i, (tag, Some(first.into())))),
        0x81..=0x84 => {
            let (i, digits) = take(first & 0x7f)(i)?;
            let length = digits.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
            Ok((i, (tag, usize::try_from(length).ok())))
        }
        _ => Ok((i, (tag, None))),
    }
}

/// One number of an object identifier, seven bits a byte; `None` where it is too large.
fn number(mut i: &[u8]) -> IResult<&[u8], Option<u32>> {
    let mut number = Some(0_u32);
    loop {
        let (rest, byte) = be_u8(i)?;
        i = rest;
        let shifted = number.filter(|number| number >> 25 == 0).map(|number| number << 7);
        number = shifted.map(|number| number | u32::from(byte & 0x7f));
        if byte & 0x80 == 0 {
            return Ok((i, number));
        }
    }
}

/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;

/// A tag with all of these bits has more bytes.
const NUMBER: u8 = 0x1f;
/// RFC 2578, 3.5.
const NUMBERS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn element_is_read_by_either_form_of_length() {
        let expected = Element { tag: 4, value: b"ab", is_whole: true };
        assert_eq!(element(b"\x04\x02abc", "it"), Ok((&b"c"[..], expected)));
        assert_eq!(element(b"\x04\x82\0\x02abc", "it"), Ok((&b"c"[..], expected)));
    }

    #[test]
    fn element_that_ends_early_is_given_as_far_as_it_goes() {
        let (rest, cut) = element(b"\x30\x05ab", "it").unwrap();
        assert_eq!((rest, cut.value, cut.is_whole), (&b""[..], &b"ab"[..], false));
        assert_eq!(whole(b"\x30\x05ab", 0x30, "it"), Err(Malformed::Truncated { field: "it" }));
        assert_eq!(element(b"\x30", "it"), Err(Malformed::Truncated { field: "it" }));
        assert_eq!(element(b"\x30\x82\x01", "it"), Err(Malformed::Truncated { field: "it" }));
    }

    #[test]
    fn what_snmp_does_not_use_is_invalid() {
        let invalid = Err(Malformed::Invalid { field: "it" });
        for bytes in [&b"\x30\x80\0\0"[..], b"\x30\x85\0\0\0\0\0", b"\x1f\x81\x01\0"] {
            assert_eq!(element(bytes, "it"), invalid);
        }
        assert_eq!(
            integer(b"\x02\0", "it").map(|(_, number)| number),
            Err(Malformed::Invalid { field: "it" })
        );
        assert_eq!(
            octets(b"\x02\x01\0", "it").map(|(_, bytes)| bytes),
            Err(Malformed::Invalid { field: "it" })
        );
    }

    #[test]
    fn numbers_have_a_sign_or_none() {
        let of = |value| Element { tag: INTEGER, value, is_whole: true };
        assert_eq!((of(b"\xff").signed(), of(b"\xff").unsigned()), (Some(-1), Some(255)));
        assert_eq!((of(b"\0\xff").signed(), of(b"\0\xff").unsigned()), (Some(255), Some(255)));
        assert_eq!(of(b"\0\xff\xff\xff\xff\xff\xff\xff\xff").unsigned(), Some(u64::MAX));
        assert_eq!((of(b"").signed(), of(b"").unsigned(), of(&[1; 9]).unsigned()), (None, None, None));
    }

    #[test]
    fn object_identifier_is_shown_with_dots() {
        assert_eq!(Oid(b"\x2b\x06\x01\x04\x01\x81\xf4\x69").to_string(), "1.3.6.1.4.1.31337");
        assert_eq!(Oid(b"\x88\x37\x01").to_string(), "2.999.1");
        assert_eq!(Oid(b"").to_string(), "");
        assert_eq!(Oid(b"\x2b\x8f\xff\xff\xff\x7f").to_string(), "1.3.4294967295");
        assert_eq!(Oid(b"\x2b\x90\x80\x80\x80\0\x01").to_string(), "1.3");
    }

    #[test]
    fn instance_is_what_stands_behind_the_object() {
        let oid = Oid(b"\x2b\x06\x07\x81\0");
        assert_eq!(oid.behind(b"\x2b\x06\x07").and_then(Oid::number), Some(128));
        assert_eq!((oid.behind(b"\x2b\x06").and_then(Oid::number), oid.behind(b"\x06")), (None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok((_, element)) = element(&bytes, "it") {
                let _ = (element.signed(), element.unsigned());
            }
            let _ = Oid(&bytes).to_string();
        }
    }
}
