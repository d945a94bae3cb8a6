//! The dialects: one file a receiver behind one trait, and what several of them share (`web`: requests
//! over HTTP and what their answers mean; `plugin`: check results; `tally`: loads of many requests;
//! `readback`: whether a sample arrived). Must not know: what waits, and when something is tried again.

use crate::forward::Site;
use crate::forward::outlet::Outlet;
use crate::forward::target::{OutletPlan, Target};

pub mod exposition;
pub mod otlp;
pub mod protobuf;
pub mod readback;
pub mod remote_write;
pub mod scrape;
pub mod textfile;
pub mod web;

mod alert;
mod alertmanager;
mod graphite;
mod icinga2;
mod influx;
mod nrdp;
mod plugin;
mod tally;
mod trapper;
mod zabbix;

/// An outlet as it is run. Connects to nothing yet.
///
/// # Errors
/// What it needs here cannot be had: a listening socket, for one. In words for a person.
pub fn open(plan: &OutletPlan, site: &Site) -> Result<Box<dyn Outlet>, String> {
    Ok(match &plan.target {
        Target::RemoteWrite(web) => Box::new(remote_write::RemoteWrite::new(web, site)),
        Target::Otlp(web) => Box::new(otlp::Otlp::new(web, site)),
        Target::Alertmanager(cluster) => Box::new(alertmanager::Alertmanager::new(cluster, site)),
        Target::Zabbix { server, host } => Box::new(zabbix::Zabbix::new(server, host, site)),
        Target::Nrdp { web, host } => Box::new(nrdp::Nrdp::new(web, host, site)),
        Target::Icinga2 { web, host } => Box::new(icinga2::Icinga2::new(web, host, site)),
        Target::Graphite { server, prefix } => {
            Box::new(graphite::Graphite::new(server, prefix, site))
        }
        Target::Influx { web, database, organisation } => {
            Box::new(influx::Influx::new(web, database, organisation.as_deref(), site))
        }
        Target::Prometheus { listen } => Box::new(scrape::Scrape::open(listen)?),
        Target::Textfile { path } => Box::new(textfile::Textfile::open(path)?),
    })
}
