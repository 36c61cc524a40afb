//! What a GIF is, told by walking its blocks: nothing is decompressed.

use super::corrupt;
use crate::picture::options::{GifAnimation, PictureOptions};
use crate::picture::refusal;
use pfp_shared::failure::Failure;
use std::ops::Range;

/// What becomes of a frame when its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Disposal {
    /// It stays.
    #[default]
    Keep,
    /// Its rectangle becomes transparent (browsers don't use the background colour).
    Clear,
    /// Its rectangle becomes what it was before.
    Restore,
}

/// A frame's header; offsets are into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::picture) struct FrameHeader {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(in crate::picture) width: u32,
    pub(in crate::picture) height: u32,
    pub(super) interlaced: bool,
    /// Triplets of red, green and blue: the frame's own, or those of the whole file.
    pub(super) palette: Range<usize>,
    pub(super) transparent: Option<u8>,
    pub(super) disposal: Disposal,
    /// In hundredths of a second, as it is in the file: browsers show 0 and 1 as 10.
    pub(in crate::picture) delay: u16,
    /// The smallest size of a code, then the sub-blocks of the compressed pixels.
    pub(super) data: usize,
}

/// What the blocks say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::picture) struct GifHeader {
    pub(in crate::picture) width: u32,
    pub(in crate::picture) height: u32,
    /// Frames in the file.
    pub(in crate::picture) frame_count: u32,
    /// The frames that are kept, at least one.
    pub(in crate::picture) frames: Vec<FrameHeader>,
    /// How often the animation is repeated, 0 for ever; absent when it is shown once.
    pub(in crate::picture) loop_count: Option<u16>,
}

impl GifHeader {
    /// A kept frame asks for what was there before it, so that has to be kept as well.
    pub(in crate::picture) fn restores(&self) -> bool {
        self.frames.iter().any(|frame| frame.disposal == Disposal::Restore)
    }
}

/// Walks the blocks up to the last, or to one frame more than are allowed of an animation that is kept.
pub(in crate::picture) fn read(bytes: &[u8], options: &PictureOptions) -> Result<GifHeader, Failure> {
    let &[w0, w1, h0, h1, flags, ..] = bytes.get(6..13).ok_or_else(truncated)? else {
        return Err(truncated());
    };
    let mut walk = Walk { bytes, at: 13, ..Walk::default() };
    walk.global_palette = walk.palette(flags)?;
    while walk.block(options)? {}
    let (mut width, mut height) = (le16(w0, w1), le16(h0, h1));
    let first = walk.frames.first().ok_or_else(|| corrupt("it has no frame"))?;
    if width == 0 || height == 0 {
        (width, height) = (first.left + first.width, first.top + first.height);
    }
    if width == 0 || height == 0 {
        return Err(corrupt("it has no size"));
    }
    Ok(GifHeader { width, height, frame_count: walk.count, frames: walk.frames, loop_count: walk.loop_count })
}

#[derive(Default)]
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    global_palette: Range<usize>,
    /// What the last graphic control extension says of the next frame.
    control: Control,
    count: u32,
    frames: Vec<FrameHeader>,
    loop_count: Option<u16>,
}

#[derive(Default)]
struct Control {
    transparent: Option<u8>,
    disposal: Disposal,
    delay: u16,
}

impl<'a> Walk<'a> {
    fn take<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], Failure> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()).ok_or_else(truncated)?;
        self.at += COUNT;
        Ok(*taken)
    }

    /// Reads a block; false at the last.
    fn block(&mut self, options: &PictureOptions) -> Result<bool, Failure> {
        match self.take()? {
            [0x3B] => return Ok(false),
            [0x2C] => self.frame(options)?,
            [0x21] => self.extension()?,
            // Some encoders write one terminator too many.
            [0x00] => {}
            [other] => return Err(corrupt(format!("it has a block of the unknown kind {other}"))),
        }
        Ok(true)
    }

    fn palette(&mut self, flags: u8) -> Result<Range<usize>, Failure> {
        let length = if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
        let range = self.at..self.at + length;
        self.at = range.end;
        if range.end > self.bytes.len() { Err(truncated()) } else { Ok(range) }
    }

    fn sub_block(&mut self) -> Result<Option<&'a [u8]>, Failure> {
        let [length] = self.take()?;
        let block = self.bytes.get(self.at..self.at + usize::from(length)).ok_or_else(truncated)?;
        self.at += block.len();
        Ok((!block.is_empty()).then_some(block))
    }

    fn frame(&mut self, options: &PictureOptions) -> Result<(), Failure> {
        let [x0, x1, y0, y1, w0, w1, h0, h1, flags] = self.take()?;
        let own = self.palette(flags)?;
        let palette = if own.is_empty() { self.global_palette.clone() } else { own };
        let Control { transparent, disposal, delay } = std::mem::take(&mut self.control);
        let data = self.at;
        let [_code_size] = self.take()?;
        while self.sub_block()?.is_some() {}
        self.count = self.count.saturating_add(1);
        let animated = options.gif_animation == GifAnimation::Keep;
        let limit = options.limits.max_frames;
        if animated && self.count > limit {
            return Err(refusal::too_many_frames(self.count, limit));
        }
        if animated || self.frames.is_empty() {
            self.frames.push(FrameHeader {
                left: le16(x0, x1),
                top: le16(y0, y1),
                width: le16(w0, w1),
                height: le16(h0, h1),
                interlaced: flags & 0x40 != 0,
                palette,
                transparent,
                disposal,
                delay,
                data,
            });
        }
        Ok(())
    }

    fn extension(&mut self) -> Result<(), Failure> {
        let [label] = self.take()?;
        let mut name: Option<&[u8]> = None;
        while let Some(block) = self.sub_block()? {
            match (label, name, block) {
                (0xF9, None, &[flags, d0, d1, index, ..]) => {
                    self.control = Control {
                        transparent: (flags & 1 == 1).then_some(index),
                        disposal: match (flags >> 2) & 7 {
                            2 => Disposal::Clear,
                            // 4 is an old mistake for 3 that browsers honour.
                            3 | 4 => Disposal::Restore,
                            _ => Disposal::Keep,
                        },
                        delay: u16::from_le_bytes([d0, d1]),
                    };
                }
                (0xFF, Some(b"NETSCAPE2.0" | b"ANIMEXTS1.0"), &[1, c0, c1, ..]) => {
                    self.loop_count = Some(u16::from_le_bytes([c0, c1]));
                }
                _ => {}
            }
            name = name.or(Some(block));
        }
        Ok(())
    }
}

fn le16(low: u8, high: u8) -> u32 {
    u32::from(u16::from_le_bytes([low, high]))
}

fn truncated() -> Failure {
    corrupt("it ends before its last block")
}
