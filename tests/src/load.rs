//! A load of logins, verifications, refreshes and revocations that records what the store acknowledged.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::{
    Auth, Error, ErrorKind, Login, RefreshCredential, RefreshTokens, ServerSessions, SessionId, Subject,
    Timestamp,
};
use tokio::task::JoinSet;

use crate::process::PATIENCE;

/// The number of tasks.
const TASKS: usize = 12;
/// Time limit of a call that is retried until it succeeds, such as the first ones after a fault.
///
/// Only a store that does not recover takes longer.
const RECOVERY: Duration = Duration::from_secs(60);

/// A running load on one store, from the stateful and the hybrid strategy.
#[derive(Debug)]
pub struct Load {
    world: World,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Account>,
}

#[derive(Debug, Clone)]
struct World {
    sessions: Auth,
    hybrid: Auth,
    slowest: Arc<AtomicU64>,
    subjects: Arc<dyn Subjects>,
    /// The progress of each task.
    progress: Arc<[Progress; TASKS]>,
}

/// The number of calls of a task that have ended so far.
#[derive(Debug, Default)]
struct Progress {
    answered: AtomicU64,
    unavailable: AtomicU64,
}

/// Chooses the subject of a task's turn.
trait Subjects: Send + Sync {
    fn subject(&self, task: usize, turn: usize) -> String;
}

impl<F: Fn(usize, usize) -> String + Send + Sync> Subjects for F {
    fn subject(&self, task: usize, turn: usize) -> String {
        self(task, turn)
    }
}

impl fmt::Debug for dyn Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subjects")
    }
}

/// The acknowledged results of a load, and the violations that it observed.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Account {
    task: usize,
    progress: Option<Arc<[Progress; TASKS]>>,
    /// Successful calls.
    pub answered: u64,
    /// Calls that failed as `Unavailable`.
    pub unavailable: u64,
    /// The longest call of the store.
    pub slowest: Duration,
    /// Violations, each described in a sentence.
    pub broken: Vec<String>,
    /// Subjects and session tokens of acknowledged logins that were not revoked.
    alive: Vec<(String, String)>,
    /// Session tokens whose revocation was acknowledged.
    revoked: Vec<String>,
    /// Subjects and refresh tokens that clients hold.
    refreshable: Vec<(String, String)>,
}

impl Load {
    /// Starts a load on a store.
    pub fn start(store: impl SessionStore) -> Self {
        Self::start_with(store, |task, turn| format!("user-{task}-{turn}"))
    }

    /// Starts a load with subjects chosen by task and turn.
    ///
    /// Every turn whose number is 1 modulo 4 logs its subject out everywhere, so no other turn may use that
    /// subject.
    pub fn start_with(
        store: impl SessionStore,
        subjects: impl Fn(usize, usize) -> String + Send + Sync + 'static,
    ) -> Self {
        let slowest = Arc::new(AtomicU64::new(0));
        let store = Arc::new(Timed { store, slowest: Arc::clone(&slowest) });
        let sessions =
            ServerSessions::builder(Arc::clone(&store)).build().expect("the default policy is valid");
        let key = Key::generate("k1", Algorithm::HS256).expect("random bytes are available");
        let jwt = Jwt::builder(KeyRing::new(key)).issuer("https://auth.example.com").audience("api").build();
        let refresh = RefreshTokens::builder(store).build().expect("the default policy is valid");
        let hybrid = Auth::with_hybrid(jwt.expect("the settings of the tokens are valid"), refresh);
        let world = World {
            sessions: Auth::with_sessions(sessions),
            hybrid: hybrid.expect("the strategies fit"),
            slowest,
            subjects: Arc::new(subjects),
            progress: Arc::default(),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (world, stop) = (world.clone(), Arc::clone(&stop));
            tasks.spawn(async move {
                let progress = Some(Arc::clone(&world.progress));
                let mut account = Account { task, progress, ..Account::default() };
                let mut turn = 0;
                while !stop.load(Ordering::Relaxed) {
                    turn += 1;
                    account.turn(&world, task, turn).await;
                }
                account
            });
        }
        Self { world, stop, tasks }
    }

    /// Waits until the tasks have made `more` further successful calls on average.
    pub async fn wait_for_answers(&self, more: u64) {
        let answered = |counts: &[u64; TASKS]| counts.iter().sum::<u64>() >= more * TASKS as u64;
        self.wait_for("successful calls", |progress| &progress.answered, answered).await;
    }

    /// Waits until `more` further calls of each task have failed as `Unavailable`.
    ///
    /// If a call has no time limit while the server does not respond, this wait fails (rule S13).
    pub async fn wait_for_failures(&self, more: u64) {
        let refused = |counts: &[u64; TASKS]| counts.iter().all(|count| *count >= more);
        self.wait_for("failed calls", |progress| &progress.unavailable, refused).await;
    }

    /// Waits until a counter of all tasks has advanced `enough`.
    async fn wait_for(
        &self,
        what: &str,
        counter: fn(&Progress) -> &AtomicU64,
        enough: impl Fn(&[u64; TASKS]) -> bool,
    ) {
        let counts = || self.world.progress.each_ref().map(|task| counter(task).load(Ordering::Relaxed));
        let (before, start) = (counts(), Instant::now());
        loop {
            let mut more = counts();
            more.iter_mut().zip(before).for_each(|(count, before)| *count -= before);
            if enough(&more) {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "expected {what} of each task within {PATIENCE:?}, got {more:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends the load, waits until the store has recovered, and verifies everything that was acknowledged.
    ///
    /// `excused` returns whether sessions of a subject may be lost.
    pub async fn finish(mut self, name: &str, excused: impl Fn(&str) -> bool) -> Account {
        self.stop.store(true, Ordering::Relaxed);
        let mut account = Account::default();
        while let Some(of_task) = self.tasks.join_next().await {
            account.add(of_task.expect("no task panics"));
        }
        account.slowest = Duration::from_micros(self.world.slowest.load(Ordering::Relaxed));
        let recovered = account.wait_for_recovery(&self.world).await;
        let lost = account.check(&self.world, excused).await;
        // Not with `eprintln!`, whose output cargo hides for passing tests.
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {} calls succeeded, {} unavailable, slowest store call {} ms, recovered after {} ms; \
             {} sessions alive, {} revoked, {} refreshable, {lost} lost with their server; violations: {}",
            account.answered,
            account.unavailable,
            account.slowest.as_millis(),
            recovered.as_millis(),
            account.alive.len(),
            account.revoked.len(),
            account.refreshable.len(),
            account.broken.len(),
        );
        assert!(account.broken.is_empty(), "{name}: {:#?}", account.broken);
        account
    }
}

impl Account {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.unavailable += other.unavailable;
        self.broken.extend(other.broken);
        self.alive.extend(other.alive);
        self.revoked.extend(other.revoked);
        self.refreshable.extend(other.refreshable);
    }

    /// Counts an outcome and returns its value, or `None` if it was `Unavailable`. Any other error is a
    /// violation.
    fn count<T>(&mut self, what: &str, outcome: Result<T, Error>) -> Option<T> {
        match outcome {
            Ok(answer) => {
                self.count_success();
                Some(answer)
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                self.unavailable += 1;
                if let Some(progress) = &self.progress {
                    progress[self.task].unavailable.fetch_add(1, Ordering::Relaxed);
                }
                None
            }
            Err(error) => {
                self.broken.push(format!("{what}: {error:?}"));
                None
            }
        }
    }

    fn count_success(&mut self) {
        self.answered += 1;
        if let Some(progress) = &self.progress {
            progress[self.task].answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn turn(&mut self, world: &World, task: usize, turn: usize) {
        let subject = world.subjects.subject(task, turn);
        match turn % 4 {
            0 => self.revoke_one(world, &subject).await,
            1 => self.revoke_all(world, &subject).await,
            2 => self.rotate(world, &subject).await,
            _ => {
                if let Some(token) = self.login(world, &subject).await {
                    self.verify(world, &subject, &token).await;
                    self.alive.push((subject, token));
                }
            }
        }
        if let Some((subject, token)) = self.alive.get(turn % self.alive.len().max(1)).cloned() {
            self.verify(world, &subject, &token).await;
        }
        if let Some(token) = self.revoked.get(turn % self.revoked.len().max(1)).cloned() {
            self.verify_revoked(world, &token).await;
        }
    }

    async fn login(&mut self, world: &World, subject: &str) -> Option<String> {
        let login = Login::new(subject).expect("a subject");
        let issued = world.sessions.login(login).await;
        Some(self.count("login", issued)?.credential().expose().to_owned())
    }

    async fn verify(&mut self, world: &World, subject: &str, token: &str) {
        let verified = world.sessions.authenticate(token).await;
        if let Some(principal) = self.count("an acknowledged session", verified)
            && principal.subject() != subject
        {
            self.broken.push(format!("a session of {subject} authenticates {}", principal.subject()));
        }
    }

    async fn verify_revoked(&mut self, world: &World, token: &str) {
        match world.sessions.authenticate(token).await {
            Ok(principal) => {
                self.broken.push(format!("a revoked session of {} is back", principal.subject()))
            }
            Err(error) if error.kind() == ErrorKind::Unauthenticated => self.count_success(),
            Err(error) => drop(self.count::<()>("a revoked session", Err(error))),
        }
    }

    async fn revoke_one(&mut self, world: &World, subject: &str) {
        let Some(token) = self.login(world, subject).await else { return };
        // Retried until it succeeds: a failed attempt may have taken effect or not.
        for _ in 0..20 {
            let revoked = world.sessions.logout(&token).await;
            if self.count("logout", revoked).is_some() {
                self.verify_revoked(world, &token).await;
                self.revoked.push(token);
                return;
            }
        }
    }

    async fn revoke_all(&mut self, world: &World, subject: &str) {
        let mut tokens = Vec::new();
        for _ in 0..3 {
            tokens.extend(self.login(world, subject).await);
        }
        let subject = subject.parse().expect("a subject");
        let listed = world.sessions.admin().sessions_of(&subject).await;
        if let Some(listed) = self.count("list", listed)
            && listed.len() < tokens.len()
        {
            self.broken.push(format!("{} of {} sessions listed", listed.len(), tokens.len()));
        }
        for _ in 0..20 {
            let revoked = world.sessions.admin().revoke_all(&subject).await;
            if self.count("logout everywhere", revoked).is_some() {
                for token in &tokens {
                    self.verify_revoked(world, token).await;
                }
                self.revoked.append(&mut tokens);
                return;
            }
        }
    }

    async fn rotate(&mut self, world: &World, subject: &str) {
        let login = Login::new(subject).expect("a subject");
        let issued = world.hybrid.login(login).await;
        let Some(issued) = self.count("login", issued) else { return };
        let mut token = issued.refresh_token().map(RefreshCredential::expose).unwrap_or_default().to_owned();
        for _ in 0..3 {
            // A failed refresh is retried with the same token, which works (rule R7).
            let refreshed = world.hybrid.refresh(&token).await;
            if let Some(issued) = self.count("refresh", refreshed) {
                issued
                    .refresh_token()
                    .map(RefreshCredential::expose)
                    .unwrap_or_default()
                    .clone_into(&mut token);
            }
        }
        self.refreshable.push((subject.to_owned(), token));
    }

    async fn wait_for_recovery(&mut self, world: &World) -> Duration {
        let start = Instant::now();
        while start.elapsed() < RECOVERY {
            let mut works = true;
            for number in 0..32 {
                works &= world
                    .sessions
                    .login(Login::new(format!("after-{number}")).expect("a subject"))
                    .await
                    .is_ok();
            }
            if works {
                return start.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.broken.push(format!("the store has not recovered {RECOVERY:?} after the fault"));
        start.elapsed()
    }

    /// Verifies everything that was acknowledged and returns the number of excused sessions that were lost.
    async fn check(&mut self, world: &World, excused: impl Fn(&str) -> bool) -> u64 {
        let mut lost = 0;
        for (subject, token) in &self.alive {
            match retry(|| world.sessions.authenticate(token)).await {
                Ok(_) => {}
                Err(Error::Unauthenticated(_)) if excused(subject) => lost += 1,
                Err(error) => self.broken.push(format!("a session of {subject} was lost: {error:?}")),
            }
        }
        for token in &self.revoked {
            match retry(|| world.sessions.authenticate(token)).await {
                Err(Error::Unauthenticated(_)) => {}
                Ok(principal) => {
                    self.broken.push(format!("a revoked session of {} is back", principal.subject()));
                }
                Err(error) => self.broken.push(format!("a revoked session cannot be checked: {error:?}")),
            }
        }
        for (subject, token) in &self.refreshable {
            match retry(|| world.hybrid.refresh(token)).await {
                Ok(_) => {}
                Err(Error::Unauthenticated(_)) if excused(subject) => lost += 1,
                Err(error) => {
                    self.broken.push(format!("a refresh token of {subject} does not work: {error:?}"))
                }
            }
        }
        lost
    }
}

/// Returns the outcome of a call, which is retried while it is `Unavailable`.
///
/// The fault is over, but the machine may be busy.
async fn retry<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> Result<T, Error> {
    let start = Instant::now();
    loop {
        match call().await {
            Err(error) if error.kind() == ErrorKind::Unavailable && start.elapsed() < RECOVERY => {}
            outcome => return outcome,
        }
    }
}

/// A store that records its longest call.
#[derive(Debug)]
struct Timed<S> {
    store: S,
    slowest: Arc<AtomicU64>,
}

impl<S: SessionStore> Timed<S> {
    async fn timed<T>(&self, call: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let outcome = call.await;
        self.slowest.fetch_max(start.elapsed().as_micros() as u64, Ordering::Relaxed);
        outcome
    }
}

#[async_trait]
impl<S: SessionStore> SessionStore for Timed<S> {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        self.timed(self.store.insert(record)).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.timed(self.store.load(id)).await
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        self.timed(self.store.replace(record, expected)).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.timed(self.store.remove(id)).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.timed(self.store.list(subject)).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.timed(self.store.remove_all(subject, keep)).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        self.timed(self.store.purge_expired(now, limit)).await
    }
}
