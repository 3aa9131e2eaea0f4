//! What devices tell over ONVIF against tshark's reading of the same answers, taken from cameras, which this project did not
//! write; see the script beside the capture.

use std::net::IpAddr;
use std::sync::LazyLock;

use crate::wire;
use crate::wire::connections::{Begin, connections};
use spanwatch_parsers::protocols::http::HTTP;
use spanwatch_parsers::{Fact, Key, Mac, MediaProfile, NoticeKind, Outcome, Text, TimeTold};

const CAPTURE: &str = "onvif-dialogues.pcap";

/// One answer: what tshark reads in its XML, and what we say of its connection, which has no other.
struct Answer {
    tags: Vec<String>,
    texts: Vec<String>,
    facts: Vec<Fact>,
}

impl Answer {
    fn said(&self, wanted: &[Key]) -> Vec<&str> {
        let values = self.facts.iter().filter_map(|fact| match fact {
            Fact::Attribute { key, value } if wanted.contains(key) => Some(value.as_str()),
            _ => None,
        });
        values.collect()
    }

    fn texts_with(&self, part: &str) -> Vec<&str> {
        self.texts.iter().map(String::as_str).filter(|text| text.contains(part)).collect()
    }
}

/// The answers to one operation; empty where the shared captures, and with them tshark, are not there.
fn answers(operation: &str) -> Vec<&'static Answer> {
    static ALL: LazyLock<Vec<Answer>> = LazyLock::new(all_answers);
    if wire::shared_captures().is_none() {
        return Vec::new();
    }
    let name = format!(":{operation}Response");
    let answers: Vec<_> = ALL.iter().filter(|it| it.tags.iter().any(|tag| tag.contains(&name))).collect();
    assert!(!answers.is_empty(), "nobody answers {operation}");
    answers
}

fn all_answers() -> Vec<Answer> {
    let path = wire::own_capture(CAPTURE);
    let heard = connections(&HTTP, Begin::Probed, &wire::packets(&path));
    let fields = ["tcp.dstport", "xml.tag", "xml.cdata"];
    let rows = wire::tshark_fields(&path, "http.response and xml.tag", &[], &fields);
    let answer = |row: Vec<Vec<String>>| {
        let list = |at: usize| row[at].iter().map(|it| it.trim().to_owned()).collect();
        let client: u16 = row[0][0].parse().unwrap();
        let of_it = heard.iter().filter(|it| it.direction.0.1 == client).flat_map(|it| &it.facts);
        Answer { tags: list(1), texts: list(2), facts: of_it.map(|(_, _, fact)| fact.clone()).collect() }
    };
    rows.into_iter().map(answer).collect()
}

#[test]
fn device_information_and_host_name_are_what_tshark_reads() {
    for answer in answers("GetDeviceInformation") {
        let said = answer.said(&[Key::Vendor, Key::Model, Key::Firmware, Key::Serial, Key::Hardware]);
        let read = answer.texts.iter().rev().take(5).rev();
        assert!(said.len() == 5 && read.eq(&said), "{said:?}");
    }
    for answer in answers("GetHostname") {
        assert_eq!(answer.said(&[Key::Hostname]), [answer.texts.last().unwrap()]);
    }
}

#[test]
fn scopes_are_what_tshark_reads_and_empty_ones_say_nothing() {
    for answer in answers("GetScopes") {
        let scopes = answer.texts_with("onvif://");
        assert!(scopes.len() == 7 && scopes == answer.said(&[Key::OnvifScope]), "{scopes:?}");
        let named: Vec<&str> = scopes.iter().filter_map(|scope| scope.split("/name/").nth(1)).collect();
        assert_eq!((answer.said(&[Key::Name]), answer.said(&[Key::Location])), (named, Vec::new()));
    }
}

#[test]
fn services_are_those_that_tshark_reads_by_either_question() {
    for answer in answers("GetServices") {
        let services = answer.texts_with("/wsdl");
        assert!(services.len() == 6 && services == answer.said(&[Key::OnvifService]), "{services:?}");
    }
    for answer in answers("GetCapabilities") {
        let pairs = answer.tags.windows(2).filter(|pair| pair[1] == "<tt:XAddr>");
        let categories: Vec<String> =
            pairs.map(|pair| pair[0].replace("<tt:", "/").replace('>', "/wsdl").to_lowercase()).collect();
        let said = answer.said(&[Key::OnvifService]);
        let is_said =
            |category: &String| said.iter().any(|service| service.to_lowercase().ends_with(category));
        assert!(said.len() == 6 && said.len() == categories.len(), "{said:?}, {categories:?}");
        assert!(categories.iter().all(is_said), "{said:?}, {categories:?}");
    }
}

#[test]
fn interfaces_are_what_tshark_reads() {
    for answer in answers("GetNetworkInterfaces") {
        let read = |fact: &Fact| match fact {
            Fact::Interfaces(interfaces) => Some(interfaces.clone()),
            _ => None,
        };
        let interfaces = answer.facts.iter().find_map(read).unwrap();
        let macs = answer.texts.iter().filter_map(|text| Mac::from_text(text.as_bytes()));
        let ips: Vec<IpAddr> = answer.texts.iter().filter_map(|text| text.parse().ok()).collect();
        assert!(macs.eq(interfaces.iter().map(|it| it.mac)), "{interfaces:?}");
        assert!(ips.len() == 3 && ips == interfaces[0].ips, "{ips:?}, {interfaces:?}");
    }
}

#[test]
fn clock_is_what_tshark_reads() {
    for answer in answers("GetSystemDateAndTime") {
        let numbers: Vec<u32> = answer.texts.iter().filter_map(|text| text.parse().ok()).collect();
        assert_eq!(numbers, [19, 14, 37, 2014, 12, 24]);
        // By `date -u -d '2014-12-24 19:14:37' +%s`.
        let is_it = |fact: &Fact| matches!(fact, Fact::TimeOfDay { utc, told: TimeTold::Asked } if utc.0 == 1_419_448_477 * 1_000_000_000);
        assert!(answer.facts.iter().any(is_it), "{:?}", answer.facts);
    }
}

#[test]
fn profiles_and_the_path_of_a_stream_are_what_tshark_reads() {
    for answer in answers("GetProfiles") {
        let told: Vec<&MediaProfile> = answer
            .facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::MediaProfiles(profiles) => Some(profiles.iter()),
                _ => None,
            })
            .flatten()
            .collect();
        let [profile] = told[..] else { panic!("one profile: {told:?}") };
        let opened = answer.tags.iter().filter(|tag| tag.starts_with("<trt:Profiles "));
        let token = format!("token=\"{}\"", profile.token);
        assert!(opened.clone().count() == 1 && opened.clone().all(|tag| tag.contains(&token)), "{profile:?}");
        let texts = [&profile.name, &profile.codec].map(|it| it.as_ref().map(ToString::to_string));
        let numbers = [profile.width, profile.height, profile.frame_rate, profile.bitrate_kbps];
        let told: Vec<String> =
            texts.into_iter().chain(numbers.map(|it| it.map(|it| it.to_string()))).flatten().collect();
        let mut read = answer.texts.iter();
        assert!(
            told.len() == 6 && told.iter().all(|it| read.any(|text| text == it)),
            "{told:?}, {:?}",
            answer.texts
        );
    }
    for answer in answers("GetStreamUri") {
        let [path] = answer.said(&[Key::RtspPath])[..] else { panic!("one path") };
        assert!(path.len() > 1 && answer.texts_with("rtsp://")[0].ends_with(path), "{path}");
    }
}

#[test]
fn of_events_those_of_a_fault_are_told() {
    for answer in answers("PullMessages") {
        let notices = answer.facts.iter().filter_map(|fact| match fact {
            Fact::Notice(notice) => Some(notice),
            _ => None,
        });
        let notices: Vec<_> = notices.collect();
        let [notice] = notices[..] else { panic!("one notice: {notices:?}") };
        let topics = answer.texts_with("RuleEngine/");
        assert!(topics.len() == 2 && topics[0].ends_with(notice.identity.as_str()), "{topics:?}");
        assert_eq!((notice.kind, notice.lasts), (NoticeKind::Tampering, Some(true)));
        assert_eq!(notice.port.as_ref().map(Text::as_str), Some("000"));
    }
}

#[test]
fn logins_are_told_and_no_secret_of_them() {
    let packets = wire::packets(&wire::own_capture(CAPTURE));
    let facts = connections(&HTTP, Begin::Probed, &packets).into_iter().flat_map(|heard| heard.facts);
    let facts: Vec<Fact> = facts.map(|(_, _, fact)| fact).collect();
    let logins: Vec<_> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Login(login) => {
                Some((login.account.as_ref().map(Text::as_str), login.scheme, login.outcome))
            }
            _ => None,
        })
        .collect();
    assert!(logins.len() > 5);
    assert!(
        logins.iter().all(|it| *it == (Some("operator"), "wsse-digest", Outcome::Accepted)),
        "{logins:?}"
    );
    // The header of the answers repeats a token of who asked once: a nonce and a digest end so.
    assert!(!format!("{facts:?}").contains("=="));
}
