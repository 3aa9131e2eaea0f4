//! Words for people: what the report says in its own.

use std::fmt;

use spanwatch_appliance::access::{Role, Team};
use spanwatch_engine::report::{Device, Finding};
use spanwatch_engine::report::{Report, time};
use spanwatch_parsers::Time;

/// A text that may be put on a page: cut, on one line, with nothing in it that turns its direction around or hides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Shown(String);

impl Shown {
    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::FastWritable for Shown {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        Ok(dest.write_str(&self.0)?)
    }
}

/// A name or an address from the wire.
pub fn shown(text: &str) -> Shown {
    Shown(cut(text, NAME_MAX))
}

/// As much of a name as a picture has room for.
pub fn brief(text: &str) -> Shown {
    Shown(cut(text, BRIEF_MAX))
}

/// A sentence that names from the wire stand in.
pub fn said(text: &str) -> Shown {
    Shown(cut(text, SENTENCE_MAX))
}

/// A text of several lines, such as is pasted into a ticket.
pub fn lines(text: &str) -> Shown {
    let mut shown = String::new();
    for line in text.lines() {
        if shown.len() >= LINES_BYTES_MAX {
            shown.push_str("…\n");
            break;
        }
        shown.push_str(&cut(line, SENTENCE_MAX));
        shown.push('\n');
    }
    Shown(shown)
}

fn cut(text: &str, limit: usize) -> String {
    let mut cut = String::with_capacity(text.len().min(limit));
    let mut letters = text.chars();
    for letter in letters.by_ref().take(limit) {
        match letter {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => cut.push(' '),
            letter if is_hidden(letter) => cut.push('\u{fffd}'),
            letter => cut.push(letter),
        }
    }
    if letters.next().is_some() {
        cut.push('…');
    }
    cut
}

/// Control characters, and those of Unicode that turn a line's direction around or are not seen (UAX 9, 2; UTS 55, 4).
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// What to call a device: by the site's list, by who made it, by what it says of itself; else by its address.
pub fn called(device: &Device) -> Shown {
    let listed = device.inventory.as_ref().and_then(|row| row.get("name"));
    let own = device.name.as_ref().or(device.hostname.as_ref());
    let made = match (&device.vendor, &device.model) {
        (Some(vendor), Some(model)) if !model.starts_with(vendor.as_str()) => {
            Some(format!("{vendor} {model}"))
        }
        (_, Some(model)) => Some(model.clone()),
        (vendor, None) => vendor.clone(),
    };
    let name = listed.or(own).cloned().or(made);
    shown(name.as_ref().unwrap_or_else(|| address(device)))
}

/// What to call a device on a lane: by the words that evidence has for it, and its address.
pub fn on_lane(device: &Device) -> Shown {
    let listed = device.inventory.as_ref().and_then(|row| row.get("name"));
    let words = match (listed, &device.vendor, &device.model) {
        (Some(name), ..) => name.clone(),
        (None, Some(vendor), Some(model)) => format!("{vendor} {model}"),
        _ => return called(device),
    };
    let address = address(device);
    let room = LANE_NAME_MAX.saturating_sub(address.chars().count().saturating_add(1));
    Shown(format!("{} {}", cut(&words, room), cut(address, NAME_MAX)))
}

/// The address by which people look for a device.
pub fn address(device: &Device) -> &String {
    device.ips.iter().find(|ip| !ip.starts_with("fe80:")).or(device.ips.first()).unwrap_or(&device.id)
}

/// `2026-11-22 03:40:36` of a time of the report; UTC.
pub fn moment(rfc3339: &str) -> String {
    shown(rfc3339.get(..19).unwrap_or(rfc3339)).0.replace('T', " ")
}

/// `03:40:36` of a time of the report; UTC.
pub fn of_day(rfc3339: &str) -> String {
    shown(rfc3339.get(11..19).unwrap_or(rfc3339)).0
}

/// What somebody said of a finding.
pub fn status(status: &str) -> &'static str {
    match status {
        "new" => "new",
        "acknowledged" => "seen",
        "in-progress" => "in progress",
        "resolved" => "resolved",
        "suppressed" => "suppressed",
        "false-positive" => "false positive",
        _ => "not known",
    }
}

/// What somebody may.
pub const fn role(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator(Team::It) => "operator, IT",
        Role::Operator(Team::PhysicalSecurity) => "operator, physical security",
        Role::Admin => "admin",
    }
}

/// What somebody did, of the words of the audit.
pub fn done(what: &str) -> &str {
    match what {
        "acknowledged" => "saw it",
        "in-progress" => "began to work on it",
        "handed-over" => "handed it over",
        "noted" => "left a note",
        "new" => "opened it again",
        "false-positive" => "called it a false positive",
        "logged-in" => "logged in",
        "logged-out" => "logged out",
        "login-failed" => "failed to log in",
        "password-set" => "set a password",
        "user-added" => "added a user",
        "user-removed" => "removed a user",
        "role-changed" => "changed a role",
        "link-made" => "made a link",
        "token-made" => "made a token",
        "token-revoked" => "revoked a token",
        "devices-labelled" => "said of devices",
        "capture-brought" => "brought a capture",
        "capture-removed" => "removed a capture",
        other => other,
    }
}

/// Whose turn it is.
pub fn turn(owner: &str) -> &'static str {
    match owner {
        "it" => "IT",
        "physical-security" => "Physical security",
        _ => "Not clear yet",
    }
}

/// A summary after it was handed over: its sentence on whose turn it is names the team that it is now.
pub fn handed_over(summary: &str, to: Team) -> String {
    let team = match to {
        Team::It => "IT",
        Team::PhysicalSecurity => "physical security",
    };
    let said = format!("It was handed over: it is {team}'s turn.");
    let found = TURNS.iter().filter_map(|words| summary.rfind(words)).max();
    let Some(at) = found else { return format!("{} {said}", summary.trim_end()) };
    let (before, sentence) = summary.split_at(at);
    let behind = sentence.split_once(". ").map_or("", |(_, behind)| behind);
    [before.trim_end(), &said, behind].join(" ").trim().to_owned()
}

/// Whether to send a technician to the device.
pub fn dispatch(finding: &Finding) -> Option<&'static str> {
    Some(match (finding.dispatch?, finding.ended.is_some()) {
        (_, true) => "No: it is over.",
        ("yes", _) => "Yes: somebody has to go to the device.",
        ("no", _) => "No: nobody has to visit a device.",
        _ => "Wait: first see what IT finds from the desk.",
    })
}

/// A cause in words.
pub fn cause(cause: &str) -> &str {
    match cause {
        "device" => "the device itself",
        "device-restart" => "the device restarted",
        "service" => "a program of the device",
        "recorder" => "the recorder",
        "power" => "power",
        "switch" => "the switch",
        "uplink" => "the switch's uplink",
        "link" => "the cable or the port",
        "network-path" => "the way through the network",
        "dhcp" => "the address server (DHCP)",
        "address-conflict" => "two devices with one address",
        "mirror" => "our own mirror port",
        "unknown" => "not clear yet",
        other => other,
    }
}

/// `92 %` of `0.92`, on one line.
pub fn percent(confidence: &impl fmt::Display) -> String {
    let text = confidence.to_string();
    // What a store read again has no zeros behind.
    let percent = match text.split_once('.') {
        Some(("0", part)) => {
            format!("{part:0<2}").get(..2).and_then(|it| it.parse::<u32>().ok()).unwrap_or(0)
        }
        Some(_) => 100,
        None => {
            if text == "1" {
                100
            } else {
                0
            }
        }
    };
    format!("{percent}\u{a0}%")
}

/// A count with its thousands apart.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len().saturating_sub(place)).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that suits them.
pub fn bytes(number: u64) -> String {
    match number {
        0..10_000 => format!("{number} B"),
        10_000..10_000_000 => format!("{} kB", number / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", number / 1_000_000),
        _ => format!("{} GB", number / 1_000_000_000),
    }
}

/// A rate in the unit that suits it.
pub fn rate(bps: u64) -> String {
    match bps {
        0..10_000 => format!("{bps} bit/s"),
        10_000..10_000_000 => format!("{} kbit/s", bps / 1_000),
        _ => format!("{} Mbit/s", bps / 1_000_000),
    }
}

/// The end of what a report covers.
pub fn end(report: &Report) -> Option<Time> {
    report.capture.last.as_deref().and_then(time::parse)
}

/// How the sentence begins that says whose turn it is.
const TURNS: [&str; 3] =
    ["It is IT's turn", "It is physical security's turn", "It is the camera team's turn"];
/// As much of a name is shown in lists; the engine's own texts are no longer.
const NAME_MAX: usize = 256;
/// Beside a lane.
const LANE_NAME_MAX: usize = 29;
/// In a drawing.
const BRIEF_MAX: usize = 24;
/// Titles and summaries of many devices are longer.
const SENTENCE_MAX: usize = 4_000;
/// Of a text for a ticket: some three hundred lines.
const LINES_BYTES_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_neither_turns_around_nor_hides_nor_breaks() {
        assert_eq!(shown("cam\u{202e}gpj.exe").as_str(), "cam\u{fffd}gpj.exe");
        assert_eq!(shown("a\nb\u{0}c\u{200b}d").as_str(), "a b\u{fffd}c\u{fffd}d");
        assert_eq!(shown("مدخل 1").as_str(), "مدخل 1");
        assert_eq!(shown(&"x".repeat(65_536)).as_str().chars().count(), NAME_MAX + 1);
    }

    #[test]
    fn what_was_handed_over_is_told_as_the_other_teams() {
        let of = |summary: &str| handed_over(summary, Team::PhysicalSecurity);
        let over = "It was handed over: it is physical security's turn.";
        assert_eq!(of("Two are dark. It is IT's turn: check ge9."), format!("Two are dark. {over}"));
        assert_eq!(of("It is IT's turn first: check it. Nobody goes."), format!("{over} Nobody goes."));
        assert_eq!(of("Nothing is clear."), format!("Nothing is clear. {over}"));
        assert_eq!(
            handed_over(&of("Dark. It is the camera team's turn."), Team::It).matches("turn").count(),
            2
        );
    }

    #[test]
    fn figures_read_well() {
        assert_eq!((count(999).as_str(), count(1_234_567).as_str()), ("999", "1,234,567"));
        assert_eq!(bytes(2_776_996), "2776 kB");
        assert_eq!(
            ["0.92", "1.00", "0.05", "0.9", "1", "0", "0.0"].map(|it| percent(&it)),
            ["92", "100", "5", "90", "100", "0", "0"].map(|it| format!("{it}\u{a0}%"))
        );
        assert_eq!(moment("2026-11-22T03:40:36.123000000Z"), "2026-11-22 03:40:36");
    }
}
