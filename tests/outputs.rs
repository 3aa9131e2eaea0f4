//! What a watch tells others, as they hear it: rsyslogd over UDP, TCP and TLS, a webhook receiver that verifies what is
//! signed, and Prometheus itself. All of it in a network namespace, nothing of the machine is touched.
//!
//! Needs root and, from Debian, iproute2, openssl, prometheus, python3, python3-prometheus-client, rsyslog and rsyslog-openssl.

use crate::support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use support::capture::Frame;
use support::run::{SPANWATCH, Scratch, spanwatch};
use support::wires::Wires;
use support::{acts, capture, skipped, until, weak};

/// A namespace with cables and a loopback, and a folder for what is written.
struct Place {
    wires: Wires,
    scratch: Scratch,
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // timeout(1), which passes it on.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

impl Place {
    /// `None`, and said so, where a program that is asked is missing.
    fn new(name: &str) -> Option<Self> {
        for (program, question) in [
            ("rsyslogd", vec!["-v"]),
            ("openssl", vec!["version"]),
            ("prometheus", vec!["--version"]),
            (PYTHON, vec!["-c", "import prometheus_client.parser"]),
        ] {
            let answer = Command::new(program).args(question).output();
            if !answer.is_ok_and(|output| output.status.success()) {
                skipped(&format!("{program} is missing, or a part of it"));
                return None;
            }
        }
        let wires = Wires::silent(name)?;
        wires.run("ip link set lo up");
        let scratch = Scratch::new(name);
        Some(Self { wires, scratch })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn start<'a>(&'a self, words: impl IntoIterator<Item = &'a str>) -> Running {
        let mut command = self.wires.inside(["timeout", "--kill-after=5", "300"]);
        command.args(words).stdout(Stdio::null()).stderr(Stdio::inherit());
        Running(command.spawn().expect("ip is there"))
    }

    /// Starts rsyslogd, which writes what it understood of each line to `syslog.jsonl`.
    fn rsyslogd(&self) -> Running {
        let folder = self.scratch.path().display();
        let tls = format!(
            "streamDriver.name=\"ossl\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\" \
             streamDriver.caFile=\"{folder}/ca.pem\" streamDriver.certFile=\"{folder}/server.pem\" \
             streamDriver.keyFile=\"{folder}/server.key\""
        );
        let fields =
            ["inputname", "pri", "timereported", "hostname", "app-name", "msgid", "structured-data", "msg"];
        let fields = fields.map(|field| {
            let form = if field == "timereported" { "dateformat=\"rfc3339\"" } else { "" };
            format!("property(outname=\"{field}\" name=\"{field}\" {form} format=\"jsonf\")")
        });
        let configuration = format!(
            "global(workDirectory=\"{folder}\")\nmodule(load=\"imudp\")\nmodule(load=\"imtcp\")\n\
             input(type=\"imudp\" name=\"udp\" address=\"127.0.0.1\" port=\"514\")\n\
             input(type=\"imtcp\" name=\"tcp\" address=\"127.0.0.1\" port=\"514\")\n\
             input(type=\"imtcp\" name=\"tls\" address=\"127.0.0.1\" port=\"6514\" {tls})\n\
             template(name=\"fields\" type=\"list\" option.jsonf=\"on\") {{ {} }}\n\
             action(type=\"omfile\" file=\"{folder}/syslog.jsonl\" template=\"fields\")\n",
            fields.join("\n")
        );
        let file = self.scratch.file("rsyslog.conf", configuration.as_bytes());
        let pid = self.path("rsyslogd.pid");
        let running = self.start(["rsyslogd", "-n", "-f", text(&file), "-i", text(&pid)]);
        // It answers on UDP once its last port is open, which is that of TLS.
        until("rsyslogd listens", || {
            let listening =
                self.wires.inside(["ss", "-Hltn", "sport = :6514"]).output().expect("ip is there");
            (!listening.stdout.is_empty()).then_some(())
        });
        running
    }

    /// An authority and a receiver's certificate by it.
    fn certificates(&self) {
        let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
             -subj /CN=authority -keyout ca.key -out ca.pem &&\n\
             openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=logs -keyout server.key -out server.csr &&\n\
             printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > extensions &&\n\
             openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem";
        let made = Command::new("sh").args(["-c", script]).current_dir(self.scratch.path()).output();
        let made = made.expect("sh is there");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn secret(&self, name: &str) {
        let file = self.scratch.file(name, format!("{SECRET}\n").as_bytes());
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }

    /// The JSON lines of a file, once there are so many that fit.
    fn lines(&self, name: &str, count: usize, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.lines_of("", name, count, fits)
    }

    /// The same, with a word for what is waited for.
    fn lines_of(&self, what: &str, name: &str, count: usize, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        until(&format!("{count} lines {what} in {name}"), || {
            let text = fs::read_to_string(self.path(name)).unwrap_or_default();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let lines = whole.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            let fit: Vec<Value> = lines.filter(|line| fits(line)).collect();
            (fit.len() >= count).then_some(fit)
        })
    }

    /// What Prometheus' parser makes of the figures: values by name and labels.
    fn figures(&self) -> Option<Value> {
        let read = self.wires.inside([PYTHON, "-c", SCRAPE]).output().expect("ip is there");
        read.status.success().then(|| serde_json::from_slice(&read.stdout).expect("JSON"))
    }

    /// Starts Prometheus, which asks the watch for its figures every second.
    fn prometheus(&self) -> Running {
        let targets = serde_json::json!([{ "targets": ["127.0.0.1:9947"] }]);
        let configuration = serde_json::json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s" },
            "scrape_configs": [{ "job_name": "spanwatch", "static_configs": targets }],
        });
        // JSON is YAML.
        let file = self.scratch.file("prometheus.yml", configuration.to_string().as_bytes());
        let (file, data) = (
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}/tsdb", text(self.scratch.path())),
        );
        self.start(["prometheus", &file, &data, "--web.listen-address=127.0.0.1:9090", "--log.level=error"])
    }

    /// What Prometheus holds as the latest value of a question.
    fn held(&self, question: &str) -> Option<String> {
        let url = "http://127.0.0.1:9090/api/v1/query";
        let question = format!("query={question}");
        let answer = self.wires.inside(["curl", "-sG", url, "--data-urlencode", &question]).output();
        let answer: Value = serde_json::from_slice(&answer.expect("ip is there").stdout).ok()?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    }

    fn configured(&self, lines: &str) -> PathBuf {
        self.scratch.file("spanwatch.toml", lines.as_bytes())
    }
}

/// The same ten times as fast.
fn hurried(frames: Vec<Frame>) -> Vec<Frame> {
    frames.into_iter().map(|frame| Frame { at: frame.at / 10, ..frame }).collect()
}

/// The same from another port of the client: each case is a connection of its own.
fn from_port(port: u16, mut frames: Vec<Frame>) -> Vec<Frame> {
    for frame in &mut frames {
        // Behind Ethernet and a short IPv4 header.
        for place in [34, 36] {
            if let Some(bytes) = frame.bytes.get_mut(place..place + 2).filter(|it| **it == CLIENT) {
                bytes.copy_from_slice(&port.to_be_bytes());
            }
        }
    }
    frames
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_finding_is_told_by_syslog_over_udp_tcp_and_tls_by_webhook_and_in_figures() {
    let Some(place) = Place::new("outputs") else { return };
    place.certificates();
    place.secret("secret");
    let _rsyslogd = place.rsyslogd();
    let hooks = place.path("hooks.jsonl");
    let _hooks = place.start([PYTHON, "-c", HOOKS, text(&hooks), SECRET, text(place.scratch.path())]);
    let configuration = place.configured(
        "site = \"Harbour \\\"7]\\\"\"\n[watch]\ninterfaces = [\"b0\"]\n[metrics]\n\
         [[syslog]]\nto = \"udp://127.0.0.1\"\nhostname = \"box\"\n\
         [[syslog]]\nto = \"tcp://localhost\"\nfacility = \"local3\"\n\
         [[syslog]]\nto = \"tls://localhost\"\nca_file = \"ca.pem\"\n\
         [[webhook]]\nto = \"https://localhost:8443/hook/of/spanwatch\"\nsecret_file = \"secret\"\nca_file = \"ca.pem\"\n",
    );
    let checked = Command::new(SPANWATCH).args(["config", "check", text(&configuration)]).output();
    assert!(checked.is_ok_and(|output| output.status.success()));

    let watch = place.wires.watch(&["--config", text(&configuration)]);
    place.wires.play("a0", &hurried(weak::snmp_default_community(true)));

    let is_it = |line: &Value| line["msgid"] == "snmp-default-community";
    let mut told = place.lines("syslog.jsonl", 3, is_it);
    told.sort_by_key(|line| line["inputname"].to_string());
    for (line, (by, priority)) in told.iter().zip([("tcp", 155), ("tls", 27), ("udp", 27)]) {
        assert_eq!(line["inputname"], by);
        assert_eq!(
            (line["pri"].as_str(), line["app-name"].as_str()),
            (Some(&*priority.to_string()), Some("spanwatch"))
        );
        let data = line["structured-data"].as_str().expect("a text");
        for due in
            ["id=\"", "change=\"made\"", "severity=\"high\"", "site=\"Harbour \\\"7\\]\\\"\"", "device=\""]
        {
            assert!(data.contains(due), "{due}: {data}");
        }
        let said = line["msg"].as_str().expect("a text");
        assert!(said.trim_start().starts_with("made: ") && said.contains("[high, "), "{said}");
        assert!(!line.to_string().contains("public"), "the community is a secret: {line}");
    }
    assert_eq!(told[2]["hostname"], "box");

    let hook = place.lines("hooks.jsonl", 1, |line| line["body"]["kind"] == "snmp-default-community");
    assert_eq!((&hook[0]["verified"], &hook[0]["path"]), (&true.into(), &"/hook/of/spanwatch".into()));
    let body = &hook[0]["body"];
    assert_eq!((&body["type"], &body["change"]), (&"finding".into(), &"made".into()));
    let id = body["id"].as_str().expect("an id");
    assert!(told.iter().all(|line| line["structured-data"].to_string().contains(id)), "{id}");

    let figures = until("figures of the finding", || {
        let figures = place.figures()?;
        let sent = figures["spanwatch_messages_sent_total{receiver=https://localhost:8443}"].as_f64()?;
        (sent >= 1.0).then_some(figures)
    });
    for (name, due) in [
        ("spanwatch_findings{severity=high}", 1),
        ("spanwatch_sent_packets_total{interface=b0}", 0),
        ("spanwatch_dropped_packets_total{interface=b0}", 0),
        ("spanwatch_messages_dropped_total{receiver=udp://127.0.0.1:514}", 0),
        ("spanwatch_receiver_failing{receiver=tls://localhost:6514}", 0),
    ] {
        assert_eq!(figures[name].as_f64(), Some(f64::from(due)), "{name}: {figures}");
    }
    let _prometheus = place.prometheus();
    for (question, due) in [
        ("up{job=\"spanwatch\"}", "1"),
        ("spanwatch_findings{severity=\"high\"}", "1"),
        ("spanwatch_sent_packets_total{interface=\"b0\"}", "0"),
    ] {
        assert_eq!(until(question, || place.held(question)), due, "{question}");
    }
    let lint = "curl -s http://127.0.0.1:9947/metrics | promtool check metrics 2>&1";
    let lint = place.wires.inside(["sh", "-c", lint]).output().expect("ip is there");
    assert_eq!((lint.status.success(), String::from_utf8_lossy(&lint.stdout).as_ref()), (true, ""));
    let (_, said) = watch.end();
    assert!(said.contains("packets sent: 0") && !said.contains("messages wait"), "{said}");
}

#[test]
fn receivers_that_are_dead_or_strangers_cost_no_packet_and_one_that_comes_and_goes_is_told_all() {
    let Some(place) = Place::new("outputs-late") else { return };
    place.certificates();
    place.secret("secret");
    let configuration = place.configured(
        "[[syslog]]\nto = \"tcp://localhost\"\n\
         [[syslog]]\nto = \"tls://localhost\"\n\
         [[webhook]]\nto = \"http://192.0.2.99/\"\nsecret_file = \"secret\"\nqueue_messages = 1\n[metrics]\n",
    );
    let mut watch = place.wires.watch(&["-i", "b0", "--config", text(&configuration)]);
    let (snmp, login) = (hurried(weak::snmp_default_community(true)), hurried(weak::cleartext_login(true)));
    let sent = snmp.len() + login.len();
    place.wires.play("a0", &snmp);
    watch.until_it_says("tcp://localhost:514: Connection refused (os error 111); messages wait");
    let is_told = |kind: &str| {
        place.lines("syslog.jsonl", 1, |line| line["msgid"] == kind && line["inputname"] == "tcp");
    };
    let rsyslogd = place.rsyslogd();
    is_told("snmp-default-community");
    drop(rsyslogd);
    let _rsyslogd = place.rsyslogd();
    place.wires.play("a0", &login);
    is_told("cleartext-login");
    let figures = until("a message that was dropped", || {
        let figures = place.figures()?;
        let dropped = figures["spanwatch_messages_dropped_total{receiver=http://192.0.2.99}"].as_f64()?;
        (dropped >= 1.0).then_some(figures)
    });
    assert_eq!(figures["spanwatch_messages_waiting{receiver=http://192.0.2.99}"].as_f64(), Some(1.0));
    let (capture, said) = watch.end();
    assert_eq!((&capture["packets"], &capture["dropped"]), (&sent.into(), &0.into()));
    assert!(said.contains("tcp://localhost:514: messages are delivered again"), "{said}");
    assert!(
        said.contains("tls://localhost:6514: invalid peer certificate: UnknownIssuer; messages wait"),
        "{said}"
    );
    for who in ["tls://localhost:6514", "http://192.0.2.99"] {
        assert!(
            said.contains(&format!("{who}: ")) && said.contains("messages could not be delivered"),
            "{said}"
        );
    }
    let strangers = place.lines("syslog.jsonl", 0, |line| line["inputname"] == "tls");
    assert_eq!(strangers.len(), 0, "who cannot prove who he is is told nothing");
}

#[test]
fn no_secret_reaches_a_receiver_a_page_the_figures_or_the_store() {
    let Some(place) = Place::new("outputs-canary") else { return };
    place.certificates();
    place.secret("secret");
    let _rsyslogd = place.rsyslogd();
    let hooks = place.path("hooks.jsonl");
    let _hooks = place.start([PYTHON, "-c", HOOKS, text(&hooks), SECRET, text(place.scratch.path())]);
    let configuration = place.configured(
        "[watch]\ninterfaces = [\"b0\"]\n[metrics]\n[[syslog]]\nto = \"udp://127.0.0.1\"\n\
         [[webhook]]\nto = \"https://localhost:8443/hook\"\nsecret_file = \"secret\"\nca_file = \"ca.pem\"\n",
    );
    let (store, pages) = (place.path("store"), place.path("pages.txt"));
    let watch = place.wires.watch(&["--config", text(&configuration), "--store", text(&store)]);
    // Without a store its pages ask for no login.
    let shown = place.wires.watch(&["-i", "b0", "--listen", "127.0.0.1:8444"]);
    let logins = [weak::cleartext_login(true), weak::plaintext_token(true), weak::default_password(true)];
    let others = [weak::snmp_v1v2c(true), acts::account_changed(true)];
    let played = weak::plain_logins(true).into_iter().chain(logins).chain(others);
    for (number, frames) in played.enumerate() {
        place.wires.play("a0", &from_port(40_100 + number as u16, hurried(frames)));
    }
    let due =
        ["telnet-open", "ftp-open", "cleartext-login", "plaintext-token", "snmp-v1v2c", "account-changed"];
    for kind in due {
        place.lines_of(kind, "syslog.jsonl", 1, |line| line["msgid"] == kind);
        place.lines_of(kind, "hooks.jsonl", 1, |line| line["body"]["kind"] == kind);
    }
    until("pages of all that is due", || {
        let crawled = place.wires.inside([PYTHON, "-c", CRAWL, text(&pages)]).status();
        let seen = fs::read_to_string(&pages).unwrap_or_default();
        (crawled.is_ok_and(|it| it.success()) && due.iter().all(|kind| seen.contains(kind))).then_some(())
    });
    let said = [watch.end().1, shown.end().1].concat();
    let stored = fs::read_dir(&store).expect("the store is a folder");
    let mut sinks: Vec<PathBuf> = stored.map(|entry| entry.expect("an entry").path()).collect();
    assert!(sinks.iter().any(|path| path.extension().is_some_and(|it| it == "db")), "{sinks:?}");
    sinks.extend(["syslog.jsonl", "hooks.jsonl"].map(|name| place.path(name)));
    sinks.push(pages);
    let said = place.scratch.file("said.txt", said.as_bytes());
    for sink in sinks.into_iter().chain([said]).filter(|path| path.is_file()) {
        let bytes = fs::read(&sink).expect("it can be read");
        for secret in
            ["hunter2", "YWRtaW46aHVudGVyMg", "AGFkbWluAGh1bnRlcjI", "a long word", "a362156fc75a5e54"]
        {
            let is_there = bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
            assert!(!is_there, "{secret} is in {}", sink.display());
        }
    }
}

#[test]
fn one_line_names_the_switch_that_died() {
    let Some(place) = Place::new("outputs-switch") else { return };
    place.certificates();
    let capture = place.path("site.pcapng");
    let ordered =
        ["--devices=12", "--length=45s", "--bit-rate=20000", "--incident=switch-power@30s:sw-01+forever"];
    let made = spanwatch(["simulate", "-w", text(&capture)].into_iter().chain(ordered));
    assert_eq!(made.code, 0, "{}", made.stderr);
    let truth = fs::read(place.path("site.truth.json")).expect("it stands beside");
    let truth: Value = serde_json::from_slice(&truth).expect("JSON");
    let devices = truth["devices"].as_array().expect("devices").iter();
    let rows = devices.filter_map(|it| Some(format!("{},{}\n", it["mac"].as_str()?, it["switch"].as_str()?)));
    place.scratch.file("cameras.csv", format!("mac,switch\n{}", rows.collect::<String>()).as_bytes());
    let configuration = place.configured(
        "inventory = \"cameras.csv\"\n[watch]\ninterfaces = [\"b0\"]\n[[syslog]]\nto = \"udp://127.0.0.1\"\nseverity = \"critical\"\n",
    );
    let _rsyslogd = place.rsyslogd();
    let watch = place.wires.watch(&["--config", text(&configuration)]);
    place.wires.play("a0", &capture::read(&capture));
    let told = place.lines("syslog.jsonl", 1, |line| line["msgid"] == "devices-offline-together");
    let said = told[0]["msg"].as_str().expect("a text");
    assert!(
        said.contains("made: ") && said.contains(" cameras behind switch sw-01: no sign of life since "),
        "{said}"
    );
    watch.end();
}

/// What a store holds for its receivers: of which kind each is, and the ids of the messages in their order.
fn kept(store: &Path) -> Vec<(String, Vec<String>)> {
    let asked = Command::new(PYTHON).args(["-c", KEPT, text(store)]).output().expect("python3 is there");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    serde_json::from_slice(&asked.stdout).expect("JSON")
}

/// Each id once, when it first came.
fn first_of_each(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    ids.filter(|id| seen.insert(id.clone())).collect()
}

/// The id of a message, from a line of syslog.
fn message_id(line: &Value) -> String {
    let data = line["structured-data"].as_str().unwrap_or_default();
    let id = data.split("message=\"").nth(1).and_then(|rest| rest.split('"').next());
    id.unwrap_or_default().to_owned()
}

#[test]
fn what_waits_for_dead_receivers_outlives_two_kills_and_arrives_in_its_order() {
    let Some(place) = Place::new("outputs-kept") else { return };
    place.certificates();
    place.secret("secret");
    let store = place.path("store");
    let configuration = place.configured(
        "[watch]\ninterfaces = [\"b0\"]\n[metrics]\n[store]\npath = \"store\"\n[[syslog]]\nto = \"tcp://localhost\"\n\
         [[webhook]]\nto = \"https://localhost:8443/hook\"\nsecret_file = \"secret\"\nca_file = \"ca.pem\"\n",
    );
    let watch = ["--config", text(&configuration)];
    let first = place.wires.watch(&watch);
    let played = [weak::snmp_default_community(true), weak::cleartext_login(true), weak::snmp_v1v2c(true)];
    for (number, frames) in played.into_iter().chain(weak::plain_logins(true)).enumerate() {
        place.wires.play("a0", &from_port(40_200 + number as u16, hurried(frames)));
    }
    let said = until("all that waits to be in the store", || {
        let figures = place.figures()?;
        let of = |name: &str| figures[name].as_f64();
        let waiting = ["tcp://localhost:514", "https://localhost:8443"]
            .map(|to| of(&format!("spanwatch_messages_waiting{{receiver={to}}}")));
        let kept = of("spanwatch_store_messages")?;
        (kept >= 12.0 && kept == waiting[0]? + waiting[1]?).then_some(kept)
    });
    first.kill();
    let left = kept(&store);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left.iter().map(|(_, ids)| ids.len()).sum::<usize>() as f64 >= said,
        "{said} were said to be kept: {left:?}"
    );

    // Killed while one receiver takes a second for each, and the other is dead.
    let (slow, all) = (place.path("slow.jsonl"), place.path("hooks.jsonl"));
    let hooks = place.start([PYTHON, "-c", HOOKS, text(&slow), SECRET, text(place.scratch.path()), "1"]);
    let mut second = place.wires.watch(&watch);
    second.until_it_says("messages wait since before");
    let told = place.lines("slow.jsonl", 2, |_| true);
    second.kill();
    drop(hooks);
    let rest = kept(&store);
    assert!(rest.iter().all(|(_, ids)| !ids.is_empty()), "it was in the middle: {rest:?}");

    let _hooks = place.start([PYTHON, "-c", HOOKS, text(&all), SECRET, text(place.scratch.path())]);
    let _rsyslogd = place.rsyslogd();
    let third = place.wires.watch(&watch);
    let due = |of: &str| left.iter().find(|(to, _)| to.starts_with(of)).map_or(0, |(_, ids)| ids.len());
    place.lines("syslog.jsonl", due("tcp"), |line| line["inputname"] == "tcp");
    let waits = rest.iter().find(|(to, _)| to.starts_with("https")).map_or(0, |(_, ids)| ids.len());
    place.lines("hooks.jsonl", waits, |_| true);
    third.end();
    let lines = place.lines("hooks.jsonl", 1, |_| true);
    assert!(lines.iter().chain(&told).all(|line| line["verified"] == true));
    let id = |line: &Value| line["id"].as_str().unwrap_or_default().to_owned();
    let hooks = first_of_each(told.iter().chain(&lines).map(id));
    let lines = place.lines("syslog.jsonl", 1, |line| line["inputname"] == "tcp");
    let syslog = first_of_each(lines.iter().map(message_id));
    for (receiver, due) in left {
        let came = if receiver.starts_with("https") { &hooks } else { &syslog };
        assert_eq!(came.get(..due.len()), Some(&due[..]), "{receiver}");
    }
    assert!(kept(&store).is_empty());
}

/// The port from which the cases' clients ask.
const CLIENT: [u8; 2] = 40_005_u16.to_be_bytes();

/// Debian's, which has Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Follows every link of the pages, asks all of the API and the figures, and writes down what came.
const CRAWL: &str = "\
import http.client, re, sys, urllib.request
base, seen, waiting, text = 'http://127.0.0.1:8444', set(), ['/'], ''
waiting += ['/api/v1/' + it for it in ('overview', 'devices', 'streams', 'switches', 'sessions', 'findings', 'kinds', 'report')]
while waiting and len(seen) < 500:
    path = waiting.pop(0)
    if path in seen or not path.startswith('/') or path == '/live':
        continue
    seen.add(path)
    try:
        with urllib.request.urlopen(base + path, timeout=5) as answer:
            if 'event-stream' in answer.headers.get('content-type', ''):
                continue
            body = answer.read().decode(errors='replace')
    except (OSError, http.client.HTTPException):
        continue
    text += path + '\\n' + body
    waiting += [it.replace('&amp;', '&').split('#')[0] for it in re.findall(r'(?:href|src)=\"([^\"]+)\"', body)]
figures = urllib.request.urlopen('http://127.0.0.1:9947/metrics', timeout=5).read().decode()
open(sys.argv[1], 'w').write(text + figures)
";

/// Prints what waits for whom in a store.
const KEPT: &str = "\
import json, sqlite3, sys
store, kept = sqlite3.connect(f'file:{sys.argv[1]}/spanwatch.db?mode=ro', uri=True), {}
for receiver, message in store.execute('SELECT receiver, id FROM outbox ORDER BY receiver, number'):
    kept.setdefault(receiver, []).append(message)
print(json.dumps(list(kept.items())))";

/// Receives webhooks over TLS; writes of each what it says and whether its signature is right. May take its time.
const HOOKS: &str = "\
import base64, hashlib, hmac, http.server, json, ssl, sys, time
out, secret, folder = open(sys.argv[1], 'a'), base64.b64decode(sys.argv[2][6:]), sys.argv[3]
class Hook(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        signed = f\"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.\".encode() + body
        due = 'v1,' + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        is_right = hmac.compare_digest(due, self.headers['webhook-signature'])
        print(json.dumps({'verified': is_right, 'id': self.headers['webhook-id'], 'path': self.path, 'body': json.loads(body)}), file=out, flush=True)
        time.sleep(float((sys.argv + ['0'])[4]))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 8443), Hook)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + '/server.pem', folder + '/server.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()";

/// Reads the figures as Prometheus does, and writes them as JSON.
const SCRAPE: &str = "\
import json, urllib.request
from prometheus_client.parser import text_string_to_metric_families
text = urllib.request.urlopen('http://127.0.0.1:9947/metrics', timeout=5).read().decode()
figures = {}
for family in text_string_to_metric_families(text):
    assert family.type in ('gauge', 'counter') and family.documentation, family
    for sample in family.samples:
        labels = ','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))
        figures[sample.name + ('{' + labels + '}' if labels else '')] = sample.value
print(json.dumps(figures))";
