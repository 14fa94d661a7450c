//! [`BodyDeadline`]: the body of a request, for as long as it may take.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// From the first look at a body to its end. Backends are near: the largest body there may be has to come with
/// 420 KB a second. Before the door gives up a silent peer, so that this one is told why.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// A body that fails with [`TooSlow`] at its deadline. Progress does not put that off.
pub(crate) struct BodyDeadline<B> {
    body: B,
    /// Runs from when somebody reads the body: most requests have none that anybody reads.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<B> BodyDeadline<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body, deadline: None }
    }
}

impl<B> Body for BodyDeadline<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = pin!(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(BODY_TIMEOUT)));
        deadline.as_mut().poll(cx).map(|()| Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request was not there in time.
#[derive(Debug)]
pub(crate) struct TooSlow;

impl TooSlow {
    /// Whether this is why a body could not be read, however it was wrapped on the way.
    pub(crate) fn is_cause_of(error: &(dyn Error + 'static)) -> bool {
        error.is::<Self>() || error.source().is_some_and(Self::is_cause_of)
    }
}

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a body has to be there within {} s", BODY_TIMEOUT.as_secs())
    }
}

impl Error for TooSlow {}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::time::{Instant, Interval, interval};

    use super::*;

    /// So many bytes, one a second.
    struct Drip(Interval, u32);

    impl Body for Drip {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if self.1 == 0 {
                return Poll::Ready(None);
            }
            self.0.poll_tick(cx).map(|_| {
                self.1 -= 1;
                Some(Ok(Frame::data(Bytes::from_static(b"x"))))
            })
        }
    }

    async fn read(bytes: u32) -> (Result<usize, BoxError>, Duration) {
        let started = Instant::now();
        let drip = Drip(interval(Duration::from_secs(1)), bytes);
        let read = BodyDeadline::new(drip).collect().await;
        (read.map(|it| it.to_bytes().len()), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn sec_rl_14_progress_does_not_put_the_deadline_of_a_body_off() {
        let (read, took) = read(1_000).await;
        let error = axum::Error::new(read.expect_err("it never ends"));
        assert!(TooSlow::is_cause_of(&error), "{error}");
        assert_eq!(took.as_secs(), BODY_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_there_in_time_is_whole() {
        assert_eq!(read(20).await.0.unwrap(), 20);
    }
}
