//! Requests and answers of management: HTTP with ONVIF inside, SIP, SNMP.

use std::net::{IpAddr, SocketAddr};

use spanwatch_simulator::wire::http;
use spanwatch_simulator::wire::onvif::{self, Information, Token};
use spanwatch_simulator::wire::sip::{self, Agent};
use spanwatch_simulator::wire::snmp::{self, Sender, Value};

use crate::capture::{CAMERA, Capture, RECORDER};

pub fn frames(capture: &mut Capture) {
    http(capture);
    onvif(capture);
    sip(capture);
    snmp(capture);
}

fn http(capture: &mut Capture) {
    let ports = (40_200, 80);
    capture.open(ports);
    capture
        .tcp(
            "http request",
            false,
            ports,
            http::request("GET", "/index.html", "192.0.2.7", &[("User-Agent", "Example")], b""),
        )
        .shows("http.request.method", "GET")
        .shows("http.request.uri", "/index.html")
        .shows("http.host", "192.0.2.7")
        .shows("http.user_agent", "Example");
    capture
        .tcp(
            "http response",
            true,
            ports,
            http::response(
                401,
                "Unauthorized",
                &[("Server", "Example/4"), ("Content-Type", "text/html")],
                b"",
            ),
        )
        .shows("http.response.code", 401)
        .shows("http.response.phrase", "Unauthorized")
        .shows("http.server", "Example/4")
        .shows("http.content_length", 0);
}

fn onvif(capture: &mut Capture) {
    let ports = (40_201, 80);
    let ask = |body: String| {
        let headers = [("Content-Type", onvif::CONTENT_TYPE)];
        http::request("POST", "/onvif/device_service", "192.0.2.7", &headers, body.as_bytes())
    };
    let answer = |code, reason, body: String| {
        http::response(code, reason, &[("Content-Type", onvif::CONTENT_TYPE)], body.as_bytes())
    };
    capture.open(ports);
    capture.tcp("onvif get time", false, ports, ask(onvif::get_system_date_and_time()));
    let time = answer(200, "OK", onvif::system_date_and_time(1_750_000_000));
    capture
        .tcp("onvif time", true, ports, time)
        .shows("http.content_type", onvif::CONTENT_TYPE)
        .shows("xml.cdata", "NTP|false|UTC0|15|6|40|2025|6|15");
    let nonce: Vec<u8> = (0..16).collect();
    let token = Token { user: "viewer", password: "secret", nonce: &nonce, created_s: 1_750_000_000 };
    let digest = onvif::password_digest(&nonce, "2025-06-15T15:06:40Z", "secret");
    capture
        .tcp("onvif get information", false, ports, ask(onvif::get_device_information(Some(&token))))
        .shows("xml.cdata", format!("viewer|{digest}|AAECAwQFBgcICQoLDA0ODw==|2025-06-15T15:06:40Z"));
    let information = Information {
        manufacturer: "Example",
        model: "EX-1",
        firmware: "4.2.0",
        serial: "SN0007",
        hardware: "B1",
    };
    capture
        .tcp("onvif information", true, ports, answer(200, "OK", onvif::device_information(&information)))
        .shows("xml.cdata", "Example|EX-1|4.2.0|SN0007|B1");
    capture.tcp("onvif anonymous", false, ports, ask(onvif::get_device_information(None)));
    capture
        .tcp("onvif fault", true, ports, answer(400, "Bad Request", onvif::not_authorized()))
        .shows("xml.cdata", "s:Sender|ter:NotAuthorized|Sender not Authorized");
}

fn sip(capture: &mut Capture) {
    let agent = Agent {
        user: "101",
        registrar: RECORDER,
        contact: SocketAddr::new(CAMERA, 5_060),
        user_agent: "Example door",
        call: 0x1234_abcd,
    };
    let register = agent.register(1, 3_600, &[]);
    let back = (RECORDER, CAMERA);
    capture
        .udp("sip register", (5_060, 5_060), register.clone())
        .shows("sip.Method", "REGISTER")
        .shows("sip.r-uri", "sip:192.0.2.50")
        .shows("sip.from.user", "101")
        .shows("sip.contact.uri", "sip:101@192.0.2.7:5060")
        .shows("sip.Call-ID", "1234abcd@192.0.2.7")
        .shows("sip.CSeq.seq", 1)
        .shows("sip.CSeq.method", "REGISTER")
        .shows("sip.Expires", 3_600)
        .shows("sip.User-Agent", "Example door");
    capture
        .datagram(
            "sip response",
            back,
            (5_060, 5_060),
            sip::response(&register, 200, "OK", &[("Expires", "3600")]),
        )
        .shows("sip.Status-Code", 200)
        .shows("sip.Call-ID", "1234abcd@192.0.2.7")
        .shows("sip.CSeq.method", "REGISTER")
        .shows("sip.to.tag", 1);
    capture
        .udp("sip options", (5_060, 5_060), agent.options("100", 2))
        .shows("sip.Method", "OPTIONS")
        .shows("sip.r-uri.user", "100")
        .shows("sip.to.user", "100");
    let six: IpAddr = "2001:db8::7".parse().expect("an address");
    let agent = Agent { registrar: six, contact: SocketAddr::new(six, 5_060), ..agent };
    capture
        .udp("sip over six", (5_060, 5_060), agent.register(3, 0, &[]))
        .shows("sip.contact.uri", "sip:101@[2001:db8::7]:5060")
        .shows("sip.Expires", 0);
}

fn snmp(capture: &mut Capture) {
    let sender = Sender { community: "public", request_id: 77, uptime_cs: 123_456 };
    capture
        .udp("cold start", (161, 162), snmp::cold_start(&sender))
        .shows("snmp.version", 1)
        .shows("snmp.community", "public")
        .shows("snmp.request_id", 77)
        .shows("snmp.name", "1.3.6.1.2.1.1.3.0|1.3.6.1.6.3.1.1.4.1.0")
        .shows("snmp.value.timeticks", 123_456)
        .shows("snmp.value.oid", "1.3.6.1.6.3.1.1.5.1");
    for (is_up, trap, status) in [(false, "3", "2"), (true, "4", "1")] {
        capture
            .udp("link", (161, 162), snmp::link(&sender, is_up, 1_007))
            .shows("snmp.value.oid", format!("1.3.6.1.6.3.1.1.5.{trap}"))
            .shows(
                "snmp.name",
                "1.3.6.1.2.1.1.3.0|1.3.6.1.6.3.1.1.4.1.0|1.3.6.1.2.1.2.2.1.1.1007|\
                 1.3.6.1.2.1.2.2.1.7.1007|1.3.6.1.2.1.2.2.1.8.1007",
            )
            .shows("snmp.value.int", format!("1007|1|{status}"));
    }
    for (is_on, status) in [(false, 2), (true, 3)] {
        capture
            .udp("power", (161, 162), snmp::power(&sender, is_on, (1, 7)))
            .shows("snmp.value.oid", "1.3.6.1.2.1.105.0.1")
            .shows("snmp.name", "1.3.6.1.2.1.1.3.0|1.3.6.1.6.3.1.1.4.1.0|1.3.6.1.2.1.105.1.1.1.6.1.7")
            .shows("snmp.value.int", status);
    }
    capture
        .udp("get", (40_300, 161), snmp::get("public", 5, &[snmp::SYS_DESCR, snmp::SYS_NAME]))
        .shows("snmp.name", "1.3.6.1.2.1.1.1.0|1.3.6.1.2.1.1.5.0");
    let bindings = [
        (snmp::SYS_DESCR, Value::Octets(b"Example switch")),
        (&[1, 3, 6, 1, 2, 1, 2, 2, 1, 10, 1][..], Value::Counter(u32::MAX)),
        (&[1, 3, 6, 1, 2, 1, 2, 2, 1, 5, 1][..], Value::Gauge(1_000_000_000)),
    ];
    capture
        .udp("get response", (161, 40_300), snmp::response("public", 5, &bindings))
        .shows("snmp.request_id", 5)
        .shows("snmp.value.octets", "4578616d706c6520737769746368")
        .shows("snmp.value.counter", "4294967295")
        .shows("snmp.value.g32", 1_000_000_000);
}
