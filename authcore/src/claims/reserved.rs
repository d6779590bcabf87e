//! The claim names that tokens use.

/// See [`Claims::RESERVED_NAMES`](super::Claims::RESERVED_NAMES).
pub(super) const NAMES: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "auth_time",
    "sid",
    "epoch",
    "cnf",
    "act",
    "may_act",
    "azp",
    "nonce",
    "acr",
    "amr",
    "auth_realm",
    "session_kind",
];

/// How many of the names have been reserved since the first release, so that no record contains them.
///
/// Records of an earlier release may contain the others.
const ALWAYS_RESERVED: usize = 16;

/// A reserved name; the variants are in the order of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    Iss,
    Sub,
    Aud,
    Exp,
    Nbf,
    Iat,
    Jti,
    ClientId,
    AuthTime,
    Sid,
    Epoch,
    Cnf,
    Act,
    MayAct,
    Azp,
    Nonce,
    Acr,
    Amr,
    AuthRealm,
    SessionKind,
}

impl Reserved {
    /// The names that were reserved after the first release, which records of that release may contain.
    pub(crate) const LATER: &[&str] = NAMES.split_at(ALWAYS_RESERVED).1;

    /// Returns the reserved name that equals `name`, if there is one.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "iss" => Self::Iss,
            "sub" => Self::Sub,
            "aud" => Self::Aud,
            "exp" => Self::Exp,
            "nbf" => Self::Nbf,
            "iat" => Self::Iat,
            "jti" => Self::Jti,
            "client_id" => Self::ClientId,
            "auth_time" => Self::AuthTime,
            "sid" => Self::Sid,
            "epoch" => Self::Epoch,
            "cnf" => Self::Cnf,
            "act" => Self::Act,
            "may_act" => Self::MayAct,
            "azp" => Self::Azp,
            "nonce" => Self::Nonce,
            "acr" => Self::Acr,
            "amr" => Self::Amr,
            "auth_realm" => Self::AuthRealm,
            "session_kind" => Self::SessionKind,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// Returns whether the name has been reserved since the first release.
    pub(crate) fn is_always(self) -> bool {
        (self as usize) < ALWAYS_RESERVED
    }

    /// Returns the name's bit in a set of reserved names.
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Every name has a bit.
const _: () = assert!(NAMES.len() <= u32::BITS as usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_every_reserved_name_is_found_and_has_a_bit_of_its_own() {
        let mut bits = 0;
        for (place, name) in NAMES.iter().enumerate() {
            let reserved = Reserved::of(name).unwrap();
            assert_eq!((reserved as usize, reserved.name()), (place, *name));
            assert_eq!((bits & reserved.bit(), reserved.is_always()), (0, place < 16));
            bits |= reserved.bit();
        }
        assert_eq!(Reserved::of("scope"), None);
    }
}
