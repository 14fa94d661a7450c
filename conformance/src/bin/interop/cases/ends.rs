//! How connections end: by either side, by a page that is left, by a proxy that forgets.

use std::time::Duration;

use trunkline::{CloseCode, Error, Initiator, Message};

use super::messages::{BURST, expect_burst};
use super::{FORGETS_AFTER, finish};
use crate::Failure;
use crate::link::Link;

/// 123 bytes, the most that fits.
pub(super) const LONGEST_REASON: &str =
    "ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé.";

pub(super) async fn we_close(link: &mut Link<'_>, code: u16, reason: &str) -> Result<(), Failure> {
    link.echo(Message::text("hello")).await?;
    link.close(CloseCode::new(code).ok_or("no such code")?, reason).await
}

pub(super) async fn they_close(
    link: &mut Link<'_>,
    code: u16,
    reason: &str,
) -> Result<(), Failure> {
    link.tell(&format!("close {code} {reason}")).await?;
    link.end().await?;
    link.closed_by(Initiator::Peer, CloseCode::new(code), reason).await
}

pub(super) async fn they_close_without_a_code(link: &mut Link<'_>) -> Result<(), Failure> {
    link.tell("close").await?;
    link.end().await?;
    link.closed_by(Initiator::Peer, None, "").await
}

/// What was sent before a close arrives before it.
pub(super) async fn they_close_after_a_burst(link: &mut Link<'_>) -> Result<(), Failure> {
    expect_burst(link).await?;
    link.tell(&format!("burst {BURST}")).await?;
    link.tell("close 3000 enough").await?;
    for n in 0..BURST {
        link.expect_text(&n.to_string()).await?;
    }
    link.end().await?;
    link.closed_by(Initiator::Peer, CloseCode::new(3000), "enough").await
}

pub(super) async fn the_page_is_left(link: &mut Link<'_>) -> Result<(), Failure> {
    link.tell("leave").await?;
    match link.ws.recv().await {
        // Chromium resets its stream behind the close frame, and HAProxy then drops both.
        Err(Error::Disconnected) if link.http2 => return Ok(()),
        ended => ended?,
    };
    link.closed_by(Initiator::Peer, Some(CloseCode::GOING_AWAY), "").await
}

/// For a proxy that looks at its clock now and then.
const SILENCE: Duration = FORGETS_AFTER.saturating_mul(2);

pub(super) async fn silence_with_pings(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("hello")).await?;
    if link.is_cut(SILENCE).await {
        return Err("the proxy cut the connection in spite of our pings".into());
    }
    link.echo(Message::text("still there")).await?;
    finish(link).await
}

pub(super) async fn silence_without_pings(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("hello")).await?;
    if link.is_cut(SILENCE).await { Ok(()) } else { Err("the proxy forgets nothing".into()) }
}
