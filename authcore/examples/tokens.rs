//! The stateless strategy: signed access tokens (JWT) that are verified without a store.
//!
//! `cargo run -p authcore --example tokens`

use std::time::Duration;

use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::{Auth, Login, Operation, RevocationEffect};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Scopes {
    scope: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // At startup. An application takes the secret from its configuration, as `openssl rand -base64 32`
    // prints it, with `Key::hmac_base64`; a generated key ends with the process.
    let keys = KeyRing::new(Key::generate("2026-11", Algorithm::HS256)?);
    let jwt = Jwt::builder(keys)
        .issuer("https://auth.example.com")
        .audience("reports")
        .lifetime(Duration::from_secs(5 * 60))
        .build()?;
    let auth = Auth::with_tokens(jwt);

    // A batch job has proved who it is, and gets a token for five minutes.
    let login = Login::new("nightly-export")?.claims(&Scopes { scope: "reports:read".into() })?;
    let issued = auth.login(login).await?;
    let token = issued.credential().expose();
    println!("a token of {} bytes, for {:?}", token.len(), issued.expires_in());

    // The service that it calls verifies the token, without I/O.
    let principal = auth.authenticate(token).await?;
    let scope = principal.claims::<Scopes>()?.scope;
    println!("{} may {scope}", principal.subject());

    // A token that was tampered with is refused. Clients learn no more than that; logs learn the reason.
    let mut forged = token.to_owned();
    forged.replace_range(token.len() - 1.., if token.ends_with('A') { "E" } else { "A" });
    let Err(error) = auth.authenticate(&forged).await else { panic!("a forged token was accepted") };
    println!("forged: {error}, because {}", error.rejection().ok_or("no rejection")?);

    // Nothing ends a token before it expires, and the library says so.
    assert!(!auth.supports(Operation::RevokeSessions));
    match auth.logout(token).await?.effect {
        RevocationEffect::Now => println!("the token is refused from now on"),
        RevocationEffect::At(end) => println!("the token is accepted until {end:?}"),
    }
    Ok(())
}
