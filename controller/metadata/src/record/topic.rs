//! Records of topics.

use protocol::{TopicId, TopicName};

protocol::stored! {
    /// A new topic. Its partitions follow, from 0 up.
    type 10, versions 0..=0;
    TopicRecord {
        name: TopicName { 0.. },
        /// Never used for another topic, nor for one of the same name created later.
        topic_id: TopicId { 0.. },
    }

    /// A topic is gone, with its partitions and its configuration.
    type 13, versions 0..=0;
    RemoveTopicRecord {
        topic_id: TopicId { 0.. },
    }
}
