//! The server's side: the opening handshake on a stream.

mod acceptor;
mod error;
mod upgrade;

pub use acceptor::{Acceptor, accept};
pub use error::AcceptError;
pub use upgrade::Upgrade;
