//! Questions to a partition from those who are no hub: the HTTP API, the demos' feed.

use std::collections::HashMap;

use tokio::sync::oneshot;
use trunkline_hub::broker::{Answer, Outcome, RequestId};

/// Where the answer goes.
pub(crate) type Reply = oneshot::Sender<Outcome>;

/// What has been asked and not answered yet.
#[derive(Default)]
pub(crate) struct Asked {
    next: u64,
    waiting: HashMap<RequestId, Reply>,
}

impl Asked {
    /// The id under which to ask.
    pub(crate) fn begin(&mut self, reply: Reply) -> RequestId {
        // Those who gave up are forgotten when somebody else asks.
        if self.waiting.len() > 1024 {
            self.waiting.retain(|_, reply| !reply.is_closed());
        }
        self.next += 1;
        let id = RequestId(self.next);
        self.waiting.insert(id, reply);
        id
    }

    pub(crate) fn settle(&mut self, answer: Answer) {
        if let Some(reply) = self.waiting.remove(&answer.id) {
            // Whoever asked may have gone.
            let _ = reply.send(answer.outcome);
        }
    }
}
