use std::io;

/// Why a test's server is not there, or does not do what it is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// No server program was found.
    #[error(
        "no Redis or Valkey server found: set REDLOCK_REDIS_SERVER to a redis-server or valkey-server, put one into \
         the PATH, or run the tests by `cargo xtask test`, which provides one"
    )]
    NoProgram,
    /// The server ended, or did not answer in time. The text is the end of its log.
    #[error("the server did not start: {0}")]
    NotStarted(String),
    /// Another process answers at the server's address.
    #[error("process {answers} answers at {url}, where process {started} was started")]
    Impostor {
        /// The address.
        url: String,
        /// The process that was started.
        started: u32,
        /// The process that answers.
        answers: u32,
    },
    /// The server answered a command by an error.
    #[error("the server answered: {0}")]
    Refused(String),
    /// Talking to the server or the operating system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}
