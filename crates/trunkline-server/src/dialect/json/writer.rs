//! Appends JSON to bytes.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as a string, with quotes. Escapes what RFC 8259 §7 says must be, and no more.
pub(in crate::dialect) fn append_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(plain) = rest.iter().position(|it| matches!(it, b'"' | b'\\' | ..b' ')) {
        let (before, from) = rest.split_at(plain);
        out.extend_from_slice(before);
        append_escaped(out, from[0]);
        rest = &from[1..];
    }
    out.extend_from_slice(rest);
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
    for line in value.as_bytes().split(|it| *it == b'\n') {
        out.extend_from_slice(line);
    }
}
