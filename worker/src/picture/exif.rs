//! The one thing that is read from EXIF: the orientation.

use super::orientation::Orientation;

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// The orientation in a TIFF structure (EXIF without its `Exif\0\0`); absent or damaged counts as upright.
pub(super) fn orientation(tiff: &[u8]) -> Orientation {
    read(tiff).map(Orientation::from_exif).unwrap_or_default()
}

fn read(tiff: &[u8]) -> Option<u16> {
    let big_endian = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let u16_at = |at: usize| -> Option<u16> {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let u32_at = |at: usize| -> Option<u32> {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let directory = usize::try_from(u32_at(4)?).ok()?;
    let entries = usize::from(u16_at(directory)?);
    for entry in 0..entries {
        let at = directory.checked_add(2 + entry * 12)?;
        if u16_at(at)? == ORIENTATION {
            return if u16_at(at + 2)? == SHORT { u16_at(at + 8) } else { None };
        }
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A TIFF structure with an orientation, and an entry before it.
    pub(in crate::picture) fn tiff(orientation: u16, big_endian: bool) -> Vec<u8> {
        let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let long = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut tiff = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        tiff.extend(long(8));
        tiff.extend(short(2));
        for (tag, value) in [(0x0100, 640), (ORIENTATION, orientation)] {
            tiff.extend(short(tag));
            tiff.extend(short(SHORT));
            tiff.extend(long(1));
            tiff.extend(short(value));
            tiff.extend(short(0));
        }
        tiff.extend(long(0));
        tiff
    }

    #[test]
    fn both_byte_orders_are_read() {
        for value in 1..=8 {
            assert_eq!(orientation(&tiff(value, true)), Orientation::from_exif(value));
            assert_eq!(orientation(&tiff(value, false)), Orientation::from_exif(value));
        }
    }

    #[test]
    fn a_damaged_structure_counts_as_upright_at_every_length() {
        let whole = tiff(6, true);
        for length in 0..30 {
            assert_eq!(orientation(&whole[..length]), Orientation::Upright);
        }
        let mut lost = whole;
        lost[4..8].copy_from_slice(&[0xFF; 4]);
        assert_eq!(orientation(&lost), Orientation::Upright);
    }
}
