//! Claims whose answers were lost: the database may have carried them out, or may yet.

use uuid::Uuid;

/// A frozen database adds one with every time-out. Those that it may carry out when it thaws are the first, which were sent
/// over connections of before.
const MOST: usize = 256;

/// The tokens of one message's claims that weren't answered, the first [`MOST`] of them.
#[derive(Debug, Default)]
pub struct Unanswered(Vec<Uuid>);

impl Unanswered {
    /// Keeps one more, unless there are enough.
    pub fn add(&mut self, token: Uuid) {
        if self.0.len() < MOST {
            self.0.push(token);
        }
    }

    /// Those that are kept, in their order.
    #[must_use]
    pub fn tokens(&self) -> &[Uuid] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_the_first_are_kept() {
        let mut unanswered = Unanswered::default();
        let tokens: Vec<_> = (0..2 * MOST as u128).map(Uuid::from_u128).collect();
        tokens.iter().for_each(|token| unanswered.add(*token));
        assert_eq!(unanswered.tokens(), &tokens[..MOST]);
    }
}
