//! A JPEG's frame header: size, components, and the kinds that aren't supported.

use super::{be16, corrupt};
use crate::picture::refusal;
use pfp_shared::failure::Failure;

/// How the components of a JPEG are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::picture) enum Coding {
    /// Luminance alone.
    Grey,
    /// The common one.
    YCbCr,
    /// Red, green and blue as they are (Adobe's transform 0).
    Rgb,
    /// Four inks as they are.
    Cmyk,
    /// Four inks, three of them as `YCbCr` (Adobe's transform 2).
    Ycck,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::picture) struct Component {
    pub(in crate::picture) id: u8,
    /// Blocks in a minimum coded unit, across and down: 1 to 4.
    pub(in crate::picture) across: u32,
    pub(in crate::picture) down: u32,
    /// The number of its quantization table.
    pub(in crate::picture) quantization: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::picture) struct Frame {
    pub(in crate::picture) progressive: bool,
    pub(in crate::picture) width: u32,
    pub(in crate::picture) height: u32,
    pub(in crate::picture) components: Vec<Component>,
}

impl Frame {
    /// Reads the body of a SOF0, SOF1 or SOF2 segment.
    pub(super) fn parse(marker: u8, body: &[u8]) -> Result<Self, Failure> {
        let [precision, h1, h0, w1, w0, count, rest @ ..] = body else {
            return Err(corrupt("its frame header ends too early"));
        };
        let (width, height) = (be16(*w1, *w0), be16(*h1, *h0));
        if *precision != 8 {
            return Err(refusal::unsupported_jpeg(&format!("{precision}-bit")));
        }
        if height == 0 && width != 0 {
            return Err(refusal::unsupported_jpeg("height given after the data"));
        }
        if rest.len() != usize::from(*count) * 3 || width == 0 {
            return Err(corrupt("its frame header makes no sense"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(refusal::unsupported_jpeg(&format!("{count} components")));
        }
        let components = rest
            .chunks_exact(3)
            .map(|c| Component {
                id: c[0],
                across: u32::from(c[1] >> 4),
                down: u32::from(c[1] & 15),
                quantization: c[2],
            })
            .collect();
        let frame = Self { progressive: marker == 0xC2, width, height, components };
        frame.check_sampling()?;
        Ok(frame)
    }

    fn check_sampling(&self) -> Result<(), Failure> {
        let (across, down) = self.largest_sampling();
        if self.components.iter().any(|c| !(1..=4).contains(&c.across) || !(1..=4).contains(&c.down)) {
            return Err(corrupt("its sampling factors make no sense"));
        }
        if self.components.iter().any(|c| across % c.across != 0 || down % c.down != 0) {
            return Err(refusal::unsupported_jpeg("fractional sampling"));
        }
        // Allowed by the standard and made by nobody; the decoder gets its colours wrong.
        if let [luma, _, _] = self.components.as_slice()
            && (luma.across, luma.down) != (across, down)
        {
            return Err(refusal::unsupported_jpeg("chroma sampled finer than luma"));
        }
        Ok(())
    }

    /// Blocks of the most finely sampled component in a minimum coded unit.
    pub(in crate::picture) fn largest_sampling(&self) -> (u32, u32) {
        let across = self.components.iter().map(|c| c.across).max().unwrap_or(1);
        let down = self.components.iter().map(|c| c.down).max().unwrap_or(1);
        (across, down)
    }

    /// Blocks of a component, its padding to whole coded units included.
    pub(in crate::picture) fn blocks(&self, component: Component) -> u64 {
        let (across, down) = self.largest_sampling();
        let units = |pixels: u32, blocks: u32| u64::from(pixels.div_ceil(8 * blocks.max(1)));
        units(self.width, across) * units(self.height, down) * u64::from(component.across * component.down)
    }

    /// Decided as libjpeg does, so that a file means here what it means in browsers: JFIF first, then Adobe's
    /// marker, then the components' ids.
    pub(super) fn coding(&self, jfif: bool, adobe_transform: Option<u8>) -> Coding {
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        match (ids.as_slice(), jfif, adobe_transform) {
            ([_], ..) => Coding::Grey,
            ([_, _, _], false, Some(0)) => Coding::Rgb,
            (b"RGB", false, None) => Coding::Rgb,
            ([_, _, _], ..) => Coding::YCbCr,
            (_, _, None | Some(0)) => Coding::Cmyk,
            _ => Coding::Ycck,
        }
    }
}

/// The name of a kind of JPEG that isn't supported, by its frame marker.
pub(super) fn unsupported_kind(marker: u8) -> &'static str {
    match marker {
        0xC3 => "lossless",
        0xC5..=0xC7 => "hierarchical",
        0xC9 | 0xCA | 0xCC => "arithmetic coding",
        0xCB => "lossless, arithmetic coding",
        0xCD..=0xCF => "hierarchical, arithmetic coding",
        _ => "reserved",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfp_shared::failure::FailureCode;

    fn body(precision: u8, components: &[(u8, u8)]) -> Vec<u8> {
        let mut body = vec![precision, 0, 30, 0, 50, u8::try_from(components.len()).unwrap()];
        body.extend(components.iter().flat_map(|(id, sampling)| [*id, *sampling, 0]));
        body
    }

    #[test]
    fn the_colour_model_follows_from_the_header() {
        let three = Frame::parse(0xC0, &body(8, &[(1, 0x22), (2, 0x11), (3, 0x11)])).unwrap();
        let rgb = Frame::parse(0xC0, &body(8, &[(b'R', 0x11), (b'G', 0x11), (b'B', 0x11)])).unwrap();
        let four = Frame::parse(0xC0, &body(8, &[(1, 0x11), (2, 0x11), (3, 0x11), (4, 0x11)])).unwrap();
        assert_eq!(three.coding(false, None), Coding::YCbCr);
        assert_eq!(three.coding(false, Some(1)), Coding::YCbCr);
        assert_eq!(three.coding(false, Some(0)), Coding::Rgb);
        assert_eq!(three.coding(true, Some(0)), Coding::YCbCr);
        assert_eq!(rgb.coding(false, None), Coding::Rgb);
        assert_eq!(rgb.coding(true, None), Coding::YCbCr);
        assert_eq!(four.coding(false, None), Coding::Cmyk);
        assert_eq!(four.coding(false, Some(2)), Coding::Ycck);
    }

    #[test]
    fn blocks_include_the_padding_to_whole_coded_units() {
        let frame = Frame::parse(0xC0, &body(8, &[(1, 0x22), (2, 0x11), (3, 0x11)])).unwrap();
        // 50 x 30 pixels are 4 x 2 coded units of 16 x 16.
        assert_eq!(frame.blocks(frame.components[0]), 32);
        assert_eq!(frame.blocks(frame.components[1]), 8);
    }

    #[test]
    fn kinds_that_are_not_supported_are_told_from_damage() {
        for (body, code) in [
            (body(12, &[(1, 0x11)]), FailureCode::InvalidFormat),
            (body(8, &[(1, 0x11), (2, 0x11)]), FailureCode::InvalidFormat),
            (body(8, &[(1, 0x31), (2, 0x21), (3, 0x11)]), FailureCode::InvalidFormat),
            (body(8, &[(1, 0x51)]), FailureCode::PictureCorrupt),
            (body(8, &[(1, 0x01)]), FailureCode::PictureCorrupt),
            (body(8, &[(1, 0x11)])[..8].to_vec(), FailureCode::PictureCorrupt),
        ] {
            assert_eq!(Frame::parse(0xC0, &body).unwrap_err().code, code);
        }
    }
}
