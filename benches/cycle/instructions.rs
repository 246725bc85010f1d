//! Client instructions per cycle, counted by callgrind: repeatable where time is noise.

use std::process::{Command, Stdio};

use redlock_testkit::server::RedisServer;

use crate::contestant::Name;
use crate::{Fallible, servers};

/// The difference of two runs is free of what is done once.
const FEW: u32 = 500;
const MANY: u32 = 1_500;

pub(crate) fn compare() -> Fallible<()> {
    println!("client instructions per cycle (callgrind), one task");
    for nodes in [1, 3, 5] {
        let servers = servers(nodes)?;
        let urls: Vec<String> = servers.iter().map(RedisServer::url).collect();
        let mut counts = Vec::new();
        for name in Name::ALL {
            let each =
                count(name, MANY, &urls)?.saturating_sub(count(name, FEW, &urls)?) / u64::from(MANY - FEW);
            print!("N={nodes} {:<8} {each:>8}   ", name.as_str());
            counts.push(u32::try_from(each)?);
        }
        if let [bare, ours, fenced] = counts.as_slice() {
            let ratio = |count: &u32| f64::from(*count) / f64::from(*bare);
            println!("ratios {:.2} {:.2}", ratio(ours), ratio(fenced));
        }
    }
    Ok(())
}

fn count(name: Name, cycles: u32, urls: &[String]) -> Fallible<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--only", name.as_str(), &cycles.to_string()])
        .args(urls)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}; install Debian's package valgrind"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    let (_, collected) = line.ok_or_else(|| format!("no count from valgrind: {text}"))?;
    Ok(collected.trim().parse()?)
}
