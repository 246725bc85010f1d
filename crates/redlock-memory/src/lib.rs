//! An embedded redlock node in this process: the default backend, the test double, the model of the scripts
