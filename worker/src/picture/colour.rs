//! Everything becomes sRGB: profiles are applied, and inks become light.
//!
//! It is done after the resize: at 40,000 pixels instead of millions the difference can't be seen.

use super::pixels::{Layout, Pixels};
use moxcms::{ColorProfile, DataColorSpace, TransformExecutor, TransformOptions};
use pfp_shared::lock::lock;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex};

/// Building the transform of a CMYK profile takes 10 ms, many times what using it takes, and most pictures
/// carry one of a handful of profiles. Each transform takes up to a megabyte.
const CACHED_TRANSFORMS: usize = 8;

/// Profiles of printers take up to 4 MiB; one beyond that counts as broken.
pub(super) const MAX_PROFILE: usize = 4 << 20;

/// The pixels in sRGB (grey without a profile stays grey). A profile that is broken, or made for other pixels
/// than these, is ignored: pictures with such profiles are common, and everyone else shows them.
pub(super) fn to_srgb(pixels: Pixels, profile: Option<&[u8]>) -> Pixels {
    let transform = profile
        .filter(|profile| !profile.is_empty() && profile.len() <= MAX_PROFILE)
        .and_then(|profile| cached_transform(profile, pixels.layout));
    match transform {
        Some(transform) => apply(pixels, &transform),
        None if pixels.layout == Layout::Cmyk => light_from_inks(pixels),
        None => pixels,
    }
}

type Executor = dyn TransformExecutor<u8> + Send + Sync;

#[derive(Clone)]
struct Transform {
    executor: Arc<Executor>,
    /// What every value of the result becomes so that the darkest ink is black.
    black_point: Option<Arc<[u8; 256]>>,
}

struct Entry {
    profile_hash: u64,
    layout: Layout,
    /// Nothing where the profile is of no use, or changes nothing.
    transform: Option<Transform>,
}

/// Keyed by a hash that nobody can predict, so nobody can make a profile that is taken for another.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
static CACHE: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

fn cached_transform(profile: &[u8], layout: Layout) -> Option<Transform> {
    let profile_hash = HASHER.hash_one(profile);
    let mut cache = lock(&CACHE);
    let known = cache.iter().position(|entry| entry.profile_hash == profile_hash && entry.layout == layout);
    if let Some(at) = known {
        // The one used last is the last to go.
        let entry = cache.remove(at);
        let transform = entry.transform.clone();
        cache.push(entry);
        return transform;
    }
    drop(cache);
    // Profiles come from strangers: one that makes the library panic is a broken one.
    let transform = catch_unwind(AssertUnwindSafe(|| build(profile, layout))).unwrap_or_default();
    let mut cache = lock(&CACHE);
    if cache.len() >= CACHED_TRANSFORMS {
        cache.remove(0);
    }
    cache.push(Entry { profile_hash, layout, transform: transform.clone() });
    transform
}

fn build(profile: &[u8], layout: Layout) -> Option<Transform> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let (space, from, to) = match layout {
        Layout::Grey => (DataColorSpace::Gray, moxcms::Layout::Gray, moxcms::Layout::Rgb),
        Layout::Rgb => (DataColorSpace::Rgb, moxcms::Layout::Rgb, moxcms::Layout::Rgb),
        Layout::Rgba => (DataColorSpace::Rgb, moxcms::Layout::Rgba, moxcms::Layout::Rgba),
        Layout::Cmyk => (DataColorSpace::Cmyk, moxcms::Layout::Rgba, moxcms::Layout::Rgb),
    };
    if profile.color_space != space {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    let executor = profile.create_transform_8bit(from, &srgb, to, TransformOptions::default()).ok()?;
    let needless = matches!(layout, Layout::Rgb | Layout::Rgba) && changes_nothing(&*executor, layout);
    let black_point = if layout == Layout::Cmyk { black_point(&*executor) } else { None };
    (!needless).then_some(Transform { executor, black_point })
}

/// Ink on paper is never as dark as a screen: without compensation every print would look faded. As in Little
/// CMS, the light of four full inks is taken away and the rest stretched, in linear light.
fn black_point(executor: &Executor) -> Option<Arc<[u8; 256]>> {
    /// The light of half of the lightness; a profile whose black is lighter isn't that of a printer.
    const BRIGHTEST_BLACK: f64 = 0.184;
    let mut black = [0; 3];
    executor.transform(&[255; 4], &mut black).ok()?;
    let [red, green, blue] = black.map(to_linear);
    let light = (0.2126 * red + 0.7152 * green + 0.0722 * blue).min(BRIGHTEST_BLACK);
    let mut table = [0; 256];
    for (value, compensated) in (0..=255).zip(&mut table) {
        *compensated = from_linear((to_linear(value) - light) / (1.0 - light));
    }
    Some(Arc::new(table))
}

/// sRGB's curve, IEC 61966-2-1.
fn to_linear(value: u8) -> f64 {
    let value = f64::from(value) / 255.0;
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte before the cast"
)]
fn from_linear(light: f64) -> u8 {
    let value = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// Most profiles are sRGB's own, in many versions that differ by rounding.
fn changes_nothing(executor: &Executor, layout: Layout) -> bool {
    const STEPS: [u8; 6] = [0, 51, 102, 153, 204, 255];
    let colours =
        STEPS.iter().flat_map(|r| STEPS.iter().flat_map(move |g| STEPS.iter().map(move |b| [*r, *g, *b])));
    let probe: Vec<u8> = if layout == Layout::Rgba {
        colours.flat_map(|[r, g, b]| [r, g, b, 255]).collect()
    } else {
        colours.flatten().collect()
    };
    let mut made = vec![0; probe.len()];
    executor.transform(&probe, &mut made).is_ok()
        && probe.iter().zip(&made).all(|(before, after)| before.abs_diff(*after) <= 1)
}

fn apply(mut pixels: Pixels, transform: &Transform) -> Pixels {
    if pixels.layout == Layout::Cmyk {
        // Profiles count ink, JPEGs what is left of the light.
        pixels.data.iter_mut().for_each(|ink| *ink = 255 - *ink);
    }
    let layout = if pixels.layout == Layout::Rgba { Layout::Rgba } else { Layout::Rgb };
    let mut data = vec![0; pixels.width as usize * pixels.height as usize * layout.channels()];
    // As when it was built: what makes the library panic is a broken profile, and taken for none.
    let transformed =
        catch_unwind(AssertUnwindSafe(|| transform.executor.transform(&pixels.data, &mut data).is_ok()));
    if transformed.unwrap_or_default() {
        if let Some(table) = &transform.black_point {
            data.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
        }
        return Pixels { layout, data, ..pixels };
    }
    if pixels.layout == Layout::Cmyk {
        pixels.data.iter_mut().for_each(|ink| *ink = 255 - *ink);
        return light_from_inks(pixels);
    }
    pixels
}

/// Without a profile: each ink and black take their share of the light.
fn light_from_inks(pixels: Pixels) -> Pixels {
    let share = |ink: u8, black: u8| {
        let light = (u32::from(ink) * u32::from(black) + 127) / 255;
        u8::try_from(light).unwrap_or(u8::MAX)
    };
    let data = pixels
        .data
        .chunks_exact(4)
        .flat_map(|p| [share(p[0], p[3]), share(p[1], p[3]), share(p[2], p[3])])
        .collect();
    Pixels { layout: Layout::Rgb, data, ..pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(layout: Layout, data: &[u8]) -> Pixels {
        Pixels { width: 1, height: 1, layout, data: data.to_vec() }
    }

    #[test]
    fn a_profile_is_applied_the_same_the_second_time() {
        let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
        let once = to_srgb(pixel(Layout::Rgb, &[60, 200, 60]), Some(&adobe));
        let again = to_srgb(pixel(Layout::Rgb, &[60, 200, 60]), Some(&adobe));
        assert_eq!(once, again);
        // Adobe RGB's green lies outside of sRGB: red is driven to nothing.
        assert!(once.data[0] < 20 && once.data[1] > 195, "{:?}", once.data);
        let see_through = to_srgb(pixel(Layout::Rgba, &[60, 200, 60, 77]), Some(&adobe));
        assert_eq!(see_through.data[..3], once.data);
        assert_eq!(see_through.data[3], 77);
    }

    #[test]
    fn srgb_itself_changes_nothing() {
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        assert!(cached_transform(&srgb, Layout::Rgb).is_none());
    }

    #[test]
    fn a_profile_that_is_broken_or_made_for_other_pixels_is_ignored() {
        let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
        let grey = pixel(Layout::Grey, &[90]);
        assert_eq!(to_srgb(grey.clone(), Some(&adobe)), grey);
        for length in [0, 1, 40, 127, 128, 200, adobe.len() - 1] {
            to_srgb(pixel(Layout::Rgb, &[1, 2, 3]), Some(&adobe[..length]));
        }
        let mut damaged = adobe;
        damaged[128..140].fill(0xFF);
        let rgb = pixel(Layout::Rgb, &[1, 2, 3]);
        assert_eq!(to_srgb(rgb.clone(), Some(&damaged)), rgb);
    }

    #[test]
    fn inks_without_a_profile_become_light() {
        assert_eq!(to_srgb(pixel(Layout::Cmyk, &[255, 128, 0, 255]), None).data, [255, 128, 0]);
        assert_eq!(to_srgb(pixel(Layout::Cmyk, &[255, 255, 255, 0]), None).data, [0, 0, 0]);
    }

    #[test]
    fn the_cache_is_bounded() {
        for number in 0..20u8 {
            cached_transform(&[number; 200], Layout::Rgb);
        }
        assert!(CACHE.lock().unwrap().len() <= CACHED_TRANSFORMS);
    }
}
