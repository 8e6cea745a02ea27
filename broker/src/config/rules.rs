//! Rules between numbers, most of them Kafka's own.

use std::{collections::BTreeMap, net::IpAddr};

use metadata::config::{Layers, validate_topic};

use super::{ConfigError, sources::Settings};

/// A shorter one is over before a voter's answer is there.
const ELECTION_TIMEOUT_MS_MIN: i64 = 20;

/// Checks what no key can check by itself.
pub(super) fn check(settings: &Settings) -> Result<(), ConfigError> {
    check_times(settings)?;
    if settings.number("controller.quorum.election.timeout.ms") < ELECTION_TIMEOUT_MS_MIN {
        return Err(ConfigError::Rule(format!(
            "{}: it must be at least {ELECTION_TIMEOUT_MS_MIN}, or elections never end",
            settings.blame("controller.quorum.election.timeout.ms")
        )));
    }
    check_ordered(settings, "socket.request.max.bytes", "queued.max.request.bytes")?;
    check_ordered(settings, "replica.fetch.wait.max.ms", "replica.socket.timeout.ms")?;
    check_ordered(settings, "replica.fetch.wait.max.ms", "replica.lag.time.max.ms")?;
    check_ordered(settings, "broker.heartbeat.interval.ms", "broker.session.timeout.ms")?;
    let replicas = settings.number("default.replication.factor");
    if !(1..=i64::from(i16::MAX)).contains(&replicas) {
        let blame = settings.blame("default.replication.factor");
        return Err(ConfigError::Rule(format!("{blame}: it must be from 1 to {}", i16::MAX)));
    }
    let static_broker = &settings.overrides();
    validate_topic(&Layers { static_broker, ..Layers::default() }).map_err(|conflict| {
        ConfigError::Rule(format!("the defaults of topics contradict each other: {conflict}"))
    })
}

/// The ladders of units: whichever step counts must be a time that makes sense.
fn check_times(settings: &Settings) -> Result<(), ConfigError> {
    let least = [
        ("log.retention.ms", 1, true),
        ("log.retention.minutes", 1, true),
        ("log.retention.hours", 1, true),
        ("log.roll.ms", 1, false),
        ("log.roll.jitter.ms", 0, false),
    ];
    for (key, min, may_be_unlimited) in least {
        let Some(value) = settings.value(key).map(|value| value.number()) else { continue };
        if value < min && !(may_be_unlimited && value < 0) {
            let unlimited = if may_be_unlimited { ", or -1 for ever" } else { "" };
            let blame = settings.blame(key);
            return Err(ConfigError::Rule(format!(
                "{blame}: it must be at least {min}{unlimited}"
            )));
        }
    }
    Ok(())
}

/// Checks that one number isn't larger than another, unless the second means "no limit".
fn check_ordered(settings: &Settings, less: &str, more: &str) -> Result<(), ConfigError> {
    let (small, large) = (settings.number(less), settings.number(more));
    if large < 0 || small <= large {
        return Ok(());
    }
    let (less, more) = (settings.blame(less), settings.blame(more));
    Err(ConfigError::Rule(format!("{less} must not be more than {more}")))
}

/// Reads `address:limit,..`.
pub(super) fn connections_per_ip(
    settings: &Settings,
) -> Result<BTreeMap<IpAddr, usize>, ConfigError> {
    const KEY: &str = "max.connections.per.ip.overrides";
    let mut limits = BTreeMap::new();
    let text = settings.text(KEY).unwrap_or_default();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let read = || {
            let (address, limit) = pair.rsplit_once(':')?;
            let address = address.trim_start_matches('[').trim_end_matches(']');
            Some((address.parse::<IpAddr>().ok()?, limit.parse::<usize>().ok()?))
        };
        let Some((address, limit)) = read() else {
            return Err(ConfigError::Rule(format!(
                "{}: {pair} isn't of the form address:limit",
                settings.blame(KEY)
            )));
        };
        limits.insert(address, limit);
    }
    if settings.number("max.connections.per.ip") == 0 && limits.is_empty() {
        return Err(ConfigError::Rule(format!(
            "{}: nobody could connect, set {KEY} too",
            settings.blame("max.connections.per.ip")
        )));
    }
    Ok(limits)
}
