//! The bounds of forwarding: the spool, the outlets' queues, their process, each dialect.

use crate::model::unit::Span;

/// Shortest distance of batches: a collector gains nothing from more, and ten thousand hosts ask it.
pub const FORWARD_EVERY_MIN: Span = Span::from_secs(5);
/// Outlets; each has a thread of its own.
pub const OUTLETS: usize = 16;
/// Least that the spool may hold: some hours of an average host.
pub const SPOOL_MIN_BYTES: u64 = 1 << 20;
/// Most that the spool may hold: it is read when it is opened, and 256 MiB are weeks of an average host.
pub const SPOOL_MAX_BYTES: u64 = 256 << 20;
/// How long an outlet may take nothing before that is told: a collector that is restarted or updated
/// is back by then, and thousands of hosts would tell of it.
pub const OUTLET_DOWN: Span = Span::from_secs(900);
/// The same where waiting is of no use: a password, an address.
pub const OUTLET_MISCONFIGURED: Span = Span::from_secs(300);
/// Parcels on their way to the forwarding process: some batches, and the changes of a mass failure.
pub const PARCELS_IN_HAND: usize = 4096;
/// Batches among them.
pub const BATCHES_IN_HAND: usize = 4;
/// Batches that are kept in memory until the forwarding process has them on disk: those of the time
/// in which it is started again.
pub const BATCHES_UNKEPT: usize = 8;
/// Changes that are kept in memory until the forwarding process has them on disk.
pub const CHANGES_IN_HAND: usize = 20_000;
/// How long the forwarding process may owe an answer: it only writes to its spool before it gives one.
pub const FORWARDER_PATIENCE: Span = Span::from_secs(60);
/// A forwarding process that keeps dying is not started more often than this.
pub const FORWARDER_RESTART: Span = Span::from_secs(30);
/// How long a stop waits for the forwarding process to write down where it stands.
pub const FORWARDER_STOP: Span = Span::from_secs(3);
/// How long `forward test` waits for each of its steps.
pub const OUTLET_TEST: Span = Span::from_secs(15);
/// How far this host's clock may be from a receiver's: beyond that one agent could blind a whole site.
pub const FORWARD_SKEW: Span = Span::from_secs(300);
/// One whole answer of a receiver, where what it says is read: a host's alerts, a test's values.
pub const FORWARD_ANSWER_BYTES: usize = 1 << 20;
/// A batch that is so much older than a change told before it came late; one that is older still was
/// made after the clock was set back.
pub const FORWARD_REORDER: Span = Span::from_secs(600);
/// Text of one verdict: as much as a list of problems shows.
pub const PLUGIN_TEXT_CHARS: usize = 500;
/// Output of one check with its performance data: NRPE and its readers take no more.
pub const PLUGIN_OUTPUT_BYTES: usize = 4 << 10;
/// Results in one request to NRDP: below half a megabyte of form, where PHP takes eight.
pub const NRDP_RESULTS: usize = 100;
/// How long an alert lives without being told again: a host that reboots, or an hour of work on it,
/// must not look like recovery; one that is never switched on again does not stay for ever.
pub const ALERT_LIFE: Span = Span::from_secs(3600);
/// Alerts in one request: some hundred kilobytes.
pub const ALERTS_A_POST: usize = 500;
/// After this a result for Icinga that did not change is told again.
pub const ICINGA_RESTATE: Span = Span::from_secs(300);
/// Results for Icinga in one batch, each a request: a second or two; the rest comes with the next.
pub const ICINGA_RESULTS: usize = 100;
/// Distance of batches that is assumed before two were seen, and the longest that is believed.
pub const ICINGA_CYCLE_MAX: Span = Span::from_secs(600);
/// The shortest: a service may not be called dead since one request was slow.
pub const ICINGA_CYCLE_MIN: Span = Span::from_secs(30);
/// Values in one request to Zabbix: as many as its own sender packs.
pub const ZABBIX_VALUES: usize = 250;
/// Requests that look for the values of one load which Zabbix did not take.
pub const ZABBIX_SEARCHES: usize = 64;
/// Keys of such values that are named.
pub const ZABBIX_NAMES: usize = 5;
/// Keys that are remembered as missing; beyond them all are told anew.
pub const ZABBIX_MISSING: usize = 20_000;
/// How often Zabbix is told what there is to be watched, where that does not change.
pub const ZABBIX_DISCOVERY: Span = Span::from_secs(3600);
/// One answer of Zabbix: a sentence.
pub const ZABBIX_REPLY_BYTES: usize = 16 << 10;
/// How long Zabbix may take for one exchange: with a slow database it takes seconds.
pub const ZABBIX_PATIENCE: Span = Span::from_secs(8);
/// How long carbon may take to read what was sent, and to close.
pub const GRAPHITE_PATIENCE: Span = Span::from_secs(8);
/// One level of a path in Graphite: file systems take names of 255 bytes, with `.wsp`.
pub const GRAPHITE_NODE_BYTES: usize = 120;
/// What waits for collectors, on disk. A batch of 50, 200 or 1000 series takes 2, 5 or 23 kB, so that
/// one each 30 s is kept for 70, 26 or 6 hours; changes alone, some 50,000.
pub const SPOOL_BYTES: u64 = 16 << 20;
/// One file of it: the oldest is deleted whole.
pub const SPOOL_SEGMENT_BYTES: u64 = 512 << 10;
/// Shortest file of a small spool.
pub const SPOOL_SEGMENT_MIN_BYTES: u64 = 4 << 10;
/// One frame of it, packed: a batch of the largest host.
pub const SPOOL_FRAME_BYTES: usize = 4 << 20;
/// What a frame may unpack to: text packs to a tenth, and a lying length must not take the memory.
pub const SPOOL_UNPACKED_BYTES: usize = 48 << 20;
/// What waits in memory while the directory of the spool cannot be written.
pub const SPOOL_MEMORY_BYTES: usize = 1 << 20;
/// Files of the spool that are looked at: what fits, and those of a start a minute for days.
pub const SPOOL_FILES: usize = 8192;
/// The file of how far each outlet is.
pub const SPOOL_POSITIONS_BYTES: usize = 256 << 10;
/// How far each outlet is is written down this often: what a crash repeats.
pub const SPOOL_SAVE_EVERY: Span = Span::from_secs(60);
/// And after so many frames that were passed.
pub const SPOOL_SAVE_FRAMES: u32 = 200;
/// Attempt of an outlet, all of it: a receiver that takes longer is as good as down.
pub const FORWARD_ATTEMPT: Span = Span::from_secs(10);
/// The longest pause between two attempts with a receiver that does not take what it is sent.
pub const FORWARD_PAUSE_MAX: Span = Span::from_secs(60);
/// How often a receiver is tried that somebody must mend first.
pub const FORWARD_HOLD: Span = Span::from_secs(300);
/// Shortest time between the begins of two deliveries of an outlet: twenty a second, so that a
/// thousand agents which come back together bring 20,000 requests a second at most.
pub const FORWARD_DISTANCE: Span = Span::from_millis(50);
/// Times in a row that a receiver must fail over a load in the same words, before it may be the load.
pub const FORWARD_SAME_FAULTS: u32 = 5;
/// The same in differing words.
pub const FORWARD_FAULTS: u32 = 20;
/// Attempts with a load that gets no answer, before it may be the load; and the time they must span.
pub const FORWARD_SILENCES: u32 = 50;
/// See [`FORWARD_SILENCES`].
pub const FORWARD_SILENCE: Span = Span::from_secs(86_400);
/// Refusals in a row after which it is the receiver that does not want what it is sent.
pub const FORWARD_REFUSALS: u32 = 10;
/// Later loads that were taken and wait for those before them, at once.
pub const FORWARD_TAKEN: usize = 64;
/// What is passed over in one go, damaged or of a wrong clock, before others get their turn.
pub const FORWARD_PASSED: usize = 256;
/// Distinct texts that an outlet remembers to have said.
pub const FORWARD_WORDS: usize = 64;
/// Characters of one answer of a receiver that are kept.
pub const FORWARD_WORDS_CHARS: usize = 300;
/// Memory of the forwarding process: TLS with the system's authorities, a batch of the largest host
/// as JSON and packed, and a thread an outlet.
pub const FORWARDER_MEMORY_BYTES: u64 = 384 << 20;
/// Longest line between the agent and the forwarding process: a batch of the largest host.
pub const FORWARDER_LINE_BYTES: usize = 48 << 20;
/// Bytes of the metrics of one host as text: 50,000 instances have some 40 MB.
pub const EXPOSITION_BYTES: u64 = 64 << 20;
/// How long a batch is the present for whoever fetches `/metrics`: three that come every minute.
pub const SCRAPE_FRESH: Span = Span::from_secs(180);
/// The same in batches, where they come less often.
pub const SCRAPE_FRESH_BATCHES: u64 = 3;
/// Who fetches `/metrics` at the same time; the text of a large host takes megabytes.
pub const SCRAPE_CLIENTS: usize = 8;
/// Bytes of a request: those of Prometheus have 300.
pub const SCRAPE_REQUEST_BYTES: usize = 8 << 10;
/// Header lines of a request.
pub const SCRAPE_HEADERS: usize = 64;
/// How long a whole request may take.
pub const SCRAPE_REQUEST: Span = Span::from_secs(5);
/// How long taking the answer may take; Prometheus gives up after 10 s.
pub const SCRAPE_ANSWER: Span = Span::from_secs(15);
/// Stack of an outlet's thread: TLS, and packing, whose tables take a quarter of a megabyte on their
/// way to the heap.
pub const OUTLET_STACK_BYTES: usize = 2 << 20;
/// How often a batch of metrics is halved to find the samples that a receiver refuses: enough for
/// three bad ones among a thousand.
pub const FORWARD_SPLITS: usize = 32;
/// What is read of a receiver's answer when a test looks for its sample: one series.
pub const FORWARD_LOOK_BYTES: usize = 64 << 10;
/// How often a test looks for its sample.
pub const FORWARD_LOOK_EVERY: Span = Span::from_millis(250);
