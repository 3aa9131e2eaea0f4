//! The media profiles that a device tells: how it is set to send its pictures (GetProfiles).
//!
//! ```text
//! Profiles@token / Name
//!                / VideoEncoderConfiguration        / Encoding, Resolution / Width, Height, RateControl / FrameRateLimit, BitrateLimit
//!                / Configurations / VideoEncoder    / the same, in the second media service
//! ```
//!
//! Source: ONVIF Media Service Specification 23.12, 5.2.2; ONVIF Media 2 Service Specification 23.12, 5.1; onvif.xsd,
//! Profile, VideoEncoderConfiguration, VideoEncoder2Configuration. Left out: sound, analytics, and what a camera could be set to.

use crate::vocabulary::{MediaProfile, Text};
use crate::xml::{Path, Piece};

/// Takes an answer piece by piece.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What was told, [`PROFILES_MAX`] at most, the last of it perhaps in part.
    pub(super) profiles: Vec<MediaProfile>,
    /// Whether what is read belongs to none of them.
    is_beyond: bool,
}

impl Reader {
    pub(super) fn take(&mut self, path: &Path, piece: &Piece<'_>) {
        match piece {
            Piece::Open(attributes) if path.depth() == DEPTH && path.name() == "Profiles" => {
                let token = attributes.value("token").unwrap_or_default();
                self.is_beyond = self.profiles.len() >= PROFILES_MAX;
                if !self.is_beyond {
                    self.profiles
                        .push(MediaProfile { token: Text::from(token.as_str()), ..MediaProfile::default() });
                }
            }
            Piece::Text(text) if path.at(DEPTH - 1) == "Profiles" && !self.is_beyond => {
                if let Some(profile) = self.profiles.last_mut() {
                    set(profile, path, text);
                }
            }
            _ => {}
        }
    }
}

fn set(profile: &mut MediaProfile, path: &Path, text: &str) {
    if path.depth() == DEPTH + 1 && path.name() == "Name" {
        profile.name = Text::some(text.as_bytes());
    }
    if !path.contains("VideoEncoderConfiguration") && !path.contains("VideoEncoder") {
        return;
    }
    match path.name() {
        "Encoding" => profile.codec = Text::some(text.as_bytes()),
        "Width" => profile.width = text.parse().ok(),
        "Height" => profile.height = text.parse().ok(),
        "FrameRateLimit" => profile.frame_rate = whole(text),
        "BitrateLimit" => profile.bitrate_kbps = whole(text),
        _ => {}
    }
}

/// A number without its fraction, which the second media service allows.
fn whole(text: &str) -> Option<u32> {
    text.split('.').next()?.parse().ok()
}

/// Where a profile stands: Envelope / Body / GetProfilesResponse / Profiles.
const DEPTH: usize = 4;

/// A camera has three or four, a recorder two for each channel.
const PROFILES_MAX: usize = 64;
