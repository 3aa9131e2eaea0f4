//! One finding as plain text, to be pasted into a ticket or a mail.
//!
//! Every audience gets the title, whose turn it is and whether to send somebody out first. What follows, and how
//! deep, is theirs: the camera team reads what to do and why, without packets; IT reads the protocol, the addresses
//! and every packet first; security reads what was seen when, in order, and what the captures' hashes are.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::table::wrapped;
use super::{Device, Evidence, Finding, Report};

/// For whom a finding is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever asks: everything.
    Everybody,
    /// The network's team.
    It,
    /// The cameras' team.
    PhysicalSecurity,
    /// Who watches over both.
    Security,
}

/// A part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    WhatHappened,
    Devices,
    Causes(Depth),
    NextStep,
    Verify,
    Detail,
    Evidence,
    History,
    Captures,
}

/// How much is said of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// In words.
    Words,
    /// With the time and the packet of each.
    Packets,
}

impl Audience {
    const fn parts(self) -> &'static [Part] {
        use Part::{Captures, Causes, Detail, Devices, Evidence, History, NextStep, Verify, WhatHappened};
        match self {
            Self::Everybody => &[
                WhatHappened,
                Devices,
                NextStep,
                Verify,
                Causes(Depth::Packets),
                Detail,
                Evidence,
                History,
                Captures,
            ],
            Self::It => &[
                Detail,
                Devices,
                NextStep,
                Causes(Depth::Packets),
                Evidence,
                Verify,
                WhatHappened,
                History,
                Captures,
            ],
            Self::PhysicalSecurity => &[WhatHappened, NextStep, Verify, Causes(Depth::Words), Devices],
            Self::Security => {
                &[WhatHappened, Devices, Evidence, Causes(Depth::Words), History, Detail, NextStep, Captures]
            }
        }
    }
}

/// What an id, or the beginning of one, names.
#[derive(Debug)]
pub enum Named<'a> {
    /// One finding, itself.
    Finding(&'a Finding),
    /// One finding that superseded the one of this id.
    Superseded(&'a Finding, &'a str),
    /// Several, by their ids.
    Several(Vec<&'a Finding>),
    /// None; those whose ids are most alike.
    None(Vec<&'a Finding>),
}

/// Looks a finding up by its id or the beginning of it.
#[must_use]
pub fn named<'a>(report: &'a Report, id: &str) -> Named<'a> {
    let id = id.trim().to_ascii_lowercase();
    if !id.is_empty() {
        let whole = report.findings.iter().find(|finding| finding.id == id);
        let begins: Vec<&Finding> =
            report.findings.iter().filter(|finding| finding.id.starts_with(&id)).collect();
        if let Some(finding) = whole.or(match begins[..] {
            [one] => Some(one),
            _ => None,
        }) {
            return Named::Finding(finding);
        }
        if !begins.is_empty() {
            return Named::Several(begins);
        }
        let earlier = report.findings.iter().flat_map(|finding| {
            finding.supersedes.iter().filter(|it| it.starts_with(&id)).map(move |it| (finding, it))
        });
        let earlier: Vec<(&Finding, &String)> = earlier.collect();
        if let Some((finding, it)) =
            earlier.first().filter(|(_, it)| earlier.iter().all(|(_, other)| it == other))
        {
            return Named::Superseded(finding, it);
        }
    }
    let alike = |finding: &Finding| finding.id.bytes().zip(id.bytes()).take_while(|(a, b)| a == b).count();
    let mut near: Vec<&Finding> = report.findings.iter().collect();
    near.sort_by_key(|finding| std::cmp::Reverse(alike(finding)));
    near.truncate(NEAR_MAX);
    Named::None(near)
}

/// Writes one finding of `report` for `audience`. `asked` is the superseded id by which it was asked for.
///
/// # Errors
/// Those of `out`.
pub fn write(
    report: &Report,
    finding: &Finding,
    (audience, asked): (Audience, Option<&str>),
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page { out };
    page.paragraph("", &format!("[{}] {}", finding.severity.to_uppercase(), finding.title))?;
    page.blank()?;
    if let Some(asked) = asked {
        page.field("Note", &format!("{asked}, said before it was clear, is now this finding"))?;
    }
    page.field("Whose turn", &turn(finding))?;
    if let Some(dispatch) = finding.dispatch {
        page.field("Technician", sent(dispatch, finding.ended.is_some()))?;
    }
    if let Some(cause) = finding.cause {
        let weighed = finding.alternatives.iter().find(|it| it.cause == cause);
        let sure = weighed.map(|it| format!(" ({})", percent(&it.confidence))).unwrap_or_default();
        page.field("Cause", &format!("{}{sure}", in_words(cause)))?;
    }
    page.field("Certainty", &format!("{} that it is so", percent(&finding.confidence)))?;
    page.field("Began", &moment(&finding.first_seen))?;
    page.field("Detected", &moment(&finding.detected))?;
    page.field(
        "Ended",
        &finding.ended.as_deref().map_or_else(|| "not as far as was watched".to_owned(), moment),
    )?;
    if finding.count > 1 {
        page.field("Times", &finding.count.to_string())?;
    }
    if let Some(site) = &report.site {
        page.field("Site", site)?;
    }
    page.field("Finding", &format!("{} ({})", finding.id, finding.kind))?;
    for part in audience.parts() {
        page.part(*part, report, finding)?;
    }
    page.out.flush()
}

/// Where the text goes.
struct Page<'a> {
    out: &'a mut dyn Write,
}

impl Page<'_> {
    fn part(&mut self, part: Part, report: &Report, finding: &Finding) -> io::Result<()> {
        match part {
            Part::WhatHappened => self.text("What happened", &finding.summary),
            Part::NextStep => self.text("Next step", &finding.remedy),
            Part::Verify => self.text("How to see that it is mended", &finding.verify),
            Part::Detail => self.text("For the network team", &finding.detail),
            Part::Devices => self.devices(report, finding),
            Part::Causes(depth) => self.causes(finding, (report, depth)),
            Part::Evidence => self.evidence(report, finding),
            Part::History => self.history(finding),
            Part::Captures => self.captures(report),
        }
    }

    fn devices(&mut self, report: &Report, finding: &Finding) -> io::Result<()> {
        if finding.devices.is_empty() && finding.switch.is_none() {
            return Ok(());
        }
        self.heading("Devices")?;
        for id in finding.devices.iter().take(DEVICES_MAX) {
            let device = report.devices.iter().find(|device| device.id == *id);
            self.paragraph("- ", &device.map_or_else(|| id.clone(), |device| described(device)))?;
        }
        if finding.devices.len() > DEVICES_MAX {
            let more = finding.devices.len().saturating_sub(DEVICES_MAX);
            self.paragraph("- ", &format!("and {more} more"))?;
        }
        if let Some(id) = &finding.switch {
            let switch = report.switches.iter().find(|switch| switch.id == *id);
            let name = switch.and_then(|switch| switch.name.as_deref());
            self.paragraph(
                "",
                &format!("Switch: {}", name.map_or_else(|| id.clone(), |name| format!("{name} ({id})"))),
            )?;
        }
        Ok(())
    }

    fn causes(&mut self, finding: &Finding, (report, depth): (&Report, Depth)) -> io::Result<()> {
        if finding.alternatives.is_empty() {
            return Ok(());
        }
        self.heading("What it may be, the likeliest first")?;
        for (rank, cause) in (1..).zip(&finding.alternatives) {
            let sure = percent(&cause.confidence);
            self.paragraph(&format!("{rank}. "), &format!("{} ({sure})", in_words(cause.cause)))?;
            for (word, indices) in [("for", &cause.speaks_for), ("against", &cause.speaks_against)] {
                let evidence = indices.iter().filter_map(|index| finding.evidence.get(*index));
                for piece in evidence.clone().take(PIECES_MAX) {
                    let text = match depth {
                        Depth::Words => piece.text.clone(),
                        Depth::Packets => cited(piece, &finding.first_seen, report),
                    };
                    self.paragraph(&format!("   {word}: "), &text)?;
                }
                let more = evidence.count().saturating_sub(PIECES_MAX);
                if more > 0 {
                    self.paragraph(&format!("   {word}: "), &format!("and {more} more of the kind"))?;
                }
            }
            self.paragraph("   would settle it: ", cause.would_change)?;
        }
        Ok(())
    }

    fn evidence(&mut self, report: &Report, finding: &Finding) -> io::Result<()> {
        if finding.evidence.is_empty() {
            return Ok(());
        }
        self.heading("What shows it")?;
        let mut pieces: Vec<&Evidence> = finding.evidence.iter().collect();
        pieces.sort_by(|a, b| a.time.cmp(&b.time));
        for piece in pieces {
            self.paragraph("- ", &cited(piece, &finding.first_seen, report))?;
        }
        Ok(())
    }

    fn history(&mut self, finding: &Finding) -> io::Result<()> {
        if finding.revisions.is_empty() && finding.supersedes.is_empty() {
            return Ok(());
        }
        self.heading("How the judgement changed")?;
        for revision in &finding.revisions {
            let (cause, sure) = (in_words(revision.cause), percent(&revision.confidence));
            let time = moment(&revision.time);
            self.paragraph("- ", &format!("{time}: {cause} ({sure}), because: {}", revision.because))?;
        }
        if !finding.supersedes.is_empty() {
            self.paragraph("- ", &format!("takes the place of {}", finding.supersedes.join(", ")))?;
        }
        Ok(())
    }

    fn captures(&mut self, report: &Report) -> io::Result<()> {
        self.heading("Seen in")?;
        for input in report.capture.inputs.iter().take(INPUTS_MAX) {
            self.paragraph("- ", &format!("{}, {} packets", input.name, input.packets))?;
            let sha256 = input.sha256.as_deref().unwrap_or("not taken");
            self.paragraph("  ", &format!("sha256 {sha256}"))?;
        }
        let more = report.capture.inputs.len().saturating_sub(INPUTS_MAX);
        if more > 0 {
            self.paragraph("- ", &format!("and {more} more"))?;
        }
        let (version, configuration) = (report.version, &report.configuration);
        self.paragraph("", &format!("spanwatch {version}, configuration {configuration}"))
    }

    fn text(&mut self, heading: &str, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.heading(heading)?;
        self.paragraph("", text)
    }

    fn heading(&mut self, heading: &str) -> io::Result<()> {
        self.blank()?;
        writeln!(self.out, "{}", heading.to_uppercase())
    }

    fn field(&mut self, name: &str, value: &str) -> io::Result<()> {
        self.paragraph(&format!("{name:<FIELD$}"), value)
    }

    /// Writes `text` behind `lead`, further lines as far in.
    fn paragraph(&mut self, lead: &str, text: &str) -> io::Result<()> {
        let inset = lead.chars().count();
        let mut lead = lead.to_owned();
        for line in wrapped(text, WIDTH.saturating_sub(inset)) {
            writeln!(self.out, "{}", format!("{lead}{line}").trim_end())?;
            lead = " ".repeat(inset);
        }
        Ok(())
    }

    fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }
}

fn turn(finding: &Finding) -> String {
    match (finding.owner, &finding.first_check) {
        ("it", _) => "IT".to_owned(),
        ("physical-security", _) => "physical security".to_owned(),
        (_, Some(check)) => format!("not clear yet. First check: {check}"),
        (_, None) => "not clear yet".to_owned(),
    }
}

/// Whether to send a technician, and why.
fn sent(dispatch: &str, is_over: bool) -> &'static str {
    match (dispatch, is_over) {
        ("yes", _) => "yes: send one to the device",
        ("no", true) => "no: it is over",
        ("no", false) => "no: it cannot be mended at the device",
        _ => "wait: look from here first, a visit may be in vain",
    }
}

/// A cause for people.
fn in_words(cause: &str) -> &str {
    match cause {
        "device" => "the device itself",
        "device-restart" => "the device restarted",
        "service" => "a program of the device",
        "recorder" => "the recorder",
        "power" => "its power",
        "switch" => "the switch",
        "uplink" => "the switch's uplink",
        "link" => "its cable or switch port",
        "network-path" => "the way through the network",
        "dhcp" => "the address server (DHCP)",
        "address-conflict" => "another device on the same address",
        "mirror" => "our own mirror port",
        "unknown" => "cannot be told yet",
        other => other,
    }
}

/// A device in a line: what it is called, what it is, where it is.
fn described(device: &Device) -> String {
    let mut parts = Vec::new();
    let made = [&device.vendor, &device.model].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    parts.extend(device.name.clone().or(device.hostname.clone()));
    parts.push(if device.kind == "unknown" { "device".to_owned() } else { device.kind.clone() });
    parts.push(made);
    let ips: Vec<&str> =
        device.ips.iter().map(String::as_str).filter(|ip| !ip.starts_with("fe80:")).collect();
    parts.push(ips.join(" "));
    parts.extend(device.mac.clone());
    if !device.vlans.is_empty() {
        let vlans: Vec<String> = device.vlans.iter().map(ToString::to_string).collect();
        parts.push(format!("VLAN {}", vlans.join(" ")));
    }
    parts.extend(device.inventory.as_ref().and_then(|row| row.get("location").cloned()));
    if let Some(switch) = &device.switch {
        let mut place =
            format!("switch {}", switch.name.as_ref().or(switch.id.as_ref()).map_or("", String::as_str));
        if let Some(port) = &switch.port {
            let _ = write!(place, " port {port}");
        }
        let _ = write!(
            place,
            " (by {})",
            if switch.source == "inventory" { "the site's list" } else { switch.source }
        );
        parts.push(place);
    }
    parts.retain(|part| !part.is_empty());
    format!("{}; state at the end: {}", parts.join(", "), device.state)
}

/// A piece of evidence with its time and packet.
fn cited(piece: &Evidence, day: &str, report: &Report) -> String {
    let is_of_day = piece.time.get(..10) == day.get(..10);
    let date = piece.time.get(..10).filter(|_| !is_of_day).map(|date| format!("{date} ")).unwrap_or_default();
    let mut text = format!("{date}{} {}", of_day(&piece.time), piece.text);
    let mut marks = Vec::new();
    marks.extend(piece.protocol.map(str::to_owned));
    if let Some(frame) = piece.frame {
        let input = piece.input.and_then(|index| report.capture.inputs.get(usize::try_from(index).ok()?));
        let name = input.filter(|_| report.capture.inputs.len() > 1);
        marks.push(
            name.map_or_else(
                || format!("packet {frame}"),
                |input| format!("packet {frame} of {}", input.name),
            ),
        );
    }
    if !marks.is_empty() {
        let _ = write!(text, " [{}]", marks.join(", "));
    }
    text
}

/// `2026-11-22 03:40:36 UTC` of a time of the report.
fn moment(rfc3339: &str) -> String {
    format!("{} UTC", rfc3339.get(..19).unwrap_or(rfc3339).replace('T', " "))
}

/// `03:40:36.123` of a time of the report.
fn of_day(rfc3339: &str) -> &str {
    rfc3339.get(11..23).unwrap_or(rfc3339)
}

/// `92 %` of `0.92`.
fn percent(confidence: &super::Decimal) -> String {
    format!("{} %", confidence.percent())
}

/// Columns: mails and tickets show as many.
const WIDTH: usize = 76;
/// Where a field's value begins.
const FIELD: usize = 12;
/// Devices named one by one.
const DEVICES_MAX: usize = 64;
/// Pieces of evidence shown for one cause; all stand in the list of what shows it.
const PIECES_MAX: usize = 4;
/// Captures named.
const INPUTS_MAX: usize = 16;
/// Findings named where none bears the id.
const NEAR_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::test::{finding, report};

    fn told(audience: Audience) -> String {
        let report = report();
        let mut out = Vec::new();
        write(&report, &report.findings[0], (audience, None), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn place(text: &str, of: &str) -> usize {
        text.find(of).unwrap_or_else(|| panic!("no {of}: {text}"))
    }

    #[test]
    fn every_audience_reads_first_whose_turn_it_is() {
        for audience in [Audience::Everybody, Audience::It, Audience::PhysicalSecurity, Audience::Security] {
            let text = told(audience);
            assert!(
                text.starts_with("[CRITICAL] 2 cameras behind switch sw-dock: no sign of life"),
                "{text}"
            );
            assert!(place(&text, "Whose turn  IT\n") < place(&text, "WHAT IT MAY BE"));
            assert!(place(&text, "Technician  no: it is over") < place(&text, "NEXT STEP"));
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        }
    }

    #[test]
    fn the_network_team_reads_the_detail_first_and_the_camera_team_no_packets() {
        let it = told(Audience::It);
        assert!(place(&it, "FOR THE NETWORK TEAM") < place(&it, "WHAT HAPPENED"));
        assert!(it.contains("for: 03:40:36.123 last frame from A [rtp, packet 12]"), "{it}");
        assert!(it.contains("against: 2026-11-23 00:00:01.000 the switch was heard"), "{it}");
        let cameras = told(Audience::PhysicalSecurity);
        assert!(cameras.contains("for: last frame from A\n") && !cameras.contains("packet"), "{cameras}");
        assert!(!cameras.contains("FOR THE NETWORK TEAM"));
    }

    #[test]
    fn what_was_said_before_is_kept() {
        let text = told(Audience::Everybody);
        assert!(text.contains("takes the place of 0aa0"), "{text}");
        assert!(text.contains("the switch's uplink (90 %), because: they went on"), "{text}");
    }

    #[test]
    fn a_finding_is_found_by_the_beginning_of_its_id() {
        let mut report = report();
        report.findings.push(finding("abc456"));
        let ids = |named: Named<'_>| match named {
            Named::Finding(it) => format!("one {}", it.id),
            Named::Superseded(it, asked) => format!("{asked} by {}", it.id),
            Named::Several(all) => format!("{} of many", all.len()),
            Named::None(near) => format!("none, near {}", near[0].id),
        };
        assert_eq!(ids(named(&report, "ABC123")), "one abc123");
        assert_eq!(ids(named(&report, "abc1")), "one abc123");
        assert_eq!(ids(named(&report, "abc")), "2 of many");
        assert_eq!(ids(named(&report, "0aa")), "0aa0 by abc123");
        assert_eq!(ids(named(&report, "abc4ff")), "none, near abc456");
        assert_eq!(ids(named(&report, "")), "none, near abc123");
    }
}
