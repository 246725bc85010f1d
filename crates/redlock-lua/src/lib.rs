//! Each command of [`redlock_core`] as the shortest Redis command or Lua script that does it, and the decoding of its
//! reply. For authors of backends on a Redis client; no I/O happens here.
//!
//! A backend on a client library is thin: [`plan`] the command, send the [`words`](Request::words) of each request,
//! [`resend`](Request::resend) after `NOSCRIPT`, convert the replies into [`Value`]s, [`decode`] them.
//!
//! ```
//! use redlock_core::{Answer, BackendError, Command};
//! use redlock_lua::{Value, Word, decode, plan};
//!
//! /// `send` stands for a client: it sends the words of one command and waits for the reply.
//! fn run(command: &Command, send: impl Fn(&[Word<'_>]) -> Value) -> Result<Answer, BackendError> {
//!     let mut replies = Vec::new();
//!     for request in plan(command)? {
//!         let mut reply = send(request.words());
//!         if let Some(words) = request.resend(&reply) {
//!             reply = send(&words);
//!         }
//!         replies.push(reply);
//!     }
//!     decode(command, replies)
//! }
//! ```
//!
//! The scripts run on Redis 6.2 and later and on Valkey. They declare every key that they touch, and a key that holds
//! something else than a string is a refusal to them, not an error.

mod decode;
mod fault;
mod plan;
mod request;
mod script;
mod store;
mod value;
mod word;

pub use decode::decode;
pub use fault::classify;
pub use plan::plan;
pub use request::Request;
pub use script::{Script, scripts};
pub use store::{decode_store, store_read, store_write};
pub use value::Value;
pub use word::Word;
