//! The kinds of values that settings take, with their ranges, and how each is read from text.

use std::time::Duration;

/// What a setting's value may be. Ranges include both ends.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text that isn't empty.
    Text,
    /// 1 to so many letters, digits, full stops, underscores and hyphens.
    Name(usize),
    /// A URL with one of these schemes.
    Url(&'static [&'static str]),
    /// `ADDRESS:PORT`.
    Address,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Count(u64, u64),
    /// Bytes: `5MiB`, `64KiB`, `500KB`, or a plain number.
    Size(u64, u64),
    /// Bytes a second: `16KiB/s`.
    Rate(u64, u64),
    /// A time span: `500ms`, `30s`, `10m`, `1h`, `30d`.
    Duration(Duration, Duration),
    /// Pixels: `64MP`, or a plain number.
    Pixels(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One or more of these words, separated by commas.
    List(&'static [&'static str]),
}

const SIZE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("kB", 1_000),
    ("B", 1),
];
const TIME_UNITS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const PIXEL_UNITS: &[(&str, u64)] = &[("MP", 1_000_000), ("px", 1)];

impl Kind {
    /// Says what is wrong with a value, or nothing.
    ///
    /// # Errors
    /// What the value would have to be.
    pub fn check(self, value: &str) -> Result<(), String> {
        let fits = match self {
            Self::Text => !value.is_empty(),
            Self::Name(longest) => {
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                (1..=longest).contains(&value.len()) && value.bytes().all(is_plain)
            }
            Self::Url(schemes) => {
                // A parser would drop or escape these, and the value is used as it stands.
                let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
                value.contains("://")
                    && value.bytes().all(is_plain)
                    && url::Url::parse(value).is_ok_and(|url| schemes.contains(&url.scheme()))
            }
            Self::Address => value.parse::<std::net::SocketAddr>().is_ok(),
            Self::Bool => matches!(value, "true" | "false"),
            Self::Count(..) | Self::Size(..) | Self::Rate(..) | Self::Pixels(..) | Self::Duration(..) => {
                self.number(value).is_some()
            }
            Self::Choice(words) => words.contains(&value),
            Self::List(words) => {
                !value.is_empty() && value.split(',').all(|word| words.contains(&word.trim()))
            }
        };
        if fits { Ok(()) } else { Err(self.describe()) }
    }

    /// The number that a value stands for, in the kind's base unit (bytes, milliseconds, pixels), if it is
    /// within the range.
    #[must_use]
    pub fn number(self, value: &str) -> Option<u64> {
        let (number, low, high) = match self {
            Self::Count(low, high) => (value.parse().ok()?, low, high),
            Self::Size(low, high) => (scaled(value, SIZE_UNITS, Some(1))?, low, high),
            Self::Rate(low, high) => {
                (scaled(value.strip_suffix("/s").unwrap_or(value), SIZE_UNITS, Some(1))?, low, high)
            }
            Self::Pixels(low, high) => (scaled(value, PIXEL_UNITS, Some(1))?, low, high),
            Self::Duration(low, high) => (scaled(value, TIME_UNITS, None)?, millis(low), millis(high)),
            _ => return None,
        };
        (low..=high).contains(&number).then_some(number)
    }

    /// The kind and its range, for a person.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Name(longest) => format!("a name of 1 to {longest} letters, digits and `. _ -`"),
            Self::Url(schemes) => format!("a URL starting with {}", joined(schemes, "://", " or ")),
            Self::Address => "an address and port such as 127.0.0.1:8000".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Count(low, high) => format!("a whole number from {low} to {high}"),
            Self::Size(low, high) => {
                format!("a size from {} to {}", in_units(low, SIZE_UNITS), in_units(high, SIZE_UNITS))
            }
            Self::Rate(low, high) => {
                format!("a rate from {}/s to {}/s", in_units(low, SIZE_UNITS), in_units(high, SIZE_UNITS))
            }
            Self::Pixels(low, high) => {
                format!("pixels from {} to {}", in_units(low, PIXEL_UNITS), in_units(high, PIXEL_UNITS))
            }
            Self::Duration(low, high) => {
                format!(
                    "a time from {} to {}",
                    in_units(millis(low), TIME_UNITS),
                    in_units(millis(high), TIME_UNITS)
                )
            }
            Self::Choice(words) => joined(words, "", " or "),
            Self::List(words) => format!("one or more of {}, separated by commas", joined(words, "", ", ")),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn joined(words: &[&str], suffix: &str, separator: &str) -> String {
    words.iter().map(|word| format!("{word}{suffix}")).collect::<Vec<_>>().join(separator)
}

/// Reads `12.5MiB` by the first unit that the text ends with; `bare` is the factor of a number without a unit.
fn scaled(value: &str, units: &[(&str, u64)], bare: Option<u64>) -> Option<u64> {
    let value = value.trim();
    for (unit, factor) in units {
        if let Some(number) = value.strip_suffix(unit) {
            return times(number.trim_end(), *factor);
        }
    }
    times(value, bare?)
}

fn times(number: &str, factor: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let (whole, fraction) = number.split_once('.')?;
    let digits = u32::try_from(fraction.len()).ok().filter(|digits| (1..=9).contains(digits))?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let part = fraction.parse::<u64>().ok()?.checked_mul(factor)? / 10_u64.pow(digits);
    whole.checked_add(part)
}

/// The largest unit in which the number is whole; the smallest one for nothing at all.
fn in_units(number: u64, units: &[(&str, u64)]) -> String {
    let mut best: Option<(&str, u64)> = None;
    for (unit, factor) in units {
        let is_better = |other: u64| if number == 0 { *factor < other } else { *factor > other };
        if number.is_multiple_of(*factor) && best.is_none_or(|(_, other)| is_better(other)) {
            best = Some((unit, *factor));
        }
    }
    let (unit, factor) = best.unwrap_or(("", 1));
    format!("{}{unit}", number / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_durations_and_pixels_are_read_in_their_units() {
        let size = Kind::Size(0, u64::MAX);
        assert_eq!(size.number("5MiB"), Some(5 << 20));
        assert_eq!(size.number("1.5 KiB"), Some(1536));
        assert_eq!(size.number("2MB"), Some(2_000_000));
        assert_eq!(size.number("77"), Some(77));
        assert_eq!(size.number("5 apples"), None);
        assert_eq!(size.number("-1"), None);
        let time = Kind::Duration(Duration::ZERO, Duration::from_secs(86_400 * 365));
        assert_eq!(time.number("500ms"), Some(500));
        assert_eq!(time.number("30d"), Some(30 * 86_400_000));
        assert_eq!(time.number("30"), None, "a time without a unit could be anything");
        assert_eq!(Kind::Rate(1, 1 << 30).number("16KiB/s"), Some(16 << 10));
        assert_eq!(Kind::Pixels(1, 1 << 40).number("64MP"), Some(64_000_000));
    }

    #[test]
    fn a_value_outside_its_range_is_told_the_range() {
        let kind = Kind::Size(1 << 10, 5 << 30);
        assert_eq!(kind.check("1KiB"), Ok(()));
        assert_eq!(kind.check("1023B"), Err("a size from 1KiB to 5GiB".to_owned()));
        let kind = Kind::Duration(Duration::from_secs(1), Duration::from_secs(3600));
        assert_eq!(kind.check("0s"), Err("a time from 1s to 1h".to_owned()));
        assert!(Kind::List(&["a", "b"]).check("a, b").is_ok());
        assert!(Kind::List(&["a", "b"]).check("a,c").is_err());
        assert!(Kind::Url(&["s3", "file"]).check("http://x").is_err());
    }
}
