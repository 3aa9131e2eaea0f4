//! TLS records and handshakes up to version 1.2 (RFC 5246, 6.2 and 7.4; RFC 8422) and of version 1.3
//! (RFC 8446, 4 and 5). All keys, signatures and what is encrypted are made up.
//!
//! ```text
//! record    0      1         3        5              handshake  0      1        4
//!           | type | version | length | fragment                | type | length | body
//!
//! originator                             responder
//! ClientHello                       ->
//!                                   <-   ServerHello, Certificate, ServerKeyExchange, ServerHelloDone
//! ClientKeyExchange, CCS, Finished  ->
//!                                   <-   CCS, Finished                                          up to 1.2
//!
//! ClientHello                       ->
//!                                   <-   ServerHello, CCS, and the rest encrypted
//! CCS, Finished (encrypted)         ->                                                          1.3
//! ```

use crate::random::Random;

/// Versions as they stand in the bytes: 1.0.
pub const TLS_1_0: u16 = 0x0301;
/// 1.1.
pub const TLS_1_1: u16 = 0x0302;
/// 1.2.
pub const TLS_1_2: u16 = 0x0303;
/// 1.3.
pub const TLS_1_3: u16 = 0x0304;

/// Suites (IANA): RSA key exchange, AES-128-CBC, SHA-1.
pub const RSA_AES_128_CBC_SHA: u16 = 0x002f;
/// ECDHE with RSA, AES-128-GCM.
pub const ECDHE_RSA_AES_128_GCM: u16 = 0xc02f;
/// ECDHE with RSA, AES-256-GCM.
pub const ECDHE_RSA_AES_256_GCM: u16 = 0xc030;
/// AES-128-GCM of version 1.3.
pub const AES_128_GCM: u16 = 0x1301;
/// AES-256-GCM of version 1.3.
pub const AES_256_GCM: u16 = 0x1302;

/// The longest record of what applications say (RFC 8446, 5.1).
pub const RECORD_MAX: u16 = 16_384;

/// A session as the two agree on it; each method gives the records of one turn. The sizes of encrypted
/// records are right for the suites named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Version.
    pub version: u16,
    /// Suite.
    pub cipher: u16,
    /// Random numbers, keys and the like follow from it.
    pub seed: u64,
}

/// What the originator offers.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// Suites, the best one first.
    pub ciphers: &'a [u16],
    /// Name of the server it wants.
    pub sni: Option<&'a str>,
    /// Protocols inside, like `http/1.1`.
    pub alpn: &'a [&'a str],
}

impl Session {
    /// ClientHello; it offers nothing above the session's version.
    #[must_use]
    pub fn client_hello(&self, offer: &Offer) -> Vec<u8> {
        let ciphers: Vec<u8> = offer.ciphers.iter().flat_map(|cipher| cipher.to_be_bytes()).collect();
        let mut extensions = Vec::new();
        if let Some(name) = offer.sni {
            let name = [&[0], &sized::<2>(name.as_bytes())[..]].concat();
            extension(0, &sized::<2>(&name), &mut extensions);
        }
        // x25519, secp256r1; points not compressed.
        extension(10, &[0, 4, 0, 0x1d, 0, 0x17], &mut extensions);
        extension(11, &[1, 0], &mut extensions);
        if self.version >= TLS_1_2 {
            extension(13, &sized::<2>(&SIGNATURES), &mut extensions);
        }
        if !offer.alpn.is_empty() {
            let names: Vec<u8> = offer.alpn.iter().flat_map(|name| sized::<1>(name.as_bytes())).collect();
            extension(16, &sized::<2>(&names), &mut extensions);
        }
        // Extended master secret (RFC 7627).
        extension(23, &[], &mut extensions);
        if self.version >= TLS_1_3 {
            extension(43, &[4, 3, 4, 3, 3], &mut extensions);
            extension(45, &[1, 1], &mut extensions);
            let share = [&X25519[..], &sized::<2>(&self.noise("client share", 32))].concat();
            extension(51, &sized::<2>(&share), &mut extensions);
        }
        let body = [
            &self.legacy_version().to_be_bytes()[..],
            &self.noise("client random", 32),
            &sized::<1>(&self.session_id()),
            &sized::<2>(&ciphers),
            &[1, 0],
            &sized::<2>(&extensions),
        ]
        .concat();
        // The first record says 1.0, for servers that know no more (RFC 8446, 5.1).
        record(HANDSHAKE, TLS_1_0, &handshake(1, &body))
    }

    /// What the responder answers: all up to ServerHelloDone, or in 1.3 up to its Finished.
    #[must_use]
    pub fn server_flight(&self, certificate: &[u8]) -> Vec<u8> {
        let mut out = self.clear(&handshake(2, &self.server_hello()));
        let chain = sized::<3>(&sized::<3>(certificate));
        if self.version >= TLS_1_3 {
            out.extend(change_cipher_spec(TLS_1_2));
            // EncryptedExtensions 6; Certificate with context and extensions; CertificateVerify 264; Finished 36.
            for length in [6, 4 + 1 + chain.len() + 2, 264, 36] {
                out.extend(self.encrypted(HANDSHAKE, length, "server flight"));
            }
            return out;
        }
        out.extend(self.clear(&handshake(11, &chain)));
        if self.is_ephemeral() {
            let mut body = [&[3, 0, 0x1d], &sized::<1>(&self.noise("server share", 32))[..]].concat();
            if self.version >= TLS_1_2 {
                // RSA with SHA-256.
                body.extend_from_slice(&[4, 1]);
            }
            body.extend(sized::<2>(&self.noise("signature", 256)));
            out.extend(self.clear(&handshake(12, &body)));
        }
        out.extend(self.clear(&handshake(14, &[])));
        out
    }

    /// The originator's last turn of the handshake.
    #[must_use]
    pub fn client_finish(&self) -> Vec<u8> {
        if self.version >= TLS_1_3 {
            let mut out = change_cipher_spec(TLS_1_2);
            out.extend(self.encrypted(HANDSHAKE, 36, "client finished"));
            return out;
        }
        let exchange = if self.is_ephemeral() {
            sized::<1>(&self.noise("client share", 32))
        } else {
            sized::<2>(&self.noise("client secret", 256))
        };
        let mut out = self.clear(&handshake(16, &exchange));
        out.extend(change_cipher_spec(self.version));
        out.extend(self.encrypted(HANDSHAKE, 16, "client finished"));
        out
    }

    /// The responder's last turn; in 1.3 a ticket for the next session.
    #[must_use]
    pub fn server_finish(&self) -> Vec<u8> {
        if self.version >= TLS_1_3 {
            return self.encrypted(HANDSHAKE, 217, "ticket");
        }
        let mut out = change_cipher_spec(self.version);
        out.extend(self.encrypted(HANDSHAKE, 16, "server finished"));
        out
    }

    /// The header of a record with so many encrypted bytes, which the caller fills in.
    #[must_use]
    pub const fn application(&self, length: u16) -> [u8; 5] {
        let [version0, version1] = self.legacy_version().to_be_bytes();
        let [length0, length1] = length.to_be_bytes();
        [APPLICATION, version0, version1, length0, length1]
    }

    /// The alert that ends a session in good order.
    #[must_use]
    pub fn close_notify(&self) -> Vec<u8> {
        self.encrypted(ALERT, 2, "close")
    }

    /// A fatal alert in clear: 40 the handshake failed, 42 bad certificate, 45 expired, 48 unknown issuer,
    /// 70 version.
    #[must_use]
    pub fn alert(&self, description: u8) -> Vec<u8> {
        record(ALERT, self.legacy_version(), &[2, description])
    }

    fn server_hello(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        if self.version >= TLS_1_3 {
            extension(43, &TLS_1_3.to_be_bytes(), &mut extensions);
            let share = [&X25519[..], &sized::<2>(&self.noise("server share", 32))].concat();
            extension(51, &share, &mut extensions);
        } else {
            // Secure renegotiation (RFC 5746), extended master secret.
            extension(0xff01, &[0], &mut extensions);
            extension(23, &[], &mut extensions);
        }
        let session_id = if self.version >= TLS_1_3 { self.session_id() } else { self.noise("session", 32) };
        [
            &self.legacy_version().to_be_bytes()[..],
            &self.noise("server random", 32),
            &sized::<1>(&session_id),
            &self.cipher.to_be_bytes(),
            &[0],
            &sized::<2>(&extensions),
        ]
        .concat()
    }

    /// Version 1.3 calls itself 1.2 wherever an old middle box may look (RFC 8446, 4.1.2).
    const fn legacy_version(&self) -> u16 {
        if self.version > TLS_1_2 { TLS_1_2 } else { self.version }
    }

    /// The originator's: empty, but in 1.3 made up for old middle boxes (RFC 8446, D.4).
    fn session_id(&self) -> Vec<u8> {
        if self.version >= TLS_1_3 { self.noise("session", 32) } else { Vec::new() }
    }

    /// Whether the key is agreed on with ECDHE, of which the responder's part is signed.
    const fn is_ephemeral(&self) -> bool {
        matches!(self.cipher >> 8, 0xc0 | 0xcc)
    }

    fn clear(&self, message: &[u8]) -> Vec<u8> {
        record(HANDSHAKE, self.legacy_version(), message)
    }

    /// A record whose content had `length` bytes before it was encrypted.
    fn encrypted(&self, kind: u8, length: usize, purpose: &str) -> Vec<u8> {
        let (kind, length) = if self.version >= TLS_1_3 {
            // The true type inside, and the tag.
            (APPLICATION, length + 1 + 16)
        } else if self.is_ephemeral() {
            // Nonce and tag of GCM (RFC 5288, 3).
            (kind, 8 + length + 16)
        } else {
            // Vector, SHA-1, and one byte of padding at least (RFC 5246, 6.2.3.2).
            (kind, 16 + (length + 20 + 1).next_multiple_of(16))
        };
        record(kind, self.legacy_version(), &self.noise(purpose, length))
    }

    fn noise(&self, purpose: &str, length: usize) -> Vec<u8> {
        let mut random = Random::of(self.seed, purpose, length as u64);
        std::iter::repeat_with(|| random.bits().to_be_bytes()).flatten().take(length).collect()
    }
}

fn change_cipher_spec(version: u16) -> Vec<u8> {
    record(CHANGE_CIPHER_SPEC, version, &[1])
}

fn record(kind: u8, version: u16, fragment: &[u8]) -> Vec<u8> {
    [&[kind], &version.to_be_bytes()[..], &sized::<2>(fragment)].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &sized::<3>(body)[..]].concat()
}

fn extension(kind: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend(sized::<2>(value));
}

/// Bytes behind their length in `WIDTH` bytes.
fn sized<const WIDTH: usize>(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_be_bytes();
    [&length[length.len() - WIDTH..], bytes].concat()
}

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;
const X25519: [u8; 2] = [0, 0x1d];
/// ECDSA and RSA (both paddings) with SHA-256, RSA with SHA-384 and with SHA-1.
const SIGNATURES: [u8; 10] = [4, 3, 8, 4, 4, 1, 5, 1, 2, 1];
