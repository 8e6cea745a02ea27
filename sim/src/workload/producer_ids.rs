//! Somebody who asks for producer ids, again and again.

use std::time::Duration;

use anyhow::{Context, Result};
use madsim::rand::{Rng, thread_rng};
use protocol::{
    ErrorCode, ProducerEpoch, ProducerId, api::init_producer_id::InitProducerIdRequest,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::Curtain;
use crate::world::World;

/// How long the last question may take, once nothing disturbs it.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(150);

/// The ids that were given out, in the order in which they were.
pub type Ids = Vec<ProducerId>;

/// Somebody at work.
#[derive(Debug)]
pub struct AskingForIds(JoinHandle<Result<Ids>>);

impl AskingForIds {
    /// Starts asking, until the curtain falls.
    #[must_use]
    pub fn start(world: &World, curtain: &Curtain) -> Self {
        Self(tokio::spawn(ask(world.clone(), curtain.clone())))
    }

    /// Waits for the last answer, after the curtain has fallen.
    ///
    /// # Errors
    /// It doesn't come.
    pub async fn finish(self) -> Result<Ids> {
        let ended = timeout(SETTLE_TIME_MAX, self.0);
        ended.await.context("no producer id is given")?.context("it was cancelled")?
    }
}

async fn ask(world: World, curtain: Curtain) -> Result<Ids> {
    let cluster = world.client().await?;
    let request = InitProducerIdRequest {
        transaction_timeout_ms: 60_000,
        producer_id: ProducerId(-1),
        producer_epoch: ProducerEpoch(-1),
        ..InitProducerIdRequest::default()
    };
    let mut ids = Ids::new();
    while !curtain.has_fallen() {
        let answered = match cluster.any().await {
            Ok(connection) => connection.call(&request).await,
            Err(error) => Err(error),
        };
        if let Ok(response) = answered
            && response.error_code == ErrorCode::None
        {
            world.trace.note(format_args!("producer id {}", response.producer_id));
            ids.push(response.producer_id);
        }
        sleep(Duration::from_millis(thread_rng().gen_range(10..500))).await;
    }
    Ok(ids)
}
