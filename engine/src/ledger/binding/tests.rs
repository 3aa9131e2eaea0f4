//! Who has what, who said so, and what becomes of that when another says otherwise.

use spanwatch_fingerprints::Fingerprints;

use super::*;
use crate::observation::Place;

const CAMERA: Mac = Mac([2, 0, 0, 0, 0, 0xa]);
const WIRELESS: Mac = Mac([2, 0, 0, 0, 0, 0xb]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0, 0xc]);

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

/// `mac` says this from `ip` in the frame of this number.
fn says(ledger: &mut Ledger, frame: u64, (mac, ip): (Mac, IpAddr), source: &'static str, fact: Fact) {
    ledger.observe(&Observation {
        place: Place { frame, ..Place::default() },
        at: Time(i64::try_from(frame).unwrap()),
        cite: Cite::new(0, frame),
        subject: Party { mac: Some(mac), ip: Some(ip), hop_limit: 64, ..Party::default() },
        peer: Party::default(),
        transport: None,
        source,
        fact,
    });
}

fn claims(ledger: &mut Ledger, frame: u64, mac: Mac, ip: IpAddr) {
    says(ledger, frame, (mac, ip), "arp", Fact::Binding { mac, ip, by: BindingBy::Claim });
}

fn interfaces(of: &[(Mac, &[IpAddr])]) -> Fact {
    Fact::Interfaces(of.iter().map(|(mac, ips)| Interface { mac: *mac, ips: ips.to_vec() }).collect())
}

/// What a device has, by whom that is witnessed, and in which frame.
type Bonds = Vec<(Bond, &'static str, u64)>;

/// Id, addresses, and what is witnessed.
fn known(ledger: &Ledger, mac: Mac) -> (String, Vec<IpAddr>, Bonds) {
    let device = ledger.directory.device(ledger.directory.find_mac(mac).unwrap()).unwrap();
    let bonds = device.bonds.iter().map(|(bond, witness)| (*bond, witness.source, witness.cite.frame()));
    (device.id(), device.ips.iter().copied().collect(), bonds.collect())
}

fn ledger() -> Ledger {
    Ledger::new(Fingerprints::builtin())
}

#[test]
fn who_first_said_that_an_address_is_whose_is_kept() {
    let mut ledger = ledger();
    claims(&mut ledger, 3, CAMERA, ip(7));
    claims(&mut ledger, 4, CAMERA, ip(7));
    assert_eq!(known(&ledger, CAMERA).2, [(Bond::Ip(ip(7)), "arp", 3)]);
}

/// What is said within ten minutes by one MAC of four addresses makes it one that answers for others.
#[test]
fn a_claim_that_is_made_again_counts_from_then_on() {
    const MINUTE: u64 = 60_000_000_000;
    for (again, holds) in [(false, 4), (true, 1)] {
        let mut ledger = ledger();
        claims(&mut ledger, 1, CAMERA, ip(7));
        if again {
            claims(&mut ledger, 5 * MINUTE, CAMERA, ip(7));
        }
        for last in 8..11 {
            claims(&mut ledger, 12 * MINUTE + u64::from(last), CAMERA, ip(last));
        }
        let (_, ips, _) = known(&ledger, CAMERA);
        assert_eq!((ips.len(), ips[0]), (holds, ip(7)), "{again}");
    }
}

#[test]
fn an_address_that_another_takes_takes_its_witness_along() {
    let mut ledger = ledger();
    claims(&mut ledger, 3, CAMERA, ip(7));
    claims(&mut ledger, 4, OTHER, ip(7));
    assert_eq!(known(&ledger, CAMERA).2, []);
    assert_eq!(known(&ledger, OTHER).2, [(Bond::Ip(ip(7)), "arp", 4)]);
}

#[test]
fn interfaces_that_a_device_tells_are_one_device() {
    let mut ledger = ledger();
    claims(&mut ledger, 1, CAMERA, ip(7));
    claims(&mut ledger, 2, WIRELESS, ip(8));
    let told = interfaces(&[(CAMERA, &[ip(7)]), (WIRELESS, &[ip(8), ip(9)])]);
    says(&mut ledger, 3, (CAMERA, ip(7)), "http", told);
    let bonds = [
        (Bond::Mac(WIRELESS), "http", 3),
        (Bond::Ip(ip(7)), "arp", 1),
        (Bond::Ip(ip(8)), "arp", 2),
        (Bond::Ip(ip(9)), "http", 3),
    ];
    assert_eq!(known(&ledger, WIRELESS), (CAMERA.to_string(), vec![ip(7), ip(8), ip(9)], bonds.to_vec()));
    assert_eq!(ledger.directory.devices().count(), 1);
    // What it told of an address is contradicted: the split is right.
    claims(&mut ledger, 4, OTHER, ip(8));
    assert_eq!(known(&ledger, CAMERA).1, [ip(7), ip(9)]);
    assert_eq!(known(&ledger, OTHER).2, [(Bond::Ip(ip(8)), "arp", 4)]);
}

#[test]
fn an_interface_that_the_wire_shows_as_anothers_is_not_joined() {
    let mut ledger = ledger();
    claims(&mut ledger, 1, CAMERA, ip(7));
    claims(&mut ledger, 2, OTHER, ip(8));
    let told = interfaces(&[(CAMERA, &[ip(7), ip(8)]), (OTHER, &[ip(9)])]);
    says(&mut ledger, 3, (CAMERA, ip(7)), "http", told);
    assert_eq!(known(&ledger, CAMERA).1, [ip(7)]);
    assert_eq!(known(&ledger, OTHER).1, [ip(8)]);
}

#[test]
fn who_stands_behind_an_address_translator_tells_others() {
    let mut ledger = ledger();
    claims(&mut ledger, 1, OTHER, ip(1));
    says(&mut ledger, 2, (OTHER, ip(1)), "http", interfaces(&[(CAMERA, &[[10, 0, 0, 64].into()])]));
    assert_eq!(known(&ledger, OTHER).2, [(Bond::Ip(ip(1)), "arp", 1)]);
    assert_eq!(ledger.directory.find_mac(CAMERA), None);
}

#[test]
fn who_stands_behind_a_router_tells_his_mac_and_keeps_his_id() {
    let mut ledger = ledger();
    let far: IpAddr = [10, 0, 0, 64].into();
    claims(&mut ledger, 1, OTHER, ip(1));
    for (frame, mac) in [(2, CAMERA), (3, WIRELESS)] {
        says(&mut ledger, frame, (OTHER, far), "http", interfaces(&[(mac, &[far])]));
    }
    let number = ledger.directory.find_ip(far, None).unwrap();
    let device = ledger.directory.device(number).unwrap();
    let bonds: Vec<_> = device.bonds.iter().map(|(bond, witness)| (*bond, witness.source)).collect();
    assert_eq!((device.id(), bonds), (far.to_string(), vec![(Bond::Mac(CAMERA), "http")]));
    assert_eq!(ledger.directory.find_mac(CAMERA), None);
}
