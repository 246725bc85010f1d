//! Arguments by hand: three kinds are not worth a dependency.

/// What a command accepts.
#[derive(Default)]
pub(crate) struct Accepts {
    pub(crate) switches: &'static [&'static str],
    pub(crate) values: &'static [&'static str],
    pub(crate) words: bool,
}

/// What it was given.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Given {
    switches: Vec<String>,
    values: Vec<(String, String)>,
    pub(crate) words: Vec<String>,
}

impl Given {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.switches.iter().any(|switch| switch == name)
            || self.values.iter().any(|(value, _)| value == name)
    }
}

impl Accepts {
    /// An argument that is not accepted is an error: a misspelt `--require-all` must not pass in silence.
    pub(crate) fn parse(&self, arguments: &[String]) -> Result<Given, String> {
        let mut given = Given::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (name, attached) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            if self.values.contains(&name) {
                let value = attached.or_else(|| rest.next().cloned());
                let value = value.ok_or_else(|| format!("`{name}` needs a value"))?;
                given.values.push((name.to_owned(), value));
            } else if self.switches.contains(&argument.as_str()) {
                given.switches.push(argument.clone());
            } else if self.words && !argument.starts_with('-') {
                given.words.push(argument.clone());
            } else {
                return Err(format!("`{argument}` is not known here (see `cargo xtask --help`)"));
            }
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTS: Accepts = Accepts { switches: &["--all"], values: &["--seed"], words: true };

    fn parse(text: &str) -> Result<Given, String> {
        ACCEPTS.parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn switches_values_and_words_are_told_apart() {
        let given = parse("unit --seed 7 --all --seed=8").unwrap();
        assert_eq!(given.words, ["unit"]);
        assert!(given.has("--all") && given.has("--seed"));
        assert_eq!(given.values[1].1, "8");
    }

    #[test]
    fn a_misspelt_flag_is_refused() {
        assert!(parse("--al").unwrap_err().contains("--al"));
        assert!(parse("--all=yes").is_err());
    }

    #[test]
    fn a_value_must_follow() {
        assert_eq!(parse("--seed").unwrap_err(), "`--seed` needs a value");
    }
}
