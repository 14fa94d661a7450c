//! What is said about mistakes: all at once, with the line, and no secret.

use trunkline_server::config::{Secret, Sources};

use crate::{load, problems, toml};

#[test]
fn everything_that_is_wrong_is_told_at_once_with_key_value_rule_and_place() {
    let text = r#"
[client]
ping_interval = 25
chanel_limit = 7
queue_max_size = "1MB"
history_max_publication_limit = 1000000000
[log]
level = "loud"
[[channel.namespaces]]
name = "chat"
history_size = 100001
presense = true
"#;
    assert_eq!(
        problems(text),
        [
            "channel.namespaces[chat].history_size = 100001: allowed: a whole number, from 0 to 100000 (t.toml, line 11)",
            "channel.namespaces[chat].presense: there is no such setting; did you mean \
             channel.namespaces[chat].presence? (t.toml, line 12)",
            "client.chanel_limit: there is no such setting; did you mean client.channel_limit? (t.toml, line 4)",
            "client.history_max_publication_limit = 1000000000: allowed: a whole number, from 1 to 100000 (t.toml, line 6)",
            "client.ping_interval = 25: allowed: a duration like `\"1h30m\"` or `\"500ms\"`, from \"0s\" to \
             \"1h\" (t.toml, line 3)",
            "client.queue_max_size = \"1MB\": allowed: a whole number, from 16384 to 1073741824 (t.toml, line 5)",
            "log.level = \"loud\": allowed: `\"none\"`, `\"error\"`, `\"warn\"`, `\"info\"`, `\"debug\"` or `\"trace\"` \
             (t.toml, line 8)",
        ]
    );
}

/// Compared with every setting, letter by letter, it would keep an operator waiting for minutes.
#[test]
fn a_key_as_long_as_a_file_is_refused_at_once() {
    let key = "k".repeat(1 << 20);
    assert_eq!(
        problems(&format!("{key} = 1")),
        [format!("{key}: there is no such setting (t.toml, line 1)")]
    );
}

/// SEC-HB-21: what a mistyped number may cost has a cap.
#[test]
fn history_has_hard_caps() {
    let namespace = |options: &str| format!("[channel.without_namespace]\n{options}");
    let right = "history_size = 100000\nhistory_ttl = '8760h'\nhistory_meta_ttl = '8760h'";
    toml(&namespace(right));
    for (wrong, key) in [
        ("history_size = 100001\nhistory_ttl = '1h'", "history_size"),
        ("history_size = 1\nhistory_ttl = '8761h'", "history_ttl"),
        ("history_size = 1\nhistory_ttl = '876000h'", "history_ttl"),
        ("history_meta_ttl = '366d'", "history_meta_ttl"),
        ("history_size = -1\nhistory_ttl = '1h'", "history_size"),
        ("history_size = 99999999999999999999\nhistory_ttl = '1h'", "history_size"),
    ] {
        let lines = problems(&namespace(wrong));
        let begin = format!("channel.without_namespace.{key} = ");
        assert!(lines.iter().any(|it| it.starts_with(&begin)), "{wrong}: {lines:?}");
    }
}

#[test]
fn a_section_holds_settings() {
    for text in
        ["[client]", "client = {}", "[channel.without_namespace]", "channel = {}", "[engine]"]
    {
        toml(text);
    }
    let lines = problems("client.token = 'abc'\nlog = true\n[klient]");
    assert_eq!(
        lines,
        [
            "client.token: is not a setting but a section of them (t.toml, line 1)",
            "klient: there is no such setting (t.toml, line 3)",
            "log: is not a setting but a section of them (t.toml, line 2)",
        ]
    );
}

#[test]
fn durations_have_units() {
    for (text, expect_ms) in [
        ("'300s'", Some(300_000)),
        ("'1m'", Some(60_000)),
        ("'1m1s500ms'", Some(61_500)),
        ("'0'", Some(0)),
        ("'0s'", Some(0)),
        ("0", Some(0)),
        ("'60m'", Some(3_600_000)),
        ("300", None),
        ("'300'", None),
        ("''", None),
        ("'s'", None),
        ("'-1s'", None),
        ("'1.5s'", None),
        ("'1 s'", None),
        ("'1w'", None),
        ("'99999999999999999999h'", None),
        ("'18446744073709551615h'", None),
        ("'61m'", None),
        ("true", None),
    ] {
        let loaded = load("t.toml", &format!("client.expired_close_delay = {text}"));
        let got = loaded.ok().map(|it| it.config.client.expired_close_delay.as_millis());
        assert_eq!(got, expect_ms, "{text}");
    }
}

#[test]
fn secrets_are_in_no_error_description_or_debug_output() {
    let planted = "planted-secret-0123456789abcdef0";
    let text = format!(
        "client.token.hmac_secret_key = '{planted}'\nclient.token.hmac_previous_secret_key = '{planted}'\n\
         http_api = {{ key = '{planted}', keys = ['{planted}'] }}\n\
         admin = {{ enabled = true, password = '{planted}', secret = '{planted}' }}\n\
         http_server.tls = {{ enabled = true, cert_pem = '-----BEGIN {planted}', key_pem = '-----BEGIN {planted}' }}"
    );
    let loaded = toml(&text);
    let shown = format!("{loaded:?} {:?} {:?}", loaded.config.describe(), loaded.warnings);
    assert!(!shown.contains("planted"), "{shown}");
    // Nor do errors repeat one that stands where another type belongs, or under a mistyped key.
    for text in [
        format!("client.token.hmac_secret_key = ['{planted}']"),
        format!("client.token.hmac_secret = '{planted}'"),
        format!("http_api.keys = {{ a = '{planted}' }}"),
    ] {
        let lines = problems(&text);
        assert!(!lines.is_empty() && lines.iter().all(|it| !it.contains("planted")), "{lines:?}");
    }
    assert_eq!(format!("{:?}", Secret::new("x")), "Secret(set, not shown)");
}

#[test]
fn files_that_are_damaged_are_told_with_the_line() {
    for (path, text, expect) in [
        ("a.toml", "a = 1\nb = \nc =", "(a.toml, line 2)"),
        ("a.toml", "a = 1\na = 2", "duplicate key (a.toml, line 2)"),
        ("a.yaml", "a: 1\n b: [", "(a.yaml, line 2)"),
        (
            "a.yaml",
            "log:\n  level: info\n  level: info",
            "the key \"level\" is there twice (a.yaml, line 3)",
        ),
        ("a.yaml", "a: &x 1\nb: *x", "aliases (`*name`) are not taken"),
        ("a.yaml", "a: !!binary x", "tags (`!name`) are not taken"),
        ("a.yaml", "<<: {}", "merge keys (`<<`) are not taken"),
        ("a.yaml", "log: {}\n---\nlog: {}", "there is a second document"),
        ("a.yaml", "? [a]\n: b", "keys are text"),
        ("a.json", "{\"log\": {\"level\": \"info\"}", "EOF while parsing an object"),
        ("a.json", "{\"log\": {}, \"log\": {}}", "the key \"log\" is there twice"),
        ("a.json", "[]", "a configuration is a table"),
        ("a.ini", "", "the end of the name says the format"),
    ] {
        let problems = load(path, text).expect_err(text).to_string();
        assert!(problems.contains(expect), "{path} {text:?}: {problems}");
    }
    let missing = Sources::new().file("/nowhere/trunkline.toml").load().expect_err("it is missing");
    assert!(missing.to_string().starts_with("the file cannot be read: "), "{missing}");
    assert!(load("empty.yaml", "").is_ok() && load("empty.toml", "").is_ok());
}

#[test]
fn deep_values_are_refused_in_every_format() {
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    for (path, text) in [
        ("a.toml", format!("a = {}", deep("[", "]"))),
        ("a.toml", format!("a{} = 1", ".a".repeat(10_000))),
        ("a.json", deep("{\"a\":", "}")),
        ("a.yaml", deep("[", "]")),
        ("a.yaml", deep("{a: ", "}")),
        ("a.yaml", deep("- ", "")),
    ] {
        assert!(load(path, &text).is_err(), "{path} {:.20}", text);
    }
}

/// SEC-HB-41: a file may be anything, as long as it is no longer than 4 MiB: what is in it is looked at once, and what is
/// wrong with it is told a hundred times at most.
#[test]
fn sec_hb_41_a_file_is_judged_in_bounded_time() {
    let keys = |from: usize, to: usize, line: fn(usize) -> String| -> String {
        (from..to).map(line).collect()
    };
    let spaces = |count| "[[channel.namespaces]]\nname = 'nX'\n".repeat(count);
    let cases = [
        ("a.toml", keys(0, 1_025, |i| format!("k{i} = 1\n")), "more than 1024 keys"),
        ("a.yaml", keys(0, 1_025, |i| format!("k{i}: 1\n")), "more than 1024 keys"),
        (
            "a.json",
            format!("{{{}\"x\":1}}", keys(0, 1_024, |i| format!("\"k{i}\":1,"))),
            "more than 1024 keys",
        ),
        ("a.toml", spaces(10_001), "more than 10000 namespaces"),
        ("a.toml", " \n".into(), ""),
    ];
    for (path, text, says) in cases {
        match Sources::new().text(path, text).load() {
            Ok(_) => assert_eq!(says, ""),
            Err(refused) => assert!(refused.to_string().contains(says), "{path}: {refused}"),
        }
    }
    let many = (0..100).map(|table| {
        keys(table * 1_000, (table + 1) * 1_000, |i| format!("client.t{}.k{i} = 1\n", i / 1_000))
    });
    let refused = Sources::new().text("a.toml", many.collect::<String>()).load().unwrap_err();
    assert_eq!(refused.iter().count(), 101);
    assert!(refused.to_string().contains("and more that is no setting"), "{refused}");
}

/// A file in which nothing stands was not meant: whoever writes it anew has come so far and no further.
#[test]
fn sec_hb_42_an_empty_file_is_no_configuration() {
    let path = std::env::temp_dir().join(format!("trunkline-empty-{}.toml", std::process::id()));
    for text in ["", " \n\n"] {
        std::fs::write(&path, text).unwrap();
        let refused = Sources::new().file(&path).load().unwrap_err().to_string();
        assert!(refused.contains("it is empty"), "{refused}");
    }
    std::fs::write(&path, "# the defaults\n").unwrap();
    Sources::new().file(&path).load().expect("it says so");
    std::fs::remove_file(&path).unwrap();
}
