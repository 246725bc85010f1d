use std::str::FromStr;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Args {
    /// How many seeds.
    pub(crate) seeds: u64,
    /// The first.
    pub(crate) seed: u64,
    pub(crate) mutant: Option<String>,
    pub(crate) json: bool,
}

const USAGE: &str = "usage: simulate [--seeds N] [--seed FIRST] [--mutant NAME|all] [--json]";

impl Args {
    /// Options with their values apart or behind `=`.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self { seeds: 1_000, seed: 0, mutant: None, json: false };
        let mut words = arguments.flat_map(|argument| match argument.split_once('=') {
            Some((option, value)) => vec![option.to_owned(), value.to_owned()],
            None => vec![argument],
        });
        while let Some(option) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{option} needs a value\n{USAGE}"));
            match option.as_str() {
                "--seeds" => args.seeds = number(&option, &value()?)?,
                "--seed" => args.seed = number(&option, &value()?)?,
                "--mutant" => args.mutant = Some(value()?),
                "--json" => args.json = true,
                _ => return Err(format!("unknown argument {option}\n{USAGE}")),
            }
        }
        if args.seeds == 0 {
            return Err("--seeds must be at least 1".to_owned());
        }
        Ok(args)
    }
}

fn number<T: FromStr>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{option} needs a number, not {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split_whitespace().map(ToOwned::to_owned))
    }

    #[test]
    fn values_stand_apart_or_behind_an_equals_sign() {
        let args = parse("--seeds 5 --seed=7 --mutant all --json").expect("good");
        assert_eq!((args.seeds, args.seed, args.mutant.as_deref(), args.json), (5, 7, Some("all"), true));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in ["--seeds", "--seeds x", "--seeds 0", "--other"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
