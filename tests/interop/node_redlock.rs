//! node-redlock, in a process of its own that takes commands by lines.

use std::env;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::foreign::Foreign;
use super::support::Nodes;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node/client.cjs");
const MODULES: &str = "REDLOCK_INTEROP_MODULES";

pub(crate) struct NodeRedlock {
    /// Killed when it is dropped.
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl NodeRedlock {
    pub(crate) fn on(nodes: &Nodes) -> Self {
        let mut process = command()
            .arg("serve")
            .args(nodes.ports())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node");
        let input = process.stdin.take().expect("piped");
        let output = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { _process: process, input, output }
    }

    async fn ask(&mut self, line: String) -> bool {
        self.input.write_all(format!("{line}\n").as_bytes()).await.expect("it listens");
        let answer = self.output.next_line().await.expect("it speaks").expect("an answer");
        match answer.split_once(' ').map_or(answer.as_str(), |(word, _)| word) {
            "yes" => true,
            "no" => false,
            _ => panic!("{line}: {answer}"),
        }
    }
}

impl Foreign for NodeRedlock {
    async fn acquire(&mut self, resource: &str, ttl: Duration) -> bool {
        self.ask(format!("acquire {resource} {}", ttl.as_millis())).await
    }

    async fn extend(&mut self, resource: &str, ttl: Duration) -> bool {
        self.ask(format!("extend {resource} {}", ttl.as_millis())).await
    }

    async fn release(&mut self, resource: &str) {
        self.ask(format!("release {resource}")).await;
    }
}

/// A process that increments the counter, under the lock of these nodes if there are any. It has begun, and ends early if
/// its input does.
pub(crate) async fn witness(
    counter: u16,
    tasks: u64,
    increments: u64,
    nodes: Option<&Nodes>,
) -> (Child, ChildStdin) {
    let mut command = command();
    command.arg("witness").args([u64::from(counter), tasks, increments].map(|number| number.to_string()));
    command.args(nodes.map(Nodes::ports).unwrap_or_default()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("node");
    let input = process.stdin.take().expect("piped");
    let output = process.stdout.take().expect("piped");
    let ready = BufReader::new(output).lines().next_line().await.expect("it speaks");
    assert_eq!(ready.as_deref(), Some("ready"));
    (process, input)
}

fn command() -> Command {
    let modules = env::var_os(MODULES).expect("REDLOCK_INTEROP_MODULES, which `cargo xtask tools` names");
    let mut command = Command::new("node");
    command.arg(PROGRAM).env("NODE_PATH", modules).kill_on_drop(true);
    command
}
