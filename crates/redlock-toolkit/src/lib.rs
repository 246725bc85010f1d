//! Distributed locks over N independent Redis or Valkey nodes, or any other backend (Redlock)
