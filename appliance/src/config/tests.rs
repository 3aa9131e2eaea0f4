use super::keys::{KEYS, TABLES, Unless};
use super::*;

fn parsed(text: &str) -> Result<Config, Vec<String>> {
    let told = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect();
    Config::parse(text, Path::new("/etc/spanwatch.toml")).map_err(told)
}

/// A table with all that must be given.
fn least(table: &str) -> &'static str {
    match table {
        "" => "",
        "watch" => "[watch]\n",
        "syslog" => "[[syslog]]\nto = \"udp://192.0.2.9\"\n",
        "webhook" => "[[webhook]]\nto = \"https://example.net/hook\"\nsecret_file = \"secret\"\n",
        "metrics" => "[metrics]\n",
        "store" => "[store]\n",
        "recorder" => "[recorder]\n",
        "zone" => "[[zone]]\nname = \"yard\"\ndevices = [\"192.0.2.0/24\"]\n",
        "maintenance" => "[[maintenance]]\nweekly = \"sun 02:00\"\n",
        "grace" => "[[grace]]\nseconds = 30\n",
        "web" => "[web]\n",
        "policy" => "[[policy]]\nfrom = [\"camera\"]\nmay = false\n",
        "expected" => "[expected]\n",
        other => panic!("{other}"),
    }
}

#[test]
fn an_empty_file_is_a_configuration() {
    let config = parsed("").unwrap();
    assert_eq!((config.watch.buffer_mib.get(), config.syslog.len(), config.metrics), (64, 0, None));
}

#[test]
fn a_whole_file_is_read_and_its_files_lie_in_its_folder() {
    let text = "site = \"Harbour\"\ninventory = \"cameras.csv\"\nfilter = \"not port 22\"\n[watch]\ninterfaces = [\"eth1\"]\n\
                [[syslog]]\nto = \"tls://[2001:db8::9]\"\nfacility = \"local3\"\nkey_file = \"/k\"\ncertificate_file = \"c\"\n\
                [metrics]\nlisten = \"[::1]:9000\"\n";
    let config = parsed(text).unwrap();
    assert_eq!(config.inventory.as_deref(), Some(Path::new("/etc/cameras.csv")));
    let syslog = &config.syslog[0];
    assert_eq!((syslog.to.to_string().as_str(), syslog.facility.code()), ("tls://[2001:db8::9]:6514", 19));
    assert_eq!(syslog.key_file.as_deref(), Some(Path::new("/k")));
    assert_eq!(syslog.certificate_file.as_deref(), Some(Path::new("/etc/c")));
    assert_eq!(config.fault(("syslog", 0, "facility"), "x".into()).to_string(), "/etc/spanwatch.toml:8: x");
}

#[test]
fn the_list_of_keys_is_that_of_the_code() {
    for (table, _) in TABLES {
        let text = format!("{}zzz = 1\n", least(table));
        let error = toml::from_str::<Config>(&text).unwrap_err().message().to_owned();
        let (_, expected) = error.split_once("expected ").unwrap();
        let mut known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        known.retain(|name| !TABLES.iter().any(|(table, _)| table == name));
        let listed: Vec<&str> = KEYS.iter().filter(|key| key.table == *table).map(|key| key.name).collect();
        assert_eq!(known, listed, "{table}");
    }
}

#[test]
fn the_list_tells_what_holds_where_a_key_is_not_given() {
    for key in KEYS {
        let least = least(key.table);
        match key.unless {
            Unless::Value(value) => {
                let given = parsed(&format!("{least}{} = {value}\n", key.name)).unwrap();
                let plain = Config { source: given.source.clone(), ..parsed(least).unwrap() };
                assert_eq!(given, plain, "{}", key.name);
            }
            Unless::Words(_) => assert!(parsed(least).is_ok()),
            Unless::Required => {
                let lacking: Vec<&str> = least.lines().filter(|line| !line.starts_with(key.name)).collect();
                let faults = parsed(&lacking.join("\n")).unwrap_err();
                assert!(faults[0].contains(&format!("missing field `{}`", key.name)), "{faults:?}");
            }
        }
    }
}

#[test]
fn unknown_keys_are_told_all_at_once_with_line_and_remedy() {
    let text = "sight = \"x\"\n[watch]\n\nintrefaces = []\nsyslog = 1\ninventory = \"x\"\n[[syslog]]\nto = \"udp://a\"\n\
                [[syslog]]\nfacilty = \"user\"\nzone = 1\n[outputs]\n";
    let faults = parsed(text).unwrap_err();
    let due = [
        "1: there is no key sight here; the top of the file, before any table knows site, inventory",
        "4: there is no key intrefaces; did you mean interfaces?",
        "5: there is no key syslog here; [watch] knows interfaces, tunnels, snaplen_bytes",
        "6: inventory is no key of [watch]; it belongs to the top of the file",
        "10: there is no key facilty; did you mean facility?",
        "11: there is no key zone here; [[syslog]] knows to, severity",
        "12: there is no key outputs here",
    ];
    assert_eq!(faults.len(), due.len(), "{faults:#?}");
    for (fault, due) in faults.iter().zip(due) {
        assert!(fault.starts_with(&format!("/etc/spanwatch.toml:{due}")), "{fault}");
    }
}

#[test]
fn a_wrong_value_is_told_with_line_and_what_would_be_right() {
    for (text, due) in [
        ("\nthreads = 0", "2: 0 is out of range: 1 to 65535"),
        ("[watch]\nsnaplen_bytes = 95", "2: 95 is out of range: 96 to 262144"),
        ("[watch]\nbuffer_mib = \"big\"", "2: invalid type: string \"big\""),
        ("filter = \"tcp prot 554\"", "1: "),
        ("[[syslog]]\nto = \"logs.example\"", "2: \"logs.example\" is no receiver of syslog: write udp://"),
        ("[[syslog]]\nto = \"udp://a:0\"", "2: "),
        ("[[syslog]]\nto = \"udp://a\"\nseverity = \"bad\"", "3: \"bad\" is none of critical, high, medium"),
        ("[[syslog]]\nto = \"udp://a\"\nhostname = \"a b\"", "3: \"a b\" is no host name"),
        ("[[syslog]]\nto = \"tls://a\"\nkey_file = \"b\"", "2: certificate_file and key_file go together"),
        ("[syslog]\nto = \"udp://a\"", "1: invalid type: map, expected a sequence"),
        ("[[webhook]]\nto = \"https://me:pw@a/\"\nsecret_file=\"s\"", "2: this is no receiver of webhooks"),
        ("[metrics]\nlisten = \"9947\"", "2: invalid socket address syntax"),
        ("site = \"a\"\nsite = \"b\"", "2: duplicate key"),
        ("site = ", "1: "),
        ("[store]\nsize_max_mib = 15", "2: 15 is out of range: 16 to 1048576"),
        ("[[maintenance]]\nweekly = \"sunday\"", "2: \"sunday\" is no time of a week"),
        ("[[maintenance]]\nfrom = 2026-11-28T22:00:00Z", "2: maintenance is from a moment until a later one"),
        (
            "[[maintenance]]\nfrom = \"2026-11-28T22:00:00Z\"\nuntil = \"2026-11-28T21:00:00Z\"",
            "3: maintenance is from a moment until a later one",
        ),
        ("[[maintenance]]\ndevices = [\" \"]\nweekly = \"sun 02:00\"", "2: an empty name names no device"),
        ("[[grace]]\nseconds = 0", "2: 0 is out of range: 1 to 86400"),
    ] {
        let faults = parsed(text).unwrap_err();
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        assert!(faults[0].starts_with(&format!("/etc/spanwatch.toml:{due}")), "{text}: {faults:?}");
        assert!(!faults[0].contains('\n') && !faults[0].contains("pw"), "{faults:?}");
    }
}

#[test]
fn the_path_of_a_webhook_is_not_shown() {
    let config = parsed(&least("webhook").replace("/hook", ":8443/T0/token")).unwrap();
    let to = &config.webhook[0].to;
    assert_eq!(
        (to.to_string().as_str(), to.as_str()),
        ("https://example.net:8443", "https://example.net:8443/T0/token")
    );
    assert!(!format!("{config:?}").contains("token"));
}

#[test]
fn a_secret_that_everybody_may_read_is_refused() {
    let file = std::env::temp_dir().join(format!("spanwatch-secret-{}", std::process::id()));
    fs::write(&file, "  of the harbour \nsecond line\n").unwrap();
    for (mode, is_read) in [(0o644, false), (0o601, false), (0o640, true), (0o600, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(secret(&file).is_ok_and(|secret| secret == "of the harbour"), is_read, "{mode:o}");
    }
    fs::remove_file(&file).unwrap();
}

#[test]
fn a_zone_stands_for_its_devices_wherever_devices_are_named() {
    let text = "[[policy]]\nfrom = [\"Yard\"]\nto = [\"gate\", \"yard\"]\nmay = false\n[[maintenance]]\nweekly = \"sun 02:00\"\n\
                devices = [\"yard\"]\n[[grace]]\nseconds = 9\n[expected]\nviewers = [\"yard\"]\n\
                [[zone]]\nname = \"yard\"\ndevices = [\"192.0.2.0/24\", \"Cam-7\"]\n";
    let config = parsed(text).unwrap();
    let names = |list: &[Named]| list.iter().map(|name| name.0.clone()).collect::<Vec<_>>();
    let yard = ["192.0.2.0/24", "cam-7"];
    assert_eq!(names(&config.policy[0].from), yard);
    assert_eq!(names(&config.policy[0].to), ["gate", "192.0.2.0/24", "cam-7"]);
    assert_eq!(names(&config.maintenance[0].devices), yard);
    assert_eq!(names(&config.grace[0].devices), [""; 0]);
    assert_eq!(names(&config.expected.viewers.unwrap()), yard);
}

#[test]
fn a_zone_that_cannot_be_is_told_with_its_line() {
    let zone = |name: &str, devices: &str| format!("[[zone]]\nname = \"{name}\"\ndevices = [{devices}]\n");
    let told = |text: String| parsed(&text).unwrap_err().join("|");
    assert_eq!(
        told(zone("a", "\"camera\"") + &zone("A", "\"camera\"")),
        "/etc/spanwatch.toml:5: there is a zone a above already; call one of them otherwise"
    );
    assert_eq!(
        told(zone("a", "\"b\"") + &zone("b", "\"camera\"")),
        "/etc/spanwatch.toml:3: b is a zone itself: list what it consists of"
    );
    assert_eq!(
        told(zone("a", "")),
        "/etc/spanwatch.toml:3: nobody is in the zone a: list MACs, addresses, networks, names, kinds or switches"
    );
    assert_eq!(
        told(zone("internet", "\"camera\"")),
        "/etc/spanwatch.toml:2: internet is every public address; call the zone otherwise"
    );
}
