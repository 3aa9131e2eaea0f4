//! ONVIF: what its services and its discovery have in common.
//!
//! ```text
//! Envelope / Header / Security / UsernameToken / Username, Password@Type, Nonce, Created       of a client
//! Envelope / Body / GetDeviceInformationResponse / Manufacturer, Model, FirmwareVersion, …      of a device
//! onvif://www.onvif.org/hardware/M3045-V   onvif://www.onvif.org/name/AXIS%20M3045-V           scopes
//! ```
//!
//! An operation is told by the name of the first element in the body, whatever its prefix; that it is ONVIF's
//! is told by a namespace of www.onvif.org somewhere in the message. Password, nonce and digest are read as a proof alone.
//!
//! Source: ONVIF Core Specification 23.12, 5.9.4 (who may ask what), 7.3.2 (scopes), 8; ONVIF Media Service Specification, 5.15;
//! OASIS WSS UsernameToken Profile 1.1; topics: ONVIF Imaging Service Specification, 6, and the fact base, protocols 1.
//! Left out: what else devices notify of, as motion; and what is set rather than told.

mod interface;
mod notice;
mod profile;

use crate::Proof;
use crate::proof::Token;
use crate::protocols::rtsp::{Credentials, url};
use crate::time::Time;
use crate::vocabulary::{Interface, Key, MediaProfile, Notice, Text};
use crate::xml::{self, Path, Piece};

/// What a client asks for, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The operation, as `GetDeviceInformation`.
    pub operation: Text,
    /// Who asks: `wsse-digest` or `wsse-text`.
    pub credentials: Option<Credentials>,
    /// What the password is proved with.
    pub proof: Option<Proof>,
    /// Whether there is anything by which the client may be known.
    pub has_security: bool,
    /// What a device notifies of who waits for that (`Notify`).
    pub notices: Vec<Notice>,
}

/// What a device answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What it answers with, as `GetDeviceInformationResponse`.
    pub operation: Text,
    /// What it says of itself, in order, at most [`ATTRIBUTES_MAX`].
    pub attributes: Vec<(Key, Text)>,
    /// Its clock, where it tells it.
    pub clock: Option<Clock>,
    /// Its network interfaces, where it tells them.
    pub interfaces: Vec<Interface>,
    /// How it is set to send its pictures, where it tells that.
    pub profiles: Vec<MediaProfile>,
    /// What it notifies of who asks for that (`PullMessages`).
    pub notices: Vec<Notice>,
    /// Whether it refuses for want of a right login.
    pub is_refused: bool,
}

/// A time of day in UTC, as an answer spells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// Year, month and day.
    pub date: [u32; 3],
    /// Hour, minute and second.
    pub time: [u32; 3],
}

impl Request {
    /// Reads an envelope; `None` where it is none of ONVIF's.
    #[must_use]
    pub fn read(envelope: &[u8]) -> Option<Self> {
        if !is_onvif(envelope) {
            return None;
        }
        let mut operation = None;
        let mut account = None;
        let mut scheme = None;
        let mut notices = notice::Reader::default();
        let mut has_security = false;
        let mut token = Token::default();
        xml::walk(envelope, |path, piece| match piece {
            Piece::Open(_) if path.name() == "Security" => has_security = true,
            piece if path.at(2) == "Notify" && path.depth() > 3 => notices.take(path, &piece),
            Piece::Open(_) if operation.is_none() && is_operation(path) => {
                operation = Some(Text::from(path.name()));
            }
            Piece::Open(attributes) if path.ends_with(&["UsernameToken", "Password"]) => {
                let kind = attributes.value("Type").unwrap_or_default();
                scheme = Some(if kind.ends_with("#PasswordDigest") { "wsse-digest" } else { "wsse-text" });
            }
            Piece::Text(name) if path.ends_with(&["UsernameToken", "Username"]) => {
                account = Some(Text::from(name));
                token.user = name.to_owned();
            }
            Piece::Text(text) if path.at(path.depth().saturating_sub(2)) == "UsernameToken" => {
                token.take(path.name(), text);
            }
            _ => {}
        });
        let credentials = scheme.map(|scheme| Credentials { account, scheme });
        let proof = scheme.and_then(|scheme| token.proof(scheme == "wsse-digest"));
        Some(Self { operation: operation?, credentials, proof, has_security, notices: notices.notices })
    }

    /// Whether a device answers this only to who has logged in.
    #[must_use]
    pub fn needs_login(&self) -> bool {
        !FOR_ANYBODY.contains(&self.operation.as_str())
    }

    /// Whether an answer's operation gives what is asked for, and that is not for everybody. Who knows the address of a subscription has
    /// been given it.
    #[must_use]
    pub fn is_served_by(&self, answer: &Text) -> bool {
        let operation = self.operation.as_str();
        let is_answer = answer.as_str().strip_suffix("Response") == Some(operation);
        is_answer && self.needs_login() && !OF_A_SUBSCRIPTION.contains(&operation)
    }
}

impl Answer {
    /// Reads an envelope; `None` where it is none of ONVIF's. An answer to one of ONVIF's requests (`is_asked`) is, though
    /// it may not say so: faults mostly do not.
    #[must_use]
    pub fn read(envelope: &[u8], is_asked: bool) -> Option<Self> {
        if !is_asked && !is_onvif(envelope) {
            return None;
        }
        let mut answer = Self::default();
        let mut interfaces = interface::Reader::default();
        let mut profiles = profile::Reader::default();
        let mut notices = notice::Reader::default();
        let mut is_envelope = false;
        xml::walk(envelope, |path, piece| {
            is_envelope |= path.depth() == 1 && path.name() == "Envelope";
            match (path.at(2), piece) {
                _ if !is_envelope || path.at(1) != "Body" => {}
                ("GetNetworkInterfacesResponse", piece) => interfaces.take(path, &piece),
                ("GetProfilesResponse", piece) => profiles.take(path, &piece),
                ("PullMessagesResponse", piece) => notices.take(path, &piece),
                (_, Piece::Text(text)) => answer.take(path, text),
                (operation, Piece::Open(_)) if path.depth() == 3 && answer.operation.is_empty() => {
                    answer.operation = Text::from(operation);
                }
                (_, Piece::Open(_)) => {}
            }
        });
        (answer.interfaces, answer.profiles) = (interfaces.end(), profiles.profiles);
        answer.notices = notices.notices;
        is_envelope.then_some(answer)
    }

    fn take(&mut self, path: &Path, text: &str) {
        match (path.at(2), path.name()) {
            ("Fault", _) => self.is_refused |= text.contains("NotAuthorized"),
            ("GetDeviceInformationResponse", name) => {
                let key = match name {
                    "Manufacturer" => Key::Vendor,
                    "Model" => Key::Model,
                    "FirmwareVersion" => Key::Firmware,
                    "SerialNumber" => Key::Serial,
                    "HardwareId" => Key::Hardware,
                    _ => return,
                };
                self.say(key, text.as_bytes());
            }
            ("GetHostnameResponse", "Name") => self.say(Key::Hostname, text.as_bytes()),
            ("GetScopesResponse", "ScopeItem") => {
                scope(text).into_iter().for_each(|(key, value)| self.push(key, value));
            }
            ("GetServicesResponse", "Namespace") => self.say(Key::OnvifService, text.as_bytes()),
            ("GetCapabilitiesResponse", "XAddr") => {
                let category = path.at(path.depth().saturating_sub(2));
                let service = SERVICES.iter().find(|(name, _)| *name == category);
                service
                    .into_iter()
                    .for_each(|(_, namespace)| self.say(Key::OnvifService, namespace.as_bytes()));
            }
            ("GetStreamUriResponse", "Uri") => {
                let uri = url::without_secrets(text.as_bytes());
                self.say(Key::RtspPath, url::path(&uri));
            }
            ("GetSystemDateAndTimeResponse", name) if path.contains("UTCDateTime") => {
                let (date, place) = match name {
                    "Year" => (true, 0),
                    "Month" => (true, 1),
                    "Day" => (true, 2),
                    "Hour" => (false, 0),
                    "Minute" => (false, 1),
                    "Second" => (false, 2),
                    _ => return,
                };
                let clock = self.clock.get_or_insert_default();
                let fields = if date { &mut clock.date } else { &mut clock.time };
                if let (Some(field), Ok(value)) = (fields.get_mut(place), text.parse()) {
                    *field = value;
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, key: Key, value: &[u8]) {
        if let Some(value) = Text::some(value) {
            self.push(key, value);
        }
    }

    fn push(&mut self, key: Key, value: Text) {
        if self.attributes.len() < ATTRIBUTES_MAX {
            self.attributes.push((key, value));
        }
    }
}

impl Clock {
    /// The moment; `None` where it is none.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        self.seconds().map(|seconds| Time(seconds.saturating_mul(1_000_000_000)))
    }

    /// Since 1970.
    fn seconds(&self) -> Option<i64> {
        let [year, month, day] = self.date.map(i64::from);
        let [hour, minute, second] = self.time.map(i64::from);
        let is_time = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        // Years begin in March, so that a leap day is the last.
        let (year, month) = match month {
            ..=2 => (year.saturating_sub(1), month.saturating_add(9)),
            _ => (year, month.saturating_sub(3)),
        };
        let days = [
            year / 4,
            0_i64.saturating_sub(year / 100),
            year / 400,
            month.saturating_mul(153).saturating_add(2) / 5,
        ]
        .into_iter()
        .fold(year.saturating_mul(365).saturating_add(day), i64::saturating_add)
        .saturating_sub(EPOCH_DAYS);
        let minutes = hour.saturating_mul(60).saturating_add(minute);
        let seconds =
            days.saturating_mul(86_400).saturating_add(minutes.saturating_mul(60)).saturating_add(second);
        is_time.then_some(seconds)
    }
}

/// What scopes, parted by blanks, say of a device.
#[must_use]
pub fn scopes(text: &str) -> Vec<(Key, Text)> {
    text.split_ascii_whitespace().take(SCOPES_MAX).flat_map(scope).collect()
}

/// What one scope says: itself, less `%XX`, and what is plain in it.
fn scope(text: &str) -> Vec<(Key, Text)> {
    let scope = decoded(text.as_bytes());
    let Some(rest) = scope.strip_prefix(SCOPE_BEGINS) else { return Vec::new() };
    let value = |category: &[u8]| rest.strip_prefix(category).and_then(Text::some);
    let whole = Text::some(&scope).map(|scope| (Key::OnvifScope, scope));
    let name = value(b"name/").map(|name| (Key::Name, name));
    let location = value(b"location/").map(|location| (Key::Location, location));
    [whole, name, location].into_iter().flatten().collect()
}

/// `%20` and the like as the bytes they stand for (RFC 3986, 2.1).
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = match rest {
            [b'%', high, low, ..] => {
                let digit =
                    |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(high).zip(digit(low)).map(|(high, low)| (high << 4) | low)
            }
            _ => None,
        };
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { rest.get(3..).unwrap_or_default() } else { behind };
    }
    out
}

fn is_operation(path: &Path) -> bool {
    path.depth() == 3 && path.at(0) == "Envelope" && path.at(1) == "Body"
}

fn is_onvif(envelope: &[u8]) -> bool {
    envelope.windows(NAMESPACE.len()).any(|window| window == NAMESPACE)
}

/// A namespace of ONVIF: `http://www.onvif.org/ver10/device/wsdl`, or of its faults `http://www.onvif.org/ver10/error`.
const NAMESPACE: &[u8] = b"//www.onvif.org/ver";

const SCOPE_BEGINS: &[u8] = b"onvif://www.onvif.org/";

/// Operations that anybody may ask for (ONVIF Core Specification, 5.9.4.3: access class PRE_AUTH).
const FOR_ANYBODY: &[&str] = &[
    "GetWsdlUrl",
    "GetServices",
    "GetServiceCapabilities",
    "GetCapabilities",
    "GetHostname",
    "GetSystemDateAndTime",
    "GetEndpointReference",
    "GetRelayOutputOptions",
];

/// Operations on a subscription, at an address of its own (OASIS WS-BaseNotification 1.3, 6; ONVIF Core Specification, 9).
const OF_A_SUBSCRIPTION: &[&str] =
    &["PullMessages", "Seek", "SetSynchronizationPoint", "Renew", "Unsubscribe", "Notify"];

/// The namespace of a service by its category in GetCapabilities (ONVIF Core Specification, 8.1.2.3).
const SERVICES: &[(&str, &str)] = &[
    ("Analytics", "http://www.onvif.org/ver20/analytics/wsdl"),
    ("AnalyticsDevice", "http://www.onvif.org/ver10/analyticsdevice/wsdl"),
    ("Device", "http://www.onvif.org/ver10/device/wsdl"),
    ("DeviceIO", "http://www.onvif.org/ver10/deviceIO/wsdl"),
    ("Display", "http://www.onvif.org/ver10/display/wsdl"),
    ("Events", "http://www.onvif.org/ver10/events/wsdl"),
    ("Imaging", "http://www.onvif.org/ver20/imaging/wsdl"),
    ("Media", "http://www.onvif.org/ver10/media/wsdl"),
    ("PTZ", "http://www.onvif.org/ver20/ptz/wsdl"),
    ("Receiver", "http://www.onvif.org/ver10/receiver/wsdl"),
    ("Recording", "http://www.onvif.org/ver10/recording/wsdl"),
    ("Replay", "http://www.onvif.org/ver10/replay/wsdl"),
    ("Search", "http://www.onvif.org/ver10/search/wsdl"),
];

/// From the day before 0000-03-01 to 1970-01-01, in the Gregorian calendar.
const EPOCH_DAYS: i64 = 719_469;

/// What one answer says; a device has about twenty services or scopes.
const ATTRIBUTES_MAX: usize = 64;

const SCOPES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vocabulary::NoticeKind;

    fn answer(body: &str) -> Answer {
        let envelope = format!(
            "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
             xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\"><s:Body>{body}</s:Body></s:Envelope>"
        );
        Answer::read(envelope.as_bytes(), false).unwrap()
    }

    fn said(answer: &Answer) -> Vec<(Key, &str)> {
        answer.attributes.iter().map(|(key, value)| (*key, value.as_str())).collect()
    }

    const INFORMATION: &str = "<tds:GetDeviceInformationResponse><tds:Manufacturer>AXIS</tds:Manufacturer>\
        <tds:Model>M3045-V</tds:Model><tds:FirmwareVersion>9.80.1</tds:FirmwareVersion>\
        <tds:SerialNumber>ACCC8E000001</tds:SerialNumber><tds:HardwareId>731</tds:HardwareId>";

    #[test]
    fn device_information_is_said_outright() {
        assert_eq!(
            said(&answer(INFORMATION)),
            [
                (Key::Vendor, "AXIS"),
                (Key::Model, "M3045-V"),
                (Key::Firmware, "9.80.1"),
                (Key::Serial, "ACCC8E000001"),
                (Key::Hardware, "731")
            ]
        );
    }

    #[test]
    fn answer_that_was_cut_off_says_what_is_there() {
        let whole = format!("<Envelope xmlns:t=\"http://www.onvif.org/ver10/x\"><Body>{INFORMATION}");
        let cut = &whole.as_bytes()[..whole.find("9.80").unwrap() + 2];
        let answer = Answer::read(cut, false).unwrap();
        assert_eq!(said(&answer), [(Key::Vendor, "AXIS"), (Key::Model, "M3045-V")]);
    }

    #[test]
    fn scopes_say_name_and_place() {
        let text = "onvif://www.onvif.org/name/Front%20Door onvif://www.onvif.org/location/hall\n\
            onvif://www.onvif.org/hardware/X%2 http://example.com/x";
        let scopes = scopes(text);
        let said: Vec<_> = scopes.iter().map(|(key, value)| (*key, value.as_str())).collect();
        assert_eq!(
            said,
            [
                (Key::OnvifScope, "onvif://www.onvif.org/name/Front Door"),
                (Key::Name, "Front Door"),
                (Key::OnvifScope, "onvif://www.onvif.org/location/hall"),
                (Key::Location, "hall"),
                (Key::OnvifScope, "onvif://www.onvif.org/hardware/X%2"),
            ]
        );
    }

    #[test]
    fn capabilities_say_the_services_that_are_there() {
        let answer = answer(
            "<GetCapabilitiesResponse><Capabilities><Device><XAddr>http://192.0.2.7/onvif/device_service</XAddr>\
             <System><FirmwareUpgrade>true</FirmwareUpgrade></System></Device><Extension><Display>\
             <XAddr>http://192.0.2.7/onvif/display</XAddr></Display><Telepathy><XAddr>http://x</XAddr></Telepathy>",
        );
        assert_eq!(
            said(&answer),
            [
                (Key::OnvifService, "http://www.onvif.org/ver10/device/wsdl"),
                (Key::OnvifService, "http://www.onvif.org/ver10/display/wsdl"),
            ]
        );
    }

    #[test]
    fn interfaces_say_which_address_is_whose() {
        let body = "<GetNetworkInterfacesResponse>\
            <NetworkInterfaces token='eth0'><Enabled>true</Enabled><Info><Name>eth0</Name>\
            <HwAddress>02:00:00:00:00:07</HwAddress></Info><IPv4><Enabled>true</Enabled><Config>\
            <Manual><Address>192.0.2.70</Address><PrefixLength>24</PrefixLength></Manual>\
            <FromDHCP><Address>192.0.2.7</Address><PrefixLength>24</PrefixLength></FromDHCP></Config></IPv4>\
            <IPv6><Enabled>false</Enabled><Config><LinkLocal><Address>fe80::7</Address></LinkLocal></Config></IPv6>\
            </NetworkInterfaces><NetworkInterfaces token='wlan0'><Enabled>false</Enabled><Info>\
            <HwAddress>02-00-00-00-00-08</HwAddress></Info></NetworkInterfaces>";
        let ips = |ips: &[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect();
        let interface = |last, ips| Interface { mac: crate::vocabulary::Mac([2, 0, 0, 0, 0, last]), ips };
        assert_eq!(
            answer(body).interfaces,
            [interface(7, ips(&["192.0.2.70", "192.0.2.7"])), interface(8, ips(&[]))]
        );
        let cut = &body[..body.find("</FromDHCP>").unwrap()];
        assert_eq!(answer(cut).interfaces, [interface(7, ips(&["192.0.2.70", "192.0.2.7"]))]);
    }

    /// What a device notifies of: its topic, and whether it lasts.
    fn message(topic: &str, item: &str) -> String {
        format!(
            "<wsnt:NotificationMessage><wsnt:Topic Dialect='x'>{topic}</wsnt:Topic><wsnt:Message>\
             <tt:Message UtcTime='2026-01-02T03:04:05Z' PropertyOperation='Changed'><tt:Source>\
             <tt:SimpleItem Name='VideoSourceToken' Value='source_1'/></tt:Source><tt:Data>{item}</tt:Data>\
             </tt:Message></wsnt:Message></wsnt:NotificationMessage>"
        )
    }

    fn noted(notices: &[Notice]) -> Vec<(NoticeKind, &str, Option<&str>, Option<bool>)> {
        notices
            .iter()
            .map(|it| (it.kind, it.identity.as_str(), it.port.as_ref().map(Text::as_str), it.lasts))
            .collect()
    }

    #[test]
    fn what_a_device_notifies_of_is_said_where_it_is_a_fault_of_its_own() {
        let item = |name, value| format!("<tt:SimpleItem Name='{name}' Value='{value}'/>");
        let body = [
            message("tns1:VideoSource/SignalLoss", &item("State", "true")),
            message("tns1:RuleEngine/CellMotionDetector/Motion", &item("IsMotion", "true")),
            message("tns1:VideoSource/GlobalSceneChange/ImagingService", &item("State", "1")),
            message("t:Device/t:HardwareFailure/t:StorageFailure", &item("Failed", "false")),
            message("tns1:RuleEngine/TamperDetector/Tamper", &item("Score", "7")),
            message("tns1:RuleEngine/CellMotionDetector/Tamper", &item("IsTamper", "true")),
        ];
        let expected = [
            (NoticeKind::VideoSignalLost, "VideoSource/SignalLoss", Some("source_1"), Some(true)),
            (
                NoticeKind::Tampering,
                "VideoSource/GlobalSceneChange/ImagingService",
                Some("source_1"),
                Some(true),
            ),
            (
                NoticeKind::StorageFault,
                "Device/HardwareFailure/StorageFailure",
                Some("source_1"),
                Some(false),
            ),
            (NoticeKind::Tampering, "RuleEngine/CellMotionDetector/Tamper", Some("source_1"), Some(true)),
        ];
        let pulled = answer(&format!("<tev:PullMessagesResponse>{}", body.concat()));
        assert_eq!(noted(&pulled.notices), expected);
        let pushed = format!(
            "<Envelope xmlns:tns1='http://www.onvif.org/ver10/topics'><Body><wsnt:Notify>{}</wsnt:Notify>",
            body.concat()
        );
        let pushed = Request::read(pushed.as_bytes()).unwrap();
        assert_eq!((pushed.operation.as_str(), noted(&pushed.notices)), ("Notify", expected.to_vec()));
    }

    #[test]
    fn profiles_tell_how_pictures_are_sent_in_both_media_services() {
        let set = "<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>1920</tt:Width><tt:Height>1080</tt:Height>\
            </tt:Resolution><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit><tt:BitrateLimit>4096</tt:BitrateLimit>";
        let first = format!(
            "<trt:GetProfilesResponse><trt:Profiles token='main'><tt:Name>Main</tt:Name><tt:VideoSourceConfiguration>\
             <tt:Name>x</tt:Name></tt:VideoSourceConfiguration><tt:AudioEncoderConfiguration><tt:Encoding>G711</tt:Encoding>\
             </tt:AudioEncoderConfiguration><tt:VideoEncoderConfiguration><tt:Name>y</tt:Name>{set}</tt:RateControl>\
             </tt:VideoEncoderConfiguration></trt:Profiles><trt:Profiles token='sub'><tt:Name>Sub</tt:Name>"
        );
        let second = format!(
            "<tr2:GetProfilesResponse><tr2:Profiles token='main'><tr2:Name>Main</tr2:Name><tr2:Configurations>\
             <tr2:VideoEncoder>{}</tt:RateControl></tr2:VideoEncoder></tr2:Configurations></tr2:Profiles>",
            set.replace(">25<", ">25.0<")
        );
        let main = MediaProfile {
            token: "main".into(),
            name: Some("Main".into()),
            codec: Some("H264".into()),
            width: Some(1_920),
            height: Some(1_080),
            frame_rate: Some(25),
            bitrate_kbps: Some(4_096),
        };
        let sub = MediaProfile { token: "sub".into(), name: Some("Sub".into()), ..MediaProfile::default() };
        assert_eq!(answer(&first).profiles, [main.clone(), sub]);
        assert_eq!(answer(&second).profiles, [main]);
        assert!(answer("<GetProfilesResponse/>").profiles.is_empty());
    }

    #[test]
    fn profiles_beyond_the_most_are_left_out() {
        let one = "<Profiles token='x'><VideoEncoderConfiguration><Encoding>JPEG</Encoding></VideoEncoderConfiguration></Profiles>";
        let last = one.replace("JPEG", "H265");
        let profiles = answer(&format!("<GetProfilesResponse>{}{last}", one.repeat(64))).profiles;
        assert_eq!((profiles.len(), profiles[63].codec.as_ref().map(Text::as_str)), (64, Some("JPEG")));
    }

    #[test]
    fn path_of_a_stream_is_told_without_its_secrets() {
        let answer = answer(
            "<GetStreamUriResponse><MediaUri><Uri>rtsp://admin:secret@192.0.2.7:554/live?password=x&amp;channel=1</Uri>",
        );
        assert_eq!(said(&answer), [(Key::RtspPath, "/live?password=***&channel=1")]);
    }

    #[test]
    fn clock_is_read_in_seconds() {
        let clock = |date, time| Clock { date, time }.seconds();
        assert_eq!(clock([1970, 1, 1], [0, 0, 0]), Some(0));
        assert_eq!(clock([2000, 2, 29], [12, 0, 0]), Some(951_825_600));
        assert_eq!(clock([2026, 11, 26], [3, 20, 1]), Some(1_795_663_201));
        assert_eq!([clock([2026, 13, 1], [0, 0, 0]), clock([0, 0, 0], [0, 0, 0])], [None, None]);
        let answer = answer(
            "<GetSystemDateAndTimeResponse><SystemDateAndTime><UTCDateTime><Time><Hour>3</Hour><Minute>4</Minute>\
             <Second>5</Second></Time><Date><Year>2020</Year><Month>1</Month><Day>2</Day></Date></UTCDateTime>\
             <LocalDateTime><Time><Hour>9</Hour></Time></LocalDateTime>",
        );
        assert_eq!(answer.clock, Some(Clock { date: [2020, 1, 2], time: [3, 4, 5] }));
    }

    #[test]
    fn request_tells_who_asks_for_what_and_no_secret() {
        let envelope = "<s:Envelope xmlns:s='x'><s:Header><Security><UsernameToken><Username>admin</Username>\
            <Password Type='http://docs.oasis-open.org/wss/2004/01/x#PasswordDigest'>c2VjcmV0</Password><Nonce>n</Nonce>\
            </UsernameToken></Security></s:Header><s:Body><GetProfiles xmlns='http://www.onvif.org/ver10/media/wsdl'/>\
            </s:Body></s:Envelope>";
        let request = Request::read(envelope.as_bytes()).unwrap();
        let credentials = request.credentials.as_ref().unwrap();
        assert_eq!((request.operation.as_str(), request.needs_login()), ("GetProfiles", true));
        assert_eq!(credentials, &Credentials { account: Some("admin".into()), scheme: "wsse-digest" });
        assert!(!format!("{request:?}").contains("c2VjcmV0"));
        let text = envelope.replace("#PasswordDigest", "#PasswordText");
        assert_eq!(Request::read(text.as_bytes()).unwrap().credentials.unwrap().scheme, "wsse-text");
    }

    #[test]
    fn fault_for_want_of_a_login_is_a_refusal() {
        assert!(
            answer("<Fault><Code><Subcode><Value>ter:NotAuthorized</Value></Subcode></Code></Fault>")
                .is_refused
        );
        assert!(!answer("<Fault><Code><Value>ter:ActionNotSupported</Value></Code></Fault>").is_refused);
    }

    #[test]
    fn other_envelopes_are_none_of_onvif() {
        let printer = b"<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'><Body><GetResponse/></Body></Envelope>";
        assert_eq!((Request::read(printer), Answer::read(printer, false)), (None, None));
        assert_eq!(Answer::read(b"<html>//www.onvif.org/ver10</html>", true), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(</?(Envelope|Body|GetScopesResponse|ScopeItem|UTCDateTime|Year)[^>]{0,9}>|//www.onvif.org/ver|[ -~é]{0,9}){0,30}") {
            let _ = (Request::read(text.as_bytes()), Answer::read(text.as_bytes(), true), scopes(&text));
        }

        #[test]
        fn any_numbers_are_a_time_or_none(date in any::<[u32; 3]>(), time in any::<[u32; 3]>()) {
            let _ = Clock { date, time }.seconds();
        }
    }
}
