//! `settings!`: one table makes the type, the reader, the reference page and the comparison on reload, so
//! that they cannot disagree.

use super::Place;
use super::reader::Reader;

/// What a new value of a setting needs to become true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A reload.
    Reload,
    /// A restart.
    Restart,
}

/// One setting, for people: its meaning, its default, its value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The key, like `client.ping_interval`.
    pub key: String,
    /// What may be written.
    pub allowed: String,
    /// The default, as it is written in a file.
    pub default: String,
    /// The value, as it is written in a file. Of a secret, whether there is one.
    pub value: String,
    /// What it does, in Markdown.
    pub meaning: String,
    /// What a new value needs to become true.
    pub change: Change,
    /// Where the value comes from.
    pub place: Place,
}

/// Settings that begin with the same words.
pub(super) trait Group: Sized {
    /// What the settings are about, in Markdown.
    const ABOUT: &'static str;

    /// Takes the settings that begin with `prefix`.
    fn read(reader: &mut Reader, prefix: &str) -> Self;

    /// Adds one entry for each setting.
    fn describe(&self, prefix: &str, into: &mut Vec<Setting>);

    /// Adds the keys of settings that differ.
    fn differences(&self, new: &Self, prefix: &str, into: &mut Vec<(String, Change)>);

    /// Puts into `new` what only a restart changes.
    fn keep(&self, new: &mut Self);
}

pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.into() } else { format!("{prefix}.{name}") }
}

/// The text of doc comments, without the space after the slashes.
pub(super) fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// A group: each line is `reload` or `restart`, name, type, default, and a range if it has one.
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        pub struct $group:ident {
            $($(#[doc = $doc:literal])* $change:ident $name:ident: $ty:ty = $default:expr $(, $range:expr)?;)*
        }
        $(groups {
            $($(#[doc = $inner_doc:literal])* $inner:ident: $inner_ty:ty,)*
        })?
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $group {
            $($(#[doc = $doc])* pub $name: $ty,)*
            $($($(#[doc = $inner_doc])* pub $inner: $inner_ty,)*)?
        }

        impl Default for $group {
            fn default() -> Self {
                Self {
                    $($name: $default,)*
                    $($($inner: <$inner_ty>::default(),)*)?
                }
            }
        }

        impl $crate::config::settings::Group for $group {
            const ABOUT: &'static str = concat!($($about),*);

            fn read(reader: &mut $crate::config::reader::Reader, prefix: &str) -> Self {
                use $crate::config::settings::join;
                let _ = (&*reader, prefix);
                Self {
                    $($name: settings!(@read reader, join(prefix, stringify!($name)), $default $(, $range)?),)*
                    $($($inner: <$inner_ty as $crate::config::settings::Group>::read(
                        reader, &join(prefix, stringify!($inner)),
                    ),)*)?
                }
            }

            fn describe(&self, prefix: &str, into: &mut Vec<$crate::config::Setting>) {
                use $crate::config::{settings::{join, prose}, value::Value};
                $(into.push($crate::config::Setting {
                    key: join(prefix, stringify!($name)),
                    allowed: settings!(@allowed $ty $(, $range)?),
                    default: <$ty as Value>::show(&$default),
                    value: self.$name.show(),
                    meaning: prose(&[$($doc),*]),
                    change: settings!(@change $change),
                    place: $crate::config::Place::Default,
                });)*
                $($($crate::config::settings::Group::describe(
                    &self.$inner, &join(prefix, stringify!($inner)), into,
                );)*)?
            }

            fn differences(
                &self,
                new: &Self,
                prefix: &str,
                into: &mut Vec<(String, $crate::config::Change)>,
            ) {
                use $crate::config::settings::join;
                $(if self.$name != new.$name {
                    into.push((join(prefix, stringify!($name)), settings!(@change $change)));
                })*
                $($($crate::config::settings::Group::differences(
                    &self.$inner, &new.$inner, &join(prefix, stringify!($inner)), into,
                );)*)?
            }

            fn keep(&self, new: &mut Self) {
                let _ = &new;
                $(settings!(@keep $change, new.$name, self.$name);)*
                $($($crate::config::settings::Group::keep(&self.$inner, &mut new.$inner);)*)?
            }
        }
    };
    (@read $reader:ident, $key:expr, $default:expr) => { $reader.value($key, $default) };
    (@read $reader:ident, $key:expr, $default:expr, $range:expr) => {
        $reader.in_range($key, $default, $range)
    };
    (@allowed $ty:ty) => { String::from(<$ty as Value>::KIND) };
    (@allowed $ty:ty, $range:expr) => { $crate::config::value::allowed::<$ty>(&$range) };
    (@keep reload, $new:expr, $old:expr) => {};
    (@keep restart, $new:expr, $old:expr) => { $new = $old.clone(); };
    (@change reload) => { $crate::config::Change::Reload };
    (@change restart) => { $crate::config::Change::Restart };
}
pub(super) use settings;
