//! Received bytes in pieces of one size.

use bytes::Bytes;

/// Bytes are gathered into pieces of this size. The pieces that they come in are of any size, and each holds the whole
/// buffer that it was read into: kept as they are, they would hold several times what was reserved for them.
const PIECE: usize = 64 << 10;

/// The first bytes of all get this much at least.
const FIRST: usize = 4 << 10;

/// Bytes in pieces. What is allocated for them is less than twice what came or what is still to come, however it comes:
/// exactly what is asked for, since a buffer that grows by itself has up to twice as much.
#[derive(Debug)]
pub struct Segments {
    pieces: Vec<Bytes>,
    gathering: Vec<u8>,
    length: usize,
    /// At most so many are still to come.
    to_come: usize,
}

impl Segments {
    /// For at most so many bytes.
    #[must_use]
    pub fn of(most: u64) -> Self {
        let to_come = usize::try_from(most).unwrap_or(usize::MAX);
        Self { pieces: Vec::new(), gathering: Vec::new(), length: 0, to_come }
    }

    /// Appends bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let gathered = self.gathering.len();
            let (head, rest) = bytes.split_at(bytes.len().min(PIECE - gathered));
            if self.gathering.capacity() < gathered + head.len() {
                // A good beginning is followed by the rest. Before that twice as much each time, so that bytes which
                // come one by one aren't moved each time.
                let more = if self.length >= PIECE { self.to_come } else { self.length.max(FIRST) };
                self.gathering.reserve_exact(more.min(PIECE - gathered).max(head.len()));
            }
            self.gathering.extend_from_slice(head);
            self.length += head.len();
            self.to_come = self.to_come.saturating_sub(head.len());
            if self.gathering.len() == PIECE {
                self.pieces.push(std::mem::take(&mut self.gathering).into());
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
            self.pieces.push(std::mem::take(&mut self.gathering).into());
        }
        std::mem::take(&mut self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(bytes: &[u8], in_pieces_of: usize, most: u64) -> Vec<Bytes> {
        let mut segments = Segments::of(most);
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
            for most in [0, 1_000_000, u64::MAX] {
                let pieces = gathered(&bytes, size, most);
                assert_eq!(pieces.len(), bytes.len().div_ceil(PIECE), "{size}");
                assert_eq!(pieces.concat(), bytes, "{size}");
            }
        }
    }

    #[test]
    fn no_more_is_allocated_than_was_announced_once_a_piece_has_come() {
        for size in [1000, 8191, 8192, 20_000] {
            let mut segments = Segments::of(5 * PIECE as u64 + 100);
            for piece in vec![0; 5 * PIECE + 100].chunks(size) {
                segments.push(piece);
                assert!(segments.gathering.capacity() <= PIECE, "{size}");
            }
            assert_eq!(segments.gathering.capacity(), 100, "{size}");
        }
    }

    #[test]
    fn little_is_allocated_for_few_bytes() {
        let mut segments = Segments::of(u64::MAX);
        segments.push(b"x");
        assert!(segments.gathering.capacity() < 2 * FIRST);
        for _ in 0..10_000 {
            segments.push(b"x");
        }
        assert!(segments.gathering.capacity() <= 2 * 10_001, "{}", segments.gathering.capacity());
    }
}
