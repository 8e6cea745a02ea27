//! Listeners: where a node listens, and what it tells others about that.

use std::{collections::BTreeMap, fmt};

/// One named address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name, in capitals.
    pub name: String,
    /// What it speaks.
    pub protocol: SecurityProtocol,
    /// The host or address. Empty = every address of the machine, in `listeners` only.
    pub host: String,
    /// The port. 0 = one that the system chooses.
    pub port: u16,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// Kafka's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// The number that stands for it in a broker's registration.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }

    /// The protocol of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.name, Address::new(&self.host, self.port))
    }
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The host or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// That host and port.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    /// Reads `host:port`, an IPv6 address in brackets. The host may be empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:%".contains(c);
        host.chars().all(is_plain).then_some(())?;
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Reads one `NAME://host:port`. The error says what is wrong with it.
pub(crate) fn parse_endpoint(text: &str) -> Result<(String, Address), String> {
    let shape = || format!("{text} isn't of the form NAME://host:port");
    let (name, address) = text.split_once("://").ok_or_else(shape)?;
    if name.is_empty() {
        return Err(shape());
    }
    let address = Address::parse(address).ok_or_else(shape)?;
    Ok((name.to_ascii_uppercase(), address))
}

/// Reads `NAME:PROTOCOL,..`. The error says what is wrong with it.
pub(crate) fn parse_protocols(text: &str) -> Result<BTreeMap<String, SecurityProtocol>, String> {
    let mut map = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, protocol) = pair
            .split_once(':')
            .ok_or_else(|| format!("{pair} isn't of the form NAME:PROTOCOL"))?;
        let protocol = SecurityProtocol::from_name(protocol.trim()).ok_or_else(|| {
            format!("{protocol} isn't one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL")
        })?;
        if map.insert(name.trim().to_ascii_uppercase(), protocol).is_some() {
            return Err(format!("{} is mapped twice", name.trim()));
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["localhost:9092", "127.0.0.1:0", "[::1]:9092", ":9092", "my-host_1.x:65535"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        for text in ["localhost", "localhost:", "h:65536", "h:-1", "::1:9092", "[::1:9", "a b:1"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_endpoint_has_a_name() {
        let (name, address) = parse_endpoint("plaintext://:9092").unwrap();
        assert_eq!((name.as_str(), address), ("PLAINTEXT", Address::new("", 9092)));
        for text in ["localhost:9092", "://h:1", "X://h", "X:/h:1"] {
            let error = parse_endpoint(text).unwrap_err();
            assert_eq!(error, format!("{text} isn't of the form NAME://host:port"));
        }
    }

    #[test]
    fn protocols_are_mapped_by_name() {
        let map = parse_protocols("CONTROLLER:PLAINTEXT, outside:ssl").unwrap();
        assert_eq!(map["CONTROLLER"], SecurityProtocol::Plaintext);
        assert_eq!(map["OUTSIDE"], SecurityProtocol::Ssl);
        assert!(parse_protocols("A").unwrap_err().contains("NAME:PROTOCOL"));
        assert!(parse_protocols("A:TLS").unwrap_err().contains("TLS isn't one of"));
        assert!(parse_protocols("A:SSL,a:SSL").unwrap_err().contains("mapped twice"));
    }
}
