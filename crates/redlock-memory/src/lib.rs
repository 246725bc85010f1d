#![doc = include_str!("../README.md")]

mod builder;
mod fence;
mod lock;
mod node;
mod serve;
mod state;
mod store;

pub use builder::MemoryNodeBuilder;
pub use node::MemoryNode;
