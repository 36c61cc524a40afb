//! What a client does, over HTTP alone.

use crate::wait::until;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{
    RequestBuilder, Response, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A client of one user.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    /// The user.
    pub user: String,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body.
    pub bytes: bytes::Bytes,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Panics
    /// It breaks off.
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, bytes: response.bytes().await.expect("a whole answer") }
    }

    /// Its body as JSON.
    ///
    /// # Panics
    /// It isn't.
    #[must_use]
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{} isn't JSON: {text}", self.status))
    }

    /// The code of a problem.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header, empty if it isn't there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Signs claims with a secret.
///
/// # Panics
/// They can't be signed.
#[must_use]
pub fn sign(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &key).expect("a token")
}

/// Seconds since 1970.
///
/// # Panics
/// The clock is set before 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}

impl Client {
    /// A client of a user, whose token is good for an hour.
    #[must_use]
    pub fn new(address: &str, user: &str, secret: &str) -> Self {
        let token = sign(&json!({ "sub": user, "exp": now() + 3600 }), secret);
        Self { http: reqwest::Client::new(), base: format!("http://{address}"), token, user: user.to_owned() }
    }

    /// The user's token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) }
    }

    /// A request with the user's token.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().unwrap_or(reqwest::Method::GET);
        self.http.request(method, self.url(path)).bearer_auth(&self.token)
    }

    /// A `GET` with the user's token.
    ///
    /// # Panics
    /// There is no answer.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::read(self.request("GET", path).send().await.expect("an answer")).await
    }

    /// Uploads a file as a form.
    ///
    /// # Panics
    /// There is no answer.
    pub async fn upload(&self, file: impl Into<Vec<u8>>) -> Answer {
        self.upload_form(Form::new().part("file", Part::bytes(file.into()).file_name("picture"))).await
    }

    /// Uploads a form.
    ///
    /// # Panics
    /// There is no answer.
    pub async fn upload_form(&self, form: Form) -> Answer {
        let request = self.request("POST", "/user/upload-profile-picture").multipart(form);
        Answer::read(request.send().await.expect("an answer")).await
    }

    /// Uploads a file and returns where its status is.
    ///
    /// # Panics
    /// It isn't accepted.
    pub async fn accepted(&self, file: impl Into<Vec<u8>>) -> String {
        let answer = self.upload(file).await;
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.bytes));
        answer.header("location").to_owned()
    }

    /// Waits until an upload is final and returns it.
    ///
    /// # Panics
    /// It isn't in time.
    pub async fn finished(&self, location: &str) -> Value {
        self.finished_within(location, Duration::from_secs(60)).await
    }

    /// Waits for an upload for a time of its own.
    ///
    /// # Panics
    /// It isn't final in time.
    pub async fn finished_within(&self, location: &str, patience: Duration) -> Value {
        let mut last = Value::Null;
        until(&format!("{location} is final"), patience, async || {
            let answer = self.request("GET", location).send().await.ok()?;
            if !answer.status().is_success() {
                return None;
            }
            last = Answer::read(answer).await.json();
            let is_final = !matches!(last["status"].as_str(), Some("queued" | "processing"));
            is_final.then_some(())
        })
        .await;
        last
    }

    /// Uploads a file, waits until it is final, and returns the upload.
    ///
    /// # Panics
    /// It isn't accepted, or not final in time.
    pub async fn upload_and_wait(&self, file: impl Into<Vec<u8>>) -> Value {
        let location = self.accepted(file).await;
        self.finished(&location).await
    }

    /// The user as they see themselves.
    ///
    /// # Panics
    /// There is no answer.
    pub async fn me(&self) -> Value {
        self.get("/user/me").await.json()
    }

    /// The bytes of the user's picture.
    ///
    /// # Panics
    /// The user has none, or it isn't served.
    pub async fn picture(&self) -> bytes::Bytes {
        let me = self.me().await;
        let url = me["profile_picture_url"].as_str().unwrap_or_else(|| panic!("no picture: {me}"));
        let answer = Answer::read(self.http.get(url).send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{url}");
        answer.bytes
    }
}
