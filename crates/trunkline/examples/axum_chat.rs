//! A chat in the browser: rooms, names, and a server that can be stopped without anybody being cut off.
//!
//! `cargo run --example axum_chat --features axum`, then open http://127.0.0.1:9006/ in two windows.
//! Ctrl-C ends it.
//!
//! - What is said in a room is encoded once, as a [`Prepared`], and shared by all who hear it.
//! - Nobody waits for a slow reader: each has a queue of a fixed length, and whoever falls behind it is let go.
//! - Everything that a guest can make grow has a bound: names, messages, rooms.
//! - When the server stops, it takes no more guests, says goodbye to those who are there, and waits for them.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, error::RecvError};
use trunkline::axum::WebSocketUpgrade;
use trunkline::upgrade::Rejection;
use trunkline::{Acceptor, CloseCode, Drain, DrainHandle, Prepared, WebSocket};

/// How far behind the newest message a reader may be.
const BEHIND_MAX: usize = 64;
/// A screen full of text.
const MESSAGE_BYTES: usize = 16 << 10;
/// Characters in the name of a guest or a room.
const NAME_MAX: usize = 32;
const ROOMS_MAX: usize = 1000;
/// How long guests have to leave once the server stops.
const GOODBYE: Duration = Duration::from_secs(10);

/// Serves until `stop`, and then for as long as guests need to leave.
pub async fn serve<F>(listener: TcpListener, stop: F) -> std::io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let guests = DrainHandle::new();
    let acceptor =
        Acceptor::new().with_message_bytes(MESSAGE_BYTES).with_drain_handle(guests.clone());
    let app = Router::new()
        .route("/", get(Html(include_str!("axum_chat.html"))))
        .route("/rooms/{room}", any(enter))
        .layer(Extension(acceptor))
        .with_state(Arc::<House>::default());
    // This waits for requests, and connections that were upgraded are none any more.
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    let goodbye = Drain::new().with_close(CloseCode::GOING_AWAY, "the server stops");
    guests.drain(goodbye.with_deadline(GOODBYE)).await;
    Ok(())
}

#[derive(Default)]
struct House {
    rooms: Mutex<HashMap<String, Room>>,
}

/// A room is there for as long as somebody is in it.
struct Room {
    said: broadcast::Sender<Prepared>,
    names: BTreeSet<String>,
}

async fn enter(
    State(house): State<Arc<House>>,
    Path(room): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Rejection> {
    let name = query.get("name").map_or("", String::as_str);
    if !is_name(&room) || !is_name(name) {
        return Err(Rejection::new(
            StatusCode::BAD_REQUEST,
            "names have up to 32 letters, digits, - and _",
        ));
    }
    let seat = Seat::take(house, room, name.to_owned())?;
    Ok(upgrade.on_upgrade(|ws| chat(ws, seat)))
}

fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.chars().count())
        && name.chars().all(|it| it.is_alphanumeric() || it == '-' || it == '_')
}

/// A guest in a room, until it is dropped.
struct Seat {
    house: Arc<House>,
    room: String,
    name: String,
    said: broadcast::Sender<Prepared>,
    /// Others know of it.
    came: bool,
}

impl Seat {
    fn take(house: Arc<House>, room: String, name: String) -> Result<Self, Rejection> {
        let mut rooms = house.rooms.lock().unwrap();
        if !rooms.contains_key(&room) && rooms.len() == ROOMS_MAX {
            return Err(Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "all rooms are taken"));
        }
        let there = rooms.entry(room.clone()).or_insert_with(|| Room {
            said: broadcast::Sender::new(BEHIND_MAX),
            names: BTreeSet::new(),
        });
        if !there.names.insert(name.clone()) {
            return Err(Rejection::new(
                StatusCode::CONFLICT,
                "somebody of that name is in the room",
            ));
        }
        let said = there.said.clone();
        drop(rooms);
        Ok(Self { house, room, name, said, came: false })
    }

    fn say(&self, text: String) {
        // Nobody in the room is no error: the next one may come any time.
        let _ = self.said.send(Prepared::new(text));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = self.house.rooms.lock().unwrap();
        let there = rooms.get_mut(&self.room).expect("a room is there while somebody is in it");
        there.names.remove(&self.name);
        if there.names.is_empty() {
            rooms.remove(&self.room);
        }
        drop(rooms);
        if self.came {
            self.say(format!("* {} left", self.name));
        }
    }
}

async fn chat(mut ws: WebSocket, mut seat: Seat) {
    let mut said = seat.said.subscribe();
    seat.say(format!("* {} came", seat.name));
    seat.came = true;
    let (code, reason) = loop {
        // Each of these can be dropped half-way and begun anew.
        tokio::select! {
            message = ws.recv() => match message {
                Ok(Some(message)) => match message.as_text() {
                    Some(text) => seat.say(format!("{}: {text}", seat.name)),
                    None => break (CloseCode::UNSUPPORTED_DATA, "text only"),
                },
                Ok(None) | Err(_) => return,
            },
            message = said.recv() => match message {
                // Written by the next `recv`, with all that has gathered until then.
                Ok(message) => if ws.feed(&message).await.is_err() { return },
                Err(RecvError::Lagged(_)) => break (CloseCode::POLICY_VIOLATION, "too slow"),
                Err(RecvError::Closed) => return,
            },
        }
    };
    let _ = ws.close(code, reason).await;
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9006").await?;
    serve(listener, async { tokio::signal::ctrl_c().await.expect("signals can be listened to") })
        .await
}
