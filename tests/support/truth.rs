//! Holds a report against what really was and really happened.
//!
//! The truth was written by the lab, which knows nothing of the product. Only
//! frames, read by our own reader, are asked beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::capture::SECOND;
use super::site::{Site, mac, text};
use super::story::{incidents, list, nanoseconds};

/// Everything in which `report` is not what the truth of `site` says.
pub fn complaints(site: &Site, report: &Value) -> Vec<String> {
    let judge = Judge::new(site, report);
    let rules = [
        Judge::devices,
        Judge::nobody_else,
        Judge::switches,
        Judge::attachments,
        Judge::streams,
        Judge::logins,
        Judge::findings,
        Judge::nobody_left_offline,
        Judge::secrets,
    ];
    rules.iter().flat_map(|rule| rule(&judge)).collect()
}

/// Of each finding that is due and there: its kind, its cause, and how long after the event it was made.
pub fn delays(site: &Site, report: &Value) -> Vec<String> {
    let judge = Judge::new(site, report);
    let mut rest: Vec<&Value> = incidents(report).collect();
    let mut delays = Vec::new();
    for due in judge.truths("due") {
        let event = judge.event_of(due);
        let Some(found) = rest.iter().position(|finding| judge.is_it(finding, due, event)) else { continue };
        let finding = rest.remove(found);
        let took = time(finding, "detected").zip(time(event, "from")).map_or(0, |(told, from)| told - from);
        let cause = finding["cause"].as_str().map_or_else(String::new, |cause| format!(" ({cause})"));
        delays.push(format!("{}{cause} after {} s", text(finding, "kind"), took / SECOND));
    }
    delays
}

struct Judge<'a> {
    site: &'a Site,
    report: &'a Value,
    /// Devices of the truth by name.
    known: BTreeMap<&'a str, &'a Value>,
    /// Devices of the report by id.
    reported: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Judge<'a> {
    fn new(site: &'a Site, report: &'a Value) -> Self {
        let by =
            |of: &'a Value, key| list(of, "devices").map(move |device| (text(device, key), device)).collect();
        Self { site, report, known: by(&site.truth, "name"), reported: by(report, "id") }
    }

    /// Every device is there as it announced itself.
    fn devices(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for device in self.known.values().filter(|device| device["kind"] != GUEST) {
            let Some(reported) = self.reported.get(text(device, "mac")) else {
                complaints.push(format!("{} is not reported", text(device, "name")));
                continue;
            };
            let mut expect = |key: &str, expected: &Value| {
                if reported[key] != *expected {
                    let name = text(device, "name");
                    complaints.push(format!("{name}: {key} is {}, in truth {expected}", reported[key]));
                }
            };
            expect("mac", &device["mac"]);
            // One name stands for all of a maker's: "Bosch" for "Bosch Security".
            let told = reported["vendor"].as_str().unwrap_or_default();
            if told.is_empty() || !format!("{} ", text(device, "vendor")).starts_with(&format!("{told} ")) {
                expect("vendor", &device["vendor"]);
            }
            if device["kind"] != UNANNOUNCED_KIND || reported["kind"] != "unknown" {
                expect("kind", &device["kind"]);
            }
            if device["hostname"].is_string() {
                expect("hostname", &device["hostname"]);
            }
            for key in ["model", "firmware", "serial"] {
                let said_by = device["announced"][key].as_array();
                if said_by
                    .is_some_and(|by| by.iter().any(|by| READ.contains(&by.as_str().unwrap_or_default())))
                {
                    expect(key, &device[key]);
                }
            }
            if !list(reported, "ips").any(|ip| *ip == device["ip"]) {
                expect("ips", &device["ip"]);
            }
        }
        complaints
    }

    /// Nobody is reported who is not there.
    fn nobody_else(&self) -> Vec<String> {
        let there: BTreeSet<&str> = self.known.values().map(|device| text(device, "mac")).collect();
        let switches: BTreeSet<&str> = self.truths("switches").map(|switch| text(switch, "mac")).collect();
        let others = self.reported.keys().filter(|id| !there.contains(*id) && !switches.contains(*id));
        others.map(|id| format!("{id} is reported, which is not there")).collect()
    }

    /// Every switch is there, by LLDP.
    fn switches(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for switch in self.truths("switches") {
            let (name, id) = (text(switch, "name"), text(switch, "mac"));
            if !list(self.report, "switches").any(|it| it["name"] == name && it["id"] == id) {
                complaints.push(format!("the switch {name} is not among the switches"));
            }
            match self.reported.get(id) {
                Some(device) if device["kind"] == "switch" => {}
                Some(device) => complaints.push(format!("{name} is a {}, in truth a switch", device["kind"])),
                None => complaints.push(format!("the switch {name} is not among the devices")),
            }
        }
        complaints
    }

    /// Where a switch said who hangs on its port, that is told; nobody is told to hang elsewhere.
    fn attachments(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, device) in &self.known {
            let Some(reported) = self.reported.get(text(device, "mac")) else { continue };
            let told = &reported["switch"];
            let is_said = device["dhcp"]["option82"].is_object();
            let is_right = told["name"] == device["switch"] && told["port"] == device["port"];
            if !is_right && (is_said || told.is_object()) {
                let (switch, port) = (text(device, "switch"), text(device, "port"));
                complaints.push(format!("{name} hangs on {told}, in truth on {switch} port {port}"));
            }
        }
        complaints
    }

    /// Every camera's video is there, the way it was pulled.
    fn streams(&self) -> Vec<String> {
        let recorder = self.known.values().find(|device| device["kind"] == "recorder").expect("a recorder");
        let is_of = |stream: &Value, device: &Value| {
            stream["source"] == device["mac"]
                && stream["destination"] == recorder["mac"]
                && stream["codec"] == device["rtsp"]["codec"]
                && stream["transport"] == device["rtsp"]["transport"]
        };
        let cameras = self.known.iter().filter(|(_, device)| device["rtsp"].is_object());
        let lacking = cameras.filter(|(_, device)| !list(self.report, "streams").any(|it| is_of(it, device)));
        lacking.map(|(name, _)| format!("no video of {name} to the recorder")).collect()
    }

    /// Who logged in where is told, and how.
    fn logins(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, device) in &self.known {
            let rtsp = &device["rtsp"];
            let Some(account) = rtsp["account"].as_str().filter(|_| rtsp["auth"] != "none") else { continue };
            let is_login = |session: &&Value| {
                session["server"] == device["ip"]
                    && session["account"] == account
                    && session["outcome"] == "accepted"
                    && session["scheme"].as_str().is_some_and(|it| it.starts_with(text(rtsp, "auth")))
            };
            if !list(self.report, "sessions").any(|session| is_login(&session)) {
                complaints.push(format!("no {} login of {account} to {name}", rtsp["auth"]));
            }
        }
        complaints
    }

    /// Every finding that is due is there as it should be, and no other.
    fn findings(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut rest: Vec<&Value> = incidents(self.report).collect();
        for due in self.truths("due") {
            let event = self.event_of(due);
            match rest.iter().position(|finding| self.is_it(finding, due, event)) {
                Some(found) => complaints.extend(self.as_due(rest.remove(found), due, event)),
                None => {
                    complaints.push(format!("missed: {} of {} {}", due["kind"], event["what"], event["who"]))
                }
            }
        }
        complaints
            .extend(rest.iter().map(|finding| format!("false: {}: {}", finding["kind"], finding["title"])));
        complaints
    }

    /// The event that a finding which is due begins with.
    fn event_of(&self, due: &Value) -> &'a Value {
        let place = usize::try_from(due["of"].as_u64().unwrap_or(0)).expect("a small number");
        &self.site.truth["events"][place]
    }

    /// Whether a finding is the one that is due: its kind, whom it names, when it began.
    fn is_it(&self, finding: &Value, due: &Value, event: &Value) -> bool {
        let ids = |key: &str| -> BTreeSet<&str> {
            let names = due[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            names.map(|name| text(self.known[name], "mac")).collect()
        };
        let (named, more) = (ids("devices"), ids("more"));
        let told: BTreeSet<&str> = list(finding, "devices").filter_map(Value::as_str).collect();
        let is_of_them = named.is_empty()
            || told.is_superset(&named) && told.iter().all(|id| named.contains(id) || more.contains(id));
        let off = (time(finding, "first_seen"), time(event, "from"));
        let is_then = off.0.zip(off.1).is_some_and(|(told, from)| {
            (-seconds(due, "early_s")..=seconds(due, "late_s")).contains(&(told - from))
        });
        finding["kind"] == due["kind"] && is_of_them && is_then
    }

    /// What a finding that is due says otherwise than it should.
    fn as_due(&self, finding: &Value, due: &Value, event: &Value) -> Vec<String> {
        let kind = text(due, "kind");
        let mut complaints = Vec::new();
        let mut expect = |is_so: bool, what: String| {
            if !is_so {
                complaints.push(format!("{kind} of {}: {what}", event["who"]));
            }
        };
        if let Some(causes) = due["causes"].as_array() {
            expect(
                causes.contains(&finding["cause"]),
                format!("the cause is {}, in truth one of {causes:?}", finding["cause"]),
            );
        }
        if let Some(name) = due["switch"].as_str() {
            let is_it = |switch: &&Value| switch["name"] == name;
            let id = self.truths("switches").find(is_it).map(|switch| &switch["mac"]);
            expect(
                finding.get("switch") == id,
                format!("it names the switch {:?}, not {name}", finding.get("switch")),
            );
        }
        let superseded = finding["supersedes"].as_array().map_or(0, Vec::len);
        expect(due["supersedes"] != true || superseded > 0, "it supersedes nothing".to_owned());
        // Others count packets.
        if [OFFLINE, TOGETHER, AGAIN].contains(&kind) {
            expect(finding["count"] == due["times"], format!("it counts {} times", finding["count"]));
        }
        let is_over = finding["ended"].is_string();
        expect(
            due["ends"].as_bool().is_none_or(|ends| ends == is_over),
            format!("it ends {}", finding["ended"]),
        );
        let took = time(finding, "detected").zip(time(event, "from")).map(|(detected, from)| detected - from);
        expect(
            took.is_some_and(|took| (0..=seconds(due, "within_s")).contains(&took)),
            format!("it was noticed after {took:?} ns"),
        );
        if [OFFLINE, TOGETHER].contains(&kind) && event["link_up"].is_string() {
            complaints.extend(self.absence(kind, finding, event));
        }
        complaints
    }

    /// The times of one absence, against the truth and against the frames themselves.
    fn absence(&self, name: &str, finding: &Value, event: &Value) -> Vec<String> {
        let powered = time(event, "link_up").expect("a time");
        // Of several the first to fall silent begins it, and the last to return ends it.
        let heard = |id: &Value| -> Vec<i64> {
            let source = mac(id.as_str().expect("a MAC"));
            let frames = self.site.frames.iter().filter(|frame| frame.source() == source);
            frames.map(|frame| frame.at).collect()
        };
        let each: Vec<Vec<i64>> = list(finding, "devices").map(heard).collect();
        let last = |all: &Vec<i64>| all.iter().copied().filter(|at| *at < powered).max();
        let next = |all: &Vec<i64>| all.iter().copied().filter(|at| *at >= powered).min();
        let before = each.iter().filter_map(last).min();
        let after = each.iter().filter_map(next).max();
        let mut complaints = Vec::new();
        let mut expect = |what: &str, got: Option<i64>, expected: Option<i64>| {
            if got != expected {
                complaints.push(format!("{name}: {what} is {got:?}, in truth {expected:?}"));
            }
        };
        expect("the last sign of life", time(finding, "first_seen"), before);
        expect("the end", time(finding, "ended"), after);
        complaints
    }

    /// Nobody is offline in the end.
    fn nobody_left_offline(&self) -> Vec<String> {
        let wrong = |device: &&&Value| device["state"] == "offline";
        self.reported.values().filter(wrong).map(|it| format!("{} is offline in the end", it["id"])).collect()
    }

    /// No password of the lab is anywhere in the report, plain or as Basic carries it.
    fn secrets(&self) -> Vec<String> {
        let plan = std::fs::read_to_string(super::project("tests/lab/plan.py")).expect("the lab's plan");
        let report = self.report.to_string();
        let mut passwords =
            plan.split("password=\"").skip(1).filter_map(|rest| rest.split('"').next()).peekable();
        assert!(passwords.peek().is_some(), "the plan has no passwords: look for them elsewhere");
        let shown = passwords.filter(|password| {
            report.contains(*password) || report.contains(&base64(&format!("recorder:{password}")))
        });
        shown.map(|_| "a password is in the report".to_owned()).collect()
    }

    fn truths(&self, key: &str) -> std::slice::Iter<'a, Value> {
        list(&self.site.truth, key)
    }
}

fn time(of: &Value, key: &str) -> Option<i64> {
    of[key].as_str().map(nanoseconds)
}

/// Nanoseconds of a length that is given in seconds.
fn seconds(of: &Value, key: &str) -> i64 {
    of[key].as_i64().unwrap_or_else(|| panic!("no whole seconds {key:?} in {of}")) * SECOND
}

/// RFC 4648, 4.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |part: &[u8]| {
        let word = (0..3).fold(0_u32, |word, at| word << 8 | u32::from(*part.get(at).unwrap_or(&0)));
        (0..4).map(move |at| (word >> (18 - 6 * at) & 63) as usize).take(part.len() + 1)
    };
    let mut out: String =
        text.as_bytes().chunks(3).flat_map(digits).map(|digit| DIGITS[digit] as char).collect();
    out.extend(std::iter::repeat_n('=', out.len().next_multiple_of(4) - out.len()));
    out
}

/// Protocols of this product that tell model, firmware and serial number.
const READ: &[&str] = &["dhcp", "rtsp", "lldp"];

/// Nothing that a server sends tells its kind.
const UNANNOUNCED_KIND: &str = "server";

/// Who came to disturb, as whatever.
const GUEST: &str = "guest";

const OFFLINE: &str = "device-offline";
const TOGETHER: &str = "devices-offline-together";
const AGAIN: &str = "switch-fault";
