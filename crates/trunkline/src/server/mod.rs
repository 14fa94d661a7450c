//! The server's side: the opening handshake on a stream, and a server that listens.
//!
//! ```text
//!   Server ─ serve ─▶ Serving: one task that accepts, counts, drains
//!                        │ a task for each connection
//!                        ▼
//!                     connection::run ─ TLS ─▶ Acceptor ─▶ Upgrade ─▶ the handler
//!                        ▲                                               │
//!                        └──────── tether: the connection comes back ◀───┘
//! ```

mod acceptor;
mod connection;
mod counts;
mod drain;
mod drain_handle;
mod draining;
mod error;
mod handler;
mod listen;
mod seats;
mod serve;
mod upgrade;

pub use acceptor::{Acceptor, accept};
pub use counts::ServerCounts;
pub use drain::{Drain, Drained, ServerHandle};
pub use drain_handle::DrainHandle;
pub(crate) use drain_handle::Member;
pub use error::AcceptError;
pub use handler::{Accepted, Outcome};
pub use listen::{Listener, Server, listen};
pub use upgrade::Upgrade;
