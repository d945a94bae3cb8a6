//! The protocol of Zabbix' trapper: frames, values of items, and the lists for low-level discovery.
//!
//! Must not know: sockets, and what is done about an answer.

use serde::{Deserialize, Serialize};

use crate::forward::dialect::plugin;
use crate::model::batch::{Batch, Change};
use crate::model::limit::ZABBIX_REPLY_BYTES;
use crate::model::text::shown;
use crate::model::time::Stamp;

/// The item that says that the agent is alive; "gone" is a `nodata()` trigger on it.
pub(super) const HEARTBEAT: &str = "hostwatch.heartbeat";
/// Begin of a frame: the mark, and the flag of the protocol without compression.
const BEGIN: &[u8] = b"ZBXD\x01";
/// Begin, length of the data, and four bytes that are not used.
const HEADER_BYTES: usize = 13;

/// A value of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) key: String,
    pub(super) text: String,
    pub(super) at: Stamp,
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    request: &'static str,
    data: Vec<Item<'a>>,
}

#[derive(Debug, Serialize)]
struct Item<'a> {
    host: &'a str,
    key: &'a str,
    value: &'a str,
    clock: i64,
    ns: i64,
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It worked on the values, and could not take so many.
    Counted {
        /// Host or item is not known, or the item takes no values of this kind.
        failed: usize,
    },
    /// It worked on nothing.
    Refused(String),
}

#[derive(Debug, Deserialize)]
struct Answered {
    #[serde(default)]
    response: String,
    #[serde(default)]
    info: String,
}

/// Everything a batch says. All values have the time of the batch.
pub(super) fn of_batch(batch: &Batch) -> Vec<Value> {
    let at = batch.at;
    let mut values = vec![heartbeat(at, "1")];
    for verdict in &batch.verdicts {
        let id = verdict.id.to_string();
        values.push(state(&id, verdict.state.exit_code(), at));
        for figure in verdict.figures.iter().filter(|figure| figure.value.is_finite()) {
            let key = format!("hostwatch.metric[{},{}]", parameter(&id), parameter(&figure.name));
            values.push(Value { key, text: figure.value.to_string(), at });
        }
    }
    values
}

/// A change: the state and what was read, at its original time.
pub(super) fn of_change(change: &Change) -> Vec<Value> {
    let id = change.verdict.id.to_string();
    let key = format!("hostwatch.check.output[{}]", parameter(&id));
    let output = Value { key, text: plugin::text(&change.verdict), at: change.at };
    vec![state(&id, change.verdict.state.exit_code(), change.at), output]
}

/// The heartbeat.
pub(super) fn heartbeat(at: Stamp, text: &str) -> Value {
    Value { key: HEARTBEAT.to_owned(), text: text.to_owned(), at }
}

/// What there is to be watched, for the discovery rules of the template: the checks, and their
/// figures.
pub(super) fn discovery(batch: &Batch) -> Vec<Value> {
    let check = |verdict: &crate::model::batch::Verdict| {
        serde_json::json!({
            "{#ID}": shown(&verdict.id.to_string()),
            "{#CHECK}": shown(&verdict.id.check),
            "{#KIND}": verdict.kind,
            "{#OBJECT}": shown(&verdict.id.instance),
            "{#TITLE}": shown(&verdict.title),
        })
    };
    let checks: Vec<_> = batch.verdicts.iter().map(check).collect();
    let metrics: Vec<_> = batch
        .verdicts
        .iter()
        .flat_map(|verdict| verdict.figures.iter().map(move |figure| (verdict, figure)))
        .map(|(verdict, figure)| {
            let mut metric = check(verdict);
            if let Some(metric) = metric.as_object_mut() {
                let _ = metric.insert("{#METRIC}".to_owned(), shown(&figure.name).into());
            }
            metric
        })
        .collect();
    let list = |key: &str, list: Vec<serde_json::Value>| Value {
        key: key.to_owned(),
        text: serde_json::Value::Array(list).to_string(),
        at: batch.at,
    };
    vec![list("hostwatch.discovery", checks), list("hostwatch.discovery.metrics", metrics)]
}

fn state(id: &str, code: u8, at: Stamp) -> Value {
    let key = format!("hostwatch.check.state[{}]", parameter(id));
    Value { key, text: code.to_string(), at }
}

/// A parameter of an item's key, in quotes where Zabbix itself would put them when it makes an item
/// from a prototype: keys are compared letter by letter. A backslash before the closing quote has no
/// form.
fn parameter(text: &str) -> String {
    let text = shown(text);
    if !text.starts_with(['"', ' ', '[']) && !text.contains([',', ']']) {
        return text.into_owned();
    }
    let open = text.trim_end_matches('\\');
    let end = "/".repeat(text.len() - open.len());
    format!("\"{}{end}\"", open.replace('"', "\\\""))
}

/// The request with all values.
pub(super) fn request(host: &str, values: &[Value]) -> Vec<u8> {
    let data = values.iter().map(|value| item(host, value)).collect();
    serde_json::to_vec(&Request { request: "sender data", data }).unwrap_or_default()
}

fn item<'a>(host: &'a str, value: &'a Value) -> Item<'a> {
    let Value { key, text, at } = value;
    let (clock, ns) = (at.0.div_euclid(1000), at.0.rem_euclid(1000) * 1_000_000);
    Item { host, key, value: text, clock, ns }
}

/// Data in its frame.
pub(super) fn frame(data: &[u8]) -> Vec<u8> {
    let mut frame = BEGIN.to_vec();
    frame.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend([0; 4]);
    frame.extend(data);
    frame
}

/// Whether a frame is there to its end, or is none.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let is_other = !bytes.starts_with(BEGIN.get(..bytes.len()).unwrap_or(BEGIN));
    is_other || length(bytes).is_some_and(|length| bytes.len() >= HEADER_BYTES + length)
}

fn length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.get(BEGIN.len()..BEGIN.len() + 4)?;
    // What is longer than may be read never ends, and is refused by its reader.
    let length = u32::from_le_bytes(length.try_into().ok()?);
    Some(usize::try_from(length).unwrap_or(ZABBIX_REPLY_BYTES).min(ZABBIX_REPLY_BYTES))
}

/// Reads an answer in its frame.
///
/// # Errors
/// It is none, in words.
pub(super) fn answer(bytes: &[u8]) -> Result<Answer, String> {
    let data = (bytes.starts_with(BEGIN) && is_whole(bytes)).then(|| bytes.get(HEADER_BYTES..));
    let answered: Option<Answered> =
        data.flatten().and_then(|data| serde_json::from_slice(data).ok());
    let answered = answered.ok_or("this is no answer of a Zabbix server: is the port right?")?;
    if answered.response != "success" {
        return Ok(Answer::Refused(format!("{}: {}", answered.response, answered.info)));
    }
    // `processed: 3; failed: 1; total: 4; seconds spent: 0.000134`
    let failed = answered.info.split(';').find_map(|part| part.trim().strip_prefix("failed:"));
    let failed = failed.and_then(|count| count.trim().parse().ok());
    Ok(Answer::Counted { failed: failed.ok_or("its answer does not say what it took")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::dialect::plugin::tests::{figure, verdict};
    use crate::model::state::State;

    fn batch(instance: &str) -> Batch {
        let mut verdict = verdict(instance, "/data", "96% full");
        verdict.figures = vec![
            figure("used_percent", 96.5, 90.0, None, false),
            figure("nothing", f64::INFINITY, 1.0, None, false),
        ];
        Batch { at: Stamp(1_795_400_000_123), verdicts: vec![verdict], ..Batch::default() }
    }

    /// The parameters of a key, read as the documentation of Zabbix has it.
    fn parameters(key: &str) -> Vec<String> {
        let inner = key.split_once('[').unwrap().1.strip_suffix(']').unwrap();
        let (mut all, mut rest) = (Vec::new(), inner.chars().peekable());
        loop {
            let mut one = String::new();
            if rest.peek() == Some(&'"') {
                rest.next();
                while let Some(c) = rest.next() {
                    match c {
                        '\\' if rest.peek() == Some(&'"') => one.extend(rest.next()),
                        '"' => break,
                        c => one.push(c),
                    }
                }
                assert!(matches!(rest.peek(), None | Some(',')), "{key}");
            } else {
                while let Some(c) = rest.next_if(|c| *c != ',') {
                    assert_ne!(c, ']', "{key}");
                    one.push(c);
                }
            }
            all.push(one);
            if rest.next().is_none() {
                return all;
            }
        }
    }

    #[test]
    fn a_batch_is_values_with_the_original_time() {
        let text = String::from_utf8(request("web1", &of_batch(&batch("/data")))).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"request":"sender data","data":["#,
                r#"{"host":"web1","key":"hostwatch.heartbeat","value":"1","#,
                r#""clock":1795400000,"ns":123000000},"#,
                r#"{"host":"web1","key":"hostwatch.check.state[filesystem:/data]","value":"2","#,
                r#""clock":1795400000,"ns":123000000},"#,
                r#"{"host":"web1","key":"hostwatch.metric[filesystem:/data,used_percent]","#,
                r#""value":"96.5","clock":1795400000,"ns":123000000}]}"#
            )
        );
    }

    #[test]
    fn a_change_is_a_state_and_a_text() {
        let verdict = verdict("/data", "/data", "96% full");
        let change = Change { number: 1, at: Stamp(-1), before: State::Ok, verdict, gone: false };
        let values = of_change(&change);
        let keys: Vec<&str> = values.iter().map(|value| value.key.as_str()).collect();
        let wanted =
            ["hostwatch.check.state[filesystem:/data]", "hostwatch.check.output[filesystem:/data]"];
        assert_eq!(keys, wanted);
        assert_eq!(values[1].text, "CRITICAL - /data 96% full (since 2026-11-23T02:12:00Z)");
        let text = String::from_utf8(request("web1", &values)).unwrap();
        assert!(text.contains(r#""clock":-1,"ns":999000000"#), "{text}");
    }

    #[test]
    fn odd_names_are_one_parameter() {
        for (name, read) in [
            ("/data", "/data"),
            ("/a,b", "/a,b"),
            ("/a]b", "/a]b"),
            ("/d\u{e4}ta \"q\" |.x", "/d\u{e4}ta \"q\" |.x"),
            ("/a,\"q\"", "/a,\"q\""),
            ("/a,b\\", "/a,b/"),
            ("/a\\\",b", "/a\\\",b"),
            ("/a\n,b", "/a\\n,b"),
        ] {
            let values = of_batch(&batch(name));
            let id = format!("filesystem:{read}");
            assert_eq!(parameters(&values[1].key), [id.as_str()], "{name}");
            assert_eq!(parameters(&values[2].key), [id.as_str(), "used_percent"], "{name}");
        }
        assert_eq!(parameter("[x"), "\"[x\"");
        assert_eq!(parameter(" x"), "\" x\"");
        assert_eq!(parameter("\"x"), "\"\\\"x\"");
    }

    #[test]
    fn lists_name_every_check_and_every_number() {
        let lists = discovery(&batch("/d\u{e4}ta"));
        let id = "filesystem:/d\u{e4}ta";
        let check = serde_json::json!({
            "{#ID}": id, "{#CHECK}": "filesystem", "{#KIND}": "filesystem",
            "{#OBJECT}": "/d\u{e4}ta", "{#TITLE}": "/data",
        });
        let list: serde_json::Value = serde_json::from_str(&lists[0].text).unwrap();
        assert_eq!(list, serde_json::json!([check]));
        let list: serde_json::Value = serde_json::from_str(&lists[1].text).unwrap();
        assert_eq!(list[0]["{#METRIC}"], "used_percent");
        assert_eq!(list[0]["{#ID}"], id);
    }

    #[test]
    fn an_answer_is_read_when_it_is_whole_and_refused_when_it_is_none() {
        let framed = |text: &str| frame(text.as_bytes());
        let good = framed(
            r#"{"response":"success","info":"processed: 3; failed: 1; total: 4; seconds spent: 0.1"}"#,
        );
        assert_eq!(&good[..13], b"ZBXD\x01\x55\0\0\0\0\0\0\0");
        assert_eq!(answer(&good), Ok(Answer::Counted { failed: 1 }));
        for end in 0..good.len() {
            assert!(!is_whole(&good[..end]), "{end}");
            assert!(answer(&good[..end]).is_err());
        }
        let refused = answer(&framed(r#"{"response":"failed","info":"not allowed"}"#));
        assert_eq!(refused, Ok(Answer::Refused("failed: not allowed".to_owned())));
        for odd in
            [framed("{"), framed(r#"{"response":"success"}"#), b"HTTP/1.1 400 x\r\n".to_vec()]
        {
            assert!(is_whole(&odd) && answer(&odd).is_err(), "{odd:?}");
        }
        assert!(!is_whole(b"ZBXD\x01\xff\xff\xff\xff\0\0\0\0{}"));
    }
}
