//! All settings of `trunkline serve`: what they are, where each is read from, what they come to.
//!
//! Each source wins over those before it:
//!
//! 1. the defaults;
//! 2. a file in TOML, YAML or JSON, by the end of its name;
//! 3. environment variables: `client.token.hmac_secret_key` is `TRUNKLINE_CLIENT_TOKEN_HMAC_SECRET_KEY`;
//! 4. flags: `--set client.token.hmac_secret_key=…`.
//!
//! Keys are those of Centrifugo 6 where it has one. A setting of its that we lack is refused if the server
//! would be less safe, or would deliver less, than its owner thinks; else it is a warning. Whatever is
//! wrong is told at once, with the place.

mod absent;
mod channel;
mod check;
mod client;
mod env;
mod file;
mod namespaces;
mod node;
mod problem;
mod reader;
mod reference;
mod reload;
mod secret;
mod server;
mod settings;
mod sources;
mod suggest;
mod toml;
mod value;
mod yaml;

use std::collections::BTreeMap;

use trunkline::handshake::{InvalidOrigin, OriginPolicy};
use trunkline_hub::Namespaces;
use trunkline_hub::limits::Limits;

pub use channel::{
    AllChannels, Channel, Namespace, NamespaceOptions, OverflowName, RecoveryModeName,
};
pub(crate) use client::NUMERIC_DATE_MAX;
pub use client::{Client, PersonalChannel, Separate, SubscriptionToken, Token};
pub use node::Place;
pub use problem::{Problem, Problems};
pub use reload::Reload;
pub use secret::Secret;
pub use server::{
    Data, Fsync, Health, HttpApi, HttpServer, Log, LogFormat, LogLevel, Pem, Prometheus, Shutdown,
    ThisNode, Tls, Websocket,
};
pub use settings::{Change, Setting};
pub use sources::{Loaded, Sources};

use settings::Group;

/// All settings, each as the last source says that has it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Where the server listens.
    pub http_server: HttpServer,
    /// The WebSocket that client SDKs connect to.
    pub websocket: Websocket,
    /// Who may connect, and what one client may cost.
    pub client: Client,
    /// What channels do, and who may use them.
    pub channel: Channel,
    /// The HTTP API, by which backends publish.
    pub http_api: HttpApi,
    /// Metrics for Prometheus.
    pub prometheus: Prometheus,
    /// Health checks.
    pub health: Health,
    /// What is kept on disk.
    pub data: Data,
    /// The log.
    pub log: Log,
    /// This process.
    pub node: ThisNode,
    /// The end.
    pub shutdown: Shutdown,
    /// Runs the demos. No setting: [`demo::enable`](crate::demo::enable) turns them on.
    pub(crate) demo: bool,
    /// Where each setting comes from that is no default.
    places: BTreeMap<String, Place>,
}

/// Calls a macro with each group: its field and its type.
macro_rules! for_each_group {
    ($call:ident) => {
        $call!(http_server, HttpServer);
        $call!(websocket, Websocket);
        $call!(client, Client);
        $call!(http_api, HttpApi);
        $call!(prometheus, Prometheus);
        $call!(health, Health);
        $call!(data, Data);
        $call!(log, Log);
        $call!(node, ThisNode);
        $call!(shutdown, Shutdown);
    };
}
use for_each_group;

impl Config {
    fn read(reader: &mut reader::Reader, namespaces: Vec<String>) -> Self {
        let mut config = Self { channel: Channel::read_all(reader, namespaces), ..Self::default() };
        macro_rules! read {
            ($group:ident, $ty:ty) => {
                config.$group = <$ty>::read(reader, stringify!($group));
            };
        }
        for_each_group!(read);
        config.places = std::mem::take(&mut reader.places);
        config
    }

    /// Every setting with its default, value, meaning and source, in the order of the reference page.
    /// Secrets are not in it.
    pub fn describe(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        macro_rules! describe {
            ($group:ident, $ty:ty) => {
                self.$group.describe(stringify!($group), &mut settings);
            };
        }
        for_each_group!(describe);
        self.channel.describe(&mut settings);
        for setting in &mut settings {
            setting.place = self.places.get(&setting.key).cloned().unwrap_or_default();
        }
        settings
    }

    /// The options of all channels, as the hub has them.
    pub fn namespaces(&self) -> Namespaces {
        self.channel.to_hub()
    }

    /// What one client may cost, as the hub has it.
    pub fn limits(&self) -> Limits {
        self.client.limits()
    }

    /// Whose pages may connect.
    ///
    /// # Errors
    /// If an entry is no origin. A configuration that was loaded has none such.
    pub fn origins(&self) -> Result<OriginPolicy, InvalidOrigin> {
        policy(&self.client.allowed_origins)
    }

    /// What switches checks off, and whether it does: two settings, and the demos, which give tokens to whoever
    /// asks.
    pub(crate) fn insecure(&self) -> [(&'static str, bool); 3] {
        let api = &self.http_api;
        [
            ("client.insecure", self.client.insecure),
            ("http_api.insecure", api.insecure && !api.disabled),
            ("demo", self.demo),
        ]
    }

    /// Whose pages may call the HTTP API, beside those of the server's own host.
    ///
    /// # Errors
    /// As [`origins`](Self::origins).
    pub fn api_origins(&self) -> Result<OriginPolicy, InvalidOrigin> {
        policy(&self.http_api.allowed_origins)
    }
}

/// What a list of origins stands for.
fn policy(origins: &[String]) -> Result<OriginPolicy, InvalidOrigin> {
    match origins {
        [] => Ok(OriginPolicy::SameOrigin),
        [any] if any == "*" => Ok(OriginPolicy::Any),
        list => OriginPolicy::list(list.iter().map(String::as_str)),
    }
}
