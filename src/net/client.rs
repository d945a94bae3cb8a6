//! How a web server is reached: socket, proxy, and TLS as mail servers get it, by the same guard.
//!
//! ureq's own TLS is not used: it cannot pin a certificate, and says of one that is not believed
//! only that it is not.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use rustls::{ClientConnection, StreamOwned};
use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    TcpConnector, Transport, TransportAdapter,
};

use crate::net::route::{Route, host_of};
use crate::net::tls::{Guard, rustls_error, server_name};

/// A client for one request.
pub(super) struct Client {
    pub(super) agent: Agent,
    trouble: Trouble,
}

/// Why the line could not be protected, in words; ureq's errors have no room for them.
type Trouble = Arc<Mutex<Option<String>>>;

impl Client {
    /// A client that believes and goes as `route` says. `name` is the server's for people.
    pub(super) fn new(config: Config, route: &Route, name: &str) -> Result<Self, String> {
        let trouble = Trouble::default();
        let protection = Protection {
            route: route.clone(),
            name: name.to_owned(),
            trouble: Arc::clone(&trouble),
        };
        let connector = ().chain(ConnectProxyConnector::default());
        let connector = connector.chain(TcpConnector::default()).chain(protection);
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self { agent, trouble })
    }

    /// What went wrong with TLS, if that is what went wrong.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().ok()?.take()
    }
}

/// Puts TLS around a connection to an `https` server.
struct Protection {
    route: Route,
    name: String,
    trouble: Trouble,
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protection {{ {} }}", self.name)
    }
}

impl Protection {
    fn say(&self, text: String) -> ureq::Error {
        if let Ok(mut trouble) = self.trouble.lock() {
            *trouble = Some(text);
        }
        ureq::Error::Tls("see the words")
    }

    fn protect(
        &self,
        details: &ConnectionDetails<'_>,
        transport: Box<dyn Transport>,
    ) -> Result<Protected, ureq::Error> {
        let host = host_of(&details.uri.to_string());
        // Read here and not before: a proxy or a server without TLS needs no authorities.
        let guard = match &self.route.fingerprint {
            Some(fingerprint) => Guard::pinned(fingerprint),
            None => Guard::authority(self.route.ca_file.as_deref()),
        };
        let guard = guard.map_err(|why| self.say(why))?;
        let config = guard.config().map_err(|why| self.say(why))?;
        let server = server_name(&host).map_err(|why| self.say(why))?;
        let mut connection = ClientConnection::new(config, server)
            .map_err(|error| self.say(format!("{}: TLS cannot begin: {error}", self.name)))?;
        let mut socket = TransportAdapter::new(transport, Arc::clone(&details.current_time));
        socket.set_timeout(details.timeout);
        while connection.is_handshaking() {
            let Err(error) = connection.complete_io(&mut socket) else { continue };
            if let Some(why) = guard.refusal(&self.name, &host, &error) {
                return Err(self.say(why));
            }
            return Err(match rustls_error(&error) {
                Some(other) => self.say(format!(
                    "{}: TLS failed: {other}; does this port speak HTTPS?",
                    self.name
                )),
                None => ureq::Error::Io(error),
            });
        }
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Protected { buffers, stream: StreamOwned::new(connection, socket) })
    }
}

impl<In: Transport> Connector<In> for Protection {
    type Out = Either<In, Protected>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        match chained {
            Some(transport) if details.needs_tls() && !transport.is_tls() => {
                self.protect(details, Box::new(transport)).map(|line| Some(Either::B(line)))
            }
            other => Ok(other.map(Either::A)),
        }
    }
}

/// A connection under TLS.
struct Protected {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protected")
    }
}

impl Transport for Protected {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
