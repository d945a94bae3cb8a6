//! What the BMCs of the tests have: one table of sensors, written as IPMI 2.0 section 43 lays records
//! out, as commands for `ipmi_sim`, and as facts for `bmc17.py`.

use serde_json::{Value, json};

/// How a record describes its sensor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Type 1: a value.
    Full,
    /// Type 2: states.
    Compact,
    /// Type 3: events, never read.
    EventOnly,
}

/// A sensor.
#[derive(Clone, Copy)]
pub(crate) struct Sensor {
    pub(crate) name: &'static str,
    pub(crate) lun: u8,
    pub(crate) number: u8,
    shape: Shape,
    /// Sensor type, event/reading type, entity and its instance.
    codes: [u8; 4],
    /// Two's complement.
    signed: bool,
    unit: u8,
    /// M, B, R exponent, B exponent.
    factors: [i16; 4],
    linearization: u8,
    /// Raw value, or its states in the low bits.
    pub(crate) value: u16,
    /// Upper then lower, from non-recoverable on; the mask in the same order.
    thresholds: [u8; 6],
    mask: &'static str,
    scanning: bool,
}

const CELSIUS: u8 = 1;
const VOLTS: u8 = 4;
const WATTS: u8 = 6;
const RPM: u8 = 18;
/// 1/x.
const INVERSE: u8 = 7;

const VALUE: Sensor = Sensor {
    name: "",
    lun: 0,
    number: 0,
    shape: Shape::Full,
    codes: [0x01, 0x01, 3, 1],
    signed: false,
    unit: CELSIUS,
    factors: [1, 0, 0, 0],
    linearization: 0,
    value: 0,
    thresholds: [0; 6],
    mask: "000000",
    scanning: true,
};

const STATES: Sensor = Sensor { shape: Shape::Compact, unit: 0, ..VALUE };

/// All of them, in the order of their records.
pub(crate) const SENSORS: &[Sensor] = &[
    Sensor {
        name: "CPU1 Temp",
        number: 1,
        value: 45,
        thresholds: [100, 95, 85, 0, 0, 0],
        mask: "111000",
        ..VALUE
    },
    Sensor {
        name: "Inlet Temp",
        number: 2,
        codes: [1, 1, 0x37, 1],
        signed: true,
        value: 22,
        ..VALUE
    },
    Sensor {
        name: "FAN1",
        number: 3,
        codes: [4, 1, 29, 1],
        unit: RPM,
        factors: [100, 0, 0, 0],
        value: 54,
        thresholds: [0, 0, 0, 3, 5, 7],
        mask: "000111",
        ..VALUE
    },
    Sensor {
        name: "FAN2",
        number: 4,
        codes: [4, 1, 29, 2],
        unit: RPM,
        factors: [100, 0, 0, 0],
        value: 53,
        thresholds: [0, 0, 0, 3, 5, 7],
        mask: "000111",
        ..VALUE
    },
    Sensor {
        name: "12V",
        number: 5,
        codes: [2, 1, 7, 1],
        unit: VOLTS,
        factors: [6, 0, -2, 0],
        value: 201,
        thresholds: [0, 220, 215, 0, 180, 185],
        mask: "011011",
        ..VALUE
    },
    Sensor {
        name: "3.3V",
        number: 6,
        codes: [2, 1, 7, 1],
        unit: VOLTS,
        factors: [16, 4, -3, 1],
        value: 204,
        thresholds: [0, 225, 220, 0, 190, 195],
        mask: "011011",
        ..VALUE
    },
    Sensor {
        name: "PSU1 Power",
        number: 7,
        codes: [0x0b, 1, 10, 1],
        unit: WATTS,
        factors: [4, 0, 0, 0],
        value: 40,
        ..VALUE
    },
    Sensor {
        name: "Inverse",
        number: 8,
        codes: [0x0b, 1, 7, 1],
        unit: 0,
        linearization: INVERSE,
        value: 100,
        ..VALUE
    },
    Sensor { name: "LUN1 Temp", lun: 1, number: 1, value: 77, ..VALUE },
    Sensor { name: "Therm Margin", number: 9, factors: [-1, 100, 0, 0], value: 30, ..VALUE },
    Sensor { name: "DIMM A1", number: 10, codes: [1, 1, 32, 1], scanning: false, ..VALUE },
    Sensor { name: "PS Temp", number: 16, codes: [1, 1, 10, 1], value: 31, ..VALUE },
    Sensor { name: "PS Temp", number: 17, codes: [1, 1, 10, 2], value: 33, ..VALUE },
    Sensor { name: "PSU1 Status", number: 11, codes: [8, 0x6f, 10, 1], value: 0x01, ..STATES },
    Sensor { name: "PSU2 Status", number: 12, codes: [8, 0x6f, 10, 2], value: 0x01, ..STATES },
    Sensor { name: "PS Redundancy", number: 13, codes: [8, 0x0b, 10, 1], value: 0x01, ..STATES },
    Sensor { name: "Intrusion", number: 14, codes: [5, 0x6f, 23, 1], ..STATES },
    Sensor {
        name: "Watchdog",
        number: 15,
        codes: [0x23, 0x6f, 6, 1],
        shape: Shape::EventOnly,
        ..STATES
    },
];

impl Sensor {
    /// The record without its number, which the repository gives.
    fn body(&self) -> Vec<u8> {
        let [kind, reading, entity, instance] = self.codes;
        let name = [&[0xc0 | self.name.len() as u8], self.name.as_bytes()].concat();
        let place = [0x20, self.lun, self.number, entity, instance];
        if self.shape == Shape::EventOnly {
            return [&place[..], &[kind, reading, 1, 0, 0, 0], &name].concat();
        }
        // Everything on at start; automatic re-arm, thresholds readable and settable.
        let head = [&place[..], &[0x7f, 0x68, kind, reading]].concat();
        if self.shape == Shape::Compact {
            let masks = [0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xc0, self.unit, 0];
            return [&head[..], &masks, &[1, 0, 0, 0, 0, 0, 0, 0], &name].concat();
        }
        let readable = u8::from_str_radix(self.mask, 2).unwrap();
        let masks = [0x95, 0x0a, 0x95, 0x0a, readable, readable];
        let units = [if self.signed { 0x80 } else { 0 }, self.unit, 0, self.linearization];
        let [m, b, r_exponent, b_exponent] = self.factors;
        let ten = |value: i16| [value as u8, ((value >> 8) as u8) << 6];
        let exponents = (r_exponent as u8) << 4 | (b_exponent as u8 & 0x0f);
        let range = [0, 0, 0, 0, 0xff, 0];
        let tail = [2, 2, 0, 0, 0];
        [
            &head[..],
            &masks,
            &units,
            &ten(m),
            &ten(b),
            &[0, exponents],
            &range,
            &self.thresholds,
            &tail,
            &name,
        ]
        .concat()
    }

    /// The whole record.
    fn record(&self, number: u16) -> Vec<u8> {
        let kind = match self.shape {
            Shape::Full => 1,
            Shape::Compact => 2,
            Shape::EventOnly => 3,
        };
        let body = self.body();
        [&number.to_le_bytes()[..], &[0x51, kind, body.len() as u8], &body].concat()
    }

    /// What Get Sensor Reading says.
    fn reading(&self) -> [u8; 4] {
        let flags = if self.scanning { 0xc0 } else { 0x80 };
        if self.shape == Shape::Full {
            [self.value as u8, flags, 0xc0, 0]
        } else {
            let [low, high] = self.value.to_le_bytes();
            [0, flags, low, 0x80 | high]
        }
    }

    /// What Get Sensor Thresholds says: the mask, then the lower and the upper, non-critical first.
    fn limits(&self) -> Vec<u8> {
        let mask = u8::from_str_radix(self.mask, 2).unwrap();
        let [unr, ucr, unc, lnr, lcr, lnc] = self.thresholds;
        vec![mask, lnc, lcr, lnr, unc, ucr, unr]
    }
}

/// A management controller's locator: a record that is no sensor.
fn locator(number: u16) -> Vec<u8> {
    let body = [&[0x20, 0, 0, 0x9f, 0, 0, 0, 6, 1, 0, 0xc3][..], b"BMC"].concat();
    [&number.to_le_bytes()[..], &[0x51, 0x12, body.len() as u8], &body].concat()
}

/// All records, numbered from 1.
pub(crate) fn records() -> Vec<Vec<u8>> {
    let mut records: Vec<_> =
        SENSORS.iter().zip(1..).map(|(sensor, number)| sensor.record(number)).collect();
    records.push(locator(SENSORS.len() as u16 + 1));
    records
}

/// The command file of `ipmi_sim` (`ipmi_sim_cmd(5)`).
pub(crate) fn simulator_commands() -> String {
    let mut text = "mc_setbmc 0x20\n\
                    mc_add 0x20 0x20 no-device-sdrs 0x01 2 0x12 0x9f 0x001291 0x0f02\n\
                    sel_enable 0x20 200 0x0a\n"
        .to_owned();
    for sensor in SENSORS {
        let Sensor { lun, number, codes: [kind, reading, ..], value, mask, .. } = *sensor;
        let place = format!("0x20 {lun} {number}");
        let event_only = if sensor.shape == Shape::EventOnly { " event-only" } else { "" };
        text += &format!("sensor_add {place} {kind:#04x} {reading:#04x}{event_only}\n");
        let scanning = if sensor.scanning { "scanning" } else { "no-scanning" };
        if sensor.shape == Shape::Full {
            let thresholds = sensor.thresholds.map(|value| value.to_string()).join(" ");
            text += &format!("sensor_set_threshold {place} settable {mask} {thresholds}\n");
            let events = ["000101010000000"; 4].join(" ");
            text += &format!(
                "sensor_set_event_support {place} enable {scanning} per-state {events}\n\
                 sensor_set_value {place} {value} 0\n"
            );
        } else {
            let events = ["111111111111111"; 4].join(" ");
            text +=
                &format!("sensor_set_event_support {place} enable {scanning} per-state {events}\n");
            for bit in (0..15).filter(|bit| value >> bit & 1 == 1) {
                text += &format!("sensor_set_bit {place} {bit} 1 0\n");
            }
        }
    }
    for record in records() {
        let bytes: Vec<String> = record.iter().map(|byte| format!("{byte:#04x}")).collect();
        text += &format!("main_sdr_add 0x20 {}\n", bytes.join(" "));
    }
    text + "mc_enable 0x20\n"
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The facts of `bmc17.py`.
pub(crate) fn facts() -> Value {
    let sensors: serde_json::Map<String, Value> = SENSORS
        .iter()
        .filter(|sensor| sensor.shape != Shape::EventOnly)
        .map(|sensor| {
            let Sensor { lun, number, shape, .. } = sensor;
            let mut answers = json!({ "reading": sensor.reading() });
            if *shape == Shape::Full {
                answers["thresholds"] = json!(sensor.limits());
            }
            (format!("{lun}:{number}"), answers)
        })
        .collect();
    let records: Vec<String> = records().iter().map(|record| hex(record)).collect();
    json!({
        "users": {
            "admin": { "password": "labpass", "privilege": 4 },
            "watch": { "password": "lookonly", "privilege": 2 },
        },
        "sensors": sensors,
        "records": records,
        // Power supply failure, asserted.
        "events": ["01000200f1536520000408" .to_owned() + "0b6f01ffff"],
        "power": { "current": 312, "minimum": 120, "maximum": 480, "average": 305 },
    })
}
