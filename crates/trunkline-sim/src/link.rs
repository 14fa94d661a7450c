//! What is on its way between hubs and the broker.

use std::collections::BTreeMap;

use trunkline_hub::ChannelName;
use trunkline_hub::broker::{Answer, Delivery, Request};

/// What arrives, at a hub or from it.
#[derive(Debug)]
pub(crate) enum Arrival {
    Request(usize, Request),
    Answer(usize, Answer),
    Delivery(usize, Delivery),
    /// The hub notices that the link was cut, or that the broker is another one.
    Noticed(usize),
}

/// Requests of one hub stay in order, and so do deliveries of one channel to one hub; nothing else does.
#[derive(Debug, Default)]
pub(crate) struct Link {
    arrivals: BTreeMap<(u64, u64), Arrival>,
    sent: u64,
    last_request: BTreeMap<usize, u64>,
    last_delivery: BTreeMap<(usize, ChannelName), u64>,
}

impl Link {
    /// Sends something that arrives at `due`, or when what it may not overtake has arrived.
    pub(crate) fn send(&mut self, due: u64, arrival: Arrival) {
        let last = match &arrival {
            Arrival::Request(hub, _) => self.last_request.entry(*hub).or_default(),
            Arrival::Delivery(hub, delivery) => {
                self.last_delivery.entry((*hub, delivery.channel.clone())).or_default()
            }
            Arrival::Answer(..) | Arrival::Noticed(_) => &mut 0,
        };
        *last = due.max(*last);
        let due = *last;
        self.sent += 1;
        self.arrivals.insert((due, self.sent), arrival);
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.arrivals.first_key_value().map(|((due, _), _)| *due)
    }

    pub(crate) fn take(&mut self, now: u64) -> Option<Arrival> {
        self.arrivals.first_entry().filter(|it| it.key().0 <= now).map(|it| it.remove())
    }
}
