//! XML, byte by byte: names stay, values go.
//!
//! ```text
//! <Password Type="…#PasswordText">hunter2</Password>      <Model>X</Model>
//! <Password Type="…#PasswordText">*******</Password>      <Model>X</Model>
//! ```
//!
//! Text stays only in elements known to be harmless, an attribute's value only under harmless names. Inside an
//! element whose name speaks of a secret only `</` ends the text, for careless writers leave `<` as it is.
//! Comments, CDATA sections and declarations go whole. What is no XML at all goes but for what reads like names.
//!
//! Source: XML 1.0, 2.4 to 3.1. Encodings of two bytes a sign show nothing.

/// A reader of one document, fed in pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct Xml {
    at: At,
    /// The element's name, or the attribute's, as far as it was read.
    name: Vec<u8>,
    /// Whether the text of this element may be seen.
    is_harmless: bool,
    /// Whether this element's name speaks of a secret.
    is_secret: bool,
}

#[derive(Debug, Clone, Copy, Default)]
enum At {
    /// In text of which nothing but white space was seen yet, as before the document.
    #[default]
    Blank,
    Text,
    /// Behind `<`.
    Opening,
    Name {
        is_end: bool,
    },
    Tag,
    Attribute,
    Equals,
    /// Where no quotation mark came first, the value ends with white space.
    Value {
        quote: Option<u8>,
        is_shown: bool,
    },
    /// Behind `<!`.
    Bang,
    /// Up to this end, of which so many bytes were seen.
    Skip(&'static [u8], usize),
}

impl Xml {
    /// Overwrites what may be secret in the next bytes of the document.
    pub fn scan(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while let Some((byte, behind)) = rest.split_first_mut() {
            if !self.shows(*byte, behind.first().copied()) {
                *byte = b'*';
            }
            rest = behind;
        }
    }

    /// Whether this byte may be seen. The `<` that ends a piece may not: what it is shows the next byte.
    fn shows(&mut self, byte: u8, next: Option<u8>) -> bool {
        match self.at {
            At::Blank | At::Text if byte == b'<' => {
                self.at = At::Opening;
                next.is_some_and(|next| self.opens(next))
            }
            At::Blank if byte.is_ascii_whitespace() => true,
            At::Blank | At::Text => {
                self.at = At::Text;
                self.is_harmless
            }
            At::Opening if !self.opens(byte) => {
                self.at = At::Text;
                false
            }
            At::Opening => {
                (self.is_harmless, self.is_secret) = (false, false);
                self.name.clear();
                self.at = match byte {
                    b'!' => At::Bang,
                    _ => At::Name { is_end: byte == b'/' },
                };
                if is_of_name(byte) {
                    self.name.push(byte);
                }
                true
            }
            At::Name { is_end } if is_of_name(byte) => {
                self.name.push(byte);
                if self.name.len() > NAME_MAX {
                    self.at = At::Text;
                    return false;
                }
                self.at = At::Name { is_end };
                true
            }
            At::Name { is_end } => {
                if !is_end {
                    let name = local(&self.name);
                    self.is_harmless = HARMLESS.split(' ').any(|it| it.as_bytes() == name);
                    self.is_secret =
                        PASSWORDS.iter().any(|word| name.windows(word.len()).any(|it| it == *word));
                }
                self.in_tag(byte)
            }
            At::Tag => self.in_tag(byte),
            At::Attribute if byte == b'=' => {
                self.at = At::Equals;
                true
            }
            At::Attribute if is_of_name(byte) && self.name.len() < NAME_MAX => {
                self.name.push(byte);
                true
            }
            At::Attribute => self.in_tag(byte),
            At::Equals if byte.is_ascii_whitespace() => true,
            At::Equals => {
                let is_declaration = self.name.starts_with(b"xmlns");
                let name = local(&self.name);
                let is_harmless = HARMLESS_ATTRIBUTES.split(' ').any(|it| it.as_bytes() == name);
                let quote = matches!(byte, b'"' | b'\'').then_some(byte);
                self.at = At::Value { quote, is_shown: is_declaration || is_harmless };
                quote.is_some()
            }
            At::Value { quote: Some(quote), is_shown } => {
                if byte == quote {
                    self.at = At::Tag;
                }
                byte == quote || is_shown
            }
            At::Value { quote: None, .. } => {
                let is_over = byte == b'>' || byte.is_ascii_whitespace();
                is_over && self.in_tag(byte)
            }
            At::Bang => {
                let end: &[u8] = match byte {
                    b'-' => b"-->",
                    b'[' => b"]]>",
                    _ => b">",
                };
                self.at = At::Skip(end, 0);
                false
            }
            At::Skip(end, seen) => {
                let seen = match end.get(seen) {
                    Some(due) if *due == byte => seen.saturating_add(1),
                    // `]]]>` and `--->` end too.
                    _ if end.first() == Some(&byte) => seen.clamp(1, 2),
                    _ => 0,
                };
                self.at = if seen >= end.len() { At::Text } else { At::Skip(end, seen) };
                false
            }
        }
    }

    fn in_tag(&mut self, byte: u8) -> bool {
        self.at = At::Tag;
        match byte {
            b'>' => self.at = At::Blank,
            b'/' | b'?' => {}
            _ if byte.is_ascii_whitespace() => {}
            _ if is_of_name(byte) => {
                self.name.clear();
                self.name.push(byte);
                self.at = At::Attribute;
            }
            _ => return false,
        }
        true
    }

    /// Whether a `<` before this byte begins a tag.
    const fn opens(&self, byte: u8) -> bool {
        byte == b'/' || !self.is_secret && matches!(byte, b'?' | b'!' | b'_' | b'a'..=b'z' | b'A'..=b'Z')
    }
}

/// What stands behind the prefix, in lower case.
fn local(name: &[u8]) -> Vec<u8> {
    name.rsplit(|byte| *byte == b':').next().unwrap_or_default().to_ascii_lowercase()
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.')
}

/// Names in ONVIF, WS-Discovery, SADP and UPnP are shorter.
const NAME_MAX: usize = 64;

/// Elements whose text says what a device is, or which account asks.
const HARMLESS: &str = "\
    action activated bootversion channelnum created deviceclass devicedescription devicetype dspversion \
    encrypt faultcode firmwareversion friendlyname hardwareid ipv4address ipv4gateway ipv4subnetmask \
    ipv6address mac manufacturer messageid model modelname modelnumber relatesto scopes serialnumber \
    softwareversion types udn username uuid";

/// Parts of names of elements that hold a password and no other element.
const PASSWORDS: [&[u8]; 4] = [b"passw", b"passphrase", b"pwd", b"secret"];

/// Attributes whose values are words of the protocol.
const HARMLESS_ATTRIBUTES: &str = "encoding encodingtype mustunderstand schemalocation type version";

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(pieces: &[&[u8]]) -> String {
        let mut xml = Xml::default();
        let scan = |piece: &&[u8]| {
            let mut bytes = piece.to_vec();
            xml.scan(&mut bytes);
            bytes
        };
        String::from_utf8(pieces.iter().flat_map(scan).collect()).expect("stars are text")
    }

    #[test]
    fn names_stay_and_values_go() {
        for (document, shown) in [
            (
                "<a><Password Type=\"x#Text\">p&lt;w</Password>\n <Model>M 1</Model></a>",
                "<a><Password Type=\"x#Text\">******</Password>\n <Model>M 1</Model></a>",
            ),
            ("<User pin='12' xmlns:a=\"u\"/>t", "<User pin='**' xmlns:a=\"u\"/>*"),
            ("<PassWord>a<b</PassWord><c/>", "<PassWord>***</PassWord><c/>"),
            ("<a><![CDATA[<b>x]]></a>", "<a><!**************</a>"),
            ("<a><!-- x > y --><b/></a>", "<a><!************<b/></a>"),
            ("<a b=c d>", "<a b=* d>"),
            ("no < xml", "********"),
        ] {
            assert_eq!(scanned(&[document.as_bytes()]), shown);
        }
    }

    #[test]
    fn no_cut_shows_more() {
        let document = b"<?xml version=\"1.0\"?><s:E a=\"hid\"><wsse:Password>hid<den</wsse:Password><![CDATA[hidden]]><Model>m</Model></s:E>";
        let whole = scanned(&[document]);
        for at in 0..document.len() {
            let (one, two) = document.split_at(at);
            let cut = scanned(&[one, two]);
            assert!(!cut.contains("hid"), "{cut}");
            assert!(cut.bytes().zip(whole.bytes()).all(|(cut, whole)| cut == whole || cut == b'*'), "{cut}");
        }
    }
}
