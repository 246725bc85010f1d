//! From the redis crate's replies and errors to ours.

use redis::{ErrorKind, RedisError, RedisResult, ServerError};
use redlock_core::{BackendError, FaultKind, Sent};
use redlock_lua::{Value, classify};

/// A reply, errors of the server included; or the failure of the connection.
pub(crate) fn reply(outcome: RedisResult<redis::Value>) -> Result<Value, BackendError> {
    match outcome {
        Ok(reply) => value(reply),
        Err(error) => match error.code() {
            Some(code) => Ok(server_error(code, error.detail())),
            None => Err(lost(error)),
        },
    }
}

/// An error at the making of a connection.
pub(crate) fn not_connected(error: &RedisError) -> BackendError {
    let kind = match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) => FaultKind::Authentication,
        (_, Some(code)) => classify(code, error.detail().unwrap_or_default()),
        (ErrorKind::Io, None) => FaultKind::Unreachable,
        (kind, None) if is_searching(kind) => FaultKind::Unreachable,
        _ => FaultKind::Protocol,
    };
    BackendError::new(kind, Sent::No, error.to_string()).with_source(error.clone())
}

/// What the client says while it has no server: sentinels have not agreed on a master yet, or a cluster's master is away.
fn is_searching(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::ClusterConnectionNotFound)
}

fn lost(error: RedisError) -> BackendError {
    let ended = error.is_io_error() || is_searching(error.kind());
    let kind = if ended { FaultKind::Closed } else { FaultKind::Protocol };
    BackendError::new(kind, Sent::Maybe, error.to_string()).with_source(error)
}

fn value(reply: redis::Value) -> Result<Value, BackendError> {
    use redis::Value as Theirs;
    Ok(match reply {
        Theirs::Nil => Value::Nil,
        Theirs::Int(number) => Value::Int(number),
        Theirs::Boolean(flag) => Value::Int(i64::from(flag)),
        Theirs::BulkString(bytes) => Value::Bytes(bytes),
        Theirs::SimpleString(text) | Theirs::VerbatimString { text, .. } => Value::Bytes(text.into_bytes()),
        Theirs::Okay => Value::Bytes(b"OK".to_vec()),
        Theirs::Array(values) | Theirs::Set(values) => array(values)?,
        Theirs::Map(pairs) => array(pairs.into_iter().flat_map(|(key, value)| [key, value]))?,
        Theirs::Attribute { data, .. } => value(*data)?,
        Theirs::ServerError(error) => told(&error),
        // Doubles, big numbers and pushes answer none of our commands.
        _ => return Err(BackendError::protocol("a reply of an unknown type")),
    })
}

fn array(values: impl IntoIterator<Item = redis::Value>) -> Result<Value, BackendError> {
    values.into_iter().map(value).collect::<Result<_, _>>().map(Value::Array)
}

fn told(error: &ServerError) -> Value {
    server_error(error.code(), error.details())
}

fn server_error(code: &str, message: Option<&str>) -> Value {
    Value::Error { code: code.to_owned(), message: message.unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_resp3_is_an_array() {
        let map = redis::Value::Map(vec![(redis::Value::SimpleString("save".into()), redis::Value::Okay)]);
        let flat = Value::Array(vec![Value::Bytes(b"save".to_vec()), Value::Bytes(b"OK".to_vec())]);
        assert_eq!(reply(Ok(map)).expect("known"), flat);
    }

    #[test]
    fn an_end_of_the_connection_may_hide_an_execution() {
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        let error = reply(Err(error)).expect_err("no reply");
        assert_eq!((error.kind(), error.sent()), (FaultKind::Closed, Sent::Maybe));
    }

    #[test]
    fn a_server_that_the_client_still_looks_for_is_worth_another_attempt() {
        for kind in [ErrorKind::MasterNameNotFoundBySentinel, ErrorKind::ClusterConnectionNotFound] {
            let error = RedisError::from((kind, "not found"));
            let before = not_connected(&error);
            assert_eq!((before.kind(), before.sent()), (FaultKind::Unreachable, Sent::No), "{kind:?}");
            let after = reply(Err(error)).expect_err("no reply");
            assert_eq!((after.kind(), after.sent()), (FaultKind::Closed, Sent::Maybe), "{kind:?}");
            assert!(before.is_retryable() && after.is_retryable());
        }
    }

    #[test]
    fn an_error_of_the_server_is_a_reply() {
        let error = redis::make_extension_error("OOM".into(), Some("not allowed".into()));
        let value = Value::Error { code: "OOM".into(), message: "not allowed".into() };
        assert_eq!(reply(Err(error)).expect("a reply"), value);
    }
}
