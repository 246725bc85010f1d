//! What a connection URL says, and what may be shown of it.

use std::collections::HashMap;

use fred::types::RespVersion;
use fred::types::config::{Config, Server, ServerConfig};
use redlock_core::NodeName;
use url::Url;

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
    /// A client that was handed over is configured in a way in which no node can use it.
    #[error("the client cannot be a node: {reason}")]
    Client {
        /// What is wrong with it, and the remedy.
        reason: &'static str,
    },
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
    /// Without TLS as yet.
    pub(crate) config: Config,
    /// By TLS.
    pub(crate) secure: bool,
}

/// Parses without any I/O.
pub(crate) fn parse(url: &str) -> Result<Address, NodeConfigError> {
    address(url).map_err(|reason| NodeConfigError::Url { url: shown(url), reason })
}

fn address(text: &str) -> Result<Address, String> {
    let mut url = Url::parse(text).map_err(|error| error.to_string())?;
    let plain = plain(url.scheme());
    if let Some(plain) = plain {
        url.set_scheme(plain).map_err(|()| "an unknown scheme")?;
    }
    Ok(Address { config: config(&url)?, secure: plain.is_some() })
}

/// The scheme for fred, which would make its own TLS sessions, and panic where two kinds of cryptography are there.
fn plain(scheme: &str) -> Option<&'static str> {
    Some(match scheme {
        "rediss" | "valkeys" => "redis",
        "rediss-cluster" | "valkeys-cluster" => "redis-cluster",
        "rediss-sentinel" | "valkeys-sentinel" => "redis-sentinel",
        _ => return None,
    })
}

fn config(url: &Url) -> Result<Config, String> {
    let mut config = match url.scheme() {
        "unix" | "redis+unix" | "valkey+unix" => on_socket(url)?,
        "redis" | "valkey" | "redis-cluster" | "valkey-cluster" | "redis-sentinel" | "valkey-sentinel" => {
            Config::from_url(url.as_str()).map_err(|error| error.details().to_owned())?
        }
        _ => return Err("an unknown scheme".to_owned()),
    };
    config.version = match query(url).get("protocol").map(String::as_str) {
        None | Some("2" | "resp2") => RespVersion::RESP2,
        Some("3" | "resp3") => RespVersion::RESP3,
        Some(_) => return Err("an unknown protocol".to_owned()),
    };
    // Of a node that is away at the start nobody should have to try again by hand.
    config.fail_fast = false;
    Ok(config)
}

/// fred's own form has neither database nor a place for credentials.
fn on_socket(url: &Url) -> Result<Config, String> {
    let mut query = query(url);
    let path = url.to_file_path().map_err(|()| "no path")?;
    let database = query.remove("db").map(|db| db.parse().map_err(|_| "no number of a database"));
    Ok(Config {
        server: ServerConfig::Unix { path },
        username: query.remove("user"),
        password: query.remove("pass"),
        database: database.transpose()?,
        ..Config::default()
    })
}

fn query(url: &Url) -> HashMap<String, String> {
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// `host:port` or the socket's path, and the database where it is not the first; the seeds of a cluster; a sentinel's
/// service. Without credentials.
pub(crate) fn name(config: &Config) -> NodeName {
    let place = match &config.server {
        ServerConfig::Centralized { server } => server.to_string(),
        ServerConfig::Unix { path } => path.display().to_string(),
        ServerConfig::Clustered { hosts, .. } => listed(hosts),
        ServerConfig::Sentinel { hosts, service_name, .. } => format!("{service_name}@{}", listed(hosts)),
    };
    match config.database {
        None | Some(0) => NodeName::new(place),
        Some(db) => NodeName::new(format!("{place}/{db}")),
    }
}

fn listed(hosts: &[Server]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
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

    fn config_of(url: &str) -> Config {
        parse(url).expect("a good URL").config
    }

    fn named(url: &str) -> String {
        name(&config_of(url)).as_str().to_owned()
    }

    #[test]
    fn a_name_shows_the_place_and_no_credentials() {
        assert_eq!(named("redis://10.0.0.1"), "10.0.0.1:6379");
        assert_eq!(named("valkey://user:secret@cache.example:7000/2"), "cache.example:7000/2");
        assert_eq!(named("redis://[::1]:7000"), "[::1]:7000");
        assert_eq!(named("unix:///run/redis.sock"), "/run/redis.sock");
        assert_eq!(named("redis+unix:///run/redis.sock?db=3&pass=secret"), "/run/redis.sock/3");
        assert_eq!(named("redis-cluster://u:secret@a:7000?node=b:7001"), "b:7001,a:7000");
        assert_eq!(named("redis-sentinel://u:secret@a:7000?sentinelServiceName=main"), "main@a:7000");
    }

    #[test]
    fn credentials_database_and_protocol_are_read() {
        let tcp = config_of("redis://me:p%40ss@host/2?protocol=resp3");
        let unix = config_of("unix:///run/a%20b.sock?db=2&user=me&pass=p%40ss&protocol=3");
        for config in [&tcp, &unix] {
            assert_eq!((config.username.as_deref(), config.password.as_deref()), (Some("me"), Some("p@ss")));
            assert_eq!((config.database, &config.version), (Some(2), &RespVersion::RESP3));
        }
        assert_eq!(unix.server, ServerConfig::Unix { path: "/run/a b.sock".into() });
        assert_eq!(config_of("redis://host").version, RespVersion::RESP2);
    }

    #[test]
    fn a_secure_url_is_the_plain_one_with_tls() {
        for (secure, plain) in [
            ("rediss://u:p@host:7000/2", "redis://u:p@host:7000/2"),
            ("VALKEYS://host", "valkey://host"),
            ("rediss-cluster://a:7000?node=b:7001", "redis-cluster://a:7000?node=b:7001"),
            ("valkeys-sentinel://a?sentinelServiceName=main", "redis-sentinel://a?sentinelServiceName=main"),
        ] {
            let (secure, plain) = (parse(secure).expect("a good URL"), parse(plain).expect("a good URL"));
            assert_eq!(secure.config, plain.config);
            assert!(secure.secure && !plain.secure);
        }
        parse("rediss+unix:///run/redis.sock").expect_err("there is no such");
    }

    /// hazard: 82
    #[test]
    fn an_error_never_shows_a_password() {
        let urls = [
            "redis://user:se@cr/et@host:port",
            "http://user:secret@host",
            "redis://:secret@host/name",
            "user:secret@host",
            "redis+unix:///run/redis.sock?db=x&pass=secret",
            "redis-cluster://user:secret@host?node=x",
            "redis://host?protocol=secret",
            "rediss://user:secret@host/name",
        ];
        for url in urls {
            let text = parse(url).expect_err("a bad URL").to_string();
            assert!(!text.contains("secret") && !text.contains("se@") && !text.contains("et@"), "{text}");
        }
    }
}
