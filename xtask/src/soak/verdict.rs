//! What the clients' histories say: one history of all of them, judged as Jepsen would.

use anyhow::{Context, Result};
use jepsen::{Facts, History, Kind, Options, Value, analysis};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What came of a soak.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) kills: u32,
    pub(super) longest_gap: Duration,
    acknowledged: usize,
    /// Records whose delivery failed.
    failed: usize,
    /// How many of those are there all the same.
    failed_but_there: usize,
    read: usize,
    valid: bool,
    findings: String,
}

impl Verdict {
    /// Judges. Kills and gaps are for others to fill in.
    pub(super) fn on(histories: &[PathBuf]) -> Result<Self> {
        Self::of(&histories.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?)
    }

    fn of(texts: &[String]) -> Result<Self> {
        let history = History::from_json(&merged(texts)?).context("the clients' history")?;
        let facts = Facts::of(&history);
        let sent = |kind| {
            let ops = history.outcomes().filter(move |op| op.kind == kind);
            ops.flat_map(|op| op.sends().map(|(key, value, _)| (key, value)))
        };
        let is_there =
            |(key, value): &(_, Value)| facts.partition(*key).is_some_and(|it| it.is_read(*value));
        // Consumers choose their partitions, and nothing that is wrong is tolerated.
        let mut judged = analysis(&history, &Options::default());
        // Two producers send to each partition, and so their records mix.
        judged.allowed.clear();
        Ok(Self {
            kills: 0,
            longest_gap: Duration::ZERO,
            acknowledged: sent(Kind::Ok).count(),
            failed: sent(Kind::Info).count(),
            failed_but_there: sent(Kind::Info).filter(is_there).count(),
            read: history.outcomes().map(|op| op.reads().count()).sum(),
            valid: judged.valid(),
            findings: judged.to_string(),
        })
    }

    pub(super) fn is_valid(&self) -> bool {
        self.valid
    }

    pub(super) fn in_short(&self) -> String {
        format!("{} kills, {} records", self.kills, self.acknowledged)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, acknowledged, failed, failed_but_there, read, findings, .. } = self;
        let gap = self.longest_gap.as_secs_f64();
        writeln!(f, "{kills} kills; a partition acknowledged nothing for {gap:.2} s at most")?;
        writeln!(f, "{acknowledged} records acknowledged, and read {read} times")?;
        writeln!(f, "{failed} records given up, of which {failed_but_there} are there")?;
        f.write_str(findings)
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The lines of all histories in the order of their times. What happened at one time to one client
/// stays in its order.
fn merged(texts: &[String]) -> Result<String> {
    let lines = texts.iter().flat_map(|text| text.lines());
    let mut timed: Vec<(u64, &str)> =
        lines.map(|line| Ok((time_of(line)?, line))).collect::<Result<_>>()?;
    timed.sort_by_key(|(time, _)| *time);
    let lines: Vec<&str> = timed.into_iter().map(|(_, line)| line).collect();
    Ok(lines.join("\n"))
}

/// The time is what an operation begins with.
fn time_of(line: &str) -> Result<u64> {
    let time = line.strip_prefix(r#"{"time":"#).and_then(|rest| rest.split(',').next());
    let time = time.and_then(|digits| digits.parse().ok());
    time.with_context(|| format!("this line does not begin with its time: {line}"))
}

#[cfg(test)]
mod tests {
    use super::{Verdict, merged};

    /// A producer that sends 1, 2 and 3 to partition 0, and gives 4 up.
    const PRODUCER: &str = r#"
{"time":1,"type":"invoke","process":0,"f":"send","value":[["send",0,1],["send",0,2],["send",0,3]]}
{"time":4,"type":"ok","process":0,"f":"send","value":[["send",0,[0,1]],["send",0,[1,2]],["send",0,[2,3]]]}
{"time":4,"type":"invoke","process":100,"f":"send","value":[["send",0,4]]}
{"time":8,"type":"info","process":100,"f":"send","value":[["send",0,4]],"error":"_MSG_TIMED_OUT"}
"#;

    /// Judges the producer's history together with that of a consumer who polls this.
    fn verdict(polled: &str) -> Verdict {
        let consumer = format!(
            r#"{{"time":2,"type":"invoke","process":200,"f":"poll","value":[["poll"]]}}
{{"time":9,"type":"ok","process":200,"f":"poll","value":[["poll",{{"0":[{polled}]}}]]}}"#
        );
        Verdict::of(&[PRODUCER.trim().to_owned(), consumer]).unwrap()
    }

    #[test]
    fn what_was_acknowledged_is_there_once_and_in_order() {
        assert!(verdict("[0,1],[1,2],[2,3]").is_valid());
        for (polled, anomaly) in [
            ("[0,1],[2,3]", "lost-write"),
            ("[0,1],[1,2]", "unseen"),
            ("[0,1],[1,2],[2,3],[3,2]", "duplicate"),
            ("[0,2],[1,1],[2,3]", "inconsistent-offsets"),
            ("[0,1],[1,2],[2,3],[3,9]", "phantom-read"),
        ] {
            let verdict = verdict(polled);
            assert!(!verdict.is_valid() && verdict.to_string().contains(anomaly), "{verdict}");
        }
    }

    #[test]
    fn what_was_given_up_may_be_there_once() {
        let there = verdict("[0,1],[1,2],[2,3],[3,4]");
        assert!(there.is_valid());
        assert_eq!((there.acknowledged, there.failed, there.failed_but_there), (3, 1, 1));
        assert!(!verdict("[0,1],[1,2],[2,3],[3,4],[4,4]").is_valid());
    }

    #[test]
    fn histories_are_merged_by_time() {
        let (a, b, c) = (r#"{"time":1,"a":0}"#, r#"{"time":2,"b":0}"#, r#"{"time":2,"c":0}"#);
        let first = format!("{b}\n{a}\n");
        let merged = merged(&[first, c.to_owned()]).unwrap();
        assert_eq!(merged, [a, b, c].join("\n"));
    }
}
