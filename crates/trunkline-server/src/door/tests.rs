use std::sync::atomic::Ordering;

use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::LocalSet;
use trunkline_hub::{Entropy, Hub};

use super::*;
use crate::admission::{Admission, AdmissionLimits};
use crate::broker::{BrokerLimits, Homes, MemoryBroker};
use crate::config::Sources;
use crate::random::random;
use crate::shard::{Links, now};

/// A handler with a mistake in it.
async fn fail() -> &'static str {
    assert!(now().unix_ms < 0, "the mistake");
    "the clock stands before 1970"
}

/// A door with pages of its own, a shard behind it, and who may come.
fn door() -> (Arc<Door>, Rc<Shard>, Admission) {
    let config = Sources::new().load().unwrap().config;
    let admission = Admission::new(AdmissionLimits::of(&config));
    let reception = Arc::new(Reception::new(config, 0).unwrap());
    let (links, _receivers) = Links::new(1, Homes::of_process(1));
    let hub = Hub::new(reception.hub_settings(), Entropy::new(random));
    let broker = MemoryBroker::new(BrokerLimits::of_node(), random, now());
    let shard = Shard::new(0, links, hub, Box::new(broker));
    let pages = Router::new().route("/fatal", get(fail)).route("/fine", get(async || "well"));
    (Arc::new(Door { reception, pages }), shard, admission)
}

/// A block that is larger than those that the C library keeps for the next of their size is split by what lives longer,
/// and the next client needs another: a fifth of a session's memory was holes.
#[test]
fn letting_a_client_in_takes_no_block_that_leaves_a_hole() {
    const KEPT_BYTES: usize = 1032;
    let (door, shard, admission) = door();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let from = tcp.local_addr().unwrap();
    let seat = admission.take(from.ip(), now().instant).unwrap();
    let letting_in = door.let_in(shard, tcp, from, seat);
    assert!(size_of_val(&letting_in) <= KEPT_BYTES, "{} bytes", size_of_val(&letting_in));
}

/// SEC-RL-13: a request whose handler panics is answered with 500; the next on its connection is served.
#[tokio::test]
async fn sec_rl_13_a_panic_answers_one_request_with_500_and_is_counted() {
    let (door, shard, admission) = door();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (tcp, from) = listener.accept().await.unwrap();
    let tcp = tcp.into_std().unwrap();
    let seat = admission.take(from.ip(), now().instant).unwrap();
    let asking = async {
        let requests = "GET /fatal HTTP/1.1\r\nHost: a\r\n\r\n\
                        GET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        client.write_all(requests.as_bytes()).await.unwrap();
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        answers
    };
    let serving = Arc::clone(&door).serve(shard, tcp, from, seat);
    let (answers, ()) = LocalSet::new().run_until(async { tokio::join!(asking, serving) }).await;
    let (first, second) = answers.split_once("internal server error\n").expect("both");
    assert!(first.starts_with("HTTP/1.1 500 "), "{answers}");
    assert!(second.starts_with("HTTP/1.1 200 ") && second.ends_with("well"), "{answers}");
    assert_eq!(door.reception().metrics().panics.load(Ordering::Relaxed), 1);
}
