//! Centrifugo's client protocol: every field of it, in both encodings, against a twin that others have
//! written the readers of, and against what Centrifugo itself says.

#![allow(unreachable_pub, reason = "modules of a test")]

mod agree;
mod entries_twin;
mod hostile;
mod random;
mod replies;
mod requests;
mod requests_twin;
mod transcripts;
mod twin;

use trunkline_server::dialect::centrifugo::{BadFrame, Encoding, Incoming};

/// The commands of a frame that has to be good.
#[track_caller]
fn decode<'a>(encoding: Encoding, frame: &'a (impl AsRef<[u8]> + ?Sized)) -> Vec<Incoming<'a>> {
    encoding.decode(frame.as_ref()).collect::<Result<_, _>>().unwrap()
}

/// The only command of a frame in JSON.
#[track_caller]
fn one(frame: &str) -> Incoming<'_> {
    let mut all = decode(Encoding::Json, frame);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// How a frame breaks the rules, and how many commands of it stand.
#[track_caller]
fn refused(encoding: Encoding, frame: impl AsRef<[u8]>) -> (usize, BadFrame) {
    let mut requests = encoding.decode(frame.as_ref());
    let good = requests.by_ref().take_while(Result::is_ok).count();
    let error = encoding.decode(frame.as_ref()).find_map(Result::err).expect("a bad frame");
    assert!(requests.next().is_none(), "nothing comes after an error");
    (good, error)
}
