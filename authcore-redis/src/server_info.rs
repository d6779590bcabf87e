//! What the server says about itself, and whether this store can use it.

use authcore::store::{StoreError, StoreErrorKind};
use redis::aio::ConnectionLike;

use crate::error::connect_error;

/// The first release with `SET ... PXAT`.
const MIN_VERSION: (u32, u32) = (6, 2);

/// How a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerMode {
    SingleNode,
    Cluster,
}

/// Whether the server may drop keys when its memory is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eviction {
    Allowed,
    Refused,
}

/// Asks a server how it runs, and refuses one that this store cannot use.
pub(crate) async fn check(
    connection: &mut impl ConnectionLike,
    eviction: Eviction,
) -> Result<ServerMode, StoreError> {
    match redis::cmd("INFO").query_async::<String>(connection).await {
        Ok(info) => classify(&info, eviction),
        Err(error) => Err(connect_error(error)),
    }
}

fn classify(info: &str, eviction: Eviction) -> Result<ServerMode, StoreError> {
    let refuse = |context| Err(StoreError::new(StoreErrorKind::Misconfigured, context));
    let field =
        |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let Some(version) = field("redis_version") else {
        return refuse("the server at this address does not say that it is Redis or Valkey");
    };
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < MIN_VERSION {
        return refuse("this Redis is older than 6.2: upgrade it");
    }
    let cluster = field("cluster_enabled") == Some("1");
    // Any node of a Cluster says where its masters are.
    if !cluster && field("role") == Some("slave") {
        return refuse("this Redis is a replica: connect to its master");
    }
    let evicts = field("maxmemory_policy").is_some_and(|policy| policy != "noeviction")
        && field("maxmemory").is_some_and(|limit| limit != "0");
    if evicts && eviction == Eviction::Refused {
        return refuse("this Redis may evict keys (set maxmemory-policy noeviction, or call allow_eviction)");
    }
    Ok(if cluster { ServerMode::Cluster } else { ServerMode::SingleNode })
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
        match classify(&info(fields), Eviction::Refused) {
            Ok(mode) => panic!("{fields:?} was accepted as {mode:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn usable_servers_are_accepted() {
        for (fields, expected) in [
            (&[][..], ServerMode::SingleNode),
            (&[("redis_version", "6.2.0")], ServerMode::SingleNode),
            (&[("redis_version", "10.0.1")], ServerMode::SingleNode),
            (&[("cluster_enabled", "1"), ("role", "slave")], ServerMode::Cluster),
            (&[("maxmemory_policy", "allkeys-lru")], ServerMode::SingleNode),
            (&[("maxmemory", "1000")], ServerMode::SingleNode),
        ] {
            assert!(
                matches!(classify(&info(fields), Eviction::Refused), Ok(mode) if mode == expected),
                "{fields:?}"
            );
        }
        let evicting = info(&[("maxmemory", "1000"), ("maxmemory_policy", "volatile-ttl")]);
        assert!(classify(&evicting, Eviction::Allowed).is_ok());
    }

    #[test]
    fn unusable_servers_are_refused_with_the_reason() {
        assert!(refused(&[("redis_version", "6.0.20")]).contains("older than 6.2"));
        assert!(refused(&[("redis_version", "x")]).contains("older than 6.2"));
        assert!(refused(&[("role", "slave")]).contains("replica"));
        assert!(refused(&[("maxmemory", "1000"), ("maxmemory_policy", "volatile-ttl")]).contains("evict"));
        assert!(classify("HTTP/1.1 200 OK", Eviction::Refused).is_err());
    }
}
