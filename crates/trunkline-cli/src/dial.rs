//! Flags into a connection, and failures into what they mean.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use trunkline::deflate::DeflateConfig;
use trunkline::handshake::{
    ClientConfig, ClientHandshake, Headers, Origin, Response, Subprotocols, Url,
};
use trunkline::limits::Settings;
use trunkline::tls::{ClientTls, rustls};
use trunkline::{ConnectError, Connector, Error, Fault, InvalidProxy, Proxy, Role, Stage};

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
    let time = args.timeout;
    Ok(Connector::new()
        .with_config(config)
        .with_settings(settings)
        .with_tls(tls(args)?)
        .with_proxy(proxy(args)?)
        .with_resolve_timeout(time)
        .with_tcp_timeout(time)
        .with_proxy_timeout(time)
        .with_tls_timeout(time)
        .with_handshake_timeout(time)
        .with_total_timeout(time))
}

/// A password in a URL need not stay on the screen.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// What a step on the way to a connection is called.
pub(crate) fn step_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Resolve => "name",
        Stage::Tcp => "TCP",
        Stage::Proxy => "proxy",
        Stage::Tls => "TLS",
        Stage::Handshake => "handshake",
        _ => "step",
    }
}

/// Finds what is wrong with the request before anything is dialled.
fn check(url: &str, config: &ClientConfig) -> Result<(), Failure> {
    // Those of Unix sockets are read in another way.
    let url = if url.starts_with("ws+unix:") { "ws://localhost/" } else { url };
    let parsed = Url::parse(url).map_err(|error| Failure::usage(error.to_string()))?;
    let made = ClientHandshake::new(&parsed, Arc::new(config.clone()), [0; 16]);
    made.map(drop).map_err(|error| Failure::usage(error.to_string()))
}

fn proxy(args: &Dial) -> Result<Proxy, Failure> {
    match args.proxy.as_deref() {
        None => Ok(Proxy::from_env()),
        Some("none") => Ok(Proxy::none()),
        Some(url) => Proxy::parse(url).map_err(|error| Failure::usage(format!("--proxy: {error}"))),
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

/// What it means that there is no connection.
pub(crate) fn failure(error: &ConnectError) -> Failure {
    let exit = exit(error);
    let mut text = error.to_string();
    let response = error.response().filter(|_| error.stage() == Stage::Handshake);
    let hint = match (exit, response.map(Response::status)) {
        (Exit::Timeout, _) => "--timeout sets it",
        (Exit::Tls, _) if is_certificate_wrong(error) => {
            "--cacert trusts a root of your own, --insecure whoever it is"
        }
        (_, Some(301 | 302 | 303 | 307 | 308)) => "trunkline connect --redirects 1 follows it",
        (_, Some(401)) => "--header 'Authorization: …', or user:password@ in the URL",
        _ => "",
    };
    if !hint.is_empty() {
        text.push_str(&format!(" ({hint})"));
    }
    if let Some(response) = response {
        text.push_str(&details(response));
    }
    Failure::new(exit, text)
}

/// What it means that a connection broke.
pub(crate) fn broken(error: &Error) -> Failure {
    let exit = match error {
        Error::Protocol(_) => Exit::Protocol,
        Error::Timeout(_) => Exit::Timeout,
        _ => Exit::Lost,
    };
    Failure::new(exit, chain(error))
}

fn exit(error: &ConnectError) -> Exit {
    let is_proxy_wrong =
        std::error::Error::source(error).is_some_and(|source| source.is::<InvalidProxy>());
    match (error.stage(), error.fault()) {
        _ if error.is_timeout() => Exit::Timeout,
        (Stage::Url | Stage::Request, _) | (Stage::Tls, Fault::Caller) => Exit::Usage,
        (Stage::Tls, Fault::Peer) => Exit::Tls,
        (Stage::Handshake, _) => Exit::Refused,
        _ if is_proxy_wrong => Exit::Usage,
        _ => Exit::Unreachable,
    }
}

fn is_certificate_wrong(error: &ConnectError) -> bool {
    let source = std::error::Error::source(error).and_then(|it| it.downcast_ref());
    matches!(source, Some(rustls::Error::InvalidCertificate(_)))
}

/// What may help to understand a refusal.
fn details(response: &Response) -> String {
    let mut text = String::new();
    for name in ["Location", "WWW-Authenticate", "Retry-After", "Sec-WebSocket-Version"] {
        if let Some(value) = response.header(name) {
            text.push_str(&format!("\n  {name}: {}", escape_bytes(value)));
        }
    }
    for line in String::from_utf8_lossy(response.body()).lines().take(BODY_LINES) {
        let line: String = line.chars().take(BODY_LINE_CHARS).collect();
        text.push_str(&format!("\n  | {}", escape_bytes(line.as_bytes())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("ws://user:pw@host/a@b?c@d", "ws://host/a@b?c@d"),
            ("wss://p@ss:word@host:1", "wss://host:1"),
            ("ws://host?q=@", "ws://host?q=@"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
