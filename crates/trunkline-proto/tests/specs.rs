//! The lists of rules in `specs/` name files and tests that exist, and no rule is without a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One row of `§ | level | rule | file | test`.
struct Row {
    line: usize,
    rule: String,
    file: String,
    test: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rows of all tables in a list of rules; nothing if there is no such list (yet).
fn rows(name: &str) -> Vec<Row> {
    let Ok(list) = fs::read_to_string(root().join("specs").join(name)) else { return Vec::new() };
    let mut rows = Vec::new();
    for (line, text) in list.lines().enumerate().filter(|(_, text)| text.starts_with('|')) {
        let cells: Vec<_> = text.trim_matches('|').split('|').map(str::trim).collect();
        let [section, level, rule, file, test] = cells[..] else {
            panic!("{name}:{}: a row has five cells: {text}", line + 1);
        };
        if section == "§" || section.starts_with("---") {
            continue;
        }
        assert!(
            ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "–"].contains(&level),
            "{name}:{}: {level}",
            line + 1
        );
        rows.push(Row {
            line: line + 1,
            rule: rule.into(),
            file: file.trim_matches('`').into(),
            test: test.trim_matches('`').into(),
        });
    }
    rows
}

fn collect(folder: &Path, source: &mut String) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, source);
        } else if path.extension().is_some_and(|it| it == "rs") {
            source.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// All source and tests of all crates in one string.
fn all_source() -> String {
    let mut source = String::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        collect(&path.join("src"), &mut source);
        collect(&path.join("tests"), &mut source);
    }
    collect(&root().join("conformance/src"), &mut source);
    collect(&root().join("conformance/tests"), &mut source);
    source
}

/// Whether `file` is below our `src`; a file that has grown into a folder counts.
fn exists(file: &str) -> bool {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    src.join(file).is_file() || src.join(file.trim_end_matches(".rs")).join("mod.rs").is_file()
}

#[track_caller]
fn check(name: &str) {
    let source = all_source();
    let mut wrong = Vec::new();
    for row in rows(name) {
        let Row { line, rule, file, test } = row;
        // What needs a socket is for the crate that has one.
        if file == "*driver*" && test == "—" {
            continue;
        }
        if !exists(&file) {
            wrong.push(format!("{name}:{line}: there is no src/{file} ({rule})"));
        }
        if test.is_empty() || !source.contains(&format!("fn {test}()")) {
            wrong.push(format!("{name}:{line}: there is no test `{test}` ({rule})"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_of_rfc_6455_has_its_test() {
    check("rfc6455.md");
}

#[test]
fn every_rule_of_rfc_7692_has_its_test() {
    check("rfc7692.md");
}

/// The sections that hold rules for a connection are all there.
#[test]
fn no_section_of_rfc_6455_is_left_out() {
    let Ok(list) = fs::read_to_string(root().join("specs/rfc6455.md")) else { return };
    for section in [
        "5.1", "5.2", "5.3", "5.4", "5.5", "5.5.1", "5.5.2", "5.5.3", "5.6", "6.1", "6.2", "7.1.1",
        "7.1.2", "7.1.5", "7.1.6", "7.1.7", "7.2.1", "7.4.1", "8.1", "10.3", "10.4",
    ] {
        let row = format!("\n| {section} ");
        assert!(list.contains(&row), "§{section} has no row");
    }
}

/// A row of `id | input | outcome | test` in `specs/security.md`.
struct Attack {
    id: String,
    /// Names in backticks: tests. What stands around them is for people.
    tests: Vec<String>,
    /// What the row says instead of, or beside, its tests.
    words: String,
}

fn attacks() -> Vec<Attack> {
    let list = fs::read_to_string(root().join("specs/security.md")).unwrap();
    let rows = list.lines().filter(|line| line.starts_with("| SEC-"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [id, input, outcome, test] = cells[..] else { panic!("a row has four cells: {row}") };
        assert!(!input.is_empty() && !outcome.is_empty(), "{row}");
        let tests = test.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Attack { id: id.into(), tests, words: test.into() }
    })
    .collect()
}

/// The row that the name of a test begins with: `sec_hs_01_…` is one of SEC-HS-01.
fn row_of(test: &str) -> Option<String> {
    let mut parts = test.strip_prefix("sec_")?.split('_');
    let (class, number) = (parts.next()?, parts.next()?);
    Some(format!("SEC-{}-{number}", class.to_uppercase()))
}

#[test]
fn every_attack_has_tests_that_exist_or_says_why_not() {
    let (source, mut seen, mut wrong) = (all_source(), BTreeSet::new(), Vec::new());
    for Attack { id, tests, words } in attacks() {
        if !seen.insert(id.clone()) {
            wrong.push(format!("{id} has two rows"));
        }
        let says_why = ["waits for ", "nothing to test"].iter().any(|it| words.starts_with(it));
        if tests.is_empty() && !says_why {
            wrong.push(format!("{id} has no test, and does not say why"));
        }
        for test in tests {
            // One of a broker is handed what to start.
            if !source.contains(&format!("fn {test}(")) {
                wrong.push(format!("{id}: there is no test `{test}`"));
            }
        }
    }
    assert!(seen.len() > 100, "the table is there");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// `clause | tests` in docs/reliability.md.
#[test]
fn every_clause_of_the_guarantee_has_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let (source, mut clauses) = (all_source(), 0);
    let table = page.split("| clause | tests |").nth(1).expect("there is a guarantee");
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let mut tests = row.split('`').skip(1).step_by(2).filter(|it| it.contains('_')).peekable();
        // Names of settings stand in the first cell.
        assert!(tests.peek().is_some(), "no test: {row}");
        for test in tests {
            assert!(source.contains(&format!("fn {test}(")), "there is no test `{test}`: {row}");
        }
        clauses += 1;
    }
    assert!(clauses > 20, "{clauses} clauses");
}

#[test]
fn every_test_of_an_attack_stands_in_its_row() {
    let rows = attacks();
    let source = all_source();
    // Not the ones that this file has in strings.
    let after_fn = source.split("fn sec_").skip(1).filter_map(|it| it.split_once("()"));
    let names: BTreeSet<_> = after_fn.map(|(name, _)| format!("sec_{name}")).collect();
    let names =
        names.iter().filter(|it| it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    let wrong: Vec<_> = names
        .filter(|name| {
            let id = row_of(name);
            !rows.iter().any(|row| Some(&row.id) == id.as_ref() && row.tests.contains(name))
        })
        .collect();
    assert!(wrong.is_empty(), "not in specs/security.md, in the row of their name: {wrong:?}");
}
