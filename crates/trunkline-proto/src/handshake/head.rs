//! Reads the head of an HTTP/1.1 message (RFC 9112), however its bytes are cut.
//!
//! Every byte is looked at twice at most: once for the end of its line, once when the line is
//! whole. A peer that sends one byte at a time costs what any other costs.
//!
//! There is one reading of a head. Where RFC 9112 lets a recipient be lenient (a bare LF, a folded
//! line, a space before the colon) two readers can disagree on where a request ends, so each of
//! these is refused, with two exceptions: up to two empty lines before a request (§2.2), and a
//! status line without the space before an empty reason.

use std::fmt;
use std::mem;

use super::error::HeadError;
use super::headers::{Field, Headers, Span};
use super::syntax::{self, is_control, is_token, is_token_byte};
use crate::Limit;

/// What the head of a request or a response may measure.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HeadLimits {
    /// Bytes of the whole head. Default: 16 KiB, what Node and most proxies take; a browser with
    /// a full jar of cookies for one site stays below.
    pub bytes: Limit,
    /// Header fields. Default: 100. Browsers send about 15, a chain of proxies adds 10.
    pub headers: Limit,
    /// Bytes of the request target. Default: 8 KiB, the least that RFC 9112 §3 wants everyone to
    /// support.
    pub target: Limit,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            bytes: Limit::at_most(16 * 1024),
            headers: Limit::at_most(100),
            target: Limit::at_most(8 * 1024),
        }
    }
}

/// The first line of a head, which tells a request from a response.
pub(super) trait StartLine: Sized {
    /// Empty lines that are passed over before it.
    const EMPTY_LINES_MAX: usize;
    /// Whether HTTP/1.0 is taken unless somebody says otherwise.
    const TAKES_HTTP_1_0: bool;
    /// The longest line to wait for, whatever it may turn out to be.
    fn bytes_max(limits: &HeadLimits) -> usize;
    /// Reads the whole line, which begins at `start` in its buffer and holds no controls.
    fn parse(line: &[u8], start: usize, limits: &HeadLimits) -> Result<Self, HeadError>;
    fn is_http_1_0(&self) -> bool;
}

/// `GET /chat HTTP/1.1`.
#[derive(Clone)]
pub(super) struct RequestLine {
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) is_http_1_0: bool,
}

/// `HTTP/1.1 101 Switching Protocols`.
#[derive(Clone)]
pub(super) struct StatusLine {
    /// 101 exists since HTTP/1.1.
    pub(super) is_http_1_0: bool,
    pub(super) status: u16,
    pub(super) reason: Span,
}

/// A whole head.
#[derive(Clone)]
pub(super) struct Head<L> {
    pub(super) line: L,
    pub(super) headers: Headers,
}

/// Collects a head from bytes as they arrive.
pub(super) struct HeadParser<L> {
    limits: HeadLimits,
    pub(super) takes_http_1_0: bool,
    line: Option<L>,
    headers: Headers,
    empty_lines: usize,
    /// Where the line under way begins.
    line_start: usize,
    /// How far the search for its end has come.
    scanned: usize,
    examined: usize,
}

impl<L: StartLine> HeadParser<L> {
    pub(super) fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            takes_http_1_0: L::TAKES_HTTP_1_0,
            line: None,
            headers: Headers::new(),
            empty_lines: 0,
            line_start: 0,
            scanned: 0,
            examined: 0,
        }
    }

    /// Takes what belongs to the head and gives it once it is whole, with the number of bytes of
    /// `input` that were its last. Until then all of `input` has been taken.
    pub(super) fn handle_input(
        &mut self,
        input: &[u8],
    ) -> Result<Option<(Head<L>, usize)>, HeadError> {
        let before = self.headers.bytes.len();
        let room = self.limits.bytes.max().min(Span::BYTES_MAX).saturating_sub(before);
        let kept = input.get(..room).unwrap_or(input);
        self.headers.bytes.extend_from_slice(kept);
        while let Some(end) = self.find_line_end()? {
            let start = mem::replace(&mut self.line_start, self.scanned);
            if let Some(head) = self.on_line(start, end)? {
                return Ok(Some((head, self.scanned - before)));
            }
        }
        if kept.len() < input.len() {
            return Err(HeadError::TooLong(self.limits.bytes));
        }
        Ok(None)
    }

    /// How many times a byte has been looked at, over all bytes.
    pub(super) const fn bytes_examined(&self) -> usize {
        self.examined
    }

    /// Goes on to the next control, which has to be the CRLF at the end of a line, and gives the
    /// place of its CR. A refusal depends on the bytes alone, never on how they were cut.
    fn find_line_end(&mut self) -> Result<Option<usize>, HeadError> {
        let line_bytes_max = match self.line {
            None => L::bytes_max(&self.limits),
            Some(_) => usize::MAX,
        };
        let bytes = &self.headers.bytes;
        let unseen = bytes.get(self.scanned..).unwrap_or_default();
        let found = unseen.iter().position(|&byte| is_control(byte));
        self.scanned += found.unwrap_or(unseen.len());
        self.examined += found.map_or(unseen.len(), |at| at + 1);
        if self.scanned - self.line_start > line_bytes_max {
            return Err(HeadError::TargetTooLong(self.limits.target));
        }
        match bytes.get(self.scanned..).unwrap_or_default() {
            [] | [b'\r'] => Ok(None),
            [b'\r', b'\n', ..] => {
                let end = self.scanned;
                self.scanned += 2;
                self.examined += 1;
                Ok(Some(end))
            }
            [b'\r', ..] => Err(HeadError::BareCr),
            [b'\n', ..] => Err(HeadError::BareLf),
            _ => Err(HeadError::Control),
        }
    }

    fn on_line(&mut self, start: usize, end: usize) -> Result<Option<Head<L>>, HeadError> {
        self.examined += end - start;
        let line = self.headers.bytes.get(start..end).unwrap_or_default();
        if self.line.is_none() {
            if line.is_empty() {
                self.empty_lines += 1;
                return match self.empty_lines <= L::EMPTY_LINES_MAX {
                    true => Ok(None),
                    false => Err(HeadError::EmptyLines),
                };
            }
            let line = L::parse(line, start, &self.limits)?;
            if line.is_http_1_0() && !self.takes_http_1_0 {
                return Err(HeadError::Version);
            }
            self.line = Some(line);
        } else if line.is_empty() {
            return Ok(self.finish());
        } else {
            if !self.limits.headers.allows(self.headers.len() + 1) {
                return Err(HeadError::TooManyHeaders(self.limits.headers));
            }
            let field = parse_field(line, start)?;
            self.headers.fields.push(field);
        }
        Ok(None)
    }

    fn finish(&mut self) -> Option<Head<L>> {
        let mut headers = mem::take(&mut self.headers);
        headers.bytes.truncate(self.scanned);
        if headers.bytes.capacity() > 2 * headers.bytes.len() {
            // Frames came along with the head; a request that waits for its handler should not
            // hold room for them.
            headers.bytes.shrink_to_fit();
        }
        self.line.take().map(|line| Head { line, headers })
    }
}

impl<L> fmt::Debug for HeadParser<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadParser").field("bytes", &self.headers.bytes.len()).finish()
    }
}

/// Reads `name: value` (RFC 9112 §5), which begins at `start` in its buffer.
fn parse_field(line: &[u8], start: usize) -> Result<Field, HeadError> {
    if line.first().is_some_and(|&byte| syntax::is_white_space(byte)) {
        return Err(HeadError::FoldedLine);
    }
    let name_bytes = line.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(line.len());
    let (name, rest) = line.split_at(name_bytes);
    let [b':', value @ ..] = rest else {
        return Err(match rest {
            [] => HeadError::NoColon,
            // A proxy that trims here and one that does not would see two different fields (§5.1).
            [b' ' | b'\t', ..] => HeadError::SpaceBeforeColon,
            _ => HeadError::Name,
        });
    };
    if name.is_empty() {
        return Err(HeadError::Name);
    }
    let lead = value.iter().take_while(|&&byte| syntax::is_white_space(byte)).count();
    let value = syntax::trim(value);
    let name_end = start + name_bytes;
    let value_start = name_end + 1 + lead;
    Ok(Field {
        name: Span::new(start, name_end),
        value: Span::new(value_start, value_start + value.len()),
    })
}

impl StartLine for RequestLine {
    const EMPTY_LINES_MAX: usize = 2;
    const TAKES_HTTP_1_0: bool = false;

    /// The target, the longest method that is registered (17 letters), the version, and some air.
    fn bytes_max(limits: &HeadLimits) -> usize {
        limits.target.max().saturating_add(32)
    }

    fn parse(line: &[u8], start: usize, limits: &HeadLimits) -> Result<Self, HeadError> {
        let mut parts = line.splitn(3, |&byte| byte == b' ');
        let (Some(method), Some(target), Some(version)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(HeadError::RequestLine);
        };
        if !is_token(method) {
            return Err(HeadError::RequestLine);
        }
        if !limits.target.allows(target.len()) {
            return Err(HeadError::TargetTooLong(limits.target));
        }
        if !is_target(target) {
            return Err(HeadError::Target);
        }
        let is_http_1_0 = is_http_1_0(version, HeadError::RequestLine)?;
        let method_end = start + method.len();
        let target_start = method_end + 1;
        Ok(Self {
            method: Span::new(start, method_end),
            target: Span::new(target_start, target_start + target.len()),
            is_http_1_0,
        })
    }

    fn is_http_1_0(&self) -> bool {
        self.is_http_1_0
    }
}

/// Laxer than RFC 3986, as browsers are: they leave `|` and its like in queries as they are. A
/// fragment never travels (RFC 9110 §7.1).
pub(super) fn is_target(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#')
}

impl StartLine for StatusLine {
    const EMPTY_LINES_MAX: usize = 0;
    const TAKES_HTTP_1_0: bool = true;

    fn bytes_max(_: &HeadLimits) -> usize {
        usize::MAX
    }

    fn parse(line: &[u8], start: usize, _: &HeadLimits) -> Result<Self, HeadError> {
        let mut parts = line.splitn(3, |&byte| byte == b' ');
        let (version, code) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_http_1_0 = is_http_1_0(version, HeadError::StatusLine)?;
        let &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = code else {
            return Err(HeadError::StatusLine);
        };
        let status = [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        let reason_bytes = parts.next().map_or(0, <[u8]>::len);
        let end = start + line.len();
        Ok(Self { is_http_1_0, status, reason: Span::new(end - reason_bytes, end) })
    }

    fn is_http_1_0(&self) -> bool {
        self.is_http_1_0
    }
}

/// Tells HTTP/1.0 from HTTP/1.1, and refuses every other version; `malformed` if it is none at all (RFC 9112 §2.3).
fn is_http_1_0(version: &[u8], malformed: HeadError) -> Result<bool, HeadError> {
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(HeadError::Version),
        _ => Err(malformed),
    }
}
