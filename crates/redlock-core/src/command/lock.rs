//! The lock family: one string per resource, whose value is its holder's [`LockValue`].

use std::time::Duration;

use super::fence::{FenceCommit, FenceProposal, Lift};
use crate::{FencingToken, Key, Keys, LockValue, Ttl};

/// A step of the mutex on one node. `k` keys are always treated in one atomic step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockCommand {
    /// Take all keys, or none.
    Acquire(Acquire),
    /// Prolong all keys, if all are held with this value; never shorten.
    Extend(Extend),
    /// Put the keys back on a node that lost them, where nothing else stands.
    RePlant(RePlant),
    /// Raise the fencing counters, if all keys are held with this value.
    Lift(Lift),
    /// Delete those keys that are held with one of these values.
    Release(Release),
    /// Say what stands in the keys.
    Inspect(Inspect),
    /// Delete the keys, whoever holds them: the one deletion that does not compare.
    Evict(Evict),
}

/// Take all keys with `value` for `ttl`, or none. Answered by [`LockReply::Granted`] or [`LockReply::Refused`].
///
/// - A key that is absent is free. A key that holds one of `replaces` (own older values) counts as free.
/// - The script form grants where a key already holds `value` itself: it is this command, executed before. What remains of
///   it, maybe extended since, is never shortened. The native form refuses there, as `SET NX` does; it is never sent twice,
///   so it never meets its own grant.
/// - Any other content, of any type, is a refusal.
///
/// The native form is for one key that replaces nothing and asks for no fencing token, on Redis `SET key value NX PX ttl`; the
/// script form for all else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acquire {
    /// What to take.
    pub keys: Keys,
    /// The attempt's value: fresh for each attempt.
    pub value: LockValue,
    /// Own older values, which do not stand in the way and are overwritten.
    pub replaces: Vec<LockValue>,
    /// The lease.
    pub ttl: Ttl,
    /// What is proposed to the fencing counters, where a token is asked for.
    pub fence: Option<FenceProposal>,
}

impl Acquire {
    /// Takes the keys, replacing nothing.
    pub fn new(keys: Keys, value: LockValue, ttl: Ttl) -> Self {
        Self { keys, value, replaces: Vec::new(), ttl, fence: None }
    }

    /// Asks for a fencing token.
    #[must_use]
    pub fn fenced(mut self, fence: FenceProposal) -> Self {
        self.fence = Some(fence);
        self
    }

    /// The key of the native form; `None` where it takes the script form.
    pub fn native(&self) -> Option<&Key> {
        self.keys.single().filter(|_| self.replaces.is_empty() && self.fence.is_none())
    }

    /// Lets own older values stand in nobody's way.
    #[must_use]
    pub fn replacing(mut self, replaces: Vec<LockValue>) -> Self {
        self.replaces = replaces;
        self
    }
}

/// Prolong: where every key holds `value`, each key's remaining time becomes at least `ttl`, and never less than it was.
/// Answered by [`LockReply::Extended`].
///
/// A key without an expiry is left without one and counts as held. No key is created. It must work on a node that is
/// out of memory (`PEXPIRE` does, `SET` does not).
///
/// With `fence`, the counters of the keys are then raised to the token, where they are below it (a node that forgot them
/// learns them again) and can be: where memory is short, or a counter holds no number, the keys are extended all the same and
/// the counter stays as it is. A node that kept what it had stored needs no raising.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extend {
    /// What to prolong.
    pub keys: Keys,
    /// The holder's value.
    pub value: LockValue,
    /// The least remaining time from now on.
    pub ttl: Ttl,
    /// The fencing token of the lock, where it has one.
    pub fence: Option<FenceCommit>,
}

impl Extend {
    /// Prolongs the keys to at least `ttl`.
    pub fn new(keys: Keys, value: LockValue, ttl: Ttl) -> Self {
        Self { keys, value, ttl, fence: None }
    }

    /// Stores the lock's fencing token again.
    #[must_use]
    pub fn fenced(mut self, fence: FenceCommit) -> Self {
        self.fence = Some(fence);
        self
    }
}

/// Put back: where every key is either absent or holds `value`, set the absent ones to `value` for `ttl`.
/// Answered by [`LockReply::RePlanted`]. Where any other content stands, nothing is changed.
///
/// Sent only for a lease that a quorum has just confirmed, for the time that remains of it. With `fence`, the counters of the
/// keys are raised to the token behind the keys, as by an [`Extend`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RePlant {
    /// What to put back.
    pub keys: Keys,
    /// The holder's value.
    pub value: LockValue,
    /// What remains of the lease.
    pub ttl: Ttl,
    /// The fencing token of the lock, where it has one.
    pub fence: Option<FenceCommit>,
}

impl RePlant {
    /// Puts the keys back for `ttl`.
    pub fn new(keys: Keys, value: LockValue, ttl: Ttl) -> Self {
        Self { keys, value, ttl, fence: None }
    }

    /// Stores the lock's fencing token again.
    #[must_use]
    pub fn fenced(mut self, fence: FenceCommit) -> Self {
        self.fence = Some(fence);
        self
    }
}

/// Delete each key that holds one of `values`, and no other. Answered by [`LockReply::Released`].
///
/// It must work on a node that is out of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// What to release.
    pub keys: Keys,
    /// The values to compare with; at least one.
    pub values: Vec<LockValue>,
}

impl Release {
    /// Releases the keys where they hold `value`.
    pub fn new(keys: Keys, value: LockValue) -> Self {
        Self { keys, values: vec![value] }
    }
}

/// Say what stands in each key, in their order. Answered by [`LockReply::Inspected`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspect {
    /// What to look at.
    pub keys: Keys,
}

impl Inspect {
    /// Looks at the keys.
    pub fn new(keys: Keys) -> Self {
        Self { keys }
    }
}

/// Delete each key, whatever it holds. Answered by [`LockReply::Evicted`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evict {
    /// What to delete.
    pub keys: Keys,
}

impl Evict {
    /// Deletes the keys.
    pub fn new(keys: Keys) -> Self {
        Self { keys }
    }
}

/// A node's answer to a [`LockCommand`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockReply {
    /// All keys are this attempt's.
    Granted(Grant),
    /// Somebody else stands in the way; no key was taken.
    Refused(Refusal),
    /// Whose the keys are.
    Extended(Ownership),
    /// Whether all keys hold the value now.
    RePlanted(bool),
    /// Whose the keys are: [`Ownership::Mine`] where every counter is at least the token now.
    Lifted(Ownership),
    /// What became of the keys.
    Released(Released),
    /// The state of each key, in the order asked.
    Inspected(Vec<KeyState>),
    /// How many keys were deleted.
    Evicted(u64),
}

/// All keys were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// What the fencing counters hold now, where the acquire asked for a token.
    pub fence: Option<FencingToken>,
}

impl Grant {
    /// A plain grant.
    pub fn new() -> Self {
        Self::default()
    }

    /// A grant for which the counters were raised to that.
    pub fn fenced(token: FencingToken) -> Self {
        Self { fence: Some(token) }
    }
}

/// A key was taken already.
///
/// The native form, which takes one key, tells no more than that. The script form names the first key
/// that blocks, also where it takes one key. Both are the same on every backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The first key that blocks, in the order asked, where the node tells.
    pub blocker: Option<Blocker>,
}

impl Refusal {
    /// A refusal that names nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// A refusal that names the key in the way.
    pub fn by(blocker: Blocker) -> Self {
        Self { blocker: Some(blocker) }
    }
}

/// The key in the way, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The key.
    pub key: Key,
    /// What it holds.
    pub state: KeyState,
}

/// Whose all the keys of an extension or a lift are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ownership {
    /// Every key holds the value, and what was asked is done.
    Mine,
    /// At least one key is absent, and none is another's. Never an acknowledgement.
    Absent,
    /// At least one key is another's.
    Other,
}

/// What a release found: of the keys asked, so many were deleted, so many are another's, and the rest were absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Released {
    /// Keys that held one of the values, and were deleted.
    pub removed: u64,
    /// Keys that hold something else, and were left alone.
    pub taken: u64,
}

impl Released {
    /// So many keys deleted, so many another's.
    pub fn new(removed: u64, taken: u64) -> Self {
        Self { removed, taken }
    }
}

/// What stands in a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// Nothing.
    Free,
    /// A lock's value.
    Held {
        /// The value; its bytes may be another library's.
        value: LockValue,
        /// Until it expires, in whole milliseconds; `None` for a key without an expiry.
        remaining: Option<Duration>,
    },
    /// Something that is no plain string, such as a hash: another library's lock, or the application's data.
    Foreign {
        /// The type, as the node calls it.
        kind: String,
        /// Until it expires; `None` for a key without an expiry.
        remaining: Option<Duration>,
    },
}

impl LockCommand {
    /// The command's name in traces, metrics and errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Acquire(_) => "acquire",
            Self::Extend(_) => "extend",
            Self::RePlant(_) => "re-plant",
            Self::Lift(_) => "lift",
            Self::Release(_) => "release",
            Self::Inspect(_) => "inspect",
            Self::Evict(_) => "evict",
        }
    }

    /// The locks' keys that the command touches; where it [is fenced](Self::is_fenced), it touches their
    /// [counters](Key::fence) too.
    pub fn keys(&self) -> &Keys {
        match self {
            Self::Acquire(command) => &command.keys,
            Self::Extend(command) => &command.keys,
            Self::RePlant(command) => &command.keys,
            Self::Lift(command) => &command.keys,
            Self::Release(command) => &command.keys,
            Self::Inspect(command) => &command.keys,
            Self::Evict(command) => &command.keys,
        }
    }

    /// Whether the command touches fencing counters: only a node with [`Capabilities::FENCE`](crate::Capabilities::FENCE)
    /// understands it then.
    pub fn is_fenced(&self) -> bool {
        match self {
            Self::Acquire(command) => command.fence.is_some(),
            Self::Extend(command) => command.fence.is_some(),
            Self::RePlant(command) => command.fence.is_some(),
            Self::Lift(_) => true,
            Self::Release(_) | Self::Inspect(_) | Self::Evict(_) => false,
        }
    }

    /// One or more of every command of the family, over one key and over two.
    pub fn samples() -> Vec<Self> {
        let one = Keys::of(Key::new("redlock:sample"));
        let two = Keys::of(Key::new("{redlock:sample}:a")).and(Key::new("{redlock:sample}:b"));
        [one, two].iter().flat_map(samples_over).collect()
    }
}

fn samples_over(keys: &Keys) -> Vec<LockCommand> {
    let value = LockValue::from_bytes(*b"00000000000000000000000000000001");
    let older = LockValue::from_bytes(*b"00000000000000000000000000000000");
    let ttl = Ttl::SECOND;
    let token = FencingToken::MIN;
    let (proposal, commit) = (FenceProposal::new(token), FenceCommit::new(token));
    let mut samples = Vec::new();
    let mut next = Some(LockCommand::Acquire(Acquire::new(keys.clone(), value.clone(), ttl)));
    // An exhaustive match leads from each sample to the next, so that a new command cannot be forgotten here.
    while let Some(sample) = next {
        next = match &sample {
            LockCommand::Acquire(acquire) if acquire.replaces.is_empty() => {
                Some(LockCommand::Acquire(acquire.clone().replacing(vec![older.clone()])))
            }
            LockCommand::Acquire(acquire) if acquire.fence.is_none() => {
                Some(LockCommand::Acquire(acquire.clone().fenced(proposal)))
            }
            LockCommand::Acquire(_) => {
                Some(LockCommand::Extend(Extend::new(keys.clone(), value.clone(), ttl)))
            }
            LockCommand::Extend(extend) if extend.fence.is_none() => {
                Some(LockCommand::Extend(extend.clone().fenced(commit)))
            }
            LockCommand::Extend(_) => {
                Some(LockCommand::RePlant(RePlant::new(keys.clone(), value.clone(), ttl)))
            }
            LockCommand::RePlant(plant) if plant.fence.is_none() => {
                Some(LockCommand::RePlant(plant.clone().fenced(commit)))
            }
            LockCommand::RePlant(_) => {
                Some(LockCommand::Lift(Lift::new(keys.clone(), value.clone(), commit)))
            }
            LockCommand::Lift(_) => Some(LockCommand::Inspect(Inspect::new(keys.clone()))),
            LockCommand::Inspect(_) => Some(LockCommand::Release(Release::new(keys.clone(), value.clone()))),
            LockCommand::Release(_) => Some(LockCommand::Evict(Evict::new(keys.clone()))),
            LockCommand::Evict(_) => None,
        };
        samples.push(sample);
    }
    samples
}
