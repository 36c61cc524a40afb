//! The pages that problem documents point to.

use crate::{error::ApiError, routes::no_such_page};
use axum::{
    extract::{Path, rejection::PathRejection},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
    },
    response::{Html, IntoResponse, Response},
};
use pfp_shared::failure::FailureCode;

/// Explains a failure code.
#[utoipa::path(get, path = "/problems/{code}", tag = "developers",
    params(("code" = String, Path, description = "A failure code.", example = "file_too_large")),
    responses(crate::openapi::ProblemAnswers))]
pub async fn problem(code: Result<Path<String>, PathRejection>) -> Result<Response, ApiError> {
    let code = code.ok().and_then(|Path(name)| FailureCode::from_name(&name)).ok_or_else(no_such_page)?;
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
    ];
    Ok((headers, Html(page(code))).into_response())
}

fn page(code: FailureCode) -> String {
    let (title, status, explanation) =
        (escaped(code.title()), code.status(), with_code_marks(&escaped(code.explanation())));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{code}: {title}</title>\n\
         <h1>{title}</h1>\n<p><code>{code}</code>, HTTP status {status}</p>\n<p>{explanation}</p>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The catalogue marks code with backquotes.
fn with_code_marks(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_its_words() {
        for code in FailureCode::ALL {
            let page = page(*code);
            assert!(page.contains(code.as_str()) && !page.contains('`'), "{page}");
        }
        assert!(page(FailureCode::FileMissing).contains("named <code>file</code> with"));
    }
}
