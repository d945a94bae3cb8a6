//! The control socket: one line of JSON in, one line of JSON out, then hang up.
//!
//! A thread of its own serves one client at a time, with deadlines, and asks the dispatcher
//! through its inbox; a slow client holds up other clients for two seconds, and no check. Reading
//! is for whoever may open the socket; what changes something is for root and the agent's own
//! user (the kernel says who asks: `SO_PEERCRED`, unix(7)).

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{Uid, User, geteuid};

use super::inbox::{Message, Post};
use super::request::{Done, Request};
use crate::model::exit;
use crate::model::limit::CONTROL_REQUEST_BYTES;
use crate::model::text::shown_within;

/// How long a client may take to say its line, and to take the answer.
const CLIENT_DEADLINE: Duration = Duration::from_secs(2);
/// How long the dispatcher may take: it answers between two rounds, or when it has given up on a
/// disk that does not answer ([`STORE_PATIENCE`](crate::model::limit::STORE_PATIENCE)).
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);
/// Characters of a user's name.
const NAME_MAX: usize = 32;

/// Listens on `path` until the process ends.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(path: &Path, post: Post) -> std::io::Result<PathBuf> {
    // The state directory's lock is ours, so a socket that is there is a dead agent's.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    std::thread::Builder::new().name("control".to_owned()).stack_size(256 << 10).spawn(
        move || {
            for client in listener.incoming().flatten() {
                if let Err(error) = serve(&client, &post) {
                    tracing::debug!("a control client went away: {error}");
                }
            }
        },
    )?;
    Ok(path.to_owned())
}

fn serve(mut client: &UnixStream, post: &Post) -> std::io::Result<()> {
    client.set_read_timeout(Some(CLIENT_DEADLINE))?;
    client.set_write_timeout(Some(CLIENT_DEADLINE))?;
    let mut line = String::new();
    let limit = u64::try_from(CONTROL_REQUEST_BYTES).unwrap_or(u64::MAX);
    BufReader::new(client.take(limit)).read_line(&mut line)?;
    let answer = match serde_json::from_str::<Request>(&line) {
        Err(error) => refuse(exit::USAGE, format!("not a request: {error}")),
        Ok(request) if request.changes_something() && !may_change(client) => refuse(
            exit::NO_PRIVILEGE,
            "only root and the agent's own user may do that; try it with sudo".to_owned(),
        ),
        Ok(Request::Order { order, claim }) => {
            let author = author(client, claim.as_deref());
            ask(post, |reply| Message::Order(order, author, reply))
        }
        Ok(request) => ask(post, |reply| Message::Ask(request, reply)),
    };
    client.write_all(answer.as_bytes())?;
    client.write_all(b"\n")
}

fn ask(post: &Post, message: impl FnOnce(Sender<String>) -> Message) -> String {
    let (reply, answer) = channel();
    post.send(message(reply));
    answer.recv_timeout(ANSWER_DEADLINE).unwrap_or_else(|_| {
        refuse(
            exit::FAILED,
            "the agent's scheduler does not answer; `systemctl status hostwatch` may say why"
                .to_owned(),
        )
    })
}

fn refuse(code: u8, text: String) -> String {
    Done { done: false, code, text }.to_json()
}

fn may_change(client: &UnixStream) -> bool {
    getsockopt(client, PeerCredentials)
        .is_ok_and(|peer| peer.uid() == 0 || peer.uid() == geteuid().as_raw())
}

/// Who asks: the user as the account table calls it, and whom root says it works for.
fn author(client: &UnixStream, claim: Option<&str>) -> String {
    let Ok(peer) = getsockopt(client, PeerCredentials) else { return "unknown".to_owned() };
    let user = User::from_uid(Uid::from_raw(peer.uid())).ok().flatten();
    let name = user.map_or_else(|| format!("uid {}", peer.uid()), |user| user.name);
    match claim.filter(|_| peer.uid() == 0).map(|claim| shown_within(claim, NAME_MAX)) {
        Some(claim) if !claim.is_empty() && claim != name => format!("{name} ({claim} via sudo)"),
        _ => name,
    }
}

/// The number of the user that the agent at one of `paths` runs as; the kernel says it of whoever
/// listens.
#[must_use]
pub fn agent_uid(paths: &[PathBuf]) -> Option<u32> {
    let agent = paths.iter().find_map(|path| UnixStream::connect(path).ok())?;
    getsockopt(&agent, PeerCredentials).ok().map(|peer| peer.uid())
}

/// The number of the process that listens at one of `paths`; the kernel says it.
#[must_use]
pub fn agent_pid(paths: &[PathBuf]) -> Option<i32> {
    let agent = paths.iter().find_map(|path| UnixStream::connect(path).ok())?;
    getsockopt(&agent, PeerCredentials).ok().map(|peer| peer.pid())
}

/// The client's side: one request to the agent that listens at one of `paths`.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` when no agent listens there; else the system's reason.
pub fn request(paths: &[PathBuf], request: &Request) -> std::io::Result<String> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for path in paths {
        match UnixStream::connect(path) {
            Ok(mut agent) => {
                agent.set_read_timeout(Some(ANSWER_DEADLINE + CLIENT_DEADLINE))?;
                agent.set_write_timeout(Some(CLIENT_DEADLINE))?;
                let line = serde_json::to_string(request).map_err(std::io::Error::other)?;
                agent.write_all(line.as_bytes())?;
                agent.write_all(b"\n")?;
                let mut answer = String::new();
                agent.read_to_string(&mut answer)?;
                return Ok(answer);
            }
            // Denied says more than the absence of another socket.
            Err(error) if last.kind() == std::io::ErrorKind::PermissionDenied => drop(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}
