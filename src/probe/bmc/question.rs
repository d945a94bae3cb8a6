//! Asking a BMC: which bytes a question has, and what to make of a BMC that is busy, silent or
//! confused. Owns patience; must not know what the answers are for.

use std::fmt;

use crate::host::ipmi::{Door, Request, Target, rest};
use crate::model::reading::ProbeError;
use crate::model::unit::Span;
use crate::parse::ipmi::sdr::Address;
use crate::parse::ipmi::words::completion_word;

/// Times a busy BMC is asked again: they are for some hundred milliseconds, while another session
/// is served.
const BUSY_TRIES: u32 = 5;
/// Before the first of them; each further one waits twice as long.
const BUSY_REST: Span = Span::from_millis(50);
/// Questions in a row without a proper answer after which the BMC counts as silent: one lost
/// answer is noise, and each costs its whole deadline.
const SILENT_AFTER: u32 = 2;

/// The BMC did not do in time what it was asked; also what the kernel says for a BMC that does not
/// answer at all (IPMI 2.0 table 5-2).
const TIMED_OUT: u8 = 0xc3;
/// The reservation was cancelled.
pub(super) const RESERVATION_LOST: u8 = 0xc5;
/// No such sensor or record.
pub(super) const NOT_PRESENT: u8 = 0xcb;
/// The session may not ask this.
pub(super) const NO_PRIVILEGE: u8 = 0xd4;
/// No such command, also for this unit.
pub(super) const NO_SUCH_COMMAND: &[u8] = &[0xc1, 0xc2];
/// More bytes were asked for than fit into an answer.
pub(super) const TOO_LONG: &[u8] = &[0xc4, 0xc6, 0xc7, 0xc8, 0xca, 0xff];
/// Busy, repeated too soon, its records or firmware in update, starting.
const BUSY: &[u8] = &[0xc0, 0xce, 0xcf, 0xd0, 0xd1, 0xd2];

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The BMC answered and does not do it.
    Code(u8),
    /// There is no BMC that answers.
    Lost(ProbeError),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{} ({code:#04x})", completion_word(*code)),
            Self::Lost(error) => error.fmt(f),
        }
    }
}

impl From<ProbeError> for Refusal {
    fn from(error: ProbeError) -> Self {
        Self::Lost(error)
    }
}

/// A door with patience.
#[derive(Debug)]
pub(super) struct Asker {
    door: Box<dyn Door>,
    /// Questions in a row that the BMC itself gave no proper answer to.
    silent: u32,
}

impl Asker {
    pub(super) fn new(door: Box<dyn Door>) -> Self {
        Self { door, silent: 0 }
    }

    /// Asks the BMC itself.
    ///
    /// # Errors
    /// Its refusal, or that it is lost: then nothing more should be asked now.
    pub(super) fn ask(&mut self, netfn: u8, command: u8, data: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.ask_at(Target::BMC, netfn, command, data)
    }

    /// Asks the BMC or a controller behind it. A controller that is silent does not make the BMC
    /// count as lost.
    ///
    /// # Errors
    /// As [`Asker::ask`].
    pub(super) fn ask_at(
        &mut self,
        target: Target,
        netfn: u8,
        command: u8,
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let request = Request { netfn, command, target, data: data.to_vec() };
        let mut busy = 0;
        loop {
            match self.door.ask(&request) {
                Ok(answer) if answer.code == 0 => {
                    self.silent = 0;
                    return Ok(answer.data);
                }
                Ok(answer) if BUSY.contains(&answer.code) && busy < BUSY_TRIES => {
                    rest(BUSY_REST.times(1 << busy));
                    busy += 1;
                }
                Ok(answer) if answer.code == TIMED_OUT && target.is_bmc() => {
                    let error = ProbeError::TimedOut("the BMC does not answer".to_owned());
                    if self.is_lost() {
                        return Err(Refusal::Lost(error));
                    }
                    return Err(Refusal::Code(TIMED_OUT));
                }
                Ok(answer) => {
                    self.silent = 0;
                    return Err(Refusal::Code(answer.code));
                }
                Err(_) if !target.is_bmc() => return Err(Refusal::Code(TIMED_OUT)),
                Err(
                    error @ (ProbeError::TimedOut(_)
                    | ProbeError::Malformed(_)
                    | ProbeError::Failed(_)),
                ) => {
                    if self.is_lost() {
                        return Err(Refusal::Lost(error));
                    }
                }
                Err(error) => return Err(Refusal::Lost(error)),
            }
        }
    }

    fn is_lost(&mut self) -> bool {
        self.silent += 1;
        self.silent >= SILENT_AFTER
    }
}

/// Who is asked for a sensor.
pub(super) fn target(address: Address) -> Target {
    Target { address: address.owner, channel: address.channel, lun: address.lun }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::host::ipmi::Answer;

    #[derive(Debug)]
    struct Script(VecDeque<Result<Answer, ProbeError>>);

    impl Door for Script {
        fn ask(&mut self, _: &Request) -> Result<Answer, ProbeError> {
            self.0.pop_front().expect("asked more often than expected")
        }
    }

    fn asker(script: Vec<Result<u8, ProbeError>>) -> Asker {
        let answers = script.into_iter().map(|one| one.map(|code| Answer { code, data: vec![7] }));
        Asker::new(Box::new(Script(answers.collect())))
    }

    fn late() -> Result<u8, ProbeError> {
        Err(ProbeError::TimedOut("late".to_owned()))
    }

    #[test]
    fn one_lost_answer_is_noise_and_two_are_a_lost_bmc() {
        let mut once = asker(vec![late(), Ok(0), late(), Ok(0)]);
        assert_eq!(once.ask(0x06, 0x01, &[]), Ok(vec![7]));
        assert_eq!(once.ask(0x06, 0x01, &[]), Ok(vec![7]));
        let mut twice = asker(vec![late(), late()]);
        assert!(matches!(twice.ask(0x06, 0x01, &[]), Err(Refusal::Lost(ProbeError::TimedOut(_)))));
        // What the kernel says of a BMC that is silent.
        let mut kernel = asker(vec![Ok(0xc3), Ok(0xc3)]);
        assert_eq!(kernel.ask(0x06, 0x01, &[]), Err(Refusal::Code(0xc3)));
        assert!(matches!(kernel.ask(0x06, 0x01, &[]), Err(Refusal::Lost(_))));
        let denied = || Err(ProbeError::Denied("no".to_owned()));
        let mut shut = asker(vec![denied()]);
        assert!(matches!(shut.ask(0x06, 0x01, &[]), Err(Refusal::Lost(ProbeError::Denied(_)))));
    }

    #[test]
    fn a_busy_bmc_is_asked_again_and_a_refusal_is_an_answer() {
        assert_eq!(asker(vec![Ok(0xc0), Ok(0xd2), Ok(0)]).ask(0x06, 0x01, &[]), Ok(vec![7]));
        assert_eq!(asker(vec![Ok(0xc1)]).ask(0x06, 0x01, &[]), Err(Refusal::Code(0xc1)));
        let ever = vec![Ok(0xc0); usize::try_from(BUSY_TRIES).unwrap() + 1];
        assert_eq!(asker(ever).ask(0x06, 0x01, &[]), Err(Refusal::Code(0xc0)));
    }

    #[test]
    fn a_silent_controller_behind_the_bmc_is_not_a_silent_bmc() {
        let mut asker = asker(vec![late(), late(), late(), Ok(0)]);
        let behind = Target { address: 0x2c, channel: 0, lun: 0 };
        for _ in 0..3 {
            assert_eq!(asker.ask_at(behind, 0x04, 0x2d, &[1]), Err(Refusal::Code(TIMED_OUT)));
        }
        assert_eq!(asker.ask(0x06, 0x01, &[]), Ok(vec![7]));
    }
}
