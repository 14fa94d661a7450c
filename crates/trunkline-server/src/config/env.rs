//! Environment variables: a key in capitals, with `_` for each dot.

use super::channel::namespace_key;
use super::node::Node;
use super::problem::Problem;
use super::reader::Reader;
use super::sources::flatten;
use super::{Config, Place, absent, suggest};

/// The variable that names the namespaces; those of a namespace begin with it.
const NAMESPACES: &str = "CHANNEL_NAMESPACES";

/// Variables of the command itself.
const NOT_SETTINGS: [&str; 1] = ["CONFIG"];

/// Reads the variables that begin with `prefix`.
pub(super) fn read(
    prefix: &str,
    variables: &[(String, String)],
    reader: &mut Reader,
    namespaces: &mut Vec<String>,
) {
    let mut ours: Vec<_> = variables
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, name, value)))
        .filter(|(rest, ..)| !NOT_SETTINGS.contains(rest) && !is_service_link(rest))
        .collect();
    // The namespaces are named first, so that what else is said of them finds them.
    ours.sort_by_key(|(rest, ..)| (*rest != NAMESPACES, *rest));
    let known = known();
    for (rest, name, value) in ours {
        let place = Place::Env(name.clone());
        match key_of(rest, &known, namespaces) {
            Some(key) => flatten(key, Node::text(value), &place, reader, namespaces),
            None => {
                let hint = suggest::nearest(rest, known.iter().map(|(it, _)| it.as_str()));
                let hint =
                    hint.map(|it| format!("; did you mean {prefix}{it}?")).unwrap_or_default();
                let message = format!("there is no setting for this variable{hint}");
                reader.problems.push(Problem::new(name, message, Place::Default));
            }
        }
    }
}

/// The key that a variable sets.
fn key_of(rest: &str, known: &[(String, String)], namespaces: &[String]) -> Option<String> {
    if rest == NAMESPACES {
        return Some("channel.namespaces".into());
    }
    if let Some((_, key)) = known.iter().find(|(variable, _)| variable == rest) {
        return Some(key.clone());
    }
    if let Some(of_namespace) = rest.strip_prefix(NAMESPACES).and_then(|it| it.strip_prefix('_')) {
        let option = |name: &str| of_namespace.strip_prefix(&spelt(name))?.strip_prefix('_');
        // Of `a` and `a_b`, the longer is meant.
        let named = namespaces.iter().filter(|name| option(name).is_some());
        let name = named.max_by_key(|name| name.len())?;
        let option = option(name)?.to_ascii_lowercase();
        return Some(format!("{}.{option}", namespace_key(name)));
    }
    absent::key_of_variable(rest)
}

/// Every setting but those of namespaces, by its variable.
fn known() -> Vec<(String, String)> {
    let mut keys: Vec<String> =
        Config::default().describe().into_iter().map(|setting| setting.key).collect();
    keys.extend(absent::exact_keys());
    keys.into_iter().map(|key| (spelt(&key), key)).collect()
}

/// As it stands in the name of a variable.
fn spelt(key: &str) -> String {
    key.replace(['.', '-'], "_").to_ascii_uppercase()
}

/// Kubernetes describes each service to every container: a service called `trunkline` gives
/// `TRUNKLINE_PORT=tcp://10.0.0.1:8000`, `TRUNKLINE_SERVICE_HOST`, and more.
fn is_service_link(rest: &str) -> bool {
    let words = ["PORT", "SERVICE_HOST", "SERVICE_PORT"];
    words.iter().any(|word| {
        rest == *word || rest.strip_prefix(word).is_some_and(|more| more.starts_with('_'))
    })
}
