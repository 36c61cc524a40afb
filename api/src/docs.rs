//! The OpenAPI document as a page: Swagger UI, served from this program, so that it needs no network.

use crate::{error::ApiError, routes::no_such_page};
use axum::{
    extract::{Path, rejection::PathRejection},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use pfp_shared::failure::FailureCode;
use std::sync::Arc;
use utoipa_swagger_ui::{Config, serve};

/// Its own files, its own requests, and the styles that it sets by script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/// The API's description, to read and to try.
#[utoipa::path(get, path = "/docs", tag = "developers", responses(crate::openapi::DocsAnswers))]
pub async fn docs() -> Result<Response, ApiError> {
    // The page's files are below its own address, whatever path is before it.
    file("index.html", |html| html.replace("<head>", "<head>\n    <base href=\"docs/\">"))
}

/// A file that the page is made of. They change with the page: no interface.
#[utoipa::path(get, path = "/docs/{name}", tag = "developers",
    params(("name" = String, Path, description = "The file's name.", example = "swagger-ui.css")),
    responses(crate::openapi::FileAnswers))]
pub async fn docs_file(name: Result<Path<String>, PathRejection>) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| no_such_page())?;
    // Of the page itself there is one, with a base for the others.
    if name == "index.html" || name.ends_with(".map") {
        return Err(no_such_page());
    }
    file(&name, |text| text)
}

fn file(name: &str, change: impl Fn(String) -> String) -> Result<Response, ApiError> {
    // Its validator is another site's.
    let config = Config::new(["../openapi.json"])
        .try_it_out_enabled(true)
        .persist_authorization(false)
        .validator_url("none");
    let found = serve(name, Arc::new(config))
        .map_err(|error| ApiError::internal(FailureCode::UnexpectedError, error.to_string()))?
        .ok_or_else(no_such_page)?;
    let is_text = found.content_type.starts_with("text/html");
    let media_type =
        HeaderValue::from_str(&found.content_type).unwrap_or(HeaderValue::from_static("text/plain"));
    let headers = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    Ok(if is_text {
        (headers, change(String::from_utf8_lossy(&found.bytes).into_owned())).into_response()
    } else {
        (headers, found.bytes.into_owned()).into_response()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn text(response: Response) -> String {
        String::from_utf8(to_bytes(response.into_body(), 4 << 20).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_page_asks_for_its_own_files_and_the_document_alone() {
        let page = text(docs().await.unwrap()).await;
        assert!(page.contains("<base href=\"docs/\">") && !page.contains("<script>"), "{page}");
        let others: Vec<_> = page.split(['"', '\'']).filter(|part| part.contains("://")).collect();
        assert!(others.is_empty(), "{others:?}");
        for name in page.split("src=\"./").skip(1).chain(page.split("href=\"./").skip(1)) {
            let name = name.split('"').next().unwrap().to_owned();
            assert!(docs_file(Ok(Path(name.clone()))).await.is_ok(), "{name}");
        }
        let start = text(docs_file(Ok(Path("swagger-initializer.js".to_owned()))).await.unwrap()).await;
        assert!(start.contains("../openapi.json"), "{start}");
        assert!(start.contains("\"validatorUrl\": \"none\""), "{start}");
        for none in ["index.html", "nothing.js", "../Cargo.toml"] {
            assert!(docs_file(Ok(Path(none.to_owned()))).await.is_err(), "{none}");
        }
    }
}
