//! Where a node listens and what it advertises, with Kafka's rules for which listener may be used
//! for what.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{
    ConfigError, Listener, Roles, SecurityProtocol,
    listener::{Address, parse_endpoint, parse_protocols},
    sources::Settings,
};

const PROTOCOL_MAP: &str = "listener.security.protocol.map";

/// A node's listeners, and which of them serves what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) listeners: Vec<Listener>,
    pub(super) advertised: Vec<Listener>,
    pub(super) inter_broker_listener: String,
    pub(super) controller_listeners: Vec<String>,
}

impl Endpoints {
    pub(super) fn of(settings: &Settings, roles: Roles, host: &str) -> Result<Self, ConfigError> {
        let controller_listeners: Vec<String> = settings
            .list("controller.listener.names")
            .iter()
            .map(|name| name.to_ascii_uppercase())
            .collect();
        if controller_listeners.is_empty() {
            return rule(format!(
                "{}: every node must know it, usually as controller.listener.names=CONTROLLER",
                settings.blame("controller.listener.names")
            ));
        }
        let protocols = Protocols::of(settings, &controller_listeners)?;
        let listeners = protocols.endpoints(settings, "listeners")?;
        let advertised = advertised(settings, roles, &listeners, &protocols, host)?;
        let inter_broker_listener = inter_broker_listener(settings)?;
        let endpoints = Self { listeners, advertised, inter_broker_listener, controller_listeners };
        endpoints.check_listeners(settings)?;
        endpoints.check_controllers(settings, roles)?;
        endpoints.check_advertised(settings)?;
        if roles.broker {
            endpoints.check_brokers(settings)?;
        }
        Ok(endpoints)
    }

    pub(super) fn is_of_controller(&self, listener: &Listener) -> bool {
        self.controller_listeners.contains(&listener.name)
    }

    /// Where metrics are told: a port that no other listener has.
    pub(super) fn admin_listener(
        &self,
        settings: &Settings,
    ) -> Result<Option<Address>, ConfigError> {
        let Some(text) = settings.text("ottla.admin.listener") else { return Ok(None) };
        let blame = settings.blame("ottla.admin.listener");
        let Some(address) = Address::parse(text.trim()) else {
            return rule(format!("{blame}: write host:port, as 127.0.0.1:9644"));
        };
        let clash = self.listeners.iter().find(|own| own.port == address.port && own.port != 0);
        match clash {
            Some(other) => rule(format!(
                "{blame}: listener {} has port {} already, give it a port of its own",
                other.name, other.port
            )),
            None => Ok(Some(address)),
        }
    }

    fn check_listeners(&self, settings: &Settings) -> Result<(), ConfigError> {
        let blame = settings.blame("listeners");
        if self.listeners.is_empty() {
            return rule(format!("{blame}: name at least one, as PLAINTEXT://:9092"));
        }
        for (index, listener) in self.listeners.iter().enumerate() {
            for other in &self.listeners[..index] {
                if other.name == listener.name {
                    return rule(format!(
                        "{blame}: two listeners are called {}, give each a name of its own",
                        listener.name
                    ));
                }
                if other.port == listener.port
                    && listener.port != 0
                    && !are_families(other, listener)
                {
                    return rule(format!(
                        "{blame}: {} and {} share port {}, give each a port of its own",
                        other.name, listener.name, listener.port
                    ));
                }
            }
            if listener.protocol != SecurityProtocol::Plaintext {
                return rule(format!(
                    "{blame}: listener {} speaks {}, which isn't supported yet; use PLAINTEXT",
                    listener.name, listener.protocol
                ));
            }
        }
        Ok(())
    }

    fn check_controllers(&self, settings: &Settings, roles: Roles) -> Result<(), ConfigError> {
        let blame = settings.blame("controller.listener.names");
        let listens = |name: &String| self.listeners.iter().any(|l| l.name == *name);
        if roles.controller {
            if let Some(name) = self.controller_listeners.iter().find(|name| !listens(name)) {
                return rule(format!(
                    "{blame}: a controller must listen on {name}, add {name}://:9093 to listeners"
                ));
            }
        } else if let Some(name) = self.controller_listeners.iter().find(|name| listens(name)) {
            return rule(format!(
                "{blame}: this node is no controller, remove {name} from listeners or add \
                 controller to process.roles"
            ));
        }
        if !roles.broker
            && let Some(other) = self.listeners.iter().find(|l| !self.is_of_controller(l))
        {
            return rule(format!(
                "{}: this node is a controller only, remove {other} from listeners or add broker \
                 to process.roles",
                settings.blame("listeners")
            ));
        }
        Ok(())
    }

    fn check_advertised(&self, settings: &Settings) -> Result<(), ConfigError> {
        let key = if settings.is_set("advertised.listeners") {
            "advertised.listeners"
        } else {
            "listeners"
        };
        let blame = settings.blame(key);
        for listener in &self.advertised {
            let is_nowhere = listener.host.parse() == Ok(Ipv4Addr::UNSPECIFIED)
                || listener.host.parse() == Ok(Ipv6Addr::UNSPECIFIED);
            if is_nowhere {
                return rule(format!(
                    "{blame}: nobody can connect to {}, set advertised.listeners to an address \
                     that others reach, as {}://localhost:{}",
                    listener.host, listener.name, listener.port
                ));
            }
            if !self.listeners.iter().any(|own| own.name == listener.name) {
                return rule(format!(
                    "{blame}: {} isn't in listeners, add it there or remove it here",
                    listener.name
                ));
            }
        }
        Ok(())
    }

    fn check_brokers(&self, settings: &Settings) -> Result<(), ConfigError> {
        let serving: Vec<&str> = self
            .advertised
            .iter()
            .filter(|listener| !self.is_of_controller(listener))
            .map(|listener| listener.name.as_str())
            .collect();
        if serving.is_empty() {
            return rule(format!(
                "{}: a broker needs a listener that isn't one of controller.listener.names, add \
                 PLAINTEXT://:9092",
                settings.blame("listeners")
            ));
        }
        if !serving.contains(&self.inter_broker_listener.as_str()) {
            let key = if settings.is_set("inter.broker.listener.name") {
                "inter.broker.listener.name"
            } else {
                "security.inter.broker.protocol"
            };
            return rule(format!(
                "{}: brokers talk on listener {}, which isn't advertised; set \
                 inter.broker.listener.name to one of {}",
                settings.blame(key),
                self.inter_broker_listener,
                serving.join(", ")
            ));
        }
        Ok(())
    }
}

fn rule<T>(sentence: String) -> Result<T, ConfigError> {
    Err(ConfigError::Rule(sentence))
}

/// Whether two listeners are one of IPv4 and one of IPv6, which may share a port.
fn are_families(a: &Listener, b: &Listener) -> bool {
    let v4 = |listener: &Listener| listener.host.parse::<Ipv4Addr>().is_ok();
    let v6 = |listener: &Listener| listener.host.parse::<Ipv6Addr>().is_ok();
    v4(a) && v6(b) || v6(a) && v4(b)
}

/// Which protocol a listener speaks, by its name, and which names are the controllers'.
struct Protocols {
    map: BTreeMap<String, SecurityProtocol>,
    controllers: BTreeSet<String>,
}

impl Protocols {
    fn of(settings: &Settings, controllers: &[String]) -> Result<Self, ConfigError> {
        let text = settings.text(PROTOCOL_MAP).unwrap_or_default();
        let mut map = parse_protocols(&text).map_err(|reason| {
            ConfigError::Rule(format!("{}: {reason}", settings.blame(PROTOCOL_MAP)))
        })?;
        let controllers: BTreeSet<_> = controllers.iter().cloned().collect();
        // As long as nobody wrote a map, the controllers' listeners needn't be in it.
        if !settings.is_set(PROTOCOL_MAP) {
            for name in &controllers {
                map.entry(name.clone()).or_insert(SecurityProtocol::Plaintext);
            }
        }
        Ok(Self { map, controllers })
    }

    /// The listeners of a key.
    fn endpoints(&self, settings: &Settings, key: &str) -> Result<Vec<Listener>, ConfigError> {
        let blame = || settings.blame(key);
        let mut listeners = Vec::new();
        for text in settings.list(key) {
            let (name, address) = parse_endpoint(&text)
                .map_err(|reason| ConfigError::Rule(format!("{}: {reason}", blame())))?;
            let Some(protocol) = self.map.get(&name).copied() else {
                return rule(format!(
                    "{}: which protocol {name} speaks isn't known, add {name}:PLAINTEXT to \
                     {PROTOCOL_MAP}",
                    blame()
                ));
            };
            listeners.push(Listener { name, protocol, host: address.host, port: address.port });
        }
        Ok(listeners)
    }
}

/// What others are told: `advertised.listeners`, and for whatever it leaves out of the controllers'
/// listeners, or altogether where it isn't set, the listeners themselves.
fn advertised(
    settings: &Settings,
    roles: Roles,
    listeners: &[Listener],
    protocols: &Protocols,
    host: &str,
) -> Result<Vec<Listener>, ConfigError> {
    let mut advertised = protocols.endpoints(settings, "advertised.listeners")?;
    let is_set = !advertised.is_empty();
    for listener in listeners {
        let is_needed =
            !is_set || roles.controller && protocols.controllers.contains(&listener.name);
        if is_needed && !advertised.iter().any(|own| own.name == listener.name) {
            advertised.push(listener.clone());
        }
    }
    for listener in &mut advertised {
        if listener.host.is_empty() {
            host.clone_into(&mut listener.host);
        }
    }
    Ok(advertised)
}

fn inter_broker_listener(settings: &Settings) -> Result<String, ConfigError> {
    let by_name = settings.text("inter.broker.listener.name");
    if by_name.is_some() && settings.is_set("security.inter.broker.protocol") {
        return rule(format!(
            "{} and {}: only one of the two may be set, drop the second",
            settings.blame("inter.broker.listener.name"),
            settings.blame("security.inter.broker.protocol")
        ));
    }
    let by_protocol = settings.text("security.inter.broker.protocol").unwrap_or_default();
    Ok(by_name.map_or(by_protocol, |name| name.to_ascii_uppercase()))
}
