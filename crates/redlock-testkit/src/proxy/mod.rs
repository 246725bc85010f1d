//! A fault proxy: TCP between a client and a real server, with faults that are switched on and off while it runs.
//!
//! ```
//! use redlock_testkit::proxy::{Direction, Proxy, Traffic};
//!
//! # async fn f(server: std::net::SocketAddr) -> std::io::Result<()> {
//! let proxy = Proxy::before(server)?;
//! // … a client connects to `proxy.address()` …
//! proxy.set(Direction::ToClient, Traffic::Held); // commands arrive, their replies do not
//! proxy.cut(); // every connection is reset; new ones are taken
//! proxy.heal().await;
//! println!("{:?}", proxy.counts());
//! # Ok(())
//! # }
//! ```
//!
//! It does what a network does and nothing else: the bytes of one direction of one connection are never changed and
//! never swapped, and where some are missing, none come after them. Bytes of different connections may overtake each
//! other: see [`Proxy::strand`].

mod commands;
mod door;
mod pump;
mod relay;
mod switches;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

pub use switches::{Counts, Direction, Door, Traffic};

use crate::server::RedisServer;
use switches::Shared;

/// A proxy on a port of the loopback interface. Transparent until told otherwise; when it is dropped, its tasks and
/// connections end.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    door: JoinHandle<()>,
    /// Keeps the port while nobody listens on it.
    _reserved: TcpSocket,
}

impl Proxy {
    /// A proxy before whatever listens at `server`, now or later. Its tasks run on the
    /// tokio runtime in which it is made.
    pub fn before(server: SocketAddr) -> io::Result<Self> {
        let (reserved, address) = door::reserve()?;
        let shared = Shared::new(server);
        let listener = door::listen(address)?;
        let door = tokio::spawn(door::keep(Arc::clone(&shared), address, listener));
        Ok(Self { address, shared, door, _reserved: reserved })
    }

    /// A proxy before a server that listens on a port.
    pub fn of(server: &RedisServer) -> io::Result<Self> {
        let port = server.port().ok_or_else(|| io::Error::other("the server listens on no port"))?;
        Self::before(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Where clients connect; the same for its whole life.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of that server, by way of this proxy.
    pub fn url(&self, server: &RedisServer) -> String {
        let url = server.url();
        let direct = server.port().and_then(|port| url.strip_suffix(&port.to_string()));
        direct.map_or_else(|| url.clone(), |before| format!("{before}{}", self.address.port()))
    }

    /// What becomes of the bytes of one direction, over the connections that there are and those to come.
    pub fn set(&self, direction: Direction, traffic: Traffic) {
        self.shared.switch(|switches| switches.set(direction, traffic));
    }

    /// The same for both directions.
    pub fn set_both(&self, traffic: Traffic) {
        self.set(Direction::ToServer, traffic);
        self.set(Direction::ToClient, traffic);
    }

    /// What becomes of new connections. Answers when it is so.
    pub async fn set_door(&self, door: Door) {
        self.shared.switch(|switches| switches.door = door);
        self.shared.door_stands(door).await;
    }

    /// Nothing passes any more in either direction, and new connections are taken and hear nothing. What is sent
    /// meanwhile is delivered at the end of it, as the retransmissions of a real network do.
    pub async fn black_hole(&self) {
        self.set_both(Traffic::Held);
        self.set_door(Door::BlackHole).await;
    }

    /// Resets every connection, on both sides; what was held back is lost. New ones are taken.
    pub fn cut(&self) {
        let next = self.shared.next();
        self.shared.switch(|switches| switches.cut_below = next);
    }

    /// Holds back what clients send over the connections that there are, until [`deliver`](Self::deliver), also when
    /// the client has closed the connection meanwhile; connections made later are free. So what was sent first arrives
    /// last.
    pub fn strand(&self) {
        let next = self.shared.next();
        self.shared.switch(|switches| switches.stranded_below = next);
    }

    /// Delivers what was stranded.
    pub fn deliver(&self) {
        self.shared.switch(|switches| switches.stranded_below = 0);
    }

    /// Each of the next `replies` is lost, and with it its connection, which is reset: the server has done what was
    /// asked, and the client does not hear of it. What comes in one piece counts as one.
    pub fn lose_replies(&self, replies: u64) {
        self.shared.lose_replies(replies);
    }

    /// Transparent again: all traffic flows, what was held or stranded is delivered, no further reply is lost, and the
    /// door is open. A connection that has lost bytes stays broken.
    pub async fn heal(&self) {
        self.lose_replies(0);
        self.deliver();
        self.set_both(Traffic::Flows);
        self.set_door(Door::Open).await;
    }

    /// What has passed so far.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The task owns those of the connections.
        self.door.abort();
    }
}
