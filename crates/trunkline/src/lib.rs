//! WebSockets for tokio.
