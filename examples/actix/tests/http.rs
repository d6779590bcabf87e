//! The example as a user runs it: login, cookie, logout and refusals.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use authcore_tests::application::Application;

struct Server(Application);

impl Server {
    fn start() -> Self {
        Self(Application::start(env!("CARGO_BIN_EXE_authcore-example-actix"), &["127.0.0.1:0"]))
    }

    /// Returns the head and the body of the response.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.0.address()).unwrap();
        let (host, length) = (self.0.address(), body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\
             {headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn log_in(&self, headers: &str, password: &str) -> String {
        let body = format!(r#"{{"username":"ada","password":"{password}"}}"#);
        self.ask("POST", "/login", &format!("content-type: application/json\r\n{headers}"), &body)
    }

    fn me(&self, cookie: &str) -> String {
        self.ask("GET", "/me", &format!("cookie: {cookie}\r\n"), "")
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn set_cookie(answer: &str) -> String {
    let line = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: ")).unwrap();
    line[12..].to_owned()
}

fn cookie(answer: &str) -> String {
    set_cookie(answer).split(';').next().unwrap().to_owned()
}

const PASSWORD: &str = "demo-only-not-secret";

#[test]
fn c1_c3_c6_a_login_holds_until_the_logout() {
    let server = Server::start();
    let refused = server.ask("GET", "/me", "", "");
    assert_eq!(status(&refused), 401);
    assert!(refused.to_lowercase().contains("www-authenticate: cookie"), "{refused}");
    let wrong = server.log_in("", "wrong");
    assert_eq!(status(&wrong), 401);

    let login = server.log_in("", PASSWORD);
    let attributes = set_cookie(&login);
    for attribute in ["__Host-session=acs_", "HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(attributes.contains(attribute), "{attribute}: {attributes}");
    }
    assert!(!attributes.contains("Max-Age") && !attributes.contains("Expires"), "rule A13: {attributes}");
    assert!(login.to_lowercase().contains("cache-control: no-store"), "{login}");
    let first = cookie(&login);
    let me = server.me(&first);
    assert!(status(&me) == 200 && me.ends_with("You are ada."), "{me}");

    // A10: the next login in the same browser ends the session.
    let second = cookie(&server.log_in(&format!("cookie: {first}\r\n"), PASSWORD));
    assert_eq!(status(&server.me(&first)), 401);
    // C5: two cookies count as none.
    assert_eq!(status(&server.me(&format!("{second}; {second}"))), 401);
    assert_eq!(status(&server.me(&second)), 200);

    // C7: it is unclear which of two cookies is meant, and the session stays.
    let unconfirmed = server.ask("POST", "/logout", &format!("cookie: {second}; __Host-session=x\r\n"), "");
    assert_eq!(status(&unconfirmed), 202);
    assert!(set_cookie(&unconfirmed).contains("Max-Age=0"), "{unconfirmed}");
    assert_eq!(status(&server.me(&second)), 200);

    let logout = server.ask("POST", "/logout", &format!("cookie: {second}\r\n"), "");
    assert_eq!(status(&logout), 204);
    assert!(set_cookie(&logout).contains("Max-Age=0"), "{logout}");
    assert_eq!(status(&server.me(&second)), 401);
}

#[test]
fn c4_other_sites_change_nothing() {
    let server = Server::start();
    let own = format!("origin: {}\r\n", server.0.url());
    for (headers, allowed) in [
        ("sec-fetch-site: cross-site\r\n", false),
        ("sec-fetch-site: same-site\r\n", false),
        ("origin: https://evil.example\r\n", false),
        ("origin: null\r\n", false),
        ("sec-fetch-site: same-origin\r\n", true),
        (&own, true),
        ("", true),
    ] {
        let answer = server.log_in(headers, PASSWORD);
        assert_eq!(status(&answer), if allowed { 200 } else { 403 }, "{headers}: {answer}");
        assert!(answer.contains("cache-control: no-store"), "{headers}: {answer}");
        let answer = server.ask("POST", "/logout", headers, "");
        assert_eq!(status(&answer), if allowed { 204 } else { 403 }, "{headers}: {answer}");
        // Reads are allowed from other sites, upgrades are not. No user is logged in here.
        for (upgrade, answer) in [("", 401), ("upgrade: websocket\r\n", if allowed { 401 } else { 403 })] {
            let me = server.ask("GET", "/me", &format!("{headers}{upgrade}"), "");
            assert_eq!(status(&me), answer, "{headers}{upgrade}: {me}");
        }
    }
}

/// Browsers reserve the prefix only as it is spelled, and actix-web would decode the name.
#[test]
fn c1_the_name_of_the_cookie_is_compared_as_sent() {
    let server = Server::start();
    let cookie = cookie(&server.log_in("", PASSWORD));
    let planted = cookie.replace("__Host", "__%48ost");
    assert_eq!(status(&server.me(&planted)), 401);
    assert_eq!(status(&server.me(&format!("{planted}; {cookie}"))), 200);
}

#[test]
fn c6_a_body_that_is_no_json_is_refused_without_a_word() {
    let server = Server::start();
    for (kind, body) in
        [("application/json", "{\"username\":"), ("application/json", ""), ("text/plain", "{}")]
    {
        let answer = server.ask("POST", "/login", &format!("content-type: {kind}\r\n"), body);
        assert_eq!(status(&answer), 400, "{kind} {body}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{kind} {body}: {answer}");
    }
}

#[test]
fn guesses_are_slowed_down() {
    let server = Server::start();
    let statuses: Vec<_> = (0..7).map(|_| status(&server.log_in("", "wrong"))).collect();
    assert_eq!(statuses[..5], [401; 5], "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
}
