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
