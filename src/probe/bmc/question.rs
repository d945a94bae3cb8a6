//! Asking a BMC: which bytes a question has, and what to make of a BMC that is busy, silent or
//! confused. Owns patience; must not know what the answers are for.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::host::ipmi::{Answer, Door, Request, Target, rest};
use crate::host::timer::Stopwatch;
use crate::model::reading::ProbeError;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::ipmi::sdr::Address;
use crate::parse::ipmi::words::completion_word;

/// Times a busy BMC is asked again: they are for some hundred milliseconds, while another session
/// is served.
const BUSY_TRIES: u32 = 5;
/// Before the first of them; each further one waits twice as long.
const BUSY_REST: Span = Span::from_millis(50);
/// All such rests of one look: a BMC that is busy for longer, with its own firmware, is busy at the
/// next question too.
const BUSY_RESTS: Span = Span::from_secs(10);
/// Longest look. A list of sensors that is longer in coming goes on in the next.
const LOOK_MAX: Span = Span::from_secs(600);
/// Questions of one look that may end without an answer while the BMC answers others: each costs
/// two whole deadlines.
const SILENT_QUESTIONS: u32 = 8;
/// How long a question, or a controller behind the BMC, that was silent is left alone; twice as
/// long each time that it is silent again.
const MUTE_FIRST: Span = Span::from_secs(60);
/// But no longer.
const MUTE_MAX: Span = Span::from_secs(600);
/// Silences in a row after which a controller behind the BMC is left alone: one message lost on
/// its bus is noise.
const MUTE_AFTER: u32 = 2;
/// How long a refusal stands that tells of what there is rather than of now: a part that is plugged
/// in is seen after that time.
const REFUSED_FOR: Span = Span::from_secs(300);

/// The BMC did not do in time what it was asked; also what the kernel says for a BMC that does not
/// answer at all (IPMI 2.0 table 5-2).
const TIMED_OUT: u8 = 0xc3;
/// Nobody there: of a controller behind the BMC.
const UNREACHABLE: u8 = 0xd3;
/// The reservation was cancelled.
pub(super) const RESERVATION_LOST: u8 = 0xc5;
/// No such sensor or record.
pub(super) const NOT_PRESENT: u8 = 0xcb;
/// The session may not ask this.
pub(super) const NO_PRIVILEGE: u8 = 0xd4;
/// No such command, also for this unit.
pub(super) const NO_SUCH_COMMAND: &[u8] = &[0xc1, 0xc2];
/// A number that names nothing, in the ways in which BMCs say so.
pub(super) const NAMES_NOTHING: &[u8] = &[NOT_PRESENT, 0xc9, 0xcc];
/// More bytes were asked for than fit into an answer.
pub(super) const TOO_LONG: &[u8] = &[0xc4, 0xc6, 0xc7, 0xc8, 0xca, 0xff];
/// Busy, repeated too soon, its records or firmware in update, starting.
const BUSY: &[u8] = &[0xc0, 0xce, 0xcf, 0xd0, 0xd1, 0xd2];
/// Refusals that tell of what there is.
const LASTING: &[u8] = &[0xc1, 0xc2, 0xc9, NOT_PRESENT, 0xcc, 0xcd, NO_PRIVILEGE];
/// Questions that mean something else each time: entries and records, by numbers that come and go.
const CHANGING: &[(u8, u8)] =
    &[(0x0a, 0x43), (0x0a, 0x23), (0x0a, 0x22), (0x04, 0x21), (0x04, 0x22)];
/// Get Device ID: what every BMC answers at any time (section 20.1).
const DEVICE_ID: (u8, u8) = (0x06, 0x01);

/// Whether a refusal says nothing but that it is not now.
pub(super) fn is_passing(code: u8) -> bool {
    !LASTING.contains(&code)
}

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

/// A door with patience, and what it has learned of whom to leave alone.
#[derive(Debug, Default)]
pub(super) struct Asker {
    /// None while the BMC is lost.
    door: Option<Box<dyn Door>>,
    now: Moment,
    /// When this look began.
    began: Option<Stopwatch>,
    /// Rests of this look.
    rested: Duration,
    /// Questions of this look that had no answer.
    unanswered: u32,
    /// Questions that are answered from memory.
    quiet: BTreeMap<Request, Quiet>,
    /// Controllers behind the BMC that are left alone.
    mute: BTreeMap<u8, Quiet>,
}

/// What is not asked for now.
#[derive(Debug, Clone, Copy)]
struct Quiet {
    until: Moment,
    code: u8,
    /// Silences in a row.
    silences: u32,
}

impl Quiet {
    fn is_on(&self, now: Moment) -> bool {
        // A timeline that went back counts for nothing.
        now < self.until && self.until.since(now) <= MUTE_MAX
    }

    /// After one more silence.
    fn longer(before: Option<&Self>, now: Moment, after: u32) -> Self {
        let silences = before.map_or(0, |quiet| quiet.silences).saturating_add(1);
        let span = match silences.checked_sub(after) {
            None => Span::ZERO,
            Some(more) => MUTE_MAX.min(MUTE_FIRST.times(1 << more.min(8))),
        };
        Self { until: now + span, code: TIMED_OUT, silences }
    }
}

impl Asker {
    /// Begins a look. Says whether the door was opened anew.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn begin(
        &mut self,
        now: Moment,
        open: impl FnOnce() -> Result<Box<dyn Door>, ProbeError>,
    ) -> Result<bool, ProbeError> {
        (self.now, self.began) = (now, Some(Stopwatch::start()));
        (self.rested, self.unanswered) = (Duration::ZERO, 0);
        // Long over, or of a timeline that went back: silences are counted anew.
        let counts = |quiet: &Quiet| {
            let age =
                if now < quiet.until { quiet.until.since(now) } else { now.since(quiet.until) };
            age <= MUTE_MAX
        };
        self.quiet.retain(|_, quiet| counts(quiet));
        self.mute.retain(|_, quiet| counts(quiet));
        if self.door.is_some() {
            return Ok(false);
        }
        self.door = Some(open()?);
        Ok(true)
    }

    /// The BMC is lost: the next look opens the door anew.
    pub(super) fn shut(&mut self) {
        self.door = None;
    }

    /// Asks the BMC itself.
    ///
    /// # Errors
    /// Its refusal, or that it is lost: then nothing more should be asked now.
    pub(super) fn ask(&mut self, netfn: u8, command: u8, data: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.ask_at(Target::BMC, netfn, command, data)
    }

    /// Asks the BMC or a controller behind it. A controller that is silent does not make the BMC
    /// count as lost, nor does one question that the BMC never answers while it answers others.
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
        let took = self.began.as_ref().map_or(Duration::ZERO, |began| began.elapsed().to_std());
        if took > LOOK_MAX.to_std() {
            return Err(Refusal::Lost(ProbeError::TimedOut(format!(
                "the BMC is so slow that it was asked for longer than {LOOK_MAX} without an end"
            ))));
        }
        let request = Request { netfn, command, target, data: data.to_vec() };
        let mute = self.mute.get(&target.address).filter(|_| !target.is_bmc());
        let quiet = self.quiet.get(&request).or(mute);
        if let Some(quiet) = quiet.filter(|quiet| quiet.is_on(self.now)) {
            return Err(Refusal::Code(quiet.code));
        }
        let outcome = self.ask_patiently(&request);
        match &outcome {
            Ok(_) => {
                self.quiet.remove(&request);
                self.mute.remove(&target.address);
            }
            Err(Refusal::Code(TIMED_OUT | UNREACHABLE)) if !target.is_bmc() => {
                let before = self.mute.get(&target.address);
                let quiet = Quiet::longer(before, self.now, MUTE_AFTER);
                self.mute.insert(target.address, quiet);
            }
            Err(Refusal::Code(TIMED_OUT)) => {
                let quiet = Quiet::longer(self.quiet.get(&request), self.now, 1);
                self.quiet.insert(request, quiet);
                self.unanswered += 1;
                if self.unanswered > SILENT_QUESTIONS {
                    return Err(Refusal::Lost(ProbeError::TimedOut(
                        "the BMC says who it is and leaves most other questions without an answer"
                            .to_owned(),
                    )));
                }
            }
            Err(Refusal::Code(code)) => {
                self.mute.remove(&target.address);
                if !is_passing(*code) && !CHANGING.contains(&(netfn, command)) {
                    let until = self.now + REFUSED_FOR;
                    self.quiet.insert(request, Quiet { until, code: *code, silences: 0 });
                }
            }
            Err(Refusal::Lost(_)) => {}
        }
        outcome
    }

    fn ask_patiently(&mut self, request: &Request) -> Result<Vec<u8>, Refusal> {
        let (mut busy, mut silent) = (0, 0);
        loop {
            let late = match self.pass(request) {
                Ok(answer) if answer.code == 0 => return Ok(answer.data),
                Ok(answer) if BUSY.contains(&answer.code) => {
                    let span = BUSY_REST.times(1 << busy);
                    if busy >= BUSY_TRIES || self.rested > BUSY_RESTS.to_std() {
                        return Err(Refusal::Code(answer.code));
                    }
                    pause(span);
                    self.rested += span.to_std();
                    busy += 1;
                    continue;
                }
                Ok(answer) if answer.code == TIMED_OUT && request.target.is_bmc() => {
                    ProbeError::TimedOut("the BMC does not answer".to_owned())
                }
                Ok(answer) => return Err(Refusal::Code(answer.code)),
                Err(ProbeError::Unsupported(_)) if !request.target.is_bmc() => {
                    return Err(Refusal::Code(UNREACHABLE));
                }
                Err(
                    error @ (ProbeError::TimedOut(_)
                    | ProbeError::Malformed(_)
                    | ProbeError::Failed(_)),
                ) => {
                    if !request.target.is_bmc() {
                        return Err(Refusal::Code(TIMED_OUT));
                    }
                    error
                }
                Err(error) => return Err(Refusal::Lost(error)),
            };
            // One lost answer is noise, a second one is the BMC, if it does not even say who it is.
            silent += 1;
            let who = (request.netfn, request.command) == DEVICE_ID;
            match silent {
                1 if who => {}
                1 if self.is_there() => {}
                2 if !who => return Err(Refusal::Code(TIMED_OUT)),
                _ => return Err(Refusal::Lost(late)),
            }
        }
    }

    /// Whether the BMC answers what every BMC answers, well or busy.
    fn is_there(&mut self) -> bool {
        let (netfn, command) = DEVICE_ID;
        let request = Request { netfn, command, target: Target::BMC, data: Vec::new() };
        self.pass(&request).is_ok_and(|answer| answer.code != TIMED_OUT)
    }

    fn pass(&mut self, request: &Request) -> Result<Answer, ProbeError> {
        let closed = || ProbeError::Failed("the way to the BMC is not open".to_owned());
        self.door.as_mut().ok_or_else(closed)?.ask(request)
    }
}

/// Gives the BMC time. A scripted one needs none.
fn pause(span: Span) {
    if !cfg!(test) {
        rest(span);
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

    #[derive(Debug)]
    struct Script(VecDeque<Result<Answer, ProbeError>>);

    impl Door for Script {
        fn ask(&mut self, _: &Request) -> Result<Answer, ProbeError> {
            self.0.pop_front().expect("asked more often than expected")
        }
    }

    fn asker(script: Vec<Result<u8, ProbeError>>) -> Asker {
        let answers = script.into_iter().map(|one| one.map(|code| Answer { code, data: vec![7] }));
        let mut asker = Asker::default();
        let script = Script(answers.collect());
        assert_eq!(asker.begin(Moment(0), || Ok(Box::new(script))), Ok(true));
        asker
    }

    /// The same look's next, later.
    fn at(asker: &mut Asker, second: u64) {
        assert_eq!(asker.begin(Moment(second * 1000), || panic!("it is open")), Ok(false));
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
        // What the kernel says of a BMC that is silent: to the question, and to who it is.
        let mut kernel = asker(vec![Ok(0xc3), Ok(0xc3)]);
        assert!(matches!(kernel.ask(0x04, 0x2d, &[1]), Err(Refusal::Lost(_))));
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
    fn a_question_that_is_never_answered_is_left_alone_and_not_the_bmc() {
        // Late, who it is, late again; then the next sensor.
        let mut odd = asker(vec![late(), Ok(0), late(), Ok(0), late(), Ok(0), late(), Ok(0)]);
        assert_eq!(odd.ask(0x04, 0x2d, &[1]), Err(Refusal::Code(TIMED_OUT)));
        assert_eq!(odd.ask(0x04, 0x2d, &[2]), Ok(vec![7]));
        at(&mut odd, 59);
        assert_eq!(odd.ask(0x04, 0x2d, &[1]), Err(Refusal::Code(TIMED_OUT)), "not asked");
        at(&mut odd, 60);
        assert_eq!(odd.ask(0x04, 0x2d, &[1]), Err(Refusal::Code(TIMED_OUT)), "asked");
        at(&mut odd, 179);
        assert_eq!(
            odd.ask(0x04, 0x2d, &[1]),
            Err(Refusal::Code(TIMED_OUT)),
            "not asked for longer"
        );
        at(&mut odd, 180);
        assert_eq!(odd.ask(0x04, 0x2d, &[1]), Ok(vec![7]));
    }

    #[test]
    fn of_many_questions_without_an_answer_a_look_ends() {
        let many = (0..9).flat_map(|_| [late(), Ok(0), late()]).collect();
        let mut asker = asker(many);
        for sensor in 0..8 {
            assert_eq!(asker.ask(0x04, 0x2d, &[sensor]), Err(Refusal::Code(TIMED_OUT)));
        }
        assert!(matches!(asker.ask(0x04, 0x2d, &[8]), Err(Refusal::Lost(_))));
    }

    #[test]
    fn a_lasting_refusal_is_not_asked_for_again_at_once_and_an_entry_is() {
        let mut asker = asker(vec![Ok(0xc1), Ok(0), Ok(0xcb), Ok(0)]);
        assert_eq!(asker.ask(0x2c, 0x02, &[0xdc]), Err(Refusal::Code(0xc1)));
        assert_eq!(asker.ask(0x2c, 0x02, &[0xdc]), Err(Refusal::Code(0xc1)), "not asked");
        at(&mut asker, 300);
        assert_eq!(asker.ask(0x2c, 0x02, &[0xdc]), Ok(vec![7]));
        assert_eq!(asker.ask(0x0a, 0x43, &[1]), Err(Refusal::Code(0xcb)));
        assert_eq!(asker.ask(0x0a, 0x43, &[1]), Ok(vec![7]));
    }

    #[test]
    fn a_silent_controller_behind_the_bmc_is_left_alone_and_is_not_a_silent_bmc() {
        let mut asker = asker(vec![late(), late(), Ok(0), Ok(0), late(), Ok(0)]);
        let behind = Target { address: 0x2c, channel: 0, lun: 0 };
        for sensor in 0..4 {
            let seen = asker.ask_at(behind, 0x04, 0x2d, &[sensor]);
            assert_eq!(seen, Err(Refusal::Code(TIMED_OUT)), "two are asked");
        }
        assert_eq!(asker.ask(0x06, 0x01, &[]), Ok(vec![7]));
        at(&mut asker, 60);
        assert_eq!(asker.ask_at(behind, 0x04, 0x2d, &[1]), Ok(vec![7]));
        assert_eq!(asker.ask_at(behind, 0x04, 0x2d, &[2]), Err(Refusal::Code(TIMED_OUT)));
        assert_eq!(asker.ask_at(behind, 0x04, 0x2d, &[2]), Ok(vec![7]), "one is noise");
    }
}
