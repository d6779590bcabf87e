//! Changes in a deployment and their effect on sessions: keys and settings (rule T17), growing claims (rule
//! R12), and the type of the claims (rule A16).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use authcore::error::Rejection;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::SessionRecord;
use authcore::strategy::{
    AccessToken, RefreshDecision, RefreshHook, TokenStrategy, UnsignedToken, VerifiedToken,
};
use authcore::{Auth, Claims, Error, Principal, RefreshTokens, SessionId, Subject, Timestamp};
use axum::body::Body;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::log::Log;
use crate::world::{ALL, Browser, Strategy, World, bearer, credentials, jwt, post, request};

/// Changes by an operator after the access tokens were issued: the key, the issuer and the audience, or the
/// maximum accepted lifetime.
fn changed() -> Vec<Jwt> {
    let key = || KeyRing::new(Key::hmac("k1", Algorithm::HS256, &[7; 32]).unwrap());
    let builder = |issuer: &str| Jwt::builder(key()).issuer(issuer).audience("api");
    vec![
        jwt(),
        builder("https://new.example.com").build().unwrap(),
        builder("https://auth.example.com").lifetime(Duration::from_secs(60)).build().unwrap(),
    ]
}

fn before() -> Jwt {
    let key = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &[7; 32]).unwrap());
    Jwt::builder(key).issuer("https://auth.example.com").audience("api").build().unwrap()
}

fn hybrid(jwt: Jwt, world: &World) -> Auth {
    Auth::with_hybrid(jwt, RefreshTokens::builder(Arc::clone(&world.store)).build().unwrap()).unwrap()
}

async fn old_world() -> World {
    World::over(
        |store| {
            Auth::with_hybrid(before(), RefreshTokens::builder(Arc::clone(store)).build().unwrap()).unwrap()
        },
        |guard| guard,
    )
    .await
}

async fn sessions(browser: &mut Browser) -> usize {
    browser.get("/auth/sessions").await.json().as_array().unwrap().len()
}

#[tokio::test]
async fn t17_old_cookies_refresh_log_out_and_are_replaced() {
    for jwt in changed() {
        let old = old_world().await;
        let mut refreshes = old.browser();
        refreshes.log_in().await;
        let (mut leaves, mut returns) = (old.browser(), old.browser());
        leaves.log_in().await;
        returns.log_in().await;
        old.clock.advance(Duration::from_secs(2 * 24 * 3600));
        let new = old.restarted(hybrid(jwt, &old), |guard| guard).await;
        let (mut refreshes, mut leaves, mut returns) =
            (refreshes.at(&new), leaves.at(&new), returns.at(&new));

        assert_eq!(refreshes.post("/auth/refresh", json!({})).await.status, StatusCode::OK);
        assert_eq!(refreshes.get("/me").await.text, "user-42");
        assert_eq!(sessions(&mut refreshes).await, 3);
        let answer = leaves.post("/auth/logout", json!({})).await;
        assert_eq!(answer.json()["ended_sessions"].as_array().unwrap().len(), 1, "{answer:?}");
        assert_eq!(sessions(&mut refreshes).await, 2);
        returns.log_in().await;
        assert_eq!(sessions(&mut refreshes).await, 2, "the new one instead of the old one");
    }
}

#[tokio::test]
async fn t17_in_bodies_the_refresh_token_proves_the_session() {
    for jwt in changed() {
        let bodies = old_world().await;
        let bodies = bodies.restarted(hybrid(before(), &bodies), |guard| guard.credentials_in_bodies()).await;
        let mut tokens = Vec::new();
        for _ in 0..4 {
            let issued = bodies.browser().log_in().await.json();
            let text = |name: &str| issued[name].as_str().unwrap().to_owned();
            tokens.push((format!("Bearer {}", text("access_token")), text("refresh_token")));
        }
        bodies.clock.advance(Duration::from_secs(2 * 24 * 3600));
        let new = bodies.restarted(hybrid(jwt, &bodies), |guard| guard.credentials_in_bodies()).await;
        let mut client = new.browser();
        let ended = |answer: crate::world::Answer| {
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            answer.json()["ended_sessions"].as_array().unwrap().len()
        };
        // An access token that no longer verifies, and the refresh token as JSON or as a form.
        let (access, refresh) = &tokens[0];
        let mut logout = post("/auth/logout", &json!({ "refresh_token": refresh }));
        logout.headers_mut().insert(AUTHORIZATION, access.parse().unwrap());
        assert_eq!(ended(client.send(logout).await), 1);
        let (access, refresh) = &tokens[1];
        let logout = request(Method::POST, "/auth/logout")
            .header(AUTHORIZATION, access)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(format!("a=b&refresh_token={refresh}")));
        assert_eq!(ended(client.send(logout.unwrap()).await), 1);
        // The refresh token alone.
        assert_eq!(ended(client.post("/auth/logout", json!({ "refresh_token": tokens[2].1 })).await), 1);
        // A login replaces the session whose refresh token it names.
        let mut login = credentials("ada");
        login["refresh_token"] = json!(tokens[3].1);
        let issued = client.post("/auth/login", login).await.json();
        let list = bearer("/auth/sessions", issued["access_token"].as_str().unwrap());
        assert_eq!(client.send(list).await.json().as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn t17_in_cookies_a_logout_takes_a_refresh_token_from_its_body_too() {
    let old = old_world().await;
    let mut browser = old.browser();
    browser.log_in().await;
    let refresh = browser.cookie("__Secure-session-refresh").to_owned();
    browser.cookies.remove("__Secure-session-refresh");
    let new = old.restarted(hybrid(jwt(), &old), |guard| guard).await;
    let mut browser = browser.at(&new);
    let answer = browser.post("/auth/logout", json!({ "refresh_token": refresh })).await;
    assert_eq!(answer.json()["ended_sessions"].as_array().unwrap().len(), 1);
    assert!(browser.cookies.is_empty());
}

/// Knowing the id of another user's session is not enough to end, refresh or replace it.
#[tokio::test]
async fn t17_a_forged_access_token_achieves_nothing() {
    let world = World::new(Strategy::Hybrid).await;
    let (mut victim, mut attacker) = (world.browser(), world.browser());
    victim.log_in().await;
    attacker.log_in().await;
    let token = victim.cookie("__Host-session").to_owned();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(43));
    attacker.cookies.insert("__Host-session".to_owned(), (forged.clone(), "/".to_owned()));
    let own = attacker.cookies.clone();
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(attacker.post("/auth/refresh", json!({})).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(attacker.get("/me").await.status, StatusCode::UNAUTHORIZED);
    // The refresh token is the attacker's own, and so is the session that it ends.
    attacker.post("/auth/logout", json!({})).await;
    assert_eq!(sessions(&mut victim).await, 1);
    attacker.cookies = own;
    attacker.cookies.remove("__Secure-session-refresh");
    attacker.post("/auth/logout", json!({})).await;
    attacker.cookies.insert("__Host-session".to_owned(), (forged, "/".to_owned()));
    attacker.log_in().await;
    assert_eq!(victim.post("/auth/refresh", json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn c7_a_logout_whose_body_cannot_be_read_tells_the_truth() {
    let broken = || {
        let mut sent = post("/auth/logout", &json!(null));
        *sent.body_mut() = Body::from(r#"{"refresh_token":7}"#);
        sent
    };
    let world = World::new(Strategy::Hybrid).await;
    let answer = world.browser().send(broken()).await;
    assert_eq!((answer.status, &answer.json()["effective"]), (StatusCode::OK, &json!("unconfirmed")));
    // With another credential that proves the session, the body does not matter.
    let mut browser = world.browser();
    browser.log_in().await;
    assert_eq!(browser.send(broken()).await.json()["ended_sessions"].as_array().unwrap().len(), 1);
    // A body without content, or of another type, does not matter either.
    for (kind, body) in [("application/json", ""), ("text/plain", "{"), ("application/json", "{}")] {
        browser.log_in().await;
        let sent = request(Method::POST, "/auth/logout").header(CONTENT_TYPE, kind).body(Body::from(body));
        let answer = browser.send(sent.unwrap()).await;
        assert_eq!(answer.json()["ended_sessions"].as_array().unwrap().len(), 1, "{kind} {body}");
    }
    let world = World::with(Strategy::Hybrid, |guard| guard.credentials_in_bodies()).await;
    assert_eq!(world.browser().send(broken()).await.status, StatusCode::BAD_REQUEST);
}

/// A hook that returns a given number of roles.
#[derive(Debug)]
struct Roles(Arc<AtomicUsize>);

#[async_trait]
impl RefreshHook for Roles {
    async fn on_refresh(&self, _: &SessionRecord) -> Result<RefreshDecision, Error> {
        let roles = vec!["r".repeat(20); self.0.load(Ordering::Relaxed)];
        let claims = json!({ "role": "admin", "roles": roles });
        Ok(RefreshDecision::Replace(Claims::from_serialize(&claims)?))
    }
}

#[tokio::test]
async fn r12_claims_that_fit_in_no_cookie_end_no_session_and_are_no_theft() {
    let roles = Arc::new(AtomicUsize::new(140));
    let hook = Roles(Arc::clone(&roles));
    let world = World::hybrid(|refresh| refresh.on_refresh(hook), |guard| guard).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let log = Log::start();
    // More than the limit of a session's claims; then less than that, but more than a cookie can hold.
    for (count, limit) in [(140, 3072), (130, 4082), (130, 4082)] {
        roles.store(count, Ordering::Relaxed);
        world.clock.advance(Duration::from_secs(65));
        let answer = browser.post("/auth/refresh", json!({})).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{answer:?}");
        assert!(answer.set_cookies().is_empty() && answer.header("retry-after").is_none());
        let text = log.take();
        for told in ["ERROR", "the largest claim is \"roles\"", &format!("above the limit of {limit};")] {
            assert!(text.contains(told), "{told}: {text}");
        }
        assert!(!text.contains("stolen") && !text.contains("rrrr"), "{text}");
    }
    roles.store(3, Ordering::Relaxed);
    assert_eq!(browser.post("/auth/refresh", json!({})).await.status, StatusCode::OK);
    assert_eq!(browser.get("/me").await.status, StatusCode::OK);
    assert_eq!(sessions(&mut browser).await, 1);
}

#[tokio::test]
async fn r12_bodies_have_room_for_more() {
    let hook = Roles(Arc::new(AtomicUsize::new(130)));
    let bodies =
        World::hybrid(|refresh| refresh.on_refresh(hook), |guard| guard.credentials_in_bodies()).await;
    let mut client = bodies.browser();
    let first = client.log_in().await.json();
    bodies.clock.advance(Duration::from_secs(65));
    let answer = client.post("/auth/refresh", json!({ "refresh_token": first["refresh_token"] })).await;
    assert_eq!(answer.status, StatusCode::OK);
    let token = answer.json()["access_token"].as_str().unwrap().len();
    assert!((4097..=8192).contains(&token), "{token}");
}

#[tokio::test]
async fn r12_claims_that_fit_nowhere_are_a_fault_of_the_application() {
    for strategy in ALL {
        for (who, told) in
            [("grace", "4082"), ("huge", "above the limit of 3072"), ("sub", "`sub` is reserved")]
        {
            if who == "grace" && strategy == Strategy::Sessions {
                continue;
            }
            let world = World::new(strategy).await;
            let log = Log::start();
            let answer = world.browser().post("/auth/login", credentials(who)).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{who}");
            let text = log.take();
            assert!(text.contains("ERROR") && text.contains(told), "{strategy:?} {who}: {text}");
            if who == "grace" {
                assert!(text.contains("role"), "{text}");
                assert_eq!(world.store.calls(), 0, "nothing was written");
            }
        }
    }
}

#[tokio::test]
async fn a16_claims_of_another_release_are_a_login_and_one_line_in_the_log() {
    for strategy in ALL {
        let world = World::with(strategy, |guard| guard.login_page("/login")).await;
        let mut browser = world.browser();
        assert_eq!(browser.post("/auth/login", credentials("linus")).await.status, StatusCode::OK);
        let log = Log::start();
        for _ in 0..3 {
            assert_eq!(browser.get("/members").await.status, StatusCode::UNAUTHORIZED, "{strategy:?}");
        }
        let page = request(Method::GET, "/members").header(ACCEPT, "text/html").body(Body::empty()).unwrap();
        let answer = browser.send(page).await;
        assert_eq!(answer.header("location"), Some("/login?next=%2Fmembers"));
        let text = log.take();
        let lines: Vec<_> = text.lines().filter(|line| line.contains(" WARN ")).collect();
        assert_eq!(lines.len(), 1, "{text}");
        for told in ["user-42", r#"member="role""#, r#"found="an array""#, r#"expected="a string""#, "Role"] {
            assert!(lines[0].contains(told), "{told}: {text}");
        }
        assert!(!text.contains("not for the log") && !text.contains("ERROR"), "{text}");
        // Handlers that read no claims still work, and a new login has claims of the new type.
        assert_eq!(browser.get("/me").await.status, StatusCode::OK);
        assert_eq!(browser.post("/auth/login", credentials("ada")).await.status, StatusCode::OK);
        assert_eq!(browser.get("/members").await.status, StatusCode::OK);
        world.clock.advance(Duration::from_secs(1));
        browser.post("/auth/login", credentials("linus")).await;
        browser.get("/members").await;
        assert_eq!(log.take().matches(" WARN ").count(), 1, "{strategy:?}");
    }
}

/// An issuer whose claims no type can read.
#[derive(Debug)]
struct Unreadable(Jwt);

impl TokenStrategy for Unreadable {
    fn issue(&self, grant: &UnsignedToken<'_>, now: Timestamp) -> Result<AccessToken, Error> {
        self.0.issue(grant, now)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        let known = self.0.verify(token, now)?;
        let subject = Subject::new(known.subject()).unwrap();
        let claims = r#"{"role":1e999}"#.to_owned();
        Ok(Principal::from_token(VerifiedToken::new(subject, now, known.expires_at(), claims)))
    }

    fn verify_ignoring_expiry(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        self.verify(token, now)
    }

    fn named_session(&self, token: &str) -> Option<SessionId> {
        self.0.named_session(token)
    }

    fn lifetime(&self) -> Duration {
        self.0.lifetime()
    }

    fn leeway(&self) -> Duration {
        self.0.leeway()
    }
}

#[tokio::test]
async fn a16_claims_that_no_type_can_read_are_a_rejected_token() {
    let world = World::over(|_| Auth::with_tokens(Unreadable(jwt())), |guard| guard).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let log = Log::start();
    let answer = browser.get("/members").await;
    assert_eq!(
        (answer.status, answer.json()),
        (StatusCode::UNAUTHORIZED, json!({ "error": "unauthenticated" }))
    );
    let text = log.take();
    assert!(text.contains("out of range") && !text.contains("ERROR"), "{text}");
}
