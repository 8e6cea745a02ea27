//! The record of finalised features, and the record of nothing.

protocol::stored! {
    /// A feature is finalised at a level: nodes that can't do that level stay out.
    type 30, versions 0..=0;
    FeatureLevelRecord {
        name: String { 0.. },
        /// 0 = no longer finalised.
        level: i16 { 0.. },
    }

    /// Nothing: an entry that only shows that entries are committed.
    type 50, versions 0..=0;
    NoOpRecord {}
}
