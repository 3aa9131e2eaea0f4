//! `spanwatch serve`, as it runs for a test, and who asks it: curl, or bytes on a connection.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use super::run::SPANWATCH;

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// What it said until it served.
    pub said: String,
}

impl Server {
    /// Starts it, on a port of this machine's that is free unless the arguments say where.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "400", SPANWATCH, "serve", "--no-progress"]).args(arguments);
        if !arguments.iter().any(|it| it.starts_with("--listen")) {
            command.arg("--listen=127.0.0.1:0");
        }
        let mut child =
            command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("timeout(1) is there");
        let mut words = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("until Ctrl+C") {
            assert!(words.read_line(&mut said).is_ok_and(|read| read > 0), "it ended: {said}");
        }
        Self { child, said }
    }

    /// Where its pages are.
    pub fn url(&self) -> &str {
        url(&self.said)
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        address(&self.said)
    }

    /// The path of the link that makes the first admin.
    pub fn first(&self) -> Option<&str> {
        first(&self.said)
    }

    /// Status, head and body of an answer.
    pub fn asked(&self, path: &str) -> (u16, String, Vec<u8>) {
        asked(self.address(), "127.0.0.1", path)
    }

    /// A page that is there.
    pub fn page(&self, path: &str) -> String {
        let (status, _, body) = self.asked(path);
        assert_eq!(status, 200, "{path}");
        String::from_utf8(body).expect("pages are UTF-8")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("pkill").args(["-INT", "-P", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Where the pages are, by what it said.
pub fn url(said: &str) -> &str {
    let from = said.split("pages at ").nth(1).and_then(|it| it.split_whitespace().next());
    from.expect("it says where").trim_end_matches('/')
}

/// The same without the scheme.
pub fn address(said: &str) -> &str {
    url(said).split_once("://").expect("a scheme").1
}

/// The path of the link that makes the first admin, by what it said.
pub fn first(said: &str) -> Option<&str> {
    let from = said.find("/welcome?key=")?;
    said[from..].split_whitespace().next()
}

/// Asks for a path by a name of the host.
pub fn asked(address: &str, host: &str, path: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    (status, head, answer[end + 4..].to_vec())
}

/// What curl says: the status, and the answer with its head.
pub fn curl(arguments: &[&str]) -> (String, String) {
    let output = Command::new("curl")
        .args(["-sk", "-i", "--max-time", "30", "-w", "\n%{http_code}"])
        .args(arguments)
        .output()
        .expect("curl is there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, status) = text.rsplit_once('\n').expect("a status");
    (status.to_owned(), answer.to_owned())
}

/// Whoever opened the first link.
#[derive(Debug)]
pub struct Admin {
    url: String,
    cookie: String,
    csrf: String,
}

impl Admin {
    /// Opens it.
    pub fn enter(url: &str, first: &str) -> Self {
        let key = first.split('=').nth(1).expect("a key");
        let form = format!("key={key}&name=ada&password=four+doors+of+oak&again=four+doors+of+oak");
        let (status, answer) = curl(&["-d", &form, &format!("{url}/welcome")]);
        assert_eq!(status, "303", "{answer}");
        Self::of(url, &answer)
    }

    /// By the answer that let him in.
    fn of(url: &str, answer: &str) -> Self {
        let line = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        let cookie = line.split(';').next().expect("a cookie").to_owned();
        let (_, page) = curl(&["-b", &cookie, &format!("{url}/account")]);
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).and_then(|it| it.split('"').next());
        Self { url: url.to_owned(), cookie, csrf: csrf.expect("a form").to_owned() }
    }

    /// Comes in again where another server serves the same store.
    pub fn at(&self, url: &str) -> Self {
        let form = "name=ada&password=four+doors+of+oak";
        let (status, answer) = curl(&["-d", form, &format!("{url}/login")]);
        assert_eq!(status, "303", "{answer}");
        Self::of(url, &answer)
    }

    /// Makes a token for a program.
    pub fn token(&self, name: &str, role: &str) -> String {
        let form = format!("csrf={}&what=token&name={name}&role={role}", self.csrf);
        let (_, page) = curl(&["-b", &self.cookie, "-d", &form, &format!("{}/users", self.url)]);
        let token = page.split("id=\"token\">").nth(1).and_then(|it| it.split('<').next());
        token.expect("a token").to_owned()
    }

    /// Asks curl for a path with more arguments, logged in.
    pub fn curl(&self, path: &str, arguments: &[&str]) -> (String, String) {
        let (url, csrf) = (format!("{}{path}", self.url), format!("X-CSRF-Token: {}", self.csrf));
        curl(&[&["-b", &*self.cookie, "-H", &csrf], arguments, &[&*url]].concat())
    }

    /// What its forms bear.
    pub fn csrf(&self) -> &str {
        &self.csrf
    }
}
