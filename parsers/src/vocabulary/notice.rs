//! What devices confess to their managers.

use super::Text;

/// What a device tells its manager unasked; it can be forged, as it is not signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// Which notice it is, as its protocol names it: of SNMP an object identifier with dots, of ONVIF a topic.
    pub identity: Text,
    /// The interface by number (`ifIndex`).
    pub interface: Option<u32>,
    /// The interface by name; of ONVIF the video source or the disk.
    pub port: Option<Text>,
    /// Whether it lasts or is over, where it is a state.
    pub lasts: Option<bool>,
    /// Whether the interface is meant to work; somebody shut it where it is not.
    pub is_enabled: Option<bool>,
    /// Group and port in the numbers of Power over Ethernet (RFC 3621), which are not those of the interface.
    pub power_port: Option<(u32, u32)>,
}

/// What happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// The device started; its settings may have changed.
    ColdStart,
    /// The device started anew with the same settings.
    WarmStart,
    /// An interface went down.
    LinkDown,
    /// An interface came up.
    LinkUp,
    /// Somebody asked who may not.
    AuthenticationFailure,
    /// A port began to supply power.
    PowerOn,
    /// A port stopped supplying power.
    PowerOff,
    /// The device became root of a spanning tree.
    NewRoot,
    /// A port of a spanning tree began to forward, or to block.
    TopologyChange,
    /// No video signal comes from a sensor or an input.
    VideoSignalLost,
    /// Somebody seems to have covered or moved the camera.
    Tampering,
    /// A disk or card fails.
    StorageFault,
    /// Something else.
    #[default]
    Other,
}
