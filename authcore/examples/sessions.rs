//! The stateful strategy: an opaque session token, and a store that is read for every request.
//!
//! `cargo run -p authcore --example sessions`

use std::time::Duration;

use authcore::{Auth, Device, Login, MemoryStore, RevocationEffect, ServerSessions, SessionPolicy};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Role {
    role: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // At startup. `authcore-redis` and `authcore-sql` have stores that outlive the process.
    let hour = Duration::from_secs(60 * 60);
    let policy = SessionPolicy::new().with_idle_timeout(2 * hour).with_absolute_timeout(24 * hour);
    let sessions = ServerSessions::builder(MemoryStore::new()).policy(policy).build()?;
    let auth = Auth::with_sessions(sessions);

    // At login, once Ada has proved who she is: the credential goes to her browser, as a cookie.
    let laptop = Device::unknown().with_label("laptop");
    let login = Login::new("ada")?.claims(&Role { role: "admin".into() })?.device(laptop);
    let issued = auth.login(login).await?;
    let credential = issued.credential().expose();

    // At every later request: the credential that the browser sent.
    let principal = auth.authenticate(credential).await?;
    println!("{} is {}", principal.subject(), principal.claims::<Role>()?.role);

    // Ada logs in on her phone, and sees both devices.
    let phone = Device::unknown().with_label("phone");
    let second = auth.login(Login::new("ada")?.device(phone)).await?;
    for session in auth.sessions_of(&principal).await? {
        let current = if session.current { " (this one)" } else { "" };
        println!("session {} on {}{current}", session.id, session.device.label().unwrap_or("?"));
    }

    // 'Log out everywhere else' takes effect at once.
    let revocation = auth.logout_others(&principal).await?;
    assert_eq!(revocation.effect, RevocationEffect::Now);
    println!("ended {} other session", revocation.sessions.len());
    assert!(auth.authenticate(second.credential().expose()).await.is_err());

    auth.logout(credential).await?;
    let Err(error) = auth.authenticate(credential).await else { panic!("the session ended") };
    println!("after logout: {error}, because {}", error.rejection().ok_or("no rejection")?);
    Ok(())
}
