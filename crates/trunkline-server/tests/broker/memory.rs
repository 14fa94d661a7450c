//! The broker in memory.

use trunkline_server::broker::{BrokerLimits, MemoryBroker};

use crate::world::{World, entropy, start};

pub(crate) fn world(limits: BrokerLimits) -> World {
    let now = start();
    World::new(Box::new(MemoryBroker::new(limits, entropy(1), now)), None, now)
}
