//! Programs that measure; see `docs/performance.md`.
