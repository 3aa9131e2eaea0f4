//! `weak-tls-cipher`: a device encrypts with a cipher that is broken, or with none.
//!
//! ## What it says
//! A device of the site, as a server, chose a cipher suite that leaves the bytes readable (NULL), proves nobody's identity (anonymous),
//! was made short for export, or rests on RC4, DES, triple DES, RC2, IDEA or MD5.
//!
//! ## Why it matters
//! Such a connection looks protected and is not: RC4 must not be used (RFC 7465), a block of 64 bits leaks in long
//! sessions (SWEET32; NIST SP 800-131A), the others fall to anybody (RFC 9325, 4.1).
//!
//! ## Where it is wrong
//! Judged is what was chosen: what a server would take from another client is not seen. That a cipher has no forward secrecy is
//! `no-forward-secrecy`.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{CipherSuite, Fact, TlsRole};

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "weak-tls-cipher",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("weak_tls_cipher.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Tls(_)),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::Tls(side) = &seen.fact else { return None };
    let cipher = side.cipher.filter(|_| side.role == TlsRole::Server)?;
    Some(Sight::of(seen, format!("{cipher}: {}", weakness(cipher)?)))
}

/// Why a suite is weak, the worst first; IANA's names say what they are made of.
fn weakness(cipher: CipherSuite) -> Option<&'static str> {
    let name = cipher.to_string();
    let has = |part: &str| name.contains(part);
    let found = [
        (has("_NULL") || name.starts_with("TLS_SHA"), "no encryption"),
        (has("_anon_"), "nobody's identity is proved"),
        (has("_EXPORT"), "shortened for export"),
        (has("_RC4_"), "RC4"),
        (has("_DES_") || has("_DES40_"), "DES"),
        (has("_RC2_"), "RC2"),
        (has("_IDEA_"), "IDEA"),
        (name.ends_with("_MD5"), "MD5"),
        (has("_3DES_"), "triple DES"),
    ];
    found.iter().find(|(is_so, _)| *is_so).map(|(_, why)| *why)
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Broken encryption at {who}"),
        summary: format!(
            "{who} protects its connections with a cipher that protects nothing worth the name. Who sits between could read passwords and pictures. {turn}: update the firmware and allow modern ciphers only."
        ),
        detail: format!("Chosen by the server: {what} (RFC 9325, 4.1; RFC 7465; NIST SP 800-52r2)."),
        remedy: "Update the firmware; allow suites with ECDHE and AES-GCM or ChaCha20 alone, in the device as in the recorder.".to_owned(),
        verify: "New connections of this device choose a suite with AES-GCM or ChaCha20-Poly1305.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{kinds, server};
    use super::*;

    /// The numbers of the fact base (IANA's registry of cipher suites).
    #[test]
    fn broken_suites_are_known_by_number() {
        for (numbers, why) in [
            (
                &[0x0001, 0x0002, 0x003b, 0x002c, 0x00b0, 0xc001, 0xc006, 0xc010, 0xc039, 0xc0b4][..],
                "no encryption",
            ),
            (
                &[0x0018, 0x001b, 0x0034, 0x003a, 0x0046, 0x006c, 0x009b, 0x00a6, 0xc017, 0xc019],
                "nobody's identity is proved",
            ),
            (&[0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014], "shortened for export"),
            (&[0x0004, 0x0005, 0x0020, 0x0024, 0x008a, 0xc002, 0xc007, 0xc00c, 0xc011, 0xc033], "RC4"),
            (&[0x0009, 0x000c, 0x000f, 0x0012, 0x0015, 0x001e], "DES"),
            (&[0x000a, 0x000d, 0x0013, 0x0016, 0xc003, 0xc008, 0xc012, 0xc01a, 0x008b, 0xc034], "triple DES"),
        ] {
            for number in numbers {
                assert_eq!(
                    weakness(CipherSuite(*number)),
                    Some(why),
                    "{number:#06x} {}",
                    CipherSuite(*number)
                );
            }
        }
        for good in [0xc02b, 0xc02f, 0xcca8, 0x009e, 0x1301, 0x1305, 0xc013, 0x002f] {
            assert_eq!(weakness(CipherSuite(good)), None, "{}", CipherSuite(good));
        }
    }

    #[test]
    fn what_the_server_chose_is_told() {
        let seen = server(|side| side.cipher = Some(CipherSuite(0x0005)));
        assert_eq!(kinds(&KIND, &[&seen])[0].evidence[0].text, "TLS_RSA_WITH_RC4_128_SHA: RC4");
        assert!(kinds(&KIND, &[&server(|side| side.cipher = Some(CipherSuite(0xc02f)))]).is_empty());
    }
}
