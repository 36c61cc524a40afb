//! Received bytes in pieces of one size.

use bytes::{Bytes, BytesMut};

/// Bytes are gathered into pieces of this size. The pieces that they come in are of any size, and each holds the whole
/// buffer that it was read into: kept as they are, they would hold several times what was reserved for them.
const PIECE: usize = 64 << 10;

/// The first bytes of a piece get this much at least.
const FIRST: usize = 4 << 10;

/// Bytes in pieces. What is allocated for them is less than twice what came, however it came.
#[derive(Debug, Default)]
pub struct Segments {
    pieces: Vec<Bytes>,
    gathering: BytesMut,
    length: usize,
}

impl Segments {
    /// Appends bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len();
        while !bytes.is_empty() {
            let gathered = self.gathering.len();
            let (head, rest) = bytes.split_at(bytes.len().min(PIECE - gathered));
            if self.gathering.capacity() < gathered + head.len() {
                // Twice as much, so that bytes which come one by one aren't moved each time.
                let more = head.len().max(gathered).max(FIRST).min(PIECE - gathered);
                self.gathering.reserve(more);
            }
            self.gathering.extend_from_slice(head);
            if self.gathering.len() == PIECE {
                self.pieces.push(std::mem::take(&mut self.gathering).freeze());
            }
            bytes = rest;
        }
    }

    /// How many bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes all pieces out.
    #[must_use]
    pub fn take(&mut self) -> Vec<Bytes> {
        self.length = 0;
        if !self.gathering.is_empty() {
            self.pieces.push(std::mem::take(&mut self.gathering).freeze());
        }
        std::mem::take(&mut self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(bytes: &[u8], in_pieces_of: usize) -> Vec<Bytes> {
        let mut segments = Segments::default();
        bytes.chunks(in_pieces_of).for_each(|piece| segments.push(piece));
        assert_eq!(segments.len(), bytes.len());
        let pieces = segments.take();
        assert!(segments.is_empty());
        pieces
    }

    #[test]
    fn however_bytes_come_they_are_the_same_in_few_pieces() {
        let bytes: Vec<u8> = (0..251).cycle().take(1_000_000).collect();
        for size in [1, 7, 4096, 8191, PIECE, PIECE + 1, 300_000, bytes.len()] {
            let pieces = gathered(&bytes, size);
            assert_eq!(pieces.len(), bytes.len().div_ceil(PIECE), "{size}");
            assert_eq!(pieces.concat(), bytes, "{size}");
        }
    }

    #[test]
    fn little_is_allocated_for_few_bytes() {
        let mut segments = Segments::default();
        segments.push(b"x");
        assert!(segments.gathering.capacity() < 2 * FIRST);
        for _ in 0..10_000 {
            segments.push(b"x");
        }
        assert!(segments.gathering.capacity() <= 2 * 10_001, "{}", segments.gathering.capacity());
    }
}
