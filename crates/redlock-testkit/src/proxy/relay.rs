//! One connection: the client's half, the server's half, and a pump for each direction between them.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::pump::{Pump, Reset};
use super::switches::{Direction, Door, Shared};

/// A connection's number, and that it counts as open.
pub(super) struct Ticket {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
}

impl Ticket {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { number: shared.opened(), shared: Arc::clone(shared) }
    }

    /// Ready when the connection is to be cut; also when the proxy is gone.
    async fn cut(&self) {
        let _ = self.shared.watch().wait_for(|switches| switches.cut_below > self.number).await;
    }

    async fn let_in(&self) {
        let _ = self.shared.watch().wait_for(|switches| switches.door != Door::BlackHole).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.closed();
    }
}

pub(super) async fn run(mut client: TcpStream, ticket: Ticket) {
    let _ = client.set_nodelay(true);
    let server = tokio::select! {
        biased;
        () = ticket.cut() => None,
        server = connect(&ticket) => server,
    };
    let Some(mut server) = server else { return reset(&client) };
    let broken = tokio::select! {
        biased;
        () = ticket.cut() => true,
        joined = join(&mut client, &mut server, &ticket) => joined.is_err(),
    };
    if broken {
        reset(&client);
        reset(&server);
    }
}

async fn connect(ticket: &Ticket) -> Option<TcpStream> {
    ticket.let_in().await;
    let server = TcpStream::connect(ticket.shared.server).await.ok()?;
    let _ = server.set_nodelay(true);
    Some(server)
}

async fn join(client: &mut TcpStream, server: &mut TcpStream, ticket: &Ticket) -> Result<(), Reset> {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::try_join!(
        Pump::new(ticket, Direction::ToServer).run(from_client, to_server),
        Pump::new(ticket, Direction::ToClient).run(from_server, to_client),
    )?;
    Ok(())
}

/// Makes the closing of the socket, which follows, a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
