//! One request that is refused, as data.

use pfp_shared::failure::FailureCode;
use pfp_tests::client::{Answer, Client, now, sign};
use reqwest::Body;
use serde_json::{Value, json};

pub(super) const UPLOAD: &str = "/user/upload-profile-picture";
pub(super) const TYPES: [&str; 3] = ["image/jpeg", "image/png", "image/gif"];
const FORM: &str = "multipart/form-data; boundary=b0undary";

/// A request, and what it is refused with.
pub(super) struct Case {
    pub(super) code: FailureCode,
    pub(super) about: String,
    pub(super) method: &'static str,
    pub(super) target: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    in_chunks: bool,
    own_token: bool,
    /// The members `limit`, `actual`, `allowed` and `detected` that the problem has; `"any"` is any number
    /// above the limit.
    pub(super) facts: Value,
    /// The header `Allow` of the answer.
    pub(super) allow: &'static str,
    /// Whether it is refused only after it was counted for its user's limits, who is created for that.
    pub(super) is_counted: bool,
}

impl Case {
    /// A request without a body.
    pub(super) fn to(code: FailureCode, method: &'static str, target: &str) -> Self {
        Self {
            code,
            about: format!("{method} {target}"),
            method,
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            in_chunks: false,
            own_token: true,
            facts: json!({}),
            allow: "",
            is_counted: false,
        }
    }

    /// An upload of bytes as they are, which is refused before they are read.
    pub(super) fn raw(code: FailureCode, about: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let case =
            Self { about: format!("raw: {about}"), body: body.into(), ..Self::to(code, "POST", UPLOAD) };
        if content_type.is_empty() { case } else { case.header("content-type", content_type) }
    }

    /// An upload of a form, which is refused while it is read.
    pub(super) fn form(code: FailureCode, about: &str, parts: &[Vec<u8>]) -> Self {
        let body = [parts.concat(), b"--b0undary--\r\n".to_vec()].concat();
        Self { about: format!("form: {about}"), ..Self::raw(code, "", FORM, body).counted() }
    }

    /// An upload of a form that isn't well-formed.
    pub(super) fn form_of(code: FailureCode, about: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::form(code, about, &[]) }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn query(mut self, query: &str) -> Self {
        self.target = format!("{}?{query}", self.target);
        self
    }

    /// Without a length that could be looked at first.
    pub(super) fn in_chunks(mut self) -> Self {
        self.in_chunks = true;
        self.counted()
    }

    pub(super) fn counted(mut self) -> Self {
        self.is_counted = true;
        self
    }

    /// Refused by what is declared, though it is a form.
    pub(super) fn unread(mut self) -> Self {
        self.is_counted = false;
        self
    }

    pub(super) fn facts(mut self, facts: Value) -> Self {
        self.facts = facts;
        self
    }

    pub(super) fn allow(mut self, allow: &'static str) -> Self {
        self.allow = allow;
        self
    }

    /// With another `Authorization` than the user's own, or none if it is empty.
    pub(super) fn authorization(mut self, value: &str) -> Self {
        self.own_token = false;
        self.about = format!("{} with Authorization: {value:.40}", self.about);
        if value.is_empty() { self } else { self.header("authorization", value) }
    }

    pub(super) async fn send(&self, client: &Client) -> Answer {
        let method = self.method.parse().unwrap();
        let mut request = reqwest::Client::new().request(method, client.url(&self.target));
        for (name, value) in &self.headers {
            request = request.header(*name, reqwest::header::HeaderValue::from_bytes(value).unwrap());
        }
        if self.own_token {
            request = request.bearer_auth(client.token());
        }
        let body = if self.in_chunks {
            let pieces: Vec<_> =
                self.body.chunks(100_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
            Body::wrap_stream(futures_util::stream::iter(pieces))
        } else {
            Body::from(self.body.clone())
        };
        Answer::read(
            request.body(body).send().await.unwrap_or_else(|error| panic!("{}: {error:?}", self.about)),
        )
        .await
    }
}

/// A part of a form, with the rest of its `Content-Disposition` and further header lines.
pub(super) fn part(disposition: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("--b0undary\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
    [head.as_bytes(), content.as_ref(), b"\r\n"].concat()
}

/// The part `file`.
pub(super) fn file(content: impl AsRef<[u8]>) -> Vec<u8> {
    part("name=\"file\"; filename=\"me.jpg\"", content)
}

/// A header with a token of these claims.
pub(super) fn bearer(expires_in: i64, secret: &str) -> String {
    let exp = i64::try_from(now()).unwrap() + expires_in;
    format!("Bearer {}", sign(&json!({"sub": "nobody", "exp": exp}), secret))
}
