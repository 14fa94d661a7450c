//! Random numbers, from the system's generator.

/// 64 bits that nobody can foretell.
pub(crate) fn random() -> u64 {
    getrandom::u64().expect("the system has random numbers")
}
