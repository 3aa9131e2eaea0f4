//! A login as it was proved, so that it can be compared with passwords that everybody knows.
//!
//! ```text
//! Basic                 user ":" password
//! FTP, Telnet, …        password
//! Digest                H(H(user ":" realm ":" password) ":" nonce ":" [nc ":" cnonce ":" qop ":"] H(method ":" uri))
//! Digest …-sess         the same with H(H(user ":" realm ":" password) ":" nonce ":" cnonce) in the first place
//! UsernameToken         password, or base64(SHA-1(nonce created password))
//! ```
//!
//! H is MD5 or SHA-256 in hexadecimal. Of what proves a password nothing else is kept. It lives no longer than the
//! exchange it is part of, is in no fact, shows nothing of itself, and is overwritten when it goes.
//!
//! Source: RFC 7617, 2; RFC 7616, 3.4; RFC 2617, 3.2.2; RFC 959, 4.1.1; OASIS WSS UsernameToken Profile 1.1, 4.
//! Left out: `auth-int`, which would need the body; hashed user names; SHA-512/256.

use std::fmt;

use md5::Md5;
use md5::digest::Digest as _;
use sha1::Sha1;
use sha2::Sha256;
use sha2::digest::Digest as _;

use crate::base64::Decoder;
use crate::protocols::rtsp::credentials::{Part, Parts, scheme};

/// What a client proved its password with.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    user: Vec<u8>,
    form: Form,
    is_token: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// The password itself.
    Plain(Secret),
    Digest(Box<Digest>),
    /// A UsernameToken's digest.
    Token {
        nonce: Vec<u8>,
        created: Vec<u8>,
        digest: Secret,
    },
}

/// The directives of RFC 7616, 3.4.
#[derive(Clone, Default, PartialEq, Eq)]
struct Digest {
    hash: Hash,
    is_session: bool,
    method: Vec<u8>,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    uri: Vec<u8>,
    /// `nc`, `cnonce` and `qop`; `qop` is empty where the server asked for none.
    count: Vec<u8>,
    client_nonce: Vec<u8>,
    quality: Vec<u8>,
    response: Secret,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Hash {
    #[default]
    Md5,
    Sha256,
}

/// Bytes that are overwritten when they go.
#[derive(Clone, Default, PartialEq, Eq)]
struct Secret(Vec<u8>);

impl Proof {
    /// Of the value of an `Authorization` header in a request with this method; `None` where it is of another scheme, or cannot be
    /// computed again.
    #[must_use]
    pub fn of_header(value: &[u8], method: &[u8]) -> Option<Self> {
        let (scheme, rest) = scheme(value);
        match &scheme.to_ascii_lowercase()[..] {
            _ if value.len() > VALUE_MAX => None,
            b"basic" => Self::basic(rest.trim_ascii()),
            b"digest" => Self::digest(rest, method),
            _ => None,
        }
    }

    /// Of a password that came as it is (FTP, Telnet, SMTP, MQTT).
    #[must_use]
    pub fn plain(user: &[u8], password: &[u8]) -> Self {
        Self { user: user.to_vec(), form: Form::Plain(Secret(password.to_vec())), is_token: false }
    }

    /// Bytes of a password that came as it is, and of its user.
    pub(crate) fn held(&self) -> usize {
        let own = match &self.form {
            Form::Plain(own) => own.0.len(),
            Form::Digest(_) | Form::Token { .. } => 0,
        };
        own.saturating_add(self.user.len())
    }

    /// Who logged in.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// Whether anybody who heard it can tell the password from it without trying.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.form, Form::Plain(_))
    }

    /// The nonce of a Digest, and the client's count of its uses where there is one.
    #[must_use]
    pub fn nonce(&self) -> Option<(&[u8], Option<u32>)> {
        let Form::Digest(digest) = &self.form else { return None };
        let count = std::str::from_utf8(&digest.count).ok();
        Some((&digest.nonce, count.and_then(|count| u32::from_str_radix(count, 16).ok())))
    }

    /// Whether it is a UsernameToken, which a server may take without a look at its password.
    #[must_use]
    pub const fn is_token(&self) -> bool {
        self.is_token
    }

    /// Whether it was made with this password.
    #[must_use]
    pub fn is_of(&self, password: &[u8]) -> bool {
        match &self.form {
            Form::Plain(own) => own.0 == password,
            Form::Digest(digest) => {
                digest.response.0.eq_ignore_ascii_case(&digest.response(&self.user, password))
            }
            Form::Token { nonce, created, digest } => {
                let sum = Sha1::new().chain_update(nonce).chain_update(created).chain_update(password);
                digest.0 == sum.finalize()[..]
            }
        }
    }

    fn basic(encoded: &[u8]) -> Option<Self> {
        let plain = Secret(decoded(encoded)?);
        let colon = plain.0.iter().position(|byte| *byte == b':')?;
        let (user, password) = plain.0.split_at(colon);
        let password = Secret(password.get(1..)?.to_vec());
        Some(Self { user: user.to_vec(), form: Form::Plain(password), is_token: false })
    }

    fn digest(rest: &[u8], method: &[u8]) -> Option<Self> {
        let mut user = None;
        let mut digest = Digest { method: method.to_vec(), ..Digest::default() };
        for part in Parts::new(rest) {
            let Part::Parameter { name, value } = part else { continue };
            match &name.to_ascii_lowercase()[..] {
                b"username" => user = Some(value),
                b"realm" => digest.realm = value,
                b"nonce" => digest.nonce = value,
                b"uri" => digest.uri = value,
                b"nc" => digest.count = value,
                b"cnonce" => digest.client_nonce = value,
                b"qop" => digest.quality = value,
                b"response" => digest.response = Secret(value),
                b"algorithm" => (digest.hash, digest.is_session) = algorithm(&value)?,
                b"userhash" if value.eq_ignore_ascii_case(b"true") => return None,
                _ => {}
            }
        }
        let is_known = digest.quality.is_empty() || digest.quality.eq_ignore_ascii_case(b"auth");
        let is_whole = digest.response.0.len() == digest.hash.length() && !digest.nonce.is_empty();
        let form = Form::Digest(Box::new(digest));
        (is_known && is_whole).then_some(Self { user: user?, form, is_token: false })
    }
}

/// A UsernameToken, element by element.
#[derive(Default)]
pub(crate) struct Token {
    pub(crate) user: String,
    password: Secret,
    nonce: String,
    created: String,
}

impl Token {
    /// Takes the text of one of its elements.
    pub(crate) fn take(&mut self, name: &str, text: &str) {
        match name {
            "Password" => self.password = Secret(text.as_bytes().to_vec()),
            "Nonce" => text.clone_into(&mut self.nonce),
            "Created" => text.clone_into(&mut self.created),
            _ => {}
        }
    }

    /// What it proves the password with: itself, or a digest; `None` where that is no base64.
    pub(crate) fn proof(self, is_digest: bool) -> Option<Proof> {
        let form = match is_digest {
            true => Form::Token {
                nonce: decoded(self.nonce.as_bytes())?,
                created: self.created.into_bytes(),
                digest: Secret(decoded(&self.password.0)?),
            },
            false => Form::Plain(self.password),
        };
        Some(Proof { user: self.user.into_bytes(), form, is_token: true })
    }
}

impl Digest {
    /// What the response is with this password, in hexadecimal.
    fn response(&self, user: &[u8], password: &[u8]) -> Vec<u8> {
        let hash = |parts: &[&[u8]]| self.hash.of(parts);
        let mut own = Secret(hash(&[user, &self.realm, password]));
        if self.is_session {
            own = Secret(hash(&[&own.0, &self.nonce, &self.client_nonce]));
        }
        let asked = hash(&[&self.method, &self.uri]);
        match &self.quality[..] {
            b"" => hash(&[&own.0, &self.nonce, &asked]),
            quality => hash(&[&own.0, &self.nonce, &self.count, &self.client_nonce, quality, &asked]),
        }
    }
}

impl Hash {
    /// Of the parts joined by colons, in hexadecimal.
    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        let joined = Secret(parts.join(&b':'));
        let sum = match self {
            Self::Md5 => Md5::digest(&joined.0).to_vec(),
            Self::Sha256 => Sha256::digest(&joined.0).to_vec(),
        };
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| digit as u8);
        sum.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// Hexadecimal digits of a response.
    const fn length(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Nobody reads them any more, so that the compiler might leave the line above out.
        std::hint::black_box(&mut self.0);
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof")
    }
}

fn algorithm(name: &[u8]) -> Option<(Hash, bool)> {
    match &name.to_ascii_uppercase()[..] {
        b"MD5" => Some((Hash::Md5, false)),
        b"MD5-SESS" => Some((Hash::Md5, true)),
        b"SHA-256" => Some((Hash::Sha256, false)),
        b"SHA-256-SESS" => Some((Hash::Sha256, true)),
        _ => None,
    }
}

fn decoded(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(encoded.len());
    Decoder::default().decode(encoded, &mut plain).then_some(plain)
}

/// A longer header is not kept: those of real clients have some 300 bytes.
const VALUE_MAX: usize = 2_048;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proof(method: &str, header: &str) -> Proof {
        Proof::of_header(header.as_bytes(), method.as_bytes()).unwrap()
    }

    #[test]
    fn examples_of_the_standards_are_of_their_passwords() {
        // RFC 2617, 3.5; RFC 7616, 3.9.1 with MD5 and with SHA-256; RFC 2069, 2.4 as corrected by its erratum 749.
        let old = r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        let new = |algorithm: &str, response: &str| {
            format!(
                r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
            )
        };
        let bare = r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea""#;
        let sha = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        for (header, password) in [
            (old.to_owned(), "Circle Of Life"),
            (new("MD5", "8ca523f5e9506fed4657c9700eebdbec"), "Circle of Life"),
            (new("SHA-256", sha), "Circle of Life"),
            (bare.to_owned(), "CircleOfLife"),
        ] {
            let proof = proof("GET", &header);
            assert_eq!(proof.user(), b"Mufasa");
            assert!(proof.is_of(password.as_bytes()), "{header}");
            assert!(!proof.is_of(b"circle of life") && !proof.is_of(b""), "{header}");
        }
        assert!(!proof("POST", old).is_of(b"Circle Of Life"), "the method is part of it");
    }

    #[test]
    fn what_curl_sends_is_of_its_password() {
        // As curl 7.88.1 answered a server that asked without and with `qop`, by each algorithm, as admin with the password 12345.
        for header in [
            r#"Digest username="admin", realm="IP Camera", nonce="6f1a9c", uri="/status?x=1", response="5945a060d0296990328eb616acfd3c17", algorithm=MD5"#,
            r#"Digest username="admin", realm="IP Camera", nonce="6f1a9c", uri="/status?x=1", cnonce="ZjUzMWJjN2M0ZWZiNjk3ZWI5ZjczYWNhYmFjZWMzY2M=", nc=00000001, qop=auth, response="80cbc954d0e2d74e2c4426a8cb7fefff", algorithm=MD5"#,
            r#"Digest username="admin", realm="IP Camera", nonce="6f1a9c", uri="/status?x=1", cnonce="MDQ1MzA3YWY1MDM2Njk2NDEyNjA5M2QyYzVhNGJhMzE=", nc=00000001, qop=auth, response="656835792f4f79ea5277e2851662a81b", algorithm=MD5-sess"#,
            r#"Digest username="admin", realm="IP Camera", nonce="6f1a9c", uri="/status?x=1", cnonce="NjFiM2YxN2NkOGYwMmI1NzFkODAzZTI2YTcxZWJlOGM=", nc=00000001, qop=auth, response="e92ae706fbf7e4e5aff10642a507de71688a57b373746bcb53611cedfb319ba3", algorithm=SHA-256"#,
            r#"Digest username="admin", realm="IP Camera", nonce="6f1a9c", uri="/status?x=1", cnonce="NzY4NDZkNGFiNDFmZTQyNmViZmU3ZjkzZjg0NDBjYTQ=", nc=00000001, qop=auth, response="299c81d0261c2ca8382c20bf5e9f561e3820b10da43ed781adfcc4d0cbeaf9e5", algorithm=SHA-256-sess"#,
        ] {
            let proof = proof("GET", header);
            assert!(proof.is_of(b"12345") && !proof.is_of(b"12346"), "{header}");
        }
    }

    #[test]
    fn basic_and_tokens_are_of_their_passwords() {
        let basic = proof("GET", "Basic YWRtaW46YTpi");
        assert!(proof("DESCRIBE", ": Basic YWRtaW46YTpi").is_of(b"a:b"), "as hydra has it");
        assert!(basic.is_of(b"a:b") && !basic.is_of(b"a") && basic.is_plain() && !basic.is_token());
        // The example of the ONVIF Application Programmer's Guide 1.0, 6.1.1.3.
        let mut token = Token { user: "admin".into(), ..Token::default() };
        for (name, text) in [
            ("Nonce", "LKqI6G/AikKCQrN0zqZFlg=="),
            ("Created", "2010-09-16T07:50:45Z"),
            ("Password", "tuOSpGlFlIXsozq4HFNeeGeFLEI="),
        ] {
            token.take(name, text);
        }
        let digest = token.proof(true).unwrap();
        assert!(digest.is_of(b"userpassword") && !digest.is_of(b"admin") && digest.is_token());
        let text = Token::default().proof(false).unwrap();
        assert!(text.is_of(b"") && text.is_plain() && text.is_token());
    }

    #[test]
    fn what_cannot_be_computed_again_is_no_proof() {
        for header in [
            "Bearer abc",
            "Basic !",
            "Basic YWRtaW4=",
            "Digest username=\"a\", nonce=\"b\", response=\"00\"",
            "Digest username=\"a\", nonce=\"b\", qop=auth-int, response=\"00112233445566778899aabbccddeeff\"",
            "Digest username=\"a\", nonce=\"b\", algorithm=SHA-512-256, response=\"00112233445566778899aabbccddeeff\"",
            "Digest username=\"a\", nonce=\"b\", userhash=true, response=\"00112233445566778899aabbccddeeff\"",
        ] {
            assert_eq!(Proof::of_header(header.as_bytes(), b"GET"), None, "{header}");
        }
        let long = format!("Basic {}", "YWE6".repeat(VALUE_MAX));
        assert_eq!(Proof::of_header(long.as_bytes(), b"GET"), None);
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert_eq!(format!("{:?}", proof("GET", "Basic YWRtaW46YTpi")), "Proof");
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(header in "(Basic |Digest |(username|nonce|response|qop|algorithm)=|\"|,| |[!-~]{0,40}){0,12}") {
            if let Some(proof) = Proof::of_header(header.as_bytes(), b"GET") {
                let _ = proof.is_of(b"12345");
            }
        }
    }
}
