//! The controllers that a node is told of.

use protocol::BrokerId;

use super::{Address, ConfigError, Listener, Roles, endpoints::Endpoints, sources::Settings};

const VOTERS: &str = "controller.quorum.voters";
const SERVERS: &str = "controller.quorum.bootstrap.servers";

/// A quorum beyond this is slower and no safer.
const VOTERS_MAX: usize = 7;

/// One controller of a quorum that never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// Its node id.
    pub id: BrokerId,
    /// Where it listens.
    pub address: Address,
}

/// The controllers that a node is told of: the voters themselves, or some addresses to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quorum {
    /// All controllers, where the quorum never changes.
    pub voters: Vec<Voter>,
    /// Controllers to ask for the others, where the quorum may change.
    pub bootstrap_servers: Vec<Address>,
}

impl Quorum {
    pub(super) fn of(
        settings: &Settings,
        node: BrokerId,
        roles: Roles,
        endpoints: &Endpoints,
    ) -> Result<Self, ConfigError> {
        let mut quorum =
            Self { voters: voters(settings)?, bootstrap_servers: bootstrap_servers(settings)? };
        if quorum.voters.is_empty() && quorum.bootstrap_servers.is_empty() {
            // A node without a file that says nothing about others is alone.
            match own_address(endpoints) {
                Some(own) if settings.is_single_node && roles.controller => {
                    if own.port == 0 {
                        return Err(ConfigError::Rule(format!(
                            "{}: a controller can't leave its port to the system, since its \
                             brokers wouldn't find it: write a port, as CONTROLLER://localhost:9093",
                            settings.blame("listeners")
                        )));
                    }
                    let address = Address::new(&own.host, own.port);
                    quorum.voters.push(Voter { id: node, address });
                }
                _ => {
                    return Err(ConfigError::Rule(format!(
                        "neither {SERVERS} nor {VOTERS} is set: name the controllers, as \
                         {SERVERS}=localhost:9093"
                    )));
                }
            }
        }
        quorum.check(settings, node, roles)?;
        Ok(quorum)
    }

    fn check(&self, settings: &Settings, node: BrokerId, roles: Roles) -> Result<(), ConfigError> {
        let blame = || settings.blame(VOTERS);
        let is_voter = self.voters.iter().any(|voter| voter.id == node);
        let complaint = if self.voters.is_empty() {
            None
        } else if roles.controller && !is_voter {
            Some(format!("this node is a controller with node.id={node}, add {node}@host:port"))
        } else if !roles.controller && is_voter {
            Some(format!(
                "it names this node, node.id={node}, which is no controller: give the node another \
                 id, or add controller to process.roles"
            ))
        } else if self.voters.len() > VOTERS_MAX {
            Some(format!("a quorum has at most {VOTERS_MAX} controllers"))
        } else if self.voters.len().is_multiple_of(2) {
            Some("a quorum is odd: an even one survives no more failures than one less".to_owned())
        } else {
            None
        };
        match complaint {
            None => Ok(()),
            Some(complaint) => Err(ConfigError::Rule(format!("{}: {complaint}", blame()))),
        }
    }

    /// Whether this node is all of the quorum: the only voter, or the only server to ask.
    pub(super) fn is_alone(&self, node: BrokerId, endpoints: &Endpoints) -> bool {
        let own = || own_address(endpoints).map(|own| Address::new(&own.host, own.port));
        match (self.voters.as_slice(), self.bootstrap_servers.as_slice()) {
            ([only], _) => only.id == node,
            ([], [only]) => Some(only.clone()) == own(),
            _ => false,
        }
    }
}

/// What this node advertises as a controller.
fn own_address(endpoints: &Endpoints) -> Option<&Listener> {
    endpoints.advertised.iter().find(|listener| endpoints.is_of_controller(listener))
}

fn voters(settings: &Settings) -> Result<Vec<Voter>, ConfigError> {
    let mut voters: Vec<Voter> = Vec::new();
    for text in settings.list(VOTERS) {
        let refuse = |reason: &str| {
            ConfigError::Rule(format!("{}: {text} {reason}", settings.blame(VOTERS)))
        };
        let shape = || refuse("isn't of the form id@host:port");
        let (id, address) = text.split_once('@').ok_or_else(shape)?;
        let id: u16 = id.trim().parse().map_err(|_| shape())?;
        let address = Address::parse(address).filter(|a| !a.host.is_empty()).ok_or_else(shape)?;
        if address.host == "0.0.0.0" {
            return Err(refuse("can't be reached: write the controller's own address"));
        }
        let id = BrokerId(i32::from(id));
        if voters.iter().any(|voter| voter.id == id) {
            return Err(refuse("has the id of another voter"));
        }
        voters.push(Voter { id, address });
    }
    Ok(voters)
}

fn bootstrap_servers(settings: &Settings) -> Result<Vec<Address>, ConfigError> {
    let read = |text: &String| {
        Address::parse(text).filter(|address| !address.host.is_empty()).ok_or_else(|| {
            ConfigError::Rule(format!(
                "{}: {text} isn't of the form host:port",
                settings.blame(SERVERS)
            ))
        })
    };
    settings.list(SERVERS).iter().map(read).collect()
}
