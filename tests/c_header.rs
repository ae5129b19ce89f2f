//! The header is what the source says, and what was promised stays: names, numbers, layouts.
//!
//! `UPDATE_GOLDEN=1 cargo test --test c_header` writes `include/walras.h` anew. What it must not change without a
//! new ABI version stands in `tests/c_abi.txt`, written by the same command and read as a diff.
#![cfg(feature = "ffi")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources in the order in which the header speaks of them.
fn sources() -> Vec<PathBuf> {
    let ffi = root().join("src/ffi");
    let named = [
        "status.rs",
        "types.rs",
        "live_types.rs",
        "settlements.rs",
        "log.rs",
        "export/library.rs",
        "export/clear.rs",
        "export/engine.rs",
        "export/auction.rs",
        "export/bid.rs",
        "export/settlement.rs",
        "export/subscriber.rs",
        "export/server.rs",
    ]
    .map(|name| ffi.join(name));
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    for entry in fs::read_dir(ffi.join("export")).expect("the exports are there") {
        found.insert(entry.expect("a readable entry").path());
    }
    found.remove(&ffi.join("export/mod.rs"));
    let missing: Vec<_> = found.iter().filter(|path| !named.contains(path)).collect();
    assert!(missing.is_empty(), "the header leaves out {missing:?}");
    named.into()
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("a readable configuration");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in sources() {
        builder = builder.with_src(source);
    }
    let mut bytes = Vec::new();
    builder.generate().expect("the sources can be read").write(&mut bytes);
    let header = String::from_utf8(bytes).expect("a header is text");
    // What rustdoc calls "Safety" is for C the contract of the pointers.
    header.replace("# Safety\n", "Pointers:\n")
}

/// Compares a file with what it should be, or writes it.
fn check(path: &str, expected: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, expected).expect("the file can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not what the source says; UPDATE_GOLDEN=1 cargo test --test c_header writes it",
        path.display()
    );
}

#[test]
fn the_header_is_generated_from_the_source() {
    check("include/walras.h", &generated());
}

/// Everything that programs depend on, one item a line, without the words that may be improved.
fn promises(header: &str) -> String {
    let code: String = header
        .split("/*")
        .enumerate()
        .map(
            |(index, part)| if index == 0 { part } else { part.split_once("*/").map_or("", |found| found.1) },
        )
        .collect();
    let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or("").trim()).collect();
    let mut items: Vec<String> = Vec::new();
    let mut open = String::new();
    for line in code {
        if line.starts_with("#define") && line.split(' ').count() == 3 {
            items.push(line.into());
        } else if !line.starts_with('#') && !line.starts_with("extern \"C\"") && !line.is_empty() {
            open.push_str(line);
            open.push(' ');
            if line.ends_with(';') && open.matches('{').count() == open.matches('}').count() {
                items.push(open.trim().to_owned());
                open.clear();
            }
        }
    }
    items.sort();
    format!("abi {}\n{}\n", walras::ffi::walras_abi_version(), items.join("\n"))
}

#[test]
fn what_was_promised_stays() {
    check("tests/c_abi.txt", &promises(&generated()));
}

/// The functions that the header declares.
fn declared(header: &str) -> BTreeSet<String> {
    let calls = header.lines().filter(|line| !line.trim_start().starts_with("//"));
    calls
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("walras_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let header = generated();
    let declared = declared(&header);
    assert!(declared.len() > 5, "the functions were not found: {declared:?}");
    let library = std::env::current_exe().expect("a test has a path");
    let library = library.parent().expect("it lies in a folder").join("libwalras.so");
    let bytes = fs::read(&library).unwrap_or_else(|error| panic!("{}: {error}", library.display()));
    let exported = elf::exported_functions(&bytes);
    let ours: BTreeSet<String> = exported.into_iter().filter(|name| !name.starts_with("rust_")).collect();
    assert_eq!(ours, declared);
}

/// As much of the ELF format as lists what a library exports.
mod elf {
    fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&bytes[at..at + N]);
        u64::from_le_bytes(wide)
    }

    /// The defined global functions of the dynamic symbol table.
    pub fn exported_functions(bytes: &[u8]) -> Vec<String> {
        assert_eq!(&bytes[..5], b"\x7fELF\x02", "an ELF file of 64 bits");
        let (table, size, count) = (number::<8>(bytes, 40), number::<2>(bytes, 58), number::<2>(bytes, 60));
        let section = |index: u64| (table + index * size) as usize;
        let dynamic_symbols = 11;
        let header = (0..count).map(section).find(|&at| number::<4>(bytes, at + 4) == dynamic_symbols);
        let header = header.expect("a library has dynamic symbols");
        let names = number::<8>(bytes, section(number::<4>(bytes, header + 40)) + 24) as usize;
        let (start, length) =
            (number::<8>(bytes, header + 24) as usize, number::<8>(bytes, header + 32) as usize);
        let entries = bytes[start..start + length].chunks_exact(24);
        let functions = entries.filter(|entry| entry[4] == 0x12 && number::<2>(entry, 6) != 0);
        functions
            .map(|entry| {
                let name = &bytes[names + number::<4>(entry, 0) as usize..];
                let end = name.iter().position(|&byte| byte == 0).expect("a name ends");
                String::from_utf8_lossy(&name[..end]).into_owned()
            })
            .collect()
    }
}
