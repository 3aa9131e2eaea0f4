//! XML as devices send it: [`walk`] steps through a document, whole or cut short.
//!
//! ```text
//! <a:Envelope><a:Body><Model type="x">M7</Model> …
//!    Open(Envelope), Open(Body), Open(Model, attributes), Text(M7) under Envelope/Body/Model, …
//! ```
//!
//! Names are told without their prefixes, which every maker chooses for himself. The text of an element is told once the
//! element has ended and only where no other stands in it, so that what was cut off is never taken for the whole.
//! Ends that do not match are forgiven; at anything worse, and at any cap, the walk ends with what it has told.
//!
//! Source: W3C, Extensible Markup Language (XML) 1.0, fifth edition. Left out: entities that a document defines itself.

use quick_xml::Reader;
use quick_xml::events::attributes::Attributes as Raw;
use quick_xml::events::{BytesRef, Event};

/// The names of the elements around, the document's own first.
#[derive(Debug, Default)]
pub struct Path {
    names: Vec<String>,
}

/// What is told of an element.
#[derive(Debug)]
pub enum Piece<'a> {
    /// It begins.
    Open(Attributes<'a>),
    /// It has ended, and this stood in it.
    Text(&'a str),
}

/// The attributes of an element.
#[derive(Debug)]
pub struct Attributes<'a> {
    raw: Raw<'a>,
}

impl Path {
    /// How many elements are around, the one that is told of included.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.names.len()
    }

    /// The `n`th from outside; empty where there is none.
    #[must_use]
    pub fn at(&self, n: usize) -> &str {
        self.names.get(n).map_or("", String::as_str)
    }

    /// The innermost.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// Whether these are the innermost, in order.
    #[must_use]
    pub fn ends_with(&self, names: &[&str]) -> bool {
        let begin = self.names.len().checked_sub(names.len());
        begin.and_then(|begin| self.names.get(begin..)).is_some_and(|last| last == names)
    }

    /// Whether one of them is called so.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|each| each == name)
    }
}

impl Attributes<'_> {
    /// The value of the attribute of this name, whatever its prefix.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        let mut raw = self.raw.clone();
        let attributes = raw.with_checks(false).take(ATTRIBUTES_MAX).filter_map(Result::ok);
        let mut named = attributes.filter(|attribute| attribute.key.local_name().into_inner() == name);
        named.next().map(|attribute| attribute.value.into_owned())
    }
}

/// Whether `bytes` begin as XML does.
#[must_use]
pub fn is_xml(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    matches!(bytes, [b'<', b'?' | b'!' | b'A'..=b'Z' | b'a'..=b'z' | b'_', ..])
}

/// Steps through a document, at most [`BYTES_MAX`] of it.
pub fn walk(xml: &[u8], mut tell: impl FnMut(&Path, Piece<'_>)) {
    let text = String::from_utf8_lossy(xml.get(..BYTES_MAX).unwrap_or(xml));
    let mut reader = Reader::from_str(&text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut path = Path::default();
    // What stands in the innermost element, unless another one did.
    let mut text = Some(String::new());
    for _ in 0..EVENTS_MAX {
        let Ok(event) = reader.read_event() else { return };
        match event {
            Event::Start(start) => {
                if path.depth() >= DEPTH_MAX {
                    return;
                }
                path.names.push(name_of(start.local_name().into_inner()));
                tell(&path, Piece::Open(Attributes { raw: start.attributes() }));
                text = Some(String::new());
            }
            Event::Empty(start) => {
                path.names.push(name_of(start.local_name().into_inner()));
                tell(&path, Piece::Open(Attributes { raw: start.attributes() }));
                path.names.pop();
                text = None;
            }
            Event::End(_) => {
                let said = text.take().unwrap_or_default();
                if path.depth() > 0 && !said.trim().is_empty() {
                    tell(&path, Piece::Text(said.trim()));
                }
                path.names.pop();
            }
            Event::Text(said) => add(&mut text, &said.xml10_content()),
            Event::CData(said) => add(&mut text, &said.xml10_content()),
            Event::GeneralRef(reference) => add(&mut text, &resolved(&reference)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => return,
        }
    }
}

fn add(text: &mut Option<String>, said: &str) {
    let Some(text) = text else { return };
    for character in said.chars() {
        if text.len() >= TEXT_MAX {
            return;
        }
        text.push(character);
    }
}

/// What a reference stands for; itself where that is not known.
fn resolved(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let name = reference.xml10_content();
    match &*name {
        "amp" => "&".to_owned(),
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        other => format!("&{};", name_of(other)),
    }
}

fn name_of(name: &str) -> String {
    name.chars().take(NAME_MAX).collect()
}

/// How much of a document is read.
pub const BYTES_MAX: usize = 64 << 10;

/// Elements in one another; a SOAP answer of ONVIF has about ten.
const DEPTH_MAX: usize = 32;

/// Begins, ends and texts of one document; the longest answer of a camera of 16 channels has about 3,000.
const EVENTS_MAX: usize = 16_384;

const ATTRIBUTES_MAX: usize = 32;
/// In characters.
const NAME_MAX: usize = 64;
/// In bytes: scopes of one device come in one text.
const TEXT_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(xml: &[u8]) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        walk(xml, |path, piece| {
            if let Piece::Text(text) = piece {
                texts.push((path.names.join("/"), text.to_owned()));
            }
        });
        texts
    }

    fn pair(path: &str, text: &str) -> (String, String) {
        (path.to_owned(), text.to_owned())
    }

    #[test]
    fn texts_are_told_with_the_names_around_them() {
        let xml = b"\xef\xbb\xbf<?xml version='1.0'?>\n<s:A xmlns:s='x'><t:B> 1 </t:B><B/><C><![CDATA[a<b]]></C></s:A>";
        assert_eq!(texts(xml), [pair("A/B", "1"), pair("A/C", "a<b")]);
    }

    #[test]
    fn references_stand_for_their_characters() {
        assert_eq!(texts(b"<a>R&amp;D &#65;&#x42;&lt; &who; & co</a>"), [pair("a", "R&D AB< &who; & co")]);
    }

    #[test]
    fn text_around_other_elements_is_not_told() {
        assert_eq!(texts(b"<a>x<b>1</b>y</a><c>x<d/>y</c>"), [pair("a/b", "1")]);
    }

    #[test]
    fn what_was_cut_off_is_not_told() {
        assert_eq!(texts(b"<a><b>1</b><c>22</c"), [pair("a/b", "1")]);
        assert_eq!(texts(b"<a><b>1</b><c>22"), [pair("a/b", "1")]);
    }

    #[test]
    fn attributes_are_found_without_their_prefixes() {
        let mut values = Vec::new();
        walk(b"<a x:k=\"1\" l='2'/><b k=3>", |path, piece| {
            if let Piece::Open(attributes) = piece {
                values.push((path.name().to_owned(), attributes.value("k"), attributes.value("l")));
            }
        });
        assert_eq!(values[0], ("a".to_owned(), Some("1".to_owned()), Some("2".to_owned())));
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let mut deepest = 0;
        walk(&b"<a>".repeat(5_000), |path, _| deepest = deepest.max(path.depth()));
        assert_eq!(deepest, DEPTH_MAX);
        let mut count = 0;
        walk(&b"<a/>".repeat(50_000), |_, _| count += 1);
        assert!(count <= EVENTS_MAX);
    }

    proptest! {
        #[test]
        fn any_text_is_walked_without_panic(xml in "(<[a-z:/?!]{0,4}|>|=|\"|'|&|;|#x?[0-9a-f]{0,9}|\\[CDATA\\[|]]|--|[ -~é]{0,5}){0,40}") {
            let _ = texts(xml.as_bytes());
        }

        #[test]
        fn any_bytes_are_walked_without_panic(xml in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (is_xml(&xml), texts(&xml));
        }
    }
}
