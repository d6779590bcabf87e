//! A stored password hash, as any text or with any parameters (rules P1, P6).
//!
//! - No text makes a password match that nobody hashed.
//! - A hash above the limits is corrupt and is never computed.
//! - The hasher itself never fails.
//!
//! Every verification costs a hash, so this target runs only some dozens of inputs a second. Hashes that are
//! within the limits and cost more than the default are left out.
#![no_main]

use std::sync::LazyLock;

use authcore::password::{Password, PasswordError, PasswordHash, PasswordHasher, Verdict};
use futures_executor::block_on;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::{Corpus, fuzz_target};

static HASHER: LazyLock<PasswordHasher> =
    LazyLock::new(|| PasswordHasher::builder().threads(1).build().unwrap());

const MAX_MEMORY: u64 = 1 << 19;
const MAX_WORK: u64 = 1 << 22;
const MAX_LANES: u64 = 64;
const DEFAULT_WORK: u64 = 2 * 19 * 1024;

#[derive(Debug, Arbitrary)]
enum Stored {
    Text(String),
    Built {
        algorithm: u8,
        version: Option<u32>,
        memory: u32,
        passes: u32,
        lanes: u32,
        salt: String,
        output: String,
    },
}

impl Stored {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Built { algorithm, version, memory, passes, lanes, salt, output } => {
                let algorithm = ["argon2id", "argon2i", "argon2d", "bcrypt"][usize::from(algorithm % 4)];
                let version = version.map(|version| format!("v={version}$")).unwrap_or_default();
                format!("${algorithm}${version}m={memory},t={passes},p={lanes}${salt}${output}")
            }
        }
    }
}

/// Memory, passes and lanes, wherever they stand in the text.
fn costs(text: &str) -> Option<[u64; 3]> {
    let value = |name: &str| {
        let (_, rest) = text.split_once(name)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse::<u64>().ok()
    };
    Some([value("m=")?, value(",t=")?, value(",p=")?])
}

fuzz_target!(|stored: Stored| -> Corpus {
    let text = stored.text();
    let costs = costs(&text);
    let is_above = costs.is_some_and(|[memory, passes, lanes]| {
        memory > MAX_MEMORY || lanes > MAX_LANES || memory.saturating_mul(passes) > MAX_WORK
    });
    if !is_above && costs.is_some_and(|[memory, passes, _]| memory.saturating_mul(passes) > DEFAULT_WORK) {
        return Corpus::Reject;
    }
    let password = Password::new("a password that nobody hashed").unwrap();
    match block_on(HASHER.verify(password, Some(&PasswordHash::new(text.as_str())))) {
        Ok(Verdict::Mismatch) => assert!(!is_above, "computed: {text}"),
        Err(PasswordError::CorruptHash) => {}
        other => panic!("{other:?} of {text}"),
    }
    Corpus::Keep
});
