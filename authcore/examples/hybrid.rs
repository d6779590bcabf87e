//! The hybrid strategy: short-lived access tokens, and a refresh token whose session lives in a store.
//!
//! `cargo run -p authcore --example hybrid`

use std::time::Duration;

use authcore::clock::ManualClock;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::{Auth, Login, MemoryStore, RefreshTokens, RevocationEffect, Timestamp};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // At startup. The clock is for this example only, which cannot wait for a token to expire.
    let keys = KeyRing::new(Key::generate("2026-11", Algorithm::HS256)?);
    let jwt = Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build()?;
    let refresh_tokens = RefreshTokens::builder(MemoryStore::new()).build()?;
    let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
    let auth = Auth::with_hybrid(jwt, refresh_tokens)?.with_clock(clock.clone());

    // At login the client gets two credentials.
    let issued = auth.login(Login::new("ada")?).await?;
    let first = issued.refresh_token().ok_or("no refresh token")?.expose();

    // Requests are verified without the store, until the access token expires after 15 minutes.
    println!("{} is logged in", auth.authenticate(issued.credential().expose()).await?.subject());
    clock.advance(Duration::from_secs(16 * 60));
    assert!(auth.authenticate(issued.credential().expose()).await.is_err());

    // The client refreshes: a fresh access token, and the successor of the refresh token.
    let next = auth.refresh(first).await?;
    println!("refreshed; valid for {:?}", next.expires_in());

    // A retry within the grace window (30 seconds) gets the same successor and logs nobody out. Later, the
    // old token can only come from a thief or a broken client: its session ends, and the subject should be
    // told.
    clock.advance(Duration::from_secs(60));
    let Err(error) = auth.refresh(first).await else { panic!("a replayed token was accepted") };
    let incident = error.incident().ok_or("no incident")?;
    println!("{} of a refresh token of {}: the session ended", incident.kind(), incident.subject());

    // The stolen session is gone. Ada logs in again, and out: now for the session, later for the access
    // token.
    let again = auth.login(Login::new("ada")?).await?;
    match auth.logout(again.credential().expose()).await?.effect {
        RevocationEffect::Now => println!("everything is refused from now on"),
        RevocationEffect::At(end) => {
            println!("the session ended; the access token is accepted until {end:?}")
        }
    }
    Ok(())
}
