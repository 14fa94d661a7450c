//! [`Sources`]: where settings are read from.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::channel::namespace_key;
use super::node::{Kind, Node};
use super::problem::{Problem, Problems};
use super::reader::Reader;
use super::{Config, Namespace, Place, check, env, file};

/// Where settings are read from: a file, variables, flags.
///
/// # Examples
/// ```
/// use trunkline_server::config::Sources;
///
/// let loaded = Sources::new()
///     .text("trunkline.toml", "client.ping_interval = '20s'")
///     .env([("TRUNKLINE_LOG_LEVEL".into(), "debug".into())])
///     .set("http_server.port", "9000")
///     .load()?;
/// assert_eq!(loaded.config.http_server.port, 9000);
/// # Ok::<_, trunkline_server::config::Problems>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sources {
    file: Option<(PathBuf, Option<String>)>,
    env: Vec<(String, String)>,
    flags: Vec<(String, String)>,
    centrifugo_env: bool,
}

/// A configuration that holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What is doubtful, for the log.
    pub warnings: Vec<Problem>,
}

impl Sources {
    /// The defaults alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the file at `path`: TOML, YAML or JSON, by the end of its name.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some((path.into(), None));
        self
    }

    /// Reads `text` as if it stood in a file at `path`.
    #[must_use]
    pub fn text(mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.file = Some((path.into(), Some(text.into())));
        self
    }

    /// Reads those of `variables` that begin with `TRUNKLINE_`: [`std::env::vars`], for a program.
    #[must_use]
    pub fn env(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.env.extend(variables);
        self
    }

    /// Reads variables that begin with `CENTRIFUGO_`, too. Those that begin with `TRUNKLINE_` win.
    #[must_use]
    pub const fn with_centrifugo_env(mut self) -> Self {
        self.centrifugo_env = true;
        self
    }

    /// Sets one key, as a flag does.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.flags.push((key.into(), value.into()));
        self
    }

    /// Reads everything and judges it.
    ///
    /// # Errors
    /// All that is wrong, in all sources.
    pub fn load(&self) -> Result<Loaded, Problems> {
        let mut reader = Reader::default();
        let mut namespaces = Vec::new();
        self.read_file(&mut reader, &mut namespaces);
        if self.centrifugo_env {
            env::read("CENTRIFUGO_", &self.env, &mut reader, &mut namespaces);
        }
        env::read("TRUNKLINE_", &self.env, &mut reader, &mut namespaces);
        self.read_flags(&mut reader, &mut namespaces);

        let config = Config::read(&mut reader, namespaces);
        reader.finish(&known_keys(&config));
        check::check(&config, &mut reader);
        if !reader.problems.is_empty() {
            reader.problems.sort_by(|a, b| a.key.cmp(&b.key));
            return Err(Problems(reader.problems));
        }
        Ok(Loaded { config, warnings: reader.warnings })
    }

    fn read_file(&self, reader: &mut Reader, namespaces: &mut Vec<String>) {
        let Some((path, text)) = &self.file else { return };
        let place = Place::File { path: Arc::new(path.clone()), line: None };
        let text = match text {
            Some(text) => Ok(text.clone()),
            None => file::read(path),
        };
        let tree = text.map_err(|error| vec![unreadable(&error, &place)]).and_then(|text| {
            let parsed = file::parse(path, &text);
            parsed.map_err(|errors| {
                let problem = |(line, message)| Problem::new("", message, at(&place, line));
                errors.into_iter().map(problem).collect()
            })
        });
        match tree {
            Ok(tree) => flatten(String::new(), tree, &place, reader, namespaces),
            Err(problems) => reader.problems.extend(problems),
        }
    }

    fn read_flags(&self, reader: &mut Reader, namespaces: &mut Vec<String>) {
        for (key, value) in &self.flags {
            flatten(key.clone(), Node::text(value), &Place::Flag, reader, namespaces);
        }
    }
}

/// What may be set, for those who mistyped it.
fn known_keys(config: &Config) -> Vec<String> {
    config.describe().into_iter().map(|setting| setting.key).collect()
}

fn unreadable(error: &io::Error, place: &Place) -> Problem {
    Problem::new("", format!("the file cannot be read: {error}"), place.clone())
}

fn at(place: &Place, line: Option<usize>) -> Place {
    match place {
        Place::File { path, .. } => Place::File { path: Arc::clone(path), line },
        other => other.clone(),
    }
}

/// Brings a tree into the reader, key by key.
pub(super) fn flatten(
    key: String,
    node: Node,
    place: &Place,
    reader: &mut Reader,
    namespaces: &mut Vec<String>,
) {
    match node.kind {
        _ if key == "channel.namespaces" => read_namespaces(node, place, reader, namespaces),
        Kind::Table(entries) if !entries.is_empty() => {
            for (name, value) in entries {
                flatten(super::settings::join(&key, &name), value, place, reader, namespaces);
            }
        }
        // An empty file.
        _ if key.is_empty() => {}
        _ => {
            let place = at(place, node.line);
            reader.set(key, node, place);
        }
    }
}

/// A list of tables with a `name` each; or names, for variables to say more about.
fn read_namespaces(node: Node, place: &Place, reader: &mut Reader, namespaces: &mut Vec<String>) {
    let list = match node.kind {
        Kind::List(list) => list,
        Kind::Text(text) if text.trim_start().starts_with('[') => match file::parse_json(&text) {
            Ok(Node { kind: Kind::List(list), .. }) => list,
            _ => return not_namespaces(place, reader),
        },
        Kind::Text(text) => text.split_whitespace().map(Node::text).collect(),
        Kind::Null => Vec::new(),
        _ => return not_namespaces(&at(place, node.line), reader),
    };
    let from_file = matches!(place, Place::File { .. });
    let mut seen: Vec<String> = Vec::new();
    for item in list {
        let here = at(place, item.line);
        let (name, options) = match item.kind {
            Kind::Text(name) if !from_file => (Some(name), Vec::new()),
            Kind::Table(mut entries) => {
                let at = entries.iter().position(|(key, _)| key == "name");
                let name = at.map(|at| entries.remove(at).1.kind);
                let name =
                    name.and_then(|it| if let Kind::Text(it) = it { Some(it) } else { None });
                (name, entries)
            }
            _ => return not_namespaces(&here, reader),
        };
        let Some(name) = name else {
            let message = "a namespace needs a name, in quotes";
            reader.problems.push(Problem::new("channel.namespaces", message, here));
            continue;
        };
        if let Err(message) = Namespace::check_name(&name) {
            reader.problems.push(Problem::new("channel.namespaces", message, here));
            continue;
        }
        if seen.contains(&name) {
            let message = format!("there are two namespaces {name:?}: join them");
            reader.problems.push(Problem::new("channel.namespaces", message, here));
            continue;
        }
        let prefix = namespace_key(&name);
        flatten_options(prefix, options, place, reader, namespaces);
        if !namespaces.contains(&name) {
            namespaces.push(name.clone());
        }
        seen.push(name);
    }
}

fn flatten_options(
    prefix: String,
    options: Vec<(String, Node)>,
    place: &Place,
    reader: &mut Reader,
    namespaces: &mut Vec<String>,
) {
    if !options.is_empty() {
        flatten(prefix, Node::new(Kind::Table(options), None), place, reader, namespaces);
    }
}

fn not_namespaces(place: &Place, reader: &mut Reader) {
    let message = "allowed: a list of namespaces with a `name` each; in a variable or a flag, names with a \
                   space between them, or JSON";
    reader.problems.push(Problem::new("channel.namespaces", message, place.clone()));
}
