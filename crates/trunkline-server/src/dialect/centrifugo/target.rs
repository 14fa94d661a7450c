//! [`Target`]: what a message of the schema is written to, so that the schema is written down once and
//! both encodings say the same.

use crate::dialect::json::{append_raw, append_string, as_value};
use crate::dialect::protobuf::{append_bytes, append_number, close, open_field};

/// A field of a message: its number, and its name as it stands in JSON.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) number: u32,
    /// With quotes and a colon, to be appended as it is.
    pub(super) key: &'static str,
}

/// A field by number and name.
macro_rules! field {
    ($number:literal, $name:literal) => {
        $crate::dialect::centrifugo::target::Field {
            number: $number,
            key: concat!('"', $name, "\":"),
        }
    };
}
pub(super) use field;

/// One message, field by field, in the order of their numbers. What is zero or empty is left out,
/// unless the method says otherwise.
pub(super) trait Target {
    fn message(&mut self, field: Field, content: impl FnOnce(&mut Self));

    /// Messages in a list; `always`: in JSON also if there are none.
    fn messages<T>(
        &mut self,
        field: Field,
        items: impl ExactSizeIterator<Item = T>,
        always: bool,
        content: impl FnMut(&mut Self, T),
    );

    /// Messages by name; `always`: in JSON also if there are none.
    fn map<'k, T>(
        &mut self,
        field: Field,
        entries: impl ExactSizeIterator<Item = (&'k str, T)>,
        always: bool,
        content: impl FnMut(&mut Self, T),
    );

    /// Strings by name.
    fn text_map<'t>(
        &mut self,
        field: Field,
        entries: impl ExactSizeIterator<Item = (&'t str, &'t str)>,
    );

    fn text(&mut self, field: Field, text: &str);

    /// In JSON also if it is empty.
    fn text_always(&mut self, field: Field, text: &str);

    /// What applications made: in JSON it has to be a value, which goes in as it is.
    fn payload(&mut self, field: Field, payload: &[u8]);

    fn number(&mut self, field: Field, number: u64);

    /// In JSON also if it is zero.
    fn number_always(&mut self, field: Field, number: u64);

    fn boolean(&mut self, field: Field, value: bool);
}

/// A message in JSON: an object that is being filled.
pub(super) struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// A payload was no JSON, and so neither is what was written.
    pub(super) is_broken: bool,
}

impl<'a> Json<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, is_broken: false }
    }

    pub(super) fn object(&mut self, content: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        content(self);
        self.out.push(b'}');
    }

    /// A comma, if something stands before.
    fn next(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn key(&mut self, field: Field) {
        self.next();
        self.out.extend_from_slice(field.key.as_bytes());
    }

    fn digits(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[start..]);
    }
}

impl Target for Json<'_> {
    fn message(&mut self, field: Field, content: impl FnOnce(&mut Self)) {
        self.key(field);
        self.object(content);
    }

    fn messages<T>(
        &mut self,
        field: Field,
        items: impl ExactSizeIterator<Item = T>,
        always: bool,
        mut content: impl FnMut(&mut Self, T),
    ) {
        if items.len() == 0 && !always {
            return;
        }
        self.key(field);
        self.out.push(b'[');
        for item in items {
            self.next();
            self.object(|it| content(it, item));
        }
        self.out.push(b']');
    }

    fn map<'k, T>(
        &mut self,
        field: Field,
        entries: impl ExactSizeIterator<Item = (&'k str, T)>,
        always: bool,
        mut content: impl FnMut(&mut Self, T),
    ) {
        if entries.len() == 0 && !always {
            return;
        }
        self.message(field, |object| {
            for (key, value) in entries {
                object.next();
                append_string(object.out, key);
                object.out.push(b':');
                object.object(|it| content(it, value));
            }
        });
    }

    fn text_map<'t>(
        &mut self,
        field: Field,
        entries: impl ExactSizeIterator<Item = (&'t str, &'t str)>,
    ) {
        if entries.len() == 0 {
            return;
        }
        self.message(field, |object| {
            for (key, value) in entries {
                object.next();
                append_string(object.out, key);
                object.out.push(b':');
                append_string(object.out, value);
            }
        });
    }

    fn text(&mut self, field: Field, text: &str) {
        if !text.is_empty() {
            self.text_always(field, text);
        }
    }

    fn text_always(&mut self, field: Field, text: &str) {
        self.key(field);
        append_string(self.out, text);
    }

    fn payload(&mut self, field: Field, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        match as_value(payload) {
            Some(value) => {
                self.key(field);
                append_raw(self.out, value);
            }
            None => self.is_broken = true,
        }
    }

    fn number(&mut self, field: Field, number: u64) {
        if number != 0 {
            self.number_always(field, number);
        }
    }

    fn number_always(&mut self, field: Field, number: u64) {
        self.key(field);
        self.digits(number);
    }

    fn boolean(&mut self, field: Field, value: bool) {
        if value {
            self.key(field);
            self.out.extend_from_slice(b"true");
        }
    }
}

/// A message in Protobuf: fields behind each other.
pub(super) struct Protobuf<'a>(pub(super) &'a mut Vec<u8>);

impl Target for Protobuf<'_> {
    fn message(&mut self, field: Field, content: impl FnOnce(&mut Self)) {
        let start = open_field(self.0, field.number);
        content(self);
        close(self.0, start);
    }

    fn messages<T>(
        &mut self,
        field: Field,
        items: impl ExactSizeIterator<Item = T>,
        _: bool,
        mut content: impl FnMut(&mut Self, T),
    ) {
        for item in items {
            self.message(field, |it| content(it, item));
        }
    }

    fn map<'k, T>(
        &mut self,
        field: Field,
        entries: impl ExactSizeIterator<Item = (&'k str, T)>,
        _: bool,
        mut content: impl FnMut(&mut Self, T),
    ) {
        for (key, value) in entries {
            self.message(field, |entry| {
                entry.text_always(KEY, key);
                entry.message(VALUE, |it| content(it, value));
            });
        }
    }

    fn text_map<'t>(
        &mut self,
        field: Field,
        entries: impl ExactSizeIterator<Item = (&'t str, &'t str)>,
    ) {
        for (key, value) in entries {
            self.message(field, |entry| {
                entry.text_always(KEY, key);
                entry.text_always(VALUE, value);
            });
        }
    }

    fn text(&mut self, field: Field, text: &str) {
        self.payload(field, text.as_bytes());
    }

    fn text_always(&mut self, field: Field, text: &str) {
        self.text(field, text);
    }

    fn payload(&mut self, field: Field, payload: &[u8]) {
        if !payload.is_empty() {
            append_bytes(self.0, field.number, payload);
        }
    }

    fn number(&mut self, field: Field, number: u64) {
        if number != 0 {
            append_number(self.0, field.number, number);
        }
    }

    fn number_always(&mut self, field: Field, number: u64) {
        self.number(field, number);
    }

    fn boolean(&mut self, field: Field, value: bool) {
        self.number(field, u64::from(value));
    }
}

/// The two fields of an entry of a map.
const KEY: Field = field!(1, "key");
const VALUE: Field = field!(2, "value");
