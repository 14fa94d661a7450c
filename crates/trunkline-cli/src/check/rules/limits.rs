//! What a server takes (RFC 6455 §10.4). It may take anything; that it is bounded is only recommended.

use crate::check::frame::{BINARY, promise};
use crate::check::probe::{Answer, Probe};
use crate::check::rule::{Finding, Found, Rule, Variants, Verdict, fails, rule};

pub(super) const RULES: &[Rule] = &[
    rule!(
        "limit-request",
        "RFC 6455 §10.4",
        "a request with a header of 1 MiB is refused",
        request
    ),
    fails!(
        "limit-promised-length",
        "RFC 6455 §10.4",
        "a frame that promises 2^62 bytes ends the connection with 1009",
        &[1009],
        promised,
        Verdict::Deviation
    ),
];

async fn request(probe: &Probe) -> Found {
    let large = "x".repeat(1 << 20);
    let answer = probe.shake_hands(None, |request| request.add("X-Large", &large)).await?;
    Ok(match answer {
        // Whoever hangs up on unread bytes may lose the answer on the way.
        Answer::Refused(_) | Answer::Cut => Finding::ok(),
        Answer::Opened(..) | Answer::Wrong(_) => Finding::deviation("took all of it"),
        Answer::Silent => Finding::deviation("did not answer"),
    })
}

fn promised() -> Variants {
    vec![(String::new(), promise(BINARY, 1 << 62, &[0; 1024]))]
}
