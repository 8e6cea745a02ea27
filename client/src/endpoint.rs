//! Where a broker listens, as people write it.

use std::{fmt, str::FromStr};

/// The port that brokers listen on unless they're told otherwise.
pub const DEFAULT_PORT: u16 = 9092;

/// A host and a port. Written `host:port`, `host` for Kafka's own port, or `[::1]:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// A name or an address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// Text that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address: write host:port, or [address]:port for IPv6")]
pub struct EndpointError(String);

impl Endpoint {
    /// A list as in `bootstrap.servers`: endpoints separated by commas.
    ///
    /// ```
    /// use client::Endpoint;
    ///
    /// let brokers = Endpoint::parse_list("kafka-1.example:9093, [::1]:9094, kafka-2.example").unwrap();
    /// assert_eq!(brokers[1], Endpoint { host: "::1".to_owned(), port: 9094 });
    /// assert_eq!(brokers[2].port, 9092);
    /// assert!(Endpoint::parse_list("kafka-1.example:").is_err());
    /// ```
    ///
    /// # Errors
    /// An element that is no endpoint, or none at all.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, EndpointError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let endpoints = parts.map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() { Err(EndpointError(text.to_owned())) } else { Ok(endpoints) }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError(text.to_owned());
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(error)?;
                (host, if rest.is_empty() { Some("") } else { rest.strip_prefix(':') })
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port).filter(|port| !port.is_empty())),
                None => (text, Some("")),
            },
        };
        let port = match port.ok_or_else(error)? {
            "" => DEFAULT_PORT,
            port => port.parse().map_err(|_| error())?,
        };
        if host.is_empty() {
            return Err(error());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str, port: u16) -> Endpoint {
        Endpoint { host: host.to_owned(), port }
    }

    #[test]
    fn endpoints_are_read_as_people_write_them() {
        let list = Endpoint::parse_list("a:1, b ,[::1]:2,[fe80::1],").unwrap();
        let expected =
            [endpoint("a", 1), endpoint("b", 9092), endpoint("::1", 2), endpoint("fe80::1", 9092)];
        assert_eq!(list, expected);
        assert_eq!(list[2].to_string(), "[::1]:2");
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in ["", ",", ":9092", "a:", "a:b", "a:70000", "[::1", "[::1]x", "::1", "[]:1"] {
            assert!(Endpoint::parse_list(text).is_err(), "{text}");
        }
    }
}
