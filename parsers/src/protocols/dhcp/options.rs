//! DHCP options: how they are laid out, in which order they were sent.
//!
//! ```text
//! 0      1        2
//! | code | length | value |     code 0 (pad) and 255 (end) stand alone
//! ```
//!
//! Option 52 says that `file` (1), `sname` (2) or both (3) hold options too;
//! they are read behind the others in that order. A value longer than 255
//! bytes is sent as several options of one code, whose values belong together.
//!
//! Source: RFC 2132, 2 and 9.3; RFC 3396, 5. Left out: pads, which say nothing.

use std::borrow::Cow;

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::be_u8;

use crate::vocabulary::Malformed;

/// The options of one message, in the order in which they were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options<'a> {
    /// Every option but pads, the end included.
    pub raw: Vec<RawOption<'a>>,
}

/// One option as it stands in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// Which option.
    pub code: u8,
    /// Its value, or a part of it; empty for the end.
    pub value: &'a [u8],
    /// Where it stands.
    pub area: Area,
}

/// Where options stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// In the field of their own.
    Options,
    /// In `file`.
    File,
    /// In `sname`.
    ServerName,
}

impl<'a> Options<'a> {
    /// Reads `options`, and the two other fields where option 52 says so; tells the first fault.
    #[must_use]
    pub fn read(options: &'a [u8], file: &'a [u8], server_name: &'a [u8]) -> (Self, Option<Malformed>) {
        let mut read = Self::default();
        let mut damage = read.area(options, Area::Options);
        let overload = match read.first(OVERLOAD) {
            Some([overload @ 1..=3]) => *overload,
            _ => 0,
        };
        if overload & 1 != 0 {
            damage = damage.or(read.area(file, Area::File));
        }
        if overload & 2 != 0 {
            damage = damage.or(read.area(server_name, Area::ServerName));
        }
        (read, damage)
    }

    /// The first option `code`: for values of fixed length, which are never split.
    #[must_use]
    pub fn first(&self, code: u8) -> Option<&'a [u8]> {
        self.raw.iter().find(|option| option.code == code).map(|option| option.value)
    }

    /// The whole value of option `code`, its parts put together.
    #[must_use]
    pub fn whole(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        let mut parts = self.raw.iter().filter(|option| option.code == code).map(|option| option.value);
        let mut whole = Cow::Borrowed(parts.next()?);
        for part in parts {
            whole.to_mut().extend_from_slice(part);
        }
        Some(whole)
    }

    fn area(&mut self, mut rest: &'a [u8], area: Area) -> Option<Malformed> {
        while let Some(&code) = rest.first() {
            match code {
                PAD => rest = rest.get(1..).unwrap_or_default(),
                END => {
                    self.raw.push(RawOption { code, value: &[], area });
                    return None;
                }
                _ => {
                    let Ok((after, option)) = sub_option(rest) else {
                        return Some(Malformed::Truncated { field: "option" });
                    };
                    self.raw.push(RawOption { code, value: option.value, area });
                    rest = after;
                }
            }
        }
        None
    }
}

/// One option inside another one's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubOption<'a> {
    /// Which one.
    pub code: u8,
    /// Its value.
    pub value: &'a [u8],
}

/// Reads the options inside a value, up to its end or to the first that does not fit.
#[must_use]
pub fn sub_options(mut rest: &[u8]) -> (Vec<SubOption<'_>>, Option<Malformed>) {
    let mut read = Vec::new();
    while !rest.is_empty() {
        let Ok((after, option)) = sub_option(rest) else {
            return (read, Some(Malformed::Truncated { field: "sub-option" }));
        };
        read.push(option);
        rest = after;
    }
    (read, None)
}

fn sub_option(i: &[u8]) -> IResult<&[u8], SubOption<'_>> {
    let (i, code) = be_u8(i)?;
    let (i, length) = be_u8(i)?;
    let (i, value) = take(length)(i)?;
    Ok((i, SubOption { code, value }))
}

/// Fills room, alone.
pub const PAD: u8 = 0;
/// Ends a field, alone.
pub const END: u8 = 255;
/// Routers on the client's subnet (RFC 2132, 3.5).
pub const ROUTER: u8 = 3;
/// Name servers (RFC 2132, 3.8).
pub const RESOLVERS: u8 = 6;
/// Host name.
pub const HOST_NAME: u8 = 12;
/// Time servers that speak NTP (RFC 2132, 8.3).
pub const CLOCKS: u8 = 42;
/// Whatever the maker of the client and the server agreed on.
pub const VENDOR: u8 = 43;
/// The address that the client would like.
pub const REQUESTED_ADDRESS: u8 = 50;
/// How long the address may be used.
pub const LEASE_TIME: u8 = 51;
/// More options in other fields.
pub const OVERLOAD: u8 = 52;
/// What the message says.
pub const MESSAGE_TYPE: u8 = 53;
/// The server's address.
pub const SERVER: u8 = 54;
/// Codes of the options that the client would like.
pub const PARAMETER_LIST: u8 = 55;
/// The client's make.
pub const VENDOR_CLASS: u8 = 60;
/// Names the client.
pub const CLIENT_ID: u8 = 61;
/// The client's kinds.
pub const USER_CLASS: u8 = 77;
/// The client's DNS name.
pub const FQDN: u8 = 81;
/// What the relay or the switch added.
pub const RELAY: u8 = 82;
/// The client's make, by enterprise number.
pub const VENDOR_IDENTIFYING_CLASS: u8 = 124;
/// Option 43, by enterprise number.
pub const VENDOR_IDENTIFYING_INFO: u8 = 125;

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(options: &Options<'_>) -> Vec<u8> {
        options.raw.iter().map(|option| option.code).collect()
    }

    #[test]
    fn order_is_kept_and_pads_are_left_out() {
        let (options, damage) = Options::read(b"\x35\x01\x01\0\0\x0c\x01a\xff\0\0", &[], &[]);
        assert_eq!((codes(&options), damage), (vec![53, 12, 255], None));
        assert_eq!(options.first(12), Some(b"a".as_slice()));
    }

    #[test]
    fn no_option_and_no_end_is_no_fault() {
        assert_eq!(Options::read(&[], &[], &[]), (Options::default(), None));
        assert_eq!(Options::read(b"\0\0", &[], &[]), (Options::default(), None));
    }

    #[test]
    fn split_value_is_put_together_across_fields() {
        let (options, damage) =
            Options::read(b"\x34\x01\x03\x0c\x02ca\xff", b"\x0c\x02me\xff\0", b"\x0c\x02ra\xff");
        assert_eq!(damage, None);
        assert_eq!(codes(&options), [52, 12, 255, 12, 255, 12, 255]);
        assert_eq!(options.whole(12).as_deref(), Some(b"camera".as_slice()));
    }

    #[test]
    fn only_the_fields_that_are_named_are_read() {
        let file = b"\x0c\x01f\xff";
        let name = b"\x0c\x01s\xff";
        for (overload, areas) in
            [(0u8, vec![]), (1, vec![Area::File]), (2, vec![Area::ServerName]), (9, vec![])]
        {
            let bytes = [OVERLOAD, 1, overload, END];
            let (options, _) = Options::read(&bytes, file, name);
            let found: Vec<_> = options.raw.iter().filter(|o| o.code == 12).map(|o| o.area).collect();
            assert_eq!(found, areas, "overload {overload}");
        }
    }

    #[test]
    fn option_longer_than_its_field_is_truncated_and_the_earlier_stay() {
        let truncated = Some(Malformed::Truncated { field: "option" });
        let (options, damage) = Options::read(b"\x35\x01\x01\x0c\x05cam", &[], &[]);
        assert_eq!((codes(&options), damage), (vec![53], truncated));
        let (_, damage) = Options::read(b"\x0c", &[], &[]);
        assert_eq!(damage, truncated);
    }

    #[test]
    fn sub_options_are_read_up_to_the_damaged_one() {
        let (read, damage) = sub_options(b"\x01\x02ab\x02\x09c");
        assert_eq!(read, [SubOption { code: 1, value: b"ab" }]);
        assert_eq!(damage, Some(Malformed::Truncated { field: "sub-option" }));
    }
}
