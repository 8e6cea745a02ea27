//! The numbers of the APIs.

macro_rules! api_keys {
    ($($(#[$meta:meta])* $name:ident = $key:literal),* $(,)?) => {
        /// What a request asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        #[allow(missing_docs)]
        pub enum ApiKey {
            $( $(#[$meta])* $name = $key, )*
        }

        impl ApiKey {
            /// Every key that this build describes, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Kafka's name of the API.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $( Self::$name => stringify!($name), )*
                }
            }
        }

        impl TryFrom<i16> for ApiKey {
            type Error = i16;

            fn try_from(key: i16) -> Result<Self, i16> {
                match key {
                    $( $key => Ok(Self::$name), )*
                    other => Err(other),
                }
            }
        }
    };
}

api_keys! {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    FindCoordinator = 10,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    DescribeConfigs = 32,
    CreatePartitions = 37,
    ElectLeaders = 43,
    IncrementalAlterConfigs = 44,
    DescribeQuorum = 55,
    AlterPartition = 56,
    UpdateFeatures = 57,
    Envelope = 58,
    DescribeCluster = 60,
    BrokerRegistration = 62,
    BrokerHeartbeat = 63,
    AllocateProducerIds = 67,
    AssignReplicasToDirs = 73,
    /// Ours, controller listener only: a raft leader's entries.
    RaftAppend = 10_000,
    /// Ours, controller listener only: a raft candidate's request for a vote, or for a pre-vote.
    RaftVote = 10_001,
    /// Ours, controller listener only: a snapshot of the metadata, for a raft follower.
    RaftSnapshot = 10_002,
    /// Ours, controller listener only: committed metadata records after an index, or a snapshot.
    MetadataPoll = 10_003,
    /// Ours, controller listener only: which voter a controller is, before its quorum has begun.
    VoterIdentity = 10_004,
    /// Ours, on every listener: what happened to the cluster.
    ClusterEvents = 10_005,
}

impl ApiKey {
    /// Whether the API is one of ours, which Kafka doesn't have.
    #[must_use]
    pub fn is_ours(self) -> bool {
        self >= Self::RaftAppend
    }
}
