//! A made-up site: who is there, what it is, where it is plugged in. All of it follows from the options.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::fabric::{Access, HostId, Plug, Source, SwitchId, Trunk};
use crate::makers::{self, Product};
use crate::options::{Mix, Options, SECOND, Shape, Transport, View};
use crate::random::Random;
use crate::wire::Mac;

/// A site.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// What its devices are.
    pub mix: Mix,
    /// Who is there; the first is the gateway.
    pub hosts: Vec<Host>,
    /// Switches; the first is the core.
    pub switches: Vec<Switch>,
    /// Cables between switches.
    pub trunks: Vec<Trunk>,
    /// Who records whom: recorder, camera.
    pub recordings: Vec<Recording>,
}

/// A host as it was planned.
#[derive(Debug, Clone)]
pub struct Host {
    /// What the site calls it.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// What it looks like.
    pub product: &'static Product,
    /// Its serial number.
    pub serial: String,
    /// Its hardware address.
    pub mac: Mac,
    /// Its address, which a DHCP server gives it where `has_lease`.
    pub ip: Ipv4Addr,
    /// Its IPv6 address on the link, where it speaks IPv6.
    pub ip6: Option<Ipv6Addr>,
    /// Whether it asks DHCP for its address.
    pub has_lease: bool,
    /// Its VLAN.
    pub vlan: u16,
    /// Where it is plugged in.
    pub plug: Plug,
    /// Its media, where it is a camera.
    pub media: Option<Media>,
}

/// What a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Routes between VLANs and to the Internet; serves DHCP, DNS and time.
    Gateway,
    /// A switch's own address.
    Switch(SwitchId),
    /// Sends media.
    Camera,
    /// Pulls media and keeps it.
    Recorder,
    /// Asks all cameras how they are.
    Vms,
    /// Polls door controllers, registers intercoms, takes traps.
    AccessServer,
    /// Opens doors.
    Controller,
    /// Talks at doors.
    Intercom,
    /// Looks at cameras now and then.
    Viewer,
    /// Works in the office.
    Workstation,
    /// Prints.
    Printer,
    /// All of the Internet, behind the gateway.
    Internet,
}

/// What a camera sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// How.
    pub transport: Transport,
    /// Pictures a second.
    pub frame_rate: u32,
    /// Bits a second.
    pub bit_rate: u64,
    /// Pictures from one key picture to the next.
    pub group: u32,
    /// H.265 rather than H.264.
    pub is_h265: bool,
    /// When it sends at all.
    pub habit: Habit,
}

/// When a camera sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Always.
    Always,
    /// While something moves, for the recorder.
    OnMotion,
    /// While a viewer looks; nobody records it.
    OnDemand,
    /// In waking times of its own, for a recorder that takes what comes; it sleeps between, radio and all.
    Sleeping,
}

/// Who records whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// The recorder.
    pub recorder: HostId,
    /// The camera.
    pub camera: HostId,
}

/// A switch.
#[derive(Debug, Clone)]
pub struct Switch {
    /// What the site calls it.
    pub name: String,
    /// Its bridge's address.
    pub mac: Mac,
    /// Bridge priority.
    pub priority: u16,
    /// The host that is its own address.
    pub host: HostId,
    /// Its product.
    pub product: &'static Product,
    /// Whether it adds option 82 to what its devices ask of DHCP.
    pub adds_option_82: bool,
    /// Whether it feeds its devices over their cables.
    pub feeds: bool,
}

/// VLANs.
pub mod vlan {
    /// Cameras and their recorders.
    pub const CAMERAS: u16 = 10;
    /// Door controllers and intercoms.
    pub const ACCESS: u16 = 20;
    /// Servers.
    pub const SERVERS: u16 = 30;
    /// The office.
    pub const OFFICE: u16 = 40;
    /// Switches' own addresses.
    pub const MANAGEMENT: u16 = 99;
    /// Behind the gateway.
    pub const OUTSIDE: u16 = 4;
    /// All that have a gateway's address.
    pub const ALL: [u16; 5] = [CAMERAS, ACCESS, SERVERS, OFFICE, MANAGEMENT];
}

/// The gateway's address in a VLAN.
#[must_use]
pub const fn gateway_ip(vlan: u16) -> Ipv4Addr {
    Ipv4Addr::new(10, vlan as u8, 0, 1)
}

impl Site {
    /// Makes the site up.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Builder::new(options).build()
    }

    /// A host by name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<HostId> {
        self.hosts.iter().position(|host| host.name == name)
    }

    /// A switch by name.
    #[must_use]
    pub fn switch(&self, name: &str) -> Option<SwitchId> {
        self.switches.iter().position(|switch| switch.name == name)
    }

    /// All hosts of a role.
    pub fn all(&self, role: Role) -> impl Iterator<Item = HostId> {
        (0..self.hosts.len()).filter(move |id| self.hosts[*id].role == role)
    }

    /// The hosts that are plugged into a switch, its own address left out.
    pub fn behind(&self, switch: SwitchId) -> impl Iterator<Item = HostId> {
        (0..self.hosts.len())
            .filter(move |id| self.hosts[*id].plug.switch == switch && self.hosts[*id].plug.port != 0)
    }

    /// The cables of all hosts.
    #[must_use]
    pub fn access(&self) -> Vec<Access> {
        self.hosts.iter().map(|host| Access { plug: host.plug, is_up: true, loss_ppm: 0 }).collect()
    }

    /// What the mirror copies in a view.
    #[must_use]
    pub fn sources(&self, view: View) -> Vec<Source> {
        let source = |switch, ingress, egress| Source {
            switch,
            ports: None,
            ingress,
            egress,
            own: switch == 0,
            missing: Vec::new(),
        };
        match view {
            View::Core => vec![source(0, true, false)],
            View::CoreBothWays => vec![source(0, true, true)],
            View::Uplink => {
                let end = self.trunks.first().and_then(|trunk| trunk.end(1));
                vec![Source { ports: end.map(|plug| vec![plug.port]), ..source(1, true, true) }]
            }
            View::TwoSwitches => (0..self.switches.len()).map(|switch| source(switch, true, false)).collect(),
        }
    }
}

struct Builder<'o> {
    options: &'o Options,
    random: Random,
    site: Site,
    /// Ports in use, by switch.
    ports: Vec<u16>,
    /// Addresses given, by VLAN.
    given: [u32; 100],
    /// MACs given, by product's prefix.
    numbers: std::collections::BTreeMap<[u8; 3], u32>,
    access_next: usize,
}

impl<'o> Builder<'o> {
    fn new(options: &'o Options) -> Self {
        let site = Site {
            name: format!("site-{}", options.seed),
            mix: options.mix,
            hosts: Vec::new(),
            switches: Vec::new(),
            trunks: Vec::new(),
            recordings: Vec::new(),
        };
        Self {
            options,
            random: Random::of(options.seed, "site", 0),
            site,
            ports: Vec::new(),
            given: [10; 100],
            numbers: std::collections::BTreeMap::new(),
            access_next: 0,
        }
    }

    fn build(mut self) -> Site {
        let count = Count::of(self.options);
        self.switch("sw-core", 0x1000);
        let gateway = self.host("gateway", Role::Gateway, makers::GATEWAYS, vlan::MANAGEMENT, 0);
        self.site.hosts[gateway].ip = gateway_ip(vlan::MANAGEMENT);
        self.site.hosts[gateway].has_lease = false;
        let core = self.own_address(0);
        self.site.switches[0].host = core;
        self.access_switches(count.access_switches);
        self.servers(&count);
        for number in 1..=count.cameras {
            let id =
                self.at_access(&format!("cam-{number:03}"), Role::Camera, makers::CAMERAS, vlan::CAMERAS);
            let media = self.media(number as usize - 1);
            self.site.hosts[id].media = Some(media);
        }
        for number in 1..=count.controllers {
            self.at_access(&format!("door-{number:03}"), Role::Controller, makers::CONTROLLERS, vlan::ACCESS);
        }
        for number in 1..=count.intercoms {
            self.at_access(&format!("intercom-{number:02}"), Role::Intercom, makers::INTERCOMS, vlan::ACCESS);
        }
        for number in 1..=count.viewers {
            self.at_access(&format!("viewer-{number:02}"), Role::Viewer, makers::WORKSTATIONS, vlan::OFFICE);
        }
        for number in 1..=count.workstations {
            self.at_access(&format!("pc-{number:03}"), Role::Workstation, makers::WORKSTATIONS, vlan::OFFICE);
        }
        for number in 1..=count.printers {
            self.at_access(&format!("printer-{number:02}"), Role::Printer, makers::PRINTERS, vlan::OFFICE);
        }
        self.recordings();
        self.site
    }

    fn switch(&mut self, name: &str, priority: u16) -> SwitchId {
        let id = self.site.switches.len();
        let product = &makers::SWITCHES[usize::from(id == 0)];
        let mac = self.mac(product.oui, 256);
        let adds_option_82 = id != 0 && self.random.chance(500_000);
        self.site.switches.push(Switch {
            name: name.to_owned(),
            mac,
            priority,
            host: 0,
            product,
            adds_option_82,
            feeds: id != 0,
        });
        self.ports.push(0);
        id
    }

    fn own_address(&mut self, switch: SwitchId) -> HostId {
        let product = self.site.switches[switch].product;
        let name = self.site.switches[switch].name.clone();
        let id =
            self.host_of(&name, Role::Switch(switch), product, vlan::MANAGEMENT, Plug { switch, port: 0 });
        // A switch's own address answers from its bridge's MAC.
        self.site.hosts[id].mac = self.site.switches[switch].mac;
        self.site.hosts[id].ip6 = None;
        self.site.hosts[id].has_lease = false;
        id
    }

    fn access_switches(&mut self, count: usize) {
        let distribution = if count > 40 { count.div_ceil(40) } else { 0 };
        for number in 1..=distribution {
            let id = self.switch(&format!("sw-dist-{number:02}"), 0x8000);
            self.cable(0, id);
        }
        let first = self.site.switches.len();
        self.access_next = first;
        for number in 1..=count {
            let id = self.switch(&format!("sw-{number:02}"), 0x8000);
            let above = if distribution == 0 { 0 } else { 1 + (number - 1) % distribution };
            match self.options.shape {
                Shape::Ring if distribution == 0 && (number - 1) % RING != 0 => self.cable(id - 1, id),
                Shape::Redundant => {
                    self.cable(above, id);
                    self.cable(above, id);
                }
                Shape::Tree | Shape::Ring => self.cable(above, id),
            }
            let is_end_of_ring = number % RING == 0 || number == count;
            if self.options.shape == Shape::Ring
                && distribution == 0
                && is_end_of_ring
                && (number - 1) % RING != 0
            {
                self.cable(0, id);
            }
        }
        for id in 1..self.site.switches.len() {
            self.site.switches[id].host = self.own_address(id);
        }
    }

    fn cable(&mut self, above: SwitchId, below: SwitchId) {
        let ends = [above, below].map(|switch| Plug { switch, port: self.port(switch) });
        self.site.trunks.push(Trunk { ends, is_up: true, loss_ppm: 0 });
    }

    fn port(&mut self, switch: SwitchId) -> u16 {
        self.ports[switch] += 1;
        self.ports[switch]
    }

    fn servers(&mut self, count: &Count) {
        for number in 1..=count.recorders {
            self.server(&format!("recorder-{number:02}"), Role::Recorder, vlan::CAMERAS);
        }
        if count.has_vms {
            self.server("vms", Role::Vms, vlan::SERVERS);
        }
        if count.has_access_server {
            self.server("access-server", Role::AccessServer, vlan::SERVERS);
        }
        let internet = self.host("internet", Role::Internet, makers::SERVERS, vlan::OUTSIDE, 0);
        self.site.hosts[internet].ip = Ipv4Addr::new(198, 18, 0, 1);
        self.site.hosts[internet].has_lease = false;
        self.site.hosts[internet].ip6 = None;
    }

    fn server(&mut self, name: &str, role: Role, vlan: u16) {
        let id = self.host(name, role, makers::SERVERS, vlan, 0);
        self.site.hosts[id].has_lease = false;
    }

    fn at_access(&mut self, name: &str, role: Role, products: &'static [Product], vlan: u16) -> HostId {
        let access = self.site.switches.len() - self.access_next;
        let switch = if access == 0 { 0 } else { self.access_next + self.site.hosts.len() % access };
        self.host(name, role, products, vlan, switch)
    }

    fn host(
        &mut self,
        name: &str,
        role: Role,
        products: &'static [Product],
        vlan: u16,
        switch: SwitchId,
    ) -> HostId {
        let product = self.random.pick(products);
        let port = self.port(switch);
        self.host_of(name, role, product, vlan, Plug { switch, port })
    }

    fn host_of(
        &mut self,
        name: &str,
        role: Role,
        product: &'static Product,
        vlan: u16,
        plug: Plug,
    ) -> HostId {
        let mac = self.mac(product.oui, 1);
        let given = &mut self.given[usize::from(vlan)];
        *given += 1;
        let [_, _, high, low] = given.to_be_bytes();
        let speaks_ip6 = self.random.chance(400_000);
        let serial = self.serial();
        self.site.hosts.push(Host {
            name: name.to_owned(),
            role,
            product,
            serial,
            mac,
            ip: Ipv4Addr::new(10, vlan as u8, high, low),
            ip6: speaks_ip6.then(|| link_local(mac)),
            has_lease: self.random.chance(700_000),
            vlan,
            plug,
            media: None,
        });
        self.site.hosts.len() - 1
    }

    /// The next free MAC of a maker; a switch takes as many as it has ports.
    fn mac(&mut self, oui: [u8; 3], take: u32) -> Mac {
        let start = u32::from_be_bytes([0, self.options.seed as u8, 0x40, 0]);
        let number = self.numbers.entry(oui).or_insert(start);
        // Neighbouring numbers are rare in life; a step of 7 keeps them apart.
        *number += if take > 1 { (take - *number % take) + take } else { 7 };
        let [_, a, b, c] = number.to_be_bytes();
        Mac([oui[0], oui[1], oui[2], a, b, c])
    }

    fn serial(&mut self) -> String {
        (0..9).map(|_| char::from(*self.random.pick(b"0123456789ABCDEFGHJKLMNP"))).collect()
    }

    fn media(&mut self, number: usize) -> Media {
        let options = self.options;
        let drawn = match self.random.below(10) {
            0..5 => Transport::Interleaved,
            5..9 => Transport::Udp,
            _ => Transport::Multicast,
        };
        let rates: &[u32] = &[5, 8, 10, 12, 15, 25];
        let frame_rate = *self.random.pick(rates);
        let bit_rate = self.random.between(200_000, 900_000) as u64;
        let habit = match (options.mix, self.random.below(100)) {
            (Mix::Control, _) => Habit::OnDemand,
            (Mix::Video, _) => Habit::Always,
            (Mix::Site, 0..4) => Habit::OnMotion,
            (Mix::Site, 4..6) => Habit::OnDemand,
            (Mix::Site, 6..7) => Habit::Sleeping,
            (Mix::Site, _) => Habit::Always,
        };
        let habit = options.habits.get(number).copied().unwrap_or(habit);
        let transport = options.transport.unwrap_or(drawn);
        let frame_rate = options.frame_rate.unwrap_or(frame_rate).max(1);
        Media {
            // Who sleeps, or sends on a sign of its own, keeps no group filled.
            transport: if habit == Habit::Always { transport } else { Transport::Interleaved },
            frame_rate,
            bit_rate: options.bit_rate.unwrap_or(bit_rate),
            group: frame_rate * 2,
            is_h265: self.random.chance(300_000),
            habit,
        }
    }

    fn recordings(&mut self) {
        let recorders: Vec<HostId> = self.site.all(Role::Recorder).collect();
        if recorders.is_empty() {
            return;
        }
        let is_recorded = |host: &Host| host.media.is_some_and(|media| media.habit != Habit::OnDemand);
        let cameras: Vec<HostId> =
            (0..self.site.hosts.len()).filter(|id| is_recorded(&self.site.hosts[*id])).collect();
        let each = cameras.len().div_ceil(recorders.len()).max(1);
        for (index, camera) in cameras.into_iter().enumerate() {
            self.site.recordings.push(Recording { recorder: recorders[index / each], camera });
        }
    }
}

/// How many of each there are.
struct Count {
    access_switches: usize,
    cameras: u32,
    recorders: u32,
    has_vms: bool,
    has_access_server: bool,
    controllers: u32,
    intercoms: u32,
    viewers: u32,
    workstations: u32,
    printers: u32,
}

impl Count {
    fn of(options: &Options) -> Self {
        let all = options.devices.max(5);
        let per_cent = |share: u32| (u64::from(all) * u64::from(share) / 100) as u32;
        let (cameras, controllers, intercoms, office) = match options.mix {
            Mix::Video => (all.saturating_sub(2 + all / 50), 0, 0, 0),
            Mix::Site => {
                (per_cent(62).max(2), per_cent(8).max(u32::from(all > 6)), per_cent(4), per_cent(18))
            }
            Mix::Control => (per_cent(20), per_cent(35), per_cent(15), per_cent(28)),
        };
        let recorders = if options.mix == Mix::Control { 0 } else { cameras.div_ceil(50).max(1) };
        let has_vms = options.mix == Mix::Site && all >= 10;
        let has_access_server = controllers + intercoms > 0;
        let fixed = 1 + recorders + u32::from(has_vms) + u32::from(has_access_server);
        // Where there is no media, nobody looks.
        let looks = options.mix == Mix::Site;
        let viewers = if looks { (office / 6).clamp(u32::from(office > 1), 20) } else { 0 };
        let printers = office / 12;
        let workstations = office.saturating_sub(viewers + printers);
        let used = fixed + cameras + controllers + intercoms + viewers + printers + workstations;
        // What rounding left over, or took too much, is cameras; of a site without media, workstations.
        let rest = i64::from(all) - i64::from(used);
        let fill = |count: u32, is_it: bool| {
            if is_it { i64::from(count).saturating_add(rest).max(0) as u32 } else { count }
        };
        let cameras = fill(cameras, options.mix != Mix::Control);
        let workstations = fill(workstations, options.mix == Mix::Control);
        let at_access = cameras + controllers + intercoms + viewers + workstations + printers;
        Self {
            access_switches: at_access.div_ceil(PER_SWITCH) as usize,
            cameras,
            recorders,
            has_vms,
            has_access_server,
            controllers,
            intercoms,
            viewers,
            workstations,
            printers,
        }
    }
}

/// The link-local address made of a MAC (RFC 4291, appendix A).
fn link_local(mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0.map(u16::from);
    Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f)
}

impl Host {
    /// Its address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        IpAddr::V4(self.ip)
    }

    /// From power to the first frame, in nanoseconds: 25 to 45 s.
    #[must_use]
    pub const fn boot_time(&self) -> i64 {
        (25 + self.mac.0[5] as i64 % 21) * SECOND
    }

    /// How long a DHCP lease lasts here, in nanoseconds.
    pub const LEASE: i64 = 3_600 * SECOND;
}

/// Devices on one access switch: room is left for a few more.
const PER_SWITCH: u32 = 20;
/// Access switches in one ring.
const RING: usize = 6;
