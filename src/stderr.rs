//! What is said on standard error: [`say`].

use std::fmt::Display;
use std::io::{self, Write as _};

/// Says something in a line. Where nobody hears it any more, that is all that is lost.
pub fn say(what: impl Display) {
    let _ = writeln!(io::stderr().lock(), "spanwatch: {what}");
}
