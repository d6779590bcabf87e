//! How the keys are called.

use std::fmt::{self, Write as _};

use authcore::store::{StoreError, StoreErrorKind};
use authcore::{SessionId, Subject};

/// What all keys of a store begin with.
#[derive(Debug, Clone)]
pub(crate) struct Prefix(Box<str>);

impl Prefix {
    pub(crate) const DEFAULT: &'static str = "authcore:";
    const MAX_LEN: usize = 64;

    /// Checks a prefix (rule S12). A brace would be a hash tag, and what follows it could be taken for ours.
    pub(crate) fn new(prefix: &str) -> Result<Self, StoreError> {
        let allowed = |c: char| c.is_ascii_graphic() && !"{}*?[]\\".contains(c);
        if prefix.is_empty() || prefix.len() > Self::MAX_LEN || !prefix.chars().all(allowed) {
            return Err(StoreError::new(
                StoreErrorKind::Misconfigured,
                "a prefix has 1 to 64 printable ASCII characters, without spaces and {}*?[]\\",
            ));
        }
        Ok(Self(prefix.into()))
    }

    /// What the keys of one partition begin with: all its keys are in one hash slot of a Cluster.
    pub(crate) fn partition(&self, partition: u16) -> Partition {
        // One block, with room for every key that is made of it.
        let mut base = String::with_capacity(self.0.len() + 6 + 1 + Subject::MAX_KEY_LEN);
        base.push_str(&self.0);
        base.push('{');
        base.extend([12, 8, 4, 0].map(|shift| char::from(HEX[usize::from(partition >> shift & 0xf)])));
        base.push('}');
        Partition(base)
    }

    /// The key of a record, without a block of memory for it.
    pub(crate) fn record(&self, id: SessionId) -> RecordKey {
        let mut key = RecordKey { bytes: [0; RecordKey::ROOM], len: 0 };
        let _ = write!(key, "{}{{{:04x}}}{id}", self.0, id.partition());
        key
    }
}

/// The key of a record.
pub(crate) struct RecordKey {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl RecordKey {
    const ROOM: usize = Prefix::MAX_LEN + 6 + SessionId::TEXT_LEN;

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

/// What the keys of one partition begin with.
pub(crate) struct Partition(String);

impl Partition {
    /// The key of a record, given its id.
    pub(crate) fn record(&self, id: SessionId) -> String {
        let mut key = String::with_capacity(self.0.len() + SessionId::TEXT_LEN);
        key.push_str(&self.0);
        push(id, &mut key);
        key
    }

    /// What the keys of records begin with.
    pub(crate) fn records(&self) -> &str {
        &self.0
    }

    /// What the keys of indexes begin with. No id has a colon, so that no index is ever taken for a record.
    pub(crate) fn indexes(&self) -> String {
        format!("{}:", self.0)
    }

    /// The key of the index of a subject, given the subject's own key: only in a named realm that has a NUL,
    /// so no subject of one realm shares an index with one of another (rule A12).
    pub(crate) fn index(&self, subject_key: &str) -> String {
        format!("{}:{subject_key}", self.0)
    }
}

/// The partition of a subject.
pub(crate) fn of_subject(prefix: &Prefix, subject: &Subject) -> (Partition, String) {
    let partition = prefix.partition(subject.partition());
    let index = partition.index(subject.key());
    (partition, index)
}

#[cfg(test)]
mod tests {
    use authcore::Realm;

    use super::*;

    #[test]
    fn s12_prefixes_are_validated() {
        let long = "x".repeat(65);
        for bad in ["", "a{b", "a}", "a b", "a\n", "a\0", "ä:", "a*", "a?", "a[b]", "a\\", &long] {
            let error = Prefix::new(bad).err().unwrap_or_else(|| panic!("{bad:?} was taken"));
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
        let (partition, index) = of_subject(&prefix, &subject);
        assert_eq!(index, format!("{tag}:us{{er}}"));
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
        let (_, index) = of_subject(&prefix, &named);
        assert_eq!(index, format!("app:{{{:04x}}}:tenant\0ada", named.partition()));
        // In one partition, whatever theirs are.
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
