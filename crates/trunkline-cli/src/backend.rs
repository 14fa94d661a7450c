//! `trunkline publish`, `presence`, `history`: calls of a server's HTTP API; and `trunkline token`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use trunkline::Connector;
use trunkline_server::auth::NewToken;
use trunkline_server::config::Secret;

use crate::args::{Backend, History, Presence, Publish, Token};
use crate::exit::{Exit, Failure, chain};
use crate::output;

/// Bytes of an answer: more than a thousand publications of 64 KiB.
const ANSWER_BYTES_MAX: usize = 80 << 20;
/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn publish(args: &Publish) -> Result<Exit, Failure> {
    let data: Value = if args.text {
        Value::String(args.data.clone())
    } else {
        serde_json::from_str(&args.data).map_err(|error| {
            Failure::usage(format!("DATA is not JSON ({error}); with --text it is taken as text"))
        })?
    };
    let mut body = json!({ "channel": args.channel, "data": data });
    if let Some(key) = &args.idempotency_key {
        body["idempotency_key"] = key.as_str().into();
    }
    print(&call(&args.backend, "publish", &body)?)
}

pub(crate) fn presence(args: &Presence) -> Result<Exit, Failure> {
    let answer = call(&args.backend, "presence", &json!({ "channel": args.channel }))?;
    for info in answer["presence"].as_object().into_iter().flat_map(|it| it.values()) {
        output::print(&format!("{info}\n"))?;
    }
    Ok(Exit::Clean)
}

pub(crate) fn history(args: &History) -> Result<Exit, Failure> {
    let body = json!({ "channel": args.channel, "limit": args.limit, "reverse": args.reverse });
    let answer = call(&args.backend, "history", &body)?;
    for publication in answer["publications"].as_array().into_iter().flatten() {
        output::print(&format!("{publication}\n"))?;
    }
    Ok(Exit::Clean)
}

pub(crate) fn token(args: &Token) -> Result<Exit, Failure> {
    let token = sign(&args.user, args.channel.as_deref(), args.ttl, &args.secret);
    output::print(&format!("{token}\n"))?;
    Ok(Exit::Clean)
}

/// A token of `user` that is good for `ttl`.
pub(crate) fn sign(user: &str, channel: Option<&str>, ttl: Duration, secret: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut token = NewToken::for_user(user);
    token.iat = i64::try_from(now.as_secs()).ok();
    token.exp = i64::try_from((now + ttl).as_secs()).ok();
    token.channel = channel.map(str::to_owned);
    token.sign(&Secret::new(secret))
}

/// The URL of the server's WebSocket, by its address for HTTP.
pub(crate) fn websocket_url(server: &str, path: &str) -> Result<String, Failure> {
    let rest = match server.split_once("://") {
        Some(("http", rest)) => format!("ws://{rest}"),
        Some(("https", rest)) => format!("wss://{rest}"),
        _ => return Err(Failure::usage("--server begins with http:// or https://")),
    };
    Ok(format!("{}{path}", rest.trim_end_matches('/')))
}

fn print(answer: &Value) -> Result<Exit, Failure> {
    output::print(&format!("{answer}\n"))?;
    Ok(Exit::Clean)
}

/// Calls a method; gives its result.
fn call(backend: &Backend, method: &str, body: &Value) -> Result<Value, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("cannot start", error))?;
    let called = runtime.block_on(async {
        tokio::time::timeout(CALL_TIMEOUT, call_over(backend, method, body)).await
    });
    let (status, text) =
        called.map_err(|_| Failure::new(Exit::Timeout, "the server did not answer in 30 s"))??;
    if status == 401 {
        let why =
            if backend.api_key.is_empty() { "wants its API key" } else { "has another API key" };
        return Err(Failure::new(Exit::Refused, format!("the server {why}: --api-key")));
    }
    let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
    if let Some(error) = answer.get("error") {
        let message = error["message"].as_str().unwrap_or("no reason given");
        return Err(Failure::new(Exit::Refused, format!("{message} (code {})", error["code"])));
    }
    match answer.get("result") {
        Some(result) if status == 200 => Ok(result.clone()),
        _ => Err(Failure::new(Exit::Refused, format!("the server answered with status {status}"))),
    }
}

async fn call_over(backend: &Backend, method: &str, body: &Value) -> Result<(u16, Bytes), Failure> {
    let url = websocket_url(&backend.server, &format!("/api/{method}"))?;
    let stream = Connector::new().dial(&url).await.map_err(|error| {
        Failure::new(Exit::Unreachable, format!("cannot reach the server: {}", chain(&error)))
    })?;
    let failed = |error: hyper::Error| Failure::failed("the call failed", chain(&error));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let connection = tokio::spawn(connection);
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = Request::post(path)
        .header("Host", host)
        .header("Content-Type", "application/json")
        .header("X-API-Key", &backend.api_key)
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| Failure::usage(format!("--server or --api-key: {error}")))?;
    let response = sender.send_request(request).await.map_err(failed)?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| Failure::failed("the answer broke off", error))?.to_bytes();
    connection.abort();
    Ok((status, body))
}
