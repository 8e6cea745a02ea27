//! Whether clients that are sent to this node's advertised addresses find this node there.
//!
//! A wrong advertised listener is the most common mistake of all, and a baffling one: clients
//! connect to the bootstrap address, are told where the brokers are, and fail there. So a node that
//! has started connects to itself as a client would, and says what it finds. Nothing waits for it,
//! and nothing depends on it: there are networks in which only clients get through.

use std::{fmt, io, net::SocketAddr, time::Duration};

use client::{
    Connection, ConnectionOptions,
    net::Net,
    protocol::{
        BrokerId, ErrorCode,
        api::{
            describe_cluster::DescribeClusterRequest,
            describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, RESOURCE_BROKER},
        },
    },
};
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::{
    Node,
    config::{Address, BrokerConfig, Listener},
};

/// How long one attempt may take: connecting, and each of two questions.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(3);

/// How often it's tried: names may come to be known only after a node is up.
const ATTEMPTS_MAX: u32 = 3;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Who should answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    cluster_id: String,
    node_id: BrokerId,
}

/// What clients will run into.
#[derive(Debug)]
enum Trouble {
    /// The name has no address.
    Unresolvable(io::Error),
    /// Nobody listens there.
    Refused,
    /// Nothing comes back.
    TimedOut,
    /// There is no way there.
    Unreachable(io::Error),
    /// Something answers that is no broker.
    NoBroker(client::Error),
    /// A node of another cluster answers.
    OtherCluster(String),
    /// Another node of this cluster answers.
    OtherNode,
}

/// Looks at every address that the node tells clients, and warns of those that don't lead to it.
pub(crate) async fn run(config: &BrokerConfig, node: &Node, net: &dyn Net) {
    if !config.roles.broker {
        return;
    }
    let identity = Identity { cluster_id: node.cluster_id().to_owned(), node_id: config.node_id };
    for (name, address) in addresses(config, node.addresses()) {
        match check(net, &address, &identity).await {
            Ok(()) => debug!(listener = name, %address, "clients can connect"),
            Err(trouble) => warn!("{}", sentence(&name, &address, &trouble)),
        }
    }
}

/// What clients are told, by listener: with the ports that the system chose.
fn addresses(config: &BrokerConfig, bound: &[(String, SocketAddr)]) -> Vec<(String, Address)> {
    let port_of = |listener: &Listener| match listener.port {
        0 => bound.iter().find(|(name, _)| *name == listener.name).map(|(_, own)| own.port()),
        port => Some(port),
    };
    let listeners = config.advertised_listeners.iter();
    let told = |listener: &Listener| {
        Some((listener.name.clone(), Address::new(&listener.host, port_of(listener)?)))
    };
    listeners.filter_map(told).collect()
}

async fn check(net: &dyn Net, address: &Address, identity: &Identity) -> Result<(), Trouble> {
    let mut attempt = 1;
    loop {
        match ask(net, address, identity).await {
            Err(
                Trouble::Unresolvable(_)
                | Trouble::Refused
                | Trouble::TimedOut
                | Trouble::Unreachable(_),
            ) if attempt < ATTEMPTS_MAX => sleep(PAUSE * attempt).await,
            done => return done,
        }
        attempt += 1;
    }
}

async fn ask(net: &dyn Net, address: &Address, identity: &Identity) -> Result<(), Trouble> {
    let options = ConnectionOptions {
        connect_timeout: ATTEMPT_TIME_MAX,
        request_timeout: ATTEMPT_TIME_MAX,
        ..ConnectionOptions::default()
    };
    let connection = Connection::open(net, &address.host, address.port, &options).await?;
    let cluster = connection.call(&DescribeClusterRequest::default()).await?;
    // An error has no id to compare.
    if cluster.error_code.is_none() && cluster.cluster_id != identity.cluster_id {
        return Err(Trouble::OtherCluster(cluster.cluster_id));
    }
    // A broker describes itself and no other.
    let own = DescribeConfigsResource {
        resource_type: RESOURCE_BROKER,
        resource_name: identity.node_id.to_string(),
        configuration_keys: Some(vec!["node.id".to_owned()]),
    };
    let request = DescribeConfigsRequest { resources: vec![own], ..Default::default() };
    let described = connection.call(&request).await?;
    let is_refused = |code| code == ErrorCode::InvalidRequest;
    if described.results.iter().any(|result| is_refused(result.error_code)) {
        return Err(Trouble::OtherNode);
    }
    Ok(())
}

impl From<client::Error> for Trouble {
    fn from(error: client::Error) -> Self {
        let client::Error::Connect { source, .. } = &error else { return Self::NoBroker(error) };
        let copy = || io::Error::new(source.kind(), source.to_string());
        match source.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            // What the resolver says has no number of the system's.
            _ if source.raw_os_error().is_none() => Self::Unresolvable(copy()),
            _ => Self::Unreachable(copy()),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolvable(error) => write!(f, "its host name can't be resolved ({error})"),
            Self::Refused => f.write_str("nobody listens there (connection refused)"),
            Self::TimedOut => {
                write!(f, "nothing came back within {} seconds", ATTEMPT_TIME_MAX.as_secs())
            }
            Self::Unreachable(error) => write!(f, "it can't be reached ({error})"),
            Self::NoBroker(error) => write!(f, "what answers there is no broker ({error})"),
            Self::OtherCluster(id) => write!(f, "a node of another cluster answers there ({id})"),
            Self::OtherNode => f.write_str("another node of this cluster answers there"),
        }
    }
}

/// One line for the operator: the key, its value, what happened, and the fix.
fn sentence(listener: &str, address: &Address, trouble: &Trouble) -> String {
    let fix = match trouble {
        Trouble::Unresolvable(_) => "write a name or an address that clients can resolve",
        Trouble::OtherCluster(_) | Trouble::OtherNode => "give every node an address of its own",
        Trouble::Refused | Trouble::TimedOut | Trouble::Unreachable(_) | Trouble::NoBroker(_) => {
            "write the address at which clients reach this node, or forward it to this node's port"
        }
    };
    format!(
        "clients are sent to advertised.listeners={listener}://{address} and will fail there: \
         {trouble}. To mend it: {fix}"
    )
}

#[cfg(test)]
mod tests {
    use client::net::{Stream, Tcp};
    use futures_util::future::BoxFuture;

    use crate::{Doors, config::Sources};

    use super::*;

    fn connect(kind: io::ErrorKind) -> Trouble {
        let source = io::Error::from(kind).into();
        Trouble::from(client::Error::Connect { address: "kafka:9092".into(), source })
    }

    #[test]
    fn trouble_is_told_apart_by_what_the_network_says() {
        assert!(matches!(connect(io::ErrorKind::ConnectionRefused), Trouble::Refused));
        assert!(matches!(connect(io::ErrorKind::TimedOut), Trouble::TimedOut));
        let unresolved = io::Error::other("failed to lookup address information");
        let unresolved =
            client::Error::Connect { address: "kafka:9092".into(), source: unresolved.into() };
        assert!(matches!(Trouble::from(unresolved), Trouble::Unresolvable(_)));
        assert!(matches!(Trouble::from(client::Error::Closed), Trouble::NoBroker(_)));
    }

    #[test]
    fn the_warning_names_the_key_the_value_and_the_fix() {
        let line = sentence("PLAINTEXT", &Address::new("kafka", 9092), &Trouble::Refused);
        assert_eq!(
            line,
            "clients are sent to advertised.listeners=PLAINTEXT://kafka:9092 and will fail there: \
             nobody listens there (connection refused). To mend it: write the address at which \
             clients reach this node, or forward it to this node's port"
        );
    }

    /// A node of its own, and the port that it serves clients on.
    async fn node(directory: &std::path::Path) -> (Node, Address) {
        let controller = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let sets = vec![
            format!("listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://{controller}"),
            format!("log.dirs={}", directory.display()),
            "ottla.log.dir.free.bytes.min=0".to_owned(),
        ];
        let sources = Sources { sets, ..Sources::default() };
        let config = BrokerConfig::load(&sources).unwrap().config;
        let doors = Doors::production(tokio::runtime::Handle::current());
        let node = Box::pin(Node::start(config.clone(), doors)).await.unwrap();
        let (_, address) = addresses(&config, node.addresses()).remove(0);
        (node, address)
    }

    #[tokio::test]
    async fn a_node_is_told_from_another_of_its_cluster() {
        let directory = tempfile::tempdir().unwrap();
        let (node, address) = node(directory.path()).await;
        let named = |node_id| Identity { cluster_id: node.cluster_id().to_owned(), node_id };
        assert!(check(&Tcp, &address, &named(BrokerId(1))).await.is_ok());
        let other = check(&Tcp, &address, &named(BrokerId(2))).await;
        assert!(matches!(other, Err(Trouble::OtherNode)), "{other:?}");
        let foreign = Identity { cluster_id: "other".to_owned(), node_id: BrokerId(1) };
        let foreign = check(&Tcp, &address, &foreign).await;
        assert!(matches!(foreign, Err(Trouble::OtherCluster(_))), "{foreign:?}");
        Box::pin(node.shutdown()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_never_answers_is_given_up() {
        /// Connects for ever.
        #[derive(Debug)]
        struct BlackHole;
        impl Net for BlackHole {
            fn listen(
                &self,
                _: &str,
                _: u16,
            ) -> BoxFuture<'static, io::Result<Box<dyn client::net::Listener>>> {
                unreachable!("a check doesn't listen")
            }

            fn connect(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<Stream>> {
                Box::pin(std::future::pending())
            }
        }
        let identity = Identity { cluster_id: "c".to_owned(), node_id: BrokerId(1) };
        let checked = check(&BlackHole, &Address::new("kafka", 9092), &identity).await;
        assert!(matches!(checked, Err(Trouble::TimedOut)));
    }
}
