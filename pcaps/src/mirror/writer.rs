//! Captures as pcapng.
