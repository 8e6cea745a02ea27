use std::time::Duration;

use super::*;

fn trial(codec: Compression, level: Option<i32>, bytes: u64, seconds: (u64, u64)) -> Trial {
    let times = (Duration::from_secs(seconds.0), Duration::from_secs(seconds.1));
    Trial::new((codec, level), (16_000_000, bytes), 100, times)
}

fn comparison() -> Comparison {
    Comparison {
        file: "events.json".to_owned(),
        records: 120_000,
        batches: 1000,
        bytes: 16_000_000,
        codecs: vec![
            trial(Compression::None, None, 16_000_000, (1, 1)),
            trial(Compression::Gzip, Some(6), 4_000_000, (20, 4)),
            trial(Compression::Zstd, Some(19), 3_000_000, (400, 2)),
        ],
        interrupted: false,
    }
}

#[test]
fn the_tables_are_as_wide_as_they_must_be() {
    let tables: Vec<_> = comparison().tables().iter().map(Table::to_string).collect();
    let expected = "\
FILE         RECORDS  BATCHES  BYTES
events.json  120000   1000     16000000

CODEC  LEVEL  BYTES     RATIO  COMPRESS MB/S  DECOMPRESS MB/S
none   -      16000000  1.00   1600           1600
gzip   6      4000000   4.00   80             400
zstd   19     3000000   5.33   4              800
";
    assert_eq!(tables.join("\n"), expected);
}

#[test]
fn programs_find_the_same_under_names_that_stay() {
    let json = serde_json::to_value(comparison()).unwrap();
    let expected = serde_json::json!({
        "codec": "gzip",
        "level": 6,
        "bytes": 4_000_000,
        "ratio": 4.0,
        "compress_mb_per_second": 80.0,
        "decompress_mb_per_second": 400.0,
    });
    assert_eq!(json["codecs"][1], expected);
    assert_eq!(json["records"], 120_000);
}

#[test]
fn every_codec_is_tried_and_makes_text_smaller() {
    let text = "the same words again and again\n".repeat(1000);
    let batches = batches(Cut::Lines.records(text.as_bytes()), 16 << 10);
    for codec in Compression::ALL {
        let trial = trial::run(codec, None, &batches, &Stopping::default()).unwrap();
        let json = serde_json::to_value(trial).unwrap();
        let ratio = json["ratio"].as_f64().unwrap();
        assert_eq!(ratio > 1.0, codec != Compression::None, "{codec}: {ratio}");
    }
    let stopping = Stopping::default();
    stopping.stop();
    assert_eq!(trial::run(Compression::None, None, &batches, &stopping), None);
}

#[test]
fn the_codecs_come_in_their_order() {
    assert_eq!(CODECS.map(|(codec, _)| codec), Compression::ALL);
}
