//! The programs under test, built by cargo from the sources that the test was built from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The root of the checkout.
pub fn project_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie below the root")
}

/// The path of `dispatcher`, `observer` or `runner`.
pub fn program(name: &str) -> PathBuf {
    // Cargo builds a binary for the tests of its own package only, so ours have to ask.
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(build);
    FOLDER.join(name)
}

/// The path of a dispatcher in which a bug can be planted, by its name in `PONTUS_PLANTED`.
pub fn planted_dispatcher() -> PathBuf {
    static PATH: LazyLock<PathBuf> = LazyLock::new(build_planted);
    PATH.clone()
}

/// What is built on the way is shared with the ordinary programs; what comes of it lies in a folder of its own, so that
/// theirs are untouched.
fn build_planted() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it lies");
    let target = test.ancestors().nth(3).expect("a test lies in debug/deps of its target folder");
    let folder = target.join("planted");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--bins", "--locked", "--features", "dispatcher/planted"])
        .arg("--target-dir")
        .arg(&folder)
        .env("CARGO_BUILD_BUILD_DIR", target)
        .current_dir(project_root())
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "cargo could not build the planted dispatcher");
    folder.join("debug/dispatcher")
}

fn build() -> PathBuf {
    // They are built as the test was.
    let profile: &[&str] = if cfg!(debug_assertions) { &[] } else { &["--release"] };
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--bins", "--locked"])
        .args(profile)
        .current_dir(project_root())
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "cargo could not build the programs");
    // This test is …/PROFILE/deps/NAME, the programs are …/PROFILE/NAME.
    let test = std::env::current_exe().expect("a test knows where it lies");
    test.ancestors().nth(2).expect("a test lies in deps").to_owned()
}
