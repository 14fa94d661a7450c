//! What hostile peers do to the server's port: the rows of `specs/security.md` that it answers for.

mod channels;
mod door;
mod framing;
mod limits;
mod protocol;
mod routes;
mod sessions;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod wire;
