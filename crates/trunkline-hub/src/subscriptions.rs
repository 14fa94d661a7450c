//! [`Subscriptions`]: the channels that one session is on.

use std::ops::{Deref, DerefMut};
use std::slice;

use crate::session::Subscription;

/// A list that has room for one in itself: most clients are on one channel, and a session is in reach already when a
/// publication is for it.
#[derive(Debug, Default)]
pub(crate) enum Subscriptions {
    #[default]
    None,
    One(Subscription),
    Many(Vec<Subscription>),
}

impl Subscriptions {
    /// Adds one behind the others.
    pub(crate) fn push(&mut self, subscription: Subscription) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(subscription),
            Self::One(first) => Self::Many(vec![first, subscription]),
            Self::Many(mut all) => {
                all.push(subscription);
                Self::Many(all)
            }
        };
    }

    /// Takes one out, for which the last takes its place; `None` if there are not so many.
    pub(crate) fn swap_remove(&mut self, index: usize) -> Option<Subscription> {
        match std::mem::take(self) {
            Self::One(only) if index == 0 => Some(only),
            Self::Many(mut all) if index < all.len() => {
                let removed = all.swap_remove(index);
                if !all.is_empty() {
                    *self = Self::Many(all);
                }
                Some(removed)
            }
            unchanged => {
                *self = unchanged;
                None
            }
        }
    }
}

impl Deref for Subscriptions {
    type Target = [Subscription];

    #[inline]
    fn deref(&self) -> &[Subscription] {
        match self {
            Self::None => &[],
            Self::One(only) => slice::from_ref(only),
            Self::Many(all) => all,
        }
    }
}

impl DerefMut for Subscriptions {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Subscription] {
        match self {
            Self::None => &mut [],
            Self::One(only) => slice::from_mut(only),
            Self::Many(all) => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::channel::Channels;
    use crate::channel_name::ChannelName;
    use crate::entropy::Entropy;
    use crate::identity::{ClientId, ClientInfo};
    use crate::options::ChannelOptions;
    use crate::session::{Flags, Place};

    /// The naive twin is a vector.
    #[test]
    fn any_calls_agree_with_a_vector() {
        let mut channels = Channels::new(Entropy::new(|| 1).keys());
        let info = Arc::new(ClientInfo::unknown(ClientId::from_entropy(1)));
        let mut new = |number: u64| {
            let name = ChannelName::new(&format!("channel-{number}")).expect("a good name");
            let channel = channels.enter(&name, &Arc::new(ChannelOptions::default()));
            let (place, flags) = (Place::Live { index: 0 }, Flags::default());
            Subscription { channel, place, flags, info: Arc::clone(&info), expiry: None }
        };
        let (mut list, mut twin) = (Subscriptions::default(), Vec::new());
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for number in 0..1000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let index = (random >> 40) as usize % 4;
            if (random >> 33).is_multiple_of(2) {
                let subscription = new(number);
                twin.push(subscription.channel);
                list.push(subscription);
            } else {
                let expected = (index < twin.len()).then(|| twin.swap_remove(index));
                assert_eq!(list.swap_remove(index).map(|it| it.channel), expected);
            }
            assert_eq!(list.iter().map(|it| it.channel).collect::<Vec<_>>(), twin);
            assert_eq!(list.iter_mut().count(), twin.len());
        }
    }
}
