//! Flags into a connection, and failures into what they mean.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use trunkline::deflate::DeflateConfig;
use trunkline::handshake::{
    ClientConfig, ClientHandshake, HandshakeError, Headers, Origin, Response, Subprotocols, Url,
};
use trunkline::limits::Settings;
use trunkline::tls::{ClientTls, rustls};
use trunkline::{ConnectError, Connector, Role, WebSocket};

use crate::args::Dial;
use crate::exit::{Exit, Failure, chain};
use crate::terminal::escape_bytes;

/// Said to servers unless --header says otherwise, so that their logs tell what this was.
const USER_AGENT: &str = concat!("trunkline/", env!("CARGO_PKG_VERSION"));

/// A server that has agreed to close and does not hang up keeps nobody waiting for longer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Lines of a refusal's body that are shown: enough for a reason, short of a whole page.
const BODY_LINES: usize = 10;
const BODY_LINE_CHARS: usize = 200;

/// Everything about the request that flags say.
pub(crate) fn config(args: &Dial) -> Result<ClientConfig, Failure> {
    let mut config = ClientConfig::default();
    let usage = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
    config.subprotocols = Subprotocols::new(args.subprotocols.iter().map(String::as_str))
        .map_err(|error| usage(&error))?;
    config.origin = match &args.origin {
        Some(origin) => Some(Origin::parse(origin).map_err(|error| {
            Failure::usage(format!("--origin: {error}; write it as https://example.com"))
        })?),
        None => None,
    };
    let mut headers = Headers::new();
    for header in &args.headers {
        headers.push(&header.name, &header.value).map_err(|error| usage(&error))?;
    }
    if !headers.contains("User-Agent") {
        headers.push("User-Agent", USER_AGENT).map_err(|error| usage(&error))?;
    }
    config.headers = headers;
    Ok(config)
}

/// The connector that the flags describe, for a URL that is one.
pub(crate) fn connector(
    url: &str,
    args: &Dial,
    compression: Option<DeflateConfig>,
) -> Result<Connector, Failure> {
    let mut config = config(args)?;
    config.deflate = compression;
    check(url, &config)?;
    let mut settings = Settings::for_role(Role::Client);
    settings.close_timeout = CLOSE_TIMEOUT;
    Ok(Connector::new()
        .with_config(config)
        .with_settings(settings)
        .with_tls(tls(args)?)
        .with_handshake_timeout(args.timeout))
}

/// Finds what is wrong with the request before anything is dialled.
fn check(url: &str, config: &ClientConfig) -> Result<(), Failure> {
    let url = Url::parse(url).map_err(|error| Failure::usage(format!("{error}: {url}")))?;
    let made = ClientHandshake::new(&url, Arc::new(config.clone()), [0; 16]);
    made.map(drop).map_err(|error| Failure::usage(error.to_string()))
}

/// Connects within --timeout.
pub(crate) async fn connect(
    connector: &Connector,
    url: &str,
    args: &Dial,
) -> Result<WebSocket, Failure> {
    match timeout(args.timeout, connector.connect(url)).await {
        Ok(connected) => connected.map_err(|error| failure(&error)),
        Err(_) => Err(too_slow()),
    }
}

fn tls(args: &Dial) -> Result<ClientTls, Failure> {
    let tls = ClientTls::new();
    let mut tls = match &args.cacert {
        _ if args.insecure => tls.danger_accept_any_certificate(),
        Some(file) => tls
            .without_platform_roots()
            .with_root_pem(read("--cacert", file)?)
            .map_err(|error| Failure::usage(format!("--cacert: {}", chain(&error))))?,
        None => tls,
    };
    if let Some(cert) = &args.cert {
        let key = args.key.as_ref().unwrap_or(cert);
        tls = tls
            .with_identity_pem(read("--cert", cert)?, read("--key", key)?)
            .map_err(|error| Failure::usage(format!("--cert and --key: {}", chain(&error))))?;
    }
    Ok(tls)
}

fn read(flag: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| Failure::usage(format!("{flag} {}: {error}", file.display())))
}

pub(crate) fn too_slow() -> Failure {
    Failure::new(Exit::Timeout, "no connection within --timeout")
}

/// What it means that there is no connection.
pub(crate) fn failure(error: &ConnectError) -> Failure {
    let text = chain(error);
    match error {
        ConnectError::Handshake(HandshakeError::Refused(response)) => refused(response),
        ConnectError::Handshake(_) => Failure::new(Exit::Refused, text),
        ConnectError::Timeout => too_slow(),
        ConnectError::Io(error) if is_tls(error) => Failure::new(
            Exit::Tls,
            format!("{text} (--cacert trusts a root of your own, --insecure anyone)"),
        ),
        ConnectError::Io(_) => Failure::new(Exit::Unreachable, text),
        _ => Failure::usage(text),
    }
}

fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// An answer other than 101, with what may help to understand it.
fn refused(response: &Response) -> Failure {
    let mut text = format!("the server refused: {}", status(response));
    let hint = match response.status() {
        301 | 302 | 303 | 307 | 308 => Some("it points elsewhere"),
        400 => Some("it did not like the request"),
        401 => Some("it wants credentials: --header 'Authorization: …'"),
        403 => Some("it may want credentials, a cookie or another --origin"),
        404 => Some("there is no WebSocket at this path"),
        200..=299 | 426 => Some("it does not speak WebSocket here"),
        429 | 503 => Some("it is busy: try again later"),
        _ => None,
    };
    if let Some(hint) = hint {
        text.push_str(" (");
        text.push_str(hint);
        text.push(')');
    }
    for name in ["Location", "WWW-Authenticate", "Retry-After", "Sec-WebSocket-Version"] {
        if let Some(value) = response.header(name) {
            text.push_str(&format!("\n  {name}: {}", escape_bytes(value)));
        }
    }
    for line in String::from_utf8_lossy(response.body()).lines().take(BODY_LINES) {
        let line: String = line.chars().take(BODY_LINE_CHARS).collect();
        text.push_str(&format!("\n  | {}", escape_bytes(line.as_bytes())));
    }
    Failure::new(Exit::Refused, text)
}

/// Status and reason, safe to show.
pub(crate) fn status(response: &Response) -> String {
    let shown = format!("{} {}", response.status(), escape_bytes(response.reason()));
    shown.trim_end().to_owned()
}
