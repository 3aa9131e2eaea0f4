//! What a kind may look at while it plans: the site, and what the mirror shows of it by its place alone.
//!
//! The rules by which traffic proves something:
//!
//! ```text
//! start      it was heard before, and asks what one asks after a start; or its clock shows it to whom it talks to
//! gone       somebody asks for the device, and both its answers before and the questions after cross the mirror;
//!            a client has lost patience, rested, and asked three times (20 s for media, 35 s for a polled device)
//! trap       the switch's trap to the access server crosses the mirror
//! membership ERSPAN II and III name the port in every copy; option 82 names it when a device asks for a lease
//! ```

use std::cell::RefCell;

use crate::fabric::{Fabric, HostId, SwitchId, TrunkId};
use crate::mirror::{Tags, Tunnel, Way};
use crate::options::{Options, SECOND, Transport};
use crate::random::Random;
use crate::site::{Habit, Host, Role, Site};
use crate::world::GATEWAY;

/// Whom an incident happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A host.
    Host(HostId),
    /// A switch.
    Switch(SwitchId),
    /// A VLAN.
    Vlan(u16),
    /// The mirror, or who listens to it.
    Mirror,
}

/// What a kind may look at.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The site.
    pub site: &'a Site,
    /// The order.
    pub options: &'a Options,
    /// What this incident draws from.
    pub random: Random,
    fabric: RefCell<Fabric>,
    access_server: Option<HostId>,
    /// By camera: who records it.
    recorders: Vec<Option<HostId>>,
}

impl<'a> Scene<'a> {
    /// The scene before any incident.
    #[must_use]
    pub fn new(site: &'a Site, options: &'a Options) -> Self {
        let fabric = Fabric::new(
            site.switches.len(),
            site.trunks.clone(),
            site.access(),
            site.sources(options.view),
            Random::of(options.seed, "scene", 0),
        );
        let access_server = site.all(Role::AccessServer).next();
        let mut recorders = vec![None; site.hosts.len()];
        for recording in &site.recordings {
            recorders[recording.camera] = Some(recording.recorder);
        }
        Self {
            site,
            options,
            random: Random::of(options.seed, "incident", 0),
            fabric: RefCell::new(fabric),
            access_server,
            recorders,
        }
    }

    /// When the capture ends.
    #[must_use]
    pub fn ends(&self) -> i64 {
        self.options.start + self.options.length
    }

    /// A host.
    #[must_use]
    pub fn host(&self, id: HostId) -> &'a Host {
        &self.site.hosts[id]
    }

    /// Everything that has a name.
    #[must_use]
    pub fn subjects(&self) -> Vec<Subject> {
        let hosts = (0..self.site.hosts.len())
            .filter(|id| !matches!(self.host(*id).role, Role::Switch(_) | Role::Internet))
            .map(Subject::Host);
        let vlans = crate::site::vlan::ALL.into_iter().map(Subject::Vlan);
        hosts
            .chain((0..self.site.switches.len()).map(Subject::Switch))
            .chain(vlans)
            .chain([Subject::Mirror])
            .collect()
    }

    /// Whether the mirror shows what one host sends to another.
    #[must_use]
    pub fn shows(&self, from: HostId, to: HostId) -> bool {
        !self.fabric.borrow_mut().send(from, to).copies.is_empty()
    }

    /// Whether it shows what a host sends to everybody.
    #[must_use]
    pub fn hears(&self, from: HostId) -> bool {
        !self.fabric.borrow_mut().flood(from).copies.is_empty()
    }

    /// Whether it shows what a switch itself sends on any of its cables: LLDP, BPDUs.
    #[must_use]
    pub fn hears_switch(&self, switch: SwitchId) -> bool {
        let plugs: Vec<_> = self.site.trunks.iter().filter_map(|trunk| trunk.end(switch)).collect();
        plugs.into_iter().any(|plug| !self.fabric.borrow_mut().send_on_port(plug).copies.is_empty())
    }

    /// Whether it shows a switch's traps.
    #[must_use]
    pub fn traps(&self, switch: SwitchId) -> bool {
        self.access_server.is_some_and(|server| self.shows(self.site.switches[switch].host, server))
    }

    /// Whether it still shows what one host sends to another when the network is changed.
    pub(super) fn shows_despite(&self, ends: (HostId, HostId), change: impl FnOnce(&mut Fabric)) -> bool {
        let mut fabric = self.fabric.borrow().clone();
        change(&mut fabric);
        !fabric.send(ends.0, ends.1).copies.is_empty()
    }

    /// The same of what may be routed: the mirror may show it on either side of the gateway.
    pub(super) fn shows_routed(&self, ends: (HostId, HostId), change: impl Fn(&mut Fabric)) -> bool {
        let (from, to) = ends;
        if self.host(from).vlan == self.host(to).vlan {
            return self.shows_despite(ends, change);
        }
        self.shows_despite((from, GATEWAY), &change) || self.shows_despite((GATEWAY, to), &change)
    }

    /// Who is asked again and again, and by whom.
    #[must_use]
    pub fn asked(&self) -> Vec<(HostId, HostId)> {
        let hosts = (0..self.site.hosts.len()).filter(|host| self.host(*host).role != Role::Recorder);
        hosts.flat_map(|host| self.askers(host).into_iter().map(move |asker| (host, asker))).collect()
    }

    /// Who asks for a host again and again, and so notices that it is gone.
    #[must_use]
    pub fn askers(&self, host: HostId) -> Vec<HostId> {
        let role = self.host(host).role;
        let pulls = |camera: HostId| self.is_steady(camera);
        match role {
            Role::Camera if pulls(host) => self.recorder_of(host).into_iter().collect(),
            Role::Controller => self.access_server.into_iter().collect(),
            // Its cameras send again what it does not acknowledge, and then look for it; who sends to a group does
            // not notice.
            Role::Recorder => {
                let notices = |camera: &HostId| pulls(*camera) && !self.sends_to_group(*camera);
                self.recorded_by(host).into_iter().filter(notices).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a camera always sends.
    #[must_use]
    pub fn is_steady(&self, host: HostId) -> bool {
        self.host(host).media.is_some_and(|media| media.habit == Habit::Always)
            && self.recorder_of(host).is_some()
    }

    fn sends_to_group(&self, host: HostId) -> bool {
        self.host(host).media.is_some_and(|media| media.transport == Transport::Multicast)
    }

    /// Who records a camera.
    #[must_use]
    pub fn recorder_of(&self, camera: HostId) -> Option<HostId> {
        self.recorders[camera]
    }

    /// Whom a recorder records.
    #[must_use]
    pub fn recorded_by(&self, recorder: HostId) -> Vec<HostId> {
        self.site.recordings.iter().filter(|it| it.recorder == recorder).map(|it| it.camera).collect()
    }

    /// Whether the traffic proves that a host is gone from `at` until `back`.
    #[must_use]
    pub fn proves_gone(&self, host: HostId, at: i64, back: i64) -> bool {
        back.min(self.ends()) - at >= self.refused_after(host)
            && self.askers(host).iter().any(|asker| self.shows(host, *asker) && self.hears(*asker))
    }

    fn refused_after(&self, host: HostId) -> i64 {
        if self.host(host).role == Role::Controller { REFUSED_POLLS } else { REFUSED_MEDIA }
    }

    /// Whether the traffic shows that a host starts anew. Who was never heard before starts for all we know for the first
    /// time. And who neither asks for a lease nor speaks IPv6 nor counts his starts merely tells his address, as he also may when his link comes
    /// up: then only his clock, in talk with somebody, shows that he began anew.
    #[must_use]
    pub fn proves_start(&self, host: HostId) -> bool {
        let plan = self.host(host);
        // A camera's hello counts its starts.
        let counts = plan.role == Role::Camera && !self.options.is_settled;
        let asks = plan.has_lease || plan.ip6.is_some() || counts;
        self.hears(host) && self.was_heard(host) && (asks || self.talks(host))
    }

    /// Whether the mirror has shown a host before anything happens to it: when it started, or because it talks all the time.
    #[must_use]
    pub fn was_heard(&self, host: HostId) -> bool {
        (!self.options.is_settled && self.hears(host)) || self.talks(host)
    }

    /// Whether the mirror shows what a host says all the time.
    fn talks(&self, host: HostId) -> bool {
        let registrar = self.access_server.filter(|_| self.host(host).role == Role::Intercom);
        self.askers(host).into_iter().chain(registrar).any(|other| self.shows(host, other))
    }

    /// Whether every copy says past which port it came.
    #[must_use]
    pub fn names_ports(&self) -> bool {
        matches!(self.options.form.tunnel, Some(Tunnel::Erspan2 | Tunnel::Erspan3))
    }

    /// Whether a copy of what a host sends to everybody bears its VLAN tag.
    #[must_use]
    pub fn shows_tags(&self, host: HostId) -> bool {
        let is_tagged = |way: Way| match self.options.form.tags {
            Tags::None => false,
            Tags::Both | Tags::Double { .. } => true,
            Tags::IngressOnly => way == Way::Ingress,
            Tags::EgressOnly => way == Way::Egress,
        };
        self.fabric.borrow_mut().flood(host).copies.iter().any(|(_, way, _)| is_tagged(*way))
    }

    /// Whether a host's switch and port are told when it asks for its lease.
    #[must_use]
    pub fn names_switch(&self, host: HostId) -> bool {
        let plan = self.host(host);
        plan.has_lease && self.site.switches[plan.plug.switch].adds_option_82 && self.hears(host)
    }

    /// Whether enough of these hosts are known to hang on one switch before anything happens to it.
    #[must_use]
    pub fn knows_group(&self, hosts: &[HostId]) -> bool {
        self.names_ports() || (!self.options.is_settled && self.names_group(hosts))
    }

    /// Whether enough of these hosts name their switch when they start.
    #[must_use]
    pub fn names_group(&self, hosts: &[HostId]) -> bool {
        hosts.iter().filter(|host| self.names_switch(**host)).count() >= GROUP
    }

    /// The trunk towards the core.
    #[must_use]
    pub fn uplink(&self, switch: SwitchId) -> Option<TrunkId> {
        self.fabric.borrow().uplink(switch)
    }

    /// Who no longer reaches the core when the network is changed and has found its new ways.
    pub(super) fn cut_off(&self, change: impl FnOnce(&mut Fabric)) -> Vec<HostId> {
        let mut fabric = self.fabric.borrow().clone();
        change(&mut fabric);
        fabric.converge();
        let core = self.site.switches[0].host;
        (0..self.site.hosts.len())
            .filter(|id| *id != core && self.host(*id).role != Role::Internet && !fabric.reaches(*id, core))
            .collect()
    }

    /// The switches that a switch's way to the core leads over when the network is changed.
    pub(super) fn way_over(&self, switch: SwitchId, change: impl FnOnce(&mut Fabric)) -> Vec<SwitchId> {
        let mut fabric = self.fabric.borrow().clone();
        change(&mut fabric);
        fabric.converge();
        let way = fabric.way(switch, 0).unwrap_or_default();
        let mut switches: Vec<SwitchId> =
            way.iter().flat_map(|id| fabric.trunks[*id].ends.map(|plug| plug.switch)).collect();
        switches.retain(|other| *other != switch && *other != 0);
        switches.sort_unstable();
        switches.dedup();
        switches
    }

    /// Whose way to the core leads over a switch.
    #[must_use]
    pub fn over(&self, switch: SwitchId) -> Vec<HostId> {
        let fabric = self.fabric.borrow();
        let leads_over = |trunk: &TrunkId| fabric.trunks[*trunk].end(switch).is_some();
        let way = |id: HostId| fabric.way(self.host(id).plug.switch, 0);
        (0..self.site.hosts.len())
            .filter(|id| {
                self.host(*id).role != Role::Internet
                    && way(*id).is_some_and(|way| way.iter().any(leads_over))
            })
            .collect()
    }

    /// Whether a host draws its power from its switch.
    #[must_use]
    pub fn is_fed(&self, host: HostId) -> bool {
        let plan = self.host(host);
        self.site.switches[plan.plug.switch].feeds
            && matches!(plan.role, Role::Camera | Role::Controller | Role::Intercom)
    }

    /// The name of a subject.
    #[must_use]
    pub fn name(&self, subject: Subject) -> String {
        match subject {
            Subject::Host(id) => self.host(id).name.clone(),
            Subject::Switch(id) => self.site.switches[id].name.clone(),
            Subject::Vlan(id) => format!("vlan-{id}"),
            Subject::Mirror => "mirror".to_owned(),
        }
    }

    /// A moment in seconds after `at`.
    pub(super) fn later(&mut self, at: i64, seconds: (i64, i64)) -> i64 {
        at + self.random.between(seconds.0 * SECOND, seconds.1 * SECOND)
    }
}

/// A client of media loses patience within 10 s, rests up to 7 s, and asks three times, a second apart.
const REFUSED_MEDIA: i64 = 20 * SECOND;
/// A host of controllers loses patience within 25 s, rests 5 s, and asks three times.
const REFUSED_POLLS: i64 = 35 * SECOND;
/// So many devices that fail in one moment are a group.
pub(super) const GROUP: usize = 3;
