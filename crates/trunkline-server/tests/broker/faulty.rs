//! Media that fail, or remember what was done to them.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use redb::backends::FileBackend;
use trunkline_server::broker::Medium;

/// A file that takes nothing while `fails` is set, as a full disk does.
pub(crate) fn failing(path: &Path, fails: Arc<AtomicBool>) -> Medium {
    let path = path.to_owned();
    Arc::new(move || {
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        let inner = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Box::new(Failing { inner, fails: Arc::clone(&fails) }))
    })
}

struct Failing {
    inner: FileBackend,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn check(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.inner.write(offset, data)
    }
}

impl fmt::Debug for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failing")
    }
}

/// What was done to a medium.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

/// A medium in memory, and all that was done to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<(Vec<u8>, Vec<Step>)>>);

impl Recorder {
    /// One that begins with these bytes.
    pub(crate) fn with(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new((image, Vec::new()))))
    }

    pub(crate) fn medium(&self) -> Medium {
        let this = self.clone();
        Arc::new(move || Ok(Box::new(this.clone())))
    }

    /// How many steps were done.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().1.len()
    }

    /// Takes them.
    pub(crate) fn take(&self) -> Vec<Step> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }
}

/// Does a step to the bytes of a medium.
pub(crate) fn apply(image: &mut Vec<u8>, step: &Step) {
    match step {
        Step::Write(offset, data) => {
            let begin = usize::try_from(*offset).unwrap();
            let end = begin + data.len();
            // A write that comes before the one which makes room for it.
            if image.len() < end {
                image.resize(end, 0);
            }
            image[begin..end].copy_from_slice(data);
        }
        Step::SetLen(len) => image.resize(usize::try_from(*len).unwrap(), 0),
        Step::Sync => {}
    }
}

impl StorageBackend for Recorder {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().0.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let guard = self.0.lock().unwrap();
        let begin = usize::try_from(offset).unwrap();
        let bytes = guard.0.get(begin..begin + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step(Step::SetLen(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step(Step::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step(Step::Write(offset, data.to_vec()))
    }
}

impl Recorder {
    fn step(&self, step: Step) -> io::Result<()> {
        let mut guard = self.0.lock().unwrap();
        let (image, steps) = &mut *guard;
        apply(image, &step);
        steps.push(step);
        Ok(())
    }
}
