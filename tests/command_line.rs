//! The binary's commands as people meet them: help that explains, refusals that say what
//! would do, one line when the server is ready, and a good end when it is told to stop.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use walras::server::config::KEYS;

const SECRET: &str = "a secret of the tests, long enough for HS256";

fn walras(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_walras"));
    command.args(arguments).env_remove("WALRAS_CONFIG").env_remove("WALRAS_AUTH_HS256_SECRET");
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command that must be refused, and gives what it said.
fn refused(command: &mut Command) -> String {
    let output = command.output().expect("the binary is there");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(output.stdout.is_empty(), "results alone go to standard output");
    said(&output)
}

#[test]
fn every_command_explains_itself() {
    let whole = said(&walras(&["--help"]).output().expect("the binary is there"));
    for command in ["dev", "serve", "clear", "token", "config", "log"] {
        assert!(whole.lines().any(|line| line.trim_start().starts_with(command)), "{command} in {whole}");
        let output = walras(&[command, "--help"]).output().expect("the binary is there");
        let help = said(&output);
        assert!(output.status.success(), "{help}");
        assert!(help.contains(&format!("Usage: walras {command}")), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{command}: lines that fit");
    }
    for command in ["dev", "serve", "token", "config", "log"] {
        let help = said(&walras(&[command, "--help"]).output().expect("the binary is there"));
        let examples = help.split("Examples:").nth(1).unwrap_or_else(|| panic!("{command} has examples"));
        assert!(examples.contains(&format!("walras {command} ")), "{help}");
    }
}

#[test]
fn a_server_nobody_could_sign_in_to_says_how_to_make_a_key() {
    let told = refused(&mut walras(&["serve", "--listen", "127.0.0.1:0"]));
    for words in ["WALRAS_AUTH_HS256_SECRET=$(openssl rand -hex 32)", "walras token --subject", "walras dev"]
    {
        assert!(told.contains(words), "{told}");
    }
    let told = refused(walras(&["serve"]).env("WALRAS_AUTH_HS256_SECRET", "x".repeat(31)));
    assert!(told.contains("31 bytes"), "{told}");
    let told = refused(&mut walras(&["token", "--subject", "alice"]));
    assert!(told.contains("WALRAS_AUTH_HS256_SECRET"), "{told}");
    let told = refused(walras(&["serve", "--durability", "os"]).env("WALRAS_AUTH_HS256_SECRET", SECRET));
    assert!(told.contains("--accept-loss"), "{told}");
}

#[test]
fn a_misspelt_key_is_told_the_one_that_was_meant() {
    let told = refused(&mut walras(&["config", "--set", "limits.conections=5"]));
    assert!(told.contains("limits.connections"), "{told}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("walras.toml");
    std::fs::write(&path, "[auth]\nisuer = \"x\"\n").expect("written");
    let told = refused(walras(&["config", "--config"]).arg(&path));
    assert!(told.contains("auth.issuer"), "{told}");
    let told = refused(&mut walras(&["token", "--subject", "a", "--subs", "weather:1"]));
    assert!(told.contains("auction, bids, settlement, market_data"), "{told}");
}

#[test]
fn the_configuration_is_printed_with_every_key_and_can_be_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("walras.toml");
    let mut first = walras(&["config", "--set", "limits.active_auctions=5"]);
    let first = first.env("WALRAS_AUTH_HS256_SECRET", SECRET).output().expect("the binary is there");
    let text = String::from_utf8(first.stdout).expect("text");
    for key in KEYS {
        assert!(text.contains(&key.variable()) && text.contains(key.about), "{} in {text}", key.name);
    }
    assert!(!text.contains(SECRET), "secrets are masked");
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("********")).collect();
    std::fs::write(&path, kept.join("\n")).expect("written");
    let again = walras(&["config", "--config"]).arg(&path).output().expect("the binary is there");
    let again = String::from_utf8(again.stdout).expect("text");
    assert!(again.contains("active_auctions = 5"), "{again}");
}

#[test]
fn a_server_says_once_that_it_is_ready_and_ends_well_when_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = walras(&["serve", "--listen", "127.0.0.1:0", "--drain", "0s", "--data"]);
    command.arg(&data).env("WALRAS_AUTH_HS256_SECRET", SECRET);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let ready = lines.next().expect("a line").expect("text");
    let http = ready.strip_prefix(r#"{"ready":true,"http":""#).expect(&ready);
    let (http, ws) = http.split_once(r#"","ws":""#).expect(&ready);
    assert_eq!(ws, format!("{}/v1/ws\"}}", http.replace("http:", "ws:")));
    assert!(data.is_dir());
    let id = Pid::from_child(&child);
    kill_process(id, Signal::TERM).expect("it runs");
    assert!(lines.next().is_none(), "nothing else goes to standard output");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains('\u{1b}'), "no colours in a pipe");
}
