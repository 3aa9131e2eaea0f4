//! One file per protocol.
