//! The keys that a client masks with, as they stand on the wire (RFC 6455 §5.3, §10.3).

mod support;

use std::collections::HashSet;

use trunkline::Role;

use support::*;
use trunkline::testing::pipe;

const FRAMES: usize = 1_000_000;

/// Chi-square of 256 equally likely values, 255 degrees of freedom: true randomness goes beyond this
/// once in 10^12 times, so that the test fails for a reason. Values that are half of them 2.5 % too
/// frequent, and half too rare, already do.
const CHI_SQUARE_MAX: f64 = 450.0;

/// The keys of so many empty messages.
async fn keys_of_a_client() -> Vec<[u8; 4]> {
    let (end, mut raw) = pipe(64 << 10);
    let control = end.control();
    let mut client = with_raw_peer(Role::Client, |_| (), end, &mut raw).await;
    control.take_written();
    let mut keys = Vec::with_capacity(FRAMES);
    while keys.len() < FRAMES {
        client.feed_all([b""; 1000]).await.unwrap();
        client.flush().await.unwrap();
        for frame in control.take_written().chunks(6) {
            assert_eq!(frame[..2], [BINARY, 0x80]);
            keys.push(frame[2..].try_into().unwrap());
        }
    }
    keys
}

/// SEC-FR-13 (CVE-2025-10148): no key is used twice in a row, none follows from those before, and
/// each byte of them takes every value equally often.
#[tokio::test]
async fn sec_fr_13_s10_3_keys_of_a_client_are_random() {
    let keys = keys_of_a_client().await;
    assert_eq!(keys.len(), FRAMES);
    // By chance there is one in four thousand runs, and a third in 10^12.
    let equal_neighbours = keys.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(equal_neighbours <= 2, "{equal_neighbours} keys were used twice in a row");
    let pairs: HashSet<_> = keys.windows(2).collect();
    assert_eq!(pairs.len(), FRAMES - 1, "no two keys follow each other twice");
    for byte in 0..4 {
        let values = keys.iter().map(|key| key[byte]);
        assert!(chi_square(values) <= CHI_SQUARE_MAX, "byte {byte}");
        // Nor does a byte depend on the one before it, in this key or the last.
        let differences = keys.windows(2).map(|pair| pair[1][byte].wrapping_sub(pair[0][byte]));
        assert!(chi_square(differences) <= CHI_SQUARE_MAX, "byte {byte} of two keys");
    }
}

/// The measure itself: it lets an even spread pass, and finds odd values that are 2.5 % too frequent.
#[test]
fn chi_square_tells_an_even_spread_from_a_bent_one() {
    assert!(chi_square((0..FRAMES).map(|n| n as u8)) < 1.0);
    let bent = (0..FRAMES).map(|n| if (n / 256) % 40 == 0 { n as u8 | 1 } else { n as u8 });
    assert!(chi_square(bent) > CHI_SQUARE_MAX);
}

/// How far values are from being equally frequent.
fn chi_square(values: impl Iterator<Item = u8>) -> f64 {
    let mut counts = [0_u32; 256];
    values.for_each(|value| counts[usize::from(value)] += 1);
    let expected = f64::from(counts.iter().sum::<u32>()) / 256.0;
    counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}
