//! Decompresses the pixels of one frame, a row at a time.

use super::blocks::FrameHeader;
use super::corrupt;
use crate::picture::deadline::Deadline;
use pfp_shared::failure::Failure;
use weezl::decode::{Configuration, Decoder};
use weezl::{BitOrder, LzwStatus};

/// Calls `draw` with the number and the palette indices of every row, in the order of the file.
pub(super) fn rows(
    bytes: &[u8],
    frame: &FrameHeader,
    deadline: &Deadline,
    mut draw: impl FnMut(u32, &[u8]),
) -> Result<(), Failure> {
    if frame.width == 0 || frame.height == 0 {
        return Ok(());
    }
    let data = bytes.get(frame.data..).unwrap_or_default();
    let (&code_size, blocks) = data.split_first().ok_or_else(damaged)?;
    if !(1..=11).contains(&code_size) {
        return Err(corrupt("a frame's codes have an impossible size"));
    }
    // Whatever follows the last pixel is none of our business, so the decoder stops where a row is full.
    let decoder = Configuration::new(BitOrder::Lsb, code_size).with_yield_on_full_buffer(true).build();
    let mut indices = Indices { decoder, blocks, block: &[] };
    let mut row = vec![0; frame.width as usize];
    for number in row_order(frame) {
        deadline.check()?;
        indices.fill(&mut row)?;
        draw(number, &row);
    }
    Ok(())
}

/// Rows in the order of the file.
fn row_order(frame: &FrameHeader) -> impl Iterator<Item = u32> {
    let passes: &[(u32, usize)] =
        if frame.interlaced { &[(0, 8), (4, 8), (2, 4), (1, 2)] } else { &[(0, 1)] };
    let height = frame.height;
    passes.iter().flat_map(move |(first, step)| (*first..height).step_by(*step))
}

/// Calls in which the decoder may get on without taking or giving a byte: codes that only clear its table
/// wait in its 64 bits.
const MOST_IDLE: u32 = 64;

/// Decompressed pixels of a frame.
struct Indices<'a> {
    decoder: Decoder,
    /// Sub-blocks that haven't been looked at.
    blocks: &'a [u8],
    /// What is left of the present sub-block.
    block: &'a [u8],
}

impl Indices<'_> {
    /// Fails when the data end before `row` is full.
    fn fill(&mut self, mut row: &mut [u8]) -> Result<(), Failure> {
        let mut idle = 0;
        while !row.is_empty() {
            if self.block.is_empty() {
                self.next_block();
            }
            let decoded = self.decoder.decode_bytes(self.block, row);
            idle = if decoded.consumed_in == 0 && decoded.consumed_out == 0 { idle + 1 } else { 0 };
            self.block = self.block.get(decoded.consumed_in..).unwrap_or_default();
            row = row.get_mut(decoded.consumed_out..).unwrap_or_default();
            let ended = matches!(decoded.status.map_err(|_| damaged())?, LzwStatus::Done);
            if !row.is_empty() && (ended || idle > MOST_IDLE) {
                return Err(damaged());
            }
        }
        Ok(())
    }

    fn next_block(&mut self) {
        let (length, rest) = self.blocks.split_first().map_or((0, &[][..]), |(length, rest)| (*length, rest));
        // The walk over the blocks has seen them all: the split only fails for other bytes than it saw.
        (self.block, self.blocks) = rest.split_at_checked(length.into()).unwrap_or_default();
        if length == 0 {
            self.blocks = &[];
        }
    }
}

fn damaged() -> Failure {
    corrupt("a frame's pixels end too early or can't be decoded")
}
