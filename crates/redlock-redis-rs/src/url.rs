//! What a connection URL says, and what may be shown of it.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use redlock_core::NodeName;

/// A node that cannot be built; passwords are left out of its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeConfigError {
    /// The URL is none of a Redis node.
    #[error(
        "no URL of a Redis node: {url} ({reason}); expected redis[s]://[user:password@]host[:port][/db] or unix:///path"
    )]
    Url {
        /// The URL without user, password and query.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client's address is none that a node can connect to.
    #[error(
        "{address} is reached neither by plain TCP nor by a Unix socket; for TLS, make the node from its rediss:// URL"
    )]
    Address {
        /// The address, without user and password.
        address: String,
    },
    /// The cluster's client cannot be built.
    #[error("the client of the cluster cannot be built: {reason}")]
    Cluster {
        /// What is wrong, in the client's words.
        reason: String,
    },
    /// Nothing to call the node by.
    #[error(
        "name is missing: what the node is made from does not tell its address; give it one by `name(…)`"
    )]
    NoName,
    /// The URL asks for TLS, and no feature for it is on.
    #[error("{url} asks for TLS: turn on the feature `tls-rustls-ring` or `tls-rustls-aws-lc`")]
    NoTls {
        /// The URL without user, password and query.
        url: String,
    },
    /// TLS was set up for what does not ask for it, or makes its connections by itself.
    #[error("TLS is set up, but {url} asks for none; make the node from a rediss:// URL")]
    TlsWithoutSecureUrl {
        /// The URL without user, password and query; or what was handed over.
        url: String,
    },
    /// The TLS configuration cannot be used.
    #[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
    #[error(transparent)]
    Tls(#[from] redlock_tls::TlsConfigError),
    /// A number of timeouts that would never, or always, replace the connection.
    #[error("timeouts_before_reconnect is 0: a connection is replaced after at least one timeout")]
    NoTimeouts,
    /// No time to connect in.
    #[error("connect_timeout is 0: no connection could ever be made")]
    NoTimeToConnect,
}

/// Where a URL leads.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) info: ConnectionInfo,
    /// By TLS.
    pub(crate) secure: bool,
}

/// Parses without any I/O.
pub(crate) fn parse(url: &str) -> Result<Address, NodeConfigError> {
    let wrong = |reason: String| NodeConfigError::Url { url: shown(url), reason };
    let (plain, secure) = plain(url);
    if secure && url.ends_with("#insecure") {
        return Err(wrong("a session without a check of the certificate protects nothing".to_owned()));
    }
    let info = plain.as_str().into_connection_info().map_err(|error| wrong(error.to_string()))?;
    match info.addr() {
        ConnectionAddr::Tcp(..) | ConnectionAddr::Unix(_) => Ok(Address { info, secure }),
        _ => Err(wrong("an address of an unknown kind".to_owned())),
    }
}

/// The URL for the redis crate, which would use its own TLS. Sessions are made over a socket of ours.
fn plain(url: &str) -> (String, bool) {
    let secure =
        |scheme: &str| scheme.eq_ignore_ascii_case("rediss") || scheme.eq_ignore_ascii_case("valkeys");
    match url.split_once("://") {
        Some((scheme, rest)) if secure(scheme) => (format!("redis://{rest}"), true),
        _ => (url.to_owned(), false),
    }
}

/// The same for what a client was made for.
pub(crate) fn check(info: ConnectionInfo) -> Result<Address, NodeConfigError> {
    match info.addr() {
        ConnectionAddr::Tcp(..) | ConnectionAddr::Unix(_) => Ok(Address { info, secure: false }),
        other => Err(NodeConfigError::Address { address: other.to_string() }),
    }
}

/// `host:port` or the socket's path, and the database where it is not the first. Without credentials.
pub(crate) fn name(info: &ConnectionInfo) -> NodeName {
    let place = match info.addr() {
        ConnectionAddr::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
        ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
        ConnectionAddr::Unix(path) => path.display().to_string(),
        other => other.to_string(),
    };
    match info.redis_settings().db() {
        0 => NodeName::new(place),
        db => NodeName::new(format!("{place}/{db}")),
    }
}

/// The URL without what may be secret: all up to the last `@` (a password may hold any sign), and the query.
pub(crate) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(url: &str) -> String {
        name(&parse(url).expect("a good URL").info).as_str().to_owned()
    }

    #[test]
    fn a_name_shows_the_place_and_no_credentials() {
        assert_eq!(named("redis://10.0.0.1"), "10.0.0.1:6379");
        assert_eq!(named("redis://user:secret@cache.example:7000/2"), "cache.example:7000/2");
        assert_eq!(named("redis://[::1]:7000"), "[::1]:7000");
        assert_eq!(named("rediss://cache.example"), "cache.example:6379");
        assert_eq!(named("unix:///run/redis.sock"), "/run/redis.sock");
        assert_eq!(named("redis+unix:///run/redis.sock?db=3&pass=secret"), "/run/redis.sock/3");
    }

    /// hazard: 82
    #[test]
    fn an_error_never_shows_a_password() {
        let urls = [
            "redis://user:se@cr/et@host:port",
            "http://user:secret@host",
            "redis://:secret@host/name",
            "user:secret@host",
            "rediss://user:secret@host/0#insecure",
            "redis+unix:///run/redis.sock?db=x&pass=secret",
        ];
        for url in urls {
            let text = parse(url).expect_err("a bad URL").to_string();
            assert!(!text.contains("secret") && !text.contains("se@") && !text.contains("et@"), "{text}");
        }
    }

    #[test]
    fn an_error_names_the_place() {
        let text = parse("redis://user:secret@host/name").expect_err("a bad URL").to_string();
        assert!(text.contains("redis://host/name"), "{text}");
    }
}
