//! [`Presence`]: who is subscribed to one channel.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use trunkline_hub::{ClientId, ClientInfo, PresenceStats};

use super::moment::Moment;

/// The clients that are subscribed, each for a while without another word.
///
/// That while ends with a whole second, so those who are forgotten are looked for once a second at
/// most, however many there are.
#[derive(Debug, Default)]
pub(super) struct Presence {
    members: HashSet<Member>,
    /// How many members each user has.
    users: HashMap<Arc<str>, u32>,
    /// Nobody expires before.
    next: Moment,
}

/// Found by its client, which is in what it holds anyway.
#[derive(Debug)]
struct Member {
    info: Arc<ClientInfo>,
    expires: Moment,
}

impl Borrow<ClientId> for Member {
    fn borrow(&self) -> &ClientId {
        &self.info.client
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.info.client == other.info.client
    }
}

impl Eq for Member {}

impl Hash for Member {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.info.client.hash(state);
    }
}

impl Presence {
    /// Notes that a client is subscribed until the end of the second of `until`.
    pub(super) fn add(&mut self, info: Arc<ClientInfo>, until: Moment) {
        let expires = until.second_end();
        self.next = if self.members.is_empty() { expires } else { self.next.min(expires) };
        let user = Arc::clone(&info.user);
        if let Some(old) = self.members.replace(Member { info, expires }) {
            if old.info.user == user {
                return;
            }
            leave(&mut self.users, &old.info.user);
        }
        *self.users.entry(user).or_default() += 1;
    }

    /// Forgets a client.
    pub(super) fn remove(&mut self, client: ClientId) {
        if let Some(member) = self.members.take(&client) {
            leave(&mut self.users, &member.info.user);
            self.shrink();
        }
    }

    /// Forgets those whose time is over.
    pub(super) fn expire(&mut self, now: Moment) {
        if self.next > now {
            return;
        }
        let users = &mut self.users;
        self.members.retain(|member| {
            let stays = member.expires > now;
            if !stays {
                leave(users, &member.info.user);
            }
            stays
        });
        self.next = self.members.iter().map(|it| it.expires).min().unwrap_or(now);
        self.shrink();
    }

    /// When somebody expires, or earlier.
    pub(super) const fn expires(&self) -> Moment {
        self.next
    }

    /// How many clients there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether `client` is among them.
    pub(super) fn contains(&self, client: ClientId) -> bool {
        self.members.contains(&client)
    }

    /// All of them, in the order of their ids.
    pub(super) fn list(&self) -> Vec<Arc<ClientInfo>> {
        let mut list: Vec<_> = self.members.iter().map(|it| Arc::clone(&it.info)).collect();
        list.sort_unstable_by_key(|it| it.client);
        list
    }

    /// How many clients and users there are.
    pub(super) fn stats(&self) -> PresenceStats {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        PresenceStats { clients: count(self.members.len()), users: count(self.users.len()) }
    }

    /// Gives back memory after many have left.
    fn shrink(&mut self) {
        if self.members.len() < self.members.capacity() / 4 {
            self.members.shrink_to(self.members.len() * 2);
            self.users.shrink_to(self.users.len() * 2);
        }
    }
}

fn leave(users: &mut HashMap<Arc<str>, u32>, user: &Arc<str>) {
    if let Some(count) = users.get_mut(user) {
        *count -= 1;
        if *count == 0 {
            users.remove(user);
        }
    }
}
