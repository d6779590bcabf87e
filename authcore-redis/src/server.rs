//! What the server says of itself.

use crate::error::of_connecting;
use authcore::store::{StoreError, StoreErrorKind};
use redis::aio::ConnectionLike;

/// The oldest release that has `SET ... PXAT`.
const OLDEST: (u32, u32) = (6, 2);

/// How a server is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Node,
    Cluster,
}

/// Whether the server may drop keys when its memory is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eviction {
    Allowed,
    Refused,
}

/// Asks a server whether it can be used.
pub(crate) async fn check(link: &mut impl ConnectionLike, eviction: Eviction) -> Result<Mode, StoreError> {
    match redis::cmd("INFO").query_async::<String>(link).await {
        Ok(info) => judge(&info, eviction),
        Err(error) => Err(of_connecting(error)),
    }
}

fn judge(info: &str, eviction: Eviction) -> Result<Mode, StoreError> {
    let refuse = |context| Err(StoreError::new(StoreErrorKind::Misconfigured, context));
    let field =
        |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let Some(version) = field("redis_version") else {
        return refuse("what answered does not say that it is a Redis");
    };
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < OLDEST {
        return refuse("this Redis is older than 6.2");
    }
    let cluster = field("cluster_enabled") == Some("1");
    // In a Cluster, the masters are found whichever node answers.
    if !cluster && field("role") == Some("slave") {
        return refuse("this Redis is a replica; sessions need its master");
    }
    let evicts = field("maxmemory_policy").is_some_and(|policy| policy != "noeviction")
        && field("maxmemory").is_some_and(|limit| limit != "0");
    if evicts && eviction == Eviction::Refused {
        return refuse("this Redis may evict keys (set maxmemory-policy noeviction, or call allow_eviction)");
    }
    Ok(if cluster { Mode::Cluster } else { Mode::Node })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(fields: &[(&str, &str)]) -> String {
        let default = [
            ("redis_version", "7.0.15"),
            ("role", "master"),
            ("maxmemory", "0"),
            ("maxmemory_policy", "noeviction"),
            ("cluster_enabled", "0"),
        ];
        let value = |name| fields.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        let line = |(name, default)| format!("{name}:{}\r\n", value(name).unwrap_or(default));
        default.map(line).concat()
    }

    fn refused(fields: &[(&str, &str)]) -> String {
        match judge(&info(fields), Eviction::Refused) {
            Ok(mode) => panic!("{fields:?} was taken as {mode:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn servers_that_can_be_used_are_taken() {
        for (fields, expected) in [
            (&[][..], Mode::Node),
            (&[("redis_version", "6.2.0")], Mode::Node),
            (&[("redis_version", "10.0.1")], Mode::Node),
            (&[("cluster_enabled", "1"), ("role", "slave")], Mode::Cluster),
            (&[("maxmemory_policy", "allkeys-lru")], Mode::Node),
            (&[("maxmemory", "1000")], Mode::Node),
        ] {
            assert!(
                matches!(judge(&info(fields), Eviction::Refused), Ok(mode) if mode == expected),
                "{fields:?}"
            );
        }
        let evicting = info(&[("maxmemory", "1000"), ("maxmemory_policy", "volatile-ttl")]);
        assert!(judge(&evicting, Eviction::Allowed).is_ok());
    }

    #[test]
    fn others_are_refused_by_name() {
        assert!(refused(&[("redis_version", "6.0.20")]).contains("older than 6.2"));
        assert!(refused(&[("redis_version", "x")]).contains("older than 6.2"));
        assert!(refused(&[("role", "slave")]).contains("replica"));
        assert!(refused(&[("maxmemory", "1000"), ("maxmemory_policy", "volatile-ttl")]).contains("evict"));
        assert!(judge("HTTP/1.1 200 OK", Eviction::Refused).is_err());
    }
}
