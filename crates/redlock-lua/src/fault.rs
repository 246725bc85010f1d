//! From a server's error codes to kinds of fault: one table for all clients.

use redlock_core::{BackendError, FaultKind, Sent};

const CODES: [(&str, FaultKind); 18] = [
    ("LOADING", FaultKind::Loading),
    ("BUSY", FaultKind::Busy),
    ("UNKILLABLE", FaultKind::Busy),
    ("READONLY", FaultKind::ReadOnly),
    ("OOM", FaultKind::OutOfMemory),
    ("MISCONF", FaultKind::WritesRefused),
    ("NOREPLICAS", FaultKind::WritesRefused),
    ("CLUSTERDOWN", FaultKind::ClusterState),
    ("MOVED", FaultKind::ClusterState),
    ("ASK", FaultKind::ClusterState),
    ("TRYAGAIN", FaultKind::ClusterState),
    ("MASTERDOWN", FaultKind::ClusterState),
    ("NOAUTH", FaultKind::Authentication),
    ("WRONGPASS", FaultKind::Authentication),
    ("NOPERM", FaultKind::Permission),
    ("CROSSSLOT", FaultKind::CrossSlot),
    ("WRONGTYPE", FaultKind::ForeignFormat),
    // A word of our own scripts.
    ("FENCEFULL", FaultKind::FencingExhausted),
];

/// Errors without a code of their own: a script that lacks a right (the words of Redis 7, then of Redis 6), and a
/// password sent to a server that has none.
const PHRASES: [(&str, FaultKind); 3] = [
    ("ACL failure in script", FaultKind::Permission),
    ("The user executing the script can't", FaultKind::Permission),
    ("without any password configured", FaultKind::Authentication),
];

/// The kind of fault that a server's error code means; `NOSCRIPT` is [`Request::resend`](crate::Request::resend)'s.
///
/// ```
/// use redlock_core::FaultKind;
/// assert_eq!(redlock_lua::classify("LOADING", "Redis is loading the dataset in memory"), FaultKind::Loading);
/// assert_eq!(redlock_lua::classify("ERR", "syntax error"), FaultKind::Rejected);
/// ```
pub fn classify(code: &str, message: &str) -> FaultKind {
    by_code(code).or_else(|| by_message(message)).unwrap_or(FaultKind::Rejected)
}

/// The error that the node answered.
pub(crate) fn replied(code: &str, message: &str) -> BackendError {
    BackendError::new(classify(code, message), Sent::Replied, format!("{code} {message}"))
}

fn by_code(code: &str) -> Option<FaultKind> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, kind)| *kind)
}

fn by_message(message: &str) -> Option<FaultKind> {
    let phrase = PHRASES.iter().find(|(words, _)| message.contains(words)).map(|(_, kind)| *kind);
    phrase.or_else(|| from_script(message))
}

/// Redis 6 wraps an error inside a script: `Error running script (call to f_…): @user_script: 7: -OOM command …`.
fn from_script(message: &str) -> Option<FaultKind> {
    let (_, words) = message.split_once("@user_script")?;
    words.split_whitespace().find_map(|word| by_code(word.trim_start_matches('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_inside_a_script_of_redis_6_keeps_its_kind() {
        let message = "Error running script (call to f_ab): @user_script: 7: @user_script: 7: -OOM command not \
                       allowed when used memory > 'maxmemory'.";
        assert_eq!(classify("ERR", message), FaultKind::OutOfMemory);
    }

    #[test]
    fn a_word_of_the_table_outside_a_script_means_nothing() {
        assert_eq!(classify("ERR", "unknown command BUSY"), FaultKind::Rejected);
    }

    #[test]
    fn an_error_keeps_the_servers_words() {
        let error = replied("OOM", "command not allowed");
        assert_eq!(error.message(), "OOM command not allowed");
        assert_eq!(error.sent(), Sent::Replied);
    }
}
