//! The form in which a mirror hands on its copies: tags, tunnel, and where it cuts.
//!
//! ```text
//! outer headers of the tunnel | destination | source | S-tag | C-tag | type | payload
//!                                                      88a8    8100    ^ cut `snap` bytes from the start
//! ```
//!
//! A switch mirrors what it has in hand: on ingress often the frame as it came in, on egress as it goes
//! out, so that one way may bear tags and the other none. A VLAN tag is the type, 0x8100 or 0x88a8, and
//! a number of 12 bits; priority and DEI are zero here.
//!
//! Source: IEEE 802.1Q-2018, 9.3 to 9.6 (tags). The tunnels are in `tunnel`.

use super::tunnel::Tunnel;

/// The way of a copied frame through the mirrored port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the device into the switch.
    Ingress,
    /// From the switch to the device.
    Egress,
}

/// One frame that the mirror copied.
#[derive(Debug, Clone)]
pub struct Copy<'a> {
    /// When, in nanoseconds of Unix time.
    pub at: i64,
    /// Which way it went.
    pub way: Way,
    /// The VLAN that it is in; 0 for none.
    pub vlan: u16,
    /// The index of the mirrored port, below 16,384.
    pub port: u16,
    /// The Ethernet frame without tag and check sequence, 14 bytes at least.
    pub frame: &'a [u8],
}

/// Which copies bear VLAN tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tags {
    /// None, as on access ports.
    #[default]
    None,
    /// Those of both ways, as on a trunk.
    Both,
    /// Those of frames that came in.
    IngressOnly,
    /// Those of frames that went out.
    EgressOnly,
    /// All, with a provider's tag before the VLAN's own.
    Double {
        /// The provider's VLAN.
        outer: u16,
    },
}

/// The form of a mirror's copies; by default untagged and in no tunnel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// The tags they bear.
    pub tags: Tags,
    /// The tunnel they come through.
    pub tunnel: Option<Tunnel>,
    /// How many bytes of each are kept; the whole frame if `None`.
    pub snap: Option<u32>,
    /// How many copies the tunnel has sent: the next GRE sequence number, and the IP identification
    /// follows it. Whoever adds to it has lost so many copies between the mirror and the watcher.
    pub sequence: u32,
}

impl Form {
    /// Appends the captured bytes of a copy, cut at `snap`, and returns its length on the wire.
    pub fn write(&mut self, copy: &Copy<'_>, out: &mut Vec<u8>) -> u32 {
        let start = out.len();
        let mut labels = self.tags.labels(copy.way, copy.vlan);
        if let Some(tunnel) = self.tunnel {
            tunnel.write(self.sequence, copy, &mut labels, out);
            self.sequence = self.sequence.wrapping_add(1);
        }
        let (addresses, rest) = copy.frame.split_at(12);
        out.extend_from_slice(addresses);
        for label in labels.into_iter().flatten() {
            out.extend_from_slice(&label.kind.to_be_bytes());
            out.extend_from_slice(&label.vlan.to_be_bytes());
        }
        out.extend_from_slice(rest);
        let length = out.len() - start;
        if let Some(snap) = self.snap {
            out.truncate(start + snap as usize);
        }
        u32::try_from(length).expect("a frame is below 64 KiB")
    }
}

/// One VLAN tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    kind: u16,
    /// The VLAN.
    pub(super) vlan: u16,
}

impl Tags {
    /// The VLAN of the innermost tag that a copy bears.
    #[must_use]
    pub fn innermost(self, way: Way, vlan: u16) -> Option<u16> {
        self.labels(way, vlan).into_iter().flatten().next_back().map(|label| label.vlan)
    }

    /// The tags of one copy, the outer first.
    fn labels(self, way: Way, vlan: u16) -> [Option<Label>; 2] {
        let own = (vlan != 0).then_some(Label { kind: C_TAG, vlan });
        match (self, way) {
            (Self::Double { outer }, _) => [Some(Label { kind: S_TAG, vlan: outer }), own],
            (Self::Both, _) | (Self::IngressOnly, Way::Ingress) | (Self::EgressOnly, Way::Egress) => {
                [own, None]
            }
            (Self::None | Self::IngressOnly | Self::EgressOnly, _) => [None, None],
        }
    }
}

/// IEEE 802.1Q-2018, table 9-1.
const C_TAG: u16 = 0x8100;
const S_TAG: u16 = 0x88a8;

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: [u8; 16] = *b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\xaa\xbb";

    fn written(form: &mut Form, way: Way, vlan: u16) -> (Vec<u8>, u32) {
        let mut out = Vec::new();
        let length = form.write(&Copy { at: 0, way, vlan, port: 1, frame: &FRAME }, &mut out);
        (out, length)
    }

    fn tags(tags: Tags, way: Way, vlan: u16) -> Vec<u8> {
        let (out, _) = written(&mut Form { tags, ..Form::default() }, way, vlan);
        out[12..out.len() - 4].to_vec()
    }

    #[test]
    fn the_plain_form_is_the_frame() {
        assert_eq!(written(&mut Form::default(), Way::Ingress, 7), (FRAME.to_vec(), 16));
    }

    #[test]
    fn tags_stand_on_their_ways() {
        let tag = [0x81, 0, 0x0f, 0xa0];
        assert_eq!(tags(Tags::Both, Way::Egress, 4_000), tag);
        assert_eq!(tags(Tags::IngressOnly, Way::Ingress, 4_000), tag);
        assert_eq!(tags(Tags::IngressOnly, Way::Egress, 4_000), []);
        assert_eq!(tags(Tags::EgressOnly, Way::Egress, 4_000), tag);
        assert_eq!(tags(Tags::EgressOnly, Way::Ingress, 4_000), []);
    }

    #[test]
    fn a_frame_in_no_vlan_bears_only_the_providers_tag() {
        assert_eq!(tags(Tags::Both, Way::Ingress, 0), []);
        assert_eq!(tags(Tags::Double { outer: 9 }, Way::Ingress, 0), [0x88, 0xa8, 0, 9]);
        assert_eq!(tags(Tags::Double { outer: 9 }, Way::Ingress, 7), [0x88, 0xa8, 0, 9, 0x81, 0, 0, 7]);
    }

    #[test]
    fn a_cut_copy_tells_its_whole_length() {
        let mut form = Form { tags: Tags::Both, snap: Some(15), ..Form::default() };
        let (out, length) = written(&mut form, Way::Ingress, 7);
        assert_eq!((out.len(), length), (15, 20));
        form.snap = Some(20);
        assert_eq!(written(&mut form, Way::Ingress, 7).0.len(), 20);
    }

    #[test]
    fn copies_are_appended() {
        let mut out = vec![1, 2, 3];
        let copy = Copy { at: 0, way: Way::Ingress, vlan: 0, port: 1, frame: &FRAME };
        let mut form = Form { snap: Some(14), ..Form::default() };
        form.write(&copy, &mut out);
        assert_eq!(out, [&[1, 2, 3], &FRAME[..14]].concat());
    }

    #[test]
    fn only_a_tunnel_counts() {
        let mut form = Form::default();
        written(&mut form, Way::Ingress, 0);
        assert_eq!(form.sequence, 0);
        form = Form { tunnel: Some(Tunnel::Gre), sequence: u32::MAX, ..form };
        written(&mut form, Way::Ingress, 0);
        assert_eq!(form.sequence, 0);
    }
}
