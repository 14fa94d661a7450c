//! Takes JSON (RFC 8259) apart where it lies, in one pass and without recursion.

use std::borrow::Cow;
use std::fmt;

use super::DEPTH_MAX;
use crate::dialect::words::find_special;

/// Where a text is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The byte of the text at which it was found.
    pub at: usize,
    /// What should be there, or what must not.
    pub problem: &'static str,
}

/// The problem of a text that is deeper than [`DEPTH_MAX`].
pub(super) const TOO_DEEP: &str = "too many arrays and objects in each other";

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.problem, self.at)
    }
}

/// Reads values from the front of a text. Stricter than most: no field twice, so that whoever reads
/// the same text with another library cannot understand it otherwise.
pub(in crate::dialect) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(in crate::dialect) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Checks that nothing but space is left.
    pub(in crate::dialect) fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fail("something behind the value"),
        }
    }

    /// An object: `member` is called with the key of each of its members and has to read the value.
    pub(in crate::dialect) fn object<E: From<JsonError>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'{', "no object")?;
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':', "no colon")?;
            member(self, key)?;
            if self.eat(b'}') {
                return Ok(());
            }
            self.expect(b',', "no comma")?;
        }
    }

    /// A string; borrowed if nothing in it is escaped.
    pub(in crate::dialect) fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"', "no string")?;
        let start = self.at;
        self.plain_characters();
        let plain = self.slice_from(start);
        if self.here() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut decoded = String::from(plain);
        loop {
            match self.here() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(decoded));
                }
                Some(b'\\') => {
                    self.at += 1;
                    decoded.push(self.escaped()?);
                }
                _ => return self.fail("a string that does not end, or a control character in it"),
            }
            let start = self.at;
            self.plain_characters();
            decoded.push_str(self.slice_from(start));
        }
    }

    /// `true` or `false`.
    pub(in crate::dialect) fn boolean(&mut self) -> Result<bool, JsonError> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => self.fail("no boolean"),
        }
    }

    /// A whole number of any type that has a `FromStr`, which says what fits.
    pub(in crate::dialect) fn integer<N: std::str::FromStr>(&mut self) -> Result<N, JsonError> {
        self.peek();
        let start = self.at;
        let error = JsonError { at: start, problem: "no whole number that fits" };
        self.number().map_err(|_| error)?;
        // `-0` is a number, but not one that every type takes; nobody means anything by it.
        self.slice_from(start).parse().map_err(|_| error)
    }

    /// Whether the next value is `null`, which is taken then.
    pub(in crate::dialect) fn null(&mut self) -> Result<bool, JsonError> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null").map(|()| true)
    }

    /// Any value, as it stands in the text.
    pub(in crate::dialect) fn raw(&mut self) -> Result<&'a str, JsonError> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(self.slice_from(start))
    }

    /// Passes over any value. Which brackets are open is one bit for each: recursion would let a client
    /// choose how much stack we need.
    pub(in crate::dialect) fn skip(&mut self) -> Result<(), JsonError> {
        let mut depth = 0_usize;
        let mut objects = 0_u64;
        loop {
            let opened = match self.peek() {
                Some(b'{') => Some(true),
                Some(b'[') => Some(false),
                _ => None,
            };
            if let Some(is_object) = opened {
                self.at += 1;
                if depth == DEPTH_MAX {
                    return self.fail(TOO_DEEP);
                }
                depth += 1;
                objects = objects << 1 | u64::from(is_object);
                if !self.eat(closing(objects)) {
                    self.key_if(objects)?;
                    continue;
                }
                depth -= 1;
                objects >>= 1;
            } else {
                self.scalar()?;
            }
            // A value has ended: so may what is around it.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                if !self.eat(closing(objects)) {
                    break;
                }
                depth -= 1;
                objects >>= 1;
            }
            self.expect(b',', "no comma")?;
            self.key_if(objects)?;
        }
    }

    fn key_if(&mut self, objects: u64) -> Result<(), JsonError> {
        if objects & 1 == 0 {
            return Ok(());
        }
        self.expect(b'"', "no string")?;
        self.rest_of_string()?;
        self.expect(b':', "no colon")
    }

    fn scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.rest_of_string()
            }
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.fail("no value"),
        }
    }

    /// Passes over a string whose first quote has been taken.
    fn rest_of_string(&mut self) -> Result<(), JsonError> {
        loop {
            self.plain_characters();
            match self.here() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.here() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                            self.at += 1
                        }
                        // Half a surrogate pair is allowed here, as RFC 8259 allows it (§8.2):
                        // it goes on as it came.
                        Some(b'u') => {
                            self.at += 1;
                            self.hex()?;
                        }
                        _ => return self.fail("no escape"),
                    }
                }
                _ => return self.fail("a string that does not end, or a control character in it"),
            }
        }
    }

    /// The character that is escaped behind a backslash.
    fn escaped(&mut self) -> Result<char, JsonError> {
        let Some(byte) = self.here() else { return self.fail("no escape") };
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.escaped_unit(),
            _ => return self.fail("no escape"),
        })
    }

    /// What `\u` escapes: one unit of UTF-16, or two that make a pair.
    fn escaped_unit(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        let low = match first {
            0xd800..0xdc00 if self.text.as_bytes()[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                Some(self.hex()?)
            }
            _ => None,
        };
        let mut units = char::decode_utf16(std::iter::once(first).chain(low));
        match (units.next(), units.next()) {
            (Some(Ok(character)), None) => Ok(character),
            _ => self.fail("half a surrogate pair"),
        }
    }

    fn hex(&mut self) -> Result<u16, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.here().and_then(|it| char::from(it).to_digit(16));
            let Some(digit) = digit else { return self.fail("no hexadecimal digit") };
            unit = unit << 4 | digit as u16;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        self.take(b'-');
        // No zeros in front (§6): to some they mean octal.
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.here().is_some_and(|it| it.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.fail("no digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return self.fail("no value");
        }
        self.at += word.len();
        Ok(())
    }

    /// Goes to the next quote, backslash or control character.
    fn plain_characters(&mut self) {
        self.at += find_special(&self.text.as_bytes()[self.at..]);
    }

    /// Passes over space and shows what comes then.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.here() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn here(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes `byte` if it comes next, after space.
    fn eat(&mut self, byte: u8) -> bool {
        self.peek();
        self.take(byte)
    }

    /// Takes `byte` if it is right here.
    fn take(&mut self, byte: u8) -> bool {
        let is_here = self.here() == Some(byte);
        self.at += usize::from(is_here);
        is_here
    }

    fn expect(&mut self, byte: u8, problem: &'static str) -> Result<(), JsonError> {
        if self.eat(byte) { Ok(()) } else { self.fail(problem) }
    }

    /// From `start`, which was a place between two characters as this one is, to here.
    fn slice_from(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    const fn fail<T>(&self, problem: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, problem })
    }
}

const fn closing(objects: u64) -> u8 {
    if objects & 1 == 1 { b'}' } else { b']' }
}
