//! A directory that is removed at the end of its test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use file_store::FileStore;
use rustix::fs::{FlockOperation, flock};

pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("redlock-file-store-{}-{serial}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// As another process would open it.
    pub(crate) fn store(&self) -> FileStore {
        FileStore::open(&self.0).expect("a store")
    }

    /// What a process does that is stopped in the middle of a step.
    pub(crate) fn enter(&self) -> File {
        let guard = File::create(self.0.join("guard")).expect("the guard");
        flock(&guard, FlockOperation::LockExclusive).expect("a turn");
        guard
    }

    /// The files of keys, by their names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).expect("the folder").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.to_string_lossy().contains("/key-")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
