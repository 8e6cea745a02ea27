//! Whether a name that nobody knows is a known one, misspelt.

/// The known name that is meant, if one is near enough: the shorter the name, the fewer edits.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = plain(name);
    let edits_max = match name.len() {
        0..8 => 1,
        8..24 => 2,
        _ => 3,
    };
    known
        .map(|candidate| (edits(&plain, &self::plain(candidate), edits_max), candidate))
        .filter_map(|(edits, candidate)| {
            Some((edits?, candidate.len().abs_diff(name.len()), candidate))
        })
        .min()
        .map(|(_, _, candidate)| candidate)
}

/// A name without what people mix up most: case, and which separator.
fn plain(name: &str) -> Vec<u8> {
    name.bytes()
        .map(|byte| match byte {
            b'_' | b'-' => b'.',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// How many letters must be put in, taken out, replaced, or swapped with their neighbour to make
/// one name of the other; `None` = more than `most`.
fn edits(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(from != to);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|edits| *edits <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] =
        ["log.dirs", "log.dir", "node.id", "num.partitions", "log.retention.hours"];

    #[test]
    fn a_misspelt_name_is_recognised() {
        let table = [
            ("num.partition", Some("num.partitions")),
            ("num.partitons", Some("num.partitions")),
            ("num_partitions", Some("num.partitions")),
            ("Num.Partitions", Some("num.partitions")),
            ("log.retnetion.hours", Some("log.retention.hours")),
            ("node-id", Some("node.id")),
            ("nodeid", Some("node.id")),
            ("log.dirz", Some("log.dirs")),
            ("my.own.key", None),
            ("group.id", None),
            ("log.retention.days", None),
        ];
        for (name, meant) in table {
            assert_eq!(nearest(name, KNOWN.into_iter()), meant, "{name}");
        }
    }

    #[test]
    fn swapped_neighbours_count_once() {
        assert_eq!(edits(b"abcd", b"abdc", 4), Some(1));
        assert_eq!(edits(b"abc", b"abc", 4), Some(0));
        assert_eq!(edits(b"", b"abc", 4), Some(3));
        assert_eq!(edits(b"kitten", b"sitting", 4), Some(3));
        assert_eq!(edits(b"kitten", b"sitting", 2), None);
    }
}
