//! The names of the keys.

use std::fmt::{self, Write as _};

use authcore::store::{StoreError, StoreErrorKind};
use authcore::{SessionId, Subject};

/// The prefix of all keys of a store.
#[derive(Debug, Clone)]
pub(crate) struct Prefix(Box<str>);

impl Prefix {
    pub(crate) const DEFAULT: &'static str = "authcore:";
    const MAX_LEN: usize = 64;

    /// Checks a prefix (rule S12). A brace in it would begin a hash tag before that of the partition.
    pub(crate) fn new(prefix: &str) -> Result<Self, StoreError> {
        let allowed = |c: char| c.is_ascii_graphic() && !"{}*?[]\\".contains(c);
        if prefix.is_empty() || prefix.len() > Self::MAX_LEN || !prefix.chars().all(allowed) {
            return Err(StoreError::new(
                StoreErrorKind::Misconfigured,
                "the prefix must have 1 to 64 printable ASCII characters, without spaces and {}*?[]\\",
            ));
        }
        Ok(Self(prefix.into()))
    }

    /// Returns the keys of one partition, which are all in one hash slot of a Cluster.
    pub(crate) fn partition(&self, partition: u16) -> PartitionKeys {
        // One allocation, with room for every key that is made from it.
        let mut base = String::with_capacity(self.0.len() + 6 + 1 + Subject::MAX_KEY_LEN);
        base.push_str(&self.0);
        base.push('{');
        base.extend([12, 8, 4, 0].map(|shift| char::from(HEX[usize::from(partition >> shift & 0xf)])));
        base.push('}');
        PartitionKeys(base)
    }

    /// Returns the key of a record, without an allocation.
    pub(crate) fn record(&self, id: SessionId) -> RecordKey {
        let mut key = RecordKey { bytes: [0; RecordKey::MAX_LEN], len: 0 };
        let _ = write!(key, "{}{{{:04x}}}{id}", self.0, id.partition());
        key
    }
}

/// The key of a record.
pub(crate) struct RecordKey {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl RecordKey {
    const MAX_LEN: usize = Prefix::MAX_LEN + 6 + SessionId::TEXT_LEN;

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Write for RecordKey {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn push(id: SessionId, key: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(key, "{id}");
}

/// The keys of one partition, made from the prefix that they share.
pub(crate) struct PartitionKeys(String);

impl PartitionKeys {
    /// Returns the key of a record.
    pub(crate) fn record(&self, id: SessionId) -> String {
        let mut key = String::with_capacity(self.0.len() + SessionId::TEXT_LEN);
        key.push_str(&self.0);
        push(id, &mut key);
        key
    }

    /// Returns the prefix of the keys of records.
    pub(crate) fn record_prefix(&self) -> &str {
        &self.0
    }

    /// Returns the prefix of the keys of indexes. No session id has a colon, so no index is taken for a
    /// record.
    pub(crate) fn index_prefix(&self) -> String {
        format!("{}:", self.0)
    }

    /// Returns the key of the index of a subject, from the subject's own key. That has a NUL only in a named
    /// realm, so no subject of one realm shares an index with a subject of another (rule A12).
    pub(crate) fn index(&self, subject_key: &str) -> String {
        format!("{}:{subject_key}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use authcore::Realm;

    use super::*;

    #[test]
    fn s12_prefixes_are_validated() {
        let long = "x".repeat(65);
        for bad in ["", "a{b", "a}", "a b", "a\n", "a\0", "ä:", "a*", "a?", "a[b]", "a\\", &long] {
            let error = Prefix::new(bad).err().unwrap_or_else(|| panic!("{bad:?} was accepted"));
            assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{bad:?}");
        }
        for good in ["authcore:", "a", "my-app/prod:", &long[1..]] {
            assert!(Prefix::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn all_keys_of_a_subject_share_their_hash_tag() {
        let prefix = Prefix::new("app:").unwrap_or_else(|error| panic!("{error}"));
        let subject = Subject::new("us{er}").unwrap_or_else(|error| panic!("{error}"));
        let id = SessionId::generate(&subject).unwrap_or_else(|error| panic!("{error}"));
        let tag = format!("app:{{{:04x}}}", subject.partition());
        let partition = prefix.partition(subject.partition());
        assert_eq!(partition.index(subject.key()), format!("{tag}:us{{er}}"));
        assert_eq!(partition.record(id), format!("{tag}{id}"));
        assert_eq!(prefix.record(id).as_bytes(), partition.record(id).as_bytes());
        let longest = Prefix::new(&"x".repeat(64)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(longest.record(id).as_bytes().len(), 64 + 6 + 22);
    }

    #[test]
    fn a12_no_two_subjects_share_an_index() {
        let prefix = Prefix::new("app:").unwrap_or_else(|error| panic!("{error}"));
        let subject = |text: &str| Subject::new(text).unwrap_or_else(|error| panic!("{error}"));
        let realm = |name: &str| Realm::new(name).unwrap_or_else(|error| panic!("{error}"));
        let named = subject("ada").in_realm(&realm("tenant"));
        let index = prefix.partition(named.partition()).index(named.key());
        assert_eq!(index, format!("app:{{{:04x}}}:tenant\0ada", named.partition()));
        // All in one partition, whichever is their own.
        let partition = prefix.partition(7);
        let all = [
            subject("ada"),
            named,
            subject("tenant:ada"),
            subject("tenant\u{1f}ada"),
            subject("tenantada"),
            subject("ada").in_realm(&realm("tenant:")),
            subject(":ada").in_realm(&realm("tenant")),
        ];
        for (place, one) in all.iter().enumerate() {
            for other in &all[place + 1..] {
                assert_ne!(partition.index(one.key()), partition.index(other.key()));
            }
        }
    }
}
