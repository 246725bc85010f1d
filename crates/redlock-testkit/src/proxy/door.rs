//! The port: who listens on it, and what becomes of those who come.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::relay;
use super::switches::{Door, Shared};

const BACKLOG: u32 = 128;

/// A free port, and a socket that keeps it without listening, so that nobody else is given it while connections are
/// refused.
pub(super) fn reserve() -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = shared_socket()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = shared_socket()?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn shared_socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    Ok(socket)
}

/// Takes connections and refuses them as it is told, for the proxy's whole life.
pub(super) async fn keep(shared: Arc<Shared>, address: SocketAddr, listener: TcpListener) {
    let mut listener = Some(listener);
    let mut relays = JoinSet::new();
    let mut switches = shared.watch();
    loop {
        let door = switches.borrow_and_update().door;
        if door == Door::Refused {
            listener = None;
        } else if listener.is_none() {
            listener = listen(address).ok();
        }
        shared.door_is(door);
        tokio::select! {
            biased;
            changed = switches.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            Some(_) = relays.join_next() => {}
            client = accept(listener.as_ref()) => {
                relays.spawn(relay::run(client, relay::Ticket::new(&shared)));
            }
        }
    }
}

/// The next client; never any where nobody listens.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    loop {
        match listener {
            None => std::future::pending().await,
            Some(listener) => match listener.accept().await {
                Ok((client, _)) => return client,
                // Out of file descriptors, as a rule: not at once again.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}
