//! A Lua script and the digest by which a server knows it.

use std::fmt;
use std::sync::OnceLock;

/// A script of this crate: its source, and the SHA-1 by which `EVALSHA` names it.
pub struct Script {
    name: &'static str,
    source: &'static str,
    sha1: OnceLock<String>,
}

impl Script {
    pub(crate) const fn new(name: &'static str, source: &'static str) -> Self {
        Self { name, source, sha1: OnceLock::new() }
    }

    /// The script's file name without its ending.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The Lua source.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// The digest of the source, in hexadecimal.
    ///
    /// ```
    /// let script = redlock_lua::scripts().next().expect("there are scripts");
    /// assert_eq!(script.sha1().len(), 40);
    /// ```
    pub fn sha1(&self) -> &str {
        self.sha1.get_or_init(|| sha1_smol::Sha1::from(self.source).digest().to_string())
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({})", self.name)
    }
}

impl PartialEq for Script {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Script {}

/// All scripts of a node, for tools that load or list them.
pub fn scripts() -> impl Iterator<Item = &'static Script> {
    [&ACQUIRE, &EXTEND, &REPLANT, &LIFT, &RELEASE, &INSPECT, &READ_MEMBER, &CLAIM, &MARK, &ANNOUNCE]
        .into_iter()
}

macro_rules! script {
    ($name:literal $(behind $prelude:literal)*) => {
        Script::new(
            $name,
            concat!(
                $(include_str!(concat!("scripts/", $prelude, ".lua")), "\n",)*
                include_str!(concat!("scripts/", $name, ".lua"))
            ),
        )
    };
}

pub(crate) static ACQUIRE: Script = script!("acquire" behind "acquire_one" behind "state" behind "fence");
pub(crate) static EXTEND: Script = script!("extend" behind "state" behind "fence");
pub(crate) static REPLANT: Script = script!("replant" behind "state" behind "fence");
pub(crate) static LIFT: Script = script!("lift" behind "state" behind "fence");
pub(crate) static RELEASE: Script = script!("release" behind "state");
pub(crate) static INSPECT: Script = script!("inspect" behind "state");
pub(crate) static READ_MEMBER: Script = script!("member" behind "sets");
pub(crate) static CLAIM: Script = script!("claim" behind "run");
pub(crate) static MARK: Script = script!("mark" behind "run");
pub(crate) static ANNOUNCE: Script = script!("announce" behind "sets");

/// What a store does, which is no node: no lock stands there.
pub(crate) static STORE_READ: Script = Script::new("store_read", include_str!("scripts/store_read.lua"));
pub(crate) static STORE_WRITE: Script = Script::new("store_write", include_str!("scripts/store_write.lua"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_sha1_of_the_source() {
        // The example of FIPS 180-1.
        let script = Script::new("abc", "abc");
        assert_eq!(script.sha1(), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn no_two_scripts_are_the_same() {
        let mut digests: Vec<&str> = scripts().map(Script::sha1).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), scripts().count());
    }

    /// `tostring` and `..` print fourteen digits of a number, and `cjson` no more: tokens would be equal that are not.
    ///
    /// hazard: 28
    #[test]
    fn no_script_prints_a_number_but_by_a_format() {
        for script in scripts() {
            for line in script.source().lines().map(str::trim_start).filter(|line| !line.starts_with("--")) {
                assert!(!line.contains("tostring") && !line.contains("cjson"), "{}: {line}", script.name());
                assert!(!line.contains("..") || line.contains("error_reply"), "{}: {line}", script.name());
            }
        }
    }

    /// A key whose expiry is set by a second step stays for ever if the server dies between the two.
    ///
    /// hazard: 52
    #[test]
    fn every_set_carries_its_expiry() {
        for script in scripts() {
            for line in script.source().lines().filter(|line| line.contains("'SET'")) {
                assert!(line.contains("'PX'"), "{}: {line}", script.name());
            }
        }
    }
}
