//! [`Reader`]: the values of all sources, one laid over another, and taken out by key.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::node::{Kind, Node};
use super::problem::Problem;
use super::value::Value;
use super::{Place, absent, suggest, value};

/// What is told to be wrong at most before it is enough: keys that are no settings are compared with all that are.
const PROBLEMS_MAX: usize = 100;

/// What was set, by key, and what was found wrong with it.
#[derive(Debug, Default)]
pub(super) struct Reader {
    entries: BTreeMap<String, Entry>,
    pub(super) places: BTreeMap<String, Place>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

#[derive(Debug)]
struct Entry {
    node: Node,
    place: Place,
}

impl Reader {
    /// Lays a value over what earlier sources said.
    pub(super) fn set(&mut self, key: String, node: Node, place: Place) {
        self.entries.insert(absent::other_name(key), Entry { node, place });
    }

    /// Takes a setting out.
    pub(super) fn value<T: Value>(&mut self, key: String, default: T) -> T {
        let Some((key, entry)) = self.take(key) else { return default };
        T::read(&entry.node).unwrap_or_else(|| {
            self.refuse::<T>(key, &entry, &format!("allowed: {}", T::KIND));
            default
        })
    }

    /// Takes a setting out that has bounds.
    pub(super) fn in_range<T>(&mut self, key: String, default: T, range: RangeInclusive<T>) -> T
    where
        T: Value + PartialOrd,
    {
        let Some((key, entry)) = self.take(key) else { return default };
        T::read(&entry.node).filter(|value| range.contains(value)).unwrap_or_else(|| {
            let allowed = format!("allowed: {}", value::allowed(&range));
            self.refuse::<T>(key, &entry, &allowed);
            default
        })
    }

    fn take(&mut self, key: String) -> Option<(String, Entry)> {
        let entry = self.entries.remove(&key)?;
        if matches!(entry.node.kind, Kind::Null) {
            // `key:` without anything in YAML: as if it were not there.
            return None;
        }
        self.places.insert(key.clone(), entry.place.clone());
        Some((key, entry))
    }

    fn refuse<T: Value>(&mut self, key: String, entry: &Entry, message: &str) {
        let value = (!T::SECRET).then(|| entry.node.to_string());
        self.problems.push(Problem { value, ..Problem::new(key, message, entry.place.clone()) });
    }

    /// What is left when all settings are taken: Centrifugo's that we lack, and mistakes. `known` says which settings
    /// there are.
    pub(super) fn finish(&mut self, known: impl FnOnce() -> Vec<String>) {
        if self.entries.is_empty() {
            return;
        }
        let known = known();
        let is_section = |key: &str| {
            let inside = |it: &String| it.strip_prefix(key).is_some_and(|it| it.starts_with('.'));
            known.iter().any(inside)
        };
        for (index, (key, entry)) in std::mem::take(&mut self.entries).into_iter().enumerate() {
            if self.problems.len() >= PROBLEMS_MAX {
                let message = format!("and more that is no setting, beyond the first {index}");
                return self.problems.push(Problem::new(key, message, entry.place));
            }
            match absent::judge(&key, &entry.node) {
                absent::Judgement::Inert => {}
                absent::Judgement::Warn(why) => {
                    self.warnings.push(Problem::new(key, why, entry.place));
                }
                absent::Judgement::Refuse(why) => {
                    self.problems.push(Problem::new(key, why, entry.place));
                }
                absent::Judgement::Unknown if is_section(&key) => {
                    // One without a setting in it says nothing.
                    if !matches!(entry.node.kind, Kind::Table(_) | Kind::Null) {
                        let message = "is not a setting but a section of them";
                        self.problems.push(Problem::new(key, message, entry.place));
                    }
                }
                absent::Judgement::Unknown => {
                    let hint = suggest::nearest(&key, known.iter().map(String::as_str));
                    let hint = hint.map(|it| format!("; did you mean {it}?")).unwrap_or_default();
                    let message = format!("there is no such setting{hint}");
                    self.problems.push(Problem::new(key, message, entry.place));
                }
            }
        }
    }
}
