//! Recorded BMCs of real servers answer as a BMC does: every record, every sensor, nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use hostwatch::host::Host;
use hostwatch::host::ipmi::{self, Access, Door, Request, Target};

fn ask(door: &mut dyn Door, netfn: u8, command: u8, target: Target, data: &[u8]) -> (u8, Vec<u8>) {
    let request = Request { netfn, command, target, data: data.to_vec() };
    let answer = door.ask(&request).unwrap();
    (answer.code, answer.data)
}

fn copy(case: &Path) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("dev/ipmi0");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["sdr.bin", "readings.txt", "mc.txt"] {
        std::fs::write(folder.join(name), std::fs::read(case.join(name)).unwrap()).unwrap();
    }
    root
}

#[test]
fn every_captured_bmc_gives_its_records_and_sensors() {
    let (mut cases, mut sensors) = (0, 0);
    for entry in std::fs::read_dir(super::raid::captures().join("bmc")).unwrap() {
        let case = entry.unwrap().path();
        let root = copy(&case);
        let mut door = ipmi::open(&Host::recorded(root.path()), &Access::InBand).unwrap();
        let (code, id) = ask(door.as_mut(), 0x06, 0x01, Target::BMC, &[]);
        assert_eq!((code, id.len()), (0, 11), "{}", case.display());

        let hex = std::fs::read_to_string(case.join("sdr.hex")).unwrap();
        let wanted: Vec<Vec<u8>> = hex
            .lines()
            .map(|line| {
                let digits: Vec<char> = line.chars().filter(char::is_ascii_hexdigit).collect();
                let byte = |pair: &[char]| {
                    u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()
                };
                digits.chunks(2).map(byte).collect()
            })
            .collect();
        let (mut number, mut records, mut seen) = ([0, 0], Vec::new(), BTreeSet::new());
        while number != [0xff, 0xff] {
            assert!(seen.insert(number), "{}: {number:?} comes twice", case.display());
            let question = [1, 0, number[0], number[1], 0, 0xff];
            let (code, data) = ask(door.as_mut(), 0x0a, 0x23, Target::BMC, &question);
            assert_eq!(code, 0);
            records.push(data[2..].to_vec());
            number = [data[0], data[1]];
        }
        assert_eq!(records, wanted, "{}", case.display());

        for line in std::fs::read_to_string(case.join("readings.txt")).unwrap().lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let byte = |word: &str| u8::from_str_radix(word, 16).unwrap();
            let target = Target { address: byte(words[0]), channel: 0, lun: byte(words[1]) };
            let sensor = [byte(words[2])];
            let (code, reading) = ask(door.as_mut(), 0x04, 0x2d, target, &sensor);
            assert_eq!((code, reading[0]), (0, byte(words[3])), "{}: {line}", case.display());
            let (code, limits) = ask(door.as_mut(), 0x04, 0x27, target, &sensor);
            assert_eq!(code == 0, words.contains(&"|"), "{}: {line}", case.display());
            assert!(code != 0 || limits.len() == 7);
            sensors += 1;
        }
        cases += 1;
    }
    assert!(cases >= 6 && sensors > 500, "{cases} BMCs with {sensors} sensors");
}
