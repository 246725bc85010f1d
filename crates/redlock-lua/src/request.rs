//! What is sent to the node, in no client's words.

use crate::{Script, Value, Word};

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
/// assert_eq!(*request.words()[0], *b"EVALSHA");
/// let flushed = Value::error_from_text("NOSCRIPT No matching script. Please use EVAL.");
/// assert_eq!(*request.resend(&flushed).expect("the source")[0], *b"EVAL");
/// assert_eq!(request.resend(&Value::Nil), None);
/// # Ok::<(), redlock_core::BackendError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    script: Option<&'static Script>,
    words: Vec<Word<'a>>,
}

/// How many words stand before the keys of a script: `EVALSHA`, the digest, and how many keys there are.
const HEAD: usize = 3;

impl<'a> Request<'a> {
    /// A native command.
    pub(crate) fn native(words: impl IntoIterator<Item = Word<'a>>) -> Self {
        Self { script: None, words: words.into_iter().collect() }
    }

    /// A script, run by its digest. The keys are all that it touches.
    pub(crate) fn script(
        script: &'static Script,
        keys: impl IntoIterator<Item = Word<'a>>,
        args: impl IntoIterator<Item = Word<'a>>,
    ) -> Self {
        let (keys, args) = (keys.into_iter(), args.into_iter());
        let room = HEAD.saturating_add(keys.size_hint().0).saturating_add(args.size_hint().0);
        let mut words = Vec::with_capacity(room);
        words.extend(["EVALSHA", script.sha1(), ""].map(Word::from));
        words.extend(keys);
        let count = words.len().saturating_sub(HEAD);
        if let Some(place) = words.get_mut(HEAD - 1) {
            *place = Word::from(count);
        }
        words.extend(args);
        Self { script: Some(script), words }
    }

    /// What to send: the native command, or `EVALSHA`.
    pub fn words(&self) -> &[Word<'a>] {
        &self.words
    }

    /// What to send after this reply: `EVAL` where it is `NOSCRIPT`, which proves that nothing was executed.
    /// Nothing else is ever sent twice.
    pub fn resend(&self, reply: &Value) -> Option<Vec<Word<'_>>> {
        let script = self.script.filter(|_| reply.is_noscript())?;
        let named = self.words.iter().skip(2).map(Word::borrowed);
        Some([Word::from("EVAL"), Word::from(script.source())].into_iter().chain(named).collect())
    }
}
