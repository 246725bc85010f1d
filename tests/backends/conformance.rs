//! The published suite, with all that it can use: no check is skipped.

use std::fs::{self, File};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use file_store::{Directory, Records};
use redlock_core::{Acquire, Backend, Command, Key, Keys, LockCommand, Ttl, async_trait};
use redlock_testkit::conformance::{Harness, Plant, Verdict, assert_lock_family};
use redlock_tests::support::*;

use super::support::Folder;

struct OnDirectory {
    folder: Folder,
    backend: Arc<dyn Backend>,
    guard: Mutex<Option<File>>,
}

impl OnDirectory {
    fn new() -> Self {
        let folder = Folder::new();
        Self { backend: Arc::new(folder.store()), folder, guard: Mutex::default() }
    }

    fn directory(&self) -> Directory {
        Directory::open(self.folder.path()).expect("the directory")
    }

    /// The file that the store makes for the key, by making it.
    async fn make(&self, key: &Key) {
        let acquire = Acquire::new(Keys::of(key.clone()), value("planted"), Ttl::SECOND);
        let reply = self.backend.execute(&Command::Lock(LockCommand::Acquire(acquire)), within(AMPLE)).await;
        assert!(granted(&reply.expect("a reply").into_lock().expect("of the family")));
    }
}

#[async_trait]
impl Harness for OnDirectory {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// The suite sends up to fifty commands at once, and each of them waits for the disk.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn plant(&self, key: &Key, plant: Plant) -> bool {
        match plant {
            Plant::Forever(value) => {
                self.directory().put(key, &value, SystemTime::UNIX_EPOCH).expect("a file");
            }
            Plant::Foreign => {
                let before = self.folder.files();
                self.make(key).await;
                let made = self.folder.files().into_iter().find(|file| !before.contains(file));
                let file = made.expect("a file for the key");
                fs::remove_file(&file).and_then(|()| fs::create_dir(&file)).expect("a folder in its place");
            }
            _ => return false,
        }
        true
    }

    async fn stall(&self, stalled: bool) -> bool {
        *self.guard.lock().expect("no panic") = stalled.then(|| self.folder.enter());
        true
    }
}

#[tokio::test]
async fn it_conforms_and_no_check_is_skipped_but_of_what_it_does_not_claim() {
    let report = assert_lock_family(&OnDirectory::new()).await;
    let beside =
        |verdict: &Verdict| matches!(verdict, Verdict::Skipped(why) if !why.contains("does not claim"));
    assert!(!report.checks().any(|(_, verdict)| beside(verdict)), "{report}");
}

/// hazard: 7
#[tokio::test]
async fn what_is_not_begun_by_its_deadline_is_never_done() {
    let folder = Folder::new();
    let (store, turn) = (folder.store(), folder.enter());
    let error =
        store.execute(&acquire(&["a"], "mine", 60_000).into(), within(Duration::from_millis(50))).await;
    assert_eq!(error.expect_err("nobody answers").kind(), redlock_core::FaultKind::Timeout);
    drop(turn);
    assert_eq!(state(&store, "a").await, redlock_core::KeyState::Free);
}
