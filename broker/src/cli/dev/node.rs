//! One node's process, and what it says.
#![allow(clippy::disallowed_methods)] // Threads that wait for pipes; nothing is simulated here.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use tokio::{sync::mpsc, time::Instant};

use super::super::{Error, attached};

/// What a node's process tells.
#[derive(Debug)]
pub(super) enum Event {
    /// A line of its log.
    Line { id: u16, text: String },
    /// It serves.
    Serving { id: u16 },
}

/// A node, whether its process runs or not.
#[derive(Debug)]
pub(super) struct NodeProcess {
    pub(super) id: u16,
    settings: Vec<String>,
    log: Option<String>,
    events: mpsc::Sender<Event>,
    child: Option<Child>,
    /// Whether it has served since it started.
    pub(super) serves: bool,
    /// When it's started again.
    pub(super) restarts_at: Option<Instant>,
}

impl NodeProcess {
    /// A node that doesn't run yet.
    pub(super) fn new(
        id: u16,
        settings: Vec<String>,
        log: Option<String>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self { id, settings, log, events, child: None, serves: false, restarts_at: None }
    }

    /// Starts its process.
    pub(super) fn start(&mut self) -> Result<(), Error> {
        self.restarts_at = None;
        self.serves = false;
        let mut command = Command::new(std::env::current_exe().map_err(Error::Process)?);
        command.args(["start", "--attached"]);
        if let Some(filter) = &self.log {
            command.args(["--log", filter]);
        }
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A Ctrl-C is for this process, which tells the nodes by closing their input.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(Error::Process)?;
        let (id, events) = (self.id, self.events.clone());
        read(child.stderr.take(), events.clone(), move |text| Event::Line { id, text });
        read(child.stdout.take(), events, move |text| match text.as_str() {
            attached::SERVING => Event::Serving { id },
            _ => Event::Line { id, text },
        });
        self.child = Some(child);
        Ok(())
    }

    pub(super) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How it ended, once.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait().map_err(Error::Process)?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    /// Asks it to stop in good order.
    pub(super) fn stop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
        }
    }

    /// Ends it on the spot.
    pub(super) fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Hands every line on, until the pipe ends.
fn read(
    pipe: Option<impl Read + Send + 'static>,
    events: mpsc::Sender<Event>,
    event: impl Fn(String) -> Event + Send + 'static,
) {
    let pipe = pipe.expect("the process was started with it");
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { return };
            if events.blocking_send(event(line)).is_err() {
                return;
            }
        }
    });
}
