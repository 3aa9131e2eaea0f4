//! Whom we trust as a receiver, and who we are to it.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// The cryptography of every connection.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Reads the certificates of a PEM file.
///
/// # Errors
/// In words: where it cannot be read or holds none.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unusable = |error: rustls::pki_types::pem::Error| format!("{}: {error}", file.display());
    let all: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(unusable)?.collect::<Result<_, _>>().map_err(unusable)?;
    if all.is_empty() {
        return Err(format!("{}: no certificate is in it; it must be PEM", file.display()));
    }
    Ok(all)
}

/// TLS 1.2 or 1.3 with who bears a certificate of `roots`; `own` are certificate and key that we show.
///
/// # Errors
/// The key at fault and why, in words.
pub(super) fn client(
    ca_file: &Path,
    own: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, (&'static str, String)> {
    let mut roots = RootCertStore::empty();
    let (good, _) = roots.add_parsable_certificates(certificates(ca_file).map_err(|why| ("ca_file", why))?);
    if good == 0 {
        return Err(("ca_file", format!("{}: no certificate in it can be used", ca_file.display())));
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| ("ca_file", error.to_string()))?
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate).map_err(|why| ("certificate_file", why))?;
            let secret = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| ("key_file", format!("{}: {error}", key.display())))?;
            builder
                .with_client_auth_cert(chain, secret)
                .map_err(|error| ("key_file", format!("{}: {error}", key.display())))?
        }
    };
    Ok(Arc::new(config))
}
