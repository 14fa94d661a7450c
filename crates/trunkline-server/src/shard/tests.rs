use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use tokio::task::LocalSet;
use trunkline_hub::{Connect, Disconnect, Entropy, Settings};

use super::*;
use crate::broker::{BrokerLimits, Homes, MemoryBroker};
use crate::random::random;

/// The task of a socket, as far as a shard sees it.
#[derive(Default)]
struct Sleeper {
    woken: AtomicUsize,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
    }
}

fn shard() -> (Rc<Shard>, Receiver) {
    let (links, mut receivers) = Links::new(1, Homes::of_process(1));
    let hub = Hub::new(Settings { insecure: true, ..Settings::default() }, Entropy::new(random));
    let broker = MemoryBroker::new(BrokerLimits::of_node(), random, now());
    (Shard::new(0, links, hub, Box::new(broker)), receivers.remove(0))
}

/// Sessions that have something to write, and who waits for that.
fn sessions(shard: &Shard, count: usize) -> Vec<(SessionId, Arc<Sleeper>)> {
    let begin = |_| {
        let session = shard.with(|it| it.hub.open(now()));
        shard.with(|it| it.hub.connect(now(), session, 1, Connect::default()));
        let sleeper = Arc::new(Sleeper::default());
        shard.wake_me(session, &Waker::from(Arc::clone(&sleeper)));
        (session, sleeper)
    };
    (0..count).map(begin).collect()
}

fn woken(sleepers: &[(SessionId, Arc<Sleeper>)]) -> usize {
    sleepers.iter().map(|(_, it)| it.woken.load(Ordering::Relaxed)).sum()
}

/// Lets everything go on until nothing does.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[tokio::test]
async fn whoever_has_something_to_write_is_woken_once_and_some_at_a_time() {
    let (shard, receiver) = shard();
    let tests = async {
        spawn_local(Rc::clone(&shard).run(receiver));
        settle().await;
        let sleepers = sessions(&shard, 2 * WAKES_AT_ONCE + 1);
        shard.turn(now());
        shard.turn(now());
        assert_eq!(woken(&sleepers), 0, "tasks that are ready come first");
        let mut most = 0;
        let mut before = 0;
        while before < sleepers.len() {
            yield_now().await;
            most = most.max(woken(&sleepers) - before);
            before = woken(&sleepers);
        }
        assert_eq!(most, WAKES_AT_ONCE);
        settle().await;
        assert!(sleepers.iter().all(|(_, it)| it.woken.load(Ordering::Relaxed) == 1));
    };
    LocalSet::new().run_until(tests).await;
}

#[tokio::test]
async fn whoever_has_written_meanwhile_is_not_woken_unless_it_has_ended() {
    let (shard, receiver) = shard();
    let tests = async {
        spawn_local(Rc::clone(&shard).run(receiver));
        settle().await;
        let sleepers = sessions(&shard, 2);
        for (session, _) in &sleepers {
            while shard.with(|it| it.hub.poll_entry(*session)).is_some() {}
        }
        shard.with(|it| it.hub.end(sleepers[1].0, Disconnect::SHUTDOWN));
        shard.turn(now());
        settle().await;
        let woken: Vec<_> =
            sleepers.iter().map(|(_, it)| it.woken.load(Ordering::Relaxed)).collect();
        assert_eq!(woken, [0, 1]);
    };
    LocalSet::new().run_until(tests).await;
}
