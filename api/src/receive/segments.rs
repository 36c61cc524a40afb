//! Received bytes in the pieces that they came in, as long as those are of a sane size.

use bytes::{Bytes, BytesMut};

/// A smaller piece is copied together with its neighbours: a client that sends byte by byte must not make
/// millions of pieces. A larger one is kept as it came.
const SMALL: usize = 4 << 10;

/// Small pieces are gathered into pieces of this size.
const GATHERED: usize = 64 << 10;

/// Bytes in pieces. The pieces and what is reserved beside them grow with the bytes, however they came.
#[derive(Debug, Default)]
pub struct Segments {
    pieces: Vec<Bytes>,
    gathering: BytesMut,
    length: usize,
}

impl Segments {
    /// Appends a piece.
    pub fn push(&mut self, mut piece: Bytes) {
        self.length += piece.len();
        // What has been begun is filled first, or large pieces between small ones would leave it mostly empty.
        if !self.gathering.is_empty() {
            let room = GATHERED - self.gathering.len();
            let head = piece.split_to(piece.len().min(room));
            self.gather(&head);
        }
        if piece.len() >= SMALL {
            self.pieces.push(piece);
        } else if !piece.is_empty() {
            self.gather(&piece);
        }
    }

    fn gather(&mut self, bytes: &[u8]) {
        if self.gathering.capacity() < GATHERED {
            self.gathering.reserve(GATHERED - self.gathering.len());
        }
        self.gathering.extend_from_slice(bytes);
        if self.gathering.len() >= GATHERED {
            self.pieces.push(self.gathering.split().freeze());
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
            self.pieces.push(self.gathering.split().freeze());
        }
        std::mem::take(&mut self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(pieces: &[Bytes]) -> Vec<u8> {
        pieces.concat()
    }

    #[test]
    fn pieces_of_a_sane_size_are_kept_as_they_came() {
        let mut segments = Segments::default();
        let piece = Bytes::from(vec![7; SMALL]);
        segments.push(piece.clone());
        segments.push(piece.clone());
        assert_eq!(segments.len(), 2 * SMALL);
        let pieces = segments.take();
        assert!(pieces.iter().all(|kept| kept.as_ptr() == piece.as_ptr()), "no copy");
        assert!(segments.is_empty());
    }

    #[test]
    fn byte_by_byte_makes_few_pieces_and_the_same_bytes() {
        let mut segments = Segments::default();
        let bytes: Vec<u8> = (0..251).cycle().take(1_000_000).collect();
        for byte in &bytes {
            segments.push(Bytes::copy_from_slice(&[*byte]));
        }
        let pieces = segments.take();
        assert_eq!(pieces.len(), bytes.len().div_ceil(GATHERED));
        assert_eq!(whole(&pieces), bytes);
    }

    #[test]
    fn small_pieces_between_large_ones_reserve_no_more_than_the_bytes_that_came() {
        let mut segments = Segments::default();
        let mut bytes = Vec::new();
        for (index, byte) in (0..251).cycle().take(1000).enumerate() {
            let piece = vec![byte; if index % 2 == 0 { 1 } else { SMALL }];
            bytes.extend_from_slice(&piece);
            segments.push(piece.into());
        }
        let pieces = segments.take();
        assert!(pieces.len() <= 2 + 1000, "{}", pieces.len());
        let gathered = pieces.iter().filter(|piece| piece.len() == GATHERED).count();
        assert!(gathered * GATHERED > bytes.len() / 2, "gathered pieces are full: {gathered}");
        assert_eq!(whole(&pieces), bytes);
    }
}
