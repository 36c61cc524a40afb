//! Which other sites' pages may use the API, and what their scripts may read of its answers.

use crate::state::AppState;
use axum::{
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, Method,
        header::{
            ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CONTENT_LENGTH, ETAG, LOCATION, ORIGIN, RETRY_AFTER,
            WWW_AUTHENTICATE,
        },
    },
    middleware::Next,
    response::Response,
};
use pfp_shared::config::{ConfigError, Settings};
use std::{convert::Infallible, time::Duration};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use url::Url;

/// How long a browser may remember what a preflight was answered.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// The origins that are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// None: pages of the API's own origin alone.
    None,
    /// Any: tokens are sent by scripts, never by the browser, so no page can use another's.
    Any,
    /// These.
    These(Vec<HeaderValue>),
}

impl CorsOrigins {
    /// Reads them.
    ///
    /// # Errors
    /// One isn't an origin.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let words = settings.list("PFP_CORS_ORIGINS");
        match words.as_slice() {
            [] => Ok(Self::None),
            ["*"] => Ok(Self::Any),
            words => {
                let origins = words.iter().map(|word| origin(word)).collect::<Option<Vec<_>>>();
                origins.map(Self::These).ok_or_else(|| ConfigError::BadValue {
                    name: "PFP_CORS_ORIGINS".to_owned(),
                    value: words.join(","),
                    expected: "origins such as https://app.example:8443, separated by commas, or *"
                        .to_owned(),
                })
            }
        }
    }

    /// The layer that lets them in; none where nobody is.
    #[must_use]
    pub fn layer(&self) -> Option<CorsLayer> {
        let origins = match self {
            Self::None => return None,
            Self::Any => AllowOrigin::any(),
            Self::These(origins) => AllowOrigin::list(origins.clone()),
        };
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
            // Uploaders add headers of their own (X-Requested-With, Cache-Control): no header does any harm.
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(exposed())
            .max_age(REMEMBERED);
        Some(layer)
    }
}

/// The layer that tells pages of other origins what they may do. Only what a browser asks beforehand is answered here: any
/// other OPTIONS is a request like all.
pub async fn cors(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let asks_first = headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    match state.config.cors_origins.layer() {
        Some(layer) if asks_first || request.method() != Method::OPTIONS => {
            let next = service_fn(|request| {
                let next = next.clone();
                async move { Ok::<_, Infallible>(next.run(request).await) }
            });
            let Ok(answer) = layer.layer(next).oneshot(request).await;
            answer
        }
        _ => next.run(request).await,
    }
}

/// What scripts may read beyond the few headers that they always may.
fn exposed() -> Vec<HeaderName> {
    let ours = ["idempotency-replayed", "preference-applied", "x-request-id"].map(HeaderName::from_static);
    let standard = [ALLOW, CONTENT_LENGTH, ETAG, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE];
    standard.into_iter().chain(ours).collect()
}

/// An origin as browsers send it: scheme, host and port, nothing after them. Apps that are made of a page have schemes of
/// their own, such as `capacitor`.
fn origin(word: &str) -> Option<HeaderValue> {
    let url = Url::parse(word).ok()?;
    let text = match url.scheme() {
        "http" | "https" => url.origin().ascii_serialization(),
        "ftp" | "ws" | "wss" => return None,
        own => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{own}://{}{port}", url.host_str().filter(|host| !host.is_empty())?)
        }
    };
    (text == word).then(|| HeaderValue::from_str(&text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfp_shared::config::UsedBy;

    fn read(value: &str) -> Result<CorsOrigins, String> {
        let values = [("PFP_CORS_ORIGINS".to_owned(), value.to_owned())];
        let settings = Settings::from_values(values, UsedBy::Api).unwrap();
        CorsOrigins::from_settings(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        assert_eq!(read("*"), Ok(CorsOrigins::Any));
        let these = ["https://a.example", "http://127.0.0.1:9000"].map(HeaderValue::from_static).to_vec();
        assert_eq!(read("https://a.example, http://127.0.0.1:9000"), Ok(CorsOrigins::These(these)));
        let these = ["capacitor://localhost", "app://a:81"].map(HeaderValue::from_static).to_vec();
        assert_eq!(read("capacitor://localhost, app://a:81"), Ok(CorsOrigins::These(these)));
    }

    #[test]
    fn what_is_no_origin_stops_the_start_and_is_named() {
        for bad in [
            "a.example",
            "https://a.example/",
            "https://a.example/x",
            "https://a.example:443",
            "ftp://a",
            "wss://a",
            "file:///a",
            "capacitor://localhost/",
            "capacitor://a@localhost",
            "capacitor:localhost",
            "*,*",
            "null",
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(bad) && error.contains("PFP_CORS_ORIGINS"), "{error}");
        }
    }
}
