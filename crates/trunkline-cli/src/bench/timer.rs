//! Waiting for a point in time more exactly than tokio's timer, which is late by up to a millisecond:
//! many times what a server takes to answer.

#[cfg(target_os = "linux")]
pub(super) use exact::Timer;
#[cfg(not(target_os = "linux"))]
pub(super) use plain::Timer;

#[cfg(target_os = "linux")]
mod exact {
    use std::io;
    use std::time::Instant;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::AsyncReadExt;
    use tokio::net::unix::pipe::Receiver;

    /// A timer of the kernel's, late by some microseconds. It is read as a pipe is, and tokio has no
    /// other type for such without `unsafe`.
    #[derive(Debug)]
    pub(crate) struct Timer(Receiver);

    impl Timer {
        /// On the runtime that it is used on.
        pub(crate) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Receiver::from_owned_fd_unchecked(timer).map(Self)
        }

        /// Gives at once if that time has passed.
        pub(crate) async fn sleep_until(&mut self, until: Instant) -> io::Result<()> {
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(());
                }
                let once = Itimerspec {
                    it_interval: Timespec::default(),
                    it_value: left.try_into().map_err(|_| io::ErrorKind::InvalidInput)?,
                };
                timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
                // How often it has expired takes 8 bytes. Asked for more, tokio knows without trying that
                // there is nothing left to read.
                let _expirations = self.0.read(&mut [0; 16]).await?;
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod plain {
    use std::io;
    use std::time::Instant;

    #[derive(Debug)]
    pub(crate) struct Timer;

    impl Timer {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn sleep_until(&mut self, until: Instant) -> io::Result<()> {
            if until > Instant::now() {
                tokio::time::sleep_until(until.into()).await;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn never_too_early() {
        let mut timer = Timer::new().unwrap();
        for micros in [0, 1, 50, 1000, 5000, 100] {
            let until = Instant::now() + Duration::from_micros(micros);
            timer.sleep_until(until).await.unwrap();
            assert!(Instant::now() >= until, "{micros} µs");
        }
    }
}
