//! From the names that users give to the keys that stand on the nodes.

use std::collections::BTreeSet;

use crate::{ConfigError, Key, Keys, Parameter};

/// How a resource's name becomes its key.
///
/// All clients that should exclude each other must use the same format, prefix and database.
///
/// ```
/// use redlock_core::KeyFormat;
/// let ours = KeyFormat::prefixed("app")?;
/// assert_eq!(ours.key("orders")?.as_str(), "app:orders");
/// // Shared with node-redlock, redsync or rslock, whose key is the bare name:
/// assert_eq!(KeyFormat::Raw.key("orders")?.as_str(), "orders");
/// # Ok::<(), redlock_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFormat {
    /// The resource is the key.
    Raw,
    /// `{prefix}:{resource}`; made by [`KeyFormat::prefixed`].
    Prefixed(Prefix),
}

/// A prefix that was checked: not empty, without braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

/// The prefix where none is chosen.
const DEFAULT_PREFIX: &str = "redlock";
/// The names under which other families keep their keys: `{prefix}:sem:{resource}` and so on.
const FAMILIES: [&str; 5] = ["sem:", "latch:", "value:", "version:", "rw:"];
/// What the auxiliary keys of a lock append to its key.
const AUXILIARY: [&str; 6] = [":fence", ":queue", ":waiters", ":limit", ":holders", ":readers"];
/// Where the members of a deployment keep what is about the deployment itself.
const DEPLOYMENT: &str = "{redlock}:";

impl KeyFormat {
    /// The longest name of a resource, in bytes.
    pub const MAX_RESOURCE_BYTES: usize = 1_024;
    /// The longest prefix, in bytes.
    pub const MAX_PREFIX_BYTES: usize = 256;
    /// The most resources of one acquisition: all are taken in one step that blocks the node.
    pub const MAX_RESOURCES: usize = 128;

    /// `{prefix}:{resource}`.
    ///
    /// Braces are refused: they would move the auxiliary keys of a lock into another slot of a cluster.
    pub fn prefixed(prefix: impl Into<String>) -> Result<Self, ConfigError> {
        let prefix = prefix.into();
        let refuse = |requirement: &str| Err(ConfigError::new(Parameter::Prefix, &prefix, requirement));
        if prefix.is_empty() {
            return refuse("must not be empty; KeyFormat::Raw takes the resource as the key");
        }
        if prefix.len() > Self::MAX_PREFIX_BYTES {
            return refuse("must be at most 256 bytes long");
        }
        if prefix.contains(['{', '}']) {
            return refuse("must not contain braces; put a hash tag into the resource instead");
        }
        Ok(Self::Prefixed(Prefix(prefix)))
    }

    /// The key of one resource.
    pub fn key(&self, resource: &str) -> Result<Key, ConfigError> {
        self.check(resource)?;
        Ok(match self {
            Self::Raw => Key::new(resource),
            Self::Prefixed(Prefix(prefix)) => Key::new(format!("{prefix}:{resource}")),
        })
    }

    /// The keys of an acquisition, sorted.
    pub(crate) fn keys(&self, resources: &[String]) -> Result<Keys, ConfigError> {
        let refuse = |requirement: &str| ConfigError::new(Parameter::Resources, resources, requirement);
        if resources.len() > Self::MAX_RESOURCES {
            return Err(refuse("must be at most 128"));
        }
        let keys: BTreeSet<Key> = resources.iter().map(|name| self.key(name)).collect::<Result<_, _>>()?;
        if keys.len() != resources.len() {
            return Err(refuse("must not name a resource twice"));
        }
        Keys::from_vec(keys.into_iter().collect()).ok_or_else(|| refuse("must name at least one resource"))
    }

    /// The resource of a key, where the key is of this format.
    pub(crate) fn resource<'a>(&self, key: &'a Key) -> Option<&'a str> {
        match self {
            Self::Raw => Some(key.as_str()),
            Self::Prefixed(Prefix(prefix)) => key.as_str().strip_prefix(prefix)?.strip_prefix(':'),
        }
    }

    /// What all keys of this format begin with.
    pub(crate) fn key_prefix(&self) -> String {
        match self {
            Self::Raw => String::new(),
            Self::Prefixed(Prefix(prefix)) => format!("{prefix}:"),
        }
    }

    /// Whether a name can be a lock's: see [`check`](Self::check).
    pub(crate) fn is_lock(&self, resource: &str) -> bool {
        self.check(resource).is_ok()
    }

    fn check(&self, resource: &str) -> Result<(), ConfigError> {
        let refuse = |requirement: String| Err(ConfigError::new(Parameter::Resources, resource, requirement));
        if resource.is_empty() {
            return refuse("must not be empty".to_owned());
        }
        if resource.len() > Self::MAX_RESOURCE_BYTES {
            return refuse(format!(
                "must be at most 1024 bytes long, not {}; hash a longer name",
                resource.len()
            ));
        }
        if resource.starts_with(DEPLOYMENT) {
            return refuse(format!(
                "must not begin with {DEPLOYMENT}, where the deployment keeps its own keys; rename it"
            ));
        }
        if let Some(family) = self.family_of(resource) {
            return refuse(format!(
                "must not begin with {family}, where other primitives keep their keys; rename it"
            ));
        }
        if let Some(suffix) = AUXILIARY.into_iter().find(|suffix| resource.ends_with(suffix)) {
            return refuse(format!(
                "must not end with {suffix}, the name of a lock's auxiliary key; rename it"
            ));
        }
        Ok(())
    }

    fn family_of(&self, resource: &str) -> Option<&'static str> {
        let name = match self {
            Self::Prefixed(_) => resource,
            // Raw keys share the nodes with the families' default prefix only.
            Self::Raw => resource.strip_prefix(DEFAULT_PREFIX)?.strip_prefix(':')?,
        };
        FAMILIES.into_iter().find(|family| name.starts_with(family))
    }
}

impl Default for KeyFormat {
    /// `redlock:{resource}`.
    fn default() -> Self {
        Self::Prefixed(Prefix(DEFAULT_PREFIX.to_owned()))
    }
}

/// What names the resources of an acquisition: one name, or a list of them.
///
/// ```
/// use redlock_core::IntoResources;
/// assert_eq!("a".into_resources(), ["a"]);
/// assert_eq!(["a", "b"].into_resources(), ["a", "b"]);
/// assert_eq!(vec![String::from("a")].into_resources(), ["a"]);
/// ```
pub trait IntoResources {
    /// The names.
    fn into_resources(self) -> Vec<String>;
}

impl IntoResources for &str {
    fn into_resources(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl IntoResources for String {
    fn into_resources(self) -> Vec<String> {
        vec![self]
    }
}

impl IntoResources for &String {
    fn into_resources(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl<S: Into<String>> IntoResources for Vec<S> {
    fn into_resources(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: Into<String>, const N: usize> IntoResources for [S; N] {
    fn into_resources(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: AsRef<str>> IntoResources for &[S] {
    fn into_resources(self) -> Vec<String> {
        self.iter().map(|name| name.as_ref().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserved_names_are_refused_with_the_remedy() {
        let format = KeyFormat::default();
        for name in ["", "sem:x", "latch:x", "x:fence", "{x}:queue", "{redlock}:member", &"x".repeat(1_025)] {
            let error = format.key(name).expect_err(name);
            assert_eq!(error.parameter(), Parameter::Resources);
        }
        assert!(KeyFormat::Raw.key("redlock:sem:x").is_err());
        assert!(KeyFormat::Raw.key("sem:x").is_ok());
    }

    proptest! {
        /// No two resources of one format meet, whatever they contain, and no lock meets another family's key.
        /// hazard: 70
        #[test]
        fn the_encoding_is_injective(one in "[a-z:{}*]{1,12}", other in "[a-z:{}*]{1,12}", prefix in "[a-z:]{1,8}") {
            let format = KeyFormat::prefixed(prefix.as_str())?;
            let (Ok(first), Ok(second)) = (format.key(&one), format.key(&other)) else { return Ok(()) };
            prop_assert_eq!(one == other, first == second);
            prop_assert_eq!(format.resource(&first), Some(one.as_str()));
            for family in FAMILIES {
                prop_assert_ne!(first.as_str(), format!("{prefix}:{family}{other}"));
            }
            for suffix in AUXILIARY {
                prop_assert_ne!(first.as_str(), format!("{second}{suffix}"));
                prop_assert_ne!(first.as_str(), format!("{{{second}}}{suffix}"));
            }
        }

        /// hazard: 70
        #[test]
        fn any_name_is_a_key_or_a_typed_error(name in any::<String>()) {
            let _ = KeyFormat::default().key(&name);
            let _ = KeyFormat::Raw.key(&name);
            let _ = KeyFormat::prefixed(name);
        }
    }
}
