//! The settings of the process: where it listens, what it serves there, where it keeps things.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use trunkline::deflate::DeflateConfig;

use super::Secret;
use super::settings::settings;
use super::value::choices;

/// The longest that anything of a connection may be told to take.
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// The longest that anything is kept: a mistyped unit is more likely than a longer wish.
pub(super) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

settings! {
    /// Where the server listens.
    pub struct HttpServer {
        /// The address to listen on. Empty: 127.0.0.1, which nobody reaches from outside.
        restart address: Option<IpAddr> = None;
        /// The port to listen on. 0 takes a free one.
        restart port: u16 = 8000;
        /// Starts on an address that others can reach though checks are off: `client.insecure`, `http_api.insecure`
        /// without `http_api.disabled`, or the demos. For networks and containers that nobody else reaches.
        restart allow_insecure: bool = false;
    }
    groups {
        /// TLS on that port.
        tls: Tls,
    }
}

impl HttpServer {
    /// The address and port to listen on.
    pub fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.address.unwrap_or_else(|| Ipv4Addr::LOCALHOST.into()), self.port)
    }
}

settings! {
    /// TLS, if it does not end at a proxy in front.
    pub struct Tls {
        /// Speaks TLS, and nothing else, on the port.
        restart enabled: bool = false;
        /// The certificate and its chain, the server's own first: a file, or PEM itself. Also called
        /// `cert_pem_file`. A file is read again on each reload.
        reload cert_pem: Secret = Secret::default();
        /// The private key (PKCS #8, PKCS #1 or SEC 1): a file, or PEM itself. Also called `key_pem_file`. A file is
        /// read again on each reload.
        reload key_pem: Secret = Secret::default();
        /// Roots of client certificates: a file, or PEM itself. If set, a client without a certificate that they
        /// vouch for is not let in. Also called `client_ca_pem_file`.
        reload client_ca_pem: Secret = Secret::default();
    }
}

/// PEM that is given itself, or by the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Pem<'a> {
    /// The file it is in.
    File(&'a std::path::Path),
    /// The text.
    Text(&'a str),
}

impl Tls {
    /// Whether `value`, one of the three above, is PEM or names a file.
    pub fn pem(value: &Secret) -> Pem<'_> {
        match value.reveal() {
            text if text.contains("-----BEGIN ") => Pem::Text(text),
            path => Pem::File(path.as_ref()),
        }
    }
}

settings! {
    /// The WebSocket that client SDKs connect to.
    pub struct Websocket {
        /// Serves no WebSocket.
        restart disabled: bool = false;
        /// Its path.
        restart handler_prefix: String = "/connection/websocket".into();
        /// The longest message that a client may send, in bytes, after decompression. Longer ones close with 1009.
        reload message_size_limit: usize = 65_536, 1024..=64 << 20;
        /// Offers permessage-deflate. It costs memory and time for each connection, and pays where text is long and
        /// lines are slow.
        reload compression: bool = false;
        /// Messages of fewer bytes go out as they are: they would hardly get shorter.
        reload compression_min_size: usize = 128, 0..=1 << 20;
        /// How hard to compress, from 1 (fast) to 9 (small).
        reload compression_level: u32 = 1, 1..=9;
    }
}

impl Websocket {
    /// How messages are compressed, if they are.
    pub fn deflate(&self) -> Option<DeflateConfig> {
        let level = u8::try_from(self.compression_level).unwrap_or(1);
        let config = DeflateConfig::new().level(level).threshold(self.compression_min_size);
        self.compression.then_some(config)
    }
}

settings! {
    /// The HTTP API, by which backends publish.
    pub struct HttpApi {
        /// Serves no HTTP API.
        restart disabled: bool = false;
        /// Its path.
        restart handler_prefix: String = "/api".into();
        /// The key that requests show in `X-API-Key`, or in `Authorization: apikey KEY`.
        reload key: Secret = Secret::default();
        /// Further keys that are as good, so that a key can be replaced without a moment in which none works.
        reload keys: Vec<Secret> = Vec::new();
        /// How many wrong keys an address (of IPv6: 64 bits of it) may show in a minute. Beyond that its requests are
        /// answered with 429 until it may try again, whatever key they have. Enough for somebody who mistypes one; a key
        /// of eight random letters would take a thousand addresses twenty years. Behind a proxy all have its address:
        /// raise this there, and let the proxy count or keep the API from strangers.
        reload wrong_keys_per_minute: u32 = 20, 1..=1_000_000;
        /// Origins whose pages may call it, written as those of `client.allowed_origins`; pages of the server's own
        /// host may in any case. Who opens such a page has the key that the page has.
        reload allowed_origins: Vec<String> = Vec::new();
        /// Tells the addresses of clients in `connection` and `connections`, of those who connect from then on. Off,
        /// because an address says who somebody is; behind a proxy it is the proxy's.
        reload client_addresses: bool = false;
        /// Asks for no key: whoever reaches the port may publish and disconnect.
        restart insecure: bool = false;
    }
}

settings! {
    /// Metrics for Prometheus.
    pub struct Prometheus {
        /// Serves metrics.
        restart enabled: bool = false;
        /// Their path.
        restart handler_prefix: String = "/metrics".into();
    }
}

settings! {
    /// For load balancers: whether the server lives, and takes connections.
    pub struct Health {
        /// Serves health checks: whether the process lives here, and at `/ready` whether clients may be sent to it.
        restart enabled: bool = true;
        /// Their path.
        restart handler_prefix: String = "/health".into();
    }
}

choices! {
    /// What is worth a line in the log.
    pub enum LogLevel = "`\"none\"`, `\"error\"`, `\"warn\"`, `\"info\"`, `\"debug\"` or `\"trace\"`" {
        /// Nothing.
        None = "none",
        /// What broke.
        Error = "error",
        /// What looks wrong.
        Warn = "warn",
        /// What an operator wants to know.
        #[default]
        Info = "info",
        /// What helps to find a fault.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }

    /// How a line of the log is written.
    pub enum LogFormat = "`\"text\"` or `\"json\"`" {
        /// For people.
        #[default]
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }

    /// When a publication is on the disk.
    pub enum Fsync = "`\"always\"`, `\"interval\"` or `\"never\"`" {
        /// Before it is delivered: it survives any crash.
        Always = "always",
        /// After `data.fsync_interval` at the latest: a power cut costs so much, a crash of the process nothing.
        #[default]
        Interval = "interval",
        /// When the system writes it.
        Never = "never",
    }
}

settings! {
    /// The log, which goes to standard error.
    pub struct Log {
        /// What is worth a line.
        reload level: LogLevel = LogLevel::Info;
        /// Lines for people (`"text"`) or for programs (`"json"`).
        restart format: LogFormat = LogFormat::Text;
    }
}

settings! {
    /// What is kept on disk.
    pub struct Data {
        /// The directory in which histories are kept, so that they survive a restart. Empty: they are kept in memory.
        restart dir: Option<PathBuf> = None;
        /// How long `history.redb` may become, in bytes. A fifth of it may be histories, the rest is room to move them.
        /// Beyond, publications into channels with history fail with 100 until others have expired. With less than
        /// the default that may be before memory is full.
        restart max_size: u64 = 16 << 30, 64 << 20..=64 << 40;
        /// When a publication is on the disk. `"always"`: before it is delivered. `"interval"`: after
        /// `data.fsync_interval` at the latest. `"never"`: when the system writes it.
        restart fsync: Fsync = Fsync::Interval;
        /// The longest that a publication is not on the disk, with `data.fsync = "interval"`.
        restart fsync_interval: Duration = Duration::from_secs(1), Duration::from_millis(10)..=Duration::from_secs(60);
    }
}

settings! {
    /// This process.
    pub struct ThisNode {
        /// A name for people, in `info` of the HTTP API. Empty: the name of the host and the port, like `host_8000`.
        restart name: String = String::new();
        /// How many threads share the channels and the sessions. 0: one for each core.
        restart shards: usize = 0, 0..=1024;
    }
}

settings! {
    /// The end.
    pub struct Shutdown {
        /// How long connections are given to go, and requests to be answered, after the signal to end. Clients are
        /// told one after another over most of it, so that they do not all come back at once.
        reload timeout: Duration = Duration::from_secs(30), Duration::ZERO..=HOUR;
    }
}
