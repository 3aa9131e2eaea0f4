//! What we read of real traffic is what tshark reads, field by field.
//!
//! The captures are the public ones beside the project, our own, and frames
//! made here for what those do not show. Where both readings differ, and ours
//! is to stay, `tshark/differences.tsv` says why.

mod tshark;

#[test]
fn arp_is_read_as_tshark_reads_it() {
    tshark::compare("arp", tshark::arp::COLUMNS, tshark::arp::said);
}

#[test]
fn neighbor_discovery_is_read_as_tshark_reads_it() {
    tshark::compare("icmpv6", tshark::nd::COLUMNS, tshark::nd::said);
}

#[test]
fn dhcp_is_read_as_tshark_reads_it() {
    tshark::compare("dhcp", tshark::dhcp::COLUMNS, tshark::dhcp::said);
}

#[test]
fn cdp_is_read_as_tshark_reads_it() {
    tshark::compare("cdp", tshark::cdp::COLUMNS, tshark::cdp::said);
}

#[test]
fn spanning_tree_is_read_as_tshark_reads_it() {
    tshark::compare("stp", tshark::stp::COLUMNS, tshark::stp::said);
}

#[test]
fn link_aggregation_is_read_as_tshark_reads_it() {
    tshark::compare("lacp", tshark::lacp::COLUMNS, tshark::lacp::said);
}

#[test]
fn igmp_is_read_as_tshark_reads_it() {
    tshark::compare("igmp", tshark::igmp::COLUMNS, tshark::igmp::said);
}

#[test]
fn mld_is_read_as_tshark_reads_it() {
    tshark::compare("mld", tshark::mld::COLUMNS, tshark::mld::said);
}

#[test]
fn snmp_is_read_as_tshark_reads_it() {
    tshark::compare("snmp", tshark::snmp::COLUMNS, tshark::snmp::said);
}

#[test]
fn ntp_is_read_as_tshark_reads_it() {
    tshark::compare("ntp", tshark::ntp::COLUMNS, tshark::ntp::said);
}

#[test]
fn lldp_is_read_as_tshark_reads_it() {
    tshark::compare("lldp", tshark::lldp::COLUMNS, tshark::lldp::said);
}

#[test]
fn admission_is_read_as_tshark_reads_it() {
    tshark::compare("eapol", tshark::eapol::COLUMNS, tshark::eapol::said);
    tshark::compare("eap", tshark::eapol::OF_EAP, tshark::eapol::said_by_eap);
}

#[test]
fn names_are_read_as_tshark_reads_them() {
    for protocol in ["dns", "mdns", "llmnr"] {
        tshark::compare(protocol, tshark::dns::COLUMNS, tshark::dns::said);
    }
}

#[test]
fn ssdp_is_read_as_tshark_reads_it() {
    tshark::compare("ssdp", tshark::ssdp::COLUMNS, tshark::ssdp::said);
}

#[test]
fn netbios_names_are_read_as_tshark_reads_them() {
    tshark::compare("nbns", tshark::netbios::COLUMNS, tshark::netbios::said);
}

#[test]
fn dhcp_of_six_is_read_as_tshark_reads_it() {
    tshark::compare("dhcpv6", tshark::dhcpv6::COLUMNS, tshark::dhcpv6::said);
}
