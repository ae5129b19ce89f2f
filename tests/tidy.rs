//! Holds the shape of the source: the arrows between layers, and the habits of the
//! project that a machine can check. Each finding names the file, the line and the rule.

use std::fs;
use std::path::{Path, PathBuf};

/// Layers from the bottom up: a layer may name those before it.
const LAYERS: [&str; 8] = ["limits", "units", "clearing", "engine", "wire", "host", "server", "ffi"];
/// Layers beside the stack: they name no layer at all.
const LEAVES: [&str; 2] = ["fanout", "log"];
/// Which layers may name a leaf.
const LEAF_USERS: [&str; 3] = ["host", "server", "ffi"];
/// Layers without sockets, threads, clocks, randomness, environment.
const PURE: [&str; 5] = ["units", "clearing", "engine", "wire", "limits"];
/// What a pure layer does not name.
const IMPURE_NAMES: [&str; 9] = [
    "std::net",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "Instant::now",
    "SystemTime::now",
    "rand::",
    "tokio::",
];
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// One `match` with a row for every variant, and none for the rest: as long as the vocabulary.
const TABLES: [&str; 2] = ["wire/code.rs", "wire/record_json.rs"];

struct Source {
    path: PathBuf,
    /// The layer, or the file's stem directly under `src`.
    layer: String,
    text: String,
}

impl Source {
    /// Lines with their numbers, up to the unit tests at the end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("\n#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        self.text[..end].lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    fn is_test(&self) -> bool {
        self.path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder's entry can be read").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    rust_files(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 50, "the sources were not found");
    paths
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).expect("found below the root");
            let first = inside.components().next().expect("a path has a part");
            let layer = Path::new(first.as_os_str()).file_stem().expect("a part has a name");
            Source {
                layer: layer.to_string_lossy().into_owned(),
                text: fs::read_to_string(&path).expect("a source is text"),
                path: inside.to_owned(),
            }
        })
        .collect()
}

/// Fails with all findings at once.
fn report(findings: Vec<String>) {
    assert!(findings.is_empty(), "{} finding(s):\n{}", findings.len(), findings.join("\n"));
}

/// The layers that a line names by a path from the crate's root.
fn named_layers(line: &str) -> Vec<&str> {
    let line = line.split("//").next().unwrap_or("");
    line.match_indices("crate::")
        .map(|(at, word)| {
            let rest = &line[at + word.len()..];
            rest.split(|character: char| !character.is_alphanumeric() && character != '_')
                .next()
                .unwrap_or("")
        })
        .collect()
}

#[test]
fn lower_layers_never_name_higher_ones() {
    let mut findings = Vec::new();
    for source in sources() {
        let rank = LAYERS.iter().position(|layer| *layer == source.layer);
        let is_leaf = LEAVES.contains(&source.layer.as_str());
        if rank.is_none() && !is_leaf {
            continue;
        }
        for (number, line) in source.code() {
            for named in named_layers(line) {
                let named_rank = LAYERS.iter().position(|layer| *layer == named);
                let is_allowed = match (rank, named_rank) {
                    _ if named == source.layer => true,
                    (None, Some(_)) => named == "limits",
                    (Some(rank), Some(named_rank)) => named_rank <= rank,
                    (_, None) => !LEAVES.contains(&named) || LEAF_USERS.contains(&source.layer.as_str()),
                };
                if !is_allowed {
                    findings.push(format!("src/{}:{number} names `{named}`", source.path.display()));
                }
            }
        }
    }
    report(findings);
}

#[test]
fn only_one_file_of_ffi_names_the_server() {
    let ffi = sources().into_iter().filter(|source| source.layer == "ffi");
    let naming = ffi.filter(|source| {
        source.path != Path::new("ffi/server.rs")
            && source.code().any(|(_, line)| named_layers(line).contains(&"server"))
    });
    report(naming.map(|source| format!("src/{} names the server", source.path.display())).collect());
}

#[test]
fn pure_layers_name_no_clock_thread_socket_or_file() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| PURE.contains(&source.layer.as_str())) {
        for (number, line) in source.code().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for name in IMPURE_NAMES.into_iter().filter(|name| line.contains(name)) {
                findings.push(format!("src/{}:{number} names `{name}`", source.path.display()));
            }
        }
    }
    report(findings);
}

#[test]
fn only_socket_files_of_the_server_name_tokio_and_sessions_do_not() {
    let sessions = sources().into_iter().filter(|source| source.path.starts_with("server/session"));
    let mut findings = Vec::new();
    for source in sessions {
        for (number, line) in source.code().filter(|(_, line)| line.contains("tokio")) {
            findings.push(format!("src/{}:{number}: {line}", source.path.display()));
        }
    }
    report(findings);
}

#[test]
fn money_and_counts_are_never_floats_below_the_hosts_and_clients() {
    let exact = ["units", "clearing", "engine"];
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| exact.contains(&source.layer.as_str())) {
        for (number, line) in source.code().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if line.contains("f64") || line.contains("f32") {
                findings.push(format!("src/{}:{number}: {}", source.path.display(), line.trim()));
            }
        }
    }
    report(findings);
}

#[test]
fn unsafe_code_stays_where_it_is_argued() {
    let mut findings = Vec::new();
    let mut fanout_files = Vec::new();
    for source in sources() {
        let is_unsafe = source.text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or("");
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
        });
        if !is_unsafe || source.layer == "ffi" {
            continue;
        }
        if source.layer == "fanout" {
            fanout_files.push(source.path);
        } else {
            findings.push(format!("src/{} holds unsafe code", source.path.display()));
        }
    }
    if fanout_files.len() > 1 {
        findings.push(format!("fanout may have one file with unsafe code, not {fanout_files:?}"));
    }
    report(findings);
}

#[test]
fn every_file_says_what_lives_in_it_and_holds_one_idea() {
    let mut findings = Vec::new();
    for source in sources() {
        let path = source.path.display();
        if !source.text.starts_with("//!") {
            findings.push(format!("src/{path} does not open with //!"));
        }
        let lines = source.code().count();
        if lines > FILE_LINES_MAX && !source.is_test() {
            findings.push(format!("src/{path} has {lines} lines without tests"));
        }
    }
    report(findings);
}

#[test]
fn functions_fit_on_a_page() {
    let mut findings = Vec::new();
    let is_table = |source: &&Source| TABLES.iter().any(|table| source.path == Path::new(table));
    for source in sources().iter().filter(|source| !source.is_test() && !is_table(source)) {
        let mut started: Option<(usize, usize)> = None;
        for (number, line) in source.code() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ");
            let head =
                head.trim_start_matches("pub ").trim_start_matches("const ").trim_start_matches("async ");
            let is_whole = line.trim_end().ends_with(['}', ';']);
            if started.is_none() && head.starts_with("fn ") && !is_whole {
                started = Some((number, indent));
            }
            // A trait's function without a body.
            if started.is_some_and(|(_, at)| indent == at) && line.trim_start().starts_with(')') && is_whole {
                started = None;
            }
            if let Some((start, start_indent)) = started
                && indent == start_indent
                && line.trim() == "}"
            {
                if number - start > FUNCTION_LINES_MAX {
                    findings.push(format!(
                        "src/{}:{start} is a function of {} lines",
                        source.path.display(),
                        number - start
                    ));
                }
                started = None;
            }
        }
    }
    report(findings);
}

#[test]
fn habits_hold() {
    let mut findings = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            let code = line.split("//").next().unwrap_or("");
            let mut find = |rule: &str| {
                findings.push(format!("src/{}:{number}: {rule}: {}", source.path.display(), line.trim()));
            };
            if code.contains("fn get_") {
                find("names have no `get_`");
            }
            for word in ["todo!(", "unimplemented!(", "dbg!("] {
                if code.contains(word) {
                    find("unfinished work");
                }
            }
            for word in ["TODO", "FIXME", "XXX"] {
                if line.contains(word) {
                    find("a note for later needs an issue's number, and then stands there");
                }
            }
            if code.contains(".unwrap()") {
                find("`expect` with the reason, or an error");
            }
        }
        if ["utils.rs", "util.rs", "common.rs", "helpers.rs"]
            .iter()
            .any(|name| source.path.file_name().is_some_and(|file| file == *name))
        {
            findings.push(format!("src/{} is named for nothing in particular", source.path.display()));
        }
    }
    report(findings);
}

#[test]
fn tests_neither_sleep_nor_are_ignored() {
    let mut paths = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut paths);
    let mut findings = Vec::new();
    for path in paths.iter().filter(|path| !path.ends_with("tidy.rs")) {
        let text = fs::read_to_string(path).expect("a test is text");
        for (index, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if code.contains("#[ignore") || code.contains("thread::sleep") || code.contains("assert!(true)") {
                findings.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    report(findings);
}
