//! The OpenAPI document as a page: Swagger UI, served from this program, so that it needs no network.

use crate::{error::ApiError, routes::no_such_page, static_file::StaticFile};
use axum::{
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, header::CONTENT_SECURITY_POLICY},
    response::Response,
};
use bytes::Bytes;
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::{Config, serve};

/// Its own files, its own requests, and the styles that it sets by script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/// The page, whose other files are below its own address, whatever path is before it.
const PAGE: &str = "index.html";

/// What the page is made of.
const NAMES: [&str; 8] = [
    PAGE,
    "index.css",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
    "favicon-16x16.png",
    "favicon-32x32.png",
];

static FILES: LazyLock<Vec<StaticFile>> = LazyLock::new(|| NAMES.into_iter().filter_map(found).collect());

fn found(name: &'static str) -> Option<StaticFile> {
    // Its validator is another site's.
    let config = Config::new(["../openapi.json"])
        .try_it_out_enabled(true)
        .persist_authorization(false)
        .validator_url("none");
    let found = serve(name, Arc::new(config)).ok().flatten()?;
    let bytes = if name == PAGE {
        let page = String::from_utf8_lossy(&found.bytes);
        page.replace("<head>", "<head>\n    <base href=\"docs/\">").into()
    } else {
        Bytes::from(found.bytes.into_owned())
    };
    let media_type = HeaderValue::from_str(&found.content_type).ok()?;
    Some(StaticFile::new(name, bytes, media_type, "public, max-age=3600"))
}

/// The API's description, to read and to try.
#[utoipa::path(get, path = "/docs", tag = "developers",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of what the client has.")),
    responses(crate::openapi::DocsAnswers))]
pub async fn docs(request: HeaderMap) -> Result<Response, ApiError> {
    file(PAGE, &request)
}

/// A file that the page is made of. They change with the page: no interface.
#[utoipa::path(get, path = "/docs/{name}", tag = "developers",
    params(("name" = String, Path, description = "The file's name.", example = "swagger-ui.css"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what the client has.")),
    responses(crate::openapi::FileAnswers))]
pub async fn docs_file(
    name: Result<Path<String>, PathRejection>,
    request: HeaderMap,
) -> Result<Response, ApiError> {
    // Of the page itself there is one, with a base for the others.
    let name = name.ok().filter(|Path(name)| name != PAGE);
    file(&name.ok_or_else(no_such_page)?, &request)
}

fn file(name: &str, request: &HeaderMap) -> Result<Response, ApiError> {
    let file = FILES.iter().find(|file| file.name == name);
    let mut response = file.ok_or_else(no_such_page)?.answer(request);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn text(response: Response) -> String {
        String::from_utf8(to_bytes(response.into_body(), 4 << 20).await.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn every_file_is_there() {
        assert_eq!(FILES.len(), NAMES.len());
    }

    #[tokio::test]
    async fn the_page_asks_for_its_own_files_and_the_document_alone() {
        let page = text(docs(HeaderMap::new()).await.unwrap()).await;
        assert!(page.contains("<base href=\"docs/\">") && !page.contains("<script>"), "{page}");
        let others: Vec<_> = page.split(['"', '\'']).filter(|part| part.contains("://")).collect();
        assert!(others.is_empty(), "{others:?}");
        for name in page.split("src=\"./").skip(1).chain(page.split("href=\"./").skip(1)) {
            let name = name.split('"').next().unwrap().to_owned();
            assert!(docs_file(Ok(Path(name.clone())), HeaderMap::new()).await.is_ok(), "{name}");
        }
        let start =
            text(docs_file(Ok(Path("swagger-initializer.js".to_owned())), HeaderMap::new()).await.unwrap())
                .await;
        assert!(start.contains("../openapi.json"), "{start}");
        assert!(start.contains("\"validatorUrl\": \"none\""), "{start}");
        for none in ["index.html", "nothing.js", "../Cargo.toml"] {
            assert!(docs_file(Ok(Path(none.to_owned())), HeaderMap::new()).await.is_err(), "{none}");
        }
    }
}
