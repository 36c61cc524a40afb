//! The picture formats that are taken, told by their first bytes, and names for those that aren't.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A picture format that pfp takes and makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureFormat {
    /// JPEG, `image/jpeg`.
    Jpeg,
    /// PNG, `image/png`.
    Png,
    /// GIF, `image/gif`.
    Gif,
}

impl PictureFormat {
    /// Every format.
    pub const ALL: [PictureFormat; 3] = [Self::Jpeg, Self::Png, Self::Gif];

    /// How many first bytes [`PictureFormat::detect`] and [`detected_name`] want to see.
    pub const MAGIC_BYTES: usize = 256;

    /// The format that these first bytes of a file belong to.
    #[must_use]
    pub fn detect(first_bytes: &[u8]) -> Option<Self> {
        if first_bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
            Some(Self::Jpeg)
        } else if first_bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if first_bytes.starts_with(b"GIF87a") || first_bytes.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else {
            None
        }
    }

    /// The media type, for example `image/jpeg`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
        }
    }

    /// The format of a media type; parameters and case are ignored, and `image/jpg` is understood.
    #[must_use]
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "image/jpeg" | "image/jpg" | "image/pjpeg" => Some(Self::Jpeg),
            "image/png" | "image/x-png" => Some(Self::Png),
            "image/gif" => Some(Self::Gif),
            _ => None,
        }
    }

    /// The extension of a file or an object of this format, without a dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
        }
    }

    /// The format of a file's extension, without a dot, in lower case.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }
}

impl fmt::Display for PictureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
        })
    }
}

/// A name for what these first bytes are, taken or not: `webp`, `heic`, `pdf` ..., or `unknown`.
#[must_use]
pub fn detected_name(first_bytes: &[u8]) -> &'static str {
    let at =
        |offset: usize, magic: &[u8]| first_bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    match PictureFormat::detect(first_bytes) {
        Some(PictureFormat::Jpeg) => return "jpeg",
        Some(PictureFormat::Png) => return "png",
        Some(PictureFormat::Gif) => return "gif",
        None => {}
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return "webp";
    }
    if at(4, b"ftyp") {
        return match first_bytes.get(8..12).unwrap_or_default() {
            b"avif" | b"avis" => "avif",
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => "heic",
            b"qt  " => "mov",
            _ => "mp4",
        };
    }
    const MAGICS: &[(&[u8], &str)] = &[
        (b"%PDF-", "pdf"),
        (b"BM", "bmp"),
        (b"II*\0", "tiff"),
        (b"MM\0*", "tiff"),
        (b"II+\0", "tiff"),
        (b"\xFF\x0A", "jxl"),
        (b"\0\0\0\x0CJXL ", "jxl"),
        (b"\0\0\0\x0CjP  ", "jp2"),
        (b"\0\0\x01\0", "ico"),
        (b"8BPS", "psd"),
        (b"PK\x03\x04", "zip"),
        (b"\x1F\x8B", "gzip"),
        (b"\x7FELF", "elf"),
        (b"MZ", "exe"),
        (b"qoif", "qoi"),
    ];
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| at(0, magic)) {
        return name;
    }
    detected_text(first_bytes)
}

fn detected_text(first_bytes: &[u8]) -> &'static str {
    let text =
        String::from_utf8_lossy(first_bytes).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if text.starts_with("<svg") || (text.starts_with("<") && text.contains("<svg")) {
        "svg"
    } else if text.starts_with("<?xml") {
        "xml"
    } else if text.starts_with("<!doctype html") || text.starts_with("<html") {
        "html"
    } else if !first_bytes.is_empty()
        && first_bytes.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7E))
    {
        "text"
    } else {
        "unknown"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        assert_eq!(PictureFormat::detect(b"\xFF\xD8\xFF\xE0"), Some(PictureFormat::Jpeg));
        assert_eq!(PictureFormat::detect(b"\x89PNG\r\n\x1a\n"), Some(PictureFormat::Png));
        assert_eq!(PictureFormat::detect(b"GIF89a"), Some(PictureFormat::Gif));
        assert_eq!(PictureFormat::detect(b"\xFF\xD8"), None);
        assert_eq!(PictureFormat::detect(b""), None);
    }

    #[test]
    fn formats_that_are_not_taken_have_a_name() {
        for (bytes, name) in [
            (&b"RIFF\x10\0\0\0WEBPVP8 "[..], "webp"),
            (b"\0\0\0\x20ftypheic", "heic"),
            (b"\0\0\0\x20ftypavif", "avif"),
            (b"<svg xmlns=", "svg"),
            (b"\xEF\xBB\xBF <svg xmlns=", "svg"),
            (b"BM\x10\0", "bmp"),
            (b"II*\0\x08", "tiff"),
            (b"%PDF-1.7", "pdf"),
            (b"hello there", "text"),
            (b"\x01\x02\x03", "unknown"),
            (b"", "unknown"),
        ] {
            assert_eq!(detected_name(bytes), name);
        }
    }

    #[test]
    fn media_types_are_understood_with_parameters_and_in_any_case() {
        assert_eq!(PictureFormat::from_media_type("Image/JPEG; q=1"), Some(PictureFormat::Jpeg));
        assert_eq!(PictureFormat::from_media_type("image/webp"), None);
    }
}
