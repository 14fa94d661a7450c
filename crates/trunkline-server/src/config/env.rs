//! Environment variables: a key in capitals, with `_` for each dot.
//!
//! Whoever starts the process need not be whoever configures it: of variables that are no setting there is
//! a warning, where a key of a file or a flag would be refused.

use super::channel::namespace_key;
use super::node::Node;
use super::problem::Problem;
use super::reader::Reader;
use super::sources::flatten;
use super::{Config, Place, absent, suggest};

/// The variable that names the namespaces; those of a namespace begin with it.
const NAMESPACES: &str = "CHANNEL_NAMESPACES";

/// Variables of the command itself.
const NOT_SETTINGS: [&str; 2] = ["CONFIG", "URL"];

/// Reads the variables that begin with `prefix`.
pub(super) fn read(
    prefix: &str,
    variables: &[(String, String)],
    reader: &mut Reader,
    namespaces: &mut Vec<String>,
) {
    let ours: Vec<_> = variables
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, name, value)))
        .filter(|(rest, _, value)| !NOT_SETTINGS.contains(rest) && !is_service_link(rest, value))
        .collect();
    // They are named first, so that what else is said of them finds them.
    let (names, others): (Vec<_>, Vec<_>) =
        ours.into_iter().partition(|(rest, ..)| *rest == NAMESPACES);
    for (_, name, value) in names {
        let key = "channel.namespaces".into();
        flatten(key, Node::text(value), &Place::Env(name.clone()), reader, namespaces);
    }
    let known = known(namespaces);
    for (rest, name, value) in others {
        let found = known.iter().find(|(variable, _)| variable == rest).map(|(_, key)| key.clone());
        match found.or_else(|| absent::key_of_variable(rest)) {
            Some(key) => {
                flatten(key, Node::text(value), &Place::Env(name.clone()), reader, namespaces);
            }
            None => {
                let hint = suggest::nearest(rest, known.iter().map(|(it, _)| it.as_str()));
                let hint =
                    hint.map(|it| format!("; did you mean {prefix}{it}?")).unwrap_or_default();
                let message = format!("there is no setting for this variable{hint}");
                reader.warnings.push(Problem::new(name, message, Place::Default));
            }
        }
    }
}

/// Every setting by its variable, with those of the namespaces that have been named.
fn known(namespaces: &[String]) -> Vec<(String, String)> {
    let mut keys: Vec<String> =
        Config::default().describe().into_iter().map(|setting| setting.key).collect();
    keys.extend(absent::exact_keys());
    let options = keys.iter().filter_map(|key| key.strip_prefix("channel.without_namespace."));
    let of_namespaces: Vec<_> = options
        .flat_map(|option| {
            namespaces.iter().map(move |name| {
                let variable = format!("{NAMESPACES}_{}_{}", spelt(name), spelt(option));
                (variable, format!("{}.{option}", namespace_key(name)))
            })
        })
        .collect();
    keys.into_iter().map(|key| (spelt(&key), key)).chain(of_namespaces).collect()
}

/// As it stands in the name of a variable.
fn spelt(key: &str) -> String {
    key.replace(['.', '-'], "_").to_ascii_uppercase()
}

/// Kubernetes describes each service to every container: one called `trunkline` gives
/// `TRUNKLINE_PORT=tcp://10.0.0.1:8000`, `TRUNKLINE_SERVICE_HOST`, `TRUNKLINE_PORT_8000_TCP_ADDR` and more, and
/// one called `trunkline-http-server` a `TRUNKLINE_HTTP_SERVER_PORT`, which only by its value is not ours.
fn is_service_link(rest: &str, value: &str) -> bool {
    let is_of = |word: &str| rest == word || rest.ends_with(&format!("_{word}"));
    let is_url = value.starts_with("tcp://") || value.starts_with("udp://");
    is_of("SERVICE_HOST")
        || is_of("SERVICE_PORT")
        || rest.starts_with("SERVICE_PORT_")
        || rest.contains("_SERVICE_PORT_")
        || (is_of("PORT") && (is_url || rest == "PORT"))
        || is_port_of_service(rest)
}

/// `PORT_8000_TCP`, and with `_PROTO`, `_PORT` or `_ADDR` behind it.
fn is_port_of_service(rest: &str) -> bool {
    let rest =
        ["_PROTO", "_PORT", "_ADDR"].iter().find_map(|it| rest.strip_suffix(it)).unwrap_or(rest);
    let number = ["_TCP", "_UDP", "_SCTP"].iter().find_map(|it| rest.strip_suffix(it));
    number.and_then(|it| it.rsplit_once('_')).is_some_and(|(before, number)| {
        let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
        is_number && (before == "PORT" || before.ends_with("_PORT"))
    })
}
