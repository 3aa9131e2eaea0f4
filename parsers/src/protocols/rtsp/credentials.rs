//! `Authorization` and `WWW-Authenticate`: who logs in, and how it is asked for.
//!
//! ```text
//! Basic dXNlcjpwYXNzd29yZA==                              base64 of user:password
//! Digest username="user", realm="…", nonce="…", uri="…", response="…", algorithm=MD5
//! Digest realm="…", nonce="…", stale=TRUE, Basic realm="…"    several challenges in one header
//! ```
//!
//! Of the password nothing is kept: decoding Basic stops at the colon. hydra writes the header's own colon twice
//! (`Authorization: : Basic …`), and GStreamer's server lets it in.
//!
//! Source: RFC 7617; RFC 7616; RFC 2617, 3.2.1; the same in RTSP by RFC 2326, D.1.2.

use crate::base64::sextet;
use crate::vocabulary::{About, Fact, Login, Outcome, Sink, Text};

/// What a client proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name; `None` where it is hashed or does not read.
    pub account: Option<Text>,
    /// `basic`, `digest-md5`, `digest-sha-256`, `digest-sha-512-256`, `digest` of another kind, `bearer`, `other`.
    pub scheme: &'static str,
}

impl Credentials {
    /// Reads the value of an `Authorization` header.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let (scheme, rest) = scheme(value);
        match &scheme.to_ascii_lowercase()[..] {
            b"basic" => Self { account: basic_user(rest.trim_ascii()), scheme: "basic" },
            b"digest" => Self::digest(rest),
            b"bearer" => Self { account: None, scheme: "bearer" },
            _ => Self { account: None, scheme: "other" },
        }
    }

    fn digest(rest: &[u8]) -> Self {
        let mut account = None;
        let mut is_hashed = false;
        let mut scheme = "digest-md5";
        for part in Parts::new(rest) {
            let Part::Parameter { name, value } = part else { continue };
            match &name.to_ascii_lowercase()[..] {
                b"username" => account = Text::some(&value),
                b"userhash" => is_hashed = value.eq_ignore_ascii_case(b"true"),
                b"algorithm" => scheme = digest_scheme(&value),
                _ => {}
            }
        }
        Self { account: account.filter(|_| !is_hashed), scheme }
    }

    /// Says what came of them; `about` is the server.
    pub fn say(&self, outcome: Outcome, about: About, sink: &mut Sink) {
        let login = Login { account: self.account.clone(), scheme: self.scheme, outcome };
        sink.fact(about, Fact::Login(Box::new(login)));
    }
}

/// The scheme of a header's value, and what follows it.
pub(crate) fn scheme(value: &[u8]) -> (&[u8], &[u8]) {
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b":").map_or(value, <[u8]>::trim_ascii_start);
    let space = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
    value.split_at(space)
}

/// Whether one of these headers may be a login, or stand for an earlier one: `Authorization`, `Cookie`, `X-Auth-Token`.
pub fn are_among<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let speaks_of =
        |name: &[u8], word: &[u8]| name.windows(word.len()).any(|it| it.eq_ignore_ascii_case(word));
    names.into_iter().any(|name| LOGINS.iter().any(|word| speaks_of(name, word)))
}

/// What a server asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `Basic`, `Digest` or another, in the server's case.
    pub scheme: Vec<u8>,
    /// Whose passwords they are.
    pub realm: Vec<u8>,
    /// Whether the login itself was right and only its nonce too old.
    pub is_stale: bool,
}

impl Challenge {
    /// Reads the value of a `WWW-Authenticate` header, at most eight challenges of it.
    #[must_use]
    pub fn parse_all(value: &[u8]) -> Vec<Self> {
        let mut challenges: Vec<Self> = Vec::new();
        for part in Parts::new(value) {
            match part {
                Part::Scheme(_) if challenges.len() >= CHALLENGES_MAX => break,
                Part::Scheme(scheme) => challenges.push(Self { scheme: scheme.to_vec(), ..Self::default() }),
                Part::Parameter { name, value } => {
                    let Some(challenge) = challenges.last_mut() else { continue };
                    if name.eq_ignore_ascii_case(b"realm") {
                        challenge.realm = value;
                    } else if name.eq_ignore_ascii_case(b"stale") {
                        challenge.is_stale = value.eq_ignore_ascii_case(b"true");
                    }
                }
            }
        }
        challenges
    }
}

/// A piece of a header of this family.
pub(crate) enum Part<'a> {
    Scheme(&'a [u8]),
    Parameter { name: &'a [u8], value: Vec<u8> },
}

/// Steps over a header piece by piece; each step shortens it.
pub(crate) struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| !keep(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn value(&mut self) -> Vec<u8> {
        let Some(quoted) = self.rest.strip_prefix(b"\"") else {
            return self.take_while(|byte| byte != b',' && !byte.is_ascii_whitespace()).to_vec();
        };
        let mut value = Vec::new();
        let mut bytes = quoted.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => value.extend(bytes.next()),
                _ => value.push(byte),
            }
        }
        self.rest = bytes.as_slice();
        value
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        self.take_while(|byte| byte == b',' || byte.is_ascii_whitespace());
        let name = self.take_while(|byte| byte != b'=' && byte != b',' && !byte.is_ascii_whitespace());
        self.take_while(|byte| byte.is_ascii_whitespace());
        if let Some(rest) = self.rest.strip_prefix(b"=") {
            self.rest = rest.trim_ascii_start();
            return Some(Part::Parameter { name, value: self.value() });
        }
        (!name.is_empty()).then_some(Part::Scheme(name))
    }
}

fn digest_scheme(algorithm: &[u8]) -> &'static str {
    match &algorithm.to_ascii_uppercase()[..] {
        b"MD5" | b"MD5-SESS" => "digest-md5",
        b"SHA-256" | b"SHA-256-SESS" => "digest-sha-256",
        b"SHA-512-256" | b"SHA-512-256-SESS" => "digest-sha-512-256",
        _ => "digest",
    }
}

/// The user of `user:password` in base64 (RFC 4648, 4).
fn basic_user(encoded: &[u8]) -> Option<Text> {
    let mut user = Vec::new();
    for group in encoded.chunks(4) {
        let mut bits = 0_u32;
        for &digit in group {
            // Padding stands for no bits.
            let sextet = if digit == b'=' { 0 } else { sextet(digit)? };
            bits = (bits << 6) | u32::from(sextet);
        }
        // A last, short group is padded as the encoder would have.
        let missing = 4_usize.saturating_sub(group.len());
        for _ in 0..missing {
            bits <<= 6;
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        for byte in bytes {
            if byte == b':' {
                return Text::some(&user);
            }
            user.push(byte);
        }
        if user.len() > Text::MAX {
            return Text::some(&user);
        }
    }
    None
}

/// Words in the names of headers that prove who sends them.
const LOGINS: &[&[u8]] = &[b"auth", b"cookie", b"token", b"session", b"api-key"];

/// Challenges of one header that are kept; servers offer two or three.
pub const CHALLENGES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credentials(value: &str) -> (Option<String>, &'static str) {
        let credentials = Credentials::parse(value.as_bytes());
        (credentials.account.map(|account| account.to_string()), credentials.scheme)
    }

    #[test]
    fn basic_gives_the_user_alone() {
        // admin:secret, a:b, user:, :x
        assert_eq!(credentials("Basic YWRtaW46c2VjcmV0"), (Some("admin".into()), "basic"));
        assert_eq!(credentials("basic  YTpi"), (Some("a".into()), "basic"));
        assert_eq!(credentials("Basic dXNlcjo="), (Some("user".into()), "basic"));
        assert_eq!(credentials("Basic dXNlcjo"), (Some("user".into()), "basic"));
        assert_eq!(credentials("Basic Ong="), (None, "basic"));
        assert_eq!(credentials(": Basic YWRtaW46c2VjcmV0"), (Some("admin".into()), "basic"));
    }

    #[test]
    fn basic_that_does_not_read_gives_no_user() {
        for value in ["Basic", "Basic !!!!", "Basic YWRtaW4="] {
            assert_eq!(credentials(value), (None, "basic"));
        }
    }

    #[test]
    fn digest_gives_user_and_algorithm() {
        let value = r#"Digest username="ad\"min", realm="a, b=c", nonce="x", response="y""#;
        assert_eq!(credentials(value), (Some("ad\"min".into()), "digest-md5"));
        assert_eq!(credentials("Digest username=u,algorithm=SHA-256"), (Some("u".into()), "digest-sha-256"));
        assert_eq!(credentials("Digest username=\"0a0b\", userhash=true"), (None, "digest-md5"));
        assert_eq!(credentials("Bearer abc"), (None, "bearer"));
        assert_eq!(credentials(""), (None, "other"));
    }

    #[test]
    fn challenges_are_told_apart() {
        let all = Challenge::parse_all(
            br#"Digest realm="IP Camera(C1214)", nonce="ab=c", stale="FALSE", Basic realm="x, y", Digest realm=z, stale=TRUE"#,
        );
        let realms: Vec<_> = all.iter().map(|c| (&c.scheme[..], &c.realm[..], c.is_stale)).collect();
        assert_eq!(
            realms,
            [
                (&b"Digest"[..], &b"IP Camera(C1214)"[..], false),
                (b"Basic", b"x, y", false),
                (b"Digest", b"z", true)
            ]
        );
        assert!(Challenge::parse_all(b"realm=\"x\"").is_empty());
    }

    #[test]
    fn challenges_are_bounded() {
        assert_eq!(Challenge::parse_all(&b"Basic ".repeat(500)).len(), CHALLENGES_MAX);
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_panic(value in "(Basic |Digest |[a-z]{1,5}=|\"|\\\\|,| |=|[!-~]{0,9}){0,12}") {
            let _ = Credentials::parse(value.as_bytes());
            let _ = Challenge::parse_all(value.as_bytes());
        }

        #[test]
        fn a_password_never_shows(user in "[a-z]{1,9}", password in "[!-~]{1,20}") {
            let plain = format!("{user}:{password}");
            let mut encoded = String::new();
            for group in plain.as_bytes().chunks(3) {
                let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
                let bits = group.iter().fold(0_u32, |bits, &byte| (bits << 8) | u32::from(byte)) << (8 * (3 - group.len()));
                for n in 0..4 {
                    encoded.push(if n > group.len() { '=' } else { digits[(bits >> (18 - 6 * n)) as usize & 63] as char });
                }
            }
            prop_assert_eq!(credentials(&format!("Basic {encoded}")), (Some(user), "basic"));
        }
    }
}
