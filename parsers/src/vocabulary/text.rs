//! Text from the wire.

use std::fmt;
use std::sync::Arc;

/// Text from the wire: at most [`Text::MAX`] bytes, no control characters.
///
/// Bytes that are not UTF-8 become U+FFFD, control characters (C0, C1, bidirectional
/// overrides and line separators included) become `·`, spaces at both ends go.
/// It is still hostile: every sink escapes it in its own way.
/// Its copies are one: many rooms keep the same name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Arc<str>);

impl Text {
    /// The longest text kept, in bytes of UTF-8.
    pub const MAX: usize = 256;

    /// Makes a text of `bytes`, cut at [`Text::MAX`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        // Each input byte gives at most one character, so four times the cap is always enough.
        let bytes = bytes.get(..Self::MAX.saturating_mul(4)).unwrap_or(bytes);
        let said = String::from_utf8_lossy(bytes);
        let said = said.trim_matches(ENDS);
        // Most texts are plain: nothing to replace, nothing to cut.
        if said.len() <= Self::MAX && said.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Self(said.into());
        }
        let mut text = String::with_capacity(Self::MAX);
        for character in said.chars() {
            let character = if is_unprintable(character) { '·' } else { character };
            if text.len().saturating_add(character.len_utf8()) > Self::MAX {
                break;
            }
            text.push(character);
        }
        Self(text.into())
    }

    /// Makes a text, or `None` where nothing printable is left.
    #[must_use]
    pub fn some(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(bytes)).filter(|text| !text.is_empty())
    }

    /// Whether it only says that nobody filled the field in.
    #[must_use]
    pub fn is_placeholder(&self) -> bool {
        PLACEHOLDERS.iter().any(|said| self.0.eq_ignore_ascii_case(said))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What goes at both ends.
const ENDS: [char; 5] = ['\0', ' ', '\t', '\r', '\n'];

/// What firmware writes into fields that nobody filled in (SMBIOS and LLDP-MED inventories).
const PLACEHOLDERS: [&str; 8] = [
    "unknown",
    "n/a",
    "none",
    "not specified",
    "not available",
    "to be filled by o.e.m.",
    "default string",
    "0123456789",
];

/// Whether a character must not reach a terminal or a page: controls, and the
/// marks that reorder text (Unicode TR 36, section 2.6 and TR 9).
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_what_can_be_printed() {
        assert_eq!(Text::new(b"  camera 7\0\0").as_str(), "camera 7");
        assert_eq!(Text::new(b"a\x1b[31mb\x07").as_str(), "a·[31mb·");
        assert_eq!(Text::new("a\u{202e}b".as_bytes()).as_str(), "a·b");
        assert_eq!(Text::new(b"\xff\xfe").as_str(), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn text_is_cut_at_a_character() {
        let text = Text::new("é".repeat(400).as_bytes());
        assert_eq!(text.as_str().len(), Text::MAX);
    }

    #[test]
    fn empty_text_is_none() {
        assert_eq!(Text::some(b" \0 "), None);
    }
}
