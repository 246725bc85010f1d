//! A lock on the backend of `docs/backends.md`, for processes of one host. Run it in two terminals at once:
//!
//! ```sh
//! cargo run --example custom_backend              # in a folder of its own, with a rival in the same process
//! cargo run --example custom_backend -- DIRECTORY # takes turns with whoever else uses that directory
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use file_store::FileStore;
use redlock_toolkit::{AcquireError, Redlock};
use tokio::time::sleep;

const RESOURCE: &str = "nightly-report";
const WORK: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> ExitCode {
    let mut out = io::stdout();
    let done = match std::env::args_os().nth(1) {
        Some(directory) => take_turns(&mut out, &PathBuf::from(directory)).await,
        None => alone(&mut out).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("custom_backend: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One node, so it tolerates no failure; and needs none, since whoever uses it dies with its host.
fn redlock(directory: &Path, name: &str) -> Result<Redlock, Box<dyn Error>> {
    let store = FileStore::open(directory)?;
    Ok(Redlock::builder().node(store).ttl(Duration::from_secs(10)).holder_name(name).build()?)
}

async fn take_turns(out: &mut impl Write, directory: &Path) -> Result<(), Box<dyn Error>> {
    let redlock = redlock(directory, &format!("process {}", std::process::id()))?;
    writeln!(out, "waiting for {RESOURCE:?} in {}", directory.display())?;
    let guard = redlock.acquire(RESOURCE).deadline(Duration::from_secs(60)).await?;
    writeln!(out, "process {} has it for {WORK:?}", std::process::id())?;
    sleep(WORK).await;
    writeln!(out, "released: {:?}", guard.release().await.verdict)?;
    Ok(())
}

async fn alone(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("redlock-custom-backend-{}", std::process::id()));
    let told = story(out, &directory).await;
    fs::remove_dir_all(&directory)?;
    told
}

async fn story(out: &mut impl Write, directory: &Path) -> Result<(), Box<dyn Error>> {
    // Two stores on one directory: two processes, as far as the directory can see.
    let (redlock, rival) = (redlock(directory, "first")?, redlock(directory, "rival")?);
    let guard = redlock.acquire(RESOURCE).await?;
    writeln!(out, "acquired {RESOURCE:?}: valid for {:?}", guard.remaining())?;
    list(out, directory)?;
    match rival.try_acquire(RESOURCE).await {
        Err(AcquireError::Held(held)) => writeln!(out, "the rival is refused: {held}")?,
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("two holders at once: this must never happen".into()),
    }
    writeln!(out, "released: {:?}", guard.release().await.verdict)?;
    let guard = rival.acquire(RESOURCE).await?;
    writeln!(out, "the rival acquires; released: {:?}", guard.release().await.verdict)?;
    list(out, directory)
}

fn list(out: &mut impl Write, directory: &Path) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with("key-") {
            writeln!(out, "  {}", name.display())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_line_comes_from_what_happened() {
        let mut out = Vec::new();
        alone(&mut out).await.expect("a story to its end");
        let out = String::from_utf8(out).expect("text");
        assert!(out.contains("is held by first (pid"), "{out}");
        assert!(out.contains("the rival acquires; released: Released"), "{out}");
        assert_eq!(out.matches("  key-").count(), 1, "{out}");
    }
}
