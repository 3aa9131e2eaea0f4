//! What the directory makes of witnessed, forged and answered-for addresses.

use super::*;
use crate::ledger::identity::Attribute;
use crate::observation::Cite;
use std::net::Ipv4Addr;

const A: Mac = Mac([2, 0, 0, 0, 0, 0xa]);
const B: Mac = Mac([2, 0, 0, 0, 0, 0xb]);
const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

#[test]
fn an_address_without_witness_is_a_device_of_its_own() {
    let mut directory = Directory::default();
    let number = directory.ip_or_add(IP, None, Time(1)).unwrap();
    assert_eq!(directory.find_mac(A), None);
    assert!(directory.device(number).unwrap().macs.is_empty());
}

#[test]
fn a_witnessed_binding_merges_the_two_and_keeps_the_address_as_alias() {
    let mut directory = Directory::default();
    let by_ip = directory.ip_or_add(IP, None, Time(1)).unwrap();
    let bound = directory.bind(A, IP, None, Time(2)).unwrap();
    let kept = directory.find_mac(A).unwrap();
    assert_eq!(bound, Bound::Merged { kept, gone: by_ip });
    assert_eq!(directory.find_ip(IP, Some(20)), Some(kept));
    assert_eq!(directory.devices().count(), 1);
    assert_eq!(directory.device(kept).unwrap().first_seen, Time(1));
}

#[test]
fn an_address_that_moves_leaves_its_former_holder() {
    let mut directory = Directory::default();
    directory.bind(A, IP, None, Time(1));
    directory.bind(B, IP, Some(10), Time(2));
    let (a, b) = (directory.find_mac(A).unwrap(), directory.find_mac(B).unwrap());
    assert_eq!(directory.find_ip(IP, None), Some(b));
    assert!(directory.device(a).unwrap().ips.is_empty());
    assert!(directory.device(a).unwrap().rare.former_ips.contains(&IP));
}

#[test]
fn ports_of_one_device_join_it() {
    let mut directory = Directory::default();
    directory.bind(B, IP, None, Time(1));
    let number = directory.mac_or_add(A, Time(2));
    let gone = directory.find_mac(B).unwrap();
    assert_eq!(directory.join(number, B), Some(Bound::Merged { kept: number, gone }));
    assert_eq!(directory.join(number, B), None);
    assert_eq!((directory.find_mac(B), directory.find_ip(IP, None)), (Some(number), Some(number)));
    assert_eq!(directory.device(number).unwrap().macs[..], [A, B]);
    assert_eq!(directory.devices().count(), 1);
}

#[test]
fn the_same_address_in_two_vlans_is_two_devices() {
    let mut directory = Directory::default();
    directory.bind(A, IP, Some(10), Time(1));
    directory.bind(B, IP, Some(20), Time(2));
    assert_eq!(directory.find_ip(IP, Some(10)), directory.find_mac(A));
    assert_eq!(directory.find_ip(IP, Some(20)), directory.find_mac(B));
}

#[test]
fn groups_and_unspecified_addresses_are_no_devices() {
    let mut directory = Directory::default();
    for ip in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "127.0.0.1"] {
        assert_eq!(directory.ip_or_add(ip.parse().unwrap(), None, Time(1)), None, "{ip}");
    }
    assert_eq!(directory.bind(Mac::BROADCAST, IP, None, Time(1)), None);
    assert_eq!(directory.bind(Mac::ZERO, IP, None, Time(1)), None);
}

#[test]
fn the_device_heard_longest_ago_is_forgotten_first() {
    let mut directory = Directory::default();
    for n in 0..=DEVICES_MAX as u32 {
        let ip = Ipv4Addr::from(0x0a00_0001 + n).into();
        let number = directory.ip_or_add(ip, None, Time(i64::from(n))).unwrap();
        directory.heard(number, (Time(i64::from(n)), Time(i64::from(n))));
    }
    assert_eq!(directory.devices().count(), DEVICES_MAX);
    assert_eq!(directory.refused.take().collect::<Vec<_>>(), [("devices", DEVICES_MAX as u64, 1)]);
    assert_eq!(directory.find_ip(Ipv4Addr::from(0x0a00_0001).into(), None), None);
    assert_eq!(directory.by_ip.len(), DEVICES_MAX);
    assert_eq!(directory.by_last_seen.map(|order| order.len()), Some(DEVICES_MAX));
}

fn from(mac: Mac, ip: IpAddr) -> Party {
    Party { mac: Some(mac), ip: Some(ip), hop_limit: 64, ..Party::default() }
}

fn host(n: u8) -> IpAddr {
    Ipv4Addr::new(198, 51, 100, n).into()
}

#[test]
fn a_forged_claim_takes_no_frames_from_who_goes_on_sending() {
    let mut directory = Directory::default();
    directory.claim(A, IP, None, Time(1));
    directory.claim(B, IP, None, Time(2));
    let camera = directory.find_mac(A);
    assert_eq!(directory.find(&from(A, IP)), camera);
    assert_eq!(directory.party_or_add(&from(A, IP), Time(3)), camera);
    assert!(is_back(&directory, from(A, IP)));
    assert!(!is_back(&directory, Party { hop_limit: 0, ..from(A, IP) }), "only asked for");
    directory.bind(A, IP, None, Time(3));
    assert!(!is_back(&directory, from(A, IP)));
    assert_eq!(directory.find_ip(IP, None), camera);
    let camera = directory.device(camera.unwrap()).unwrap();
    assert!(camera.ips.contains(&IP) && camera.rare.former_ips.is_empty());
}

#[test]
fn an_address_taken_back_and_forth_has_one_holder() {
    let mut directory = Directory::default();
    for n in 0..20 {
        let (mac, vlan) = if n % 2 == 0 { (A, None) } else { (B, Some(10)) };
        directory.bind(mac, IP, vlan, Time(n));
    }
    assert_eq!(directory.by_ip.peek(&IP).map(Few::len), Some(1));
    directory.join(directory.find_mac(A).unwrap(), B);
    assert_eq!(directory.formers, 0);
    assert_eq!(directory.by_ip.peek(&IP).map(Few::len), Some(1));
}

#[test]
fn who_answers_for_many_is_one_router_and_they_are_many_devices() {
    let mut directory = Directory::default();
    directory.claim(A, IP, None, Time(1));
    for n in 1..=10 {
        directory.claim(A, host(n), None, Time(2));
    }
    let router = directory.find_mac(A).unwrap();
    for n in 1..=10 {
        let number = directory.party_or_add(&from(A, host(n)), Time(3)).unwrap();
        assert_ne!(number, router, "{n}");
    }
    let router = directory.device(router).unwrap();
    assert_eq!(router.ips, Few::from_iter([IP]));
    assert!(router.is_router && router.rare.former_ips.is_empty());
    assert_eq!(directory.devices().count(), 11);
}

#[test]
fn who_is_known_to_forward_takes_no_known_device_by_a_claim() {
    let mut directory = Directory::default();
    directory.claim(A, IP, None, Time(1));
    let behind = directory.ip_or_add(host(1), None, Time(2)).unwrap();
    let router = directory.find_mac(A).unwrap();
    directory.device_mut(router).unwrap().is_router = true;
    directory.claim(A, host(1), None, Time(3));
    assert_eq!(directory.find_ip(host(1), None), Some(behind));
}

#[test]
fn a_host_with_several_addresses_and_a_router_in_several_vlans_stay_one() {
    let mut directory = Directory::default();
    for ip in [IP, host(1), host(2), Ipv4Addr::new(169, 254, 3, 4).into()] {
        directory.claim(A, ip, None, Time(1));
    }
    for n in 1..=8 {
        directory.claim(A, std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into(), None, Time(2));
        directory.claim(B, Ipv4Addr::new(10, 0, n as u8, 1).into(), Some(n), Time(2));
    }
    let addresses = |mac| directory.device(directory.find_mac(mac).unwrap()).unwrap().ips.len();
    assert_eq!((addresses(A), addresses(B), directory.devices().count()), (12, 8, 2));
}

#[test]
fn addresses_taken_one_after_the_other_over_days_are_one_device() {
    let mut directory = Directory::default();
    for n in 1..=10 {
        directory.claim(A, host(n), None, Time(0) + Span::seconds(86_400 * i64::from(n)));
    }
    assert_eq!(directory.device(directory.find_mac(A).unwrap()).unwrap().ips.len(), 10);
}

#[test]
fn former_addresses_are_bounded_and_counted() {
    let mut directory = Directory::default();
    for n in 0..1_000_u32 {
        let ip = Ipv4Addr::from(0x0a00_0001 + n).into();
        directory.bind(A, ip, None, Time(1));
        directory.bind(B, ip, None, Time(2));
        directory.bind(Mac([2, 0, 0, 0, 1, n as u8]), ip, None, Time(3));
    }
    let of = |mac| directory.device(directory.find_mac(mac).unwrap()).unwrap().rare.former_ips.len();
    assert_eq!((of(A), of(B)), (IPS_MAX, IPS_MAX));
    let counted: Vec<_> = directory.refused.take().collect();
    assert!(counted.contains(&("former addresses of one device", 64, 2 * (1_000 - 64))), "{counted:?}");
}

#[test]
fn what_is_known_of_all_devices_is_bounded_and_freed_with_them() {
    let mut directory = Directory::default();
    let text = "x".repeat(250);
    for n in 0..200_000_u32 {
        let number = directory.mac_or_add(Mac([2, 0, 0, 0, (n >> 14) as u8, (n >> 6) as u8]), Time(1));
        let name = format!("{n}{text}").as_str().into();
        let sight = Sight::outright(Attribute::Name, name, ("lldp", 85), (Time(1), Cite::default()));
        directory.learn(number, sight);
    }
    assert!(directory.identity_bytes <= IDENTITY_BYTES_MAX);
    assert!(directory.refused.take().any(|(what, _, _)| what == "identity of all devices, in bytes"));
    while directory.forget_oldest(None) {}
    assert_eq!((directory.identity_bytes, directory.by_mac.len(), directory.formers), (0, 0, 0));
}

#[test]
fn macs_of_one_device_are_bounded_and_none_is_left_behind() {
    let mut directory = Directory::default();
    let number = directory.mac_or_add(A, Time(1));
    for n in 0..3_000_u16 {
        let [high, low] = n.to_be_bytes();
        directory.join(number, Mac([2, 1, 0, 0, high, low]));
    }
    assert_eq!(directory.by_mac.len(), MACS_MAX);
    directory.forget_oldest(None);
    assert!(directory.by_mac.is_empty());
}

fn is_back(directory: &Directory, party: Party) -> bool {
    directory.own(&party).is_some_and(|number| directory.is_back(&party, number))
}
