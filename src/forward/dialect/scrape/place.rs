//! Where `/metrics` is served: a loopback address or a Unix socket, taken without taking it from
//! anybody.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

use crate::forward::target::Listen;

/// Why one cannot listen there.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Somebody does, maybe not for long.
    Taken(String),
    /// Somebody must mend something.
    Wrong(String),
}

/// A loopback address with its port.
///
/// # Errors
/// It is none, or others than this host could reach it; in words for a person.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = match text.strip_prefix("localhost:").map(str::parse) {
        Some(port) => port.ok().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        None => text.parse().ok(),
    };
    match address {
        Some(address) if address.port() > 0 && address.ip().is_loopback() => Ok(address),
        Some(address) if address.port() > 0 => Err(format!(
            "{text} can be reached from other machines, and there is no login before the metrics: \
             listen on 127.0.0.1 or ::1, and put a web server with TLS and a login before it"
        )),
        _ => Err(format!("{text} is no address to listen at: write one such as 127.0.0.1:9797")),
    }
}

/// A socket that is listened at.
#[derive(Debug)]
pub(super) enum Listener {
    /// On a loopback address.
    Tcp(TcpListener),
    /// On a path, with the file that was made there.
    Unix(UnixListener, PathBuf, (u64, u64)),
}

/// Somebody who asks.
#[derive(Debug)]
pub(super) enum Client {
    /// By TCP.
    Tcp(TcpStream),
    /// By a Unix socket.
    Unix(UnixStream),
}

impl Listener {
    pub(super) fn open(listen: &Listen) -> Result<Self, Trouble> {
        match listen {
            Listen::Tcp(text) => {
                let address = loopback(text).map_err(Trouble::Wrong)?;
                let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
                    ErrorKind::AddrInUse => {
                        Trouble::Taken(format!("somebody else listens at {text}"))
                    }
                    ErrorKind::PermissionDenied => Trouble::Wrong(format!(
                        "may not listen at {text}: ports below 1024 are root's, choose a higher one"
                    )),
                    _ => Trouble::Wrong(format!("cannot listen at {text}: {error}")),
                })?;
                listener.set_nonblocking(true).map_err(|error| failed(text, &error))?;
                Ok(Self::Tcp(listener))
            }
            Listen::Unix(path) => Self::unix(Path::new(path)),
        }
    }

    fn unix(path: &Path) -> Result<Self, Trouble> {
        let name = path.display().to_string();
        make_room(path, &name)?;
        let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => Trouble::Taken(format!("somebody else listens at {name}")),
            ErrorKind::PermissionDenied | ErrorKind::NotFound | ErrorKind::ReadOnlyFilesystem => {
                Trouble::Wrong(format!(
                    "cannot make the socket {name}: {error}. The agent's user must be able to write \
                     to its folder; /run/hostwatch is one where it can"
                ))
            }
            _ => failed(&name, &error),
        })?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))
            .and_then(|()| listener.set_nonblocking(true))
            .map_err(|error| failed(&name, &error))?;
        let file = place(path).map_err(|error| failed(&name, &error))?;
        Ok(Self::Unix(listener, path.to_owned(), file))
    }

    /// The next client; none if it went away again.
    pub(super) fn accept(&self) -> Option<Client> {
        match self {
            Self::Tcp(listener) => listener.accept().ok().map(|(client, _)| Client::Tcp(client)),
            Self::Unix(listener, ..) => {
                listener.accept().ok().map(|(client, _)| Client::Unix(client))
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, ..) => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path, file) = self
            && place(path).is_ok_and(|now| now == *file)
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The agent's group may ask, too.
const MODE: u32 = 0o660;

fn place(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|data| (data.dev(), data.ino()))
}

/// Removes the socket of somebody who is gone, and nothing else.
fn make_room(path: &Path, name: &str) -> Result<(), Trouble> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(name, &error)),
        Ok(data) if !data.file_type().is_socket() => {
            return Err(Trouble::Wrong(format!(
                "{name} is there and is no socket: remove it, or choose another path"
            )));
        }
        Ok(_) => {}
    }
    let asked = || {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(probe.as_raw_fd(), &UnixAddr::new(path)?)
    };
    match asked() {
        // A full queue has somebody behind it, however busy.
        Ok(()) | Err(Errno::EAGAIN) => {
            Err(Trouble::Taken(format!("somebody else listens at {name}")))
        }
        Err(Errno::ENOENT) => Ok(()),
        Err(Errno::ECONNREFUSED) => match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(name, &error)),
            _ => Ok(()),
        },
        Err(error) => Err(failed(name, &error.into())),
    }
}

fn failed(name: &str, error: &io::Error) -> Trouble {
    Trouble::Wrong(format!("cannot listen at {name}: {error}"))
}

impl Client {
    /// Connects to where somebody listens.
    pub(super) fn connect(listen: &Listen, within: Duration) -> io::Result<Self> {
        match listen {
            Listen::Tcp(text) => {
                let address = loopback(text).map_err(io::Error::other)?;
                TcpStream::connect_timeout(&address, within).map(Self::Tcp)
            }
            Listen::Unix(path) => UnixStream::connect(path).map(Self::Unix),
        }
    }

    /// Bounds the next read and the next write.
    pub(super) fn set_timeout(&self, span: Duration) -> io::Result<()> {
        // Zero would mean for ever.
        let span = Some(span.max(Duration::from_millis(1)));
        match self {
            Self::Tcp(client) => {
                client.set_read_timeout(span).and_then(|()| client.set_write_timeout(span))
            }
            Self::Unix(client) => {
                client.set_read_timeout(span).and_then(|()| client.set_write_timeout(span))
            }
        }
    }
}

impl io::Read for Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(client) => client.read(buffer),
            Self::Unix(client) => client.read(buffer),
        }
    }
}

impl io::Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(client) => client.write(bytes),
            Self::Unix(client) => client.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
