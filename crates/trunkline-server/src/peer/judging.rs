//! What a client says, frame by frame, into commands of the hub; tokens are judged on the way.

use std::sync::Arc;

use trunkline::Batch;
use trunkline_hub::{ClientId, Command, CommandError, Disconnect, Hub, SessionId, SubscribeRights};

use super::Peer;
use crate::auth::Refusal;
use crate::dialect::centrifugo::{
    Action, BadFrame, ConnectRequest, Encoded, Encoding, Inappropriate, Incoming, Request,
    SubRefreshRequest, SubscribeRequest, channel_name,
};
use crate::shard::now;

impl Peer {
    /// Does what the client asks, in order. Tokens whose key is to be fetched first hold up this client
    /// alone.
    pub(super) async fn handle(&mut self, batch: &Batch) {
        for message in batch.iter() {
            let frame = message.as_bytes();
            self.reception.metrics().received(frame.len());
            #[cfg(test)]
            super::tests::fail_at(frame);
            for incoming in self.encoding.decode(frame) {
                match incoming {
                    Ok(incoming) => self.handle_request(incoming).await,
                    Err(why) => {
                        tracing::debug!(%why, "a client does not speak the protocol");
                        return self.end_with(BadFrame::DISCONNECT);
                    }
                }
                if self.shard.with(|state| state.hub.ending(self.session).is_some()) {
                    return;
                }
            }
        }
    }

    async fn handle_request(&mut self, incoming: Incoming<'_>) {
        let Incoming { id, request } = incoming;
        if asks_for_history(&request) {
            self.settle().await;
        }
        if self.is_out_of_turn(&request) {
            return self.end_with(Disconnect::BAD_REQUEST);
        }
        match request {
            Request::Action(action @ Action::Send { .. }) => self.act(id, action),
            // Whatever else has no id is taken for a pong.
            Request::Pong => self.pong(),
            _ if id == 0 => self.pong(),
            Request::Action(action) => self.act(id, action),
            Request::Connect(request) => Box::pin(self.connect(id, &request)).await,
            Request::Subscribe(request) => {
                let command = Box::pin(self.subscribe(*request)).await;
                self.command(id, command);
            }
            Request::SubRefresh(request) => {
                let command = Box::pin(self.sub_refresh(request)).await;
                self.command(id, command);
            }
            Request::Refresh { token } => {
                let command = Box::pin(self.refresh(&token)).await;
                self.command(id, command);
            }
            Request::Ping => self.command(id, Err(Refusal::Error(CommandError::NotAvailable))),
            Request::Unknown => self.end_with(Disconnect::BAD_REQUEST),
        }
    }

    /// Whether there is a token in the request that nobody need look at: it comes before the `connect`, or is a second
    /// one. Commands without a token the hub judges itself.
    fn is_out_of_turn(&self, request: &Request<'_>) -> bool {
        let hub = |ask: fn(&Hub<Encoded>, SessionId) -> bool| {
            self.shard.with(|state| ask(&state.hub, self.session))
        };
        match request {
            Request::Connect(_) => !hub(Hub::awaits_connect),
            Request::Subscribe(_) | Request::SubRefresh(_) | Request::Refresh { .. } => {
                !hub(Hub::is_let_in)
            }
            _ => false,
        }
    }

    fn pong(&self) {
        self.shard.with(|state| state.hub.handle_pong(self.session));
    }

    fn act(&self, id: u32, action: Action<'_>) {
        let command = action.into_command().and_then(|command| {
            if self.would_close_others(&command) {
                Err(CommandError::BadRequest)
            } else {
                Ok(command)
            }
        });
        self.command(id, command.map_err(Refusal::Error));
    }

    /// Whether the client publishes what closes subscribers that speak JSON, and may not. A frame of JSON
    /// holds nothing else, and has been looked at.
    fn would_close_others(&self, command: &Command) -> bool {
        let Command::Publish { channel, data } = command else { return false };
        self.encoding == Encoding::Protobuf
            && !self.shard.with(|state| state.hub.takes_anything(channel))
            && Inappropriate::is(data)
    }

    fn command(&self, id: u32, command: Result<Command, Refusal>) {
        let (now, session) = (now(), self.session);
        self.shard.with(|state| match command {
            Ok(command) => state.hub.handle_command(now, session, id, command),
            Err(Refusal::Error(error)) => state.hub.refuse(now, session, id, error),
            Err(Refusal::Disconnect(disconnect)) => state.hub.end(session, disconnect),
        });
    }

    async fn connect(&mut self, id: u32, request: &ConnectRequest<'_>) {
        let session = self.session;
        let mut judged = self.reception.judge_connect(request).await;
        if let Ok(connect) = &mut judged
            && self.user_seat.is_none()
        {
            match self.reception.seat_user(connect) {
                Ok(seat) => self.user_seat = seat,
                Err(disconnect) => judged = Err(Refusal::Disconnect(disconnect)),
            }
        }
        self.shard.with(|state| match judged {
            Ok(connect) => {
                state.name_software(session, &request.name, &request.version);
                state.hub.connect(now(), session, id, connect);
            }
            Err(Refusal::Error(error)) => state.hub.refuse_connect(session, id, error),
            Err(Refusal::Disconnect(disconnect)) => state.hub.end(session, disconnect),
        });
    }

    async fn subscribe(&self, request: SubscribeRequest<'_>) -> Result<Command, Refusal> {
        if request.token.is_empty() {
            return request.into_command(None).map_err(Refusal::Error);
        }
        let rights = self.rights(&request.token, &request.channel, false).await?;
        request.into_command(Some(rights)).map_err(Refusal::Error)
    }

    async fn sub_refresh(&self, request: SubRefreshRequest<'_>) -> Result<Command, Refusal> {
        // Who has just been unsubscribed may not know yet: its token is not to cost it the connection.
        let channel = channel_name(&request.channel).map_err(Refusal::Error)?;
        if !self.shard.with(|state| state.hub.is_subscribed(self.session, &channel)) {
            return Err(Refusal::Error(CommandError::PermissionDenied));
        }
        let rights = self.rights(&request.token, &request.channel, true).await?;
        request.into_command(rights).map_err(Refusal::Error)
    }

    async fn refresh(&self, token: &str) -> Result<Command, Refusal> {
        let (user, _) = self.identity();
        self.reception.judge_refresh(token, &user).await.map(Command::Refresh)
    }

    async fn rights(
        &self,
        token: &str,
        channel: &str,
        is_refresh: bool,
    ) -> Result<SubscribeRights, Refusal> {
        let channel = channel_name(channel).map_err(Refusal::Error)?;
        let (user, client) = self.identity();
        self.reception.judge_subscription(token, &channel, &user, client, is_refresh).await
    }

    /// Whose connection this is, as far as is known.
    fn identity(&self) -> (Arc<str>, ClientId) {
        self.shard.with(|state| {
            let user = state.hub.user(self.session).map(Arc::clone).unwrap_or_default();
            (user, state.hub.client(self.session).unwrap_or(ClientId::from_entropy(0)))
        })
    }

    fn end_with(&self, disconnect: Disconnect) {
        self.shard.with(|state| state.hub.end(self.session, disconnect));
    }
}

/// Whether the answer may be as large as a history.
fn asks_for_history(request: &Request<'_>) -> bool {
    match request {
        Request::Action(Action::History(_)) => true,
        Request::Subscribe(request) => request.recover,
        _ => false,
    }
}
