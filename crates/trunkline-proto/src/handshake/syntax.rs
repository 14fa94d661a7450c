//! The few rules of HTTP's grammar that everything here shares (RFC 9110 §5.6).

/// A byte of a token: names of headers, methods, subprotocols and extensions are made of these
/// (RFC 9110 §5.6.2).
pub(super) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`'
        | b'|' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
}

/// Whether the whole of `bytes` is one token; an empty string is none.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// A byte that may not stand inside a line of a head: a control other than the tab, which RFC 9110
/// §5.5 counts as white space.
pub(super) const fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=8 | 10..=31 | 127)
}

/// Optional white space (RFC 9110 §5.6.3).
pub(super) const fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `bytes` without optional white space at either end.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_white_space(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_white_space(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma list, trimmed. Empty ones are passed over, as RFC 9110 §5.6.1.2 asks of
/// a recipient. Only for lists without quoted strings: a comma inside quotes would split them.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// Bytes that are known to be ASCII, as text.
pub(super) fn ascii(bytes: &[u8]) -> &str {
    debug_assert!(bytes.is_ascii(), "checked where the bytes came in");
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_bytes_are_those_of_rfc_9110() {
        let separators = b"\"(),/:;<=>?@[\\]{} \t";
        for byte in 0..=255u8 {
            let expected = byte.is_ascii_graphic() && !separators.contains(&byte);
            assert_eq!(is_token_byte(byte), expected, "{byte:#04x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn lists_pass_over_empty_elements() {
        let all = |value| list(value).collect::<Vec<_>>();
        assert_eq!(all(b"a,b"), [b"a", b"b"]);
        assert_eq!(all(b" ,\ta ,, b\t,"), [b"a", b"b"]);
        assert!(all(b"").is_empty());
        assert!(all(b" , ").is_empty());
    }
}
