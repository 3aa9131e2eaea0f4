//! RTSP 1.0 messages (RFC 2326, 6 and 7), its interleaved frames (10.12) and its logins (RFC 2617).
//!
//! ```text
//! DESCRIBE rtsp://192.0.2.7/1 RTSP/1.0\r\n        RTSP/1.0 200 OK\r\n
//! CSeq: 2\r\n                                     CSeq: 2\r\n
//! name: value\r\n ...                             name: value\r\n ...
//! \r\n                                            Content-Length: 9\r\n\r\n and the body
//! ```

use std::fmt::Write;

use md5::{Digest, Md5};

use super::{base64, head};

/// A request without body.
#[must_use]
pub fn request(method: &str, url: &str, cseq: u32, headers: &[(&str, &str)]) -> Vec<u8> {
    message(&format!("{method} {url} RTSP/1.0"), cseq, headers, &[])
}

/// A response; a body brings its length along, its type is the caller's.
#[must_use]
pub fn response(code: u16, reason: &str, cseq: u32, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    message(&format!("RTSP/1.0 {code} {reason}"), cseq, headers, body)
}

/// What stands before each packet that travels inside the connection.
#[must_use]
pub const fn interleaved(channel: u8, length: u16) -> [u8; 4] {
    let [high, low] = length.to_be_bytes();
    [b'$', channel, high, low]
}

/// The value of `WWW-Authenticate` that asks for a digest.
#[must_use]
pub fn challenge(realm: &str, nonce: &str) -> String {
    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\"")
}

/// Who logs in, and to what.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// User name.
    pub user: &'a str,
    /// Password.
    pub password: &'a str,
    /// The device's realm.
    pub realm: &'a str,
    /// The device's nonce.
    pub nonce: &'a str,
}

impl Login<'_> {
    /// The value of `Authorization` with a digest, without `qop` (RFC 2617, 3.2.2.1).
    #[must_use]
    pub fn digest(&self, method: &str, uri: &str) -> String {
        let Self { user, password, realm, nonce } = self;
        let secret = md5_hex(&format!("{user}:{realm}:{password}"));
        let asked = md5_hex(&format!("{method}:{uri}"));
        let response = md5_hex(&format!("{secret}:{nonce}:{asked}"));
        format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\""
        )
    }

    /// The value of `Authorization` with user and password in clear (RFC 2617, 2).
    #[must_use]
    pub fn basic(&self) -> String {
        format!("Basic {}", base64::encode(format!("{}:{}", self.user, self.password).as_bytes()))
    }
}

fn message(first: &str, cseq: u32, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let (cseq, length) = (cseq.to_string(), body.len().to_string());
    let mut all = vec![("CSeq", cseq.as_str())];
    all.extend_from_slice(headers);
    if !body.is_empty() {
        all.push(("Content-Length", &length));
    }
    head::message(first, &all, body)
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::with_capacity(32), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hashes of RFC 2069's example as its erratum 749 corrects them: same user, no `qop`.
    #[test]
    fn digest_is_that_of_the_rfc() {
        let login = Login {
            user: "Mufasa",
            password: "CircleOfLife",
            realm: "testrealm@host.com",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        };
        let value = login.digest("GET", "/dir/index.html");
        assert!(value.ends_with("response=\"1949323746fe6a43ef61f9606e7febea\""), "{value}");
    }

    /// RFC 2617, 2.
    #[test]
    fn basic_is_that_of_the_rfc() {
        let login = Login { user: "Aladdin", password: "open sesame", realm: "", nonce: "" };
        assert_eq!(login.basic(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn body_brings_its_length() {
        assert_eq!(
            response(200, "OK", 7, &[("Server", "x")], b"abc"),
            b"RTSP/1.0 200 OK\r\nCSeq: 7\r\nServer: x\r\nContent-Length: 3\r\n\r\nabc"
        );
    }
}
