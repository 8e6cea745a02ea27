//! The matrix. Each file holds the cells of one question.

mod latency;
mod librdkafka;
mod lifetime;
mod memory;
mod produce;
mod read;

use crate::cell::Cell;

/// All cells, in the order of the table.
pub(crate) fn all() -> Vec<Cell> {
    [
        produce::cells(),
        librdkafka::cells(),
        read::cells(),
        latency::cells(),
        lifetime::cells(),
        memory::cells(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) fn list() {
    for cell in all() {
        println!("{}", cell.name);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_word_picks_cells_by_name_and_no_word_picks_all() {
        let all = super::all();
        let count = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            all.iter().filter(|cell| cell.is_meant_by(&words)).count()
        };
        assert_eq!(count(&[]), all.len());
        assert_eq!(count(&["10 GB"]), 1);
        assert!(count(&["END TO END", "10 GB"]) > 1);
        let mut names: Vec<&str> = all.iter().map(|cell| cell.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len(), "every name is another");
    }
}
