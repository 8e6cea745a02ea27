//! How much memory a node takes: idle, after a load, and for each connection.

use crate::bench::{Bench, Setup, Side};
use crate::cell::{Cell, Findings};
use crate::connection::Connection;
use crate::load::{DEPTH, flat_out};
use crate::measure::{Aim, Quantity};
use crate::prepared::Shape;
use anyhow::{Context, Result};
use protocol::api::api_versions::ApiVersionsRequest;
use rustix::process::{Resource, getrlimit};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

const RESIDENT: [Quantity; 2] = [
    Quantity::new("resident, idle", "MiB").aim(Aim::AtMost(20.0)),
    Quantity::new("resident, after 1 GB", "MiB"),
];

const IDLE_CONNECTIONS: [Quantity; 2] = [
    Quantity::new("heap", "KiB/connection").aim(Aim::AtMost(4.0)),
    Quantity::new("CPU", "% of a core"),
];

const CONNECTIONS: u64 = 10_000;
/// What a node opens besides.
const OTHER_FILES: u64 = 500;

/// After a start or a load, until nothing is done any more.
const REST: Duration = Duration::from_secs(2);

const API_VERSIONS_VERSION: i16 = 3;

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("memory, 6 partitions", resident),
        Cell::new("10000 idle connections", idle_connections),
    ]
}

fn resident(bench: &Bench) -> Result<Findings> {
    let shape = Shape::default();
    bench.alternate(&RESIDENT, |side| {
        let server = bench.start(side, Setup::partitions(shape.partitions.end))?;
        thread::sleep(REST);
        let idle = server.memory()?.resident;
        flat_out(server.address, &shape.requests(), 2, DEPTH, 1_000_000_000)?;
        thread::sleep(REST);
        let loaded = server.memory()?.resident;
        Ok([idle, loaded].map(|bytes| bytes as f64 / 1024.0 / 1024.0))
    })
}

/// Each has asked one question, so that what it needs for that was there once.
fn idle_connections(bench: &Bench) -> Result<Findings> {
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let count = CONNECTIONS.min(allowed.saturating_sub(OTHER_FILES));
    let mut findings = bench.repeat(&IDLE_CONNECTIONS, 1, || {
        let server = bench.start(Side::Ottla, Setup::partitions(1))?;
        let open = || -> Result<TcpStream> {
            let mut connection = Connection::open(server.address)?;
            let hello = ApiVersionsRequest {
                client_software_name: "bench".to_owned(),
                client_software_version: "1".to_owned(),
            };
            connection.call(&hello, API_VERSIONS_VERSION)?;
            Ok(connection.sender)
        };
        let _first = open()?;
        thread::sleep(REST);
        let before = server.memory()?.anonymous;
        let connections = (0..count)
            .map(|number| open().with_context(|| format!("connection {number}")))
            .collect::<Result<Vec<_>>>()?;
        thread::sleep(REST);
        let heap = server.memory()?.anonymous.saturating_sub(before);
        let used_before = server.cpu()?;
        thread::sleep(REST);
        let used = server.cpu()? - used_before;
        drop(connections);
        Ok([heap as f64 / 1024.0 / count as f64, used.as_secs_f64() / REST.as_secs_f64() * 100.0])
    })?;
    if count < CONNECTIONS {
        findings.notes.push(format!(
            "Only {count} idle connections were opened: the limit is {allowed} open files."
        ));
    }
    Ok(findings)
}
