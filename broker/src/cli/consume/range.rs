//! Which records of each partition are read: where they begin, and where they end.

use std::{collections::BTreeMap, str::FromStr};

use clap::Args;
use client::{
    Admin, Consumer, ConsumerRecord, Isolation, Place,
    door::{Clock as _, SystemClock},
};
use protocol::{Offset, Timestamp, TopicPartition};

use crate::cli::{Error, time::Time};

#[derive(Debug, Args)]
#[command(next_help_heading = "Which records")]
pub(super) struct Range {
    /// Begin with the first record there is, and not with the next one to come.
    #[arg(long, conflicts_with_all = ["offset", "from_time"])]
    from_beginning: bool,
    /// Begin at this offset: a number, beginning, end, or -5 for the last five of each partition.
    #[arg(long, conflicts_with = "from_time", allow_hyphen_values = true)]
    offset: Option<OffsetOption>,
    /// Begin with the first record of this time or later: milliseconds since 1970, a date such as
    /// 2026-01-31 or 2026-01-31T12:30:00Z, or how long ago, such as 90s, 10m, 2h or 1d.
    #[arg(long, value_name = "TIME")]
    from_time: Option<Time>,
    /// Stop before this offset, noted as for --offset.
    #[arg(long, value_name = "OFFSET", conflicts_with = "to_time", allow_hyphen_values = true)]
    to_offset: Option<OffsetOption>,
    /// Stop before the first record of this time or later.
    #[arg(long, value_name = "TIME")]
    to_time: Option<Time>,
    /// Stop at the end, as it is at the start, and don't wait for what comes.
    #[arg(long, short = 'e')]
    exit: bool,
}

/// An offset, as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OffsetOption {
    Beginning,
    End,
    At(Offset),
    /// So many before the end.
    BeforeEnd(i64),
}

impl FromStr for OffsetOption {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match (text, text.parse::<i64>()) {
            ("beginning" | "earliest", _) => Ok(Self::Beginning),
            ("end" | "latest", _) => Ok(Self::End),
            (_, Ok(offset)) if !text.starts_with('-') => Ok(Self::At(Offset(offset))),
            (_, Ok(offset)) => Ok(Self::BeforeEnd(offset.saturating_neg())),
            _ => Err("write a number, beginning, end, or -5 for the last five of each partition"),
        }
    }
}

/// Asks where places are.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) admin: Admin,
    pub(super) isolation: Isolation,
}

type Offsets = BTreeMap<TopicPartition, Offset>;

impl Places {
    /// Where a place is in each partition. What is nowhere is left out.
    async fn offsets<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
        place: Place,
    ) -> Result<Offsets, Error> {
        let places = partitions.into_iter().map(|partition| (partition.clone(), place)).collect();
        let found = self.admin.list_offsets(&places, self.isolation).await?.into_iter();
        Ok(found.filter_map(|(partition, found)| Some((partition, found.offset?))).collect())
    }

    /// So many offsets before the end of each partition, or its beginning.
    async fn before_end(
        &self,
        partitions: &[TopicPartition],
        count: i64,
    ) -> Result<Offsets, Error> {
        let beginnings = self.offsets(partitions, Place::Beginning).await?;
        let mut offsets = self.offsets(partitions, Place::End).await?;
        for (partition, offset) in &mut offsets {
            let beginning = beginnings.get(partition).copied().unwrap_or_default();
            *offset = Offset(offset.0.saturating_sub(count)).max(beginning);
        }
        Ok(offsets)
    }

    /// The first record of this time or later in each partition, or the end.
    async fn time(&self, partitions: &[TopicPartition], time: Timestamp) -> Result<Offsets, Error> {
        // The ends first: what is appended meanwhile must not be taken for older than it is.
        let mut offsets = self.offsets(partitions, Place::End).await?;
        offsets.extend(self.offsets(partitions, Place::Time(time)).await?);
        Ok(offsets)
    }
}

impl Range {
    /// Whether nothing says where to stop.
    pub(super) fn is_endless(&self) -> bool {
        !self.exit && self.to_offset.is_none() && self.to_time.is_none()
    }

    /// Where to begin in each partition.
    pub(super) async fn begins(
        &self,
        places: &Places,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Place>, Error> {
        let place = match (self.from_time, self.offset) {
            (Some(time), _) => Place::Time(time.at(SystemClock.now())),
            (None, Some(OffsetOption::At(offset))) => Place::At(offset),
            (None, Some(OffsetOption::BeforeEnd(count))) => {
                let offsets = places.before_end(partitions, count).await?.into_iter();
                return Ok(offsets.map(|(at, offset)| (at, Place::At(offset))).collect());
            }
            (None, Some(OffsetOption::Beginning)) => Place::Beginning,
            (None, None) if self.from_beginning => Place::Beginning,
            (None, Some(OffsetOption::End) | None) => Place::End,
        };
        Ok(partitions.iter().map(|partition| (partition.clone(), place)).collect())
    }

    /// Where to end in each partition.
    pub(super) async fn ends(
        &self,
        places: &Places,
        partitions: &[TopicPartition],
    ) -> Result<Ends, Error> {
        let mut ends = match self.to_offset {
            None => Offsets::new(),
            Some(OffsetOption::At(offset)) => {
                partitions.iter().map(|partition| (partition.clone(), offset)).collect()
            }
            Some(OffsetOption::Beginning) => places.offsets(partitions, Place::Beginning).await?,
            Some(OffsetOption::End) => places.offsets(partitions, Place::End).await?,
            Some(OffsetOption::BeforeEnd(count)) => places.before_end(partitions, count).await?,
        };
        if self.exit {
            for (partition, now) in places.offsets(partitions, Place::End).await? {
                let end = ends.entry(partition).or_insert(now);
                *end = now.min(*end);
            }
        }
        let open = partitions.iter().map(|at| (at.clone(), ends.get(at).copied())).collect();
        Ok(Ends { open, time: self.to_time.map(|time| time.at(SystemClock.now())) })
    }
}

/// Where reading ends in each partition that is still read.
#[derive(Debug)]
pub(super) struct Ends {
    /// None: nowhere, or nowhere yet.
    open: BTreeMap<TopicPartition, Option<Offset>>,
    /// The time whose place isn't looked up yet: it may be still to come.
    time: Option<Timestamp>,
}

impl Ends {
    /// Whether a record lies before the end of its partition. The first of the end's time is it.
    pub(super) fn holds(&mut self, record: &ConsumerRecord) -> bool {
        let Some(end) = self.open.get_mut(&record.partition) else { return false };
        if self.time.is_some_and(|time| record.timestamp >= time) {
            *end = Some(end.map_or(record.offset, |end| end.min(record.offset)));
        }
        end.is_none_or(|end| record.offset < end)
    }

    /// Whether every partition has been read up to its end. Those that have are read no more.
    pub(super) async fn are_reached(
        &mut self,
        consumer: &mut Consumer,
        places: &Places,
    ) -> Result<bool, Error> {
        if let Some(time) = self.time
            && time <= SystemClock.now()
        {
            let partitions: Vec<_> = self.open.keys().cloned().collect();
            for (partition, at) in places.time(&partitions, time).await? {
                let end = self.open.entry(partition).or_default();
                *end = Some(end.map_or(at, |end| end.min(at)));
            }
            self.time = None;
        }
        let mut reached = Vec::new();
        for (partition, end) in &self.open {
            if let Some(end) = end
                && consumer.position(partition).await? >= *end
            {
                reached.push(partition.clone());
            }
        }
        if !reached.is_empty() {
            self.open.retain(|partition, _| !reached.contains(partition));
            consumer.assign(self.open.keys().cloned());
        }
        Ok(self.open.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use protocol::{LeaderEpoch, PartitionIndex, records::TimestampType};

    use super::*;

    #[test]
    fn offsets_are_numbers_or_ends() {
        let read = |text: &str| text.parse::<OffsetOption>();
        assert_eq!(read("7"), Ok(OffsetOption::At(Offset(7))));
        assert_eq!(read("-7"), Ok(OffsetOption::BeforeEnd(7)));
        assert_eq!(read("-0"), Ok(OffsetOption::BeforeEnd(0)));
        assert_eq!(read("end"), Ok(OffsetOption::End));
        assert_eq!(read("earliest"), Ok(OffsetOption::Beginning));
        assert_eq!(read("-9223372036854775808"), Ok(OffsetOption::BeforeEnd(i64::MAX)));
        for text in ["", "-", "five", "1.5", "9223372036854775808"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    fn partition() -> TopicPartition {
        TopicPartition { topic: "orders".into(), partition: PartitionIndex(0) }
    }

    fn record(offset: i64, timestamp: i64) -> ConsumerRecord {
        ConsumerRecord {
            partition: partition(),
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(0),
            timestamp: Timestamp(timestamp),
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }

    #[test]
    fn records_from_the_end_on_are_not_held() {
        let mut ends = Ends { open: [(partition(), Some(Offset(5)))].into(), time: None };
        assert!(ends.holds(&record(4, 0)));
        assert!(!ends.holds(&record(5, 0)));
        let mut reached = Ends { open: BTreeMap::new(), time: None };
        assert!(!reached.holds(&record(0, 0)));
    }

    #[test]
    fn the_first_record_of_the_time_is_the_end() {
        let mut ends = Ends { open: [(partition(), None)].into(), time: Some(Timestamp(100)) };
        assert!(ends.holds(&record(0, 99)));
        assert!(!ends.holds(&record(1, 100)));
        assert!(!ends.holds(&record(2, 50)), "it comes after the end, though it's older");
        assert_eq!(ends.open[&partition()], Some(Offset(1)));
    }
}
