//! [`Node`]: all shards of this process, for those who are on none of them: the HTTP API, signals, metrics.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use trunkline_hub::broker::{Operation, Outcome, Publish};
use trunkline_hub::{
    ChannelName, CommandError, HistoryFilter, HistoryOptions, HistoryPage, Now, StreamPosition,
};

use crate::broker::{LogMeter, LogStats};
use crate::latency::{Latency, Quantiles};
use crate::shard::{Links, Message, Shard, State};

/// How long a shard may take to answer: as long as a broker may.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The way to all shards of this process. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    links: Links,
    /// How long publishes take that come from here.
    latency: Arc<Latency>,
    /// The log on disk, if there is one.
    log: Option<LogMeter>,
    started: Instant,
}

impl Node {
    pub(crate) fn new(links: Links, log: Option<LogMeter>) -> Self {
        Self { links, latency: Arc::new(Latency::new()), log, started: Instant::now() }
    }

    /// Asks the broker of `channel`: now, not when the future is polled, so that questions are put in the
    /// order of the calls and need not wait for each other's answers.
    ///
    /// # Errors
    /// What the broker says, or [`CommandError::Internal`] if it says nothing in time.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the question back.
    pub(crate) fn ask(
        &self,
        channel: ChannelName,
        operation: Operation,
    ) -> impl Future<Output = Result<Outcome, CommandError>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let home = self.links.home(&channel);
        self.links.send(home, Message::Ask { channel, operation, reply });
        async move {
            match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
                Ok(Ok(Outcome::Failed(error))) => Err(error),
                Ok(Ok(outcome)) => Ok(outcome),
                _ => Err(CommandError::Internal),
            }
        }
    }

    /// Publishes, and tells the position in a channel with history.
    ///
    /// # Errors
    /// See [`ask`](Self::ask).
    pub(crate) fn publish(
        &self,
        channel: ChannelName,
        publish: Publish,
    ) -> impl Future<Output = Result<Option<StreamPosition>, CommandError>> + Send + use<> {
        let (latency, started, asked) = (Arc::clone(&self.latency), self.started, Instant::now());
        let answer = self.ask(channel, Operation::Publish(publish));
        async move {
            match answer.await? {
                Outcome::Published(position) => {
                    latency.record(asked.elapsed(), started.elapsed());
                    Ok(position)
                }
                _ => Err(CommandError::Internal),
            }
        }
    }

    /// How long publishes took in the last seconds that came from here; `None` if none did.
    pub(crate) fn publish_latency(&self) -> Option<Quantiles> {
        self.latency.quantiles(self.started.elapsed())
    }

    /// What the log on disk has cost so far, if there is one.
    pub(crate) fn log_stats(&self) -> Option<LogStats> {
        self.log.as_ref().map(LogMeter::stats)
    }

    /// Reads the history of a channel.
    ///
    /// # Errors
    /// See [`ask`](Self::ask).
    pub(crate) async fn history(
        &self,
        channel: ChannelName,
        history: HistoryOptions,
        filter: HistoryFilter,
    ) -> Result<HistoryPage, CommandError> {
        match self.ask(channel, Operation::History { history, filter }).await? {
            Outcome::Page(page) => Ok(page),
            _ => Err(CommandError::Internal),
        }
    }

    /// Lets every shard do something, and gathers what comes of it, in no particular order. A shard that
    /// does not answer in time is left out.
    pub(crate) async fn on_each<R, F>(&self, act: F) -> Vec<R>
    where
        R: Send + 'static,
        F: Fn(&mut State, Now) -> R + Clone + Send + 'static,
    {
        let answers: Vec<_> = (0..self.links.shards())
            .map(|shard| {
                let (reply, answer) = oneshot::channel();
                let act = act.clone();
                self.run_on(shard, move |shard, now| {
                    let _ = reply.send(shard.with(|state| act(state, now)));
                });
                answer
            })
            .collect();
        let mut results = Vec::with_capacity(answers.len());
        for answer in answers {
            if let Ok(Ok(result)) = tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
                results.push(result);
            }
        }
        results
    }

    /// Lets one shard do something, when it comes to it.
    pub(crate) fn run_on(&self, shard: u16, act: impl FnOnce(&Shard, Now) + Send + 'static) {
        self.links.send(shard, Message::Run(Box::new(act)));
    }

    /// Starts a task on one shard, which may keep what belongs to that thread.
    pub(crate) fn spawn_on<F, Fut>(&self, shard: u16, task: F)
    where
        F: FnOnce(Rc<Shard>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let spawn = move |shard| drop(tokio::task::spawn_local(task(shard)));
        self.links.send(shard, Message::Spawn(Box::new(spawn)));
    }

    /// Ends all shards, and with them the tasks that are left.
    pub(crate) fn stop(&self) {
        (0..self.shards()).for_each(|shard| self.links.send(shard, Message::Stop));
    }

    pub(crate) fn shards(&self) -> u16 {
        self.links.shards()
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("shards", &self.shards()).finish()
    }
}
