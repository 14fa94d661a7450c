//! What a line that was typed means.

use trunkline::CloseCode;

/// What to do about a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Close(CloseCode, String),
    Help,
    Nothing,
}

/// For `/help`.
pub(super) const HELP: &[&str] = &[
    "TEXT                  send a text message; begin with // for a text that begins with /",
    "/hex 01 02 ff         send a binary message",
    "/ping                 ask how long the way there and back is",
    "/close [CODE [WHY]]   close, with 1000 unless another code is given",
    "/help                 this",
    "Ctrl-D closes too; Ctrl-C twice drops the connection",
];

/// A close frame has room for so many bytes of reason (RFC 6455 §5.5).
const REASON_BYTES: usize = 123;

/// Reads one line.
pub(super) fn parse(line: &str) -> Result<Action, String> {
    let Some(command) = line.strip_prefix('/') else {
        // Enter alone is pressed to look, not to send an empty message.
        return Ok(if line.is_empty() { Action::Nothing } else { Action::Text(line.to_owned()) });
    };
    if command.starts_with('/') {
        return Ok(Action::Text(command.to_owned()));
    }
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    match name {
        "ping" if rest.is_empty() => Ok(Action::Ping),
        "ping" => Err("/ping takes nothing behind it".into()),
        "close" => close(rest),
        "hex" => Ok(Action::Binary(hex(rest)?)),
        "help" => Ok(Action::Help),
        _ => Err(format!("there is no /{name}: see /help, or begin with // to send it as text")),
    }
}

fn close(rest: &str) -> Result<Action, String> {
    if rest.is_empty() {
        return Ok(Action::Close(CloseCode::NORMAL, String::new()));
    }
    let (code, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let code = code.parse().ok().and_then(CloseCode::new);
    let code =
        code.ok_or("write a code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999")?;
    let reason = reason.trim();
    if reason.len() > REASON_BYTES {
        return Err(format!("the reason is longer than {REASON_BYTES} bytes"));
    }
    Ok(Action::Close(code, reason.to_owned()))
}

/// Reads hexadecimal digits, two for each byte, with white space between bytes if need be.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for word in text.split_ascii_whitespace() {
        let (pairs, rest) = word.as_bytes().as_chunks::<2>();
        if !rest.is_empty() {
            return Err("hexadecimal digits come in pairs, such as 00 ff".into());
        }
        for &[high, low] in pairs {
            let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
            match (digit(high), digit(low)) {
                (Some(high), Some(low)) => bytes.push(high << 4 | low),
                _ => return Err("write hexadecimal digits, such as 00 ff".into()),
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closing(code: u16, reason: &str) -> Result<Action, String> {
        Ok(Action::Close(CloseCode::new(code).unwrap(), reason.into()))
    }

    #[test]
    fn a_line_is_a_text_unless_it_begins_with_a_slash() {
        let text = |text: &str| Ok(Action::Text(text.into()));
        assert_eq!(parse("hello"), text("hello"));
        assert_eq!(parse(" /close"), text(" /close"));
        assert_eq!(parse("//close"), text("/close"));
        assert_eq!(parse("///"), text("//"));
        assert_eq!(parse(""), Ok(Action::Nothing));
    }

    #[test]
    fn commands_are_understood() {
        assert_eq!(parse("/ping"), Ok(Action::Ping));
        assert_eq!(parse("/help"), Ok(Action::Help));
        assert_eq!(parse("/close"), closing(1000, ""));
        assert_eq!(parse("/close 4001"), closing(4001, ""));
        assert_eq!(parse("/close 1000  see you "), closing(1000, "see you"));
        assert_eq!(parse("/hex 00 fF7f"), Ok(Action::Binary(vec![0, 0xff, 0x7f])));
        assert_eq!(parse("/hex"), Ok(Action::Binary(Vec::new())));
    }

    #[test]
    fn what_is_no_command_is_not_sent() {
        for line in [
            "/",
            "/pings",
            "/ping x",
            "/close x",
            "/close 1005",
            "/close 70000",
            "/hex 0",
            "/hex zz",
            "/hex 0 0",
            "/hex +1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse(&format!("/close 1000 {}", "x".repeat(123))).is_ok());
        assert!(parse(&format!("/close 1000 {}", "x".repeat(124))).is_err());
    }
}
