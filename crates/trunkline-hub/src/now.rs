//! The time, as it is handed in.

use std::time::Instant;

/// One moment on two clocks: deadlines are kept by the first, what people read and what tokens say is
/// told by the second.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "two clocks are all there is")]
pub struct Now {
    /// The clock that never goes back.
    pub instant: Instant,
    /// Milliseconds since 1970, which may jump in either direction.
    pub unix_ms: i64,
}

impl Now {
    /// Seconds since 1970.
    pub const fn unix_s(self) -> i64 {
        self.unix_ms.div_euclid(1000)
    }
}
