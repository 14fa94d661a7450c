//! What must hold: at every step, once it is quiet, and when all have gone.

use trunkline_hub::{ChannelName, Gauges};

use crate::client::{Broken, Client};
use crate::world::World;

impl World<'_> {
    /// No session outlives its token, however the clock on the wall is set.
    ///
    /// Outboxes keep within their bounds, whoever reads or does not. One reply may go beyond, and none is larger here
    /// than an outbox.
    pub(crate) fn check(&self) -> Result<(), Broken> {
        for (index, client) in self.clients.iter().enumerate() {
            let Some(view) = client.session.and_then(|it| self.hubs[client.hub].view(it)) else {
                continue;
            };
            if client.ends_ms.is_some_and(|it| it < self.now_ms) {
                return Err(format!("client {index} was to expire at {:?}", client.ends_ms));
            }
            let is_over = view.outbox_entries > self.limits.outbox_entries
                || view.outbox_bytes > 2 * self.limits.outbox_bytes && view.outbox_entries > 1;
            if is_over {
                return Err(format!(
                    "{} entries and {} bytes wait for client {index}",
                    view.outbox_entries, view.outbox_bytes
                ));
            }
        }
        Ok(())
    }

    /// Whoever reads is told everything at once, or after `write_delay`.
    pub(crate) fn check_waits(&mut self) -> Result<(), Broken> {
        let most = self.limits.write_delay.as_millis();
        for (index, client) in self.clients.iter_mut().enumerate() {
            let view = client.session.and_then(|it| self.hubs[client.hub].view(it));
            let waits = view.is_some_and(|it| it.outbox_entries > 0) && !client.is_stalled;
            let since = waits.then(|| client.waits_since_ms.unwrap_or(self.now_ms));
            client.waits_since_ms = since;
            if since.is_some_and(|since| u128::from(self.now_ms - since) > most) {
                return Err(format!(
                    "client {index} reads, and something has waited since {since:?}"
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn check_client(&self, index: usize) -> Result<(), Broken> {
        let client = &self.clients[index];
        if let Some(asked) = client.asked.front() {
            return Err(format!("client {index} has no reply to {asked:?}"));
        }
        let Some(session) = client.session else { return Ok(()) };
        let view = self.hubs[client.hub].view(session).ok_or("an open session has no view")?;
        let mut there = view.channels;
        there.sort_unstable();
        if !there.iter().eq(client.subscriptions.keys()) {
            return Err(format!("client {index} is on {there:?}, and does not know it"));
        }
        for (channel, here) in &client.subscriptions {
            let top = self.broker.top(channel);
            if here.at.is_some() && here.at != top {
                return Err(format!("client {index} on {channel} is at {here:?}, not {top:?}"));
            }
        }
        Ok(())
    }

    pub(crate) fn check_presence(&self, name: &ChannelName) -> Result<(), Broken> {
        let is_there = |it: &&Client| it.subscriptions.contains_key(name);
        let mut there: Vec<_> =
            self.clients.iter().filter(is_there).filter_map(|it| it.client).collect();
        there.sort_unstable();
        let present = self.broker.present(name, self.now_ms);
        if there == present {
            return Ok(());
        }
        Err(format!("present on {name} are {present:?}, and there are {there:?}"))
    }

    /// When all have gone, hubs hold nothing, and want nothing.
    pub(crate) fn check_empty(&mut self) -> Result<(), Broken> {
        for hub in &mut self.hubs {
            if hub.gauges() != Gauges::default() {
                return Err(format!("all have gone, and there are {:?}", hub.gauges()));
            }
            if let Some(due) = hub.poll_timeout() {
                return Err(format!("all have gone, and something is due at {due:?}"));
            }
            if let Some(request) = hub.poll_request() {
                return Err(format!("all have gone, and the hub asks {request:?}"));
            }
            if let Some(session) = hub.poll_marked() {
                return Err(format!("all have gone, and {session:?} has something to write"));
            }
        }
        Ok(())
    }
}
