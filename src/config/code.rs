//! The code of every mistake: one row each, for messages, editors and the manual.

/// Declares the codes with their stable text and their sentence in the manual.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// What kind of mistake. The text (`E021`) is stable: scripts may rely on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, in the order of the manual.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// `E021`.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// One sentence for the manual.
            #[must_use]
            pub fn doc(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// A file cannot be read.
    Unreadable = "E001",
    /// A file or its directory can be changed by others, or a secret can be read by others.
    Permissions = "E002",
    /// A file, or the number of files, is too large.
    TooLarge = "E003",
    /// A file is not UTF-8 text.
    NotText = "E004",
    /// Not valid YAML.
    Syntax = "E010",
    /// A key is given twice.
    DuplicateKey = "E011",
    /// Anchors, aliases, merge keys and tags are not used.
    Anchor = "E012",
    /// Several documents in one file.
    Documents = "E013",
    /// Nested too deep, or too many pieces.
    Bounds = "E014",
    /// A map, a list or a single value stands where another of them is expected.
    Shape = "E015",
    /// A value is missing after its key.
    Empty = "E016",
    /// Not a duration.
    Duration = "E017",
    /// A unit that is not known, or not clear.
    Unit = "E018",
    /// The unit of another quantity.
    WrongUnit = "E019",
    /// Not a number in the one accepted form.
    Number = "E020",
    /// A number without a unit.
    NoUnit = "E021",
    /// Not `true` or `false`.
    Bool = "E022",
    /// Outside its range.
    Range = "E023",
    /// Not one of the words that are possible here.
    Word = "E024",
    /// Text that is no address, name, path or pattern as needed here.
    Text = "E025",
    /// A name that YAML tools read as a boolean or as null.
    Norway = "E026",
    /// A value starts with a comparison operator.
    Operator = "E027",
    /// A required key is missing.
    Missing = "E030",
    /// Keys that exclude each other, or of which exactly one is needed.
    Exclusive = "E031",
    /// No such kind of check.
    UnknownKind = "E032",
    /// A check that does not say its kind.
    NoKind = "E033",
    /// No such key here.
    UnknownKey = "E034",
    /// The kind has no such metric.
    UnknownMetric = "E035",
    /// The kind has no such selector.
    UnknownSelector = "E036",
    /// No such contact, schedule or template.
    UnknownName = "E037",
    /// A check is defined in two files without `override: true`.
    Redefined = "E040",
    /// A contact without a mail address.
    NoAddress = "E041",
    /// A check without any limit.
    NoLimit = "E042",
    /// Too many checks.
    TooMany = "E043",
    /// The warning lies beyond the critical limit and can never be seen.
    WarnBeyondCrit = "E050",
    /// `clear` lies on the bad side of every limit.
    ClearSide = "E051",
    /// `clear` for a metric that has no limit.
    ClearNothing = "E052",
    /// `for` is shorter than `every`.
    ForShort = "E053",
    /// `timeout` is longer than `every`.
    TimeoutLong = "E054",
    /// `append+` on something that is no list.
    Append = "E055",
    /// A password would cross the network unprotected.
    ClearPassword = "E056",
    /// A password in a file that others can read.
    LiteralPassword = "E057",
    /// `hold` of a route without hours, or with hours that never end.
    HoldEnd = "E060",
    /// A check matches nothing on this host.
    MatchesNothing = "W101",
    /// A password stands in the configuration itself.
    PasswordHere = "W102",
    /// A secret in the environment is inherited by every program that is started.
    SecretInEnvironment = "W103",
    /// `override: true` where there is nothing to override.
    OverridesNothing = "W104",
    /// A template that no check uses.
    UnusedTemplate = "W105",
    /// The password of the BMC, or the secret of a hook, cannot be read. Everything else goes on; the
    /// BMC's own instance says so, and the hook's events wait.
    SecretUnread = "W106",
    /// `when` of a route is there and says nothing.
    EmptyWhen = "W110",
    /// A route before takes everything that this one would take.
    UnreachableRoute = "W111",
    /// The program of a hook cannot be started as things are. Its events wait; everything else goes
    /// on.
    HookUnready = "W120",
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_ordered_by_severity() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.text()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(Code::ALL.iter().map(|code| code.text()).is_sorted());
    }
}
