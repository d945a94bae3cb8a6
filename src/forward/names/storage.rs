//! Names for file systems and disks.

use super::Source::{Fixed, Instance, Label};
use super::{BYTES, Family, Naming, RATIO, Row, Since, Tag, left_out, row, tag};
use crate::forward::series::Instrument;

/// node_exporter's labels of a file system.
const MOUNT: &[Tag] =
    &[tag("device", Label("device")), tag("fstype", Label("fstype")), tag("mountpoint", Instance)];
const OTEL_MOUNT: &[Tag] = &[
    tag("system.device", Label("device")),
    tag("system.filesystem.mountpoint", Instance),
    tag("system.filesystem.type", Label("fstype")),
];
const OTEL_USED: &[Tag] = &otel_mount("used");
const OTEL_FREE: &[Tag] = &otel_mount("free");

const fn otel_mount(state: &'static str) -> [Tag; 4] {
    [
        tag("system.device", Label("device")),
        tag("system.filesystem.mountpoint", Instance),
        tag("system.filesystem.state", Fixed(state)),
        tag("system.filesystem.type", Label("fstype")),
    ]
}

pub(super) static FILESYSTEM: Family = Family {
    kind: "filesystem",
    hardware: None,
    rows: &[
        row(
            "used_percent",
            Naming::gauge(
                "Used share of the space that users can use, as df prints it",
                "hostwatch_filesystem_used_ratio",
                MOUNT,
            )
            .per(100.0)
            .otel("system.filesystem.utilization", RATIO, Instrument::Gauge, OTEL_USED),
        ),
        row(
            "used_bytes",
            Naming::gauge("Space in use", "hostwatch_filesystem_used_bytes", MOUNT).otel(
                "system.filesystem.usage",
                BYTES,
                Instrument::UpDownCounter,
                OTEL_USED,
            ),
        ),
        left_out("free_percent", "1 minus the used ratio"),
        row(
            "free_bytes",
            Naming::gauge(
                "Space left for users, the reserve for root not counted",
                "node_filesystem_avail_bytes",
                MOUNT,
            )
            .otel(
                "system.filesystem.usage",
                BYTES,
                Instrument::UpDownCounter,
                OTEL_FREE,
            ),
        ),
        row(
            "inodes_percent",
            Naming::gauge(
                "Used share of the inodes, as df -i prints it",
                "hostwatch_filesystem_inodes_used_ratio",
                MOUNT,
            )
            .per(100.0)
            .otel(
                "hostwatch.filesystem.inode.utilization",
                RATIO,
                Instrument::Gauge,
                OTEL_MOUNT,
            ),
        ),
        row(
            "readonly",
            Naming::gauge(
                "Whether the file system is read-only though it should not be",
                "hostwatch_filesystem_turned_readonly",
                MOUNT,
            )
            .otel(
                "hostwatch.filesystem.turned_readonly",
                ("1", 1.0),
                Instrument::Gauge,
                OTEL_MOUNT,
            ),
        ),
        row(
            "size_bytes",
            Naming::gauge("Size of the file system", "node_filesystem_size_bytes", MOUNT).otel(
                "system.filesystem.limit",
                BYTES,
                Instrument::UpDownCounter,
                OTEL_MOUNT,
            ),
        ),
        row(
            "free_for_root_bytes",
            Naming::gauge(
                "Space left, the reserve for root among it",
                "node_filesystem_free_bytes",
                MOUNT,
            )
            .otel(
                "hostwatch.filesystem.free_for_root",
                BYTES,
                Instrument::Gauge,
                OTEL_MOUNT,
            ),
        ),
        row(
            "inodes_count",
            Naming::gauge("Inodes of the file system", "node_filesystem_files", MOUNT).otel(
                "hostwatch.filesystem.inode.limit",
                ("{inode}", 1.0),
                Instrument::UpDownCounter,
                OTEL_MOUNT,
            ),
        ),
        row(
            "inodes_free_count",
            Naming::gauge("Inodes that are free", "node_filesystem_files_free", MOUNT).otel(
                "hostwatch.filesystem.inode.free",
                ("{inode}", 1.0),
                Instrument::UpDownCounter,
                OTEL_MOUNT,
            ),
        ),
        row(
            "mounted_read_only",
            Naming::gauge(
                "Whether the file system is mounted read-only, for whatever reason",
                "node_filesystem_readonly",
                MOUNT,
            )
            .otel(
                "hostwatch.filesystem.readonly",
                ("1", 1.0),
                Instrument::Gauge,
                OTEL_MOUNT,
            ),
        ),
    ],
};

const DISK: &[Tag] = &[tag("device", Instance)];
const OTEL_DISK: &[Tag] = &[tag("system.device", Instance)];
const OTEL_READ: &[Tag] = &otel_disk("read");
const OTEL_WRITE: &[Tag] = &otel_disk("write");

const fn otel_disk(direction: &'static str) -> [Tag; 2] {
    [tag("disk.io.direction", Fixed(direction)), tag("system.device", Instance)]
}

/// What the kernel counts of a disk since it came to be.
const fn disk_sum(
    value: &'static str,
    (help, name): (&'static str, &'static str),
    (otel, unit, attributes): (&'static str, &'static str, &'static [Tag]),
) -> Row {
    let naming = Naming::counter(help, name, DISK).since(Since::Boot);
    row(value, naming.otel(otel, (unit, 1.0), Instrument::Counter, attributes))
}

pub(super) static DISK_IO: Family = Family {
    kind: "disk_io",
    hardware: None,
    rows: &[
        row(
            "busy_percent",
            Naming::gauge(
                "Share of time with at least one request under way",
                "hostwatch_disk_io_busy_ratio",
                DISK,
            )
            .per(100.0)
            .otel("hostwatch.disk_io.busy", RATIO, Instrument::Gauge, OTEL_DISK),
        ),
        row(
            "await_seconds",
            Naming::gauge(
                "Mean time from handing a request in to its end; 0 when there was none",
                "hostwatch_disk_io_await_seconds",
                DISK,
            )
            .otel("hostwatch.disk_io.await", ("s", 1.0), Instrument::Gauge, OTEL_DISK),
        ),
        row(
            "read_bytes_per_second",
            Naming::gauge("Bytes read a second", "hostwatch_disk_io_read_bytes_per_second", DISK)
                .otel("hostwatch.disk_io.rate", ("By/s", 1.0), Instrument::Gauge, OTEL_READ),
        ),
        row(
            "write_bytes_per_second",
            Naming::gauge(
                "Bytes written a second",
                "hostwatch_disk_io_written_bytes_per_second",
                DISK,
            )
            .otel(
                "hostwatch.disk_io.rate",
                ("By/s", 1.0),
                Instrument::Gauge,
                OTEL_WRITE,
            ),
        ),
        row(
            "queue",
            Naming::gauge(
                "Mean number of requests under way",
                "hostwatch_disk_io_queue_length",
                DISK,
            )
            .otel(
                "hostwatch.disk_io.queue",
                ("{request}", 1.0),
                Instrument::Gauge,
                OTEL_DISK,
            ),
        ),
        disk_sum(
            "read_bytes",
            ("Bytes read", "node_disk_read_bytes_total"),
            ("system.disk.io", "By", OTEL_READ),
        ),
        disk_sum(
            "written_bytes",
            ("Bytes written", "node_disk_written_bytes_total"),
            ("system.disk.io", "By", OTEL_WRITE),
        ),
        disk_sum(
            "reads_count",
            ("Read requests that ended", "node_disk_reads_completed_total"),
            ("system.disk.operations", "{operation}", OTEL_READ),
        ),
        disk_sum(
            "writes_count",
            ("Write requests that ended", "node_disk_writes_completed_total"),
            ("system.disk.operations", "{operation}", OTEL_WRITE),
        ),
        disk_sum(
            "reading_seconds",
            ("Time that all read requests took together", "node_disk_read_time_seconds_total"),
            ("system.disk.operation_time", "s", OTEL_READ),
        ),
        disk_sum(
            "writing_seconds",
            ("Time that all write requests took together", "node_disk_write_time_seconds_total"),
            ("system.disk.operation_time", "s", OTEL_WRITE),
        ),
        disk_sum(
            "io_seconds",
            ("Time with at least one request under way", "node_disk_io_time_seconds_total"),
            ("system.disk.io_time", "s", OTEL_DISK),
        ),
        disk_sum(
            "io_weighted_seconds",
            (
                "Time with requests under way, times their number",
                "node_disk_io_time_weighted_seconds_total",
            ),
            ("hostwatch.disk_io.weighted_io_time", "s", OTEL_DISK),
        ),
    ],
};
