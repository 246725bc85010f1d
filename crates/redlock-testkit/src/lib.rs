//! For authors of redlock backends: conformance suite, server runner, fault simulator, history checker

pub mod server;
