//! The Debian package: installed into a clean root, watching there as the unit starts it, a switch that dies told to
//! rsyslogd, then upgraded, removed and purged.
//!
//! And booted, with `SPANWATCH_SOAK=1`: on a machine of its own, where systemd starts the unit as it stands.
//!
//! Needs root, iproute2, python3, rsyslog, dpkg-dev, and mmdebstrap with a mirror of Debian for the clean root, which is kept in
//! `target`; for the machine user-mode-linux.

use crate::support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use support::run::{SPANWATCH, Scratch, spanwatch};
use support::wire::{End, arp};
use support::wires::{SEND, Wires, lines_of};
use support::{capture, is_asked_for, machine, project, skipped};

/// Runs a program that must go well.
fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{program} {words:?}: {said}{}", String::from_utf8_lossy(&stdout));
    String::from_utf8_lossy(&stdout).into_owned()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The package of the program under test.
fn package(folder: &Path) -> PathBuf {
    let made = run(text(&project("packaging/deb")), &[SPANWATCH, text(folder)]);
    PathBuf::from(made.trim())
}

/// A clean root of Debian with these packages beside the essential ones: made once.
fn clean_root(name: &str, packages: &str) -> Option<PathBuf> {
    let kept = project(&format!("target/{name}.tar"));
    if kept.is_file() {
        return Some(kept);
    }
    let new = project(&format!("target/{name}.new.tar"));
    let include = format!("--include=libpcap0.8,passwd{packages}");
    let made = Command::new("mmdebstrap")
        .args(["--variant=essential", &include, "bookworm", text(&new)])
        .stdin(Stdio::null())
        .output();
    if !made.is_ok_and(|output| output.status.success()) {
        skipped("mmdebstrap makes no clean root here");
        return None;
    }
    fs::rename(&new, &kept).expect("it is ours");
    Some(kept)
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// A time of RFC 3339 in seconds since 1970.
fn seconds(time: &str) -> f64 {
    run("date", &["-d", time, "+%s.%N"]).trim().parse().expect("a number")
}

/// What the unit starts.
fn exec_start(root: &Path) -> String {
    let unit =
        fs::read_to_string(root.join("lib/systemd/system/spanwatch.service")).expect("it is installed");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart="));
    line.expect("it starts something").to_owned()
}

/// A made-up site whose switch `sw-01` dies 30 s after its first packet, and its list of devices.
fn site(scratch: &Scratch) -> (Vec<capture::Frame>, String) {
    let file = scratch.path().join("site.pcapng");
    let ordered =
        ["--devices=12", "--length=45s", "--bit-rate=20000", "--incident=switch-power@30s:sw-01+forever"];
    let made = spanwatch(["simulate", "-w", text(&file)].into_iter().chain(ordered));
    assert_eq!(made.code, 0, "{}", made.stderr);
    let truth = fs::read(scratch.path().join("site.truth.json")).expect("it stands beside");
    let truth: Value = serde_json::from_slice(&truth).expect("JSON");
    let devices = truth["devices"].as_array().expect("devices").iter();
    let rows = devices.filter_map(|it| Some(format!("{},{}\n", it["mac"].as_str()?, it["switch"].as_str()?)));
    (capture::read(&file), format!("mac,switch\n{}", rows.collect::<String>()))
}

#[test]
fn the_same_binary_gives_the_same_package_and_its_pages_are_well_written() {
    let Some(scratch) = is_there("dpkg-deb").then(|| Scratch::new("deb")) else {
        return skipped("dpkg-deb is missing");
    };
    let [one, two] = ["one", "two"].map(|name| package(&scratch.path().join(name)));
    let is_same = fs::read(&one).expect("it is made") == fs::read(&two).expect("it is made");
    assert!(is_same, "the same bytes each time");
    let files = run("dpkg-deb", &["--contents", text(&one)]);
    for due in [
        "./usr/bin/spanwatch",
        "./lib/systemd/system/spanwatch.service",
        "./etc/spanwatch/spanwatch.toml",
        "./usr/share/man/man1/spanwatch-watch.1.gz",
        "./usr/share/doc/spanwatch/copyright",
    ] {
        assert!(files.contains(due), "{due}: {files}");
    }
    let checked = spanwatch(["config", "check", text(&project("packaging/spanwatch.toml"))]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    if is_there("man") {
        let pages = scratch.path().join("pages");
        fs::create_dir(&pages).expect("it is ours");
        run(SPANWATCH, &["manual", text(&pages)]);
        for page in fs::read_dir(&pages).expect("it is ours") {
            let page = page.expect("it is ours").path();
            let shown =
                Command::new("man").args(["--warnings", "-l", text(&page)]).output().expect("it is there");
            let said = String::from_utf8_lossy(&shown.stderr);
            assert!(shown.status.success() && said.is_empty(), "{}: {said}", page.display());
            assert!(String::from_utf8_lossy(&shown.stdout).contains("SYNOPSIS"));
        }
    }
    if is_there("lintian") {
        run("lintian", &["--fail-on", "error", text(&one)]);
    }
}

#[test]
fn installed_in_a_clean_root_it_tells_rsyslogd_in_one_line_which_switch_died() {
    let Some(wires) = Wires::silent("installed") else { return };
    if !Command::new("rsyslogd").arg("-v").output().is_ok_and(|output| output.status.success()) {
        return skipped("rsyslogd is missing");
    }
    let Some(clean) = clean_root("clean-root", "") else { return };
    wires.run("ip link set lo up");
    let scratch = Scratch::new("installed");
    let root = scratch.path().join("root");
    fs::create_dir(&root).expect("it is ours");
    run("tar", &["-xf", text(&clean), "-C", text(&root)]);
    let made = package(scratch.path());
    fs::copy(&made, root.join("spanwatch.deb")).expect("it is ours");
    run("chroot", &[text(&root), "dpkg", "-i", "/spanwatch.deb"]);

    let (frames, list) = site(&scratch);
    fs::write(root.join("etc/spanwatch/cameras.csv"), list).expect("it is ours");
    let configuration = "inventory = \"cameras.csv\"\n[watch]\ninterfaces = [\"b0\"]\n[store]\n\
                         [[syslog]]\nto = \"udp://127.0.0.1\"\nseverity = \"critical\"\n";
    fs::write(root.join("etc/spanwatch/spanwatch.toml"), configuration).expect("it is ours");
    let lines = scratch.path().join("lines");
    let rules = format!(
        "global(workDirectory=\"{0}\")\nmodule(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"514\")\n\
         template(name=\"heard\" type=\"string\" string=\"%timegenerated:::date-rfc3339% %syslogtag% %msg%\\n\")\n\
         action(type=\"omfile\" file=\"{0}/lines\" template=\"heard\")\n",
        text(scratch.path())
    );
    let rules = scratch.file("rsyslog.conf", rules.as_bytes());
    let pid = scratch.path().join("rsyslogd.pid");
    let rsyslogd = wires.inside(["rsyslogd", "-n", "-f", text(&rules), "-i", text(&pid)]).spawn();
    let _rsyslogd = Running(rsyslogd.expect("ip is there"));

    // As the unit has it: its own account, one capability, and no way to more.
    let start = format!(
        "mount --rbind /proc {0}/proc && mount --rbind /sys {0}/sys && mount --rbind /dev {0}/dev && \
         exec chroot {0} setpriv --reuid=spanwatch --regid=spanwatch --clear-groups --inh-caps=-all,+net_raw \
         --ambient-caps=-all,+net_raw --bounding-set=-all,+net_raw --no-new-privs {1}",
        text(&root),
        exec_start(&root)
    );
    let log = scratch.path().join("log");
    let open = |name| fs::File::create(scratch.path().join(name)).expect("it is ours");
    let watch = wires.inside(["sh", "-c", &start]).stdout(open("out")).stderr(open("log")).spawn();
    let mut watch = watch.expect("ip is there");
    let said = || fs::read_to_string(&log).expect("it is ours");
    for _ in 0..600 {
        if said().contains("listening on b0") || watch.try_wait().expect("it is ours").is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(said().contains("listening on b0; transmitting nothing"), "{}", said());

    wires.play("a0", &frames);
    for _ in 0..600 {
        if fs::read_to_string(&lines).is_ok_and(|told| told.contains("sw-01")) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    run("kill", &["-TERM", &watch.id().to_string()]);
    assert_eq!(watch.wait().expect("it ends").code(), Some(0), "{}", said());
    let report = fs::read_to_string(root.join("var/lib/spanwatch/last-report.jsonl")).expect("it is written");
    let mut report = report.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let capture = report.find(|line| line["type"] == "capture").expect("a capture");
    let died = seconds(capture["first"].as_str().expect("a time")) + 30.0;
    let told = fs::read_to_string(&lines).expect("rsyslogd wrote");
    let told: Vec<&str> = told.lines().filter(|line| line.contains("spanwatch")).collect();
    // Who is missed later than the others revises it; nothing else is told, and nothing before.
    let is_revision =
        |line: &&str| line.contains("revised: ") && line.contains(" cameras behind switch sw-01: ");
    let Some((line, later)) = told.split_first() else { panic!("one line was due") };
    assert!(later.iter().all(is_revision), "{told:#?}");
    let heard = seconds(line.split(' ').next().expect("a time"));
    println!("rsyslogd had the line {:.1} s after the switch died", heard - died);
    assert!(
        line.contains("made: ") && line.contains(" cameras behind switch sw-01: no sign of life since "),
        "{line}"
    );
    assert!(said().contains("packets sent: 0"), "{}", said());

    // An upgrade keeps what was seen and what was configured, so does a removal; a purge takes both.
    let store = root.join("var/lib/spanwatch/spanwatch.db");
    let kept = fs::metadata(&store).expect("the store is there").ino();
    run("chroot", &[text(&root), "dpkg", "-i", "/spanwatch.deb"]);
    assert_eq!(fs::metadata(&store).expect("it is kept").ino(), kept);
    let file = root.join("etc/spanwatch/spanwatch.toml");
    assert_eq!(fs::read_to_string(&file).expect("it is kept"), configuration);
    run("chroot", &[text(&root), "dpkg", "-r", "spanwatch"]);
    assert!(store.is_file() && file.is_file() && !root.join("usr/bin/spanwatch").exists());
    fs::remove_file(root.join("etc/spanwatch/cameras.csv")).expect("it is ours");
    run("chroot", &[text(&root), "dpkg", "--purge", "spanwatch"]);
    assert!(!root.join("var/lib/spanwatch").exists() && !root.join("etc/spanwatch").exists());
}

#[test]
fn booted_by_systemd_the_unit_watches_comes_back_when_it_is_killed_and_leaves_a_report() {
    if !is_asked_for("SPANWATCH_SOAK") || !machine::is_there() {
        return;
    }
    let Some(clean) = clean_root("booted-root", ",systemd-sysv,udev,iproute2,procps,kmod") else { return };
    let scratch = Scratch::new("booted");
    let root = scratch.path().join("root");
    fs::create_dir(&root).expect("it is ours");
    run("tar", &["-xf", text(&clean), "-C", text(&root)]);
    fs::copy(package(scratch.path()), root.join("spanwatch.deb")).expect("it is ours");
    run("chroot", &[text(&root), "dpkg", "-i", "/spanwatch.deb"]);
    let own = root.join("root");
    fs::copy(machine::cables(), own.join("veth.ko")).expect("it is ours");
    let [asks, asked] = [1, 2].map(|last| End::new([192, 0, 2, last], 0));
    let frames = [0, 1_500, 3_000].map(|ms| capture::Frame::new(ms * 1_000_000, arp(asks, asked, [0xff; 6])));
    for (path, content) in [
        ("etc/spanwatch/spanwatch.toml", "[watch]\ninterfaces = [\"b0\"]\n[store]\n[recorder]\noff = true\n"),
        ("root/frames", &lines_of(&frames)),
        ("root/send.py", SEND),
        ("root/drive", &DRIVE.replace("FOLDER", text(&own))),
        ("etc/systemd/system/drive.service", DRIVE_UNIT),
    ] {
        fs::write(root.join(path), content).expect("it is ours");
    }
    run("chroot", &[text(&root), "systemctl", "enable", "drive.service"]);
    let log = scratch.path().join("log");
    machine::run(&root, Path::new("/lib/systemd/systemd"), &[], &log);

    let told = fs::read_to_string(own.join("told"))
        .unwrap_or_else(|_| panic!("{}", fs::read_to_string(&log).expect("it is ours")));
    let is_told = |line: &str| assert!(told.lines().any(|it| it == line), "{line}: {told}");
    let all = ["started: 0, active", "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"];
    let after = ["restarts: 1, then active", "stopped: 0", "verified: 0"];
    all.into_iter().chain(after).for_each(is_told);
    assert!(told.contains("status: 1 devices, 0 offline; 0 findings; 0 packets dropped; "), "{told}");
    assert!(told.contains("spanwatch spanwatch last-report.jsonl"), "{told}");
    let exposure = told.lines().find_map(|line| line.split("exposure level for spanwatch.service: ").nth(1));
    let exposure = exposure.and_then(|it| it.split(' ').next()?.parse::<f64>().ok());
    assert!(exposure.is_some_and(|exposure| exposure <= EXPOSURE_MAX), "{told}");
    assert!(told.contains("knows 1 devices; the watch was away for "), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}

/// As `systemd-analyze security` counts, of 10: what it needs for its ports and receivers makes 1.9.
const EXPOSURE_MAX: f64 = 2.0;

/// Runs [`DRIVE`] once all is up.
const DRIVE_UNIT: &str = "\
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=sh /root/drive
[Install]
WantedBy=multi-user.target
";

/// What is tried on the machine, and told in `/root/told`. Its disk is a folder whose files are root's alone, and has no Python.
const DRIVE: &str = "\
exec > /root/told 2>&1
of() { systemctl show -P $1 spanwatch; }
insmod /root/veth.ko
ip link add a0 type veth peer name b0
ip link set a0 up arp off
mount -t tmpfs -o mode=0750 tmpfs /var/lib/spanwatch
chown spanwatch:spanwatch /var/lib/spanwatch
mount -t hostfs none /mnt -o /
systemctl start spanwatch-port@b0 spanwatch; echo \"started: $?, $(of ActiveState)\"
cat /proc/$(of MainPID)/status
chroot /mnt python3 FOLDER/send.py a0 < /root/frames
sleep 2
echo \"status: $(of StatusText)\"
systemctl kill -s KILL spanwatch
for n in $(seq 120); do
    [ \"$(of NRestarts), $(of ActiveState)\" = '1, active' ] && break
    sleep 0.5
done
echo \"restarts: $(of NRestarts), then $(of ActiveState)\"
systemctl stop spanwatch; echo \"stopped: $(of ExecMainStatus)\"
systemd-analyze verify --man=no spanwatch.service spanwatch-port@b0.service; echo \"verified: $?\"
systemd-analyze --no-pager security spanwatch.service | tail -n 1
stat -c '%U %G %n' /var/lib/spanwatch/* | sed 's,/var/lib/spanwatch/,,'
journalctl --no-pager -q -o cat -u spanwatch -u spanwatch-port@b0
systemctl poweroff -ff
";
