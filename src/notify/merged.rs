//! The content of the mail that takes the place of many that could not be sent: it lists every one
//! of them, oldest first, with all it said. Pure.

use std::sync::Arc;

use crate::model::text::shorten;
use crate::notify::mail::Mail;
use crate::notify::mime;
use crate::notify::page::{Page, Part, Row, Tone};
use crate::notify::single::Room;
use crate::notify::text::Desk;
use crate::notify::words;

/// The word its subject begins with. Not `DIGEST`, which is the daily one.
pub(super) const TAG: &str = "LATE";

/// Subject and content of the mail that takes the place of `mails`.
pub(super) fn page(desk: &Desk<'_>, mails: &[Arc<Mail>], room: &mut Room) -> (String, Page) {
    let since = mails.iter().map(|mail| mail.made_wall).min().unwrap_or(desk.now.wall);
    let host = shorten(&desk.host, 16);
    let count = mails.len();
    let subject = format!("{TAG} {host}: {count} mails held up since {}", desk.zone.short(since));
    let since = desk.zone.full(since);
    let title = format!("{count} mails could not be sent since {since}");
    let row = |mail: &Arc<Mail>| Row::new(desk.zone.short(mail.made_wall), &*mail.subject);
    let rows: Vec<Row> = mails.iter().map(row).collect();
    room.takes(rows.iter().map(Row::weight).sum());
    let heading = "Here they are, oldest first.".to_owned();
    let mut parts = vec![Part::List { heading, rows }];
    // Then what each of them said, as far as there is room.
    let mut silent = 0usize;
    for mail in mails {
        let text = mime::text_of(&mail.bytes);
        let said = text.rsplit_once("\n--\n").map_or(text.as_str(), |(said, _)| said);
        let heading = desk.zone.full(mail.made_wall);
        let part = Part::Said { heading, text: said.trim_end().to_owned() };
        if room.takes(part.weight()) {
            parts.push(part);
        } else {
            silent += 1;
        }
    }
    if silent > 0 {
        parts.push(Part::Heading(format!("{silent} of them are only listed above")));
    }
    let page = Page {
        tone: Tone::News,
        word: TAG,
        fqdn: desk.fqdn.clone(),
        when: String::new(),
        sentence: format!("{TAG}: {count} mails of {} could not be sent since {since}", desk.fqdn),
        title,
        parts,
        footer: words::footer(desk, &[]),
    };
    (subject, page)
}
