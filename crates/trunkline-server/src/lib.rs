//! The real-time server as a process: it listens, lets in, and drives hubs and sockets.

#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::missing_errors_doc, clippy::print_stdout)]

pub mod auth;
pub mod broker;
pub mod config;
pub mod dialect;
