//! `GET /metrics`: the same figures for Prometheus. `docs/server/metrics.md` says what each means.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::metrics::Family;
use crate::node::Node;
use crate::process;
use crate::reception::Reception;
use crate::snapshot::Snapshot;

/// What OpenMetrics is called in HTTP.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn router(path: &str, reception: Arc<Reception>, node: Node) -> Router {
    Router::new().route(path, get(metrics)).with_state((reception, node))
}

async fn metrics(State((reception, node)): State<(Arc<Reception>, Node)>) -> Response {
    let figures = Figures {
        snapshot: Snapshot::take(&node).await,
        metrics: reception.metrics().named(),
        refused: reception.metrics().refused(),
        insecure: reception.rules().config.insecure(),
        uptime_s: reception.uptime().as_secs(),
    };
    let mut registry = Registry::with_prefix("trunkline");
    registry.register_collector(Box::new(figures));
    let mut text = String::new();
    // A `String` takes all that is written to it.
    let _ = encode(&mut text, &registry);
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}

/// The figures of one moment.
#[derive(Debug)]
struct Figures {
    snapshot: Snapshot,
    metrics: [(&'static str, &'static str, u64); 4],
    refused: [Family; 5],
    insecure: [(&'static str, bool); 3],
    uptime_s: u64,
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (name, help, value) in self.counters() {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        for Family { name, help, reasons } in &self.refused {
            let family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            labelled(family, "reason", reasons, ConstCounter::new)?;
        }
        let help = "Settings that switch checks off: 1 where one does";
        let family = encoder.encode_descriptor("insecure", help, None, MetricType::Gauge)?;
        labelled(family, "setting", &self.insecure, |it| ConstGauge::new(i64::from(it)))?;
        for (name, help, value) in self.gauges() {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// Its name, what it is, and how much.
type Figure = (&'static str, &'static str, u64);

impl Figures {
    fn counters(&self) -> impl Iterator<Item = Figure> {
        let (counts, broker) = (&self.snapshot.counts, &self.snapshot.broker);
        let counters = [
            ("sent_bytes", "Bytes of payload that were sent to clients", self.snapshot.bytes_out),
            ("commands", "Commands of clients", counts.commands),
            ("command_errors", "Commands that were answered with an error", counts.errors),
            (
                "commands_refused_connection",
                "Commands that closed their connection: too fast for one connection",
                counts.commands_refused_connection,
            ),
            (
                "commands_refused_user",
                "Commands that closed their connection: too fast for one user",
                counts.commands_refused_user,
            ),
            (
                "publishes_refused_connection",
                "Publications that were refused: too fast for one connection",
                counts.publishes_refused_connection,
            ),
            (
                "publishes_refused_user",
                "Publications that were refused: too fast for one user",
                counts.publishes_refused_user,
            ),
            ("publications", "Publications that were accepted", broker.accepted),
            (
                "deliveries",
                "Publications that were put into the outbox of a client",
                counts.deliveries,
            ),
            (
                "deliveries_dropped",
                "Publications that slow clients did not get, where the namespace says so",
                counts.dropped,
            ),
            ("slow_disconnects", "Clients that were closed because they did not read", counts.slow),
            ("insufficient_states", "Subscriptions that were told to recover", counts.insufficient),
            ("recoveries", "Clients that got back all that they had missed", counts.recovered),
            ("recoveries_failed", "Clients that could not", counts.unrecovered),
            (
                "history_evicted",
                "Publications that were dropped early for want of room",
                broker.evicted,
            ),
            (
                "broker_refused",
                "Requests that were refused because a bound was hit",
                broker.refused,
            ),
        ];
        let of_log = self.snapshot.log.iter().flat_map(|it| {
            [
                ("log_commits", "Times that the log on disk was written", it.commits),
                ("log_failures", "Times that the disk did not take what was written", it.failures),
            ]
        });
        self.metrics.iter().copied().chain(counters).chain(of_log)
    }

    fn gauges(&self) -> impl Iterator<Item = Figure> {
        let (snapshot, broker) = (&self.snapshot, &self.snapshot.broker);
        let gauges = [
            ("connections", "Sessions that are open", snapshot.sessions as u64),
            ("users", "Different users among them", snapshot.users as u64),
            ("subscriptions", "Subscriptions", snapshot.subscriptions as u64),
            ("channels", "Channels with a subscriber", snapshot.channels as u64),
            ("history_publications", "Publications that are kept", broker.publications as u64),
            ("history_bytes", "Bytes of memory that they take", broker.history_bytes as u64),
            (
                "presences",
                "Clients whose presence is kept, once per channel",
                broker.presences as u64,
            ),
            ("uptime_seconds", "Since the start", self.uptime_s),
            ("memory_bytes", "Memory of the process", process::memory_bytes().unwrap_or_default()),
        ];
        let of_log = snapshot.log.iter().flat_map(|it| {
            [
                ("log_disk_bytes", "Bytes of disk that the log takes", it.disk_bytes),
                ("log_failing", "1 while the disk takes nothing", u64::from(it.is_failing)),
            ]
        });
        gauges.into_iter().chain(of_log)
    }
}

/// One metric for each value of a label.
fn labelled<T: Copy, M: EncodeMetric>(
    mut family: MetricEncoder<'_>,
    label: &str,
    values: &[(&str, T)],
    metric: impl Fn(T) -> M,
) -> Result<(), std::fmt::Error> {
    for (word, value) in values {
        let labels = [(label, *word)];
        metric(*value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
