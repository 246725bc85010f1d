//! Nodes that are made without a connection, and what becomes of the commands that wait for it.

use std::net::Ipv4Addr;
use std::time::Duration;

use redlock_core::{Backend, Epoch, FaultKind, KeyState, Sent};
use redlock_tests::support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::order::{PAIRS, begin, pair};
use super::reconnect::clients;
use super::subjects::*;

each_lazy_client! {
    a_release_never_overtakes_its_acquire_while_connecting,
    a_release_never_overtakes_its_acquire_as_the_connection_comes_up,
    nobody_at_the_address,
    a_host_without_an_address,
    many_commands_share_one_connection,
    a_command_that_is_given_up_in_the_queue_is_not_sent,
    a_wrong_password,
    a_peer_that_is_no_redis,
    a_peer_that_says_nothing,
}

/// hazard: 7
async fn a_release_never_overtakes_its_acquire_while_connecting<S: Subject>() {
    let server = server::<S>();
    for _ in 0..5 {
        let node = node::<S>(&server).await;
        let pairs: Vec<_> = (0..PAIRS / 5).map(pair).collect();
        let mut waiting = Vec::new();
        for (acquire, release) in &pairs {
            waiting.push((begin(&node, acquire).await, begin(&node, release).await));
        }
        // The last first: the order of waiting must not matter.
        for (taking, giving) in waiting.into_iter().rev() {
            assert_eq!(giving.reply().await, released(1, 0));
            assert!(granted(&taking.reply().await));
        }
        assert_eq!(server.keys().expect("keys"), 0);
    }
}

/// The acquire is first polled while the connection is being made, the release when it stands, or nearly so.
///
/// hazard: 7
async fn a_release_never_overtakes_its_acquire_as_the_connection_comes_up<S: Subject>() {
    let server = server::<S>();
    for round in 0..PAIRS {
        let node = node::<S>(&server).await;
        let (acquire, release) = pair(round);
        let taking = begin(&node, &acquire).await;
        for _ in 0..round % 50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(begin(&node, &release).await.reply().await, released(1, 0));
        assert!(granted(&taking.reply().await));
    }
    assert_eq!(server.keys().expect("keys"), 0);
}

async fn nobody_at_the_address<S: Subject>() {
    let mut server = server::<S>();
    let node = node::<S>(&server).await;
    server.kill().expect("killed");
    let started = Instant::now();
    for _ in 0..3 {
        let error = fault(&node, acquire(&["a"], "mine", 5_000)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::Unreachable, Sent::No), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "a refused connection is known at once");
}

async fn a_host_without_an_address<S: Subject>() {
    let node = S::connect(&server::<S>(), "redis://no-such-host.invalid".to_owned()).await;
    let error = node.execute(&inspect(&["a"]).into(), within(Duration::from_secs(5))).await;
    let error = error.expect_err("no such host");
    assert_eq!(error.sent(), Sent::No, "{error}");
    assert!([FaultKind::Unreachable, FaultKind::Timeout].contains(&error.kind()), "{error}");
}

/// One attempt to connect at a time, however many commands wait for it.
async fn many_commands_share_one_connection<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    let commands: Vec<_> = (0..200).map(|_| inspect(&["a"]).into()).collect();
    let mut waiting = Vec::new();
    for command in &commands {
        let mut execution = node.execute(command, within(AMPLE));
        // On a busy machine the connection may be there before the last of them.
        let early = poll_once(&mut execution).await;
        waiting.push((early, execution));
    }
    for (early, execution) in waiting {
        let reply = match early {
            Some(reply) => reply,
            None => execution.await,
        };
        assert_eq!(reply.expect("a reply").epoch, Epoch::FIRST);
    }
    assert_eq!(clients(&server), 2, "the node's and the test's own");
}

/// Deadlines that pass just when the connection comes up: what is said to be unsent is never done.
///
/// hazard: 7
async fn a_command_that_is_given_up_in_the_queue_is_not_sent<S: Subject>() {
    const ROUNDS: u32 = 400;
    let server = server::<S>();
    let mut unsent = 0;
    for round in 0..ROUNDS {
        let node = node::<S>(&server).await;
        let name = format!("k:{round}");
        let late = acquire(&[&name], "mine", 600_000).into();
        let outcome = node.execute(&late, within(Duration::from_micros(u64::from(100 + 2 * round)))).await;
        if outcome.is_err_and(|error| error.sent() == Sent::No) {
            unsent += 1;
            assert!(!granted_to_me(&node, &name).await, "round {round}");
        }
    }
    println!("{unsent} of {ROUNDS} were not sent");
}

/// Whether the key is held after all, as the connection of the command itself sees it.
async fn granted_to_me(node: &Node, name: &str) -> bool {
    state(node, name).await != KeyState::Free
}

/// hazard: 60
async fn a_wrong_password<S: Subject>() {
    let server = server_with::<S>(S::server().password("secret"));
    let node = S::connect(&server, server.url().replace("secret", "wrong")).await;
    let error = fault(&node, acquire(&["a"], "mine", 5_000)).await;
    assert_eq!((error.kind(), error.sent()), (FaultKind::Authentication, Sent::No), "{error}");
    assert!(!error.to_string().contains("wrong:") && !error.to_string().contains("secret"), "{error}");
}

/// Says `banner` to whoever connects, and reads what comes.
async fn no_redis<S: Subject>(banner: &'static [u8]) -> Node {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(banner).await;
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
            });
        }
    });
    S::connect(&server::<S>(), format!("redis://127.0.0.1:{port}")).await
}

/// hazard: 54
async fn a_peer_that_is_no_redis<S: Subject>() {
    let banners: [&[u8]; 3] = [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46",
    ];
    for banner in banners {
        let node = no_redis::<S>(banner).await;
        let error = fault(&node, acquire(&["a"], "mine", 5_000)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::Protocol, Sent::No), "{error}");
        assert!(!error.is_retryable());
    }
}

/// hazard: 50, 54
async fn a_peer_that_says_nothing<S: Subject>() {
    let node = no_redis::<S>(b"").await;
    let limit = Duration::from_millis(200);
    let started = Instant::now();
    let error =
        node.execute(&acquire(&["a"], "mine", 5_000).into(), within(limit)).await.expect_err("silence");
    assert_eq!((error.kind(), error.sent()), (FaultKind::Timeout, Sent::No), "{error}");
    assert!(started.elapsed() < limit + Duration::from_secs(1));
}
