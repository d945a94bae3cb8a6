//! How times and names are written in the JSON that scripts read. Knows formats, no meaning.

/// A point of wall-clock time as RFC 3339 in UTC: `2026-11-23T02:12:05.120Z`.
pub(super) mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::model::time::Stamp;

    pub(in crate::engine) fn serialize<S: Serializer>(
        stamp: &Stamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let time = jiff::Timestamp::from_millisecond(stamp.0).unwrap_or_default();
        serializer.collect_str(&format_args!("{time:.3}"))
    }

    pub(in crate::engine) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Stamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
        Ok(Stamp(time.as_millisecond()))
    }
}

/// The same, or null.
pub(super) mod rfc3339_or_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::model::time::Stamp;

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Written(#[serde(with = "super::rfc3339")] Stamp);

    pub(in crate::engine) fn serialize<S: Serializer>(
        stamp: &Option<Stamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        stamp.map(Written).serialize(serializer)
    }

    pub(in crate::engine) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Stamp>, D::Error> {
        Ok(Option::<Written>::deserialize(deserializer)?.map(|written| written.0))
    }
}

/// An id as people type it, and its two parts, as `check --json` has them.
pub(super) mod id {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::model::id::Id;

    #[derive(Serialize, Deserialize)]
    struct Written {
        id: String,
        check: Arc<str>,
        instance: Arc<str>,
    }

    pub(in crate::engine) fn serialize<S: Serializer>(
        id: &Id,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let (check, instance) = (Arc::clone(&id.check), Arc::clone(&id.instance));
        Written { id: id.to_string(), check, instance }.serialize(serializer)
    }

    pub(in crate::engine) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Id, D::Error> {
        let Written { check, instance, .. } = Written::deserialize(deserializer)?;
        Ok(Id { check, instance })
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use crate::model::id::Id;
    use crate::model::time::Stamp;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        #[serde(flatten, with = "super::id")]
        id: Id,
        #[serde(with = "super::rfc3339")]
        at: Stamp,
        #[serde(with = "super::rfc3339_or_null")]
        due: Option<Stamp>,
        #[serde(with = "super::rfc3339_or_null")]
        never: Option<Stamp>,
    }

    #[test]
    fn what_is_written_is_read_back() {
        let all = All {
            id: Id::new("filesystem", "/srv/a:b"),
            at: Stamp(1_795_399_920_120),
            due: Some(Stamp(0)),
            never: None,
        };
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(
            text,
            r#"{"id":"filesystem:/srv/a:b","check":"filesystem","instance":"/srv/a:b","at":"2026-11-23T02:12:00.120Z","due":"1970-01-01T00:00:00.000Z","never":null}"#
        );
        assert_eq!(serde_json::from_str::<All>(&text).unwrap(), all);
    }
}
