//! How checks become tests.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use crate::Fixture;

/// How long one check may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One check of a suite: what [`store::checks`](crate::store::checks) lists.
#[derive(Clone, Copy)]
pub struct Check {
    name: &'static str,
    run: fn(Fixture) -> Running,
}

impl Check {
    /// A check by its name, which begins with its rule and an underscore.
    pub const fn new(name: &'static str, run: fn(Fixture) -> Running) -> Self {
        Self { name, run }
    }

    /// The name of the function, and of the test that the macro makes of it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The rule that is checked: `S2`.
    pub fn rule(&self) -> String {
        rule(self.name)
    }

    /// Runs the check on a tokio runtime of several threads; panics with a message that begins with the rule
    /// if the store breaks it.
    pub async fn run(&self, fixture: Fixture) {
        (self.run)(fixture).await;
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

fn rule(name: &str) -> String {
    name.split('_').next().unwrap_or(name).to_ascii_uppercase()
}

/// Runs one check as a test: four threads, a fresh store, and an end.
pub fn run<X, F, C>(name: &str, factory: impl FnOnce() -> F, check: impl FnOnce(Fixture) -> C)
where
    X: Into<Fixture>,
    F: Future<Output = X>,
    C: Future<Output = ()>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("the testkit: no runtime: {error}"),
    };
    let outcome = runtime.block_on(async {
        let fixture = factory().await.into();
        tokio::time::timeout(PATIENCE, check(fixture)).await
    });
    assert!(outcome.is_ok(), "{}: the store hung: no end within {PATIENCE:?}", rule(name));
}

/// Makes one test of every check of a store's contract (rules S1 to S17, and A12 for stores).
///
/// The factory is called once for each test and gives it a fresh, empty store: an async function or a closure
/// that returns a future of a store that is `Clone`, or of a [`Fixture`]. Each test runs on a tokio
/// runtime of its own with four threads; the factory runs on it too, so that it may connect.
///
/// ```
/// mod memory {
///     authcore_testkit::store_contract!(|| async { authcore::MemoryStore::new() });
/// }
/// ```
///
/// For a store that keeps several applications apart (by a prefix, schema or table), `apart` names a factory
/// of two of its stores on one server, and rule S12 is checked too.
///
/// ```
/// # use authcore::MemoryStore;
/// mod memory {
///     # use authcore::MemoryStore;
///     authcore_testkit::store_contract!(
///         || async { MemoryStore::new() },
///         apart = || async { (MemoryStore::new(), MemoryStore::new()) },
///     );
/// }
/// ```
#[macro_export]
macro_rules! store_contract {
    ($factory:expr $(,)?) => {
        $crate::__store_checks! { __tests ($factory) }
    };
    ($factory:expr, apart = $apart:expr $(,)?) => {
        $crate::__store_checks! { __tests ($factory) }

        #[test]
        fn s12_stores_apart_never_see_each_other() {
            $crate::__private::run(
                "s12_stores_apart_never_see_each_other",
                || async {
                    let (one, two) = $apart().await;
                    $crate::Fixture::new(one).second_handle(two)
                },
                $crate::store::s12_stores_apart_never_see_each_other,
            );
        }
    };
}

/// Makes one test of every check of the strategies over a store: sessions and the hybrid strategy (rules A1
/// to A15, R1 to R12 and T17).
///
/// The factory is that of [`store_contract!`](crate::store_contract). A store that passes its contract passes
/// these too, unless the contract has a hole; they are the second net.
///
/// ```
/// mod memory {
///     authcore_testkit::strategy_contract!(|| async { authcore::MemoryStore::new() });
/// }
/// ```
#[macro_export]
macro_rules! strategy_contract {
    ($factory:expr $(,)?) => {
        $crate::__strategy_checks! { __tests ($factory) }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (($factory:expr) $suite:ident $($name:ident)*) => {$(
        #[test]
        fn $name() {
            $crate::__private::run(stringify!($name), $factory, $crate::$suite::$name);
        }
    )*};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    (() $suite:ident $($name:ident)*) => {
        &[$($crate::Check::new(stringify!($name), |fixture| Box::pin($crate::$suite::$name(fixture)))),*]
    };
}
