//! Certificates for loopback.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use crate::process::{Folder, Program};

/// A self-signed certificate for loopback, in files that a server can read.
#[derive(Debug)]
pub(crate) struct Certificate {
    pem: String,
    folder: Folder,
}

impl Certificate {
    /// Creates a certificate for a server. Its user owns the files; only that user can read the key.
    pub(crate) fn new(server: &Program) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
        let certificate = Self { pem: made.cert.pem(), folder: Folder::new() };
        let private = certificate.private();
        std::fs::write(certificate.public(), &certificate.pem).expect("it can be written");
        std::fs::write(&private, made.signing_key.serialize_pem()).expect("it can be written");
        // PostgreSQL refuses a key that others can read.
        std::fs::set_permissions(&private, Permissions::from_mode(0o600)).expect("it is ours");
        server.own(&certificate.folder);
        certificate
    }

    /// Returns the certificate of the authority, which is the certificate itself.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns the path of the certificate.
    pub(crate) fn public(&self) -> String {
        self.folder.file("public.pem")
    }

    /// Returns the path of the private key.
    pub(crate) fn private(&self) -> String {
        self.folder.file("private.pem")
    }
}
