//! The description of the HTTP API: a server has it, and it is right about the methods.

mod support;

use std::collections::BTreeSet;

use support::{Answer, Running, request};

const KEY: &str = "X-API-Key: a-key-for-tests";

async fn server(prefix: &str) -> Running {
    let settings = [("http_api.key", "a-key-for-tests"), ("http_api.handler_prefix", prefix)];
    Running::start(&settings).await
}

async fn description(server: &Running, prefix: &str) -> Answer {
    request(server, &[&format!("GET {prefix}/openapi.yaml")], "").await
}

/// The paths that a description has.
fn paths(description: &str) -> BTreeSet<&str> {
    let (_, paths) = description.split_once("\npaths:\n").expect("there are paths");
    let lines = paths.lines().take_while(|line| line.starts_with(' '));
    lines.filter_map(|line| line.strip_prefix("  /")?.strip_suffix(':')).collect()
}

#[tokio::test]
async fn a_server_has_the_description_of_its_api() {
    for prefix in ["/api", "/backend/v1"] {
        let server = server(prefix).await;
        let answer = description(&server, prefix).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/yaml"));
        let says = [
            "openapi: 3.1.0\n".to_owned(),
            format!("  version: {}\n", env!("CARGO_PKG_VERSION")),
            format!("servers:\n  - url: {prefix}\n"),
        ];
        assert!(says.iter().all(|it| answer.body.contains(it)), "{says:?}");
        let told = request(&server, &[&format!("POST {prefix}/fly"), KEY], "").await;
        assert!(told.body.contains(&format!("GET {prefix}/openapi.yaml")), "{}", told.body);
    }
}

#[tokio::test]
async fn every_method_is_described_and_every_description_is_of_a_method() {
    let server = server("/api").await;
    let answer = description(&server, "/api").await;
    let mut described = paths(&answer.body);
    assert!(described.remove("stats"), "it is no method, but it is there");
    let told = request(&server, &["POST /api/fly", KEY], "").await.body;
    let list = told.split_once("there are ").and_then(|(_, rest)| rest.split_once("; "));
    let methods: BTreeSet<&str> = list.expect("a list").0.split(", ").collect();
    assert_eq!(described, methods);
    for method in methods {
        let head = [&format!("POST /api/{method}"), KEY, "Content-Length: 1"];
        let answer = request(&server, &head, "!").await;
        assert_eq!(answer.status, 400, "{method} reads its request: {}", answer.body);
        assert!(answer.body.contains("bad request: expected value"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_server_without_an_api_has_no_description() {
    let server = Running::start(&[("http_api.disabled", "true")]).await;
    assert_eq!(description(&server, "/api").await.status, 404);
}
