//! What is written together: a list of operations, each seeing what the earlier ones did.

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The key has this value from now on.
    Put {
        /// The key.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// The key has no value any more. It need not have had one.
    Delete {
        /// The key.
        key: Vec<u8>,
    },
    /// No key in the range has a value any more.
    DeleteRange {
        /// The first key.
        start: Vec<u8>,
        /// The key after the last. At or before the start, the range is empty.
        end: Vec<u8>,
    },
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    operations: Vec<Operation>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a key a value.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.operations.push(Operation::Put { key: key.into(), value: value.into() });
        self
    }

    /// Takes a key's value.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) -> &mut Self {
        self.operations.push(Operation::Delete { key: key.into() });
        self
    }

    /// Takes the values of all keys from `start` to before `end`.
    pub fn delete_range(
        &mut self,
        start: impl Into<Vec<u8>>,
        end: impl Into<Vec<u8>>,
    ) -> &mut Self {
        self.operations.push(Operation::DeleteRange { start: start.into(), end: end.into() });
        self
    }

    /// The changes, first to last.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Takes the batch apart.
    #[must_use]
    pub fn into_operations(self) -> Vec<Operation> {
        self.operations
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}
