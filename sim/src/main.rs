//! `sim --seed N [--scenario NAME] [--bug ID] [--history FILE] [--blind]` plays a scenario with a
//! seed, and prints the hash of its trace. `sim list` names the scenarios, `sim museum` the bugs that
//! can be planted.
//!
//! `--history` writes what clients saw, as Jepsen's `history.edn`, or as lines of JSON if the file is
//! called so. `--blind` judges by that alone, and says what it shows.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

use std::process::ExitCode;

const USAGE: &str = "usage: sim --seed N [--scenario NAME] [--bug ID] [--history FILE] [--blind]
       sim list
       sim museum";

#[cfg(not(madsim))]
fn main() -> ExitCode {
    eprintln!("this program needs the simulated world: run `cargo xtask sim --seed 1`");
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

#[cfg(madsim)]
fn main() -> ExitCode {
    use std::io::stderr;

    use tracing_subscriber::EnvFilter;

    // Silent unless asked: a node that is killed complains a lot.
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "off".to_owned());
    let logs = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter));
    logs.with_writer(stderr).without_time().with_ansi(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => {
            for scenario in sim::scenario::all() {
                println!("{}", scenario.name);
            }
            ExitCode::SUCCESS
        }
        ["museum"] => {
            for exhibit in sim::museum::ALL {
                let properties = exhibit.properties.join(",");
                let (id, tier) = (exhibit.id(), exhibit.tier);
                let (name, seeds) = (tier.name(), tier.seeds_max());
                println!(
                    "{id}\t{name}\t{seeds}\t{HUNTING_GROUND}\t{properties}\t{}",
                    exhibit.title
                );
            }
            ExitCode::SUCCESS
        }
        options => match Request::parse(options) {
            Ok(request) => request.play(),
            Err(complaint) => {
                eprintln!("{complaint}");
                ExitCode::from(2)
            }
        },
    }
}

/// What bugs are looked for in, unless somebody asks for another scenario.
#[cfg(madsim)]
const HUNTING_GROUND: &str = sim::scenario::CLUSTER_SWARMS[0].name;

/// What the options ask for.
#[cfg(madsim)]
struct Request {
    plan: sim::run::Plan,
    /// Where to write what clients saw.
    history: Option<std::path::PathBuf>,
}

#[cfg(madsim)]
impl Request {
    /// Reads the options, or tells what is wrong with them.
    fn parse(options: &[&str]) -> Result<Self, String> {
        let (mut seed, mut name, mut bug, mut history) = (None, None, None, None);
        let mut is_blind = false;
        let mut options = options.iter();
        while let Some(option) = options.next() {
            if *option == "--blind" {
                is_blind = true;
                continue;
            }
            let value = *options.next().ok_or(USAGE)?;
            match *option {
                "--seed" => {
                    let number = value.parse::<u64>();
                    let no_seed = |_| format!("{value} is no seed: a seed is a number");
                    seed = Some(number.map_err(no_seed)?);
                }
                "--scenario" => name = Some(value),
                "--bug" => {
                    let exhibit = sim::museum::find(value);
                    let exhibit =
                        exhibit.ok_or_else(|| format!("no bug {value}: see `sim museum`"))?;
                    bug = Some(exhibit.bug);
                }
                "--history" => history = Some(value.into()),
                _ => return Err(USAGE.to_owned()),
            }
        }
        let seed = seed.ok_or(USAGE)?;
        let name = name.or_else(|| bug.map(|_| HUNTING_GROUND));
        let scenario = sim::scenario::pick(name, seed).map_err(|error| error.to_string())?;
        Ok(Self { plan: sim::run::Plan { scenario, seed, bug, is_blind }, history })
    }

    fn play(&self) -> ExitCode {
        let sim::run::Plan { seed, bug, .. } = self.plan;
        let played = sim::run::run(self.plan);
        match &played {
            Ok(outcome) => {
                let simulated = outcome.simulated.as_secs_f64();
                println!("seed {seed} trace {:016x}", outcome.trace);
                println!("seed {seed} simulated {simulated:.1}");
                if let Some(error) = &outcome.not_minded {
                    println!("seed {seed} not minded: {error:#}");
                }
            }
            Err(failure) => {
                match failure.property() {
                    Some(property) => {
                        println!("seed {seed} violates {property}: {:#}", failure.error);
                    }
                    None => println!("seed {seed} failed: {:#}", failure.error),
                }
                if let Some(bug) = bug {
                    println!("bug {bug:?} was met {} times", failure.times_met);
                }
            }
        }
        let testimony = match &played {
            Ok(outcome) => Some(&outcome.testimony),
            Err(failure) => failure.testimony.as_ref(),
        };
        let is_told = testimony.is_none_or(|testimony| self.tell(testimony));
        if played.is_err() {
            println!("what clients saw, for Jepsen's checker: the same with --history FILE.edn");
            println!("reproduce: {}", self.again());
        }
        if played.is_ok() && is_told { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Says what the history shows, and writes it where it's to be. Whether it could.
    fn tell(&self, testimony: &sim::judge::Testimony) -> bool {
        let (seed, anomalies) = (self.plan.seed, testimony.anomalies());
        if !anomalies.is_empty() {
            println!("seed {seed} history: {}", anomalies.join(", "));
        } else if self.plan.is_blind {
            println!("seed {seed} history: nothing");
        }
        let Some(file) = &self.history else { return true };
        let history = testimony.history();
        let is_json = file.extension().is_some_and(|extension| extension == "json");
        let text = if is_json { history.to_json() } else { history.to_edn() };
        #[allow(clippy::disallowed_methods, reason = "the real disk: nothing is simulated here")]
        let written = std::fs::write(file, text);
        if let Err(error) = &written {
            eprintln!("{}: {error}", file.display());
        }
        written.is_ok()
    }

    /// What to type to see the same.
    fn again(&self) -> String {
        let sim::run::Plan { scenario, seed, bug, is_blind } = self.plan;
        let mut again = format!("cargo xtask sim --scenario {} --seed {seed}", scenario.name);
        if let Some(bug) = bug {
            again = format!("{again} --bug {bug:?}");
        }
        if is_blind { format!("{again} --blind") } else { again }
    }
}
