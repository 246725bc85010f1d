//! Every fault, before a server that sends back what it gets.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;

/// Long enough for whatever must come, on a busy machine.
const AMPLE: Duration = Duration::from_secs(10);
/// Long enough to see that nothing comes: too short a time could only let a wrong proxy pass.
const MOMENT: Duration = Duration::from_millis(50);

/// An echo that tells what it has got, from all its connections in one order, and when one of them ended.
struct Echo {
    address: SocketAddr,
    got: mpsc::UnboundedReceiver<String>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (tell, got) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream, tell.clone()));
            }
        });
        Self { address, got }
    }

    async fn got(&mut self) -> String {
        timeout(AMPLE, self.got.recv()).await.expect("in time").expect("something")
    }

    async fn got_nothing(&mut self) {
        timeout(MOMENT, self.got.recv()).await.expect_err("it got something");
    }
}

async fn echo(mut stream: TcpStream, tell: mpsc::UnboundedSender<String>) {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => {
                let _ = tell.send("the end".to_owned());
                return;
            }
            Ok(length) => {
                let _ = tell.send(String::from_utf8_lossy(&buffer[..length]).into_owned());
                let _ = stream.write_all(&buffer[..length]).await;
            }
            Err(_) => {
                let _ = tell.send("a reset".to_owned());
                return;
            }
        }
    }
}

async fn echo_and_proxy() -> (Echo, Proxy) {
    let echo = Echo::start().await;
    let proxy = Proxy::before(echo.address).expect("a proxy");
    (echo, proxy)
}

struct Client(TcpStream);

impl Client {
    async fn of(proxy: &Proxy) -> Self {
        Self(TcpStream::connect(proxy.address()).await.expect("a connection"))
    }

    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("written");
    }

    async fn hear(&mut self) -> Result<String, ErrorKind> {
        let mut buffer = [0; 1024];
        match timeout(AMPLE, self.0.read(&mut buffer)).await.expect("in time") {
            Ok(length) => Ok(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            Err(error) => Err(error.kind()),
        }
    }

    async fn hear_nothing(&mut self) {
        let mut buffer = [0; 1024];
        timeout(MOMENT, self.0.read(&mut buffer)).await.expect_err("it heard something").to_string();
    }

    async fn round_trip(&mut self, text: &str) {
        self.say(text).await;
        assert_eq!(self.hear().await.as_deref(), Ok(text));
    }
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + AMPLE;
    while !holds() {
        assert!(Instant::now() < deadline, "never");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn it_is_transparent_and_counts() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let mut client = Client::of(&proxy).await;
    client.round_trip("PING\r\n").await;
    client.round_trip("*1\r\n$4\r\nPING\r\n").await;
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.open, counts.commands), (1, 1, 2));
    assert_eq!((counts.bytes_to_server, counts.bytes_to_client), (20, 20));
    drop(client);
    echo.got().await;
    echo.got().await;
    assert_eq!(echo.got().await, "the end");
    eventually(|| proxy.counts().open == 0).await;
}

#[tokio::test]
async fn a_delay_is_that_of_one_direction() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let mut client = Client::of(&proxy).await;
    proxy.set(Direction::ToClient, Traffic::Delayed(Duration::from_millis(80)));
    let started = Instant::now();
    client.say("a").await;
    assert_eq!(echo.got().await, "a");
    assert_eq!(client.hear().await.as_deref(), Ok("a"));
    assert!(started.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn what_is_held_is_delivered_when_it_is_released_and_after_its_sender() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let mut client = Client::of(&proxy).await;
    client.round_trip("a").await;
    echo.got().await;
    proxy.set(Direction::ToServer, Traffic::Held);
    client.say("b").await;
    drop(client);
    echo.got_nothing().await;
    proxy.heal().await;
    assert_eq!(echo.got().await, "b");
    assert_eq!(echo.got().await, "the end");
}

#[tokio::test]
async fn what_a_reset_client_had_sent_is_delivered_too() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let mut client = Client::of(&proxy).await;
    client.round_trip("a").await;
    echo.got().await;
    proxy.strand();
    client.say("b").await;
    // The proxy has read it, or else the reset would take it along.
    tokio::time::sleep(MOMENT).await;
    client.0.set_zero_linger().expect("linger");
    drop(client);
    echo.got_nothing().await;
    proxy.deliver();
    assert_eq!(echo.got().await, "b");
}

#[tokio::test]
async fn a_stranded_connection_arrives_behind_a_new_one() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let mut old = Client::of(&proxy).await;
    old.round_trip("a").await;
    echo.got().await;
    proxy.strand();
    old.say("first").await;
    let mut new = Client::of(&proxy).await;
    new.round_trip("second").await;
    assert_eq!(echo.got().await, "second");
    proxy.deliver();
    assert_eq!(echo.got().await, "first");
    assert_eq!(old.hear().await.as_deref(), Ok("first"));
}

#[tokio::test]
async fn dropped_bytes_leave_the_connection_open_and_broken() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let (mut broken, mut whole) = (Client::of(&proxy).await, Client::of(&proxy).await);
    proxy.set(Direction::ToClient, Traffic::Dropped);
    broken.say("a").await;
    assert_eq!(echo.got().await, "a");
    broken.hear_nothing().await;
    proxy.heal().await;
    broken.say("b").await;
    assert_eq!(echo.got().await, "b");
    broken.hear_nothing().await;
    whole.round_trip("c").await;
}

#[tokio::test]
async fn a_half_close_ends_one_direction() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let mut client = Client::of(&proxy).await;
    client.round_trip("a").await;
    echo.got().await;
    proxy.set(Direction::ToClient, Traffic::Ended);
    assert_eq!(client.hear().await.as_deref(), Ok(""), "an end");
    client.say("b").await;
    assert_eq!(echo.got().await, "b");
}

#[tokio::test]
async fn a_black_hole_takes_connections_and_passes_nothing_until_it_is_healed() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let mut old = Client::of(&proxy).await;
    old.round_trip("a").await;
    echo.got().await;
    proxy.black_hole().await;
    let mut new = Client::of(&proxy).await;
    new.say("b").await;
    old.say("c").await;
    echo.got_nothing().await;
    new.hear_nothing().await;
    proxy.heal().await;
    assert_eq!(new.hear().await.as_deref(), Ok("b"));
    assert_eq!(old.hear().await.as_deref(), Ok("c"));
}

#[tokio::test]
async fn a_refusal_keeps_the_port_and_the_connections() {
    let (_echo, proxy) = echo_and_proxy().await;
    let mut old = Client::of(&proxy).await;
    old.round_trip("a").await;
    for _ in 0..3 {
        proxy.set_door(Door::Refused).await;
        let refused = TcpStream::connect(proxy.address()).await.expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        old.round_trip("b").await;
        proxy.heal().await;
        Client::of(&proxy).await.round_trip("c").await;
    }
}

#[tokio::test]
async fn a_cut_resets_both_sides_and_lets_new_connections_in() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let mut old = Client::of(&proxy).await;
    old.round_trip("a").await;
    echo.got().await;
    proxy.cut();
    assert_eq!(old.hear().await, Err(ErrorKind::ConnectionReset));
    assert_eq!(echo.got().await, "a reset");
    Client::of(&proxy).await.round_trip("b").await;
}

#[tokio::test]
async fn lost_replies_are_those_of_commands_that_arrived() {
    let (mut echo, proxy) = echo_and_proxy().await;
    proxy.lose_replies(2);
    for text in ["a", "b"] {
        let mut client = Client::of(&proxy).await;
        client.say(text).await;
        assert_eq!(client.hear().await, Err(ErrorKind::ConnectionReset));
        assert_eq!(echo.got().await, text);
        assert_eq!(echo.got().await, "a reset");
    }
    Client::of(&proxy).await.round_trip("c").await;
    assert_eq!(proxy.counts().bytes_to_client, 1);
}

#[tokio::test]
async fn where_no_server_is_connections_are_closed() {
    let (socket, nobody) = door::reserve().expect("a port");
    let proxy = Proxy::before(nobody).expect("a proxy");
    let mut client = Client::of(&proxy).await;
    assert_eq!(client.hear().await, Err(ErrorKind::ConnectionReset));
    drop(socket);
}

#[tokio::test]
async fn its_connections_end_with_it() {
    let (mut echo, proxy) = echo_and_proxy().await;
    let mut client = Client::of(&proxy).await;
    client.round_trip("a").await;
    echo.got().await;
    let address = proxy.address();
    drop(proxy);
    assert_eq!(client.hear().await.as_deref(), Ok(""), "an end");
    assert_eq!(echo.got().await, "the end");
    eventually(|| std::net::TcpStream::connect(address).is_err()).await;
}
