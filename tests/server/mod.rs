//! The real server as a process on a folder of its own, and the `walras` command beside it.
//! Servers are stopped by their own process id; the folder goes unless a test failed.

pub mod wire;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use walras::server::jwt::{Claims, NumericDate, OneOrMany, mint};

const SECRET: &str = "a secret of these tests, long enough for HS256";
/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of one test, and how to start a server on it.
pub struct Place {
    folder: PathBuf,
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// SIGKILL.
    Now,
    /// SIGTERM, in good order.
    Kindly,
}

/// A running server.
pub struct Server {
    process: Child,
    address: SocketAddr,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("walras-").tempdir().expect("a folder").keep() }
    }

    /// The data folder of its server.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// `walras serve` on a data folder, not started yet.
    pub fn serve(&self, data: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_walras"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--drain", "0ms", "--data"]).arg(data);
        command.env("WALRAS_AUTH_HS256_SECRET", SECRET).env_remove("WALRAS_CONFIG");
        let reports = File::options().create(true).append(true).open(self.folder.join("reports"));
        command.stdout(Stdio::piped()).stderr(reports.expect("a file for its reports"));
        command
    }

    /// A token of a subject with permissions and no limits of its own.
    pub fn token(&self, subject: &str, permissions: &[&str]) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let claims = Claims {
            sub: subject.to_owned(),
            exp: NumericDate::from_seconds(now.as_secs() as i64 + 86_400),
            permissions: Some(OneOrMany::Many(permissions.iter().map(|&word| word.to_owned()).collect())),
            limits: Some("unlimited".into()),
            ..Claims::default()
        };
        mint(&claims, SECRET)
    }

    /// Runs `walras` with these words.
    pub fn run(&self, words: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_walras"));
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        process.stdin.take().expect("piped").write_all(input).expect("it reads");
        process.wait_with_output().expect("it ends")
    }

    /// Runs `walras` with these words, which must succeed, and gives its standard output.
    pub fn walras(&self, words: &[&str], input: &[u8]) -> String {
        let done = self.run(words, input);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "walras {words:?}: {told}{}", String::from_utf8_lossy(&done.stdout));
        String::from_utf8(done.stdout).expect("text")
    }

    /// Runs a subcommand of `walras log` that prints one JSON object about a folder.
    pub fn log(&self, action: &str, data: &Path) -> Value {
        let told = self.walras(&["log", action, data.to_str().expect("text")], b"");
        serde_json::from_str(&told).expect("JSON")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "the folder is kept: {}", self.folder.display());
        } else {
            fs::remove_dir_all(&self.folder).expect("removed");
        }
    }
}

impl Server {
    /// Starts it on the place's data folder and waits until it serves.
    pub fn start(place: &Place) -> Self {
        Self::started(place.serve(&place.data())).1
    }

    /// Starts it by a command of [`Place::serve`]; also gives the line by which it said that it serves.
    pub fn started(mut command: Command) -> (Value, Self) {
        let mut process = command.spawn().expect("the server starts");
        let mut line = String::new();
        let mut told = BufReader::new(process.stdout.take().expect("piped"));
        told.read_line(&mut line).expect("it speaks");
        let ready: Value = serde_json::from_str(&line).expect("it serves; if not, its reports say why");
        let address = ready["http"].as_str().and_then(|url| url.strip_prefix("http://"));
        let address = address.and_then(|text| text.parse().ok()).expect("an address");
        (ready, Self { process, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it.
    pub fn end(mut self, how: Kill) {
        match how {
            Kill::Now => self.process.kill().expect("it was not waited for"),
            Kill::Kindly => {
                let pid = rustix::process::Pid::from_child(&self.process);
                rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
            }
        }
        let status = self.process.wait().expect("it ends");
        assert_eq!(status.success(), how == Kill::Kindly, "{status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only what a failed assertion left running is still there.
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
