//! Debian's Zabbix server with a database of its own: items for a trapper, and the history of each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::await_some;
use super::postgres::{self, Postgres};
use super::running::{Program, Room, Running, ports};

/// What an item holds, as Zabbix numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Float = 0,
    Unsigned = 3,
    Text = 4,
}

/// One value of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Seconds since 1970, and the part behind the point in nanoseconds.
    pub(crate) clock: i64,
    pub(crate) ns: i64,
    /// As the database writes it.
    pub(crate) value: String,
}

/// The running server.
pub(crate) struct Zabbix {
    // Before its database: it ends first.
    pub(crate) running: Running,
    pub(crate) database: Postgres,
    /// Port for trapper items.
    pub(crate) port: u16,
}

/// Where Debian keeps what fills an empty database.
const FILLING: &str = "/usr/share/zabbix-server-pgsql";

/// Tables whose rows a server with trapper items needs. All of them take 13 seconds to fill.
const TABLES: &str = "config|role|role_rule|users|usrgrp|users_groups|hstgrp|regexps|expressions|\
globalmacro|ids|dbversion|housekeeper|module|task";

/// The item by which a start is known to be over.
const READY: (&str, &str) = ("zabbix.example.net", "ready");

impl Zabbix {
    /// With these items: host, key, and what it holds.
    pub(crate) fn start(items: &[(&str, &str, Holds)]) -> Self {
        let filling = std::fs::metadata(format!("{FILLING}/data.sql.gz"));
        let filling = filling.expect("zabbix-server-pgsql is missing: tests/run packages").len();
        // Another version of either has another filling, or other files.
        let name = format!("zabbix-database-{}-{filling}", postgres::version());
        let database = Postgres::start(&name, fill);
        let mut all = vec![(READY.0, READY.1, Holds::Text)];
        all.extend(items);
        database.say("zabbix", &rows(&all));

        let room = Room::new();
        let [port] = ports();
        room.write(
            "zabbix.conf",
            &format!(
                "ListenIP=127.0.0.1
ListenPort={port}
LogType=console
PidFile={base}zabbix.pid
SocketDir={base}
DBHost=127.0.0.1
DBPort={}
DBName=zabbix
DBUser=zabbix
CacheUpdateFrequency=2
StartPollers=1
StartPreprocessors=1
StartTrappers=2
StartDiscoverers=0
StartHTTPPollers=0
StartPingers=0
StartPollersUnreachable=1
StartEscalators=1
HousekeepingFrequency=0
",
                database.port,
                base = room.text(""),
            ),
        );
        room.give_to("zabbix");
        let program = Program::new("/usr/sbin/zabbix_server").arg("-f").arg("-c");
        let program = program.arg(room.text("zabbix.conf")).user("zabbix").has_children();
        // It listens before it knows its items.
        let running = Running::start(program, room, move || {
            let value = json!({"host": READY.0, "key": READY.1, "value": "yes"});
            let asked = json!({"request": "sender data", "data": [value]});
            let answer = ask(port, asked.to_string().as_bytes()).unwrap_or_default();
            answer["info"].as_str().is_some_and(|info| info.starts_with("processed: 1;"))
        });
        Self { running, database, port }
    }

    /// What came for an item, by time; numbers and texts. Zabbix writes it a second or two after its
    /// answer: see [`Self::await_history`].
    pub(crate) fn history(&self, host: &str, key: &str) -> Vec<Kept> {
        let select = |table: &str| {
            format!(
                "select clock, ns, value::text from {table} join items using (itemid) join hosts \
                 using (hostid) where host = '{host}' and key_ = '{key}'"
            )
        };
        let tables = ["history", "history_uint", "history_str", "history_text"].map(select);
        let sql = tables.join(" union all ") + " order by 1, 2, 3;";
        let rows = self.database.say("zabbix", &sql);
        let mut found = Vec::new();
        for line in rows.lines() {
            let parts: Vec<&str> = line.splitn(3, '\t').collect();
            let number = |place: usize| parts[place].parse().unwrap();
            found.push(Kept { clock: number(0), ns: number(1), value: parts[2].to_owned() });
        }
        found
    }

    /// The history once it has that many values.
    pub(crate) fn await_history(&self, host: &str, key: &str, count: usize) -> Vec<Kept> {
        await_some(&format!("{count} values of {key}"), || {
            let history = self.history(host, key);
            (history.len() >= count).then_some(history)
        })
    }
}

fn fill(database: &Postgres) {
    database.say("postgres", "create role zabbix login; create database zabbix owner zabbix;");
    // Its user owns what is made.
    let script = format!(
        "set -e; echo 'set role zabbix;'; zcat {FILLING}/schema.sql.gz; echo 'begin;'
         zcat {FILLING}/data.sql.gz | grep -iE '^insert into \"?({TABLES})\"? '; echo 'commit;'"
    );
    let mut child =
        Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    database.run("zabbix", child.stdout.take().unwrap().into());
    assert!(child.wait().unwrap().success(), "the filling of {FILLING}");
}

/// Hosts and items of type 2, "trapper".
fn rows(items: &[(&str, &str, Holds)]) -> String {
    let mut sql = String::from("set role zabbix;\n");
    let mut hosts: Vec<&str> = items.iter().map(|(host, ..)| *host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    for (number, host) in (90_001..).zip(&hosts) {
        sql += &format!(
            "insert into hosts (hostid, host, name, status, flags) \
             values ({number}, '{host}', '{host}', 0, 0);
             insert into hosts_groups (hostgroupid, hostid, groupid) \
             select {number}, {number}, groupid from hstgrp limit 1;\n"
        );
    }
    for (number, (host, key, holds)) in (90_001..).zip(items) {
        sql += &format!(
            "insert into items (itemid, type, name, key_, hostid, value_type, delay, status, params, \
             description, posts, headers) select {number}, 2, '{key}', '{key}', hostid, {}, 0, 0, '', \
             '', '', '' from hosts where host = '{host}';
             insert into item_rtdata (itemid) values ({number});\n",
            *holds as u8
        );
    }
    sql
}

/// Sends one frame of the protocol; gives the answer's.
fn ask(port: u16, request: &[u8]) -> std::io::Result<Value> {
    let mut line = TcpStream::connect(("127.0.0.1", port))?;
    line.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = u64::try_from(request.len()).unwrap().to_le_bytes();
    line.write_all(&[b"ZBXD\x01", length.as_slice(), request].concat())?;
    let mut answer = Vec::new();
    line.read_to_end(&mut answer)?;
    let body = answer.get(13..).ok_or(std::io::ErrorKind::UnexpectedEof)?;
    Ok(serde_json::from_slice(body)?)
}

#[test]
fn zabbix_keeps_values_of_items_that_it_knows_and_counts_the_others() {
    let begin = std::time::Instant::now();
    let mut it = Zabbix::start(&[
        ("web1", "hostwatch.fs.pused[/data]", Holds::Float),
        ("web1", "hostwatch.check.state[load]", Holds::Unsigned),
        ("web2", "hostwatch.check.output[load]", Holds::Text),
    ]);
    println!("Zabbix and its database started within {} ms", begin.elapsed().as_millis());
    let clock = super::now_ms() / 1000 - 3600;
    let value = |host: &str, key: &str, value: &str| json!({"host": host, "key": key, "value": value, "clock": clock, "ns": 5});
    let data = [
        value("web1", "hostwatch.fs.pused[/data]", "91.5"),
        value("web1", "hostwatch.check.state[load]", "2"),
        value("web2", "hostwatch.check.output[load]", "\u{e4}rger\twith tabs"),
        value("web1", "hostwatch.unknown", "1"),
    ];
    let request = json!({"request": "sender data", "data": data}).to_string();
    let answer = ask(it.port, request.as_bytes()).unwrap();
    assert_eq!(answer["response"], "success");
    let info = answer["info"].as_str().unwrap();
    assert!(info.starts_with("processed: 3; failed: 1; total: 4;"), "{info}");
    let kept = |value: &str| [Kept { clock, ns: 5, value: value.to_owned() }];
    let of = |host, key| it.await_history(host, key, 1);
    assert_eq!(of("web1", "hostwatch.fs.pused[/data]"), kept("91.5"));
    assert_eq!(of("web1", "hostwatch.check.state[load]"), kept("2"));
    assert_eq!(of("web2", "hostwatch.check.output[load]"), kept("\u{e4}rger\twith tabs"));
    assert_eq!(it.history("web1", "hostwatch.unknown"), []);
    it.running.stop();
    it.running.start_again();
    assert_eq!(it.history("web1", "hostwatch.check.state[load]"), kept("2"));
}
