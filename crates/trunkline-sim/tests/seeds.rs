//! Many worlds. `SEEDS` says how many.

use trunkline_sim::{Figures, run};

#[test]
fn no_seed_breaks_a_rule() {
    let seeds = std::env::var("SEEDS").ok().and_then(|it| it.parse().ok()).unwrap_or(1_000);
    let mut figures = Figures::default();
    for seed in 0..seeds {
        match run(seed, None) {
            Ok(of_one) => figures.add(&of_one),
            Err(failure) => panic!("{failure:?}"),
        }
    }
    // A world in which nothing goes wrong would prove nothing.
    println!("{figures:?}");
    for count in [
        figures.recovered,
        figures.unrecovered,
        figures.insufficient,
        figures.slow,
        figures.dropped,
        figures.errors,
        figures.restarts,
        figures.drains,
        figures.expired,
    ] {
        assert!(count > 0, "{figures:?}");
    }
}

#[test]
fn the_same_seed_does_the_same_again() {
    let trace = || {
        let mut lines = Vec::new();
        run(7, Some(&mut |line| lines.push(line))).expect("it breaks no rule");
        lines
    };
    assert_eq!(trace(), trace());
}
