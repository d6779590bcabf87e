//! Where the sessions live: the other place, beside [`strategies`](crate::strategies), that a host would change.

use std::error::Error;
use std::sync::Arc;

use authcore::{Clock, MemoryStore, SessionStore};
use authcore_redis::RedisStore;

type Failure = Box<dyn Error + Send + Sync>;

/// What `--store` takes, for the help texts.
pub const STORES: &str = "memory, or redis://host[:port] (several with commas between them for a Cluster)";

/// The store of a command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreChoice {
    /// In the memory of this process.
    #[default]
    Memory,
    /// In Redis or Valkey: the URL of a server, or those of several nodes of a Cluster.
    Redis(String),
}

impl StoreChoice {
    /// Reads what `--store` was given.
    ///
    /// # Errors
    ///
    /// If it is none of the [`STORES`].
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://").map_or(text, |(scheme, _)| scheme) {
            "memory" if text == "memory" => Ok(Self::Memory),
            "redis" | "rediss" | "valkey" | "valkeys" => Ok(Self::Redis(text.to_owned())),
            _ => Err(format!("--store wants {STORES}")),
        }
    }

    /// Opens it. `namespace` keeps what uses the same server apart; `clock` is what the store in memory counts by.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached or used.
    pub async fn open(&self, namespace: &str, clock: impl Clock) -> Result<Arc<dyn SessionStore>, Failure> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::with_clock(clock)),
            Self::Redis(url) => {
                let store = RedisStore::builder(url).prefix(&format!("{namespace}:"));
                Arc::new(store.connect().await.map_err(|error| with_causes(&error))?)
            }
        })
    }
}

/// The error and what caused it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // Some repeat in their own text what caused them.
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_chosen_by_their_scheme() {
        assert_eq!(StoreChoice::parse("memory"), Ok(StoreChoice::Memory));
        for url in ["redis://localhost", "rediss://h:1", "redis://a:1,redis://b:2", "valkey://h"] {
            assert_eq!(StoreChoice::parse(url), Ok(StoreChoice::Redis(url.to_owned())));
        }
        for bad in ["", "memory://", "http://x", "localhost:6379", "redi"] {
            assert!(StoreChoice::parse(bad).unwrap_err().contains("redis://"), "{bad}");
        }
    }
}
