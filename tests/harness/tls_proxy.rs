//! TLS in front of a server that has none: a listener with a certificate of our own authority.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{path::Path, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// A Postgres client's wish for TLS: its length, and a code that is no version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What is behind the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// A protocol whose connections begin with TLS.
    Tls,
    /// Postgres, whose clients ask for TLS first.
    Postgres,
}

/// An authority, and certificates of it for `localhost`.
#[derive(Debug)]
pub struct Authority {
    /// Its certificate, as PEM.
    pub pem: String,
    server: Arc<ServerConfig>,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// A certificate can't be made.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).expect("a certificate")],
                PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key"),
            )
            .expect("a TLS server");
        Self { pem: authority.pem(), server: Arc::new(server) }
    }

    /// Writes the authority's certificate to a file.
    ///
    /// # Panics
    /// It can't be written.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, &self.pem).expect("a file");
    }

    /// Listens with TLS in front of a server; returns the port.
    ///
    /// # Panics
    /// It can't listen.
    pub async fn in_front_of(&self, server: String, behind: Behind) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let acceptor = TlsAcceptor::from(Arc::clone(&self.server));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, acceptor.clone(), server.clone(), behind));
            }
        });
        port
    }
}

/// A connection that breaks off is the client's to notice.
async fn forward(
    mut client: TcpStream,
    acceptor: TlsAcceptor,
    server: String,
    behind: Behind,
) -> std::io::Result<()> {
    if behind == Behind::Postgres {
        let mut wish = [0; 8];
        client.read_exact(&mut wish).await?;
        // Who doesn't ask for TLS gets none, and no connection either.
        if wish != SSL_REQUEST {
            return Ok(());
        }
        client.write_all(b"S").await?;
    }
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(server).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
