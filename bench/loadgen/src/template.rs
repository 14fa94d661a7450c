//! Messages of servers' own protocols, from templates on the command line.

use crate::frames::put_frame;

/// `\r`, `\n`, `\\` and `\xHH` as in a string literal.
pub fn unescape(s: &str) -> Vec<u8> {
    let (b, mut out, mut i) = (s.as_bytes(), Vec::new(), 0);
    while i < b.len() {
        let (c, used) = match (b[i], b.get(i + 1)) {
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b'\\')) => (b'\\', 2),
            (b'\\', Some(b'x')) => {
                let hex = s.get(i + 2..i + 4).and_then(|h| u8::from_str_radix(h, 16).ok());
                (hex.unwrap_or_else(|| crate::die("bad \\x escape")), 4)
            }
            (c, _) => (c, 1),
        };
        out.push(c);
        i += used;
    }
    out
}

pub fn replace(s: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let (mut out, mut i) = (Vec::with_capacity(s.len() + with.len()), 0);
    while i < s.len() {
        if s[i..].starts_with(what) {
            out.extend_from_slice(with);
            i += what.len();
        } else {
            out.push(s[i]);
            i += 1;
        }
    }
    out
}

/// Whether `what` is in `b`; what is empty always is.
pub fn contains(b: &[u8], what: &[u8]) -> bool {
    what.is_empty() || b.windows(what.len()).any(|w| w == what)
}

/// A message as the client sends it: a masked frame (binary after a "b:"), or a line to a raw peer.
pub fn message(raw: bool, text: &str, fill: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let (op, text) = text.strip_prefix("b:").map_or((1, text), |t| (2, t));
    let body = fill(unescape(text));
    let mut out = Vec::new();
    if raw {
        out.extend_from_slice(&body);
        out.push(b'\n');
    } else {
        put_frame(&mut out, op, false, &body, [0x5a, 0x31, 0xc7, 0x0e]);
    }
    out
}

/// A `POST` of `body` on a connection that stays.
pub fn post(addr: &str, path: &str, headers: &[String], body: &[u8]) -> Vec<u8> {
    let mut head =
        format!("POST {path} HTTP/1.1\r\nHost: {addr}\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|h| head.push_str(&format!("{h}\r\n")));
    head.push_str("\r\n");
    let mut out = head.into_bytes();
    out.extend_from_slice(body);
    out
}

/// Takes whole answers off the front of `inbox`: how many came, and how many of them were refusals.
/// Servers that answer without `Content-Length` are taken to answer without a body.
pub fn answers(inbox: &mut Vec<u8>) -> (u64, u64) {
    let (mut came, mut refused) = (0, 0);
    while let Some(p) = inbox.windows(4).position(|w| w == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&inbox[..p]).to_ascii_lowercase();
        let length =
            head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok());
        let end = p + 4 + length.unwrap_or(0);
        if inbox.len() < end {
            break;
        }
        came += 1;
        // The API of Centrifugo says no with 200 and an error in the body.
        let no = !head.starts_with("http/1.1 2") || contains(&inbox[p + 4..end], b"\"error\"");
        if no && refused == 0 {
            eprintln!("refused: {}", String::from_utf8_lossy(&inbox[..end]));
        }
        refused += no as u64;
        inbox.drain(..end);
    }
    (came, refused)
}

/// Takes whole frames off the front of `b`; returns how many bytes they were.
#[inline]
pub fn frames(b: &[u8], mut f: impl FnMut(u8, &[u8])) -> usize {
    let mut at = 0;
    while b.len() - at >= 2 {
        let h = &b[at..];
        if h[1] & 0x80 != 0 {
            crate::die("the server sent a masked frame");
        }
        let (head, len) = match h[1] {
            126 if h.len() >= 4 => (4, u16::from_be_bytes([h[2], h[3]]) as usize),
            127 if h.len() >= 10 => (10, u64::from_be_bytes(h[2..10].try_into().unwrap()) as usize),
            126 | 127 => break,
            n => (2, n as usize),
        };
        if h.len() < head + len {
            break;
        }
        f(h[0] & 15, &h[head..head + len]);
        at += head + len;
    }
    at
}
