//! The options that say how records are sent.

use std::{str::FromStr, time::Duration};

use clap::Args;
use client::{Acks, ProducerOptions};
use protocol::records::Compression;

use crate::cli::Error;

#[derive(Debug, Args)]
#[command(next_help_heading = "How records are sent")]
pub(super) struct Sending {
    /// Who must have a record: 0 = nobody, 1 = the leader, all = every in-sync replica.
    #[arg(long, visible_alias = "request-required-acks", value_parser = acks, default_value = "all")]
    acks: Acks,
    /// How to compress: none, gzip, snappy, lz4 or zstd.
    #[arg(long, short = 'z', visible_alias = "compression-codec", value_name = "CODEC")]
    #[arg(value_parser = compression, default_value = "none")]
    compression: Compression,
    /// How hard to compress: 1 to 9 with gzip, 1 to 22 with zstd.
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true)]
    compression_level: Option<i32>,
    /// How long a batch waits to fill, in milliseconds.
    #[arg(long, visible_alias = "linger-ms", value_name = "MS")]
    linger: Option<u64>,
    /// A batch of this many bytes waits no longer.
    #[arg(long, value_name = "BYTES")]
    batch_size: Option<usize>,
    /// A producer's setting in Kafka's notation, such as acks=1 or max.request.size=10000000.
    #[arg(
        long = "producer-property",
        short = 'X',
        visible_alias = "command-property",
        value_name = "NAME=VALUE",
        value_parser = property
    )]
    producer_properties: Vec<String>,
}

impl Sending {
    pub(super) fn options(&self) -> Result<ProducerOptions, Error> {
        let defaults = ProducerOptions::default();
        let mut options = ProducerOptions {
            acks: self.acks,
            compression: self.compression,
            compression_level: self.compression_level,
            linger: self.linger.map_or(defaults.linger, Duration::from_millis),
            batch_bytes: self.batch_size.unwrap_or(defaults.batch_bytes),
            ..defaults
        };
        for property in &self.producer_properties {
            set(&mut options, property).expect("the command line was checked");
        }
        let levels = match options.compression {
            Compression::Gzip => Some(1..=9),
            Compression::Zstd => Some(-131_072..=22),
            Compression::None | Compression::Snappy | Compression::Lz4 => None,
        };
        match (options.compression_level, levels) {
            (Some(level), Some(levels)) if !levels.contains(&level) => Err(Error::Usage(format!(
                "--compression-level {level}: {} has {} to {}",
                options.compression,
                levels.start(),
                levels.end()
            ))),
            (Some(level), None) => Err(Error::Usage(format!(
                "--compression-level {level}: the codec {} has no levels; gzip and zstd do",
                options.compression
            ))),
            _ => Ok(options),
        }
    }
}

/// Sets what Kafka or librdkafka has under a name.
fn set(options: &mut ProducerOptions, property: &str) -> Result<(), String> {
    let (name, value) = property.split_once('=').ok_or("write NAME=VALUE")?;
    match name {
        "acks" | "request.required.acks" => options.acks = acks(value)?,
        "enable.idempotence" => options.idempotence = read(name, value)?,
        "compression.type" | "compression.codec" => options.compression = compression(value)?,
        "compression.level" | "compression.gzip.level" | "compression.zstd.level" => {
            options.compression_level = Some(read(name, value)?);
        }
        "linger.ms" | "queue.buffering.max.ms" => options.linger = millis(name, value)?,
        "batch.size" => options.batch_bytes = read(name, value)?,
        "max.request.size" | "message.max.bytes" => options.request_bytes_max = read(name, value)?,
        "buffer.memory" => options.buffer_bytes = read(name, value)?,
        "max.block.ms" => options.block_max = millis(name, value)?,
        "delivery.timeout.ms" | "message.timeout.ms" => {
            options.delivery_timeout = millis(name, value)?;
        }
        "request.timeout.ms" => options.ack_timeout = millis(name, value)?,
        _ => return Err(format!("there is no {name}, but {NAMES}")),
    }
    Ok(())
}

const NAMES: &str = "acks, enable.idempotence, compression.type, compression.level, linger.ms, \
                     batch.size, max.request.size, buffer.memory, max.block.ms, \
                     delivery.timeout.ms, request.timeout.ms";

fn read<T: FromStr>(name: &str, value: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error| format!("{name}: {error}"))
}

fn millis(name: &str, value: &str) -> Result<Duration, String> {
    read(name, value).map(Duration::from_millis)
}

fn property(text: &str) -> Result<String, String> {
    set(&mut ProducerOptions::default(), text).map(|()| text.to_owned())
}

fn acks(text: &str) -> Result<Acks, String> {
    match text {
        "0" | "none" => Ok(Acks::None),
        "1" | "leader" => Ok(Acks::Leader),
        "all" | "-1" => Ok(Acks::All),
        _ => Err("write 0, 1 or all".to_owned()),
    }
}

fn compression(text: &str) -> Result<Compression, String> {
    Compression::from_name(text).ok_or_else(|| "write none, gzip, snappy, lz4 or zstd".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sending: Sending,
    }

    fn options(arguments: &[&str]) -> Result<ProducerOptions, String> {
        let line = Line::try_parse_from([&["produce"], arguments].concat());
        let line = line.map_err(|error| error.to_string())?;
        line.sending.options().map_err(|error| error.to_string())
    }

    #[test]
    fn settings_are_understood_in_every_spelling() {
        let own = ["--acks", "1", "-z", "zstd", "--compression-level", "3", "--linger", "50"];
        let kafkas =
            ["acks=1", "compression.type=zstd", "compression.zstd.level=3", "linger.ms=50"];
        let kafkas = kafkas.map(|property| format!("--producer-property={property}"));
        let kafkas = kafkas.each_ref().map(String::as_str);
        for arguments in [&own[..], &kafkas] {
            let options = options(arguments).unwrap();
            assert_eq!(options.acks, Acks::Leader);
            assert_eq!(options.compression, Compression::Zstd);
            assert_eq!(options.compression_level, Some(3));
            assert_eq!(options.linger, Duration::from_millis(50));
        }
    }

    #[test]
    fn without_options_it_is_as_the_library_has_it() {
        let (options, defaults) = (options(&[]).unwrap(), ProducerOptions::default());
        assert_eq!(format!("{options:?}"), format!("{defaults:?}"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refusal = |arguments: &[&str]| options(arguments).unwrap_err();
        assert!(refusal(&["-X", "ack=1"]).contains("there is no ack, but acks"));
        assert!(refusal(&["-X", "linger.ms=soon"]).contains("linger.ms: invalid digit"));
        assert!(refusal(&["-z", "brotli"]).contains("none, gzip, snappy, lz4 or zstd"));
        assert!(refusal(&["-z", "gzip", "--compression-level", "10"]).contains("gzip has 1 to 9"));
        assert!(
            refusal(&["-z", "lz4", "--compression-level", "1"])
                .contains("the codec lz4 has no levels")
        );
    }
}
