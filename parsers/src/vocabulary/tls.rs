//! How devices encrypt, and what they prove themselves with.

use std::fmt::{self, Write as _};

use super::Text;

/// How one side of a connection speaks TLS, as far as that is in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSide {
    /// Which side.
    pub role: TlsRole,
    /// What both agreed on; `None` where the server's answer was not seen, or was a refusal.
    pub version: Option<TlsVersion>,
    /// The highest version that a client offers.
    pub offered: Option<TlsVersion>,
    /// What both agreed on.
    pub cipher: Option<CipherSuite>,
    /// JA3 of a client, JA3S of a server.
    pub ja3: Digest<16>,
    /// JA4 of a client.
    pub ja4: Option<Text>,
    /// Which server the client asked for by name.
    pub server_name: Option<Text>,
    /// The protocols inside (ALPN) that a client offers, joined by commas; what the server chose of them.
    pub protocols: Option<Text>,
    /// What this side proved itself with; encrypted from TLS 1.3 on.
    pub certificate: Option<Box<Certificate>>,
}

/// Which side of a TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsRole {
    /// Who asks.
    Client,
    /// Who answers.
    Server,
}

/// A version of SSL or TLS by its number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsVersion(pub u16);

impl TlsVersion {
    /// SSL 3.0 (RFC 6101).
    pub const SSL_3_0: Self = Self(0x0300);
    /// TLS 1.0 (RFC 2246).
    pub const TLS_1_0: Self = Self(0x0301);
    /// TLS 1.1 (RFC 4346).
    pub const TLS_1_1: Self = Self(0x0302);
    /// TLS 1.2 (RFC 5246).
    pub const TLS_1_2: Self = Self(0x0303);
    /// TLS 1.3 (RFC 8446).
    pub const TLS_1_3: Self = Self(0x0304);

    /// Whether certificates are encrypted: TLS 1.3, its drafts (0x7fxx) and what was tried before it (0xfbxx, 0xfaxx).
    #[must_use]
    pub const fn hides_certificates(self) -> bool {
        self.0 >= Self::TLS_1_3.0
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SSL_3_0 => f.write_str("SSL 3.0"),
            Self::TLS_1_0 => f.write_str("TLS 1.0"),
            Self::TLS_1_1 => f.write_str("TLS 1.1"),
            Self::TLS_1_2 => f.write_str("TLS 1.2"),
            Self::TLS_1_3 => f.write_str("TLS 1.3"),
            Self(other) => write!(f, "{other:#06x}"),
        }
    }
}

/// A cipher suite by its number in IANA's registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CipherSuite(pub u16);

impl fmt::Display for CipherSuite {
    /// IANA's name, else the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match tls_parser::TlsCipherSuite::from_id(self.0) {
            Some(suite) => f.write_str(suite.name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

/// What one side proves itself with (RFC 5280), the signer's own certificates not among it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is, as RFC 4514 writes names: `CN=camera,O=Maker`.
    pub subject: Text,
    /// Who signed it, written so too.
    pub issuer: Text,
    /// Names and addresses it is for (subject alternative names), at most [`Certificate::NAMES_MAX`].
    pub names: Vec<Text>,
    /// From when it is valid, in seconds since 1970.
    pub not_before_s: i64,
    /// Until when it is valid, in seconds since 1970.
    pub not_after_s: i64,
    /// Its key: `rsa`, `ec`, `dsa`, `ed25519`, `ed448` or `unknown`.
    pub key: &'static str,
    /// The key's length; `None` where it is not known.
    pub key_bits: Option<u32>,
    /// How it is signed: the algorithm's usual name, else its object identifier.
    pub signature: Text,
    /// Whether it names itself as who signed it; the signature is not checked.
    pub is_self_signed: bool,
    /// SHA-256 of all of it.
    pub sha256: Digest<32>,
    /// SHA-256 of the public key with its algorithm (`SubjectPublicKeyInfo`).
    pub key_sha256: Digest<32>,
}

impl Certificate {
    /// Names kept of one certificate; a device's has a handful.
    pub const NAMES_MAX: usize = 16;
}

/// A hash, shown in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Display for Digest<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        digits
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .try_for_each(|digit| f.write_char(digit))
    }
}

impl<const N: usize> fmt::Debug for Digest<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_by_their_names() {
        assert_eq!(TlsVersion::TLS_1_2.to_string(), "TLS 1.2");
        assert_eq!(TlsVersion(0x7f1c).to_string(), "0x7f1c");
        assert_eq!(CipherSuite(0x1301).to_string(), "TLS_AES_128_GCM_SHA256");
        assert_eq!(CipherSuite(0x0a0a).to_string(), "0x0a0a");
        assert_eq!(Digest([0, 0xff]).to_string(), "00ff");
    }
}
