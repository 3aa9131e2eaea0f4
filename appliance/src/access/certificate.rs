//! The certificate that the pages show: one's own, or one that is made at first and kept in the store's folder.
//!
//! ```text
//! DIR/web-certificate.pem    0644
//! DIR/web-key.pem            0600
//! ```
//!
//! Source: RFC 5280 for what is in it; CA/Browser Forum BR 6.3.2 is not kept to: nobody but who compares its fingerprint trusts
//! it, so that it may last.

use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::outputs::tls::{certificates, provider};
use crate::store::made_in;

/// With what the pages are served over TLS.
#[derive(Debug, Clone)]
pub struct Shown {
    /// For the server: TLS 1.2 or 1.3, HTTP/1.1.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the certificate, as browsers show it.
    pub fingerprint: String,
    /// Whether it is one's own, and not one that we made.
    pub is_own: bool,
}

/// One's own certificate and key, from PEM files.
///
/// # Errors
/// The key of the configuration that is at fault, and why, in words.
pub fn own(certificate: &Path, key: &Path) -> Result<Shown, (&'static str, String)> {
    let chain = certificates(certificate).map_err(|why| ("certificate_file", why))?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| ("key_file", format!("{}: {error}", key.display())))?;
    shown(chain, secret, true).map_err(|why| ("key_file", format!("{}: {why}", key.display())))
}

/// The certificate of a store's folder, which is made where there is none, for this address and `localhost`.
///
/// # Errors
/// In words: where it cannot be made, kept or read.
pub fn kept(dir: &Path, address: IpAddr) -> Result<Shown, String> {
    let [certificate, key] = files(dir);
    if !certificate.exists() || !key.exists() {
        let unwritten = |error: io::Error| format!("{}: {error}", dir.display());
        let (chain, secret) = made(address)?;
        written(dir, &key, &secret, 0o600).map_err(unwritten)?;
        written(dir, &certificate, &chain, 0o644).map_err(unwritten)?;
    }
    let chain = certificates(&certificate)?;
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(|error| format!("{}: {error}", key.display()))?;
    shown(chain, secret, false).map_err(|why| format!("{}: {why}", key.display()))
}

fn files(dir: &Path) -> [PathBuf; 2] {
    ["web-certificate.pem", "web-key.pem"].map(|name| dir.join(name))
}

/// A certificate and its key, as PEM.
fn made(address: IpAddr) -> Result<(String, String), String> {
    let unmade = |error: rcgen::Error| format!("no certificate can be made: {error}");
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(Some(address).filter(|it| !it.is_unspecified()).map(|it| it.to_string()));
    names.extend(Some(hostname.trim().to_owned()).filter(|name| is_name(name)));
    names.dedup();
    let mut params = rcgen::CertificateParams::new(names).map_err(unmade)?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "Spanwatch");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = rcgen::KeyPair::generate().map_err(unmade)?;
    let certificate = params.self_signed(&key).map_err(unmade)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.".contains(letter))
}

/// Writes a file of a store's folder whole, or not at all.
fn written(dir: &Path, path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let part = path.with_extension("part");
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    made_in(dir, file)?;
    fs::rename(part, path)
}

fn shown(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    is_own: bool,
) -> Result<Shown, String> {
    let first = chain.first().map(|it| digest(&SHA256, it)).ok_or("no certificate")?;
    let pairs: Vec<String> = first.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Shown { config: Arc::new(config), fingerprint: pairs.join(":"), is_own })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_nobody_elses() {
        let dir = std::env::temp_dir().join(format!("spanwatch-certificate-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let first = kept(&dir, [192, 0, 2, 1].into()).unwrap();
        let mode = fs::metadata(dir.join("web-key.pem")).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, first.is_own), (0o600, false));
        let again = kept(&dir, [192, 0, 2, 2].into()).unwrap();
        assert_eq!(first.fingerprint, again.fingerprint);
        let [certificate, key] = files(&dir);
        assert!(own(&certificate, &key).unwrap().is_own);
        assert_eq!(own(&key, &key).unwrap_err().0, "certificate_file");
        assert_eq!(own(&certificate, &certificate).unwrap_err().0, "key_file");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_root_makes_in_the_folder_of_another_account_is_that_accounts() {
        let dir =
            std::env::temp_dir().join(format!("spanwatch-certificate-of-another-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        if chown(&dir, Some(65_534), Some(65_534)).is_ok() {
            kept(&dir, [192, 0, 2, 1].into()).unwrap();
            let owners = files(&dir).map(|it| fs::metadata(it).unwrap()).map(|it| (it.uid(), it.gid()));
            assert_eq!(owners, [(65_534, 65_534); 2]);
        } else {
            eprintln!("SKIPPED: only root gives a folder to another");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
