//! What clients speak over WebSocket, one dialect a folder.

mod json;
mod protobuf;
