//! What the demos need of the server: namespaces, tokens for whoever looks, and a market that moves.
//!
//! They run with `trunkline serve --demo` alone, as they give a token to everybody who asks. What the pages
//! expect is written down in `web/README.md`.

mod feed;
mod namespaces;
mod routes;
mod visitor;

pub(crate) use feed::run as run_feed;
pub(crate) use routes::router;

use crate::config::Config;

/// Turns the demos on: adds their namespaces to those that `config` has.
pub fn enable(config: &mut Config) {
    config.demo = true;
    for namespace in namespaces::all() {
        if config.channel.namespace(&namespace.name).is_none() {
            config.channel.namespaces.push(namespace);
        }
    }
}
