//! From a server's replies to an answer.

mod admin;
mod lock;
mod member;

use redlock_core::{Answer, BackendError, Command};

use crate::Value;
use crate::fault::replied;

/// The answer that these replies to the requests of [`plan`](crate::plan), in their order, are to `command`.
///
/// An error that the server answered becomes a [`BackendError`] with [`Sent::Replied`](redlock_core::Sent); a reply of
/// an unexpected shape one of the kind [`Protocol`](redlock_core::FaultKind::Protocol).
///
/// ```
/// use redlock_core::{Answer, Command, Evict, Key, Keys, LockCommand, LockReply};
/// use redlock_lua::{decode, Value};
///
/// let command = Command::from(LockCommand::Evict(Evict::new(Keys::of(Key::new("lock:a")))));
/// let answer = decode(&command, vec![Value::Int(1)])?;
/// assert_eq!(answer, Answer::Lock(LockReply::Evicted(1)));
/// # Ok::<(), redlock_core::BackendError>(())
/// ```
pub fn decode(command: &Command, replies: Vec<Value>) -> Result<Answer, BackendError> {
    match command {
        Command::Lock(command) => lock::decode(command, single(replies)?).map(Answer::Lock),
        Command::Admin(command) => admin::decode(command, replies).map(Answer::Admin),
        _ => Err(BackendError::unsupported(command.name())),
    }
}

/// The only reply; an error that the server answered is the command's error.
fn single(replies: Vec<Value>) -> Result<Value, BackendError> {
    match <[Value; 1]>::try_from(replies) {
        Ok([Value::Error { code, message }]) => Err(replied(&code, &message)),
        Ok([value]) => Ok(value),
        Err(replies) => Err(BackendError::protocol(format!("{} replies to one request", replies.len()))),
    }
}

fn unexpected(value: &Value) -> BackendError {
    let shape = match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::Bytes(_) => "a string",
        Value::Array(_) => "an array",
        Value::Error { code, message } => return replied(code, message),
    };
    // What was answered may be a token, so only its shape is told.
    BackendError::protocol(format!("answered by {shape} that does not fit the command"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redlock_core::{FaultKind, Sent};

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            (-3_i64..3).prop_map(Value::Int),
            any::<i64>().prop_map(Value::Int),
            any::<Vec<u8>>().prop_map(Value::Bytes),
            "[a-z_]{1,12}:[0-9a-z]{1,8}\r\n".prop_map(|text| Value::Bytes(text.into_bytes())),
            ("[A-Z]{1,8}", ".*").prop_map(|(code, message)| Value::Error { code, message }),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Value::Array))
    }

    proptest! {
        #[test]
        fn decoding_any_replies_never_panics(replies in proptest::collection::vec(any_value(), 0..5)) {
            for command in Command::samples() {
                let _ = decode(&command, replies.clone());
                for reply in &replies {
                    let _ = decode(&command, vec![reply.clone()]);
                }
            }
        }
    }

    /// An error must never look like a refusal: "locked by another" sends the user to the wrong place.
    ///
    /// hazard: 54
    #[test]
    fn a_servers_error_is_no_refusal() {
        for command in Command::samples().iter().filter(|command| matches!(command, Command::Lock(_))) {
            let error = decode(command, vec![Value::error_from_text("READONLY You can't write")]);
            let error = error.expect_err("an error");
            assert_eq!((error.kind(), error.sent()), (FaultKind::ReadOnly, Sent::Replied));
        }
    }
}
