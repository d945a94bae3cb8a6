//! The controller itself: who it is (IPMI 2.0, 20.1), how it feels (20.4), its record repository
//! (33.9) and clock (31.10).
//!
//! Owns the answers. Does not know what is in the repository.

use super::{Bytes, Malformed, bit};

/// Answer of Get Device ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Device id, the vendor's.
    pub id: u8,
    /// Its revision.
    pub revision: u8,
    /// It has sensor records of its own.
    pub has_device_records: bool,
    /// Its firmware is being updated or it is starting: it does not do all it could.
    pub updating: bool,
    /// `1.23`, major and minor.
    pub firmware: String,
    /// `2.0`.
    pub ipmi_version: String,
    /// What else it is.
    pub support: Support,
    /// IANA enterprise number; `words::manufacturer_word` names the big ones. 0 if it does not say.
    pub manufacturer: u32,
    /// The vendor's number of the product.
    pub product: u16,
}

/// Byte 6 of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Support {
    /// Sensors.
    pub sensors: bool,
    /// The record repository.
    pub record_repository: bool,
    /// The event log.
    pub event_log: bool,
    /// Inventory.
    pub inventory: bool,
    /// It sends events.
    pub event_generator: bool,
    /// Chassis commands.
    pub chassis: bool,
}

impl Device {
    /// Takes the answer apart.
    ///
    /// # Errors
    ///
    /// If it ends before the version of IPMI.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let answer = Bytes::new("answer of Get Device ID", bytes);
        let (revision, major, minor) = (answer.need(1)?, answer.need(2)?, answer.need(3)?);
        let version = answer.need(4)?;
        // Controllers of IPMI 1.0 end here.
        let support = answer.find(5).unwrap_or_default();
        let maker = [6, 7, 8].map(|at| answer.find(at).unwrap_or_default());
        let [low, middle, high] = maker;
        Ok(Self {
            id: answer.need(0)?,
            revision: revision & 0x0f,
            has_device_records: bit(revision, 7),
            updating: bit(major, 7),
            firmware: format!("{}.{:02x}", major & 0x7f, minor),
            ipmi_version: format!("{}.{}", version & 0x0f, version >> 4),
            support: Support {
                sensors: bit(support, 0),
                record_repository: bit(support, 1),
                event_log: bit(support, 2),
                inventory: bit(support, 3),
                event_generator: bit(support, 5),
                chassis: bit(support, 7),
            },
            // Twenty bits; the rest is reserved.
            manufacturer: u32::from_le_bytes([low, middle, high & 0x0f, 0]),
            product: answer.u16(9).unwrap_or_default(),
        })
    }
}

/// Answer of Get Self Test Results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelfTest {
    /// Nothing found.
    Passed,
    /// The controller has no self test.
    NotImplemented,
    /// What it could not reach or found damaged.
    Damaged(Vec<&'static str>),
    /// Its hardware is broken; the vendor's code.
    Fatal(u8),
    /// The vendor's own result.
    Other(u8, u8),
}

/// What bits 7 to 0 of the second byte name (20.4).
const SELF_TEST: [&str; 8] = [
    "event log not accessible",
    "sensor record repository not accessible",
    "controller's inventory not accessible",
    "IPMB lines do not respond",
    "sensor record repository empty",
    "internal area of the controller's inventory damaged",
    "boot block of the controller's firmware damaged",
    "controller's firmware damaged",
];

impl SelfTest {
    /// Takes the answer apart.
    ///
    /// # Errors
    ///
    /// If it is empty.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let answer = Bytes::new("answer of Get Self Test Results", bytes);
        let detail = answer.find(1).unwrap_or_default();
        Ok(match answer.need(0)? {
            0x55 => Self::Passed,
            0x56 => Self::NotImplemented,
            0x57 => Self::Damaged(
                (0..8)
                    .rev()
                    .zip(SELF_TEST)
                    .filter(|(number, _)| bit(detail, *number))
                    .map(|(_, word)| word)
                    .collect(),
            ),
            0x58 => Self::Fatal(detail),
            other => Self::Other(other, detail),
        })
    }
}

/// Answer of Get SDR Repository Info: both timestamps and the count are the key of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RepositoryInfo {
    /// `51h` and the like: version of the record format.
    pub version: u8,
    /// Records; more than 65534 are not counted.
    pub records: u16,
    /// Free bytes; FFFEh is that or more, FFFFh is unknown.
    pub free_bytes: u16,
    /// When a record was last added, by the controller's clock.
    pub last_addition_s: u32,
    /// When records were last erased, by the controller's clock.
    pub last_erase_s: u32,
    /// A record did not fit in.
    pub overflow: bool,
    /// Reserve SDR Repository is there, and needed for partial reads.
    pub reserve: bool,
}

impl RepositoryInfo {
    /// Takes the answer apart.
    ///
    /// # Errors
    ///
    /// If it is cut off.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let answer = Bytes::new("answer of Get SDR Repository Info", bytes);
        let operations = answer.need(13)?;
        Ok(Self {
            version: answer.need(0)?,
            records: answer.u16(1)?,
            free_bytes: answer.u16(3)?,
            last_addition_s: answer.u32(5)?,
            last_erase_s: answer.u32(9)?,
            overflow: bit(operations, 7),
            reserve: bit(operations, 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::ipmi::words::manufacturer_word;

    const DEVICE: [u8; 15] = [0x20, 0x81, 2, 0x12, 2, 0xbf, 0xa2, 2, 0, 0, 1, 1, 2, 3, 4];

    #[test]
    fn a_controller_says_who_it_is() {
        let device = Device::parse(&DEVICE).unwrap();
        assert_eq!((device.firmware.as_str(), device.ipmi_version.as_str()), ("2.12", "2.0"));
        assert_eq!((device.manufacturer, device.product), (674, 0x0100));
        assert_eq!(manufacturer_word(device.manufacturer), Some("Dell"));
        assert!(device.has_device_records && !device.updating && device.support.chassis);
        assert!(device.support.inventory && !Device::parse(&DEVICE[..5]).unwrap().support.sensors);
        let updating = Device::parse(&[0x20, 1, 0x82, 0x05, 0x51]).unwrap();
        assert!(updating.updating);
        assert_eq!((updating.firmware.as_str(), updating.manufacturer), ("2.05", 0));
        assert_eq!(updating.ipmi_version, "1.5");
        assert!(Device::parse(&DEVICE[..4]).is_err());
    }

    #[test]
    fn self_tests_name_what_they_found() {
        assert_eq!(SelfTest::parse(&[0x55, 0]), Ok(SelfTest::Passed));
        assert_eq!(SelfTest::parse(&[0x56]), Ok(SelfTest::NotImplemented));
        assert_eq!(
            SelfTest::parse(&[0x57, 0x81]),
            Ok(SelfTest::Damaged(vec![
                "event log not accessible",
                "controller's firmware damaged"
            ]))
        );
        assert_eq!(SelfTest::parse(&[0x58, 9]), Ok(SelfTest::Fatal(9)));
        assert_eq!(SelfTest::parse(&[0x80, 9]), Ok(SelfTest::Other(0x80, 9)));
        assert!(SelfTest::parse(&[]).is_err());
    }

    #[test]
    fn the_repository_has_a_key() {
        let answer = [0x51, 0x90, 1, 0xff, 0xff, 4, 3, 2, 0x61, 0, 0, 0, 0, 0x22];
        let info = RepositoryInfo::parse(&answer).unwrap();
        assert_eq!((info.records, info.last_addition_s, info.last_erase_s), (400, 0x6102_0304, 0));
        assert!(info.reserve && !info.overflow);
        assert!(RepositoryInfo::parse(&answer[..13]).is_err());
    }
}
