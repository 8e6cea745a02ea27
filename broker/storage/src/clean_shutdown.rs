//! Kafka's `.kafka_cleanshutdown`: written when everything is synced, gone before anything is
//! written again. Its presence at start means that the logs need no recovery; the broker epoch in
//! it tells the controller which registration ended cleanly (KIP-966).

use protocol::BrokerEpoch;

/// The file's name, in every log directory.
pub(crate) const FILE_NAME: &str = ".kafka_cleanshutdown";

/// The only version there is.
const VERSION: i64 = 0;

pub(crate) fn format(broker_epoch: BrokerEpoch) -> String {
    format!("{{\"version\":{VERSION},\"brokerEpoch\":{broker_epoch}}}")
}

/// The broker epoch; -1 where the file doesn't name one, as in older versions of Kafka. A file
/// that isn't even JSON of a flat object is still a clean shutdown's: an empty one is Kafka's
/// before 3.7.
pub(crate) fn parse(bytes: &[u8]) -> BrokerEpoch {
    let text = String::from_utf8_lossy(bytes);
    let field = |name: &str| {
        text.trim()
            .trim_start_matches('{')
            .trim_end_matches('}')
            .split(',')
            .filter_map(|pair| pair.split_once(':'))
            .find(|(key, _)| key.trim().trim_matches('"') == name)
            .and_then(|(_, value)| value.trim().parse::<i64>().ok())
    };
    match (field("version"), field("brokerEpoch")) {
        (Some(VERSION), Some(epoch)) => BrokerEpoch(epoch),
        _ => BrokerEpoch::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_kafkas() {
        assert_eq!(format(BrokerEpoch(17)), r#"{"version":0,"brokerEpoch":17}"#);
        assert_eq!(parse(format(BrokerEpoch(17)).as_bytes()), BrokerEpoch(17));
        assert_eq!(parse(b"{ \"brokerEpoch\" : 5 , \"version\" : 0 }\n"), BrokerEpoch(5));
        assert_eq!(parse(b""), BrokerEpoch(-1));
        assert_eq!(parse(b"{\"version\":1,\"brokerEpoch\":5}"), BrokerEpoch(-1));
    }
}
