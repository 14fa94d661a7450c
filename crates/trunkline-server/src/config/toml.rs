//! TOML, with lines.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::{SyntaxErrors, too_deep, too_many_keys};
use super::node::{DEPTH_MAX, KEYS_MAX, Kind, Node};

/// Parses TOML 1.1. All that is wrong is told, not only the first.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxErrors> {
    let lines = Lines::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let line = |error: &toml::de::Error| error.span().map(|span| lines.of(span.start));
        return Err(errors.iter().map(|it| (line(it), it.message().into())).collect());
    }
    let line = lines.of(table.span().start);
    let kind =
        self::table(table.get_ref(), &lines, DEPTH_MAX).map_err(|problem| vec![(None, problem)])?;
    Ok(Node::new(kind, Some(line)))
}

fn table(table: &DeTable<'_>, lines: &Lines, depth: usize) -> Result<Kind, String> {
    if table.len() > KEYS_MAX {
        return Err(too_many_keys());
    }
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    let entry = |(key, item): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        // The line of the key: that of a table written in parts would be the first of its parts.
        let line = lines.of(key.span().start);
        let mut node = value(item, lines, depth)?;
        node.line = Some(line);
        Ok((String::from(AsRef::<str>::as_ref(key.get_ref())), node))
    };
    table.iter().map(entry).collect::<Result<_, _>>().map(Kind::Table)
}

fn value(item: &Spanned<DeValue<'_>>, lines: &Lines, depth: usize) -> Result<Node, String> {
    let kind = match item.get_ref() {
        DeValue::String(text) => Kind::Text(text.to_string()),
        DeValue::Boolean(on) => Kind::Bool(*on),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Kind::Float(f64::MAX), Kind::Int),
        DeValue::Float(number) => Kind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Datetime(time) => Kind::Text(time.to_string()),
        DeValue::Array(items) => {
            let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
            Kind::List(items.iter().map(|it| value(it, lines, depth)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(entries) => table(entries, lines, depth)?,
    };
    Ok(Node::new(kind, Some(lines.of(item.span().start))))
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, it)| *it == b'\n').map(|(at, _)| at).collect())
    }

    fn of(&self, at: usize) -> usize {
        self.0.partition_point(|newline| *newline < at) + 1
    }
}
