//! What an acquisition may choose, its defaults, and the one place where the numbers are checked against each other.

use std::time::Duration;

use crate::quorum::Drift;
use crate::{
    ConfigError, Entropy, EntropyError, FenceCommit, FenceProposal, FencingToken, Holder, Parameter, Ttl,
};

/// How often and at what distance an acquisition tries again.
///
/// ```
/// use std::time::Duration;
/// use redlock_core::RetryPolicy;
/// let policy = RetryPolicy::default();
/// assert_eq!((policy.retries, policy.delay), (Some(10), Duration::from_millis(200)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first; 0 is a single attempt, `None` is without limit. Default: 10.
    pub retries: Option<u32>,
    /// Between attempts. Default: 200 ms. Never less than a millisecond, jitter included: nodes that refuse connections
    /// answer at once, and would be asked again without a rest.
    pub delay: Duration,
    /// Spreads the delay evenly over `delay ± jitter`, never below zero, so that clients that collided once do not
    /// collide again. Default: 100 ms.
    pub jitter: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: Some(10), delay: Duration::from_millis(200), jitter: Duration::from_millis(100) }
    }
}

impl RetryPolicy {
    pub(crate) fn allows(&self, retry: u32) -> bool {
        self.retries.is_none_or(|most| retry <= most)
    }

    pub(crate) fn next_delay(&self, entropy: &dyn Entropy) -> Result<Duration, EntropyError> {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes)?;
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let least = nanos(self.delay.saturating_sub(self.jitter));
        let most = nanos(self.delay.saturating_add(self.jitter));
        // 64 random bits over the span: the bias is far below the timer's resolution.
        let offset = u64::from_le_bytes(bytes).checked_rem(most.saturating_sub(least).saturating_add(1));
        Ok(Duration::from_nanos(least.saturating_add(offset.unwrap_or(0))).max(SHORTEST_DELAY))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let longest = self.delay.saturating_add(self.jitter);
        if longest > LONGEST_DELAY {
            let requirement = format!("delay and jitter together must be at most {LONGEST_DELAY:?}");
            return Err(ConfigError::new(Parameter::RetryDelay, longest, requirement));
        }
        Ok(())
    }
}

/// The timer's resolution: a shorter pause does not even let other tasks of the runtime run.
const SHORTEST_DELAY: Duration = Duration::from_millis(1);
/// Longer than anybody waits, and far from every overflow of a timer.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 3600);
/// The default of `max_hold`: a guard that was leaked must not be immortal.
const DEFAULT_MAX_HOLD: Duration = Duration::from_secs(3600);
/// One part in so many of the ttl is the default time limit of one call to a node (5 %, the default of the field).
const NODE_TIMEOUT_SHARE: u32 = 20;
/// One part in so many of the validity is the default threshold of an extension. (The references' fixed 500 ms leave one
/// attempt at a ttl of 30 s; a third leaves several.)
const EXTEND_THRESHOLD_SHARE: u32 = 3;

/// The choices of one acquisition; the builder's are the defaults.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) ttl: Duration,
    pub(crate) node_timeout: Option<Duration>,
    pub(crate) extend_threshold: Option<Duration>,
    pub(crate) auto_extend: bool,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) contended: RetryPolicy,
    pub(crate) unreachable: Option<RetryPolicy>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) label: String,
    pub(crate) holder: Option<Holder>,
    /// Set by the acquisition's type, never by the builder.
    pub(crate) fenced: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30),
            node_timeout: None,
            extend_threshold: None,
            auto_extend: false,
            max_hold: Some(DEFAULT_MAX_HOLD),
            contended: RetryPolicy::default(),
            unreachable: None,
            deadline: None,
            label: String::new(),
            holder: Some(Holder::this_process()),
            fenced: false,
        }
    }
}

/// What all clients of a deployment share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) drift: Drift,
    pub(crate) max_ttl: Duration,
    pub(crate) max_clock_skew: Duration,
    pub(crate) fence_retention: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            drift: Drift::DEFAULT,
            max_ttl: Duration::from_secs(300),
            max_clock_skew: Duration::from_secs(1),
            fence_retention: Ttl::DAY.as_duration(),
        }
    }
}

/// The numbers of one lease, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) ttl: Ttl,
    pub(crate) limits: Limits,
    pub(crate) node_timeout: Duration,
    pub(crate) extend_threshold: Duration,
}

impl Terms {
    pub(crate) fn of(options: &Options, limits: Limits) -> Result<Self, ConfigError> {
        let ttl = limits.ttl(options.ttl)?;
        options.check()?;
        let node_timeout = options.node_timeout.unwrap_or_else(|| ttl.as_duration() / NODE_TIMEOUT_SHARE);
        if node_timeout.is_zero() || node_timeout >= ttl.as_duration() {
            let requirement = format!(
                "must be above 0 and below the ttl of {ttl}: a node that hangs must not outlast the lease"
            );
            return Err(ConfigError::new(Parameter::NodeTimeout, node_timeout, requirement));
        }
        let validity = ttl.as_duration().saturating_sub(limits.drift.of(ttl));
        let extend_threshold = options.extend_threshold.unwrap_or(validity / EXTEND_THRESHOLD_SHARE);
        if extend_threshold.is_zero() || extend_threshold >= validity {
            let requirement = format!(
                "must be above 0 and below the validity of {validity:?} that a ttl of {ttl} gives: extensions would never end"
            );
            return Err(ConfigError::new(Parameter::ExtendThreshold, extend_threshold, requirement));
        }
        Ok(Self { ttl, limits, node_timeout, extend_threshold })
    }
}

impl Limits {
    /// A lease's length in whole milliseconds, above its own drift and within the deployment's maximum.
    pub(crate) fn ttl(&self, ttl: Duration) -> Result<Ttl, ConfigError> {
        let refuse = |requirement: String| ConfigError::new(Parameter::Ttl, ttl, requirement);
        if ttl > self.max_ttl {
            let max = self.max_ttl;
            return Err(refuse(format!(
                "must be at most max_ttl ({max:?}); extend a lease instead of taking a longer one"
            )));
        }
        let whole = Ttl::from_duration(ttl).ok_or_else(|| refuse("must be at least 1ms".to_owned()))?;
        let drift = self.drift.of(whole);
        if whole.as_duration() <= drift {
            return Err(refuse(format!(
                "must be above the clock drift allowed for it ({drift:?}): it would never be valid"
            )));
        }
        Ok(whole)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if Ttl::from_duration(self.max_ttl).is_none() || self.max_ttl > LONGEST_TTL {
            let requirement = "must be at least 1ms and at most 30 days";
            return Err(ConfigError::new(Parameter::MaxTtl, self.max_ttl, requirement));
        }
        if self.max_clock_skew < LEAST_CLOCK_SKEW || self.max_clock_skew > MOST_CLOCK_SKEW {
            let requirement = format!("must be at least {LEAST_CLOCK_SKEW:?} and at most 1 day");
            return Err(ConfigError::new(Parameter::MaxClockSkew, self.max_clock_skew, requirement));
        }
        let least = self.max_ttl.saturating_add(self.max_clock_skew);
        if self.fence_retention < least || self.fence_retention > LONGEST_RETENTION {
            let requirement = format!(
                "must be at least max_ttl and max_clock_skew together ({least:?}) and at most 1000 days: a counter outlives its lock"
            );
            return Err(ConfigError::new(Parameter::FenceRetention, self.fence_retention, requirement));
        }
        Ok(())
    }

    /// What an acquire proposes to the fencing counters.
    pub(crate) fn fence_proposal(&self, candidate: FencingToken) -> FenceProposal {
        FenceProposal::new(candidate).max_ahead(self.max_clock_skew).retention(self.retention())
    }

    /// What an extension stores again.
    pub(crate) fn fence_commit(&self, token: FencingToken) -> FenceCommit {
        FenceCommit::new(token).retention(self.retention())
    }

    fn retention(&self) -> Ttl {
        // It was checked to be far above a millisecond.
        Ttl::from_duration(self.fence_retention).unwrap_or(Ttl::DAY)
    }
}

/// Beyond it a forgotten lock is as good as eternal, and a node's hold-off after a restart with it.
const LONGEST_TTL: Duration = Duration::from_secs(30 * 24 * 3600);
/// Clocks of different machines never agree better, and a node tells its time in whole milliseconds.
const LEAST_CLOCK_SKEW: Duration = Duration::from_millis(1);
/// Beyond it a counter that nobody uses is as good as eternal.
const LONGEST_RETENTION: Duration = Duration::from_secs(1_000 * 24 * 3600);
/// A clock further off than that is not skewed but wrong.
const MOST_CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);

impl Options {
    fn check(&self) -> Result<(), ConfigError> {
        self.contended.check()?;
        self.unreachable.as_ref().map_or(Ok(()), RetryPolicy::check)?;
        if self.auto_extend && self.max_hold.is_some_and(|hold| hold.is_zero()) {
            return Err(ConfigError::new(
                Parameter::MaxHold,
                Duration::ZERO,
                "must be above 0; None is without limit",
            ));
        }
        if let Some(deadline) = self.deadline.filter(|deadline| deadline.is_zero() || *deadline > LONGEST_TTL)
        {
            return Err(ConfigError::new(
                Parameter::Deadline,
                deadline,
                "must be above 0 and at most 30 days",
            ));
        }
        check_text(Parameter::Label, &self.label, MAX_LABEL_BYTES)?;
        let Some(holder) = &self.holder else { return Ok(()) };
        // The host's name, too, is the caller's to choose, and stands in every key.
        let texts = [(&holder.name, MAX_NAME_BYTES), (&holder.host, MAX_HOST_BYTES)];
        let mut texts = texts.into_iter().filter_map(|(text, most)| Some((text.as_deref()?, most)));
        texts.try_for_each(|(text, most)| check_text(Parameter::HolderName, text, most))
    }

    /// The retries after a lost round: nodes that do not answer may be treated otherwise than a lock that is held.
    pub(crate) fn policy(&self, contended: bool) -> RetryPolicy {
        if contended { self.contended } else { self.unreachable.unwrap_or(self.contended) }
    }
}

const MAX_LABEL_BYTES: usize = 64;
const MAX_NAME_BYTES: usize = 128;
/// The longest name of a host that the operating systems know.
const MAX_HOST_BYTES: usize = 255;

fn check_text(parameter: Parameter, text: &str, most: usize) -> Result<(), ConfigError> {
    if text.len() > most {
        return Err(ConfigError::new(parameter, text, format!("must be at most {most} bytes long")));
    }
    // `|` ends the token, and a value that begins with `~` is a reservation, not a holder.
    if parameter == Parameter::Label && (text.starts_with('~') || text.contains('|')) {
        return Err(ConfigError::new(parameter, text, "must not contain '|' nor begin with '~'"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SeededEntropy;

    proptest! {
        /// rslock panics at a delay of 0, backon's jitter exceeds its maximum. hazard: 49
        #[test]
        fn every_delay_lies_within_its_jitter(delay in any::<Duration>(), jitter in any::<Duration>(), seed: u64) {
            let policy = RetryPolicy { retries: None, delay, jitter };
            let next = policy.next_delay(&SeededEntropy::new(seed)).expect("a seed never fails");
            if policy.check().is_ok() {
                prop_assert!(next >= delay.saturating_sub(jitter));
                prop_assert!(next <= delay.saturating_add(jitter).max(SHORTEST_DELAY));
            }
        }

        /// With nodes that refused connections, an acquisition until a deadline never rested: found by the simulator.
        #[test]
        fn even_a_policy_without_delay_rests(jitter in 0_u64..3_000_000, seed: u64) {
            let policy = RetryPolicy { retries: None, delay: Duration::ZERO, jitter: Duration::from_nanos(jitter) };
            let next = policy.next_delay(&SeededEntropy::new(seed)).expect("a seed never fails");
            prop_assert!(next >= SHORTEST_DELAY);
        }

        /// hazard: 69
        #[test]
        fn any_duration_is_a_ttl_or_a_typed_error(ttl in any::<Duration>(), max_ttl in any::<Duration>()) {
            let limits = Limits { max_ttl, ..Limits::default() };
            match limits.ttl(ttl) {
                Ok(whole) => {
                    prop_assert!(whole.as_millis() >= 1 && i64::try_from(whole.as_millis()).is_ok());
                    prop_assert!(whole.as_duration() > limits.drift.of(whole));
                    prop_assert!(whole.as_duration() <= ttl);
                }
                Err(error) => prop_assert_eq!(error.parameter(), Parameter::Ttl),
            }
        }

        /// hazard: 50, 69
        #[test]
        fn any_terms_are_consistent_or_refused(
            ttl in any::<Duration>(),
            node_timeout in any::<Option<Duration>>(),
            extend_threshold in any::<Option<Duration>>(),
        ) {
            let options = Options { ttl, node_timeout, extend_threshold, ..Options::default() };
            let limits = Limits { max_ttl: LONGEST_TTL, ..Limits::default() };
            if let Ok(terms) = Terms::of(&options, limits) {
                prop_assert!(terms.node_timeout < terms.ttl.as_duration());
                prop_assert!(terms.extend_threshold < terms.ttl.as_duration());
            }
        }
    }
}
