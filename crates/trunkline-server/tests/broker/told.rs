//! What the log of the process says of the disk, to whoever runs it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_hub::broker::Operation;
use trunkline_server::broker::Fsync;

use crate::crashes::{insist, open};
use crate::faulty::failing;
use crate::folder::Folder;
use crate::log::options;
use crate::world::{API, saying};

#[derive(Clone, Copy)]
struct Said;

/// That of all tests: each looks for the name of its own folder.
static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn said() -> MutexGuard<'static, Vec<u8>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        said().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_is_full_is_told_of_once_and_so_is_its_return() {
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false);
    log.with_writer(|| Said).try_init().unwrap();
    let folder = Folder::new();
    let fails = Arc::new(AtomicBool::new(false));
    let path = folder.path().join("history.redb");
    let (mut world, log) =
        open(failing(&path, Arc::clone(&fails)), options(folder.path(), Fsync::Always));
    world.say("news", "a");
    fails.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        world.ask(API, "news", Operation::Publish(saying("b")));
    }
    fails.store(false, Ordering::SeqCst);
    insist(&mut world, "news", "c");
    log.close().unwrap();

    let said = String::from_utf8(said().clone()).unwrap();
    let path = path.display().to_string();
    let lines: Vec<_> = said.lines().filter(|line| line.contains(&path)).collect();
    let [failed, works] = lines[..] else { panic!("{lines:#?}") };
    assert!(failed.contains("ERROR") && failed.contains("refused"), "{failed}");
    assert!(works.contains("WARN") && works.contains("again"), "{works}");
}
