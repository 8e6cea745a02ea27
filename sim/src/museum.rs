//! The museum: bugs that others had, each of them planted in our code behind a switch. The simulator
//! has to find every one: it's the simulator's own test. Their stories are told one by one below.

use protocol::Bug;

/// A bug on show.
#[derive(Clone, Copy, Debug)]
pub struct Exhibit {
    /// Its switch.
    pub bug: Bug,
    /// What it does, in a few words.
    pub title: &'static str,
    /// How soon it must be found.
    pub tier: Tier,
    /// What it breaks: the properties that are expected to notice it, the likeliest first.
    pub properties: &'static [&'static str],
}

/// How soon a bug must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Almost at once.
    Canary,
    /// Soon.
    A,
    /// With some patience.
    B,
}

impl Tier {
    /// How many seeds it may take.
    #[must_use]
    pub fn seeds_max(self) -> u64 {
        match self {
            Self::Canary => 5,
            Self::A => 50,
            Self::B => 500,
        }
    }

    /// What it's called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::A => "A",
            Self::B => "B",
        }
    }
}

impl Exhibit {
    /// What the bug is called.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{:?}", self.bug)
    }
}

macro_rules! exhibits {
    ($($module:ident,)+) => {
        $(mod $module;)+

        /// All of them.
        pub const ALL: &[Exhibit] = &[$($module::EXHIBIT,)+];
    };
}

exhibits! {
    r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r12, r16, r17, q1, q2, q8, q10, q11, q13, s1, s2, s3, s5, t3, t4,
}

/// The bug of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Exhibit> {
    ALL.iter().find(|exhibit| exhibit.id().eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_that_can_be_planted_is_on_show_once() {
        let shown: Vec<Bug> = ALL.iter().map(|exhibit| exhibit.bug).collect();
        assert_eq!(shown, Bug::ALL);
    }

    #[test]
    fn a_bug_is_found_by_its_id() {
        assert_eq!(find("r1").map(|exhibit| exhibit.bug), Some(Bug::R1));
        assert!(find("R0").is_none());
    }
}
