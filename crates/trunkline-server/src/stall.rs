//! Lets go of peers that neither send nor take anything any more.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::timeout;

/// Bytes that a stream has moved, either way. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moved(Arc<AtomicU64>);

impl Moved {
    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What `served` gives; `None` if meanwhile no byte moves for `patience`, or up to twice as long.
pub(crate) async fn unless_stalled<F: Future>(
    served: F,
    moved: &Moved,
    patience: Duration,
) -> Option<F::Output> {
    let mut served = pin!(served);
    loop {
        let before = moved.bytes();
        if let Ok(output) = timeout(patience, served.as_mut()).await {
            return Some(output);
        }
        if moved.bytes() == before {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::rewind::Rewind;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn sec_bp_03_who_takes_no_answer_over_http_is_let_go() {
        let (_peer, ours) = duplex(100);
        let mut ours = Rewind::new(Vec::new(), ours);
        let (moved, start) = (ours.moved(), Instant::now());
        // Some of it is taken by the pipe, and nothing after.
        let served = async move { ours.write_all(&[0; 1_000]).await };
        assert!(unless_stalled(served, &moved, PATIENCE).await.is_none());
        assert!(start.elapsed() <= 2 * PATIENCE + Duration::from_millis(5));
        assert!(unless_stalled(pending::<()>(), &moved, PATIENCE).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_its_time_is_served_to_the_end() {
        let (mut peer, ours) = duplex(100);
        let mut ours = Rewind::new(Vec::new(), ours);
        let moved = ours.moved();
        let served = async move { ours.write_all(&[0; 1_000]).await };
        let slow = async {
            let mut taken = [0; 100];
            for _ in 0..10 {
                sleep(PATIENCE - Duration::from_secs(1)).await;
                peer.read_exact(&mut taken).await.unwrap();
            }
        };
        let (served, ()) = tokio::join!(unless_stalled(served, &moved, PATIENCE), slow);
        assert!(served.is_some_and(|it| it.is_ok()));
    }
}
