//! Takes messages apart where they lie.

use std::fmt;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtobufError {
    /// They end inside a field.
    Truncated,
    /// A number of more than 64 bits.
    Varint,
    /// A field with the number 0, or one above 2²⁹ - 1.
    FieldNumber,
    /// A group, or a wire type that does not exist.
    WireType,
    /// A field of another type than the schema says.
    FieldType,
    /// A string that is not UTF-8.
    Utf8,
}

impl fmt::Display for ProtobufError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the message ends inside a field",
            Self::Varint => "a number has more than 64 bits",
            Self::FieldNumber => "no field can have that number",
            Self::WireType => "a group, or a wire type that does not exist",
            Self::FieldType => "a field has another type than in the schema",
            Self::Utf8 => "a string is not UTF-8",
        })
    }
}

/// What a field holds, as far as the wire tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Value<'a> {
    Varint(u64),
    /// A string, bytes or a message.
    Bytes(&'a [u8]),
    /// Four or eight bytes, of which no schema of ours has any.
    Fixed,
}

impl<'a> Value<'a> {
    pub(in crate::dialect) const fn varint(self) -> Result<u64, ProtobufError> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(ProtobufError::FieldType),
        }
    }

    pub(in crate::dialect) const fn bytes(self) -> Result<&'a [u8], ProtobufError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(ProtobufError::FieldType),
        }
    }

    pub(in crate::dialect) fn text(self) -> Result<&'a str, ProtobufError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| ProtobufError::Utf8)
    }
}

/// The fields of a message, one after the other.
#[derive(Clone, Copy, Debug)]
pub(in crate::dialect) struct Fields<'a>(pub(in crate::dialect) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), ProtobufError>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = take_field(&mut self.0);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

fn take_field<'a>(input: &mut &'a [u8]) -> Result<(u32, Value<'a>), ProtobufError> {
    let tag = take_varint(input)?;
    let number = u32::try_from(tag >> 3).ok().filter(|it| (1..1 << 29).contains(it));
    let number = number.ok_or(ProtobufError::FieldNumber)?;
    let value = match tag & 7 {
        0 => Value::Varint(take_varint(input)?),
        1 => take(input, 8).map(|_| Value::Fixed)?,
        2 => Value::Bytes(take_delimited(input)?),
        5 => take(input, 4).map(|_| Value::Fixed)?,
        // Groups are long deprecated; they nest, and nothing of ours has one.
        _ => return Err(ProtobufError::WireType),
    };
    Ok((number, value))
}

/// Takes a length and as many bytes off the front.
pub(in crate::dialect) fn take_delimited<'a>(
    input: &mut &'a [u8],
) -> Result<&'a [u8], ProtobufError> {
    let len = take_varint(input)?;
    let len = usize::try_from(len).map_err(|_| ProtobufError::Truncated)?;
    take(input, len)
}

fn take<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8], ProtobufError> {
    let (taken, rest) = input.split_at_checked(len).ok_or(ProtobufError::Truncated)?;
    *input = rest;
    Ok(taken)
}

fn take_varint(input: &mut &[u8]) -> Result<u64, ProtobufError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or(ProtobufError::Truncated)?;
        *input = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && byte > 1 {
            return Err(ProtobufError::Varint);
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(ProtobufError::Varint)
}
