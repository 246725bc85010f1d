//! A redlock node on the redis crate
