//! Real receivers of what the agent forwards: each is started in the foreground on free ports of
//! loopback with its data in a folder of its own, can be asked what it got, and ends with the test,
//! whatever becomes of that. Knows nothing of the outlets.

pub(crate) mod alertmanager;
pub(crate) mod authority;
pub(crate) mod carbon;
pub(crate) mod http;
pub(crate) mod icinga;
pub(crate) mod influx;
pub(crate) mod nagios;
pub(crate) mod node_exporter;
pub(crate) mod nrdp;
pub(crate) mod postgres;
pub(crate) mod prometheus;
pub(crate) mod running;
pub(crate) mod victoria;
pub(crate) mod zabbix;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

/// Label names with their values.
pub(crate) type Labels = BTreeMap<String, String>;

/// Longest wait for a receiver to start, or to show what it took: it takes a tenth on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Between two looks at a receiver.
const LOOK: Duration = Duration::from_millis(25);

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// What `look` finds, once it finds something.
pub(crate) fn await_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {SOON:?}");
        // Receivers announce nothing.
        std::thread::sleep(LOOK);
    }
}

/// Labels, written short.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The labels, or any other object of texts, in a JSON answer.
fn texts(value: &serde_json::Value) -> Labels {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(name, text)| (name.clone(), text.as_str().unwrap_or_default().to_owned())).collect()
}
