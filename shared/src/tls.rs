//! Certificate authorities: the system's, and those of `PFP_CA_FILE`.

use crate::config::Connections;
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use std::sync::Arc;

/// Why no TLS client can be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The file can't be read.
    #[error("PFP_CA_FILE={path} can't be read: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The library refuses its settings.
    #[error("TLS can't be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// The PEM text of `PFP_CA_FILE`, if set.
///
/// # Errors
/// The file can't be read.
pub fn ca_pem(connections: &Connections) -> Result<Option<Vec<u8>>, TlsConfigError> {
    let Some(path) = &connections.ca_file else { return Ok(None) };
    let unreadable = |reason: String| TlsConfigError::File { path: path.display().to_string(), reason };
    let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let count = CertificateDer::pem_slice_iter(&pem).filter(Result::is_ok).count();
    if count == 0 {
        return Err(unreadable("it holds no certificate in PEM form".to_owned()));
    }
    Ok(Some(pem))
}

/// A TLS client that trusts the system's authorities and those of `PFP_CA_FILE`.
///
/// # Errors
/// The file can't be read.
pub fn client_config(connections: &Connections) -> Result<ClientConfig, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca_pem(connections)? {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
