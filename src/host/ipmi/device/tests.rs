//! The device file's rules against a driver that fails on command.

use std::cell::RefCell;
use std::path::Path;

use ipmi_rs::connection::Message;

use super::super::Target;
use super::*;

/// What the next `recv` gives.
type Step = io::Result<(u8, u8, Vec<u8>)>;

thread_local! {
    static STEPS: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
    static OPENED: RefCell<usize> = const { RefCell::new(0) };
}

struct Driver;

impl IpmiConnection for Driver {
    type SendError = io::Error;
    type RecvError = io::Error;
    type Error = io::Error;

    fn send(&mut self, _: &mut Wired) -> io::Result<()> {
        Ok(())
    }

    fn recv(&mut self) -> io::Result<Response> {
        let (netfn, command, data) = STEPS.with_borrow_mut(|steps| steps.remove(0))?;
        Ok(Response::new(Message::new_raw(netfn, command, data), 0).unwrap())
    }

    fn send_recv(&mut self, request: &mut Wired) -> io::Result<Response> {
        self.send(request)?;
        self.recv()
    }
}

fn device(steps: Vec<Step>) -> Device<Driver> {
    STEPS.set(steps);
    OPENED.set(0);
    let opener = |_: &Path| {
        OPENED.with_borrow_mut(|opened| *opened += 1);
        Ok(Driver)
    };
    Device { path: PathBuf::from("/dev/ipmi0"), open: None, opener }
}

fn device_id() -> Request {
    Request { netfn: 6, command: 1, target: Target::BMC, data: Vec::new() }
}

fn opened() -> usize {
    OPENED.with_borrow(|opened| *opened)
}

#[test]
fn a_refusal_is_an_answer_and_keeps_the_file_open() {
    let mut device = device(vec![Ok((7, 1, vec![0xc3])), Ok((7, 1, vec![0, 0x20, 1]))]);
    assert_eq!(device.ask(&device_id()), Ok(Answer { code: 0xc3, data: Vec::new() }));
    assert_eq!(device.ask(&device_id()), Ok(Answer { code: 0, data: vec![0x20, 1] }));
    assert_eq!(opened(), 1);
}

#[test]
fn after_any_error_the_file_is_opened_again() {
    let late = || Err(io::Error::from(Errno::EAGAIN));
    let good = || Ok((7, 1, vec![0, 0x20]));
    for (step, word) in [
        (late(), "timed out"),
        (Err(io::Error::other("Invalid sequence number on response")), "failed"),
        (Err(io::Error::from(Errno::ENODEV)), "absent"),
        // An answer to another question, and one of another network function.
        (Ok((7, 2, vec![0])), "malformed"),
        (Ok((0x2d, 1, vec![0])), "malformed"),
    ] {
        let mut device = device(vec![step, good()]);
        assert_eq!(device.ask(&device_id()).unwrap_err().word(), word);
        assert_eq!(opened(), 1);
        assert_eq!(device.ask(&device_id()).unwrap().data, [0x20]);
        assert_eq!(opened(), 2, "{word}");
    }
}

#[test]
fn an_interrupted_wait_goes_on_but_not_for_ever() {
    let interrupted = || Err(io::Error::from(Errno::EINTR));
    let mut device = device(vec![interrupted(), interrupted(), Ok((7, 1, vec![0]))]);
    assert!(device.ask(&device_id()).is_ok());
    assert_eq!(opened(), 1);
    STEPS.set((0..100).map(|_| interrupted()).collect());
    assert_eq!(device.ask(&device_id()).unwrap_err().word(), "failed");
    assert_eq!(STEPS.with_borrow(Vec::len), 100 - IPMI_INTERRUPTIONS - 1);
}

#[test]
fn what_is_not_listed_is_never_sent() {
    let mut device = device(vec![]);
    let clear = Request { netfn: 0x0a, command: 0x47, target: Target::BMC, data: vec![0; 6] };
    assert_eq!(device.ask(&clear).unwrap_err().word(), "denied");
    assert_eq!(opened(), 0);
}

#[test]
fn what_is_missing_or_forbidden_is_said_with_what_to_do() {
    let device = device(vec![]);
    let said = |code: Errno| device.refused(&io::Error::from(code)).to_string();
    assert!(said(Errno::ENOENT).contains("modprobe"));
    assert!(said(Errno::ENXIO).contains("modprobe"));
    assert!(said(Errno::EACCES).contains("60-hostwatch-ipmi.rules"));
    assert!(said(Errno::EAGAIN).contains("6s"));
    assert!(said(Errno::ENOTTY).contains("not the device"));
}
