//! One request in fred's words, and the one way in which it is sent.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::ClientLike;
use fred::types::config::Options;
use fred::types::{CustomCommand, Resp3Frame, Value};
use fred::util::redis_keyslot;
use redlock_lua::Word;

/// A command with its arguments.
pub(crate) struct Call {
    command: CustomCommand,
    arguments: Vec<Value>,
}

impl Call {
    /// The words of a request, of which the first is the command's name.
    pub(crate) fn of(words: &[Word<'_>]) -> Self {
        let (name, arguments) = words.split_first().map_or((&[][..], &[][..]), |(name, rest)| (name, rest));
        let name = String::from_utf8_lossy(name).into_owned();
        // A cluster runs the command where its keys are. Of a command that it does not know, fred takes no position.
        let first_key = if name.starts_with("EVAL") { 2 } else { 0 };
        let slot = arguments.get(first_key).map(|key| redis_keyslot(key));
        let arguments = arguments.iter().map(|word| Value::from(&**word)).collect();
        Self { command: CustomCommand::new(name, slot, false), arguments }
    }

    pub(crate) fn new(words: &[&'static str]) -> Self {
        let words: Vec<Word<'_>> = words.iter().map(|word| Word::from(*word)).collect();
        Self::of(&words)
    }

    pub(crate) fn with(mut self, number: i64) -> Self {
        self.arguments.push(Value::from(number.to_string()));
        self
    }

    /// Puts it into the client's queue before it returns, so that the order of the calls is the order on the wire.
    ///
    /// One poll does that: the queue refuses what it cannot take, and never makes a command wait for its place.
    pub(crate) fn begin(self, client: &Client, options: &Options) -> Outcome {
        let client = client.with_options(options);
        let mut reply = Box::pin(async move { client.custom_raw(self.command, self.arguments).await });
        match reply.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Outcome::Known(outcome),
            Poll::Pending => Outcome::Awaited(reply),
        }
    }
}

/// How every command is sent: by one attempt, also where the client is configured to replay; refused where there is no
/// connection, rather than kept for the next one; and without the client's time limit, which knows nothing of deadlines.
pub(crate) fn once() -> Options {
    Options { max_attempts: Some(1), fail_fast: true, timeout: Some(Duration::ZERO), ..Options::default() }
}

/// A reply, or what it will come from.
pub(crate) enum Outcome {
    Known(Result<Resp3Frame, Error>),
    Awaited(Pin<Box<dyn Future<Output = Result<Resp3Frame, Error>> + Send>>),
}

impl Outcome {
    pub(crate) async fn reply(self) -> Result<Resp3Frame, Error> {
        match self {
            Self::Known(outcome) => outcome,
            Self::Awaited(reply) => reply.await,
        }
    }
}
