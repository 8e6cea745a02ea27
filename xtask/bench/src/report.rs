//! The results: all of them as JSON, and the medians as a table.

use crate::cell::Findings;
use crate::control::Control;
use crate::machine::Machine;
use crate::measure::{Aim, Measure, median};
use serde_json::{Value, json};
use std::fmt::Write;

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) quick: bool,
    pub(crate) repeats: usize,
    pub(crate) seconds: f64,
    pub(crate) cells: Vec<CellReport>,
}

#[derive(Debug)]
pub(crate) struct CellReport {
    pub(crate) name: String,
    pub(crate) seconds: f64,
    /// The machine right before.
    pub(crate) control: Control,
    /// Or what went wrong.
    pub(crate) outcome: Result<Findings, String>,
}

impl Report {
    pub(crate) fn failed(&self) -> bool {
        self.cells.iter().any(|cell| cell.outcome.is_err())
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "machine": self.machine.to_json(),
            "quick": self.quick,
            "repeats": self.repeats,
            "seconds": self.seconds,
            "cells": self.cells.iter().map(CellReport::to_json).collect::<Vec<_>>(),
        })
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut out = String::from(
            "| what | | Ottla | ceiling | ratio | aim | |\n|---|---|---|---|---|---|---|\n",
        );
        for cell in &self.cells {
            match &cell.outcome {
                Ok(findings) => {
                    // The cell's name stands at the first of its lines.
                    let names = std::iter::once(cell.name.as_str()).chain(std::iter::repeat(""));
                    for (name, measure) in names.zip(&findings.measures) {
                        out.push_str(&row(name, measure));
                    }
                }
                Err(_) => writeln!(out, "| {} | failed | | | | | |", cell.name)
                    .expect("a string takes all"),
            }
        }
        out.push('\n');
        let notes = self.cells.iter().filter_map(|cell| cell.outcome.as_ref().ok());
        for note in notes.flat_map(|findings| &findings.notes) {
            writeln!(out, "{note}").expect("a string takes all");
        }
        out.push_str(&self.footer());
        out
    }

    /// What the numbers are to be read with.
    fn footer(&self) -> String {
        let of = |value: fn(&Control) -> f64| {
            let values: Vec<f64> = self.cells.iter().map(|cell| value(&cell.control)).collect();
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (figure(median(&values).unwrap_or_default()), figure(most))
        };
        let (round_trip, round_trip_most) = of(|control| control.round_trip_us);
        let (sync, sync_most) = of(|control| control.fdatasync_us);
        let (memcpy, _) = of(|control| control.memcpy_gb_per_s);
        let (cache, cache_most) = of(|control| control.page_cache_s_per_gb);
        let (_, load) = of(|control| control.load_average);
        let kind = if self.quick { "a quick run" } else { "a run" };
        format!(
            "{}. Medians of {}, {kind} of {:.0} minutes. The machine alone, between the cells: \
             round trip {round_trip} us (at worst {round_trip_most}), fdatasync {sync} us (at \
             worst {sync_most}), memcpy {memcpy} GB/s, a file in the page cache \
             {cache} s/GB (at worst {cache_most}), load average up to {load}.\n",
            self.machine,
            self.repeats,
            self.seconds / 60.0,
        )
    }
}

impl CellReport {
    fn to_json(&self) -> Value {
        let control = &self.control;
        let mut value = json!({
            "name": self.name,
            "seconds": self.seconds,
            "control": {
                "round_trip_us": control.round_trip_us,
                "fdatasync_us": control.fdatasync_us,
                "memcpy_gb_per_s": control.memcpy_gb_per_s,
                "page_cache_s_per_gb": control.page_cache_s_per_gb,
                "load_average": control.load_average,
            },
        });
        match &self.outcome {
            Ok(findings) => {
                value["measures"] = findings.measures.iter().map(Measure::to_json).collect();
                value["notes"] = json!(findings.notes);
            }
            Err(error) => value["error"] = json!(error),
        }
        value
    }
}

fn row(cell: &str, measure: &Measure) -> String {
    let quantity = measure.quantity;
    let side = |values: &[f64]| median(values).map(figure).unwrap_or_default();
    let ratio = measure.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
    format!(
        "| {cell} | {}, {} | {} | {} | {ratio} | {} | {} |\n",
        quantity.name,
        quantity.unit,
        side(&measure.ottla),
        side(&measure.ceiling),
        aim(quantity.aim),
        verdict(measure),
    )
}

/// One measure for someone who waits for the next.
pub(crate) fn line(measure: &Measure) -> String {
    let quantity = measure.quantity;
    let all = |values: &[f64]| values.iter().map(|&v| figure(v)).collect::<Vec<_>>().join(" ");
    let mut out = format!("{}, {}: {}", quantity.name, quantity.unit, all(&measure.ottla));
    if let Some(ratio) = measure.ratio() {
        write!(out, "; ceiling {}; ratio {ratio:.2}", all(&measure.ceiling))
            .expect("a string takes all");
    }
    match verdict(measure) {
        empty if empty.is_empty() => {}
        verdict => {
            write!(out, " (aim {}: {verdict})", aim(quantity.aim)).expect("a string takes all");
        }
    }
    out
}

fn aim(aim: Aim) -> String {
    match aim {
        Aim::None => String::new(),
        Aim::TimesCeiling(times) => format!("ratio <= {times}"),
        Aim::PartOfCeiling(part) => format!("ratio >= {part}"),
        Aim::AtMost(most) => format!("<= {}", figure(most)),
        Aim::AtLeast(least) => format!(">= {}", figure(least)),
    }
}

fn verdict(measure: &Measure) -> String {
    match measure.verdict() {
        None => String::new(),
        Some(verdict) if verdict.met => "met".to_owned(),
        Some(verdict) => format!("missed by {:.0} %", verdict.missed_by * 100.0),
    }
}

/// A number with as many digits as say something.
fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        small if small >= 0.095 || small == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{CellReport, Report, figure};
    use crate::cell::Findings;
    use crate::control::Control;
    use crate::machine::Machine;
    use crate::measure::{Aim, Measure, Quantity};

    fn report() -> Report {
        let measure = |name, unit, aim, ottla: &[f64], ceiling: &[f64]| Measure {
            quantity: Quantity::new(name, unit).aim(aim),
            ottla: ottla.to_vec(),
            ceiling: ceiling.to_vec(),
        };
        let measures = vec![
            measure("broker CPU", "s/GB", Aim::TimesCeiling(1.5), &[0.5, 0.4], &[0.25, 0.25]),
            measure("throughput", "MB/s", Aim::PartOfCeiling(0.7), &[1500.0], &[2000.0]),
        ];
        let idle = vec![measure("resident", "MiB", Aim::AtMost(20.0), &[30.0], &[])];
        let control = Control {
            round_trip_us: 50.0,
            fdatasync_us: 146.0,
            memcpy_gb_per_s: 17.5,
            page_cache_s_per_gb: 0.2,
            load_average: 0.25,
        };
        let cell = |name: &str, outcome| CellReport {
            name: name.to_owned(),
            seconds: 1.0,
            control,
            outcome,
        };
        let notes = vec!["A note.".to_owned()];
        Report {
            machine: Machine::look(std::path::Path::new("/")).unwrap(),
            quick: false,
            repeats: 3,
            seconds: 600.0,
            cells: vec![
                cell("1 KB", Ok(Findings { measures, notes })),
                cell("idle", Ok(idle.into())),
                cell("broken", Err("why".to_owned())),
            ],
        }
    }

    #[test]
    fn the_table_has_a_line_for_each_measure_with_its_verdict() {
        let text = report().to_markdown();
        let lines: Vec<&str> = text.lines().skip(2).take(6).collect();
        assert_eq!(
            lines,
            [
                "| 1 KB | broker CPU, s/GB | 0.45 | 0.25 | 1.80 | ratio <= 1.5 | missed by 20 % |",
                "|  | throughput, MB/s | 1500 | 2000 | 0.75 | ratio >= 0.7 | met |",
                "| idle | resident, MiB | 30.0 |  |  | <= 20.0 | missed by 50 % |",
                "| broken | failed | | | | | |",
                "",
                "A note.",
            ]
        );
        assert!(text.contains("Medians of 3, a run of 10 minutes."), "{text}");
        assert!(text.contains("round trip 50.0 us (at worst 50.0)"), "{text}");
    }

    #[test]
    fn the_results_hold_every_repeat() {
        let value = report().to_json();
        let measure = &value["cells"][0]["measures"][0];
        assert_eq!(measure["ottla"]["repeats"].as_array().unwrap().len(), 2);
        assert_eq!(measure["ottla"]["median"], 0.45);
        assert_eq!(measure["met"], false);
        assert_eq!(value["cells"][2]["error"], "why");
        assert!(value["machine"]["cores"].as_u64().unwrap() > 0);
        assert!(report().failed());
    }

    #[test]
    fn a_figure_has_the_digits_that_say_something() {
        assert_eq!(
            [1234.5, 12.34, 1.234, 0.1234, 0.0123].map(figure),
            ["1234", "12.3", "1.23", "0.12", "0.012"]
        );
    }
}
