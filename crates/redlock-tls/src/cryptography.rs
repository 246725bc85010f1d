//! Which implementation of the ciphers.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// An implementation of the cryptography. Default: `Ring` where the feature `ring` is on, else `AwsLc`.
///
/// Features add up over a whole program: the default changes from `AwsLc` to `Ring`, without a word, as soon as any other crate
/// turns `ring` on. Whoever cares which it is calls [`Tls::cryptography`](crate::Tls::cryptography).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cryptography {
    /// The crate `ring`: compiles fast.
    #[cfg(feature = "ring")]
    Ring,
    /// The crate `aws-lc-rs`: rustls' own default, with post-quantum key exchange.
    #[cfg(feature = "aws-lc")]
    AwsLc,
}

#[allow(clippy::derivable_impls, reason = "which is the default depends on the features")]
impl Default for Cryptography {
    fn default() -> Self {
        #[cfg(feature = "ring")]
        return Self::Ring;
        #[cfg(not(feature = "ring"))]
        return Self::AwsLc;
    }
}

impl Cryptography {
    pub(crate) fn provider(self) -> Arc<CryptoProvider> {
        Arc::new(match self {
            #[cfg(feature = "ring")]
            Self::Ring => rustls::crypto::ring::default_provider(),
            #[cfg(feature = "aws-lc")]
            Self::AwsLc => rustls::crypto::aws_lc_rs::default_provider(),
        })
    }
}
