//! The flags of `trunkline publish`, `subscribe`, `presence`, `history` and `token`: what a backend does.

use std::time::Duration;

use super::duration::duration;

/// Where the server is, and how to show that one may.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Server")]
pub(crate) struct Backend {
    /// Where the server is
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8000",
        env = "TRUNKLINE_URL"
    )]
    pub(crate) server: String,

    /// Key of its HTTP API
    #[arg(
        long,
        value_name = "KEY",
        env = "TRUNKLINE_HTTP_API_KEY",
        hide_env_values = true,
        default_value = ""
    )]
    pub(crate) api_key: String,
}

/// Publish a message into a channel
///
/// DATA is JSON, or with --text a string that becomes JSON. It prints the position in the stream.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:
  trunkline publish news '{\"text\":\"hello\"}' --api-key $KEY
  trunkline publish news --text hello")]
pub(crate) struct Publish {
    /// The channel
    pub(crate) channel: String,

    /// What to publish
    pub(crate) data: String,

    /// Take DATA as text, not as JSON
    #[arg(long)]
    pub(crate) text: bool,

    /// Publish once, however often this is repeated within five minutes
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,

    #[command(flatten)]
    pub(crate) backend: Backend,
}

/// Show who is subscribed to a channel
///
/// A line of JSON for each connection. The channel's namespace has to keep presence.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:
  trunkline presence chat:lobby --api-key $KEY")]
pub(crate) struct Presence {
    /// The channel
    pub(crate) channel: String,

    #[command(flatten)]
    pub(crate) backend: Backend,
}

/// Show what was published into a channel
///
/// A line of JSON for each publication. The channel's namespace has to keep history.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:
  trunkline history news --api-key $KEY
  trunkline history news --limit 1 --reverse")]
pub(crate) struct History {
    /// The channel
    pub(crate) channel: String,

    /// At most so many publications
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u32,

    /// The newest first
    #[arg(long)]
    pub(crate) reverse: bool,

    #[command(flatten)]
    pub(crate) backend: Backend,
}

/// Print what is published into a channel, a line each
///
/// It speaks the client protocol, as SDKs do. It ends with Ctrl-C, or after --count publications.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:
  trunkline subscribe news --secret $SECRET
  trunkline subscribe news --token $TOKEN --server https://example.com")]
pub(crate) struct Subscribe {
    /// The channel
    pub(crate) channel: String,

    /// Where the server is
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8000",
        env = "TRUNKLINE_URL"
    )]
    pub(crate) server: String,

    /// A connection token
    #[arg(long, value_name = "TOKEN", conflicts_with = "secret")]
    pub(crate) token: Option<String>,

    /// The secret of tokens, to make some: for the connection and for the channel
    #[arg(
        long,
        value_name = "SECRET",
        env = "TRUNKLINE_CLIENT_TOKEN_HMAC_SECRET_KEY",
        hide_env_values = true
    )]
    pub(crate) secret: Option<String>,

    /// End after so many publications
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

/// Make a token for a client
///
/// It is signed with HS256. Applications make tokens with a library of theirs; this is for trying things out.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:
  trunkline token --user anna --secret $SECRET
  trunkline token --user anna --channel '$orders' --ttl 10m --secret $SECRET")]
pub(crate) struct Token {
    /// The user; empty for nobody in particular
    #[arg(long, value_name = "USER", default_value = "")]
    pub(crate) user: String,

    /// Make a subscription token for this channel instead of a connection token
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,

    /// How long it is good
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub(crate) ttl: Duration,

    /// The secret (client.token.hmac_secret_key)
    #[arg(
        long,
        value_name = "SECRET",
        env = "TRUNKLINE_CLIENT_TOKEN_HMAC_SECRET_KEY",
        hide_env_values = true
    )]
    pub(crate) secret: String,
}
