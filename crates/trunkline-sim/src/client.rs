//! A client: keeps count of what it has asked for, and checks all that it is sent.

use std::collections::{BTreeMap, VecDeque};

use trunkline_hub::{
    ChannelName, ClientId, Entry, Publication, PushBody, Reply, ReplyBody, SessionId,
    StreamPosition, Subscribed,
};

use crate::broker::Broker;

/// The namespace in which clients recover the newest publication alone.
pub(crate) const CACHE: &str = "cache";

/// A rule that was broken.
pub(crate) type Broken = String;

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) user: Box<str>,
    pub(crate) hub: usize,
    pub(crate) session: Option<SessionId>,
    pub(crate) client: Option<ClientId>,
    /// It does not read.
    pub(crate) is_stalled: bool,
    /// Its hub has said that there is something to write, and it has not been written yet.
    pub(crate) is_marked: bool,
    /// Since when something waits for it though it reads, in milliseconds of the world.
    pub(crate) waits_since_ms: Option<u64>,
    /// Its connection is closed then, whatever the clock on the wall says.
    pub(crate) ends_ms: Option<u64>,
    pub(crate) subscriptions: BTreeMap<ChannelName, Here>,
    /// Where it has got to in channels that it is not on any more.
    pub(crate) positions: BTreeMap<ChannelName, StreamPosition>,
    /// Commands without a reply, in order, with the channel of a `subscribe`, and where to recover from.
    pub(crate) asked: VecDeque<Asked>,
    next_id: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: u32,
    pub(crate) subject: Subject,
}

#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Connect(Vec<(ChannelName, StreamPosition)>),
    Subscribe(ChannelName, Option<StreamPosition>),
    Unsubscribe(ChannelName),
    Other,
}

/// Where a subscription is.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    /// In the stream, if it is positioned.
    pub(crate) at: Option<StreamPosition>,
    recoverable: bool,
    /// The serial of the last publication.
    last: Option<u64>,
}

impl Client {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            user: format!("user{number}").into(),
            hub: 0,
            session: None,
            client: None,
            is_stalled: false,
            is_marked: false,
            waits_since_ms: None,
            ends_ms: None,
            subscriptions: BTreeMap::new(),
            positions: BTreeMap::new(),
            asked: VecDeque::new(),
            next_id: 0,
        }
    }

    pub(crate) fn ask(&mut self, subject: Subject) -> u32 {
        self.next_id += 1;
        self.asked.push_back(Asked { id: self.next_id, subject });
        self.next_id
    }

    /// Its connection is gone.
    pub(crate) fn forget(&mut self) {
        for channel in self.subscriptions.keys().cloned().collect::<Vec<_>>() {
            self.left(&channel);
        }
        self.session = None;
        self.client = None;
        self.is_stalled = false;
        self.is_marked = false;
        self.waits_since_ms = None;
        self.ends_ms = None;
        self.asked.clear();
    }

    fn left(&mut self, channel: &ChannelName) {
        if let Some(Here { at: Some(at), recoverable: true, .. }) =
            self.subscriptions.remove(channel)
        {
            self.positions.insert(channel.clone(), at);
        }
    }

    /// Checks one entry. Whether it was a ping, which wants a pong.
    pub(crate) fn read<E>(&mut self, entry: &Entry<E>, broker: &Broker) -> Result<bool, Broken> {
        match entry {
            Entry::Ping => return Ok(true),
            Entry::Reply(reply) => self.read_reply(reply, broker)?,
            Entry::Push(shared) => {
                let channel = shared.push.channel.as_ref();
                match (&shared.push.body, channel) {
                    (PushBody::Publication(publication), Some(channel)) => {
                        self.read_publication(channel, publication, broker)?;
                    }
                    (PushBody::Join(_) | PushBody::Leave(_), Some(channel))
                        if !self.subscriptions.contains_key(channel) =>
                    {
                        return Err(format!("told who comes to {channel}, without being there"));
                    }
                    (PushBody::Unsubscribe(_), Some(channel)) => self.left(channel),
                    (PushBody::Subscribe(subscribed), Some(channel)) => {
                        // The server chose from where.
                        self.read_subscribed(channel, subscribed, subscribed.position, broker)?;
                    }
                    _ => {}
                }
            }
        }
        Ok(false)
    }

    fn read_reply(&mut self, reply: &Reply, broker: &Broker) -> Result<(), Broken> {
        let Some(asked) = self.asked.pop_front() else {
            return Err(format!("reply {} to nothing", reply.id));
        };
        if asked.id != reply.id {
            return Err(format!("reply {} before that to {}", reply.id, asked.id));
        }
        match (asked.subject, &reply.result) {
            (Subject::Connect(recover), Ok(ReplyBody::Connect(connected))) => {
                self.client = Some(connected.client);
                for (channel, subscribed) in &connected.subscriptions {
                    let since = recover.iter().find(|(it, _)| it == channel).map(|(_, it)| *it);
                    self.read_subscribed(channel, subscribed, since, broker)?;
                }
                Ok(())
            }
            (Subject::Subscribe(channel, since), Ok(ReplyBody::Subscribe(subscribed))) => {
                self.read_subscribed(&channel, subscribed, since, broker)
            }
            (Subject::Unsubscribe(channel), Ok(ReplyBody::Unsubscribe)) => {
                self.left(&channel);
                Ok(())
            }
            (Subject::Other, Ok(_)) | (Subject::Subscribe(..) | Subject::Other, Err(_)) => Ok(()),
            (subject, result) => Err(format!("{result:?} is no reply to {subject:?}")),
        }
    }

    fn read_subscribed(
        &mut self,
        channel: &ChannelName,
        subscribed: &Subscribed,
        since: Option<StreamPosition>,
        broker: &Broker,
    ) -> Result<(), Broken> {
        if self.subscriptions.contains_key(channel) {
            return Err(format!("subscribed to {channel} twice"));
        }
        if subscribed.positioned != subscribed.position.is_some() {
            return Err(format!("positioned on {channel}, and not told where"));
        }
        if channel.namespace() == Some(CACHE) {
            return self.read_newest(channel, subscribed, broker);
        }
        if subscribed.recovered && subscribed.position != since {
            return Err(format!("recovered {channel} from {:?}", subscribed.position));
        }
        self.enter(channel, subscribed, subscribed.position);
        for publication in &subscribed.publications {
            self.read_publication(channel, publication, broker)?;
        }
        Ok(())
    }

    /// With the newest publication, unless it has that already.
    fn read_newest(
        &mut self,
        channel: &ChannelName,
        subscribed: &Subscribed,
        broker: &Broker,
    ) -> Result<(), Broken> {
        let top = subscribed.position;
        let had = self.positions.get(channel).copied();
        match (&*subscribed.publications, top) {
            ([], _) if !subscribed.recovered || had == top => self.enter(channel, subscribed, top),
            ([newest], Some(top)) if subscribed.recovered && newest.offset == top.offset => {
                let before = StreamPosition { offset: top.offset - 1, ..top };
                self.enter(channel, subscribed, Some(before));
                self.read_publication(channel, newest, broker)?;
            }
            _ => return Err(format!("{channel} begins with {subscribed:?}")),
        }
        Ok(())
    }

    fn enter(
        &mut self,
        channel: &ChannelName,
        subscribed: &Subscribed,
        at: Option<StreamPosition>,
    ) {
        let here = Here { at, recoverable: subscribed.recoverable, last: None };
        self.positions.remove(channel);
        self.subscriptions.insert(channel.clone(), here);
    }

    /// One order for all, nothing twice, and no gap for who is positioned.
    fn read_publication(
        &mut self,
        channel: &ChannelName,
        publication: &Publication,
        broker: &Broker,
    ) -> Result<(), Broken> {
        let text = || String::from_utf8_lossy(&publication.data).into_owned();
        let Some(here) = self.subscriptions.get_mut(channel) else {
            return Err(format!("{} of {channel}, without being there", text()));
        };
        let Some(accepted) = broker.accepted.get(&*publication.data) else {
            return Err(format!("{} was never published", text()));
        };
        if accepted.channel != *channel || accepted.at.offset != publication.offset {
            return Err(format!("{} is {accepted:?}, not of {channel}", text()));
        }
        if here.last.is_some_and(|last| last >= accepted.serial) {
            return Err(format!("{} of {channel} again, or out of order", text()));
        }
        here.last = Some(accepted.serial);
        if let Some(at) = &mut here.at {
            if at.epoch != accepted.at.epoch || at.offset + 1 != accepted.at.offset {
                return Err(format!("{} of {channel} at {:?} after {at:?}", text(), accepted.at));
            }
            *at = accepted.at;
        }
        Ok(())
    }
}
