//! What several processes do to one directory, and what a crash leaves in it.

use std::fs;
use std::sync::Arc;

use redlock_core::{Evict, LockCommand, LockReply};
use redlock_tests::support::*;
use tokio::task::JoinSet;

use super::support::Folder;

/// hazard: 1
#[tokio::test]
async fn of_all_that_ask_at_once_one_is_granted() {
    let folder = Folder::new();
    // Each has a guard of its own on the directory, as a process has.
    let stores: Vec<_> = (0..6).map(|_| Arc::new(folder.store())).collect();
    for round in 0..40 {
        let name = format!("key-{round}");
        let mut asking = JoinSet::new();
        for (number, store) in stores.iter().cloned().enumerate() {
            let command = acquire(&[&name, "beside"], &format!("{number}"), 60_000);
            asking.spawn(async move { granted(&ask(&*store, command).await) });
        }
        let grants = asking.join_all().await.into_iter().filter(|granted| *granted).count();
        assert_eq!(grants, 1, "in round {round}");
        let beside = LockCommand::Evict(Evict::new(keys(&["beside"])));
        assert_eq!(ask(&folder.store(), beside).await, LockReply::Evicted(1));
    }
}

#[tokio::test]
async fn what_is_granted_outlives_the_process_and_half_a_file_is_nothing() {
    let folder = Folder::new();
    ask(&folder.store(), acquire(&["a"], "mine", 60_000)).await;
    fs::write(folder.path().join("new"), b"12\nhalf a f").expect("what a crash leaves");
    let another = folder.store();
    assert!(!granted(&ask(&another, acquire(&["a"], "other", 60_000)).await));
    assert!(granted(&ask(&another, acquire(&["b"], "other", 60_000)).await));
    assert_eq!(ask(&another, release(&["a"], "mine")).await, released(1, 0));
    assert_eq!(folder.files().len(), 1);
}

/// Two keys whose files would be one file exclude each other, which costs time and nothing else.
#[tokio::test]
async fn a_file_of_another_key_is_no_lock_of_this_one() {
    let folder = Folder::new();
    let store = folder.store();
    ask(&store, acquire(&["a"], "mine", 60_000)).await;
    let file = folder.files().remove(0);
    let forged = fs::read_to_string(&file).expect("text").replace("\na\n", "\nb\n");
    let time = fs::metadata(&file).and_then(|metadata| metadata.modified()).expect("a time");
    fs::write(&file, forged).expect("written");
    fs::File::options().write(true).open(&file).and_then(|file| file.set_modified(time)).expect("a time");
    assert!(!granted(&ask(&store, acquire(&["a"], "other", 60_000)).await));
    assert_eq!(ask(&store, release(&["a"], "mine")).await, released(0, 1));
}
