//! A configuration file: which format it has, and JSON.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::node::{DEPTH_MAX, KEYS_MAX, Kind, Node};
use super::{toml, yaml};

/// The largest file: a thousand namespaces with every option written out take a quarter of it.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What is wrong, with its line where that is known.
pub(super) type SyntaxErrors = Vec<(Option<usize>, String)>;

/// Reads a file that is not too large to be meant.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let message = format!("it has more than {FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    if text.trim_ascii().is_empty() {
        // Whoever writes it anew may have come so far and no further.
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty"));
    }
    Ok(text)
}

/// Parses a file by the end of its name.
pub(super) fn parse(path: &Path, text: &str) -> Result<Node, SyntaxErrors> {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let tree = match extension.to_ascii_lowercase().as_str() {
        "toml" => toml::parse(text),
        "yaml" | "yml" => yaml::parse(text),
        "json" => parse_json(text),
        _ => {
            let message = "the end of the name says the format: .toml, .yaml, .yml or .json";
            Err(vec![(None, message.into())])
        }
    }?;
    match tree.kind {
        Kind::Table(_) | Kind::Null => Ok(tree),
        _ => Err(vec![(None, "a configuration is a table of keys and values".into())]),
    }
}

/// Parses JSON (RFC 8259), refusing keys that are there twice.
pub(super) fn parse_json(text: &str) -> Result<Node, SyntaxErrors> {
    let tree: Json = serde_json::from_str(text)
        .map_err(|error| vec![(Some(error.line()), error.to_string())])?;
    Ok(tree.0)
}

/// The message of all parsers.
pub(super) fn too_deep() -> String {
    format!("values stand in each other more than {DEPTH_MAX} deep")
}

/// The other one.
pub(super) fn too_many_keys() -> String {
    format!("there are more than {KEYS_MAX} keys in one table")
}

/// A tree, without lines: serde_json does not tell them.
struct Json(Node);

impl<'de> serde::Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> serde::de::Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(leaf(Kind::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(leaf(Kind::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(leaf(Kind::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        // What no i64 holds is beyond every range, and shown as it is.
        #[expect(clippy::cast_precision_loss, reason = "the number is refused anyway")]
        let kind = i64::try_from(value).map_or(Kind::Float(value as f64), Kind::Int);
        Ok(leaf(kind))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(leaf(Kind::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(leaf(Kind::Text(value.into())))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(leaf(Kind::List(list)))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut table: Vec<(String, Node)> = Vec::new();
        while let Some((key, Json(value))) = entries.next_entry::<String, Json>()? {
            if table.len() == KEYS_MAX {
                return Err(serde::de::Error::custom(too_many_keys()));
            }
            if table.iter().any(|(other, _)| *other == key) {
                return Err(serde::de::Error::custom(format_args!(
                    "the key {key:?} is there twice"
                )));
            }
            table.push((key, value));
        }
        Ok(leaf(Kind::Table(table)))
    }
}

fn leaf(kind: Kind) -> Json {
    Json(Node::new(kind, None))
}
