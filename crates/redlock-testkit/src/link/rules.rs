use std::fmt;

use redlock_core::Command;

use super::faults::Dice;
use super::plan::Plan;

/// Which plan a command gets: the first rule that fits, or what is otherwise.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    otherwise: Otherwise,
}

#[derive(Debug)]
pub(crate) enum Otherwise {
    Plan(Plan),
    Random(Dice),
}

impl Default for Otherwise {
    fn default() -> Self {
        Self::Plan(Plan::new())
    }
}

pub(crate) struct Rule {
    fits: Box<dyn Fn(&Command) -> bool + Send>,
    plan: Plan,
    once: bool,
}

impl Rule {
    pub(crate) fn new(fits: impl Fn(&Command) -> bool + Send + 'static, plan: Plan) -> Self {
        Self { fits: Box::new(fits), plan, once: false }
    }

    pub(crate) fn named(name: &'static str, plan: Plan) -> Self {
        Self::new(move |command| command.name() == name, plan)
    }

    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("plan", &self.plan).field("once", &self.once).finish_non_exhaustive()
    }
}

impl Rules {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn set_otherwise(&mut self, otherwise: Otherwise) {
        self.otherwise = otherwise;
    }

    pub(crate) fn plan(&mut self, command: &Command) -> Plan {
        let Some(position) = self.rules.iter().position(|rule| (rule.fits)(command)) else {
            return match &self.otherwise {
                Otherwise::Plan(plan) => plan.clone(),
                Otherwise::Random(dice) => dice.plan(),
            };
        };
        match self.rules.get(position) {
            Some(rule) if rule.once => self.rules.remove(position).plan,
            Some(rule) => rule.plan.clone(),
            None => Plan::new(),
        }
    }
}
