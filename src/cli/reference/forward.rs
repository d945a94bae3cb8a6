//! The manual page `hostwatch-forward(7)`: where metrics and changes can go, and what everything is
//! called there, from the table that names it.

use super::page::{Page, escape};
use crate::forward::names::own::{AGENT, DROPPED, OUTLETS as OUTLET_FACTS, VERDICTS};
use crate::forward::names::{FAMILIES, Naming, Row, Source, Tag};
use crate::forward::series::{Form, HARDWARE_STATES, HARDWARE_STATUS, Instrument, SCHEMA_URL};
use crate::probe::KINDS;

const DESCRIPTION: &str = "\
An outlet is a place where the agent forwards its metrics, or the changes of state of its checks: an
existing collector, never one of its own. All are off until one is configured below `forward` in
`hostwatch.yaml`(5). They run in a process of their own, so that a collector that is down or slow costs
the checks nothing.

A batch, taken every 30 seconds unless `every` says otherwise, is how everything looked at one moment: what
was read of each instance, what the checks say of it, numbers of the agent. A change is one change of
state. `hostwatch forward test NAME` sends one marked sample through an outlet and, where the receiver
can be asked, reads it back.";

/// The outlets by their keys, in the order in which a person chooses.
const KINDS_OF_OUTLETS: &[(&str, &str)] = &[
    (
        "prometheus",
        "Waits until Prometheus, or anything that reads its text format, fetches `/metrics` from a \
loopback address or a Unix socket (mode 0660). There is no login and no TLS: what comes from other \
machines goes through a web server that has both. Answers are compressed where that is asked for. Where \
the newest readings are older than three minutes, or three batches, the answer is 503 with a sentence: \
an agent that hangs must not look alive.",
    ),
    (
        "textfile",
        "Writes a file for node_exporter's textfile collector, beside its name and renamed, so that \
nobody reads half of it. Names that begin with `node_` are left out: node_exporter serves them itself. \
node_exporter never notices that the file is old, so it holds `hostwatch_batch_timestamp_seconds`, and \
it is removed when the agent is stopped in order. The agent's user must be able to write to the folder.",
    ),
    (
        "remote_write",
        "Prometheus remote write 1.0: Prometheus (started with `--web.enable-remote-write-receiver`), \
VictoriaMetrics, Mimir, Thanos, Cortex. Every batch, oldest first; a series that ends is marked as \
ended, so that graphs stop there. What the receiver refuses (out of order, too old) is split until the \
rest is taken, and counted.",
    ),
    (
        "otlp",
        "OpenTelemetry metrics over HTTP, as protobuf and compressed: the Collector and what speaks its \
protocol. The host is described by the resource (`host.name`, `service.name`). Every batch.",
    ),
    (
        "alertmanager",
        "What is not ok as alerts called `HostwatchCheck` with the labels `check`, `kind`, `object`, \
`severity`, `instance`, each member of a cluster by itself; restated with every batch, resolved when it \
is over or silenced. An alert ends by itself an hour after the agent's last word.",
    ),
    (
        "zabbix",
        "Values and states as trapper items of the host `host`: `hostwatch.check.state[ID]`, \
`hostwatch.check.output[ID]`, `hostwatch.metric[ID,NAME]`, `hostwatch.heartbeat`, and lists for \
low-level discovery. With TLS Zabbix wants a certificate of the sender, which is not supported: let a \
TLS proxy stand before it.",
    ),
    (
        "nrdp",
        "Passive check results for Nagios, through NRDP: one service an id of the host `host`, restated \
with every batch. NRDP does not say whether Nagios knows a service.",
    ),
    (
        "icinga2",
        "Passive check results, through the API of Icinga 2: one service an id of the host `host`; a \
change at once, the rest every five minutes, each with a time after which Icinga no longer believes it. \
The API user needs `actions/process-check-result`.",
    ),
    (
        "graphite",
        "Every batch by the plaintext protocol, under `PREFIX.HOST.NAME.LABELS`. Graphite never answers, \
so `forward test` can prove only that the bytes were read.",
    ),
    (
        "influx",
        "Every batch by the line protocol: version 1 (`database`), or with `org` version 2 (`database` \
is the bucket, `token` its token). One measurement a name, one field `value`.",
    ),
];

/// Further sections, between the outlets and the names: heading and text.
const GUIDE: &[(&str, &str)] = &[
    (
        "WHAT WAITS",
        "\
What is not taken waits in the directory `spool` of the state directory, up to `spool` (16 MiB) for all
outlets together. When it is full the oldest batches make room, and are counted; changes of state are
never dropped while a batch is left. Each outlet goes on where it was, after a restart too; after a
crash some things are sent twice, which receivers of metrics do not mind.

`prometheus`, `textfile`, `alertmanager`, `nrdp` and `icinga2` show the present: of batches they take
the newest alone; changes of state reach the last three one by one, in order. A new outlet begins with
the newest batch.",
    ),
    (
        "ANSWERS",
        "\
Taken (2xx): the next. Not now (429, 5xx, no answer): the same again, after 1 s to 60 s or when
`Retry-After` says. Never (400, 413, other 4xx): split where that may help, else counted and passed over.
Wrong on one of both sides (401, 403, 404, 405, 415, a redirect): nothing is lost and tried again every
five minutes, until somebody mends it. A receiver that fails over one batch (500) and takes later ones is
not waited for. Redirects are never followed: they would carry the password along.

An outlet that takes nothing for 15 minutes, or 5 where somebody must mend something, is a warning of
`agent:forward/NAME`, which is mailed like any other; `hostwatch status` and `hostwatch forward status`
show it at once. Checks, mail and other outlets go on meanwhile.",
    ),
    (
        "CLOCKS",
        "\
A sample from the future makes Prometheus refuse everything that is an hour older, from every host. So
the receiver's clock, told by its answers, is compared with this host's: further apart than five minutes,
no metrics are sent there until they agree; what was stamped in the receiver's future is dropped and
counted. Changes of state are sent all the same. Graphite and Zabbix tell no time, and Icinga 2 mostly
none: nothing is compared there.",
    ),
    (
        "SECRETS",
        "\
`password` and `token` are read when they are used, so one that is replaced needs no reload. Without TLS
they are sent to this host alone. TLS believes the system's authorities, those in `ca`, or the one
certificate whose SHA-256 is `fingerprint`.",
    ),
    (
        "FILES",
        "\
Configurations of Prometheus and Alertmanager, alert rules with their tests, a Grafana dashboard, a
template for Zabbix and a guide to sizing are in `docs/collectors` of the source.",
    ),
];

const NAMES: &str = "\
Prometheus: node_exporter's own name and labels where it names the very same quantity, else
`hostwatch_*`. Values are in base units: ratios from 0 to 1, seconds, bytes, bytes a second. Who fetches
adds the labels `job` and `instance`; who is pushed to gets them. The label `object` is the instance, as
in `hostwatch status`.

OpenTelemetry: the semantic conventions, else `hostwatch.*`. All of `system.*` and `hw.*` is still in
development there, so rules are better written on Prometheus' names.

Below each name stand its meaning, the value of the kind that it is made of, and the OpenTelemetry name
with its unit, instrument and attributes. An attribute or label that has no value is left out, and so
is a series whose value was not read. Of two things that would be the same series the first is shown.";

const FALLBACK: &str = "\
A value that stands in no list here is called `hostwatch_KIND_VALUE` with the label `object`, and
`hostwatch.KIND.VALUE` with the attribute `hostwatch.object`, in base units.";

/// The manual page as roff.
#[must_use]
pub fn man_forward() -> String {
    let mut page = Page::default();
    page.raw(&format!(
        ".TH HOSTWATCH\\-FORWARD 7 \"\" \"hostwatch {}\" \"Miscellaneous Information\"",
        env!("CARGO_PKG_VERSION")
    ));
    page.heading("NAME");
    page.raw("hostwatch\\-forward \\- metrics and changes for collectors, and their names");
    page.heading("DESCRIPTION");
    page.text(DESCRIPTION);
    page.heading("OUTLETS");
    for (word, text) in KINDS_OF_OUTLETS {
        page.item(word, &[text]);
    }
    for (heading, text) in GUIDE {
        page.heading(heading);
        page.text(text);
    }
    page.heading("NAMES");
    page.text(NAMES);
    page.text(&format!("Version of the conventions: `{SCHEMA_URL}`."));
    page.raw(".SS Checks");
    for fact in VERDICTS {
        named(&mut page, None, &fact.naming);
    }
    page.raw(".SS The agent");
    for fact in AGENT {
        named(&mut page, None, &fact.naming);
    }
    page.raw(".SS Outlets");
    for naming in OUTLET_FACTS.iter().map(|fact| &fact.naming).chain([&DROPPED.naming]) {
        named(&mut page, None, naming);
    }
    for kind in KINDS {
        let kind = kind.spec().name;
        let Some(family) = FAMILIES.iter().find(|family| family.kind == kind) else { continue };
        page.raw(&format!(".SS Kind {}", escape(kind)));
        for row in family.rows {
            named(&mut page, Some((kind, row)), &row.naming);
        }
    }
    page.raw(".SS Hardware");
    page.text(&hardware());
    page.raw(".SS Everything else");
    page.text(FALLBACK);
    page.heading("SEE ALSO");
    page.raw("\\fBhostwatch\\fR(8), \\fBhostwatch.yaml\\fR(5), \\fBhostwatch\\-kinds\\fR(7)");
    page.out
}

fn named(page: &mut Page, of: Option<(&str, &Row)>, naming: &Naming) {
    let (Some(prometheus), Some(otel)) = (naming.prometheus, naming.otel) else {
        if let Some((kind, row)) = of {
            let text = format!("Not sent: {}.", naming.help);
            page.item(&format!("({kind}.{})", row.value), &[&text]);
        }
        return;
    };
    let form = match prometheus.form {
        Form::Gauge => "",
        Form::Counter => " (counter)",
    };
    let meaning = format!("{}.", naming.help);
    let made_of = of.map(|(kind, row)| {
        #[expect(clippy::float_cmp, reason = "a constant of the table")]
        let divided =
            if prometheus.per == 1.0 { String::new() } else { format!(" / {}", prometheus.per) };
        let only = match row.needs {
            Some(label) => format!(", of instances with a label `{label}`"),
            None => String::new(),
        };
        format!("Value `{kind}.{}`{divided}{only}.", row.value)
    });
    let instrument = match otel.instrument {
        Instrument::Gauge => "gauge",
        Instrument::UpDownCounter => "up-down counter",
        Instrument::Counter => "counter",
    };
    let attributes = otel.attributes.iter().map(attribute).collect::<Vec<_>>().join(", ");
    let attributes = if attributes.is_empty() { attributes } else { format!("; {attributes}") };
    let theirs =
        format!("OpenTelemetry: `{}` in `{}`, {instrument}{attributes}.", otel.name, otel.unit);
    let mut texts = vec![meaning.as_str()];
    texts.extend(made_of.as_deref());
    texts.push(&theirs);
    let labels = prometheus.labels.iter().map(label).collect::<Vec<_>>().join(",");
    let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
    page.item(&format!("{}{labels}{form}", prometheus.name), &texts);
}

/// A label as in a query: only a fixed value is shown.
fn label(tag: &Tag) -> String {
    match tag.from {
        // The version of the program is not a part of the name.
        Source::Fixed(_) if tag.name == "version" => tag.name.to_owned(),
        Source::Fixed(text) => format!("{}=\"{text}\"", tag.name),
        _ => tag.name.to_owned(),
    }
}

fn attribute(tag: &Tag) -> String {
    match tag.from {
        Source::Fixed(_) if tag.name == "hostwatch.version" => format!("`{}`", tag.name),
        Source::Fixed(text) => format!("`{}` `{text}`", tag.name),
        _ => format!("`{}`", tag.name),
    }
}

fn hardware() -> String {
    let types: Vec<String> = FAMILIES
        .iter()
        .filter_map(|family| Some(format!("`{}` ({})", family.hardware?, family.kind)))
        .collect();
    let states: Vec<String> =
        HARDWARE_STATES.iter().map(|(state, word)| format!("`{word}` ({state})")).collect();
    format!(
        "OpenTelemetry alone: `{HARDWARE_STATUS}` in `1`, up-down counter; `hw.id`, `hw.name`, \
         `hw.type`, `hw.state`. For each piece of hardware one series a state, 1 for the one that \
         holds: {}; all are 0 where nothing can be said. Several checks of one thing: the worst. Types \
         and their kinds: {}.",
        states.join(", "),
        types.join(", ")
    )
}
