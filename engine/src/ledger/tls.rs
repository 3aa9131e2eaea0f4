//! How devices encrypt, and what they prove themselves with.
//!
//! One row for each way in which a device was seen to speak TLS; what repeats moves its last time. A certificate is
//! kept once, however many show it.
//!
//! **A browser asks for a thousand servers**: of a client's rows that differ in nothing but the name asked for,
//! [`NAMES_MAX`] bear one, and the next has none and stands for all others.

use std::collections::BTreeMap;

use spanwatch_parsers::{Certificate, CipherSuite, Digest, Text, Time, TlsRole, TlsSide, TlsVersion};

use super::directory::Number;
use super::refusals::Refusals;

/// What tells one row of a device from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manner {
    /// Which side it was.
    pub role: TlsRole,
    /// The version agreed on.
    pub version: Option<TlsVersion>,
    /// The cipher suite agreed on.
    pub cipher: Option<CipherSuite>,
    /// JA4 of a client.
    pub ja4: Option<Text>,
    /// The server asked for by name.
    pub server_name: Option<Text>,
    /// SHA-256 of the certificate shown.
    pub certificate: Option<Digest<32>>,
}

/// What is kept of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// JA3 of a client, JA3S of a server, when it was first seen: some shuffle what it is made of.
    pub ja3: Digest<16>,
    /// The highest version that a client offered then.
    pub offered: Option<TlsVersion>,
    /// The protocols inside that a client offered then, or the one a server chose.
    pub protocols: Option<Text>,
    /// First handshake.
    pub first_seen: Time,
    /// Last handshake.
    pub last_seen: Time,
}

/// All rows, [`ROWS_MAX`] at most and [`ROWS_OF_DEVICE_MAX`] of one device: further ones are counted, not kept.
#[derive(Debug, Default)]
pub struct Handshakes {
    rows: BTreeMap<(Number, Manner), Row>,
    certificates: BTreeMap<Digest<32>, Certificate>,
    /// What was not kept.
    pub refused: Refusals,
}

impl Handshakes {
    /// Takes what a device said of itself in a handshake.
    pub fn spoke(&mut self, number: Number, side: &TlsSide, at: Time) {
        let certificate = side.certificate.as_deref().and_then(|certificate| self.certified(certificate));
        let mut manner = Manner {
            role: side.role,
            version: side.version,
            cipher: side.cipher,
            ja4: side.ja4.clone(),
            server_name: side.server_name.clone(),
            certificate,
        };
        if !self.rows.contains_key(&(number, manner.clone())) && self.asks_for_many(number, &manner) {
            manner.server_name = None;
        }
        let (ja3, offered, protocols) = (side.ja3, side.offered, side.protocols.clone());
        self.add(number, manner, Row { ja3, offered, protocols, first_seen: at, last_seen: at });
    }

    /// All rows of a device, in the order of their manners.
    pub fn of(&self, number: Number) -> impl Iterator<Item = (&Manner, &Row)> {
        let rows = self.rows.range((number, Manner::LEAST)..);
        rows.take_while(move |((of, _), _)| *of == number).map(|((_, manner), row)| (manner, row))
    }

    /// A certificate that was seen.
    #[must_use]
    pub fn certificate(&self, sha256: &Digest<32>) -> Option<&Certificate> {
        self.certificates.get(sha256)
    }

    /// Says that `gone` turned out to be `kept`.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        for (manner, row) in self.take(gone) {
            self.add(kept, manner, row);
        }
    }

    /// Forgets a device.
    pub fn forget(&mut self, number: Number) {
        self.take(number);
    }

    fn certified(&mut self, certificate: &Certificate) -> Option<Digest<32>> {
        if !self.certificates.contains_key(&certificate.sha256) {
            if self.certificates.len() >= CERTIFICATES_MAX {
                self.refused.count("certificates", CERTIFICATES_MAX);
                return None;
            }
            self.certificates.insert(certificate.sha256, certificate.clone());
        }
        Some(certificate.sha256)
    }

    fn asks_for_many(&self, number: Number, manner: &Manner) -> bool {
        let is_alike = |other: &Manner| {
            let Manner { role, version, cipher, ja4, certificate, server_name } = other;
            server_name.is_some()
                && (role, version, cipher) == (&manner.role, &manner.version, &manner.cipher)
                && (ja4, certificate) == (&manner.ja4, &manner.certificate)
        };
        manner.role == TlsRole::Client
            && self.of(number).filter(|(other, _)| is_alike(other)).count() >= NAMES_MAX
    }

    fn add(&mut self, number: Number, manner: Manner, row: Row) {
        let key = (number, manner);
        if let Some(known) = self.rows.get_mut(&key) {
            if row.first_seen < known.first_seen {
                (known.ja3, known.offered) = (row.ja3, row.offered);
                known.protocols = row.protocols;
            }
            known.first_seen = known.first_seen.min(row.first_seen);
            known.last_seen = known.last_seen.max(row.last_seen);
        } else if self.rows.len() >= ROWS_MAX {
            self.refused.count("TLS handshakes", ROWS_MAX);
        } else if self.of(number).count() >= ROWS_OF_DEVICE_MAX {
            self.refused.count("TLS handshakes of one device", ROWS_OF_DEVICE_MAX);
        } else {
            self.rows.insert(key, row);
        }
    }

    fn take(&mut self, number: Number) -> Vec<(Manner, Row)> {
        let manners: Vec<Manner> = self.of(number).map(|(manner, _)| manner.clone()).collect();
        let taken = manners.into_iter().filter_map(|manner| {
            let ((_, manner), row) = self.rows.remove_entry(&(number, manner))?;
            Some((manner, row))
        });
        taken.collect()
    }
}

impl Manner {
    /// It comes before all others.
    const LEAST: Self = Self {
        role: TlsRole::Client,
        version: None,
        cipher: None,
        ja4: None,
        server_name: None,
        certificate: None,
    };
}

/// Rows kept: a few of each of some ten thousand devices.
const ROWS_MAX: usize = 65_536;

/// Rows kept of one device; a workstation's dozen programs come to as many.
const ROWS_OF_DEVICE_MAX: usize = 64;

/// Names that a client asks for in the same manner and that are told one by one.
const NAMES_MAX: usize = 8;

/// Certificates kept: one for each of as many devices.
const CERTIFICATES_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn side(role: TlsRole, cipher: u16, name: &str) -> TlsSide {
        TlsSide {
            role,
            version: Some(TlsVersion::TLS_1_2),
            offered: None,
            cipher: Some(CipherSuite(cipher)),
            ja3: Digest([7; 16]),
            ja4: None,
            server_name: Text::some(name.as_bytes()),
            protocols: None,
            certificate: None,
        }
    }

    fn certificate(hash: u8) -> Box<Certificate> {
        let (subject, issuer) = ("CN=a".into(), "CN=a".into());
        Box::new(Certificate {
            subject,
            issuer,
            names: Vec::new(),
            not_before_s: 0,
            not_after_s: 1,
            key: "rsa",
            key_bits: Some(2_048),
            signature: "sha256WithRSAEncryption".into(),
            is_self_signed: true,
            sha256: Digest([hash; 32]),
            key_sha256: Digest([1; 32]),
        })
    }

    #[test]
    fn what_repeats_moves_its_last_time() {
        let mut handshakes = Handshakes::default();
        handshakes.spoke(Number::for_test(1), &side(TlsRole::Server, 1, ""), Time(5));
        handshakes.spoke(Number::for_test(1), &side(TlsRole::Server, 1, ""), Time(9));
        handshakes.spoke(Number::for_test(1), &side(TlsRole::Client, 1, ""), Time(7));
        handshakes.spoke(Number::for_test(2), &side(TlsRole::Server, 1, ""), Time(8));
        let rows: Vec<_> = handshakes
            .of(Number::for_test(1))
            .map(|(manner, row)| (manner.role, row.first_seen, row.last_seen))
            .collect();
        assert_eq!(rows, [(TlsRole::Client, Time(7), Time(7)), (TlsRole::Server, Time(5), Time(9))]);
    }

    #[test]
    fn client_that_asks_for_many_servers_takes_few_rows() {
        let mut handshakes = Handshakes::default();
        for n in 0..1_000 {
            handshakes.spoke(
                Number::for_test(1),
                &side(TlsRole::Client, 1, &format!("{n}.example")),
                Time(n),
            );
        }
        let names: Vec<_> =
            handshakes.of(Number::for_test(1)).map(|(manner, _)| manner.server_name.is_some()).collect();
        assert_eq!((names.len(), names[0]), (NAMES_MAX + 1, false));
        assert_eq!(handshakes.refused.take().count(), 0);
    }

    #[test]
    fn certificate_is_kept_once() {
        let mut handshakes = Handshakes::default();
        for (number, hash) in [(1, 1), (2, 1), (2, 2)] {
            let certificate = Some(certificate(hash));
            let shown = TlsSide { certificate, ..side(TlsRole::Server, 1, "") };
            handshakes.spoke(Number::for_test(number), &shown, Time(1));
        }
        assert_eq!((handshakes.certificates.len(), handshakes.rows.len()), (2, 3));
        assert!(handshakes.certificate(&Digest([2; 32])).is_some());
    }

    #[test]
    fn merged_device_has_the_rows_of_both() {
        let mut handshakes = Handshakes::default();
        handshakes.spoke(Number::for_test(1), &side(TlsRole::Server, 1, ""), Time(5));
        handshakes.spoke(Number::for_test(2), &side(TlsRole::Server, 1, ""), Time(3));
        handshakes.spoke(Number::for_test(2), &side(TlsRole::Server, 2, ""), Time(4));
        handshakes.renumber(Number::for_test(2), Number::for_test(1));
        let times: Vec<_> =
            handshakes.of(Number::for_test(1)).map(|(_, row)| (row.first_seen, row.last_seen)).collect();
        assert_eq!(times, [(Time(3), Time(5)), (Time(4), Time(4))]);
        assert_eq!(handshakes.of(Number::for_test(2)).count(), 0);
        handshakes.forget(Number::for_test(1));
        assert!(handshakes.rows.is_empty());
    }

    #[test]
    fn rows_of_one_device_are_bounded_and_counted() {
        let mut handshakes = Handshakes::default();
        for n in 0..200 {
            handshakes.spoke(Number::for_test(1), &side(TlsRole::Server, n, ""), Time(1));
        }
        let counted: Vec<_> = handshakes.refused.take().collect();
        assert_eq!(counted, [("TLS handshakes of one device", ROWS_OF_DEVICE_MAX as u64, 136)]);
    }
}
