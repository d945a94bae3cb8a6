//! Names for what the kernel counts of the machine as a whole: CPUs, memory, load.

use super::Source::Fixed;
use super::{BYTES, Family, Naming, RATIO, Row, Since, Tag, row, tag};
use crate::forward::series::Instrument;

const fn otel_mode(mode: &'static str) -> [Tag; 1] {
    [tag("cpu.mode", Fixed(mode))]
}

/// All CPUs as one: where node_exporter has a label `cpu`, sums over it are the same.
const fn cpu_time(value: &'static str, modes: (&'static [Tag], &'static [Tag])) -> Row {
    let naming = Naming::counter(
        "Seconds that all CPUs together spent in each mode",
        "node_cpu_seconds_total",
        modes.0,
    );
    let naming = naming.since(Since::Boot);
    row(value, naming.otel("system.cpu.time", ("s", 1.0), Instrument::Counter, modes.1))
}

const fn mode(mode: &'static str) -> [Tag; 1] {
    [tag("mode", Fixed(mode))]
}

pub(super) static CPU: Family = Family {
    kind: "cpu",
    hardware: None,
    rows: &[
        cpu_time("user_seconds", (&mode("user"), &otel_mode("user"))),
        cpu_time("nice_seconds", (&mode("nice"), &otel_mode("nice"))),
        cpu_time("system_seconds", (&mode("system"), &otel_mode("system"))),
        cpu_time("idle_seconds", (&mode("idle"), &otel_mode("idle"))),
        cpu_time("iowait_seconds", (&mode("iowait"), &otel_mode("iowait"))),
        cpu_time("irq_seconds", (&mode("irq"), &otel_mode("interrupt"))),
        // The conventions name none; a second `interrupt` would be the same series.
        cpu_time("softirq_seconds", (&mode("softirq"), &otel_mode("softirq"))),
        cpu_time("steal_seconds", (&mode("steal"), &otel_mode("steal"))),
        row(
            "busy_percent",
            Naming::gauge(
                "Share of time with work: programs, kernel, interrupts, and what the hypervisor took",
                "hostwatch_cpu_busy_ratio",
                &[],
            )
            .per(100.0)
            .otel("hostwatch.cpu.busy", RATIO, Instrument::Gauge, &[]),
        ),
        row(
            "iowait_percent",
            Naming::gauge(
                "Share of time without work while a disk was waited for",
                "hostwatch_cpu_iowait_ratio",
                &[],
            )
            .per(100.0)
            .otel("system.cpu.utilization", RATIO, Instrument::Gauge, &otel_mode("iowait")),
        ),
        row(
            "steal_percent",
            Naming::gauge(
                "Share of time that the hypervisor gave to other guests though this one had work",
                "hostwatch_cpu_steal_ratio",
                &[],
            )
            .per(100.0)
            .otel("system.cpu.utilization", RATIO, Instrument::Gauge, &otel_mode("steal")),
        ),
    ],
};

const fn memory_state(state: &'static str) -> [Tag; 1] {
    [tag("system.memory.state", Fixed(state))]
}

/// A size from `/proc/meminfo`.
const fn meminfo(
    value: &'static str,
    help: &'static str,
    name: &'static str,
    otel: &'static str,
    attributes: &'static [Tag],
) -> Row {
    let naming = Naming::gauge(help, name, &[]);
    row(value, naming.otel(otel, BYTES, Instrument::UpDownCounter, attributes))
}

/// A count from `/proc/vmstat`, which node_exporter gives no type; without `_total` it cannot be a
/// counter here.
const fn vmstat(
    value: &'static str,
    help: &'static str,
    name: &'static str,
    otel: &'static str,
    unit: &'static str,
    attributes: &'static [Tag],
) -> Row {
    let naming = Naming::gauge(help, name, &[]).since(Since::Boot);
    row(value, naming.otel(otel, (unit, 1.0), Instrument::Counter, attributes))
}

const fn paging(fault: &'static str, direction: &'static str) -> [Tag; 2] {
    [
        tag("system.paging.direction", Fixed(direction)),
        tag("system.paging.fault.type", Fixed(fault)),
    ]
}

const OTEL_SWAP_FREE: &[Tag] = &[tag("system.paging.state", Fixed("free"))];
const OTEL_SWAP_USED: &[Tag] = &[tag("system.paging.state", Fixed("used"))];

pub(super) static MEMORY: Family = Family {
    kind: "memory",
    hardware: None,
    rows: &[
        meminfo(
            "total_bytes",
            "Memory that the kernel manages",
            "node_memory_MemTotal_bytes",
            "system.memory.limit",
            &[],
        ),
        meminfo(
            "free_bytes",
            "Memory that nothing uses",
            "node_memory_MemFree_bytes",
            "system.memory.usage",
            &memory_state("free"),
        ),
        meminfo(
            "kernel_available_bytes",
            "Memory that programs can have without swapping, as the kernel estimates it",
            "node_memory_MemAvailable_bytes",
            "system.memory.linux.available",
            &[],
        ),
        meminfo(
            "buffers_bytes",
            "Memory with blocks of devices",
            "node_memory_Buffers_bytes",
            "system.memory.usage",
            &memory_state("buffers"),
        ),
        meminfo(
            "cached_bytes",
            "Memory with contents of files",
            "node_memory_Cached_bytes",
            "system.memory.usage",
            &memory_state("cached"),
        ),
        meminfo(
            "slab_reclaimable_bytes",
            "Caches of the kernel that can be given back",
            "node_memory_SReclaimable_bytes",
            "system.memory.linux.slab.usage",
            &[tag("system.memory.linux.slab.state", Fixed("reclaimable"))],
        ),
        meminfo(
            "swap_total_bytes",
            "Size of the swap space",
            "node_memory_SwapTotal_bytes",
            "hostwatch.memory.swap_limit",
            &[],
        ),
        meminfo(
            "swap_free_bytes",
            "Swap space that is not in use",
            "node_memory_SwapFree_bytes",
            "system.paging.usage",
            OTEL_SWAP_FREE,
        ),
        row(
            "pressure_waiting_seconds",
            Naming::counter(
                "Time in which at least one task waited for memory",
                "node_pressure_memory_waiting_seconds_total",
                &[],
            )
            .since(Since::Boot)
            .otel(
                "hostwatch.memory.pressure.waiting",
                ("s", 1.0),
                Instrument::Counter,
                &[],
            ),
        ),
        row(
            "pressure_stalled_seconds",
            Naming::counter(
                "Time in which all tasks waited for memory",
                "node_pressure_memory_stalled_seconds_total",
                &[],
            )
            .since(Since::Boot)
            .otel(
                "hostwatch.memory.pressure.stalled",
                ("s", 1.0),
                Instrument::Counter,
                &[],
            ),
        ),
        vmstat(
            "swap_in_pages_count",
            "Pages read back from swap since the system started",
            "node_vmstat_pswpin",
            "system.paging.operations",
            "{operation}",
            &paging("major", "in"),
        ),
        vmstat(
            "swap_out_pages_count",
            "Pages written to swap since the system started",
            "node_vmstat_pswpout",
            "system.paging.operations",
            "{operation}",
            &paging("major", "out"),
        ),
        vmstat(
            "major_faults_count",
            "Page faults for which a disk was read since the system started",
            "node_vmstat_pgmajfault",
            "system.paging.faults",
            "{fault}",
            &[tag("system.paging.fault.type", Fixed("major"))],
        ),
        vmstat(
            "oom_kills_count",
            "Programs killed for want of memory since the system started",
            "node_vmstat_oom_kill",
            "hostwatch.memory.oom_kills",
            "{process}",
            &[],
        ),
        row(
            "available_percent",
            Naming::gauge(
                "Share of memory that programs can have without swapping",
                "hostwatch_memory_available_ratio",
                &[],
            )
            .per(100.0)
            .otel("hostwatch.memory.available_ratio", RATIO, Instrument::Gauge, &[]),
        ),
        row(
            "available_bytes",
            Naming::gauge(
                "Memory that programs can have without swapping, the cache of ZFS among it",
                "hostwatch_memory_available_bytes",
                &[],
            )
            .otel("hostwatch.memory.available", BYTES, Instrument::Gauge, &[]),
        ),
        row(
            "swap_used_percent",
            Naming::gauge("Share of swap space in use", "hostwatch_memory_swap_used_ratio", &[])
                .per(100.0)
                .otel("system.paging.utilization", RATIO, Instrument::Gauge, OTEL_SWAP_USED),
        ),
        row(
            "swap_used_bytes",
            Naming::gauge("Swap space in use", "hostwatch_memory_swap_used_bytes", &[]).otel(
                "system.paging.usage",
                BYTES,
                Instrument::UpDownCounter,
                OTEL_SWAP_USED,
            ),
        ),
        row(
            "pressure_percent",
            Naming::gauge(
                "Share of the time since the previous reading in which a program waited for memory",
                "hostwatch_memory_pressure_ratio",
                &[],
            )
            .per(100.0)
            .otel("hostwatch.memory.pressure.ratio", RATIO, Instrument::Gauge, &[]),
        ),
        row(
            "oom_kills",
            Naming::gauge(
                "Programs killed for want of memory between the last two readings",
                "hostwatch_memory_oom_kills_lately",
                &[],
            )
            .otel(
                "hostwatch.memory.oom_kills_lately",
                ("{process}", 1.0),
                Instrument::Gauge,
                &[],
            ),
        ),
        row(
            "swap_in_bytes_per_second",
            Naming::gauge(
                "How fast memory is read back from swap",
                "hostwatch_memory_swap_in_bytes_per_second",
                &[],
            )
            .otel("hostwatch.memory.swap_in", ("By/s", 1.0), Instrument::Gauge, &[]),
        ),
    ],
};

const fn load(help: &'static str, name: &'static str, otel: &'static str) -> Naming {
    Naming::gauge(help, name, &[]).otel(otel, ("{thread}", 1.0), Instrument::Gauge, &[])
}

/// The conventions name no load average; these names are those of the Collector's host metrics.
pub(super) static LOAD: Family = Family {
    kind: "load",
    hardware: None,
    rows: &[
        row(
            "load1",
            load("Load average over one minute", "node_load1", "system.cpu.load_average.1m"),
        ),
        row(
            "load5",
            load("Load average over five minutes", "node_load5", "system.cpu.load_average.5m"),
        ),
        row(
            "load15",
            load("Load average over fifteen minutes", "node_load15", "system.cpu.load_average.15m"),
        ),
        row(
            "load1_per_cpu",
            load(
                "Load average over one minute, divided by the CPUs online",
                "hostwatch_load1_per_cpu",
                "hostwatch.load.1m_per_cpu",
            ),
        ),
        row(
            "load5_per_cpu",
            load(
                "Load average over five minutes, divided by the CPUs online",
                "hostwatch_load5_per_cpu",
                "hostwatch.load.5m_per_cpu",
            ),
        ),
        row(
            "load15_per_cpu",
            load(
                "Load average over fifteen minutes, divided by the CPUs online",
                "hostwatch_load15_per_cpu",
                "hostwatch.load.15m_per_cpu",
            ),
        ),
        row(
            "runnable",
            load(
                "Tasks that run or want to, at the moment of reading",
                "node_procs_running",
                "hostwatch.load.runnable",
            ),
        ),
        row(
            "cpus_count",
            Naming::gauge("CPUs online", "hostwatch_load_cpus", &[]).otel(
                "system.cpu.logical.count",
                ("{cpu}", 1.0),
                Instrument::UpDownCounter,
                &[],
            ),
        ),
    ],
};
