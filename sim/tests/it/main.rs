//! The program, as `cargo xtask sim` runs it: one process for each seed.
#![cfg(madsim)]

use std::process::{Command, Output};

fn sim(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sim"));
    program.args(arguments).output().expect("the program runs")
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Plays a scenario, which must go well, and returns the line with the hash of its trace.
fn plays(scenario: &str, seed: u64) -> String {
    let output = sim(&["--scenario", scenario, "--seed", &seed.to_string()]);
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    printed
}

#[test]
fn the_same_seed_leaves_the_same_trace() {
    for scenario in [
        "acknowledged_records_survive_kills_and_power_loss",
        "a_flipped_bit_is_never_served",
        "a_cluster_keeps_its_word_in_calm_weather",
    ] {
        let (first, second) = (plays(scenario, 7), plays(scenario, 7));
        assert!(first.starts_with("seed 7 trace "), "{first}");
        assert_eq!(first, second);
        assert_ne!(first.replace("seed 7", ""), plays(scenario, 8).replace("seed 8", ""));
    }
}

#[test]
fn every_scenario_goes_well_with_a_few_seeds() {
    let names = printed(&sim(&["list"]));
    assert!(names.lines().count() > 5, "{names}");
    for name in names.lines() {
        for seed in 1..=3 {
            plays(name, seed);
        }
    }
}

#[test]
fn what_a_leader_alone_acknowledged_is_lost_with_one_seed_of_ten_at_the_latest() {
    let scenario = "what_a_leader_alone_acknowledged_is_lost_only_from_the_next_epoch_on";
    let loses = |seed: u64| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_sim"));
        program.args(["--scenario", scenario, "--seed", &seed.to_string()]);
        let output = program.env("RUST_LOG", "sim=info").output().expect("the program runs");
        let told = String::from_utf8(output.stderr).expect("text");
        let summary = told.lines().find(|line| line.contains("that a leader alone acknowledged"));
        !summary.expect("what is lost is told").contains("lost: 0 of")
    };
    assert!((1..=10).any(loses), "a simulator in which nothing is ever lost has seen nothing");
}

#[test]
fn without_a_scenario_the_seed_picks_one() {
    for seed in 0..4 {
        let output = sim(&["--seed", &seed.to_string()]);
        assert!(output.status.success(), "{}", printed(&output));
    }
}

#[test]
fn a_planted_bug_is_found_and_its_property_named() {
    let output = sim(&["--seed", "1", "--bug", "R17"]);
    let printed = printed(&output);
    assert!(!output.status.success(), "{printed}");
    assert!(printed.starts_with("seed 1 violates L"), "{printed}");
    assert!(printed.contains("bug R17 was met "), "{printed}");
}

#[test]
fn the_museum_shows_every_bug() {
    let table = printed(&sim(&["museum"]));
    assert!(table.starts_with("R1\tA\t50\t"), "{table}");
    assert!(table.lines().any(|line| line.starts_with("R17\tcanary\t5\t")), "{table}");
}

#[test]
fn what_is_no_request_is_refused() {
    let refused: [&[&str]; 5] = [
        &[],
        &["--seed"],
        &["--seed", "x"],
        &["--seed", "1", "--scenario", "none_of_ours"],
        &["--seed", "1", "--bug", "R0"],
    ];
    for arguments in refused {
        assert_eq!(sim(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
