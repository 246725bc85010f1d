//! What the client tells of its connection, before it sends anything over the next one.

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::EventInterface;
use fred::types::config::Server;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// An error of a connection that there was names its server; one of an attempt to connect does not.
type ErrorEvent = (Error, Option<Server>);

pub(crate) struct Events {
    errors: Receiver<ErrorEvent>,
    reconnects: Receiver<Server>,
}

/// All that was told since it was looked at last.
pub(crate) enum News {
    Nothing,
    /// A connection has ended, or was made.
    Changed,
    /// The last attempt to connect failed.
    Failed(Error),
}

impl Events {
    pub(crate) fn of(client: &Client) -> Self {
        Self { errors: client.error_rx(), reconnects: client.reconnect_rx() }
    }

    pub(crate) fn news(&mut self, client: &Client) -> News {
        let mut news = News::Nothing;
        if self.errors.is_closed() {
            // Who ends a client (`quit`) may start it again; it then tells others.
            *self = Self::of(client);
            news = News::Changed;
        }
        while let Some(event) = next(&mut self.errors) {
            news = match event {
                Ok((error, None)) => News::Failed(error),
                _ => News::Changed,
            };
        }
        while let Some(_made) = next(&mut self.reconnects) {
            if matches!(news, News::Nothing) {
                news = News::Changed;
            }
        }
        news
    }

    /// Until a connection is made.
    pub(crate) async fn made(&mut self) -> Result<(), Error> {
        match self.reconnects.recv().await {
            Ok(_) | Err(RecvError::Lagged(_)) => Ok(()),
            Err(error @ RecvError::Closed) => Err(error.into()),
        }
    }

    /// With what the next attempt to connect fails.
    pub(crate) async fn failure(&mut self) -> Error {
        loop {
            match self.errors.recv().await {
                Ok((_, Some(_))) | Err(RecvError::Lagged(_)) => {}
                Ok((error, None)) => return error,
                Err(error @ RecvError::Closed) => return error.into(),
            }
        }
    }
}

/// The next event, if there is one; or how many were missed.
fn next<T: Clone>(events: &mut Receiver<T>) -> Option<Result<T, u64>> {
    match events.try_recv() {
        Ok(event) => Some(Ok(event)),
        Err(TryRecvError::Lagged(missed)) => Some(Err(missed)),
        Err(TryRecvError::Empty | TryRecvError::Closed) => None,
    }
}
