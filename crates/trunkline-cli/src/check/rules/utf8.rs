//! Text is UTF-8 (RFC 6455 §5.6, §8.1).

use crate::check::frame::{CONTINUATION, END, TEXT, TEXT_BEGINS, frame};
use crate::check::rule::{Rule, Variants, Verdict, fails};

const INVALID_PAYLOAD: &[u16] = &[1007];

pub(super) const RULES: &[Rule] = &[
    fails!(
        "utf8-invalid",
        "RFC 6455 §8.1",
        "text that is not UTF-8 ends the connection with 1007",
        INVALID_PAYLOAD,
        invalid
    ),
    fails!(
        "utf8-across-fragments",
        "RFC 6455 §8.1",
        "text that is not UTF-8 across fragments ends it with 1007",
        INVALID_PAYLOAD,
        across_fragments
    ),
    fails!(
        "utf8-early",
        "RFC 6455 §8.1",
        "it is ended before a message that cannot become UTF-8 is whole",
        INVALID_PAYLOAD,
        early,
        Verdict::Deviation
    ),
];

fn invalid() -> Variants {
    [
        ("a byte that is never in UTF-8", &b"ab\xff"[..]),
        ("a continuation byte alone", b"\x80"),
        ("an overlong slash", b"\xc0\xaf"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("a character beyond 10FFFF", b"\xf4\x90\x80\x80"),
        ("half a character at the end", b"ab\xce"),
    ]
    .map(|(name, text)| (name.to_owned(), frame(TEXT, text)))
    .into()
}

fn across_fragments() -> Variants {
    let halves = |first: &[u8], second: &[u8]| {
        [frame(TEXT_BEGINS, first), frame(END | CONTINUATION, second)].concat()
    };
    vec![
        ("a character that the next fragment does not end".into(), halves(b"\xce", b"a")),
        ("a surrogate over two fragments".into(), halves(b"\xed", b"\xa0\x80")),
        ("half a character at the very end".into(), halves(b"ab", b"\xe2\x82")),
    ]
}

fn early() -> Variants {
    let never_ends = |bytes: &[u8]| frame(TEXT_BEGINS, bytes);
    vec![
        ("in the first fragment".into(), never_ends(b"ab\xff")),
        (
            "in the second fragment".into(),
            [frame(TEXT_BEGINS, b"ab\xf4"), frame(CONTINUATION, b"\x90")].concat(),
        ),
    ]
}
