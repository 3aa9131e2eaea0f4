//! The files that Spanwatch ships with.

/// The vocabulary: kinds and vendors.
pub const IDENTIFIERS: (&str, &str) = ("identifiers.toml", include_str!("../data/identifiers.toml"));

/// The entries, one file a key.
pub const ENTRIES: &[(&str, &str)] = &[
    ("cdp.platform.toml", include_str!("../data/cdp.platform.toml")),
    ("dhcp.hostname.toml", include_str!("../data/dhcp.hostname.toml")),
    ("dhcp.option-order.toml", include_str!("../data/dhcp.option-order.toml")),
    ("dhcp.parameter-list.toml", include_str!("../data/dhcp.parameter-list.toml")),
    ("dhcp.vendor-class.toml", include_str!("../data/dhcp.vendor-class.toml")),
    ("dhip.class.toml", include_str!("../data/dhip.class.toml")),
    ("ftp.banner.toml", include_str!("../data/ftp.banner.toml")),
    ("hid.model.toml", include_str!("../data/hid.model.toml")),
    ("http.path.toml", include_str!("../data/http.path.toml")),
    ("http.realm.toml", include_str!("../data/http.realm.toml")),
    ("http.server.toml", include_str!("../data/http.server.toml")),
    ("http.title.toml", include_str!("../data/http.title.toml")),
    ("lldp.description.toml", include_str!("../data/lldp.description.toml")),
    ("lldp.name.toml", include_str!("../data/lldp.name.toml")),
    ("mdns.instance.toml", include_str!("../data/mdns.instance.toml")),
    ("mdns.service.toml", include_str!("../data/mdns.service.toml")),
    ("mdns.text.toml", include_str!("../data/mdns.text.toml")),
    ("onvif.scope.toml", include_str!("../data/onvif.scope.toml")),
    ("onvif.service.toml", include_str!("../data/onvif.service.toml")),
    ("rtsp.date.toml", include_str!("../data/rtsp.date.toml")),
    ("rtsp.path.toml", include_str!("../data/rtsp.path.toml")),
    ("rtsp.public.toml", include_str!("../data/rtsp.public.toml")),
    ("rtsp.realm.toml", include_str!("../data/rtsp.realm.toml")),
    ("rtsp.server.toml", include_str!("../data/rtsp.server.toml")),
    ("rtsp.session.toml", include_str!("../data/rtsp.session.toml")),
    ("rtsp.user-agent.toml", include_str!("../data/rtsp.user-agent.toml")),
    ("sadp.model.toml", include_str!("../data/sadp.model.toml")),
    ("sdp.attribute.toml", include_str!("../data/sdp.attribute.toml")),
    ("sdp.media.toml", include_str!("../data/sdp.media.toml")),
    ("sdp.session.toml", include_str!("../data/sdp.session.toml")),
    ("sip.user-agent.toml", include_str!("../data/sip.user-agent.toml")),
    ("ssdp.server.toml", include_str!("../data/ssdp.server.toml")),
    ("ssdp.type.toml", include_str!("../data/ssdp.type.toml")),
    ("ssh.identification.toml", include_str!("../data/ssh.identification.toml")),
    ("telnet.banner.toml", include_str!("../data/telnet.banner.toml")),
    ("tls.issuer.toml", include_str!("../data/tls.issuer.toml")),
    ("tls.subject.toml", include_str!("../data/tls.subject.toml")),
    ("wsd.type.toml", include_str!("../data/wsd.type.toml")),
];

/// Address blocks of the makers whose names the vocabulary has.
pub const OUI: (&str, &str) = ("oui.tsv", include_str!("../data/oui.tsv"));

/// Clouds of cameras by their names.
pub const CLOUDS: (&str, &str) = ("clouds.tsv", include_str!("../data/clouds.tsv"));

/// Passwords that manuals document, and those that everybody tries.
pub const PASSWORDS: (&str, &str) = ("passwords.tsv", include_str!("../data/passwords.tsv"));

/// All other address blocks.
pub const OUI_IEEE: (&str, &str) = ("oui-ieee.tsv", include_str!("../data/oui-ieee.tsv"));

#[cfg(test)]
mod tests {
    use super::ENTRIES;
    use crate::Fingerprints;

    /// Of these, patterns are compiled when they are first asked for, by a program that can do nothing about a wrong one.
    #[test]
    fn every_pattern_compiles_and_has_the_groups_that_labels_quote() {
        let problems = Fingerprints::from_files(ENTRIES).err().unwrap_or_default();
        assert!(problems.is_empty(), "{problems:?}");
    }
}
