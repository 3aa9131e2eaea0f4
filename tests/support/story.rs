//! What a report says, without what depends on the form of the capture.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Devices, streams and findings of a report, ready to be compared.
#[derive(Debug, Clone)]
pub struct Story {
    /// What must be equal, by a name for people.
    facts: BTreeMap<String, Value>,
    /// Times in nanoseconds, which must be equal to the precision of the form.
    times: BTreeMap<String, i64>,
}

impl Story {
    /// The story that `report` tells.
    pub fn of(report: &Value) -> Self {
        let mut story = Self { facts: BTreeMap::new(), times: BTreeMap::new() };
        for device in list(report, "devices") {
            let name = format!("device {}", device["id"]);
            let mut services: Vec<_> = list(device, "services")
                .map(|it| json!([it["transport"], it["port"], it["protocol"]]))
                .collect();
            services.sort_by_key(Value::to_string);
            let history: Vec<_> =
                list(device, "history").map(|it| json!([it["state"], it["cause"]])).collect();
            story.facts.insert(format!("{name} services"), services.into());
            story.facts.insert(format!("{name} history"), history.into());
            story.take(&name, device, DEVICE, &["first_seen", "last_seen"]);
        }
        let mut count = BTreeMap::<String, u32>::new();
        for stream in list(report, "streams") {
            let name = format!("stream {} to {} {}", stream["source"], stream["destination"], stream["ssrc"]);
            let number = count.entry(name.clone()).and_modify(|count| *count += 1).or_default();
            story.take(&format!("{name} {number}"), stream, STREAM, &["first_seen", "last_seen"]);
        }
        let is_of_form =
            |finding: &&Value| OF_THE_FORM.iter().any(|kind| finding["kind"].as_str() == Some(kind));
        for finding in list(report, "findings").filter(|finding| !is_of_form(finding)) {
            let name = format!("finding {} {}", finding["kind"], finding["devices"]);
            let number = count.entry(name.clone()).and_modify(|count| *count += 1).or_default();
            story.take(&format!("{name} {number}"), finding, FINDING, &["first_seen", "detected", "ended"]);
        }
        for switch in list(report, "switches") {
            story.take(&format!("switch {}", switch["id"]), switch, &["name", "ports", "members"], &[]);
        }
        story
    }

    /// What is told otherwise in `other`, whose times are rounded to `precision` nanoseconds.
    pub fn differences(&self, other: &Self, precision: i64) -> Vec<String> {
        let mut differences = Vec::new();
        for name in self.facts.keys().chain(other.facts.keys().filter(|name| !self.facts.contains_key(*name)))
        {
            let (one, two) = (self.facts.get(name), other.facts.get(name));
            if one != two {
                differences.push(format!("{name}: {} became {}", shown(one), shown(two)));
            }
        }
        for (name, one) in &self.times {
            if let Some(two) = other.times.get(name).filter(|two| (*two - one).abs() > precision) {
                differences.push(format!("{name}: {} ns later", two - one));
            }
        }
        differences
    }

    /// Forgets the facts called so: what one form cannot show.
    pub fn without(mut self, is_left_out: impl Fn(&str) -> bool) -> Self {
        self.facts.retain(|name, _| !is_left_out(name));
        self.times.retain(|name, _| !is_left_out(name));
        self
    }

    fn take(&mut self, name: &str, of: &Value, facts: &[&str], times: &[&str]) {
        for key in facts {
            self.facts.insert(format!("{name} {key}"), of[key].clone());
        }
        for key in times {
            if let Some(text) = of[key].as_str() {
                self.times.insert(format!("{name} {key}"), nanoseconds(text));
            }
            self.facts.insert(format!("{name} has {key}"), of[key].is_string().into());
        }
    }
}

/// The findings of a report that say that something is amiss now; how devices are set up, and what is done with them, is not among
/// them.
pub fn incidents(report: &Value) -> impl Iterator<Item = &Value> {
    let is_one = |finding: &&Value| {
        let is_of_device = finding["category"] == "behavior" && finding["kind"] != "clock-wrong";
        finding["category"] != "weakness" && !is_of_device
    };
    list(report, "findings").filter(is_one)
}

/// The elements of a list of a report.
pub fn list<'a>(of: &'a Value, key: &str) -> std::slice::Iter<'a, Value> {
    of[key].as_array().unwrap_or_else(|| panic!("no list {key:?} in {of}")).iter()
}

/// Nanoseconds since 1970 of an RFC 3339 time in UTC.
pub fn nanoseconds(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| {
        text.get(range)
            .and_then(|digits| digits.parse::<i64>().ok())
            .unwrap_or_else(|| panic!("time {text:?}"))
    };
    assert!(text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T'), "time {text:?}");
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days since 1970: a year counted from March ends with the leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + number(11..13) * 3_600 + number(14..16) * 60 + number(17..19);
    let fraction = text[19..].trim_matches(['.', 'Z']);
    seconds * 1_000_000_000
        + format!("{fraction:0<9}").parse::<i64>().unwrap_or_else(|_| panic!("time {text:?}"))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

const DEVICE: &[&str] = &[
    "mac",
    "ips",
    "kind",
    "vendor",
    "model",
    "firmware",
    "serial",
    "name",
    "hostname",
    "state",
    "switch",
    "confidence",
];
const STREAM: &[&str] =
    &["transport", "protocol", "codec", "payload_type", "packets", "lost", "out_of_order", "duplicates"];
const FINDING: &[&str] =
    &["category", "severity", "confidence", "owner", "dispatch", "cause", "switch", "count"];
/// Findings about the form itself, which differ as it does.
const OF_THE_FORM: [&str; 2] = ["mirror-duplicates", "mirror-truncated"];
