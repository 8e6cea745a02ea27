//! One cluster as a client sees it: where its brokers are, what they lead, and a way to reach them.

mod pool;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::{
    BrokerId, ErrorCode, LeaderEpoch, TopicId, TopicName, TopicPartition,
    api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse},
};
use tokio::time::{Instant, sleep};

use crate::{
    backoff::Backoff,
    connection::{Connection, ConnectionOptions},
    door::{Clock, Entropy, SystemClock, SystemEntropy},
    endpoint::Endpoint,
    error::Error,
    metadata_cache::{Broker, Leader, MetadataCache, Topic},
    net::{Net, Tcp},
};

pub use pool::Pool;

/// The doors through which a client meets the world.
#[derive(Clone, Debug)]
pub struct Doors {
    /// The network.
    pub net: Arc<dyn Net>,
    /// The wall clock, for record timestamps.
    pub clock: Arc<dyn Clock>,
    /// Chance, for jitter and for spreading load.
    pub entropy: Arc<dyn Entropy>,
}

impl Doors {
    /// The real ones.
    #[must_use]
    pub fn system() -> Self {
        Self { net: Arc::new(Tcp), clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }
}

/// How a client finds and keeps its cluster. The default is Kafka's.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Every connection's.
    pub connection: ConnectionOptions,
    /// Older metadata is asked for again before it's used.
    pub metadata_age_max: Duration,
    /// Between attempts.
    pub backoff: Backoff,
    /// How long a call may try again what fails in passing.
    pub retry_for: Duration,
    /// Whether asking for a topic may create it, where the brokers are configured to.
    pub allow_auto_topic_creation: bool,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            connection: ConnectionOptions::default(),
            metadata_age_max: Duration::from_secs(5 * 60),
            backoff: Backoff::default(),
            retry_for: Duration::from_secs(60),
            allow_auto_topic_creation: true,
        }
    }
}

/// A cluster. Clones share what is known of it, and one connection for questions; producers and
/// consumers bring a [`Pool`] of their own for data.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    doors: Doors,
    options: ClusterOptions,
    bootstrap: Vec<Endpoint>,
    cache: Mutex<MetadataCache>,
    /// The connection for questions. Its lock is held while a connection is opened and while
    /// metadata are asked for, so that many who need the same ask once.
    questions: tokio::sync::Mutex<Option<Connection>>,
}

impl Cluster {
    /// Finds the cluster: asks the first broker that answers for all the others.
    ///
    /// ```no_run
    /// use client::{Cluster, ClusterOptions, Doors, Endpoint};
    ///
    /// # async fn example() -> Result<(), client::Error> {
    /// let bootstrap = Endpoint::parse_list("kafka-1:9092,kafka-2:9092").expect("endpoints");
    /// let cluster = Cluster::connect(Doors::system(), bootstrap, ClusterOptions::default()).await?;
    /// for broker in cluster.brokers() {
    ///     println!("broker {} at {}", broker.id, broker.endpoint);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Without any endpoint.
    ///
    /// # Errors
    /// The last broker's error, when none of them answers within `retry_for`.
    pub async fn connect(
        doors: Doors,
        bootstrap: Vec<Endpoint>,
        options: ClusterOptions,
    ) -> Result<Self, Error> {
        assert!(!bootstrap.is_empty(), "a cluster is found through at least one broker");
        let cluster = Self {
            shared: Arc::new(Shared {
                doors,
                options,
                bootstrap,
                cache: Mutex::default(),
                questions: tokio::sync::Mutex::default(),
            }),
        };
        cluster.retry(|| cluster.refresh(&[])).await?;
        Ok(cluster)
    }

    /// The doors that it was opened with.
    #[must_use]
    pub fn doors(&self) -> &Doors {
        &self.shared.doors
    }

    /// The options that it was opened with.
    #[must_use]
    pub fn options(&self) -> &ClusterOptions {
        &self.shared.options
    }

    /// The brokers, as last heard of.
    #[must_use]
    pub fn brokers(&self) -> Vec<Broker> {
        self.cache().brokers().values().cloned().collect()
    }

    /// The cluster's id, as last heard of.
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.cache().cluster_id().map(str::to_owned)
    }

    /// A topic, if it's known and nothing speaks against what is known.
    #[must_use]
    pub fn known_topic(&self, name: &TopicName) -> Option<Arc<Topic>> {
        let age_max = self.shared.options.metadata_age_max;
        self.cache().topic(name, Instant::now(), age_max).cloned()
    }

    /// A topic's name, by an id that a response named.
    #[must_use]
    pub fn topic_name(&self, id: TopicId) -> Option<TopicName> {
        self.cache().name_of(id).cloned()
    }

    /// A topic: as known, or else as the brokers say when they're asked once.
    ///
    /// # Errors
    /// No broker that answers, or the broker's error about the topic.
    pub async fn topic(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        self.ask_topic(name, self.shared.options.allow_auto_topic_creation).await
    }

    /// [`Cluster::topic`], saying whether asking may create it.
    pub(crate) async fn ask_topic(
        &self,
        name: &TopicName,
        may_create: bool,
    ) -> Result<Arc<Topic>, Error> {
        if let Some(topic) = self.known_topic(name) {
            return Ok(topic);
        }
        let errors = self.ask_topics(std::slice::from_ref(name), may_create).await?;
        if let Some(code) = errors.get(name) {
            Error::check(*code, format_args!("topic {name}"), None)?;
        }
        // Without error and without topic: an answer that doesn't answer.
        self.known_topic(name).ok_or_else(|| unavailable(format!("topic {name}")))
    }

    /// [`Cluster::topic`], again and again while it fails in passing.
    ///
    /// # Errors
    /// As [`Cluster::topic`], after `retry_for`.
    pub async fn wait_for_topic(&self, name: &TopicName) -> Result<Arc<Topic>, Error> {
        self.retry(|| self.topic(name)).await
    }

    /// Who leads a partition.
    ///
    /// ```no_run
    /// use client::protocol::{PartitionIndex, TopicPartition};
    ///
    /// # async fn example(cluster: client::Cluster) -> Result<(), client::Error> {
    /// let first = TopicPartition { topic: "positions".into(), partition: PartitionIndex(0) };
    /// let leader = cluster.leader(&first).await?;
    /// println!("broker {} leads {first} in epoch {}", leader.id, leader.epoch);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Cluster::topic`]; a partition that doesn't exist or has no leader at the moment.
    pub async fn leader(&self, of: &TopicPartition) -> Result<Leader, Error> {
        let topic = self.topic(&of.topic).await?;
        topic.leader(of.partition).ok_or_else(|| {
            self.invalidate(&of.topic);
            let code = match topic.partitions.contains_key(&of.partition) {
                true => ErrorCode::LeaderNotAvailable,
                false => ErrorCode::UnknownTopicOrPartition,
            };
            Error::answer(code, of, None)
        })
    }

    /// All topics, asked for anew.
    ///
    /// # Errors
    /// No broker that answers.
    pub async fn all_topics(&self) -> Result<Vec<Arc<Topic>>, Error> {
        let mut questions = self.shared.questions.lock().await;
        let response = self.ask_metadata(&mut questions, None, false).await?;
        let names = response.topics.into_iter().filter_map(|topic| topic.name);
        Ok(names.filter_map(|name| self.known_topic(&name)).collect())
    }

    /// Notes that what is known of a topic has been found wrong: it's asked for again before it's
    /// used again.
    pub fn invalidate(&self, topic: &TopicName) {
        self.cache().invalidate(topic);
    }

    /// Notes that a broker couldn't be reached.
    pub fn invalidate_broker(&self, id: BrokerId) {
        self.cache().invalidate_broker(id);
    }

    /// Notes a leader that a response named. Returns whether it is news.
    pub(crate) fn learn_leader(
        &self,
        of: &TopicPartition,
        id: BrokerId,
        epoch: LeaderEpoch,
    ) -> bool {
        id.0 >= 0 && self.cache().learn_leader(of, Leader { id, epoch })
    }

    /// Asks for these topics, but for those that somebody else has asked for meanwhile; for none,
    /// the brokers alone. Returns the topics that the broker answered with an error.
    ///
    /// # Errors
    /// No broker that answers.
    pub async fn refresh(
        &self,
        topics: &[TopicName],
    ) -> Result<BTreeMap<TopicName, ErrorCode>, Error> {
        self.ask_topics(topics, self.shared.options.allow_auto_topic_creation).await
    }

    /// [`Cluster::refresh`], saying whether asking may create them.
    pub(crate) async fn ask_topics(
        &self,
        topics: &[TopicName],
        may_create: bool,
    ) -> Result<BTreeMap<TopicName, ErrorCode>, Error> {
        let mut questions = self.shared.questions.lock().await;
        let missing: Vec<_> =
            topics.iter().filter(|name| self.known_topic(name).is_none()).collect();
        if missing.is_empty() && !topics.is_empty() {
            return Ok(BTreeMap::new());
        }
        let response = self.ask_metadata(&mut questions, Some(&missing), may_create).await?;
        let errors = response.topics.iter().filter(|topic| !topic.error_code.is_none());
        Ok(errors.filter_map(|topic| Some((topic.name.clone()?, topic.error_code))).collect())
    }

    async fn ask_metadata(
        &self,
        questions: &mut Option<Connection>,
        topics: Option<&[&TopicName]>,
        may_create: bool,
    ) -> Result<MetadataResponse, Error> {
        let topics = topics.map(|topics| {
            let named = |name: &&TopicName| MetadataRequestTopic {
                name: Some((*name).clone()),
                ..Default::default()
            };
            topics.iter().map(named).collect()
        });
        let request =
            MetadataRequest { topics, allow_auto_topic_creation: may_create, ..Default::default() };
        let response = self.any_connection(questions).await?.call(&request).await?;
        Error::check(response.error_code, "Metadata", None)?;
        self.cache().update(&response, Instant::now());
        Ok(response)
    }

    /// A connection to whichever broker answers: for questions that all of them can answer.
    ///
    /// # Errors
    /// The last broker's error, when none of them answers.
    pub async fn any(&self) -> Result<Connection, Error> {
        let mut questions = self.shared.questions.lock().await;
        self.any_connection(&mut questions).await
    }

    async fn any_connection(&self, open: &mut Option<Connection>) -> Result<Connection, Error> {
        if let Some(connection) = open.as_ref().filter(|connection| connection.ended().is_none()) {
            return Ok(connection.clone());
        }
        let mut failure = None;
        for endpoint in self.candidates() {
            match self.open(&endpoint).await {
                Ok(connection) => return Ok(open.insert(connection).clone()),
                Err(error) => {
                    tracing::debug!(%endpoint, %error, "no connection");
                    failure = Some(error);
                }
            }
        }
        Err(failure.expect("there is at least one endpoint to bootstrap from"))
    }

    /// Where a broker may be found: the known ones from a random one on, so that clients spread;
    /// then, should they all have moved, where it all began.
    fn candidates(&self) -> Vec<Endpoint> {
        let brokers = self.brokers().into_iter().map(|broker| broker.endpoint);
        let mut candidates: Vec<_> = brokers.collect();
        if let Ok(count @ 1..) = u64::try_from(candidates.len()) {
            let first = self.shared.doors.entropy.number() % count;
            candidates.rotate_left(usize::try_from(first).expect("below a length"));
        }
        for endpoint in &self.shared.bootstrap {
            if !candidates.contains(endpoint) {
                candidates.push(endpoint.clone());
            }
        }
        candidates
    }

    async fn open(&self, endpoint: &Endpoint) -> Result<Connection, Error> {
        let Shared { doors, options, .. } = &*self.shared;
        let net = &*doors.net;
        Connection::open(net, &endpoint.host, endpoint.port, &options.connection).await
    }

    /// Tries again what fails in passing, for as long as the options say.
    ///
    /// # Errors
    /// The last attempt's.
    pub(crate) async fn retry<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut attempts = self.attempts(self.shared.options.retry_for);
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    /// Attempts for so long.
    pub(crate) fn attempts(&self, at_most: Duration) -> Attempts<'_> {
        Attempts { cluster: self, deadline: Instant::now() + at_most, failures: 0 }
    }

    fn cache(&self) -> MutexGuard<'_, MetadataCache> {
        self.shared.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attempts at one thing, each after a longer wait than the one before.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    cluster: &'a Cluster,
    deadline: Instant,
    failures: u32,
}

impl Attempts<'_> {
    /// Waits until it's time to try again.
    ///
    /// # Errors
    /// The error that the last attempt failed with, when it won't pass or there is no time left.
    pub(crate) async fn after(&mut self, error: Error) -> Result<(), Error> {
        let Shared { doors, options, .. } = &*self.cluster.shared;
        self.failures += 1;
        let wait = options.backoff.after(self.failures, &*doors.entropy);
        if !error.is_retriable() || Instant::now() + wait > self.deadline {
            return Err(error);
        }
        tracing::debug!(%error, failures = self.failures, "trying again");
        sleep(wait).await;
        Ok(())
    }
}

/// Nobody to ask at the moment.
fn unavailable(subject: String) -> Error {
    Error::answer(ErrorCode::LeaderNotAvailable, subject, None)
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bootstrap = &self.shared.bootstrap;
        f.debug_struct("Cluster").field("bootstrap", bootstrap).finish_non_exhaustive()
    }
}
