use std::fmt;

/// What the suite found: every check, in the order in which they ran.
///
/// Its `Display` has a line for each check that did not pass, and a count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    checks: Vec<(&'static str, Verdict)>,
}

/// How one check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The backend does what it must.
    Passed,
    /// Not checked, and why: the harness cannot set it up, or the backend does not claim it.
    Skipped(String),
    /// The backend does something else.
    Failed(String),
}

impl Report {
    pub(crate) fn add(&mut self, check: &'static str, verdict: Verdict) {
        self.checks.push((check, verdict));
    }

    /// Each check and how it ended.
    pub fn checks(&self) -> impl Iterator<Item = (&'static str, &Verdict)> {
        self.checks.iter().map(|(check, verdict)| (*check, verdict))
    }

    /// The names of the checks that failed.
    pub fn failures(&self) -> Vec<&'static str> {
        self.named(|verdict| matches!(verdict, Verdict::Failed(_)))
    }

    /// The names of the checks that were skipped.
    pub fn skipped(&self) -> Vec<&'static str> {
        self.named(|verdict| matches!(verdict, Verdict::Skipped(_)))
    }

    /// Itself where no check failed.
    pub fn into_result(self) -> Result<Self, NonConformance> {
        if self.failures().is_empty() { Ok(self) } else { Err(NonConformance { report: self }) }
    }

    fn named(&self, wanted: impl Fn(&Verdict) -> bool) -> Vec<&'static str> {
        self.checks().filter(|(_, verdict)| wanted(verdict)).map(|(check, _)| check).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (check, verdict) in self.checks() {
            match verdict {
                Verdict::Passed => {}
                Verdict::Skipped(why) => writeln!(f, "skipped {check}: {why}")?,
                Verdict::Failed(why) => writeln!(f, "FAILED {check}: {why}")?,
            }
        }
        let (all, failed, skipped) = (self.checks.len(), self.failures().len(), self.skipped().len());
        write!(f, "{all} checks, {failed} failed, {skipped} skipped")
    }
}

/// A backend failed at least one check.
///
/// `Debug` prints the same lines as `Display`, so that a test that returns it is readable.
#[derive(Clone, thiserror::Error)]
#[error("the backend does not keep the contract\n{report}")]
pub struct NonConformance {
    report: Report,
}

impl NonConformance {
    /// Every check and how it ended.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Debug for NonConformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
