//! Certificates, made when the tests run.

use std::sync::LazyLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use redlock_redis_rs::Tls;
use redlock_testkit::server::RedisServerBuilder;

/// Who signs for the servers, and for the clients, of these tests.
static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::new);

/// Somebody who signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM texts.
pub(crate) struct Certificate {
    pub(crate) text: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("parameters");
        // A certificate whose issuer has its own name is taken for its own issuer.
        params.distinguished_name.push(DnType::CommonName, "the authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub(crate) fn text(&self) -> String {
        self.0.pem()
    }

    /// A certificate of that name.
    pub(crate) fn sign(&self, name: &str) -> Certificate {
        let params = CertificateParams::new([name.to_owned()]).expect("parameters");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Certificate { text: certificate.pem(), key: key.serialize_pem() }
    }
}

pub(crate) fn authority() -> &'static Authority {
    &AUTHORITY
}

/// A server that is `localhost`, by the word of the common authority.
pub(crate) fn secure(builder: RedisServerBuilder) -> RedisServerBuilder {
    secure_as(builder, "localhost")
}

/// The same of another name, or of an address.
pub(crate) fn secure_as(builder: RedisServerBuilder, name: &str) -> RedisServerBuilder {
    let Certificate { text, key } = authority().sign(name);
    builder.tls(&authority().text(), &text, &key, false).args(["--tls-cluster", "yes"])
}

/// A client that trusts the common authority.
pub(crate) fn trusting() -> Tls {
    Tls::new().trust_only(authority().text().as_bytes()).expect("a certificate")
}
