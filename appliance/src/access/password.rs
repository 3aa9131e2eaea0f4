//! Passwords: what one has to be, and what is kept of it ([`kept`]), a string as
//!
//! ```text
//! $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH       both in base64 without padding
//! ```
//!
//! Source: RFC 9106 (Argon2), and 8.4.1 of NIST SP 800-63B for what is asked of a password: length, and nothing of its letters. The
//! cost is the least that OWASP's "Password Storage Cheat Sheet" takes for enough: 19 MiB, two passes.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::secret::{is_same, random};

/// What a password cannot be, in a sentence for who chooses it; `None` where it is good.
#[must_use]
pub fn refusal(password: &str, name: &str) -> Option<&'static str> {
    let letters = password.chars().count();
    let small = password.to_lowercase();
    let holds = |word: &str| !word.is_empty() && small.contains(&word.to_lowercase());
    let rest = ["spanwatch", "password", "passwort", name]
        .iter()
        .filter(|word| !word.is_empty())
        .fold(small.clone(), |rest, word| rest.replace(&word.to_lowercase(), ""));
    let different: std::collections::BTreeSet<char> = small.chars().collect();
    match letters {
        ..LETTERS_MIN => Some("A password has 12 letters at least; several words are good."),
        _ if password.len() > BYTES_MAX => Some("A password has 256 bytes at most."),
        _ if different.len() < DIFFERENT_MIN => Some("A password has 5 different letters at least."),
        _ if is_run(&small) => Some("A password is no row of letters or digits."),
        _ if (holds("spanwatch") || holds("password") || holds("passwort") || holds(name))
            && rest.chars().count() < REST_MIN =>
        {
            Some("That password is what others would try first: choose words of your own.")
        }
        _ => None,
    }
}

/// Whether each letter follows the one before in the alphabet, or on the keyboard.
fn is_run(text: &str) -> bool {
    ROWS.iter().any(|row| {
        let twice = row.repeat(3);
        let back: String = twice.chars().rev().collect();
        twice.contains(text) || back.contains(text)
    })
}

/// What is kept of a password. Takes some hundredths of a second and 19 MiB.
///
/// # Errors
/// In words: where the machine gives no random numbers, or no memory.
pub fn kept(password: &str) -> Result<String, String> {
    let salt: [u8; SALT_BYTES] = random().map_err(|error| error.to_string())?;
    let hash = hash(password, &salt, COST).ok_or("the password cannot be hashed")?;
    let (memory, passes, lanes) = COST;
    let [salt, hash] = [&salt[..], &hash[..]].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
}

/// Whether a password is the one that `kept` was made of; takes as long where there is none to compare it with.
#[must_use]
pub fn is_right(password: &str, kept: Option<&str>) -> bool {
    let parts = kept.and_then(parts);
    let (cost, salt, due) = parts.unwrap_or((COST, vec![0; SALT_BYTES], String::new()));
    // Nobody chose a longer one.
    if password.len() > BYTES_MAX {
        return false;
    }
    hash(password, &salt, cost).is_some_and(|hash| is_same(&STANDARD_NO_PAD.encode(hash), &due))
}

fn parts(kept: &str) -> Option<(Cost, Vec<u8>, String)> {
    let mut fields = kept.strip_prefix("$argon2id$v=19$")?.split('$');
    let mut costs = fields.next()?.split(',').zip(["m=", "t=", "p="]);
    let mut cost = || costs.next().and_then(|(text, key)| text.strip_prefix(key)?.parse::<u32>().ok());
    let cost = (cost()?, cost()?, cost()?);
    let salt = STANDARD_NO_PAD.decode(fields.next()?).ok()?;
    Some((cost, salt, fields.next()?.to_owned()))
}

fn hash(password: &str, salt: &[u8], (memory, passes, lanes): Cost) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(memory, passes, lanes, Some(HASH_BYTES)).ok()?;
    let mut out = [0; HASH_BYTES];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), salt, &mut out).ok()?;
    Some(out)
}

const LETTERS_MIN: usize = 12;
const DIFFERENT_MIN: usize = 5;
/// Beside a word that everybody tries.
const REST_MIN: usize = 6;
/// Sixty-four letters of four bytes each.
const BYTES_MAX: usize = 256;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// KiB, passes, lanes.
type Cost = (u32, u32, u32);
const COST: Cost = (19_456, 2, 1);
const ROWS: [&str; 4] =
    ["1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_is_right_and_no_other() {
        let one = kept("four doors of oak").unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !one.contains("oak"));
        assert_ne!(one, kept("four doors of oak").unwrap(), "salted");
        assert!(is_right("four doors of oak", Some(&one)));
        for wrong in ["four doors of oaK", "", "four doors of oak "] {
            assert!(!is_right(wrong, Some(&one)), "{wrong}");
        }
        assert!(
            !is_right("", None)
                && !is_right("x", Some("plain"))
                && !is_right("x", Some("$argon2id$v=19$m=1"))
        );
    }

    #[test]
    fn the_hash_is_the_one_that_others_make() {
        // argon2-cffi 25.1: low_level.hash_secret_raw(b"four doors of oak", b"0123456789abcdef", 2, 19456, 1, 32, Type.ID)
        let kept = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$\
                    qSzcw5Zi/T7R5LEGSrH7YyAJ01gZS3G2rkUFmP9RHJI";
        assert!(is_right("four doors of oak", Some(kept)) && !is_right("four doors of oa", Some(kept)));
    }

    #[test]
    fn a_password_is_long_and_not_what_everybody_tries() {
        for good in ["four doors of oak", "ünïcödé wörds", "Tr0ub4dor&3-and", "jo likes four doors"] {
            assert_eq!(refusal(good, "jo"), None, "{good}");
        }
        for bad in [
            "",
            "elevenchars",
            "aaaaaaaaaaaaaaaa",
            "123456789012",
            "qwertyuiopasdf",
            "Password1234",
            "spanwatch-2026",
            "administrator1",
            &"x y z w v u ".repeat(30),
        ] {
            assert!(refusal(bad, "administrator").is_some(), "{bad}");
        }
    }
}
