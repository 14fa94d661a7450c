//! Settings: where they come from, what they come to, what is said about mistakes.

mod centrifugo;
mod mistakes;
mod namespaces;
mod reference;
mod reload;
mod sources;

use trunkline_hub::{ChannelName, ChannelOptions, Namespaces};
use trunkline_server::config::{Loaded, Problem, Problems, Sources};

fn load(path: &str, text: &str) -> Result<Loaded, Problems> {
    Sources::new().text(path, text).load()
}

#[track_caller]
fn toml(text: &str) -> Loaded {
    load("trunkline.toml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// All lines about a configuration that does not hold.
#[track_caller]
fn problems(text: &str) -> Vec<String> {
    load("t.toml", text).expect_err("something is wrong").iter().map(Problem::to_string).collect()
}

/// The warnings about a configuration, apart from those about having no keys.
#[track_caller]
fn warnings(loaded: &Loaded) -> Vec<String> {
    let about_keys = ["client.token", "http_api.key"];
    let others = loaded.warnings.iter().filter(|it| !about_keys.contains(&it.key.as_str()));
    others.map(Problem::to_string).collect()
}

#[track_caller]
fn options(namespaces: &Namespaces, channel: &str) -> ChannelOptions {
    let channel = ChannelName::new(channel).expect("a name");
    namespaces.options(&channel).expect("its namespace exists").as_ref().clone()
}
