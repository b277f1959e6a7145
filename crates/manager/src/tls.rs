//! TLS of both sides, from PEM.

use crate::ServeError;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::sync::Arc;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(
    pem: &[u8],
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| ServeError::Pem { what, source })?;
    if found.is_empty() {
        return Err(ServeError::NoCertificate { what });
    }
    Ok(found)
}

/// The console's side: HTTP/2 and HTTP/1.1, TLS 1.2 and 1.3.
pub(crate) fn server(cert_pem: &[u8], key_pem: &[u8]) -> Result<ServerConfig, ServeError> {
    let chain = certificates(cert_pem, "console certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|source| ServeError::Pem {
        what: "console key",
        source,
    })?;
    let tls = |source| ServeError::Tls {
        what: "console certificate",
        source,
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(tls)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The side that calls the controller: trusts only what it is given.
pub(crate) fn client(ca_pem: &[u8]) -> Result<ClientConfig, ServeError> {
    let what = "controller certificate";
    let tls = |source| ServeError::Tls { what, source };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_pem, what)? {
        roots.add(certificate).map_err(tls)?;
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
