//! A connection that was given up, and what is still under way on it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock_core::{Backend, Sent};
use redlock_redis_rs::RedisNode;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::support::*;

/// A middlebox in front of a server: what clients send over it can be held back, and is delivered in the end whatever
/// has become of the client.
struct Middlebox {
    port: u16,
    /// How many of the connections, from the first on, are held back.
    held: watch::Sender<usize>,
    /// How many connections have delivered all, and ended.
    ended: Arc<AtomicUsize>,
}

impl Middlebox {
    async fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (held, holding) = watch::channel(0);
        let ended = Arc::new(AtomicUsize::new(0));
        tokio::spawn({
            let ended = Arc::clone(&ended);
            async move {
                for number in 0.. {
                    let (client, _) = listener.accept().await.expect("a client");
                    let upstream =
                        TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await.expect("the server");
                    tokio::spawn(relay(client, upstream, number, holding.clone(), Arc::clone(&ended)));
                }
            }
        });
        Self { port, held, ended }
    }
}

async fn relay(
    client: TcpStream,
    server: TcpStream,
    number: usize,
    mut holding: watch::Receiver<usize>,
    ended: Arc<AtomicUsize>,
) {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut bytes = Vec::with_capacity(4096);
    loop {
        if from_client.readable().await.is_err() {
            break;
        }
        match from_client.try_read_buf(&mut bytes) {
            Ok(0) => break,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break,
            _ => {}
        }
        if *holding.borrow() <= number {
            let _ = to_server.write_all(&bytes).await;
            bytes.clear();
        }
    }
    // The client is gone; what it has sent is not.
    let _ = holding.wait_for(|held| *held <= number).await;
    let _ = to_server.write_all(&bytes).await;
    let _ = to_server.shutdown().await;
    ended.fetch_add(1, Ordering::SeqCst);
}

/// Without `CLIENT KILL` of the old connection each of these locks would be taken after its release, for all its ttl.
///
/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_middlebox_delivers_late_takes_no_lock() {
    let server = server();
    let middlebox = Middlebox::before(server.port().expect("a port")).await;
    let node = RedisNode::from_url(format!("redis://127.0.0.1:{}", middlebox.port)).expect("a node");
    ask(&node, inspect(&["warm"])).await;
    middlebox.held.send_replace(1);
    for _ in 0..3 {
        let late = acquire(&["late"], "mine", 600_000);
        let error = node.execute(&late.into(), within(Duration::from_millis(50))).await;
        assert_eq!(error.expect_err("held back").sent(), Sent::Maybe);
    }
    eventually("released", async || execute(&node, release(&["late"], "mine")).await.is_ok()).await;
    middlebox.held.send_replace(0);
    eventually("delivered", async || middlebox.ended.load(Ordering::SeqCst) == 1).await;
    eventually("the old connection is gone", async || {
        let list = server.command(["CLIENT", "LIST"]).expect("CLIENT LIST");
        list.as_text().expect("text").lines().count() == 2
    })
    .await;
    assert_eq!(server.keys().expect("keys"), 0);
}
