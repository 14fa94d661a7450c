//! The code on the pages of this folder compiles.

#[cfg(doctest)]
#[doc = include_str!("tokio-tungstenite.md")]
struct TokioTungstenite;

#[cfg(doctest)]
#[doc = include_str!("axum.md")]
struct Axum;

#[cfg(doctest)]
#[doc = include_str!("fastwebsockets.md")]
struct FastWebSockets;
