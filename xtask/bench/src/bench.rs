//! The run: each cell in turn, the stub and Ottla by turns within it, and the report.

use crate::cell::{Cell, Findings};
use crate::cells;
use crate::command_line::CommandLine;
use crate::control::{self, Control};
use crate::machine::Machine;
use crate::measure::{Measure, Quantity};
use crate::report::{CellReport, Report};
use crate::server::Server;
use anyhow::{Context, Result, bail};
use protocol::TopicName;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const REPEATS: usize = 3;
const REPEATS_QUICK: usize = 1;

/// The topic of nearly every load.
pub(crate) const TOPIC: &str = "load";

/// The data of a run, with the number of its process.
const DATA: &str = "data-";

/// How much of a node's log is shown when its cell fails.
const LOG_LINES: usize = 10;

/// What the cells work with.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) ottla: PathBuf,
    /// The programs over librdkafka, where they could be built.
    pub(crate) rdkafka: Option<PathBuf>,
    /// The simulator's program, where it was built.
    pub(crate) sim: Option<PathBuf>,
    directory: PathBuf,
    pub(crate) quick: bool,
    pub(crate) repeats: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The stub.
    Ceiling,
    Ottla,
}

/// What a broker is started with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Of the one topic.
    pub(crate) partitions: i32,
    /// Whether every batch is on disk before it is acknowledged.
    pub(crate) sync: bool,
    /// Whether all is read back: the stub's files then never begin anew.
    pub(crate) keep: bool,
}

impl Setup {
    pub(crate) fn partitions(partitions: i32) -> Self {
        Self { partitions, sync: false, keep: false }
    }
}

pub(crate) fn run(mut line: CommandLine) -> Result<ExitCode> {
    let results = PathBuf::from(line.required("results")?);
    let parent = PathBuf::from(line.required("dir")?);
    let quick = line.flag("quick");
    let bench = Bench {
        ottla: line.required("ottla")?.into(),
        rdkafka: line.optional("rdkafka").map(PathBuf::from),
        sim: line.optional("sim").map(PathBuf::from),
        directory: parent.join(format!("{DATA}{}", std::process::id())),
        quick,
        repeats: if quick { REPEATS_QUICK } else { REPEATS },
    };
    let words = line.words();
    line.finish()?;
    let chosen = cells::chosen(&words);
    if chosen.is_empty() {
        bail!("no cell is named so; `bench list` names them");
    }

    remove_abandoned(&parent);
    std::fs::create_dir_all(&bench.directory).context("creating a directory")?;
    let report = bench.run(chosen);
    std::fs::remove_dir_all(&bench.directory).context("removing the data")?;
    let report = report?;
    let text = serde_json::to_string_pretty(&report.to_json()).context("writing the results")?;
    std::fs::write(&results, text + "\n").context("writing the results")?;
    print!("{}", report.to_markdown());
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Bench {
    fn run(&self, cells: Vec<Cell>) -> Result<Report> {
        raise_file_limit();
        let begun = Instant::now();
        let machine = Machine::look(&self.directory)?;
        let load_before = control::load_average()?;
        let touched = control::touch_free_memory(&self.directory)?;
        eprintln!("{machine}; load {load_before}; {:.0} GB touched", touched as f64 / 1e9);
        let mut reports = Vec::new();
        for cell in cells {
            reports.push(self.run_cell(&cell)?);
        }
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Report { machine, quick: self.quick, repeats: self.repeats, seconds, cells: reports })
    }

    /// A cell that fails is reported as such, and the next one is measured all the same.
    fn run_cell(&self, cell: &Cell) -> Result<CellReport> {
        let control = Control::look(&self.directory)?;
        let begun = Instant::now();
        let outcome = (cell.run)(self).map_err(|error| {
            let mut text = format!("{error:#}");
            for line in logs(&self.directory).iter().flat_map(|log| last_lines(log)) {
                write!(text, "\n    {line}").expect("a string takes all");
            }
            text
        });
        let seconds = begun.elapsed().as_secs_f64();
        match &outcome {
            Ok(Findings { measures, notes }) => {
                eprintln!("{} ({seconds:.0} s)", cell.name);
                for measure in measures {
                    eprintln!("    {}", crate::report::line(measure));
                }
                notes.iter().for_each(|note| eprintln!("    {note}"));
            }
            Err(error) => eprintln!("{} FAILED: {error}", cell.name),
        }
        Ok(CellReport { name: cell.name.clone(), seconds, control, outcome })
    }

    /// Measures the stub and Ottla by turns, so that what drifts meets both alike.
    pub(crate) fn alternate<const N: usize>(
        &self,
        quantities: &[Quantity; N],
        mut measure: impl FnMut(Side) -> Result<[f64; N]>,
    ) -> Result<Findings> {
        let mut measures = quantities.map(Measure::of);
        for _ in 0..self.repeats {
            for side in [Side::Ceiling, Side::Ottla] {
                let values = measure(side).with_context(|| format!("{side:?}"))?;
                for (measure, value) in measures.iter_mut().zip(values) {
                    measure.add(side, value);
                }
            }
        }
        Ok(measures.to_vec().into())
    }

    /// Measures Ottla alone, where a stub would say nothing.
    pub(crate) fn repeat<const N: usize>(
        &self,
        quantities: &[Quantity; N],
        repeats: usize,
        mut measure: impl FnMut() -> Result<[f64; N]>,
    ) -> Result<Findings> {
        let mut measures = quantities.map(Measure::of);
        for _ in 0..repeats {
            for (measure, value) in measures.iter_mut().zip(measure()?) {
                measure.add(Side::Ottla, value);
            }
        }
        Ok(measures.to_vec().into())
    }

    /// A broker on an empty directory, with a topic. The directory goes when the broker does.
    pub(crate) fn start(&self, side: Side, setup: Setup) -> Result<Server> {
        let server = match side {
            Side::Ceiling => {
                let mut options = vec!["--partitions".to_owned(), setup.partitions.to_string()];
                if setup.sync {
                    options.push("--sync".to_owned());
                }
                if setup.keep {
                    options.extend(["--wrap-mib".to_owned(), (1 << 20).to_string()]);
                }
                Server::stub(&self.directory.join("stub"), &options)?
            }
            Side::Ottla => Server::ottla(&self.ottla, &self.ottla_directory(), &[])?,
        };
        let configs: &[(&str, &str)] = if setup.sync { &[("flush.messages", "1")] } else { &[] };
        server.create_topic(&TopicName::from(TOPIC), setup.partitions, configs)?;
        Ok(server)
    }

    /// Where a node that a cell starts by itself keeps its data.
    pub(crate) fn ottla_directory(&self) -> PathBuf {
        self.directory.join("ottla")
    }

    /// Where the nodes of a cluster keep theirs.
    pub(crate) fn cluster_directory(&self) -> PathBuf {
        self.directory.join("cluster")
    }

    /// Has free memory used once before a load that needs so much of it.
    pub(crate) fn touch(&self, bytes: u64) -> Result<()> {
        control::touch_memory(&self.directory, bytes + bytes / 4)?;
        Ok(())
    }

    /// A size in bytes, of which `--quick` takes a quarter.
    pub(crate) fn gigabytes(&self, full: u64) -> u64 {
        full * 1_000_000_000 / if self.quick { 4 } else { 1 }
    }
}

/// Removes what runs left that were killed.
fn remove_abandoned(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(DATA)?.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new("/proc").join(id.to_string()).exists()) {
            // What cannot be removed is in nobody's way.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Thousands of connections need as many files. Children inherit the limit.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // The cell that needs them counts how many there are.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// The logs of nodes, which lie beside their directories.
fn logs(directory: &Path) -> Vec<PathBuf> {
    let directories = [directory.to_owned(), directory.join("cluster")];
    let entries = directories.iter().filter_map(|directory| std::fs::read_dir(directory).ok());
    let paths = entries.flatten().flatten().map(|entry| entry.path());
    let mut logs: Vec<_> = paths.filter(|path| path.extension() == Some("log".as_ref())).collect();
    logs.sort();
    logs
}

fn last_lines(path: &Path) -> Vec<String> {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].iter().map(|&line| line.to_owned()).collect()
}
