//! [`Value`]: how a setting of each type is read and written.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::Secret;
use super::node::{Kind, Node};

/// A type that settings have.
pub(super) trait Value: Clone + PartialEq {
    /// What may be written, as it stands in errors and on the reference page.
    const KIND: &'static str;
    /// Whether errors and `config check` keep it to themselves.
    const SECRET: bool = false;

    /// Reads it; `None` if it is something else.
    fn read(node: &Node) -> Option<Self>;

    /// As it is written in a file.
    fn show(&self) -> String;
}

/// What may be written, with its bounds.
pub(super) fn allowed<T: Value>(range: &RangeInclusive<T>) -> String {
    format!("{}, from {} to {}", T::KIND, range.start().show(), range.end().show())
}

impl Value for bool {
    const KIND: &'static str = "`true` or `false`";

    fn read(node: &Node) -> Option<Self> {
        match &node.kind {
            Kind::Bool(on) => Some(*on),
            Kind::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

macro_rules! whole_numbers {
    ($($number:ty)*) => {$(
        impl Value for $number {
            const KIND: &'static str = "a whole number";

            fn read(node: &Node) -> Option<Self> {
                match &node.kind {
                    Kind::Int(number) => Self::try_from(*number).ok(),
                    Kind::Text(text) => text.parse().ok(),
                    _ => None,
                }
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
whole_numbers!(u16 u32 u64 usize i64);

impl Value for f64 {
    const KIND: &'static str = "a number";

    fn read(node: &Node) -> Option<Self> {
        let number = match &node.kind {
            #[expect(clippy::cast_precision_loss, reason = "rates are small, and in a range")]
            Kind::Int(number) => *number as Self,
            Kind::Float(number) => *number,
            Kind::Text(text) => text.parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const KIND: &'static str = "text";

    fn read(node: &Node) -> Option<Self> {
        match &node.kind {
            Kind::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

impl Value for Secret {
    const KIND: &'static str = "text";
    const SECRET: bool = true;

    fn read(node: &Node) -> Option<Self> {
        String::read(node).map(Self::new)
    }

    fn show(&self) -> String {
        self.shown().into()
    }
}

/// In a variable or a flag, the items stand between spaces.
impl Value for Vec<String> {
    const KIND: &'static str = "a list of texts";

    fn read(node: &Node) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => items.iter().map(String::read).collect(),
            Kind::Text(text) => Some(text.split_whitespace().map(String::from).collect()),
            _ => None,
        }
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

impl Value for Vec<Secret> {
    const KIND: &'static str = "a list of texts";
    const SECRET: bool = true;

    fn read(node: &Node) -> Option<Self> {
        Vec::<String>::read(node).map(|items| items.into_iter().map(Secret::new).collect())
    }

    fn show(&self) -> String {
        format!("{} of them", self.len())
    }
}

/// Nothing, and the empty text, is none.
impl Value for Option<PathBuf> {
    const KIND: &'static str = "a path";

    fn read(node: &Node) -> Option<Self> {
        String::read(node).map(|text| (!text.is_empty()).then(|| text.into()))
    }

    fn show(&self) -> String {
        self.as_ref()
            .map_or_else(|| "\"\"".into(), |path| format!("{:?}", path.display().to_string()))
    }
}

/// Nothing, and the empty text, is none: all interfaces.
impl Value for Option<IpAddr> {
    const KIND: &'static str = "an IP address, or `localhost`";

    fn read(node: &Node) -> Option<Self> {
        match String::read(node)?.as_str() {
            "" => Some(None),
            "localhost" => Some(Some(IpAddr::from([127, 0, 0, 1]))),
            text => text.parse().ok().map(Some),
        }
    }

    fn show(&self) -> String {
        self.map_or_else(|| "\"\"".into(), |address| format!("\"{address}\""))
    }
}

/// A bound that nobody needs to set: 0 is none, as Centrifugo has it.
impl Value for Option<u32> {
    const KIND: &'static str = "a whole number; 0: no limit";

    fn read(node: &Node) -> Option<Self> {
        u32::read(node).map(|number| (number > 0).then_some(number))
    }

    fn show(&self) -> String {
        self.unwrap_or(0).to_string()
    }
}

impl Value for Duration {
    const KIND: &'static str = "a duration like `\"1h30m\"` or `\"500ms\"`";

    fn read(node: &Node) -> Option<Self> {
        match &node.kind {
            // Anything but zero needs a unit: 300 may be meant as anything.
            Kind::Int(0) => Some(Self::ZERO),
            Kind::Text(text) => duration(text),
            _ => None,
        }
    }

    fn show(&self) -> String {
        let (mut rest, mut text) = (self.as_millis(), String::new());
        for (unit, unit_ms) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if rest >= unit_ms {
                text.push_str(&format!("{}{unit}", rest / unit_ms));
                rest %= unit_ms;
            }
        }
        format!("\"{}\"", if text.is_empty() { "0s" } else { &text })
    }
}

/// Whole numbers with a unit each, as Go writes them.
fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut total_ms) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit())?;
        let (number, behind) = rest.split_at(digits);
        let unit_bytes = behind.find(|it: char| it.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_bytes);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let part_ms = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
        total_ms = total_ms.checked_add(part_ms)?;
        rest = behind;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total_ms))
}

/// Types of a few words.
macro_rules! choices {
    ($($(#[$attribute:meta])* pub enum $name:ident = $kind:literal {
        $($(#[$variant_attribute:meta])* $variant:ident = $word:literal,)*
    })*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_attribute])* $variant,)*
        }

        impl $name {
            /// As it is written in a file.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl $crate::config::value::Value for $name {
            const KIND: &'static str = $kind;

            fn read(node: &$crate::config::node::Node) -> Option<Self> {
                match String::read(node)?.as_str() {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn show(&self) -> String {
                format!("\"{}\"", self.as_str())
            }
        }
    )*};
}
pub(super) use choices;
