//! A client with a small cost that is the same for every side: it writes a prepared request and reads a
//! response of known length.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::tokens::expect_ok;

/// Time limit of a response.
const PATIENCE: Duration = Duration::from_secs(10);
/// Size of the buffer in bytes: larger than any response, so that one read is enough.
const LARGEST: usize = 1024;

/// Returns a request as Chromium sends it for a script of the same origin.
fn request(path: &str, cookie: Option<&str>) -> String {
    let cookie = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\n\
         Host: app.example.com\r\n\
         Connection: keep-alive\r\n\
         sec-ch-ua-platform: \"Linux\"\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
         Safari/537.36\r\n\
         sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
         sec-ch-ua-mobile: ?0\r\n\
         Accept: */*\r\n\
         Sec-Fetch-Site: same-origin\r\n\
         Sec-Fetch-Mode: cors\r\n\
         Sec-Fetch-Dest: empty\r\n\
         Referer: https://app.example.com/\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-US,en;q=0.9\r\n\
         {cookie}\r\n"
    )
}

/// A response without its date.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    status: String,
    /// The header lines, sorted.
    headers: Vec<String>,
    body: String,
}

impl Answer {
    /// Parses a response; `None` while it is incomplete.
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n").map(str::to_owned);
        let status = lines.next()?;
        let mut headers: Vec<_> = lines.filter(|line| !line.starts_with("date: ")).collect();
        headers.sort_unstable();
        let answer = Self { status, headers, body: body.to_owned() };
        (answer.header("content-length")? == body.len().to_string()).then_some(answer)
    }

    /// Returns whether the response has this status.
    pub(super) fn is(&self, status: &str) -> bool {
        self.status.split(' ').nth(1) == Some(status)
    }

    /// Returns the value of the first header with this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// An open connection with its request.
struct Connection {
    stream: TcpStream,
    request: String,
    /// The body at the end of every response, and the length of the whole response.
    body: String,
    len: usize,
    buffer: [u8; LARGEST],
}

impl Connection {
    /// Connects and sends the request once.
    async fn open(address: SocketAddr, request: String) -> (Self, Answer) {
        let stream = expect_ok(TcpStream::connect(address).await);
        expect_ok(stream.set_nodelay(true));
        let mut connection = Self { stream, request, body: String::new(), len: 0, buffer: [0; LARGEST] };
        let answer = expect_ok(timeout(PATIENCE, connection.ask()).await);
        connection.body.clone_from(&answer.body);
        (connection, answer)
    }

    async fn ask(&mut self) -> Answer {
        expect_ok(self.stream.write_all(self.request.as_bytes()).await);
        loop {
            let read = self.read(self.len).await;
            self.len += read;
            if let Some(answer) = Answer::parse(expect_ok(std::str::from_utf8(&self.buffer[..self.len]))) {
                return answer;
            }
        }
    }

    /// Sends the request again and checks that the status, length and body are the same.
    async fn exchange(&mut self) {
        expect_ok(self.stream.write_all(self.request.as_bytes()).await);
        let mut len = 0;
        while len < self.len {
            len += self.read(len).await;
        }
        let answer = &self.buffer[..len];
        assert!(
            len == self.len && answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(self.body.as_bytes())
        );
    }

    async fn read(&mut self, from: usize) -> usize {
        let read = expect_ok(self.stream.read(&mut self.buffer[from..]).await);
        assert!(read > 0, "the connection ended, or an answer is too long");
        read
    }
}

/// Returns the response to one request.
pub(super) async fn ask(address: SocketAddr, path: &str, cookie: Option<&str>) -> Answer {
    Connection::open(address, request(path, cookie)).await.1
}

/// The connections to one side, one for each task.
#[derive(Clone)]
pub(super) struct Connections {
    all: Arc<[Mutex<Connection>]>,
    /// Keeps the server running.
    _server: Arc<Runtime>,
}

impl Connections {
    /// Opens one connection for each cookie and returns the first responses too.
    pub(super) async fn open(
        server: Arc<Runtime>,
        address: SocketAddr,
        path: &str,
        cookies: &[String],
    ) -> (Self, Vec<Answer>) {
        let (mut all, mut answers) = (Vec::new(), Vec::new());
        for cookie in cookies {
            let (connection, answer) = Connection::open(address, request(path, Some(cookie))).await;
            all.push(Mutex::new(connection));
            answers.push(answer);
        }
        (Self { all: all.into(), _server: server }, answers)
    }

    /// Sends the request on the connection of a task.
    pub(super) async fn exchange(&self, task: usize) {
        expect_ok(timeout(PATIENCE, self.all[task].lock().await.exchange()).await);
    }
}
