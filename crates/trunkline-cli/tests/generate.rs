//! What is made of the definitions of the flags: help, completions, the manual.

mod support;

use std::fs;
use std::path::PathBuf;

use support::*;

/// All commands, as `--help` lists them.
fn commands() -> Vec<String> {
    let output = run(&["--help"], b"");
    assert_exit(&output, 0);
    let list = stdout(&output).split("Commands:\n").nth(1).unwrap();
    let rows = list.lines().take_while(|line| !line.is_empty());
    let names: Vec<_> = rows.map(|row| row.split_whitespace().next().unwrap().to_owned()).collect();
    assert!(names.len() >= 7 && names.ends_with(&["help".to_owned()]), "{names:?}");
    names.into_iter().filter(|name| name != "help").collect()
}

/// The help of a command on a terminal so wide.
fn help(command: &str, columns: usize) -> String {
    let output =
        trunkline(&[command, "--help"]).env("COLUMNS", columns.to_string()).output().unwrap();
    assert_exit(&output, 0);
    stdout(&output).to_owned()
}

/// The long flags of a command.
fn flags(command: &str) -> Vec<String> {
    let help = help(command, 200);
    let list = help.split("\nUsage:").nth(1).unwrap().split("\nExamples:").next().unwrap();
    // `  -c, --connections <N>` or `      --json`; what is said of them is indented further.
    let heads = list.lines().filter(|line| !line.starts_with("       "));
    let words = heads.flat_map(str::split_whitespace);
    let flags: Vec<_> =
        words.filter_map(|word| word.strip_prefix("--")).map(str::to_owned).collect();
    assert!(flags.contains(&"help".to_owned()), "{flags:?}");
    flags
}

/// Lines that begin with blanks and are not of the list of flags: examples and tables.
fn tables(help: &str) -> Vec<&str> {
    let is_table = |line: &&str| line.starts_with("  ") && !line.starts_with("     ");
    help.lines().filter(is_table).filter(|line| !line.trim_start().starts_with('-')).collect()
}

#[test]
fn every_command_teaches_with_examples() {
    for command in commands() {
        let help = help(&command, 80);
        let examples = help.split("\nExamples:\n").nth(1).unwrap_or_else(|| panic!("{help}"));
        let first = examples.lines().next().unwrap();
        assert!(first.contains(&format!("trunkline {command}")), "{first}");
        let asked = run(&["help", &command], b"");
        assert_exit(&asked, 0);
        assert_eq!(stdout(&asked).split("\nExamples:\n").nth(1), Some(examples));
    }
}

/// An example that is broken by the terminal cannot be copied, a table not be read.
#[test]
fn examples_and_tables_fit_80_columns() {
    for command in commands() {
        let (narrow, wide) = (help(&command, 80), help(&command, 200));
        assert_eq!(tables(&narrow), tables(&wide), "{command}");
        for line in tables(&wide) {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
}

#[test]
fn completions_know_every_command_and_flag() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], b"");
        assert_exit(&output, 0);
        let script = stdout(&output);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
            for flag in flags(&command) {
                let is_there = match shell {
                    "fish" => script.contains(&format!("-l {flag}")),
                    _ => script.contains(&format!("--{flag}")),
                };
                assert!(is_there, "{shell}: {command} --{flag}");
            }
        }
    }
    assert_exit(&run(&["completions", "cmd"], b""), 2);
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("manual/new");
    let _ = fs::remove_dir_all(&dir);
    let output = run(&["man", "--dir", dir.to_str().unwrap()], b"");
    assert_exit(&output, 0);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), commands().len() + 1);
    let page = |name: &str| fs::read_to_string(dir.join(format!("{name}.1"))).unwrap();
    let whole = page("trunkline");
    for command in commands() {
        let name = format!("trunkline-{command}");
        assert!(whole.contains(&name.replace('-', "\\-")), "{whole}");
        let page = page(&name);
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
        assert!(page.contains("\n.SH DESCRIPTION\n"), "{page}");
        for flag in flags(&command) {
            let flag = format!("\\-\\-{}", flag.replace('-', "\\-"));
            assert!(page.contains(&flag), "{flag} is not in {page}");
        }
        // Examples stay line by line, between a break of filling and its end.
        assert!(page.contains("\n.SH EXAMPLES\n.nf\ntrunkline "), "{page}");
        assert_eq!(page.matches("\n.nf\n").count(), page.matches("\n.fi\n").count());
        let printed = run(&["man", &command], b"");
        assert_exit(&printed, 0);
        assert_eq!(stdout(&printed), page);
    }
    assert_eq!(stdout(&run(&["man"], b"")), whole);
}

#[test]
fn exit_codes_of_what_cannot_be_written_or_found() {
    let output = run(&["man", "nonsense"], b"");
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("there is no command nonsense"), "{}", stderr(&output));
    let output = run(&["man", "--dir", "/dev/null/x"], b"");
    assert_exit(&output, 1);
    assert!(stderr(&output).contains("cannot write to /dev/null/x"), "{}", stderr(&output));
}
