//! The file and its crop, out of a form or out of the body itself.

use super::{
    BodyFault, Declared, Destination, FORM_OVERHEAD, File, FileRules, Form, IncomingFile, PacedBody,
    declared::too_large, declared_type::check_declared_type,
};
use crate::error::ApiError;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use futures_util::StreamExt;
use multer::{Constraints, Field, Multipart, SizeLimit};
use pfp_shared::{
    crop::Crop,
    failure::{Failure, FailureCode},
};
use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

/// The longest crop, in bytes.
const LONGEST_CROP: usize = 1 << 10;

/// The longest run of bytes before the first part, or of a part's headers.
const LONGEST_HEADERS: u64 = 64 << 10;

/// A file that was received, and what its client wants to keep of it.
#[derive(Debug, Clone)]
pub struct Received {
    /// The file.
    pub file: File,
    /// The crop.
    pub crop: Option<Crop>,
}

/// Reads a body to its end.
///
/// # Errors
/// What is wrong with the request, or the store failed.
pub async fn receive(
    declared: &Declared,
    mut body: PacedBody,
    rules: &FileRules,
    destination: &mut Destination,
) -> Result<Received, ApiError> {
    match &declared.form {
        Form::Raw => {
            let mut file = IncomingFile::new(rules, destination);
            while let Some(bytes) = body.next().await {
                file.take(bytes?).await?;
            }
            Ok(Received { file: file.finish().await?, crop: declared.crop })
        }
        Form::Multipart { boundary } => {
            let received = receive_form(&mut body, boundary, rules, destination).await?;
            // Nothing after the last boundary matters, but a connection that ends there was cut off.
            let most = rules.max_size + FORM_OVERHEAD;
            let so_far = body.received();
            while so_far.load(Ordering::Relaxed) <= most
                && let Some(bytes) = body.next().await
            {
                bytes?;
            }
            Ok(Received { crop: received.crop.or(declared.crop), ..received })
        }
    }
}

async fn receive_form(
    body: &mut PacedBody,
    boundary: &str,
    rules: &FileRules,
    destination: &mut Destination,
) -> Result<Received, ApiError> {
    let limit = SizeLimit::new().whole_stream(rules.max_size + FORM_OVERHEAD);
    let came = body.received();
    let constraints = Constraints::new().size_limit(limit);
    let mut form = Multipart::with_constraints(body, boundary, constraints);
    let (mut file, mut crop, mut nameless) = (None, None, false);
    while let Some(field) = next_field(&mut form, &came).await.map_err(|error| refused(error, rules))? {
        match field.name() {
            // What a browser sends where no file was chosen, and what some uploaders put beside the file.
            Some("file") if !has_file_name(&field) => {
                nameless = true;
                skip(field, rules).await?;
            }
            Some("file") if file.is_some() => {
                let detail = "The form has more than one part named `file`. Send exactly one.";
                return Err(Failure::new(FailureCode::FileRepeated, detail).into());
            }
            Some("file") => file = Some(receive_file(field, rules, destination).await?),
            Some("crop") if crop.is_some() => {
                let detail = "The form has more than one part named `crop`.";
                return Err(Failure::new(FailureCode::CropInvalid, detail).into());
            }
            Some("crop") => crop = Some(receive_crop(field, rules).await?),
            _ => skip(field, rules).await?,
        }
    }
    let file = file.ok_or_else(|| {
        missing(if nameless {
            "The part named `file` has no file name."
        } else {
            "The form has no part named `file`."
        })
    })?;
    Ok(Received { file, crop })
}

/// The next part. The form's parser keeps what comes before a part's content until it is complete, and looks
/// through all of it again each time: without a bound, a few megabytes of headers would cost minutes.
async fn next_field<'r>(
    form: &mut Multipart<'r>,
    came: &Arc<AtomicU64>,
) -> Result<Option<Field<'r>>, multer::Error> {
    let before = came.load(Ordering::Relaxed);
    poll_fn(|cx| match form.poll_next_field(cx) {
        Poll::Pending if came.load(Ordering::Relaxed) - before > LONGEST_HEADERS => {
            Poll::Ready(Err(multer::Error::IncompleteHeaders))
        }
        polled => polled,
    })
    .await
}

async fn receive_file(
    mut field: Field<'_>,
    rules: &FileRules,
    destination: &mut Destination,
) -> Result<File, ApiError> {
    let declared_type = field.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    check_declared_type(declared_type.unwrap_or_default(), &rules.allowed)?;
    let mut file = IncomingFile::new(rules, destination);
    while let Some(bytes) = field.chunk().await.map_err(|error| refused(error, rules))? {
        file.take(bytes).await?;
    }
    file.finish().await
}

/// An empty name is what a browser sends where no file was chosen. A name may also come as `filename*`, or in any
/// other encoding than UTF-8, which the parser doesn't read.
fn has_file_name(field: &Field<'_>) -> bool {
    if let Some(name) = field.file_name() {
        return !name.is_empty();
    }
    let disposition =
        field.headers().get(CONTENT_DISPOSITION).map(|value| value.as_bytes().to_ascii_lowercase());
    let disposition = String::from_utf8_lossy(disposition.as_deref().unwrap_or_default()).into_owned();
    let named = disposition.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    named
        .filter(|(name, _)| matches!(name.trim(), "filename" | "filename*"))
        .any(|(_, value)| !value.trim().trim_matches('"').is_empty())
}

async fn receive_crop(mut field: Field<'_>, rules: &FileRules) -> Result<Crop, ApiError> {
    let mut json = Vec::new();
    while let Some(bytes) = field.chunk().await.map_err(|error| refused(error, rules))? {
        json.extend_from_slice(&bytes);
        if json.len() > LONGEST_CROP {
            let so_far = json.len();
            let detail = format!("The crop has {so_far} bytes or more; at most {LONGEST_CROP} are taken.");
            let failure = Failure::new(FailureCode::CropInvalid, detail);
            return Err(failure.limit(LONGEST_CROP).actual(so_far).into());
        }
    }
    Ok(Crop::parse_json(&String::from_utf8_lossy(&json))?)
}

async fn skip(mut field: Field<'_>, rules: &FileRules) -> Result<(), ApiError> {
    while field.chunk().await.map_err(|error| refused(error, rules))?.is_some() {}
    Ok(())
}

fn missing(detail: &str) -> ApiError {
    Failure::new(FailureCode::FileMissing, format!("{detail} Send exactly one, with a file name.")).into()
}

/// What the form's parser says, as a failure.
fn refused(error: multer::Error, rules: &FileRules) -> ApiError {
    let malformed = |detail: &str| Failure::new(FailureCode::MultipartMalformed, detail);
    let failure = match error {
        multer::Error::StreamReadFailed(cause) => {
            return cause.downcast_ref::<BodyFault>().copied().unwrap_or(BodyFault::Broken).into();
        }
        multer::Error::StreamSizeExceeded { limit } => {
            too_large(rules.max_size, rules.declared_length.unwrap_or(limit + 1))
        }
        multer::Error::IncompleteFieldData { .. } | multer::Error::IncompleteStream => malformed(
            "The body ends before its closing boundary, or isn't separated by the declared boundary.",
        ),
        multer::Error::IncompleteHeaders => malformed("A part's headers are too long or don't end."),
        _ => malformed("A part's headers can't be read."),
    };
    failure.into()
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
