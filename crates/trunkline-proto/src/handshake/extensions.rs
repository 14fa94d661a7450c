//! `Sec-WebSocket-Extensions`: what changes the protocol itself (RFC 6455 §9.1).

use std::error::Error;
use std::fmt;

use super::headers::Headers;
use super::syntax;

/// How many extensions one head may name. Browsers offer one; the only one that is registered for
/// use is permessage-deflate, which a client may offer with several sets of parameters.
const EXTENSIONS_MAX: usize = 32;

/// Where extensions stand, in both directions.
pub(super) const HEADER: &str = "Sec-WebSocket-Extensions";

/// One extension with its parameters, as offered or as chosen.
///
/// Names and values are tokens. Order and repetitions are kept: an extension decides what they
/// mean (§9.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension {
    name: String,
    params: Vec<(String, Option<String>)>,
}

impl Extension {
    /// An extension by name, with its parameters in order; all of them have to be tokens.
    pub fn new(name: impl Into<String>, params: Vec<(String, Option<String>)>) -> Self {
        Self { name: name.into(), params }
    }

    /// Reads one header value, which is a list: `permessage-deflate; server_max_window_bits=10`.
    ///
    /// # Errors
    ///
    /// If it does not follow the grammar of §9.1, or names more than 32 extensions.
    pub fn parse_list(value: &[u8]) -> Result<Vec<Self>, MalformedExtensions> {
        let mut list = Vec::new();
        Reader { rest: value }.list(&mut list)?;
        Ok(list)
    }

    /// Reads all values of the header, which are one list (§9.1).
    pub(super) fn parse_all(headers: &Headers) -> Result<Vec<Self>, MalformedExtensions> {
        let mut list = Vec::new();
        for value in headers.values(HEADER) {
            Reader { rest: value }.list(&mut list)?;
        }
        Ok(list)
    }

    /// The registered name, such as `permessage-deflate`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters in order, each with its value if it has one. Quotes are undone: `a="b"` and
    /// `a=b` are the same.
    pub fn params(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.params.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

/// Goes through a value once, from front to back.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn list(&mut self, list: &mut Vec<Extension>) -> Result<(), MalformedExtensions> {
        let before = list.len();
        loop {
            while self.skip(b',') {}
            if self.rest.is_empty() {
                break;
            }
            if list.len() == EXTENSIONS_MAX {
                return Err(MalformedExtensions::TooMany);
            }
            list.push(self.extension()?);
            if !self.rest.is_empty() && !self.skip(b',') {
                return Err(MalformedExtensions::Syntax);
            }
        }
        if list.len() == before { Err(MalformedExtensions::Syntax) } else { Ok(()) }
    }

    fn extension(&mut self) -> Result<Extension, MalformedExtensions> {
        let name = self.token()?.into();
        let mut params = Vec::new();
        while self.skip(b';') {
            let name = self.token()?.into();
            let value = if self.skip(b'=') { Some(self.value()?) } else { None };
            params.push((name, value));
        }
        Ok(Extension { name, params })
    }

    fn token(&mut self) -> Result<&'a str, MalformedExtensions> {
        let is_end = |&byte: &u8| !syntax::is_token_byte(byte);
        let bytes = self.rest.iter().position(is_end).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.skip_white_space();
        if token.is_empty() { Err(MalformedExtensions::Syntax) } else { Ok(syntax::ascii(token)) }
    }

    fn value(&mut self) -> Result<String, MalformedExtensions> {
        match self.rest {
            [b'"', rest @ ..] => {
                self.rest = rest;
                self.quoted()
            }
            _ => self.token().map(Into::into),
        }
    }

    /// What is within quotes has to be a token once the quotes are undone (§9.1).
    fn quoted(&mut self) -> Result<String, MalformedExtensions> {
        let mut value = String::new();
        loop {
            let (byte, rest) = match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    break;
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (*byte, rest),
                [] => return Err(MalformedExtensions::Syntax),
            };
            if !syntax::is_token_byte(byte) {
                return Err(MalformedExtensions::Syntax);
            }
            value.push(char::from(byte));
            self.rest = rest;
        }
        self.skip_white_space();
        if value.is_empty() { Err(MalformedExtensions::Syntax) } else { Ok(value) }
    }

    /// Steps over `separator` and the white space around it, if it is next.
    fn skip(&mut self, separator: u8) -> bool {
        self.skip_white_space();
        let found = self.rest.first() == Some(&separator);
        if let (true, [_, rest @ ..]) = (found, self.rest) {
            self.rest = rest;
            self.skip_white_space();
        }
        found
    }

    fn skip_white_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

/// A value of `Sec-WebSocket-Extensions` that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MalformedExtensions {
    /// It does not follow the grammar of §9.1.
    Syntax,
    /// It names more than 32 extensions.
    TooMany,
    /// An answer had the header twice, as only a request may (§11.3.2).
    Repeated,
}

impl MalformedExtensions {
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Syntax => "Sec-WebSocket-Extensions is not of the form `name; parameter=value`",
            Self::TooMany => "Sec-WebSocket-Extensions names more than 32 extensions",
            Self::Repeated => "Sec-WebSocket-Extensions is there twice",
        }
    }
}

impl fmt::Display for MalformedExtensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl Error for MalformedExtensions {}

#[cfg(test)]
mod tests {
    use super::*;

    type Params<'a> = &'a [(&'a str, Option<&'a str>)];

    #[track_caller]
    fn check(value: &[u8], expect: &[(&str, Params<'_>)]) {
        let list = Extension::parse_list(value).expect("a list of extensions");
        let got: Vec<_> = list.iter().map(|it| (it.name(), it.params().collect())).collect();
        let expect: Vec<(_, Vec<_>)> = expect.iter().map(|it| (it.0, it.1.to_vec())).collect();
        assert_eq!(got, expect, "{}", value.escape_ascii());
    }

    #[test]
    fn s9_1_extensions_have_names_and_parameters() {
        check(b"foo", &[("foo", &[])]);
        check(
            b"deflate-stream,mux ; max-channels=4; flow-control",
            &[
                ("deflate-stream", &[]),
                ("mux", &[("max-channels", Some("4")), ("flow-control", None)]),
            ],
        );
        check(b"a; b ; c = d", &[("a", &[("b", None), ("c", Some("d"))])]);
        check(b", a ,\t, b,", &[("a", &[]), ("b", &[])]);
        check(b"a;x=1;x=2, a", &[("a", &[("x", Some("1")), ("x", Some("2"))]), ("a", &[])]);
    }

    #[test]
    fn s9_1_a_quoted_value_is_a_token_too() {
        check(br#"a; b="10""#, &[("a", &[("b", Some("10"))])]);
        check(br#"a; b="\1\0" , c"#, &[("a", &[("b", Some("10"))]), ("c", &[])]);
        for bad in [
            &br#"a; b="#[..],
            br#"a; b=""#,
            br#"a; b="""#,
            br#"a; b="c d""#,
            br#"a; b="c,d""#,
            br#"a; b="\""#,
            br#"a; b="\"""#,
            br#"a; b="c"d"#,
            br#"a; "b"=c"#,
            br#""a""#,
            b"a; b=\"\xff\"",
        ] {
            refused(bad, MalformedExtensions::Syntax);
        }
    }

    #[test]
    fn s9_1_everything_else_is_malformed() {
        for bad in [
            &b""[..],
            b" ",
            b",",
            b";",
            b"a;",
            b"a; ",
            b"a b",
            b"a=b",
            b"a; =b",
            b"a;;b",
            b"a; b==c",
            b"a; b c",
            b"\x80",
        ] {
            refused(bad, MalformedExtensions::Syntax);
        }
        refused(["a"; 33].join(",").as_bytes(), MalformedExtensions::TooMany);
        assert!(Extension::parse_list(["a"; 32].join(",").as_bytes()).is_ok());
    }

    #[track_caller]
    fn refused(value: &[u8], expect: MalformedExtensions) {
        assert_eq!(Extension::parse_list(value), Err(expect), "{}", value.escape_ascii());
    }
}
