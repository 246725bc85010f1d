//! A reply of a server, in no client's types.

/// A server's reply. Each adapter converts its client's replies into this.
///
/// Simple strings and bulk strings are both [`Bytes`](Self::Bytes); a map of RESP3 is the [`Array`](Self::Array) of its
/// keys and values in turn, as RESP2 sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A number.
    Int(i64),
    /// A string.
    Bytes(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// An error that the server answered.
    Error {
        /// Its first word (`NOSCRIPT`, `OOM`, `ERR`).
        code: String,
        /// The rest of it.
        message: String,
    },
}

impl Value {
    /// An error as a server words it: the code is the first word.
    ///
    /// ```
    /// use redlock_lua::Value;
    /// let error = Value::error_from_text("OOM command not allowed");
    /// assert_eq!(error, Value::Error { code: "OOM".into(), message: "command not allowed".into() });
    /// ```
    pub fn error_from_text(text: &str) -> Self {
        let text = text.strip_prefix('-').unwrap_or(text);
        let (code, message) = text.split_once(' ').unwrap_or((text, ""));
        Self::Error { code: code.to_owned(), message: message.to_owned() }
    }

    /// Whether the server does not know the script, and so has executed nothing.
    pub fn is_noscript(&self) -> bool {
        matches!(self, Self::Error { code, .. } if code == "NOSCRIPT")
    }
}
