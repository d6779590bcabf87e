//! Password hashes as they are stored: PHC strings.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Params, Version};
use zeroize::Zeroizing;

use super::PasswordError;
use crate::secret::SecretString;

/// The most memory of one hash, in KiB: one GiB.
pub(super) const MAX_MEMORY: u32 = 1 << 20;
/// The most work of one hash, in KiB times passes: some seconds of one processor.
pub(super) const MAX_WORK: u64 = 1 << 22;
/// The most lanes of one hash.
pub(super) const MAX_LANES: u32 = 64;
/// The shortest output that counts as a hash. Shorter ones are more likely cut off by a column that is too small.
const MIN_OUTPUT: usize = 16;

/// A password hash as the application stores it: a PHC string such as `$argon2id$v=19$m=19456,t=2,p=1$..$..`, of
/// about a hundred bytes.
///
/// Redacted in `Debug` and wiped when dropped. Whether it can be read is found when a password is verified against
/// it, since only then something can be answered to it: [`PasswordError::CorruptHash`].
///
/// # Security
///
/// Whoever reads it can try passwords at leisure. It belongs beside the account, and nowhere else.
#[derive(Debug, Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// What the application has stored, unchanged.
    pub fn new(stored: impl Into<String>) -> Self {
        Self(SecretString::new(stored.into()))
    }

    /// The text to store, in a column that takes at least 255 bytes and compares byte by byte.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A stored hash that was understood.
pub(super) struct Parsed {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) params: Params,
    pub(super) salt: Box<[u8]>,
    pub(super) output: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed").field("params", &self.params).finish_non_exhaustive()
    }
}

impl Parsed {
    pub(super) fn parse(stored: &PasswordHash) -> Result<Self, PasswordError> {
        Self::read(stored.expose()).ok_or(PasswordError::CorruptHash)
    }

    fn read(text: &str) -> Option<Self> {
        let hash = phc::PasswordHash::new(text).ok()?;
        let output = Zeroizing::new(hash.hash?.as_bytes().to_vec());
        if output.len() < MIN_OUTPUT {
            return None;
        }
        Some(Self {
            algorithm: Algorithm::try_from(hash.algorithm.as_str()).ok()?,
            version: match hash.version {
                // The first argon2 wrote none.
                None => Version::V0x10,
                Some(version) => Version::try_from(version).ok()?,
            },
            params: params(&hash.params)?,
            salt: hash.salt?.as_ref().into(),
            output,
        })
    }

    /// The text to store.
    pub(super) fn to_text(&self) -> Option<PasswordHash> {
        let hash = phc::PasswordHash {
            algorithm: self.algorithm.ident(),
            version: Some(self.version.into()),
            params: (&self.params).try_into().ok()?,
            salt: Some(phc::Salt::new(&self.salt).ok()?),
            hash: Some(phc::Output::new(&self.output).ok()?),
        };
        Some(PasswordHash::new(hash.to_string()))
    }

    /// Whether it is weaker than, or of another make than, what `today` would give (rule P1). Stronger ones stay, so
    /// that while a deployment runs with old and new parameters the old ones undo nothing.
    pub(super) fn is_outdated(&self, today: &Self) -> bool {
        self.algorithm != today.algorithm
            || self.version != today.version
            || self.params.m_cost() < today.params.m_cost()
            || self.params.t_cost() < today.params.t_cost()
            || self.params.p_cost() != today.params.p_cost()
            || self.salt.len() < today.salt.len()
            || self.output.len() < today.output.len()
    }
}

/// How much it costs to compute, in KiB times passes.
pub(super) fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

/// All three parameters, none other, and nothing that would take the machine's memory or minutes.
fn params(text: &phc::ParamsString) -> Option<Params> {
    if text.iter().count() != 3 {
        return None;
    }
    let [memory, passes, lanes] = ["m", "t", "p"].map(|name| text.get_decimal(name));
    checked_params(memory?, passes?, lanes?)
}

/// Parameters within the limits.
pub(super) fn checked_params(memory: u32, passes: u32, lanes: u32) -> Option<Params> {
    let params = Params::new(memory, passes, lanes, None).ok()?;
    (memory <= MAX_MEMORY && lanes <= MAX_LANES && work(&params) <= MAX_WORK).then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

    #[test]
    fn p1_a_stored_hash_is_read_and_written_unchanged() {
        let parsed = Parsed::parse(&PasswordHash::new(GOOD)).unwrap();
        assert_eq!((parsed.params.m_cost(), parsed.params.t_cost(), parsed.params.p_cost()), (19456, 2, 1));
        assert_eq!(&*parsed.salt, b"somesaltsomesalt");
        assert_eq!(&**parsed.output, b"0123456789abcdef0123456789abcdef");
        assert_eq!(parsed.to_text().unwrap().expose(), GOOD);
    }

    #[test]
    fn p1_what_is_no_hash_is_corrupt() {
        let bad = |from: &str, to: &str| {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD);
            text
        };
        let mut texts = vec![
            String::new(),
            "hunter2".into(),
            "$".into(),
            "$$$$$$".into(),
            "$2b$12$abcdefghijklmnopqrstuuN0e3bCqTqyHCx1DPRM9bMdWQBAlHyQa".into(),
            bad("argon2id", "argon2x"),
            bad("argon2id", "scrypt"),
            bad("v=19", "v=20"),
            bad("m=19456,", ""),
            bad(",p=1", ""),
            bad("p=1", "p=0"),
            bad("t=2", "t=0"),
            bad("t=2", "t=-2"),
            bad("p=1", "p=1,data=c29tZXNhbHQ"),
            bad("t=2", "m=2"),
            bad("c29tZXNhbHRzb21lc2FsdA", "c29t"),
            bad("c29tZXNhbHRzb21lc2FsdA", ""),
            bad("MDEy", "M*Ey"),
            bad("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "MDEyMzQ1Njc4OWFi"),
            format!("{GOOD}$"),
            format!("{GOOD} "),
            // More memory, time or lanes than anybody means.
            bad("m=19456", "m=1048577"),
            bad("m=19456", "m=4294967295"),
            bad("m=19456", "m=99999999999"),
            bad("t=2", "t=4294967295"),
            bad("m=19456,t=2", "m=1048576,t=5"),
            bad("p=1", "p=65"),
            bad("p=1", "p=16777215"),
        ];
        texts.extend(
            (0..GOOD.len() - 24).filter(|&end| GOOD.is_char_boundary(end)).map(|end| GOOD[..end].into()),
        );
        for text in texts {
            let outcome = Parsed::parse(&PasswordHash::new(text.as_str()));
            assert!(matches!(outcome, Err(PasswordError::CorruptHash)), "{text}");
        }
    }

    #[test]
    fn p1_outdated_is_what_is_weaker_or_of_another_make() {
        let parsed = |text: &str| Parsed::parse(&PasswordHash::new(text)).unwrap();
        let today = parsed(&GOOD.replace("m=19456,t=2", "m=32768,t=3"));
        for (stored, outdated) in [
            ("argon2id$v=19$m=32768,t=3,p=1", false),
            ("argon2id$v=19$m=65536,t=3,p=1", false),
            ("argon2id$v=19$m=32768,t=4,p=1", false),
            ("argon2id$v=19$m=32767,t=3,p=1", true),
            ("argon2id$v=19$m=65536,t=2,p=1", true),
            ("argon2id$v=19$m=32768,t=3,p=2", true),
            ("argon2i$v=19$m=32768,t=3,p=1", true),
            ("argon2id$v=16$m=32768,t=3,p=1", true),
            ("argon2id$m=32768,t=3,p=1", true),
        ] {
            let text = GOOD.replace("argon2id$v=19$m=19456,t=2,p=1", stored);
            assert_eq!(parsed(&text).is_outdated(&today), outdated, "{stored}");
        }
        let short_output = GOOD.replace("OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "OWFiY2RlZg");
        assert!(parsed(&short_output).is_outdated(&parsed(GOOD)));
    }

    #[test]
    fn debug_shows_no_hash() {
        let stored = PasswordHash::new(GOOD);
        let shown = format!("{stored:?} {:?}", Parsed::parse(&stored).unwrap());
        assert!(!shown.contains("c29tZX") && !shown.contains("MDEy") && !shown.contains("48, 49"), "{shown}");
    }
}
