//! What a server needs to speak TLS.

use std::ffi::OsString;
use std::{fmt, fs, io};

use super::process::Folder;

/// PEM texts, which become files in the server's folder.
#[derive(Clone)]
pub(super) struct Certificates {
    files: [(&'static str, &'static str, String); 3],
    mutual: bool,
}

impl Certificates {
    pub(super) fn new(authority: &str, certificate: &str, key: &str, mutual: bool) -> Self {
        let files = [
            ("--tls-ca-cert-file", "authority.pem", authority.to_owned()),
            ("--tls-cert-file", "certificate.pem", certificate.to_owned()),
            ("--tls-key-file", "key.pem", key.to_owned()),
        ];
        Self { files, mutual }
    }

    pub(super) fn write(&self, folder: &Folder) -> io::Result<()> {
        self.files.iter().try_for_each(|(_, name, text)| fs::write(folder.join(name), text))
    }

    pub(super) fn arguments(&self, folder: &Folder) -> Vec<OsString> {
        let files = self.files.iter().flat_map(|(flag, name, _)| [(*flag).into(), folder.join(name).into()]);
        let asks = ["--tls-auth-clients", if self.mutual { "yes" } else { "no" }].map(OsString::from);
        files.chain(asks).collect()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the key.
        f.debug_struct("Certificates").field("mutual", &self.mutual).finish_non_exhaustive()
    }
}
