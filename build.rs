//! Gives the C library the name under which programs that link to it look for it at run time.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The number is that of the interface's lineage: it changes when old programs can no longer be served.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libwalras.so.1");
    }
}
