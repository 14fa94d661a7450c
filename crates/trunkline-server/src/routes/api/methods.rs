//! The methods, by their names.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Api, ApiError, asked, said};

/// One table makes the list of methods and what calls them, so that they cannot disagree.
macro_rules! methods {
    ($($name:ident)*) => {
        /// All that there are. A batch is one too, but not within a batch.
        pub(super) const METHODS: &[&str] = &[$(stringify!($name),)* "batch"];

        impl Api {
            /// Calls a method by its name.
            pub(super) async fn call(
                &self,
                method: &str,
                body: &[u8],
            ) -> Result<Box<RawValue>, ApiError> {
                match method {
                    $(stringify!($name) => said(self.$name(asked(body)?).await?),)*
                    _ => Err(self.no_method()),
                }
            }
        }
    };
}

methods! {
    publish broadcast
    subscribe unsubscribe disconnect refresh
    presence presence_stats history history_remove
    channels info
    connections connection tail_token
}

impl Api {
    /// What is said to whoever asks for something else.
    pub(super) fn no_method(&self) -> ApiError {
        let prefix = &self.reception.rules().config.http_api.handler_prefix;
        let methods = METHODS.join(", ");
        let why = format!("no such method; there are {methods}; see GET {prefix}/openapi.yaml");
        ApiError::refused(StatusCode::NOT_FOUND, why)
    }
}

/// A request in which there is nothing to ask.
#[derive(Deserialize)]
pub(super) struct Everything {}
