use std::net::Ipv4Addr;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use trunkline::Acceptor;
use trunkline_hub::{Entropy, Hub};

use super::*;
use crate::broker::{BrokerLimits, Homes, MemoryBroker};
use crate::config::Sources;
use crate::random::random;
use crate::shard::Links;

/// The mistake that tests put into the code of one client: it does not survive frames that say so.
pub(super) fn fail_at(frame: &[u8]) {
    assert!(frame != MISTAKE, "the mistake");
}

const MISTAKE: &[u8] = br#"{"id":3,"rpc":{"method":"fail"}}"#;

/// A client on a socket of its own, served by a task of the shard.
async fn client(shard: &Rc<Shard>, reception: &Arc<Reception>) -> WebSocket<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connecting = async {
        let tcp = TcpStream::connect(address).await.unwrap();
        trunkline::connect_over(&format!("ws://{address}/"), tcp).await.unwrap()
    };
    let accepting = async {
        let (tcp, _) = listener.accept().await.unwrap();
        Acceptor::new().accept(shard.sockets().add(tcp)).await.unwrap()
    };
    let (mut client, ws) = tokio::join!(connecting, accepting);
    let (shard, reception) = (Rc::clone(shard), Arc::clone(reception));
    let from = Ipv4Addr::LOCALHOST.into();
    let entering = async move { Some(Peer::new(shard, reception, ws, Encoding::Json, None, from)) };
    tokio::task::spawn_local(run(Box::pin(entering)));
    ask(&mut client, r#"{"id":1,"connect":{}}"#, "connect").await;
    ask(&mut client, r#"{"id":2,"subscribe":{"channel":"news"}}"#, "subscribe").await;
    client
}

async fn ask(client: &mut WebSocket<TcpStream>, command: &str, expected: &str) {
    client.send(command).await.unwrap();
    let reply = client.recv().await.unwrap().expect("it is open");
    assert!(reply.as_text().is_some_and(|it| it.contains(expected)), "{reply:?}");
}

/// SEC-RL-13: a mistake of ours costs the client that ran into it its connection, and nobody else theirs.
#[tokio::test]
async fn sec_rl_13_a_panic_closes_one_client_with_1011_and_is_counted() {
    let sources = Sources::new().set("client.insecure", "true");
    let reception = Arc::new(Reception::new(sources.load().unwrap().config, 0).unwrap());
    let (links, _receivers) = Links::new(1, Homes::of_process(1));
    let hub = Hub::new(reception.hub_settings(), Entropy::new(random));
    let broker = MemoryBroker::new(BrokerLimits::of_node(), random, now());
    let shard = Shard::new(0, links, hub, Box::new(broker));
    let local = LocalSet::new();
    let tests = async {
        let mut other = client(&shard, &reception).await;
        for panics in 1..=2 {
            let mut unlucky = client(&shard, &reception).await;
            unlucky.send(std::str::from_utf8(MISTAKE).unwrap()).await.unwrap();
            while unlucky.recv().await.unwrap().is_some() {}
            let info = unlucky.close_info().expect("a close frame");
            assert_eq!(info.code.map(CloseCode::get), Some(1011));
            let counted = reception.metrics().panics.load(std::sync::atomic::Ordering::Relaxed);
            assert_eq!(counted, panics);
        }
        ask(&mut other, r#"{"id":3,"publish":{"channel":"fine","data":1}}"#, "publish").await;
        other.close(CloseCode::NORMAL, "").await.unwrap();
        while shard.with(|state| state.hub.gauges().sessions) > 0 {
            tokio::task::yield_now().await;
        }
    };
    local.run_until(tests).await;
}
