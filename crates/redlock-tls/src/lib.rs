//! How a node makes its TLS sessions, in the same words for every Redis client.
//!
//! ```
//! # #[cfg(feature = "ring")]
//! # fn f(authority: &[u8], chain: &[u8], key: &[u8]) -> Result<(), redlock_tls::TlsConfigError> {
//! use redlock_tls::{Cryptography, Tls};
//! // The system's certificates are trusted.
//! let tls = Tls::new();
//! // An own authority, a certificate of the client's own, and the cryptography by name.
//! let tls = Tls::new().trust_only(authority)?.identify(chain, key)?.cryptography(Cryptography::Ring);
//! # Ok(()) }
//! ```
//!
//! The cryptography is chosen for each [`Tls`], never for the process: rustls takes a process-wide choice where none is
//! named, and panics where several are compiled in and nobody has chosen. So the features `ring` and `aws-lc` may both be
//! on, whoever turned them on. With neither, there is nothing here.

#[cfg(any(feature = "ring", feature = "aws-lc"))]
mod config;
#[cfg(any(feature = "ring", feature = "aws-lc"))]
mod cryptography;

#[cfg(any(feature = "ring", feature = "aws-lc"))]
pub use config::{Tls, TlsConfigError};
#[cfg(any(feature = "ring", feature = "aws-lc"))]
pub use cryptography::Cryptography;
