//! The files that Spanwatch ships with.

/// The vocabulary: kinds and vendors.
pub const IDENTIFIERS: (&str, &str) = ("identifiers.toml", include_str!("../data/identifiers.toml"));

/// The entries, one file a key.
pub const ENTRIES: &[(&str, &str)] = &[("rtsp.server.toml", include_str!("../data/rtsp.server.toml"))];

/// Address blocks of the makers whose names the vocabulary has.
pub const OUI: (&str, &str) = ("oui.tsv", include_str!("../data/oui.tsv"));
