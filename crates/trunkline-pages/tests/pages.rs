//! What is embedded is what browsers need, and holds what the policy promises.

use std::collections::BTreeSet;

use trunkline_pages::{CONTENT_SECURITY_POLICY, File, Found, PAGES, files, find, missing};

fn file(path: &str) -> File {
    match find(path) {
        Some(Found::File(file)) => file,
        other => panic!("{path}: {other:?}"),
    }
}

fn text(file: File) -> &'static str {
    std::str::from_utf8(file.bytes).expect("it is text")
}

/// What `src="…"` and `href="…"` of a page name, below the root.
fn references(page: &str, html: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for attribute in ["src=\"", "href=\""] {
        for rest in html.split(attribute).skip(1) {
            let target = rest.split('"').next().unwrap_or_default();
            assert!(
                !target.contains("://") && !target.starts_with('/'),
                "{page}: {target} is not relative"
            );
            let mut parts: Vec<&str> =
                page.trim_matches('/').split('/').filter(|it| !it.is_empty()).collect();
            for part in target.split('/') {
                match part {
                    "." => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            found.insert(format!("/{}", parts.join("/")));
        }
    }
    found
}

#[test]
fn each_page_is_there_and_finds_all_that_it_loads() {
    for page in PAGES {
        let html = file(page);
        assert_eq!(html.content_type(), "text/html; charset=utf-8", "{page}");
        assert_eq!(html.cache_control(), "no-cache", "{page}");
        for target in references(page, text(html)) {
            let found = file(&target);
            assert_ne!(found.content_type(), "application/octet-stream", "{target}");
        }
    }
}

#[test]
fn pages_hold_no_script_and_no_style_of_their_own() {
    for page in PAGES {
        let html = text(file(page));
        for script in html.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').expect("a tag ends");
            assert!(tag.contains("src="), "{page}: a script in the page");
            assert!(rest.starts_with("</script>"), "{page}: a script in the page");
        }
        assert!(
            !html.contains("<style") && !html.contains(" style="),
            "{page}: a style in the page"
        );
        let handler = |word: &str| word.starts_with("on") && word.contains('=');
        assert!(!html.contains("javascript:"), "{page}");
        assert!(!html.split_whitespace().any(handler), "{page}: a handler in the page");
    }
    assert!(!CONTENT_SECURITY_POLICY.contains("unsafe"));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for file in files().iter().filter(|file| file.path.ends_with(".css")) {
        assert!(
            !text(*file).contains("url(http") && !text(*file).contains("@import"),
            "{}",
            file.path
        );
    }
}

#[test]
fn a_page_without_its_slash_leads_to_the_one_with_it() {
    assert_eq!(find("/demos/chat"), Some(Found::Elsewhere("/demos/chat/")));
    assert_eq!(find("/dashboard"), Some(Found::Elsewhere("/dashboard/")));
}

#[test]
fn other_addresses_lead_nowhere() {
    for path in
        ["", "index", "/nothing", "/demos/", "/../Cargo.toml", "/assets/", "/dashboard//", "//"]
    {
        assert_eq!(find(path), None, "{path:?}");
    }
}

#[test]
fn without_the_pages_one_page_says_what_is_missing() {
    match missing() {
        Some(why) => {
            assert!(files().is_empty());
            assert!(text(file("/")).contains("built without its pages"), "{why}");
        }
        None => assert!(!text(file("/")).contains("built without its pages")),
    }
}

#[test]
fn hashed_names_may_be_kept_for_ever() {
    for file in files().iter().filter(|file| file.path.starts_with("assets/")) {
        assert!(file.cache_control().contains("immutable"), "{}", file.path);
    }
}
