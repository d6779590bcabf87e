//! The scripts that run inside the server, each as one atomic step.

use std::sync::LazyLock;

use redis::Cmd;

/// A script. Once it has run, the server knows it by its digest.
pub(crate) struct Script {
    text: &'static str,
    digest: LazyLock<String>,
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(crate) static $name: Script = Script {
            text: include_str!($file),
            digest: LazyLock::new(|| redis::Script::new(include_str!($file)).get_hash().to_owned()),
        };
    };
}

script!(INSERT, "lua/insert.lua");
script!(REPLACE, "lua/replace.lua");
script!(REMOVE, "lua/remove.lua");
script!(LIST, "lua/list.lua");
script!(REMOVE_ALL, "lua/remove_all.lua");

impl Script {
    /// Returns the command that runs the script by its digest.
    pub(crate) fn evalsha(&self, keys: &[String], args: &[&[u8]]) -> Cmd {
        Self::command("EVALSHA", &self.digest, keys, args)
    }

    /// Returns the command that runs the script by its text. The server knows its digest afterwards.
    pub(crate) fn eval(&self, keys: &[String], args: &[&[u8]]) -> Cmd {
        Self::command("EVAL", self.text, keys, args)
    }

    fn command(name: &str, script: &str, keys: &[String], args: &[&[u8]]) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(keys.len());
        for key in keys {
            command.arg(key);
        }
        for arg in args {
            command.arg(*arg);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use authcore::store::{RecordParts, RecordVersion, SessionDetails, SessionRecord, StoredCredential};
    use authcore::{Device, Realm, SessionId, SessionKind, Subject, Timestamp};

    type TestResult<T> = Result<T, Box<dyn std::error::Error>>;

    fn record(
        subject: Subject,
        credential: StoredCredential,
        kind: SessionKind,
    ) -> TestResult<SessionRecord> {
        let now = Timestamp::from_secs(1_800_000_000);
        Ok(SessionRecord::from_parts(&RecordParts {
            id: SessionId::generate(&subject)?,
            version: RecordVersion::FIRST,
            epoch: 0,
            subject,
            credential,
            created_at: now,
            authenticated_at: now,
            last_seen_at: now,
            idle_expires_at: now,
            expires_at: now,
            device: Device::unknown(),
            details: SessionDetails { kind, ..SessionDetails::default() },
            claims: r#"{"role":"admin"}"#.into(),
        })?)
    }

    /// Returns the subject's key as remove.lua finds it, whose positions count from one.
    fn subject_key_in(record: &SessionRecord) -> TestResult<String> {
        let byte = |position: usize| usize::from(record.as_bytes()[position - 1]);
        let (mut first, mut length) = (if byte(70) == 1 { 155 } else { 107 }, byte(71));
        if byte(1) == 2 {
            let realm = byte(first);
            first += 3;
            length = if realm > 0 { realm + 1 + length } else { length };
        }
        Ok(String::from_utf8(record.as_bytes()[first - 1..first + length - 1].to_vec())?)
    }

    /// The script that removes a record finds the subject's key where the core's formats have it.
    #[test]
    fn s9_the_scripts_read_the_formats_of_records() -> TestResult<()> {
        let secret_digest = || [1; 32].into();
        let credentials = [
            StoredCredential::Session { secret_digest: secret_digest() },
            StoredCredential::Refresh {
                secret_digest: secret_digest(),
                mac_key: [2; 32].into(),
                generation: 7,
                rotated_at: Timestamp::from_secs(1_800_000_000),
            },
            StoredCredential::ApiKey { secret_digest: secret_digest() },
        ];
        let mut formats = std::collections::BTreeSet::new();
        for credential in credentials {
            for subject in [Subject::new("user-42")?, Subject::new("user-42")?.in_realm(&Realm::new("t")?)] {
                for kind in [SessionKind::DEFAULT, SessionKind::KIOSK] {
                    let record = record(subject.clone(), credential.clone(), kind)?;
                    formats.insert(record.as_bytes()[0]);
                    assert_eq!(subject_key_in(&record)?, subject.key());
                }
            }
        }
        assert_eq!(formats.into_iter().collect::<Vec<_>>(), [1, 2]);
        Ok(())
    }
}
