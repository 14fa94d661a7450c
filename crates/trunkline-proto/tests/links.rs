//! Links between the pages of this repository lead to files that exist, and to headings that they have.

use std::fs;
use std::path::{Path, PathBuf};

/// What builds and tools leave behind.
const NOT_OURS: [&str; 3] = [".git", "target", "node_modules"];

fn pages(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if !NOT_OURS.iter().any(|name| path.ends_with(name)) {
                self::pages(&path, pages);
            }
        } else if path.extension().is_some_and(|it| it == "md") {
            pages.push(path);
        }
    }
}

/// The page without its blocks of code.
fn prose(page: &str) -> String {
    page.split("\n```").step_by(2).collect()
}

/// What stands behind `](`, unless it leads out of the repository.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    let targets = prose.split("](").skip(1).filter_map(|it| it.split(')').next());
    targets.filter(|it| !it.contains("://") && !it.starts_with("mailto:"))
}

/// The anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let kept = |it: &char| it.is_alphanumeric() || " -_".contains(*it);
    heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

fn has_heading(page: &str, wanted: &str) -> bool {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).any(|it| it == wanted)
}

/// Whether a link on this page leads somewhere.
fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => page.to_owned(),
        path => page.with_file_name("").join(path),
    };
    match heading {
        "" => target.exists(),
        heading => fs::read_to_string(target).is_ok_and(|page| has_heading(&prose(&page), heading)),
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut all = Vec::new();
    pages(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")), &mut all);
    let (mut followed, mut wrong) = (0, Vec::new());
    for page in &all {
        for link in links(&prose(&fs::read_to_string(page).unwrap())) {
            followed += 1;
            if !leads_somewhere(page, link) {
                wrong.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(followed > 30, "links were found");
    assert!(wrong.is_empty(), "these lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn anchors_are_those_of_github() {
    assert_eq!(anchor(" Look before you accept"), "look-before-you-accept");
    assert_eq!(anchor(" `select!`, in one task"), "select-in-one-task");
    assert!(has_heading("# A\n## Who may connect\n", "who-may-connect"));
    assert!(!has_heading("Who may connect\n", "who-may-connect"));
}
