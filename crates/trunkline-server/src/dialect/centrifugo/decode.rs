//! Frames into commands.

use crate::dialect::json::Reader;
use crate::dialect::protobuf::{Value, take_delimited};
use crate::dialect::words::find_line_end;

use super::bad_frame::BadFrame;
use super::encoding::Encoding;
use super::limits::COMMANDS_MAX;
use super::request::Incoming;
use super::schema;

/// The commands of a frame, one after the other. After an error there are no more; those before it
/// stand, as they would if they had come in frames of their own.
#[derive(Clone, Debug)]
pub struct Requests<'a> {
    encoding: Encoding,
    /// What is left of the frame; `None` at its end.
    rest: Option<&'a [u8]>,
    taken: usize,
}

impl<'a> Requests<'a> {
    pub(super) const fn new(encoding: Encoding, frame: &'a [u8]) -> Self {
        Self { encoding, rest: Some(frame), taken: 0 }
    }

    fn take(&mut self) -> Result<Option<Incoming<'a>>, BadFrame> {
        let Some(rest) = self.rest.filter(|it| !it.is_empty()) else {
            return if self.taken == 0 { Err(BadFrame::Empty) } else { Ok(None) };
        };
        if self.taken == COMMANDS_MAX {
            return Err(BadFrame::TooManyCommands);
        }
        self.taken += 1;
        match self.encoding {
            Encoding::Json => self.take_line(rest).map(Some),
            Encoding::Protobuf => self.take_message(rest).map(Some),
        }
    }

    fn take_line(&mut self, rest: &'a [u8]) -> Result<Incoming<'a>, BadFrame> {
        let (line, from) = rest.split_at(find_line_end(rest));
        self.rest = from.split_first().map(|(_, behind)| behind);
        let text = std::str::from_utf8(line).map_err(|_| BadFrame::NotUtf8)?;
        let mut reader = Reader::new(text);
        let incoming = schema::command(&mut reader)?;
        reader.end()?;
        Ok(incoming)
    }

    fn take_message(&mut self, mut rest: &'a [u8]) -> Result<Incoming<'a>, BadFrame> {
        let message = take_delimited(&mut rest)?;
        self.rest = Some(rest);
        schema::command(&mut Value::Bytes(message))
    }
}

impl<'a> Iterator for Requests<'a> {
    type Item = Result<Incoming<'a>, BadFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.take().transpose();
        if matches!(item, None | Some(Err(_))) {
            self.rest = None;
            self.taken = self.taken.max(1);
        }
        item
    }
}
