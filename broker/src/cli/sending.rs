//! The options that say how records are sent, of every command that sends any.

use std::{str::FromStr, time::Duration};

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use client::{Acks, ProducerOptions};
use protocol::records::Compression;

use super::Error;

#[derive(Debug, Args)]
#[command(next_help_heading = "How records are sent")]
pub(super) struct Sending {
    /// Who must have a record: 0 = nobody, 1 = the leader, all = every in-sync replica.
    #[arg(long, visible_alias = "request-required-acks", value_parser = acks_values())]
    #[arg(default_value = "all", allow_negative_numbers = true)]
    acks: Acks,
    /// How to compress.
    #[arg(long, short = 'z', visible_alias = "compression-codec", value_name = "CODEC")]
    #[arg(value_parser = codecs(), default_value = "none")]
    compression: Compression,
    /// How hard to compress: 1 to 9 with gzip, 1 to 22 with zstd.
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true)]
    compression_level: Option<i32>,
    /// How long a batch waits to fill, in milliseconds.
    #[arg(long, visible_alias = "linger-ms", value_name = "MS", default_value = "5")]
    linger: u64,
    /// A batch of this many bytes waits no longer.
    #[arg(long, value_name = "BYTES", default_value_t = ProducerOptions::default().batch_bytes)]
    batch_size: usize,
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
    /// What a producer is told.
    ///
    /// # Errors
    /// A level that the codec doesn't have.
    pub(super) fn options(&self) -> Result<ProducerOptions, Error> {
        let defaults = ProducerOptions::default();
        let mut options = ProducerOptions {
            acks: self.acks,
            compression: self.compression,
            compression_level: self.compression_level,
            linger: Duration::from_millis(self.linger),
            batch_bytes: self.batch_size,
            // A request holds a batch at least.
            request_bytes_max: defaults.request_bytes_max.max(self.batch_size),
            ..defaults
        };
        for property in &self.producer_properties {
            set(&mut options, property).expect("the command line was checked");
        }
        check_level(options.compression, options.compression_level)?;
        Ok(options)
    }
}

fn check_level(codec: Compression, level: Option<i32>) -> Result<(), Error> {
    let levels = match codec {
        Compression::Gzip => Some(1..=9),
        Compression::Zstd => Some(-131_072..=22),
        Compression::None | Compression::Snappy | Compression::Lz4 => None,
    };
    match (level, levels) {
        (Some(level), Some(levels)) if !levels.contains(&level) => {
            let (min, max) = levels.into_inner();
            Err(Error::Usage(format!("--compression-level {level}: {codec} has {min} to {max}")))
        }
        (Some(level), None) => {
            let error = format!("--compression-level {level}: only gzip and zstd have levels");
            Err(Error::Usage(error))
        }
        _ => Ok(()),
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

/// The same, where the help lists them and knows what is meant by a misspelt one.
fn acks_values() -> impl TypedValueParser<Value = Acks> {
    let value = |name, alias| PossibleValue::new(name).alias(alias);
    PossibleValuesParser::new([value("0", "none"), value("1", "leader"), value("all", "-1")])
        .try_map(|text| acks(&text))
}

fn codecs() -> impl TypedValueParser<Value = Compression> {
    PossibleValuesParser::new(Compression::ALL.map(Compression::name))
        .try_map(|name| compression(&name))
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
        let own = ["--acks", "leader", "-z", "zstd", "--compression-level", "3", "--linger", "50"];
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
    fn a_command_may_linger_otherwise_unless_told() {
        #[derive(Parser)]
        #[command(mut_arg("linger", |linger| linger.default_value("0")))]
        struct Impatient {
            #[command(flatten)]
            sending: Sending,
        }
        let linger = |arguments: &[&str]| {
            let line = Impatient::try_parse_from([&["e2e"], arguments].concat()).unwrap();
            line.sending.options().unwrap().linger.as_millis()
        };
        assert_eq!(linger(&[]), 0);
        assert_eq!(linger(&["--linger", "7"]), 7);
        assert_eq!(linger(&["-X", "linger.ms=8"]), 8);
    }

    #[test]
    fn a_request_has_room_for_a_batch() {
        let options = options(&["--batch-size", "4000000"]).unwrap();
        assert_eq!((options.batch_bytes, options.request_bytes_max), (4_000_000, 4_000_000));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refusal = |arguments: &[&str]| options(arguments).unwrap_err();
        assert!(refusal(&["-X", "ack=1"]).contains("there is no ack, but acks"));
        assert!(refusal(&["-X", "linger.ms=soon"]).contains("linger.ms: invalid digit"));
        assert!(refusal(&["-z", "brotli"]).contains("none, gzip, snappy, lz4, zstd"));
        assert!(refusal(&["-X", "compression.type=brotli"]).contains("snappy, lz4 or zstd"));
        assert!(refusal(&["--acks", "2"]).contains("0, 1, all"));
        assert!(refusal(&["-z", "gzip", "--compression-level", "10"]).contains("gzip has 1 to 9"));
        assert!(
            refusal(&["-z", "lz4", "--compression-level", "1"])
                .contains("only gzip and zstd have levels")
        );
    }
}
