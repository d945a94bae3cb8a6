//! What the fuzzer is fed with that no capture holds: messages of the kernel over netlink, files of
//! the agent's own.

use std::path::Path;

use hostwatch::parse::controller::Controller;
use hostwatch::parse::{netlink, sockets};
use hostwatch::store::frame;

fn nest(kind: u16, parts: &[Vec<u8>]) -> Vec<u8> {
    netlink::encode(kind, &parts.concat())
}

/// A bond of two and its first member, as rtnetlink tells of them (linux/if_link.h).
pub(crate) fn links() -> Vec<Vec<u8>> {
    let header = |index: u32| [vec![0; 4], index.to_ne_bytes().to_vec(), vec![0; 8]].concat();
    let data: Vec<Vec<u8>> = (1..32).map(|kind| netlink::encode(kind, &[4, 0, 0, 0])).collect();
    let bond = nest(18, &[netlink::encode(1, b"bond\0"), nest(2, &data)]);
    let member = nest(18, &[netlink::encode(4, b"bond\0"), nest(5, &data)]);
    let bond = [header(2), netlink::encode(3, b"bond0\0"), bond].concat();
    let master = netlink::encode(10, &2_u32.to_ne_bytes());
    let member = [header(3), netlink::encode(3, b"eno1\0"), master, member].concat();
    vec![bond, member]
}

pub(crate) fn link_modes() -> Vec<Vec<u8>> {
    let bits = |kind: u16| {
        let size = netlink::encode(2, &92_u32.to_ne_bytes());
        let words = [0xff_u8; 12];
        nest(kind, &[size, netlink::encode(4, &words), netlink::encode(5, &words)])
    };
    let name = nest(1, &[netlink::encode(2, b"eno1\0")]);
    let autoneg = netlink::encode(2, &[1]);
    let modes = [vec![4, 1, 0, 0], name, autoneg, bits(3), bits(4)].concat();
    let family = [vec![1, 1, 0, 0], netlink::encode(1, &20_u16.to_ne_bytes())].concat();
    vec![modes, family]
}

/// A connection with its counters, and an address (linux/inet_diag.h, linux/if_addr.h).
pub(crate) fn connections() -> Vec<Vec<u8>> {
    let mut connection = vec![sockets::IPV4, 1, 0, 0];
    connection.resize(72, 7);
    connection.extend(netlink::encode(2, &[9; 240]));
    let mut wide = connection.clone();
    wide[0] = sockets::IPV6;
    let mut address = vec![sockets::IPV4, 24, 0, 0, 3, 0, 0, 0];
    address.extend(netlink::encode(1, &[192, 0, 2, 9]));
    vec![connection, wide, address]
}

pub(crate) fn controllers() -> Vec<Controller> {
    vec![Controller { name: "a0".to_owned(), ..Controller::default() }]
}

pub(crate) fn journals() -> Vec<Vec<u8>> {
    let mut journal = frame::HEADER.to_vec();
    for payload in ["{\"at\":1000,\"wall\":1700000000000}", "{}", "[1,2]"] {
        journal.extend(frame::encode(payload.as_bytes()));
    }
    vec![journal, frame::HEADER.to_vec()]
}

pub(crate) fn configurations() -> Vec<Vec<u8>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![std::fs::read(top.join("man/hostwatch.yaml.example")).unwrap()];
    for folder in ["conf.d", "tests/config/good", "tests/config/bad"] {
        for entry in std::fs::read_dir(top.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(std::fs::read(path).unwrap());
            }
        }
    }
    found
}
