//! SSDP (UPnP Device Architecture 1.1, 1.2 and 1.3), UDP 1900 to 239.255.255.250.
//!
//! ```text
//! NOTIFY * HTTP/1.1\r\n      M-SEARCH * HTTP/1.1\r\n      HTTP/1.1 200 OK\r\n
//! HOST, CACHE-CONTROL,       HOST, MAN, MX, ST            CACHE-CONTROL, EXT, LOCATION, SERVER,
//! LOCATION, NT, NTS,                                      ST, USN
//! SERVER, USN
//! ```

use super::head;

/// What a device announces.
#[derive(Debug, Clone, Copy)]
pub struct Device<'a> {
    /// Its type, like `upnp:rootdevice`.
    pub kind: &'a str,
    /// The UUID that stays, in text.
    pub uuid: &'a str,
    /// Where its description is.
    pub location: &'a str,
    /// System, UPnP version and product.
    pub server: &'a str,
    /// How long this holds.
    pub max_age_s: u32,
}

impl Device<'_> {
    /// The device is there.
    #[must_use]
    pub fn alive(&self) -> Vec<u8> {
        let (usn, age) = (self.usn(), self.age());
        let headers = [
            ("HOST", GROUP),
            ("CACHE-CONTROL", &age),
            ("LOCATION", self.location),
            ("NT", self.kind),
            ("NTS", "ssdp:alive"),
            ("SERVER", self.server),
            ("USN", &usn),
        ];
        head::message("NOTIFY * HTTP/1.1", &headers, &[])
    }

    /// The device goes.
    #[must_use]
    pub fn byebye(&self) -> Vec<u8> {
        let headers = [("HOST", GROUP), ("NT", self.kind), ("NTS", "ssdp:byebye"), ("USN", &self.usn())];
        head::message("NOTIFY * HTTP/1.1", &headers, &[])
    }

    /// The device answers a search.
    #[must_use]
    pub fn response(&self) -> Vec<u8> {
        let (usn, age) = (self.usn(), self.age());
        let headers = [
            ("CACHE-CONTROL", age.as_str()),
            ("EXT", ""),
            ("LOCATION", self.location),
            ("SERVER", self.server),
            ("ST", self.kind),
            ("USN", &usn),
        ];
        head::message("HTTP/1.1 200 OK", &headers, &[])
    }

    fn usn(&self) -> String {
        format!("uuid:{}::{}", self.uuid, self.kind)
    }

    fn age(&self) -> String {
        format!("max-age={}", self.max_age_s)
    }
}

/// Somebody looks for devices of this type, and wants answers within so many seconds.
#[must_use]
pub fn search(kind: &str, wait_s: u8) -> Vec<u8> {
    let wait = wait_s.to_string();
    let headers = [("HOST", GROUP), ("MAN", "\"ssdp:discover\""), ("MX", &wait), ("ST", kind)];
    head::message("M-SEARCH * HTTP/1.1", &headers, &[])
}

const GROUP: &str = "239.255.255.250:1900";
