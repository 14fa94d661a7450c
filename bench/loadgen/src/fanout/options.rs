//! How a server's protocol is spoken to it.

/// What the command line says of subscribers and the publisher.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// Publications per second; 0 keeps `--window` publications outstanding.
    pub rate: f64,
    pub channels: usize,
    pub channel: String,
    pub protocol: Option<String>,
    pub hello: Vec<String>,
    pub ready: String,
    pub ping: String,
    pub pong: String,
    pub publish: String,
    pub pub_hello: Vec<String>,
    pub pub_ready: String,
    pub pub_path: Option<String>,
    /// Publish with `POST` to this path instead of over WebSocket.
    pub http: Option<String>,
    pub http_headers: Vec<String>,
    /// One token a line, for `{token}` in `hello` and `pub_hello`: the n-th subscriber shows
    /// the n-th, the publisher the one after the last.
    pub tokens: Vec<String>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            rate: 0.0,
            channels: 1,
            channel: "bench".into(),
            protocol: None,
            hello: Vec::new(),
            ready: String::new(),
            ping: "{}".into(),
            pong: "{}".into(),
            publish: "{data}".into(),
            pub_hello: Vec::new(),
            pub_ready: String::new(),
            pub_path: None,
            http: None,
            http_headers: Vec::new(),
            tokens: Vec::new(),
        }
    }
}

impl Dialect {
    /// Takes a flag that is one of these; `false` if it is none.
    pub fn flag(&mut self, name: &str, mut value: impl FnMut() -> String) -> bool {
        match name {
            "--rate" => self.rate = value().parse().expect("rate"),
            "--channels" => self.channels = value().parse().expect("channels"),
            "--channel" => self.channel = value(),
            "--protocol" => self.protocol = Some(value()),
            "--hello" => self.hello.push(value()),
            "--ready" => self.ready = value(),
            "--ping" => self.ping = value(),
            "--pong" => self.pong = value(),
            "--publish" => self.publish = value(),
            "--pub-hello" => self.pub_hello.push(value()),
            "--pub-ready" => self.pub_ready = value(),
            "--pub-path" => self.pub_path = Some(value()),
            "--http" => self.http = Some(value()),
            "--http-header" => self.http_headers.push(value()),
            "--tokens" => {
                let file = value();
                let text = std::fs::read_to_string(&file)
                    .unwrap_or_else(|e| crate::die(&format!("{file}: {e}")));
                self.tokens = text.lines().map(str::to_owned).collect();
            }
            _ => return false,
        }
        true
    }

    /// What the n-th connection shows for `{token}`; nothing if there are no tokens.
    pub fn token(&self, n: usize) -> &[u8] {
        self.tokens.get(n).map_or(&[], |token| token.as_bytes())
    }

    /// The names of the channels.
    pub fn names(&self) -> Vec<String> {
        match self.channels {
            1 => vec![self.channel.clone()],
            n => (0..n).map(|k| format!("{}{k}", self.channel)).collect(),
        }
    }
}
