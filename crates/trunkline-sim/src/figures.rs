//! [`Figures`]: how much has happened.

/// What happened in a world, or in several.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Figures {
    /// Entries that clients were sent.
    pub entries: u64,
    /// Publications that hubs put into outboxes.
    pub deliveries: u64,
    /// Recoveries that gave back everything.
    pub recovered: u64,
    /// Recoveries that could not.
    pub unrecovered: u64,
    /// Subscriptions that were told of a loss.
    pub insufficient: u64,
    /// Sessions that were closed because they did not read.
    pub slow: u64,
    /// Publications dropped where the namespace says so.
    pub dropped: u64,
    /// Commands answered with an error.
    pub errors: u64,
    /// Restarts of the broker.
    pub restarts: u64,
    /// Hubs that were drained to the last session.
    pub drains: u64,
    /// Connections that ended because their token did.
    pub expired: u64,
}

impl Figures {
    /// Adds those of another world.
    pub const fn add(&mut self, other: &Self) {
        self.entries += other.entries;
        self.deliveries += other.deliveries;
        self.recovered += other.recovered;
        self.unrecovered += other.unrecovered;
        self.insufficient += other.insufficient;
        self.slow += other.slow;
        self.dropped += other.dropped;
        self.errors += other.errors;
        self.restarts += other.restarts;
        self.drains += other.drains;
        self.expired += other.expired;
    }
}
