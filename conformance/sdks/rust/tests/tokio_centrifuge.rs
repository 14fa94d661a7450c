//! The SDK tokio-centrifuge against `trunkline serve`, in JSON and in Protobuf.
//!
//! The SDK has no presence, history, recovery, joins, subscription tokens, renewal of tokens or subscriptions made by
//! the server, and does not say with which code a connection was closed: what it cannot do is not here.

use std::time::Duration;

use sdks_rust::{Line, Server, token};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_centrifuge::client::{Client, RequestError, State};
use tokio_centrifuge::config::{BackoffReconnect, Config, Protocol};
use tokio_centrifuge::subscription::Subscription;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs each case in both dialects.
macro_rules! in_json_and_protobuf {
    ($($case:ident)*) => {
        in_json_and_protobuf! { @in json Json $($case)* }
        in_json_and_protobuf! { @in protobuf Protobuf $($case)* }
    };
    (@in $dialect:ident $protocol:ident $($case:ident)*) => {
        mod $dialect {
            use super::{Protocol, World};

            $(#[tokio::test]
            async fn $case() {
                super::$case(World::new(Protocol::$protocol).await).await;
            })*
        }
    };
}

in_json_and_protobuf! {
    connects_with_a_token
    a_token_of_another_secret_is_refused
    an_expired_token_is_refused_and_the_next_is_taken
    comes_back_with_another_token_when_its_own_has_run_out
    publishes_and_reads_its_own_publication
    a_hundred_publications_come_in_their_order
    hears_nothing_after_it_has_unsubscribed
    is_on_its_channel_again_when_its_line_was_cut
    is_on_its_channel_again_when_the_server_was_killed
    an_unknown_namespace_is_refused_with_102
    a_channel_that_is_not_allowed_is_refused_with_103
    what_a_client_may_not_publish_is_refused_with_103
    a_call_that_nobody_answers_is_refused_with_108
    the_backend_unsubscribes_a_user
    the_backend_disconnects_a_user_for_good
}

/// A server, a line to it, and what a client speaks.
struct World {
    server: Server,
    line: Line,
    protocol: Protocol,
}

#[derive(Debug, PartialEq)]
enum Event {
    Connecting,
    Connected,
    Disconnected,
    Subscribed,
    Unsubscribed(u32),
    Publication { data: Vec<u8>, offset: u64, user: String },
}

struct Events(mpsc::UnboundedReceiver<Event>);

impl Events {
    async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(PATIENCE, self.0.recv()).await;
        next.expect("an event in time").expect("the SDK is there")
    }

    /// Passes by all before it.
    async fn until(&mut self, event: Event) {
        while self.next().await != event {}
    }

    /// The data and the offset of the next publication.
    async fn publication(&mut self) -> (Value, u64) {
        loop {
            if let Event::Publication { data, offset, .. } = self.next().await {
                return (serde_json::from_slice(&data).expect("JSON"), offset);
            }
        }
    }
}

impl World {
    async fn new(protocol: Protocol) -> Self {
        let server = Server::start().await;
        let line = Line::open(server.port()).await;
        Self { server, line, protocol }
    }

    fn client(&self, token: String) -> (Client, Events) {
        let again = BackoffReconnect {
            factor: 2.0,
            min_delay: Duration::from_millis(50),
            max_delay: Duration::from_millis(500),
        };
        let config = Config { protocol: self.protocol, ..Config::new() }
            .with_token(token)
            .with_read_timeout(PATIENCE)
            .with_reconnect_strategy(again);
        // The SDK leaves it to the application to tell the server of Protobuf.
        let format = if self.protocol == Protocol::Protobuf { "?format=protobuf" } else { "" };
        let client = Client::new(&format!("{}{format}", self.line.url()), config);
        let (said, events) = mpsc::unbounded_channel();
        let (connecting, connected, disconnected) = (said.clone(), said.clone(), said);
        client.on_connecting(move |_| drop(connecting.send(Event::Connecting)));
        client.on_connected(move |_| drop(connected.send(Event::Connected)));
        client.on_disconnected(move |_| drop(disconnected.send(Event::Disconnected)));
        (client, Events(events))
    }

    async fn connected(&self) -> (Client, Events) {
        let (client, mut events) = self.client(token("alice", 3600));
        client.connect().await.expect("the token is good");
        events.until(Event::Connected).await;
        (client, events)
    }

    async fn publish(&self, channel: &str, data: Value) {
        self.server.api("publish", json!({ "channel": channel, "data": data })).await;
    }
}

fn subscription(client: &Client, channel: &str) -> (Subscription, Events) {
    let subscription = client.new_subscription(channel);
    let (said, events) = mpsc::unbounded_channel();
    let (subscribed, unsubscribed, published) = (said.clone(), said.clone(), said);
    subscription.on_subscribed(move |_| drop(subscribed.send(Event::Subscribed)));
    subscription.on_unsubscribed(move |it| drop(unsubscribed.send(Event::Unsubscribed(it.code))));
    subscription.on_publication(move |it| {
        let user = it.info.map(|it| it.user).unwrap_or_default();
        drop(published.send(Event::Publication { data: it.data, offset: it.offset, user }));
    });
    (subscription, Events(events))
}

async fn subscribed(client: &Client, channel: &str) -> (Subscription, Events) {
    let (subscription, mut events) = subscription(client, channel);
    subscription.subscribe().await.expect("it is allowed");
    events.until(Event::Subscribed).await;
    (subscription, events)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(code: u32, outcome: Result<T, RequestError>) {
    let Err(RequestError::ErrorResponse(error)) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(error.code, code, "{error:?}");
}

async fn connects_with_a_token(world: World) {
    let (client, _) = world.connected().await;
    let info = client.server_info();
    assert!(!info.client_id.is_empty(), "{info:?}");
    assert!(info.token_expires && (3590..=3600).contains(&info.token_ttl), "{info:?}");
}

async fn a_token_of_another_secret_is_refused(world: World) {
    let token = token("alice", 3600);
    let (client, _) = world.client(format!("{}AAAAAAAA", &token[..token.len() - 8]));
    client.connect().await.expect_err("3500");
    assert_ne!(client.state(), State::Connected);
}

async fn an_expired_token_is_refused_and_the_next_is_taken(world: World) {
    let (client, mut events) = world.client(token("alice", -60));
    client.connect().await.expect_err("109");
    // This is how the SDK can be told to try again.
    drop(client.disconnect());
    events.until(Event::Disconnected).await;
    client.set_token(token("alice", 3600));
    client.connect().await.expect("the token is good");
}

async fn comes_back_with_another_token_when_its_own_has_run_out(world: World) {
    let (client, mut events) = world.client(token("alice", 2));
    client.connect().await.expect("the token is good for 2 s");
    let (_, mut heard) = subscribed(&client, "open:again").await;
    client.set_token(token("alice", 3600));
    events.until(Event::Connected).await;
    assert_eq!(
        events.next().await,
        Event::Connecting,
        "closed with 3005, which asks to come again"
    );
    assert_eq!(events.next().await, Event::Connected);
    heard.until(Event::Subscribed).await;
    world.publish("open:again", json!(1)).await;
    assert_eq!(heard.publication().await, (json!(1), 1));
}

async fn publishes_and_reads_its_own_publication(world: World) {
    let (client, _) = world.connected().await;
    let (subscription, mut heard) = subscribed(&client, "open:publish").await;
    let text = json!({ "text": "hällo" });
    subscription.publish(text.to_string().into_bytes()).await.expect("it is allowed");
    let Event::Publication { data, offset, user } = heard.next().await else {
        panic!("no publication")
    };
    assert_eq!(serde_json::from_slice::<Value>(&data).expect("JSON"), text);
    assert_eq!((offset, user.as_str()), (1, "alice"));
}

async fn a_hundred_publications_come_in_their_order(world: World) {
    let (client, _) = world.connected().await;
    let (subscription, mut heard) = subscribed(&client, "open:many").await;
    let published: Vec<_> =
        (0..100).map(|n| subscription.publish(json!(n).to_string().into_bytes())).collect();
    for published in published {
        published.await.expect("a burst of a hundred is allowed");
    }
    for n in 0..100 {
        assert_eq!(heard.publication().await, (json!(n), n + 1));
    }
}

async fn hears_nothing_after_it_has_unsubscribed(world: World) {
    let (client, _) = world.connected().await;
    let (subscription, mut heard) = subscribed(&client, "open:left").await;
    subscription.unsubscribe().await;
    heard.until(Event::Unsubscribed(0)).await;
    world.publish("open:left", json!(1)).await;
    subscription.subscribe().await.expect("it is allowed");
    heard.until(Event::Subscribed).await;
    world.publish("open:left", json!(2)).await;
    assert_eq!(heard.publication().await, (json!(2), 2));
}

/// The SDK does not ask for what it has missed, and is not sent it unasked.
async fn is_on_its_channel_again_when_its_line_was_cut(world: World) {
    let (client, mut events) = world.connected().await;
    let (_, mut heard) = subscribed(&client, "open:cut").await;
    world.publish("open:cut", json!(1)).await;
    assert_eq!(heard.publication().await, (json!(1), 1));
    world.line.cut();
    events.until(Event::Connecting).await;
    heard.until(Event::Subscribed).await;
    world.publish("open:cut", json!(2)).await;
    assert_eq!(heard.publication().await, (json!(2), 2));
}

async fn is_on_its_channel_again_when_the_server_was_killed(mut world: World) {
    let (client, mut events) = world.connected().await;
    let (_, mut heard) = subscribed(&client, "open:kill").await;
    world.publish("open:kill", json!(1)).await;
    assert_eq!(heard.publication().await, (json!(1), 1));
    world.server.kill().await;
    events.until(Event::Connecting).await;
    world.server.start_again().await;
    // Its offset shows that the server still has what came before.
    world.publish("open:kill", json!(2)).await;
    heard.until(Event::Subscribed).await;
    world.publish("open:kill", json!(3)).await;
    let (data, offset) = loop {
        // Whether the second comes too depends on who was faster.
        let (data, offset) = heard.publication().await;
        if data != json!(2) {
            break (data, offset);
        }
    };
    assert_eq!((data, offset), (json!(3), 3));
}

async fn subscribing_is_refused_with(code: u32, world: World, channel: &str) {
    let (client, _) = world.connected().await;
    let (subscription, mut heard) = subscription(&client, channel);
    subscription.subscribe().await.expect_err("refused");
    assert_eq!(heard.next().await, Event::Unsubscribed(code));
}

async fn an_unknown_namespace_is_refused_with_102(world: World) {
    subscribing_is_refused_with(102, world, "nowhere:room").await;
}

async fn a_channel_that_is_not_allowed_is_refused_with_103(world: World) {
    subscribing_is_refused_with(103, world, "closed:room").await;
}

async fn what_a_client_may_not_publish_is_refused_with_103(world: World) {
    let (client, _) = world.connected().await;
    refused(103, client.publish("closed:room", b"1".to_vec()).await);
}

async fn a_call_that_nobody_answers_is_refused_with_108(world: World) {
    let (client, _) = world.connected().await;
    refused(108, client.rpc("anything", b"{}".to_vec()).await);
}

async fn the_backend_unsubscribes_a_user(world: World) {
    let (client, _) = world.connected().await;
    let (_, mut heard) = subscribed(&client, "open:ended").await;
    world.server.api("unsubscribe", json!({ "user": "alice", "channel": "open:ended" })).await;
    assert_eq!(heard.next().await, Event::Unsubscribed(2000));
}

async fn the_backend_disconnects_a_user_for_good(world: World) {
    let (client, mut events) = world.connected().await;
    world.server.api("disconnect", json!({ "user": "alice" })).await;
    events.until(Event::Disconnected).await;
    assert_eq!(client.state(), State::Disconnected);
}

/// In JSON there are no bytes.
#[tokio::test]
async fn in_protobuf_bytes_arrive_as_they_are() {
    let world = World::new(Protocol::Protobuf).await;
    let (client, _) = world.connected().await;
    let (subscription, mut heard) = subscribed(&client, "open:bytes").await;
    let bytes: Vec<u8> = (0..1024_u32).map(|it| it as u8).collect();
    subscription.publish(bytes.clone()).await.expect("it is allowed");
    let Event::Publication { data, .. } = heard.next().await else { panic!("no publication") };
    assert_eq!(data, bytes);
}
