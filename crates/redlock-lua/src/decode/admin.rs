//! Replies to the admin family.

use std::time::Duration;

use redlock_core::{
    AdminCommand, AdminReply, BackendError, Cursor, Description, Durability, FaultKind, Key, Role, ScanPage,
};

use super::member::{claimed, marker, membership, sets};
use super::{single, unexpected};
use crate::Value;
use crate::fault::{classify, replied};

pub(super) fn decode(command: &AdminCommand, replies: Vec<Value>) -> Result<AdminReply, BackendError> {
    match command {
        AdminCommand::Describe => describe(replies).map(Box::new).map(AdminReply::Described),
        AdminCommand::Scan(_) => scanned(single(replies)?).map(AdminReply::Scanned),
        AdminCommand::ReadMember => membership(single(replies)?).map(AdminReply::Member),
        AdminCommand::Claim(_) => claimed(&single(replies)?).map(AdminReply::Claimed),
        AdminCommand::Mark(_) => marker(single(replies)?).map(AdminReply::Marked),
        AdminCommand::Announce(_) => sets(single(replies)?).map(AdminReply::Announced),
        _ => Err(BackendError::unsupported(command.name())),
    }
}

/// The replies to `INFO`, `CONFIG GET appendfsync`, `CONFIG GET save` and `TIME`.
fn describe(replies: Vec<Value>) -> Result<Description, BackendError> {
    let replies = <[Value; 4]>::try_from(replies);
    let [info, fsync, save, time] =
        replies.map_err(|_| BackendError::protocol("not four replies to a description"))?;
    let info = Info(told(info)?.as_ref().and_then(text).unwrap_or_default());
    let fsync = told(fsync)?.as_ref().and_then(parameter);
    let save = told(save)?.as_ref().and_then(parameter);
    let mut description = Description::default();
    description.run_id = info.get("run_id").map(str::to_owned);
    description.replication_id = info.get("master_replid").map(str::to_owned);
    description.uptime = info.number("uptime_in_seconds").map(Duration::from_secs);
    description.role = role(&info);
    description.version = info.get("valkey_version").or(info.get("redis_version")).map(str::to_owned);
    description.durability = durability(&info, fsync.as_deref(), save.as_deref());
    description.replicas = info.number("connected_slaves");
    description.eviction = info.get("maxmemory_policy").map(str::to_owned);
    description.time = told(time)?.as_ref().and_then(wall_clock);
    Ok(description)
}

/// What the node told; nothing where it may not or cannot. A node that cannot answer *now* is an error.
fn told(reply: Value) -> Result<Option<Value>, BackendError> {
    match reply {
        Value::Error { code, message } => {
            let kind = classify(&code, &message);
            let withheld = matches!(kind, FaultKind::Permission | FaultKind::Rejected);
            if withheld { Ok(None) } else { Err(replied(&code, &message)) }
        }
        value => Ok(Some(value)),
    }
}

/// The lines `name:value` of `INFO`.
struct Info(String);

impl Info {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}

fn role(info: &Info) -> Option<Role> {
    match info.get("role")? {
        // A master keeps the offset at which it stopped to be a replica.
        "master" if info.get("second_repl_offset").is_some_and(|offset| offset != "-1") => {
            Some(Role::Promoted)
        }
        "master" => Some(Role::Master),
        "slave" | "replica" => Some(Role::Replica),
        _ => None,
    }
}

fn durability(info: &Info, fsync: Option<&str>, save: Option<&str>) -> Option<Durability> {
    match (info.get("aof_enabled")?, fsync, save) {
        ("1", Some("always"), _) => Some(Durability::Always),
        ("0", _, Some("")) => Some(Durability::Nothing),
        ("1", Some(_), _) | ("0", _, Some(_)) => Some(Durability::Partial),
        _ => None,
    }
}

/// The value in a reply to `CONFIG GET`.
fn parameter(reply: &Value) -> Option<String> {
    match reply {
        Value::Array(pair) => pair.get(1).and_then(text),
        _ => None,
    }
}

/// Seconds and microseconds.
fn wall_clock(reply: &Value) -> Option<Duration> {
    let Value::Array(parts) = reply else { return None };
    let [seconds, micros] = parts.as_slice() else { return None };
    let seconds = Duration::from_secs(text(seconds)?.parse().ok()?);
    seconds.checked_add(Duration::from_micros(text(micros)?.parse().ok()?))
}

fn scanned(reply: Value) -> Result<ScanPage, BackendError> {
    let parts = match reply {
        Value::Array(parts) => parts,
        other => return Err(unexpected(&other)),
    };
    let [next, keys] = <[Value; 2]>::try_from(parts).map_err(|parts| unexpected(&Value::Array(parts)))?;
    let next = text(&next).and_then(|text| text.parse().ok()).ok_or_else(|| unexpected(&next))?;
    match keys {
        Value::Array(keys) => Ok(ScanPage::new(Cursor(next), keys.into_iter().filter_map(key).collect())),
        other => Err(unexpected(&other)),
    }
}

fn key(reply: Value) -> Option<Key> {
    match reply {
        Value::Bytes(bytes) => String::from_utf8(bytes).ok().map(Key::new),
        _ => None,
    }
}

pub(super) fn text(reply: &Value) -> Option<String> {
    match reply {
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\nrun_id:ab12\r\nuptime_in_seconds:7\r\n\
                        # Persistence\r\naof_enabled:1\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n\
                        # Replication\r\nrole:master\r\nconnected_slaves:2\r\nsecond_repl_offset:-1\r\n";

    fn bytes(text: &str) -> Value {
        Value::Bytes(text.as_bytes().to_vec())
    }

    fn pair(name: &str, value: &str) -> Value {
        Value::Array(vec![bytes(name), bytes(value)])
    }

    fn described(info: Value, fsync: Value) -> Result<Description, BackendError> {
        describe(vec![info, fsync, pair("save", ""), pair("1700000000", "250000")])
    }

    #[test]
    fn a_node_that_may_tell_all() {
        let description = described(bytes(INFO), pair("appendfsync", "always")).expect("a description");
        let mut expected = Description::default();
        expected.run_id = Some("ab12".into());
        expected.uptime = Some(Duration::from_secs(7));
        expected.role = Some(Role::Master);
        expected.version = Some("7.0.15".into());
        expected.durability = Some(Durability::Always);
        expected.replicas = Some(2);
        expected.eviction = Some("noeviction".into());
        expected.time = Some(Duration::from_millis(1_700_000_000_250));
        assert_eq!(description, expected);
    }

    #[test]
    fn what_is_refused_is_unknown() {
        let refused = || Value::error_from_text("NOPERM this user has no permissions");
        let description = described(bytes(INFO), refused()).expect("a description");
        assert_eq!(description.durability, None);
        let description = described(refused(), refused()).expect("a description");
        assert_eq!((description.run_id, description.role), (None, None));
        assert!(description.time.is_some());
    }

    #[test]
    fn a_loading_node_describes_nothing() {
        let loading = Value::error_from_text("LOADING Redis is loading the dataset in memory");
        let error = described(loading, pair("appendfsync", "no")).expect_err("an error");
        assert_eq!(error.kind(), FaultKind::Loading);
    }

    /// hazard: 15
    #[test]
    fn a_promoted_replica_is_told_from_a_master() {
        let info = INFO.replace("second_repl_offset:-1", "second_repl_offset:42");
        let description = described(bytes(&info), pair("appendfsync", "no")).expect("a description");
        assert_eq!(description.role, Some(Role::Promoted));
    }

    #[test]
    fn keys_that_are_no_text_are_left_out() {
        let keys = Value::Array(vec![bytes("a"), Value::Bytes(vec![0xff])]);
        let page = scanned(Value::Array(vec![bytes("17"), keys])).expect("a page");
        assert_eq!(page, ScanPage::new(Cursor(17), vec![Key::new("a")]));
    }
}
