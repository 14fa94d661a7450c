//! What clients speak over WebSocket, one dialect a folder.
