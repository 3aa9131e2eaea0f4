//! What a device is ordered to do, by the requests of makers' own interfaces and by ONVIF.
//!
//! ```text
//! PUT /ISAPI/Security/users/2                     Hikvision: the path says it
//! GET /cgi-bin/userManager.cgi?action=addUser&…   Dahua: path and action
//! GET /axis-cgi/param.cgi?action=update&…         Axis: the same
//! GET /stw-cgi/security.cgi?msubmenu=users&action=add&…    Hanwha: submenu and action
//! SetUser, ContinuousMove                         ONVIF: the operation
//! ```
//!
//! What recorders do by themselves all day is no order: setting the clock, asking for a key frame.
//!
//! Source: Hikvision ISAPI 2.0, Dahua HTTP API 2.76, Axis VAPIX 3, Hanwha SUNAPI 2.5, each vendor's manual; ONVIF Core, PTZ,
//! Door Control and Device I/O Service Specifications. Left out: orders in JSON, and those of web pages.

use crate::vocabulary::Order;

/// What a request orders, where it is one.
pub(super) fn of_request(method: &str, target: &[u8]) -> Option<Order> {
    let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at(end);
    let (path, query) = (path.to_ascii_lowercase(), query.get(1..).unwrap_or_default().to_ascii_lowercase());
    if path.starts_with(b"/isapi/") {
        let writes = matches!(method, "PUT" | "POST" | "DELETE");
        let row = ISAPI.iter().find(|(front, ..)| path.starts_with(front));
        return row.filter(|(_, any, _)| writes && (*any || method == "PUT")).and_then(|(.., order)| *order);
    }
    let has = |pair: &&[u8]| query.split(|byte| *byte == b'&').any(|own| own.starts_with(pair));
    let rows = CGI.iter().filter(|(own, ..)| path.as_slice() == *own);
    rows.filter(|(_, pairs, _)| pairs.iter().all(&has)).map(|(.., order)| *order).next()
}

/// What an operation of ONVIF orders.
pub(super) fn of_operation(operation: &str) -> Option<Order> {
    match operation {
        "CreateUsers" | "DeleteUsers" | "SetUser" => Some(Order::Account),
        "UpgradeSystemFirmware" | "StartFirmwareUpgrade" => Some(Order::Firmware),
        "SetSystemFactoryDefault" => Some(Order::Reset),
        "ContinuousMove" | "RelativeMove" | "AbsoluteMove" | "GotoPreset" | "GotoHomePosition" => {
            Some(Order::Move)
        }
        "AccessDoor"
        | "UnlockDoor"
        | "LockDoor"
        | "BlockDoor"
        | "LockDownDoor"
        | "LockOpenDoor"
        | "DoubleLockDoor"
        | "SetRelayOutputState" => Some(Order::Door),
        "RestoreSystem" | "StartSystemRestore" => Some(Order::Configure),
        _ if BY_ITSELF.contains(&operation) => None,
        _ => operation.starts_with("Set").then_some(Order::Configure),
    }
}

/// What a recorder does without anybody asking for it.
const BY_ITSELF: &[&str] =
    &["SetSystemDateAndTime", "SetSynchronizationPoint", "SetMetadataConfiguration", "SetEventProperties"];

/// Path, whether it is one by any method that writes or by PUT alone, and what it orders; the first that fits counts.
type Isapi = (&'static [u8], bool, Option<Order>);
const ISAPI: &[Isapi] = &[
    (b"/isapi/system/factoryreset", true, Some(Order::Reset)),
    (b"/isapi/system/updatefirmware", true, Some(Order::Firmware)),
    (b"/isapi/system/time", true, None),
    (b"/isapi/system/io/outputs/", false, Some(Order::Door)),
    (b"/isapi/security/users", true, Some(Order::Account)),
    (b"/isapi/ptzctrl/", false, Some(Order::Move)),
    (b"/isapi/accesscontrol/remotecontrol/door", false, Some(Order::Door)),
    (b"/isapi/system/", false, Some(Order::Configure)),
    (b"/isapi/security/", false, Some(Order::Configure)),
    (b"/isapi/image/", false, Some(Order::Configure)),
    (b"/isapi/streaming/channels", false, Some(Order::Configure)),
    (b"/isapi/event/", false, Some(Order::Configure)),
    (b"/isapi/smart/", false, Some(Order::Configure)),
];

/// Path, how pairs of the query begin, and what it orders; the first that fits counts.
type Cgi = (&'static [u8], &'static [&'static [u8]], Order);
const CGI: &[Cgi] = &[
    (b"/cgi-bin/configmanager.cgi", &[b"action=setconfig"], Order::Configure),
    (b"/cgi-bin/configmanager.cgi", &[b"action=restore"], Order::Reset),
    (b"/cgi-bin/usermanager.cgi", &[b"action=adduser"], Order::Account),
    (b"/cgi-bin/usermanager.cgi", &[b"action=deleteuser"], Order::Account),
    (b"/cgi-bin/usermanager.cgi", &[b"action=modify"], Order::Account),
    (b"/cgi-bin/magicbox.cgi", &[b"action=resetsystem"], Order::Reset),
    (b"/cgi-bin/upgrader.cgi", &[], Order::Firmware),
    (b"/cgi-bin/ptz.cgi", &[b"action=start"], Order::Move),
    (b"/cgi-bin/accesscontrol.cgi", &[b"action=opendoor"], Order::Door),
    (b"/cgi-bin/accesscontrol.cgi", &[b"action=closedoor"], Order::Door),
    (b"/axis-cgi/param.cgi", &[b"action=update"], Order::Configure),
    (b"/axis-cgi/param.cgi", &[b"action=add"], Order::Configure),
    (b"/axis-cgi/param.cgi", &[b"action=remove"], Order::Configure),
    (b"/axis-cgi/pwdgrp.cgi", &[b"action=add"], Order::Account),
    (b"/axis-cgi/pwdgrp.cgi", &[b"action=update"], Order::Account),
    (b"/axis-cgi/pwdgrp.cgi", &[b"action=remove"], Order::Account),
    (b"/axis-cgi/firmwareupgrade.cgi", &[], Order::Firmware),
    (b"/axis-cgi/factorydefault.cgi", &[], Order::Reset),
    (b"/axis-cgi/hardfactorydefault.cgi", &[], Order::Reset),
    (b"/axis-cgi/com/ptz.cgi", &[b"move="], Order::Move),
    (b"/axis-cgi/com/ptz.cgi", &[b"continuouspantiltmove="], Order::Move),
    (b"/axis-cgi/com/ptz.cgi", &[b"continuouszoommove="], Order::Move),
    (b"/axis-cgi/com/ptz.cgi", &[b"gotoserverpreset"], Order::Move),
    (b"/axis-cgi/com/ptz.cgi", &[b"pan="], Order::Move),
    (b"/axis-cgi/com/ptz.cgi", &[b"tilt="], Order::Move),
    (b"/axis-cgi/com/ptz.cgi", &[b"zoom="], Order::Move),
    (b"/axis-cgi/com/ptz.cgi", &[b"rpan="], Order::Move),
    (b"/axis-cgi/com/ptz.cgi", &[b"rtilt="], Order::Move),
    (b"/axis-cgi/com/ptz.cgi", &[b"rzoom="], Order::Move),
    (b"/axis-cgi/io/port.cgi", &[b"action="], Order::Door),
    (b"/stw-cgi/system.cgi", &[b"msubmenu=factoryreset", b"action=control"], Order::Reset),
    (b"/stw-cgi/system.cgi", &[b"msubmenu=firmwareupdate", b"action=control"], Order::Firmware),
    (b"/stw-cgi/security.cgi", &[b"msubmenu=users", b"action=add"], Order::Account),
    (b"/stw-cgi/security.cgi", &[b"msubmenu=users", b"action=update"], Order::Account),
    (b"/stw-cgi/security.cgi", &[b"msubmenu=users", b"action=remove"], Order::Account),
    (b"/stw-cgi/ptzcontrol.cgi", &[b"action=control"], Order::Move),
    (b"/stw-cgi/io.cgi", &[b"msubmenu=alarmoutput", b"action=control"], Order::Door),
    (b"/stw-cgi/network.cgi", &[b"action=set"], Order::Configure),
    (b"/stw-cgi/media.cgi", &[b"action=set"], Order::Configure),
    (b"/stw-cgi/security.cgi", &[b"action=set"], Order::Configure),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_each_maker_are_told_apart() {
        let cases: [(&str, &str, Option<Order>); 13] = [
            ("PUT", "/ISAPI/Security/users/2", Some(Order::Account)),
            ("GET", "/ISAPI/Security/users/2", None),
            ("PUT", "/ISAPI/System/time", None),
            ("PUT", "/ISAPI/System/Network/interfaces/1", Some(Order::Configure)),
            ("POST", "/ISAPI/ContentMgmt/search", None),
            ("PUT", "/ISAPI/PTZCtrl/channels/1/continuous", Some(Order::Move)),
            ("GET", "/cgi-bin/userManager.cgi?action=addUser&user.Name=a", Some(Order::Account)),
            ("GET", "/cgi-bin/configManager.cgi?action=getConfig&name=Ntp", None),
            ("GET", "/cgi-bin/accessControl.cgi?action=openDoor&channel=1", Some(Order::Door)),
            ("GET", "/axis-cgi/com/ptz.cgi?query=position", None),
            ("GET", "/axis-cgi/com/ptz.cgi?camera=1&rpan=5", Some(Order::Move)),
            ("POST", "/axis-cgi/factorydefault.cgi", Some(Order::Reset)),
            ("GET", "/stw-cgi/security.cgi?msubmenu=users&action=view", None),
        ];
        for (method, target, order) in cases {
            assert_eq!(of_request(method, target.as_bytes()), order, "{method} {target}");
        }
    }

    #[test]
    fn operations_are_told_apart_and_what_recorders_do_by_themselves_is_none() {
        let orders =
            ["SetUser", "ContinuousMove", "AccessDoor", "SetHostname", "GetUsers", "SetSystemDateAndTime"];
        let expected =
            [Some(Order::Account), Some(Order::Move), Some(Order::Door), Some(Order::Configure), None, None];
        assert_eq!(orders.map(of_operation), expected);
    }
}
