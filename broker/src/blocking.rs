//! Work that blocks: on threads of its own in production. The simulator does it at once, where it is
//! asked for, and calls the function deprecated for that; so nobody else in this crate calls it.

use tokio::task::JoinHandle;

/// Begins work that blocks its thread.
#[allow(deprecated, reason = "in the simulator alone")]
pub(crate) fn begin<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}
