//! What went wrong, by kind.

use crate::exit::{Exit, Failure};

/// Kinds that are told apart: more than networks have, and a bound for servers that say something else
/// each time.
const KINDS_MAX: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Troubles {
    kinds: Vec<Trouble>,
    /// Of further kinds.
    others: u64,
}

/// Failures that say the same.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) exit: Exit,
    pub(super) text: String,
    pub(super) count: u64,
}

impl Troubles {
    pub(super) fn add(&mut self, failure: &Failure) {
        // The rest are details, such as the body of a refusal.
        let text = failure.text.lines().next().unwrap_or_default();
        self.count(failure.exit, text, 1);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for trouble in &other.kinds {
            self.count(trouble.exit, &trouble.text, trouble.count);
        }
        self.others += other.others;
    }

    fn count(&mut self, exit: Exit, text: &str, count: u64) {
        let known = self.kinds.iter().position(|it| it.exit == exit && it.text == text);
        match known {
            Some(at) => self.kinds[at].count += count,
            None if self.kinds.len() < KINDS_MAX => {
                self.kinds.push(Trouble { exit, text: text.to_owned(), count });
            }
            None => self.others += count,
        }
    }

    /// The most frequent first.
    pub(super) fn by_frequency(&self) -> Vec<&Trouble> {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|trouble| std::cmp::Reverse(trouble.count));
        kinds
    }

    /// How many there were of kinds that are not told apart any more.
    pub(super) fn others(&self) -> u64 {
        self.others
    }

    /// The exit code that most of them stand for.
    pub(super) fn exit(&self) -> Option<Exit> {
        let kinds = self.by_frequency();
        let of = |exit| kinds.iter().filter(|it| it.exit == exit).map(|it| it.count).sum::<u64>();
        let mut exits: Vec<_> = kinds.iter().map(|it| it.exit).collect();
        // A stable sort: of two that are as frequent, the one with the most frequent kind.
        exits.sort_by_key(|exit| std::cmp::Reverse(of(*exit)));
        exits.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_is_counted_together() {
        let mut troubles = Troubles::default();
        troubles.add(&Failure::new(Exit::Lost, "cut"));
        for _ in 0..2 {
            troubles.add(&Failure::new(Exit::Refused, "refused\n  | with a body"));
        }
        let mut all = Troubles::default();
        all.add(&Failure::new(Exit::Lost, "reset"));
        all.merge(&troubles);
        let counts: Vec<_> = all.by_frequency().iter().map(|it| (&*it.text, it.count)).collect();
        assert_eq!(counts, [("refused", 2), ("reset", 1), ("cut", 1)]);
        assert_eq!(all.exit(), Some(Exit::Refused));
        all.add(&Failure::new(Exit::Lost, "reset"));
        assert_eq!(all.exit(), Some(Exit::Lost), "three of two kinds are more than two of one");
    }

    #[test]
    fn kinds_are_bounded() {
        let mut troubles = Troubles::default();
        for number in 0..KINDS_MAX + 5 {
            troubles.add(&Failure::new(Exit::ClosedWithError, number.to_string()));
        }
        assert_eq!((troubles.by_frequency().len(), troubles.others()), (KINDS_MAX, 5));
    }
}
