//! By which names the playground answers. Whoever owns a domain can let its name lead to 127.0.0.1, and the pages under that
//! name would then be of one origin with this server (DNS rebinding): they could use all that the page can.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

const SAID: &str = "The playground answers on this machine only, as localhost, 127.0.0.1 or [::1].\n";

/// Answers requests for this machine, and no others.
pub(super) async fn loopback_only(request: Request, next: Next) -> Response {
    if is_for_loopback(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, SAID).into_response()
    }
}

/// Whether all that names a host names this machine, and something does.
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
