#![doc = include_str!("../README.md")]

mod analysis;
pub mod anomaly;
mod brief;
pub mod edn;
mod facts;
mod history;
mod op;
mod recorder;
mod step;
mod version_order;

pub use analysis::{Findings, Options, SubVia, Verdict, analysis};
pub use anomaly::{Anomaly, Finding};
pub use facts::{Facts, Partition};
pub use history::{DecodeError, History, HistoryError};
pub use op::{Action, Key, Kind, Mop, Offset, Op, Polled, Process, Record, Value};
pub use recorder::{Pending, Recorder, Thread};
pub use step::{Setback, Skip};
pub use version_order::{Appearance, VersionOrder};
