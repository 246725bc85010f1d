//! Replies to the lock family. The shapes are those that the scripts describe at their heads.

use std::time::Duration;

use redlock_core::{
    Acquire, BackendError, Blocker, FencingToken, Grant, KeyState, Keys, LockCommand, LockReply, LockValue,
    Ownership, Refusal, Released,
};

use super::unexpected;
use crate::Value;

pub(super) fn decode(command: &LockCommand, reply: Value) -> Result<LockReply, BackendError> {
    match command {
        LockCommand::Acquire(acquire) => acquired(acquire, reply),
        LockCommand::Extend(_) => ownership(&reply).map(LockReply::Extended),
        LockCommand::RePlant(_) => flag(&reply).map(LockReply::RePlanted),
        LockCommand::Lift(_) => ownership(&reply).map(LockReply::Lifted),
        LockCommand::Release(_) => released(&reply).map(LockReply::Released),
        LockCommand::Inspect(inspect) => states(&inspect.keys, reply).map(LockReply::Inspected),
        LockCommand::Evict(_) => count(&reply).map(LockReply::Evicted),
        _ => Err(BackendError::unsupported(command.name())),
    }
}

/// `OK` or nothing from `SET … NX`; 1, a token or `{place, state}` from the script.
fn acquired(acquire: &Acquire, reply: Value) -> Result<LockReply, BackendError> {
    let grant = match (&reply, acquire.fence) {
        (Value::Bytes(text), None) if text == b"OK" => Grant::new(),
        (Value::Int(1), None) => Grant::new(),
        (Value::Bytes(digits), Some(_)) => Grant::fenced(token(digits)?),
        (Value::Nil, None) => return Ok(LockReply::Refused(Refusal::new())),
        _ => return refused(&acquire.keys, reply).map(|blocker| LockReply::Refused(Refusal::by(blocker))),
    };
    Ok(LockReply::Granted(grant))
}

fn token(digits: &[u8]) -> Result<FencingToken, BackendError> {
    let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    number.and_then(FencingToken::new).ok_or_else(|| BackendError::protocol("no fencing token"))
}

fn refused(keys: &Keys, reply: Value) -> Result<Blocker, BackendError> {
    let [place, blocking] = parts(reply)?;
    // Lua counts from one.
    let place = count(&place)?.checked_sub(1).and_then(|place| usize::try_from(place).ok());
    let key = place.and_then(|place| keys.as_slice().get(place));
    let key = key.ok_or_else(|| BackendError::protocol("refused by a key that was not asked for"))?;
    Ok(Blocker { key: key.clone(), state: state(blocking)? })
}

fn ownership(reply: &Value) -> Result<Ownership, BackendError> {
    match reply {
        Value::Int(1) => Ok(Ownership::Mine),
        Value::Int(0) => Ok(Ownership::Absent),
        Value::Int(-1) => Ok(Ownership::Other),
        other => Err(unexpected(other)),
    }
}

fn flag(reply: &Value) -> Result<bool, BackendError> {
    match reply {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        other => Err(unexpected(other)),
    }
}

fn released(reply: &Value) -> Result<Released, BackendError> {
    match reply {
        Value::Array(parts) => match parts.as_slice() {
            [removed, taken] => Ok(Released::new(count(removed)?, count(taken)?)),
            _ => Err(unexpected(reply)),
        },
        other => Err(unexpected(other)),
    }
}

fn states(keys: &Keys, reply: Value) -> Result<Vec<KeyState>, BackendError> {
    match reply {
        Value::Array(states) if states.len() == keys.len() => states.into_iter().map(state).collect(),
        other => Err(unexpected(&other)),
    }
}

/// Nothing, `{type, remaining, value}`, or `{type, remaining}` of what is no string.
fn state(reply: Value) -> Result<KeyState, BackendError> {
    let parts = match reply {
        Value::Nil => return Ok(KeyState::Free),
        Value::Array(parts) => parts,
        other => return Err(unexpected(&other)),
    };
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Value::Bytes(kind)), Some(Value::Int(left)), None, None) => {
            let kind = String::from_utf8_lossy(&kind).into_owned();
            Ok(KeyState::Foreign { kind, remaining: remaining(left) })
        }
        (Some(Value::Bytes(_)), Some(Value::Int(left)), Some(Value::Bytes(value)), None) => {
            Ok(KeyState::Held { value: LockValue::from_bytes(value), remaining: remaining(left) })
        }
        _ => Err(BackendError::protocol("a key's state in an unknown form")),
    }
}

/// `PTTL` answers -1 for a key without an expiry.
fn remaining(millis: i64) -> Option<Duration> {
    u64::try_from(millis).ok().map(Duration::from_millis)
}

fn count(reply: &Value) -> Result<u64, BackendError> {
    match reply {
        Value::Int(number) => u64::try_from(*number).map_err(|_| unexpected(reply)),
        other => Err(unexpected(other)),
    }
}

fn parts(reply: Value) -> Result<[Value; 2], BackendError> {
    match reply {
        Value::Array(parts) => {
            <[Value; 2]>::try_from(parts).map_err(|parts| unexpected(&Value::Array(parts)))
        }
        other => Err(unexpected(&other)),
    }
}

#[cfg(test)]
mod tests {
    use redlock_core::{FenceProposal, Key, Ttl};

    use super::*;

    fn two() -> Keys {
        Keys::of(Key::new("a")).and(Key::new("b"))
    }

    fn text(text: &str) -> Value {
        Value::Bytes(text.as_bytes().to_vec())
    }

    fn acquire(reply: Value) -> Result<LockReply, BackendError> {
        let acquire = Acquire::new(two(), LockValue::from_bytes(*b"v"), Ttl::SECOND);
        decode(&LockCommand::Acquire(acquire), reply)
    }

    #[test]
    fn a_refusal_names_the_blocking_key() {
        let state = Value::Array(vec![text("hash"), Value::Int(-1)]);
        let reply = acquire(Value::Array(vec![Value::Int(2), state])).expect("a refusal");
        let state = KeyState::Foreign { kind: "hash".into(), remaining: None };
        assert_eq!(reply, LockReply::Refused(Refusal::by(Blocker { key: Key::new("b"), state })));
    }

    #[test]
    fn a_native_refusal_names_nobody() {
        assert_eq!(acquire(Value::Nil).expect("a refusal"), LockReply::Refused(Refusal::new()));
    }

    #[test]
    fn a_refusal_by_a_key_that_was_not_asked_for_is_an_error() {
        for place in [0, 3, -1] {
            let reply = Value::Array(vec![Value::Int(place), Value::Nil]);
            acquire(reply).expect_err("no such key");
        }
    }

    /// Sixteen digits, as a script writes them; a number that a double cannot hold is no token.
    ///
    /// hazard: 28
    #[test]
    fn a_token_is_read_digit_by_digit() {
        let proposal = FenceProposal::new(FencingToken::MIN);
        let acquire = Acquire::new(two(), LockValue::from_bytes(*b"v"), Ttl::SECOND).fenced(proposal);
        let read = |reply| decode(&LockCommand::Acquire(acquire.clone()), reply);
        let exact = FencingToken::new(1_763_793_226_000_001).expect("in range");
        let granted = LockReply::Granted(Grant::fenced(exact));
        assert_eq!(read(text("1763793226000001")).expect("a grant"), granted);
        for wrong in ["1.763793226e+15", "9007199254740992", "0", "-1", "OK", ""] {
            read(text(wrong)).expect_err(wrong);
        }
        read(Value::Int(1)).expect_err("a grant without a token");
    }

    #[test]
    fn a_held_key_has_its_value_and_its_time() {
        let reply = Value::Array(vec![text("string"), Value::Int(1500), Value::Bytes(vec![0, 255])]);
        let held = KeyState::Held {
            value: LockValue::from_bytes([0, 255]),
            remaining: Some(Duration::from_millis(1500)),
        };
        assert_eq!(state(reply).expect("a state"), held);
    }

    #[test]
    fn an_empty_reply_to_an_extension_is_no_acknowledgement() {
        assert_eq!(ownership(&Value::Int(0)).expect("known"), Ownership::Absent);
        assert_eq!(ownership(&Value::Int(-1)).expect("known"), Ownership::Other);
        ownership(&Value::Nil).expect_err("no number");
    }
}
