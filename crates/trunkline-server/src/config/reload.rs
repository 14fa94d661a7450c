//! [`Reload`]: what a new configuration changes in a server that runs.

use super::settings::{Change, Group};
use super::{Config, Place, for_each_group};

/// What a new configuration changes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reload {
    /// What to go on with: the new settings, except those that only a restart changes.
    pub config: Config,
    /// The keys that changed, as they are from now on.
    pub changed: Vec<String>,
    /// The keys that are as they were, since only a restart changes them.
    pub needs_restart: Vec<String>,
}

impl Config {
    /// What becomes of this configuration when `new` is loaded while the server runs.
    ///
    /// Files that settings name (certificates) are to be read again even if nothing changed.
    pub fn reload_from(&self, new: Self) -> Reload {
        let mut differences = Vec::new();
        macro_rules! compare {
            ($group:ident, $ty:ty) => {
                self.$group.differences(&new.$group, stringify!($group), &mut differences);
            };
        }
        for_each_group!(compare);
        self.channel.differences(&new.channel, &mut differences);

        // Of what is switched on or off with the next start, the rest waits as well.
        let tls_waits = self.http_server.tls.enabled != new.http_server.tls.enabled;
        let waits = |key: &str| tls_waits && key.starts_with("http_server.tls.");
        let (changed, needs_restart): (Vec<_>, Vec<_>) = differences
            .into_iter()
            .partition(|(key, change)| *change == Change::Reload && !waits(key));
        let keys = |list: Vec<(String, Change)>| list.into_iter().map(|(key, _)| key).collect();
        let needs_restart: Vec<String> = keys(needs_restart);
        Reload { config: self.keeping(&needs_restart, new), changed: keys(changed), needs_restart }
    }

    /// `new`, with what only a restart changes taken from `self`.
    fn keeping(&self, kept: &[String], mut new: Self) -> Self {
        if self.http_server.tls.enabled != new.http_server.tls.enabled {
            new.http_server.tls = self.http_server.tls.clone();
        }
        macro_rules! keep {
            ($group:ident, $ty:ty) => {
                self.$group.keep(&mut new.$group);
            };
        }
        for_each_group!(keep);
        self.channel.all.keep(&mut new.channel.all);
        for key in kept {
            match self.places.get(key) {
                Some(place) => new.places.insert(key.clone(), place.clone()),
                None => new.places.remove(key),
            };
        }
        debug_assert!(new.places.values().all(|place| *place != Place::Default));
        new
    }
}
