//! The plain way to do what the others do fast.

/// A frame: how many bytes its header has, its key, and its payload's length.
pub(crate) fn header(input: &[u8]) -> Option<(usize, [u8; 4], usize)> {
    let short = usize::from(*input.get(1)? & 0x7f);
    let (start, len) = match short {
        126 => (4, usize::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, short),
    };
    let key = input.get(start..start + 4)?.try_into().ok()?;
    Some((start + 4, key, len))
}

/// Byte by byte.
pub(crate) fn mask(payload: &mut [u8], key: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// The texts of the masked frames in `input`.
pub(crate) fn texts(mut input: &mut [u8], mut each: impl FnMut(&str)) {
    while let Some((start, key, len)) = header(input) {
        let (frame, rest) = input.split_at_mut(start + len);
        let payload = &mut frame[start..];
        mask(payload, key);
        if let Ok(text) = std::str::from_utf8(payload) {
            each(text);
        }
        input = rest;
    }
}
