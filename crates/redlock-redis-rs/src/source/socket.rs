//! The socket under a connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use redis::ConnectionAddr;
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::tls::Session;

/// How long the kernel retransmits before it gives the connection up; a peer that is merely stopped still acknowledges.
pub(super) const USER_TIMEOUT: Duration = Duration::from_secs(5);
/// A silent connection is probed, so that an address translator between does not forget it.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(30);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A TCP or Unix socket that counts its reads.
pub(crate) struct Socket {
    stream: Box<dyn Stream>,
    heard: Arc<AtomicU64>,
}

impl Socket {
    pub(crate) async fn connect(
        address: &ConnectionAddr,
        settings: &TcpSettings,
        tls: Option<&Session>,
    ) -> io::Result<Self> {
        let stream: Box<dyn Stream> = match address {
            ConnectionAddr::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                tune(&stream, settings)?;
                match tls {
                    Some(session) => Box::new(session.over(host, stream).await?),
                    None => Box::new(stream),
                }
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
            _ => return Err(io::Error::new(io::ErrorKind::Unsupported, "this kind of address")),
        };
        Ok(Self { stream, heard: Arc::default() })
    }

    /// How often something was heard, for whoever judges the connection.
    pub(crate) fn heard(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.heard)
    }
}

/// What the user has set stays as it is, but for what the contract needs: no delay, and an end that is a reset.
fn tune(stream: &TcpStream, settings: &TcpSettings) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // A closed socket's data is delivered for up to minutes after a fault of the network; a reset one's is not.
    stream.set_zero_linger()?;
    let socket = SockRef::from(stream);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    socket.set_tcp_user_timeout(settings.user_timeout().or(Some(USER_TIMEOUT)))?;
    match settings.keepalive() {
        Some(chosen) => socket.set_tcp_keepalive(chosen),
        None => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE)),
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.heard.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
