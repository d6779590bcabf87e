//! The file that keeps a session token for the next run of the tour, like the cookie store of a browser.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use authcore_examples::stores::StoreChoice;

use crate::guide::Failure;

/// A file with one session token, readable only for its owner.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TokenFile(PathBuf);

impl TokenFile {
    /// Returns the file for a store: next to a database file, or in the user's state folder for a server.
    ///
    /// `None` if the store ends with the process or the user has no such folder.
    pub(crate) fn of(store: &StoreChoice) -> Option<Self> {
        match store {
            StoreChoice::Sqlite(path) if path == ":memory:" => None,
            StoreChoice::Sqlite(path) => Some(Self(format!("{path}.token").into())),
            StoreChoice::Redis(url) | StoreChoice::Postgres(url) | StoreChoice::MySql(url) => {
                Some(Self(folder()?.join(format!("{}.token", name_of(url)))))
            }
            _ => None,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the token of an earlier run.
    pub(crate) fn read(&self) -> Result<Option<String>, Failure> {
        match fs::read_to_string(&self.0) {
            Ok(token) if is_token(&token) => Ok(Some(token)),
            // It may be another file, and the next step would overwrite it.
            Ok(_) => Err(self.failure("be used", &"it holds no session token; move it away")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failure("be read", &error)),
        }
    }

    /// Replaces the stored token.
    pub(crate) fn write(&self, token: &str) -> Result<(), Failure> {
        self.create()
            .and_then(|mut file| file.write_all(token.as_bytes()))
            .map_err(|error| self.failure("be written", &error))
    }

    /// Always creates a new file: an existing one may be readable for others and would stay so.
    fn create(&self) -> io::Result<File> {
        if let Some(folder) = self.0.parent() {
            private(DirBuilder::new().recursive(true)).create(folder)?;
        }
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => private_file(OpenOptions::new().write(true).create_new(true)).open(&self.0),
        }
    }

    fn failure(&self, what: &str, why: &dyn std::fmt::Display) -> Failure {
        format!("{} cannot {what}: {why}", self.0.display()).into()
    }
}

/// Returns the user's state folder.
///
/// The shared folder for temporary files would not be safe, since another user could create the file first.
fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = given.or_else(|| Some(std::env::home_dir()?.join(".local").join("state")))?;
    Some(folder.join("authcore-tour"))
}

/// Returns the URL as a file name, without password and options.
fn name_of(url: &str) -> String {
    const LONGEST: usize = 100;
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("{scheme}-{place}").chars().map(plain).take(LONGEST).collect()
}

fn is_token(text: &str) -> bool {
    text.starts_with("acs_") && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c))
}

#[cfg(unix)]
fn private(folder: &mut DirBuilder) -> &mut DirBuilder {
    std::os::unix::fs::DirBuilderExt::mode(folder, 0o700)
}

#[cfg(unix)]
fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

/// Folders of the user keep the permissions that the user has chosen.
#[cfg(not(unix))]
fn private(folder: &mut DirBuilder) -> &mut DirBuilder {
    folder
}

#[cfg(not(unix))]
fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_for_its_owner_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile(folder.path().join("a").join("b.token"));
        assert_eq!(file.read().unwrap(), None);
        file.write("acs_one").unwrap();
        assert_eq!(file.read().unwrap().as_deref(), Some("acs_one"));
        file.write("acs_2").unwrap();
        assert_eq!(file.read().unwrap().as_deref(), Some("acs_2"));
        assert!(!format!("{file:?}").contains("acs_2"));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it_whatever_was_there() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile(folder.path().join("a.token"));
        fs::write(file.path(), "acs_one").unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o666)).unwrap();
        file.write("acs_two").unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_token_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile(folder.path().join("a.token"));
        for text in ["", "notes", "acs_one\nacs_two", "acs_é"] {
            fs::write(file.path(), text).unwrap();
            assert!(file.read().unwrap_err().to_string().contains("move it away"), "{text}");
        }
    }

    #[test]
    fn names_hold_no_password() {
        for (url, name) in [
            ("postgres://u:s3cret@db.example:5432/app?sslmode=require", "postgres-db.example-5432-app"),
            ("mysql://root@localhost/app", "mysql-localhost-app"),
            ("redis://:s3cret@a:1,redis://:s3cret@b:2", "redis-b-2"),
            ("postgres:///app?host=/run&password=s3cret", "postgres--app"),
        ] {
            assert_eq!(name_of(url), name);
        }
        assert_eq!(name_of(&format!("redis://{}", "a".repeat(300))).len(), 100);
    }

    #[test]
    fn stores_that_end_with_the_process_have_none() {
        for store in ["memory", "sqlite::memory:"] {
            assert_eq!(TokenFile::of(&StoreChoice::parse(store).unwrap()), None);
        }
        let store = StoreChoice::parse("sqlite:a/b.db").unwrap();
        assert_eq!(TokenFile::of(&store), Some(TokenFile("a/b.db.token".into())));
    }
}
