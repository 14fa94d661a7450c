//! The hub: from a publication to what each of its subscribers is written.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use trunkline_hub::broker::{Answer, Delivery, Event, Operation, Outcome};
use trunkline_hub::{
    Allowed, ChannelName, ChannelOptions, Command, Connect, Entropy, Epoch, HistoryPage, Hub,
    Namespaces, Now, Publication, SessionId, Settings, StreamPosition, Subscribe,
};
use trunkline_server::dialect::centrifugo::{Encoded, Encoding};

use crate::{Kernel, Round};

const SUBSCRIBERS: u32 = 1000;

pub(crate) const ALL: &[Kernel] =
    &[("deliver-1", SUBSCRIBERS, || deliver(1)), ("deliver-16", 16 * SUBSCRIBERS, || deliver(16))];

fn now() -> Now {
    Now { instant: Instant::now(), unix_ms: 1_700_000_000_000 }
}

/// A hub with a thousand subscribers of one channel, who have read what they were told.
fn subscribed(now: Now, channel: &ChannelName) -> Hub<Encoded> {
    let all = Allowed { clients: true, subscribers: true, anonymous: true };
    let options = ChannelOptions { subscribe: all, ..ChannelOptions::default() };
    let namespaces = Arc::new(Namespaces::new(options));
    let mut state = 1_u64;
    let entropy = Entropy::new(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state
    });
    let mut hub = Hub::new(Settings { namespaces, ..Settings::default() }, entropy);
    for _ in 0..SUBSCRIBERS {
        let session = hub.open(now);
        hub.connect(now, session, 1, Connect { user: "someone".into(), ..Connect::default() });
        let subscribe = Command::Subscribe(Subscribe::new(channel.clone()));
        hub.handle_command(now, session, 2, subscribe);
        answer(&mut hub, now);
        while hub.poll_entry(session).is_some() {}
    }
    while hub.poll_marked().is_some() {}
    hub
}

/// A broker that has nothing but answers.
fn answer(hub: &mut Hub<Encoded>, now: Now) {
    while let Some(request) = hub.poll_request() {
        let outcome = match request.operation {
            Operation::Attach { .. } => Outcome::Page(HistoryPage {
                publications: Vec::new(),
                top: StreamPosition { offset: 0, epoch: Epoch::NONE },
            }),
            _ => Outcome::Done,
        };
        hub.handle_answer(now, Answer { id: request.id, outcome });
    }
}

/// As many publications at once as `gathered`, then all that waits into one frame for each session.
fn deliver(gathered: u32) -> Round {
    let (now, channel) = (now(), ChannelName::new("news").expect("a good name"));
    let mut hub = subscribed(now, &channel);
    let data = Bytes::from(vec![b'1'; 128]);
    let (mut frame, mut told) = (Vec::with_capacity(65536), 0);
    Box::new(move || {
        for _ in 0..gathered {
            let publication = Publication { data: data.clone(), ..Publication::default() };
            let event =
                Event::Publication { publication: Arc::new(publication), epoch: Epoch::NONE };
            hub.handle_delivery(now, Delivery { channel: channel.clone(), event });
        }
        while let Some(session) = hub.poll_marked() {
            told += write(&mut hub, session, &mut frame);
        }
        assert_eq!(std::mem::take(&mut told), gathered * SUBSCRIBERS, "everybody was told");
    })
}

fn write(hub: &mut Hub<Encoded>, session: SessionId, frame: &mut Vec<u8>) -> u32 {
    let mut entries = 0;
    frame.clear();
    while let Some(entry) = hub.poll_entry(session) {
        Encoding::Json.append(frame, &entry).expect("the payload is JSON");
        entries += 1;
    }
    black_box(&frame);
    entries
}
