//! The reference page.

use trunkline_server::config::Config;

#[test]
fn the_reference_page_is_what_the_settings_say() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(page, Config::reference()).expect("the page can be written");
    }
    let written = std::fs::read_to_string(page).expect("the page is there");
    assert!(
        written == Config::reference(),
        "docs/configuration.md is out of date: \
         UPDATE_DOCS=1 cargo test -p trunkline-server --test config reference"
    );
    for setting in Config::default().describe() {
        let name = setting.key.rsplit_once('.').map_or(&*setting.key, |(_, name)| name);
        assert!(written.contains(&format!("| `{name}` | ")), "{} is missing", setting.key);
        assert!(!setting.meaning.is_empty(), "{} says nothing", setting.key);
    }
}
