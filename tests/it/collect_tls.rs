//! Zabbix' and Graphite's protocols under TLS: a peer that ends it before a server, as a proxy does,
//! believed by its authority and its name, or by its fingerprint.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use hostwatch::forward::Site;
use hostwatch::forward::dialect::open;
use hostwatch::forward::outlet::{Load, Outcome};
use hostwatch::forward::target::{OutletPlan, Server, Target, Trust};
use hostwatch::model::batch::Batch;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::Span;

use crate::receivers::authority::certify;
use crate::receivers::running::Room;

const HOST: &str = "zabbix.example.net";

/// Prints its port, then what it read of each connection. It answers a frame of Zabbix as taken, and
/// reads anything else to its end.
const PEER: &str = r#"
import socket, ssl, struct, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    raw, _ = listener.accept()
    try:
        with context.wrap_socket(raw, server_side=True) as line:
            data = b''
            while not (data.startswith(b'ZBXD') and len(data) >= 13
                       and len(data) >= 13 + struct.unpack('<I', data[5:9])[0]):
                piece = line.recv(65536)
                if not piece:
                    break
                data += piece
            if data.startswith(b'ZBXD'):
                text = b'{"response":"success","info":"processed: 1; failed: 0; total: 1; seconds spent: 0"}'
                line.sendall(b'ZBXD\1' + struct.pack('<II', len(text), 0) + text)
            print(data, flush=True)
    except (ssl.SSLError, OSError) as error:
        print('refused', flush=True)
"#;

struct Peer {
    child: Child,
    said: BufReader<ChildStdout>,
    room: Room,
    port: u16,
}

impl Peer {
    fn start() -> Self {
        let room = Room::new();
        certify(&room, "certs", HOST);
        let file = |end: &str| room.text(&format!("certs/{HOST}.{end}"));
        let mut child = Command::new("python3")
            .args(["-c", PEER, &file("crt"), &file("key")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Self { child, said, room, port: 0 };
        peer.port = peer.line().parse().unwrap();
        peer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.by_ref().take(1 << 20).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn send(&self, host: &str, trust: Trust, is_zabbix: bool) -> Outcome {
        let server = Server { host: host.to_owned(), port: self.port, tls: true, trust };
        let target = if is_zabbix {
            Target::Zabbix { server, host: "web1".to_owned() }
        } else {
            Target::Graphite { server, prefix: "hw".to_owned() }
        };
        let mut outlet =
            open(&OutletPlan { name: "it".to_owned(), target }, &Site::default()).unwrap();
        let batch = Batch { at: Stamp(1_795_400_000_000), ..Batch::default() };
        outlet.deliver(Load::Batch(&batch), Span::from_secs(10)).outcome
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn values_go_under_tls_to_whom_is_believed_and_to_nobody_else() {
    let mut peer = Peer::start();
    let own = Trust { ca_file: Some(peer.room.text("certs/ca.crt")), ..Trust::default() };
    assert_eq!(peer.send("localhost", own.clone(), true), Outcome::Done);
    let (lists, values) = (peer.line(), peer.line());
    assert!(lists.contains("hostwatch.discovery"), "{lists}");
    assert!(values.contains("hostwatch.heartbeat"), "{values}");
    assert_eq!(peer.send("localhost", own, false), Outcome::Done);
    assert_ne!(peer.line(), "refused");
    for is_zabbix in [true, false] {
        let Outcome::Retry { why, .. } = peer.send("localhost", Trust::default(), is_zabbix) else {
            panic!("an authority that nobody named is believed");
        };
        assert_eq!(peer.line(), "refused");
        let (_, pin) = why.split_once("`fingerprint: ").unwrap();
        let pin = pin.split('`').next().unwrap().to_owned();
        let pinned = Trust { fingerprint: Some(pin), ..Trust::default() };
        assert_eq!(peer.send("127.0.0.1", pinned, is_zabbix), Outcome::Done);
        for _ in 0..if is_zabbix { 2 } else { 1 } {
            assert_ne!(peer.line(), "refused");
        }
    }
}
