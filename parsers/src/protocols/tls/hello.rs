//! The messages with which a TLS connection begins: [`ClientHello`] and [`ServerHello`].
//!
//! ```text
//! | version u16 | random 32 | length u8, session | length u16, ciphers u16* | length u8, compressions | extensions?
//! | version u16 | random 32 | length u8, session | cipher u16               | compression u8          | extensions?
//! extensions  | length u16 | (kind u16 | length u16 | data)* |                                     all big-endian
//! ```
//!
//! From TLS 1.3 on the version is in an extension, and the one in front says 1.2. A fault in the extensions does not
//! hide what stands before it: it is told beside the message.
//!
//! Source: RFC 8446, 4.1 and 4.2; RFC 5246, 7.4.1; SNI by RFC 6066, 3; ALPN by RFC 7301, 3.1; groups and point formats
//! by RFC 8422, 5.1; values that mean nothing (GREASE) by RFC 8701.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use crate::vocabulary::{CipherSuite, Malformed, TlsVersion};

/// What a client offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The version in front.
    pub version: TlsVersion,
    /// Cipher suites, best first, those without meaning among them.
    pub ciphers: Shorts<'a>,
    /// Extensions.
    pub extensions: Extensions<'a>,
}

/// What a server chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// The version in front.
    pub version: TlsVersion,
    /// The cipher suite.
    pub cipher: CipherSuite,
    /// Extensions.
    pub extensions: Extensions<'a>,
    /// Whether it is no answer yet, but asks for another hello.
    pub is_retry: bool,
}

impl<'a> ClientHello<'a> {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// `Truncated` where it ends before the compressions do.
    pub fn parse(body: &'a [u8]) -> Result<(Self, Option<Malformed>), Malformed> {
        let (rest, (version, ciphers)) =
            client_head(body).map_err(|_| Malformed::Truncated { field: "client hello" })?;
        let (extensions, fault) = Extensions::parse(rest);
        let hello = Self { version: TlsVersion(version), ciphers: Shorts(ciphers), extensions };
        Ok((hello, fault))
    }

    /// The highest version offered that has a meaning.
    #[must_use]
    pub fn highest_version(&self) -> TlsVersion {
        let offered = self.extensions.find(SUPPORTED_VERSIONS).and_then(|data| list(be_u8, data));
        let offered = offered.and_then(|list| Shorts(list).without_grease().max());
        offered.map_or(self.version, TlsVersion)
    }

    /// The server asked for by name.
    #[must_use]
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut rest = list(be_u16, self.extensions.find(SERVER_NAME)?)?;
        while let Ok((behind, (kind, name))) = server_name(rest) {
            if kind == HOST_NAME {
                return Some(name);
            }
            rest = behind;
        }
        None
    }
}

impl<'a> ServerHello<'a> {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// `Truncated` where it ends before the compression does.
    pub fn parse(body: &'a [u8]) -> Result<(Self, Option<Malformed>), Malformed> {
        let (rest, (version, random, cipher)) =
            server_head(body).map_err(|_| Malformed::Truncated { field: "server hello" })?;
        let (extensions, fault) = Extensions::parse(rest);
        let (version, cipher) = (TlsVersion(version), CipherSuite(cipher));
        Ok((Self { version, cipher, extensions, is_retry: random == RETRY }, fault))
    }

    /// The version chosen.
    #[must_use]
    pub fn chosen_version(&self) -> TlsVersion {
        match self.extensions.find(SUPPORTED_VERSIONS) {
            Some(&[high, low]) => TlsVersion(u16::from_be_bytes([high, low])),
            _ => self.version,
        }
    }
}

/// Two-byte numbers in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shorts<'a>(pub &'a [u8]);

impl<'a> Shorts<'a> {
    /// All of them; half a number at the end is left.
    pub fn iter(self) -> impl Iterator<Item = u16> + 'a {
        self.0.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair))
    }

    /// Those that have a meaning.
    pub fn without_grease(self) -> impl Iterator<Item = u16> + 'a {
        self.iter().filter(|number| !is_grease(*number))
    }
}

/// One extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// By IANA's registry.
    pub kind: u16,
    /// What it says.
    pub data: &'a [u8],
}

/// The extensions of a message, as far as they are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// Reads what stands behind the rest of a hello; nothing is fine.
    fn parse(rest: &'a [u8]) -> (Self, Option<Malformed>) {
        let fault = Some(Malformed::Truncated { field: "extensions" });
        if rest.is_empty() {
            return (Self(rest), None);
        }
        let Ok((rest, length)) = be_u16::<_, nom::error::Error<_>>(rest) else { return (Self(&[]), fault) };
        let block = rest.get(..usize::from(length));
        let extensions = Self(block.unwrap_or(rest));
        let read: usize = extensions.iter().map(|it| it.data.len().saturating_add(EXTENSION_HEADER)).sum();
        let is_whole = block.is_some() && read == extensions.0.len();
        (extensions, fault.filter(|_| !is_whole))
    }

    /// All of them in order, up to the first that is not whole.
    pub fn iter(self) -> impl Iterator<Item = Extension<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (behind, extension) = extension(rest).ok()?;
            rest = behind;
            Some(extension)
        })
    }

    /// The data of the first of a kind.
    #[must_use]
    pub fn find(self, kind: u16) -> Option<&'a [u8]> {
        self.iter().find(|extension| extension.kind == kind).map(|extension| extension.data)
    }

    /// The two-byte numbers of an extension that is a list of them.
    #[must_use]
    pub fn shorts(self, kind: u16) -> Shorts<'a> {
        Shorts(self.find(kind).and_then(|data| list(be_u16, data)).unwrap_or_default())
    }

    /// The formats in which points of curves may be written.
    #[must_use]
    pub fn point_formats(self) -> &'a [u8] {
        self.find(POINT_FORMATS).and_then(|data| list(be_u8, data)).unwrap_or_default()
    }

    /// The protocols inside, by name: what a client offers, best first, or the one that the server chose.
    pub fn protocols(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.find(PROTOCOLS).and_then(|data| list(be_u16, data)).unwrap_or_default();
        std::iter::from_fn(move || {
            let (behind, name) = counted(be_u8, rest).ok()?;
            rest = behind;
            Some(name)
        })
    }
}

/// Whether a value is one that clients make up to keep servers tolerant.
#[must_use]
pub const fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn client_head(i: &[u8]) -> IResult<&[u8], (u16, &[u8])> {
    let (i, version) = be_u16(i)?;
    let (i, _random) = take(RANDOM)(i)?;
    let (i, _session) = counted(be_u8, i)?;
    let (i, ciphers) = counted(be_u16, i)?;
    let (i, _compressions) = counted(be_u8, i)?;
    Ok((i, (version, ciphers)))
}

fn server_head(i: &[u8]) -> IResult<&[u8], (u16, &[u8], u16)> {
    let (i, version) = be_u16(i)?;
    let (i, random) = take(RANDOM)(i)?;
    if version >> 8 == DRAFT {
        let (i, cipher) = be_u16(i)?;
        return Ok((i, (version, random, cipher)));
    }
    let (i, _session) = counted(be_u8, i)?;
    let (i, cipher) = be_u16(i)?;
    let (i, _compression) = be_u8(i)?;
    Ok((i, (version, random, cipher)))
}

fn extension(i: &[u8]) -> IResult<&[u8], Extension<'_>> {
    let (i, kind) = be_u16(i)?;
    let (i, data) = counted(be_u16, i)?;
    Ok((i, Extension { kind, data }))
}

fn server_name(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, kind) = be_u8(i)?;
    let (i, name) = counted(be_u16, i)?;
    Ok((i, (kind, name)))
}

/// Bytes behind their number.
fn counted<'a, N: Into<u64>>(
    length: impl Fn(&'a [u8]) -> IResult<&'a [u8], N>,
    i: &'a [u8],
) -> IResult<&'a [u8], &'a [u8]> {
    let (i, length) = length(i)?;
    take(length.into())(i)
}

/// The list that `data` is: bytes behind their number, and whatever follows.
fn list<'a, N: Into<u64>>(
    length: impl Fn(&'a [u8]) -> IResult<&'a [u8], N>,
    data: &'a [u8],
) -> Option<&'a [u8]> {
    counted(length, data).ok().map(|(_, list)| list)
}

/// Kinds of extensions.
pub const SERVER_NAME: u16 = 0;
/// Groups, curves before.
pub const GROUPS: u16 = 10;
/// Formats of points of curves.
pub const POINT_FORMATS: u16 = 11;
/// Algorithms of signatures.
pub const SIGNATURES: u16 = 13;
/// Protocols inside.
pub const PROTOCOLS: u16 = 16;
/// Versions.
pub const SUPPORTED_VERSIONS: u16 = 43;

/// Drafts of TLS 1.3 before the 22nd have their version in front, and neither session nor compression.
const DRAFT: u16 = 0x7f;

const HOST_NAME: u8 = 0;
const RANDOM: usize = 32;
const EXTENSION_HEADER: usize = 4;

/// The random of a ServerHello that asks for another hello: SHA-256 of `HelloRetryRequest` (RFC 8446, 4.1.3).
pub(super) const RETRY: [u8; RANDOM] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &[u8] = &[
        0x03, 0x03, // version
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
        28, 29, 30, 31, // random
        1, 9, // session
        0, 6, 0x0a, 0x0a, 0x13, 0x01, 0xc0, 0x2f, // ciphers
        1, 0, // compressions
        0, 41, // extensions
        0, 0, 0, 8, 0, 6, 0, 0, 3, b'a', b'.', b'b', // server name
        0, 43, 0, 7, 6, 0x1a, 0x1a, 3, 4, 3, 3, // versions
        0, 16, 0, 5, 0, 3, 2, b'h', b'2', // protocols
        0, 10, 0, 4, 0, 2, 0, 29, // groups
        0x7a, 0x7a, 0, 0, 0, // without meaning, and one byte too many
    ];

    #[test]
    fn client_hello_is_read_in_full() {
        let (hello, fault) = ClientHello::parse(&CLIENT[..CLIENT.len() - 1]).unwrap();
        assert_eq!(fault, Some(Malformed::Truncated { field: "extensions" }));
        assert_eq!(hello.extensions.iter().count(), 4);
        let mut bytes = CLIENT.to_vec();
        bytes.truncate(CLIENT.len() - 1);
        bytes[47] = 44;
        let (hello, fault) = ClientHello::parse(&bytes).unwrap();
        assert_eq!(fault, None);
        assert_eq!(hello.ciphers.without_grease().collect::<Vec<_>>(), [0x1301, 0xc02f]);
        assert_eq!((hello.version, hello.highest_version()), (TlsVersion::TLS_1_2, TlsVersion::TLS_1_3));
        assert_eq!(hello.server_name(), Some(&b"a.b"[..]));
        assert_eq!(hello.extensions.protocols().collect::<Vec<_>>(), [b"h2"]);
        assert_eq!(hello.extensions.shorts(GROUPS).iter().collect::<Vec<_>>(), [29]);
        assert_eq!(hello.extensions.iter().map(|it| it.kind).collect::<Vec<_>>(), [0, 43, 16, 10, 0x7a7a]);
    }

    #[test]
    fn hello_without_extensions_is_whole() {
        let (hello, fault) = ClientHello::parse(&CLIENT[..46]).unwrap();
        assert_eq!((hello.extensions.iter().count(), fault), (0, None));
        assert_eq!((hello.server_name(), hello.highest_version()), (None, TlsVersion::TLS_1_2));
    }

    #[test]
    fn hello_that_ends_before_its_extensions_is_truncated() {
        for end in 0..46 {
            let fault = Malformed::Truncated { field: "client hello" };
            assert_eq!(ClientHello::parse(&CLIENT[..end]), Err(fault), "{end}");
        }
    }

    #[test]
    fn server_hello_tells_the_version_chosen() {
        let mut body = vec![3, 3];
        body.extend(RETRY);
        body.extend([0, 0x13, 0x02, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
        let (hello, fault) = ServerHello::parse(&body).unwrap();
        assert_eq!(
            (hello.cipher, hello.chosen_version(), fault),
            (CipherSuite(0x1302), TlsVersion::TLS_1_3, None)
        );
        assert!(hello.is_retry);
        body[2] = 0;
        body.truncate(38);
        let (hello, fault) = ServerHello::parse(&body).unwrap();
        assert_eq!((hello.is_retry, hello.chosen_version(), fault), (false, TlsVersion::TLS_1_2, None));
        let fault = Malformed::Truncated { field: "server hello" };
        assert_eq!(ServerHello::parse(&body[..37]), Err(fault));
    }

    #[test]
    fn values_without_meaning_are_the_sixteen_of_the_rfc() {
        let all: Vec<u16> = (0..=u16::MAX).filter(|value| is_grease(*value)).collect();
        assert_eq!(all.len(), 16);
        assert_eq!((all[0], all[15]), (0x0a0a, 0xfafa));
    }
}
