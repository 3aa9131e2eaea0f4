//! What a store holds, as a report that pages show; and how people come in to see it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use spanwatch_appliance::access::certificate::{self, Shown};
use spanwatch_appliance::config::{Config, Fault};
use spanwatch_appliance::outputs::Say;
use spanwatch_appliance::store::desk::{Desk, FINDINGS_MAX, Kept};
use spanwatch_appliance::store::read::StreamHours;
use spanwatch_appliance::store::{Limits, Store, Trouble};
use spanwatch_capture::wall_clock;
use spanwatch_engine::finding::Severity;
use spanwatch_engine::report::time::rfc3339;
use spanwatch_engine::report::{Device, Finding, Learned, Port, Report, Stream, Summary, Switch, read};
use spanwatch_parsers::{Span, Time};
use spanwatch_web::{Access, Picture, Site};

use super::analysis::Data;
use super::{Failure, brought};

/// How people come in to the store of a folder.
pub fn access(dir: &Path) -> Result<Access, Failure> {
    Ok(Access::new(Desk::open(dir).map_err(of(dir))?, wall_clock))
}

/// One's own certificate, where the configuration names one.
pub fn certificate(config: &Config) -> Result<Option<Shown>, Failure> {
    let Some(web) = &config.web else { return Ok(None) };
    let Some((certificate, key)) = web.certificate_file.as_deref().zip(web.key_file.as_deref()) else {
        return Ok(None);
    };
    let fault = |(key, why): (&str, String)| -> Vec<Fault> {
        vec![config.fault(("web", 0, key), format!("{key}: {why}"))]
    };
    certificate::own(certificate, key).map(Some).map_err(fault).map_err(Failure::Config)
}

/// How much a store may hold.
pub fn limits(config: &Config) -> Limits {
    let rules = config.store.clone().unwrap_or_default();
    Limits {
        bytes_max: u64::from(rules.size_max_mib.get()) << 20,
        history_days: rules.history_days.get(),
        findings_days: rules.findings_days.get(),
        minutes_days: rules.minutes_days.get(),
        hours_days: rules.hours_days.get(),
    }
}

/// Keeps the findings of a report in a store, so that people can act on them.
pub fn keep(report: &Report, dir: &Path, config: &Config, say: &Say) -> Result<(), Failure> {
    let now = wall_clock();
    let (mut store, _) = Store::open(dir, limits(config), now, say).map_err(of(dir))?;
    store.take(now, Vec::new(), &report.findings, &|_| false);
    if store.finish(PATIENCE) {
        return Ok(());
    }
    Err(of(dir)(Trouble::Refused("the findings could not be written".to_owned())))
}

fn of(dir: &Path) -> impl Fn(Trouble) -> Failure {
    let dir: PathBuf = dir.to_owned();
    move |trouble| Failure::Store { dir: dir.clone(), trouble }
}

/// The site of a store, which is shown anew whenever somebody writes it.
pub fn site(dir: &Path, data: &Data) -> Result<Arc<Site>, Failure> {
    let name = data.site.as_deref();
    let access = access(dir)?;
    let desk = Arc::clone(&access.desk);
    let first = desk.kept().map_err(of(dir))?;
    let packets = Box::new(super::kept::Kept { dir: dir.to_owned() });
    let site = Site::live(Picture::new(report(first, name), None), Some(packets)).with(access);
    let site = Arc::new(site.bringing(brought::captures(dir, data)?));
    let (shown, name) = (Arc::clone(&site), name.map(str::to_owned));
    let follow = move || follow(&desk, &shown, name.as_deref());
    thread::Builder::new().name("store".to_owned()).spawn(follow)?;
    Ok(site)
}

/// Reads a store again when a watch wrote it. Of a large one less often, as a watch's own pages are.
fn follow(desk: &Desk, site: &Site, name: Option<&str>) {
    let (mut known, mut pause) = (desk.watched().ok(), 1);
    loop {
        thread::sleep(Duration::from_secs(pause));
        let written = desk.watched().ok();
        if written.is_none() || written == known {
            continue;
        }
        if let Ok(kept) = desk.kept() {
            known = written;
            pause = 1 + (kept.devices.len() / DEVICES_A_SECOND) as u64;
            site.show(Picture::new(report(kept, name), None));
        }
    }
}

/// What a store holds, as a report: its streams are those of the last day by hours, its switches those that devices hang on; of
/// conversations a store keeps none.
fn report(kept: Kept, name: Option<&str>) -> Report {
    let moment = |at: Option<&Time>| at.map(|at| rfc3339(*at));
    let first = moment(kept.watched.first().map(|(from, _)| from));
    let last = moment(kept.watched.iter().map(|(_, until)| until).max());
    let limits = if kept.has_more_findings {
        let what = "findings of the store that are shown: the latest";
        json!([{ "what": what, "cap": FINDINGS_MAX, "evicted": 0, "first": last.clone().unwrap_or_default() }])
    } else {
        json!([])
    };
    let away = kept.watched.windows(2).filter_map(|pair| {
        let (left, back) = (pair.first()?.1, pair.last()?.0);
        (back - left > AWAY)
            .then(|| json!({ "from": rfc3339(left), "to": rfc3339(back), "reason": "not watched" }))
    });
    let skeleton = json!({
        "schema": "spanwatch/report/1", "version": env!("CARGO_PKG_VERSION"), "site": name, "configuration": "",
        "data": kept.lists, "devices": [], "switches": [], "streams": [], "sessions": [], "findings": [],
        "summary": { "devices": 0, "online": 0, "degraded": 0, "offline": 0, "unknown": 0, "findings": {} },
        "capture": {
            "inputs": [], "packets": 0, "bytes": 0, "first": first, "last": last, "duplicates": 0, "truncated": 0,
            "undecodable": {}, "malformed": {}, "encapsulations": {}, "vlans": [], "one_way_share": 0,
            "blind": away.collect::<Vec<_>>(), "limits": limits,
        },
    });
    let mut report = read::report(skeleton.to_string().as_bytes()).unwrap_or_else(|why| {
        unreachable!("a report of ours is read: {why}");
    });
    // What a later version wrote in another form is left out.
    report.devices = kept.devices.iter().filter_map(parsed::<Box<Device>>).collect();
    report.switches = switches(&report.devices);
    report.streams = kept.streams.iter().filter_map(|it| stream(it, &kept.watched).map(Box::new)).collect();
    report.findings = kept.findings.iter().filter_map(parsed::<Finding>).collect();
    report.learned = kept.learned.into_iter().map(Learned::from).collect();
    let rank = |it: &Finding| Severity::ALL.into_iter().position(|severity| severity.name() == it.severity);
    report.findings.sort_by(|a, b| (rank(a), &a.first_seen, &a.id).cmp(&(rank(b), &b.first_seen, &b.id)));
    report.summary = summary(&report);
    report
}

/// The switches that devices hang on, with who hangs where.
fn switches(devices: &[Box<Device>]) -> Vec<Switch> {
    let mut switches: BTreeMap<&str, Switch> = BTreeMap::new();
    for device in devices {
        let Some((at, id)) =
            device.switch.as_ref().and_then(|at| Some((at, at.id.as_deref().or(at.name.as_deref())?)))
        else {
            continue;
        };
        let switch = switches.entry(id).or_insert_with(|| Switch {
            id: id.to_owned(),
            name: at.name.clone(),
            parent: None,
            parent_source: None,
            ports: Vec::new(),
            members: Vec::new(),
            source: at.source,
        });
        switch.members.push(device.id.clone());
        let Some(name) = &at.port else { continue };
        match switch.ports.iter_mut().find(|port| port.name == *name) {
            Some(port) => port.devices.push(device.id.clone()),
            None => switch.ports.push(Port { name: name.clone(), devices: vec![device.id.clone()] }),
        }
    }
    switches.into_values().collect()
}

/// A stream as it was in some hours, in which there may have been several under one SSRC each. Its rate is over the time in them
/// that somebody watched.
fn stream(of: &StreamHours, watched: &[(Time, Time)]) -> Option<Stream> {
    let (from, to) = (of.first, of.last + HOUR);
    let seen = |(began, until): &(Time, Time)| ((*until).min(to).0 - (*began).max(from).0).max(0);
    let seconds = watched.iter().map(seen).sum::<i64>().unsigned_abs() / 1_000_000_000;
    let last = watched.iter().map(|(_, until)| *until).max().map_or(to, |until| until.min(to));
    let (row, sum) = (&of.stream, &of.sum);
    parsed(&json!({
        "source": row.source, "destination": row.destination, "transport": row.transport,
        "payload_type": row.payload_type, "packets": sum.packets, "lost": sum.lost,
        "jitter_ms": sum.jitter_us as f64 / 1_000.0, "bitrate_bps": sum.bytes.saturating_mul(8) / seconds.max(1),
        "first_seen": rfc3339(from), "last_seen": rfc3339(last),
    }))
}

fn parsed<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_str(&value.to_string()).ok()
}

fn summary(report: &Report) -> Summary {
    let in_state = |state: &str| report.devices.iter().filter(|it| it.state == state).count() as u64;
    let of = |severity: &str| report.findings.iter().filter(|it| it.severity == severity).count() as u64;
    Summary {
        devices: report.devices.len() as u64,
        online: in_state("online"),
        degraded: in_state("degraded"),
        offline: in_state("offline"),
        unknown: in_state("unknown"),
        findings: Severity::ALL.into_iter().map(|it| (it.name(), of(it.name()))).collect(),
    }
}

/// For what is to be written.
const PATIENCE: Duration = Duration::from_secs(30);
/// A watch that was away for longer is told of.
const AWAY: Span = Span::seconds(10);
/// As the pages of a watch have it.
const DEVICES_A_SECOND: usize = 1_000;
const HOUR: Span = Span::seconds(3_600);

#[cfg(test)]
mod tests {
    use spanwatch_appliance::store::read::StreamRow;
    use spanwatch_engine::report::minutes::StreamSum;

    use super::*;

    #[test]
    fn what_a_store_does_not_keep_of_a_stream_is_not_told() {
        let row = StreamRow {
            row: 1,
            source: "02:00:00:00:00:0a".to_owned(),
            destination: "192.0.2.10".to_owned(),
            transport: "udp".to_owned(),
            payload_type: 96,
        };
        let sum = StreamSum { packets: 900, bytes: 1_000_000, lost: 9, jitter_us: 1_500 };
        let of = StreamHours { stream: row, first: Time(0), last: Time(0), sum };
        let told = serde_json::to_value(stream(&of, &[(Time(0), Time(100_000_000_000))]).unwrap()).unwrap();
        assert_eq!(
            told,
            json!({
                "source": "02:00:00:00:00:0a", "destination": "192.0.2.10", "transport": "udp", "payload_type": 96,
                "packets": 900, "lost": 9, "jitter_ms": 1.5, "bitrate_bps": 80_000,
                "first_seen": "1970-01-01T00:00:00.000000000Z", "last_seen": "1970-01-01T00:01:40.000000000Z",
            })
        );
    }
}
