//! [`Source`]: what a value of the schema is read from, so that the schema is written down once and
//! both encodings mean the same by it.

use std::borrow::Cow;

use crate::dialect::json::Reader;
use crate::dialect::protobuf::{Fields, Value};

use super::bad_frame::BadFrame;

/// The fields of a message: number and name.
pub(super) type Schema = [(u32, &'static str)];

/// One value, which is taken by the call that says what it should be.
pub(super) trait Source<'a> {
    /// A message: `field` is called with the number of each field of the schema and has to read its
    /// value. Others are passed over. Gives whether there was a message at all: `null` is none.
    fn message(
        &mut self,
        schema: &Schema,
        field: impl FnMut(&mut Self, u32) -> Result<(), BadFrame>,
    ) -> Result<bool, BadFrame>;

    /// Entries of a map: all of them, or, as Protobuf has it, one each time that the field comes.
    fn entries(
        &mut self,
        entry: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), BadFrame>,
    ) -> Result<(), BadFrame>;

    fn text(&mut self) -> Result<Cow<'a, str>, BadFrame>;

    /// A payload, which is what the application makes of it: in JSON any value.
    fn payload(&mut self) -> Result<&'a [u8], BadFrame>;

    fn boolean(&mut self) -> Result<bool, BadFrame>;

    fn u32(&mut self) -> Result<u32, BadFrame>;

    fn u64(&mut self) -> Result<u64, BadFrame>;

    fn i32(&mut self) -> Result<i32, BadFrame>;

    fn i64(&mut self) -> Result<i64, BadFrame>;
}

/// `null` stands for the value that is left out, as in the JSON of Protobuf.
impl<'a> Source<'a> for Reader<'a> {
    fn message(
        &mut self,
        schema: &Schema,
        mut field: impl FnMut(&mut Self, u32) -> Result<(), BadFrame>,
    ) -> Result<bool, BadFrame> {
        if self.null()? {
            return Ok(false);
        }
        let mut seen = 0_u64;
        self.object(|reader, key| {
            let Some(&(number, name)) = schema.iter().find(|(_, name)| *name == key) else {
                return Ok(reader.skip()?);
            };
            // Some readers take the first of two, some the last: whoever checks a command on its way
            // here must not see another one than we do.
            if seen & 1 << number != 0 {
                return Err(BadFrame::Repeated(name));
            }
            seen |= 1 << number;
            field(reader, number)
        })?;
        Ok(true)
    }

    fn entries(
        &mut self,
        entry: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), BadFrame>,
    ) -> Result<(), BadFrame> {
        if self.null()? { Ok(()) } else { self.object(entry) }
    }

    fn text(&mut self) -> Result<Cow<'a, str>, BadFrame> {
        Ok(if self.null()? { Cow::Borrowed("") } else { self.string()? })
    }

    fn payload(&mut self) -> Result<&'a [u8], BadFrame> {
        Ok(self.raw()?.as_bytes())
    }

    fn boolean(&mut self) -> Result<bool, BadFrame> {
        Ok(!self.null()? && Self::boolean(self)?)
    }

    fn u32(&mut self) -> Result<u32, BadFrame> {
        Ok(if self.null()? { 0 } else { self.integer()? })
    }

    fn u64(&mut self) -> Result<u64, BadFrame> {
        Ok(if self.null()? { 0 } else { self.integer()? })
    }

    fn i32(&mut self) -> Result<i32, BadFrame> {
        Ok(if self.null()? { 0 } else { self.integer()? })
    }

    fn i64(&mut self) -> Result<i64, BadFrame> {
        Ok(if self.null()? { 0 } else { self.integer()? })
    }
}

/// A field that comes again replaces what it said before, as the specification of Protobuf wants it.
impl<'a> Source<'a> for Value<'a> {
    fn message(
        &mut self,
        schema: &Schema,
        mut field: impl FnMut(&mut Self, u32) -> Result<(), BadFrame>,
    ) -> Result<bool, BadFrame> {
        for it in Fields(self.bytes()?) {
            let (number, mut value) = it?;
            if schema.iter().any(|(known, _)| *known == number) {
                field(&mut value, number)?;
            }
        }
        Ok(true)
    }

    fn entries(
        &mut self,
        mut entry: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), BadFrame>,
    ) -> Result<(), BadFrame> {
        let (mut key, mut value) = ("", Value::Bytes(b""));
        for it in Fields(self.bytes()?) {
            match it? {
                (1, it) => key = it.text()?,
                (2, it) => value = it,
                _ => {}
            }
        }
        entry(&mut value, Cow::Borrowed(key))
    }

    fn text(&mut self) -> Result<Cow<'a, str>, BadFrame> {
        Ok(Cow::Borrowed((*self).text()?))
    }

    fn payload(&mut self) -> Result<&'a [u8], BadFrame> {
        Ok(self.bytes()?)
    }

    fn boolean(&mut self) -> Result<bool, BadFrame> {
        Ok(self.varint()? != 0)
    }

    // A number that is too large loses its upper bits, by the same specification.
    fn u32(&mut self) -> Result<u32, BadFrame> {
        Ok(self.varint()? as u32)
    }

    fn u64(&mut self) -> Result<u64, BadFrame> {
        Ok(self.varint()?)
    }

    fn i32(&mut self) -> Result<i32, BadFrame> {
        Ok(self.varint()? as i32)
    }

    fn i64(&mut self) -> Result<i64, BadFrame> {
        Ok(self.varint()? as i64)
    }
}
