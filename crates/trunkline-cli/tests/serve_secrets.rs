//! Secrets of `trunkline serve`: made up for this machine alone, kept to their owner, and in no log.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use support::{assert_exit, run, stderr, trunkline};

/// SEC-HB-24: where others can reach it, a server does not start on secrets that nobody has set.
#[test]
fn sec_hb_24_others_are_not_let_near_secrets_that_nobody_set() {
    for listen in ["0.0.0.0:0", "[::]:0"] {
        for set in [&[][..], &["--set", "http_api.key=a"]] {
            let args = [&["serve", "--listen", listen], set].concat();
            let output = run(&args, b"");
            assert_exit(&output, 2);
            assert!(
                stderr(&output).contains("client.token.hmac_secret_key"),
                "{}",
                stderr(&output)
            );
        }
    }
}

/// SEC-HB-24: nor does one start there of which anybody may ask anything, and it says how to go on.
#[test]
fn sec_hb_24_an_insecure_server_does_not_start_where_others_can_reach_it() {
    let insecure = ["--set", "client.insecure=true", "--set", "http_api.insecure=true"];
    for address in ["0.0.0.0:0", "[::]:0"] {
        let output = run(&[&["serve", "--listen", address], &insecure[..]].concat(), b"");
        assert_exit(&output, 2);
        let text = stderr(&output);
        assert!(text.contains("client.insecure, http_api.insecure"), "{text}");
        assert!(text.contains("http_server.allow_insecure=true"), "{text}");
    }
}

/// SEC-HB-28: what was made up is printed once, where whoever started the server reads it, and logged nowhere.
#[test]
fn sec_hb_28_secrets_that_were_made_up_are_not_logged() {
    let folder = std::env::temp_dir().join(format!("trunkline-secrets-{}", std::process::id()));
    let data = folder.display().to_string();
    let args = ["serve", "--listen", "127.0.0.1:0", "--data", &data, "--set", "log.level=trace"];
    let mut child = trunkline(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut secrets = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    while secrets.len() < 2 {
        let line = lines.next().expect("both are printed");
        if line.starts_with("token secret") || line.starts_with("API key") {
            let words = line.split_whitespace().skip(2);
            secrets.extend(words.take(1).map(str::to_owned));
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let kept = std::fs::read_to_string(folder.join("secrets.json")).unwrap();
    for secret in &secrets {
        assert!(secret.len() >= 43 && kept.contains(secret.as_str()), "32 random bytes, kept");
        assert!(!log.contains(secret.as_str()), "{log}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.join("secrets.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
