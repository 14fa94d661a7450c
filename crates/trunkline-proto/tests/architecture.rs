//! ARCHITECTURE.md names files and tests that exist, and no file of a crate is without its row.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../ARCHITECTURE.md");

/// What builds and tools leave behind.
const NOT_OURS: [&str; 3] = [".git", "target", "node_modules"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// All files and folders of the repository as they are written from its root; folders end with `/`.
fn everything() -> Vec<String> {
    let mut all = Vec::new();
    collect(root(), "", &mut all);
    all
}

fn collect(folder: &Path, written: &str, all: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            let written = format!("{written}{name}/");
            collect(&entry.path(), &written, all);
            all.push(written);
        } else {
            all.push(format!("{written}{name}"));
        }
    }
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_path(name: &str) -> bool {
    let extensions = [".rs", ".md", ".sh", ".toml", ".html"];
    name.chars().all(|it| it.is_ascii_alphanumeric() || "_-./".contains(it))
        && (name.contains('/') || extensions.iter().any(|it| name.ends_with(it)))
}

fn is_test(name: &str) -> bool {
    name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') && name.matches('_').count() > 3
}

/// The paths in the first cells of the code map, from the root. A table begins below a line that begins
/// with the folder that its paths are in, or with none.
fn rows() -> Vec<String> {
    let map = PAGE.split("\n## ").find(|it| it.starts_with("Code map\n")).expect("there is a map");
    let (mut base, mut rows) = ("", Vec::new());
    for line in map.lines().filter(|line| !line.is_empty() && !line.starts_with("|--")) {
        match line.strip_prefix("| ") {
            None => base = line.strip_prefix('`').and_then(|it| it.split('`').next()).unwrap_or(""),
            Some(row) => {
                let cell = row.split(" |").next().unwrap_or_default();
                rows.extend(quoted(cell).map(|path| format!("{base}{path}")));
            }
        }
    }
    rows
}

/// A path in running text may leave out what is in front, and `src/`.
fn is_tail_of(path: &str, whole: &str) -> bool {
    let ends = |whole: &str| whole == path || whole.ends_with(&format!("/{path}"));
    ends(whole) || ends(&whole.replacen("/src/", "/", 1))
}

#[test]
fn every_file_of_a_crate_has_its_row() {
    let rows = rows();
    let has_row = |file: &String| {
        rows.iter().any(|row| row == file || (row.ends_with('/') && file.starts_with(row)))
    };
    let files: Vec<_> = everything()
        .into_iter()
        .filter(|it| it.starts_with("crates/") && it.contains("/src/") && it.ends_with(".rs"))
        .collect();
    assert!(files.len() > 100, "the source was found");
    let without: Vec<_> = files.into_iter().filter(|file| !has_row(file)).collect();
    assert!(
        without.is_empty(),
        "the code map of ARCHITECTURE.md has no row for them, nor for a folder that they are in:\n{}",
        without.join("\n")
    );
}

#[test]
fn every_path_is_there() {
    let all = everything();
    let mut gone: Vec<_> = rows().into_iter().filter(|row| !all.contains(row)).collect();
    let named = quoted(PAGE).filter(|name| is_path(name));
    gone.extend(named.filter(|path| !all.iter().any(|it| is_tail_of(path, it))).map(str::to_owned));
    assert!(gone.is_empty(), "ARCHITECTURE.md names what is not there:\n{}", gone.join("\n"));
}

#[test]
fn every_test_is_there() {
    let files = everything().into_iter().filter(|it| it.ends_with(".rs"));
    let source: String = files.map(|file| fs::read_to_string(root().join(file)).unwrap()).collect();
    let names: Vec<_> = quoted(PAGE).filter(|name| is_test(name)).collect();
    assert!(names.len() > 10, "tests are named");
    let gone: Vec<_> =
        names.into_iter().filter(|name| !source.contains(&format!("fn {name}("))).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names tests that are not there: {gone:?}");
}

#[test]
fn paths_and_tests_are_told_from_other_words() {
    for path in ["client/", "driver/mod.rs", "Cargo.toml", "bench/run.sh", ".ci/run"] {
        assert!(is_path(path), "{path}");
    }
    for word in ["Driver::poll_read", "recv", "unsafe_code = \"forbid\"", "idle-10k"] {
        assert!(!is_path(word), "{word}");
    }
    assert!(is_test("sec_pd_03_cap_is_exact_") && !is_test("poll_transmit"));
    assert!(is_tail_of("trunkline/driver/mod.rs", "crates/trunkline/src/driver/mod.rs"));
    assert!(!is_tail_of("river/mod.rs", "crates/trunkline/src/driver/mod.rs"));
}
