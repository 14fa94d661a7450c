//! What is asked of a partition, and what comes of it where nothing has to be written down first.

use trunkline_hub::broker::{Event, Operation, Outcome};
use trunkline_hub::{ChannelName, Now};

use super::partition::Partition;
use super::presence::Presence;
use super::{Caller, Outlet};

impl Partition {
    /// Does what `from` asks. `None` if nobody waits for an answer.
    pub(super) fn handle_operation(
        &mut self,
        now: Now,
        from: Caller,
        channel: ChannelName,
        operation: Operation,
        outlet: &mut dyn Outlet,
    ) -> Option<Outcome> {
        Some(match operation {
            Operation::Attach { history, filter } => {
                self.attach(now, from, &channel, history, &filter)
            }
            Operation::Detach => {
                self.detach(now, from, &channel);
                return None;
            }
            Operation::Publish(publish) => self.publish(now, channel, publish, outlet),
            Operation::History { history, filter } => self.history(now, &channel, history, &filter),
            Operation::RemoveHistory => {
                self.remove_history(now, &channel);
                Outcome::Done
            }
            Operation::AddPresence { info, ttl_ms } => {
                self.add_presence(now, &channel, info, ttl_ms)
            }
            Operation::RemovePresence { client } => {
                self.remove_presence(now, &channel, client);
                Outcome::Done
            }
            Operation::Presence => {
                let list = self.presence(now, &channel, Presence::list);
                Outcome::Presence(list.unwrap_or_default())
            }
            Operation::PresenceStats => {
                let stats = self.presence(now, &channel, Presence::stats);
                Outcome::PresenceStats(stats.unwrap_or_default())
            }
            Operation::Join(info) => {
                self.tell(channel, Event::Join(info), outlet);
                return None;
            }
            Operation::Leave(info) => {
                self.tell(channel, Event::Leave(info), outlet);
                return None;
            }
        })
    }
}
