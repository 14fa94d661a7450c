//! What asks a process to end.

use tokio::sync::mpsc;

use crate::exit::Failure;

/// Tells `interrupt` of each Ctrl-C, and each SIGTERM.
pub(crate) fn listen(interrupt: &mpsc::UnboundedSender<()>) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())
            .map_err(|error| Failure::failed("cannot hear signals", error))?;
        let interrupt = interrupt.clone();
        tokio::spawn(async move {
            while terminated.recv().await.is_some() && interrupt.send(()).is_ok() {}
        });
    }
    let interrupt = interrupt.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() && interrupt.send(()).is_ok() {}
    });
    Ok(())
}

/// What asks a server to read its configuration again.
pub(crate) struct Reloads {
    #[cfg(unix)]
    hang_ups: tokio::signal::unix::Signal,
}

/// Listens for SIGHUP, where there is such a thing.
pub(crate) fn reloads() -> Result<Reloads, Failure> {
    Ok(Reloads {
        #[cfg(unix)]
        hang_ups: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
            .map_err(|error| Failure::failed("cannot hear signals", error))?,
    })
}

impl Reloads {
    /// Waits for the next one.
    ///
    /// # Cancel safety
    /// Dropping the future loses none.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.hang_ups.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }
}
