//! Plain HTTP: the API, health, metrics, pages.

mod api;
mod origin;
mod pages;
mod prometheus;
mod stats;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::demo;
use crate::node::Node;
use crate::reception::Reception;
use api::Api;
use origin::{Pages, guard};

/// Everything that is served over plain HTTP.
pub(crate) fn router(reception: &Arc<Reception>, node: Node) -> Router {
    let rules = reception.rules();
    let config = &rules.config;
    let mut router = Router::new();
    if config.health.enabled {
        let reception = Arc::clone(reception);
        let ready = async move || match reception.is_ready() {
            true => (StatusCode::OK, "{}"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        };
        router = router.route(&config.health.handler_prefix, get(async || "{}"));
        router = router.route("/ready", get(ready));
    }
    if config.prometheus.enabled {
        let path = &config.prometheus.handler_prefix;
        router = router.merge(prometheus::router(path, Arc::clone(reception), node.clone()));
    }
    if config.demo {
        router = router.merge(demo::router(config, node.clone()));
    }
    router = router.layer(from_fn_with_state(Pages::own(reception), guard));
    if !config.http_api.disabled {
        let pages = from_fn_with_state(Pages::listed(reception), guard);
        let api = Api::new(node, Arc::clone(reception)).router().layer(pages);
        router = router.nest(&config.http_api.handler_prefix, api);
    }
    let demos = config.demo;
    let page = async move |uri: Uri, headers: HeaderMap| pages::serve(demos, &uri, &headers);
    router.fallback_service(get(page))
}
