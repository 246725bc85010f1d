//! Making a connection: socket, authentication, who the peer is, and the end of the connection before.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Value};
use redlock_core::{BackendError, Epoch, FaultKind, Sent};
use tokio::sync::Semaphore;

use crate::connection::{Connection, Driver, Peer};
use crate::convert;
use crate::line::Target;
use crate::socket::Socket;

/// A connection over which commands can be sent. Where it fails, no command has been sent.
pub(crate) async fn connect(
    target: &Target,
    epoch: Epoch,
    before: Option<Peer>,
) -> Result<Connection, BackendError> {
    let socket = Socket::connect(target.info.addr(), target.tls.as_ref()).await.map_err(unreachable)?;
    let heard = socket.heard();
    let settings = target.info.redis_settings();
    let made = MultiplexedConnection::new_with_config(settings, socket, pipeline_config()).await;
    let (mut pipeline, work) = made.map_err(|error| convert::not_connected(&error))?;
    let driver = Driver::spawn(work, heard);
    let peer = introduce(&mut pipeline).await?;
    if let Some(before) = before {
        end(&before, &peer, &mut pipeline).await?;
    }
    Ok(Connection::new(pipeline, driver, epoch, peer, target.timeouts_before_reconnect))
}

/// Without the client's own time limits, which know nothing of deadlines; and with a channel that is never full, since a
/// full one lets commands overtake each other.
fn pipeline_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(Semaphore::MAX_PERMITS)
}

/// What the server calls this connection and its own run; each unknown where the user may not ask.
async fn introduce(pipeline: &mut MultiplexedConnection) -> Result<Peer, BackendError> {
    let mut questions = redis::pipe();
    questions.cmd("CLIENT").arg("ID").cmd("INFO").arg("server");
    let answers = pipeline.send_packed_commands(&questions, 0, 2).await;
    let answers = answers.map_err(|error| convert::not_connected(&error))?;
    let mut peer = Peer::default();
    for answer in answers {
        match answer {
            Value::Int(id) => peer.client_id = Some(id),
            Value::BulkString(info) => peer.run_id = run_id(&String::from_utf8_lossy(&info)),
            Value::VerbatimString { text, .. } => peer.run_id = run_id(&text),
            _ => {}
        }
    }
    Ok(peer)
}

fn run_id(info: &str) -> Option<String> {
    info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::to_owned)
}

/// Makes the server forget what the connection before has still under way. Of another run the number may be another
/// client's; and where the user may not do it, resetting the socket had to do.
async fn end(before: &Peer, now: &Peer, pipeline: &mut MultiplexedConnection) -> Result<(), BackendError> {
    let (Some(id), true) = (before.client_id, before.run_id.is_some() && before.run_id == now.run_id) else {
        return Ok(());
    };
    let mut kill = Cmd::new();
    kill.arg("CLIENT").arg("KILL").arg("ID").arg(id);
    match pipeline.send_packed_command(&kill).await {
        Ok(_) => Ok(()),
        Err(error) if error.code().is_some() => Ok(()),
        Err(error) => Err(convert::not_connected(&error)),
    }
}

fn unreachable(error: std::io::Error) -> BackendError {
    // A certificate that is not trusted will not be trusted at the next attempt either.
    let refused = error.kind() == std::io::ErrorKind::InvalidData;
    let kind = if refused { FaultKind::Protocol } else { FaultKind::Unreachable };
    BackendError::new(kind, Sent::No, error.to_string()).with_source(error)
}
