//! BER values of definite length, as certificates and SNMP use them (ITU-T X.690, 8).
//!
//! ```text
//! | tag | length: 1 byte below 128, else 0x80 + count and so many bytes | value |
//! ```

/// `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
/// `OCTET STRING`.
pub(super) const OCTETS: u8 = 0x04;
/// `SEQUENCE`.
pub(super) const SEQUENCE: u8 = 0x30;
/// `SET`.
pub(super) const SET: u8 = 0x31;

/// A value of any tag, its content in parts.
pub(super) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let used = &bytes[length.leading_zeros() as usize / 8..];
        out.push(0x80 | used.len() as u8);
        out.extend_from_slice(used);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A number of at most 64 bits, as short as it can be.
pub(super) fn number(tag: u8, number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let is_spare = |at: &usize| {
        let sign = if bytes[at + 1] & 0x80 == 0 { 0 } else { 0xff };
        bytes[*at] == sign
    };
    let spare = (0..7).take_while(is_spare).count();
    value(tag, &[&bytes[spare..]])
}

/// A positive number of any size, its bytes big-endian.
pub(super) fn positive(bytes: &[u8]) -> Vec<u8> {
    let zero: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
    value(INTEGER, &[zero, bytes])
}

/// An object identifier.
pub(super) fn oid(arcs: &[u32]) -> Vec<u8> {
    let mut content = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let groups = (32 - (arc | 1).leading_zeros()).div_ceil(7);
        for group in (0..groups).rev() {
            let more = if group == 0 { 0 } else { 0x80 };
            content.push(more | (arc >> (7 * group)) as u8 & 0x7f);
        }
    }
    value(0x06, &[&content])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X.690, 8.3 and 8.19.
    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (given, bytes) in
            [(0, &[0][..]), (127, &[127]), (128, &[0, 128]), (-128, &[128]), (-129, &[0xff, 0x7f])]
        {
            assert_eq!(number(INTEGER, given)[2..], *bytes, "{given}");
        }
        assert_eq!(oid(&[2, 999, 3]), [6, 3, 0x88, 0x37, 3]);
    }
}
