//! [`Sources`]: where settings are read from.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::node::{Kind, Node};
use super::problem::{Problem, Problems};
use super::reader::Reader;
use super::{Config, Place, check, env, file, namespaces};

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

    /// Reads those variables of this process that begin with `TRUNKLINE_`.
    #[must_use]
    pub fn process_env(self) -> Self {
        // `std::env::vars` panics if any variable is not Unicode, even one that is not ours.
        self.env(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        }))
    }

    /// Reads those of `variables` that begin with `TRUNKLINE_`.
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
        reader.finish(|| known_keys(&config));
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

pub(super) fn at(place: &Place, line: Option<usize>) -> Place {
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
        _ if key == "channel.namespaces" => namespaces::read(node, place, reader, namespaces),
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
