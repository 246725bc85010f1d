//! Each deliberate defect must be caught by a checker.

use redlock_core::mutants::{Mutant, activate};
use redlock_testkit::sim::{Summary, run_many};

use crate::args::Args;
use crate::json::quoted;
use crate::{campaign, report};

struct Hunt {
    mutant: Mutant,
    summary: Summary,
}

/// Whether all that were asked for were caught.
pub(crate) fn run(args: &Args) -> Result<bool, String> {
    let hunts: Vec<_> = selected(args)?.into_iter().map(|mutant| hunt(args, mutant)).collect();
    if args.json {
        report::write(&format!("[{}]", hunts.iter().map(Hunt::json).collect::<Vec<_>>().join(",")));
    } else {
        report::write(&hunts.iter().map(|hunt| hunt.line(args)).collect::<Vec<_>>().join("\n"));
    }
    Ok(hunts.iter().all(|hunt| hunt.summary.failed > 0))
}

fn selected(args: &Args) -> Result<Vec<Mutant>, String> {
    let wanted = args.mutant.as_deref().unwrap_or("all");
    if wanted == "all" {
        return Ok(Mutant::ALL.to_vec());
    }
    let known = Mutant::ALL.map(Mutant::name).join(", ");
    let found = Mutant::ALL.into_iter().find(|mutant| mutant.name() == wanted);
    found.map(|mutant| vec![mutant]).ok_or_else(|| format!("no mutant {wanted}; there are {known}"))
}

fn hunt(args: &Args, mutant: Mutant) -> Hunt {
    activate(Some(mutant));
    let campaign = campaign(args, true);
    let summary = run_many(&campaign, report::progress(campaign.count));
    activate(None);
    Hunt { mutant, summary }
}

impl Hunt {
    fn line(&self, args: &Args) -> String {
        let (name, seconds) = (self.mutant.name(), self.summary.elapsed.as_secs_f64());
        let Some(caught) = self.summary.failures.first() else {
            return format!("{name:<26} NOT CAUGHT by {} seeds ({seconds:.1} s)", args.seeds);
        };
        let seeds = caught.seed.wrapping_sub(args.seed).saturating_add(1);
        let mut by: Vec<_> = caught.violations.iter().map(|violation| violation.checker.name()).collect();
        by.dedup();
        let by = by.join(", ");
        format!(
            "{name:<26} caught by {by:<36} at seed {:<6} after {seeds} seeds ({seconds:.1} s)",
            caught.seed
        )
    }

    fn json(&self) -> String {
        let name = quoted(self.mutant.name());
        let Some(caught) = self.summary.failures.first() else {
            return format!("{{\"mutant\":{name},\"caught\":false}}");
        };
        let violations: Vec<_> = caught.violations.iter().map(|each| quoted(&each.to_string())).collect();
        format!(
            "{{\"mutant\":{name},\"caught\":true,\"seed\":{},\"violations\":[{}]}}",
            caught.seed,
            violations.join(",")
        )
    }
}
