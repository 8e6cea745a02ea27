use super::*;
use crate::cli::output::Format;

const LATENCIES: Percentiles =
    Percentiles { p50_us: 212, p90_us: 480, p99_us: 1_900, p999_us: 12_345, max_us: 70_001 };
const LATENESS: Percentiles =
    Percentiles { p50_us: 55, p90_us: 60, p99_us: 80, p999_us: 400, max_us: 4_000 };

fn throughput() -> Throughput {
    let (took, cpu) = (Duration::from_millis(2500), Duration::from_millis(600));
    Throughput::new(1_000_000, 1_000_000_000, took, cpu)
}

fn produced() -> Produced {
    Produced {
        topic: "load".to_owned(),
        throughput: throughput(),
        failed: 3,
        sent: Some(LATENESS),
        acknowledged: Some(LATENCIES),
        interrupted: false,
    }
}

fn end_to_end() -> EndToEnd {
    let Produced { topic, throughput, failed, sent, acknowledged, interrupted } = produced();
    let received = Some(LATENCIES);
    let (lost, duplicated) = (1, 2);
    EndToEnd {
        topic,
        throughput,
        failed,
        lost,
        duplicated,
        sent,
        acknowledged,
        received,
        interrupted,
    }
}

fn printed<R: Report>(report: &R, format: Format) -> String {
    let mut out = Vec::new();
    print(report, &Output { format }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_was_produced_is_two_tables() {
    let expected = "\
TOPIC  RECORDS  FAILED  SECONDS  RECORDS/S  MB/S     CPU US/RECORD
load   1000000  3       2.500    400000     400.000  0.60

MS UNTIL      P50    P90    P99    P99.9   MAX
sent          0.055  0.060  0.080  0.400   4.000
acknowledged  0.212  0.480  1.900  12.345  70.001
";
    assert_eq!(printed(&produced(), Format::Table), expected);
}

#[test]
fn without_a_schedule_nothing_is_late() {
    let table = printed(&Produced { sent: None, ..produced() }, Format::Table);
    assert!(!table.contains("\nsent"), "{table}");
}

#[test]
fn what_was_consumed_is_one_table() {
    let report = Consumed {
        topic: "load".to_owned(),
        partitions: 6,
        throughput: throughput(),
        first_record_us: Some(3_456),
        interrupted: false,
    };
    let expected = "\
TOPIC  PARTITIONS  RECORDS  SECONDS  RECORDS/S  MB/S     CPU US/RECORD  FIRST MS
load   6           1000000  2.500    400000     400.000  0.60           3.456
";
    assert_eq!(printed(&report, Format::Table), expected);
}

#[test]
fn from_end_to_end_is_what_was_lost_and_how_long_the_rest_took() {
    let expected = "\
TOPIC  RECORDS  FAILED  LOST  DUPLICATED  SECONDS  RECORDS/S  MB/S     CPU US/RECORD
load   1000000  3       1     2           2.500    400000     400.000  0.60

MS UNTIL      P50    P90    P99    P99.9   MAX
sent          0.055  0.060  0.080  0.400   4.000
acknowledged  0.212  0.480  1.900  12.345  70.001
received      0.212  0.480  1.900  12.345  70.001
";
    assert_eq!(printed(&end_to_end(), Format::Table), expected);
}

#[test]
fn programs_find_the_same_under_names_that_stay() {
    let json: serde_json::Value =
        serde_json::from_str(&printed(&end_to_end(), Format::Json)).unwrap();
    let latencies = serde_json::json!({
        "p50_us": 212, "p90_us": 480, "p99_us": 1900, "p999_us": 12345, "max_us": 70001,
    });
    let expected = serde_json::json!({
        "topic": "load",
        "records": 1_000_000,
        "bytes": 1_000_000_000,
        "seconds": 2.5,
        "records_per_second": 400_000.0,
        "mb_per_second": 400.0,
        "client_cpu_seconds": 0.6,
        "client_cpu_us_per_record": 0.6,
        "client_cpu_seconds_per_gb": 0.6,
        "failed": 3,
        "lost": 1,
        "duplicated": 2,
        "sent": { "p50_us": 55, "p90_us": 60, "p99_us": 80, "p999_us": 400, "max_us": 4000 },
        "acknowledged": latencies,
        "received": latencies,
        "interrupted": false,
    });
    assert_eq!(json, expected);
}

#[test]
fn nothing_at_all_is_a_report_too() {
    let throughput = Throughput::new(0, 0, Duration::ZERO, Duration::ZERO);
    assert_eq!((throughput.records_per_second, throughput.client_cpu_seconds_per_gb), (0.0, None));
    let nothing = Produced { throughput, sent: None, acknowledged: None, ..produced() };
    let expected = "\
TOPIC  RECORDS  FAILED  SECONDS  RECORDS/S  MB/S   CPU US/RECORD
load   0        3       0.000    0          0.000  -

MS UNTIL  P50  P90  P99  P99.9  MAX
";
    assert_eq!(printed(&nothing, Format::Table), expected);
}
