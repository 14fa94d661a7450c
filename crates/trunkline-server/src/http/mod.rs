//! Plain HTTP: health, and whatever else is no WebSocket.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::node::Node;

/// Everything that is served over plain HTTP.
pub(crate) fn router(config: &Config, _node: Node, _metrics: Arc<Metrics>) -> Router {
    let mut router = Router::new();
    if config.health.enabled {
        router = router.route(&config.health.handler_prefix, get(async || "{}"));
    }
    router
}
