//! What is told while a test runs: the lines of a subscriber, and the numbers of a recorder.

#![allow(unreachable_pub, reason = "as in the other files of this folder")]

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use tracing_subscriber::fmt::format::FmtSpan;

/// What has been told so far.
#[derive(Clone, Default)]
pub struct Told {
    lines: Arc<Mutex<Vec<u8>>>,
    numbers: Arc<Mutex<BTreeMap<String, f64>>>,
}

/// Runs a test, on this thread alone, and in stopped time if it is `paused`.
pub fn told<F: Future>(paused: bool, test: impl FnOnce(Told) -> F) -> Told {
    let told = Told::default();
    let lines = told.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::NEW)
        .with_ansi(false)
        .without_time()
        .with_writer(move || lines.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&told, || {
            runtime.block_on(test(told.clone()));
            // Whatever is left tells its end.
            drop(runtime);
        });
    });
    told
}

impl Told {
    /// All lines.
    pub fn text(&self) -> String {
        String::from_utf8(self.lines.lock().unwrap().clone()).unwrap()
    }

    /// The only line that has all of these in it.
    #[track_caller]
    pub fn line(&self, parts: &[&str]) -> String {
        let lines = self.lines(parts);
        assert_eq!(lines.len(), 1, "{parts:?} in {lines:#?}, of:\n{}", self.text());
        lines.into_iter().next().unwrap()
    }

    /// The lines that have all of these in them.
    pub fn lines(&self, parts: &[&str]) -> Vec<String> {
        let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
        self.text().lines().filter(has_all).map(str::to_owned).collect()
    }

    /// The number with this name and these labels, `name{a=b,c=d}`; a histogram's is how many it has. Zero
    /// if it has never been told.
    pub fn number(&self, key: &str) -> f64 {
        self.numbers.lock().unwrap().get(key).copied().unwrap_or_default()
    }

    /// The names and labels that have been told.
    pub fn keys(&self) -> Vec<String> {
        self.numbers.lock().unwrap().keys().cloned().collect()
    }

    fn meter(&self, key: &Key) -> Arc<Meter> {
        let labels: Vec<_> =
            key.labels().map(|it| format!("{}={}", it.key(), it.value())).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        Arc::new(Meter { key: format!("{}{labels}", key.name()), told: self.clone() })
    }
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Recorder for Told {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.meter(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.meter(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.meter(key))
    }
}

/// One number.
struct Meter {
    key: String,
    told: Told,
}

impl Meter {
    fn add(&self, by: f64) {
        *self.told.numbers.lock().unwrap().entry(self.key.clone()).or_default() += by;
    }
}

impl CounterFn for Meter {
    fn increment(&self, by: u64) {
        self.add(by as f64);
    }

    fn absolute(&self, _: u64) {
        unreachable!("we only add");
    }
}

impl GaugeFn for Meter {
    fn increment(&self, by: f64) {
        self.add(by);
    }

    fn decrement(&self, by: f64) {
        self.add(-by);
    }

    fn set(&self, _: f64) {
        unreachable!("several connections share a gauge");
    }
}

impl HistogramFn for Meter {
    fn record(&self, value: f64) {
        assert!((0.0..100.0).contains(&value), "{} took {value} s", self.key);
        self.add(1.0);
    }
}
