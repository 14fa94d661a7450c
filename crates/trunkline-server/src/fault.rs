//! [`Fault`]: a server with a mistake in it, for tests of what becomes of the process. No build that is shipped has it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::net::TcpListener;
use trunkline_hub::Now;
use trunkline_hub::broker::{Operation, Request};

use crate::broker::{Broker, BrokerStats, Caller, ChannelPattern, ChannelSummary, Outlet};
use crate::config::Config;
use crate::error::StartError;
use crate::seams::{ABroker, Seams, Wake};
use crate::server::Server;
use crate::watch::Part;

/// Which part panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A partition of the broker, by a publication into `fatal`.
    Partition,
    /// The task that accepts, at once.
    Listener,
    /// The market of the demos, at once.
    Demo,
    /// The thread that writes the log, when it has written something.
    Log,
}

impl Server {
    /// Starts a server that has `fault`.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub async fn start_with_fault(config: Config, fault: Fault) -> Result<Self, StartError> {
        let address = config.http_server.listen();
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| StartError::Listen { address, error })?;
        Self::start_with(listener, config, &fault).await
    }
}

impl Seams for Fault {
    fn broker(&self, broker: ABroker) -> ABroker {
        match self {
            Self::Partition => Box::new(Fragile(broker)),
            _ => broker,
        }
    }

    fn wake(&self, wake: Wake) -> Wake {
        match self {
            Self::Log => {
                let is_first = AtomicBool::new(true);
                Arc::new(move |partition| {
                    assert!(!is_first.swap(false, Ordering::Relaxed), "the mistake");
                    wake(partition);
                })
            }
            _ => wake,
        }
    }

    fn task(
        &self,
        part: Part,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let is_fatal =
            matches!((self, part), (Self::Listener, Part::Listener) | (Self::Demo, Part::Demo));
        async move {
            assert!(!is_fatal, "the mistake");
            task.await;
        }
    }
}

/// A broker that does not survive publications into `fatal`.
struct Fragile(ABroker);

impl Broker for Fragile {
    fn handle_request(&mut self, now: Now, from: Caller, it: Request, outlet: &mut dyn Outlet) {
        let is_fatal =
            it.channel.as_str() == "fatal" && matches!(it.operation, Operation::Publish(_));
        assert!(!is_fatal, "the mistake");
        self.0.handle_request(now, from, it, outlet);
    }

    fn handle_wake(&mut self, now: Now, outlet: &mut dyn Outlet) {
        self.0.handle_wake(now, outlet);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Now, outlet: &mut dyn Outlet) {
        self.0.handle_timeout(now, outlet);
    }

    fn channels(&self, pattern: &ChannelPattern) -> Vec<ChannelSummary> {
        self.0.channels(pattern)
    }

    fn stats(&self) -> BrokerStats {
        self.0.stats()
    }
}
