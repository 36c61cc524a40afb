//! Writes a GIF, frame by frame: only what changed, with a palette of its own where the first one doesn't do.

use super::palette::{Palette, Rgb};
use crate::picture::pixels::Pixels;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use std::borrow::Cow;

/// Alpha from which on a pixel is shown; a GIF has no half.
const OPAQUE: u8 = 128;

/// How much worse than the frame that it was made for the first palette may stand for a later frame.
const TOLERANCE: f64 = 1.25;
/// ... and what may come on top, in steps of a channel.
const SLACK: f64 = 0.5;

/// A colour, or nothing where the picture is transparent.
type Dot = Option<Rgb>;

/// Takes frames and writes each once the next is known: that one tells how it has to be taken away.
pub(in crate::picture) struct GifWriter {
    width: u16,
    height: u16,
    loop_count: Option<u16>,
    open: Option<Open>,
    waiting: Option<Waiting>,
}

struct Open {
    encoder: Encoder<Vec<u8>>,
    palette: Palette,
}

struct Waiting {
    /// What a viewer shows before the frame is drawn.
    before: Vec<Dot>,
    shown: Vec<Dot>,
    delay: u16,
}

impl GifWriter {
    /// `loop_count` is how often the animation is repeated, 0 for ever, absent for no animation.
    pub(in crate::picture) fn new(width: u32, height: u32, loop_count: Option<u16>) -> anyhow::Result<Self> {
        let (width, height) = (u16::try_from(width)?, u16::try_from(height)?);
        Ok(Self { width, height, loop_count, open: None, waiting: None })
    }

    /// Adds a frame of RGBA pixels; `delay` is in hundredths of a second.
    pub(in crate::picture) fn add(&mut self, frame: &Pixels, delay: u16) -> anyhow::Result<()> {
        let shown: Vec<Dot> = frame
            .data
            .chunks_exact(4)
            .map(|pixel| (pixel[3] >= OPAQUE).then_some([pixel[0], pixel[1], pixel[2]]))
            .collect();
        let before = match self.waiting.take() {
            None => vec![None; shown.len()],
            Some(last) => {
                // Drawing can't make a pixel transparent again: only taking the last frame away can.
                let uncovers =
                    last.shown.iter().zip(&shown).any(|(last, next)| last.is_some() && next.is_none());
                self.write(&last, uncovers)?;
                if uncovers { vec![None; shown.len()] } else { last.shown }
            }
        };
        self.waiting = Some(Waiting { before, shown, delay });
        Ok(())
    }

    /// The file, after the last frame.
    pub(in crate::picture) fn finish(mut self) -> anyhow::Result<Vec<u8>> {
        if let Some(last) = self.waiting.take() {
            self.write(&last, false)?;
        }
        let open = self.open.ok_or_else(|| anyhow::anyhow!("a GIF without a frame"))?;
        Ok(open.encoder.into_inner()?)
    }

    fn write(&mut self, frame: &Waiting, clear: bool) -> anyhow::Result<()> {
        let stride = usize::from(self.width);
        // What is to be cleared has to be covered: all of it.
        let area = if clear { Area::whole(self.width, self.height) } else { Area::changed(frame, stride) };
        let rows = area.top..area.bottom;
        let dots = rows.flat_map(|y| (area.left..area.right).map(move |x| y * stride + x));
        let changed =
            dots.map(|at| if clear || frame.before[at] != frame.shown[at] { frame.shown[at] } else { None });
        if self.open.is_none() {
            self.open = Some(self.begin(Palette::of(changed.clone().flatten()))?);
        }
        let Some(Open { encoder, palette }) = &mut self.open else { return Ok(()) };
        let own = own_palette(palette, changed.clone().flatten());
        let used = own.as_ref().unwrap_or(palette);
        let transparent = u8::try_from(used.colours.len()).unwrap_or(u8::MAX);
        let indices =
            changed.map(|dot| dot.and_then(|colour| used.index(colour)).unwrap_or(transparent)).collect();
        encoder.write_frame(&Frame {
            delay: frame.delay,
            dispose: if clear { DisposalMethod::Background } else { DisposalMethod::Keep },
            transparent: Some(transparent),
            left: u16::try_from(area.left)?,
            top: u16::try_from(area.top)?,
            width: u16::try_from(area.right - area.left)?,
            height: u16::try_from(area.bottom - area.top)?,
            palette: own.as_ref().map(table),
            buffer: Cow::Owned(indices),
            ..Frame::default()
        })?;
        Ok(())
    }

    fn begin(&self, palette: Palette) -> anyhow::Result<Open> {
        let mut encoder = Encoder::new(Vec::new(), self.width, self.height, &table(&palette))?;
        match self.loop_count {
            Some(0) => encoder.set_repeat(Repeat::Infinite)?,
            Some(count) => encoder.set_repeat(Repeat::Finite(count))?,
            None => {}
        }
        Ok(Open { encoder, palette })
    }
}

/// A palette for these colours, unless the file's palette stands for them about as well as for its own.
fn own_palette(palette: &Palette, colours: impl Iterator<Item = Rgb> + Clone) -> Option<Palette> {
    let does =
        palette.error_for(colours.clone()).is_some_and(|error| error <= palette.error * TOLERANCE + SLACK);
    (!does).then(|| Palette::of(colours))
}

/// The palette as bytes, with the colour of the transparent index behind it.
fn table(palette: &Palette) -> Vec<u8> {
    palette.colours.iter().copied().chain([[0; 3]]).flatten().collect()
}

struct Area {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

impl Area {
    fn whole(width: u16, height: u16) -> Self {
        Self { left: 0, right: width.into(), top: 0, bottom: height.into() }
    }

    /// The rectangle of what changed: a single pixel when nothing did, for a frame can't be empty.
    fn changed(frame: &Waiting, stride: usize) -> Self {
        let mut area = Self { left: usize::MAX, right: 0, top: usize::MAX, bottom: 0 };
        for (at, (before, shown)) in frame.before.iter().zip(&frame.shown).enumerate() {
            if before != shown {
                let (x, y) = (at % stride, at / stride);
                area.left = area.left.min(x);
                area.right = area.right.max(x + 1);
                area.top = area.top.min(y);
                area.bottom = y + 1;
            }
        }
        if area.right == 0 { Self::whole(1, 1) } else { area }
    }
}
