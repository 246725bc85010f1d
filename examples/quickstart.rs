//! The main job, from an acquisition to a loss and back: on five nodes in this process, or on real servers.
//!
//! ```sh
//! cargo run --example quickstart                        # nothing needs to be installed
//! cargo run --example quickstart -- --nodes 3 --ttl 1s  # other nodes, other times
//! cargo run --example quickstart -- redis://127.0.0.1:6379 redis://127.0.0.1:6380 redis://127.0.0.1:6381
//! ```

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use redlock_toolkit::memory::MemoryNode;
use redlock_toolkit::redis_rs::RedisNode;
use redlock_toolkit::{AcquireError, BootClock, Clock, LockGuard, Moment, Redlock};
use tokio::time::sleep;

const USAGE: &str =
    "usage: quickstart [--nodes N] [--ttl SECONDSs | MILLISms] | quickstart [--ttl …] redis://… redis://…";
const RESOURCE: &str = "nightly-report";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let choice = Choice::parse(std::env::args().skip(1))?;
    let mut story = Story::new(io::stdout(), BootClock::new());
    if choice.urls.is_empty() {
        let nodes = MemoryNode::cluster(choice.nodes);
        story.on_memory(&nodes, choice.ttl).await
    } else {
        let nodes = choice.urls.iter().map(RedisNode::from_url).collect::<Result<Vec<_>, _>>()?;
        let redlock = Redlock::builder().nodes(nodes).ttl(choice.ttl).holder_name("quickstart").build()?;
        story.on_servers(&redlock).await
    }
}

/// Tells what happens, with the time at which it does.
struct Story<W, C> {
    out: W,
    clock: C,
    began: Moment,
}

impl<W: Write, C: Clock + Copy> Story<W, C> {
    fn new(out: W, clock: C) -> Self {
        Self { out, clock, began: clock.now() }
    }

    async fn on_servers(&mut self, redlock: &Redlock) -> Result<(), Box<dyn Error>> {
        self.introduce(redlock)?;
        let guard = redlock.acquire(RESOURCE).await?;
        self.tell(format!("acquired {RESOURCE:?}: valid for {}", seconds(guard.remaining())))?;
        self.contend(redlock).await?;
        let extension = guard.extend().await?;
        self.tell(format!("extended: valid for {}", seconds(extension.validity)))?;
        self.release(guard).await?;
        redlock.shutdown(Duration::from_secs(1)).await;
        Ok(())
    }

    async fn on_memory(&mut self, nodes: &[MemoryNode], ttl: Duration) -> Result<(), Box<dyn Error>> {
        let build = || Redlock::builder().nodes(nodes.to_vec()).ttl(ttl).clock(self.clock);
        // Two instances: two programs, as far as the nodes can see.
        let (redlock, other) =
            (build().holder_name("quickstart").build()?, build().holder_name("other").build()?);
        self.introduce(&redlock)?;

        let guard = redlock.acquire(RESOURCE).await?;
        self.tell(format!("acquired {RESOURCE:?}: valid for {}", seconds(guard.remaining())))?;
        self.contend(&other).await?;
        sleep(ttl / 4).await;
        let extension = guard.extend().await?;
        self.tell(format!("extended: valid for {}", seconds(extension.validity)))?;

        let (minority, rest) = nodes.split_at(redlock.quorum().tolerated());
        minority.iter().for_each(MemoryNode::fail);
        let extension = guard.extend().await?;
        let (confirmed, total) = (extension.confirmed, extension.total);
        self.tell(format!(
            "{} of {total} nodes fail; extended all the same, by {confirmed} nodes",
            minority.len()
        ))?;

        rest.iter().take(1).for_each(MemoryNode::fail);
        match guard.extend().await {
            Ok(_) => self.tell("one more fails, and the extension is confirmed")?,
            Err(error) => self.tell(format!("one more fails; {error}"))?,
        }
        self.tell(format!(
            "the lock still holds, for the {} that were bought before",
            seconds(guard.remaining())
        ))?;
        let reason = guard.lost().await;
        self.tell(format!("LOST: {reason} (told by the clock; no node was asked)"))?;

        nodes.iter().for_each(MemoryNode::recover);
        let guard = other.acquire(RESOURCE).await?;
        self.tell(format!(
            "the nodes recover, and the other program acquires: valid for {}",
            seconds(guard.remaining())
        ))?;
        self.release(guard).await?;
        other.shutdown(ttl).await;
        let left: usize = nodes.iter().map(MemoryNode::len).sum();
        self.tell(format!("keys left on all nodes: {left}"))
    }

    fn introduce(&mut self, redlock: &Redlock) -> Result<(), Box<dyn Error>> {
        let names: Vec<_> = redlock.nodes().iter().map(ToString::to_string).collect();
        let needed = redlock.quorum().needed();
        writeln!(self.out, "nodes: {}; a lock needs {needed} of {}\n", names.join(", "), names.len())?;
        Ok(())
    }

    async fn contend(&mut self, redlock: &Redlock) -> Result<(), Box<dyn Error>> {
        match redlock.try_acquire(RESOURCE).await {
            Err(error @ AcquireError::Held(_)) => {
                let after = error.retry_after().map(seconds).unwrap_or_default();
                self.tell(format!(
                    "a contender is refused: {error}\n{:14}and told to come back in {after}",
                    ""
                ))
            }
            Err(error) => Err(error.into()),
            Ok(_) => Err("two holders at once: this must never happen".into()),
        }
    }

    async fn release(&mut self, guard: LockGuard) -> Result<(), Box<dyn Error>> {
        let released = guard.release().await;
        let (verdict, confirmed, total) = (released.verdict, released.confirmed(), released.total());
        self.tell(format!("released: {verdict:?} on {confirmed} of {total} nodes"))
    }

    fn tell(&mut self, what: impl Display) -> Result<(), Box<dyn Error>> {
        let at = self.clock.now().saturating_since(self.began);
        writeln!(self.out, "{:>9}     {what}", seconds(at))?;
        Ok(())
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

struct Choice {
    nodes: usize,
    ttl: Duration,
    urls: Vec<String>,
}

impl Choice {
    fn parse(args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut choice = Self { nodes: 5, ttl: Duration::from_secs(2), urls: Vec::new() };
        let mut args = args;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--nodes" => choice.nodes = args.next().ok_or(USAGE)?.parse().map_err(|_| USAGE)?,
                "--ttl" => choice.ttl = duration(&args.next().ok_or(USAGE)?).ok_or(USAGE)?,
                url if !url.starts_with('-') => choice.urls.push(arg),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(choice)
    }
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(millis) => millis.parse().ok().map(Duration::from_millis),
        None => text.strip_suffix('s')?.parse().ok().map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests {
    use redlock_toolkit::TokioClock;

    use super::*;

    async fn told(nodes: usize, ttl: Duration) -> String {
        let clock = TokioClock::new();
        let mut out = Vec::new();
        let nodes = MemoryNode::cluster_on(clock, nodes);
        Story::new(&mut out, clock).on_memory(&nodes, ttl).await.expect("a story to its end");
        String::from_utf8(out).expect("text")
    }

    #[tokio::test(start_paused = true)]
    async fn every_line_comes_from_what_happened() {
        let five = told(5, Duration::from_secs(2)).await;
        assert!(five.contains("3 of 5") && five.contains("valid for 1.978 s"), "{five}");
        assert!(five.contains("2 of 5 nodes fail; extended all the same, by 3 nodes"), "{five}");
        let three = told(3, Duration::from_secs(10)).await;
        assert!(three.contains("2 of 3") && three.contains("valid for 9.898 s"), "{three}");
        assert!(three.contains("1 of 3 nodes fail; extended all the same, by 2 nodes"), "{three}");
        for story in [five, three] {
            assert!(story.contains("is held by quickstart (pid"), "{story}");
            assert!(story.contains("LOST: its validity ran out"), "{story}");
            assert!(story.contains("keys left on all nodes: 0"), "{story}");
        }
    }
}
