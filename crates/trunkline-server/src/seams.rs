//! [`Seams`]: where tests put a mistake into a server. It costs nothing where nobody does.

use std::future::Future;
use std::sync::Arc;

use crate::broker::Broker;
use crate::watch::Part;

/// A partition of any kind, on its way to its thread.
pub(crate) type ABroker = Box<dyn Broker + Send>;

/// Tells a partition that the log has something for it.
pub(crate) type Wake = Arc<dyn Fn(usize) + Send + Sync>;

/// What is put in place of parts of a server, or around them.
pub(crate) trait Seams {
    fn broker(&self, broker: ABroker) -> ABroker {
        broker
    }

    fn wake(&self, wake: Wake) -> Wake {
        wake
    }

    fn task(
        &self,
        _part: Part,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        task
    }
}

/// A server as it is.
impl Seams for () {}
