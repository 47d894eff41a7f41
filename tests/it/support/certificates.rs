//! A certificate for `localhost` by an authority of a test's own.

use std::{path::PathBuf, process::Command};

use tempfile::TempDir;

/// The files, for as long as this is kept.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Made anew, with the program that every Debian has; they last two days.
    pub fn new() -> Self {
        let made = Self { folder: TempDir::new().expect("a folder") };
        let file = |name: &str| made.file(name).display().to_string();
        let (ca_key, ca, key) = (file("ca.key"), file("ca.pem"), file("key.pem"));
        let (request, certificate) = (file("request.pem"), file("certificate.pem"));
        let new_key = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let authority = ["-x509", "-days", "2", "-keyout", &ca_key, "-out", &ca];
        openssl(&[&new_key[..], &authority, &["-subj", "/CN=Authority of a test"]].concat());
        let host = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        openssl(&[&new_key[..], &["-keyout", &key, "-out", &request], &host].concat());
        let signed = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-days", "2"];
        openssl(&[&signed[..], &["-copy_extensions", "copy", "-out", &certificate]].concat());
        made
    }

    /// The certificate of the authority.
    pub fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.file("certificate.pem")
    }

    /// The key of the server's certificate.
    pub fn key(&self) -> PathBuf {
        self.file("key.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn openssl(args: &[&str]) {
    let made = Command::new("openssl").args(args).output().expect("openssl");
    assert!(made.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&made.stderr));
}
