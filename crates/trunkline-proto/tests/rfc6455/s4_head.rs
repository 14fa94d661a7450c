//! §4 builds on the head of HTTP/1.1: reading it strictly, in linear time, within limits.

use trunkline_proto::Limit;
use trunkline_proto::handshake::{
    HeadError, HeadLimits, Request, RequestHead, RequestParser, ResponseParser, ServerConfig,
};

use crate::handshakes::{Head, Random, any_cut, check_default, upgrade};

#[test]
fn sec_hs_01_head_bytes_are_bounded() {
    let filler = |bytes| upgrade().and("X", "x".repeat(bytes)).bytes();
    let fits = 16 * 1024 - filler(0).len();
    check_default(filler(fits), 101);
    check_default(filler(fits + 1), 431);
    check_default(filler(100_000), 431);

    // The refusal comes with byte 16,385, not later.
    let long = filler(100_000);
    let mut parser = RequestParser::new(HeadLimits::default());
    for byte in long.iter().take(16 * 1024) {
        assert!(parser.handle_input(&[*byte]).is_ok_and(|it| it.done.is_none()));
    }
    let error = parser.handle_input(&long[16_384..16_385]).expect_err("that is one too many");
    assert!(matches!(error, HeadError::TooLong(_)));
}

#[test]
fn sec_hs_02_no_byte_is_examined_more_than_twice() {
    let request = upgrade().and("Cookie", "a=b; ".repeat(60)).and("Empty", "  \t  ").bytes();
    for step in [1, 2, 3, 7, 100, request.len()] {
        let mut parser = RequestParser::new(HeadLimits::default());
        let done = request.chunks(step).find_map(|it| parser.handle_input(it).unwrap().done);
        assert!(done.is_some());
        let examined = parser.bytes_examined();
        assert!(examined >= request.len());
        assert!(examined <= 2 * request.len(), "{examined} of {} by {step}", request.len());
    }
}

#[test]
fn sec_hs_03_header_count_is_bounded() {
    let with = |count: usize| {
        let extra = count - 5;
        (0..extra).fold(upgrade(), |head, i| head.and(&format!("X-{i}"), "x")).bytes()
    };
    check_default(with(100), 101);
    check_default(with(101), 431);
    check_default(with(200), 431);
    check_default(with(3_000), 431);
}

#[test]
fn sec_hs_04_request_target_is_bounded() {
    let with =
        |bytes: usize| upgrade().line(format!("GET /{} HTTP/1.1", "x".repeat(bytes - 1))).bytes();
    check_default(with(8 * 1024), 101);
    check_default(with(8 * 1024 + 1), 414);
    check_default(with(20_000), 414);
    // Nobody waits for the end of a line that is too long already.
    check_default([b'x'; 8 * 1024 + 33], 414);
    let mut parser = RequestParser::new(HeadLimits::default());
    assert!(parser.handle_input(&[b'x'; 8 * 1024 + 32]).is_ok());
}

#[test]
fn sec_hs_03_the_refusal_names_the_limit() {
    let mut limits = HeadLimits::default();
    limits.headers = Limit::at_most(4);
    let error = RequestParser::new(limits).handle_input(&upgrade().bytes()).expect_err("5 fields");
    assert_eq!(error.to_string(), "there are more than 4 header fields (HeadLimits::headers)");
}

#[test]
fn sec_hs_08_controls_end_the_request() {
    for byte in (0..=0x1f).chain([0x7f]).filter(|it| *it != b'\t') {
        let value = [b'a', byte, b'b'];
        check_default(upgrade().and("X", value).bytes(), 400);
        check_default(upgrade().line([b"GET /", &value[..], b" HTTP/1.1"].concat()).bytes(), 400);
    }
    check_default(upgrade().and("X", "tab\tis fine").and("Y", b"so is \xff").bytes(), 101);
    // The first byte of TLS on a port without it.
    check_default(b"\x16\x03\x01", 400);
}

#[test]
fn sec_hs_17_there_is_one_framing_of_a_head() {
    let good = String::from_utf8(upgrade().bytes()).unwrap();
    for bad in [
        good.replace("\r\n", "\n"),
        good.replacen("\r\n", "\n", 1),
        good.replacen("\r\n", "\r", 1),
        good.replace("\r\n", "\r"),
        good.replacen("\r\nUpgrade", "\r\r\nUpgrade", 1),
        good.replacen("Upgrade:", "Upgrade :", 1),
        good.replacen("Upgrade:", "Upgrade\t:", 1),
        good.replacen("\r\nUpgrade", "\r\n Upgrade", 1),
        good.replacen(": websocket", ":\r\n websocket", 1),
        good.replacen(": websocket", ":\r\n\twebsocket", 1),
        good.replacen("Upgrade: ", "Upgrade ", 1),
        good.replacen("Upgrade: websocket", "Upgrade", 1),
        good.replacen("Upgrade:", ":", 1),
        good.replacen("Upgrade:", "Up(grade:", 1),
        good.replacen("Upgrade:", "Upgräde:", 1),
        format!("\r\n\r\n\r\n{good}"),
        format!(" {good}"),
        format!("\n{good}"),
    ] {
        check_default(bad, 400);
    }
    check_default(format!("\r\n{good}"), 101);
    check_default(format!("\r\n\r\n{good}"), 101);
}

#[test]
fn s4_1_the_request_line_has_three_parts() {
    for bad in [
        "GET /chat",
        "GET  /chat HTTP/1.1",
        "GET /chat  HTTP/1.1",
        "GET /chat HTTP/1.1 ",
        "GET",
        "",
        "GET /ch at HTTP/1.1",
        "GET\t/chat\tHTTP/1.1",
        "GE(T /chat HTTP/1.1",
        "GET /chat#x HTTP/1.1",
        "GET /chät HTTP/1.1",
        "GET /chat http/1.1",
        "GET /chat HTTP/1",
        "GET /chat HTTP/1.10",
        "GET /chat HTTPS/1.1",
        "GET /chat XHTTP/1.1",
    ] {
        // An empty first line is an empty line before the request, which then begins with `Host:`.
        check_default(upgrade().line(bad).bytes(), 400);
    }
}

#[test]
fn s4_2_1_the_version_of_http_is_1_1() {
    for version in ["1.0", "1.2", "0.9", "2.0", "9.9"] {
        check_default(upgrade().line(format!("GET /chat HTTP/{version}")).bytes(), 505);
    }
    check_default(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

/// The answer to a CONNECT is read by the same rules, cut at every byte.
#[test]
fn a_response_is_read_up_to_its_empty_line() {
    let check = |input: &str, expect: Result<(u16, &str), HeadError>| {
        for cut in 0..=input.len() {
            let mut parser = ResponseParser::new(HeadLimits::default());
            let (first, second) = input.as_bytes().split_at(cut);
            let mut taken = 0;
            let mut read = |part| {
                let progress = parser.handle_input(part)?;
                taken += progress.taken;
                Ok(progress.done)
            };
            let done = match read(first) {
                Ok(None) => read(second),
                done => done,
            };
            let got = done.map(|it| (it.expect("the head is whole").status(), &input[taken..]));
            assert_eq!(got, expect, "{input:?} cut at {cut}");
        }
    };
    check("HTTP/1.1 200 OK\r\n\r\n", Ok((200, "")));
    check("HTTP/1.0 200\r\nVia: a\r\n\r\nrest", Ok((200, "rest")));
    check("HTTP/1.1 407 x\r\nContent-Length: 3\r\n\r\nabc", Ok((407, "abc")));
    check("HTTP/2 200 OK\r\n\r\n", Err(HeadError::StatusLine));
    check("HTTP/2.0 200 OK\r\n\r\n", Err(HeadError::Version));
    check("\r\n\r\n", Err(HeadError::EmptyLines));
    check("\u{5}\0", Err(HeadError::Control));
}

#[test]
fn a_head_gives_back_what_it_was_made_of() {
    let bytes = upgrade().and("Cookie", " a=b ").bytes();
    let head =
        RequestParser::new(HeadLimits::default()).handle_input(&bytes).unwrap().done.unwrap();
    assert_eq!((head.method(), head.target()), ("GET", "/chat"));
    assert_eq!(head.headers().len(), 6);
    assert_eq!(head.headers().get("cookie"), Some(&b"a=b"[..]));
    assert!(head.asks_for_websocket());
    assert!(!format!("{head:?}").contains("a=b"), "no credentials in logs");
}

/// A port that serves more than WebSocket may take HTTP/1.0. No upgrade comes of it, whoever read the head.
#[test]
fn requests_of_http_1_0_are_taken_if_asked_for() {
    let read = |parser: RequestParser, bytes: &[u8]| {
        let mut parser = parser;
        parser.handle_input(bytes).map(|it| it.done.expect("the head is whole"))
    };
    let strict = || RequestParser::new(HeadLimits::default());
    let plain = b"GET / HTTP/1.0\r\n\r\n";
    assert_eq!(read(strict(), plain).err(), Some(HeadError::Version));
    assert!(read(strict().with_http_1_0(), plain).unwrap().is_http_1_0());
    let newer = b"GET / HTTP/1.1\r\n\r\n";
    assert!(!read(strict().with_http_1_0(), newer).unwrap().is_http_1_0());
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0"] {
        let line = format!("GET / {version}\r\n\r\n");
        let refused = read(strict().with_http_1_0(), line.as_bytes()).err();
        assert_eq!(refused, Some(HeadError::Version), "{version}");
    }
    let upgrade = String::from_utf8(upgrade().bytes()).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    let head = read(strict().with_http_1_0(), upgrade.as_bytes()).unwrap();
    let refusal = Request::from_upgrade(head, &ServerConfig::default()).unwrap_err();
    assert_eq!(refusal.status(), 505);
}

/// What a head says: method, target, fields, and its length in bytes.
type Read = (String, String, Vec<(String, Vec<u8>)>, usize);

/// The naive twin: wait for the whole head, split it at CRLF, look at each line. `Ok(None)` if
/// there is no end in sight.
fn twin(input: &[u8], limits: &HeadLimits) -> Result<Option<Read>, ()> {
    let mut start = 0;
    while input[start..].starts_with(b"\r\n") && start < 4 {
        start += 2;
    }
    let Some(end) = input[start..].windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let taken = start + end + 4;
    let head = &input[start..start + end];
    let text: String = head.iter().map(|&byte| char::from(byte)).collect(); // Latin-1
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap();
    let parts: Vec<_> = first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = parts[..] else { return Err(()) };
    let is_token = |it: &str| !it.is_empty() && it.chars().all(is_token_char);
    if !is_token(method)
        || target.is_empty()
        || target.contains(|c: char| !('!'..='~').contains(&c) || c == '#')
    {
        return Err(());
    }
    if !limits.target.allows(target.len()) || first.len() > limits.target.max() + 32 {
        return Err(());
    }
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(())?;
        if !is_token(name) || value.contains(|c: char| c != '\t' && (c < ' ' || c == '\x7f')) {
            return Err(());
        }
        let value = value.trim_matches([' ', '\t']).chars().map(|c| c as u8).collect();
        fields.push((name.to_owned(), value));
    }
    if !limits.headers.allows(fields.len()) || !limits.bytes.allows(taken) {
        return Err(());
    }
    Ok(Some((method.into(), target.into(), fields, taken)))
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn read<'a>(limits: HeadLimits, parts: impl Iterator<Item = &'a [u8]>) -> Result<Option<Read>, ()> {
    let mut parser = RequestParser::new(limits);
    let mut taken = 0;
    for part in parts {
        let progress = parser.handle_input(part).map_err(|_| ())?;
        taken += progress.taken;
        if let Some(head) = progress.done {
            return Ok(Some(fields_of(&head, taken)));
        }
    }
    Ok(None)
}

fn fields_of(head: &RequestHead, taken: usize) -> Read {
    let fields = head.headers().iter().map(|(name, value)| (name.into(), value.into())).collect();
    (head.method().into(), head.target().into(), fields, taken)
}

#[test]
fn the_parser_agrees_with_its_naive_twin() {
    let mut random = Random(0x0005_eed0_f4ea_d5ed);
    let mut whole = 0;
    for round in 0..600 {
        let input = mutated(&mut random, &upgrade().and("X", " a\t b ").and("Empty", ""));
        let mut limits = HeadLimits::default();
        if round % 4 == 0 {
            limits.bytes = Limit::at_most(150 + random.below(100));
            limits.headers = Limit::at_most(5 + random.below(4));
            limits.target = Limit::at_most(3 + random.below(4));
        }
        let got = any_cut(&input, |parts| read(limits, parts));
        match twin(&input, &limits) {
            // The parser does not wait for the end of a head that is wrong already.
            Ok(None) => assert!(!matches!(got, Ok(Some(_))), "{}", input.escape_ascii()),
            expect => {
                whole += usize::from(expect.is_ok());
                assert_eq!(got, expect, "round {round}: {}", input.escape_ascii());
            }
        }
    }
    assert!(whole > 100, "the test sees enough good heads: {whole}");
}

/// A few bytes put in, taken out or changed, with a liking for those that matter.
fn mutated(random: &mut Random, head: &Head) -> Vec<u8> {
    let mut bytes = [head.bytes(), b"\x81\x02hi".to_vec()].concat();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len());
        let tricky = *b"\r\n: \t\0,;#/x\x7f\xff";
        let byte = tricky[random.below(tricky.len())];
        match random.below(4) {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => drop(bytes.remove(at)),
            _ => drop(bytes.splice(at..at, *b"\r\n")),
        }
    }
    bytes
}
