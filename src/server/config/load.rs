//! Putting the sources together: defaults, then the file, then the environment, then flags.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Config, ConfigError, KEYS, Key};

/// Variables that begin with `WALRAS_` and are not keys: the file's name, and what bindings use to find the library.
const OTHER_VARIABLES: [&str; 2] = ["WALRAS_CONFIG", "WALRAS_LIBRARY"];

/// Where a key's value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

/// A flag that stands for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// As typed: `--listen`.
    pub flag: &'static str,
    /// The key's name.
    pub key: String,
    /// The value's text.
    pub text: String,
}

/// A configuration, and where each of its values came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is in effect.
    pub config: Config,
    /// One for each of [`KEYS`].
    sources: Vec<Source>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl Loaded {
    /// Reads all sources; later ones win. `variables` are those of the process; others than ours are passed over.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        flags: &[Flag],
    ) -> Result<Self, ConfigError> {
        let mut loaded = Self::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|why| ConfigError::Unreadable { path: path.to_owned(), why })?;
            loaded.take_file(path, &text)?;
        }
        for (name, text) in variables {
            if name.starts_with("WALRAS_") && !OTHER_VARIABLES.contains(&name.as_str()) {
                loaded.take_variable(name, &text)?;
            }
        }
        for flag in flags {
            let at = find(&flag.key).ok_or_else(|| unknown(&flag.key, flag.flag, Key::dotted))?;
            loaded.take_text(at, Source::Flag(flag.flag), &flag.text)?;
        }
        loaded.config.check()?;
        Ok(loaded)
    }

    /// Reads one table, which errors call by `name`, and nothing else.
    pub fn from_table(name: &Path, table: &Table) -> Result<Self, ConfigError> {
        let mut loaded = Self::default();
        loaded.take_table(name, table)?;
        loaded.config.check()?;
        Ok(loaded)
    }

    /// Where a key's value came from.
    pub fn source(&self, name: &str) -> Option<&Source> {
        find(name).map(|at| &self.sources[at])
    }

    /// The configuration in effect as a TOML file, each key under its meaning and with its source, secrets masked.
    pub fn render(&self) -> String {
        let mut config = self.config.clone();
        let mut out = String::from(
            "# The configuration in effect. Each key: a file, then the environment, then flags.\n",
        );
        let mut section = "";
        for (key, source) in KEYS.iter().zip(&self.sources) {
            let (in_section, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if in_section != section {
                section = in_section;
                out.push_str(&format!("\n[{section}]\n"));
            } else {
                out.push('\n');
            }
            out.push_str(&format!("# {}\n# {}; from: {source}\n", key.about, key.variable()));
            match key.show(&mut config) {
                Some(value) if key.is_secret() => out.push_str(&format!("# {name} = {value}\n")),
                Some(value) => out.push_str(&format!("{name} = {value}\n")),
                None => out.push_str(&format!("# {name} is not set\n")),
            }
        }
        out
    }

    fn take_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let table: Table = text.parse().map_err(|why: toml::de::Error| ConfigError::NotToml {
            path: path.to_owned(),
            why: why.to_string().trim_end().to_owned(),
        })?;
        self.take_table(path, &table)
    }

    fn take_table(&mut self, path: &Path, table: &Table) -> Result<(), ConfigError> {
        let mut found = Vec::new();
        flatten(table, "", &mut found);
        for (name, value) in found {
            let at = find(&name).ok_or_else(|| unknown(&name, &path.display().to_string(), Key::dotted))?;
            let origin = Source::File(path.to_owned());
            match KEYS[at].set(&mut self.config, value) {
                Ok(()) => self.sources[at] = origin,
                Err(why) => return Err(ConfigError::BadValue { key: KEYS[at].name, origin, why }),
            }
        }
        Ok(())
    }

    fn take_variable(&mut self, name: String, text: &str) -> Result<(), ConfigError> {
        let at = KEYS
            .iter()
            .position(|key| key.variable() == name)
            .ok_or_else(|| unknown(&name, "the environment", Key::variable))?;
        self.take_text(at, Source::Variable(name), text)
    }

    fn take_text(&mut self, at: usize, origin: Source, text: &str) -> Result<(), ConfigError> {
        match KEYS[at].set_text(&mut self.config, text) {
            Ok(()) => self.sources[at] = origin,
            Err(why) => return Err(ConfigError::BadValue { key: KEYS[at].name, origin, why }),
        }
        Ok(())
    }
}

impl Default for Loaded {
    fn default() -> Self {
        Self { config: Config::default(), sources: vec![Source::Default; KEYS.len()] }
    }
}

impl Key {
    fn dotted(&self) -> String {
        self.name.to_owned()
    }
}

/// Whether any key lives below this name.
fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

fn flatten<'a>(table: &'a Table, prefix: &str, found: &mut Vec<(String, &'a Value)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if is_section(&name) || find(&name).is_none() && !inner.is_empty() => {
                flatten(inner, &name, found);
            }
            _ => found.push((name, value)),
        }
    }
}

fn find(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.name == name)
}

fn unknown(given: &str, source_name: &str, spelling: fn(&Key) -> String) -> ConfigError {
    let nearest = KEYS
        .iter()
        .map(spelling)
        .map(|known| (likeness(given, &known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, known)| known);
    ConfigError::Unknown { key: given.to_owned(), source_name: source_name.to_owned(), nearest }
}

/// Names are alike as a whole, or by their last part where the section was forgotten or wrong,
/// or where one is the beginning of the other.
fn likeness(given: &str, known: &str) -> f64 {
    let last = |name: &str| name.rsplit('.').next().map_or_else(String::new, str::to_owned);
    let begins = given.len() >= 3 && (known.starts_with(given) || given.starts_with(known));
    strsim::normalized_damerau_levenshtein(given, known)
        .max(0.95 * strsim::normalized_damerau_levenshtein(&last(given), &last(known)))
        .max(if begins { 0.7 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Durability;

    fn from_file(text: &str) -> Result<Loaded, ConfigError> {
        let mut loaded = Loaded::default();
        loaded.take_file(Path::new("walras.toml"), text)?;
        Ok(loaded)
    }

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn every_key_has_a_place_of_its_own_and_survives_printing_and_reading() {
        let mut loaded = Loaded::default();
        let mut names = std::collections::BTreeSet::new();
        for (at, key) in KEYS.iter().enumerate() {
            assert!(names.insert(key.name), "{} twice", key.name);
            assert!(names.insert(Box::leak(key.variable().into_boxed_str())));
            let text = match key.name {
                "listen" => "[::1]:9".to_owned(),
                "durability" => "os".to_owned(),
                "auth.hs256_secret" => "s".repeat(32),
                "auth.keys" => r#"[{ jwks = "a.json" }]"#.to_owned(),
                "auth.api_keys" => r#"[{ sha256 = "aa", subject = "bot", limits = "unlimited" }]"#.to_owned(),
                "shards" | "spin_us" => "3".to_owned(),
                "limits.queue_bytes" => "2000000".to_owned(),
                name if name.starts_with("limits.") => (100_000 - at).to_string(),
                name if name.ends_with("_ms") => format!("{}s", 30 + at),
                name => format!("text-{name}"),
            };
            loaded.take_text(at, Source::Flag("--set"), &text).unwrap_or_else(|why| panic!("{why}"));
        }
        loaded.config.check().expect("all set");
        let text = loaded
            .render()
            .replace("# hs256_secret = \"********", &format!("hs256_secret = \"{}", "s".repeat(32)));
        let again = from_file(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
        assert_eq!(again.config, loaded.config);
    }

    #[test]
    fn later_sources_win() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("walras.toml");
        std::fs::write(
            &path,
            "listen = '127.0.0.1:1'\ndurability = 'os'\ndrain_ms = 1\n[auth]\nissuer = 'file'",
        )
        .expect("written");
        let flag = Flag { flag: "--listen", key: "listen".to_owned(), text: "127.0.0.1:3".to_owned() };
        let variables = variables(&[
            ("WALRAS_LISTEN", "127.0.0.1:2"),
            ("WALRAS_AUTH_ISSUER", "variable"),
            ("WALRAS_DRAIN_MS", "2s"),
            ("WALRAS_CONFIG", "ignored"),
            ("HOME", "/"),
        ]);
        let loaded = Loaded::load(Some(&path), variables, &[flag]).expect("loads");
        assert_eq!(loaded.config.listen.port(), 3);
        assert_eq!(loaded.config.auth.issuer.as_deref(), Some("variable"));
        assert_eq!(loaded.config.drain_ms, 2_000);
        assert_eq!(loaded.config.durability, Durability::Os);
        assert_eq!(loaded.source("listen"), Some(&Source::Flag("--listen")));
        assert_eq!(loaded.source("auth.issuer"), Some(&Source::Variable("WALRAS_AUTH_ISSUER".to_owned())));
        assert_eq!(loaded.source("durability"), Some(&Source::File(path)));
        assert_eq!(loaded.source("shards"), Some(&Source::Default));
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        for (text, told) in [
            (
                "[auth]\nhs256_secert = 'x'",
                "walras.toml: unknown key `auth.hs256_secert`; did you mean `auth.hs256_secret`?",
            ),
            ("port = 1", "unknown key `port`; did you mean `"),
            ("lisen = 1", "did you mean `listen`?"),
            ("[tls]\ncertificate = 'x'", "did you mean `tls.cert`?"),
            ("active_auctions = 1", "did you mean `limits.active_auctions`?"),
            ("[limit]\nactive_auctions = 1", "did you mean `limits.active_auctions`?"),
        ] {
            let why = from_file(text).expect_err(text).to_string();
            assert!(why.contains(told), "{why}");
        }
        let why =
            Loaded::load(None, variables(&[("WALRAS_AUTH_HS256_SECRT", "x")]), &[]).expect_err("unknown");
        assert_eq!(
            why.to_string(),
            "the environment: unknown key `WALRAS_AUTH_HS256_SECRT`; did you mean `WALRAS_AUTH_HS256_SECRET`?"
        );
        let flag = Flag { flag: "--set", key: "drain".to_owned(), text: "1s".to_owned() };
        let why = Loaded::load(None, [], &[flag]).expect_err("unknown").to_string();
        assert_eq!(why, "--set: unknown key `drain`; did you mean `drain_ms`?");
    }

    #[test]
    fn wrong_values_say_which_key_where_and_what_would_do() {
        for (text, told) in [
            ("listen = 8080", "walras.toml: `listen` must be text, not integer"),
            ("listen = 'x'", "such as 127.0.0.1:8080"),
            ("durability = 'disk'", "must be fsync, os or memory"),
            ("drain_ms = '5s'", "`drain_ms` must be a whole number, not string"),
            ("[limits]\nactive_auctions = 0", "must be from 1 to 1000000, not 0"),
            ("[limits]\nmessages_per_second = -5", "must be from 1"),
            ("[auth]\nkeys = [{ pen = 'x' }]", "unknown field `pen`"),
            ("[auth]\nissuer = ['a']", "must be text, not array"),
            ("tls = 'x'", "unknown key `tls`"),
            ("data = ''", "must not be empty"),
            ("listen = ", "not valid TOML"),
        ] {
            let why = from_file(text).expect_err(text).to_string();
            assert!(why.contains(told), "{text}: {why}");
        }
        let why =
            Loaded::load(None, variables(&[("WALRAS_DRAIN_MS", "soon")]), &[]).expect_err("no duration");
        assert!(
            why.to_string().starts_with("WALRAS_DRAIN_MS: `drain_ms` must be a whole number with a unit")
        );
    }

    #[test]
    fn an_empty_variable_unsets_and_half_a_certificate_is_refused() {
        let loaded = Loaded::load(None, variables(&[("WALRAS_TLS_CERT", "")]), &[]).expect("unset");
        assert_eq!(loaded.config.tls.cert, None);
        let why = Loaded::load(None, variables(&[("WALRAS_TLS_CERT", "a.pem")]), &[]).expect_err("half");
        assert!(why.to_string().contains("`tls.key` is not"));
    }

    #[test]
    fn secrets_are_never_printed() {
        let secret = "0123456789abcdef0123456789abcdef";
        let loaded =
            Loaded::load(None, variables(&[("WALRAS_AUTH_HS256_SECRET", secret)]), &[]).expect("loads");
        assert!(loaded.render().contains("# hs256_secret = \"********\""));
        assert!(!loaded.render().contains(secret) && !format!("{loaded:?}").contains(secret));
    }
}
