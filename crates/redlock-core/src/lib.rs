//! The Redlock quorum algorithm over any backend: rounds, leases, guards
