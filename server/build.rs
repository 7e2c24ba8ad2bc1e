//! A release embeds the site root: it is built again when the files there change.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A debug build reads the files from disk.
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo:rerun-if-changed=../target/site");
    }
}
