//! One request for a key set: within a time, up to a size, from that address and no other.

use super::{
    KeysError,
    key_set::{self, KeySet},
};
use crate::token::{KeySetSource, is_this_machine};
use http::{StatusCode, header::ACCEPT};
use reqwest::{Client, redirect::Policy};
use rustls::ClientConfig;
use std::error::Error;
use url::Url;

/// Bytes of the largest key set that is read: 64 keys, each with a chain of certificates, have fewer.
const LARGEST: usize = 256 << 10;

/// Fetches a key set.
pub struct Fetcher {
    client: Client,
    url: Url,
}

impl Fetcher {
    /// A client for the set's address, with the authorities that everything else trusts.
    ///
    /// # Errors
    /// The library refuses its settings.
    pub fn new(source: &KeySetSource, tls: ClientConfig) -> Result<Self, KeysError> {
        let is_local = is_this_machine(&source.url);
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(!is_local)
            // Whoever can redirect us could choose the keys, and what we ask.
            .redirect(Policy::none())
            .connect_timeout(source.timeout)
            .timeout(source.timeout)
            // Asked every few minutes: a connection that idled that long may be dead.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("pfp-api/", env!("CARGO_PKG_VERSION")));
        if is_local {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| KeysError::Client(reasons(&error)))?;
        Ok(Self { client, url: source.url.clone() })
    }

    /// Fetches the set.
    ///
    /// # Errors
    /// Why not, for the log.
    pub async fn fetch(&self) -> Result<KeySet, String> {
        let request =
            self.client.get(self.url.clone()).header(ACCEPT, "application/jwk-set+json, application/json");
        let mut answer = request.send().await.map_err(told)?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answers {}", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(format!("it answers more than {LARGEST} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        key_set::parse(&body)
    }
}

/// Without the address, whose query may hold what isn't for logs.
fn told(error: reqwest::Error) -> String {
    reasons(&error.without_url())
}

/// The library's errors say little without their causes.
fn reasons(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error: &&dyn Error| (**error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::RootCertStore;
    use std::{sync::Arc, time::Duration};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    const SET: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn fetcher(url: &str) -> Fetcher {
        let source = KeySetSource {
            url: url.parse().unwrap(),
            max_age: Duration::from_secs(600),
            max_stale: Duration::ZERO,
            cooldown: Duration::from_secs(30),
            timeout: Duration::from_millis(500),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        Fetcher::new(&source, tls).unwrap()
    }

    /// What is made of an answer, which is sent as it is; the connection then stays open.
    async fn answered(answer: String) -> Result<usize, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys?a=b", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let read = connection.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /keys?a=b HTTP/1.1\r\n"));
            // A client that has read enough closes.
            let _ = connection.write_all(answer.as_bytes()).await;
            let _ = connection.read(&mut request).await;
        });
        fetcher(&url).fetch().await.map(|set| set.keys.len())
    }

    fn with_length(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn a_set_is_read_and_anything_else_is_told_in_words() {
        assert_eq!(answered(with_length(SET)).await, Ok(1));
        let padded = format!("{SET}{}", " ".repeat(LARGEST - SET.len()));
        assert_eq!(answered(with_length(&padded)).await, Ok(1));
        let told = answered(with_length(&format!("{padded} "))).await.unwrap_err();
        assert_eq!(told, "it answers more than 262144 bytes");
        let endless = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            "9\r\n{\"keys\":[\r\n".repeat(60_000)
        );
        assert_eq!(answered(endless).await.unwrap_err(), "it answers more than 262144 bytes");
        assert_eq!(answered(with_length("{}")).await.unwrap_err(), "what it answers isn't a key set");
        let failed = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_owned();
        assert_eq!(answered(failed).await.unwrap_err(), "it answers 500 Internal Server Error");
        assert!(answered("SSH-2.0\r\n\r\n".to_owned()).await.is_err());
    }

    #[tokio::test]
    async fn no_redirect_is_followed_and_silence_ends() {
        let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(answered(elsewhere.to_owned()).await.unwrap_err(), "it answers 302 Found");
        for silent in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"] {
            let told = answered(silent.to_owned()).await.unwrap_err();
            assert!(told.contains("timed out") && !told.contains("a=b"), "{told}");
        }
    }

    #[tokio::test]
    async fn an_address_elsewhere_is_asked_by_https_only() {
        let told = fetcher("http://192.0.2.1/keys").fetch().await.map(|set| set.keys.len()).unwrap_err();
        assert!(!told.contains("timed out"), "{told}");
    }
}
