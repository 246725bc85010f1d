//! What no lock can prevent, and a fencing token does: a holder is stopped between its last look at the lock and its write,
//! and goes on when the lock has been another's.
//!
//! ```sh
//! cargo run --example paused_writer                       # the late write is refused
//! cargo run --example paused_writer -- --without-fencing  # the same run loses the other's update
//! cargo run --example paused_writer -- redis://10.0.0.1 redis://10.0.0.2 redis://10.0.0.3 redis://10.0.0.9
//! ```
//!
//! The last URL is the store, the others are the nodes. Without URLs it starts servers of its own, where `redis-server` or
//! `valkey-server` is installed; `export $(cargo xtask tools)` unpacks one where it is not. The first writer is a process of
//! its own, stopped by `SIGSTOP`.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use redlock_testkit::server::RedisServer;
use redlock_toolkit::redis_rs::{RedisNode, RedisStore};
use redlock_toolkit::{FencedStore, FencedStoreError, FencingToken, LockGuard, Redlock};

type Fallible<T> = Result<T, Box<dyn Error>>;

const RESOURCE: &str = "balance";
/// Short, so that nobody watches a stopped process for long.
const TTL: Duration = Duration::from_secs(3);
const AT_FIRST: i64 = 100;

#[tokio::main]
async fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let fenced = !args.iter().any(|arg| arg == "--without-fencing");
    let paused = args.iter().any(|arg| arg == "--as-the-paused-writer");
    args.retain(|arg| !arg.starts_with("--"));
    let told = if paused { pause_before_writing(fenced, &args).await } else { direct(fenced, args).await };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("paused_writer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The second writer, who also stops the first and lets it go on.
async fn direct(fenced: bool, mut urls: Vec<String>) -> Fallible<()> {
    let _servers = if urls.is_empty() { start_servers(&mut urls)? } else { Vec::new() };
    let (redlock, store) = connect(&urls).await?;
    store.clone().hset::<_, _, _, ()>(RESOURCE, "value", AT_FIRST).await?;
    println!("the balance is {AT_FIRST}");

    let mut first = PausedWriter::start(fenced, &urls)?;
    first.hear_until("about to write")?;
    first.signal("STOP")?;
    println!("  (the first writer is stopped, for longer than its lock lasts)");

    let (guard, access) = hold(&redlock, store.clone(), fenced).await?;
    println!("second writer: holds the lock{}", access.with_token());
    let balance = access.read().await? + 5;
    access.write(balance).await?;
    println!("second writer: wrote {balance}");
    guard.release().await;

    first.signal("CONT")?;
    println!("  (the first writer goes on, and knows of nothing)");
    first.go_on()?;
    let found: i64 = store.clone().hget(RESOURCE, "value").await?;
    if found == balance {
        println!("the balance is {found}: the late write was refused");
    } else {
        println!("the balance is {found}: the second writer's update is lost");
    }
    Ok(())
}

/// The first writer: everything is right until its write, which comes too late.
async fn pause_before_writing(fenced: bool, urls: &[String]) -> Fallible<()> {
    let (redlock, store) = connect(urls).await?;
    let (guard, access) = hold(&redlock, store, fenced).await?;
    println!("first writer: holds the lock{}", access.with_token());
    let balance = access.read().await? + 10;
    guard.check()?;
    println!("first writer: the lock is valid, about to write {balance}");

    // In life nothing is waited for here: the machine swaps, is moved, or suspended. Here it is stopped at this line.
    io::stdin().lock().read_line(&mut String::new())?;

    match access.write(balance).await {
        Ok(()) => println!("first writer: wrote {balance}"),
        Err(error) => println!("first writer: refused: {error}"),
    }
    // Nothing was wrong with the lock: it says so now, and would have said so before, had it been asked.
    match guard.check() {
        Ok(()) => println!("first writer: the lock is still valid"),
        Err(lost) => println!("first writer: {lost}"),
    }
    Ok(())
}

async fn connect(urls: &[String]) -> Fallible<(Redlock, MultiplexedConnection)> {
    let Some((store, nodes)) = urls.split_last().filter(|(_, nodes)| !nodes.is_empty()) else {
        return Err("usage: paused_writer [--without-fencing] [NODE_URL … STORE_URL]".into());
    };
    let nodes = nodes.iter().map(RedisNode::from_url).collect::<Result<Vec<_>, _>>()?;
    let redlock = Redlock::builder().nodes(nodes).ttl(TTL).build()?;
    let store = redis::Client::open(store.as_str())?.get_multiplexed_async_connection().await?;
    Ok((redlock, store))
}

async fn hold(
    redlock: &Redlock,
    store: MultiplexedConnection,
    fenced: bool,
) -> Fallible<(LockGuard, Access)> {
    let acquisition = redlock.acquire(RESOURCE).deadline(4 * TTL);
    if !fenced {
        return Ok((acquisition.await?, Access::Plain(store)));
    }
    let guard = acquisition.fenced().await?;
    let token = guard.fencing_token();
    Ok((guard.into(), Access::Fenced(RedisStore::new(store), token)))
}

/// How a writer reaches the balance.
enum Access {
    /// Whoever comes is let in.
    Plain(MultiplexedConnection),
    /// Whoever comes shows a token.
    Fenced(RedisStore<MultiplexedConnection>, FencingToken),
}

impl Access {
    fn with_token(&self) -> String {
        match self {
            Self::Plain(_) => String::new(),
            Self::Fenced(_, token) => format!(", fencing token {token}"),
        }
    }

    async fn read(&self) -> Fallible<i64> {
        match self {
            Self::Plain(store) => Ok(store.clone().hget(RESOURCE, "value").await?),
            Self::Fenced(store, token) => {
                let value = store.read(RESOURCE, *token).await?.ok_or("no balance")?;
                Ok(String::from_utf8(value)?.parse()?)
            }
        }
    }

    async fn write(&self, balance: i64) -> Fallible<()> {
        match self {
            Self::Plain(store) => Ok(store.clone().hset(RESOURCE, "value", balance).await?),
            Self::Fenced(store, token) => {
                let written = store.write(RESOURCE, *token, balance.to_string().as_bytes()).await;
                written.map_err(|error| match error {
                    FencedStoreError::Stale { .. } => error.to_string().into(),
                    other => Box::<dyn Error>::from(other),
                })
            }
        }
    }
}

/// The first writer's process, whose words are passed on.
struct PausedWriter {
    process: Child,
    words: io::Lines<BufReader<std::process::ChildStdout>>,
}

impl PausedWriter {
    fn start(fenced: bool, urls: &[String]) -> Fallible<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--as-the-paused-writer").args(urls).stdin(Stdio::piped()).stdout(Stdio::piped());
        if !fenced {
            command.arg("--without-fencing");
        }
        let mut process = command.spawn()?;
        let words = process.stdout.take().ok_or("no output")?;
        Ok(Self { process, words: BufReader::new(words).lines() })
    }

    fn hear_until(&mut self, words: &str) -> Fallible<()> {
        for line in &mut self.words {
            let line = line?;
            println!("{line}");
            if line.contains(words) {
                return Ok(());
            }
        }
        Err("the first writer has ended too early".into())
    }

    /// By way of the shell, since the standard library sends no signal but `SIGKILL`.
    fn signal(&self, name: &str) -> Fallible<()> {
        let status =
            Command::new("kill").args([format!("-{name}"), self.process.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(format!("kill -{name}: {status}").into()) }
    }

    fn go_on(&mut self) -> Fallible<()> {
        self.process.stdin.take().ok_or("no input")?.write_all(b"\n")?;
        for line in &mut self.words {
            println!("{}", line?);
        }
        let status = self.process.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the first writer: {status}").into()) }
    }
}

impl Drop for PausedWriter {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start_servers(urls: &mut Vec<String>) -> Fallible<Vec<RedisServer>> {
    let servers = (0..4).map(|_| RedisServer::start()).collect::<Result<Vec<_>, _>>()?;
    urls.extend(servers.iter().map(RedisServer::url));
    Ok(servers)
}
