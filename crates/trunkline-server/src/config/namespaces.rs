//! `channel.namespaces`: a list of tables with a `name` each; or names, for variables to say more about.

use super::channel::{Namespace, namespace_key};
use super::node::{Kind, Node};
use super::problem::Problem;
use super::reader::Reader;
use super::sources::{at, flatten};
use super::{Place, file};

const KEY: &str = "channel.namespaces";

/// The most namespaces: a name for each kind of channel, of which no application has a hundredth.
const NAMESPACES_MAX: usize = 10_000;

type Options = Vec<(String, Node)>;

/// Brings the options of each namespace into the reader, and its name among `namespaces`.
pub(super) fn read(node: Node, place: &Place, reader: &mut Reader, namespaces: &mut Vec<String>) {
    let here = at(place, node.line);
    let Some(items) = items(node) else {
        reader.problems.push(Problem::new(KEY, NOT_A_LIST, here));
        return;
    };
    if items.len() > NAMESPACES_MAX {
        let message = format!("there are more than {NAMESPACES_MAX} namespaces");
        reader.problems.push(Problem::new(KEY, message, here));
        return;
    }
    let mut seen = Vec::new();
    for item in items {
        let here = at(place, item.line);
        match named(item, place).and_then(|(name, options)| once(name, options, &mut seen)) {
            Ok((name, options)) => {
                if !options.is_empty() {
                    let options = Node::new(Kind::Table(options), None);
                    flatten(namespace_key(&name), options, place, reader, namespaces);
                }
                if !namespaces.contains(&name) {
                    namespaces.push(name);
                }
            }
            Err(message) => reader.problems.push(Problem::new(KEY, message, here)),
        }
    }
}

const NOT_A_LIST: &str = "allowed: a list of namespaces with a `name` each; in a variable or a flag, names with a space \
                          between them, or JSON";

/// What the list has in it; `None` if it is none.
fn items(node: Node) -> Option<Vec<Node>> {
    match node.kind {
        Kind::List(items) => Some(items),
        Kind::Text(text) if text.trim_start().starts_with('[') => match file::parse_json(&text) {
            Ok(Node { kind: Kind::List(items), .. }) => Some(items),
            _ => None,
        },
        Kind::Text(text) => Some(text.split_whitespace().map(Node::text).collect()),
        Kind::Null => Some(Vec::new()),
        _ => None,
    }
}

/// The name of a namespace and what else is said of it.
fn named(item: Node, place: &Place) -> Result<(String, Options), String> {
    let is_file = matches!(place, Place::File { .. });
    match item.kind {
        Kind::Text(name) if !is_file => Ok((name, Vec::new())),
        Kind::Table(mut options) => {
            let at = options.iter().position(|(key, _)| key == "name");
            match at.map(|at| options.remove(at).1.kind) {
                Some(Kind::Text(name)) => Ok((name, options)),
                _ => Err("a namespace needs a name, in quotes".into()),
            }
        }
        _ => Err(NOT_A_LIST.into()),
    }
}

/// Refuses a name that is none, and one that is there twice.
fn once(
    name: String,
    options: Options,
    seen: &mut Vec<String>,
) -> Result<(String, Options), String> {
    Namespace::check_name(&name)?;
    if seen.contains(&name) {
        return Err(format!("there are two namespaces {name:?}: join them"));
    }
    seen.push(name.clone());
    Ok((name, options))
}
