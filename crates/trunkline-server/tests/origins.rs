//! Which pages of the web may ask what over plain HTTP.

mod support;

use support::{Answer, Running, request};

const KEY: &str = "X-API-Key: a-key-for-tests";
const ELSEWHERE: &str = "Origin: https://app.example.com";
const PREFLIGHT: &str = "Access-Control-Request-Method: POST";

async fn server(settings: &[(&str, &str)]) -> Running {
    let own = [("http_api.key", "a-key-for-tests"), ("prometheus.enabled", "true")];
    Running::start(&[&own, settings].concat()).await
}

fn says_nothing_of_cors(answer: &Answer) -> bool {
    let names = ["origin", "methods", "headers", "credentials", "max-age"];
    names.iter().all(|it| answer.header(&format!("access-control-allow-{it}")).is_none())
        && answer.header("access-control-max-age").is_none()
}

const EVERYWHERE: [&str; 8] = [
    "POST /api/info",
    "GET /api/stats",
    "GET /health",
    "GET /ready",
    "GET /metrics",
    "OPTIONS /api/info",
    "OPTIONS /api/stats",
    "OPTIONS /metrics",
];

#[tokio::test]
async fn pages_of_other_origins_are_refused_without_a_word_of_cors() {
    let server = server(&[]).await;
    for line in EVERYWHERE {
        for origin in [ELSEWHERE, "Origin: null", "Origin: ", "Origin: http://127.0.0.1:1"] {
            let answer = request(&server, &[line, KEY, origin, PREFLIGHT], "").await;
            assert_eq!(answer.status, 403, "{line} {origin}: {}", answer.body);
            assert!(says_nothing_of_cors(&answer), "{line} {origin}");
        }
    }
}

#[tokio::test]
async fn pages_of_the_own_host_and_programs_need_no_permission() {
    let lists = [vec![], vec![("http_api.allowed_origins", "https://other.example.com")]];
    for settings in lists {
        let server = server(&settings).await;
        let own = format!("Origin: http://{}", server.address());
        for line in &EVERYWHERE[..5] {
            for headers in [&[*line, KEY][..], &[line, KEY, &own]] {
                let answer = request(&server, headers, "").await;
                assert_eq!(answer.status, 200, "{headers:?}: {}", answer.body);
                assert!(says_nothing_of_cors(&answer), "{headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn pages_of_a_listed_origin_may_call_the_api_and_nothing_else() {
    let list = "https://*.example.com https://other.example";
    let server = server(&[("http_api.allowed_origins", list)]).await;
    let asked = request(&server, &["OPTIONS /api/info", ELSEWHERE, PREFLIGHT], "").await;
    assert_eq!(asked.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example.com"),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "authorization, content-type, x-api-key"),
        ("vary", "origin"),
    ] {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
    // Cookies are nobody's here.
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    for (headers, status) in [
        (&["POST /api/info", ELSEWHERE, KEY][..], 200),
        (&["GET /api/stats", ELSEWHERE, KEY], 200),
        // What is wrong, the page may read as well.
        (&["POST /api/info", ELSEWHERE], 401),
        (&["OPTIONS /api/info", ELSEWHERE, KEY], 405),
    ] {
        let answer = request(&server, headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("https://app.example.com"), "{headers:?}");
    }
    for headers in [
        ["POST /api/info", "Origin: https://example.com", KEY],
        ["POST /api/info", "Origin: https://a.app.example.com", KEY],
        ["POST /api/info", "Origin: http://app.example.com", KEY],
        ["GET /metrics", ELSEWHERE, KEY],
        ["GET /health", ELSEWHERE, KEY],
    ] {
        let answer = request(&server, &headers, "").await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(says_nothing_of_cors(&answer), "{headers:?}");
    }
}

/// A page could hide its own origin behind another one.
#[tokio::test]
async fn of_two_origins_neither_counts() {
    let server = server(&[("http_api.allowed_origins", "https://app.example.com")]).await;
    let head = ["POST /api/info", KEY, ELSEWHERE, "Origin: https://evil.example"];
    assert_eq!(request(&server, &head, "").await.status, 403);
}

/// A form needs no permission to be sent, so it has to be refused when it comes.
#[tokio::test]
async fn without_a_key_to_show_forms_of_other_pages_do_nothing() {
    let server = Running::start(&[("http_api.insecure", "true")]).await;
    let form = "Content-Type: text/plain";
    let length = "Content-Length: 2";
    assert_eq!(request(&server, &["POST /api/info", form, length], "{}").await.status, 200);
    let head = ["POST /api/info", form, length, ELSEWHERE];
    assert_eq!(request(&server, &head, "{}").await.status, 403);
}

#[tokio::test]
async fn tokens_of_the_demos_are_for_their_pages() {
    let mut config = trunkline_server::config::Sources::new()
        .set("client.token.hmac_secret_key", "0123456789abcdef0123456789abcdef")
        .load()
        .expect("a good configuration")
        .config;
    trunkline_server::demo::enable(&mut config);
    let server = Running::start_with(config).await;
    let body = r#"{"user":"anna"}"#;
    let head = ["POST /demos/token", "Content-Type: application/json", "Content-Length: 15"];
    let own = format!("Origin: http://{}", server.address());
    for (origin, status) in [(&*own, 200), (ELSEWHERE, 403)] {
        let answer = request(&server, &[&head[..], &[origin]].concat(), body).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.body);
    }
}
