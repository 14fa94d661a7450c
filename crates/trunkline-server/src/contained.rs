//! A panic in what belongs to one client, or to one request, costs nobody else anything.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// What `future` gives, or `None` if it panicked; it is not to be polled again then.
///
/// # Cancel safety
/// That of `future`.
pub(crate) fn unless_panicked<F: Future>(
    mut future: Pin<&mut F>,
) -> impl Future<Output = Option<F::Output>> {
    poll_fn(move |cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
}
