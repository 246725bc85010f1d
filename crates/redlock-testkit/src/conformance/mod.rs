//! The conformance suite: one call that tells whether a backend keeps the contract of
//! [`Backend`](redlock_core::Backend), and each command does what its documentation says.
//!
//! It runs on any backend and on any layer around one. What the suite cannot reach through the backend alone (time, a
//! foreign key, a silent node) comes from a [`Harness`].
//!
//! ```
//! use redlock_memory::MemoryNode;
//! use redlock_testkit::conformance::{self, NonConformance, Plain};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), NonConformance> {
//! // In place of the node: your backend, connected to a server that is running.
//! let report = conformance::lock_family(&Plain::new(MemoryNode::new("memory-1"))).await?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! Keys are fresh in each run, behind a random prefix, and deleted at its end; nothing else on the server is touched
//! but the marker of the deployment, which names the present run after it, and the keys `redlock:sample`, `{redlock:sample}:a` and `{redlock:sample}:b` of
//! [`Command::samples`](redlock_core::Command::samples). Several runs may share a server. On a real server a run takes
//! a few seconds, since leases must run out.

mod acquire;
mod admin;
mod bench;
mod contract;
mod data;
mod fence;
mod fenced_store;
mod harness;
mod lease;
mod member;
mod network;
mod on_server;
mod over_network;
mod release;
mod report;

#[cfg(test)]
mod mutants;
#[cfg(test)]
mod tests;

use redlock_core::{Entropy, OsEntropy};

use bench::{Bench, Check, Stop};

pub use fenced_store::fenced_store;
pub use harness::{Harness, OnMemory, Plain, Plant};
pub use network::NetworkHarness;
pub use on_server::OnServer;
pub use report::{NonConformance, Report, Verdict};

const LOCK_FAMILY: [&[Check]; 8] = [
    admin::CHECKS,
    member::CHECKS,
    contract::CHECKS,
    acquire::CHECKS,
    lease::CHECKS,
    release::CHECKS,
    fence::CHECKS,
    data::CHECKS,
];

/// Runs every check of the lock family, of the fencing tokens and the admin commands that the backend claims, and of the
/// contract.
///
/// All checks run, also after one has failed: the error's report names each.
pub async fn lock_family(harness: &dyn Harness) -> Result<Report, NonConformance> {
    run(harness, LOCK_FAMILY.into_iter().flatten().collect()).await
}

/// As [`lock_family`], and what the contract says about a network: that nothing is sent twice when a reply is lost, that
/// a node which is dead, stopped or behind a black hole costs no more than the deadline, that nothing is said to be
/// unsent which is executed after all, and that the backend is in use again when the fault is over.
///
/// ```no_run
/// # use redlock_core::Backend;
/// # fn connect(url: String) -> impl Backend { redlock_memory::MemoryNode::new(url) }
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use redlock_testkit::conformance::{self, NetworkHarness};
/// use redlock_testkit::server::RedisServer;
/// // In place of `connect`: your backend, from a URL.
/// let harness = NetworkHarness::new(RedisServer::start()?, |url| connect(url))?;
/// let report = conformance::contract_over_network(&harness).await?;
/// assert!(report.skipped().is_empty());
/// # Ok(()) }
/// ```
pub async fn contract_over_network(harness: &NetworkHarness) -> Result<Report, NonConformance> {
    // The faults last: a backend that does not come back fails what follows, too.
    run(harness, LOCK_FAMILY.into_iter().flatten().chain(over_network::CHECKS).collect()).await
}

/// Runs the checks with that name, or of that module (`"network::"`): to look into one that failed.
pub async fn only(harness: &dyn Harness, name: &str) -> Result<Report, NonConformance> {
    let all = LOCK_FAMILY.into_iter().flatten().chain(over_network::CHECKS);
    run(harness, all.filter(|check| check.name.starts_with(name)).collect()).await
}

async fn run(harness: &dyn Harness, checks: Vec<&'static Check>) -> Result<Report, NonConformance> {
    let mut report = Report::default();
    let mut random = [0; 8];
    if let Err(error) = OsEntropy.fill(&mut random) {
        report.add("a prefix for this run", Verdict::Failed(error.to_string()));
        return report.into_result();
    }
    let bench = Bench::new(harness, random);
    for check in checks {
        report.add(check.name, verdict((check.run)(&bench).await));
    }
    bench.clean_up().await;
    report.into_result()
}

/// As [`lock_family`], for a test that returns nothing.
///
/// # Panics
///
/// Where a check fails, with the report.
#[expect(clippy::panic, reason = "a test's assertion")]
pub async fn assert_lock_family(harness: &dyn Harness) -> Report {
    match lock_family(harness).await {
        Ok(report) => report,
        Err(error) => panic!("{error}"),
    }
}

fn verdict(result: Result<(), Stop>) -> Verdict {
    match result {
        Ok(()) => Verdict::Passed,
        Err(Stop::Skip(why)) => Verdict::Skipped(why),
        Err(Stop::Fail(why)) => Verdict::Failed(why),
    }
}
