//! JSON as devices send it: [`pairs`] finds every name with its value, in a document that is whole, cut or wrong.
//!
//! ```text
//! { "mac" : "02:...", "params" : { "Port" : 80, "Version" : "1.0, "Next" : 1 } }
//!    name    value                  name   value            the quote that lacks is the next name's
//! ```
//!
//! Names are told flat, whatever object they stand in, in the order of the document. A list is stepped into and
//! has no names of its own.
//!
//! Source: RFC 8259; the missing quote stands in `Dahua2.derived.pcap` of UniversalScanner. Left out: escapes
//! other than of one character stay as they are.

use std::borrow::Cow;

/// Every name with its value: the inside of a text, the digits of a number, `true`, `false` or `null`.
pub fn pairs(json: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = json;
    std::iter::from_fn(move || {
        loop {
            let at = rest.iter().position(|byte| *byte == b'"')?;
            let (name, after) = text(rest.get(at..)?)?;
            let Some(value) = after.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start)
            else {
                rest = after;
                continue;
            };
            match value.first()? {
                b'"' => {
                    // A value that does not end is no value.
                    let (said, after) = text(value)?;
                    rest = after;
                    // What stands at once behind a text is a name whose own quote was taken for the text's end.
                    if after.first().is_some_and(|byte| {
                        !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace()
                    }) {
                        rest = value.get(said.len().saturating_add(1)..)?;
                    }
                    return Some((name, said.trim_ascii_end().strip_suffix(b",").unwrap_or(said)));
                }
                b'{' | b'[' => rest = value,
                _ => {
                    let end = value.iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?;
                    let (said, after) = value.split_at(end);
                    rest = after;
                    return Some((name, said.trim_ascii()));
                }
            }
        }
    })
}

/// The inside of the text that begins with the quote at the front, and what follows it.
fn text(quoted: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = quoted.get(1..)?;
    let mut is_escaped = false;
    let end = inside.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })?;
    let (said, after) = inside.split_at(end);
    Some((said, after.get(1..)?))
}

/// A text without its escapes of one character: `\/`, `\"`, `\\`.
#[must_use]
pub fn unescaped(said: &[u8]) -> Cow<'_, [u8]> {
    if !said.contains(&b'\\') {
        return Cow::Borrowed(said);
    }
    let mut out = Vec::with_capacity(said.len());
    let mut bytes = said.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(escaped @ (b'/' | b'"' | b'\\')) => out.push(escaped),
                Some(other) => out.extend([b'\\', other]),
                None => out.push(b'\\'),
            },
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(json: &str) -> Vec<String> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        pairs(json.as_bytes()).map(|(name, value)| format!("{}={}", text(name), text(value))).collect()
    }

    #[test]
    fn names_of_all_objects_are_told_with_their_values() {
        let json = r#"{ "a" : "x", "b":{"c":1,"d" : -2.5 }, "e":[ {"f":true}, "g", {"h":null} ],"i":"" }"#;
        assert_eq!(shown(json), ["a=x", "c=1", "d=-2.5", "f=true", "h=null", "i="]);
    }

    #[test]
    fn missing_quote_is_forgiven() {
        assert_eq!(
            shown(r#"{ "Version" : "1.0, "Next" : 1, "Last":"z" }"#),
            ["Version=1.0", "Next=1", "Last=z"]
        );
    }

    #[test]
    fn escaped_quotes_do_not_end_a_text() {
        assert_eq!(shown(r#"{"a":"x\"y\\","b":"fe80::1\/64"}"#), [r#"a=x\"y\\"#, r"b=fe80::1\/64"]);
        assert_eq!(&*unescaped(br#"x\"y\\ \/64 \u0041 \"#), br#"x"y\ /64 \u0041 \"#);
    }

    #[test]
    fn what_was_cut_off_is_not_told() {
        assert_eq!(shown(r#"{"a":"x","b":"y"#), ["a=x"]);
        assert_eq!(shown(r#"{"a":"x","b":12"#), ["a=x"]);
        assert_eq!(shown(r#"{"a"#), [""; 0]);
        assert_eq!(shown(r#"{"a":"#), [""; 0]);
        assert_eq!(shown(""), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_and_end(json in "[\"\\\\:,{}\\[\\] a1]{0,60}") {
            prop_assert!(pairs(json.as_bytes()).count() <= json.len());
        }
    }
}
