//! Secrets that nobody has set: made up, shown once, and kept where the data is kept.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use trunkline_server::auth::generate_secret;
use trunkline_server::config::{Config, Problem, Secret};

use crate::exit::Failure;

/// The file, in the data directory, that only its owner may read.
const FILE: &str = "secrets.json";

/// A server on this machine alone may make up what it needs; others have to be told. What to show of it.
pub(super) fn see_to(config: &mut Config) -> Result<String, Failure> {
    let api = &config.http_api;
    let needs_key = !config.client.insecure && !config.client.token.has_key();
    let needs_api_key = !api.disabled && !api.insecure && api.key.is_empty() && api.keys.is_empty();
    if !needs_key && !needs_api_key {
        return Ok(String::new());
    }
    if !config.http_server.listen().ip().is_loopback() {
        return Err(Failure::usage(
            "others can reach this address: set client.token.hmac_secret_key and http_api.key to secrets of your own",
        ));
    }
    let made = Secrets::see_to(config.data.dir.as_deref())?;
    let mut shown = String::new();
    if needs_key {
        shown +=
            &format!("token secret  {}  (for `trunkline token --secret …`)\n", made.token.reveal());
        config.client.token.hmac_secret_key = made.token;
    }
    if needs_api_key {
        shown += &format!("API key       {}  (X-API-Key, and the dashboard)\n", made.api.reveal());
        config.http_api.key = made.api;
    }
    shown += match &config.data.dir {
        Some(_) => "              made up, and kept in the data directory\n",
        None => "              made up, until this process ends: keep them, or set your own\n",
    };
    Ok(shown)
}

/// Whether a doubt about the configuration is gone once secrets have been made up.
pub(super) fn cures(warning: &Problem) -> bool {
    matches!(warning.key.as_str(), "client.token" | "http_api.key")
}

struct Secrets {
    token: Secret,
    api: Secret,
}

impl Secrets {
    /// Those of the data directory, or new ones, which are put there.
    fn see_to(dir: Option<&Path>) -> Result<Self, Failure> {
        let Some(dir) = dir else { return Self::generate() };
        let path = dir.join(FILE);
        match fs::read(&path) {
            Ok(text) => Self::parse(&text).ok_or_else(|| {
                let path = path.display();
                Failure::usage(format!("{path} is damaged: mend it, or remove it for new secrets"))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let made = Self::generate()?;
                made.write(dir, &path)
                    .map_err(|error| Failure::failed("cannot keep the secrets", error))?;
                Ok(made)
            }
            Err(error) => Err(Failure::failed("cannot read the secrets", error)),
        }
    }

    fn generate() -> Result<Self, Failure> {
        let generate =
            || generate_secret().map_err(|error| Failure::failed("no random numbers", error));
        Ok(Self { token: generate()?, api: generate()? })
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let secret =
            |name: &str| value.get(name)?.as_str().filter(|it| !it.is_empty()).map(Secret::new);
        Some(Self { token: secret("token_secret")?, api: secret("api_key")? })
    }

    fn write(&self, dir: &Path, path: &Path) -> std::io::Result<()> {
        let mut folder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.recursive(true).create(dir)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let text = json!({ "token_secret": self.token.reveal(), "api_key": self.api.reveal() });
        options.open(path)?.write_all(format!("{text:#}\n").as_bytes())
    }
}
