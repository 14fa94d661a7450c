//! `GET /api/stats`: the figures of now, for the dashboard.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::api::Api;
use crate::latency::Quantiles;
use crate::process;
use crate::snapshot::Snapshot;

#[derive(Serialize)]
struct Stats {
    time_ms: i64,
    uptime_s: u64,
    version: &'static str,
    connections: usize,
    users: usize,
    channels: usize,
    subscriptions: usize,
    commands_total: u64,
    publications_total: u64,
    deliveries_total: u64,
    slow_disconnects_total: u64,
    /// Sockets that were not let in, and tokens that were not taken.
    refused_total: u64,
    bytes_in_total: u64,
    bytes_out_total: u64,
    /// From a request to publish, of the API or of the server itself, until subscribers have it in their
    /// outboxes. Absent while nothing is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    publish_latency_us: Option<Quantiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_seconds_total: Option<f64>,
}

pub(super) async fn show(State(api): State<Api>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(api.stats().await)).into_response()
}

impl Api {
    async fn stats(&self) -> Stats {
        let snapshot = Snapshot::take(self.node()).await;
        let metrics = self.reception().metrics();
        Stats {
            time_ms: crate::shard::now().unix_ms,
            uptime_s: self.reception().uptime().as_secs(),
            version: env!("CARGO_PKG_VERSION"),
            connections: snapshot.sessions,
            users: snapshot.users,
            channels: snapshot.channels,
            subscriptions: snapshot.subscriptions,
            commands_total: snapshot.counts.commands,
            publications_total: snapshot.broker.accepted,
            deliveries_total: snapshot.counts.deliveries,
            slow_disconnects_total: snapshot.counts.slow,
            refused_total: metrics.refused_in_all(),
            bytes_in_total: metrics.bytes_in.load(Ordering::Relaxed),
            bytes_out_total: snapshot.bytes_out,
            publish_latency_us: self.node().publish_latency(),
            memory_bytes: process::memory_bytes(),
            cpu_seconds_total: process::cpu_seconds(),
        }
    }
}
