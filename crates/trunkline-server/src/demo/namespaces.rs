//! The namespaces of the demos.

use std::time::Duration;

use crate::config::{Namespace, NamespaceOptions, RecoveryModeName};

/// How long the demos remember.
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) fn all() -> [Namespace; 6] {
    [
        named("chat", history(100, with_presence(open()))),
        named("board", history(10_000, with_presence(open()))),
        named("game", binary(with_presence(open()))),
        // Typing, pointers: what matters only now.
        named("signals", with_presence(open())),
        named("notifications", notifications()),
        named("market", market()),
    ]
}

fn named(name: &str, options: NamespaceOptions) -> Namespace {
    Namespace { name: name.to_owned(), options }
}

/// Everybody who has a token may come in and publish.
fn open() -> NamespaceOptions {
    NamespaceOptions {
        allow_subscribe_for_client: true,
        allow_publish_for_subscriber: true,
        ..NamespaceOptions::default()
    }
}

/// All who come speak Protobuf, and send bytes that are no JSON.
fn binary(options: NamespaceOptions) -> NamespaceOptions {
    NamespaceOptions { allow_binary_publish: true, ..options }
}

fn with_presence(options: NamespaceOptions) -> NamespaceOptions {
    NamespaceOptions {
        presence: true,
        join_leave: true,
        allow_presence_for_subscriber: true,
        ..options
    }
}

fn history(size: usize, options: NamespaceOptions) -> NamespaceOptions {
    NamespaceOptions {
        history_size: size,
        history_ttl: DAY,
        force_recovery: true,
        allow_history_for_subscriber: true,
        ..options
    }
}

/// Only the server publishes, and each user has a channel that nobody else may enter.
fn notifications() -> NamespaceOptions {
    history(
        100,
        NamespaceOptions { allow_user_limited_channels: true, ..NamespaceOptions::default() },
    )
}

/// Only the server publishes, and who comes wants the latest price.
fn market() -> NamespaceOptions {
    let options =
        NamespaceOptions { allow_subscribe_for_client: true, ..NamespaceOptions::default() };
    NamespaceOptions { force_recovery_mode: RecoveryModeName::Cache, ..history(1, options) }
}
