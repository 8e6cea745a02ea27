//! The `server.properties` that Kafka 4.2 ships starts a node, not one key changed.
//!
//! Its ports and its directory are fixed, so that the node runs in network and mount namespaces
//! of its own, where nobody else uses them.

use super::{nodes, ottla, rdkafka_program};
use crate::project::installed;
use crate::step::{Outcome, Stage};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// The `log.dirs` of that file.
const LOG_DIRS: &str = "/tmp/kraft-combined-logs";

pub(crate) fn shipped_config(stage: &mut Stage<'_>) -> Result<Outcome> {
    if !installed("ip") {
        return Ok(Outcome::Skipped("there is no ip (Debian: apt-get install iproute2)".into()));
    }
    let Some(mut command) = apart() else {
        return Ok(Outcome::Skipped("namespaces are not to be had by this user".into()));
    };
    let client = match rdkafka_program(stage)? {
        Ok(program) => program,
        Err(missing) => return Ok(Outcome::Skipped(missing)),
    };
    let node = ottla(stage)?;
    let data = nodes(stage).join("shipped");
    if data.exists() {
        std::fs::remove_dir_all(&data).context("emptying the node's directory")?;
    }
    std::fs::create_dir_all(&data).context("creating the node's directory")?;

    let was_there = Path::new(LOG_DIRS).exists();
    let clients = stage.project.clients();
    command.arg("sh").arg(clients.join("shipped_config.sh")).arg(node);
    command.arg(clients.join("server.properties")).arg(client).arg(data).arg(LOG_DIRS);
    let result = stage.journal.run(&mut command, LIMIT);
    if !was_there {
        // Only the place to mount on. What was stored lies under the target directory.
        let _ = std::fs::remove_dir(LOG_DIRS);
    }
    result.map(|()| Outcome::Passed(String::new()))
}

/// A command that runs another in namespaces of its own.
fn apart() -> Option<Command> {
    let ways: [&[&str]; 2] = [&["--net", "--mount"], &["--net", "--mount", "--map-root-user"]];
    ways.into_iter().find_map(|way| {
        let mut probe = Command::new("unshare");
        probe.args(way).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
        if !probe.status().is_ok_and(|status| status.success()) {
            return None;
        }
        let mut command = Command::new("unshare");
        command.args(way);
        Some(command)
    })
}
