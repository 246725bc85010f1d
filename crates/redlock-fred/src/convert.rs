//! From fred's frames and errors to ours.

use fred::error::{Error, ErrorKind};
use fred::types::Resp3Frame;
use redlock_core::{BackendError, FaultKind, Sent};
use redlock_lua::{Value, classify};

use crate::tls;

/// A reply, errors of the server included.
pub(crate) fn reply(frame: Resp3Frame) -> Result<Value, BackendError> {
    Ok(match frame {
        Resp3Frame::Null => Value::Nil,
        Resp3Frame::Number { data, .. } => Value::Int(data),
        Resp3Frame::Boolean { data, .. } => Value::Int(i64::from(data)),
        Resp3Frame::BlobString { data, .. }
        | Resp3Frame::SimpleString { data, .. }
        | Resp3Frame::VerbatimString { data, .. } => Value::Bytes(data.to_vec()),
        Resp3Frame::SimpleError { data, .. } => Value::error_from_text(&data),
        Resp3Frame::BlobError { data, .. } => Value::error_from_text(&String::from_utf8_lossy(&data)),
        Resp3Frame::Array { data, .. } => array(data)?,
        Resp3Frame::Set { data, .. } => array(data)?,
        Resp3Frame::Map { data, .. } => array(data.into_iter().flat_map(|(key, value)| [key, value]))?,
        // Doubles, big numbers and pushes answer none of our commands.
        _ => return Err(BackendError::protocol("a reply of an unknown type")),
    })
}

fn array(frames: impl IntoIterator<Item = Resp3Frame>) -> Result<Value, BackendError> {
    frames.into_iter().map(reply).collect::<Result<_, _>>().map(Value::Array)
}

/// An error at the making of a connection.
pub(crate) fn not_connected(error: Error) -> BackendError {
    convert(error, FaultKind::Unreachable, Sent::No)
}

/// An error of a command that was handed to the client: the connection's, since the server's errors are replies.
pub(crate) fn lost(error: Error) -> BackendError {
    // A full queue takes nothing.
    let sent = if *error.kind() == ErrorKind::Backpressure { Sent::No } else { Sent::Maybe };
    convert(error, FaultKind::Closed, sent)
}

/// The server's words are in the text, if anywhere: the first word is its code.
fn convert(error: Error, otherwise: FaultKind, sent: Sent) -> BackendError {
    let (code, message) = error.details().split_once(' ').unwrap_or((error.details(), ""));
    let kind = match (classify(code, message), error.kind()) {
        (FaultKind::Rejected, ErrorKind::Auth) => FaultKind::Authentication,
        (FaultKind::Rejected, ErrorKind::Timeout) => FaultKind::Timeout,
        (FaultKind::Rejected, _) if tls::is_refusal(&error) => FaultKind::Protocol,
        (FaultKind::Rejected, ErrorKind::Parse | ErrorKind::Protocol) => FaultKind::Protocol,
        (FaultKind::Rejected, _) if code == "ERR" => FaultKind::Rejected,
        (FaultKind::Rejected, _) => otherwise,
        (known, _) => known,
    };
    BackendError::new(kind, sent, error.details()).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(text: &'static str) -> Resp3Frame {
        Resp3Frame::BlobString { data: text.as_bytes().into(), attributes: None }
    }

    #[test]
    fn a_map_of_resp3_is_an_array() {
        let map = Resp3Frame::Map { data: [(blob("save"), blob(""))].into(), attributes: None };
        let flat = Value::Array(vec![Value::Bytes(b"save".to_vec()), Value::Bytes(Vec::new())]);
        assert_eq!(reply(map).expect("known"), flat);
    }

    #[test]
    fn an_error_of_the_server_is_a_reply() {
        let frame = Resp3Frame::SimpleError { data: "OOM not allowed".into(), attributes: None };
        let value = Value::Error { code: "OOM".into(), message: "not allowed".into() };
        assert_eq!(reply(frame).expect("a reply"), value);
    }

    #[test]
    fn the_kind_of_an_error_is_in_its_first_word() {
        let kind = |kind, text: &'static str| not_connected(Error::new(kind, text)).kind();
        assert_eq!(kind(ErrorKind::Unknown, "LOADING Redis is loading"), FaultKind::Loading);
        assert_eq!(kind(ErrorKind::Auth, "WRONGPASS invalid username"), FaultKind::Authentication);
        assert_eq!(kind(ErrorKind::IO, "Connection refused (os error 111)"), FaultKind::Unreachable);
        assert_eq!(kind(ErrorKind::Timeout, "Request timed out."), FaultKind::Timeout);
    }

    #[test]
    fn an_end_of_the_connection_may_hide_an_execution() {
        let error = lost(Error::new(ErrorKind::IO, "Connection closed."));
        assert_eq!((error.kind(), error.sent()), (FaultKind::Closed, Sent::Maybe));
    }
}
