//! Connections over a socket of the node's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ConnectionInfo};
use redlock_core::{BackendError, FaultKind, Sent};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::task::coop::unconstrained;

use super::socket::Socket;
use crate::convert;
use crate::handshake::{self, Peer};
use crate::tls::Session;
use crate::wire::{Made, Outcome, Supply, Wire};

/// The server at one address.
pub(crate) struct Own {
    pub(crate) info: ConnectionInfo,
    pub(crate) tls: Option<Session>,
}

#[async_trait]
impl Supply for Own {
    async fn connect(&self, before: Option<Peer>) -> Result<Made, BackendError> {
        connect(&self.info, self.tls.as_ref(), before).await
    }
}

/// Makes a connection: socket, authentication, who the peer is, and the end of the connection before.
pub(crate) async fn connect(
    info: &ConnectionInfo,
    tls: Option<&Session>,
    before: Option<Peer>,
) -> Result<Made, BackendError> {
    let socket = Socket::connect(info.addr(), info.tcp_settings(), tls).await.map_err(unreachable)?;
    let heard = socket.heard();
    let made = MultiplexedConnection::new_with_config(info.redis_settings(), socket, pipeline_config()).await;
    let (mut pipeline, work) = made.map_err(|error| convert::not_connected(&error))?;
    let driver = Driver::spawn(work, heard);
    let peer = introduce(&mut pipeline, before).await.map_err(|error| convert::not_connected(&error))?;
    Ok(Made { wire: Box::new(Pipeline { pipeline, driver }), peer })
}

/// Without the client's own time limits, which know nothing of deadlines; and with a channel that is never full, since a
/// full one lets commands overtake each other.
fn pipeline_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(Semaphore::MAX_PERMITS)
}

/// Asks who the peer is, and ends the connection before. Where the user may not end it, resetting its socket had to do.
pub(crate) async fn introduce(
    connection: &mut MultiplexedConnection,
    before: Option<Peer>,
) -> redis::RedisResult<Peer> {
    let answers = connection.send_packed_commands(&handshake::questions(), 0, handshake::QUESTIONS).await?;
    let peer = Peer::of(&answers);
    if let Some(kill) = before.and_then(|before| peer.end_of(&before)) {
        match connection.send_packed_command(&kill).await {
            Err(error) if error.code().is_none() => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(peer)
}

fn unreachable(error: std::io::Error) -> BackendError {
    // A certificate that is not trusted will not be trusted at the next attempt either.
    let refused = error.kind() == std::io::ErrorKind::InvalidData;
    let kind = if refused { FaultKind::Protocol } else { FaultKind::Unreachable };
    BackendError::new(kind, Sent::No, error.to_string()).with_source(error)
}

/// The pipeline and the task that drives it. Dropping it resets the socket.
struct Pipeline {
    pipeline: MultiplexedConnection,
    driver: Driver,
}

impl Wire for Pipeline {
    /// One poll puts the command into the pipeline: its channel is never full, and tokio's cooperative budget, which could
    /// make the first poll of a busy task a mere yield, is lifted.
    fn begin(&self, command: Cmd) -> Outcome {
        let mut pipeline = self.pipeline.clone();
        let send = async move { convert::reply(pipeline.send_packed_command(&command).await) };
        let mut reply = Box::pin(unconstrained(send));
        match reply.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Outcome::Known(outcome),
            Poll::Pending => Outcome::Awaited(reply),
        }
    }

    fn is_open(&self) -> bool {
        self.driver.open.load(Ordering::Acquire)
    }

    fn heard(&self) -> u64 {
        self.driver.heard.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.driver.task.abort();
    }
}

/// The task that moves a connection's bytes.
struct Driver {
    task: JoinHandle<()>,
    open: Arc<AtomicBool>,
    heard: Arc<AtomicU64>,
}

impl Driver {
    /// Runs `work` on this runtime until the connection ends; `heard` counts the reads of its socket.
    fn spawn(work: impl Future<Output = ()> + Send + 'static, heard: Arc<AtomicU64>) -> Self {
        let open = Arc::new(AtomicBool::new(true));
        let closing = Closing(Arc::clone(&open));
        let task = tokio::spawn(async move {
            // Also marks the end where the runtime ends, and drops the task unfinished.
            let _closing = closing;
            work.await;
        });
        Self { task, open, heard }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Closing(Arc<AtomicBool>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
