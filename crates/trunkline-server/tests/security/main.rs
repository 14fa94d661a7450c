//! What hostile peers do to the server's port: the rows of `specs/security.md` that it answers for.

mod limits;
#[path = "../support/mod.rs"]
mod support;
mod wire;
