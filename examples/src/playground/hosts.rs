//! The host names that the playground accepts.
//!
//! The owner of a domain can point its name to 127.0.0.1 (DNS rebinding). Pages under that name would then
//! share an origin with this server and could do whatever the page can.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

const REFUSAL: &str = "The playground answers only on this machine, as localhost, 127.0.0.1 or [::1].\n";

/// Refuses requests for other hosts than this machine.
pub(super) async fn loopback_only(request: Request, next: Next) -> Response {
    if is_for_loopback(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, REFUSAL).into_response()
    }
}

/// Returns whether the request names a host and every host that it names is this machine.
fn is_for_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let headers = headers.get_all(HOST).iter().map(|value| Authority::try_from(value.as_bytes()).ok());
    let mut all = uri.authority().cloned().map(Some).into_iter().chain(headers).peekable();
    all.peek().is_some() && all.all(|host| host.is_some_and(|host| is_loopback(host.host())))
}

fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let in_brackets = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || in_brackets.is_some_and(|address| address.parse() == Ok(Ipv6Addr::LOCALHOST))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn answers(hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        is_for_loopback(&Uri::from_static("/"), &headers)
    }

    #[test]
    fn this_machine_has_few_names() {
        for host in ["localhost", "LocalHost:3000", "a.b.localhost", "127.0.0.1:1", "127.9.8.7", "[::1]:3000"]
        {
            assert!(answers(&[host]), "{host}");
        }
        for host in [
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com:3000",
            "notlocalhost",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[::ffff:127.0.0.1]",
            "::1",
            "localhost@example.com",
            "",
        ] {
            assert!(!answers(&[host]), "{host}");
        }
    }

    #[test]
    fn every_name_counts() {
        assert!(!answers(&[]));
        assert!(!answers(&["localhost", "example.com"]));
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost"))]);
        assert!(is_for_loopback(&Uri::from_static("http://localhost/"), &headers));
        assert!(!is_for_loopback(&Uri::from_static("http://example.com/"), &headers));
    }
}
