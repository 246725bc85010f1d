//! The store's side of a fencing token, on Redis: a value that refuses whoever shows an older token.

use redlock_core::{BackendError, FencedStoreError, FencingToken};

use crate::script::{STORE_READ, STORE_WRITE};
use crate::{Request, Value, classify};

/// Reads what a fenced lock protects, and remembers the token. Answered by [`decode_store`].
///
/// The key is a hash with the fields `token` and `value`, so that the two are never apart.
pub fn store_read(key: &[u8], token: FencingToken) -> Request<'_> {
    Request::script(&STORE_READ, [key.into()], [token.get().into()])
}

/// Writes what a fenced lock protects, and remembers the token. Answered by [`decode_store`], with nothing.
///
/// ```
/// use redlock_core::{FencedStoreError, FencingToken};
/// use redlock_lua::{Value, decode_store, store_write};
///
/// let token = FencingToken::try_from(1_763_793_226_000_001)?;
/// let request = store_write(b"report", token, b"text");
/// assert_eq!(request.words().last().map(|word| &**word), Some(b"text".as_slice()));
/// // What the script answers to a writer that is too late.
/// let seen = Value::Bytes(b"1763793226000002".to_vec());
/// let late = decode_store(Value::Array(vec![Value::Int(0), seen]), token);
/// assert!(matches!(late, Err(FencedStoreError::Stale { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn store_write<'a>(key: &'a [u8], token: FencingToken, value: &'a [u8]) -> Request<'a> {
    Request::script(&STORE_WRITE, [key.into()], [token.get().into(), value.into()])
}

/// What the store answered to a request that showed that token.
///
/// # Errors
///
/// `Stale` where a greater token has been there; `Store` for any error of the server and for what is no answer.
pub fn decode_store(
    reply: Value,
    shown: FencingToken,
) -> Result<Option<Vec<u8>>, FencedStoreError<BackendError>> {
    let parts = match reply {
        Value::Array(parts) => parts,
        Value::Error { code, message } => return Err(refused(&code, &message).into()),
        _ => return Err(no_answer().into()),
    };
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Value::Int(1)), None, None) => Ok(None),
        (Some(Value::Int(1)), Some(Value::Bytes(value)), None) => Ok(Some(value)),
        (Some(Value::Int(0)), Some(Value::Bytes(seen)), None) => {
            let seen = token(&seen).ok_or_else(no_answer)?;
            Err(FencedStoreError::Stale { shown, seen })
        }
        _ => Err(no_answer().into()),
    }
}

fn token(digits: &[u8]) -> Option<FencingToken> {
    FencingToken::new(std::str::from_utf8(digits).ok()?.parse().ok()?)
}

fn refused(code: &str, message: &str) -> BackendError {
    BackendError::new(classify(code, message), redlock_core::Sent::Replied, format!("{code} {message}"))
}

fn no_answer() -> BackendError {
    BackendError::protocol("not an answer of a fenced store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_is_an_error_of_the_store() {
        let token = FencingToken::MIN;
        let bad = [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(0), Value::Bytes(b"9007199254740992".to_vec())]),
            Value::error_from_text("WRONGTYPE Operation against a key"),
        ];
        for reply in bad {
            let error = decode_store(reply.clone(), token).expect_err("no answer");
            assert!(matches!(error, FencedStoreError::Store(_)), "{reply:?}: {error}");
        }
    }
}
