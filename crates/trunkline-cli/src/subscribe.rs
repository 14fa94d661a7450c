//! `trunkline subscribe`: prints what a channel says, a publication a line.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::WebSocket;

use crate::args::Subscribe;
use crate::backend::{sign, websocket_url};
use crate::exit::{Exit, Failure, chain};
use crate::output;

/// How long the tokens live that are made from --secret.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// Whose they are.
const USER: &str = "trunkline-cli";

pub(crate) fn run(args: &Subscribe) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("cannot start", error))?;
    runtime.block_on(async {
        tokio::select! {
            ended = follow(args) => ended,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    })
}

async fn follow(args: &Subscribe) -> Result<Exit, Failure> {
    let url = websocket_url(&args.server, "/connection/websocket")?;
    let mut ws = trunkline::connect(&url).await.map_err(|error| {
        Failure::new(Exit::Unreachable, format!("cannot connect: {}", chain(&error)))
    })?;
    let make = |channel| args.secret.as_deref().map(|it| sign(USER, channel, TOKEN_TTL, it));
    let token = args.token.clone().or_else(|| make(None)).unwrap_or_default();
    let channel_token = make(Some(&*args.channel)).unwrap_or_default();
    say(&mut ws, &json!({ "id": 1, "connect": { "token": token, "name": "trunkline-cli" } }))
        .await?;
    let subscribe = json!({ "channel": args.channel, "token": channel_token });
    say(&mut ws, &json!({ "id": 2, "subscribe": subscribe })).await?;
    let mut left = args.count;
    while left != Some(0) {
        let Some(message) = ws.recv().await.map_err(|error| lost(&error))? else {
            return Err(closed(&ws));
        };
        for line in message.as_text().unwrap_or_default().lines() {
            let said: Value = serde_json::from_str(line).unwrap_or_default();
            if said == json!({}) {
                say(&mut ws, &json!({})).await?;
            } else if let Some(error) = said.get("error") {
                let message = error["message"].as_str().unwrap_or_default();
                return Err(Failure::new(Exit::Refused, format!("refused: {message}")));
            } else if let Some(publication) = said.pointer("/push/pub")
                && left != Some(0)
            {
                output::print(&format!("{publication}\n"))?;
                left = left.map(|left| left - 1);
            } else if said.pointer("/push/unsubscribe").is_some() {
                return Err(Failure::new(
                    Exit::Refused,
                    "the subscription was ended by the server",
                ));
            }
        }
    }
    Ok(Exit::Clean)
}

async fn say(ws: &mut WebSocket, command: &Value) -> Result<(), Failure> {
    ws.send(command.to_string())
        .await
        .map_err(|error| Failure::new(Exit::Lost, format!("cannot send: {}", chain(&error))))
}

fn lost(error: &trunkline::Error) -> Failure {
    Failure::new(Exit::Lost, format!("the connection broke: {}", chain(error)))
}

/// The server says why it closes.
fn closed(ws: &WebSocket) -> Failure {
    let info = ws.close_info();
    let code = info.and_then(|it| it.code).map_or(1005, |it| it.get());
    let reason = info.map(|it| it.reason.to_string()).unwrap_or_default();
    Failure::new(Exit::ClosedWithError, format!("the server closed: {code} {reason}"))
}
