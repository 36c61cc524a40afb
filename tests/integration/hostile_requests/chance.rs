//! Chance that is the same in every run: what a seed made wrong once, it makes wrong again.

/// SplitMix64.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit, or 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 32).unwrap() % limit.max(1)
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub(super) fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Flips, cuts out, doubles or puts in a few bytes, mostly where the text is.
    pub(super) fn damage(&mut self, bytes: &mut Vec<u8>) {
        const PUT_IN: [&[u8]; 10] = [
            b"\0",
            b"\r\n",
            b"\n",
            b"--",
            b"\r\n\r\n",
            b"\"",
            b";",
            b"--b0undary",
            b"\xFF",
            b"\r\n--b0undary--\r\n",
        ];
        for _ in 0..=self.below(4) {
            let within = if self.below(3) > 0 { bytes.len().min(400) } else { bytes.len() };
            let at = self.below(within);
            let end = (at + self.below(30)).min(bytes.len());
            match self.below(6) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let again = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, again));
                }
                3 => bytes.truncate(bytes.len() - self.below(bytes.len() / 2)),
                _ => {
                    let piece = self.one_of(&PUT_IN).to_vec();
                    drop(bytes.splice(at..at, piece));
                }
            }
        }
    }
}
