//! What every peer is asked, whether it is the server or the client.

mod ends;
mod messages;
mod negotiation;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use trunkline::CloseCode;

use self::ends::*;
use self::messages::*;
use self::negotiation::*;
use crate::Failure;
use crate::link::{Compression, Link, Terms};

type Run = for<'a> fn(&'a mut Link<'_>) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

pub(crate) struct Case {
    /// Also the path that the client asks for.
    pub(crate) name: &'static str,
    /// What the peer must be able to do, in the words that it uses for it.
    pub(crate) needs: &'static [&'static str],
    /// Which connections this is about.
    pub(crate) about: About,
    pub(crate) terms: Terms,
    pub(crate) run: Run,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    All,
    /// Those that pass a proxy which forgets them after this much silence.
    Forgetful,
    /// Those of a page in a browser.
    Page,
    /// None: the client is refused, by the application with this status, or as a page of another origin.
    Refusal(u16),
    ForeignPage,
}

/// After how much silence the proxy of [`About::Forgetful`] forgets a connection.
pub(crate) const FORGETS_AFTER: Duration = Duration::from_secs(2);

const PLAIN: Terms = Terms {
    compression: Compression::Off,
    subprotocols: &[],
    early: false,
    keepalive: None,
    foreign: false,
};
const STATELESS: Terms = Terms { compression: Compression::Stateless, ..PLAIN };
const TAKEOVER: Terms = Terms { compression: Compression::Takeover, ..PLAIN };

const fn offering(subprotocols: &'static [&'static str]) -> Terms {
    Terms { subprotocols, ..PLAIN }
}

macro_rules! case {
    ($name:literal, $terms:expr, $needs:expr, $run:expr) => {
        case!($name, About::All, $terms, $needs, $run)
    };
    ($name:literal, $about:expr, $terms:expr, $needs:expr, $run:expr) => {
        Case {
            name: $name,
            needs: $needs,
            about: $about,
            terms: $terms,
            run: |link| Box::pin($run(link)),
        }
    };
}

pub(crate) const CASES: &[Case] = &[
    case!("text", PLAIN, &[], text),
    case!("text-with-bom", PLAIN, &["bom"], text_with_bom),
    case!("binary", PLAIN, &[], binary),
    case!("empty", PLAIN, &[], empty),
    case!("16-mib-binary", PLAIN, &[], large_binary),
    case!("16-mib-text", PLAIN, &[], large_text),
    case!("our-fragments", PLAIN, &[], our_fragments),
    case!("their-fragments", PLAIN, &["fragments"], their_fragments),
    case!("our-ping", PLAIN, &[], our_ping),
    case!("their-ping", PLAIN, &["ping"], their_ping),
    case!("our-burst", PLAIN, &[], our_burst),
    case!("their-burst", PLAIN, &[], their_burst),
    case!("early-data", Terms { early: true, ..PLAIN }, &[], early_data),
    case!("subprotocol", offering(&["interop.v0", "interop.v1"]), &[], |link| expect_subprotocol(
        link,
        Some("interop.v1")
    )),
    case!("subprotocol-unknown", offering(&["interop.v0"]), &["goes-without"], |link| {
        expect_subprotocol(link, None)
    }),
    case!("no-compression", PLAIN, &[], no_compression),
    case!(
        "compression-without-takeover",
        STATELESS,
        &["compression"],
        compression_without_takeover
    ),
    case!("compression-with-takeover", TAKEOVER, &["compression"], compression_with_takeover),
    case!("compressed-messages", STATELESS, &["compression"], compressed_messages),
    case!("compressed-messages-with-takeover", TAKEOVER, &["compression"], compressed_messages),
    case!("compressed-fragments", STATELESS, &["compression"], compressed_fragments),
    case!(
        "their-compressed-fragments",
        STATELESS,
        &["compression", "fragments"],
        their_compressed_fragments
    ),
    case!("we-close-1000", PLAIN, &[], |link| we_close(link, 1000, "")),
    case!("we-close-1001", PLAIN, &[], |link| we_close(link, 1001, "restart")),
    case!("we-close-3000", PLAIN, &[], |link| we_close(link, 3000, "zu spät: 再见 👋")),
    case!("we-close-4999", PLAIN, &[], |link| we_close(link, 4999, LONGEST_REASON)),
    case!("they-close", PLAIN, &["bare-close"], they_close_without_a_code),
    case!("they-close-1000", PLAIN, &[], |link| they_close(link, 1000, "done")),
    case!("they-close-1001", PLAIN, &["any-close"], |link| they_close(link, 1001, "restart")),
    case!("they-close-3000", PLAIN, &[], |link| they_close(link, 3000, "zu spät: 再见 👋")),
    case!("they-close-4999", PLAIN, &[], |link| they_close(link, 4999, LONGEST_REASON)),
    case!("they-close-after-a-burst", PLAIN, &[], they_close_after_a_burst),
    case!("the-page-is-left", About::Page, PLAIN, &[], the_page_is_left),
    case!("refused", About::Refusal(404), PLAIN, &[], nothing),
    case!("other-origin", About::ForeignPage, Terms { foreign: true, ..PLAIN }, &[], nothing),
    case!(
        "silence-with-pings",
        About::Forgetful,
        Terms { keepalive: Some(Duration::from_millis(500)), ..PLAIN },
        &[],
        silence_with_pings
    ),
    case!("silence-without-pings", About::Forgetful, PLAIN, &[], silence_without_pings),
];

async fn nothing(_: &mut Link<'_>) -> Result<(), Failure> {
    Ok(())
}

async fn finish(link: &mut Link<'_>) -> Result<(), Failure> {
    link.close(CloseCode::NORMAL, "done").await
}
