//! A [`redlock_core`] node on the [`fred`](https://docs.rs/fred) crate.

mod builder;
mod call;
mod convert;
mod line;
mod meeting;
mod node;
mod silence;
mod ticket;
mod url;

pub use builder::FredNodeBuilder;
pub use node::FredNode;
pub use url::NodeConfigError;
