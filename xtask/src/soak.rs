//! `cargo xtask soak`: a cluster of three as `ottla dev` runs it, under real clients, whose
//! processes are killed with kill -9 and started again at random. Nothing acknowledged may be lost,
//! and nothing be there twice or out of order: that is judged as in Jepsen's tests.

mod client;
mod killer;
mod nodes;
mod verdict;

use crate::clients;
use crate::cluster::{self, Cluster};
use crate::project::Project;
use crate::python;
use crate::step::{Outcome, Stage};
use crate::toolchain::{Toolchain, World};
use anyhow::{Context, Result, bail};
use client::Clients;
use killer::Killer;
use nodes::Nodes;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use verdict::Verdict;

/// How many partitions the topic has: each node leads two of them.
const PARTITIONS: u32 = 6;
const TOPIC: &str = "soak";

const MINUTES: f64 = 10.0;

/// How long a step of the tests takes part of this.
const SLICE: Duration = Duration::from_secs(30);
const SLICE_SEED: u64 = 1;

/// A cluster of which nobody is killed any more is whole within this.
const WHOLE_WITHIN: Duration = Duration::from_secs(120);

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let project = Project::locate()?;
    let ottla = match options.ottla {
        Some(ottla) => ottla,
        None => build(&project)?,
    };
    let soak = Soak {
        ottla,
        port: options.port.map_or_else(cluster::free_ports, Ok)?,
        python: clients_python(&project)?,
        programs: project.clients().join("soak"),
        directory: project.target.join("soak"),
        seed: options.seed,
        lasts: options.lasts,
    };
    println!("seed {}\n", soak.seed);
    let verdict = soak.run(&mut |line| println!("{line}"))?;
    println!("\n{verdict}");
    if verdict.is_valid() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", soak.remains());
    Ok(ExitCode::FAILURE)
}

/// A short one with the development build, every assertion on.
pub(crate) fn slice(stage: &mut Stage<'_>) -> Result<Outcome> {
    let python = match clients_python(stage.project) {
        Ok(python) => python,
        Err(error) => return Ok(Outcome::Skipped(format!("{error:#}"))),
    };
    let soak = Soak {
        ottla: clients::ottla(stage)?,
        port: cluster::free_ports()?,
        python,
        programs: stage.project.clients().join("soak"),
        directory: stage.project.target.join("clusters/soak"),
        seed: SLICE_SEED,
        lasts: SLICE,
    };
    let mut lines = Vec::new();
    let verdict = soak.run(&mut |line| lines.push(line.to_owned()));
    for line in lines {
        stage.journal.note(&line)?;
    }
    let verdict = verdict?;
    stage.journal.note(&verdict.to_string())?;
    if !verdict.is_valid() {
        bail!("{}", soak.remains());
    }
    Ok(Outcome::Passed(verdict.in_short()))
}

fn build(project: &Project) -> Result<PathBuf> {
    let toolchain = Toolchain::prepare(project)?;
    let mut build = toolchain.cargo(World::Real, "build");
    build.args(["--release", "--package", "broker", "--bin", "ottla"]);
    if !build.status().context("running cargo build")?.success() {
        bail!("the build failed");
    }
    Ok(project.target.join("release/ottla"))
}

/// The interpreter that has the clients' libraries.
fn clients_python(project: &Project) -> Result<PathBuf> {
    let requirements = std::fs::read_to_string(project.clients().join("requirements.txt"))
        .context("reading the clients' requirements")?;
    python::environment(project, "clients", &requirements)
}

#[derive(Debug)]
struct Options {
    lasts: Duration,
    seed: u64,
    /// A binary that is there already.
    ottla: Option<PathBuf>,
    /// The first node's port: a free one otherwise.
    port: Option<u16>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?;
        let mut options = Self {
            lasts: Duration::from_secs_f64(MINUTES * 60.0),
            seed: u64::from(since.subsec_micros()),
            ottla: None,
            port: None,
        };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { bail!("{} wants a value", pair[0]) };
            match name.as_str() {
                "--minutes" => {
                    let minutes: f64 = value.parse().context("--minutes")?;
                    options.lasts =
                        Duration::try_from_secs_f64(minutes * 60.0).context("--minutes")?;
                }
                "--seed" => options.seed = value.parse().context("--seed")?,
                "--ottla" => options.ottla = Some(value.into()),
                "--base-port" => options.port = Some(value.parse().context("--base-port")?),
                unknown => bail!("soak has no option {unknown}"),
            }
        }
        Ok(options)
    }
}

/// What one run needs.
#[derive(Debug)]
struct Soak {
    ottla: PathBuf,
    /// The first node's.
    port: u16,
    python: PathBuf,
    /// Where the clients' programs are.
    programs: PathBuf,
    /// For data, logs and histories.
    directory: PathBuf,
    seed: u64,
    lasts: Duration,
}

impl Soak {
    /// All of it. What it has to say meanwhile goes out line by line.
    fn run(&self, say: &mut dyn FnMut(&str)) -> Result<Verdict> {
        self.attempt(say).with_context(|| self.remains())
    }

    /// Where to look if something is wrong.
    fn remains(&self) -> String {
        format!("data, logs and histories are in {}", self.directory.display())
    }

    fn attempt(&self, say: &mut dyn FnMut(&str)) -> Result<Verdict> {
        if self.directory.exists() {
            std::fs::remove_dir_all(&self.directory)
                .with_context(|| format!("emptying {}", self.directory.display()))?;
        }
        std::fs::create_dir_all(&self.directory)
            .with_context(|| format!("creating {}", self.directory.display()))?;
        // A copy, which no build replaces while nodes are started again.
        let ottla = self.file("ottla");
        std::fs::copy(&self.ottla, &ottla).context("copying ottla")?;
        let data = self.file("cluster");
        let cluster = Cluster::start_at(self.port, &ottla, data.clone(), &["--restart"])?;
        let nodes = Nodes::new(&ottla, &cluster, TOPIC);
        nodes.create_topic(PARTITIONS)?;
        let mut clients = Clients::start(self, &cluster.bootstraps())?;
        clients.until_all_work()?;

        let mut killer = Killer::new(self.seed, Instant::now() + self.lasts);
        let gap = killer.kill_at_random(&nodes, &mut clients, say)?;
        nodes.until_whole(WHOLE_WITHIN, &mut clients)?;
        let longest_gap = gap.max(clients.longest_gap());
        say("nobody is killed any more; the last reads");
        let histories = clients.end()?;
        cluster.stop()?;

        say("the verdict");
        let mut verdict = Verdict::on(&histories)?;
        (verdict.kills, verdict.longest_gap) = (killer.kills(), longest_gap);
        if verdict.is_valid() {
            std::fs::remove_dir_all(&data).context("removing the cluster's data")?;
        }
        Ok(verdict)
    }

    /// Where something goes that has a name.
    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn log(&self, name: &str) -> Result<File> {
        let path = self.file(&format!("{name}.log"));
        File::create(&path).with_context(|| format!("creating {}", path.display()))
    }

    fn program(&self, file: &str) -> std::process::Command {
        python::program(&self.python, &self.programs, file)
    }
}
