//! Settings from the environment, named as Kafka's container images name them:
//! `KAFKA_LOG_DIRS=/data` is `log.dirs=/data`.

/// The key that a variable would set: behind `KAFKA_` or `OTTLA_`, one underscore stands for a dot,
/// two for an underscore and three for a dash.
///
/// Whether there is such a key is the caller's question: `KAFKA_HEAP_OPTS` and many more have the
/// prefix too.
pub(crate) fn key_of(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("KAFKA_").or_else(|| variable.strip_prefix("OTTLA_"))?;
    (!name.is_empty())
        .then(|| name.to_lowercase().replace("___", "-").replace("__", "\0").replace('_', "."))
        .map(|key| key.replace('\0', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn underscores_become_what_they_stand_for() {
        let table = [
            ("KAFKA_LOG_DIRS", Some("log.dirs")),
            ("OTTLA_LOG_DIRS", Some("log.dirs")),
            ("KAFKA_A__B", Some("a_b")),
            ("KAFKA_A___B_C", Some("a-b.c")),
            (
                "KAFKA_LISTENER_NAME_INTERNAL_SSL_KEY_PASSWORD",
                Some("listener.name.internal.ssl.key.password"),
            ),
            ("KAFKA_", None),
            ("KAFKA", None),
            ("kafka_log_dirs", None),
            ("PATH", None),
        ];
        for (variable, key) in table {
            assert_eq!(key_of(variable).as_deref(), key, "{variable}");
        }
    }
}
