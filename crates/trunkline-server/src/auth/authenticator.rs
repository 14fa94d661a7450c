//! [`Authenticator`]: who a client is, and what it may open.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_hub::{
    ChannelName, ClientId, Connect, Now, Refreshed, ServerSubscription, SubscribeRights,
};

use super::Denied;
use super::claims::{ForChannel, OfConnection, Registered, Subscription};
use super::jwks::FetchError;
use super::jws::Jws;
use super::keys::{InvalidKey, Keys};
use crate::config::{Config, Token};

/// Judges the tokens of clients.
///
/// Judging never waits. If a key has to be fetched first the verdict is [`Denied::KeysNeeded`]: then call
/// [`fetch_keys`](Self::fetch_keys), and ask once more with the same `now`.
///
/// # Examples
/// ```
/// use std::time::Instant;
/// use trunkline_hub::Now;
/// use trunkline_server::auth::{Authenticator, Denied, NewToken};
/// use trunkline_server::config::{Secret, Sources};
///
/// let secret = "0123456789abcdef0123456789abcdef";
/// let config = Sources::new().set("client.token.hmac_secret_key", secret).load()?.config;
/// let authenticator = Authenticator::new(&config)?;
///
/// let token = NewToken::for_user("alice").sign(&Secret::new(secret));
/// let now = Now { instant: Instant::now(), unix_ms: 1_800_000_000_000 };
/// assert_eq!(&*authenticator.connect(&token, now)?.user, "alice");
/// assert_eq!(authenticator.connect("", now).unwrap_err(), Denied::NoToken);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Authenticator {
    connection: Judge,
    subscription: Judge,
    allow_without_token: bool,
    insecure: bool,
    refuse_anonymous: bool,
    /// What stands before the user in the name of its personal channel.
    personal_prefix: Option<String>,
}

#[derive(Clone, Debug)]
struct Judge {
    keys: Arc<Keys>,
    settings: Token,
}

/// Who shows a subscription token.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers make them")]
pub struct Subscriber<'a> {
    /// The user of the connection; empty if it has none.
    pub user: &'a str,
    /// The connection.
    pub client: ClientId,
}

impl Authenticator {
    /// Reads keys and rules from a configuration.
    ///
    /// # Errors
    /// If a key is none. A configuration that was loaded has none such.
    pub fn new(config: &Config) -> Result<Self, InvalidKey> {
        let client = &config.client;
        let connection = Judge::new(&client.token)?;
        let by = client.judges_subscriptions_by();
        let subscription = if *by == client.token { connection.clone() } else { Judge::new(by)? };
        let personal = &client.subscribe_to_user_personal_channel;
        let personal_prefix =
            personal.enabled.then(|| match &*personal.personal_channel_namespace {
                "" => String::from("#"),
                namespace => format!("{namespace}:#"),
            });
        Ok(Self {
            connection,
            subscription,
            allow_without_token: client.allow_anonymous_connect_without_token || client.insecure,
            insecure: client.insecure,
            refuse_anonymous: client.disallow_anonymous_connection_tokens,
            personal_prefix,
        })
    }

    /// The same for a new configuration. Keys that were fetched are kept if they come from the same endpoint.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn reload(&self, config: &Config) -> Result<Self, InvalidKey> {
        let mut new = Self::new(config)?;
        let shared = Arc::ptr_eq(&new.connection.keys, &new.subscription.keys);
        for (new, old) in
            [(&mut new.subscription, &self.subscription), (&mut new.connection, &self.connection)]
        {
            let mut keys = Keys::new(&new.settings).map_err(first)?;
            keys.inherit(&old.keys);
            new.keys = Arc::new(keys);
        }
        if shared {
            new.subscription = new.connection.clone();
        }
        Ok(new)
    }

    /// Judges the token of a `connect`; an empty one is none.
    ///
    /// # Errors
    /// If it does not let anybody in; [`Denied::on_connect`] is the answer.
    pub fn connect(&self, token: &str, now: Now) -> Result<Connect, Denied> {
        if token.is_empty() && self.allow_without_token {
            return Ok(Connect::default());
        }
        let (claims, payload) = self.connection.judge(token, now)?;
        let own = OfConnection::parse(&payload)?;
        let user = claims.user(&self.connection.settings, &payload)?;
        if user.is_empty() && self.refuse_anonymous {
            return Err(Denied::Anonymous);
        }
        let mut subscriptions = own.subscriptions()?;
        self.add_personal_channel(&user, &mut subscriptions)?;
        Ok(Connect {
            user: user.into(),
            info: own.info()?,
            data: Bytes::new(),
            meta: own.meta(),
            expire_at: claims.expire_at(own.expire_at).filter(|_| !self.insecure),
            client_side_refresh: true,
            subscriptions,
            recover: Vec::new(),
            rates: None,
        })
    }

    /// Judges the token of a `refresh` by a connection of `user`.
    ///
    /// # Errors
    /// If it does not prolong the connection; [`Denied::on_refresh`] is the answer.
    pub fn refresh(&self, token: &str, user: &str, now: Now) -> Result<Refreshed, Denied> {
        let (claims, payload) = self.connection.judge(token, now)?;
        let own = OfConnection::parse(&payload)?;
        if claims.user(&self.connection.settings, &payload)? != user {
            return Err(Denied::OtherUser);
        }
        let info = own.info()?;
        Ok(Refreshed {
            info: (!info.is_empty()).then_some(info),
            expire_at: claims.expire_at(own.expire_at).filter(|_| !self.insecure),
        })
    }

    /// Judges the token of a `subscribe`, or of a `sub_refresh`.
    ///
    /// # Errors
    /// If it does not open `channel` for `subscriber`; [`Denied::on_subscribe`] and
    /// [`Denied::on_sub_refresh`] are the answers.
    pub fn subscribe(
        &self,
        token: &str,
        subscriber: Subscriber<'_>,
        channel: &ChannelName,
        now: Now,
    ) -> Result<SubscribeRights, Denied> {
        let (claims, payload) = self.subscription.judge(token, now)?;
        let purpose = ForChannel::parse(&payload)?;
        if purpose.channel.is_empty() {
            return Err(Denied::NoChannel);
        }
        if purpose.channel != channel.as_str() {
            return Err(Denied::OtherChannel);
        }
        if claims.user(&self.subscription.settings, &payload)? != subscriber.user {
            return Err(Denied::OtherUser);
        }
        if !purpose.client.is_empty() && purpose.client != subscriber.client.to_string() {
            return Err(Denied::OtherClient);
        }
        let expire_at = claims.expire_at(purpose.expire_at).filter(|_| !self.insecure);
        Subscription::parse(&payload)?.rights(expire_at)
    }

    /// Whether everybody may do everything: `client.insecure`.
    pub const fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// Asks the endpoints for their keys, unless somebody has in the last ten seconds: call it after
    /// [`Denied::KeysNeeded`]. Many that call it at once wait for one request, at most about three seconds.
    ///
    /// # Errors
    /// If an endpoint gave none; for the log. Ask again all the same: older keys may do.
    ///
    /// # Cancel safety
    /// A request that was begun goes on when the call is dropped, for the next one.
    pub async fn fetch_keys(&self, now: Now) -> Result<(), FetchError> {
        let of_connections = self.connection.fetch(now).await;
        of_connections.and(self.subscription.fetch(now).await)
    }

    fn add_personal_channel(
        &self,
        user: &str,
        subscriptions: &mut Vec<ServerSubscription>,
    ) -> Result<(), Denied> {
        let Some(prefix) = self.personal_prefix.as_ref().filter(|_| !user.is_empty()) else {
            return Ok(());
        };
        let channel =
            ChannelName::new(&format!("{prefix}{user}")).map_err(|_| Denied::PersonalChannel)?;
        if subscriptions.iter().all(|it| it.channel != channel) {
            let rights = SubscribeRights::default();
            subscriptions.push(ServerSubscription { channel, rights });
        }
        Ok(())
    }
}

impl Judge {
    fn new(settings: &Token) -> Result<Self, InvalidKey> {
        let keys = Keys::new(settings).map_err(first)?;
        Ok(Self { keys: Arc::new(keys), settings: settings.clone() })
    }

    async fn fetch(&self, now: Now) -> Result<(), FetchError> {
        match self.keys.set() {
            Some(set) => set.fetch(now.instant).await,
            None => Ok(()),
        }
    }

    /// Signature first: nothing that a token claims is looked at before that.
    fn judge(&self, token: &str, now: Now) -> Result<(Registered, Vec<u8>), Denied> {
        let jws = Jws::parse(token)?;
        self.keys.verify(&jws, now)?;
        let claims = Registered::parse(&jws.payload)?;
        claims.check(&self.settings, now.unix_s())?;
        Ok((claims, jws.payload))
    }
}

/// There is at least one.
fn first(errors: Vec<InvalidKey>) -> InvalidKey {
    let none = || InvalidKey { setting: "", message: String::new() };
    errors.into_iter().next().unwrap_or_else(none)
}
