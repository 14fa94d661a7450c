//! The protocol a second time: structures that `prost` and `serde` read and write. What is read and
//! written by hand has to agree with them.

use std::collections::BTreeMap;

use prost::Message;
use serde::{Deserialize, Serialize};

/// Messages of which JSON leaves out what is zero or empty.
macro_rules! messages {
    ($($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {$(
            $(#[$meta])*
            #[serde(skip_serializing_if = "is_default")]
            pub $field: $type,
        )*}
    )*};
}

fn is_default<T: Default + PartialEq>(it: &T) -> bool {
    *it == T::default()
}

/// Payloads are JSON in JSON.
mod payload {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error};
    use serde_json::value::RawValue;

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(bytes).map_err(S::Error::custom)?;
        let text = text.replace('\n', "");
        RawValue::from_string(text).map_err(S::Error::custom)?.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        Ok(Box::<RawValue>::deserialize(from)?.get().into())
    }
}

messages! {
    Command {
        #[prost(uint32, tag = "1")]
        id: u32,
        #[prost(message, optional, tag = "4")]
        connect: Option<ConnectRequest>,
        #[prost(message, optional, tag = "5")]
        subscribe: Option<SubscribeRequest>,
        #[prost(message, optional, tag = "6")]
        unsubscribe: Option<ChannelRequest>,
        #[prost(message, optional, tag = "7")]
        publish: Option<PublishRequest>,
        #[prost(message, optional, tag = "8")]
        presence: Option<ChannelRequest>,
        #[prost(message, optional, tag = "9")]
        presence_stats: Option<ChannelRequest>,
        #[prost(message, optional, tag = "10")]
        history: Option<HistoryRequest>,
        #[prost(message, optional, tag = "11")]
        ping: Option<Empty>,
        #[prost(message, optional, tag = "12")]
        send: Option<Data>,
        #[prost(message, optional, tag = "13")]
        rpc: Option<RpcRequest>,
        #[prost(message, optional, tag = "14")]
        refresh: Option<RefreshRequest>,
        #[prost(message, optional, tag = "15")]
        sub_refresh: Option<SubRefreshRequest>,
    }
    Empty {}
    ConnectRequest {
        #[prost(string, tag = "1")]
        token: String,
        #[prost(bytes = "vec", tag = "2")]
        #[serde(with = "payload")]
        data: Vec<u8>,
        #[prost(btree_map = "string, message", tag = "3")]
        subs: BTreeMap<String, SubscribeRequest>,
        #[prost(string, tag = "4")]
        name: String,
        #[prost(string, tag = "5")]
        version: String,
        #[prost(btree_map = "string, string", tag = "6")]
        headers: BTreeMap<String, String>,
        #[prost(int64, tag = "7")]
        flag: i64,
    }
    SubscribeRequest {
        #[prost(string, tag = "1")]
        channel: String,
        #[prost(string, tag = "2")]
        token: String,
        #[prost(bool, tag = "3")]
        recover: bool,
        #[prost(string, tag = "6")]
        epoch: String,
        #[prost(uint64, tag = "7")]
        offset: u64,
        #[prost(bytes = "vec", tag = "8")]
        #[serde(with = "payload")]
        data: Vec<u8>,
        #[prost(bool, tag = "9")]
        positioned: bool,
        #[prost(bool, tag = "10")]
        recoverable: bool,
        #[prost(bool, tag = "11")]
        join_leave: bool,
        #[prost(string, tag = "12")]
        delta: String,
        #[prost(message, optional, tag = "13")]
        tf: Option<Empty>,
        #[prost(int64, tag = "14")]
        flag: i64,
        #[prost(int32, tag = "15")]
        #[serde(rename = "type")]
        kind: i32,
    }
    ChannelRequest {
        #[prost(string, tag = "1")]
        channel: String,
    }
    PublishRequest {
        #[prost(string, tag = "1")]
        channel: String,
        #[prost(bytes = "vec", tag = "2")]
        #[serde(with = "payload")]
        data: Vec<u8>,
        #[prost(int32, tag = "3")]
        #[serde(rename = "type")]
        kind: i32,
    }
    HistoryRequest {
        #[prost(string, tag = "1")]
        channel: String,
        #[prost(int32, tag = "7")]
        limit: i32,
        #[prost(message, optional, tag = "8")]
        since: Option<StreamPosition>,
        #[prost(bool, tag = "9")]
        reverse: bool,
    }
    StreamPosition {
        #[prost(uint64, tag = "1")]
        offset: u64,
        #[prost(string, tag = "2")]
        epoch: String,
    }
    Data {
        #[prost(bytes = "vec", tag = "1")]
        #[serde(with = "payload")]
        data: Vec<u8>,
    }
    RpcRequest {
        #[prost(bytes = "vec", tag = "1")]
        #[serde(with = "payload")]
        data: Vec<u8>,
        #[prost(string, tag = "2")]
        method: String,
    }
    RefreshRequest {
        #[prost(string, tag = "1")]
        token: String,
    }
    SubRefreshRequest {
        #[prost(string, tag = "1")]
        channel: String,
        #[prost(string, tag = "2")]
        token: String,
    }

    Reply {
        #[prost(uint32, tag = "1")]
        id: u32,
        #[prost(message, optional, tag = "2")]
        error: Option<Error>,
        #[prost(message, optional, tag = "4")]
        push: Option<Push>,
        #[prost(message, optional, tag = "5")]
        connect: Option<ConnectResult>,
        #[prost(message, optional, tag = "6")]
        subscribe: Option<SubscribeResult>,
        #[prost(message, optional, tag = "7")]
        unsubscribe: Option<Empty>,
        #[prost(message, optional, tag = "8")]
        publish: Option<Empty>,
        #[prost(message, optional, tag = "9")]
        presence: Option<PresenceResult>,
        #[prost(message, optional, tag = "10")]
        presence_stats: Option<PresenceStatsResult>,
        #[prost(message, optional, tag = "11")]
        history: Option<HistoryResult>,
        #[prost(message, optional, tag = "14")]
        refresh: Option<RefreshResult>,
        #[prost(message, optional, tag = "15")]
        sub_refresh: Option<Expiry>,
    }
    Error {
        #[prost(uint32, tag = "1")]
        code: u32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(bool, tag = "3")]
        temporary: bool,
    }
    Push {
        #[prost(string, tag = "2")]
        channel: String,
        #[prost(message, optional, tag = "4")]
        #[serde(rename = "pub")]
        publication: Option<Publication>,
        #[prost(message, optional, tag = "5")]
        join: Option<Join>,
        #[prost(message, optional, tag = "6")]
        leave: Option<Join>,
        #[prost(message, optional, tag = "7")]
        unsubscribe: Option<Unsubscribe>,
        #[prost(message, optional, tag = "8")]
        message: Option<Data>,
        #[prost(message, optional, tag = "9")]
        subscribe: Option<Subscribe>,
        #[prost(message, optional, tag = "12")]
        refresh: Option<Expiry>,
    }
    Publication {
        #[prost(bytes = "vec", tag = "4")]
        #[serde(with = "payload")]
        data: Vec<u8>,
        #[prost(message, optional, tag = "5")]
        info: Option<ClientInfo>,
        #[prost(uint64, tag = "6")]
        offset: u64,
        #[prost(btree_map = "string, string", tag = "7")]
        tags: BTreeMap<String, String>,
        #[prost(int64, tag = "9")]
        time: i64,
        #[prost(string, tag = "14")]
        epoch: String,
    }
    Join {
        #[prost(message, optional, tag = "1")]
        info: Option<ClientInfo>,
    }
    Unsubscribe {
        #[prost(uint32, tag = "2")]
        code: u32,
        #[prost(string, tag = "3")]
        reason: String,
    }
    Subscribe {
        #[prost(bool, tag = "1")]
        recoverable: bool,
        #[prost(string, tag = "4")]
        epoch: String,
        #[prost(uint64, tag = "5")]
        offset: u64,
        #[prost(bool, tag = "6")]
        positioned: bool,
        #[prost(bytes = "vec", tag = "7")]
        #[serde(with = "payload")]
        data: Vec<u8>,
    }
    Expiry {
        #[prost(bool, tag = "1")]
        expires: bool,
        #[prost(uint32, tag = "2")]
        ttl: u32,
    }
    ConnectResult {
        #[prost(string, tag = "1")]
        client: String,
        #[prost(string, tag = "2")]
        version: String,
        #[prost(bool, tag = "3")]
        expires: bool,
        #[prost(uint32, tag = "4")]
        ttl: u32,
        #[prost(bytes = "vec", tag = "5")]
        #[serde(with = "payload")]
        data: Vec<u8>,
        #[prost(btree_map = "string, message", tag = "6")]
        subs: BTreeMap<String, SubscribeResult>,
        #[prost(uint32, tag = "7")]
        ping: u32,
        #[prost(bool, tag = "8")]
        pong: bool,
    }
    SubscribeResult {
        #[prost(bool, tag = "1")]
        expires: bool,
        #[prost(uint32, tag = "2")]
        ttl: u32,
        #[prost(bool, tag = "3")]
        recoverable: bool,
        #[prost(string, tag = "6")]
        epoch: String,
        #[prost(message, repeated, tag = "7")]
        publications: Vec<Publication>,
        #[prost(bool, tag = "8")]
        recovered: bool,
        #[prost(uint64, tag = "9")]
        offset: u64,
        #[prost(bool, tag = "10")]
        positioned: bool,
        #[prost(bytes = "vec", tag = "11")]
        #[serde(with = "payload")]
        data: Vec<u8>,
        #[prost(bool, tag = "12")]
        was_recovering: bool,
    }
    RefreshResult {
        #[prost(bool, tag = "3")]
        expires: bool,
        #[prost(uint32, tag = "4")]
        ttl: u32,
    }
}

// Of those that follow, JSON has every field, but for what is marked.

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientInfo {
    #[prost(string, tag = "1")]
    pub user: String,
    #[prost(string, tag = "2")]
    pub client: String,
    #[prost(bytes = "vec", tag = "3")]
    #[serde(with = "payload", skip_serializing_if = "is_default")]
    pub conn_info: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    #[serde(with = "payload", skip_serializing_if = "is_default")]
    pub chan_info: Vec<u8>,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PresenceResult {
    #[prost(btree_map = "string, message", tag = "1")]
    pub presence: BTreeMap<String, ClientInfo>,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PresenceStatsResult {
    #[prost(uint32, tag = "1")]
    pub num_clients: u32,
    #[prost(uint32, tag = "2")]
    pub num_users: u32,
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryResult {
    #[prost(message, repeated, tag = "1")]
    pub publications: Vec<Publication>,
    #[prost(string, tag = "2")]
    pub epoch: String,
    #[prost(uint64, tag = "3")]
    pub offset: u64,
}
