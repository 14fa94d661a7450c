//! The reference page of the documentation, made from the settings themselves.

use super::settings::{Change, Group, Setting};
use super::{
    AllChannels, Client, Config, Data, Health, HttpApi, HttpServer, Log, NamespaceOptions,
    PersonalChannel, Prometheus, Separate, Shutdown, ThisNode, Tls, Token, Websocket,
};

const HEAD: &str = "\
# Configuration

Every setting of `trunkline serve`. `trunkline config defaults` prints this page; `trunkline config check` reads
what a server would read and says what is wrong, all at once.

Each source wins over those before it:

1. the defaults;
2. a file in TOML, YAML or JSON, by the end of its name;
3. environment variables: `client.token.hmac_secret_key` is `TRUNKLINE_CLIENT_TOKEN_HMAC_SECRET_KEY`;
4. flags: `--set client.token.hmac_secret_key=…`.

Namespaces are a list in a file. In the environment, `TRUNKLINE_CHANNEL_NAMESPACES=\"chat news\"` names them, and
`TRUNKLINE_CHANNEL_NAMESPACES_CHAT_HISTORY_SIZE=100` says more; they come on top of those of the file. In a flag, an
option is `channel.namespaces[chat].history_size`. Lists of texts have spaces between them in variables and flags.

A key of a file or a flag that is no setting keeps the server from starting. Of a variable there is a warning, and none of
those that Kubernetes makes of services: `TRUNKLINE_SERVICE_HOST`, `TRUNKLINE_PORT_8000_TCP`, `TRUNKLINE_PORT=tcp://…`.

Keys are those of Centrifugo 6 where it has one, so that its files load. A setting of its that is not here is refused if
the server would be less safe, or would deliver less, than its owner thinks; else there is a warning.

A setting marked *restart* is read when the server starts. All others change on reload (SIGHUP).

```toml
[client]
allowed_origins = [\"https://app.example.com\"]
token.hmac_secret_key = \"…\"

[http_api]
key = \"…\"

[[channel.namespaces]]
name = \"chat\"
history_size = 100
history_ttl = \"24h\"
force_recovery = true
allow_subscribe_for_client = true
```
";

impl Config {
    /// The reference page, in Markdown: every setting, what may be written, its default, what it does.
    pub fn reference() -> String {
        let settings = Self::default().describe();
        let mut page = String::from(HEAD);
        for (prefix, about) in sections() {
            let of_section = |setting: &&Setting| {
                setting.key.rsplit_once('.').is_some_and(|(it, _)| it == prefix)
            };
            page.push_str(&format!("\n## `{prefix}`\n\n{}\n\n", about.trim()));
            page.push_str("| key | allowed | default | |\n|---|---|---|---|\n");
            for setting in settings.iter().filter(of_section) {
                page.push_str(&row(setting));
            }
        }
        page
    }
}

/// In the order in which they are described.
fn sections() -> [(&'static str, &'static str); 16] {
    [
        ("http_server", HttpServer::ABOUT),
        ("http_server.tls", Tls::ABOUT),
        ("websocket", Websocket::ABOUT),
        ("client", Client::ABOUT),
        ("client.token", Token::ABOUT),
        ("client.subscription_token", Separate::ABOUT),
        ("client.subscribe_to_user_personal_channel", PersonalChannel::ABOUT),
        ("channel", AllChannels::ABOUT),
        ("channel.without_namespace", NamespaceOptions::ABOUT),
        ("http_api", HttpApi::ABOUT),
        ("prometheus", Prometheus::ABOUT),
        ("health", Health::ABOUT),
        ("data", Data::ABOUT),
        ("log", Log::ABOUT),
        ("node", ThisNode::ABOUT),
        ("shutdown", Shutdown::ABOUT),
    ]
}

fn row(setting: &Setting) -> String {
    let name = setting.key.rsplit_once('.').map_or(setting.key.as_str(), |(_, name)| name);
    let restart = if setting.change == Change::Restart { " *(restart)*" } else { "" };
    format!(
        "| `{name}` | {} | `{}` | {}{restart} |\n",
        setting.allowed, setting.default, setting.meaning
    )
}
