//! The type that a client declares for its file: the content decides, but what is declared as something else
//! altogether is refused at once.

use pfp_shared::{
    failure::{Failure, FailureCode},
    picture_format::PictureFormat,
};

/// A type declared for the file, of the body or of the form's part: missing, octet-stream or any of the allowed
/// ones is ignored, since the content decides; anything else is refused.
pub(super) fn check_declared_type(media_type: &str, allowed: &[PictureFormat]) -> Result<(), Failure> {
    let essence = essence(media_type);
    let is_allowed = PictureFormat::from_media_type(&essence).is_some_and(|format| allowed.contains(&format));
    if is_allowed || matches!(essence.as_str(), "" | "application/octet-stream" | "image/*") {
        return Ok(());
    }
    let shown: String = essence.chars().take(100).collect();
    Err(invalid_format(&format!("The file is declared as {shown}"), declared_name(&essence), allowed))
}

/// The short name of a media type that isn't taken, as for content that was recognised.
fn declared_name(essence: &str) -> Option<&'static str> {
    Some(match essence {
        "image/webp" => "webp",
        "image/avif" => "avif",
        "image/heic" | "image/heif" | "image/heic-sequence" | "image/heif-sequence" => "heic",
        "image/svg+xml" => "svg",
        "image/bmp" | "image/x-bmp" | "image/x-ms-bmp" => "bmp",
        "image/tiff" => "tiff",
        "image/jxl" => "jxl",
        "image/jp2" => "jp2",
        "image/x-icon" | "image/vnd.microsoft.icon" => "ico",
        "image/vnd.adobe.photoshop" => "psd",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "text/html" => "html",
        "text/plain" => "text",
        "text/xml" | "application/xml" => "xml",
        "video/mp4" => "mp4",
        "video/quicktime" => "mov",
        _ => match PictureFormat::from_media_type(essence)? {
            PictureFormat::Jpeg => "jpeg",
            PictureFormat::Png => "png",
            PictureFormat::Gif => "gif",
        },
    })
}

/// `invalid_format`, with what was found where it can be told.
pub(super) fn invalid_format(what: &str, detected: Option<&str>, allowed: &[PictureFormat]) -> Failure {
    let types: Vec<_> = allowed.iter().map(|format| format.media_type()).collect();
    let detail = format!("{what}; allowed are {}.", types.join(", "));
    let failure = Failure::new(FailureCode::InvalidFormat, detail).allowed(types);
    match detected {
        Some(name) => failure.detected(name),
        None => failure,
    }
}

/// A media type without its parameters, in lower case.
pub(super) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_is_not_allowed_is_named() {
        let failure = check_declared_type("image/svg+xml; charset=x", &PictureFormat::ALL).unwrap_err();
        assert_eq!((failure.code, failure.detected.as_deref()), (FailureCode::InvalidFormat, Some("svg")));
        assert_eq!(failure.allowed, Some(serde_json::json!(["image/jpeg", "image/png", "image/gif"])));
        let only_png = check_declared_type("image/jpeg", &[PictureFormat::Png]).unwrap_err();
        assert_eq!(only_png.detected.as_deref(), Some("jpeg"));
        let unheard_of = check_declared_type("image/x-unheard-of", &PictureFormat::ALL).unwrap_err();
        assert_eq!(unheard_of.detected, None);
    }

    #[test]
    fn a_type_that_is_missing_general_or_allowed_is_left_to_the_content() {
        for media_type in ["", "application/octet-stream", "image/*", "image/png", "IMAGE/JPG ; q=1"] {
            assert!(check_declared_type(media_type, &PictureFormat::ALL).is_ok(), "{media_type}");
        }
    }
}
