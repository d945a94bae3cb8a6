//! Controllers on the PCI bus, and those among them that nobody can ask: said once, no alarm.

use super::report::{Report, found};
use super::{Technology, VENDORS};
use crate::host::Host;
use crate::host::command;
use crate::host::dir;
use crate::host::file::read_line;
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::probe::{Found, Probe};

/// PCI base class of mass storage.
const STORAGE: u32 = 0x01;
/// PCI class of RAID controllers. The vendors' tools also know their host adapters (0x0107), which
/// need none.
const RAID_CLASS: u32 = 0x0104;

/// A controller on the PCI bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    /// `0000:01:00.0`.
    pub address: String,
    /// Base class and class: `0x0104` is a RAID controller.
    pub class: u32,
    /// Vendor's number.
    pub vendor: u32,
    /// Device's number.
    pub device: u32,
    /// Number of the vendor of the board.
    pub board_vendor: u32,
    /// The kernel's driver, if one is bound.
    pub driver: String,
}

/// Controllers of mass storage on the PCI bus.
pub(super) fn devices(host: &Host) -> Vec<Device> {
    const DEVICES: &str = "sys/bus/pci/devices";
    let number = |address: &str, name: &str| {
        let text = read_line(host, &format!("{DEVICES}/{address}/{name}")).ok()?;
        u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
    };
    let device = |address: String| {
        let class = number(&address, "class")? >> 8;
        if class >> 8 != STORAGE {
            return None;
        }
        Some(Device {
            class,
            vendor: number(&address, "vendor")?,
            device: number(&address, "device").unwrap_or_default(),
            board_vendor: number(&address, "subsystem_vendor").unwrap_or_default(),
            driver: dir::link_name(host, &format!("{DEVICES}/{address}/driver"))
                .unwrap_or_default(),
            address,
        })
    };
    dir::names(host, DEVICES).unwrap_or_default().into_iter().filter_map(device).collect()
}

/// The technology of controllers whose tool is not installed.
#[derive(Debug)]
pub(super) struct Unwatched;

/// A controller's instance, and the tools that would tell of it.
fn unwatched(host: &Host) -> Vec<(Device, String)> {
    let lacking = |device: Device| {
        let vendor = VENDORS.iter().find(|vendor| (vendor.is_ours)(&device))?;
        if vendor.tools.iter().any(|names| command::find(host, names).is_some()) {
            return None;
        }
        let tools: Vec<&str> =
            vendor.tools.iter().filter_map(|names| names.first().copied()).collect();
        Some((device, tools.join("`, `")))
    };
    let raid = |device: &Device| device.class == RAID_CLASS;
    devices(host).into_iter().filter(raid).filter_map(lacking).collect()
}

fn instance(device: &Device) -> String {
    format!("pci-{}", device.address)
}

impl Technology for Unwatched {
    fn name(&self) -> &'static str {
        "pci"
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let item = |(device, _): (Device, String)| {
            let title = format!("RAID controller {}", device.address);
            found(&instance(&device), title, "pci", "pci", "")
        };
        Ok(unwatched(host).into_iter().map(item).collect())
    }

    fn open(&self, _: &str) -> Box<dyn Probe> {
        Box::new(Reader)
    }
}

struct Reader;

impl Probe for Reader {
    fn read(&mut self, host: &Host, _: Moment) -> Result<Vec<Observation>, ProbeError> {
        let say = |(device, tools): (Device, String)| {
            let mut report = Report::new(&instance(&device));
            let fact = format!("not watched: none of the tools `{tools}` is installed");
            let detail = format!(
                "Install the vendor's tool, and the agent finds the controller's drives by itself \
                 (PCI {:04x}:{:04x}, driver {}).",
                device.vendor,
                device.device,
                if device.driver.is_empty() { "none" } else { &device.driver }
            );
            report.say(State::Ok, "no-tool", fact, vec![detail]);
            report.finish("RAID controller")
        };
        Ok(unwatched(host).into_iter().map(say).collect())
    }
}
