//! Logins, acts and TLS of the program itself: over a capture's store, a running watch's, and the store that it left. By curl and
//! openssl, which nobody here wrote, and in a browser.

use crate::support;

use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use spanwatch_appliance::outputs::Say;
use spanwatch_appliance::store::{Limits, Store};
use spanwatch_engine::report::minutes::{StreamKey, StreamSum};
use spanwatch_engine::report::picture::Picture;
use spanwatch_engine::report::{Finding, time};
use spanwatch_parsers::{Span, Time};
use support::capture;
use support::run::{Scratch, spanwatch};
use support::server::{Server, curl, first, url};
use support::wires::Wires;
use support::{project, skipped};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A script of `tests/web` in a browser, where there is one.
fn browsed(script: &str, arguments: &[&str]) {
    let tools = project("tests/web");
    let browser =
        std::env::var_os("CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from);
    if !browser.is_file() || !tools.join("node_modules/playwright-core").is_dir() {
        skipped("no browser to log in with: make install-test");
        return;
    }
    let run = Command::new("timeout")
        .args(["300", "node", script])
        .args(arguments)
        .args(std::env::var_os("SPANWATCH_PICTURES"))
        .env("CHROMIUM", &browser)
        .current_dir(&tools)
        .stdin(Stdio::null())
        .output()
        .expect("timeout(1) is there");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    print!("{said}");
}

#[test]
fn the_story_of_an_incident_is_told_in_a_browser_over_a_case() {
    let scratch = Scratch::new("access-case");
    let (store, sample) = (scratch.path().join("case"), project("pcaps/site-six-behind-a-switch.pcapng"));
    let server = Server::start(&[text(&sample), "--store", text(&store), "--listen", "127.0.0.1:0"]);
    browsed("access.mjs", &[server.url(), server.first().expect("nobody can log in yet")]);
    // What was done is there for the next who serves it, and for the console.
    drop(server);
    let again = Server::start(&["--store", text(&store), "--listen", "127.0.0.1:0"]);
    let has_browser = spanwatch(["findings", "--store", text(&store), "audit", "--format=jsonl"]).lines();
    if has_browser.iter().any(|it| it["what"] == "password-set") {
        assert_eq!(again.first(), None, "{}", again.said);
        assert!(has_browser.iter().any(|it| it["what"] == "handed-over" && it["origin"] == "127.0.0.1"));
    }
    assert_eq!(curl(&[again.url()]).0, "303");
}

/// A store as a watch of 20 days leaves it: each device away for some hours, and of the first streams what came in each minute of
/// the last day and of each hour before. Gives the id of a device that sends two of them.
fn kept_for_weeks(dir: &Path) -> String {
    let sample = project("pcaps/site-six-behind-a-switch.pcapng");
    let replayed =
        spanwatch([Path::new("replay"), Path::new("--no-progress"), Path::new("--format=json"), &sample]);
    let report: Value = serde_json::from_str(replayed.text()).expect("a report");
    let end = time::parse(report["capture"]["last"].as_str().expect("an end")).expect("a time");
    let ago = |hours: i64| end - Span::seconds(hours * 3_600);
    let say: Say = Arc::new(|_| {});
    let (mut store, _) = Store::open(dir, Limits::default(), ago(480), &say).expect("a new store");
    let camera = report["streams"][0]["source"].as_str().expect("a stream").to_owned();
    for (number, destination) in [(0_u64, "192.0.2.10"), (1, "192.0.2.11")] {
        let minutes = (1..=1_500_i64).chain((26..480).map(|hours| hours * 60));
        for minute in minutes {
            let key = StreamKey {
                source: camera.clone(),
                destination: destination.into(),
                transport: "udp",
                payload_type: 96,
            };
            let wave = minute.unsigned_abs() % 97;
            let sum = StreamSum {
                packets: 9_000,
                bytes: 15_000_000 * (number + 1) + wave * 40_000,
                lost: if wave > 90 { wave * number } else { 0 },
                jitter_us: 900 + wave * 7,
            };
            let began = end.0 - end.0.rem_euclid(60_000_000_000) - minute * 60_000_000_000;
            store.minute(Time(began), [(key, sum)].into());
        }
    }
    let states = [(480, 300, "online"), (300, 270, "unknown"), (270, 60, "online"), (60, 54, "offline")];
    let devices = report["devices"].as_array().expect("devices").iter().map(|device| {
        let mut device = device.clone();
        let mut history: Vec<Value> = states
            .iter()
            .map(|(from, to, state)| {
                json!({ "from": time::rfc3339(ago(*from)), "to": time::rfc3339(ago(*to)), "state": state })
            })
            .collect();
        history.push(json!({ "from": time::rfc3339(ago(54)), "state": device["state"] }));
        device["history"] = history.into();
        device["first_seen"] = time::rfc3339(ago(480)).into();
        Picture::Is(serde_json::from_str(&device.to_string()).expect("a device"))
    });
    let devices = (1..).zip(devices).collect();
    let findings = report["findings"].as_array().expect("findings").iter();
    let findings: Vec<Finding> =
        findings.map(|it| serde_json::from_str(&it.to_string()).expect("a finding")).collect();
    store.take(end, devices, &findings, &|_| false);
    assert!(store.finish(Duration::from_secs(60)));
    camera
}

#[test]
fn a_store_of_weeks_is_looked_at_in_a_browser() {
    let scratch = Scratch::new("access-weeks");
    let store = scratch.path().join("store");
    let camera = kept_for_weeks(&store);
    let server = Server::start(&["--store", text(&store), "--listen", "127.0.0.1:0"]);
    browsed("kept.mjs", &[server.url(), server.first().expect("nobody can log in yet"), &camera]);
}

#[test]
fn elsewhere_all_goes_over_tls_with_a_certificate_that_is_kept() {
    let scratch = Scratch::new("access-tls");
    let (store, sample) = (scratch.path().join("case"), project("pcaps/discovery.pcap"));
    let arguments = [text(&sample), "--store", text(&store), "--listen", "0.0.0.0:0"];
    let server = Server::start(&arguments);
    let port = server.url().rsplit(':').next().expect("a port").to_owned();
    let (local, plain) = (format!("https://127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    let (status, answer) = curl(&[&format!("{local}/")]);
    assert!(status == "303" && answer.contains("location: /login"), "{answer}");
    assert!(!answer.contains("strict-transport-security"), "{answer}");
    assert_eq!(curl(&[&plain]).0, "000", "nothing is answered in clear");
    let key = std::fs::metadata(store.join("web-key.pem")).expect("a key").permissions().mode();
    assert_eq!(key & 0o777, 0o600);
    let shown = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(store.join("web-certificate.pem"))
        .output()
        .expect("openssl is there");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let fingerprint = shown.trim().rsplit('=').next().expect("a fingerprint").to_owned();
    assert!(server.said.contains(&fingerprint), "{shown}: {}", server.said);
    for (version, is_spoken) in [("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-brief", version, "-connect", &format!("127.0.0.1:{port}")]);
        let output = client.stdin(Stdio::null()).output().expect("openssl is there");
        assert_eq!(output.status.success(), is_spoken, "{version}");
    }
    // The first admin, by curl.
    let link = server.first().expect("a link").to_owned();
    let secret = link.split('=').nth(1).expect("a key");
    let form = format!("key={secret}&name=ada&password=four+doors+of+oak&again=four+doors+of+oak");
    let (status, answer) = curl(&["-d", &form, &format!("{local}/welcome")]);
    assert_eq!(status, "303", "{answer}");
    let cookie =
        answer.lines().find(|line| line.starts_with("set-cookie: __Host-spanwatch-")).expect("a cookie");
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; Secure"), "{cookie}");
    assert_eq!(curl(&["-d", &form, &format!("{local}/welcome")]).0, "404", "it works once");
    drop(server);
    let again = Server::start(&arguments);
    assert!(again.said.contains(&fingerprint) && again.first().is_none(), "{}", again.said);
    drop(again);
    // The same as one's own: browsers are told to stay.
    let config = scratch.path().join("spanwatch.toml");
    let own = "[web]\ncertificate_file = \"case/web-certificate.pem\"\nkey_file = \"case/web-key.pem\"\n";
    std::fs::write(&config, own).expect("a file");
    let arguments = ["--store", text(&store), "--listen", "127.0.0.1:0", "--config", text(&config)];
    let own = Server::start(&arguments);
    assert!(own.url().starts_with("https://127.0.0.1:"), "{}", own.said);
    assert!(
        curl(&[&format!("{}/login", own.url())]).1.contains("strict-transport-security: max-age=31536000")
    );
    std::fs::write(&config, "[web]\ncertificate_file = \"/dev/null\"\nkey_file = \"case/web-key.pem\"\n")
        .expect("a file");
    let wrong = spanwatch(["config", "check", text(&config)]);
    assert!(
        wrong.code == 1 && wrong.stderr.contains("spanwatch.toml:2: certificate_file: "),
        "{}",
        wrong.stderr
    );
}

#[test]
fn without_a_store_nobody_elsewhere_is_served() {
    let sample = project("pcaps/discovery.pcap");
    let refused = spanwatch(["serve", "--no-progress", "--listen=0.0.0.0:0", text(&sample)]);
    assert!(refused.code == 1 && refused.stderr.contains("give --store DIR"), "{}", refused.stderr);
    let missing = spanwatch(["serve", "--store", "/no/such/folder"]);
    assert!(missing.code == 1 && missing.stderr.contains("there is no store"), "{}", missing.stderr);
}

#[test]
fn a_slow_head_and_a_flood_of_connections_keep_nobody_out() {
    let scratch = Scratch::new("access-slow");
    let (store, sample) = (scratch.path().join("case"), project("pcaps/discovery.pcap"));
    let server = Server::start(&[text(&sample), "--store", text(&store), "--listen", "127.0.0.1:0"]);
    let address = server.url().trim_start_matches("http://").to_owned();
    // As many as one address may have, each with half a head; the one behind them is let go, and so are they in the end.
    let mut slow: Vec<_> = (0..128)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(&address).expect("it listens");
            std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: 127.0").expect("it reads");
            stream
        })
        .collect();
    let mut one_more = std::net::TcpStream::connect(&address).expect("it listens");
    let mut answer = Vec::new();
    assert!(one_more.read_to_end(&mut answer).is_ok_and(|read| read == 0), "it is closed at once");
    for stream in &mut slow {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    }
    assert_eq!(curl(&[&format!("http://{address}/login")]).0, "200");
    let long = ["A", "B", "C"].map(|name| format!("{name}: {}", "x".repeat(100_000)));
    let (status, _) =
        curl(&["-H", &long[0], "-H", &long[1], "-H", &long[2], &format!("http://{address}/login")]);
    assert!(matches!(&*status, "431" | "000"), "{status}");
}

#[test]
fn the_pages_of_a_running_watch_show_its_store_and_what_people_did() {
    let Some(wires) = Wires::silent("access") else { return };
    wires.run("ip link set lo up");
    let scratch = Scratch::new("access-watch");
    let (capture, store) = (scratch.path().join("site.pcapng"), scratch.path().join("store"));
    let ordered =
        ["--devices=12", "--length=45s", "--bit-rate=20000", "--incident=switch-power@30s:sw-01+forever"];
    let made = spanwatch(["simulate", "-w", text(&capture)].into_iter().chain(ordered));
    assert_eq!(made.code, 0, "{}", made.stderr);
    let mut watch = wires.watch(&["-i", "b0", "--store", text(&store), "--listen", "127.0.0.1:0"]);
    watch.until_it_says("pages at ");
    let (at, link) = (url(watch.said()).to_owned(), first(watch.said()).expect("a link").to_owned());
    wires.play("a0", &capture::read(&capture));
    let output = wires
        .inside(["timeout", "120", "python3", "-c", ACT, &at, &link])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .and_then(Child::wait_with_output)
        .expect("ip is there");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    watch.end();
    // The store that it left, by itself.
    let server = Server::start(&["--store", text(&store), "--listen", "127.0.0.1:0"]);
    let base = server.url().to_owned();
    let token = told.lines().find_map(|line| line.strip_prefix("token ")).expect("a token").to_owned();
    let bearer = format!("Authorization: Bearer {token}");
    let (status, answer) = curl(&["-H", &bearer, &format!("{base}/api/v1/findings?owner=physical-security")]);
    assert!(
        status == "200" && answer.contains("\"assigned\":\"ada\"") && answer.contains("acknowledged"),
        "{answer}"
    );
    let (_, devices) = curl(&["-H", &bearer, &format!("{base}/api/v1/devices?limit=1000")]);
    assert!(
        devices.contains("\"state\":\"offline\"") || devices.contains("\"state\":\"unknown\""),
        "{devices}"
    );
    assert!(!server.said.contains("/welcome"), "{}", server.said);
    // The packets that the watch froze, and who sent what to whom while it watched.
    let mut finding =
        told.lines().find_map(|line| line.strip_prefix("finding ")).expect("a finding").split(' ');
    let (id, bytes) = (finding.next().expect("an id"), finding.next().expect("a length"));
    let (status, answer) = curl(&["-H", &bearer, &format!("{base}/api/v1/findings/{id}/packets")]);
    assert!(status == "200" && answer.contains("\"evidence\":"), "{answer}");
    let file = scratch.path().join("packets.pcapng");
    let path = format!("{base}/api/v1/findings/{id}/packets.pcapng");
    let got = Command::new("curl").args(["-s", "-H", &bearer, "-o", text(&file), &path]).status();
    assert!(got.is_ok_and(|it| it.success()));
    assert!(std::fs::metadata(&file).expect("a file").len() >= bytes.parse::<u64>().expect("a number"));
    let (_, switches) = curl(&["-H", &bearer, &format!("{base}/api/v1/switches")]);
    assert!(switches.contains("\"total\":"), "{switches}");
}

/// Comes in by the first link, waits for the outage, acknowledges it, takes it and hands it over; prints a token.
const ACT: &str = r#"
import http.cookiejar, json, re, sys, time, urllib.parse, urllib.request
at, link = sys.argv[1:]
jar = http.cookiejar.CookieJar()
web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
def get(path): return web.open(at + path, timeout=30).read().decode()
def post(path, **form): return web.open(at + path, urllib.parse.urlencode(form).encode(), timeout=30).read().decode()
assert 'Set up this Spanwatch' in get(link)
post('/welcome', key=link.split('=')[1], name='ada', password='four doors of oak', again='four doors of oak')
for turn in range(60):
    found = [it for it in json.loads(get('/api/v1/findings'))['items'] if it['kind'] == 'devices-offline-together']
    if found: break
    time.sleep(1)
finding = found[0]['id']
page = get('/findings/' + finding)
csrf = re.search('name="csrf" value="([^"]+)"', page)[1]
def act(**form): return post(f'/findings/{finding}/act', csrf=csrf, **form)
for turn in range(30):
    try:
        act(act='acknowledge')
        break
    except urllib.error.HTTPError as error:
        assert error.code == 409 and turn < 29, error.read()  # not written yet
        time.sleep(1)
def packets():
    try:
        return get(f'/findings/{finding}/packets')
    except urllib.error.HTTPError as error:
        assert error.code == 404, error.read()  # not frozen yet
for turn in range(60):
    kept = packets()
    if kept: break
    time.sleep(1)
assert '<b>evidence</b>' in kept and 'Download pcapng' in kept, kept
file = web.open(at + f'/findings/{finding}/packets.pcapng', timeout=30).read()
assert file[:4] == b'\x0a\x0d\x0d\x0a' and len(file) > 1000, file[:99]
alone = urllib.request.urlopen(at + f'/findings/{finding}/packets.pcapng', timeout=30)
assert alone.url.split('?')[0] == at + '/login', alone.url
print('finding', finding, len(file))
assert 'Physical security' in act(act='hand-over', to='physical-security', note='not the switch')
assert 'saw it' in act(act='assign', to='ada')
now = get('/')
lane = now.split('id="lane-physical-security"')[1].split('</section>')[0]
assert finding in lane and 'ada' in lane, lane
told = post('/users', csrf=csrf, what='token', name='siem', role='viewer')
print('token', re.search('id="token">([^<]+)<', told)[1])
"#;
