//! Verdicts as Prometheus alerts: their labels, when they begin and end, and which ones a receiver is
//! told of, given those that it knows.
//!
//! Must not know: how they are sent.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::forward::Site;
use crate::forward::dialect::plugin::utc_secs;
use crate::model::batch::{Batch, Change, Verdict};
use crate::model::id::Id;
use crate::model::limit::{ALERT_LIFE, PLUGIN_TEXT_CHARS};
use crate::model::state::State;
use crate::model::text::{shown, shown_within};
use crate::model::time::Stamp;

/// `alertname` of all of them: rules and routes go by the other labels.
pub(super) const NAME: &str = "HostwatchCheck";
/// `alertname` of the test.
pub(super) const MARK: &str = "HostwatchForwardTest";

/// The identity of an alert.
pub(super) type Labels = BTreeMap<String, String>;

/// Alerts that a receiver believes to be firing, and since when.
pub(super) type Known = BTreeMap<Labels, Stamp>;

/// An alert as API v2 takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    labels: Labels,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
    /// RFC 3339, as the end.
    starts_at: String,
    ends_at: String,
}

/// What a receiver is told with a batch, and what it knows then: everything that fires is said again,
/// and what it knows and is over ends now.
pub(super) fn of_batch(batch: &Batch, site: &Site, known: &Known) -> (Vec<Alert>, Known) {
    let mut next = Known::new();
    let mut alerts = Vec::new();
    for verdict in batch.verdicts.iter().filter(|verdict| fires(verdict)) {
        let labels = labels(verdict, verdict.state, site);
        alerts.push(firing(labels.clone(), verdict, batch.at));
        let _ = next.insert(labels, verdict.since);
    }
    let over = known.iter().filter(|(labels, _)| !next.contains_key(*labels));
    alerts.extend(over.map(|(labels, since)| over_now(labels.clone(), *since, batch.at)));
    (alerts, next)
}

/// The same for a change. The state before it ends also where this memory does not have it: the agent
/// may have been restarted in between.
pub(super) fn of_change(change: &Change, site: &Site, known: &Known) -> (Vec<Alert>, Known) {
    let verdict = &change.verdict;
    let (check, object) = names(&verdict.id);
    let mut next = known.clone();
    let is_same = |labels: &Labels| {
        labels.get("check") == Some(&check) && labels.get("object") == Some(&object)
    };
    let mut over: Known =
        known.iter().filter(|(labels, _)| is_same(labels)).map(|(l, s)| (l.clone(), *s)).collect();
    if change.before != State::Ok {
        let before = labels(verdict, change.before, site);
        let _ = over.entry(before).or_insert(change.at);
    }
    next.retain(|labels, _| !is_same(labels));
    let mut alerts = Vec::new();
    if fires(verdict) && !change.gone {
        let labels = labels(verdict, verdict.state, site);
        let _ = over.remove(&labels);
        alerts.push(firing(labels.clone(), verdict, change.at));
        let _ = next.insert(labels, verdict.since);
    }
    alerts.extend(over.into_iter().map(|(labels, since)| over_now(labels, since, change.at)));
    (alerts, next)
}

/// The alert of a test: it ends by itself after a moment, and carries a severity that pages nobody.
pub(super) fn mark(number: u32, at: Stamp, life_ms: i64, site: &Site) -> Alert {
    let labels = [
        ("alertname", MARK),
        ("instance", &site.fqdn),
        ("job", "hostwatch"),
        ("mark", &number.to_string()),
        ("severity", "none"),
    ];
    let summary = "A test of hostwatch: nothing is wrong, and nothing is to be done";
    Alert {
        labels: labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        annotations: BTreeMap::from([("summary", summary.to_owned())]),
        starts_at: rfc3339(at),
        ends_at: rfc3339(Stamp(at.0.saturating_add(life_ms))),
    }
}

/// A silence here is one there too: what nobody wants to hear of is over for others as well.
fn fires(verdict: &Verdict) -> bool {
    verdict.state != State::Ok && !verdict.silenced
}

/// Nothing in them changes while a state lasts. `unknown` is a severity of its own: a check without an
/// answer is no warning, and who wants it treated as one routes it so.
fn labels(verdict: &Verdict, state: State, site: &Site) -> Labels {
    let mut labels: Labels = site
        .labels
        .iter()
        .map(|(name, value)| (label_name(name), value.clone()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let (check, object) = names(&verdict.id);
    let own = [
        ("alertname", NAME.to_owned()),
        ("check", check),
        ("instance", site.fqdn.clone()),
        ("job", "hostwatch".to_owned()),
        ("kind", verdict.kind.to_string()),
        ("object", object),
        ("severity", state.word().to_owned()),
    ];
    labels.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
    labels
}

fn names(id: &Id) -> (String, String) {
    (shown(&id.check).into_owned(), shown(&id.instance).into_owned())
}

/// A name by the rule `[a-zA-Z_][a-zA-Z0-9_]*`: the server refuses all of a request over another.
fn label_name(name: &str) -> String {
    let mut valid: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if valid.is_empty() || valid.starts_with(|c: char| c.is_ascii_digit()) {
        valid.insert(0, '_');
    }
    valid
}

fn firing(labels: Labels, verdict: &Verdict, at: Stamp) -> Alert {
    let summary = format!("{} {}", verdict.title, verdict.summary);
    let annotations = BTreeMap::from([
        ("summary", shown_within(summary.trim(), PLUGIN_TEXT_CHARS).into_owned()),
        ("title", shown(&verdict.title).into_owned()),
        ("since", utc_secs(verdict.since)),
    ]);
    let life = i64::try_from(ALERT_LIFE.as_millis()).unwrap_or_default();
    Alert {
        labels,
        annotations,
        // After the clock was set back it would begin in the future.
        starts_at: rfc3339(verdict.since.min(at)),
        ends_at: rfc3339(Stamp(at.0.saturating_add(life))),
    }
}

fn over_now(labels: Labels, since: Stamp, at: Stamp) -> Alert {
    let annotations = BTreeMap::new();
    Alert { labels, annotations, starts_at: rfc3339(since.min(at)), ends_at: rfc3339(at) }
}

fn rfc3339(at: Stamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::dialect::plugin::tests::verdict;

    fn site() -> Site {
        let labels =
            [("rack", "7"), ("data centre", "W\u{fc}rzburg"), ("severity", "x"), ("1st", "")];
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Site { name: "web1".to_owned(), fqdn: "web1.example.net".to_owned(), labels }
    }

    fn batch(at: i64, verdicts: Vec<Verdict>) -> Batch {
        Batch { at: Stamp(at), verdicts, ..Batch::default() }
    }

    fn change(before: State, after: State, at: i64) -> Change {
        let mut verdict = verdict("/data", "/data", "96% full");
        (verdict.state, verdict.since) = (after, Stamp(at));
        Change { number: 1, at: Stamp(at), before, verdict, gone: false }
    }

    /// Severity and end of each alert.
    fn told(alerts: &[Alert]) -> Vec<(&str, &str)> {
        alerts
            .iter()
            .map(|alert| (alert.labels["severity"].as_str(), alert.ends_at.as_str()))
            .collect()
    }

    #[test]
    fn an_alert_has_the_identity_in_labels_and_the_rest_in_annotations() {
        let batch =
            batch(1_795_400_000_500, vec![verdict("/data", "/data", "96% full, 22 GiB left")]);
        let (alerts, known) = of_batch(&batch, &site(), &Known::new());
        assert_eq!(
            serde_json::to_string(&alerts).unwrap(),
            concat!(
                r#"[{"labels":{"alertname":"HostwatchCheck","check":"filesystem","#,
                "\"data_centre\":\"W\u{fc}rzburg\",",
                r#""instance":"web1.example.net","job":"hostwatch","kind":"filesystem","#,
                r#""object":"/data","rack":"7","severity":"critical"},"#,
                r#""annotations":{"since":"2026-11-23T02:12:00Z","#,
                r#""summary":"/data 96% full, 22 GiB left","title":"/data"},"#,
                r#""startsAt":"2026-11-23T02:12:00.123Z","endsAt":"2026-11-23T03:13:20.5Z"}]"#
            )
        );
        assert_eq!(known.len(), 1);
    }

    #[test]
    fn a_change_of_severity_ends_the_old_alert_in_the_same_request() {
        let critical = change(State::Warning, State::Critical, 1_795_400_000_000);
        let wanted = [
            ("critical", "2026-11-23T03:13:20Z"),
            // Also where nothing is remembered: the agent was restarted.
            ("warning", "2026-11-23T02:13:20Z"),
        ];
        let (alerts, known) = of_change(&critical, &site(), &Known::new());
        assert_eq!(told(&alerts), wanted);
        let (alerts, known) =
            of_change(&change(State::Critical, State::Warning, 1_795_400_030_000), &site(), &known);
        let wanted = [("warning", "2026-11-23T03:13:50Z"), ("critical", "2026-11-23T02:13:50Z")];
        assert_eq!(told(&alerts), wanted);
        let (alerts, known) =
            of_change(&change(State::Warning, State::Ok, 1_795_400_060_000), &site(), &known);
        assert_eq!(told(&alerts), [("warning", "2026-11-23T02:14:20Z")]);
        assert!(known.is_empty());
    }

    #[test]
    fn what_is_silenced_gone_or_over_ends_and_the_rest_is_said_again() {
        let (full, other) = (verdict("/data", "/data", "full"), verdict("/var", "/var", "full"));
        let (_, known) =
            of_batch(&batch(1000, vec![full.clone(), other.clone()]), &site(), &Known::new());
        assert_eq!(known.len(), 2);
        let silenced = Verdict { silenced: true, ..full.clone() };
        let over = Verdict { state: State::Ok, ..full };
        for rest in [vec![silenced, other.clone()], vec![over, other.clone()], vec![other.clone()]]
        {
            let (alerts, next) = of_batch(&batch(1_795_400_000_000, rest), &site(), &known);
            let objects: Vec<&str> = alerts.iter().map(|it| it.labels["object"].as_str()).collect();
            assert_eq!(objects, ["/var", "/data"]);
            assert_eq!(alerts[0].ends_at, "2026-11-23T03:13:20Z");
            assert_eq!(alerts[1].ends_at, "2026-11-23T02:13:20Z");
            assert_eq!(next.len(), 1);
        }
        let gone =
            Change { gone: true, ..change(State::Critical, State::Critical, 1_795_400_000_000) };
        let (alerts, next) = of_change(&gone, &site(), &known);
        assert_eq!(told(&alerts), [("critical", "2026-11-23T02:13:20Z")]);
        assert_eq!(
            next.keys().map(|labels| labels["object"].as_str()).collect::<Vec<_>>(),
            ["/var"]
        );
    }

    #[test]
    fn no_alert_ends_before_it_begins_and_odd_names_stay_apart() {
        // The clock was set back by a day after it began.
        let batch = batch(1_795_313_600_000, vec![verdict("/d\u{e4} \"q\"|\n.x", "t", "s\n")]);
        let (alerts, known) = of_batch(&batch, &site(), &Known::new());
        assert!(alerts[0].starts_at < alerts[0].ends_at);
        assert_eq!(alerts[0].labels["object"], "/d\u{e4} \"q\"|\\n.x");
        let again: serde_json::Value =
            serde_json::from_str(&serde_json::to_string(&alerts).unwrap()).unwrap();
        assert_eq!(again[0]["labels"]["object"], "/d\u{e4} \"q\"|\\n.x");
        let (ended, _) = of_batch(&Batch { verdicts: Vec::new(), ..batch }, &site(), &known);
        assert!(ended[0].starts_at <= ended[0].ends_at, "{ended:?}");
        assert_eq!(label_name("2nd floor-\u{fc}"), "_2nd_floor__");
    }
}
