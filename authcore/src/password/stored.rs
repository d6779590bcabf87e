//! Stored password hashes: PHC strings.

use std::fmt;
use std::fmt::Write as _;

use argon2::{Algorithm, MIN_SALT_LEN, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::PasswordError;
use crate::secret::SecretString;

/// The maximum memory of one hash, in KiB: 512 MiB.
pub(super) const MAX_MEMORY: u32 = 1 << 19;
/// The maximum work of one hash, in KiB times passes: 4 GiB, some seconds of one processor.
pub(super) const MAX_WORK: u64 = 1 << 22;
/// The maximum number of lanes of one hash.
pub(super) const MAX_LANES: u32 = 64;
/// The maximum length of a stored text, in bytes.
const MAX_TEXT: usize = 2048;
/// The capacity for a text to store, enough that it never grows and leaves a copy behind.
const WRITTEN_TEXT: usize = 256;

/// A password hash as the application stores it: a PHC string of about a hundred bytes, such as
/// `$argon2id$v=19$m=19456,t=2,p=1$..$..`.
///
/// It is redacted in `Debug` and wiped when dropped. The text is parsed when a password is verified against
/// it; a text that cannot be read then results in [`PasswordError::CorruptHash`].
///
/// Hashes made by other programs are accepted in the form that Argon2's reference implementation writes:
/// `$argon2id$`, `$argon2i$` or `$argon2d$`, an optional `v=`, then `m=`, `t=` and `p=` in this order, then
/// salt and output in base64 without padding. The text has at most 2,048 bytes, the salt at least 8 and the
/// output at least 4. The hash needs at most 512 MiB of memory, 64 lanes and 4 GiB of work (memory times
/// passes).
///
/// # Security
///
/// A reader of the hash can try passwords offline. Store it with the account and nowhere else.
#[derive(Debug, Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// Wraps the text that the application has stored, unchanged.
    pub fn new(stored: impl Into<String>) -> Self {
        Self(SecretString::new(stored.into()))
    }

    /// Returns the text to store, in a column that holds at least 255 bytes and compares byte by byte.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A parsed stored hash.
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

    /// Reads `$argon2id$v=19$m=19456,t=2,p=1$salt$output`, the only form that Argon2's reference
    /// implementation writes. Salt and output may have any lengths that RFC 9106 allows.
    fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let mut fields = text.strip_prefix('$')?.split('$');
        let algorithm = fields.next()?.parse().ok()?;
        let mut field = fields.next()?;
        let version = match field.strip_prefix("v=") {
            Some(version) => {
                field = fields.next()?;
                Version::try_from(decimal(version)?).ok()?
            }
            // The first version of Argon2 wrote no `v=`.
            None => Version::V0x10,
        };
        let params = params(field)?;
        let salt = STANDARD_NO_PAD.decode(fields.next()?).ok()?;
        let output = Zeroizing::new(STANDARD_NO_PAD.decode(fields.next()?).ok()?);
        let allowed = salt.len() >= MIN_SALT_LEN && output.len() >= Params::MIN_OUTPUT_LEN;
        (allowed && fields.next().is_none()).then(|| Self {
            algorithm,
            version,
            params,
            salt: salt.into(),
            output,
        })
    }

    /// Returns the text to store.
    pub(super) fn to_text(&self) -> PasswordHash {
        let (algorithm, version) = (self.algorithm, u32::from(self.version));
        let (memory, passes, lanes) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let mut text = String::with_capacity(WRITTEN_TEXT);
        // Writing to a `String` cannot fail.
        let _ = write!(text, "${algorithm}$v={version}$m={memory},t={passes},p={lanes}$");
        STANDARD_NO_PAD.encode_string(&self.salt, &mut text);
        text.push('$');
        STANDARD_NO_PAD.encode_string(&*self.output, &mut text);
        PasswordHash::new(text)
    }

    /// Returns whether today's parameters improve on this hash in some respect and are worse in none (rule
    /// P1).
    ///
    /// A hash with more memory or more passes than today's is never outdated, because replacing it would
    /// weaken it. And while a deployment runs nodes with old and new parameters, the old ones must not
    /// undo the work of the new ones. A different number of lanes alone does not matter.
    pub(super) fn is_outdated(&self, today: &Self) -> bool {
        let (memory, passes) = (self.params.m_cost(), self.params.t_cost());
        if memory > today.params.m_cost() || passes > today.params.t_cost() {
            return false;
        }
        memory < today.params.m_cost()
            || passes < today.params.t_cost()
            || self.algorithm != today.algorithm
            || self.version != today.version
            || self.salt.len() < today.salt.len()
            || self.output.len() < today.output.len()
    }
}

/// Returns the work of one hash, in KiB times passes.
pub(super) fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

/// Reads `m=19456,t=2,p=1`: all three, in this order, and within the limits.
fn params(text: &str) -> Option<Params> {
    let mut values = text.split(',');
    let mut value = |name| decimal(values.next()?.strip_prefix(name)?);
    let (memory, passes, lanes) = (value("m=")?, value("t=")?, value("p=")?);
    if values.next().is_some() {
        return None;
    }
    checked_params(memory, passes, lanes)
}

/// Reads digits without a sign or leading zeros.
fn decimal(text: &str) -> Option<u32> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if canonical && digits { text.parse().ok() } else { None }
}

/// Returns the parameters if they are within the limits.
pub(super) fn checked_params(memory: u32, passes: u32, lanes: u32) -> Option<Params> {
    let params = Params::new(memory, passes, lanes, None).ok()?;
    (memory <= MAX_MEMORY && lanes <= MAX_LANES && work(&params) <= MAX_WORK).then_some(params)
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc;
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

    #[test]
    fn p1_a_stored_hash_is_read_and_written_unchanged() {
        let parsed = Parsed::parse(&PasswordHash::new(GOOD)).unwrap();
        assert_eq!((parsed.params.m_cost(), parsed.params.t_cost(), parsed.params.p_cost()), (19456, 2, 1));
        assert_eq!(&*parsed.salt, b"somesaltsomesalt");
        assert_eq!(&**parsed.output, b"0123456789abcdef0123456789abcdef");
        assert_eq!(parsed.to_text().expose(), GOOD);
    }

    #[test]
    fn p1_a_text_that_is_not_a_hash_is_corrupt() {
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
            // A salt of 7 bytes, an output of 3.
            bad("c29tZXNhbHRzb21lc2FsdA", "c29tZXNhbA"),
            bad("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "MDEy"),
            format!("{GOOD}$"),
            format!("{GOOD} "),
            format!("{GOOD}="),
            format!("{GOOD}{}", "AAAA".repeat(MAX_TEXT / 4)),
            // Forms that the reference implementation does not write.
            bad("m=19456,t=2,p=1", "t=2,m=19456,p=1"),
            bad("m=19456,t=2,p=1", "m=19456,t=2,p=1,"),
            bad("m=19456", "m=019456"),
            bad("m=19456", "m=+19456"),
            bad("m=19456", "m="),
            bad("m=19456", "M=19456"),
            bad("v=19", "v=019"),
            bad("v=19", "v="),
            bad("$v=19", "$v=19$v=19"),
            bad("$argon2id", "argon2id"),
            bad("argon2id", "Argon2id"),
            // Stray bits at the end of the salt and of the output; the alphabet of base64url.
            bad("c2FsdA$", "c2FsdB$"),
            GOOD.replace("NkZWY", "NkZWZ"),
            bad("MDEy", "M-Ey"),
            // Above the limits of memory, work and lanes.
            bad("m=19456", "m=524289"),
            bad("m=19456", "m=1048576"),
            bad("m=19456", "m=4294967295"),
            bad("m=19456", "m=99999999999"),
            bad("t=2", "t=4294967295"),
            bad("m=19456,t=2", "m=524288,t=9"),
            bad("m=19456,t=2", "m=8,t=524289"),
            bad("p=1", "p=65"),
            bad("p=1", "p=16777215"),
        ];
        // Cut off so that less than 4 bytes of the output remain. Base64 ends nowhere after one character of
        // four.
        texts.extend((0..GOOD.len() - 37).map(|end| GOOD[..end].into()));
        texts.extend((1..9).map(|group| GOOD[..GOOD.len() - 2 - 4 * group].into()));
        for text in texts {
            let outcome = Parsed::parse(&PasswordHash::new(text.as_str()));
            assert!(matches!(outcome, Err(PasswordError::CorruptHash)), "{text}");
        }
    }

    #[test]
    fn p1_stored_hashes_are_read_up_to_the_limits() {
        for (memory, passes, lanes) in [(MAX_MEMORY, 8, 64), (8, 524_288, 1), (4_096, 1_024, 1)] {
            let text = GOOD.replace("m=19456,t=2,p=1", &format!("m={memory},t={passes},p={lanes}"));
            let params = Parsed::parse(&PasswordHash::new(text)).unwrap().params;
            assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (memory, passes, lanes));
        }
    }

    #[test]
    fn p1_a_hash_is_outdated_if_todays_parameters_only_improve_it() {
        let parsed = |text: &str| Parsed::parse(&PasswordHash::new(text)).unwrap();
        let today = parsed(&GOOD.replace("m=19456,t=2", "m=32768,t=3"));
        for (stored, outdated) in [
            ("argon2id$v=19$m=32768,t=3,p=1", false),
            ("argon2id$v=19$m=65536,t=3,p=1", false),
            ("argon2id$v=19$m=32768,t=4,p=1", false),
            ("argon2id$v=19$m=32767,t=3,p=1", true),
            ("argon2id$v=19$m=32768,t=2,p=1", true),
            ("argon2id$v=19$m=32767,t=2,p=4", true),
            // Less of one, more of the other.
            ("argon2id$v=19$m=65536,t=2,p=1", false),
            ("argon2id$v=19$m=32769,t=1,p=1", false),
            ("argon2id$v=19$m=8,t=4,p=1", false),
            // Other lanes alone.
            ("argon2id$v=19$m=32768,t=3,p=2", false),
            ("argon2id$v=19$m=32768,t=3,p=64", false),
            // Another variant or version, cheaper or not.
            ("argon2i$v=19$m=32768,t=3,p=1", true),
            ("argon2d$v=19$m=32768,t=3,p=4", true),
            ("argon2id$v=16$m=32768,t=3,p=1", true),
            ("argon2id$m=32768,t=3,p=1", true),
            ("argon2i$v=19$m=32769,t=3,p=1", false),
            ("argon2d$v=19$m=32768,t=4,p=1", false),
            ("argon2id$m=65536,t=1,p=1", false),
        ] {
            let text = GOOD.replace("argon2id$v=19$m=19456,t=2,p=1", stored);
            assert_eq!(parsed(&text).is_outdated(&today), outdated, "{stored}");
        }
        for (from, to) in
            [("OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "OWFiY2RlZg"), ("c29tZXNhbHRzb21lc2FsdA", "c29tZXNhbHQ")]
        {
            let short = GOOD.replace(from, to);
            assert_ne!(short, GOOD);
            assert!(parsed(&short).is_outdated(&parsed(GOOD)), "{short}");
            let expensive = parsed(&short.replace("m=19456", "m=19457"));
            assert!(!expensive.is_outdated(&parsed(GOOD)), "{short}");
        }
    }

    fn makes() -> impl Strategy<Value = (Algorithm, Version)> {
        let algorithm =
            prop::sample::select(&[Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id][..]);
        (algorithm, prop::sample::select(&[Version::V0x10, Version::V0x13][..]))
    }

    proptest! {
        #[test]
        fn p1_a_written_hash_is_read_unchanged_and_equals_what_the_argon2_crate_writes(
            (algorithm, version) in makes(),
            (memory, passes, lanes) in (512_u32..=MAX_MEMORY, 1_u32..=8, 1_u32..=64),
            salt in prop::collection::vec(any::<u8>(), 8..=700),
            output in prop::collection::vec(any::<u8>(), 4..=700),
        ) {
            let params = Params::new(memory, passes, lanes, None).unwrap();
            let (salt, output) = (salt.into(), Zeroizing::new(output));
            let hash = Parsed { algorithm, version, params, salt, output };
            let text = hash.to_text();
            let read = Parsed::parse(&text).unwrap();
            prop_assert_eq!(
                (read.algorithm, read.version, &read.params, &read.salt, &read.output),
                (hash.algorithm, hash.version, &hash.params, &hash.salt, &hash.output)
            );
            // If the crate's types can hold the salt and the output.
            if let (Ok(salt), Ok(output)) = (phc::Salt::new(&hash.salt), phc::Output::new(&hash.output)) {
                let theirs = phc::PasswordHash {
                    algorithm: algorithm.ident(),
                    version: Some(version.into()),
                    params: (&hash.params).try_into().unwrap(),
                    salt: Some(salt),
                    hash: Some(output),
                };
                prop_assert_eq!(text.expose(), theirs.to_string());
            }
        }

        #[test]
        fn p1_a_hash_has_one_spelling(
            position in 0..GOOD.len(),
            with in prop::sample::select(
                &["", "$", ",", "=", "0", "1", "A", "-", "+", "/", " ", "v=19$", "\u{fc}", "\0"][..],
            ),
            instead in any::<bool>(),
        ) {
            let rest = &GOOD[position + usize::from(instead)..];
            let text = format!("{}{with}{rest}", &GOOD[..position]);
            if let Ok(parsed) = Parsed::parse(&PasswordHash::new(text.as_str())) {
                let written = parsed.to_text();
                prop_assert_eq!(written.expose(), text);
            }
        }

        #[test]
        fn p1_outdated_hashes_lose_neither_memory_nor_passes(
            stored in (8_u32..64, 1_u32..8, 1_u32..=1),
            today in (8_u32..64, 1_u32..8, 1_u32..=1),
            (algorithm, version) in makes(),
            (salt, output) in (8_usize..24, 4_usize..40),
        ) {
            let hash = |(memory, passes, lanes), algorithm, version, salt, output| Parsed {
                algorithm,
                version,
                params: Params::new(memory, passes, lanes, None).unwrap(),
                salt: vec![0; salt].into(),
                output: Zeroizing::new(vec![0; output]),
            };
            let outdated = hash(stored, algorithm, version, salt, output)
                .is_outdated(&hash(today, Algorithm::Argon2id, Version::V0x13, 16, 32));
            let no_worse = stored.0 <= today.0 && stored.1 <= today.1;
            let better = stored != today
                || (algorithm, version) != (Algorithm::Argon2id, Version::V0x13)
                || salt < 16
                || output < 32;
            prop_assert_eq!(outdated, no_worse && better);
        }
    }

    #[test]
    fn debug_shows_no_hash() {
        let stored = PasswordHash::new(GOOD);
        let shown = format!("{stored:?} {:?}", Parsed::parse(&stored).unwrap());
        assert!(!shown.contains("c29tZX") && !shown.contains("MDEy") && !shown.contains("48, 49"), "{shown}");
    }
}
