//! TLS, where a feature for it is on.

#[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
mod session {
    use std::sync::Arc;

    use fred::error::{Error, ErrorKind};
    use fred::types::config::{Config, Server, ServerConfig, TlsConnector};
    use redlock_tls::Tls;

    use crate::NodeConfigError;
    use crate::url::{self, Address};

    /// What the user has said of TLS.
    #[derive(Clone, Default)]
    pub(crate) struct Security {
        pub(crate) tls: Option<Tls>,
    }

    impl Security {
        pub(crate) fn config(&self, url: &str) -> Result<Config, NodeConfigError> {
            let Address { mut config, secure } = url::parse(url)?;
            if !secure {
                self.unused(&url::shown(url))?;
                return Ok(config);
            }
            let sessions = self.tls.clone().unwrap_or_default().client_config()?;
            config.tls = Some(TlsConnector::from(Arc::unwrap_or_clone(sessions)).into());
            servers(&mut config.server).iter_mut().for_each(name);
            Ok(config)
        }

        /// For what asks for no TLS.
        pub(crate) fn unused(&self, shown: &str) -> Result<(), NodeConfigError> {
            match self.tls {
                Some(_) => Err(NodeConfigError::TlsWithoutSecureUrl { url: shown.to_owned() }),
                None => Ok(()),
            }
        }
    }

    fn servers(config: &mut ServerConfig) -> &mut [Server] {
        match config {
            ServerConfig::Centralized { server } => std::slice::from_mut(server),
            ServerConfig::Clustered { hosts, .. } | ServerConfig::Sentinel { hosts, .. } => hosts,
            ServerConfig::Unix { .. } => &mut [],
        }
    }

    /// An IPv6 address stands in brackets in a URL, and without them in a certificate.
    fn name(server: &mut Server) {
        let bare = server.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        server.tls_server_name = bare.map(Into::into);
    }

    /// Whether the session was refused: what is not trusted will not be trusted at the next attempt either.
    pub(crate) fn is_refusal(error: &Error) -> bool {
        // fred keeps of an I/O error nothing but this text.
        let invalid = || error.details().starts_with("Custom { kind: InvalidData");
        *error.kind() == ErrorKind::Tls || *error.kind() == ErrorKind::IO && invalid()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_address_of_ipv6_is_checked_without_its_brackets() {
            let mut config = url::parse("rediss://[::1]:7000").expect("a good URL").config;
            let [server] = servers(&mut config.server) else { panic!("one server") };
            name(server);
            assert_eq!((&*server.host, server.tls_server_name.as_deref()), ("[::1]", Some("::1")));
        }
    }
}

#[cfg(not(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc")))]
mod session {
    use fred::error::Error;
    use fred::types::config::Config;

    use crate::NodeConfigError;
    use crate::url::{self, Address};

    /// Nothing can be said of TLS.
    #[derive(Clone, Default)]
    pub(crate) struct Security {}

    #[allow(clippy::unused_self, reason = "as where something can be said")]
    impl Security {
        pub(crate) fn config(&self, url: &str) -> Result<Config, NodeConfigError> {
            let Address { config, secure } = url::parse(url)?;
            if secure { Err(NodeConfigError::NoTls { url: url::shown(url) }) } else { Ok(config) }
        }

        #[allow(clippy::unnecessary_wraps, reason = "as where something can be said")]
        pub(crate) fn unused(&self, _shown: &str) -> Result<(), NodeConfigError> {
            Ok(())
        }
    }

    /// There are no sessions.
    pub(crate) fn is_refusal(_error: &Error) -> bool {
        false
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_secure_url_is_refused_by_name() {
            let error = Security::default().config("rediss://u:secret@host").expect_err("no TLS");
            assert_eq!(error, NodeConfigError::NoTls { url: "rediss://host".to_owned() });
        }
    }
}

pub(crate) use session::{Security, is_refusal};
