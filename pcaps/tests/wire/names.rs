//! Names, and services that are announced.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use spanwatch_simulator::wire::dns::{self, Data, Record};
use spanwatch_simulator::wire::mdns::Service;
use spanwatch_simulator::wire::wsd::{self, Message};
use spanwatch_simulator::wire::{llmnr, mdns, netbios, ssdp};

use crate::capture::{CAMERA, Capture, RECORDER};

pub fn frames(capture: &mut Capture) {
    dns(capture);
    mdns(capture);
    others(capture);
    ssdp(capture);
    discovery(capture);
}

fn dns(capture: &mut Capture) {
    let name = "time.example.com";
    capture
        .udp("dns query", (40_100, 53), dns::query(0x1234, name, dns::AAAA))
        .shows("dns.id", "0x1234")
        .shows("dns.flags", "0x0100")
        .shows("dns.qry.name", name)
        .shows("dns.qry.type", 28);
    let addresses = [
        Data::A(Ipv4Addr::new(192, 0, 2, 123)),
        Data::A(Ipv4Addr::new(192, 0, 2, 124)),
        Data::Aaaa("2001:db8::7b".parse().expect("an address")),
    ];
    let records = addresses.map(|data| Record { name, ttl_s: 300, is_unique: false, data });
    capture
        .udp("dns response", (53, 40_100), dns::response(0x1234, name, dns::A, &records))
        .shows("dns.flags", "0x8180")
        .shows("dns.resp.name", [name; 3].join("|"))
        .shows("dns.resp.ttl", "300|300|300")
        .shows("dns.a", "192.0.2.123|192.0.2.124")
        .shows("dns.aaaa", "2001:db8::7b");
    capture
        .udp("dns failure", (53, 40_101), dns::failure(7, "gone.example.com", dns::A, dns::NO_NAME))
        .shows("dns.flags.rcode", 3)
        .shows("dns.count.answers", 0);
}

fn mdns(capture: &mut Capture) {
    let group = (CAMERA, IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)));
    let service = Service {
        instance: "Front door",
        kind: "_rtsp._tcp",
        host: "cam-07",
        addresses: &[CAMERA, IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7))],
        port: 554,
        texts: &["path=/1", "model=EX-1"],
        ttl_s: 120,
    };
    let (kind, instance) = ("_rtsp._tcp.local", "Front door._rtsp._tcp.local");
    capture
        .datagram("mdns query", group, (5_353, 5_353), mdns::query("_rtsp._tcp"))
        .shows("dns.qry.name", kind)
        .shows("dns.qry.type", 12);
    capture
        .datagram("mdns announce", group, (5_353, 5_353), mdns::announce(&service))
        .shows("dns.flags", "0x8400")
        .shows("dns.ptr.domain_name", format!("{kind}|{instance}"))
        .shows("dns.srv.service", "Front door")
        .shows("dns.srv.port", 554)
        .shows("dns.srv.target", "cam-07.local")
        .shows("dns.txt", "path=/1|model=EX-1")
        .shows("dns.a", CAMERA)
        .shows("dns.aaaa", "fe80::7")
        .shows("dns.resp.cache_flush", "0|0|1|1|1|1")
        .shows("dns.resp.ttl", "120|120|120|120|120|120");
    // Of another sender, for tshark takes a second response without a question for a copy of the first.
    let bare = Service { texts: &[], addresses: &[], ..service };
    capture
        .datagram("mdns good-bye", (RECORDER, group.1), (5_353, 5_353), mdns::goodbye(&bare))
        .shows("dns.ptr.domain_name", format!("{kind}|{instance}"))
        .shows("dns.resp.ttl", "0|0|0|0")
        .shows("dns.txt.length", 0);
}

fn others(capture: &mut Capture) {
    let group = (CAMERA, IpAddr::V4(Ipv4Addr::new(224, 0, 0, 252)));
    capture
        .datagram("llmnr query", group, (50_100, 5_355), llmnr::query(9, "recorder", dns::A))
        .shows("dns.qry.name", "recorder");
    capture
        .udp("llmnr response", (5_355, 50_100), llmnr::response(9, "recorder", CAMERA))
        .shows("dns.flags.response", 1)
        .shows("dns.a", CAMERA);
    let all = (CAMERA, IpAddr::V4(Ipv4Addr::BROADCAST));
    capture
        .datagram("netbios query", all, (137, 137), netbios::query(3, "recorder"))
        .shows("nbns.name", "RECORDER<00>")
        .shows("nbns.type", 32)
        .shows("nbns.class", 1);
}

fn ssdp(capture: &mut Capture) {
    let group = (CAMERA, IpAddr::V4(Ipv4Addr::new(239, 255, 255, 250)));
    let device = ssdp::Device {
        kind: "upnp:rootdevice",
        uuid: UUID,
        location: "http://192.0.2.7:49152/device.xml",
        server: "Linux/5 UPnP/1.0 Example/4",
        max_age_s: 1_800,
    };
    let unknown =
        |line| format!("NT: upnp:rootdevice\\r\\n|{line}\\r\\n|USN: uuid:{UUID}::upnp:rootdevice\\r\\n");
    capture
        .datagram("ssdp alive", group, (1_900, 1_900), device.alive())
        .shows("http.request.method", "NOTIFY")
        .shows("http.host", "239.255.255.250:1900")
        .shows("http.server", "Linux/5 UPnP/1.0 Example/4")
        .shows("http.location", "http://192.0.2.7:49152/device.xml")
        .shows("http.cache_control", "max-age=1800")
        .shows("http.unknown_header", unknown("NTS: ssdp:alive"));
    capture
        .datagram("ssdp byebye", group, (1_900, 1_900), device.byebye())
        .shows("http.request.method", "NOTIFY")
        .shows("http.unknown_header", unknown("NTS: ssdp:byebye"));
    capture
        .datagram("ssdp search", group, (50_200, 1_900), ssdp::search("ssdp:all", 3))
        .shows("http.request.method", "M-SEARCH");
    capture.udp("ssdp response", (1_900, 50_200), device.response()).shows("http.response.code", 200);
}

fn discovery(capture: &mut Capture) {
    let group = (CAMERA, IpAddr::V4(Ipv4Addr::new(239, 255, 255, 250)));
    let device = wsd::Device {
        uuid: UUID,
        scopes: &["onvif://www.onvif.org/hardware/EX-1", "onvif://www.onvif.org/name/Example"],
        addresses: &["http://192.0.2.7/onvif/device_service"],
        instance: 5,
    };
    let message = Message { uuid: "00000000-0000-4000-8000-000000000001", number: 2 };
    let action = |name| format!("http://schemas.xmlsoap.org/ws/2005/04/discovery/{name}");
    let (to, id) = ("urn:schemas-xmlsoap-org:ws:2005:04:discovery", format!("urn:uuid:{}", message.uuid));
    let endpoint = format!("urn:uuid:{UUID}");
    let fields = format!(
        "{endpoint}|dn:NetworkVideoTransmitter|onvif://www.onvif.org/hardware/EX-1 \
         onvif://www.onvif.org/name/Example|http://192.0.2.7/onvif/device_service|1"
    );
    capture
        .datagram("hello", group, (3_702, 3_702), wsd::hello(&device, message).into_bytes())
        .shows("xml.cdata", format!("{}|{to}|{id}|{fields}", action("Hello")));
    capture
        .datagram("bye", group, (3_702, 3_702), wsd::bye(&device, message).into_bytes())
        .shows("xml.cdata", format!("{}|{to}|{id}|{endpoint}", action("Bye")));
    capture
        .datagram("probe", group, (50_300, 3_702), wsd::probe(message.uuid).into_bytes())
        .shows("xml.cdata", format!("{}|{to}|{id}|dn:NetworkVideoTransmitter", action("Probe")));
    let answer = wsd::probe_matches(&device, Message { number: 3, ..message }, message.uuid);
    assert!(answer.contains("InstanceId=\"5\" MessageNumber=\"3\""));
    let to = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
    capture
        .udp("probe matches", (3_702, 50_300), answer.into_bytes())
        .shows("xml.cdata", format!("{}|{to}|{id}|{id}|{fields}", action("ProbeMatches")));
}

const UUID: &str = "00000000-0000-4000-8000-02005e000007";
