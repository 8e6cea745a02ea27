//! Who kills the nodes: which, when and how often is drawn from a seed.
//!
//! A killed process loses nothing that it has written, so that no number of kills breaks what
//! acks=all promises. It's only that nobody acknowledges anything while too many are away.

use super::client::Clients;
use super::nodes::Nodes;
use crate::cluster::NODES;
use anyhow::Result;
use std::fmt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A killed node is started again, and back in sync, well within this.
const MENDED_WITHIN: Duration = Duration::from_secs(120);

const GLANCE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Killer {
    dice: Dice,
    begun: Instant,
    until: Instant,
    kills: u32,
}

/// What happens at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// One node is killed.
    Once(u16),
    /// A second one soon after the first, which is hardly back by then.
    Both(u16, u16, Duration),
    /// One is killed again whenever it comes back: its absence is noticed and not only its return.
    Down(u16, Duration),
}

impl Killer {
    pub(super) fn new(seed: u64, until: Instant) -> Self {
        Self { dice: Dice(seed), begun: Instant::now(), until, kills: 0 }
    }

    pub(super) fn kills(&self) -> u32 {
        self.kills
    }

    /// Kills until its time is over, a line for each blow and what came of it. Returns the longest
    /// time that a partition acknowledged nothing.
    pub(super) fn kill_at_random(
        &mut self,
        nodes: &Nodes,
        clients: &mut Clients,
        say: &mut dyn FnMut(&str),
    ) -> Result<Duration> {
        say(&Line::HEADER.to_string());
        let mut longest_gap = clients.longest_gap();
        let mut goes_on = self.pause(clients)?;
        while goes_on {
            let controller = nodes.active_controller();
            let blow = self.draw(controller);
            let at = Instant::now();
            self.strike(blow, nodes)?;
            // Not always: the next blow then meets replicas that have to catch up.
            let waits = !self.dice.one_in(5);
            if waits {
                nodes.until_whole(MENDED_WITHIN, clients)?;
            }
            let mended = waits.then(|| at.elapsed());
            goes_on = self.pause(clients)?;
            let gap = clients.longest_gap();
            longest_gap = longest_gap.max(gap);
            let killed = match controller.filter(|node| blow.hits(*node)) {
                Some(node) => format!("{blow}; {node} led the quorum"),
                None => blow.to_string(),
            };
            let line = Line {
                time: seconds(at - self.begun),
                killed,
                mended: mended.map_or_else(|| "-".to_owned(), seconds),
                gap: seconds(gap),
                acknowledged: clients.acknowledged().to_string(),
                failed: clients.failed().to_string(),
            };
            say(&line.to_string());
        }
        Ok(longest_gap)
    }

    /// A while without kills. Whether there is time for another.
    fn pause(&mut self, clients: &mut Clients) -> Result<bool> {
        let until = Instant::now() + self.dice.between_ms(200, 5000);
        while Instant::now() < until.min(self.until) {
            clients.watch()?;
            sleep(GLANCE);
        }
        Ok(Instant::now() < self.until)
    }

    fn draw(&mut self, controller: Option<u16>) -> Blow {
        let mut node = 1 + self.dice.below(NODES);
        if let Some(controller) = controller
            && self.dice.one_in(4)
        {
            node = controller;
        }
        match self.dice.below(10) {
            0..6 => Blow::Once(node),
            6..8 => {
                let other = 1 + (node + self.dice.below(NODES - 1)) % NODES;
                Blow::Both(node, other, self.dice.between_ms(0, 3000))
            }
            _ => Blow::Down(node, self.dice.between_ms(2000, 12_000)),
        }
    }

    fn strike(&mut self, blow: Blow, nodes: &Nodes) -> Result<()> {
        match blow {
            Blow::Once(node) => self.kill(node, nodes),
            Blow::Both(node, other, pause) => {
                self.kill(node, nodes)?;
                sleep(pause);
                self.kill(other, nodes)
            }
            Blow::Down(node, time) => {
                let until = Instant::now() + time;
                while Instant::now() < until {
                    self.kill(node, nodes)?;
                    sleep(GLANCE);
                }
                Ok(())
            }
        }
    }

    fn kill(&mut self, node: u16, nodes: &Nodes) -> Result<()> {
        self.kills += u32::from(nodes.kill(node)?);
        Ok(())
    }
}

impl Blow {
    fn hits(self, node: u16) -> bool {
        match self {
            Self::Once(one) | Self::Down(one, _) => node == one,
            Self::Both(one, other, _) => node == one || node == other,
        }
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once(node) => write!(f, "node {node}"),
            Self::Both(node, other, pause) => {
                write!(f, "node {node}, and {other} after {:.1} s", pause.as_secs_f64())
            }
            Self::Down(node, time) => {
                write!(f, "node {node}, again and again for {:.0} s", time.as_secs_f64())
            }
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// A line of the table that people watch.
struct Line<T> {
    time: T,
    killed: T,
    mended: T,
    gap: T,
    acknowledged: T,
    failed: T,
}

impl Line<&str> {
    const HEADER: Self = Self {
        time: "at",
        killed: "killed",
        mended: "in sync after",
        gap: "longest gap",
        acknowledged: "acknowledged",
        failed: "failed",
    };
}

impl<T: fmt::Display> fmt::Display for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, killed, mended, gap, acknowledged, failed } = self;
        write!(f, "{time:>8}  {killed:<50}{mended:>14}{gap:>13}{acknowledged:>14}{failed:>8}")
    }
}

/// Numbers that look random and are the same for a seed (splitmix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u16) -> u16 {
        u16::try_from(self.next() % u64::from(limit)).expect("it is below a u16")
    }

    fn one_in(&mut self, n: u16) -> bool {
        self.below(n) == 0
    }

    fn between_ms(&mut self, least: u16, most: u16) -> Duration {
        Duration::from_millis(u64::from(least + self.below(most - least)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Blow, Killer};
    use std::time::Instant;

    #[test]
    fn a_seed_draws_every_kind_of_blow_and_every_node() {
        let mut killer = Killer::new(1, Instant::now());
        let blows: Vec<Blow> = (0..200).map(|_| killer.draw(Some(2))).collect();
        for node in 1..=3 {
            assert!(blows.contains(&Blow::Once(node)));
            assert!(blows.iter().any(|blow| matches!(blow, Blow::Down(it, _) if *it == node)));
        }
        let pair = |blow: &Blow| match blow {
            Blow::Both(node, other, _) => Some((*node, *other)),
            _ => None,
        };
        assert!(blows.iter().filter_map(pair).count() > 20);
        let valid =
            |(node, other)| node != other && (1..=3).contains(&node) && (1..=3).contains(&other);
        assert!(blows.iter().filter_map(pair).all(valid));
    }
}
