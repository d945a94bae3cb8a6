//! Opening a session: Open Session, RAKP 1 to 4 (IPMI 2.0 sections 13.17 to 13.24). What comes out
//! is a session that both sides have proven to know the password for.

use super::super::access::{Lan, Suite};
use super::crypto::{Exchange, algorithms, hash_bytes};
use super::packet::{Packet, Payload, decode, plain};
use super::session::Session;
use super::status::{refusal, wrong_password};
use super::wire::{Dropped, Fault, Wire};
use crate::host::timer::Timer;
use crate::model::limit::{IPMI_LAN_STEP_TRIES, IPMI_LAN_TRIES};
use crate::model::reading::ProbeError;

/// RAKP 1 asks for the user by name alone, whatever else is allowed to it.
const BY_NAME: u8 = 0x10;
/// Where the algorithm stands in each of the three parts of Open Session.
const ALGORITHM: usize = 4;
/// Bytes of such a part, and of the numbers that both sides make up.
const PART_BYTES: usize = 8;
const RANDOM_BYTES: usize = 16;

/// Opens a session with one suite.
pub(super) fn open(
    wire: &mut Wire,
    lan: &Lan,
    suite: Suite,
    deadline: &Timer,
) -> Result<Session, Fault> {
    let [tag, console_session @ ..] = random::<5>()?;
    // Zero would be no session.
    let console_session = if console_session == [0; 4] { [1; 4] } else { console_session };
    let mut step = Step { wire, lan, deadline, tag, console_session };
    let mut said = Exchange {
        console_session,
        console_random: random()?,
        role: lan.privilege.level() | BY_NAME,
        user: lan.user.as_bytes().to_vec(),
        ..Exchange::default()
    };
    said.bmc_session = step.open_session(suite)?;
    // From here on the BMC may have gone further than it could say: a lost answer is not asked for
    // again and again, the opening starts over.
    (said.bmc_random, said.bmc_guid) = step.rakp1(suite, &said).map_err(astray)?;
    step.rakp3(suite, &said).map_err(astray)
}

fn astray(fault: Fault) -> Fault {
    if matches!(fault, Fault::Silent) { Fault::Astray } else { fault }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Fault::Told(ProbeError::Failed(format!("the kernel gives no random bytes: {error}")))
    })?;
    Ok(bytes)
}

struct Step<'a> {
    wire: &'a mut Wire,
    lan: &'a Lan,
    deadline: &'a Timer,
    tag: u8,
    console_session: [u8; 4],
}

impl Step<'_> {
    /// Sends a step until its answer comes; gives what follows the answer's session number, or what
    /// the BMC's refusal means.
    fn take(
        &mut self,
        tries: usize,
        (ask, answer): (Payload, Payload),
        body: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        self.tag = self.tag.wrapping_add(1);
        let (tag, own, lan) = (self.tag, self.console_session, self.lan);
        let packet = plain(ask, &[&[tag], body].concat());
        let take = |datagram: &[u8]| {
            let packet = decode(datagram, 0).ok_or(Dropped::Garbled)?;
            let Packet { payload, encrypted: false, session: 0, body, sealed: None, .. } = packet
            else {
                return Err(Dropped::Foreign);
            };
            // A refusal may end here: some BMCs leave out the rest.
            let ([known, status], rest) = body.split_first_chunk::<2>().ok_or(Dropped::Garbled)?;
            if payload != answer || *known != tag {
                return Err(Dropped::Foreign);
            }
            if *status != 0 {
                return Ok(Err(refusal(*status, lan)));
            }
            match rest.split_first_chunk::<6>() {
                Some(([_, _, session @ ..], rest)) if *session == own => Ok(Ok(rest.to_vec())),
                Some(_) => Err(Dropped::Foreign),
                None => Err(Dropped::Garbled),
            }
        };
        self.wire.exchange(self.deadline, tries, || Ok(packet.clone()), take)?
    }

    /// Gives the BMC's number of the session.
    fn open_session(&mut self, suite: Suite) -> Result<[u8; 4], Fault> {
        let mut body = vec![self.lan.privilege.level(), 0, 0];
        body.extend(self.console_session);
        for (part, algorithm) in (0..).zip(algorithms(suite)) {
            body.extend([part, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        let payloads = (Payload::OpenRequest, Payload::OpenResponse);
        let answer = self.take(IPMI_LAN_TRIES, payloads, &body)?;
        let (session, parts) = answer.split_first_chunk::<4>().ok_or_else(|| self.cut_off())?;
        let chosen: Vec<u8> = parts
            .chunks_exact(PART_BYTES)
            .filter_map(|part| part.get(ALGORITHM).copied())
            .collect();
        // Some BMCs answer with what they would take instead.
        if chosen != algorithms(suite) || *session == [0; 4] {
            return Err(Fault::Suite);
        }
        Ok(*session)
    }

    /// Gives the BMC's random number and its GUID, once its code shows that it knows the password.
    fn rakp1(
        &mut self,
        suite: Suite,
        said: &Exchange,
    ) -> Result<([u8; RANDOM_BYTES], [u8; RANDOM_BYTES]), Fault> {
        let mut body = vec![0; 3];
        body.extend(said.bmc_session);
        body.extend(said.console_random);
        body.extend([said.role, 0, 0, u8::try_from(said.user.len()).unwrap_or(u8::MAX)]);
        body.extend(&said.user);
        let answer = self.take(IPMI_LAN_STEP_TRIES, (Payload::Rakp1, Payload::Rakp2), &body)?;
        let (bmc_random, rest) =
            answer.split_first_chunk::<RANDOM_BYTES>().ok_or_else(|| self.cut_off())?;
        let (bmc_guid, code) =
            rest.split_first_chunk::<RANDOM_BYTES>().ok_or_else(|| self.cut_off())?;
        let said = Exchange { bmc_random: *bmc_random, bmc_guid: *bmc_guid, ..said.clone() };
        if code.len() != hash_bytes(suite) {
            return Err(self.cut_off());
        }
        if !said.rakp2_is(suite, self.lan.password.0.as_bytes(), code) {
            return Err(Fault::Told(ProbeError::Denied(wrong_password(self.lan))));
        }
        Ok((*bmc_random, *bmc_guid))
    }

    fn rakp3(&mut self, suite: Suite, said: &Exchange) -> Result<Session, Fault> {
        let password = self.lan.password.0.as_bytes();
        let unproven = Fault::Told(ProbeError::Denied(format!(
            "what answers at {} does not prove to be the BMC that knows the password",
            self.lan
        )));
        let Some(code) = said.rakp3(suite, password) else { return Err(unproven) };
        let body = [&[0; 3], &said.bmc_session[..], &code].concat();
        let answer = self.take(IPMI_LAN_STEP_TRIES, (Payload::Rakp3, Payload::Rakp4), &body);
        let proof = match answer {
            // It knew the password a moment ago, so that it is not the password that is wrong: a
            // step that was sent twice made it choose other numbers.
            Err(Fault::Told(_)) => return Err(Fault::Astray),
            other => other?,
        };
        let Some(keys) = said.keys(suite, password, &proof) else { return Err(unproven) };
        let [console, bmc] = [said.console_session, said.bmc_session].map(u32::from_le_bytes);
        Session::new(keys, console, bmc).map_err(Fault::Told)
    }

    fn cut_off(&self) -> Fault {
        Fault::Told(ProbeError::Malformed(format!(
            "the BMC at {} answered the opening of a session with too few bytes",
            self.lan
        )))
    }
}
