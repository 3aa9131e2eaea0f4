//! Bodies of ONVIF device calls (ONVIF Core Specification, 8; SOAP 1.2) and the login inside them
//! (OASIS WSS UsernameToken Profile 1.1, 3.1).
//!
//! ```text
//! Envelope / Header / Security / UsernameToken / Username, Password, Nonce, Created
//!          / Body   / GetDeviceInformation ...
//!
//! digest = base64(sha1(nonce, created, password))
//! ```

use sha1::{Digest, Sha1};

use super::base64;
use super::calendar::Date;

/// The type of every body here, for `Content-Type`.
pub const CONTENT_TYPE: &str = "application/soap+xml; charset=utf-8";

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// User name.
    pub user: &'a str,
    /// Password.
    pub password: &'a str,
    /// Nonce, as bytes.
    pub nonce: &'a [u8],
    /// The caller's clock, Unix time.
    pub created_s: i64,
}

/// What a device says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Information<'a> {
    /// Manufacturer.
    pub manufacturer: &'a str,
    /// Model.
    pub model: &'a str,
    /// Firmware version.
    pub firmware: &'a str,
    /// Serial number.
    pub serial: &'a str,
    /// Hardware id.
    pub hardware: &'a str,
}

/// `GetDeviceInformation`.
#[must_use]
pub fn get_device_information(token: Option<&Token>) -> String {
    envelope(&token.map(Token::header).unwrap_or_default(), "<tds:GetDeviceInformation/>")
}

/// Its answer.
#[must_use]
pub fn device_information(information: &Information) -> String {
    let Information { manufacturer, model, firmware, serial, hardware } = information;
    let values = [
        ("Manufacturer", manufacturer),
        ("Model", model),
        ("FirmwareVersion", firmware),
        ("SerialNumber", serial),
        ("HardwareId", hardware),
    ];
    let values: String =
        values.iter().map(|(name, value)| format!("<tds:{name}>{}</tds:{name}>", escape(value))).collect();
    envelope("", &format!("<tds:GetDeviceInformationResponse>{values}</tds:GetDeviceInformationResponse>"))
}

/// `GetSystemDateAndTime`, which every device answers without login.
#[must_use]
pub fn get_system_date_and_time() -> String {
    envelope("", "<tds:GetSystemDateAndTime/>")
}

/// Its answer by a device that takes its time from NTP.
#[must_use]
pub fn system_date_and_time(unix_s: i64) -> String {
    let Date { year, month, day, hour, minute, second, .. } = Date::of(unix_s);
    envelope(
        "",
        &format!(
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>\
             <tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>\
             <tt:TimeZone><tt:TZ>UTC0</tt:TZ></tt:TimeZone><tt:UTCDateTime>\
             <tt:Time><tt:Hour>{hour}</tt:Hour><tt:Minute>{minute}</tt:Minute><tt:Second>{second}</tt:Second></tt:Time>\
             <tt:Date><tt:Year>{year}</tt:Year><tt:Month>{month}</tt:Month><tt:Day>{day}</tt:Day></tt:Date>\
             </tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        ),
    )
}

/// The fault that answers a wrong login or a wrong clock.
#[must_use]
pub fn not_authorized() -> String {
    envelope(
        "",
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode>\
         </s:Code><s:Reason><s:Text xml:lang=\"en\">Sender not Authorized</s:Text></s:Reason></s:Fault>",
    )
}

/// The digest of a login (WSS UsernameToken Profile 1.1, 3.1).
#[must_use]
pub fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let mut hash = Sha1::new();
    for part in [nonce, created.as_bytes(), password.as_bytes()] {
        hash.update(part);
    }
    base64::encode(&hash.finalize())
}

impl Token<'_> {
    fn header(&self) -> String {
        let created = Date::of(self.created_s).iso();
        let digest = password_digest(self.nonce, &created, self.password);
        let (user, nonce) = (escape(self.user), base64::encode(self.nonce));
        format!(
            "<wsse:Security xmlns:wsse=\"{WSS}wssecurity-secext-1.0.xsd\" xmlns:wsu=\"{WSS}wssecurity-utility-1.0.xsd\">\
             <wsse:UsernameToken><wsse:Username>{user}</wsse:Username>\
             <wsse:Password Type=\"{WSS}username-token-profile-1.0#PasswordDigest\">{digest}</wsse:Password>\
             <wsse:Nonce EncodingType=\"{WSS}soap-message-security-1.0#Base64Binary\">{nonce}</wsse:Nonce>\
             <wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security>"
        )
    }
}

fn envelope(header: &str, body: &str) -> String {
    let header = if header.is_empty() { String::new() } else { format!("<s:Header>{header}</s:Header>") };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\" xmlns:tt=\"http://www.onvif.org/ver10/schema\" \
         xmlns:ter=\"http://www.onvif.org/ver10/error\">{header}<s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// A value as XML text.
pub(super) fn escape(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Where the names of a login begin.
const WSS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-";

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the ONVIF Application Programmer's Guide 1.0.
    #[test]
    fn digest_is_that_of_the_guide() {
        let nonce =
            [0x2c, 0xaa, 0x88, 0xe8, 0x6f, 0xc0, 0x8a, 0x42, 0x82, 0x42, 0xb3, 0x74, 0xce, 0xa6, 0x45, 0x96];
        assert_eq!(base64::encode(&nonce), "LKqI6G/AikKCQrN0zqZFlg==");
        let digest = password_digest(&nonce, "2010-09-16T07:50:45Z", "userpassword");
        assert_eq!(digest, "tuOSpGlFlIXsozq4HFNeeGeFLEI=");
    }

    #[test]
    fn values_are_escaped() {
        let body = device_information(&Information {
            manufacturer: "A & B",
            model: "<x>",
            firmware: "1",
            serial: "2",
            hardware: "3",
        });
        assert!(
            body.contains("<tds:Manufacturer>A &amp; B</tds:Manufacturer><tds:Model>&lt;x&gt;</tds:Model>")
        );
    }
}
