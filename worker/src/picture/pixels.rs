//! What the stages of the pipeline hand to one another: 8-bit pixels in memory.

/// What the bytes of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Luminance.
    Grey,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and alpha, not premultiplied.
    Rgba,
    /// Four inks as a JPEG stores them: 255 is no ink.
    Cmyk,
}

impl Layout {
    /// Bytes a pixel.
    pub(super) const fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// A picture: rows from the top, without padding, `width * height * channels` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) data: Vec<u8>,
}

impl Pixels {
    pub(super) fn is_opaque(&self) -> bool {
        self.layout != Layout::Rgba || self.data.chunks_exact(4).all(|pixel| pixel[3] == 255)
    }

    /// Without an alpha channel that says nothing.
    pub(super) fn without_idle_alpha(self) -> Self {
        if self.layout != Layout::Rgba || !self.is_opaque() {
            return self;
        }
        let data = self.data.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        Self { layout: Layout::Rgb, data, ..self }
    }

    /// With an alpha channel; inks have been converted by the time that anyone asks for one.
    pub(super) fn with_alpha(self) -> Self {
        let data = match self.layout {
            Layout::Rgba | Layout::Cmyk => return self,
            Layout::Grey => self.data.iter().flat_map(|&grey| [grey, grey, grey, 255]).collect(),
            Layout::Rgb => {
                self.data.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect()
            }
        };
        Self { layout: Layout::Rgba, data, ..self }
    }

    /// Centred on a larger canvas that is filled with `background`, a pixel of this layout.
    pub(super) fn centred_on(self, width: u32, height: u32, background: &[u8]) -> Self {
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let channels = self.layout.channels();
        let stride = width as usize * channels;
        let mut data = background.repeat(width as usize * height as usize);
        let left = (width.saturating_sub(self.width) / 2) as usize * channels;
        let top = (height.saturating_sub(self.height) / 2) as usize;
        let own_stride = self.width as usize * channels;
        for (row, own) in data.chunks_exact_mut(stride).skip(top).zip(self.data.chunks_exact(own_stride)) {
            row[left..left + own_stride].copy_from_slice(own);
        }
        Self { width, height, layout: self.layout, data }
    }
}
