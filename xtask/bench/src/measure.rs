//! What is measured, how often, and what was hoped for.

use crate::bench::Side;
use serde_json::{Value, json};

/// What a good value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Aim {
    /// Nothing was promised: the ceiling beside it says enough.
    None,
    /// No more than so many times the ceiling.
    TimesCeiling(f64),
    /// No less than this part of the ceiling.
    PartOfCeiling(f64),
    AtMost(f64),
    AtLeast(f64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Quantity {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) aim: Aim,
}

impl Quantity {
    pub(crate) const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, aim: Aim::None }
    }

    pub(crate) const fn aim(self, aim: Aim) -> Self {
        Self { aim, ..self }
    }
}

/// A quantity with the values of every repeat.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    pub(crate) quantity: Quantity,
    pub(crate) ottla: Vec<f64>,
    /// Empty where the stub has nothing to compare with.
    pub(crate) ceiling: Vec<f64>,
}

/// Whether an aim was met, and how far off it the value is: 0.2 is 20 % on the wrong side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) met: bool,
    pub(crate) missed_by: f64,
}

impl Measure {
    pub(crate) fn of(quantity: Quantity) -> Self {
        Self { quantity, ottla: Vec::new(), ceiling: Vec::new() }
    }

    pub(crate) fn add(&mut self, side: Side, value: f64) {
        match side {
            Side::Ceiling => self.ceiling.push(value),
            Side::Ottla => self.ottla.push(value),
        }
    }

    pub(crate) fn ratio(&self) -> Option<f64> {
        Some(median(&self.ottla)? / median(&self.ceiling)?)
    }

    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let missed_by = match self.quantity.aim {
            Aim::None => return None,
            Aim::TimesCeiling(times) => self.ratio()? / times - 1.0,
            Aim::PartOfCeiling(part) => 1.0 - self.ratio()? / part,
            Aim::AtMost(most) => median(&self.ottla)? / most - 1.0,
            Aim::AtLeast(least) => 1.0 - median(&self.ottla)? / least,
        };
        Some(Verdict { met: missed_by <= 0.0, missed_by: missed_by.max(0.0) })
    }

    pub(crate) fn to_json(&self) -> Value {
        let verdict = self.verdict();
        json!({
            "name": self.quantity.name,
            "unit": self.quantity.unit,
            "ottla": { "median": median(&self.ottla), "repeats": self.ottla },
            "ceiling": { "median": median(&self.ceiling), "repeats": self.ceiling },
            "ratio": self.ratio(),
            "aim": match self.quantity.aim {
                Aim::None => Value::Null,
                Aim::TimesCeiling(times) => json!({ "ratio_at_most": times }),
                Aim::PartOfCeiling(part) => json!({ "ratio_at_least": part }),
                Aim::AtMost(most) => json!({ "at_most": most }),
                Aim::AtLeast(least) => json!({ "at_least": least }),
            },
            "met": verdict.map(|verdict| verdict.met),
            "missed_by": verdict.map(|verdict| verdict.missed_by),
        })
    }
}

/// The value in the middle; of an even number of values, between the two.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::{Aim, Measure, Quantity, Verdict, median};

    fn measure(aim: Aim, ottla: &[f64], ceiling: &[f64]) -> Measure {
        let quantity = Quantity::new("throughput", "MB/s").aim(aim);
        Measure { quantity, ottla: ottla.to_vec(), ceiling: ceiling.to_vec() }
    }

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn an_aim_beside_the_ceiling_compares_medians() {
        let met = Some(Verdict { met: true, missed_by: 0.0 });
        let cost = measure(Aim::TimesCeiling(1.5), &[0.3, 0.28, 9.0], &[0.2]);
        assert_eq!(cost.verdict(), met);
        let speed = measure(Aim::PartOfCeiling(0.75), &[750.0], &[1000.0]);
        assert_eq!(speed.verdict(), met);
        let slow = measure(Aim::PartOfCeiling(0.8), &[600.0], &[1000.0]).verdict().unwrap();
        assert!(!slow.met && (slow.missed_by - 0.25).abs() < 1e-9);
    }

    #[test]
    fn an_aim_of_its_own_needs_no_ceiling() {
        let late = measure(Aim::AtMost(20.0), &[30.0], &[]);
        assert_eq!(late.ratio(), None);
        assert_eq!(late.verdict(), Some(Verdict { met: false, missed_by: 0.5 }));
        let fast = measure(Aim::AtLeast(20.0), &[25.0], &[]);
        assert_eq!(fast.verdict(), Some(Verdict { met: true, missed_by: 0.0 }));
        assert_eq!(measure(Aim::None, &[1.0], &[1.0]).verdict(), None);
    }
}
