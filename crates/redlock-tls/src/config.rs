//! What is trusted, and what the client shows of itself.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::Cryptography;

/// How a node makes its TLS sessions. The server's name is that of the node's URL, and is always checked.
///
/// The default [`Cryptography`] depends on which features are on, and another crate of the program may turn one on: whoever
/// cares calls [`cryptography`](Self::cryptography).
#[derive(Clone, Default)]
#[must_use]
pub struct Tls {
    authorities: Option<Vec<CertificateDer<'static>>>,
    identity: Option<Identity>,
    cryptography: Cryptography,
}

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// What keeps a [`Tls`] from being used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A certificate or a key cannot be read.
    #[error("{what}: no PEM of one ({reason})")]
    Pem {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The text holds no certificate.
    #[error("{what}: no certificate in it")]
    Empty {
        /// Which part.
        what: &'static str,
    },
    /// The system has no certificates to trust, or they cannot be read.
    #[error("the system's trusted certificates cannot be read ({reason}); name them by `Tls::trust_only`")]
    NoSystemCertificates {
        /// What is wrong with them.
        reason: String,
    },
    /// The parts do not go together.
    #[error("TLS cannot be set up: {reason}")]
    Unfit {
        /// What rustls says.
        reason: String,
    },
}

impl Tls {
    /// Trusts the certificates of the system, shows none of its own, and uses the default [`Cryptography`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the authorities of this PEM text, and nobody else.
    ///
    /// # Errors
    ///
    /// Where the text holds no certificate, or one that cannot be read.
    pub fn trust_only(mut self, authorities: &[u8]) -> Result<Self, TlsConfigError> {
        self.authorities = Some(certificates("trust_only", authorities)?);
        Ok(self)
    }

    /// Shows the certificate of this PEM text, with the chain behind it, to a server that asks (mutual TLS).
    ///
    /// # Errors
    ///
    /// Where a certificate or the key cannot be read. That they belong together is found out when the node is built.
    pub fn identify(mut self, chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let chain = certificates("identify: chain", chain)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| TlsConfigError::Pem { what: "identify: key", reason: error.to_string() })?;
        self.identity = Some(Identity { chain, key });
        Ok(self)
    }

    /// Chooses the cryptography.
    pub fn cryptography(mut self, cryptography: Cryptography) -> Self {
        self.cryptography = cryptography;
        self
    }

    /// For the backends: what rustls makes sessions of. Reads the system's certificates where none were named.
    ///
    /// # Errors
    ///
    /// Where there is nobody to trust, or the parts do not go together.
    #[doc(hidden)]
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, TlsConfigError> {
        let builder = ClientConfig::builder_with_provider(self.cryptography.provider())
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_root_certificates(self.roots()?);
        let config = match self.identity.clone() {
            Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key).map_err(unfit)?,
            None => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, TlsConfigError> {
        let mut roots = RootCertStore::empty();
        if let Some(authorities) = &self.authorities {
            for authority in authorities {
                roots.add(authority.clone()).map_err(unfit)?;
            }
            return Ok(roots);
        }
        let found = rustls_native_certs::load_native_certs();
        // A system's store may hold old certificates that nobody can use any more.
        if roots.add_parsable_certificates(found.certs).0 == 0 {
            let reason = found.errors.first().map_or("there are none".into(), ToString::to_string);
            return Err(TlsConfigError::NoSystemCertificates { reason });
        }
        Ok(roots)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unfit(error: rustls::Error) -> TlsConfigError {
    TlsConfigError::Unfit { reason: error.to_string() }
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => Err(TlsConfigError::Empty { what }),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(TlsConfigError::Pem { what, reason: error.to_string() }),
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the key.
        f.debug_struct("Tls")
            .field("authorities", &self.authorities.as_ref().map(Vec::len))
            .field("identified", &self.identity.is_some())
            .field("cryptography", &self.cryptography)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        let empty = Tls::new().trust_only(b"no certificate").expect_err("empty");
        assert_eq!(empty, TlsConfigError::Empty { what: "trust_only" });
        let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        let error = Tls::new().trust_only(broken).expect_err("broken");
        assert!(error.to_string().starts_with("trust_only: no PEM of one"), "{error}");
        let error = Tls::new().trust_only(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let error = error.and_then(|tls| tls.client_config()).expect_err("no certificate");
        assert!(matches!(error, TlsConfigError::Unfit { .. }), "{error}");
    }

    #[test]
    fn a_key_is_never_shown() {
        let shown = format!("{:?}", Tls::new());
        assert!(shown.contains("identified: false"), "{shown}");
    }
}
