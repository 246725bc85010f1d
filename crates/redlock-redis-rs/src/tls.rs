//! TLS over a socket, where a feature for it is on.

#[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
mod session {
    use std::io;

    use redlock_tls::{Tls, TlsConfigError};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;
    use tokio_rustls::rustls::pki_types::ServerName;

    use crate::NodeConfigError;

    /// What the user has said of TLS.
    #[derive(Default)]
    pub(crate) struct Security {
        pub(crate) tls: Option<Tls>,
    }

    impl Security {
        pub(crate) fn session(&self, secure: bool, shown: &str) -> Result<Option<Session>, NodeConfigError> {
            match &self.tls {
                Some(_) if !secure => Err(NodeConfigError::TlsWithoutSecureUrl { url: shown.to_owned() }),
                None if !secure => Ok(None),
                tls => Ok(Some(Session::of(&tls.clone().unwrap_or_default())?)),
            }
        }
    }

    /// What sessions with one server are made of.
    #[derive(Clone)]
    pub(crate) struct Session(TlsConnector);

    impl Session {
        fn of(tls: &Tls) -> Result<Self, TlsConfigError> {
            Ok(Self(tls.client_config()?.into()))
        }

        pub(crate) async fn over(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.0.connect(name, stream).await
        }
    }
}

#[cfg(not(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc")))]
mod session {
    use std::io;

    use tokio::net::TcpStream;

    use crate::NodeConfigError;

    /// Nothing can be said of TLS.
    #[derive(Default)]
    pub(crate) struct Security {}

    impl Security {
        #[allow(clippy::unused_self, reason = "as where something can be said")]
        pub(crate) fn session(&self, secure: bool, shown: &str) -> Result<Option<Session>, NodeConfigError> {
            if secure { Err(NodeConfigError::NoTls { url: shown.to_owned() }) } else { Ok(None) }
        }
    }

    /// There is none.
    #[derive(Clone)]
    pub(crate) enum Session {}

    impl Session {
        #[allow(clippy::unused_async, reason = "as where there are sessions")]
        pub(crate) async fn over(&self, _host: &str, _stream: TcpStream) -> io::Result<TcpStream> {
            match *self {}
        }
    }
}

pub(crate) use session::{Security, Session};
