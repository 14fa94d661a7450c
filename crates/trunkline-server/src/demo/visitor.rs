//! [`Visitor`]: a user of the demos, by a name that it made up.

/// The longest name.
const BYTES_MAX: usize = 32;

/// A user of the demos: 1 to 32 lower-case letters, digits and dashes, no dash in front. So it can stand in
/// the name of a channel that is limited to it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Visitor(String);

impl Visitor {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Visitor {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
        if (1..=BYTES_MAX).contains(&name.len())
            && name.bytes().all(allowed)
            && !name.starts_with('-')
        {
            return Ok(Self(name));
        }
        Err(
            "a user of the demos has 1 to 32 lower-case letters, digits and dashes, no dash in front",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Visitor;

    #[test]
    fn names_are_those_that_fit_into_a_channel() {
        let fits = |name: &str| Visitor::try_from(name.to_owned()).is_ok();
        assert!(fits("a") && fits("ada-lark") && fits("0") && fits(&"x".repeat(32)));
        for name in ["", "-a", "Ada", "a b", "a#b", "a,b", "ä", &"x".repeat(33)] {
            assert!(!fits(name), "{name}");
        }
    }
}
