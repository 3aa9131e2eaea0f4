//! The shipped sample: its frames, and the truth about it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::capture::{self, Frame};
use super::story::list;
use super::wire::Mac;

/// A capture with its truth.
#[derive(Debug)]
pub struct Site {
    /// Where the capture is.
    pub path: PathBuf,
    /// Its frames.
    pub frames: Vec<Frame>,
    /// What really was and happened.
    pub truth: Value,
}

impl Site {
    /// The shipped sample: a camera dies, later a switch.
    pub fn sample() -> Self {
        Self::read(&super::run::sample())
    }

    /// A capture of the lab, its truth beside it.
    pub fn read(path: &Path) -> Self {
        let truth = path.with_extension("truth.json");
        let text = std::fs::read(&truth).unwrap_or_else(|error| panic!("{}: {error}", truth.display()));
        let truth = serde_json::from_slice(&text).expect("the truth is JSON");
        Self { path: path.to_owned(), frames: capture::read(path), truth }
    }

    /// The MACs of devices that are asked rather than ask: all but the recorder, servers and routers.
    pub fn field_devices(&self) -> BTreeSet<Mac> {
        let is_asked = |device: &&Value| {
            !["recorder", "server", "router"].contains(&device["kind"].as_str().unwrap_or_default())
        };
        list(&self.truth, "devices").filter(is_asked).map(|device| mac(text(device, "mac"))).collect()
    }

    /// The MAC of the device of this kind.
    pub fn mac_of(&self, kind: &str) -> Mac {
        let device = list(&self.truth, "devices").find(|device| device["kind"] == kind);
        mac(text(device.unwrap_or_else(|| panic!("no {kind} is in the truth")), "mac"))
    }
}

/// A text that must be there.
pub fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_else(|| panic!("no text {key:?} in {of}"))
}

/// The bytes of a MAC address.
pub fn mac(text: &str) -> Mac {
    let bytes: Vec<u8> =
        text.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("a MAC is hexadecimal")).collect();
    bytes.try_into().expect("a MAC has six bytes")
}
