//! How a web server is reached: socket, proxy, and TLS as mail servers get it, by the same guard;
//! and what happened on the way. Must not know: requests and answers.
//!
//! ureq's own TLS is not used: it cannot pin a certificate, and says of one that is not believed
//! only that it is not.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    TcpConnector, Transport, TransportAdapter,
};

use crate::model::text::shown;
use crate::net::route::{Route, host_of, origin};
use crate::net::tls::{Guard, rustls_error, server_name};

/// An agent of ureq whose connections believe and go as `route` says, and tell `log` about it.
pub(super) fn agent(config: Config, route: &Route, log: &Arc<Log>) -> Agent {
    let protection =
        Protection { route: route.clone(), log: Arc::clone(log), believed: Mutex::new(None) };
    let connector = ().chain(Start(Arc::clone(log))).chain(ConnectProxyConnector::default());
    let connector = connector.chain(TcpConnector::default()).chain(protection);
    let connector = connector.chain(Watch(Arc::clone(log)));
    Agent::with_parts(config, connector, DefaultResolver::default())
}

/// What happened on the way of one request.
#[derive(Debug, Default)]
pub(super) struct Log {
    connected: AtomicBool,
    answered: AtomicBool,
    /// Why the line could not be protected, in words; ureq's errors have no room for them.
    trouble: Mutex<Option<String>>,
}

impl Log {
    /// Forgets the request before.
    pub(super) fn begin(&self) {
        self.connected.store(false, Ordering::Relaxed);
        self.answered.store(false, Ordering::Relaxed);
        drop(self.trouble());
    }

    /// Whether it went over a connection that an earlier one had left, and no byte came back.
    pub(super) fn found_it_closed(&self) -> bool {
        !self.connected.load(Ordering::Relaxed) && !self.answered.load(Ordering::Relaxed)
    }

    /// What went wrong with TLS, if that is what went wrong.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().ok()?.take()
    }

    fn say(&self, text: String) -> ureq::Error {
        if let Ok(mut trouble) = self.trouble.lock() {
            *trouble = Some(text);
        }
        ureq::Error::Tls("see the words")
    }
}

/// Puts TLS around a connection to an `https` server.
struct Protection {
    route: Route,
    log: Arc<Log>,
    /// Read once for all connections, and again after one failed: an authority's file may have been
    /// renewed.
    believed: Mutex<Option<(Arc<Guard>, Arc<ClientConfig>)>>,
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protection")
    }
}

impl Protection {
    /// Taken out while it is used; who believed gives it back.
    fn take_believed(&self) -> Result<(Arc<Guard>, Arc<ClientConfig>), String> {
        // Read here and not before: a proxy or a server without TLS needs no authorities.
        if let Some(kept) = self.believed.lock().ok().and_then(|mut kept| kept.take()) {
            return Ok(kept);
        }
        let guard = Guard::of(&self.route)?;
        let config = guard.config()?;
        Ok((guard, config))
    }

    fn protect(
        &self,
        details: &ConnectionDetails<'_>,
        transport: Box<dyn Transport>,
    ) -> Result<Protected, ureq::Error> {
        let say = |why| self.log.say(why);
        let url = details.uri.to_string();
        let (name, host) = (shown(origin(&url)), host_of(&url));
        let (guard, config) = self.take_believed().map_err(say)?;
        let server = server_name(&host).map_err(say)?;
        let mut connection = ClientConnection::new(Arc::clone(&config), server)
            .map_err(|error| say(format!("{name}: TLS cannot begin: {error}")))?;
        let mut socket = TransportAdapter::new(transport, Arc::clone(&details.current_time));
        socket.set_timeout(details.timeout);
        while connection.is_handshaking() {
            let Err(error) = connection.complete_io(&mut socket) else { continue };
            if let Some(why) = guard.refusal(&name, &host, &error) {
                return Err(say(why));
            }
            return Err(match rustls_error(&error) {
                Some(inner) => {
                    say(format!("{name}: TLS failed: {inner}; does this port speak HTTPS?"))
                }
                None => ureq::Error::Io(error),
            });
        }
        if let Ok(mut kept) = self.believed.lock() {
            *kept = Some((guard, config));
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

/// Notes that a new connection is tried, before any of it can fail.
#[derive(Debug)]
struct Start(Arc<Log>);

impl<In: Transport> Connector<In> for Start {
    type Out = In;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<In>, ureq::Error> {
        self.0.connected.store(true, Ordering::Relaxed);
        Ok(chained)
    }
}

/// Notes whether anything came back over a connection.
#[derive(Debug)]
struct Watch(Arc<Log>);

impl<In: Transport> Connector<In> for Watch {
    type Out = Watched<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|line| Watched { line, log: Arc::clone(&self.0) }))
    }
}

#[derive(Debug)]
struct Watched<T> {
    line: T,
    log: Arc<Log>,
}

impl<T: Transport> Transport for Watched<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.line.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.line.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let came = self.line.await_input(timeout)?;
        self.log.answered.fetch_or(came, Ordering::Relaxed);
        Ok(came)
    }

    fn is_open(&mut self) -> bool {
        self.line.is_open()
    }

    fn is_tls(&self) -> bool {
        self.line.is_tls()
    }
}
