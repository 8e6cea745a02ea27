//! Whom a quorum begins with, as told when its nodes are formatted: Kafka's three flags.

use std::{fmt, str::FromStr};

use controller::{VoterEndpoint, VoterKey};
use protocol::{BrokerId, DirectoryId};

use crate::config::{Address, BrokerConfig};

/// What a controller's format knows of the first voters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InitialControllers {
    /// Those of `controller.quorum.voters`, whose directories are asked for when the nodes first
    /// start. One that is alone names itself.
    #[default]
    Configured,
    /// This one alone: `--standalone`.
    Standalone,
    /// All of these, the same on each of them: `--initial-controllers`.
    Known(Vec<InitialController>),
    /// This one is none of them, and waits to be spoken to: `--no-initial-controllers`.
    Others,
}

/// One of the first voters, as `id@host:port:directory-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialController {
    /// Its node id.
    pub id: BrokerId,
    /// Where it listens.
    pub address: Address,
    /// The directory of its log, which is given this id when it's formatted.
    pub directory_id: DirectoryId,
}

impl InitialControllers {
    /// Reads a list as Kafka's storage tool has it.
    ///
    /// # Errors
    /// What isn't right about it.
    pub fn parse(list: &str) -> Result<Self, String> {
        let all = list.split(',').map(str::trim).filter(|one| !one.is_empty());
        let all: Vec<InitialController> = all.map(str::parse).collect::<Result<_, _>>()?;
        let mut ids: Vec<_> = all.iter().map(|one| one.id).collect();
        ids.sort();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("names controller {} twice", pair[0]));
        }
        match all.len() {
            0 => Err("names no controller".to_owned()),
            count if count.is_multiple_of(2) => {
                Err("names an even number of controllers: one less survives as many failures"
                    .to_owned())
            }
            _ => Ok(Self::Known(all)),
        }
    }
}

impl InitialControllers {
    /// The directory that a node's log is to have, where that's known.
    pub(crate) fn directory_of(&self, node: BrokerId) -> Option<DirectoryId> {
        let Self::Known(all) = self else { return None };
        all.iter().find(|one| one.id == node).map(|one| one.directory_id)
    }

    /// Whether a node with this configuration can be formatted so. Errors: why not.
    pub(crate) fn check(&self, config: &BrokerConfig) -> Result<(), String> {
        let Some(flag) = self.flag() else {
            let is_told = !config.roles.controller
                || config.is_quorum_of_one
                || !config.quorum.voters.is_empty();
            // Controllers that each thought themselves alone would be clusters of one name.
            return if is_told { Ok(()) } else { Err(UNTOLD.to_owned()) };
        };
        if !config.roles.controller {
            return Err(format!("{flag} is for controllers, and process.roles has none"));
        }
        if !config.quorum.voters.is_empty() && !config.is_quorum_of_one {
            return Err(format!(
                "{flag} isn't for quorums that controller.quorum.voters lists: leave it out, or set \
                 controller.quorum.bootstrap.servers instead of controller.quorum.voters"
            ));
        }
        match self {
            Self::Known(all) if !all.iter().any(|one| one.id == config.node_id) => Err(format!(
                "{flag} doesn't name this node: add {}@host:port:directory-id, or format it with \
                 --no-initial-controllers",
                config.node_id
            )),
            Self::Known(all) if config.is_quorum_of_one && all.len() > 1 => Err(format!(
                "{flag} names {} controllers, and the configuration this node alone: set \
                 controller.quorum.bootstrap.servers to all of them",
                all.len()
            )),
            _ => Ok(()),
        }
    }

    fn flag(&self) -> Option<&'static str> {
        match self {
            Self::Configured => None,
            Self::Standalone => Some("--standalone"),
            Self::Known(_) => Some("--initial-controllers"),
            Self::Others => Some("--no-initial-controllers"),
        }
    }
}

const UNTOLD: &str = "whom the quorum begins with isn't known: add --standalone for a quorum of this \
                      controller alone, --initial-controllers for one of several, or \
                      --no-initial-controllers where this one isn't among the first";

impl InitialController {
    pub(crate) fn voter(&self) -> (VoterKey, VoterEndpoint) {
        let key = VoterKey { node_id: self.id, directory_id: self.directory_id };
        let Address { host, port } = self.address.clone();
        (key, VoterEndpoint { host, port })
    }
}

impl FromStr for InitialController {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (id, rest) = text.split_once('@')?;
            let (address, directory_id) = rest.rsplit_once(':')?;
            let id: u16 = id.trim().parse().ok()?;
            let address = Address::parse(address).filter(|address| !address.host.is_empty())?;
            let directory_id: DirectoryId = directory_id.trim().parse().ok()?;
            let id = BrokerId(i32::from(id));
            let is_drawn = directory_id != DirectoryId::ZERO;
            is_drawn.then_some(Self { id, address, directory_id })
        };
        parse()
            .ok_or_else(|| format!("has {text}, which isn't of the form id@host:port:directory-id"))
    }
}

impl fmt::Display for InitialController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.id, self.address, self.directory_id)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Sources;

    use super::*;

    const LIST: &str = "1@a:9093:4L6g3nShT-eMCtK--X86sw, 2@[::1]:9093:MkU3OEVBNTcwNTJENDM2Qg, \
                        3@c:9093:u_ucTMKWRwGUGuWNYVmUTA";

    #[test]
    fn kafkas_list_is_read() {
        let Ok(InitialControllers::Known(all)) = InitialControllers::parse(LIST) else {
            panic!("it names three")
        };
        assert_eq!(all.iter().map(|one| one.id.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(all[0].to_string(), "1@a:9093:4L6g3nShT-eMCtK--X86sw");
        assert_eq!((all[1].address.host.as_str(), all[1].address.port), ("::1", 9093));
    }

    #[test]
    fn a_list_that_makes_no_quorum_is_refused() {
        let refused = |list: &str| InitialControllers::parse(list).unwrap_err();
        assert!(refused("").contains("names no controller"));
        assert!(refused("1@a:9093").contains("id@host:port:directory-id"));
        assert!(refused("1@a:9093:AAAAAAAAAAAAAAAAAAAAAA").contains("isn't of the form"));
        let two = LIST.rsplit_once(',').unwrap().0;
        assert!(refused(two).contains("an even number"));
        assert!(refused(&format!("{two},1@c:1:u_ucTMKWRwGUGuWNYVmUTA")).contains("1 twice"));
    }

    fn checked(sets: &[&str], initial: &InitialControllers) -> Result<(), String> {
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        let config = BrokerConfig::load(&Sources { sets, ..Sources::default() }).unwrap().config;
        initial.check(&config)
    }

    #[test]
    fn a_lone_controller_needs_no_flag() {
        for initial in [InitialControllers::Configured, InitialControllers::Standalone] {
            assert_eq!(checked(&[], &initial), Ok(()));
        }
        let error = checked(&[], &InitialControllers::parse(LIST).unwrap()).unwrap_err();
        assert!(error.contains("names 3 controllers, and the configuration this node alone"));
    }

    #[test]
    fn a_quorum_that_is_listed_takes_no_flag() {
        let listed = ["controller.quorum.voters=1@a:1,2@b:1,3@c:1"];
        assert_eq!(checked(&listed, &InitialControllers::Configured), Ok(()));
        let known = InitialControllers::parse(LIST).unwrap();
        for initial in [InitialControllers::Standalone, InitialControllers::Others, known] {
            let error = checked(&listed, &initial).unwrap_err();
            assert!(error.contains("isn't for quorums that controller.quorum.voters lists"));
        }
    }

    #[test]
    fn a_quorum_that_is_not_listed_needs_a_flag() {
        let servers = "controller.quorum.bootstrap.servers=a:9093,b:9093,c:9093";
        let error = checked(&[servers], &InitialControllers::Configured).unwrap_err();
        assert!(error.contains("--initial-controllers"), "{error}");
        let known = InitialControllers::parse(LIST).unwrap();
        for initial in [InitialControllers::Standalone, InitialControllers::Others, known.clone()] {
            assert_eq!(checked(&[servers], &initial), Ok(()));
        }
        let error = checked(&[servers, "node.id=4"], &known).unwrap_err();
        assert!(error.contains("add 4@host:port:directory-id"), "{error}");
    }

    #[test]
    fn a_broker_takes_no_flag() {
        let broker = [
            "process.roles=broker",
            "listeners=PLAINTEXT://127.0.0.1:9092",
            "controller.quorum.bootstrap.servers=h:9093",
        ];
        assert_eq!(checked(&broker, &InitialControllers::Configured), Ok(()));
        let error = checked(&broker, &InitialControllers::Standalone).unwrap_err();
        assert!(error.contains("--standalone is for controllers"), "{error}");
    }
}
