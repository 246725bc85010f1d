//! What the proxy is told to do, and what it has done.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Commands.
    ToServer,
    /// Replies.
    ToClient,
}

/// What becomes of the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Traffic {
    /// They pass. The default.
    #[default]
    Flows,
    /// They pass so much later, in their order.
    Delayed(Duration),
    /// They are kept until another setting, and pass then: also when their sender is gone.
    Held,
    /// They are swallowed, and so is the end of the connection, which stays open. A connection that has lost bytes
    /// delivers none any more in this direction, whatever is set later.
    Dropped,
    /// The receiver is told that the sender has ended (half-close); what the sender still sends is swallowed, whatever
    /// is set later.
    Ended,
}

/// What becomes of new connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Door {
    /// They are taken and joined with the server; where nobody is there, they are closed. The default.
    #[default]
    Open,
    /// They are taken, and nobody is behind the door until it is open.
    BlackHole,
    /// They are refused: nobody listens.
    Refused,
}

/// What has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections that clients have made.
    pub connections: u64,
    /// Connections of which at least one side still stands.
    pub open: u64,
    /// Commands of the Redis protocol that were passed on to the server in full.
    pub commands: u64,
    /// Bytes that were passed on to the server.
    pub bytes_to_server: u64,
    /// Bytes that were passed on to clients.
    pub bytes_to_client: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Switches {
    pub(super) door: Door,
    to_server: Traffic,
    to_client: Traffic,
    /// Connections with a lower number are reset.
    pub(super) cut_below: u64,
    /// What clients have sent over connections with a lower number is held back.
    pub(super) stranded_below: u64,
}

impl Switches {
    pub(super) fn set(&mut self, direction: Direction, traffic: Traffic) {
        match direction {
            Direction::ToServer => self.to_server = traffic,
            Direction::ToClient => self.to_client = traffic,
        }
    }

    pub(super) fn traffic(&self, direction: Direction, connection: u64) -> Traffic {
        match direction {
            Direction::ToServer if connection < self.stranded_below => Traffic::Held,
            Direction::ToServer => self.to_server,
            Direction::ToClient => self.to_client,
        }
    }
}

/// What the proxy and its tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) server: SocketAddr,
    switches: watch::Sender<Switches>,
    /// The door as it is, which follows the switch a moment later.
    door: watch::Sender<Door>,
    next: AtomicU64,
    open: AtomicU64,
    replies_to_lose: AtomicU64,
    commands: AtomicU64,
    bytes: [AtomicU64; 2],
}

impl Shared {
    pub(super) fn new(server: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            server,
            switches: watch::Sender::default(),
            door: watch::Sender::default(),
            next: AtomicU64::default(),
            open: AtomicU64::default(),
            replies_to_lose: AtomicU64::default(),
            commands: AtomicU64::default(),
            bytes: Default::default(),
        })
    }

    pub(super) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.switches.send_modify(change);
    }

    pub(super) fn watch(&self) -> watch::Receiver<Switches> {
        self.switches.subscribe()
    }

    /// The number of the next connection: those that there are have lower ones.
    pub(super) fn next(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    pub(super) fn opened(&self) -> u64 {
        self.open.fetch_add(1, Ordering::SeqCst);
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn door_is(&self, door: Door) {
        self.door.send_replace(door);
    }

    pub(super) async fn door_stands(&self, door: Door) {
        // The sender lives as long as `self`.
        let _ = self.door.subscribe().wait_for(|stands| *stands == door).await;
    }

    pub(super) fn lose_replies(&self, replies: u64) {
        self.replies_to_lose.store(replies, Ordering::SeqCst);
    }

    /// Whether this reply is to be lost.
    pub(super) fn loses_reply(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.replies_to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }

    pub(super) fn passed(&self, direction: Direction, bytes: usize, commands: u64) {
        let [to_server, to_client] = &self.bytes;
        let counter = if direction == Direction::ToServer { to_server } else { to_client };
        counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::SeqCst);
        self.commands.fetch_add(commands, Ordering::SeqCst);
    }

    pub(super) fn counts(&self) -> Counts {
        let [to_server, to_client] = &self.bytes;
        Counts {
            connections: self.next(),
            open: self.open.load(Ordering::SeqCst),
            commands: self.commands.load(Ordering::SeqCst),
            bytes_to_server: to_server.load(Ordering::SeqCst),
            bytes_to_client: to_client.load(Ordering::SeqCst),
        }
    }
}
