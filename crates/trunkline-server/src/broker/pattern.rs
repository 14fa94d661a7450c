//! [`ChannelPattern`]: names with wildcards.

use trunkline_hub::ChannelName;

/// What a name may look like: `*` stands for any characters, `?` for one, all else for itself. The
/// empty pattern matches every name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelPattern(Box<str>);

impl ChannelPattern {
    /// Takes any text; one that can match no name simply matches none.
    pub fn new(pattern: &str) -> Self {
        Self(pattern.into())
    }

    /// Whether `channel` looks like it. Takes at most the product of both lengths in steps.
    pub fn matches(&self, channel: &ChannelName) -> bool {
        self.0.is_empty() || matches(self.0.as_bytes(), channel.as_str().as_bytes())
    }
}

/// Only the last `*` is ever tried again: what those before it took can stay as short as it was.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, name);
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        match (rest, left) {
            ([b'*', after @ ..], _) => {
                again = Some((after, left));
                rest = after;
            }
            ([], []) => return true,
            ([expected, after @ ..], [byte, behind @ ..])
                if *expected == b'?' || expected == byte =>
            {
                (rest, left) = (after, behind);
            }
            _ => {
                let Some((after, [_, behind @ ..])) = again else { return false };
                again = Some((after, behind));
                (rest, left) = (after, behind);
            }
        }
    }
}
