//! Our own client library takes part in the checks of `workload.py`, as any other does:
//! `ottla-client-checks BOOTSTRAP` answers JSON lines, as `with_process.py` describes them.

// A real client against a real node: nothing of it is simulated.
#![allow(clippy::disallowed_methods)]

mod adapter;
mod json;

use std::io::{BufRead, Write};

use adapter::Adapter;
use anyhow::{Context, Result};
use client::{Error, protocol::ErrorCode};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let bootstrap = std::env::args().nth(1).context("usage: ottla-client-checks HOST:PORT")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&bootstrap))
}

/// Answers one line after the other, until there are no more.
async fn serve(bootstrap: &str) -> Result<()> {
    let adapter = Adapter::connect(bootstrap).await?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let answer = match adapter.perform(&request).await {
            Ok(value) => json!({ "ok": value }),
            Err(error) => match refusal(&error) {
                Some(code) => json!({ "refused": code.code() }),
                None => json!({ "error": format!("{error:#}") }),
            },
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// Kafka's error, where a broker answered with one.
fn refusal(error: &anyhow::Error) -> Option<ErrorCode> {
    error.downcast_ref::<Error>()?.code()
}
