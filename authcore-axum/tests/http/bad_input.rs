//! Malformed input gets a clear response without details, causes no panic, and no unnecessary store call.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use axum::http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::world::{ALL, PASSWORD, Strategy, World, bearer, credentials, post, request};

#[tokio::test]
async fn bodies_that_are_none() {
    let world = World::new(Strategy::Sessions).await;
    let large = format!(r#"{{"username":"{}","password":"x"}}"#, "a".repeat(20_000));
    let (array, good) = (json!(["ada", PASSWORD, "", ""]).to_string(), credentials("ada").to_string());
    for (kind, body, expected) in [
        (Some("application/json"), "", StatusCode::BAD_REQUEST),
        (Some("application/json"), "{", StatusCode::BAD_REQUEST),
        (Some("application/json"), "[]", StatusCode::BAD_REQUEST),
        (Some("application/json"), r#"{"username":7,"password":"x"}"#, StatusCode::BAD_REQUEST),
        (Some("application/json"), r#"{"username":"a"}"#, StatusCode::BAD_REQUEST),
        (
            Some("application/json"),
            r#"{"username":"a","username":"b","password":"x"}"#,
            StatusCode::BAD_REQUEST,
        ),
        // Not by position, which is not documented.
        (Some("application/json"), &array, StatusCode::BAD_REQUEST),
        (Some("application/json"), "\"ada\"", StatusCode::BAD_REQUEST),
        (Some("application/json"), r#"{"username":"ada","password":null}"#, StatusCode::BAD_REQUEST),
        (Some("application/json"), r#"{"username":"a","password":"x"} {"#, StatusCode::BAD_REQUEST),
        (Some("application/x-www-form-urlencoded"), "username=a", StatusCode::BAD_REQUEST),
        (Some("application/x-www-form-urlencoded"), "%%%", StatusCode::BAD_REQUEST),
        (Some("application/x-www-form-urlencoded"), "", StatusCode::BAD_REQUEST),
        (Some("application/json"), "username=a&password=b", StatusCode::BAD_REQUEST),
        (
            Some("application/x-www-form-urlencoded2"),
            "username=a&password=b",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            Some("application/json-seq"),
            r#"{"username":"a","password":"x"}"#,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (Some("application/json; charset=utf-16"), &good, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            Some("application/x-www-form-urlencoded; Charset=\"ISO-8859-1\""),
            "username=a&password=b",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (Some(""), "username=a&password=b", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("text/plain"), r#"{"username":"ada","password":"x"}"#, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("multipart/form-data; boundary=x"), "--x--", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (None, "username=a&password=b", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("text/plain"), &*large, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("application/json"), &large, StatusCode::PAYLOAD_TOO_LARGE),
        (Some("application/x-www-form-urlencoded"), &large, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let mut sent = request(Method::POST, "/auth/login").body(Body::from(body.to_owned())).unwrap();
        if let Some(kind) = kind {
            sent.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
        }
        let answer = world.browser().send(sent).await;
        assert_eq!(answer.status, expected, "{kind:?} {body:.60}");
        assert!(answer.json()["error"].is_string() && answer.text.len() < 100, "{answer:?}");
        assert!(answer.set_cookies().is_empty());
    }
    let mut twice = post("/auth/login", &credentials("ada"));
    twice.headers_mut().append(CONTENT_TYPE, "application/json".parse().unwrap());
    assert_eq!(world.browser().send(twice).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(world.store.calls(), 0);
}

#[tokio::test]
async fn media_types_are_read_in_any_case_and_with_parameters() {
    let world = World::new(Strategy::Sessions).await;
    let (json, form) =
        (credentials("ada").to_string(), format!("email=ada&password={}", PASSWORD.replace(' ', "+")));
    for (kind, body) in [
        ("Application/X-WWW-Form-URLencoded ; charset=UTF-8", form),
        ("APPLICATION/JSON;charset=utf-8", json.clone()),
        ("application/json; profile=x; charset=\"UTF-8\"", json.clone()),
        ("application/json;", format!(" \r\n\t{json}\n")),
    ] {
        let sent =
            request(Method::POST, "/auth/login").header(CONTENT_TYPE, kind).body(Body::from(body)).unwrap();
        assert_eq!(world.browser().send(sent).await.status, StatusCode::OK, "{kind}");
    }
}

/// A null field counts as missing: some clients send it instead of leaving the field out.
#[tokio::test]
async fn null_is_a_field_that_is_missing() {
    let world = World::new(Strategy::Sessions).await;
    for field in ["device", "next"] {
        let mut login = credentials("ada");
        login[field] = json!(null);
        assert_eq!(world.browser().post("/auth/login", login).await.status, StatusCode::OK, "{field}");
    }
    let mut browser = world.browser();
    browser.log_in().await;
    let change = json!({ "current": PASSWORD, "new": "another password", "next": null });
    assert_eq!(browser.post("/auth/password", change).await.status, StatusCode::OK);
}

#[tokio::test]
async fn arrays_are_no_bodies_of_any_route() {
    let world = World::with(Strategy::Hybrid, |guard| guard.credentials_in_bodies()).await;
    let mut client = world.browser();
    let login = client.log_in().await.json();
    let answer = client.post("/auth/refresh", json!([login["refresh_token"]])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let mut change = post("/auth/password", &json!([PASSWORD, "another password"]));
    let token = format!("Bearer {}", login["access_token"].as_str().unwrap());
    change.headers_mut().insert(AUTHORIZATION, token.parse().unwrap());
    assert_eq!(client.send(change).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn sessions_that_cannot_be_ones_are_not_found() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    for id in ["%FF", "nonsense", "%2e%2e", "%00"] {
        let revoke = request(Method::DELETE, &format!("/auth/sessions/{id}")).body(Body::empty()).unwrap();
        let answer = browser.send(revoke).await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::NOT_FOUND, json!({ "error": "no such session" }))
        );
    }
}

#[tokio::test]
async fn credentials_that_cannot_be_ones() {
    for strategy in ALL {
        let world = World::new(strategy).await;
        let mut browser = world.browser();
        let huge = "x".repeat(100 * 1024);
        let cookies = [
            format!("__Host-session={huge}"),
            format!("{huge}={huge}"),
            "__Host-session=a; __Host-session=b".to_owned(),
            ";;;=;__Host-session;=".to_owned(),
            "__Host-session=\"quoted\"".to_owned(),
        ];
        for cookie in cookies {
            let sent = request(Method::GET, "/me").header(COOKIE, cookie).body(Body::empty()).unwrap();
            assert_eq!(browser.send(sent).await.status, StatusCode::UNAUTHORIZED);
        }
        for bytes in [&b"__Host-session=\xff\xfe"[..], b"__Host-session=a\tb", b"Bearer \x80\x81"] {
            for name in [COOKIE, AUTHORIZATION] {
                let value = HeaderValue::from_bytes(bytes).unwrap();
                let sent = request(Method::GET, "/me").header(name, value).body(Body::empty()).unwrap();
                assert_eq!(browser.send(sent).await.status, StatusCode::UNAUTHORIZED);
            }
        }
        for token in ["a", &huge, "a.b.c", "....", "acs_", "acr_", "acs_====", "\u{7e}"] {
            assert_eq!(browser.send(bearer("/me", token)).await.status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(world.store.calls(), 0, "{strategy:?}");
    }
}

/// A refresh token is not accepted as an access token, nor the reverse.
#[tokio::test]
async fn a3_one_kind_of_credential_is_not_taken_for_another() {
    let world = World::with(Strategy::Hybrid, |guard| guard.credentials_in_bodies()).await;
    let mut client = world.browser();
    let login = client.log_in().await.json();
    let (access, refresh) =
        (login["access_token"].as_str().unwrap(), login["refresh_token"].as_str().unwrap());
    world.store.calls();
    assert_eq!(client.send(bearer("/me", refresh)).await.status, StatusCode::UNAUTHORIZED);
    let answer = client.post("/auth/refresh", json!({ "refresh_token": access })).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.store.calls(), 0);

    let world = World::new(Strategy::Hybrid).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let (access, refresh) =
        (browser.cookies["__Host-session"].0.clone(), browser.cookies["__Secure-session-refresh"].0.clone());
    browser.cookies.insert("__Host-session".to_owned(), (refresh, "/".to_owned()));
    browser.cookies.insert("__Secure-session-refresh".to_owned(), (access, "/auth".to_owned()));
    world.store.calls();
    assert_eq!(browser.get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.post("/auth/refresh", json!({})).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.store.calls(), 0);
}
