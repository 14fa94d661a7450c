//! The dashboard and the demos of the real-time server, as files inside the binary.
//!
//! They are built from `web/` when this crate is. Where that could not be done, [`missing`] says why, and
//! [`find`] answers every page with one that says the same. Who serves them sends [`CONTENT_SECURITY_POLICY`]
//! along with each.
//!
//! ```
//! use trunkline_pages::{Found, find};
//!
//! let Some(Found::File(page)) = find("/dashboard/") else { panic!("there is always a dashboard") };
//! assert_eq!(page.content_type(), "text/html; charset=utf-8");
//! assert!(matches!(find("/dashboard"), Some(Found::Elsewhere("/dashboard/"))));
//! assert!(find("/etc/passwd").is_none());
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::indexing_slicing, clippy::unwrap_used)]

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// What the pages may do: load what comes from this server, talk to it, and nothing else. They hold no
/// script or style of their own, so that what a chat shows cannot become one.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self'; \
     img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The addresses of the pages, below the root.
pub const PAGES: [&str; 7] = [
    "/",
    "/dashboard/",
    "/demos/chat/",
    "/demos/game/",
    "/demos/market/",
    "/demos/notifications/",
    "/demos/whiteboard/",
];

/// One file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// Where it is below the root, without a slash in front: `demos/chat/index.html`.
    pub path: &'static str,
    /// Its `ETag`, quotes included: the same as long as the content is.
    pub etag: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

impl File {
    /// Its `Content-Type`.
    pub fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("woff2") => "font/woff2",
            Some("md" | "txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }

    /// Its `Cache-Control`. Names of assets hold a hash of their content, so a browser need not ask again;
    /// of all others it asks each time, and hears 304 if its copy is still good.
    pub fn cache_control(&self) -> &'static str {
        if self.path.starts_with("assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }
}

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A file to send.
    File(File),
    /// A page whose address lacks its last slash: relative addresses in it would lead astray.
    Elsewhere(&'static str),
}

/// Looks up the path of a request, which begins with a slash and has no query.
pub fn find(path: &str) -> Option<Found> {
    if let Some(page) =
        PAGES.iter().find(|page| page.strip_suffix('/') == Some(path) && **page != "/")
    {
        return Some(Found::Elsewhere(page));
    }
    if let Some(page) = PAGES.iter().find(|page| **page == path) {
        return Some(Found::File(self::page(page)));
    }
    let path = path.strip_prefix('/')?;
    let at = FILES.binary_search_by(|file| file.path.cmp(path)).ok()?;
    FILES.get(at).copied().map(Found::File)
}

/// Why the pages are not in this build; `None` if they are.
pub fn missing() -> Option<&'static str> {
    (!MISSING.is_empty()).then_some(MISSING)
}

/// All files, by path.
pub fn files() -> &'static [File] {
    FILES
}

fn page(address: &str) -> File {
    let name = format!("{}index.html", address.trim_start_matches('/'));
    FILES.iter().find(|file| file.path == name).copied().unwrap_or(File {
        path: "index.html",
        etag: "\"not-built\"",
        bytes: NOT_BUILT.as_bytes(),
    })
}
