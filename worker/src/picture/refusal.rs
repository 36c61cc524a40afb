//! The sentences of the pipeline's rejections: each names the limit, the actual value and what is allowed.

use super::options::PictureOptions;
use pfp_shared::failure::{Failure, FailureCode};
use pfp_shared::picture_format::PictureFormat;
use pfp_shared::storage::LARGEST_PICTURE;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// The file can't be decoded to its end; `why` is a clause for a person.
pub(super) fn corrupt(format: PictureFormat, why: impl std::fmt::Display) -> Failure {
    Failure::new(FailureCode::PictureCorrupt, format!("The {format} file is damaged or truncated: {why}."))
}

/// Reads a file, which may panic. Files come from strangers, decoders from elsewhere: what makes one panic is a damaged
/// file, no fault of ours. What is done with the pixels is ours: a panic there is caught by nobody here, and the file kept.
pub(super) fn unless_it_panics<T>(
    format: PictureFormat,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        metrics::counter!("pfp_panics_total").increment(1);
        tracing::error!(%format, "decoding a picture panicked; it counts as corrupt");
        Err(corrupt(format, "decoding it failed in an unforeseen way"))
    })
}

/// The content isn't of a format, or of a kind of it, that is taken.
pub(super) fn not_taken(detected: &str, options: &PictureOptions) -> Failure {
    let names: Vec<_> = options.allowed.iter().map(ToString::to_string).collect();
    let media_types: Vec<_> = options.allowed.iter().map(|format| format.media_type()).collect();
    let detail = format!("The content is {detected}; {} can be taken.", names.join(", "));
    Failure::new(FailureCode::InvalidFormat, detail).detected(detected).allowed(media_types)
}

/// A kind of JPEG that exists but isn't supported.
pub(super) fn unsupported_jpeg(kind: &str) -> Failure {
    let detail = format!(
        "The content is a JPEG of a kind that isn't supported ({kind}); baseline and progressive JPEGs with 8 bits \
         are taken."
    );
    Failure::new(FailureCode::InvalidFormat, detail)
        .detected(format!("jpeg ({kind})"))
        .allowed(vec![PictureFormat::Jpeg.media_type()])
}

/// What was made is larger than what is served: an animation full of noise.
pub(super) fn made_too_large(bytes: usize) -> Failure {
    let detail = format!(
        "The finished picture would have {bytes} bytes; {LARGEST_PICTURE} bytes are served at most. Fewer frames help."
    );
    Failure::new(FailureCode::PictureTooComplex, detail)
        .limit(LARGEST_PICTURE)
        .actual(bytes)
        .allowed(format!("up to {LARGEST_PICTURE} bytes"))
}

pub(super) fn side_too_long(width: u32, height: u32, limit: u32) -> Failure {
    let detail = format!("The picture is {width} x {height} pixels; a side may have {limit} pixels at most.");
    Failure::new(FailureCode::PictureSideTooLong, detail)
        .limit(limit)
        .actual(width.max(height))
        .allowed(format!("up to {limit} pixels a side"))
}

pub(super) fn too_many_pixels(width: u32, height: u32, limit: u64) -> Failure {
    let pixels = u64::from(width) * u64::from(height);
    let detail = format!(
        "The picture is {width} x {height} pixels, {pixels} in all; {limit} pixels are allowed at most."
    );
    Failure::new(FailureCode::PictureTooManyPixels, detail)
        .limit(limit)
        .actual(pixels)
        .allowed(format!("up to {limit} pixels"))
}

/// `counted` says that the count stopped at the limit: there are at least that many.
pub(super) fn too_many_frames(frames: u32, limit: u32) -> Failure {
    let detail = format!("The animation has {frames} frames or more; {limit} are allowed at most.");
    Failure::new(FailureCode::PictureTooManyFrames, detail)
        .limit(limit)
        .actual(frames)
        .allowed(format!("up to {limit} frames"))
}

pub(super) fn too_many_animation_pixels(frames: u32, pixels: u64, limit: u64) -> Failure {
    let detail = format!(
        "The animation has {frames} frames with {pixels} pixels in all; {limit} are allowed at most."
    );
    Failure::new(FailureCode::PictureTooManyFrames, detail)
        .limit(limit)
        .actual(pixels)
        .allowed(format!("up to {limit} pixels over all frames"))
}

pub(super) fn too_many_scans(scans: u32, limit: u32) -> Failure {
    let detail = format!("The JPEG has {scans} scans or more; {limit} are allowed at most.");
    Failure::new(FailureCode::PictureTooComplex, detail)
        .limit(limit)
        .actual(scans)
        .allowed(format!("up to {limit} scans"))
}

pub(super) fn too_much_memory(bytes: u64, limit: u64) -> Failure {
    let detail = format!("Making the picture takes {bytes} bytes of memory; {limit} are allowed at most.");
    Failure::new(FailureCode::PictureTooComplex, detail)
        .limit(limit)
        .actual(bytes)
        .allowed(format!("up to {limit} bytes of memory"))
}

/// `spent` is what was used or, where it can be told beforehand, what it would take at least.
pub(super) fn too_much_time(spent: Duration, limit: Duration) -> Failure {
    let (spent, limit) = (millis(spent), millis(limit));
    let detail = format!(
        "Making the picture takes {spent} ms of processor time or more; {limit} ms are allowed at most."
    );
    Failure::new(FailureCode::PictureTooComplex, detail)
        .limit(limit)
        .actual(spent)
        .allowed(format!("up to {limit} ms of processor time"))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_makes_its_reader_panic_counts_as_damaged() {
        let format = PictureFormat::Png;
        let read =
            unless_it_panics(format, || [0_u8; 4].get(4).copied().ok_or_else(|| panic!("beyond the end")));
        assert_eq!(read.map_err(|failure| failure.code), Err(FailureCode::PictureCorrupt));
        assert_eq!(unless_it_panics(format, || Ok(1)), Ok(1));
        let refused = unless_it_panics::<()>(format, || Err(made_too_large(1)));
        assert_eq!(refused.map_err(|failure| failure.code), Err(FailureCode::PictureTooComplex));
    }
}
