//! [`Counts`] and [`Gauges`]: what a hub says about itself in numbers.

/// Numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Commands, pongs left out.
    pub commands: u64,
    /// Commands that were answered with an error.
    pub errors: u64,
    /// Commands that closed their connection, which had used up what one connection may.
    pub commands_refused_connection: u64,
    /// Commands that closed their connection because its user had used up what one user may.
    pub commands_refused_user: u64,
    /// Publications that were refused because their connection had used up what one connection may.
    pub publishes_refused_connection: u64,
    /// Publications that were refused because their user had used up what one user may.
    pub publishes_refused_user: u64,
    /// Publications that came from the broker.
    pub publications: u64,
    /// Publications that were put into outboxes.
    pub deliveries: u64,
    /// Publications that were dropped for those who were slow, where the namespace says so.
    pub dropped: u64,
    /// Sessions that were closed because they were slow.
    pub slow: u64,
    /// Subscriptions that were told that publications may have been lost.
    pub insufficient: u64,
    /// Recoveries that gave back all that was missed.
    pub recovered: u64,
    /// Recoveries that could not.
    pub unrecovered: u64,
}

/// How much there is at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Sessions, those included that have not said who they are.
    pub sessions: usize,
    /// Channels with a subscriber.
    pub channels: usize,
    /// Subscriptions.
    pub subscriptions: usize,
    /// Users, the anonymous one left out.
    pub users: usize,
    /// Questions to the broker whose answers somebody waits for.
    pub questions: usize,
}
