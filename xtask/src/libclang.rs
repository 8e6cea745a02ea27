//! libclang, which RocksDB's bindings are generated with. It is taken from the environment, from
//! the system, or as a wheel from PyPI.

use crate::project::Project;
use crate::python;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const WHEEL: &str = "libclang==18.1.1\n";

/// The variables under which bindgen finds libclang and the headers that come with a compiler.
pub(crate) fn environment(project: &Project) -> Result<Vec<(&'static str, OsString)>> {
    if std::env::var_os("LIBCLANG_PATH").is_some() {
        return Ok(Vec::new());
    }
    let directory = match of_the_system() {
        Some(directory) => directory,
        None => from_the_wheel(project).context(
            "libclang is missing, and RocksDB's bindings need it: install it (Debian, Ubuntu: \
             apt-get install libclang-dev; Fedora: dnf install clang-devel; macOS: xcode-select \
             --install), or install Python 3 with venv so that it can be fetched from PyPI, or \
             set LIBCLANG_PATH to its folder",
        )?,
    };
    let mut environment = Vec::new();
    // Without clang's own stddef.h and its kind, those of the C compiler do.
    if std::env::var_os("BINDGEN_EXTRA_CLANG_ARGS").is_none()
        && !has_headers(&directory)
        && let Some(include) = include_of_gcc()
    {
        environment.push(("BINDGEN_EXTRA_CLANG_ARGS", format!("-I{include}").into()));
    }
    environment.push(("LIBCLANG_PATH", directory.into()));
    Ok(environment)
}

fn of_the_system() -> Option<PathBuf> {
    let mut directories = Vec::new();
    for parent in ["/usr/lib", "/usr/lib64", "/opt/homebrew/opt", "/usr/local/opt"] {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("llvm") {
                directories.push(entry.path().join("lib"));
                directories.push(entry.path().join("lib64"));
            }
        }
    }
    // The newest version first, as far as names tell.
    directories.sort();
    directories.reverse();
    directories.push("/Library/Developer/CommandLineTools/usr/lib".into());
    directories.extend(known_to_the_linker());
    directories.into_iter().find(|directory| has_library(directory))
}

fn known_to_the_linker() -> Vec<PathBuf> {
    let Ok(listed) = Command::new("ldconfig").arg("-p").output() else { return Vec::new() };
    String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter_map(|line| line.split_once("=> "))
        .map(|(_, path)| Path::new(path.trim()))
        .filter(|path| path.file_name().is_some_and(|name| is_library(&name.to_string_lossy())))
        .filter_map(|path| path.parent().map(Path::to_owned))
        .collect()
}

fn has_library(directory: &Path) -> bool {
    std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| is_library(&entry.file_name().to_string_lossy()))
}

/// `libclang.so`, `libclang.so.1`, `libclang-14.so.1`, `libclang.dylib`; not `libclang-cpp`.
fn is_library(name: &str) -> bool {
    name.strip_prefix("libclang").is_some_and(|rest| {
        let version = rest.trim_start_matches(|c: char| c == '-' || c == '.' || c.is_ascii_digit());
        rest.starts_with(['-', '.']) && (version.starts_with("so") || version == "dylib")
    })
}

fn has_headers(directory: &Path) -> bool {
    std::fs::read_dir(directory.join("clang"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|version| version.path().join("include/stddef.h").is_file())
}

fn include_of_gcc() -> Option<String> {
    let printed = Command::new("cc").arg("-print-file-name=include").output().ok()?;
    let path = String::from_utf8(printed.stdout).ok()?.trim().to_owned();
    Path::new(&path).is_dir().then_some(path)
}

fn from_the_wheel(project: &Project) -> Result<PathBuf> {
    let python = python::environment(project, "libclang", WHEEL)?;
    let printed = Command::new(&python)
        .args(["-c", "import clang, os; print(os.path.dirname(clang.__file__))"])
        .output()
        .context("asking Python where libclang is")?;
    let package = String::from_utf8(printed.stdout).context("a path in UTF-8")?;
    Ok(Path::new(package.trim()).join("native"))
}

#[cfg(test)]
mod tests {
    use super::is_library;

    #[test]
    fn the_library_is_known_by_its_many_names() {
        for name in ["libclang.so", "libclang.so.1", "libclang-14.so.1", "libclang.dylib"] {
            assert!(is_library(name), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclangAST.a", "libc.so", "libclang.a"] {
            assert!(!is_library(name), "{name}");
        }
    }
}
