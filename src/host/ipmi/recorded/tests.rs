//! The recorded BMC: the format, the bounds, and that no file panics.

use proptest::prelude::*;

use super::*;

const READINGS: &str = "# owner lun number reading flags states | mask unr ucr unc lnr lcr lnc\n\
                        20 0 04  98 c0 c0 00  |  001001 00 af aa 00 79 83\n\
                        20 1 72  00 c0 00 00\n20 0 zz 00 c0 00 00\n20 0 05 11\n";
const MC: &str = "mc_setbmc 0x20\nmc_add 0x20 32 has-device-sdrs 0x1 2 30 0xdf 0x2a2 0x100 dynsens\n\
                  mc_add 0x2c 1 no-device-sdrs 1 0 0 159 0 0\nmc_add 0x30 1\n";

fn sdr() -> Vec<u8> {
    let record = |number: u8, body: &[u8]| {
        [&[number, 0, 0x51, 0x01, u8::try_from(body.len()).unwrap()], body].concat()
    };
    // The second has the number of the first, the last is cut off.
    [record(1, b"abcdef"), record(1, b"x"), record(4, b"gh"), record(5, b"ijk")[..6].to_vec()]
        .concat()
}

fn bmc() -> Recorded {
    Recorded::new("", &sdr(), READINGS, MC)
}

fn ask(bmc: &mut Recorded, netfn: u8, command: u8, lun: u8, data: &[u8]) -> (u8, Vec<u8>) {
    let request = Request { netfn, command, target: Target::bmc(lun), data: data.to_vec() };
    let Answer { code, data } = bmc.ask(&request).unwrap();
    (code, data)
}

#[test]
fn records_are_read_whole_in_parts_and_in_order() {
    let mut bmc = bmc();
    assert_eq!(ask(&mut bmc, 0x0a, 0x20, 0, &[]).1[..3], [0x51, 2, 0]);
    assert_eq!(ask(&mut bmc, 0x0a, 0x22, 0, &[]), (0, vec![1, 0]));
    let mut get = |number: u16, offset, count| {
        let [low, high] = number.to_le_bytes();
        ask(&mut bmc, 0x0a, 0x23, 0, &[1, 0, low, high, offset, count])
    };
    assert_eq!(get(0, 0, 0xff), (0, b"\x04\0\x01\0\x51\x01\x06abcdef".to_vec()));
    assert_eq!(get(1, 5, 2), (0, b"\x04\0ab".to_vec()));
    assert_eq!(get(4, 0, 0xff), (0, b"\xff\xff\x04\0\x51\x01\x02gh".to_vec()));
    assert_eq!(get(0xffff, 5, 0xff), (0, b"\xff\xffgh".to_vec()));
    assert_eq!(get(4, 5, 200), (0, b"\xff\xffgh".to_vec()));
    assert_eq!(get(4, 7, 1), (0, b"\xff\xff".to_vec()));
    assert_eq!(get(4, 8, 1), (OUT_OF_RANGE, Vec::new()));
    assert_eq!(get(5, 0, 1), (NOT_PRESENT, Vec::new()));
    assert_eq!(ask(&mut bmc, 0x0a, 0x23, 0, &[1]), (WRONG_LENGTH, Vec::new()));
}

#[test]
fn sensors_answer_by_owner_unit_and_number() {
    let mut bmc = bmc();
    assert_eq!(ask(&mut bmc, 4, 0x2d, 0, &[4]), (0, vec![0x98, 0xc0, 0xc0, 0]));
    let limits = vec![0b00_1001, 0x83, 0x79, 0, 0xaa, 0xaf, 0];
    assert_eq!(ask(&mut bmc, 4, 0x27, 0, &[4]), (0, limits));
    assert_eq!(ask(&mut bmc, 4, 0x2d, 1, &[0x72]), (0, vec![0, 0xc0, 0, 0]));
    assert_eq!(ask(&mut bmc, 4, 0x2d, 0, &[0x72]).0, NOT_PRESENT);
    assert_eq!(ask(&mut bmc, 4, 0x27, 1, &[0x72]).0, NOT_PRESENT);
    assert_eq!(ask(&mut bmc, 4, 0x2d, 0, &[5]).0, NOT_PRESENT);
    assert_eq!(ask(&mut bmc, 0x2c, 0x02, 0, &[0xdc]).0, NO_SUCH_COMMAND);
}

#[test]
fn the_device_says_what_was_recorded_of_it_or_that_it_is_one() {
    let id = vec![32, 0x81, 2, 30, 2, 0xdf, 0xa2, 2, 0, 0, 1];
    assert_eq!(ask(&mut bmc(), 6, 1, 0, &[]), (0, id));
    let (code, id) = ask(&mut Recorded::new("", &[], READINGS, ""), 6, 1, 0, &[]);
    assert_eq!((code, id.len(), id[4]), (0, 11, 2));
    let satellite = Target { address: 0x2c, channel: 0, lun: 0 };
    let request = Request { netfn: 6, command: 1, target: satellite, data: Vec::new() };
    assert_eq!(bmc().ask(&request).unwrap().data[5], 159);
}

#[test]
fn noted_answers_come_first_and_serve_any_reservation() {
    let noted = "0a 23 20 0 : 070004000002 -> 00 ffff0400\n0a 40 20 0 : -> 00 51\n\
                 04 21 20 0 : 070001000002 -> 00 02000100\n";
    let mut bmc = Recorded::new(noted, &sdr(), READINGS, MC);
    assert_eq!(ask(&mut bmc, 0x0a, 0x40, 0, &[]), (0, vec![0x51]));
    assert_eq!(ask(&mut bmc, 0x0a, 0x23, 0, &[7, 0, 4, 0, 0, 2]).1, [0xff, 0xff, 4, 0]);
    assert_eq!(ask(&mut bmc, 0x0a, 0x23, 0, &[1, 0, 4, 0, 0, 2]).1, [0xff, 0xff, 4, 0]);
    assert_eq!(ask(&mut bmc, 0x04, 0x21, 0, &[1, 0, 1, 0, 0, 2]).1, [2, 0, 1, 0]);
    assert_eq!(ask(&mut bmc, 0x04, 0x21, 0, &[1, 0, 2, 0, 0, 2]).0, NO_SUCH_COMMAND);
}

#[test]
fn a_recording_without_a_bmc_is_absent() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::recorded(root.path());
    assert_eq!(Recorded::open(&host).unwrap_err().word(), "absent");
    std::fs::create_dir_all(root.path().join(FOLDER)).unwrap();
    std::fs::File::create(root.path().join(FOLDER).join("sdr.bin")).unwrap();
    assert_eq!(ask(&mut Recorded::open(&host).unwrap(), 0x0a, 0x22, 0, &[]).0, NO_SUCH_COMMAND);
}

proptest! {
    #[test]
    fn no_recording_panics(
        sdr in proptest::collection::vec(any::<u8>(), 0..300),
        readings in "[0-9a-f |#\n]{0,200}",
        mc in "(mc_add [0-9a-fx -]{0,60}\n){0,3}",
        netfn in any::<u8>(),
        command in any::<u8>(),
        data in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let bmc = Recorded::new("", &sdr, &readings, &mc);
        for (netfn, command) in [(netfn, command), (0x0a, 0x23), (4, 0x2d), (4, 0x27), (6, 1)] {
            bmc.answer(&Request { netfn, command, target: Target::BMC, data: data.clone() });
        }
        // Whoever follows the numbers comes to an end.
        let mut number = 0;
        for _ in 0..=bmc.records.len() {
            let [low, high] = u16::to_le_bytes(number);
            let request = Request {
                netfn: 0x0a, command: 0x23, target: Target::BMC, data: vec![0, 0, low, high, 0, 5],
            };
            let answer = bmc.answer(&request);
            let Some([low, high]) = answer.data.first_chunk() else { break };
            number = u16::from_le_bytes([*low, *high]);
            if number == LAST { break }
        }
        prop_assert!(number == LAST || bmc.records.is_empty());
    }
}
