//! [`HttpUpgrade`]: a request for a WebSocket that an HTTP server has read.

use std::fmt;

use ::hyper::upgrade::OnUpgrade;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{Extensions, Response, StatusCode};
use trunkline_proto::handshake::{AcceptError, Acceptance, Agreement, Refusal, Request};

use super::head::HttpHead;
use super::rejection::{Rejection, append, refusal};
use super::upgrading::Upgrading;
use crate::observe::Shaking;
use crate::server::Acceptor;

impl Acceptor {
    /// Accepts a request that an HTTP server has read, or refuses it by the same rules as
    /// [`accept`](Self::accept).
    ///
    /// Gives the answer, which is to be returned to the server as it is, and the connection to be,
    /// which is to be awaited in another task: it opens once the server has written the answer. See
    /// [`upgrade`](crate::upgrade).
    ///
    /// # Errors
    /// Why the request is refused, with the answer that says so.
    pub fn upgrade<B, R: From<Bytes>>(
        &self,
        request: &mut http::Request<B>,
    ) -> Result<(Response<R>, Upgrading), Rejection> {
        self.read_http_request(request)?.accept()
    }

    /// Judges a request that an HTTP server has read, and leaves the decision to the caller.
    ///
    /// # Errors
    /// Why the request is refused, with the answer that says so.
    pub fn read_http_request<B>(
        &self,
        request: &mut http::Request<B>,
    ) -> Result<HttpUpgrade, Rejection> {
        let mut shaking = Shaking::begin(None);
        let judged = HttpHead::of(request)
            .read(&self.config().limits)
            .and_then(|head| Request::from_upgrade(head, self.config()))
            .and_then(|judged| Ok((judged, take_connection(request.extensions_mut())?)));
        let (judged, on_upgrade) = judged.inspect_err(|refusal| shaking.refused(refusal))?;
        shaking.asked(&judged);
        Ok(HttpUpgrade::new(self.clone(), judged, on_upgrade, shaking))
    }
}

/// A request for a connection that awaits a decision, read by an HTTP server. Dropping it leaves the
/// connection to the server, which goes on with whatever is answered.
///
/// ```
/// # use trunkline::{Acceptor, handshake::Acceptance, upgrade::{Rejection, Upgrading}};
/// # use http::{Request, Response, StatusCode}; use bytes::Bytes;
/// # fn serve<B>(acceptor: Acceptor, mut request: Request<B>) -> Result<(Response<Bytes>, Upgrading), Rejection> {
/// let upgrade = acceptor.read_http_request(&mut request)?;
/// if upgrade.request().path() != "/chat" {
///     return Err(Rejection::new(StatusCode::NOT_FOUND, "no such room"));
/// }
/// upgrade.accept_with(&Acceptance::new())
/// # }
/// ```
pub struct HttpUpgrade {
    acceptor: Acceptor,
    request: Request,
    on_upgrade: OnUpgrade,
    /// What is told of it.
    shaking: Shaking,
}

impl HttpUpgrade {
    pub(super) fn new(
        acceptor: Acceptor,
        request: Request,
        on_upgrade: OnUpgrade,
        shaking: Shaking,
    ) -> Self {
        Self { acceptor, request, on_upgrade, shaking }
    }

    /// What the client asks for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Accepts as the [`Acceptor`] is configured to. See [`Acceptor::upgrade`].
    ///
    /// # Errors
    /// As [`accept_with`](Self::accept_with), but there is nothing here that could not be sent.
    pub fn accept<R: From<Bytes>>(self) -> Result<(Response<R>, Upgrading), Rejection> {
        self.accept_with(&Acceptance::new())
    }

    /// Accepts with a subprotocol of the caller's choice, or with further headers in the answer.
    ///
    /// # Errors
    /// If the acceptance must not be sent. The client is to be told 500, which is the answer in the
    /// error.
    pub fn accept_with<R: From<Bytes>>(
        mut self,
        acceptance: &Acceptance,
    ) -> Result<(Response<R>, Upgrading), Rejection> {
        match self.answer(acceptance) {
            Ok((response, agreement)) => {
                let Self { acceptor, on_upgrade, shaking, .. } = self;
                Ok((response, Upgrading::new(on_upgrade, acceptor, agreement, shaking)))
            }
            Err(rejection) => {
                self.shaking.refused(rejection.refusal());
                Err(rejection)
            }
        }
    }

    fn answer<R: From<Bytes>>(
        &self,
        acceptance: &Acceptance,
    ) -> Result<(Response<R>, Agreement), Rejection> {
        if let Some(refusal) = self.acceptor.refusal_while_draining() {
            return Err(refusal.into());
        }
        let key = self.request.accept_key().ok_or(AcceptError::NoKey)?;
        let key = HeaderValue::from_bytes(&key).map_err(|_| AcceptError::NoKey)?;
        let (agreement, fields) = self.request.agree(self.acceptor.config(), acceptance)?;
        let mut response = Response::new(R::from(Bytes::new()));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, key);
        append(headers, &fields).map_err(AcceptError::Header)?;
        Ok((response, agreement))
    }
}

impl fmt::Debug for HttpUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpUpgrade").field("request", self.request()).finish_non_exhaustive()
    }
}

/// The connection under a request, which the server hands over once it has answered 101.
///
/// # Errors
/// If the server has put none there, or somebody has taken it already: the server's fault.
pub(super) fn take_connection(extensions: &mut Extensions) -> Result<OnUpgrade, Refusal> {
    extensions.remove::<OnUpgrade>().ok_or_else(|| {
        refusal(
            500,
            "the server cannot switch protocols on this connection: this is a fault of the server",
        )
    })
}
