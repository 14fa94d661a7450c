//! Heads of HTTP/1.1 read naively: whole, by splitting, with no limits.

/// What stands before the first empty line: a start line and fields with their names in lower case.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) line: String,
    fields: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// Reads exactly one head and nothing behind it. Panics if it is not well formed.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let end = bytes.strip_suffix(b"\r\n\r\n").expect("ends in an empty line");
        let mut lines = split(end, b"\r\n").into_iter().skip_while(|line| line.is_empty());
        let line = lines.next().expect("a start line");
        // A reason may be in any encoding (RFC 9112 §4).
        let line = String::from_utf8_lossy(line).into_owned();
        let fields = lines.map(|line| {
            let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
            let name = std::str::from_utf8(&line[..colon]).expect("a name in ASCII");
            assert!(is_token(name.as_bytes()), "{name:?} is no token");
            let value = line[colon + 1..].trim_ascii().to_vec();
            let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
            assert!(!value.iter().any(is_control), "a control in {name}");
            (name.to_ascii_lowercase(), value)
        });
        let fields = fields.collect();
        Self { line, fields }
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&[u8]> {
        self.fields.iter().filter(|it| it.0 == name).map(|it| &it.1[..]).collect()
    }

    /// The value of a field that stands there once; panics if it does not.
    pub(crate) fn only(&self, name: &str) -> &[u8] {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} stands there once");
        all[0]
    }

    /// Whether a list in that field has `token`, in any case.
    pub(crate) fn list_has(&self, name: &str, token: &str) -> bool {
        self.list(name).iter().any(|it| it.eq_ignore_ascii_case(token.as_bytes()))
    }

    pub(crate) fn list(&self, name: &str) -> Vec<&[u8]> {
        let all = self.all(name).into_iter();
        all.flat_map(|value| value.split(|it| *it == b',')).map(<[u8]>::trim_ascii).collect()
    }
}

/// The length of the head at the front of `bytes`, the empty line included.
pub(crate) fn head_len(bytes: &[u8]) -> usize {
    let mut from = 0;
    while bytes[from..].starts_with(b"\r\n") {
        from += 2;
    }
    let end = bytes[from..].windows(4).position(|it| it == b"\r\n\r\n");
    from + end.expect("an empty line") + 4
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    let separators = b"\"(),/:;<=>?@[\\]{}";
    !bytes.is_empty() && bytes.iter().all(|it| it.is_ascii_graphic() && !separators.contains(it))
}

fn split<'a>(mut bytes: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = bytes.windows(by.len()).position(|it| it == by) {
        parts.push(&bytes[..at]);
        bytes = &bytes[at + by.len()..];
    }
    parts.push(bytes);
    parts
}
