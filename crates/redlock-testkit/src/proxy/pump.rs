//! One direction of one connection.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::commands::Commands;
use super::relay::Ticket;
use super::switches::{Direction, Shared, Switches, Traffic};

/// The connection is to be reset.
pub(super) struct Reset;

/// What was read at once, and when.
struct Piece {
    at: Instant,
    bytes: Vec<u8>,
}

/// What becomes of a piece, or of the end behind the last one.
enum Passage {
    Delivered,
    Lost,
    Ended,
}

pub(super) struct Pump {
    shared: Arc<Shared>,
    switches: watch::Receiver<Switches>,
    number: u64,
    direction: Direction,
    commands: Commands,
    /// Nothing is delivered any more.
    closed: bool,
}

impl Pump {
    pub(super) fn new(ticket: &Ticket, direction: Direction) -> Self {
        Self {
            shared: Arc::clone(&ticket.shared),
            switches: ticket.shared.watch(),
            number: ticket.number,
            direction,
            commands: Commands::default(),
            closed: false,
        }
    }

    /// Until the sender has ended and all that it sent is dealt with. Reading never waits for writing: what a client has
    /// sent before it resets its connection would else be lost with it.
    pub(super) async fn run(self, reader: ReadHalf<'_>, writer: WriteHalf<'_>) -> Result<(), Reset> {
        let (queue, pieces) = mpsc::unbounded_channel();
        tokio::try_join!(read(reader, queue), self.write(pieces, writer))?;
        Ok(())
    }

    async fn write(
        mut self,
        mut pieces: UnboundedReceiver<Piece>,
        mut writer: WriteHalf<'_>,
    ) -> Result<(), Reset> {
        loop {
            let piece = tokio::select! {
                biased;
                () = Self::told_to_end(self.switches.clone(), self.direction, self.number), if !self.closed => {
                    self.end(&mut writer).await;
                    continue;
                }
                piece = pieces.recv() => piece,
            };
            if self.closed && piece.is_some() {
                continue;
            }
            let Some(piece) = piece else { break };
            match self.passage(piece.at).await {
                Passage::Delivered => self.deliver(&piece.bytes, &mut writer).await?,
                Passage::Lost => self.closed = true,
                Passage::Ended => self.end(&mut writer).await,
            }
        }
        if !self.closed && !matches!(self.passage(Instant::now()).await, Passage::Lost) {
            self.end(&mut writer).await;
        }
        Ok(())
    }

    async fn deliver(&mut self, bytes: &[u8], writer: &mut WriteHalf<'_>) -> Result<(), Reset> {
        if self.direction == Direction::ToClient && self.shared.loses_reply() {
            return Err(Reset);
        }
        let commands = match self.direction {
            Direction::ToServer => self.commands.feed(bytes),
            Direction::ToClient => 0,
        };
        // Before it is written, so that whoever has its effect before their eyes finds it counted.
        self.shared.passed(self.direction, bytes.len(), commands);
        // Where the receiver is gone, the rest is read and forgotten.
        self.closed = writer.write_all(bytes).await.is_err();
        Ok(())
    }

    async fn end(&mut self, writer: &mut WriteHalf<'_>) {
        self.closed = true;
        let _ = writer.shutdown().await;
    }

    async fn told_to_end(mut switches: watch::Receiver<Switches>, direction: Direction, number: u64) {
        let told = switches.wait_for(|now| now.traffic(direction, number) == Traffic::Ended).await.is_ok();
        if !told {
            std::future::pending::<()>().await;
        }
    }

    /// What the switches say about what was read at that moment; waits while they say nothing.
    async fn passage(&mut self, read_at: Instant) -> Passage {
        loop {
            let traffic = self.switches.borrow_and_update().traffic(self.direction, self.number);
            let until = match traffic {
                Traffic::Flows => return Passage::Delivered,
                Traffic::Dropped => return Passage::Lost,
                Traffic::Ended => return Passage::Ended,
                Traffic::Delayed(delay) => Some(read_at + delay),
                Traffic::Held => None,
            };
            tokio::select! {
                biased;
                changed = self.switches.changed() => {
                    if changed.is_err() {
                        return Passage::Lost;
                    }
                }
                () = sleep(until) => return Passage::Delivered,
            }
        }
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

async fn read(mut reader: ReadHalf<'_>, queue: UnboundedSender<Piece>) -> Result<(), Reset> {
    loop {
        let mut bytes = Vec::with_capacity(16 * 1024);
        match reader.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(_) => {}
        }
        if queue.send(Piece { at: Instant::now(), bytes }).is_err() {
            return Ok(());
        }
    }
}
