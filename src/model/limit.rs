//! Every bound of the agent, named, with its reason. Exceeding one is a diagnostic or a counted
//! event, never a silent loss.

use super::unit::Span;

mod forward;
pub use forward::*;

/// Bytes of one configuration file: a thousand checks fit in a tenth of it.
pub const CONFIG_FILE_BYTES: u64 = 4 << 20;
/// Configuration files in `conf.d`: one a kind and many of the admin's own.
pub const CONFIG_FILES: usize = 256;
/// Nodes of one YAML file, against alias bombs and generated monsters.
pub const YAML_NODES: usize = 200_000;
/// Nesting of one YAML file: ours needs six.
pub const YAML_DEPTH: usize = 32;
/// Mistakes shown in one run: more only scroll the first away.
pub const DIAGNOSTICS: usize = 200;
/// Checks in one configuration.
pub const CHECKS: usize = 20_000;
/// Routes of a configuration: a route a team, and then some.
pub const ROUTES: usize = 200;
/// Instances over all checks.
pub const INSTANCES: usize = 50_000;
/// Bytes read from one file of /proc or /sys: /proc/stat of a machine with thousands of CPUs.
pub const HOST_FILE_BYTES: usize = 4 << 20;
/// Shortest `every`: faster reads measure the agent.
pub const EVERY_MIN: Span = Span::from_secs(1);
/// Longest duration anywhere in the configuration.
pub const SPAN_MAX: Span = Span::from_secs(366 * 86_400);
/// Slots of one window; a longer window gets wider slots, so days cost no more than hours.
pub const WINDOW_SLOTS: usize = 1024;
/// Samples may be this many intervals apart and still count as unbroken.
pub const GAP_INTERVALS: u64 = 3;
/// How often the list of instances is refreshed when nothing announces a change.
pub const SURVEY_EVERY: Span = Span::from_secs(60);
/// Lanes (threads) for sources that may hang: a storage server has a hundred disks that each show
/// a temperature. More stuck mounts than this are reported as one.
pub const LANES: usize = 512;
/// Stack of a lane thread: statfs and a small parser need a fraction.
pub const LANE_STACK_BYTES: usize = 128 << 10;
/// Windows and other soft state are written at most this often.
pub const CHECKPOINT_EVERY: Span = Span::from_secs(60);
/// Journal size at which it is rewritten without what is done.
pub const JOURNAL_COMPACT_BYTES: u64 = 8 << 20;
/// One frame of the journal.
pub const JOURNAL_FRAME_BYTES: usize = 16 << 20;
/// The whole journal: a full outbox, windows of every instance, and room to spare. A larger file
/// was not made by the agent. Starting takes twice as much memory for a moment.
pub const JOURNAL_BYTES: u64 = 128 << 20;
/// Blocks kept aside so that a full disk still records its own alarm: some hundred mails.
pub const JOURNAL_RESERVE_BYTES: u64 = 1 << 20;
/// Appends between two tries to get the reserve back on a disk that was full.
pub const JOURNAL_RESERVE_RETRY_APPENDS: u32 = 60;
/// Damaged journals kept for a person to look into; the oldest go first.
pub const JOURNAL_DAMAGED_COPIES: usize = 4;
/// Times a file call is repeated that a signal interrupted.
pub const STORE_RETRIES: usize = 8;
/// Mails waiting before they are merged into one that lists all, a contact.
pub const OUTBOX_MERGE: usize = 100;
/// Bytes waiting in the outbox over all contacts.
pub const OUTBOX_BYTES: usize = 64 << 20;
/// One mail: a screen of facts, not a log file.
pub const MAIL_BYTES: usize = 1 << 20;
/// A name (mount point, device label) as shown to a person; longer ones are cut in the middle.
pub const NAME_CHARS: usize = 200;
/// One reply line of a mail server that is kept for a person to read.
pub const REPLY_CHARS: usize = 400;
/// One whole delivery attempt (all relays, all recipients) before the child is killed.
pub const DELIVERY_DEADLINE: Span = Span::from_secs(300);
/// Bytes of one request on the control socket.
pub const CONTROL_REQUEST_BYTES: usize = 4096;
/// Changes between good and bad within [`FLAP_WITHIN`] that make something flapping: the third
/// says that the second was no recovery.
pub const FLAP_CHANGES: u32 = 3;
/// The time over which changes are counted, and for which it must be steady to be told again.
pub const FLAP_WITHIN: Span = Span::from_secs(3600);
/// Mails to one contact within [`STORM_WITHIN`] after which they are gathered for as long.
pub const STORM_MAILS: usize = 10;
/// See [`STORM_MAILS`].
pub const STORM_WITHIN: Span = Span::from_secs(600);
/// A mail that tells this many changes announces more: what follows is gathered for
/// [`BURST_WAIT`].
pub const BURST_NOTICES: usize = 20;
/// See [`BURST_NOTICES`]; three mails fit in ten minutes.
pub const BURST_WAIT: Span = Span::from_secs(300);
/// Changes told in one mail: some 100 bytes each, well below [`MAIL_BYTES`].
pub const NOTICES_PER_MAIL: usize = 2000;
/// A write of the journal that takes longer counts as failed: mail does not wait for it.
pub const STORE_PATIENCE: Span = Span::from_secs(10);
/// How often a broken store is tried again.
pub const STORE_RETRY: Span = Span::from_secs(60);
/// Mail that waits longer than this is itself a fault.
pub const MAIL_STUCK: Span = Span::from_secs(3600);
/// How much longer than its deadline a delivery may take to report its end.
pub const DELIVERY_GRACE: Span = Span::from_secs(30);
/// The wall clock may differ this much from the timeline between two events before it is a step.
pub const CLOCK_STEP_MS: u64 = 5000;
/// A source that lost this many runs in a row has no reading; one lost run is noise.
pub const FAILED_RUNS: u32 = 2;
/// Addresses refused for good that are remembered for `status`.
pub const REFUSALS: usize = 50;
/// How long the last words of a `sendmail` that has ended are waited for: they are in the pipe, unless
/// what it left behind holds the pipe open.
pub const SENDMAIL_WORDS: Span = Span::from_secs(1);
/// Bytes of one reply of a mail server, all its lines: an EHLO answer has some hundred.
pub const SMTP_REPLY_BYTES: usize = 64 << 10;
/// Opening a connection, and looking a name up.
pub const NET_CONNECT: Span = Span::from_secs(10);
/// One whole reply of a mail server, however slowly its bytes come: greet delays take half of it.
pub const SMTP_REPLY: Span = Span::from_secs(60);
/// Addresses of one server that are tried.
pub const NET_ADDRESSES: usize = 4;
/// Bytes of a job for the delivery child: the largest mail as JSON, and its relays.
pub const DELIVERY_JOB_BYTES: usize = 8 << 20;
/// One attempt of a hook, a program with its killing included, before the child is killed.
pub const HOOK_DEADLINE: Span = Span::from_secs(40);
/// One request to a webhook. Alerting services answer within a second; one that hangs must not
/// hold the hooks that wait behind it for long.
pub const WEBHOOK_DEADLINE: Span = Span::from_secs(15);
/// A program that is told of a change; then it is asked to end, and killed [`COMMAND_GRACE`] later.
pub const PROGRAM_DEADLINE: Span = Span::from_secs(30);
/// Attempts with a program that fails with a status of its own; one that says "later" (75) is tried
/// for as long as mail is.
pub const PROGRAM_TRIES: u32 = 5;
/// Memory that such a program may take: an interpreter with its libraries, no more.
pub const PROGRAM_MEMORY_BYTES: u64 = 512 << 20;
/// Files that it may open.
pub const PROGRAM_FILES: u64 = 256;
/// What is kept of the end of a program's output, to find its last line in.
pub const PROGRAM_TAIL_BYTES: usize = 4 << 10;
/// What is read of a web server's answer to a request that it refused: a sentence, not a page.
pub const HTTP_ANSWER_BYTES: usize = 4 << 10;
/// All header lines of a web server's answer.
pub const HTTP_HEADER_BYTES: usize = 32 << 10;
/// How long a connection to a web server is kept for the next request: longer than the pause between
/// two of a sender that keeps it, shorter than most servers keep theirs.
pub const HTTP_IDLE: Span = Span::from_secs(60);
/// How long the answer's text is waited for once its status is known.
pub const HTTP_ANSWER: Span = Span::from_secs(2);
/// The longest pause that a server may ask for (`Retry-After`): as long as mail may be stuck.
pub const RETRY_AFTER_MAX: Span = Span::from_secs(3600);
/// An event that has waited for so long is told by the other ways: a token that is refused, a
/// service that is away.
pub const HOOK_STUCK: Span = Span::from_secs(300);
/// Text of one push message: ntfy makes an attachment of what is longer.
pub const PUSH_BYTES: usize = 3900;
/// Text of one chat message; Slack cuts at 40 000 characters, Mattermost at 16 383.
pub const CHAT_BYTES: usize = 12_000;
/// Bytes of events in one frame of the journal, far below [`JOURNAL_FRAME_BYTES`].
pub const EVENTS_PER_FRAME_BYTES: usize = 2 << 20;
/// Data memory of the delivery child: some three times what a large mail over TLS takes.
pub const DELIVERY_MEMORY_BYTES: u64 = 96 << 20;
/// One line that the delivery child reports.
pub const DELIVERY_LINE_BYTES: usize = 1 << 20;
/// A password or its file.
pub const SECRET_BYTES: usize = 4096;
/// A file of certificate authorities: the whole bundle of a distribution is a tenth of it.
pub const CA_FILE_BYTES: usize = 4 << 20;
/// How often a tool that costs a process (`zpool`, `dmsetup`, a controller's own) is asked.
pub const TOOL_EVERY: Span = Span::from_secs(300);
/// How often while something is wrong: a rebuild should be seen to begin and to end.
pub const TOOL_EVERY_BAD: Span = Span::from_secs(60);
/// What a program of the observed machine may print: `storcli /call show all J` of four controllers
/// with a hundred drives each is a quarter of it.
pub const COMMAND_OUTPUT_BYTES: usize = 4 << 20;
/// What it may say besides, on standard error: a message, not a log.
pub const COMMAND_STDERR_BYTES: usize = 64 << 10;
/// How long such a program may take: a busy RAID controller answers its tool in some seconds.
pub const COMMAND_DEADLINE: Span = Span::from_secs(60);
/// What it gets between being asked to end and being killed.
pub const COMMAND_GRACE: Span = Span::from_secs(2);
/// A rebuild that has not moved for this long is stuck: the slowest disks move a block in seconds.
pub const REBUILD_STUCK: Span = Span::from_secs(900);
/// Error counters that grew within this time are growing: a scrub of an hour finds them in bursts.
pub const ERRORS_FRESH: Span = Span::from_secs(900);
/// One answer of the kernel over netlink: five thousand links of a container host.
pub const NETLINK_ANSWER_BYTES: usize = 16 << 20;
/// The kernel answers netlink within this unless a driver holds its lock.
pub const NETLINK_PATIENCE: Span = Span::from_secs(5);
/// Facts of one episode that are told one by one; a log that fills is told by its size.
pub const FACTS_PER_EPISODE: usize = 64;
/// Times a list that changes while it is read is read again.
pub const NETLINK_TRIES: u32 = 3;
/// Steps of a counter kept to say how much it grew lately; older steps are told as one.
pub const GROWTH_STEPS: usize = 128;
/// The time over which errors and failures of links are counted.
pub const GROWTH_WITHIN: Span = Span::from_secs(3600);
/// How long a reading waits for a controller's tool before it shows the last answer and lets the
/// tool work on: half of what a check waits by default.
pub const TOOL_PATIENCE: Span = Span::from_secs(5);
/// How old an answer is shown while a tool works on a new one: two runs that were missed.
pub const TOOL_STALE: Span = Span::from_secs(900);
/// Stack of a thread that asks tools: their JSON is read by a parser that nests.
pub const TOOL_STACK_BYTES: usize = 1 << 20;
/// Entries of a capture: a server with hundreds of disks and sensors has some ten thousand.
pub const CAPTURE_ENTRIES: usize = 60_000;
/// Bytes of a capture, so that it fits into a bug report.
pub const CAPTURE_BYTES: usize = 64 << 20;
/// One question through the BMC's device file: where the BMC is silent, the kernel gives up by
/// itself after 4 s and says so; this is for a driver that does not.
pub const IPMI_DEVICE_PATIENCE: Span = Span::from_secs(6);
/// Signals that may interrupt one such wait: the agent's own come seldom.
pub const IPMI_INTERRUPTIONS: usize = 8;
/// One question over LAN with everything it takes: finding a kept session dead (3.75 s), opening
/// another, asking again. The name's address comes before, from the system's resolver.
pub const IPMI_LAN_PATIENCE: Span = Span::from_secs(8);
/// How long the first packet of a question is waited for; each further try waits twice as long. A
/// BMC answers in 5 to 50 ms.
pub const IPMI_LAN_TRY: Span = Span::from_millis(250);
/// Times a question is sent in a session that was kept: 3.75 s, then the session counts as dead.
pub const IPMI_LAN_TRIES: usize = 4;
/// Times in a session that was just opened, so that it is not the session: until the whole
/// question's time is over, since some BMCs take seconds.
pub const IPMI_LAN_FRESH_TRIES: usize = 6;
/// Times a step of the opening is sent: a BMC that went on without being heard ignores its
/// repetition, so that starting over is quicker.
pub const IPMI_LAN_STEP_TRIES: usize = 3;
/// Openings that are started over.
pub const IPMI_LAN_OPENINGS: usize = 3;
/// Addresses of a BMC's name that are tried: one of each family.
pub const IPMI_LAN_ADDRESSES: usize = 2;
/// A datagram of a BMC: the longest answer, 255 bytes, with its frames is a third of it.
pub const IPMI_LAN_DATAGRAM_BYTES: usize = 1024;
/// How long a session is trusted to be alive while nothing is asked: BMCs end an idle one after
/// 60 s give or take 3 (IPMI 2.0 section 6.12.15).
pub const IPMI_SESSION_IDLE: Span = Span::from_secs(50);
/// Questions with answers in a recording: each sensor with four, and the records in parts.
pub const IPMI_ANSWERS: usize = 20_000;
/// Records of a recorded BMC: the largest servers have some 500.
pub const IPMI_RECORDS: usize = 4096;
/// Sensors of a recorded BMC: 256 on each of four units of a few controllers.
pub const IPMI_RECORDED_SENSORS: usize = 8192;
/// A file of the cache: the list of a BMC's sensors is 4096 records of 64 bytes at most.
pub const CACHE_FILE_BYTES: usize = 1 << 20;
/// Longest silence or acknowledgement: what is quiet for longer belongs into the configuration.
pub const QUIET_MAX: Span = Span::from_secs(30 * 86_400);
/// Silences at once: globs cover many ids, and a forgotten one should be seen in a list.
pub const SILENCES: usize = 200;
/// Acknowledged problems at once.
pub const ACKS: usize = 2000;
/// Characters of the reason of a silence or an acknowledgement: two lines of a mail.
pub const REASON_CHARS: usize = 140;
/// What was over under a silence before anybody heard of it, kept for the daily digest.
pub const BLIPS: usize = 100;
/// Questions for evidence under way at once: a mail about many changes needs no culprits of each.
pub const INQUIRIES: usize = 4;
/// How long one question may take before who answers it is killed.
pub const INQUIRY_DEADLINE: Span = Span::from_secs(20);
/// How much longer a mail waits for the end of it.
pub const INQUIRY_GRACE: Span = Span::from_secs(5);
/// Lists of one change's evidence.
pub const EVIDENCE_SECTIONS: usize = 6;
/// Lines of one list.
pub const EVIDENCE_ROWS: usize = 8;
/// The picture of a curve, in base64: a chart of 720 by 240 points in 16 colours is a third of it.
pub const EVIDENCE_PICTURE_CHARS: usize = 24 << 10;
/// A question for evidence as JSON: some kilobytes of facts, and a curve of a few thousand points.
pub const INQUIRY_BYTES: usize = 1 << 20;
/// One line of an answer: all lists, and the picture.
pub const EVIDENCE_LINE_BYTES: usize = 256 << 10;
/// Data memory of the child that gathers: a walk keeps some 200 bytes of each large folder.
pub const EVIDENCE_MEMORY_BYTES: u64 = 64 << 20;
/// How long processes and connections are looked at twice: long enough for one tick in a hundred to
/// be seen on a busy CPU.
pub const EVIDENCE_LOOK: Span = Span::from_secs(5);
/// Processes that are looked at: the most that a default kernel lets run.
pub const PROCESSES: usize = 32_768;
/// Threads that are looked at for those that wait: some milliseconds for a hundred.
pub const THREADS: usize = 8192;
/// Open files of all processes that are looked at: a busy database server has a tenth.
pub const OPEN_FILES: usize = 400_000;
/// TCP connections that are looked at.
pub const CONNECTIONS: usize = 65_536;
/// Records of the kernel's log: a ring of 16 MiB has fewer.
pub const KERNEL_LOG_RECORDS: usize = 200_000;
/// Lines of the kernel in one list.
pub const KERNEL_LINES: usize = 6;
/// How old such a line may be.
pub const KERNEL_LINES_WITHIN: Span = Span::from_secs(3600);
/// How long a walk through a file system may take: the rest of [`INQUIRY_DEADLINE`] is for saying
/// what it found.
pub const WALK_TIME: Span = Span::from_secs(12);
/// Files and folders of one walk: some 3 million fit into its time from memory.
pub const WALK_ENTRIES: u64 = 4_000_000;
/// Folders within folders: each takes a descriptor while the walk is below it.
pub const WALK_DEPTH: usize = 64;
/// Folders that wait to be walked: each takes some 100 bytes.
pub const WALK_FOLDERS: usize = 100_000;
/// Large folders and files that a walk remembers, of which the largest are told.
pub const WALK_PLACES: usize = 50_000;
/// Files of several names that a walk remembers, so that each counts once.
pub const WALK_LINKED: usize = 200_000;
/// Files written to within this time are what fills a file system now.
pub const WALK_RECENT: Span = Span::from_secs(86_400);
/// Numbers of one instance that are remembered: kinds that are judged have one to three.
pub const HISTORY_METRICS: usize = 3;
/// Numbers that are remembered in all: every instance of the largest host has one. Those beyond
/// are watched all the same.
pub const HISTORY_SERIES: usize = 50_000;
/// Minutes in one block of the history: one write, and what a crash may lose of a curve.
pub const HISTORY_BLOCK_MINUTES: u32 = 12;
/// Points that wait to be written; more are written earlier: a megabyte of memory.
pub const HISTORY_BUFFER_POINTS: usize = 40_000;
/// Points that wait for a disk which does not answer; the oldest go first.
pub const HISTORY_WAITING_POINTS: usize = 100_000;
/// The whole history: a month of 200 numbers that never rest; of constant ones, ten times as many.
pub const HISTORY_BYTES: u64 = 64 << 20;
/// One file of it; the oldest is deleted whole.
pub const HISTORY_FILE_BYTES: u64 = 4 << 20;
/// Days of which something is kept.
pub const HISTORY_DAYS: usize = 31;
/// One block of it: every number of the largest host for a minute.
pub const HISTORY_BLOCK_BYTES: usize = 4 << 20;
/// Points in one block: what waited for a disk, and the minute that came on top.
pub const HISTORY_BLOCK_POINTS: usize = 200_000;
/// Files in its directory that are looked at.
pub const HISTORY_FILES: usize = 1024;
/// Points of one curve that are read back: 31 days of minutes.
pub const HISTORY_CURVE_POINTS: usize = 31 * 24 * 60;
/// A mail with its HTML and its picture, where its text alone is not larger: it opens at once over
/// a phone's worst connection, and no mail program cuts it off (the strictest does at 102 kB).
pub const MAIL_PAGE_BYTES: usize = 40_000;
/// Distances of reminders that can be written: after the last there is one a day.
pub const REMIND_STEPS: usize = 16;
/// Shortest distance of a reminder: a shorter one is no reminder but noise.
pub const REMIND_MIN: Span = Span::from_secs(60);
/// The distance of reminders after the last one that is written.
pub const REMIND_DAILY: Span = Span::from_secs(86_400);
/// Reminders due within this time go in one mail, with the first of them; at most a quarter of
/// each one's distance early.
pub const REMIND_TOGETHER: Span = Span::from_secs(3600);
/// Shortest distance of heartbeats.
pub const HEARTBEAT_MIN: Span = Span::from_secs(10);
/// Heartbeats in a row that must fail before that is a fault: one lost packet is noise.
pub const HEARTBEAT_MISSES: u32 = 3;
/// How long the end of one heartbeat is waited for.
pub const HEARTBEAT_PATIENCE: Span = Span::from_secs(60);
/// How far apart the begin of a cause and of what follows from it may be, for both to be told as
/// one incident.
pub const FOLD_WITHIN: Span = Span::from_secs(600);
/// How long the warning waits for further ones that follows from a critical cause which was told.
pub const FOLD_WAIT: Span = Span::from_secs(600);
/// Devices below a device that are followed: bond, VLAN, LVM, encryption, array, partition, disk.
pub const STACK_DEPTH: usize = 12;
/// Things that one thing may stand upon; a file system on an array of a hundred disks.
pub const STACK_WIDTH: usize = 256;
/// Critical changes of something new that are told at once in a storm.
pub const STORM_BREAKS: usize = 5;
/// Things that changed too often that one digest names.
pub const DIGEST_NAMES: usize = 200;
/// Errands that wait for the one under way: a heartbeat and a forecast.
pub const ERRANDS: usize = 2;
/// How long one may take: a server that takes no heartbeat within this is down.
pub const ERRAND_DEADLINE: Span = Span::from_secs(15);
/// An errand as JSON, and the line that says what came of it.
pub const ERRAND_BYTES: usize = 64 << 10;
/// Data memory of the child that does it: TLS with the system's authorities, or some weeks of curves.
pub const ERRAND_MEMORY_BYTES: u64 = 96 << 20;
