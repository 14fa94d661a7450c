//! Appends JSON to bytes.

use crate::dialect::words::{find_line_end, find_special};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as a string, with quotes. Escapes what RFC 8259 §7 says must be, and no more.
pub(in crate::dialect) fn append_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, from) = rest.split_at(find_special(rest));
        out.extend_from_slice(plain);
        let Some((special, behind)) = from.split_first() else { break };
        append_escaped(out, *special);
        rest = behind;
    }
    out.push(b'"');
}

fn append_escaped(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x8 => b'b',
        0xc => b'f',
        _ => {
            let digit = |it: u8| HEX[usize::from(it & 0xf)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends `value`, which is JSON already, without its line breaks: they can only be space, and
/// between values of a frame they mean something else.
pub(in crate::dialect) fn append_raw(out: &mut Vec<u8>, value: &str) {
    let mut rest = value.as_bytes();
    loop {
        let (line, from) = rest.split_at(find_line_end(rest));
        out.extend_from_slice(line);
        let Some((_, behind)) = from.split_first() else { break };
        rest = behind;
    }
}
