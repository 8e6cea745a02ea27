//! A node's process that another process of ours started: what the two say to each other.
//!
//! The parent hears one line when the node serves. The node stops when its standard input ends, so it
//! never outlives its parent, however that one ends.
#![allow(clippy::disallowed_methods)] // A thread that waits for a pipe; nothing is simulated here.

use std::io;

use tokio::sync::oneshot;

/// What the parent reads when the node serves.
pub(super) const SERVING: &str = "serving";

/// Returns when standard input has ended. What is written there is ignored.
pub(super) async fn input_closed() {
    let (closed, is_closed) = oneshot::channel();
    // A thread of its own: it may wait for ever, and nobody has to wait for it at the end.
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = closed.send(());
    });
    // Dropped unsent: the thread has panicked, and the parent can't be heard any more.
    let _ = is_closed.await;
}
