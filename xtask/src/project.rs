//! Where things are on this machine.

use anyhow::{Context, Result};
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// The checkout and its target directory.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds, whatever set it.
    pub(crate) target: PathBuf,
}

impl Project {
    pub(crate) fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in the checkout's root")?
            .to_owned();
        // This program is `<target>/debug/xtask`.
        let own = std::env::current_exe().context("the path of this program")?;
        let target = own.ancestors().nth(2).context("xtask lies in a target directory")?;
        Ok(Self { root, target: target.to_owned() })
    }

    /// The folder of the real clients' programs.
    pub(crate) fn clients(&self) -> PathBuf {
        self.root.join("xtask/clients")
    }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Whether a program of that name is on the `PATH`.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
