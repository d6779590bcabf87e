//! The store that a check runs on.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use authcore::store::SessionStore;

/// A new, empty store for one check, with the resources that it needs.
///
/// The factory given to [`store_contract!`](crate::store_contract) returns either a store that is `Clone` or
/// a fixture. Wrap a store that is not `Clone` in an [`Arc`].
///
/// ```
/// use authcore::MemoryStore;
/// use authcore_testkit::Fixture;
///
/// let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let fixture = Fixture::new(MemoryStore::new()).guarded_by(server);
/// ```
#[must_use]
pub struct Fixture {
    store: Arc<dyn SessionStore>,
    second: Arc<dyn SessionStore>,
    expires_by_itself: bool,
    guard: Option<Box<dyn Any + Send>>,
}

impl Fixture {
    /// Creates a fixture from a store. A clone of the store serves as the second handle on the same sessions.
    pub fn new(store: impl SessionStore + Clone) -> Self {
        Self {
            second: Arc::new(store.clone()),
            store: Arc::new(store),
            expires_by_itself: false,
            guard: None,
        }
    }

    /// Sets the second handle: a store on the same sessions with its own connections, like a second node of
    /// the application (rule S15).
    ///
    /// Use it for every store that has a server; the default is a clone of the first handle.
    pub fn second_handle(mut self, second: impl SessionStore) -> Self {
        self.second = Arc::new(second);
        self
    }

    /// Declares that the server drops expired records by itself, so that
    /// [`purge_expired`](SessionStore::purge_expired) need not remove them (rule S11).
    pub fn expires_by_itself(mut self) -> Self {
        self.expires_by_itself = true;
        self
    }

    /// Keeps `guard`, such as a running server or a temporary directory, until the check has ended.
    pub fn guarded_by(mut self, guard: impl Any + Send) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    pub(crate) fn store(&self) -> Arc<dyn SessionStore> {
        Arc::clone(&self.store)
    }

    pub(crate) fn second(&self) -> Arc<dyn SessionStore> {
        Arc::clone(&self.second)
    }

    pub(crate) fn purges(&self) -> bool {
        !self.expires_by_itself
    }
}

impl<S: SessionStore + Clone> From<S> for Fixture {
    fn from(store: S) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture")
            .field("store", &self.store)
            .field("expires_by_itself", &self.expires_by_itself)
            .field("guarded", &self.guard.is_some())
            .finish_non_exhaustive()
    }
}
