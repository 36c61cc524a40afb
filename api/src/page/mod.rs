//! The page at `/`, where a user changes the picture, and `/client.js`, the client that it and other sites use.
//! The files are part of the program: nothing is built, and nothing comes from elsewhere.

use crate::{error::ApiError, routes::no_such_page, state::AppState, static_file::StaticFile};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_SECURITY_POLICY, REFERRER_POLICY},
    },
    response::Response,
};
use std::sync::LazyLock;
use url::Url;

static PAGE: LazyLock<StaticFile> =
    LazyLock::new(|| StaticFile::of_page("page.html", include_str!("ui/page.html")));

/// One module of a few files: each says something of its own, and whoever uses it takes a single address.
static CLIENT: LazyLock<StaticFile> = LazyLock::new(|| {
    let source = concat!(
        include_str!("client/errors.js"),
        include_str!("client/inspect.js"),
        include_str!("client/fit.js"),
        include_str!("client/watch.js"),
        include_str!("client/transport.js"),
        include_str!("client/persist.js"),
        include_str!("client/events.js"),
        include_str!("client/following.js"),
        include_str!("client/answers.js"),
        include_str!("client/unfinished.js"),
        include_str!("client/client.js"),
    );
    StaticFile::of_page("client.js", source)
});

/// What the page is made of, at `/page/{name}`.
static FILES: LazyLock<Vec<StaticFile>> = LazyLock::new(|| {
    vec![
        StaticFile::of_page("account.js", include_str!("ui/account.js")),
        StaticFile::of_page("avatars.js", include_str!("ui/avatars.js")),
        StaticFile::of_page("choosing.js", include_str!("ui/choosing.js")),
        StaticFile::of_page("cropper.js", include_str!("ui/cropper.js")),
        StaticFile::of_page("dom.js", include_str!("ui/dom.js")),
        StaticFile::of_page("framing.js", include_str!("ui/framing.js")),
        StaticFile::of_page("history.js", include_str!("ui/history.js")),
        StaticFile::of_page("icon.svg", include_str!("ui/icon.svg")),
        StaticFile::of_page("notice.js", include_str!("ui/notice.js")),
        StaticFile::of_page("page.css", include_str!("ui/page.css")),
        StaticFile::of_page("page.js", include_str!("ui/page.js")),
        StaticFile::of_page("panels.css", include_str!("ui/panels.css")),
        StaticFile::of_page("progress.js", include_str!("ui/progress.js")),
        StaticFile::of_page("saving.js", include_str!("ui/saving.js")),
        StaticFile::of_page("session.js", include_str!("ui/session.js")),
        StaticFile::of_page("stopping.js", include_str!("ui/stopping.js")),
        StaticFile::of_page("uploads.css", include_str!("ui/uploads.css")),
        StaticFile::of_page("words.js", include_str!("ui/words.js")),
    ]
});

/// The page where a user changes the picture.
#[utoipa::path(get, path = "/", tag = "pictures",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of what the client has.")),
    responses(crate::openapi::PageAnswers))]
pub async fn page(State(state): State<AppState>, request: HeaderMap) -> Response {
    let mut response = PAGE.answer(&request);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy(&state.public_url));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// The client for browsers, a JavaScript module that any site may import.
#[utoipa::path(get, path = "/client.js", tag = "developers",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of what the client has.")),
    responses(crate::openapi::ClientAnswers))]
pub async fn client(request: HeaderMap) -> Response {
    let mut response = CLIENT.answer(&request);
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    response
}

/// A file that the page is made of. They change with the page: no interface.
#[utoipa::path(get, path = "/page/{name}", tag = "developers",
    params(("name" = String, Path, description = "The file's name.", example = "page.css"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what the client has.")),
    responses(crate::openapi::FileAnswers))]
pub async fn page_file(
    name: Result<Path<String>, PathRejection>,
    request: HeaderMap,
) -> Result<Response, ApiError> {
    let file = name.ok().and_then(|Path(name)| FILES.iter().find(|file| file.name == name));
    Ok(file.ok_or_else(no_such_page)?.answer(&request))
}

/// Nothing but the page's own files and requests, the photo that was chosen (`blob:`), and pictures, which have
/// their public address even where the page is reached by another one.
fn policy(public_url: &str) -> HeaderValue {
    let pictures = Url::parse(public_url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: {pictures}; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(file: &StaticFile) -> &str {
        std::str::from_utf8(&file.bytes).unwrap()
    }

    #[test]
    fn every_file_of_the_page_that_is_named_somewhere_is_served() {
        let relative = |file: &'static StaticFile, before: &'static str| {
            text(file).split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect::<Vec<_>>()
        };
        let mut named = relative(&PAGE, "\"page/");
        for file in FILES.iter().filter(|file| file.name.ends_with(".js")) {
            named.extend(relative(file, " from \"./"));
        }
        assert!(named.len() > 10, "{named:?}");
        for name in named {
            assert!(FILES.iter().any(|file| file.name == name), "{name}");
        }
    }

    #[test]
    fn the_page_has_no_script_style_or_handler_within_and_names_no_other_site() {
        let page = text(&PAGE);
        assert!(!page.contains("<style") && !page.contains(" style="), "the policy forbids it");
        assert!(
            page.matches("<script").all(|_| page.contains("<script type=\"module\" src=\"page/page.js\">"))
        );
        assert_eq!(page.matches("<script").count(), 1);
        for text in FILES.iter().map(text).chain([page]) {
            let addresses = text.matches("://").count() - text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(addresses, 0, "{text}");
        }
    }

    #[test]
    fn the_policy_lets_pictures_come_from_their_public_address_and_nothing_else() {
        let policy = policy("https://pictures.example/under/a/path");
        let policy = policy.to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "), "{policy}");
        assert!(policy.contains("img-src 'self' blob: https://pictures.example; "), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
