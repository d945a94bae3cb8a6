//! Every parser on captured text that was damaged at random: no panic, bounded time, bounded memory.
//!
//! `HOSTWATCH_FUZZ=1000000` sets the number of inputs a parser, `HOSTWATCH_FUZZ_ONLY=mdstat,zpool`
//! names the parsers, `HOSTWATCH_FUZZ_SEED=7` the run. What reads a socket has lying peers instead
//! (`delivery_faults`).

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use hostwatch::config::units;
use hostwatch::daemon::request::Request;
use hostwatch::engine::last_clocks;
use hostwatch::forward::pack;
use hostwatch::model::unit::Unit;
use hostwatch::notify::mime;
use hostwatch::parse::account::Account;
use hostwatch::parse::aliases::Aliases;
use hostwatch::parse::hwmon::Sensor;
use hostwatch::parse::{
    arcconf, bonding, btrfs, cpu, disk, dmsetup, hwmon, ircu, kernel_log, link, linkmode, mdstat,
    megacli, memory, mount, net, pressure, process, scrub, sockets, ssacli, storcli, tw_cli, x509,
    zpool,
};
use hostwatch::store::{frame, history, spool};

use crate::fuzz_seeds::{configurations, connections, controllers, journals, link_modes, links};

/// Inputs a parser when nobody asks for more.
const INPUTS: u64 = 1000;
/// Of the processor, for one input, without optimization: a probe has seconds.
const TIME_MAX: Duration = Duration::from_millis(50);
/// An input is cut to this: the longest text that any tool or file of a captured machine has is half.
const INPUT_BYTES_MAX: usize = 64 << 10;
/// By which the process may grow over all inputs of a parser, and of those beside it.
const GROWTH_KIB_MAX: u64 = 256 << 10;

/// A parser, what it is fed with, and the public functions that it stands for.
pub(crate) struct Parser {
    name: &'static str,
    pub(crate) covers: &'static [&'static str],
    /// Parts of the paths of captured files it reads.
    captures: &'static [&'static str],
    /// Inputs of which there is no capture.
    written: fn() -> Vec<Vec<u8>>,
    parse: fn(&[u8]),
}

fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn utf8(bytes: &[u8], parse: impl Fn(&str)) {
    parse(&String::from_utf8_lossy(bytes));
}

fn eat<T>(value: T) {
    black_box(value);
}

pub(crate) static PARSERS: &[Parser] = &[
    Parser {
        name: "process",
        covers: &["process::stat", "process::status", "process::io"],
        captures: &[],
        written: || {
            texts(&[
                "4410 (a) (b) D 1 1 1 0 -1 4194560 9 0 1 0 150 50 7 3 20 0 4 0 8000 1 2 3 4 5 0 0 0 0 \
                 0 0 0 0 0 0 17 1 0 0 33 0 0\n",
                "Name:\tjava\nUid:\t0\t1\t2\t3\nVmRSS:\t 2048 kB\nRssAnon:\t 1 kB\n",
                "read_bytes: 4096\nwrite_bytes: 9000\ncancelled_write_bytes: 1000\n",
            ])
        },
        parse: |text| eat((process::stat(text), process::status(text), process::io(text))),
    },
    Parser {
        name: "kernel_log",
        covers: &["kernel_log::record", "kernel_log::killed_process"],
        captures: &[],
        written: || {
            texts(&[
                "3,1203,71058317,-;I/O error, dev sdb, sector 7\n SUBSYSTEM=block\n",
                "4,9,1,-;Out of memory: Killed process 811 (java) total-vm:7kB, UID:0\n",
            ])
        },
        parse: |text| eat((kernel_log::record(text), kernel_log::killed_process(text))),
    },
    Parser {
        name: "sockets",
        covers: &["sockets::connection", "sockets::address"],
        captures: &[],
        written: connections,
        parse: |bytes| eat((sockets::connection(bytes), sockets::address(bytes))),
    },
    Parser {
        name: "mdstat",
        covers: &["mdstat::mdstat"],
        captures: &["/mdstat"],
        written: none,
        parse: |text| eat(mdstat::mdstat(text)),
    },
    Parser {
        name: "zpool",
        covers: &["zpool::status", "zpool::short_number"],
        captures: &["zpool-status"],
        written: || {
            texts(&[
                "{\"output_version\":{\"command\":\"zpool status\"},\"pools\":{\"tank\":{\"name\":\
                 \"tank\",\"state\":\"DEGRADED\",\"scan_stats\":{\"function\":\"RESILVER\",\"state\":\
                 \"SCANNING\",\"to_examine\":\"9T\",\"examined\":\"1T\"},\"vdevs\":{\"tank\":{\"name\":\
                 \"tank\",\"vdev_type\":\"root\",\"vdevs\":{\"sda\":{\"name\":\"sda\",\"state\":\
                 \"FAULTED\",\"read_errors\":\"1.2K\"}}}},\"error_count\":\"3\"}}}",
            ])
        },
        parse: |text| {
            black_box(zpool::status(text));
            utf8(text, |text| eat(zpool::short_number(text)));
        },
    },
    Parser {
        name: "btrfs",
        covers: &["btrfs::error_stats", "btrfs::device_stats", "btrfs::show"],
        captures: &["btrfs-device-stats", "btrfs-filesystem-show"],
        written: || {
            texts(&[
                "write_errs 0\nread_errs 1\nflush_errs 0\ncorruption_errs 18446744073709551615\ngeneration_errs 0\n",
            ])
        },
        parse: |text| {
            black_box(btrfs::error_stats(text));
            black_box(btrfs::device_stats(text));
            black_box(btrfs::show(text));
        },
    },
    Parser {
        name: "dmsetup",
        covers: &["dmsetup::status", "dmsetup::volume"],
        captures: &["dmsetup-status"],
        written: none,
        parse: |text| {
            black_box(dmsetup::status(text));
            utf8(text, |text| eat(dmsetup::volume(text)));
        },
    },
    Parser {
        name: "lvs",
        covers: &["dmsetup::lvs"],
        captures: &["lvs-report.json"],
        written: none,
        parse: |text| eat(dmsetup::lvs(text)),
    },
    Parser {
        name: "storcli",
        covers: &["storcli::add"],
        captures: &["storcli", "perccli"],
        written: none,
        parse: |text| {
            let mut answers = storcli::Answers::default();
            answers.add(text);
            answers.add(text);
            black_box(answers);
        },
    },
    Parser {
        name: "megacli",
        covers: &["megacli::volumes", "megacli::drives", "megacli::battery"],
        captures: &["ldinfo", "pdlist", "bbu.txt"],
        written: none,
        parse: |text| {
            let mut found = Vec::new();
            black_box(megacli::volumes(&mut found, text));
            black_box(megacli::drives(&mut found, text));
            megacli::battery(&mut found, text);
            black_box(found);
        },
    },
    Parser {
        name: "ssacli",
        covers: &["ssacli::read"],
        captures: &["ctrl-all-show", "ld-all-show"],
        written: none,
        parse: |text| {
            let mut found = controllers();
            black_box(ssacli::read(&mut found, text));
            black_box(found);
        },
    },
    Parser {
        name: "arcconf",
        covers: &["arcconf::controllers_found", "arcconf::config", "arcconf::status"],
        captures: &["getconfig", "getstatus"],
        written: || texts(&["Controllers found: 2\n"]),
        parse: |text| {
            black_box(arcconf::controllers_found(text));
            let mut one = arcconf::config(1, text).unwrap_or_default();
            arcconf::status(&mut one, text);
            black_box(one);
        },
    },
    Parser {
        name: "ircu",
        covers: &["ircu::adapters", "ircu::display", "ircu::status"],
        captures: &[],
        written: || {
            texts(&[
                " Index    Type          ID      ID    Pci Address          Ven ID  Dev ID\n -----  \
                 ------------  ------  ------  -----------------    ------  ------\n   0     SAS2008  \
                 1000h    72h    00h:03h:00h:00h      1028h   1f1eh\n",
                "IR volume 1\n  Volume ID                               : 79\n  Status of volume      \
                 : Degraded (DGD)\n  RAID level        : RAID1\n  PHY[0] Enclosure#/Slot#  : 1:0\n\
                 Device is a Hard disk\n  Enclosure #  : 1\n  Slot #  : 0\n  State  : Failed (FLD)\n",
                "IR Volume 1\n   Volume state  : Degraded\n   Current operation  : Synchronize\n   \
                 Percentage complete  : 12.34%\n",
            ])
        },
        parse: |text| {
            black_box(ircu::adapters(text));
            let mut one = ircu::display(0, text).unwrap_or_default();
            ircu::status(&mut one, text);
            black_box(one);
        },
    },
    Parser {
        name: "tw_cli",
        covers: &["tw_cli::controllers", "tw_cli::units", "tw_cli::drives"],
        captures: &[],
        written: || {
            texts(&[
                "Ctl   Model        (V)Ports  Drives   Units   NotOpt  RRate   VRate  BBU\n\
                 ----------------------\nc0    9650SE-2LP   2         2        1       1       1       \
                 1      -\n",
                "Unit  UnitType  Status         %RCmpl  %V/I/M  Stripe  Size(GB)  Cache  AVrfy\n\
                 ------------------\nu0    RAID-1    REBUILDING     12      -       -       465.651   \
                 Ri     ON\n",
                "Port   Status           Unit   Size        Blocks        Serial\n------------\np0     \
                 DEGRADED         u0     465.76 GB   976773168     WD-WCAT00000000\n",
            ])
        },
        parse: |text| {
            let mut found = tw_cli::controllers(text);
            found.extend(controllers());
            for one in found.iter_mut().take(2) {
                tw_cli::units(one, text);
                tw_cli::drives(one, text);
            }
            black_box(found);
        },
    },
    Parser {
        name: "bonding",
        covers: &[
            "bonding::bonding",
            "bonding::from_text",
            "bonding::named",
            "bonding::mac",
            "bonding::speed",
            "bonding::full_duplex",
        ],
        captures: &["/bonding/"],
        written: none,
        parse: |text| {
            black_box(bonding::bonding(text));
            utf8(text, |text| {
                black_box(bonding::Mode::from_text(text));
                black_box(bonding::Mii::from_text(text));
                black_box(bonding::Member::named(text));
                black_box(bonding::mac(text));
                black_box(bonding::speed(text));
                black_box(bonding::full_duplex(text));
            });
        },
    },
    Parser {
        name: "links",
        covers: &["link::bonds", "netlink::encode"],
        captures: &[],
        written: links,
        parse: |bytes| eat(link::bonds([bytes, bytes].into_iter())),
    },
    Parser {
        name: "link modes",
        covers: &["linkmode::modes", "linkmode::family"],
        captures: &[],
        written: link_modes,
        parse: |bytes| {
            black_box(linkmode::modes(bytes));
            black_box(linkmode::family(bytes));
        },
    },
    Parser {
        name: "mounts",
        covers: &[
            "mount::mountinfo",
            "mount::mountinfo_line",
            "mount::mounts",
            "mount::unescape",
            "mount::readable",
            "mount::escape",
            "mount::has_option",
            "mount::has_super_option",
        ],
        captures: &["/mountinfo", "/mounts"],
        written: || {
            texts(&["UUID=1-2 /boot vfat ro,noauto 0 2\n# none\n/dev/sda /a\\040b ext4 defaults\n"])
        },
        parse: |text| {
            let mut found = mount::mountinfo(text);
            found.extend(mount::mounts(text));
            for one in &found {
                black_box(one.has_super_option("ro"));
            }
            black_box(mount::mountinfo_line(text));
            black_box(mount::unescape(text));
            black_box(mount::escape(text));
            utf8(text, |text| eat(mount::has_option(text, "ro")));
            black_box(mount::readable(text));
        },
    },
    Parser {
        name: "cpu",
        covers: &[
            "cpu::all_cpus",
            "cpu::online",
            "cpu::count_list",
            "cpu::loadavg",
            "cpu::boot_time_seconds",
            "mod::fraction",
        ],
        captures: &["/proc/stat", "/loadavg"],
        written: || texts(&["0-3,8-11,4294967295\n", "0.25 1.5 9e9 3/4000 12345\n"]),
        parse: |text| {
            black_box(cpu::all_cpus(text));
            black_box(cpu::online(text));
            black_box(cpu::loadavg(text));
            black_box(cpu::boot_time_seconds(text));
            black_box(hostwatch::parse::fraction(text));
            utf8(text, |text| eat(cpu::count_list(text)));
        },
    },
    Parser {
        name: "aliases",
        covers: &["aliases::read", "aliases::of"],
        captures: &[],
        written: || {
            texts(&[
                "# aliases(5)\nroot: ana,\n  ops@example.net\nana: \"|/bin/cat, x\", \\ana\n",
                "a: b, b, b\nb: c, c, c\nc: d, d, d\nd: a, root\nroot: a\n",
            ])
        },
        parse: |text| {
            utf8(text, |text| {
                let aliases = Aliases::read(text);
                for name in ["root", "a"] {
                    eat(aliases.of(name));
                }
            });
        },
    },
    Parser {
        name: "x509",
        covers: &["x509::ends_unix"],
        captures: &[],
        // The outline of a certificate up to its two times.
        written: || {
            vec![
                b"0\x310\x2f\xa0\x03\x02\x01\x02\x02\x01\x070\x000\x000\x1e\x17\x0d200101000000Z\x17\x0d261123021200Z"
                    .to_vec(),
            ]
        },
        parse: |bytes| eat(x509::ends_unix(bytes)),
    },
    Parser {
        name: "account",
        covers: &["account::named", "account::numbered"],
        captures: &[],
        written: || {
            texts(&[
                "root:x:0:0::/root:/bin/sh\nhostwatch:x:998:997::/:/bin/false\n",
                "adm:x:4:hostwatch,root\nhostwatch:x:997:\ndisk:x:6:x\n",
            ])
        },
        parse: |text| {
            utf8(text, |text| eat(Account::named("hostwatch", text, text)));
            utf8(text, |text| eat(Account::numbered(998, text, text)));
        },
    },
    Parser {
        name: "memory",
        covers: &["memory::meminfo", "memory::vmstat", "memory::arc_reclaimable_bytes"],
        captures: &["/meminfo", "/vmstat"],
        written: || {
            texts(&[
                "13 1 0x01 96 26112 7\nname type data\nsize 4 8589934592\nc_min 4 18446744073709551615\n",
            ])
        },
        parse: |text| {
            black_box(memory::meminfo(text).available_bytes(u64::MAX));
            black_box(memory::vmstat(text));
            black_box(memory::arc_reclaimable_bytes(text));
        },
    },
    Parser {
        name: "diskstats",
        covers: &["disk::diskstats"],
        captures: &["/diskstats"],
        written: none,
        parse: |text| eat(disk::diskstats(text).count()),
    },
    Parser {
        name: "net/dev",
        covers: &["net::net_dev"],
        captures: &["/net/dev"],
        written: none,
        parse: |text| eat(net::net_dev(text).count()),
    },
    Parser {
        name: "pressure",
        covers: &["pressure::some_total_us", "pressure::full_total_us"],
        captures: &["/pressure/"],
        written: none,
        parse: |text| eat((pressure::some_total_us(text), pressure::full_total_us(text))),
    },
    Parser {
        name: "hwmon",
        covers: &["hwmon::attribute", "hwmon::value", "hwmon::flag"],
        captures: &["/hwmon0/", "/hwmon1/"],
        written: || texts(&["temp1_crit_alarm", "in0_input", "-9223372036854775808", "-273150\n"]),
        parse: |text| {
            utf8(text, |text| {
                for sensor in [Sensor::Temperature, Sensor::Voltage, Sensor::Power, Sensor::Fan] {
                    black_box(sensor.attribute(text));
                    black_box(hwmon::value(sensor, text));
                }
                black_box(hwmon::flag(text));
            });
        },
    },
    Parser {
        name: "controller",
        covers: &[
            "ipmi::sdr::records",
            "ipmi::sdr::parse",
            "ipmi::name::name",
            "ipmi::reading::parse",
            "ipmi::convert::reading_factors",
            "ipmi::sel::parse",
            "ipmi::sel::parse_answer",
            "ipmi::sel::clock",
            "ipmi::dcmi::power",
            "ipmi::dcmi::has_power",
            "ipmi::chassis::parse",
            "ipmi::chassis::restart_cause",
            "ipmi::device::parse",
        ],
        captures: &["/sdr.bin"],
        written: super::bmc_decode::answers_by_hand,
        parse: super::bmc_decode::decode_all,
    },
    Parser {
        name: "scrub",
        covers: &[
            "scrub::learn_name",
            "scrub::learn",
            "scrub::learn_from",
            "scrub::scrub",
            "scrub::restore",
        ],
        captures: &[],
        written: || texts(&["Serial No: ZC1A77Q2 at 00:25:90:a6:4c:d8, 192.0.2.7, 2001:db8::7\n"]),
        parse: |text| {
            // No probe waits for it: a person runs `capture`. Its time grows faster than the text.
            utf8(&text[..text.len().min(2048)], |text| {
                let key = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default();
                let mut scrubber = scrub::Scrubber::new(key);
                scrubber.learn_name(text.get(..20).unwrap_or("host1"));
                scrubber.learn(text.get(..12).unwrap_or("ZC1A77Q2"));
                scrubber.learn_from(text);
                let clean = scrubber.scrub(text);
                eat(scrubber.restore(&clean));
            });
        },
    },
    Parser {
        name: "configuration",
        covers: &[],
        captures: &[],
        written: configurations,
        parse: |text| {
            utf8(text, |text| {
                let loaded = super::config::load(&[("hostwatch.yaml", text)]);
                assert!(loaded.plan.is_some() || loaded.diagnostics.has_errors());
                black_box(loaded.diagnostics.render(false));
            });
        },
    },
    Parser {
        name: "quantities",
        covers: &[],
        captures: &[],
        written: || texts(&["2h30m", "1.5GiB", "85C", "95%", "1Gbit/s", "11.4V", "true"]),
        parse: |text| {
            utf8(text, |text| {
                black_box(units::span(text).ok());
                black_box(units::boolean(text).ok());
                black_box(units::quantity(text, &[Unit::Percent, Unit::Bytes]).ok());
            });
        },
    },
    Parser {
        name: "journal",
        covers: &[],
        captures: &[],
        written: journals,
        parse: |bytes| {
            let scan = frame::scan(bytes);
            assert!(scan.good_bytes <= bytes.len());
            black_box(last_clocks(&scan.frames));
        },
    },
    Parser {
        name: "history",
        covers: &[],
        captures: &[],
        written: crate::history::written,
        parse: |bytes| eat(history::points_in(bytes)),
    },
    Parser {
        name: "spool",
        covers: &[],
        captures: &[],
        written: crate::forward_size::written,
        parse: |bytes| eat((spool::frames_in(bytes), pack::unpack(bytes))),
    },
    Parser {
        name: "requests",
        covers: &[],
        captures: &[],
        written: || texts(&["\"status\"", "\"reload\"", "{\"flush\":null}"]),
        parse: |text| eat(serde_json::from_slice::<Request>(text).ok()),
    },
    Parser {
        name: "mail",
        covers: &[],
        captures: &[],
        written: || {
            texts(&["\"A, B\" <a@b.example>", "Subject: =?UTF-8?Q?=C3=A9?=\r\n\r\nx=3D=\r\ny\r\n"])
        },
        parse: |text| {
            utf8(text, |text| {
                black_box(mime::mailbox(text));
                black_box(mime::is_address(text));
                black_box(mime::quoted_printable(text));
                black_box(mime::text_of(text));
                black_box(mime::phrase(text));
            });
        },
    },
];

/// Numbers that follow from a seed (Marsaglia's xorshift): a failure is found again by its number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// Pieces on which parsers stumble.
const PIECES: &[&[u8]] = &[
    b"18446744073709551616",
    b"-1",
    b"4294967295",
    b"nan",
    b"1e999",
    b"\0",
    b"\xff\xfe",
    b"\r\n",
    b"\n\n",
    b"   ",
    b":",
    b"[",
    b"]",
    b"{\"",
    b"\"",
    b"\\",
    b"\xe2\x80\xae",
    b"%",
    b"/",
    b"\xc3",
];

/// One input, made of the seeds.
fn damaged(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut text = seeds[dice.below(seeds.len())].clone();
    // Long captures make slow inputs, and most of what is read is in every part of them.
    if text.len() > 4096 && dice.below(8) != 0 {
        let from = dice.below(text.len() - 2048);
        text = text[from..from + 2048].to_vec();
    }
    for _ in 0..dice.below(12) {
        let at = dice.below(text.len() + 1);
        let end = (at + dice.below(40)).min(text.len());
        match dice.below(9) {
            0 if at < text.len() => text[at] = u8::try_from(dice.below(256)).unwrap(),
            1 if at < text.len() => text[at] ^= 1 << dice.below(8),
            2 => drop(text.drain(at..end)),
            3 => {
                let again = text[at..end].to_vec();
                text.splice(at..at, again);
            }
            4 => drop(text.splice(at..end, PIECES[dice.below(PIECES.len())].iter().copied())),
            5 => text.truncate(at),
            6 => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len());
                let to = (from + dice.below(200)).min(other.len());
                text.splice(at..at, other[from..to].iter().copied());
            }
            7 => {
                let piece = PIECES[dice.below(PIECES.len())].repeat(1 << dice.below(9));
                text.splice(at..at, piece);
            }
            8 => {
                // A line comes twice, far from the first.
                let line = text[at..].split(|byte| *byte == b'\n').next().unwrap_or_default();
                let line = [line, b"\n"].concat();
                let place = dice.below(text.len() + 1);
                text.splice(place..place, line);
            }
            _ => {}
        }
    }
    text.truncate(INPUT_BYTES_MAX);
    text
}

pub(crate) fn captured_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            captured_files(&path, found);
        } else if path.file_name().is_some_and(|name| name != "expected.json") {
            found.push(path);
        }
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

pub(crate) fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

fn memory_kib(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn no_input_stops_a_parser_or_keeps_it_busy() {
    let folder = super::raid::captures();
    let mut files = Vec::new();
    captured_files(&folder, &mut files);
    let inputs = setting("HOSTWATCH_FUZZ", INPUTS);
    let seed = setting("HOSTWATCH_FUZZ_SEED", 1);
    let only = std::env::var("HOSTWATCH_FUZZ_ONLY").unwrap_or_default();
    let mut wrong = Vec::new();
    for parser in PARSERS {
        if !only.is_empty() && !only.split(',').any(|name| name == parser.name) {
            continue;
        }
        let mut seeds = (parser.written)();
        for file in &files {
            let path = file.to_str().unwrap();
            if parser.captures.iter().any(|part| path.contains(part)) {
                seeds.push(std::fs::read(file).unwrap());
            }
        }
        assert!(!seeds.is_empty(), "{} has nothing to begin with", parser.name);
        assert!(
            parser
                .captures
                .iter()
                .all(|part| files.iter().any(|f| f.to_str().unwrap().contains(part))),
            "{}: no capture for one of {:?}",
            parser.name,
            parser.captures
        );
        seeds.push(Vec::new());
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (seed << 1));
        let (mut slowest, begun, before) = (Duration::ZERO, cpu_time(), memory_kib("VmRSS:"));
        for number in 0..inputs {
            let input = damaged(&seeds, &mut dice);
            let start = cpu_time();
            let went = catch_unwind(AssertUnwindSafe(|| (parser.parse)(&input)));
            let took = cpu_time() - start;
            slowest = slowest.max(took);
            if went.is_err() || took > TIME_MAX {
                let how =
                    if went.is_err() { "panicked".to_owned() } else { format!("took {took:?}") };
                wrong.push(format!(
                    "{} {how} on input {number}: {}",
                    parser.name,
                    input.escape_ascii()
                ));
                break;
            }
        }
        let grown = memory_kib("VmHWM:").saturating_sub(before);
        if grown > GROWTH_KIB_MAX {
            wrong.push(format!("{} made the process grow by {grown} KiB", parser.name));
        }
        println!(
            "{:<14} {inputs} inputs of {} seeds in {:.1?}, slowest {slowest:.1?}, {grown} KiB above",
            parser.name,
            seeds.len(),
            cpu_time() - begun,
        );
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
