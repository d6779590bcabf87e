//! The scripts that run inside the server: each is one atomic step.

use std::sync::LazyLock;

use redis::Cmd;

/// A script, known to the server by its digest once it has run.
pub(crate) struct Script {
    text: &'static str,
    sha1: LazyLock<String>,
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(crate) static $name: Script = Script {
            text: include_str!($file),
            sha1: LazyLock::new(|| redis::Script::new(include_str!($file)).get_hash().to_owned()),
        };
    };
}

script!(INSERT, "lua/insert.lua");
script!(REPLACE, "lua/replace.lua");
script!(REMOVE, "lua/remove.lua");
script!(LIST, "lua/list.lua");
script!(REMOVE_ALL, "lua/remove_all.lua");

impl Script {
    /// Runs it by its digest.
    pub(crate) fn by_digest(&self, keys: &[String], args: &[&[u8]]) -> Cmd {
        Self::command("EVALSHA", &self.sha1, keys, args)
    }

    /// Runs it by its text, after which the server knows it.
    pub(crate) fn by_text(&self, keys: &[String], args: &[&[u8]]) -> Cmd {
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
    use authcore::{
        Device, RecordParts, SessionId, SessionRecord, StoredCredential, Subject, Timestamp, Version,
    };

    fn subject_of(credential: StoredCredential) -> Result<String, Box<dyn std::error::Error>> {
        let subject = Subject::new("user-42")?;
        let now = Timestamp::from_secs(1_800_000_000);
        let record = SessionRecord::from_parts(&RecordParts {
            id: SessionId::generate(&subject)?,
            version: Version::FIRST,
            epoch: 0,
            subject,
            credential,
            created_at: now,
            authenticated_at: now,
            last_seen_at: now,
            idle_expires_at: now,
            expires_at: now,
            device: Device::unknown(),
            claims: r#"{"role":"admin"}"#.into(),
        })?;
        // As remove.lua reads it, whose positions count from one.
        let byte = |position: usize| record.as_bytes()[position - 1];
        let start = if byte(70) == 1 { 155 } else { 107 };
        let end = start + usize::from(byte(71)) - 1;
        Ok(String::from_utf8(record.as_bytes()[start - 1..end].to_vec())?)
    }

    /// The script that removes a record finds its subject where the core's format has it.
    #[test]
    fn s9_the_scripts_read_the_records_format() -> Result<(), Box<dyn std::error::Error>> {
        let secret_digest = [1; 32].into();
        assert_eq!(subject_of(StoredCredential::Session { secret_digest })?, "user-42");
        let refresh = StoredCredential::Refresh {
            secret_digest: [1; 32].into(),
            mac_key: [2; 32].into(),
            generation: 7,
            rotated_at: Timestamp::from_secs(1_800_000_000),
        };
        assert_eq!(subject_of(refresh)?, "user-42");
        Ok(())
    }
}
