use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{LocalSet, yield_now};
use trunkline::testing::{pair_over, pipe, transport};
use trunkline::{Acceptor, Connector, Message as WsMessage, Transport, WebSocket};
use trunkline_hub::{
    ChannelName, Command, Connect, Disconnect, Entropy, Settings, Subscribe,
    limits::{Limits, Rate},
};

use super::attend::ATTENDED_AT_ONCE;
use super::*;
use crate::broker::{BrokerLimits, Homes, MemoryBroker};
use crate::dialect::centrifugo::Encoding;
use crate::random::random;

/// The mistake that tests put into the code of all clients: none survives a publication that says so.
pub(super) fn fail_at(message: &WsMessage) {
    assert!(!message.as_text().is_some_and(|it| it.contains(MISTAKE)), "{MISTAKE}");
}

const MISTAKE: &str = "the mistake";

/// The task of a socket, as far as a shard sees it.
#[derive(Default)]
struct Sleeper {
    woken: AtomicUsize,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
    }
}

fn shard(limits: Limits) -> (Rc<Shard>, Receiver) {
    let (links, mut receivers) = Links::new(1, Homes::of_process(1));
    let settings = Settings { insecure: true, limits: Arc::new(limits), ..Settings::default() };
    let hub = Hub::new(settings, Entropy::new(random));
    let broker = MemoryBroker::new(BrokerLimits::of_node(), random, now());
    (Shard::new(0, links, hub, Box::new(broker)), receivers.remove(0))
}

/// Runs a test beside a shard, on its thread.
async fn on_shard(limits: Limits, test: impl AsyncFnOnce(&Rc<Shard>)) {
    let (shard, receiver) = shard(limits);
    let beside = async {
        spawn_local(Rc::clone(&shard).run(receiver));
        settle().await;
        test(&shard).await;
    };
    LocalSet::new().run_until(beside).await;
}

/// A client that is connected, and the task of its socket, which waits.
struct Client {
    shard: Rc<Shard>,
    session: SessionId,
    task: Arc<Sleeper>,
    ws: WebSocket,
}

/// What a pipe holds, and a TCP connection about.
const BUFFER_BYTES: u32 = 16 << 10;

/// Both ends of a TCP connection.
async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpSocket::new_v4().unwrap();
    listener.set_send_buffer_size(BUFFER_BYTES).unwrap();
    listener.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = listener.listen(1).unwrap();
    let client = TcpSocket::new_v4().unwrap();
    client.set_recv_buffer_size(BUFFER_BYTES).unwrap();
    let client = client.connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

impl Client {
    /// Nobody can write to it past its connection.
    async fn new(shard: &Rc<Shard>) -> Self {
        let (theirs, ours) = pipe(BUFFER_BYTES as usize);
        Self::over(shard, transport(theirs), transport(ours).into()).await
    }

    /// The shard can, to a socket of its own.
    async fn by_tcp(shard: &Rc<Shard>) -> Self {
        let (theirs, ours) = tcp().await;
        Self::over(shard, theirs.into(), shard.sockets().add(ours)).await
    }

    /// One of each.
    async fn both(shard: &Rc<Shard>) -> [Self; 2] {
        [Self::new(shard).await, Self::by_tcp(shard).await]
    }

    async fn over(shard: &Rc<Shard>, theirs: Transport, ours: Socket) -> Self {
        let (connector, acceptor) = (Connector::new(), Acceptor::new());
        let (ws, ours) = pair_over(&connector, &acceptor, theirs, ours).await.unwrap();
        let session = shard.with(|it| it.hub.open(now()));
        shard.with(|it| it.hub.connect(now(), session, 1, Connect::default()));
        shard.add_line(session, Line::new(ours, Encoding::Json, session));
        let mut client = Self { shard: Rc::clone(shard), session, task: Arc::default(), ws };
        client.wait();
        assert!(client.hear().await.as_text().is_some_and(|it| it.contains("connect")));
        client
    }

    /// The task has its turn, and waits.
    fn wait(&self) {
        let waker = Waker::from(Arc::clone(&self.task));
        let (mut cx, mut batch) = (Context::from_waker(&waker), Batch::default());
        let polled = self
            .shard
            .with_line(self.session, |line| line.poll_heard(&mut cx, &self.shard, &mut batch));
        assert!(
            polled.is_pending(),
            "{:?}",
            self.shard.with(|it| it.hub.ending(self.session).cloned())
        );
    }

    /// It publishes into a channel of its own.
    fn publish(&self, text: &str) {
        let channel = ChannelName::new(&format!("own{}", self.session.index())).unwrap();
        let subscribe = Command::Subscribe(Subscribe::new(channel.clone()));
        let publish = Command::Publish { channel, data: format!("\"{text}\"").into() };
        for command in [subscribe, publish] {
            // Without an id, so that there is no answer.
            self.shard.with(|it| it.hub.handle_command(now(), self.session, 0, command));
            self.shard.turn(now());
        }
    }

    /// There is something to write to it.
    fn refuse(&self) {
        self.shard.with(|it| it.hub.refuse(now(), self.session, 7, CommandError::NotAvailable));
    }

    fn is_written_to(&self) -> bool {
        self.shard.with(|it| it.hub.outbox_bytes(self.session)) == 0
    }

    fn woken(&self) -> usize {
        self.task.woken.load(Ordering::Relaxed)
    }

    /// The next message, as the task writes it.
    async fn read(&mut self) -> WsMessage {
        loop {
            self.wait();
            tokio::select! {
                biased;
                message = self.ws.recv() => return message.unwrap().expect("it is open"),
                () = yield_now() => {}
            }
        }
    }

    async fn hear(&mut self) -> WsMessage {
        self.ws.recv().await.unwrap().expect("it is open")
    }
}

async fn clients(shard: &Rc<Shard>, count: usize) -> Vec<Client> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(Client::new(shard).await);
    }
    clients
}

/// Lets everything go on until nothing does.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[tokio::test]
async fn what_there_is_to_write_is_written_some_at_a_time_and_wakes_no_task() {
    on_shard(Limits::default(), async |shard| {
        let mut clients = clients(shard, 2 * ATTENDED_AT_ONCE + 1).await;
        clients.iter().for_each(Client::refuse);
        let written = |clients: &[Client]| clients.iter().filter(|it| it.is_written_to()).count();
        shard.turn(now());
        shard.turn(now());
        assert_eq!(written(&clients), 0, "tasks that are ready come first");
        let (mut most, mut before) = (0, 0);
        while before < clients.len() {
            yield_now().await;
            most = most.max(written(&clients) - before);
            before = written(&clients);
        }
        assert_eq!(most, ATTENDED_AT_ONCE);
        settle().await;
        for client in &mut clients {
            assert_eq!(client.woken(), 0);
            assert!(client.hear().await.as_text().is_some_and(|it| it.contains("error")));
        }
    })
    .await;
}

#[tokio::test]
async fn who_has_written_meanwhile_is_let_be_and_who_has_ended_is_woken() {
    on_shard(Limits::default(), async |shard| {
        let clients = clients(shard, 2).await;
        clients.iter().for_each(Client::refuse);
        clients.iter().for_each(Client::wait);
        shard.with(|it| it.hub.end(clients[1].session, Disconnect::SHUTDOWN));
        shard.turn(now());
        settle().await;
        assert_eq!([clients[0].woken(), clients[1].woken()], [0, 1]);
    })
    .await;
}

#[tokio::test]
async fn a_task_is_woken_when_its_socket_does_not_take_everything_and_not_again_after() {
    on_shard(Limits::default(), async |shard| {
        for mut client in Client::both(shard).await {
            // More than fits in between.
            let long = "x".repeat(1_000_000);
            client.publish(&long);
            settle().await;
            assert_eq!(client.woken(), 1);
            client.publish("next");
            assert!(client.read().await.as_text().is_some_and(|it| it.contains(&long)));
            assert!(client.read().await.as_text().is_some_and(|it| it.contains("next")));
            client.wait();
            let woken = client.woken();
            client.refuse();
            shard.turn(now());
            settle().await;
            assert!(client.hear().await.as_text().is_some_and(|it| it.contains("error")));
            assert_eq!(client.woken(), woken);
        }
    })
    .await;
}

/// Publications go past the connection and answers do not, and neither overtakes the other, however little the socket
/// takes at a time.
#[tokio::test]
async fn what_a_client_is_told_comes_whole_and_in_order() {
    let any = Rate { per_second: 1.0, burst: f64::INFINITY };
    let limits = Limits { command_rate: any, publish_rate: any, ..Limits::default() };
    on_shard(limits, async |shard| {
        for mut client in Client::both(shard).await {
            let mut random = 1_u64;
            for number in 0..400 {
                let mut told = Vec::new();
                for part in 0..=number % 12 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let length = usize::try_from(random >> 40 & 0xfff).unwrap();
                    let text = match random >> 60 {
                        0 => "error".to_owned(),
                        // More than the system takes at once.
                        1 => format!("{number} {part} {}", "x".repeat(300_000)),
                        _ => format!("{number} {part} {}", "x".repeat(length)),
                    };
                    match random >> 60 {
                        0 => client.refuse(),
                        _ => client.publish(&text),
                    }
                    told.push(text);
                }
                settle().await;
                let mut heard = Vec::new();
                while heard.len() < told.len() {
                    heard.extend(client.read().await.as_text().unwrap().lines().map(str::to_owned));
                }
                for (told, heard) in told.iter().zip(&heard) {
                    assert!(heard.contains(told), "{told:?} is {heard:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_write_delay_counts_from_when_clients_were_written_to() {
    // Sooner than anything else that has its time.
    let limits = Limits { write_delay: Duration::from_secs(1), ..Limits::default() };
    on_shard(limits, async |shard| {
        let due = || shard.with(|it| it.hub.poll_timeout());
        let clients = Client::both(shard).await;
        // What it is told of its subscription takes this along.
        clients.iter().for_each(|it| it.publish("zeroth"));
        settle().await;
        clients.iter().for_each(|it| it.publish("first"));
        let from_publication = due();
        settle().await;
        assert!(clients.iter().all(Client::is_written_to));
        let from_write = due();
        assert!(from_write > from_publication);
        clients.iter().for_each(|it| it.publish("next"));
        settle().await;
        assert!(!clients.iter().any(Client::is_written_to), "it waits");
        assert_eq!(due(), from_write);
    })
    .await;
}

/// What a reply has left no room for is kept, and follows when there is room again.
#[tokio::test]
async fn a_publication_follows_a_reply_that_took_the_last_room() {
    on_shard(Limits::default(), async |shard| {
        let mut client = Client::new(shard).await;
        let limits = trunkline::limits::Limits::for_role(trunkline::Role::Server);
        let high_water = limits.send_high_water_bytes.max();
        let mut was_kept = false;
        // With one of these lengths, the publication leaves room that the reply takes.
        for short in (0..600).step_by(30) {
            client.publish(&"x".repeat(high_water - short));
            client.refuse();
            client.publish("last");
            settle().await;
            for expected in ["xxx", "error", "last"] {
                was_kept |= shard.with_line(client.session, |line| line.holds_one());
                let mut heard = None;
                for _ in 0..1000 {
                    client.wait();
                    tokio::select! {
                        biased;
                        message = client.ws.recv() => heard = message.unwrap(),
                        () = yield_now() => continue,
                    }
                    break;
                }
                let heard = heard.unwrap_or_else(|| panic!("nothing where {expected:?} was due"));
                assert!(heard.as_text().is_some_and(|it| it.contains(expected)), "{short}");
            }
        }
        assert!(was_kept, "no length was the right one");
    })
    .await;
}

/// An answer makes room for the next command, which the task would not read otherwise.
#[tokio::test]
async fn the_task_of_a_client_that_is_not_read_from_is_woken_by_an_answer() {
    on_shard(Limits { pending_commands: 0, ..Limits::default() }, async |shard| {
        let client = Client::new(shard).await;
        client.refuse();
        shard.turn(now());
        settle().await;
        assert_eq!((client.woken(), client.is_written_to()), (1, false));
    })
    .await;
}

/// SEC-RL-13: where a mistake of ours meets the shard and not the task of a client, it is the task that dies of it.
#[tokio::test]
async fn sec_rl_13_a_panic_over_one_client_is_handed_to_its_task() {
    on_shard(Limits::default(), async |shard| {
        let mut other = Client::new(shard).await;
        for unlucky in Client::both(shard).await {
            unlucky.publish(MISTAKE);
            settle().await;
            assert!(!shard.is_broken());
            assert_eq!([unlucky.woken(), other.woken()], [1, 0]);
            let polled = catch_unwind(AssertUnwindSafe(|| unlucky.wait()));
            assert!(polled.is_err(), "it goes on as if nothing had been");
            other.publish("fine");
            assert!(other.hear().await.as_text().is_some_and(|it| it.contains("fine")));
        }
    })
    .await;
}
