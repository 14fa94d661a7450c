//! YAML, with lines: its events made into a tree.
//!
//! Plain words are read by the core schema of YAML 1.2.2 (§10.3.2): `yes` and `on` are text. One text
//! stands for itself: aliases, tags and merge keys are refused, since a few lines of them can stand for
//! gigabytes.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::file::{SyntaxErrors, too_deep, too_many_keys};
use super::node::{DEPTH_MAX, KEYS_MAX, Kind, Node};

type Refused = (Option<usize>, String);

/// Parses one document.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxErrors> {
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => tree.push(event, span).map_err(|refused| vec![refused])?,
            Err(error) => {
                return Err(vec![(Some(error.marker().line()), error.info().to_string())]);
            }
        }
    }
    Ok(tree.root.unwrap_or_else(|| Node::new(Kind::Null, None)))
}

/// What has begun and has not ended, the innermost last.
#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
}

enum Open {
    List { items: Vec<Node>, line: usize },
    Table { entries: Vec<(String, Node)>, key: Option<String>, line: usize },
}

impl Tree {
    fn push(&mut self, event: Event<'_>, span: Span) -> Result<(), Refused> {
        let line = span.start.line();
        match event {
            Event::Alias(_) => refuse(line, "aliases (`*name`) are not taken: write the value out"),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                refuse(line, "tags (`!name`) are not taken: leave it out")
            }
            Event::Scalar(text, style, ..) => self.add(scalar(&text, style), line, true),
            Event::SequenceStart(..) => self.open(Open::List { items: Vec::new(), line }),
            Event::MappingStart(..) => {
                self.open(Open::Table { entries: Vec::new(), key: None, line })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { items, line }) => self.add(Kind::List(items), line, false),
                Some(Open::Table { entries, line, .. }) => {
                    self.add(Kind::Table(entries), line, false)
                }
                None => Ok(()),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                refuse(line, "there is a second document in the file")
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, begun: Open) -> Result<(), Refused> {
        if self.open.len() >= DEPTH_MAX {
            return Err((None, too_deep()));
        }
        self.open.push(begun);
        Ok(())
    }

    fn add(&mut self, kind: Kind, line: usize, is_scalar: bool) -> Result<(), Refused> {
        match self.open.last_mut() {
            None => self.root = Some(Node::new(kind, Some(line))),
            Some(Open::List { items, .. }) => items.push(Node::new(kind, Some(line))),
            Some(Open::Table { entries, key, .. }) => match (key.take(), kind) {
                (Some(key), kind) => entries.push((key, Node::new(kind, Some(line)))),
                (None, Kind::Text(name)) if is_scalar => {
                    if name == "<<" {
                        return refuse(line, "merge keys (`<<`) are not taken: write the keys out");
                    }
                    if entries.len() == KEYS_MAX {
                        return refuse(line, too_many_keys());
                    }
                    if entries.iter().any(|(other, _)| *other == name) {
                        return refuse(line, format!("the key {name:?} is there twice"));
                    }
                    *key = Some(name);
                }
                (None, _) => return refuse(line, "keys are text"),
            },
        }
        Ok(())
    }
}

fn refuse(line: usize, message: impl Into<String>) -> Result<(), Refused> {
    Err((Some(line), message.into()))
}

fn scalar(text: &str, style: ScalarStyle) -> Kind {
    if style != ScalarStyle::Plain {
        return Kind::Text(text.into());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).unwrap_or_else(|| Kind::Text(text.into())),
    }
}

/// Decimal numbers; `0x10` and `0o10` are text, which no setting needs.
fn number(text: &str) -> Option<Kind> {
    let digits = text.trim_start_matches(['-', '+']);
    if !digits.starts_with(|it: char| it.is_ascii_digit() || it == '.') {
        return None;
    }
    match text.parse::<i64>() {
        Ok(number) => Some(Kind::Int(number)),
        Err(_) => text.parse::<f64>().ok().map(Kind::Float),
    }
}
