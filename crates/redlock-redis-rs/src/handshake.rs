//! Who the peer is, and the end of the connection before.

use redis::{Cmd, Pipeline, Value};
#[cfg(any(feature = "cluster", feature = "connection-manager"))]
use redlock_core::{BackendError, FaultKind, Sent};

#[cfg(any(feature = "cluster", feature = "connection-manager"))]
use crate::convert;

/// Which connection of which server's run this is, in the server's own words; each unknown where the user may not ask, or
/// where the server answers nothing now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) client_id: Option<i64>,
    pub(crate) run_id: Option<String>,
}

/// How many replies [`questions`] get.
pub(crate) const QUESTIONS: usize = 2;

/// What the server calls this connection and its own run.
pub(crate) fn questions() -> Pipeline {
    let mut questions = redis::pipe();
    questions.cmd("CLIENT").arg("ID").cmd("INFO").arg("server");
    questions
}

impl Peer {
    /// Who gave these answers to the [`questions`].
    pub(crate) fn of<'a>(answers: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut peer = Self::default();
        for answer in answers {
            match answer {
                Value::Int(id) => peer.client_id = Some(*id),
                Value::BulkString(info) => peer.run_id = run_id(&String::from_utf8_lossy(info)),
                Value::VerbatimString { text, .. } => peer.run_id = run_id(text),
                _ => {}
            }
        }
        peer
    }

    /// Whether it can be told from every other connection.
    #[cfg(any(feature = "cluster", feature = "connection-manager"))]
    pub(crate) fn is_known(&self) -> bool {
        self.client_id.is_some() && self.run_id.is_some()
    }

    /// What makes the server forget what the connection before still has under way; nothing where there is no need. Of
    /// another run the number may be another client's.
    pub(crate) fn end_of(&self, before: &Self) -> Option<Cmd> {
        let same_run = before.run_id.is_some() && before.run_id == self.run_id;
        let id = before.client_id.filter(|id| same_run && Some(*id) != self.client_id)?;
        let mut kill = Cmd::new();
        kill.arg("CLIENT").arg("KILL").arg("ID").arg(id);
        Some(kill)
    }
}

/// A user who may not ask the [`questions`]. What the server cannot answer now, it may answer later.
#[cfg(any(feature = "cluster", feature = "connection-manager"))]
pub(crate) fn refusal<'a>(
    answers: impl IntoIterator<Item = &'a Value>,
    remedy: &str,
) -> Option<BackendError> {
    answers.into_iter().find_map(|answer| {
        let Ok(redlock_lua::Value::Error { code, message }) = convert::reply(Ok(answer.clone())) else {
            return None;
        };
        let kind = redlock_lua::classify(&code, &message);
        let is_refused = matches!(kind, FaultKind::Permission | FaultKind::Rejected);
        let told = || format!("{code} {message}; {remedy}");
        is_refused.then(|| BackendError::new(FaultKind::Permission, Sent::No, told()))
    })
}

fn run_id(info: &str) -> Option<String> {
    info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(client_id: i64, run_id: &str) -> Peer {
        Peer { client_id: Some(client_id), run_id: Some(run_id.to_owned()) }
    }

    fn ends(now: &Peer, before: &Peer) -> bool {
        now.end_of(before).is_some()
    }

    #[test]
    fn answers_name_the_connection_and_the_run() {
        let info = "# Server\r\nrun_id:ab\r\nprocess_id:1\r\n".to_owned();
        let answers = [Value::Int(7), Value::BulkString(info.clone().into_bytes())];
        assert_eq!(Peer::of(&answers), peer(7, "ab"));
        let verbatim = Value::VerbatimString { format: redis::VerbatimFormat::Text, text: info };
        assert_eq!(Peer::of(&[Value::Int(7), verbatim]), peer(7, "ab"));
        assert_eq!(Peer::of(&[Value::Nil]), Peer::default());
    }

    /// hazard: 7
    #[test]
    fn only_another_connection_of_the_same_run_is_ended() {
        assert!(ends(&peer(8, "ab"), &peer(7, "ab")));
        assert!(!ends(&peer(7, "ab"), &peer(7, "ab")), "it is this one");
        assert!(!ends(&peer(8, "cd"), &peer(7, "ab")), "another's in another run");
        assert!(!ends(&peer(8, "ab"), &Peer { run_id: None, client_id: Some(7) }));
    }
}
