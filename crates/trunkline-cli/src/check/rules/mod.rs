//! The rules, in the order of the RFCs.

mod closing;
mod compression;
mod control;
mod echo;
mod framing;
mod handshake;
mod limits;
mod utf8;

use super::rule::Rule;

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        handshake::RULES,
        framing::RULES,
        control::RULES,
        utf8::RULES,
        closing::RULES,
        limits::RULES,
        echo::RULES,
        compression::RULES,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_rule_has_a_name_of_its_own_and_a_section() {
        let mut names = HashSet::new();
        for rule in all() {
            assert!(names.insert(rule.id), "{} is there twice", rule.id);
            assert!(
                rule.id
                    .chars()
                    .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-')
            );
            assert!(rule.section.starts_with("RFC ") && rule.section.contains('§'), "{}", rule.id);
            assert!(!rule.title.ends_with('.') && rule.title.len() <= 80, "{}", rule.title);
        }
    }
}
