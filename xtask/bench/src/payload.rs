//! What the records hold.

/// Numbers that look random and are the same in every run (splitmix64).
#[derive(Debug, Clone)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Whether a codec finds anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// No codec makes it smaller.
    Noise,
    /// Positions of trucks, as JSON.
    Json,
}

impl Payload {
    /// The values of some records, each of the given size.
    pub(crate) fn values(self, size: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut numbers = Numbers(7);
        std::iter::repeat_with(move || match self {
            Self::Noise => noise(&mut numbers, size),
            Self::Json => json(&mut numbers, size),
        })
    }
}

fn noise(numbers: &mut Numbers, size: usize) -> Vec<u8> {
    std::iter::repeat_with(|| numbers.next().to_le_bytes()).flatten().take(size).collect()
}

fn json(numbers: &mut Numbers, size: usize) -> Vec<u8> {
    let mut text = String::with_capacity(size + 128);
    while text.len() < size {
        let number = numbers.next();
        text.push_str(&format!(
            r#"{{"truck":"truck-{}","latitude":{:.5},"longitude":{:.5},"speed_kmh":{}}}"#,
            number % 1000,
            f64::from(u16::try_from(number >> 48).expect("16 bits")) / 364.0 - 90.0,
            f64::from(u16::try_from(number >> 32 & 0xffff).expect("16 bits")) / 182.0 - 180.0,
            (number >> 16) % 90,
        ));
    }
    text.truncate(size);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::Payload;
    use protocol::records::{Compression, compress};

    fn ratio(payload: Payload) -> f64 {
        let plain: Vec<u8> = payload.values(1000).take(100).flatten().collect();
        assert_eq!(plain.len(), 100_000);
        compress(Compression::Lz4, None, &plain).len() as f64 / plain.len() as f64
    }

    #[test]
    fn noise_stays_as_large_as_it_is_and_json_shrinks() {
        assert!(ratio(Payload::Noise) > 0.99);
        assert!((0.1..0.7).contains(&ratio(Payload::Json)), "{}", ratio(Payload::Json));
    }
}
