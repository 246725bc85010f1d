//! Interleaved rounds, and the ratios within each.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Fallible;
use crate::contestant::Contestant;

#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: u32,
    /// Cycles of one contestant in one round, over all tasks.
    cycles: u32,
}

impl Effort {
    pub(crate) const FULL: Self = Self { rounds: 41, cycles: 3_840 };
    pub(crate) const QUICK: Self = Self { rounds: 9, cycles: 1_920 };
}

/// What one contestant did in one round.
struct Lap {
    p50: Duration,
    per_second: f64,
}

/// The ratios of one line of the table.
pub(crate) struct Ratios {
    latency: Quartiles,
    throughput: Quartiles,
    bare_p50: Duration,
    bare_per_second: f64,
}

struct Quartiles([f64; 3]);

/// Both contestants in each round, in turns as to who is first, so that a machine that changes its speed does so for both.
pub(crate) async fn run(
    ours: &Arc<Contestant>,
    bare: &Arc<Contestant>,
    tasks: u32,
    effort: Effort,
) -> Fallible<Ratios> {
    let (mut latency, mut throughput, mut laps) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        let (mine, theirs) = if round % 2 == 0 {
            let mine = lap(ours, tasks, effort.cycles).await?;
            (mine, lap(bare, tasks, effort.cycles).await?)
        } else {
            let theirs = lap(bare, tasks, effort.cycles).await?;
            (lap(ours, tasks, effort.cycles).await?, theirs)
        };
        latency.push(mine.p50.as_secs_f64() / theirs.p50.as_secs_f64());
        throughput.push(mine.per_second / theirs.per_second);
        laps.push(theirs);
    }
    laps.sort_by_key(|lap| lap.p50);
    let middle = laps.len() / 2;
    let middle = laps.get(middle).ok_or("no rounds")?;
    Ok(Ratios {
        latency: Quartiles::of(latency),
        throughput: Quartiles::of(throughput),
        bare_p50: middle.p50,
        bare_per_second: middle.per_second,
    })
}

async fn lap(contestant: &Arc<Contestant>, tasks: u32, cycles: u32) -> Fallible<Lap> {
    let began = Instant::now();
    let each = cycles / tasks;
    let mut work = JoinSet::new();
    for task in 0..tasks {
        work.spawn(cycle(Arc::clone(contestant), task, each));
    }
    let mut times = Vec::new();
    while let Some(done) = work.join_next().await {
        times.extend(done??);
    }
    let elapsed = began.elapsed();
    times.sort();
    let p50 = times.get(times.len() / 2).copied().ok_or("no cycles")?;
    Ok(Lap { p50, per_second: f64::from(each * tasks) / elapsed.as_secs_f64() })
}

async fn cycle(contestant: Arc<Contestant>, task: u32, cycles: u32) -> Fallible<Vec<Duration>> {
    let mut times = Vec::new();
    for cycle in 0..cycles {
        let began = Instant::now();
        contestant.cycle(&format!("{task}:{cycle}")).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

impl Quartiles {
    fn of(mut ratios: Vec<f64>) -> Self {
        ratios.sort_by(f64::total_cmp);
        let at = |quarter: usize| ratios.get(ratios.len() * quarter / 4).copied().unwrap_or(f64::NAN);
        Self([at(1), at(2), at(3)])
    }
}

impl fmt::Display for Quartiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, median, high] = self.0;
        f.pad(&format!("{median:.2} ({low:.2} to {high:.2})"))
    }
}

impl fmt::Display for Ratios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { latency, throughput, bare_p50, bare_per_second } = self;
        let bare_p50 = format!("{bare_p50:.0?}");
        write!(f, "{latency:<26} {throughput:<26} {bare_p50:>14} {bare_per_second:>14.0}")
    }
}
