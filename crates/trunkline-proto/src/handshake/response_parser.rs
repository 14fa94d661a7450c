//! The head of a response that no handshake has asked for.

use super::Progress;
use super::error::HeadError;
use super::head::{HeadLimits, HeadParser, StatusLine};
use super::response::Response;

/// Reads the head of a response without judging it, for whoever has to speak HTTP/1.1 before the
/// handshake: a tunnel through a proxy begins with one.
///
/// The responses that come out have no body; what stands behind the head is left to the caller.
///
/// # Examples
///
/// ```
/// use trunkline_proto::handshake::{HeadLimits, ResponseParser};
///
/// let mut parser = ResponseParser::new(HeadLimits::default());
/// let progress = parser.handle_input(b"HTTP/1.1 200 Connected\r\nVia: a\r\n\r\nrest")?;
/// let response = progress.done.expect("the head is whole");
/// assert_eq!((response.status(), progress.taken), (200, 34));
/// # Ok::<_, trunkline_proto::handshake::HeadError>(())
/// ```
///
/// [`RequestParser`](super::RequestParser) is its twin for requests.
#[derive(Debug)]
pub struct ResponseParser(HeadParser<StatusLine>);

impl ResponseParser {
    /// Waits for the first byte.
    pub fn new(limits: HeadLimits) -> Self {
        Self(HeadParser::new(limits))
    }

    /// Takes the bytes that belong to the head and gives it once it is whole.
    ///
    /// # Errors
    ///
    /// If the head is malformed or too large. Nothing more can be read after that.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<Progress<Response>, HeadError> {
        Ok(match self.0.handle_input(input)? {
            Some((head, taken)) => Progress { taken, done: Some(Response::new(head)) },
            None => Progress { taken: input.len(), done: None },
        })
    }
}
