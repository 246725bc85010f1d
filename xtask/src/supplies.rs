//! What the lanes need besides cargo: found or unpacked once for a whole run.

use crate::lanes::{Lane, Need};
use crate::report::{Entry, Verdict};
use crate::tools::{self, Variables};
use std::time::Duration;

type Supply = Result<Variables, String>;

pub(crate) struct Supplies {
    server: Supply,
    /// Lanes run without these as well; what they did not run on stands in the closing table.
    others: Vec<(&'static str, Supply)>,
    modules: Supply,
}

impl Supplies {
    pub(crate) fn of(lanes: &[&Lane]) -> Self {
        let needs = |need| lanes.iter().any(|lane| lane.needs == need);
        let foreign = needs(Need::ForeignClients);
        let mut supplies = Self { server: Ok(Vec::new()), others: Vec::new(), modules: Ok(Vec::new()) };
        if foreign || needs(Need::RedisServer) {
            supplies.server = tools::MAIN.variables();
            supplies.others = tools::OTHERS.iter().map(|kind| (kind.name, kind.variables())).collect();
        }
        if foreign {
            supplies.modules = tools::modules();
        }
        supplies
    }

    /// The environment of a lane; or why it cannot run.
    pub(crate) fn variables(&self, need: Need) -> Supply {
        let servers = || Ok([self.server.clone()?, self.others()].concat());
        match need {
            Need::Nothing => Ok(Vec::new()),
            Need::RedisServer => servers(),
            Need::ForeignClients => Ok([servers()?, self.modules.clone()?].concat()),
        }
    }

    /// A line of the closing table for each server that the lanes had to do without.
    pub(crate) fn missing(&self, require_all: bool) -> Vec<Entry> {
        let missing = self.others.iter().filter_map(|(name, supply)| {
            let why = supply.as_ref().err()?.clone();
            Some(Entry {
                name: (*name).to_owned(),
                verdict: absent(why, require_all),
                time: Duration::ZERO,
                tests: None,
            })
        });
        missing.collect()
    }

    fn others(&self) -> Variables {
        self.others.iter().filter_map(|(_, supply)| supply.as_ref().ok()).flatten().cloned().collect()
    }
}

/// What becomes of something that cannot run for lack of something else.
pub(crate) fn absent(why: String, require_all: bool) -> Verdict {
    if require_all { Verdict::Failed(why) } else { Verdict::Skipped(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supplies() -> Supplies {
        Supplies {
            server: Ok(vec![("SERVER", "a".into())]),
            others: vec![("b", Ok(vec![("B", "b".into())])), ("c", Err("no c".to_owned()))],
            modules: Err("no node".to_owned()),
        }
    }

    #[test]
    fn a_lane_runs_on_the_servers_that_are_there() {
        let variables = supplies().variables(Need::RedisServer).unwrap();
        assert_eq!(variables.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["SERVER", "B"]);
        assert_eq!(supplies().variables(Need::ForeignClients).unwrap_err(), "no node");
        assert!(supplies().variables(Need::Nothing).unwrap().is_empty());
    }

    #[test]
    fn a_server_that_is_not_there_is_told_and_fails_where_all_is_required() {
        let told = supplies().missing(false);
        assert_eq!((told.len(), told[0].name.as_str()), (1, "c"));
        assert_eq!(told[0].verdict, Verdict::Skipped("no c".to_owned()));
        assert_eq!(supplies().missing(true)[0].verdict, Verdict::Failed("no c".to_owned()));
    }
}
