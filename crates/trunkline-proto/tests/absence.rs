//! What is not there: no clock, no randomness, no sockets, no tasks, nothing printed, nothing unsafe.

use std::fs;
use std::path::{Path, PathBuf};

/// What must not be named in the source of a machine, and why.
const ABSENT: [(&str, &str); 18] = [
    ("async", "whoever drives the machine decides how to wait"),
    ("await", "whoever drives the machine decides how to wait"),
    ("tokio", "the machine knows no runtime"),
    ("Instant::now", "time is handed in"),
    ("SystemTime", "time is handed in"),
    ("elapsed", "time is handed in"),
    ("rand", "randomness is handed in"),
    ("getrandom", "randomness is handed in"),
    // Of `std::net`, addresses alone: an `Ipv6Addr` is a value.
    ("TcpStream", "the machine knows no socket"),
    ("TcpListener", "the machine knows no socket"),
    ("UdpSocket", "the machine knows no socket"),
    ("ToSocketAddrs", "the machine looks up no names"),
    ("std::thread", "the machine runs where it is called"),
    ("println", "a library does not print"),
    ("eprintln", "a library does not print"),
    ("dbg", "a library does not print"),
    ("log", "payloads do not belong in logs"),
    ("unsafe", "nothing here is worth it"),
];

#[test]
fn the_machine_has_no_clock_no_randomness_and_no_io() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 20, "the source was found");
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let code = code_only(&source);
        for (word, why) in ABSENT {
            assert!(!names(&code, word), "{} names `{word}`: {why}", file.display());
        }
    }
}

/// And what reads the bytes of a peer cannot be unsafe anywhere in the crate.
#[test]
fn unsafe_code_is_forbidden() {
    let lib = include_str!("../src/lib.rs");
    assert!(lib.lines().any(|line| line == "#![forbid(unsafe_code)]"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
}

/// The source without comments and without the tests at its end.
fn code_only(source: &str) -> String {
    let code = source.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let without_comment = |line: &str| line.split("//").next().unwrap_or_default().to_string();
    code.lines().map(without_comment).collect::<Vec<_>>().join("\n")
}

/// Whether `word` stands in `code` as a name of its own.
fn names(code: &str, word: &str) -> bool {
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[test]
fn the_search_finds_names_and_nothing_else() {
    assert!(names("use tokio::net;", "tokio"));
    assert!(names("let now = Instant::now();", "Instant::now"));
    assert!(!names("#![forbid(unsafe_code)]", "unsafe"));
    assert!(!names("let operand = 1;", "rand"));
    assert_eq!(code_only("a // tokio\nb\n#[cfg(test)]\nmod tests { tokio }"), "a \nb");
}
