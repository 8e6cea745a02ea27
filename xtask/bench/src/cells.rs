//! The matrix. Each file holds the cells of one question.

mod cluster;
mod latency;
mod librdkafka;
mod lifetime;
mod memory;
mod produce;
mod read;

use crate::cell::Cell;

/// The word that asks for the cells of a cluster.
pub(crate) const CLUSTER: &str = "cluster";

/// The cells that words ask for, in the order of the table: those of a cluster if that is the first
/// of them, and those of a single node otherwise.
pub(crate) fn chosen(words: &[String]) -> Vec<Cell> {
    let (mut cells, words) = match words.split_first() {
        Some((first, words)) if first == CLUSTER => (cluster::cells(), words),
        _ => (of_one_node(), words),
    };
    cells.retain(|cell| cell.is_meant_by(words));
    cells
}

fn of_one_node() -> Vec<Cell> {
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
    for cell in of_one_node() {
        println!("{}", cell.name);
    }
    for cell in cluster::cells() {
        println!("{CLUSTER}: {}", cell.name);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_word_picks_cells_by_name_and_no_word_picks_all() {
        let chosen = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            super::chosen(&words)
        };
        for matrix in [&[][..], &["cluster"]] {
            let all = chosen(matrix);
            let mut names: Vec<&str> = all.iter().map(|cell| cell.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all.len(), "every name is another");
        }
        assert_eq!(chosen(&["10 GB"]).len(), 1);
        assert!(chosen(&["END TO END", "10 GB"]).len() > 1);
        assert_eq!(chosen(&["cluster", "kill -9"]).len(), 2);
        assert!(chosen(&["kill -9", "cluster"]).iter().all(|cell| cell.name.contains("10 GB")));
    }
}
