//! Commands and replies of any content, the same for a seed.

use std::collections::BTreeMap;

use crate::twin::*;

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    /// Small, at the ends of what fits, or anything.
    fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => 0,
            1 => self.below(300) as u64,
            2 => *self.pick(&[127, 128, 16_383, 16_384, 1 << 31, 1 << 32, 1 << 53, u64::MAX]),
            _ => self.next(),
        }
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn flip(&mut self) -> bool {
        self.chance(2)
    }

    pub fn text(&mut self, longest: usize) -> String {
        let len = self.below(longest + 1);
        let letters = [
            'a', 'Z', '0', ' ', '"', '\\', '/', '\n', '\r', '\t', '\u{8}', '\0', '\u{1f}',
            '\u{7f}', 'é', '\u{2028}', '語', '😀',
        ];
        let mut text = String::new();
        while text.len() < len {
            text.push(*self.pick(&letters));
        }
        while text.len() > longest {
            text.pop();
        }
        text
    }

    /// The name of a channel: one that the hub takes.
    pub fn channel(&mut self) -> String {
        let len = 1 + self.below(40);
        (0..len).map(|_| *self.pick(&['a', 'z', ':', '#', '$', '"', '\\', '~', '1'])).collect()
    }

    /// Any JSON, as somebody else writes it, with or without space.
    pub fn payload(&mut self) -> Vec<u8> {
        let text = self.json(0);
        if self.chance(3) { Vec::new() } else { text.into_bytes() }
    }

    fn json(&mut self, depth: usize) -> String {
        let space = *self.pick(&["", "", " ", "\t", "\r"]);
        let value = match self.below(if depth > 3 { 5 } else { 8 }) {
            0 => "null".into(),
            1 => self.flip().to_string(),
            2 => self.number().to_string(),
            3 => (*self.pick(&["-0", "0.5", "-1e400", "1E+2", "10.00"])).into(),
            4 => serde_json::to_string(&self.text(12)).unwrap(),
            5 | 6 => {
                let mut items = Vec::new();
                for _ in 0..self.below(4) {
                    items.push(self.json(depth + 1));
                }
                format!("[{}]", items.join(","))
            }
            _ => {
                let mut members = Vec::new();
                for _ in 0..self.below(4) {
                    let key = serde_json::to_string(&self.text(6)).unwrap();
                    members.push(format!("{key}{space}:{}", self.json(depth + 1)));
                }
                format!("{{{space}{}}}", members.join(","))
            }
        };
        // A payload has no space around it: others may drop it.
        if depth == 0 { value } else { format!("{space}{value}{space}") }
    }

    pub fn command(&mut self) -> Command {
        let mut it = Command { id: (self.number() as u32).max(1), ..Default::default() };
        let channel = ChannelRequest { channel: self.channel() };
        match self.below(12) {
            0 => it.connect = Some(self.connect()),
            1 => it.subscribe = Some(self.subscribe()),
            2 => it.unsubscribe = Some(channel),
            3 => it.presence = Some(channel),
            4 => it.presence_stats = Some(channel),
            5 => {
                let since = StreamPosition { offset: self.number(), epoch: self.text(9) };
                let since = self.flip().then_some(since);
                let (limit, reverse) = (self.number() as i32, self.flip());
                let channel = channel.channel;
                it.history = Some(HistoryRequest { channel, limit, since, reverse });
            }
            6 => it.ping = Some(Empty {}),
            7 => it.send = Some(Data { data: self.payload() }),
            8 => it.rpc = Some(RpcRequest { data: self.payload(), method: self.text(20) }),
            9 => it.refresh = Some(RefreshRequest { token: self.text(300) }),
            10 => {
                let token = self.text(300);
                it.sub_refresh = Some(SubRefreshRequest { channel: channel.channel, token });
            }
            _ => {
                let (data, kind) = (self.payload(), self.number() as i32);
                it.publish = Some(PublishRequest { channel: channel.channel, data, kind });
            }
        }
        it
    }

    fn connect(&mut self) -> ConnectRequest {
        let mut subs = BTreeMap::new();
        let mut headers = BTreeMap::new();
        for _ in 0..self.below(4) {
            subs.insert(self.text(20), self.subscribe());
            headers.insert(self.text(20), self.text(20));
        }
        ConnectRequest {
            token: self.text(300),
            data: self.payload(),
            subs,
            name: self.text(20),
            version: self.text(20),
            headers,
            flag: self.number() as i64,
        }
    }

    fn subscribe(&mut self) -> SubscribeRequest {
        SubscribeRequest {
            channel: self.channel(),
            token: self.text(200),
            recover: self.flip(),
            epoch: self.text(9),
            offset: self.number(),
            data: self.payload(),
            positioned: self.flip(),
            recoverable: self.flip(),
            join_leave: self.flip(),
            delta: (*self.pick(&["", "fossil"])).into(),
            tf: self.chance(4).then(Empty::default),
            flag: self.number() as i64,
            kind: self.number() as i32,
        }
    }

    pub fn reply(&mut self) -> Reply {
        let mut it = Reply { id: (self.number() as u32).max(1), ..Default::default() };
        match self.below(12) {
            0 => {
                let mut subs = BTreeMap::new();
                for _ in 0..self.below(4) {
                    subs.insert(self.channel(), self.subscribed());
                }
                let Expiry { expires, ttl } = self.expiry();
                it.connect = Some(ConnectResult {
                    client: self.client(),
                    version: version(),
                    expires,
                    ttl,
                    data: self.payload(),
                    subs,
                    ping: self.number() as u32,
                    pong: self.flip(),
                });
            }
            1 => it.subscribe = Some(self.subscribed()),
            2 => it.unsubscribe = Some(Empty {}),
            3 => it.publish = Some(Empty {}),
            4 => {
                let mut presence = BTreeMap::new();
                for _ in 0..self.below(4) {
                    let info = self.info();
                    presence.insert(info.client.clone(), info);
                }
                it.presence = Some(PresenceResult { presence });
            }
            5 => {
                let (num_clients, num_users) = (self.number() as u32, self.number() as u32);
                it.presence_stats = Some(PresenceStatsResult { num_clients, num_users });
            }
            6 => {
                let publications = self.publications();
                let (epoch, offset) = (self.epoch(), self.number());
                it.history = Some(HistoryResult { publications, epoch, offset });
            }
            7 => {
                let Expiry { expires, ttl } = self.expiry();
                it.refresh = Some(RefreshResult { expires, ttl });
            }
            8 => it.sub_refresh = Some(self.expiry()),
            _ => {
                it.id = 0;
                it.push = Some(self.push());
            }
        }
        it
    }

    fn push(&mut self) -> Push {
        let mut it = Push { channel: self.channel(), ..Default::default() };
        match self.below(8) {
            0 => it.join = Some(Join { info: Some(self.info()) }),
            1 => it.leave = Some(Join { info: Some(self.info()) }),
            2 => it.message = Some(Data { data: self.payload() }),
            3 => {
                it.subscribe = Some(Subscribe {
                    recoverable: self.flip(),
                    epoch: self.epoch(),
                    offset: self.number(),
                    positioned: self.flip(),
                    data: self.payload(),
                });
            }
            4 => {
                it.channel = String::new();
                it.refresh = Some(self.expiry());
            }
            _ => it.publication = Some(self.publication()),
        }
        it
    }

    fn expiry(&mut self) -> Expiry {
        let expires = self.flip();
        Expiry { expires, ttl: if expires { self.number() as u32 } else { 0 } }
    }

    fn epoch(&mut self) -> String {
        (*self.pick(&["", "abcd", "k2mxq9ha", "a\"b\\"])).into()
    }

    fn subscribed(&mut self) -> SubscribeResult {
        let Expiry { expires, ttl } = self.expiry();
        SubscribeResult {
            expires,
            ttl,
            recoverable: self.flip(),
            epoch: self.epoch(),
            publications: self.publications(),
            recovered: self.flip(),
            offset: self.number(),
            positioned: self.flip(),
            data: self.payload(),
            was_recovering: self.flip(),
        }
    }

    fn publications(&mut self) -> Vec<Publication> {
        (0..self.below(4)).map(|_| self.publication()).collect()
    }

    fn publication(&mut self) -> Publication {
        let mut tags = BTreeMap::new();
        for _ in 0..self.below(3) {
            tags.insert(self.text(9), self.text(30));
        }
        let info = self.flip().then(|| self.info());
        let (data, offset) = (self.payload(), self.number());
        Publication { data, info, offset, tags, ..Default::default() }
    }

    fn info(&mut self) -> ClientInfo {
        ClientInfo {
            user: self.text(12),
            client: self.client(),
            conn_info: self.payload(),
            chan_info: self.payload(),
        }
    }

    fn client(&mut self) -> String {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        trunkline_hub::ClientId::from_entropy(bits).to_string()
    }
}

/// What we say that we are.
pub fn version() -> String {
    concat!("trunkline ", env!("CARGO_PKG_VERSION")).into()
}
