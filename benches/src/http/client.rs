//! A client that costs little, and as much for every side: a prepared request is written, and an answer of known length is
//! read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::tokens::must;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any answer has, in bytes: so that one read is enough.
const LARGEST: usize = 1024;

/// A request as Chromium sends it for a script of the application's own page.
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

/// An answer, apart from its date.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    status: String,
    /// As lines, sorted.
    headers: Vec<String>,
    body: String,
}

impl Answer {
    /// `None` as long as there is more to come.
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n").map(str::to_owned);
        let status = lines.next()?;
        let mut headers: Vec<_> = lines.filter(|line| !line.starts_with("date: ")).collect();
        headers.sort_unstable();
        let answer = Self { status, headers, body: body.to_owned() };
        (answer.header("content-length")? == body.len().to_string()).then_some(answer)
    }

    /// Whether it has this status.
    pub(super) fn is(&self, status: &str) -> bool {
        self.status.split(' ').nth(1) == Some(status)
    }

    /// The first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A connection that is kept, and the request that it is for.
struct Connection {
    stream: TcpStream,
    request: String,
    /// What the answer ends with, and how long it is in all.
    body: String,
    len: usize,
    buffer: [u8; LARGEST],
}

impl Connection {
    /// Connects, and asks for the first time.
    async fn open(address: SocketAddr, request: String) -> (Self, Answer) {
        let stream = must(TcpStream::connect(address).await);
        must(stream.set_nodelay(true));
        let mut connection = Self { stream, request, body: String::new(), len: 0, buffer: [0; LARGEST] };
        let answer = must(timeout(PATIENCE, connection.ask()).await);
        connection.body.clone_from(&answer.body);
        (connection, answer)
    }

    async fn ask(&mut self) -> Answer {
        must(self.stream.write_all(self.request.as_bytes()).await);
        loop {
            let read = self.read(self.len).await;
            self.len += read;
            if let Some(answer) = Answer::parse(must(std::str::from_utf8(&self.buffer[..self.len]))) {
                return answer;
            }
        }
    }

    /// Asks once more, and looks whether the answer is the same by its status, its length and its body.
    async fn exchange(&mut self) {
        must(self.stream.write_all(self.request.as_bytes()).await);
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
        let read = must(self.stream.read(&mut self.buffer[from..]).await);
        assert!(read > 0, "the connection ended, or an answer is too long");
        read
    }
}

/// The answer to one request.
pub(super) async fn ask(address: SocketAddr, path: &str, cookie: Option<&str>) -> Answer {
    Connection::open(address, request(path, cookie)).await.1
}

/// A connection for every task, to one side.
#[derive(Clone)]
pub(super) struct Connections {
    all: Arc<[Mutex<Connection>]>,
    /// Serves for as long as somebody asks.
    _server: Arc<Runtime>,
}

impl Connections {
    /// One for each of the cookies, and what was answered there.
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

    /// Asks on the connection of a task.
    pub(super) async fn exchange(&self, task: usize) {
        must(timeout(PATIENCE, self.all[task].lock().await.exchange()).await);
    }
}
