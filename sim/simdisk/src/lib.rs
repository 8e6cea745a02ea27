#![doc = include_str!("../README.md")]

mod directory;
mod disk;
mod fault;
mod image;
mod rng;
mod tree;

pub use disk::{Crash, SimDisk};
pub use fault::Call;
pub use rng::Rng;
