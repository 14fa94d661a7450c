//! [`Reception`]: what every connection needs to know to be let in, whichever shard it is on.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use trunkline::handshake::{OriginPolicy, Refusal as HttpRefusal, ServerConfig, Subprotocols};
use trunkline::limits::Settings as WebSocketSettings;
use trunkline::tls::ServerTls;
use trunkline::{Acceptor, Limit, Role};
use trunkline_hub::{
    ChannelName, ClientId, Connect, Disconnect, Namespaces, Refreshed, Settings, SubscribeRights,
};

use crate::auth::{Authenticator, Denied, Refusal, Subscriber};
use crate::budget::Budget;
use crate::config::{Config, Pem, Reload, Tls};
use crate::dialect::centrifugo::{ConnectRequest, Encoding};
use crate::error::StartError;
use crate::guesses::Guesses;
use crate::metrics::{Hog, Metrics, NoEntry, NoRoom};
use crate::process;
use crate::random::random;
use crate::shard::now;
use crate::sparing::Sparing;
use crate::users::{UserLimits, UserSeat, Users};

/// What every connection needs to know to be let in.
#[derive(Debug)]
pub(crate) struct Reception {
    rules: RwLock<Arc<Rules>>,
    metrics: Metrics,
    users: Users,
    guesses: Guesses,
    /// Lines of the log about tokens that were refused, and about keys of the API that are tried.
    budget: Budget,
    token_lines: Sparing,
    memory_lines: Sparing,
    guess_lines: Sparing,
    is_draining: AtomicBool,
    node_uid: String,
    node_name: String,
    started: Instant,
}

/// What may change while the server runs.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) config: Config,
    pub(crate) authenticator: Authenticator,
    pub(crate) acceptor: Acceptor,
    tls: Option<ServerTls>,
    /// Pages of other hosts that may call the API.
    pub(crate) api_pages: OriginPolicy,
    pub(crate) namespaces: Arc<Namespaces>,
}

/// Why a request may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// It has none, or not one of ours.
    Wrong,
    /// Its address has tried so many that nothing more of it is looked at for a while.
    TooManyTries { wait: Duration },
}

impl Rules {
    fn new(
        config: Config,
        authenticator: Authenticator,
        tls: Option<ServerTls>,
    ) -> Result<Self, StartError> {
        let acceptor = acceptor(&config)?;
        let api_pages = config.api_origins().map_err(StartError::Origin)?;
        let namespaces = Arc::new(config.namespaces());
        Ok(Self { config, authenticator, acceptor, tls, api_pages, namespaces })
    }
}

impl Reception {
    /// What those need to know who come to this port.
    pub(crate) fn new(config: Config, port: u16) -> Result<Self, StartError> {
        let node_name = match config.node.name.as_str() {
            "" => format!("{}_{port}", process::host_name().unwrap_or_else(|| "?".into())),
            name => name.into(),
        };
        let authenticator = Authenticator::new(&config).map_err(StartError::Keys)?;
        let tls = tls(&config.http_server.tls)?;
        let budget = Budget::of(config.client.memory_limit);
        let rules = RwLock::new(Arc::new(Rules::new(config, authenticator, tls)?));
        let node_uid =
            ClientId::from_entropy((u128::from(random()) << 64) | u128::from(random())).to_string();
        Ok(Self {
            rules,
            metrics: Metrics::default(),
            users: Users::default(),
            guesses: Guesses::default(),
            budget,
            token_lines: Sparing::default(),
            memory_lines: Sparing::default(),
            guess_lines: Sparing::default(),
            is_draining: AtomicBool::new(false),
            node_uid,
            node_name,
            started: Instant::now(),
        })
    }

    /// Other rules hold from now on; what only a restart changes stays as it is. What changed, and what
    /// did not.
    ///
    /// # Errors
    /// What is wrong with the new rules: then nothing changes.
    pub(crate) fn reload(&self, config: Config) -> Result<Reload, StartError> {
        let old = self.rules();
        let reload = old.config.reload_from(config);
        let authenticator = old.authenticator.reload(&reload.config).map_err(StartError::Keys)?;
        let settings = &reload.config.http_server.tls;
        let is_same = *settings == old.config.http_server.tls;
        let tls = if is_same { old.tls.clone() } else { tls(settings)? };
        let rules = Rules::new(reload.config.clone(), authenticator, tls)?;
        if is_same && let Some(tls) = &rules.tls {
            tls.reload().map_err(StartError::Tls)?;
        }
        self.budget.configure(reload.config.client.memory_limit);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        Ok(reload)
    }

    /// The rules as they are now.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn acceptor(&self) -> Acceptor {
        self.rules().acceptor.clone()
    }

    pub(crate) fn tls(&self) -> Option<ServerTls> {
        self.rules().tls.clone()
    }

    /// Counts a connection among those of its user, and lets it have its part in what the user may do.
    /// Those without a user are not one user: nobody counts them.
    ///
    /// # Errors
    /// If the user has as many connections as one may have, or comes too often.
    pub(crate) fn seat_user(&self, connect: &mut Connect) -> Result<Option<UserSeat>, Disconnect> {
        if connect.user.is_empty() {
            return Ok(None);
        }
        let limits = UserLimits::of(&self.rules().config);
        let taken = self.users.take(&connect.user, limits, Instant::now());
        let (seat, rates) =
            taken.inspect_err(|_| self.metrics.connections_refused.count(NoRoom::User))?;
        connect.rates = Some(rates);
        Ok(Some(seat))
    }

    /// Whether a request from `from` may go on with the key of the API that it shows; `allows` knows the keys, and is
    /// asked only if the address has not tried too many.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn judge_api_key(
        &self,
        from: IpAddr,
        shows_key: bool,
        allows: impl FnOnce() -> bool,
    ) -> Result<(), NoKey> {
        let (a_minute, now) = (self.rules().config.http_api.wrong_keys_per_minute, Instant::now());
        // Who shows none does not guess.
        let tried = if shows_key { self.guesses.may_try(from, a_minute, now) } else { Ok(()) };
        if let Err(wait) = tried {
            self.metrics.requests_refused.count(NoEntry::Guesses);
            if let Some(left_out) = self.guess_lines.line(now) {
                tracing::warn!(left_out, "an address shows one wrong API key after the other");
            }
            return Err(NoKey::TooManyTries { wait });
        }
        if allows() {
            return Ok(());
        }
        self.metrics.requests_refused.count(NoEntry::Key);
        if shows_key {
            self.guesses.missed(from, a_minute, now);
        }
        Err(NoKey::Wrong)
    }

    /// Nobody should be sent here any more.
    pub(crate) fn begin_drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Whether clients may be sent here.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_draining.load(Ordering::Relaxed)
    }

    /// Whether operators are told where clients are.
    pub(crate) fn may_tell_addresses(&self) -> bool {
        self.rules().config.http_api.client_addresses
    }

    /// What this process calls itself.
    pub(crate) fn node_uid(&self) -> &str {
        &self.node_uid
    }

    /// What people call it.
    pub(crate) fn node_name(&self) -> &str {
        &self.node_name
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn hub_settings(&self) -> Settings {
        let rules = self.rules();
        Settings {
            limits: Arc::new(rules.config.limits()),
            namespaces: Arc::clone(&rules.namespaces),
            insecure: rules.config.client.insecure,
        }
    }

    /// Whether a WebSocket lives at `path`.
    pub(crate) fn judge_path(&self, path: &str) -> Result<(), HttpRefusal> {
        let websocket = &self.rules().config.websocket;
        if !websocket.disabled && path == websocket.handler_prefix {
            return Ok(());
        }
        let body = format!("no WebSocket here; it is at {}\n", websocket.handler_prefix);
        Err(HttpRefusal::new(404, body).unwrap_or_else(|_| HttpRefusal::unavailable()))
    }

    /// Who connects?
    pub(crate) async fn judge_connect(
        &self,
        request: &ConnectRequest<'_>,
    ) -> Result<Connect, Refusal> {
        let recover = request.positions();
        self.judge(|it, now| it.connect(&request.token, now))
            .await
            .map(|connect| Connect { recover, ..connect })
            .map_err(|denied| self.refused(denied, denied.on_connect()))
    }

    /// May this connection live on?
    pub(crate) async fn judge_refresh(
        &self,
        token: &str,
        user: &str,
    ) -> Result<Refreshed, Refusal> {
        self.judge(|it, now| it.refresh(token, user, now))
            .await
            .map_err(|denied| self.refused(denied, denied.on_refresh()))
    }

    /// What does the token say about this subscription?
    pub(crate) async fn judge_subscription(
        &self,
        token: &str,
        channel: &ChannelName,
        user: &str,
        client: ClientId,
        is_refresh: bool,
    ) -> Result<SubscribeRights, Refusal> {
        let subscriber = Subscriber { user, client };
        self.judge(|it, now| it.subscribe(token, subscriber, channel, now)).await.map_err(
            |denied| {
                let refusal =
                    if is_refresh { denied.on_sub_refresh() } else { denied.on_subscribe() };
                self.refused(denied, refusal)
            },
        )
    }

    /// Asks once more if the key had to be fetched.
    async fn judge<T>(
        &self,
        ask: impl Fn(&Authenticator, trunkline_hub::Now) -> Result<T, Denied>,
    ) -> Result<T, Denied> {
        let (rules, now) = (self.rules(), now());
        match ask(&rules.authenticator, now) {
            Err(Denied::KeysNeeded) => {
                if let Err(error) = Box::pin(rules.authenticator.fetch_keys(now)).await {
                    tracing::warn!(%error, "cannot fetch the keys of tokens");
                }
                ask(&rules.authenticator, now)
            }
            judged => judged,
        }
    }

    /// Counts what a connection holds: see [`Budget::hold`].
    ///
    /// # Errors
    /// If all together hold as much as they may; what is counted of this one stays.
    pub(crate) fn hold(&self, held: &mut u32, bytes: usize, hog: Hog) -> Result<(), Disconnect> {
        if self.budget.hold(held, bytes) {
            return Ok(());
        }
        self.metrics.out_of_memory.count(hog);
        if let Some(left_out) = self.memory_lines.line(Instant::now()) {
            let held = self.budget.held_bytes();
            tracing::warn!(held, left_out, "a client was closed: client.memory_limit is reached");
        }
        Err(match hog {
            Hog::Message => Disconnect::TRY_AGAIN_LATER,
            Hog::Queue => Disconnect::SLOW,
        })
    }

    /// A connection is gone.
    pub(crate) fn hold_nothing(&self, held: &mut u32) {
        self.budget.hold(held, 0);
    }

    fn refused(&self, denied: Denied, refusal: Refusal) -> Refusal {
        self.metrics.tokens_denied.count(denied);
        if let Some(left_out) = self.token_lines.line(Instant::now()) {
            tracing::info!(why = %denied, left_out, "a token was refused");
        }
        refusal
    }
}

/// How WebSockets are accepted. Their own pings are off: the client protocol has its own, which SDKs
/// measure by.
fn acceptor(config: &Config) -> Result<Acceptor, StartError> {
    let mut settings = WebSocketSettings::for_role(Role::Server);
    settings.limits.message_bytes = Limit::at_most(config.websocket.message_size_limit);
    settings.keepalive_interval = None;
    let mut server = ServerConfig::default();
    server.origin = config.origins().map_err(StartError::Origin)?;
    server.subprotocols = Subprotocols::new(Encoding::SUBPROTOCOLS).expect("both are tokens");
    server.deflate = config.websocket.deflate();
    Ok(Acceptor::new().with_config(server).with_settings(settings))
}

fn tls(settings: &Tls) -> Result<Option<ServerTls>, StartError> {
    if !settings.enabled {
        return Ok(None);
    }
    let tls = match (Tls::pem(&settings.cert_pem), Tls::pem(&settings.key_pem)) {
        (Pem::File(chain), Pem::File(key)) => ServerTls::from_files(chain, key),
        (chain, key) => ServerTls::from_pem(pem(&chain)?, pem(&key)?),
    };
    let tls = tls.map_err(StartError::Tls)?;
    if settings.client_ca_pem.is_empty() {
        return Ok(Some(tls));
    }
    let roots = pem(&Tls::pem(&settings.client_ca_pem))?;
    tls.with_client_roots_pem(roots).map(Some).map_err(StartError::Tls)
}

fn pem(pem: &Pem<'_>) -> Result<Vec<u8>, StartError> {
    match pem {
        Pem::File(path) => std::fs::read(path).map_err(StartError::Io),
        Pem::Text(text) => Ok(text.as_bytes().to_vec()),
    }
}
