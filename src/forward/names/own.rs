//! Names for what the checks say, for numbers of the agent itself, and for its outlets.
//!
//! Each stands with the function that takes the value from its owner.

use super::Source::{Check, Fixed, Instance, Kind, Label};
use super::{Naming, Since, Tag, tag};
use crate::forward::series::Instrument;
use crate::model::batch::{Batch, OutletNumbers, Verdict};
use crate::model::time::Stamp;

/// A value of something that is no instance of a kind.
#[derive(Debug)]
pub struct Fact<T> {
    /// What it is called.
    pub naming: Naming,
    /// The value, if there is one.
    pub value: fn(&T) -> Option<f64>,
}

/// Labels of a verdict. `instance` is the fetcher's label, so the instance is the `object`.
const VERDICT: &[Tag] = &[tag("check", Check), tag("kind", Kind), tag("object", Instance)];
const OTEL_VERDICT: &[Tag] = &[
    tag("hostwatch.check.name", Check),
    tag("hostwatch.kind", Kind),
    tag("hostwatch.object", Instance),
];

/// What a check says of an instance. All have the same labels.
pub static VERDICTS: &[Fact<Verdict>] = &[
    Fact {
        naming: Naming::gauge(
            "Whether somebody has taken the problem on",
            "hostwatch_check_acknowledged",
            VERDICT,
        )
        .otel("hostwatch.check.acknowledged", ("1", 1.0), Instrument::Gauge, OTEL_VERDICT),
        value: |verdict| Some(flag(verdict.acked)),
    },
    Fact {
        naming: Naming::gauge(
            "When the instance was read last",
            "hostwatch_check_last_run_timestamp_seconds",
            VERDICT,
        )
        .otel("hostwatch.check.last_run", ("s", 1.0), Instrument::Gauge, OTEL_VERDICT),
        value: |verdict| verdict.read.map(seconds),
    },
    Fact {
        naming: Naming::gauge(
            "Whether a silence keeps mail about it back",
            "hostwatch_check_silenced",
            VERDICT,
        )
        .otel("hostwatch.check.silenced", ("1", 1.0), Instrument::Gauge, OTEL_VERDICT),
        value: |verdict| Some(flag(verdict.silenced)),
    },
    Fact {
        naming: Naming::gauge(
            "Since when the state holds",
            "hostwatch_check_since_timestamp_seconds",
            VERDICT,
        )
        .otel("hostwatch.check.since", ("s", 1.0), Instrument::Gauge, OTEL_VERDICT),
        value: |verdict| Some(seconds(verdict.since)),
    },
    Fact {
        naming: Naming::gauge(
            "State of a check's instance: 0 ok, 1 warning, 2 critical, 3 unknown",
            "hostwatch_check_state",
            VERDICT,
        )
        .otel("hostwatch.check.state", ("1", 1.0), Instrument::Gauge, OTEL_VERDICT),
        value: |verdict| Some(f64::from(verdict.state.exit_code())),
    },
    Fact {
        naming: Naming::counter(
            "Changes of state since the agent started",
            "hostwatch_check_state_changes_total",
            VERDICT,
        )
        .since(Since::Start)
        .otel(
            "hostwatch.check.state_changes",
            ("{change}", 1.0),
            Instrument::Counter,
            OTEL_VERDICT,
        ),
        value: |verdict| Some(count(verdict.changes)),
    },
];

const fn moment(help: &'static str, name: &'static str, otel: &'static str) -> Naming {
    Naming::gauge(help, name, &[]).otel(otel, ("s", 1.0), Instrument::Gauge, &[])
}

const fn sum(
    help: &'static str,
    name: &'static str,
    otel: &'static str,
    unit: &'static str,
) -> Naming {
    let naming = Naming::counter(help, name, &[]).since(Since::Start);
    naming.otel(otel, (unit, 1.0), Instrument::Counter, &[])
}

const fn number(
    help: &'static str,
    name: &'static str,
    otel: &'static str,
    unit: &'static str,
) -> Naming {
    Naming::gauge(help, name, &[]).otel(otel, (unit, 1.0), Instrument::Gauge, &[])
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The agent itself.
pub static AGENT: &[Fact<Batch>] = &[
    Fact {
        naming: Naming::gauge(
            "Always 1; its label tells the version of the agent",
            "hostwatch_build_info",
            &[tag("version", Fixed(VERSION))],
        )
        .otel(
            "hostwatch.build_info",
            ("1", 1.0),
            Instrument::Gauge,
            &[tag("hostwatch.version", Fixed(VERSION))],
        ),
        value: |_| Some(1.0),
    },
    Fact {
        naming: moment(
            "When all of this was so: how old it is shows whether the agent still works",
            "hostwatch_batch_timestamp_seconds",
            "hostwatch.batch.time",
        ),
        value: |batch| known(batch.at),
    },
    Fact {
        naming: moment("When the agent started", "hostwatch_start_time_seconds", "hostwatch.start"),
        value: |batch| known(batch.own.started),
    },
    Fact {
        naming: moment("When the system started", "node_boot_time_seconds", "hostwatch.boot"),
        value: |batch| known(batch.own.booted),
    },
    Fact {
        naming: moment(
            "When the running configuration was loaded",
            "hostwatch_config_load_timestamp_seconds",
            "hostwatch.config.load",
        ),
        value: |batch| known(batch.own.config_loaded),
    },
    Fact {
        naming: number(
            "Whether the last reload was refused, so that an older configuration runs",
            "hostwatch_config_refused",
            "hostwatch.config.refused",
            "1",
        ),
        value: |batch| Some(flag(batch.own.config_refused)),
    },
    Fact {
        naming: sum("Readings of sources", "hostwatch_runs_total", "hostwatch.runs", "{run}"),
        value: |batch| Some(count(batch.own.runs)),
    },
    Fact {
        naming: sum(
            "Readings that were skipped since the one before had not come back",
            "hostwatch_runs_skipped_total",
            "hostwatch.runs_skipped",
            "{run}",
        ),
        value: |batch| Some(count(batch.own.skipped)),
    },
    Fact {
        naming: number(
            "Sources that give no answer now",
            "hostwatch_sources_hung",
            "hostwatch.sources_hung",
            "{source}",
        ),
        value: |batch| Some(count(batch.own.hung)),
    },
    Fact {
        naming: sum(
            "Mails that a server accepted",
            "hostwatch_mails_sent_total",
            "hostwatch.mails_sent",
            "{mail}",
        ),
        value: |batch| Some(count(batch.own.mails_sent)),
    },
    Fact {
        naming: number(
            "Mails and events that wait",
            "hostwatch_mails_waiting",
            "hostwatch.mails_waiting",
            "{mail}",
        ),
        value: |batch| Some(count(batch.own.mails_waiting)),
    },
];

const OUTLET: &[Tag] = &[tag("outlet", Instance)];
const OTEL_OUTLET: &[Tag] = &[tag("hostwatch.outlet", Instance)];

/// An outlet.
pub static OUTLETS: &[Fact<OutletNumbers>] = &[
    Fact {
        naming: Naming::gauge(
            "When the outlet took something last",
            "hostwatch_forward_last_sent_timestamp_seconds",
            OUTLET,
        )
        .otel("hostwatch.forward.last_sent", ("s", 1.0), Instrument::Gauge, OTEL_OUTLET),
        value: |outlet| outlet.last_sent.map(seconds),
    },
    Fact {
        naming: Naming::gauge(
            "Bytes that wait for the outlet in the spool",
            "hostwatch_forward_queue_bytes",
            OUTLET,
        )
        .otel("hostwatch.forward.queue.size", ("By", 1.0), Instrument::Gauge, OTEL_OUTLET),
        value: |outlet| Some(count(outlet.waiting_bytes)),
    },
    Fact {
        naming: Naming::gauge(
            "Batches and changes that wait for the outlet",
            "hostwatch_forward_queue_parcels",
            OUTLET,
        )
        .otel(
            "hostwatch.forward.queue.parcels",
            ("{parcel}", 1.0),
            Instrument::Gauge,
            OTEL_OUTLET,
        ),
        value: |outlet| Some(count(outlet.waiting)),
    },
    Fact {
        naming: Naming::counter(
            "Batches and changes that the outlet took, since the forwarder started",
            "hostwatch_forward_sent_total",
            OUTLET,
        )
        .otel(
            "hostwatch.forward.sent",
            ("{parcel}", 1.0),
            Instrument::Counter,
            OTEL_OUTLET,
        ),
        value: |outlet| Some(count(outlet.sent)),
    },
    Fact {
        naming: Naming::gauge("Whether the last attempt worked", "hostwatch_forward_up", OUTLET)
            .otel("hostwatch.forward.up", ("1", 1.0), Instrument::Gauge, OTEL_OUTLET),
        value: |outlet| Some(flag(outlet.up)),
    },
];

/// What an outlet lost, by reason; its label `reason` is one of the subject.
pub static DROPPED: Fact<u64> = Fact {
    naming: Naming::counter(
        "Batches and changes that were lost on the way to the outlet, since the forwarder started",
        "hostwatch_forward_dropped_total",
        &[tag("outlet", Instance), tag("reason", Label("reason"))],
    )
    .otel(
        "hostwatch.forward.dropped",
        ("{parcel}", 1.0),
        Instrument::Counter,
        &[tag("hostwatch.outlet", Instance), tag("hostwatch.reason", Label("reason"))],
    ),
    value: |lost| Some(count(*lost)),
};

/// All of them, with the place where they stand.
pub fn all() -> impl Iterator<Item = (String, &'static Naming)> {
    let verdicts = VERDICTS.iter().map(|fact| ("verdict".to_owned(), &fact.naming));
    let agent = AGENT.iter().map(|fact| ("agent".to_owned(), &fact.naming));
    let outlets = OUTLETS.iter().map(|fact| ("outlet".to_owned(), &fact.naming));
    verdicts.chain(agent).chain(outlets).chain([("outlet".to_owned(), &DROPPED.naming)])
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}

/// Seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "2^53 ms is the year 287396")]
fn seconds(stamp: Stamp) -> f64 {
    stamp.0 as f64 / 1000.0
}

/// A stamp that was set.
fn known(stamp: Stamp) -> Option<f64> {
    (stamp.0 > 0).then(|| seconds(stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_said_of_a_verdict_has_the_same_labels() {
        for Fact { naming, .. } in VERDICTS {
            let names =
                |tags: &[Tag]| tags.iter().map(|tag| (tag.name, tag.from)).collect::<Vec<_>>();
            assert_eq!(names(naming.prometheus.unwrap().labels), names(VERDICT));
            assert_eq!(names(naming.otel.unwrap().attributes), names(OTEL_VERDICT));
        }
    }
}
