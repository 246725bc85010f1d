//! What is sent to the node, in no client's words.

use std::borrow::Cow;

use crate::{Script, Value};

/// One word of a request. Times and numbers are text, as the protocol has them.
pub type Word<'a> = Cow<'a, [u8]>;

/// One request to one node: a native command, or a script with its keys and arguments.
///
/// A client sends [`words`](Self::words), and where [`resend`](Self::resend) has an answer to the reply, sends that too:
///
/// ```
/// use redlock_core::{Command, Inspect, Key, Keys, LockCommand};
/// use redlock_lua::{plan, Value};
///
/// let command = Command::from(LockCommand::Inspect(Inspect::new(Keys::of(Key::new("lock:a")))));
/// let requests = plan(&command)?;
/// let request = &requests[0];
/// assert_eq!(request.words()[0], b"EVALSHA".as_slice());
/// let flushed = Value::error_from_text("NOSCRIPT No matching script. Please use EVAL.");
/// assert_eq!(request.resend(&flushed).expect("the source")[0], b"EVAL".as_slice());
/// assert_eq!(request.resend(&Value::Nil), None);
/// # Ok::<(), redlock_core::BackendError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// The words of a native command.
    Native(Vec<Word<'a>>),
    /// A script, run by its digest.
    Script {
        /// The script.
        script: &'static Script,
        /// Every key that the script touches.
        keys: Vec<Word<'a>>,
        /// The script's arguments.
        args: Vec<Word<'a>>,
    },
}

impl Request<'_> {
    /// What to send: the native command, or `EVALSHA`.
    pub fn words(&self) -> Vec<Word<'_>> {
        match self {
            Self::Native(words) => words.iter().map(borrowed).collect(),
            Self::Script { script, keys, args } => call(b"EVALSHA", script.sha1(), keys, args),
        }
    }

    /// What to send after this reply: `EVAL` where it is `NOSCRIPT`, which proves that nothing was executed.
    /// Nothing else is ever sent twice.
    pub fn resend(&self, reply: &Value) -> Option<Vec<Word<'_>>> {
        match self {
            Self::Script { script, keys, args } if reply.is_noscript() => {
                Some(call(b"EVAL", script.source(), keys, args))
            }
            Self::Script { .. } | Self::Native(_) => None,
        }
    }
}

fn call<'a>(
    verb: &'static [u8],
    script: &'a str,
    keys: &'a [Word<'_>],
    args: &'a [Word<'_>],
) -> Vec<Word<'a>> {
    let mut words = Vec::with_capacity(3 + keys.len() + args.len());
    words.extend([verb.into(), script.as_bytes().into(), keys.len().to_string().into_bytes().into()]);
    words.extend(keys.iter().chain(args).map(borrowed));
    words
}

fn borrowed<'a>(word: &'a Word<'_>) -> Word<'a> {
    Cow::Borrowed(word)
}
