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
//! but the keys `redlock:sample`, `{redlock:sample}:a` and `{redlock:sample}:b` of
//! [`Command::samples`](redlock_core::Command::samples). Several runs may share a server. On a real server a run takes
//! a few seconds, since leases must run out.

mod acquire;
mod admin;
mod bench;
mod contract;
mod data;
mod harness;
mod lease;
mod on_server;
mod release;
mod report;

#[cfg(test)]
mod mutants;
#[cfg(test)]
mod tests;

use redlock_core::{Entropy, OsEntropy};

use bench::{Bench, Check, Stop};

pub use harness::{Harness, OnMemory, Plain, Plant};
pub use on_server::OnServer;
pub use report::{NonConformance, Report, Verdict};

const LOCK_FAMILY: [&[Check]; 6] =
    [admin::CHECKS, contract::CHECKS, acquire::CHECKS, lease::CHECKS, release::CHECKS, data::CHECKS];

/// Runs every check of the lock family, of the admin commands that the backend claims, and of the contract.
///
/// All checks run, also after one has failed: the error's report names each.
pub async fn lock_family(harness: &dyn Harness) -> Result<Report, NonConformance> {
    let mut report = Report::default();
    let mut random = [0; 8];
    if let Err(error) = OsEntropy.fill(&mut random) {
        report.add("a prefix for this run", Verdict::Failed(error.to_string()));
        return report.into_result();
    }
    let bench = Bench::new(harness, random);
    for check in LOCK_FAMILY.into_iter().flatten() {
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
