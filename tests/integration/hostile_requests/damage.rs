//! Damage to what a client sends.

use pfp_tests::chance::Chance;

/// Flips, cuts out, doubles or puts in a few bytes, mostly where the text is.
pub(super) fn damage(chance: &mut Chance, bytes: &mut Vec<u8>) {
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
    for _ in 0..=chance.below(4) {
        let within = if chance.below(3) > 0 { bytes.len().min(400) } else { bytes.len() };
        let at = chance.below(within);
        let end = (at + chance.below(30)).min(bytes.len());
        match chance.below(6) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            3 => bytes.truncate(bytes.len() - chance.below(bytes.len() / 2)),
            _ => {
                let piece = chance.one_of(&PUT_IN).to_vec();
                drop(bytes.splice(at..at, piece));
            }
        }
    }
}
