//! [`Profile`]: what operators are told of a client beyond what the hub knows of it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::dialect::centrifugo::Encoding;

/// What operators are told of a client beyond what the hub knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// What it says it is; `None` if it has not said.
    pub(crate) software: Option<Arc<Software>>,
    /// How commands and replies are written.
    pub(crate) encoding: Encoding,
    /// The subprotocol that was agreed on, by the encoding that it names.
    pub(crate) subprotocol: Option<Encoding>,
    /// Where it is, if that is told to anybody.
    pub(crate) address: Option<IpAddr>,
}

/// What a client says it is. All clients of a kind say the same, so that they share it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Software {
    pub(crate) name: Box<str>,
    pub(crate) version: Box<str>,
}

/// How much of a name or a version is kept: SDKs say `js` and `5.3.1`, applications put a name of theirs
/// there.
const CHARS_MAX: usize = 64;

/// What different clients say they are, as far as they share it: more than there are SDKs and versions
/// in use. What is not in here is held by its client alone.
const SHARED_MAX: usize = 64;

/// What clients of this shard say they are.
#[derive(Debug, Default)]
pub(crate) struct KnownSoftware(Vec<Arc<Software>>);

impl KnownSoftware {
    /// What a client says it is, made safe to be shown; `None` if it says nothing.
    pub(crate) fn of(&mut self, name: &str, version: &str) -> Option<Arc<Software>> {
        if name.is_empty() && version.is_empty() {
            return None;
        }
        let software = Software { name: presentable(name), version: presentable(version) };
        if let Some(known) = self.0.iter().find(|it| ***it == software) {
            return Some(Arc::clone(known));
        }
        if self.0.len() >= SHARED_MAX {
            self.0.retain(|it| Arc::strong_count(it) > 1);
        }
        let software = Arc::new(software);
        if self.0.len() < SHARED_MAX {
            self.0.push(Arc::clone(&software));
        }
        Some(software)
    }
}

/// The beginning of a text, with letters and digits of any script and what is printable of ASCII. What
/// could move a cursor, or turn the text around it, is replaced.
fn presentable(text: &str) -> Box<str> {
    let is_fine = |it: char| it == ' ' || it.is_ascii_graphic() || it.is_alphanumeric();
    let chars = text.chars().take(CHARS_MAX);
    let fine: String = chars.map(|it| if is_fine(it) { it } else { '\u{fffd}' }).collect();
    fine.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_a_kind_share_what_they_are() {
        let mut known = KnownSoftware::default();
        let one = known.of("js", "5.3.1").unwrap();
        assert!(Arc::ptr_eq(&one, &known.of("js", "5.3.1").unwrap()));
        assert!(!Arc::ptr_eq(&one, &known.of("js", "5.3.2").unwrap()));
        assert_eq!(known.of("", ""), None);
    }

    #[test]
    fn who_makes_up_names_keeps_them_and_takes_no_place_of_others() {
        let mut known = KnownSoftware::default();
        let made_up: Vec<_> = (0..1000).map(|n| known.of(&n.to_string(), "").unwrap()).collect();
        assert_eq!(known.0.len(), SHARED_MAX);
        drop(made_up);
        let js = known.of("js", "5").unwrap();
        assert!(Arc::ptr_eq(&js, &known.of("js", "5").unwrap()), "those who are gone make room");
    }

    #[test]
    fn what_is_shown_is_short_and_does_no_harm() {
        let mut known = KnownSoftware::default();
        let it = known.of(&"\u{1f4a9}".repeat(100), "1.0\u{202e}\n\x1b[2J<b>").unwrap();
        assert_eq!(&*it.name, "\u{fffd}".repeat(64));
        assert_eq!(&*it.version, "1.0\u{fffd}\u{fffd}\u{fffd}[2J<b>");
        let it = known.of("Wetter für Zürich", "二").unwrap();
        assert_eq!((&*it.name, &*it.version), ("Wetter für Zürich", "二"));
    }
}
